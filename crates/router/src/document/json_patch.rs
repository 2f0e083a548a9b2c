//! JSON Patch (RFC 6902), applied operation by operation, so that an operation which would make too much of the document is
//! stopped before it does.
//!
//! - **Numbers** are one line here too: `1` and `1.0` are equal, so a `test` takes one for the other.
//! - **Size.** What `copy` adds is counted: twenty operations that each double a document are a few hundred bytes.
//! - **Depth.** No place is ever deeper than values may be: what is deep is walked and freed by recursion.
//! - **Work.** Elements that an array moves up or down, and what a `move` carries deeper, are counted.
//!
//! The operations themselves are those of the crate `json-patch`. A refusal names the operation by its index, its path, and
//! what is at the place where the path ends.

use json_patch::{PatchErrorKind, PatchOperation, jsonptr::Pointer};
use serde_json::{Number, Value as Json};
use timeweft_core::limits::Limits;
use timeweft_core::message::Code;

use super::{Unfit, depth};

/// Parts of values and elements of arrays that one patch may have moved or looked through: well under a second.
const MOST_WORK: usize = 50_000_000;

/// Letters of a path that a refusal shows.
const SHOWN: usize = 200;

/// A list of operations.
pub(crate) struct JsonPatch(Vec<PatchOperation>);

impl JsonPatch {
    pub(super) fn read(json: Json, limits: &Limits) -> Result<JsonPatch, Unfit> {
        let Json::Array(operations) = json else {
            return Err(Unfit::bad(
                "a JSON Patch is an array of operations, such as [{\"op\":\"remove\",\"path\":\"/a\"}]",
            ));
        };
        if operations.len() > limits.diff_operations {
            let message = format!("a patch has at most {} operations", limits.diff_operations);
            return Err(Unfit(Code::TooLarge, message));
        }
        let read = |(index, mut operation): (usize, Json)| {
            one_line(&mut operation);
            serde_json::from_value(operation).map_err(|error| Unfit::bad(format!("operation {index}: {error}")))
        };
        Ok(JsonPatch(operations.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
    }

    /// Applies all of it, or part of it when it is refused.
    pub(super) fn apply(self, document: &mut Json, limits: &Limits) -> Result<(), Unfit> {
        one_line(document);
        let mut left = Left { bytes: limits.value_bytes, work: MOST_WORK };
        for (index, operation) in self.0.into_iter().enumerate() {
            let refuse = |(code, why): (Code, String)| {
                let (name, path) = (name(&operation), shown(operation.path().as_str()));
                Unfit(code, format!("operation {index}, `{name}` at \"{path}\": {why}"))
            };
            left.take(&operation, document, limits).map_err(refuse)?;
            json_patch::patch_unsafe(document, std::slice::from_ref(&operation))
                .map_err(|error| refuse(reason(&error.kind, &operation, document)))?;
        }
        Ok(())
    }
}

/// What a patch may still do.
struct Left {
    bytes: usize,
    work: usize,
}

impl Left {
    fn take(&mut self, operation: &PatchOperation, document: &Json, limits: &Limits) -> Result<(), (Code, String)> {
        let too_large = |what: &str| (Code::TooLarge, what.to_owned());
        let (mut added, mut work) = (None, 0);
        match operation {
            PatchOperation::Add(add) => {
                work = shifted(document, &add.path);
                added = Some(measure(&add.value));
            }
            PatchOperation::Replace(replace) => added = Some(measure(&replace.value)),
            PatchOperation::Copy(copy) => {
                work = shifted(document, &copy.path);
                if let Some(source) = document.pointer(copy.from.as_str()) {
                    let measured = measure(source);
                    let left = self.bytes.checked_sub(measured.bytes);
                    self.bytes = left.ok_or_else(|| too_large("the patch copies more than a value may have"))?;
                    added = Some(measured);
                }
            }
            PatchOperation::Move(carry) => {
                work = shifted(document, &carry.from) + shifted(document, &carry.path);
                if carry.path.count() > carry.from.count() {
                    added = document.pointer(carry.from.as_str()).map(measure);
                }
            }
            PatchOperation::Remove(remove) => work = shifted(document, &remove.path),
            PatchOperation::Test(_) => {}
        }
        if let Some(added) = added {
            work += added.bytes;
            if operation.path().count() + added.levels > depth(limits) {
                return Err(too_large(&format!("values are nested at most {} levels", depth(limits))));
            }
        }
        let left = self.work.checked_sub(work + 1);
        self.work =
            left.ok_or_else(|| too_large("the patch moves more about than is allowed; send the value with PUT"))?;
        Ok(())
    }
}

/// How large a value is: its levels, a scalar being one, and about its bytes.
#[derive(Clone, Copy, Default)]
struct Measured {
    levels: usize,
    bytes: usize,
}

fn measure(json: &Json) -> Measured {
    let of_all = |parts: &mut dyn Iterator<Item = Measured>| {
        let all = parts.fold(Measured { levels: 0, bytes: 1 }, |all, part| Measured {
            levels: all.levels.max(part.levels),
            bytes: all.bytes + part.bytes,
        });
        Measured { levels: all.levels + 1, ..all }
    };
    match json {
        Json::Array(items) => of_all(&mut items.iter().map(measure)),
        Json::Object(members) => of_all(&mut members.iter().map(|(key, member)| {
            let member = measure(member);
            Measured { bytes: member.bytes + key.len() + 1, ..member }
        })),
        Json::String(text) => Measured { levels: 1, bytes: text.len() + 1 },
        _ => Measured { levels: 1, bytes: 1 },
    }
}

/// Elements that make room, or close the gap, when the place is one in an array.
fn shifted(document: &Json, path: &Pointer) -> usize {
    let Some((parent, place)) = path.split_back() else { return 0 };
    let Some(items) = document.pointer(parent.as_str()).and_then(Json::as_array) else { return 0 };
    index(&place.decoded()).map_or(0, |index| items.len().saturating_sub(index))
}

/// A whole number, written as JSON Pointer writes one.
fn index(token: &str) -> Option<usize> {
    token.parse().ok().filter(|index: &usize| index.to_string() == token)
}

/// Writes every number in one way: as an integer where it is one that a binary64 holds exactly.
fn one_line(json: &mut Json) {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    match json {
        Json::Number(number) => {
            let Some(float) = number.as_f64() else { return };
            if float.abs() <= SAFE && float.fract() == 0.0 {
                *number = Number::from(float as i64);
            } else if let Some(same) = Number::from_f64(float) {
                *number = same;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(one_line),
        Json::Object(members) => members.values_mut().for_each(one_line),
        _ => {}
    }
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Why an operation failed, said of the document as it was left: an operation that fails changes nothing, but that a `move`
/// whose target is not there has taken away what it was to move.
fn reason(kind: &PatchErrorKind, operation: &PatchOperation, document: &Json) -> (Code, String) {
    let path = operation.path();
    let bad = |why: String| (Code::BadRequest, why);
    match (kind, operation) {
        (PatchErrorKind::TestFailed, _) => (Code::TestFailed, "the value there is another".to_owned()),
        (PatchErrorKind::CannotMoveInsideItself, _) => bad("a value can't be moved into itself".to_owned()),
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Move(carry)) if carry.from.is_root() => {
            bad("`from` is the whole value, which can't be moved".to_owned())
        }
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Move(carry)) => bad(missing(document, &carry.from, false)),
        (PatchErrorKind::InvalidFromPointer, PatchOperation::Copy(copy)) => bad(missing(document, &copy.from, false)),
        (_, PatchOperation::Remove(_)) if path.is_root() => {
            bad("the whole value can't be removed; delete the entity with DELETE".to_owned())
        }
        (_, PatchOperation::Add(_) | PatchOperation::Move(_) | PatchOperation::Copy(_)) => {
            bad(missing(document, path, true))
        }
        _ => bad(missing(document, path, false)),
    }
}

/// Where a path leaves the document, and what is there; with `adding`, one place after the end of an array is in it.
fn missing(document: &Json, path: &Pointer, adding: bool) -> String {
    let mut here = document;
    let mut walked = String::new();
    for token in path.tokens() {
        let at = || if walked.is_empty() { "the whole value".to_owned() } else { format!("\"{}\"", shown(&walked)) };
        let name = shown(&token.decoded()).into_owned();
        let below = match here {
            Json::Object(members) => members.get(token.decoded().as_ref()),
            Json::Array(items) => index(&token.decoded()).and_then(|index| items.get(index)),
            _ => None,
        };
        here = match (below, here) {
            (Some(below), _) => below,
            (None, Json::Object(_)) => return format!("{} has no member \"{name}\"", at()),
            (None, Json::Array(items)) => {
                let most =
                    if adding { "`-` or a whole number up to its length" } else { "a whole number below its length" };
                return format!(
                    "{} is an array of {} elements, in which \"{name}\" is no place: {most}",
                    at(),
                    items.len()
                );
            }
            (None, _) => return format!("{} is no object and no array, so there is nothing in it", at()),
        };
        walked.push('/');
        walked.push_str(token.encoded());
    }
    "there is no such place".to_owned()
}

/// The start of a text, if it is long.
fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}
