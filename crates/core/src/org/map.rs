//! A map sorted by name, of which a copy costs nothing: copies share what they have in common, and what two of them differ in is
//! found without looking at what they share.
//!
//! It is a weight-balanced tree: neither side of a node has more than [`HEAVIER`] times what the other has, but where both have
//! one at most. Who changes a copy copies the nodes on the way to the place; the rest stays the other's too.

use alloc::rc::Rc;
use core::cmp::Ordering;
use core::fmt;
use core::mem;

use crate::prelude::*;

/// So many times what the other side has, one has at most.
const HEAVIER: usize = 3;

/// Of the side that is too heavy, the inner part goes over whole while it has less than so many times what the outer has.
const INNER: usize = 2;

/// Values by name.
pub(super) struct Map<V>(Option<Rc<Node<V>>>);

/// Names alone.
pub(super) type Set = Map<()>;

#[derive(Clone)]
struct Node<V> {
    name: Rc<str>,
    value: V,
    /// Names here and below.
    count: usize,
    left: Map<V>,
    right: Map<V>,
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map(None)
    }
}

impl<V> Clone for Map<V> {
    fn clone(&self) -> Self {
        Map(self.0.clone())
    }
}

impl<V: PartialEq> PartialEq for Map<V> {
    fn eq(&self, other: &Map<V>) -> bool {
        self.len() == other.len() && self.differences(other).next().is_none()
    }
}

impl<V: fmt::Debug> fmt::Debug for Map<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V> Map<V> {
    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |node| node.count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn node(&self, name: &str) -> Option<&Node<V>> {
        let mut at = self;
        while let Some(node) = &at.0 {
            visits::count();
            match name.cmp(&node.name) {
                Ordering::Less => at = &node.left,
                Ordering::Greater => at = &node.right,
                Ordering::Equal => return Some(node),
            }
        }
        None
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.node(name).map(|node| &node.value)
    }

    /// The name as it is kept here, to be kept elsewhere too.
    pub(super) fn name(&self, name: &str) -> Option<&Rc<str>> {
        self.node(name).map(|node| &node.name)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    /// In the order of the names' UTF-8 bytes.
    pub(super) fn iter(&self) -> Iter<'_, V> {
        let mut iter = Iter(Vec::new());
        iter.go_down(self);
        iter
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Rc<str>> {
        self.iter().map(|(name, _)| name)
    }
}

impl<V: Clone> Map<V> {
    pub(super) fn insert(&mut self, name: &Rc<str>, value: V) {
        self.put(name, |place| match place {
            Some(old) => {
                *old = value;
                None
            }
            None => Some(value),
        });
    }

    /// Changes what is at a name; first puts in what is there by default.
    pub(super) fn change(&mut self, name: &Rc<str>, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        self.put(name, |place| match place {
            Some(old) => {
                change(old);
                None
            }
            None => {
                let mut value = V::default();
                change(&mut value);
                Some(value)
            }
        });
    }

    /// Changes what is there, or else puts in what is given.
    fn put(&mut self, name: &Rc<str>, put: impl FnOnce(Option<&mut V>) -> Option<V>) {
        let Some(node) = &mut self.0 else {
            if let Some(value) = put(None) {
                let name = name.clone();
                *self = Map(Some(Rc::new(Node { name, value, count: 1, left: Map(None), right: Map(None) })));
            }
            return;
        };
        visits::count();
        let node = Rc::make_mut(node);
        match name.cmp(&node.name) {
            Ordering::Less => node.left.put(name, put),
            Ordering::Greater => node.right.put(name, put),
            Ordering::Equal => {
                put(Some(&mut node.value));
                return;
            }
        }
        self.balance();
    }

    /// Takes a name out; gives what was there.
    pub(super) fn remove(&mut self, name: &str) -> Option<V> {
        // Where it is not there, nothing is copied.
        if self.contains(name) { self.take(name) } else { None }
    }

    fn take(&mut self, name: &str) -> Option<V> {
        visits::count();
        let node = Rc::make_mut(self.0.as_mut()?);
        let taken = match name.cmp(&node.name) {
            Ordering::Less => node.left.take(name),
            Ordering::Greater => node.right.take(name),
            Ordering::Equal => {
                let (mut left, mut right) = (mem::take(&mut node.left), mem::take(&mut node.right));
                // In its place is its neighbour on the side that has more.
                let next = if left.len() > right.len() { left.take_end(true) } else { right.take_end(false) };
                return match next {
                    Some((name, next)) => {
                        node.name = name;
                        (node.left, node.right) = (left, right);
                        let taken = mem::replace(&mut node.value, next);
                        self.balance();
                        Some(taken)
                    }
                    None => self.0.take().map(|node| node.value.clone()),
                };
            }
        };
        self.balance();
        taken
    }

    /// Takes out the last name, or the first.
    fn take_end(&mut self, last: bool) -> Option<(Rc<str>, V)> {
        visits::count();
        let node = Rc::make_mut(self.0.as_mut()?);
        let (side, other) = match last {
            true => (&mut node.right, &mut node.left),
            false => (&mut node.left, &mut node.right),
        };
        let taken = side.take_end(last);
        if taken.is_some() {
            self.balance();
            return taken;
        }
        let (name, value, rest) = (node.name.clone(), node.value.clone(), mem::take(other));
        *self = rest;
        Some((name, value))
    }

    /// Counts again, and makes up for one name more or less on one of the sides.
    fn balance(&mut self) {
        let Some(node) = &mut self.0 else { return };
        let node = Rc::make_mut(node);
        let (left, right) = (node.left.len(), node.right.len());
        node.count = 1 + left + right;
        if left + right <= 1 {
            return;
        }
        if right > HEAVIER * left {
            let inner_goes = node.right.0.as_ref().is_some_and(|node| node.left.len() < INNER * node.right.len());
            if !inner_goes {
                node.right.turn(false);
            }
            self.turn(true);
        } else if left > HEAVIER * right {
            let inner_goes = node.left.0.as_ref().is_some_and(|node| node.right.len() < INNER * node.left.len());
            if !inner_goes {
                node.left.turn(true);
            }
            self.turn(false);
        }
    }

    /// Puts the right side's node in the place of this one, which goes to its left; or the other way around.
    fn turn(&mut self, to_left: bool) {
        let Some(mut old) = self.0.take() else { return };
        let node = Rc::make_mut(&mut old);
        let side = if to_left { &mut node.right } else { &mut node.left };
        let Some(mut top) = side.0.take() else {
            self.0 = Some(old);
            return;
        };
        let new = Rc::make_mut(&mut top);
        *side = mem::take(if to_left { &mut new.left } else { &mut new.right });
        node.count = 1 + node.left.len() + node.right.len();
        let count = node.count;
        new.count = 1 + count + if to_left { new.right.len() } else { new.left.len() };
        *(if to_left { &mut new.left } else { &mut new.right }) = Map(Some(old));
        self.0 = Some(top);
    }
}

/// In order.
pub(super) struct Iter<'a, V>(Vec<&'a Node<V>>);

impl<'a, V> Iter<'a, V> {
    fn go_down(&mut self, mut map: &'a Map<V>) {
        while let Some(node) = &map.0 {
            self.0.push(node);
            map = &node.left;
        }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Rc<str>, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        visits::count();
        let node = self.0.pop()?;
        self.go_down(&node.right);
        Some((&node.name, &node.value))
    }
}

impl<'a, V> IntoIterator for &'a Map<V> {
    type Item = (&'a Rc<str>, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// What another map has at a name.
#[derive(Debug, PartialEq)]
pub(super) enum Change<'a, V> {
    /// Nothing, where this is here.
    Gone(&'a V),
    /// This, where nothing is here.
    New(&'a V),
    /// Something else: what is here, and there.
    Other(&'a V, &'a V),
}

impl<V: PartialEq> Map<V> {
    /// What another map has otherwise, in the order of the names. What they share is not looked at.
    pub(super) fn differences<'a>(&'a self, other: &'a Map<V>) -> Differences<'a, V> {
        let part = |map: &'a Map<V>| map.0.as_ref().map(Ahead::Part).into_iter().collect();
        Differences { here: part(self), there: part(other) }
    }
}

/// What is to be looked at: a part of the tree, or a node without what is below it.
enum Ahead<'a, V> {
    Part(&'a Rc<Node<V>>),
    Name(&'a Node<V>),
}

impl<V> Clone for Ahead<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Ahead<'_, V> {}

/// Of [`Map::differences`]: what is ahead in each, the next last.
pub(super) struct Differences<'a, V> {
    here: Vec<Ahead<'a, V>>,
    there: Vec<Ahead<'a, V>>,
}

fn part<'a, V>(ahead: &mut Vec<Ahead<'a, V>>, node: &'a Rc<Node<V>>) {
    visits::count();
    ahead.pop();
    ahead.extend(node.right.0.as_ref().map(Ahead::Part));
    ahead.push(Ahead::Name(node));
    ahead.extend(node.left.0.as_ref().map(Ahead::Part));
}

impl<'a, V: PartialEq> Iterator for Differences<'a, V> {
    type Item = (&'a Rc<str>, Change<'a, V>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (here, there) = (self.here.last().copied(), self.there.last().copied());
            let (one, other) = match (here, there) {
                (Some(Ahead::Part(one)), Some(Ahead::Part(other))) if Rc::ptr_eq(one, other) => {
                    self.here.pop();
                    self.there.pop();
                    continue;
                }
                (Some(Ahead::Part(one)), Some(Ahead::Part(other))) => {
                    // The larger first: what begins here and is in both is come to in both at once.
                    if one.count >= other.count {
                        part(&mut self.here, one);
                    }
                    if other.count >= one.count {
                        part(&mut self.there, other);
                    }
                    continue;
                }
                (Some(Ahead::Part(one)), _) => {
                    part(&mut self.here, one);
                    continue;
                }
                (_, Some(Ahead::Part(other))) => {
                    part(&mut self.there, other);
                    continue;
                }
                (Some(Ahead::Name(one)), Some(Ahead::Name(other))) => (one, other),
                (Some(Ahead::Name(one)), None) => {
                    self.here.pop();
                    return Some((&one.name, Change::Gone(&one.value)));
                }
                (None, Some(Ahead::Name(other))) => {
                    self.there.pop();
                    return Some((&other.name, Change::New(&other.value)));
                }
                (None, None) => return None,
            };
            let order = one.name.cmp(&other.name);
            if order.is_le() {
                self.here.pop();
            }
            if order.is_ge() {
                self.there.pop();
            }
            match order {
                Ordering::Less => return Some((&one.name, Change::Gone(&one.value))),
                Ordering::Greater => return Some((&other.name, Change::New(&other.value))),
                Ordering::Equal if one.value == other.value => {}
                Ordering::Equal => return Some((&one.name, Change::Other(&one.value, &other.value))),
            }
        }
    }
}

/// How many nodes were come to: what a test counts to see that a small change is a small work.
pub(super) mod visits {
    #[cfg(test)]
    std::thread_local! {
        static COUNT: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
    }

    #[inline]
    pub(super) fn count() {
        #[cfg(test)]
        COUNT.set(COUNT.get() + 1);
    }

    #[cfg(test)]
    pub(in crate::org) fn taken() -> usize {
        COUNT.take()
    }
}

#[cfg(test)]
mod tests;
