//! What stays and what changes between two lists of numbers, in near-linear time.
//!
//! Short lists get Myers' shortest edit. In long ones, numbers that are unique on both sides and in the same order on
//! both are held fast (as "patience diff" does) and what lies between is aligned again; where there are none, all of it
//! counts as changed.

use std::collections::BTreeMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp};

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
        // Lengths are counted up here: after `similar` has moved steps together, its positions are off now and then.
        let (mut open, mut at) = ((0, 0), (0, 0));
        for op in similar::capture_diff_slices(Algorithm::Myers, old, new) {
            let end = (at.0 + op.old_range().len(), at.1 + op.new_range().len());
            if matches!(op, DiffOp::Equal { .. }) {
                if open != at {
                    push(open.0..at.0, open.1..at.1);
                }
                open = end;
            }
            at = end;
        }
        if open != at {
            push(open.0..at.0, open.1..at.1);
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

/// Positions of numbers that are unique in both: the longest choice that is in order in both.
fn anchors(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    let mut seen: BTreeMap<u32, [Seen; 2]> = BTreeMap::new();
    for (side, list) in [old, new].into_iter().enumerate() {
        for (at, number) in list.iter().enumerate() {
            let slot = &mut seen.entry(*number).or_default()[side];
            *slot = if *slot == Seen::Never { Seen::Once(at) } else { Seen::Often };
        }
    }
    let mut pairs: Vec<(usize, usize)> = seen
        .into_values()
        .filter_map(|sides| match sides {
            [Seen::Once(i), Seen::Once(j)] => Some((i, j)),
            _ => None,
        })
        .collect();
    pairs.sort_unstable();
    longest_rise(&pairs)
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Never,
    Once(usize),
    Often,
}

/// The longest choice of pairs in which the second rises too.
fn longest_rise(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
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
        rise.push(pairs[index]);
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
                changed(old, new);
            }
        }
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
