//! What stays and what changes between two lists of numbers, in near-linear time.
//!
//! Short lists get Myers' shortest edit. In long ones, numbers that are unique on both sides and in the same order on
//! both are held fast (as "patience diff" does) and what lies between is aligned again; where there are none, all of it
//! counts as changed.

use core::ops::Range;

use crate::prelude::*;
use crate::sort::sorted;

/// Lists up to this long together are aligned by Myers' algorithm, whose work is at worst their square.
const SHORT: usize = 1024;
/// How often what lies between unique numbers is aligned by those that are unique there.
const ROUNDS: usize = 8;

/// A part that changes: `old` is replaced by `new`. Either may be empty, not both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// The parts that change, in order.
pub(super) fn align(old: &[u32], new: &[u32]) -> Vec<Hunk> {
    let mut hunks = Vec::new();
    between(old, new, (0, 0), ROUNDS, &mut hunks);
    hunks
}

fn between(old: &[u32], new: &[u32], start: (usize, usize), rounds: usize, hunks: &mut Vec<Hunk>) {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new, start) = (&old[head..], &new[head..], (start.0 + head, start.1 + head));
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut push = |old: Range<usize>, new: Range<usize>| {
        hunks.push(Hunk { old: start.0 + old.start..start.0 + old.end, new: start.1 + new.start..start.1 + new.end });
    };
    if old.is_empty() && new.is_empty() {
        return;
    }
    if old.is_empty() || new.is_empty() {
        return push(0..old.len(), 0..new.len());
    }
    if old.len() + new.len() <= SHORT {
        for hunk in shortest(old, new) {
            push(hunk.old, hunk.new);
        }
        return;
    }
    let fixed = if rounds == 0 { Vec::new() } else { anchors(old, new) };
    if fixed.is_empty() {
        return push(0..old.len(), 0..new.len());
    }
    let mut at = (0, 0);
    for (i, j) in fixed.into_iter().chain([(old.len(), new.len())]) {
        between(&old[at.0..i], &new[at.1..j], (start.0 + at.0, start.1 + at.1), rounds - 1, hunks);
        at = (i + 1, j + 1);
    }
}

/// Myers' shortest edit ("An O(ND) difference algorithm and its variations", 1986).
fn shortest(old: &[u32], new: &[u32]) -> Vec<Hunk> {
    // After so many changes, on each diagonal (elements of `old` less elements of `new`) from -changes to changes in
    // steps of two: how much of `old` is walked at most. All of them are kept, since they lead back.
    let mut furthest: Vec<u16> = Vec::new();
    let mut changes = 0;
    let ends = 'walk: loop {
        for index in 0..=changes {
            let (before, inserts) = arrive(&furthest, changes, index);
            let mut x = if changes == 0 { 0 } else { usize::from(before) + usize::from(!inserts) };
            // Past the end of either list nothing is equal, and no way leads back.
            let y = |x: usize| (x + changes).wrapping_sub(2 * index);
            while old.get(x).is_some_and(|element| new.get(y(x)) == Some(element)) {
                x += 1;
            }
            furthest.push(x as u16);
            if x == old.len() && y(x) == new.len() {
                break 'walk index;
            }
        }
        changes += 1;
    };
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut index = ends;
    while changes > 0 {
        let (before, inserts) = arrive(&furthest, changes, index);
        let x = usize::from(before);
        let end = x + usize::from(!inserts);
        let new_end = end + changes - 2 * index;
        let y = new_end - usize::from(inserts);
        match hunks.last_mut() {
            // Nothing is equal between this change and the next.
            Some(next) if next.old.start == end && next.new.start == new_end => {
                (next.old.start, next.new.start) = (x, y);
            }
            _ => hunks.push(Hunk { old: x..end, new: y..new_end }),
        }
        index -= usize::from(!inserts);
        changes -= 1;
    }
    hunks.reverse();
    hunks
}

/// The best way to a diagonal, which is the `index`th after so many changes: how much of the old list is walked before
/// the last change, and whether that inserts (or else deletes).
fn arrive(furthest: &[u16], changes: usize, index: usize) -> (u16, bool) {
    // Those of one change less start where all before them end: 1 + 2 + … of them.
    let start = changes * changes.saturating_sub(1) / 2;
    let below = index.checked_sub(1).and_then(|index| furthest.get(start + index).copied());
    let above = if index < changes { furthest.get(start + index).copied() } else { None };
    match (below, above) {
        (Some(below), Some(above)) if below < above => (above, true),
        (None, above) => (above.unwrap_or(0), true),
        (Some(below), _) => (below, false),
    }
}

/// Positions of numbers that are unique in both: the longest choice that is in order in both.
fn anchors(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    // Each number doubled, and one more in the new list.
    let mut places: Vec<(u64, usize)> = Vec::with_capacity(old.len() + new.len());
    for (side, list) in [(0, old), (1, new)] {
        places.extend(list.iter().zip(0..).map(|(number, at)| (u64::from(*number) << 1 | side, at)));
    }
    let alone = |pair: &[(u64, usize)]| match *pair {
        [(a, i), (b, j)] if a & 1 < b & 1 => Some((i as u64, j)),
        _ => None,
    };
    let places = sorted(places);
    longest_rise(&sorted(places.chunk_by(|a, b| a.0 >> 1 == b.0 >> 1).filter_map(alone).collect()))
}

/// The longest choice of pairs in which the second rises too.
fn longest_rise(pairs: &[(u64, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends a rise of it lowest; and for each pair, the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, j)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *j);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() { ends.push(index) } else { ends[length] = index }
    }
    let mut rise = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(index) = at {
        rise.push((pairs[index].0 as usize, pairs[index].1));
        at = before[index];
    }
    rise.reverse();
    rise
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &[u32], new: &[u32]) -> usize {
        let hunks = align(old, new);
        let mut made = Vec::new();
        let mut at = 0;
        for hunk in &hunks {
            assert!(!hunk.old.is_empty() || !hunk.new.is_empty());
            made.extend_from_slice(&old[at..hunk.old.start]);
            assert_eq!(made.len(), hunk.new.start);
            made.extend_from_slice(&new[hunk.new.clone()]);
            at = hunk.old.end;
        }
        made.extend_from_slice(&old[at..]);
        assert_eq!(made, new);
        hunks.iter().map(|hunk| hunk.old.len() + hunk.new.len()).sum()
    }

    #[test]
    fn short_lists_get_the_shortest_edit() {
        assert_eq!(changed(&[], &[]), 0);
        assert_eq!(changed(&[1, 2, 3], &[1, 2, 3]), 0);
        assert_eq!(changed(&[1, 2, 3, 4, 5], &[1, 3, 4, 6, 5]), 2);
        assert_eq!(changed(&[1, 2], &[]), 2);
    }

    #[test]
    fn all_short_lists_are_aligned_to_what_they_are() {
        let lists: Vec<Vec<u32>> = (0..6_u32)
            .flat_map(|length| (0..3_u32.pow(length)).map(move |n| (0..length).map(|i| n / 3_u32.pow(i) % 3).collect()))
            .collect();
        for old in &lists {
            for new in &lists {
                assert_eq!(changed(old, new), old.len() + new.len() - 2 * common(old, new), "{old:?} {new:?}");
            }
        }
    }

    /// The length of the longest common subsequence.
    fn common(old: &[u32], new: &[u32]) -> usize {
        let mut lengths = vec![0; new.len() + 1];
        for a in old {
            let mut diagonal = 0;
            for (j, b) in new.iter().enumerate() {
                let here = if a == b { diagonal + 1 } else { lengths[j + 1].max(lengths[j]) };
                diagonal = std::mem::replace(&mut lengths[j + 1], here);
            }
        }
        lengths[new.len()]
    }

    #[test]
    fn in_long_lists_far_edits_are_found_apart() {
        let old: Vec<u32> = (0..50_000).collect();
        let mut new = old.clone();
        new[10] = 1_000_000;
        new.remove(25_000);
        new.insert(49_000, 1_000_001);
        assert_eq!(changed(&old, &new), 4);
    }

    #[test]
    fn long_lists_without_anything_unique_end_soon() {
        let old: Vec<u32> = (0..100_000_u32).map(|i| i * 7 % 5).collect();
        let new: Vec<u32> = (0..100_000_u32).map(|i| i % 1000 * i % 11 % 5).collect();
        changed(&old, &new);
        let turned: Vec<u32> = (0..100_000).collect();
        changed(&turned, &turned.iter().rev().copied().collect::<Vec<_>>());
    }
}
