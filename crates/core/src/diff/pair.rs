//! Which of the elements that went are the ones that came, changed: so that an edited object in an array is an edit, not
//! another object.

use core::cmp::Ordering;

use super::align::Hunk;
use super::mark::Marked;
use super::text;
use crate::prelude::*;
use crate::value::Value;

/// Up to this many combinations are weighed.
const WEIGHED: usize = 1024;
/// Bytes of a text, from either end, and parts of a container that are looked at.
const LOOKED_AT: usize = 64;

/// Pairs of an old and a new element, in order on both sides, counted from the start of the lists.
pub(super) fn pair(old: &[Marked<'_>], new: &[Marked<'_>], hunk: &Hunk, at_end: bool) -> Vec<(usize, usize)> {
    let (old, new) = (&old[hunk.old.clone()], &new[hunk.new.clone()]);
    // One by one, leaves only where that leaves nothing over in the middle of the array.
    let leaves = old.len() == new.len() || at_end;
    let pairs = if old.len() <= WEIGHED / new.len().max(1) {
        heaviest(old, new, leaves)
    } else {
        let shorter = old.len().min(new.len());
        (0..shorter).filter(|i| likeness(old[*i], new[*i], leaves) > 0).map(|i| (i, i)).collect()
    };
    pairs.into_iter().map(|(i, j)| (hunk.old.start + i, hunk.new.start + j)).collect()
}

/// The choice of pairs in order whose likeness adds up to most.
fn heaviest(old: &[Marked<'_>], new: &[Marked<'_>], leaves: bool) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    // best[i][j]: the most from old[i..] and new[j..].
    let mut best = vec![0_usize; (old.len() + 1) * width];
    let mut alike = vec![0_usize; old.len() * new.len()];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let weight = likeness(old[i], new[j], leaves);
            alike[i * new.len() + j] = weight;
            let paired = if weight > 0 { weight + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = paired.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() && j < new.len() {
        let weight = alike[i * new.len() + j];
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
