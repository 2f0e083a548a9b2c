//! Sorting by a heap. The standard library's sorts are faster, and each is 4 KB of what browsers load.

use alloc::collections::BinaryHeap;

use crate::prelude::*;

/// Sorted.
#[inline(never)]
pub(crate) fn sorted<T: Ord>(items: Vec<T>) -> Vec<T> {
    BinaryHeap::from(items).into_sorted_vec()
}

/// Sorted by their numbers; those of one number in the order they have.
pub(crate) fn by_number<T>(items: Vec<(u64, T)>) -> Vec<(u64, T)> {
    let places = items.iter().zip(0..).map(|((number, _), at)| (*number, at)).collect();
    at_places(items, sorted(places).into_iter().map(|(_, at)| at))
}

/// Sorted by their names; those of one name in the order they have.
pub(crate) fn by_name<T>(items: Vec<(String, T)>) -> Vec<(String, T)> {
    let places: Vec<(&str, usize)> = items.iter().zip(0..).map(|((name, _), at)| (name.as_str(), at)).collect();
    let order: Vec<usize> = sorted(places).into_iter().map(|(_, at)| at).collect();
    at_places(items, order.into_iter())
}

/// The items in the order of these places.
fn at_places<T>(items: Vec<T>, order: impl Iterator<Item = usize>) -> Vec<T> {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.filter_map(|at| items.get_mut(at)?.take()).collect()
}
