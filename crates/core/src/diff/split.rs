//! What of a diff stays when another, concurrent one goes first: the finest cut between what conflicts and what does not.

use super::rebase::conflicts;
use super::sequence::{self, Builder, Run, Segments};
use super::{Diff, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;

/// One step on the way to a place inside a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array.
    Index(usize),
}

/// A place inside a value, from the root.
pub type Path = Vec<Step>;

/// A diff cut in two, both from its own base: together they are the diff.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What does not conflict with the other.
    pub kept: Diff,
    /// What does.
    pub dropped: Diff,
    /// Where: a whole text or array, where the conflict is between edits along it.
    pub places: Vec<Path>,
}

/// Cuts what conflicts with `b` out of `a`, both from the same base.
pub fn split(a: &Diff, b: &Diff) -> Split {
    let mut places = Vec::new();
    let (kept, dropped) = cut(a, b, &mut Vec::new(), &mut places);
    let or_identity = |diff: Option<Diff>| diff.unwrap_or_else(Diff::identity);
    Split { kept: or_identity(kept), dropped: or_identity(dropped), places }
}

type Halves = (Option<Diff>, Option<Diff>);

fn cut(a: &Diff, b: &Diff, path: &mut Path, places: &mut Vec<Path>) -> Halves {
    if !conflicts(a, b) {
        return (Some(a.clone()), None);
    }
    match (a, b) {
        (Diff::Object(a), Diff::Object(b)) => {
            let (mut kept, mut dropped) = (Members::new(), Members::new());
            for (key, change) in a {
                let (stays, goes) = match b.get(key) {
                    None => (Some(change.clone()), None),
                    Some(other) => {
                        path.push(Step::Key(key.clone()));
                        let halves = cut(change, other, path, places);
                        path.pop();
                        halves
                    }
                };
                for (half, change) in [(&mut kept, stays), (&mut dropped, goes)] {
                    if let Some(change) = change {
                        half.push(key.clone(), change);
                    }
                }
            }
            (Some(Diff::Object(kept)), Some(Diff::Object(dropped)))
        }
        (Diff::Text(mine), Diff::Text(_)) => {
            places.push(path.clone());
            let (kept, dropped) = along::<String>(mine, |alone| !conflicts(&Diff::Text(alone), b));
            (Some(Diff::Text(kept)), Some(Diff::Text(dropped)))
        }
        (Diff::Array(mine), Diff::Array(_)) => {
            places.push(path.clone());
            let (kept, dropped) = along::<Vec<Value>>(mine, |alone| !conflicts(&Diff::Array(alone), b));
            (Some(Diff::Array(kept)), Some(Diff::Array(dropped)))
        }
        _ => {
            places.push(path.clone());
            (None, Some(a.clone()))
        }
    }
}

/// An edit at a position of the base.
struct Edit<'a, T: Run> {
    at: usize,
    segments: Vec<&'a Segment<T, T::Inner>>,
}

/// The edits that stay, and those that do not: conflict is between pairs of edits, so each is tried alone.
fn along<T: Run>(segments: &[Segment<T, T::Inner>], stays: impl Fn(Segments<T>) -> bool) -> (Segments<T>, Segments<T>)
where
    Segment<T, T::Inner>: Clone,
{
    let segments = sequence::normal::<T>(segments);
    let length = sequence::base_length::<T>(&segments);
    let mut edits: Vec<Edit<'_, T>> = Vec::new();
    let mut at = 0;
    for segment in segments.iter() {
        match (segment, edits.last_mut()) {
            (Segment::Keep(kept), _) => at += kept,
            // What is put in place of something is one edit with its deletion.
            (Segment::Delete(_), Some(edit)) if edit.at == at && matches!(edit.segments[..], [Segment::Insert(_)]) => {
                edit.segments.push(segment);
                at += sequence::base_length::<T>(core::slice::from_ref(segment));
            }
            _ => {
                edits.push(Edit { at, segments: vec![segment] });
                at += sequence::base_length::<T>(core::slice::from_ref(segment));
            }
        }
    }
    let (kept, dropped): (Vec<_>, Vec<_>) = edits.into_iter().partition(|edit| stays(together(length, [edit])));
    (together(length, &kept), together(length, &dropped))
}

/// Those edits, of a base of this length, and no others.
fn together<'a, T: Run + 'a>(length: usize, edits: impl IntoIterator<Item = &'a Edit<'a, T>>) -> Segments<T> {
    let mut out = Builder::<T>::new();
    let mut done = 0;
    for edit in edits {
        out.keep(edit.at - done);
        done = edit.at;
        for segment in &edit.segments {
            match segment {
                Segment::Keep(kept) => out.keep(*kept),
                Segment::Delete(deleted) => out.delete(*deleted),
                Segment::Insert(run) => out.insert(run.slice()),
                Segment::Inner(inner) => out.inner(inner.clone()),
            }
            done += sequence::base_length::<T>(core::slice::from_ref(*segment));
        }
    }
    out.keep(length - done);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Patch, compose, rebase};

    fn text(segments: Vec<Segment<String, ()>>) -> Diff {
        Diff::Text(segments)
    }

    #[test]
    fn members_that_conflict_go_and_the_others_stay() {
        let base = Value::object([("a", Value::from(1.0)), ("b", Value::from(1.0))]);
        let set = |members: &[(&str, f64)]| {
            let members = members.iter().map(|(key, number)| (key.to_string(), Patch::Value(Value::from(*number))));
            Patch::Map(members.collect()).resolve(&base).unwrap()
        };
        let parts = split(&set(&[("a", 2.0), ("b", 2.0)]), &set(&[("b", 3.0), ("c", 4.0)]));
        assert_eq!((parts.kept, parts.dropped), (set(&[("a", 2.0)]), set(&[("b", 2.0)])));
        assert_eq!(parts.places, [vec![Step::Key("b".into())]]);
    }

    #[test]
    fn edits_of_a_text_that_conflict_go_and_the_others_stay() {
        use Segment::*;
        // "one two three"
        let mine =
            text(vec![Insert("ONE".into()), Delete(3), Keep(5), Insert("!".into()), Keep(5), Insert("?".into())]);
        let theirs = text(vec![Keep(4), Delete(5), Keep(4)]);
        let parts = split(&mine, &theirs);
        assert_eq!(parts.kept, text(vec![Insert("ONE".into()), Delete(3), Keep(10), Insert("?".into())]));
        assert_eq!(parts.dropped, text(vec![Keep(8), Insert("!".into()), Keep(5)]));
        assert_eq!(parts.places, [Path::new()]);
        let behind = rebase(&parts.dropped, &parts.kept).unwrap();
        assert_eq!(compose(&parts.kept, &behind).unwrap(), mine);
    }
}
