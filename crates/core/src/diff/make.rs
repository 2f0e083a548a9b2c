//! From two values to the diff between them, in near-linear time whatever they are.
//!
//! Equal parts are found by their marks; arrays and texts are aligned by what `align` finds; elements that `pair` takes
//! for one, changed, are changed from inside. What is shortest on the wire is decided at the end, in `wire`.

use core::cmp::Ordering;
use core::ops::Range;

use super::align::{Hunk, align};
use super::mark::{Mark, Marked, elements, number, number_pieces};
use super::pair::pair;
use super::identity::Identity;
use super::sequence::Builder;
use super::{Diff, Joins, Segment, text, wire};
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

/// Texts up to this many bytes together are compared by character.
const BY_CHARACTER: usize = 1024;
/// Kept between two edits of a text for less than this many bytes, it is cheaper to write it again.
const WORTH_KEEPING: usize = 4;

/// The change from `old` to `new`, as short on the wire as it is found.
pub fn diff(old: &Value, new: &Value) -> Diff {
    make(old, new, false)
}

/// The change from `old` to `new`, with what stays kept apart from what changes even where replacing both would be
/// shorter: so that as much as can be merges with concurrent changes. A text is still replaced when less than half of it
/// stays. Write it with [`Diff::to_patch_giving`].
pub fn diff_finely(old: &Value, new: &Value) -> Diff {
    diff_finely_by(old, new, &Identity::default())
}

/// As [`diff_finely`], with elements of arrays told apart by other members.
pub fn diff_finely_by(old: &Value, new: &Value, identity: &Identity) -> Diff {
    make(old, new, true)
}

/// What changes below the root, finely; nothing when they are equal.
pub(super) fn between_values(old: &Value, new: &Value, identity: &Identity) -> Option<Diff> {
    let marks = (Mark::of(old), Mark::of(new));
    between(Marked { value: old, mark: &marks.0 }, Marked { value: new, mark: &marks.1 }, true)
}

fn make(old: &Value, new: &Value, finely: bool) -> Diff {
    let marks = (Mark::of(old), Mark::of(new));
    let change = between(Marked { value: old, mark: &marks.0 }, Marked { value: new, mark: &marks.1 }, finely);
    let change = match change {
        None => return Diff::identity(),
        Some(change) if finely => change,
        Some(change) => wire::shortest(change, new, &marks.1),
    };
    match change {
        Diff::Set { value, .. } => Diff::root(value, old),
        change => change,
    }
}

/// Nothing when they are equal.
fn between(old: Marked<'_>, new: Marked<'_>, finely: bool) -> Option<Diff> {
    if old == new {
        return None;
    }
    Some(match (old.value, new.value) {
        (Value::Object(a), Value::Object(b)) => Diff::Object(members((a, old.mark), (b, new.mark), finely)),
        (Value::Array(a), Value::Array(b)) => {
            Diff::Array(array(&elements(a, old.mark), &elements(b, new.mark), finely))
        }
        (Value::Text(a), Value::Text(b)) => texts(a, b, finely),
        (before, after) => Diff::Set { value: after.clone(), over_container: before.is_container() },
    })
}

fn members(old: (&Object, &Mark), new: (&Object, &Mark), finely: bool) -> Members<Diff> {
    let mut changes = Members::new();
    let mut before = old.0.iter().zip(&old.1.children).peekable();
    let mut after = new.0.iter().zip(&new.1.children).peekable();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(((a, _), _)), Some(((b, _), _))) => a.cmp(b),
        };
        let gone = if order.is_le() { before.next() } else { None };
        let came = if order.is_ge() { after.next() } else { None };
        match (gone, came) {
            (Some(((key, value), mark)), Some(((_, new), new_mark))) => {
                if let Some(change) = between(Marked { value, mark }, Marked { value: new, mark: new_mark }, finely) {
                    changes.push(key.clone(), change);
                }
            }
            (Some(((key, _), _)), None) => {
                changes.push(key.clone(), Diff::Remove);
            }
            (None, Some(((key, value), _))) => {
                changes.push(key.clone(), Diff::Set { value: value.clone(), over_container: false });
            }
            (None, None) => return changes,
        }
    }
}

fn array(old: &[Marked<'_>], new: &[Marked<'_>], finely: bool) -> Vec<Segment<Vec<Value>, Diff>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out = Builder::<Vec<Value>>::new();
    out.keep(head);
    let splice = |out: &mut Builder<Vec<Value>>, came: &[Marked<'_>], gone: usize| {
        out.insert_owned(came.iter().map(|element| element.value.clone()).collect(), Joins::NONE);
        out.delete(gone);
    };
    let (mut at, mut at_new) = (0, 0);
    let [old_numbers, new_numbers] = number([old, new]);
    for hunk in align(&old_numbers, &new_numbers) {
        out.keep(hunk.old.start - at);
        (at, at_new) = (hunk.old.start, hunk.new.start);
        let at_end = tail == 0 && hunk.old.end == old.len();
        for (i, j) in pair(old, new, &hunk, at_end) {
            splice(&mut out, &new[at_new..j], i - at);
            match between(old[i], new[j], finely) {
                Some(change) => out.inner(change),
                None => out.keep(1),
            }
            (at, at_new) = (i + 1, j + 1);
        }
        splice(&mut out, &new[at_new..hunk.new.end], hunk.old.end - at);
        (at, at_new) = (hunk.old.end, hunk.new.end);
    }
    debug_assert_eq!(old.len() - at, new.len() - at_new);
    out.keep(old.len() - at);
    out.keep(tail);
    out.finish()
}

fn texts(old: &str, new: &str, finely: bool) -> Diff {
    let mut out = Builder::<String>::new();
    along(&mut out, old, new, 0);
    let edits = out.finish();
    Diff::Text(edits)
}

const CHARACTERS: fn(char) -> bool = |_| true;
/// Ways to cut a text into the pieces that are compared, from coarse to fine: after these.
const CUTS: [fn(char) -> bool; 2] = [|character| character == '\n', ends_word];

/// Roughly what is no letter and no digit: what is precisely one takes tables.
fn ends_word(character: char) -> bool {
    match character {
        '\0'..'\u{80}' => !character.is_ascii_alphanumeric(),
        // Punctuation of many scripts, of East Asia, and in full width.
        _ => matches!(character, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'),
    }
}

fn along(out: &mut Builder<String>, old: &str, new: &str, cut: usize) {
    let head = text::common_prefix(old, new);
    let tail = text::common_suffix(&old[head..], &new[head..]);
    let (gone, came) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let few = gone.len() + came.len() <= BY_CHARACTER;
    let end = if few { Some(&CHARACTERS) } else { CUTS.get(cut) };
    out.keep(text::units(&old[..head]));
    match end {
        Some(end) if !gone.is_empty() && !came.is_empty() => {
            let (a, b) = (Pieces::of(gone, end), Pieces::of(came, end));
            let mut at = 0;
            for (from, to) in hunks(&a, &b, few) {
                out.keep(text::units(&gone[at..from.start]));
                at = from.end;
                if few {
                    out.insert(&came[to], Joins::NONE);
                    out.delete(text::units(&gone[from]));
                } else {
                    along(out, &gone[from], &came[to], cut + 1);
                }
            }
            out.keep(text::units(&gone[at..]));
        }
        _ => {
            out.insert(came, Joins::NONE);
            out.delete(text::units(gone));
        }
    }
    out.keep(text::units(&old[old.len() - tail..]));
}

/// A text cut into pieces.
struct Pieces<'a> {
    pieces: Vec<&'a str>,
    /// Where each begins, in bytes, and where the last one ends.
    bounds: Vec<usize>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str, end: &fn(char) -> bool) -> Self {
        let pieces: Vec<&str> = text.split_inclusive(end).collect();
        let mut bounds = vec![0];
        let mut at = 0;
        bounds.extend(pieces.iter().map(|piece| {
            at += piece.len();
            at
        }));
        Pieces { pieces, bounds }
    }
}

/// What changes between two texts cut into pieces, in bytes.
fn hunks(a: &Pieces<'_>, b: &Pieces<'_>, few: bool) -> Vec<(Range<usize>, Range<usize>)> {
    let [old, new] = number_pieces([&a.pieces, &b.pieces]);
    let mut hunks: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for Hunk { old, new } in align(&old, &new) {
        let from = a.bounds[old.start]..a.bounds[old.end];
        let to = b.bounds[new.start]..b.bounds[new.end];
        match hunks.last_mut() {
            Some((before, before_to)) if few && from.start - before.end < WORTH_KEEPING => {
                (before.end, before_to.end) = (from.end, to.end);
            }
            _ => hunks.push((from, to)),
        }
    }
    hunks
}

#[cfg(test)]
mod tests;
