//! Named parts, sorted by name: of an object, and of what changes one.
//!
//! A sorted vector with the ways of a `BTreeMap`, whose code browsers would load again for each kind of part. Reading a
//! part takes a binary search. Putting one in or taking one out moves those behind it: who changes many at once does it
//! with `merge`, which moves each once.

use core::ops::Index;

use crate::prelude::*;
use crate::sort;

/// Parts by name, sorted in the order of their names' UTF-8 bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Members<T>(Vec<(String, T)>);

/// Names and parts, borrowed.
pub type Iter<'a, T> = core::iter::Map<core::slice::Iter<'a, (String, T)>, fn(&'a (String, T)) -> (&'a String, &'a T)>;

/// What becomes of a part.
pub(crate) enum Part<T> {
    /// It is there, in place of any that was.
    Put(T),
    /// It is gone.
    Drop,
}

impl<T> Members<T> {
    /// None.
    pub const fn new() -> Self {
        Members(Vec::new())
    }

    /// From parts in any order.
    ///
    /// # Errors
    /// A name that is there twice, if one is.
    pub(crate) fn of(parts: Vec<(String, T)>) -> Result<Self, String> {
        let sorted = Self::sorted(parts);
        match sorted.0.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(sorted),
        }
    }

    /// Sorted; of those of one name, the last is last.
    fn sorted(parts: Vec<(String, T)>) -> Self {
        if parts.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Members(parts);
        }
        Members(sort::by_name(parts))
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The part of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.get(self.find(name).ok()?).map(|(_, part)| part)
    }

    /// The part of this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let index = self.find(name).ok()?;
        self.0.get_mut(index).map(|(_, part)| part)
    }

    /// Whether there is a part of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Puts a part in; gives the one that was there.
    pub fn insert(&mut self, name: String, part: T) -> Option<T> {
        match self.find(&name) {
            Ok(index) => self.0.get_mut(index).map(|(_, known)| core::mem::replace(known, part)),
            Err(index) => {
                self.0.insert(index, (name, part));
                None
            }
        }
    }

    /// The part of this name, to be changed; put in first if it is not there.
    pub fn get_or_insert_with(&mut self, name: &str, make: impl FnOnce() -> T) -> &mut T {
        let index = match self.find(name) {
            Ok(index) => index,
            Err(index) => {
                self.0.insert(index, (name.to_owned(), make()));
                index
            }
        };
        &mut self.0[index].1
    }

    /// Takes a part out.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        self.find(name).ok().map(|index| self.0.remove(index).1)
    }

    /// Puts parts in and takes parts out, given in order, each name once.
    pub(crate) fn merge(&mut self, changes: Vec<(&str, Part<T>)>) {
        // Few are put in or taken out where they are.
        const FEW: usize = 4;
        if changes.len() <= FEW {
            for (name, part) in changes {
                match part {
                    Part::Put(part) => drop(self.insert(name.to_owned(), part)),
                    Part::Drop => drop(self.remove(name)),
                }
            }
            return;
        }
        let mut before = core::mem::take(&mut self.0).into_iter().peekable();
        self.0.reserve(before.len() + changes.len());
        for (name, part) in changes {
            while let Some(member) = before.next_if(|(known, _)| known.as_str() < name) {
                self.0.push(member);
            }
            let known = before.next_if(|(known, _)| known == name);
            if let Part::Put(part) = part {
                self.0.push((known.map_or_else(|| name.to_owned(), |(known, _)| known), part));
            }
        }
        self.0.extend(before);
    }

    /// Puts in a part whose name is behind all others.
    pub(crate) fn push(&mut self, name: String, part: T) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < name), "names come in order");
        self.0.push((name, part));
    }

    /// Names and parts, by name.
    pub fn iter(&self) -> Iter<'_, T> {
        self.0.iter().map(|(name, part)| (name, part))
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> + DoubleEndedIterator {
        self.0.iter().map(|(name, _)| name)
    }

    /// The parts, sorted by name.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.0.iter().map(|(_, part)| part)
    }

    /// The parts, sorted by name, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, part)| part)
    }

    /// Keeps what is to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&String, &mut T) -> bool) {
        self.0.retain_mut(|(name, part)| keep(name, part));
    }
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Members::new()
    }
}

impl<T> Index<&str> for Members<T> {
    type Output = T;

    /// # Panics
    /// Where there is no such member, as a `BTreeMap` does. For names that the caller put there; for any other there is
    /// [`get`](Members::get).
    fn index(&self, name: &str) -> &T {
        self.get(name).expect("there is such a member")
    }
}

/// Of several of one name, the last counts.
impl<T> FromIterator<(String, T)> for Members<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(parts: I) -> Self {
        let mut sorted = Self::sorted(parts.into_iter().collect());
        sorted.0.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                core::mem::swap(later, kept);
            }
            same
        });
        sorted
    }
}

impl<T, const N: usize> From<[(String, T); N]> for Members<T> {
    fn from(parts: [(String, T); N]) -> Self {
        parts.into_iter().collect()
    }
}

impl<T> IntoIterator for Members<T> {
    type Item = (String, T);
    type IntoIter = alloc::vec::IntoIter<(String, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Members<T> {
    type Item = (&'a String, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parts(names: &[&str]) -> Vec<(String, usize)> {
        names.iter().enumerate().map(|(index, name)| ((*name).to_owned(), index)).collect()
    }

    #[test]
    fn parts_in_any_order_are_sorted_and_twice_is_refused() {
        let members = Members::of(parts(&["b", "a", "", "ä", "aa"])).unwrap();
        assert_eq!(members.keys().collect::<Vec<_>>(), ["", "a", "aa", "b", "ä"]);
        assert_eq!(members["ä"], 3);
        assert_eq!(Members::of(parts(&["b", "a", "b"])), Err("b".to_owned()));
        let last: Members<usize> = parts(&["b", "a", "b"]).into_iter().collect();
        assert_eq!(last, Members::of(vec![("a".to_owned(), 1), ("b".to_owned(), 2)]).unwrap());
    }

    #[test]
    fn changes_are_those_of_a_map() {
        let names: Vec<String> = (0..40).map(|number| (number * 7 % 40).to_string()).collect();
        for count in [1, 4, 5, 20] {
            let mut members: Members<usize> = names.iter().take(25).cloned().zip(0..).collect();
            let mut known: BTreeMap<String, usize> = names.iter().take(25).cloned().zip(0..).collect();
            let mut changed: Vec<&str> = names.iter().skip(15).take(count).map(String::as_str).collect();
            changed.sort_unstable();
            let change = |name| if str::len(name) == 1 { Part::Drop } else { Part::Put(1000) };
            for name in &changed {
                match change(name) {
                    Part::Put(part) => drop(known.insert((*name).to_owned(), part)),
                    Part::Drop => drop(known.remove(*name)),
                }
            }
            members.merge(changed.into_iter().map(|name| (name, change(name))).collect());
            assert!(members.iter().eq(&known), "{count}");
        }
    }
}
