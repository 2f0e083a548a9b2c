//! Named parts, sorted by name: of an object, and of what changes one.
//!
//! A sorted vector with the ways of a `BTreeMap`, whose code browsers would load again for each kind of part. Reading a
//! part takes a binary search. Putting one in or taking one out moves those behind it: who changes many at once does it
//! with `merge`, which moves each once.
//!
//! Copies share what is in them until one of them is changed: a copy of a list of objects copies none of these.

use alloc::sync::Arc;
use core::ops::Index;

use crate::prelude::*;
use crate::sort;

/// Parts by name, sorted in the order of their names' UTF-8 bytes.
#[derive(Clone)]
pub struct Members<T>(Option<Arc<Vec<(String, T)>>>);

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
        Members(None)
    }

    fn parts(&self) -> &[(String, T)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    fn with(parts: Vec<(String, T)>) -> Self {
        Members(if parts.is_empty() { None } else { Some(Arc::new(parts)) })
    }

    /// From parts in any order.
    ///
    /// # Errors
    /// A name that is there twice, if one is.
    pub(crate) fn of(parts: Vec<(String, T)>) -> Result<Self, String> {
        let sorted = Self::sorted(parts);
        match sorted.parts().windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(sorted),
        }
    }

    /// Sorted; of those of one name, the last is last.
    fn sorted(parts: Vec<(String, T)>) -> Self {
        if parts.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Self::with(parts);
        }
        Self::with(sort::by_name(parts))
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.parts().binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts().is_empty()
    }

    /// The part of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.parts().get(self.find(name).ok()?).map(|(_, part)| part)
    }

    /// Whether there is a part of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Names and parts, by name.
    pub fn iter(&self) -> Iter<'_, T> {
        self.parts().iter().map(|(name, part)| (name, part))
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> + DoubleEndedIterator {
        self.parts().iter().map(|(name, _)| name)
    }

    /// The parts, sorted by name.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.parts().iter().map(|(_, part)| part)
    }
}

impl<T: Clone> Members<T> {
    /// What is in it, by itself.
    fn own(&mut self) -> &mut Vec<(String, T)> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// The part of this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let index = self.find(name).ok()?;
        self.own().get_mut(index).map(|(_, part)| part)
    }

    /// Puts a part in; gives the one that was there.
    pub fn insert(&mut self, name: String, part: T) -> Option<T> {
        match self.find(&name) {
            Ok(index) => self.own().get_mut(index).map(|(_, known)| core::mem::replace(known, part)),
            Err(index) => {
                self.own().insert(index, (name, part));
                None
            }
        }
    }

    /// The part of this name, to be changed; put in first if it is not there.
    pub fn get_or_insert_with(&mut self, name: &str, make: impl FnOnce() -> T) -> &mut T {
        let index = match self.find(name) {
            Ok(index) => index,
            Err(index) => {
                self.own().insert(index, (name.to_owned(), make()));
                index
            }
        };
        &mut self.own()[index].1
    }

    /// Takes a part out.
    pub fn remove(&mut self, name: &str) -> Option<T> {
        self.find(name).ok().map(|index| self.own().remove(index).1)
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
        let parts = self.own();
        let mut before = core::mem::take(parts).into_iter().peekable();
        parts.reserve(before.len() + changes.len());
        for (name, part) in changes {
            while let Some(member) = before.next_if(|(known, _)| known.as_str() < name) {
                parts.push(member);
            }
            let known = before.next_if(|(known, _)| known == name);
            if let Part::Put(part) = part {
                parts.push((known.map_or_else(|| name.to_owned(), |(known, _)| known), part));
            }
        }
        parts.extend(before);
    }

    /// Puts in a part whose name is behind all others.
    pub(crate) fn push(&mut self, name: String, part: T) {
        debug_assert!(self.parts().last().is_none_or(|(last, _)| *last < name), "names come in order");
        self.own().push((name, part));
    }

    /// The parts, sorted by name, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> {
        self.own().iter_mut().map(|(_, part)| part)
    }

    /// Keeps what is to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&String, &mut T) -> bool) {
        self.own().retain_mut(|(name, part)| keep(name, part));
    }
}

impl<T: PartialEq> PartialEq for Members<T> {
    fn eq(&self, other: &Self) -> bool {
        let is_same = || self.0.as_ref().zip(other.0.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        is_same() || self.parts() == other.parts()
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Members<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
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
impl<T: Clone> FromIterator<(String, T)> for Members<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(parts: I) -> Self {
        let mut sorted = Self::sorted(parts.into_iter().collect());
        sorted.own().dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                core::mem::swap(later, kept);
            }
            same
        });
        sorted
    }
}

impl<T: Clone, const N: usize> From<[(String, T); N]> for Members<T> {
    fn from(parts: [(String, T); N]) -> Self {
        parts.into_iter().collect()
    }
}

impl<T: Clone> IntoIterator for Members<T> {
    type Item = (String, T);
    type IntoIter = alloc::vec::IntoIter<(String, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter()
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
