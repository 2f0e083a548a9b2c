//! Where a tab has lately put something into a text or an array: what it puts next to that goes on with it, and stays beside it
//! whoever else inserts there at the same time.

use crate::diff::{Diff, Path, Place, Range, Segment, Step};
use crate::prelude::*;

/// So many stretches are remembered.
const REMEMBERED: usize = 32;

/// The stretches, the last one last, as places in what the tab shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    stretches: Vec<Place>,
    /// What the last edit put in, which may be only a part of one. What is next to it goes on with it, whatever is on the other side.
    last: Vec<Place>,
}

impl Typed {
    /// The tab sees what somebody changed.
    pub(super) fn follow(&mut self, diff: &Diff) {
        for places in [&mut self.stretches, &mut self.last] {
            for place in &mut *places {
                *place = place.follow_own(diff);
            }
            places.retain(|place| !place.lost && !place.absent && place.range.is_some_and(|range| range.length > 0));
        }
    }

    /// The tab itself makes this change: what it puts next to them is marked.
    pub(super) fn write(&mut self, diff: &mut Diff) {
        self.join(diff);
        self.add(diff);
    }

    /// Marks what `diff` puts next to them.
    fn join(&self, diff: &mut Diff) {
        if !self.stretches.is_empty() {
            self.within(diff, &mut Path::new());
        }
    }

    fn add(&mut self, diff: &Diff) {
        self.follow(diff);
        let mut inserted = Vec::new();
        collect(diff, &mut Path::new(), &mut inserted);
        if !inserted.is_empty() {
            self.last = inserted.clone();
        }
        for place in inserted {
            self.put(place);
        }
    }

    /// As one with those that it touches.
    fn put(&mut self, mut place: Place) {
        let Some(mut range) = place.range else { return };
        self.stretches.retain(|known| {
            let Some(other) = known.range.filter(|_| known.path == place.path) else { return true };
            let apart = other.start + other.length < range.start || range.start + range.length < other.start;
            if !apart {
                let end = (other.start + other.length).max(range.start + range.length);
                range.start = range.start.min(other.start);
                range.length = end - range.start;
            }
            apart
        });
        place.range = Some(range);
        self.stretches.push(place);
        if self.stretches.len() > REMEMBERED {
            self.stretches.remove(0);
        }
    }

    fn within(&self, diff: &mut Diff, path: &mut Path) {
        match diff {
            Diff::Object(members) => {
                let keys: Vec<String> = members.keys().cloned().collect();
                for key in keys {
                    if let Some(change) = members.get_mut(&key) {
                        path.push(Step::Key(key));
                        self.within(change, path);
                        path.pop();
                    }
                }
            }
            Diff::Text(edits) => self.along(edits, path),
            Diff::Array(edits) => {
                self.along(edits, path);
                let mut at = 0;
                for edit in edits {
                    if let Segment::Inner(change) = edit {
                        path.push(Step::Index(at));
                        self.within(change, path);
                        path.pop();
                    }
                    at += edit.before();
                }
            }
            _ => {}
        }
    }

    fn along<T, I>(&self, edits: &mut [Segment<T, I>], path: &Path) {
        let ranges = |places: &[Place]| -> Vec<Range> {
            places.iter().filter(|place| place.path == *path).filter_map(|place| place.range).collect()
        };
        let (all, last) = (ranges(&self.stretches), ranges(&self.last));
        let mut at = 0;
        for edit in edits {
            if let Segment::Insert(_, joins) = edit {
                for own in [&last, &all] {
                    for range in own {
                        let (start, end) = (range.start, range.start + range.length);
                        joins.before |= start < at && at <= end;
                        joins.behind |= start <= at && at < end;
                    }
                    if joins.before || joins.behind {
                        break;
                    }
                }
            }
            at += edit.before();
        }
    }
}

/// Where `diff` inserts, in what it makes.
fn collect(diff: &Diff, path: &mut Path, places: &mut Vec<Place>) {
    match diff {
        Diff::Object(members) => {
            for (key, change) in members {
                path.push(Step::Key(key.clone()));
                collect(change, path, places);
                path.pop();
            }
        }
        Diff::Text(edits) => inserted(edits, path, places, |edit| edit.after()),
        Diff::Array(edits) => {
            inserted(edits, path, places, |edit| edit.after());
            let mut at = 0;
            for edit in edits {
                if let Segment::Inner(change) | Segment::Put(_, Some(change)) = edit {
                    path.push(Step::Index(at));
                    collect(change, path, places);
                    path.pop();
                }
                at += edit.after();
            }
        }
        _ => {}
    }
}

fn inserted<T, I>(
    edits: &[Segment<T, I>],
    path: &Path,
    places: &mut Vec<Place>,
    after: impl Fn(&Segment<T, I>) -> usize,
) {
    let mut at = 0;
    for edit in edits {
        let length = after(edit);
        if matches!(edit, Segment::Insert(..)) && places.len() < REMEMBERED {
            places.push(Place { range: Some(Range { start: at, length }), ..Place::at(path.clone()) });
        }
        at += length;
    }
}
