//! Who an element of an array is: the member that names it.

use super::mark::Mark;
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::Value;

/// Names of members that tell an element apart, the first that is there counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Vec<String>);

impl Identity {
    /// By these members.
    pub fn by(names: Vec<String>) -> Identity {
        Identity(names)
    }

    /// The names, the first that counts first.
    #[cfg(feature = "server")]
    pub fn members(&self) -> &[String] {
        &self.0
    }

    /// Whether this member may name an element.
    #[cfg(feature = "server")]
    pub(super) fn names(&self, member: &str) -> bool {
        self.0.iter().any(|name| name == member)
    }

    /// What names this element: the member and its value.
    pub(crate) fn of<'a>(&self, element: &'a Value) -> Option<(usize, &'a Value)> {
        let Value::Object(members) = element else { return None };
        self.0.iter().zip(0..).find_map(|(name, place)| match members.get(name)? {
            value @ (Value::Text(_) | Value::Number(_) | Value::BigInt(_)) => Some((place, value)),
            _ => None,
        })
    }

    /// Which elements of these two arrays are the same, by their names: pairs of places, ordered by the first. What is named twice in
    /// one of them has no identity there.
    pub(super) fn pairs(&self, old: &[&Value], new: &[&Value]) -> Vec<(usize, usize)> {
        let hash = |element: &Value| {
            let (place, value) = self.of(element)?;
            Some(Mark::of(value).hash().wrapping_add(place as u64))
        };
        let same = |i: usize, j: usize| self.of(old[i]) == self.of(new[j]);
        pairs(old.iter().map(|element| hash(element)), new.iter().map(|element| hash(element)), same)
    }

    /// The same by what the elements are.
    pub(super) fn equal(old: &[&Value], new: &[&Value]) -> Vec<(usize, usize)> {
        let hash = |element: &&Value| Some(Mark::of(element).hash());
        pairs(old.iter().map(hash), new.iter().map(hash), |i, j| old[i] == new[j])
    }
}

fn pairs(
    old: impl Iterator<Item = Option<u64>>,
    new: impl Iterator<Item = Option<u64>>,
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let mut all: Vec<(u64, bool, usize)> = Vec::new();
    all.extend(old.zip(0..).filter_map(|(hash, at)| Some((hash?, false, at))));
    let olds = all.len();
    all.extend(new.zip(0..).filter_map(|(hash, at)| Some((hash?, true, at))));
    // Of many only those are put in order that are like one of a few.
    let few = if olds < all.len() - olds { &all[..olds] } else { &all[olds..] };
    if few.len() * 8 < all.len() {
        let few = sorted(few.to_vec());
        all.retain(|(hash, ..)| few.binary_search_by(|(known, ..)| known.cmp(hash)).is_ok());
    }
    let mut pairs = Vec::new();
    for alike in sorted(all).chunk_by(|a, b| a.0 == b.0) {
        // Of more than two of one hash, either one is there twice, or hashes collide: neither is worth more.
        if let [(_, false, i), (_, true, j)] = alike
            && same(*i, *j)
        {
            pairs.push((*i, *j));
        }
    }
    sorted(pairs)
}

impl Default for Identity {
    fn default() -> Identity {
        Identity(["id", "_id", "key"].map(str::to_owned).into())
    }
}
