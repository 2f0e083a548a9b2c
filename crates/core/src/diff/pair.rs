//! Which of the elements that went are the ones that came, changed: so that an edited object in an array is an edit, not
//! another object.

use core::cmp::Ordering;

use super::align::Effort;
use super::identity::Identity;
use super::mark::Marked;
use super::text;
use crate::prelude::*;
use crate::value::Value;

/// Up to this many combinations are weighed.
const WEIGHED: usize = 4096;
/// Bytes of a text, from either end, and parts of a container that are looked at.
const LOOKED_AT: usize = 64;

/// What may be weighed of elements, and how.
pub(super) struct Scale<'a> {
    pub(super) identity: &'a Identity,
    pub(super) effort: &'a Effort,
    /// Whether anything follows in the array.
    pub(super) at_end: bool,
}

/// What is paired though it is not alike, one by one: objects where as many went as came, leaves also where that leaves nothing over in the middle.
#[derive(Clone, Copy)]
struct Counts {
    as_many: bool,
    leaves: bool,
}

/// Pairs of an old and a new element, in order on both sides. Two that have different names are never one.
pub(super) fn pair(old: &[Marked<'_>], new: &[Marked<'_>], scale: &Scale<'_>) -> Vec<(usize, usize)> {
    let as_many = old.len() == new.len();
    let counts = Counts { as_many, leaves: as_many || scale.at_end };
    let names = [old, new].map(|list| list.iter().map(|element| scale.identity.of(element.value)).collect::<Vec<_>>());
    let alike = |i: usize, j: usize| match (names[0][i], names[1][j]) {
        (Some(name), Some(other)) if name != other => 0,
        _ => likeness(old[i], new[j], counts),
    };
    let cost = |element: &Marked<'_>| 8 + 4 * element.mark.children.len().min(LOOKED_AT);
    // Only few are weighed, so this is no large number.
    if old.len() <= WEIGHED / new.len().max(1) && scale.effort.spend(new.len() * old.iter().map(cost).sum::<usize>()) {
        return heaviest(old.len(), new.len(), &alike);
    }
    (0..old.len().min(new.len())).filter(|i| alike(*i, *i) > 0).map(|i| (i, i)).collect()
}

/// The choice of pairs in order whose likeness adds up to most.
fn heaviest(old: usize, new: usize, likeness: &dyn Fn(usize, usize) -> usize) -> Vec<(usize, usize)> {
    let width = new + 1;
    // best[i][j]: the most from old[i..] and new[j..].
    let mut best = vec![0_usize; (old + 1) * width];
    let mut alike = vec![0_usize; old * new];
    for i in (0..old).rev() {
        for j in (0..new).rev() {
            let weight = likeness(i, j);
            alike[i * new + j] = weight;
            let paired = if weight > 0 { weight + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = paired.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old && j < new {
        let weight = alike[i * new + j];
        let here = best[i * width + j];
        if weight > 0 && here == weight + best[(i + 1) * width + j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// How much speaks for these being one element, changed; 0 when nothing does.
fn likeness(old: Marked<'_>, new: Marked<'_>, counts: Counts) -> usize {
    match (old.value, new.value) {
        (Value::Object(_), Value::Object(_)) => members(old, new) + usize::from(counts.as_many),
        (Value::Array(_), Value::Array(_)) => {
            let pairs = old.mark.children.iter().zip(&new.mark.children).take(LOOKED_AT);
            2 + 4 * pairs.filter(|(a, b)| a.resembles(b)).count()
        }
        (Value::Text(a), Value::Text(b)) => {
            let (shared, of) = shared(a, b);
            if shared > 8 { 1 + 4 * shared / of } else { usize::from(counts.leaves) }
        }
        _ => usize::from(counts.leaves),
    }
}

/// How much of what tells one object from others is in the other too: nothing where that is less than half.
fn members(old: Marked<'_>, new: Marked<'_>) -> usize {
    let (Value::Object(old_members), Value::Object(new_members)) = (old.value, new.value) else { return 0 };
    let (mut a, mut b) = (old_members.iter().zip(&old.mark.children), new_members.iter().zip(&new.mark.children));
    let (mut left, mut right) = (a.next(), b.next());
    let (mut alike, mut whole) = (0, 0);
    for _ in 0..LOOKED_AT {
        let Some(((key, value), mark)) = left else { break };
        let order = right.map_or(Ordering::Less, |((other, _), _)| key.cmp(other));
        if order != Ordering::Greater {
            whole += telling(value);
        }
        if let (Ordering::Equal, Some(((_, other), other_mark))) = (order, right) {
            alike += match (value, other) {
                _ if mark.resembles(other_mark) => telling(value),
                (Value::Text(a), Value::Text(b)) => {
                    let (shared, of) = shared(a, b);
                    telling(value) * shared / of
                }
                _ => 0,
            };
        }
        (left, right) = match order {
            Ordering::Less => (a.next(), right),
            Ordering::Greater => (left, b.next()),
            Ordering::Equal => (a.next(), b.next()),
        };
    }
    if 2 * alike < whole { 0 } else { alike }
}

/// How much a member tells one object from others: `done` is the same in many, a text hardly.
fn telling(value: &Value) -> usize {
    match value {
        Value::Undefined | Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => {
            if *number == 0.0 {
                1
            } else {
                4
            }
        }
        Value::Text(text) if text.is_empty() => 1,
        _ => 8,
    }
}

/// What two texts begin or end with alike, the longer of both, of how much that was looked at.
fn shared(a: &str, b: &str) -> (usize, usize) {
    let (a, b) = (ends(a), ends(b));
    let (start, end) = (text::common_prefix(a.0, b.0), text::common_suffix(a.1, b.1));
    (start.max(end), a.0.len().max(b.0.len()).max(1))
}

/// The start and the end of a text.
fn ends(text: &str) -> (&str, &str) {
    let mut start = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = text.len().saturating_sub(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (&text[..start], &text[end..])
}
