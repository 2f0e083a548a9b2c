//! What of a diff stays where another, concurrent one contradicts it: everything but the places they contradict each other about,
//! and what each wants there.

use alloc::borrow::Cow;

use super::meet::{self, Stretch};
use super::place::{self, Place, Range, Step};
use super::rebase::{Fate, Moves, rebase};
use super::sequence::{self, Builder, Run, Segments};
use super::{Diff, Keyed, Order, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::{Object, Value};

/// A diff without what contradicts another.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The rest, from the same base.
    pub kept: Diff,
    /// What is left out.
    pub contested: Vec<Contested>,
}

/// One place that two change to different effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Contested {
    /// Where it is in what the other diff makes.
    pub place: Place,
    /// What was there before both; none where nothing was.
    pub base: Option<Value>,
    /// What the one makes of it.
    pub mine: Option<Value>,
    /// What the other does.
    pub theirs: Option<Value>,
}

/// Cuts out of `a` what contradicts `b`, both from `base`.
pub fn split(a: &Diff, b: &Diff, base: &Value) -> Split {
    let mut contested = Vec::new();
    let kept = cut(a, b, Some(base), &mut contested).unwrap_or_else(Diff::identity);
    Split { kept, contested }
}

/// What there is after a diff.
fn after(diff: &Diff, base: Option<&Value>) -> Option<Value> {
    match (diff, base) {
        (Diff::Remove, _) => None,
        (Diff::Set { value, .. }, _) => Some(value.clone()),
        (Diff::Increment(increment), base) => increment.on(base).ok(),
        (diff, base) => {
            let mut value = base?.clone();
            diff.apply(&mut value).ok()?;
            Some(value)
        }
    }
}

/// What is kept, if anything. Places are added from here on.
fn cut(a: &Diff, b: &Diff, base: Option<&Value>, contested: &mut Vec<Contested>) -> Option<Diff> {
    // Whether they contradict each other does not depend on who comes first.
    if rebase(a, b, Order::later(None, None)).is_ok() {
        return Some(a.clone());
    }
    // The same, said in another way.
    if after(a, base) == after(b, base) {
        return None;
    }
    match (a, b, base) {
        (Diff::Object(a), Diff::Object(b), Some(Value::Object(object))) => {
            let mut kept = Members::new();
            for (key, change) in a {
                let change = match b.get(key) {
                    None => Some(change.clone()),
                    Some(other) => within(Step::Key(key.clone()), contested, |contested| {
                        cut(change, other, object.get(key), contested)
                    }),
                };
                if let Some(change) = change {
                    kept.push(key.clone(), change);
                }
            }
            Some(Diff::Object(kept))
        }
        (
            Diff::Set { value: Value::Object(mine), over_container: false },
            Diff::Set { value: Value::Object(other), over_container: false },
            base,
        ) if !matches!(base, Some(Value::Object(_) | Value::Array(_))) => {
            Some(Diff::Set { value: Value::Object(created(mine, other, contested)), over_container: false })
        }
        (Diff::Text(a), Diff::Text(b), Some(Value::Text(text))) if fits(a, b, super::text::units(text)) => {
            let (a, b) = (sequence::normal::<String>(a), sequence::normal::<String>(b));
            let cut = stretches::<String>(
                &a,
                &b,
                contested,
                |range| {
                    let end = super::text::offset(text, range.start + range.length).ok()?;
                    let start = super::text::offset(text, range.start).ok()?;
                    Some(Value::text(&text[start..end]))
                },
                |after, range| match after {
                    Value::Text(text) => {
                        let end = super::text::offset(text, range.start + range.length).ok()?;
                        let start = super::text::offset(text, range.start).ok()?;
                        Some(Value::text(&text[start..end]))
                    }
                    _ => None,
                },
                base,
            );
            Some(Diff::Text(without::<String>(&a, &cut)))
        }
        (Diff::Array(a), Diff::Array(b), Some(base @ Value::Array(items))) if fits(a, b, items.len()) => {
            elements(a, b, items, None, base, contested).map(Diff::Array)
        }
        (Diff::Entries(kind, a), Diff::Entries(_, b), Some(base)) => {
            let items = super::apply::elements(base).filter(|items| fits(a, b, items.len()))?;
            elements(a, b, &items, Some(*kind), base, contested).map(|kept| Diff::Entries(*kind, kept))
        }
        _ => {
            let (mine, theirs) = (after(a, base), after(b, base));
            contested.push(Contested { place: Place::at(Vec::new()), base: base.cloned(), mine, theirs });
            None
        }
    }
}

/// Whether both are edits of so many.
fn fits<T, I>(a: &[Segment<T, I>], b: &[Segment<T, I>], length: usize) -> bool {
    sequence::base_length(a) == length && sequence::base_length(b) == length
}

/// Does something one step further in.
fn within<R>(step: Step, contested: &mut Vec<Contested>, work: impl FnOnce(&mut Vec<Contested>) -> R) -> R {
    let from = contested.len();
    let result = work(contested);
    for one in &mut contested[from..] {
        one.place.path.insert(0, step.clone());
    }
    result
}

/// Both made an object where there was none: what of `a` is no contradiction.
fn created(a: &Object, b: &Object, contested: &mut Vec<Contested>) -> Object {
    let mut kept = Object::new();
    for (key, value) in a {
        let value = match (value, b.get(key)) {
            (value, None) => value.clone(),
            (value, Some(other)) if value == other => value.clone(),
            (Value::Object(value), Some(Value::Object(other))) => {
                Value::Object(within(Step::Key(key.clone()), contested, |contested| created(value, other, contested)))
            }
            (value, Some(other)) => {
                let place = Place::at(vec![Step::Key(key.clone())]);
                contested.push(Contested { place, base: None, mine: Some(value.clone()), theirs: Some(other.clone()) });
                continue;
            }
        };
        kept.push(key.clone(), value);
    }
    kept
}

/// What is not to be done of some edits.
#[derive(Default)]
struct Cut {
    /// Stretches whose replacement is left out: what is inserted, and what is deleted.
    stretches: Vec<(usize, usize)>,
    /// What is contested with them, as one place.
    groups: Vec<(usize, usize)>,
    /// Elements of the base that stay as they are.
    elements: Vec<usize>,
    /// What is inserted and left out, by its place among all that is.
    inserted: Vec<usize>,
}

/// Groups of overlapping stretches that are replaced on both sides, differently.
fn stretches<T: Run>(
    a: &[Segment<T, T::Inner>],
    b: &[Segment<T, T::Inner>],
    contested: &mut Vec<Contested>,
    of_base: impl Fn(Range) -> Option<Value>,
    of: impl Fn(&Value, Range) -> Option<Value>,
    base: Option<&Value>,
) -> Cut {
    let (mine, others) = (meet::replaced::<T>(a), meet::replaced::<T>(b));
    let pairs = meet::overlapping(&mine, &others);
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let span = |one: &Stretch<'_, T>, other: &Stretch<'_, T>| (one.start.min(other.start), one.end.max(other.end));
    for (i, j) in &pairs {
        let (start, end) = span(&mine[*i], &others[*j]);
        match groups.last_mut() {
            Some((_, known)) if start < *known => *known = end.max(*known),
            _ => groups.push((start, end)),
        }
    }
    // A group of one pair that puts the same in is no contradiction.
    let alone = |(start, end): (usize, usize)| {
        let mut in_it = pairs.iter().filter(|(i, _)| mine[*i].start < end && start < mine[*i].end);
        matches!((in_it.next(), in_it.next()), (Some((i, j)), None) if mine[*i].run == others[*j].run)
    };
    let mut cut = Cut::default();
    let (after_a, after_b) = (after(&T::diff(a.to_vec()), base), after(&T::diff(b.to_vec()), base));
    for (start, end) in groups.into_iter().filter(|group| !alone(*group)) {
        let within = |segments: &[Segment<T, T::Inner>], stretches: &[Stretch<'_, T>]| {
            let from = place::gap::<T>(segments, start, true);
            let before = !stretches.iter().any(|one| one.behind && one.end == end);
            Range { start: from, length: place::gap::<T>(segments, end, before).saturating_sub(from) }
        };
        let (in_a, in_b) = (within(a, &mine), within(b, &others));
        let mine_there = after_a.as_ref().and_then(|value| of(value, in_a));
        let theirs = after_b.as_ref().and_then(|value| of(value, in_b));
        // The same, of which one has kept a part.
        if mine_there != theirs {
            let place = Place { range: Some(in_b), ..Place::at(Vec::new()) };
            let base = of_base(Range { start, length: end - start });
            contested.push(Contested { place, base, mine: mine_there, theirs });
        }
        cut.stretches
            .extend(mine.iter().filter(|one| one.start < end && start < one.end).map(|one| (one.start, one.end)));
        cut.groups.push((start, end));
    }
    cut
}

fn elements(
    a: &[Segment<Vec<Value>, Diff>],
    b: &[Segment<Vec<Value>, Diff>],
    items: &[Value],
    kind: Option<Keyed>,
    base: &Value,
    contested: &mut Vec<Contested>,
) -> Option<Segments<Vec<Value>>> {
    let (a, b): (Cow<'_, [_]>, Cow<'_, [_]>) = (sequence::normal::<Vec<Value>>(a), sequence::normal::<Vec<Value>>(b));
    let array = |items: &[Value], range: Range| {
        Some(Value::Array(items.get(range.start..range.start + range.length)?.to_vec()))
    };
    let mut cut = match kind {
        None => stretches::<Vec<Value>>(
            &a,
            &b,
            contested,
            |range| array(items, range),
            |after, range| match after {
                Value::Array(items) => array(items, range),
                _ => None,
            },
            Some(base),
        ),
        Some(_) => Cut::default(),
    };
    // What both put in under one name, without what they contradict each other in.
    let mut smaller = Vec::new();
    for (i, mine, j, theirs) in meet::same_elements(&a, &b, kind) {
        if meet::united(mine, theirs, kind).is_ok() {
            continue;
        }
        let step = Step::Index(inserted_at(&b, j));
        let kept = match (mine, theirs) {
            (Value::Object(mine), Value::Object(theirs)) if kind.is_none() => {
                Some(Value::Object(within(step.clone(), contested, |contested| created(mine, theirs, contested))))
            }
            (Value::Array(mine), Value::Array(theirs)) if kind == Some(Keyed::Map) => match (&mine[..], &theirs[..]) {
                ([key, Value::Object(mine)], [_, Value::Object(theirs)]) => {
                    let value = within(step.clone(), contested, |contested| {
                        within(Step::Index(1), contested, |contested| created(mine, theirs, contested))
                    });
                    Some(Value::Array(vec![key.clone(), Value::Object(value)]))
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(kept) = kept {
            smaller.push((i, kept));
            continue;
        }
        cut.inserted.push(i);
        let place = Place::at(vec![step]);
        contested.push(Contested { place, base: None, mine: Some(mine.clone()), theirs: Some(theirs.clone()) });
    }
    let (mine, other) = (Moves::<Vec<Value>>::of(&a), Moves::<Vec<Value>>::of(&b));
    let mut inner = Vec::new();
    for (index, my_fate, others_fate) in both(&mine, &other) {
        let item = items.get(index)?;
        let is_in = |stretches: &[(usize, usize)]| stretches.iter().any(|(start, end)| (*start..*end).contains(&index));
        let is_cut = is_in(&cut.stretches);
        // What is there of it is held with that.
        let is_held = is_in(&cut.groups) && !matches!(my_fate, Fate::Moves(..));
        let place = || Place { absent: matches!(others_fate, Fate::Goes), ..Place::at(Vec::new()) }.then(index, &b);
        match (my_fate, others_fate) {
            (Fate::Goes, fate) if !is_cut && fate.inner().is_some() => {
                cut.elements.push(index);
                // What was taken out and put back under its name is one element still.
                let again = meet::inserted_again(&a, item, kind);
                cut.inserted.extend(again.map(|(inserted, _)| inserted));
                let theirs = fate.inner().and_then(|change| after(change, Some(item)));
                let mine = again.map(|(_, value)| value.clone());
                // As it was, it was only put elsewhere.
                if mine.as_ref() != Some(item) && mine != theirs && !is_held {
                    contested.push(Contested { place: place(), base: Some(item.clone()), mine, theirs });
                }
            }
            (fate, Fate::Goes) if fate.inner().is_some() => {
                cut.elements.push(index);
                let mine = fate.inner().and_then(|change| after(change, Some(item)));
                let again = meet::inserted_again(&b, item, kind).filter(|_| kind.is_some());
                let place = again.map_or_else(place, |(at, _)| Place::at(vec![Step::Index(inserted_at(&b, at))]));
                let theirs = again.map(|(_, value)| value.clone());
                if mine != theirs && !is_held {
                    contested.push(Contested { place, base: Some(item.clone()), mine, theirs });
                }
            }
            (one, another) => {
                if let (Some(mine), Some(theirs)) = (one.inner(), another.inner()) {
                    let Some(Step::Index(at)) = place().path.first().cloned() else { continue };
                    let kept =
                        within(Step::Index(at), contested, |contested| self::cut(mine, theirs, Some(item), contested));
                    inner.push((index, kept));
                }
            }
        }
    }
    cut.inserted = sorted(cut.inserted);
    let with_inner = replace_inserted(replace_inner(&mine, inner), smaller);
    Some(without::<Vec<Value>>(&with_inner, &cut))
}

impl Place {
    /// As a place in an element of the base: where that is after the edits.
    fn then(mut self, index: usize, edits: &[Segment<Vec<Value>, Diff>]) -> Place {
        self.path.push(Step::Index(place::element_at(edits, index)));
        self
    }
}

/// Elements of the base that are changed from inside or gone on both sides, or changed on one and gone on the other.
fn both<'a>(a: &Moves<'a, Vec<Value>>, b: &Moves<'a, Vec<Value>>) -> Vec<(usize, Fate<'a, Diff>, Fate<'a, Diff>)> {
    let touched = |moves: &Moves<'a, Vec<Value>>| {
        let mut at = 0;
        let mut touched = Vec::new();
        for segment in moves.segments {
            let length = sequence::before(segment);
            match moves.fate(segment) {
                Fate::Stays(None) => {}
                fate => touched.extend((at..at + length).map(|index| (index, fate))),
            }
            at += length;
        }
        touched
    };
    let (mine, others) = (touched(a), touched(b));
    let mut others = others.into_iter().peekable();
    let mut both = Vec::new();
    for (index, fate) in mine {
        while others.next_if(|(other, _)| *other < index).is_some() {}
        if let Some((_, other)) = others.next_if(|(other, _)| *other == index) {
            both.push((index, fate, other));
        }
    }
    both
}

/// The edits with other changes inside some elements of their base; none is none any more.
fn replace_inner(moves: &Moves<'_, Vec<Value>>, inner: Vec<(usize, Option<Diff>)>) -> Segments<Vec<Value>> {
    let (mut at, mut numbers) = (0, Vec::new());
    let change = |index: usize| inner.iter().find(|(known, _)| *known == index).map(|(_, change)| change);
    let mut segments = moves.segments.to_vec();
    for segment in &mut segments {
        let index = at;
        at = usize::saturating_add(at, sequence::before(segment));
        match segment {
            Segment::Take(_) => numbers.push(index),
            Segment::Inner(_) => {
                if let Some(change) = change(index) {
                    *segment = change.clone().map_or(Segment::Keep(1), Segment::Inner);
                }
            }
            _ => {}
        }
    }
    for segment in &mut segments {
        if let Segment::Put(number, put) = segment
            && let Some(change) = numbers.get(*number).and_then(|index| change(*index))
        {
            *put = change.clone();
        }
    }
    segments
}

/// The edits with other values in place of some that they insert, by their place among all that are.
fn replace_inserted(mut segments: Segments<Vec<Value>>, values: Vec<(usize, Value)>) -> Segments<Vec<Value>> {
    let inserted = segments.iter_mut().filter_map(|segment| match segment {
        Segment::Insert(items, _) => Some(items),
        _ => None,
    });
    let mut items = inserted.flatten().enumerate();
    for (place, value) in values {
        if let Some((_, item)) = items.find(|(at, _)| *at == place) {
            *item = value;
        }
    }
    segments
}

/// Where something that is inserted is in what the edits make.
fn inserted_at(segments: &[Segment<Vec<Value>, Diff>], place: usize) -> usize {
    let (mut at, mut inserted) = (0, 0);
    for segment in segments {
        if let Segment::Insert(items, _) = segment {
            if place < inserted + items.len() {
                return at + place - inserted;
            }
            inserted += items.len();
        }
        at = usize::saturating_add(at, sequence::after::<Vec<Value>>(segment));
    }
    at
}

/// The edits without what is cut out of them.
fn without<T: Run>(segments: &[Segment<T, T::Inner>], cut: &Cut) -> Segments<T> {
    let mut out = Builder::<T>::new();
    let (mut at, mut inserted) = (0, 0);
    let starts = |at: usize| cut.stretches.iter().any(|(start, _)| *start == at);
    let ends = |at: usize| cut.stretches.iter().any(|(_, end)| *end == at);
    let stays = |at: usize| cut.stretches.iter().any(|(start, end)| (*start..*end).contains(&at));
    for (place, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Insert(run, joins) => {
                let length = T::length(run.slice());
                // What is inserted in place of a stretch comes right before its deletion.
                let replaces =
                    segments[place..].iter().find(|later| !matches!(later, Segment::Insert(..) | Segment::Put(..)));
                let follows = place > 0 && matches!(segments[place - 1], Segment::Delete(_));
                let left_out = (starts(at) && matches!(replaces, Some(Segment::Delete(_)))) || (follows && ends(at));
                if !left_out {
                    let mut rest = run.slice();
                    for unit in cut.inserted.iter().filter(|unit| (inserted..inserted + length).contains(*unit)) {
                        let done = length - T::length(rest);
                        let Ok((piece, behind)) = T::split(rest, unit - inserted - done) else { break };
                        out.insert(piece, *joins);
                        rest = T::split(behind, 1).map_or(behind, |(_, behind)| behind);
                    }
                    out.insert(rest, *joins);
                }
                inserted += length;
            }
            Segment::Delete(length) if stays(at) => out.keep(*length),
            Segment::Delete(length) => {
                for index in at..at + length {
                    if cut.elements.contains(&index) { out.keep(1) } else { out.delete(1) }
                }
            }
            Segment::Inner(_) | Segment::Take(_) if cut.elements.contains(&at) => out.keep(1),
            segment => out.step(segment.clone()),
        }
        at = usize::saturating_add(at, sequence::before(segment));
    }
    out.finish()
}

#[cfg(test)]
mod tests;
