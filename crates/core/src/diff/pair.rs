//! Which of the elements that went are the ones that came, changed: so that an edited object in an array is an edit, not
//! another object.

use core::cmp::Ordering;

use super::align::Effort;
use super::identity::Identity;
use super::mark::Marked;
use super::text;
use crate::prelude::*;
use crate::sort;
use crate::value::Value;

/// Up to this many combinations are weighed.
const WEIGHED: usize = 4096;
/// Bytes of a text, from either end, and parts of a container that are looked at.
const LOOKED_AT: usize = 64;

/// What may be weighed of elements, and how.
pub(super) struct Scale<'a> {
    pub(super) identity: &'a Identity,
    pub(super) effort: &'a Effort,
    /// Whether nothing follows in the array.
    pub(super) at_end: bool,
    /// Whether an old one is nearly the same somewhere else, and a new one was: those are paired with what is alike only.
    pub(super) goes: Vec<bool>,
    pub(super) comes: Vec<bool>,
}

/// Pairs of an old and a new element, in order on both sides. Two that have different names are never one.
pub(super) fn pair(old: &[Marked<'_>], new: &[Marked<'_>], scale: &Scale<'_>) -> Vec<(usize, usize)> {
    let stay = |leave: &[bool]| leave.iter().filter(|leaves| !**leaves).count();
    let as_many = stay(&scale.goes) == stay(&scale.comes);
    let alike = |i: usize, j: usize| {
        if are_two(scale.identity, old[i].value, new[j].value) {
            return 0;
        }
        let both_stay = !scale.goes[i] && !scale.comes[j];
        likeness(old[i], new[j], as_many && both_stay, (as_many || scale.at_end) && both_stay)
    };
    let all: Vec<usize> = (0..old.len()).collect();
    if may_weigh(old, &all, new.len(), scale.effort) {
        return heaviest(old.len(), new.len(), &alike);
    }
    (0..old.len().min(new.len())).filter(|i| alike(*i, *i) > 0).map(|i| (i, i)).collect()
}

/// Only few are weighed, so what that costs is no large number.
fn may_weigh(old: &[Marked<'_>], places: &[usize], new: usize, effort: &Effort) -> bool {
    let cost = |at: &usize| 8 + 4 * old[*at].mark.children.len().min(LOOKED_AT);
    places.len() <= WEIGHED / new.max(1) && effort.spend(new * places.iter().map(cost).sum::<usize>())
}

/// Pairs of objects in different hunks of which three quarters are the same, the most alike first: what moved and was changed on the way.
/// Of one hunk's are none, nor are those that are as much like one in their own.
pub(super) fn away(
    (old, olds): (&[Marked<'_>], &[Vec<usize>]),
    (new, news): (&[Marked<'_>], &[Vec<usize>]),
    (identity, effort): (&Identity, &Effort),
) -> Vec<(usize, usize)> {
    let (olds, news) = (places(olds), places(news));
    let pick = |list: &[(usize, usize)]| list.iter().map(|(_, at)| *at).collect::<Vec<usize>>();
    if !may_weigh(old, &pick(&olds), news.len(), effort) {
        return Vec::new();
    }
    let mut alike = Vec::new();
    for (hunk, i) in &olds {
        for (other, j) in &news {
            let (same, whole) = members(old[*i], new[*j]);
            if same > 0 && 4 * same >= 3 * whole && !are_two(identity, old[*i].value, new[*j].value) {
                let is_away = hunk != other;
                alike.push((((whole - same) * 2 + usize::from(is_away)) as u64, (*i, *j, is_away)));
            }
        }
    }
    let (mut went, mut came) = (vec![false; old.len()], vec![false; new.len()]);
    let mut pairs = Vec::new();
    for (_, (i, j, is_away)) in sort::by_number(alike) {
        if !went[i] && !came[j] {
            (went[i], came[j]) = (true, true);
            if is_away {
                pairs.push((i, j));
            }
        }
    }
    pairs
}

/// Each with the number of its hunk.
fn places(hunks: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (hunk, of) in hunks.iter().enumerate() {
        for place in of {
            places.push((hunk, *place));
        }
    }
    places
}

/// Two that have different names are never one, nor are what has a name and what could have none.
pub(super) fn are_two(identity: &Identity, old: &Value, new: &Value) -> bool {
    match (identity.of(old), identity.of(new)) {
        (Some(name), Some(other)) => name != other,
        (Some(_), None) => !matches!(new, Value::Object(_)),
        (None, Some(_)) => !matches!(old, Value::Object(_)),
        (None, None) => false,
    }
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

/// How much speaks for these being one element, changed; 0 when nothing does. Where nothing is left over, objects and leaves are one by one
/// what they were though they are not alike.
fn likeness(old: Marked<'_>, new: Marked<'_>, objects: bool, leaves: bool) -> usize {
    match (old.value, new.value) {
        (Value::Object(_), Value::Object(_)) => {
            let (alike, whole) = members(old, new);
            if 2 * alike < whole { usize::from(objects) } else { alike + usize::from(objects) }
        }
        (Value::Array(_), Value::Array(_)) => {
            let pairs = old.mark.children.iter().zip(&new.mark.children).take(LOOKED_AT);
            2 + 4 * pairs.filter(|(a, b)| a.resembles(b)).count()
        }
        (Value::Text(a), Value::Text(b)) => {
            let (shared, of) = shared(a, b);
            if shared > 8 { 1 + 4 * shared / of } else { usize::from(leaves) }
        }
        _ => usize::from(leaves),
    }
}

/// How much of what tells one object from others is in the other too, and how much that is.
fn members(old: Marked<'_>, new: Marked<'_>) -> (usize, usize) {
    let (Value::Object(old_members), Value::Object(new_members)) = (old.value, new.value) else { return (0, 0) };
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
                (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
                    let (a, b) = (&mark.children, &other_mark.children);
                    let same = a.iter().zip(b).take(LOOKED_AT).filter(|(a, b)| a.resembles(b)).count();
                    telling(value) * same / a.len().max(b.len()).max(1)
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
    (alike, whole)
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
