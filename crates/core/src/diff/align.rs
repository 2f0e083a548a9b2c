//! What stays and what changes between two lists of numbers, in near-linear time.
//!
//! Short lists get Myers' shortest edit. In long ones, numbers that are unique on both sides and in the same order on
//! both are held fast (as "patience diff" does) and what lies between is aligned again; where there are none, they too get the
//! shortest edit if it takes no more than half of what is left of the [`Effort`]. What takes more counts as changed.
//!
//! Numbers are indices of tables here: they are below the length of what is compared, or not much above it.

use core::cell::Cell;
use core::ops::Range;

use crate::prelude::*;

/// Lists up to this long together are aligned by Myers' algorithm at once, whose work is at worst their square.
const SHORT: usize = 1024;
/// Longer ones than that are never aligned by it.
const LONG: usize = u16::MAX as usize;
/// How often what lies between unique numbers is aligned by those that are unique there.
const ROUNDS: usize = 8;
/// Steps that all of one diff may spend on what takes the square of a length.
const EFFORT: usize = 1 << 22;
/// Steps for each element that are not counted: what is in proportion to the length needs no bound.
const FREE: usize = 8;

/// How much more may be spent on what takes the square of a length. One for a whole diff, since short lists are many.
pub(super) struct Effort(Cell<usize>);

impl Effort {
    pub(super) fn new() -> Effort {
        Effort(Cell::new(EFFORT))
    }

    /// Whether there is so much left, which is then spent.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps);
        self.0.set(left.unwrap_or_else(|| self.0.get()));
        left.is_some()
    }

    /// Half of what is left, apart from the rest.
    fn halve(&self) -> Effort {
        let half = self.0.get() / 2;
        self.0.set(self.0.get() - half);
        Effort(Cell::new(half))
    }

    fn give_back(&self, other: &Effort) {
        self.0.set(self.0.get() + other.0.take());
    }
}

/// A part that changes: `old` is replaced by `new`. Either may be empty, not both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// The parts that change, in order.
pub(super) fn align(old: &[u32], new: &[u32], effort: &Effort) -> Vec<Hunk> {
    let mut aligner = Aligner { effort, places: Places::default(), hunks: Vec::new() };
    aligner.between(old, new, (0, 0), ROUNDS);
    aligner.hunks
}

struct Aligner<'a> {
    effort: &'a Effort,
    places: Places,
    hunks: Vec<Hunk>,
}

impl Aligner<'_> {
    fn between(&mut self, old: &[u32], new: &[u32], start: (usize, usize), rounds: usize) {
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let (old, new, start) = (&old[head..], &new[head..], (start.0 + head, start.1 + head));
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
        let mut whole = vec![Hunk { old: 0..old.len(), new: 0..new.len() }];
        if old.is_empty() && new.is_empty() {
            return;
        }
        if !old.is_empty() && !new.is_empty() {
            let length = old.len() + new.len();
            if length <= SHORT {
                whole = shortest(old, new, self.effort).unwrap_or(whole);
            } else {
                let fixed = if rounds > 0 { longest_rise(&self.places.unique(old, new)) } else { Vec::new() };
                if fixed.is_empty() && length <= LONG {
                    let half = self.effort.halve();
                    whole = shortest(old, new, &half).unwrap_or(whole);
                    self.effort.give_back(&half);
                }
                if !fixed.is_empty() {
                    let mut at = (0, 0);
                    for (i, j) in fixed.into_iter().chain([(old.len(), new.len())]) {
                        let start = (start.0 + at.0, start.1 + at.1);
                        self.between(&old[at.0..i], &new[at.1..j], start, rounds - 1);
                        at = (i + 1, j + 1);
                    }
                    return;
                }
            }
        }
        self.hunks.extend(whole.into_iter().map(|Hunk { old, new }| Hunk {
            old: start.0 + old.start..start.0 + old.end,
            new: start.1 + new.start..start.1 + new.end,
        }));
    }
}

/// Myers' shortest edit ("An O(ND) difference algorithm and its variations", 1986). Nothing when that would take too much.
fn shortest(old: &[u32], new: &[u32], effort: &Effort) -> Option<Vec<Hunk>> {
    // After so many changes, on each diagonal (elements of `old` less elements of `new`) from -changes to changes in
    // steps of two: how much of `old` is walked at most. All of them are kept, since they lead back.
    let mut furthest: Vec<u16> = Vec::new();
    let mut changes = 0;
    let free = FREE * (old.len() + new.len());
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
        if furthest.len() > free && !effort.spend(changes) {
            return None;
        }
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
    Some(hunks)
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

/// Positions of numbers that are unique in both lists, in the order of the old one.
pub(super) fn unique(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    Places::default().unique(old, new)
}

/// The same, and the longest choice of them that is in order in both.
pub(super) fn unique_in_order(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    longest_rise(&unique(old, new))
}

/// Where each number is, in the old list and in the new one. All are nowhere but while that is asked.
#[derive(Default)]
struct Places(Vec<[u32; 2]>);

const NOWHERE: u32 = u32::MAX;
const TWICE: u32 = u32::MAX - 1;

impl Places {
    fn unique(&mut self, old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
        for (side, list) in [old, new].into_iter().enumerate() {
            for (number, at) in list.iter().zip(0..) {
                let number = *number as usize;
                if number >= self.0.len() {
                    self.0.resize(number + 1, [NOWHERE; 2]);
                }
                let place = &mut self.0[number][side];
                *place = if *place == NOWHERE { at } else { TWICE };
            }
        }
        let mut pairs = Vec::new();
        for (number, i) in old.iter().zip(0..) {
            let [place, other] = self.0[*number as usize];
            if place < TWICE && other < TWICE {
                pairs.push((i, other as usize));
            }
        }
        old.iter().chain(new).for_each(|number| self.0[*number as usize] = [NOWHERE; 2]);
        pairs
    }
}

/// The longest choice of pairs in which the second rises too.
fn longest_rise(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends a rise of it lowest; and for each pair, the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<usize> = Vec::with_capacity(pairs.len());
    for (index, (_, j)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *j);
        before.push(length.checked_sub(1).map_or(usize::MAX, |last| ends[last]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut rise = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied().unwrap_or(usize::MAX);
    while let Some(pair) = pairs.get(at) {
        rise.push(*pair);
        at = before[at];
    }
    rise.reverse();
    rise
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(old: &[u32], new: &[u32]) -> usize {
        let hunks = align(old, new, &Effort::new());
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
    fn what_is_left_of_the_effort_is_shared_and_few_edits_need_none() {
        let effort = Effort::new();
        let noise = |seed: u32| (0..500_u32).map(|i| i.wrapping_mul(seed) >> 9 & 3).collect::<Vec<u32>>();
        let (old, new) = (noise(2_654_435_761), noise(2_246_822_519));
        let counts: Vec<usize> = (0..2_000).map(|_| align(&old, &new, &effort).len()).collect();
        assert!(counts[0] > 10, "{}", counts[0]);
        assert_eq!(counts.last(), Some(&1));
        let mut edited = old.clone();
        edited[100] = 7;
        edited.remove(400);
        assert_eq!(align(&old, &edited, &effort).len(), 2);
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
