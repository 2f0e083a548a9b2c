//! What is shown to a person when two changed the same place, or the server refused what one wrote.

use crate::diff::{Diff, Path, Segment, Step};
use crate::prelude::*;
use crate::value::Value;

/// Two changed one place; theirs stands, mine is kept here until somebody chose. Where the server refused mine, nobody else is in
/// it: `theirs` is `base`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Counts up within the entity.
    pub id: u32,
    /// Where. Follows what is changed around it.
    pub path: Path,
    /// What was there before both; none where nothing was.
    pub base: Option<Value>,
    /// What I made of it.
    pub mine: Option<Value>,
    /// What they made of it.
    pub theirs: Option<Value>,
    /// Of the version that theirs came with, in CBOR as in messages; empty where none is known.
    pub meta: Vec<u8>,
    /// Why the server refused mine, in CBOR as in messages; empty where it is somebody else's change that stands against it.
    pub error: Vec<u8>,
}

/// What is at a place.
pub(super) fn at<'a>(value: Option<&'a Value>, path: &[Step]) -> Option<&'a Value> {
    path.iter().fold(value, |value, step| match (value?, step) {
        (Value::Object(members), Step::Key(key)) => members.get(key),
        (Value::Array(items), Step::Index(index)) => items.get(*index),
        _ => None,
    })
}

/// Where the place is after `diff`; nowhere, if an element on the way is deleted.
pub(super) fn follow(path: &[Step], diff: &Diff) -> Option<Path> {
    let Some((first, rest)) = path.split_first() else { return Some(Path::new()) };
    let (step, inside) = match (first, diff) {
        (Step::Key(key), Diff::Object(members)) => (first.clone(), members.get(key)),
        (Step::Index(index), Diff::Array(segments)) => {
            let (mut old, mut new) = (0, 0);
            let mut inside = None;
            for segment in segments {
                match segment {
                    Segment::Insert(items) => new += items.len(),
                    Segment::Keep(length) | Segment::Delete(length) if old + length <= *index => {
                        old += length;
                        new += if matches!(segment, Segment::Keep(_)) { *length } else { 0 };
                    }
                    Segment::Delete(_) => return None,
                    Segment::Inner(_) if old < *index => (old, new) = (old + 1, new + 1),
                    Segment::Inner(inner) => {
                        inside = Some(inner);
                        break;
                    }
                    Segment::Keep(_) => break,
                }
            }
            (Step::Index(new + (index - old)), inside)
        }
        _ => (first.clone(), None),
    };
    let mut path = vec![step];
    path.extend(match inside {
        Some(inside) => follow(rest, inside)?,
        None => rest.to_vec(),
    });
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_an_array_moves_with_what_is_inserted_before_it_and_goes_with_its_element() {
        use Segment::*;
        let place = [Step::Key("list".into()), Step::Index(2), Step::Key("a".into())];
        let list = |segments| Diff::Object([("list".to_owned(), Diff::Array(segments))].into());
        let moved = follow(&place, &list(vec![Delete(1), Insert(vec![Value::Null; 3]), Keep(4)])).unwrap();
        assert_eq!(moved[1], Step::Index(4));
        assert_eq!(follow(&place, &list(vec![Keep(2), Delete(1), Keep(2)])), None);
        let inside = Diff::Object([("b".to_owned(), Diff::Remove)].into());
        assert_eq!(follow(&place, &list(vec![Keep(2), Inner(inside), Keep(2)])).as_deref(), Some(&place[..]));
    }
}
