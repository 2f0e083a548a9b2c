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
const WEIGHED: usize = 1024;
/// Bytes of a text, from either end, and parts of a container that are looked at.
const LOOKED_AT: usize = 64;

/// What may be weighed of elements, and how.
pub(super) struct Scale<'a> {
    pub(super) identity: &'a Identity,
    pub(super) effort: &'a Effort,
    /// Whether anything follows in the array.
    pub(super) at_end: bool,
}

/// Pairs of an old and a new element, in order on both sides. Two that have different names are never one.
pub(super) fn pair(old: &[Marked<'_>], new: &[Marked<'_>], scale: &Scale<'_>) -> Vec<(usize, usize)> {
    // One by one, leaves only where that leaves nothing over in the middle of the array.
    let leaves = old.len() == new.len() || scale.at_end;
    let names = [old, new].map(|list| list.iter().map(|element| scale.identity.of(element.value)).collect::<Vec<_>>());
    let alike = |i: usize, j: usize| match (names[0][i], names[1][j]) {
        (Some(name), Some(other)) if name != other => 0,
        _ => likeness(old[i], new[j], leaves),
    };
    let cost = |element: &Marked<'_>| 8 + element.mark.children.len().min(LOOKED_AT);
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
fn likeness(old: Marked<'_>, new: Marked<'_>, leaves: bool) -> usize {
    match (old.value, new.value) {
        (Value::Object(a), Value::Object(b)) => {
            let (mut a, mut b) = (a.keys().zip(&old.mark.children), b.keys().zip(&new.mark.children));
            let (mut left, mut right) = (a.next(), b.next());
            let mut same = 0;
            for _ in 0..LOOKED_AT {
                let (Some((key, mark)), Some((other, other_mark))) = (left, right) else { break };
                same += usize::from(key == other && mark.resembles(other_mark));
                (left, right) = match key.cmp(other) {
                    Ordering::Less => (a.next(), right),
                    Ordering::Greater => (left, b.next()),
                    Ordering::Equal => (a.next(), b.next()),
                };
            }
            2 + 4 * same
        }
        (Value::Array(_), Value::Array(_)) => {
            let pairs = old.mark.children.iter().zip(&new.mark.children).take(LOOKED_AT);
            2 + 4 * pairs.filter(|(a, b)| a.resembles(b)).count()
        }
        (Value::Text(a), Value::Text(b)) => {
            let (a, b) = (ends(a), ends(b));
            let start = text::common_prefix(a.0, b.0);
            let end = text::common_suffix(a.1, b.1);
            let most = a.0.len().max(b.0.len());
            let shared = 4 * start.max(end) / most.max(1);
            if start.max(end) > 8 { 1 + shared } else { usize::from(leaves) }
        }
        _ => usize::from(leaves),
    }
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
