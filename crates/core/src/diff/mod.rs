//! What turns one value into the next.
//!
//! Two forms. A [`Patch`] is what is on the wire: in deep-object-diff's form a plain map says "merge into the map that is
//! there, or be the new value", so what it means depends on its base. [`resolve`](Patch::resolve) against the base makes
//! it a [`Diff`], in which every change says what it does; all the algebra is on those. `docs/protocol.md`, "Diffs",
//! specifies both.
//!
//! | file | what |
//! |---|---|
//! | `resolve`, `by_index` | patch and base to diff, every check |
//! | `wire` | diff to the smallest patch; lengths in CBOR |
//! | `make`, `mark`, `align`, `pair`, `identity`, `arrange` | from two values to a diff, in near-linear time |
//! | `apply`, `invert`, `compose` | the algebra of diffs in a row |
//! | `rebase`, `meet`, `split`, `place` | concurrent diffs: what each becomes after the other, what they conflict about, and where that then is |
//! | `increment` | sums of numbers |
//! | `written` | what somebody wrote, without the rest |
//! | `lazy` | resolving and inverting where the base is not loaded whole |
//! | `sequence`, `text` | the walk over edits of texts and arrays; UTF-16 positions |
//!
//! Edits along a text or array are kept in one normal form: neighbours of a kind are one step, an insertion comes before
//! the deletion at the same position, nothing is empty, elements taken out are numbered in order. What is made here is in
//! that form; what is not is brought there.
//!
//! Nothing recurses deeper than the values and diffs it is given, which decoders bound.

mod align;
mod amount;
mod apply;
mod arrange;
mod by_index;
mod compose;
mod identity;
mod increment;
mod invert;
#[cfg(feature = "server")]
pub mod lazy;
mod make;
mod mark;
mod meet;
mod pair;
mod place;
mod rebase;
mod resolve;
mod sequence;
mod split;
mod text;
mod wire;
mod written;

use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;

pub use compose::{compose, fused, joined};
pub use identity::Identity;
pub use increment::sum;
pub use make::{diff, diff_closely, diff_finely, diff_finely_by};
pub(crate) use mark::beyond;
pub use place::{Path, Place, Range, Step};
pub use rebase::{Order, rebase};
pub(crate) use sequence::runs;
pub use split::{Contested, Split, split};

/// A diff as written on the wire, not yet related to its base.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// `undefined`: remove the key (over an array, see the protocol).
    Remove,
    /// A plain map: merges into an object, addresses elements of an array, or is a new object where there is none.
    Map(Members<Patch>),
    /// Any other value: replaces, but a text over a text and an array over an array, which are compared. Never
    /// [`Value::Object`] and never [`Value::Undefined`].
    Value(Value),
    /// Tagged: become this value outright, whatever was there. Any value.
    Replace(Value),
    /// Tagged: edits inside a text, in UTF-16 units.
    Text(Vec<Segment<String, ()>>),
    /// Tagged: edits inside an array.
    Array(Vec<Segment<Vec<Value>, Patch>>),
    /// Tagged: edits inside a `Map`, whose elements are its entries as arrays of two, or a `Set`.
    Entries(Vec<Segment<Vec<Value>, Patch>>),
    /// Tagged: add to the number that is there.
    Increment(Increment),
}

/// One step along a text or an array, from its start.
#[derive(Clone, Debug, PartialEq)]
// As `Value`.
#[repr(u32)]
pub enum Segment<T, I> {
    /// Leave the next `n` units (UTF-16) or elements as they are.
    Keep(usize),
    /// Drop the next `n`.
    Delete(usize),
    /// Put these here.
    Insert(T, Joins),
    /// Change the next element from inside. Arrays only (`I` is `()` in texts, where it never occurs, nor do the next two).
    Inner(I),
    /// Take the next element out; it goes where the `Put` of this number is.
    Take(usize),
    /// The element taken as this number goes here, changed from inside or as it is.
    Put(usize, Option<I>),
}

impl<T, I> Segment<T, I> {
    /// How many units or elements of the base this is about.
    pub fn before(&self) -> usize {
        match self {
            Segment::Keep(length) | Segment::Delete(length) => *length,
            Segment::Inner(_) | Segment::Take(_) => 1,
            Segment::Insert(..) | Segment::Put(..) => 0,
        }
    }
}

impl Segment<String, ()> {
    /// How many units this leaves.
    pub fn after(&self) -> usize {
        sequence::after::<String>(self)
    }
}

impl<I> Segment<Vec<Value>, I> {
    /// How many elements this leaves.
    pub fn after(&self) -> usize {
        match self {
            Segment::Keep(length) => *length,
            Segment::Inner(_) | Segment::Put(..) => 1,
            Segment::Insert(items, _) => items.len(),
            Segment::Delete(_) | Segment::Take(_) => 0,
        }
    }
}

/// What an insertion continues that the same client wrote just before: who inserts at the same position goes around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joins {
    /// Its first unit follows the client's own.
    pub before: bool,
    /// Its last unit is followed by the client's own.
    pub behind: bool,
}

impl Joins {
    /// Nothing.
    pub const NONE: Joins = Joins { before: false, behind: false };

    /// As on the wire: 1 before, 2 behind, 3 both.
    pub fn bits(self) -> u8 {
        u8::from(self.before) | u8::from(self.behind) << 1
    }

    /// From the wire.
    pub fn from_bits(bits: u64) -> Option<Joins> {
        (1..=3).contains(&bits).then_some(Joins { before: bits & 1 != 0, behind: bits & 2 != 0 })
    }
}

/// What is added to a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Increment {
    /// A finite number or a bigint.
    pub by: Value,
    /// What it then is, where the base is known: sums of fractions depend on the order in which they are made.
    pub to: Option<Value>,
}

/// What holds each thing once, in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyed {
    /// A `Map`, by its keys.
    Map,
    /// A `Set`, by what is in it.
    Set,
}

impl Keyed {
    /// What tells an element apart; none of what is no entry.
    pub(crate) fn key(self, element: &Value) -> Option<&Value> {
        match (self, element) {
            (Keyed::Set, item) => Some(item),
            (Keyed::Map, Value::Array(entry)) => entry.first().filter(|_| entry.len() == 2),
            (Keyed::Map, _) => None,
        }
    }
}

/// What happens to one place, said completely: it needs no base to be understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Diff {
    /// The key is removed. Only as a member of [`Diff::Object`], or at an entity's root never.
    Remove,
    /// The place takes this value.
    Set {
        /// The new value.
        value: Value,
        /// Whether an object or an array was there, or may have been: then a plain map on the wire would merge into it.
        /// At the root, where an empty map on the wire means "nothing changed", also when `value` is an empty object and
        /// anything was there.
        over_container: bool,
    },
    /// Members of an object that change. The identity when empty.
    Object(Members<Diff>),
    /// Edits along an array. Total: `Keep`, `Delete`, `Inner` and `Take` add up to the base's length, and each number that
    /// is taken is put once.
    Array(Vec<Segment<Vec<Value>, Diff>>),
    /// Edits along a text. Total, in UTF-16 units.
    Text(Vec<Segment<String, ()>>),
    /// Edits along a `Map`'s entries (arrays of two) or a `Set`'s items, of which each is there once. Total; nothing is taken.
    Entries(Keyed, Vec<Segment<Vec<Value>, Diff>>),
    /// A number grows. Where nothing is, it becomes that number.
    Increment(Increment),
}

impl Diff {
    /// The diff that changes nothing.
    pub fn identity() -> Diff {
        Diff::Object(Members::new())
    }

    /// The first version of an entity, as a diff: `value` where nothing was.
    pub fn over_nothing(value: Value) -> Diff {
        Diff::Set { value, over_container: false }
    }

    /// Whether this changes nothing, whatever it is applied to. Setting a place to what it holds already is not seen from
    /// here; [`Patch::resolve`] leaves such changes out.
    pub fn is_identity(&self) -> bool {
        match self {
            // Also an increment by nothing: it is a 0 where nothing was.
            Diff::Remove | Diff::Set { .. } | Diff::Increment(_) => false,
            Diff::Object(members) => members.values().all(Diff::is_identity),
            Diff::Array(segments) | Diff::Entries(_, segments) => sequence::is_identity::<Vec<Value>>(segments),
            Diff::Text(segments) => sequence::is_identity::<String>(segments),
        }
    }

    /// `value` at the root, where `old` was.
    fn root(value: Value, old: &Value) -> Diff {
        let over_container = old.is_container() || is_empty_object(&value);
        Diff::Set { value, over_container }
    }
}

fn is_empty_object(value: &Value) -> bool {
    matches!(value, Value::Object(members) if members.is_empty())
}

/// Why a diff does not fit what it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// `undefined` as the whole diff.
    #[error("a diff can't remove the entity itself: use the method delete")]
    RemovesRoot,
    /// A key that is no index, over an array.
    #[error("over an array, keys are indices in decimal without leading zeros, not {0:?}")]
    NotAnIndex(String),
    /// An index past the one that appends.
    #[error("index {index} is out of range: of an array of {length} elements, the next that can be appended is {next}")]
    IndexOutOfRange {
        /// The index given.
        index: usize,
        /// Of the array that is there.
        length: usize,
        /// What would have been right.
        next: usize,
    },
    /// Changes from inside, over something of another kind.
    #[error("{edits} edits need {needs} in their place, and there is {found}")]
    WrongKind {
        /// What kind of edits.
        edits: &'static str,
        /// What they change.
        needs: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Edits that keep or delete more than there is.
    #[error("the edits reach past the end: there are {length} {unit}")]
    PastEnd {
        /// Of the text or array that is there.
        length: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A total diff that was made for a text or array of another length.
    #[error("the edits are for {expected} {unit}, and there are {found}: the diff was made for another value")]
    WrongLength {
        /// What the edits add up to.
        expected: usize,
        /// Of the text or array that is there.
        found: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// An edit of no length.
    #[error("lengths in edits are at least 1: leave out what neither keeps nor deletes anything")]
    ZeroLength,
    /// An edit that starts or ends inside a surrogate pair.
    #[error("an edit starts or ends inside a surrogate pair, after {0} UTF-16 units: edit whole characters")]
    SplitsCharacter(usize),
    /// `undefined` as the change inside an array element.
    #[error("an element can't be changed to nothing: delete it with a negative length")]
    RemovesElement,
    /// A change inside a member that is not there.
    #[error("there is no member {0:?} to change from inside: the diff was made for another value")]
    NoMember(String),
    /// Elements that are taken out and not put back once each.
    #[error("each element that is taken is put once: number {0} is not")]
    NotPutOnce(usize),
    /// An increment of something else than a number.
    #[error("only a number or a bigint can be incremented, by a finite number or a bigint, and there is {0}")]
    NotANumber(&'static str),
    /// An increment to what can't be kept.
    #[error("{0}")]
    NoSum(&'static str),
    /// A `Map` or `Set` that would have something twice.
    #[error("a Map or Set would have the same key twice")]
    Twice,
    /// An entry that is no array of a key and a value.
    #[error("an entry of a Map is an array of its key and its value")]
    NotAnEntry,
    /// Composed with a diff that does not start from what the first one makes.
    #[error("the second diff does not start from what the first one makes")]
    NotConsecutive,
}

/// Two diffs contradict each other somewhere: see [`split`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("both change the same place, to different effect")]
#[non_exhaustive]
pub struct Conflict {}

/// The byte offset of the position so many UTF-16 units from the start of a text, if it has one.
pub(crate) fn offset(text: &str, units: usize) -> Option<usize> {
    text::offset(text, units).ok()
}

/// What is there, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "undefined",
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::BigInt(_) => "a bigint",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "a date",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
        Value::Map(_) => "a Map",
        Value::Set(_) => "a Set",
        Value::Typed(..) => "a typed array",
    }
}

fn wrong_kind(edits: &'static str, needs: &'static str, found: Option<&Value>) -> DiffError {
    DiffError::WrongKind { edits, needs, found: found.map_or("nothing", kind) }
}
