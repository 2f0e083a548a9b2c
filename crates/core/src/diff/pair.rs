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
    /// Whether nothing follows in the array.
    pub(super) at_end: bool,
    /// Whether an old one is nearly the same somewhere else, and a new one was: those are paired with what is alike only.
    pub(super) goes: &'a dyn Fn(usize) -> bool,
    pub(super) comes: &'a dyn Fn(usize) -> bool,
}

/// What is paired though it is not alike, one by one: objects where as many went as came, leaves also where that leaves nothing over in the middle.
#[derive(Clone, Copy)]
struct Counts {
    as_many: bool,
    leaves: bool,
}

/// Pairs of an old and a new element, in order on both sides. Two that have different names are never one.
pub(super) fn pair(old: &[Marked<'_>], new: &[Marked<'_>], scale: &Scale<'_>) -> Vec<(usize, usize)> {
    let stay = |length: usize, leaves: &dyn Fn(usize) -> bool| (0..length).map(|at| !leaves(at)).collect::<Vec<_>>();
    let (old_stay, new_stay) = (stay(old.len(), scale.goes), stay(new.len(), scale.comes));
    let count = |stay: &[bool]| stay.iter().filter(|stays| **stays).count();
    let as_many = count(&old_stay) == count(&new_stay);
    let names = [old, new].map(|list| list.iter().map(|element| scale.identity.of(element.value)).collect::<Vec<_>>());
    let alike = |i: usize, j: usize| match (names[0][i], names[1][j]) {
        (Some(name), Some(other)) if name != other => 0,
        _ => {
            let both_stay = old_stay[i] && new_stay[j];
            likeness(
                old[i],
                new[j],
                Counts { as_many: as_many && both_stay, leaves: (as_many || scale.at_end) && both_stay },
            )
        }
    };
    if may_weigh(old, new, scale.effort) {
        return heaviest(old.len(), new.len(), &alike);
    }
    (0..old.len().min(new.len())).filter(|i| alike(*i, *i) > 0).map(|i| (i, i)).collect()
}

/// Only few are weighed, so what that costs is no large number.
fn may_weigh(old: &[Marked<'_>], new: &[Marked<'_>], effort: &Effort) -> bool {
    let cost = |element: &Marked<'_>| 8 + 4 * element.mark.children.len().min(LOOKED_AT);
    old.len() <= WEIGHED / new.len().max(1) && effort.spend(new.len() * old.iter().map(cost).sum::<usize>())
}

/// Pairs of objects in different hunks of which three quarters are the same, the most alike first: what moved and was changed on the way.
/// Of one hunk's are none, nor are those that are as much like one in their own.
pub(super) fn away(
    (old, olds): (&[Marked<'_>], &[Vec<usize>]),
    (new, news): (&[Marked<'_>], &[Vec<usize>]),
    (identity, effort): (&Identity, &Effort),
) -> Vec<(usize, usize)> {
    let places = |hunks: &[Vec<usize>]| -> Vec<(usize, usize)> {
        hunks.iter().enumerate().flat_map(|(hunk, places)| places.iter().map(move |place| (hunk, *place))).collect()
    };
    let (olds, news) = (places(olds), places(news));
    if !may_weigh(&those(old, &olds), &those(new, &news), effort) {
        return Vec::new();
    }
    let combinations = olds.iter().flat_map(|one| news.iter().map(move |other| (*one, *other)));
    let alike = combinations.filter_map(|((hunk, i), (other, j))| {
        let (alike, whole) = members(old[i], new[j]);
        let is_one = 4 * alike >= 3 * whole && alike > 0 && !are_two(identity, old[i].value, new[j].value);
        is_one.then_some((whole - alike, hunk != other, i, j))
    });
    let mut alike: Vec<_> = alike.collect();
    alike.sort_unstable();
    let (mut went, mut came) = (vec![false; old.len()], vec![false; new.len()]);
    let mut pairs = Vec::new();
    for (_, is_away, i, j) in alike {
        if !went[i] && !came[j] {
            (went[i], came[j]) = (true, true);
            pairs.extend(is_away.then_some((i, j)));
        }
    }
    pairs
}

fn those<'a>(list: &[Marked<'a>], places: &[(usize, usize)]) -> Vec<Marked<'a>> {
    places.iter().map(|(_, at)| list[*at]).collect()
}

/// Two that have different names are never one.
fn are_two(identity: &Identity, old: &Value, new: &Value) -> bool {
    matches!((identity.of(old), identity.of(new)), (Some(name), Some(other)) if name != other)
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
        (Value::Object(_), Value::Object(_)) => {
            let (alike, whole) = members(old, new);
            if 2 * alike < whole { usize::from(counts.as_many) } else { alike + usize::from(counts.as_many) }
        }
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
