//! Concurrent diffs: what one becomes after the other.
//!
//! Both orders make the same: `a` and then `b` moved behind it is `b` and then `a` moved behind it. Nothing that either of them
//! puts in is lost: along texts and arrays every insertion stays, also at one position and inside what the other deletes.
//! `docs/protocol.md`, "Merging", has the rules; what contradicts itself is for `split`.
//!
//! Edits are walked together, element by element of their base. At each gap between two elements come what one has inserted or
//! put there and then what the other has, in an order that is the same whichever is moved behind which ([`Order`], [`Joins`]).

use alloc::borrow::Cow;

use super::meet::{Shared, shared};
use super::sequence::{self, Builder, Run, Segments};
use super::{Conflict, Diff, Increment, Joins, Keyed, Segment, sum};
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

pub(super) const CONFLICT: Conflict = Conflict {};

/// How `a` stands to `b`, where `a` is moved behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether `a` is accepted after `b`: of two moves of one element the later one holds.
    pub later: bool,
    /// Whether what `a` inserts goes first where `b` inserts at the same position and nothing else decides.
    pub first: bool,
    /// Whether what `a` sets or removes stays in it where `b` does the same: then it contradicts who takes that back.
    pub insists: bool,
}

impl Order {
    /// `a` is accepted after `b`. Where both authors are known and not the same, they decide who goes first: whatever comes in
    /// between, their order is the same.
    pub fn later(a: Option<&str>, b: Option<&str>) -> Order {
        let first = matches!((a, b), (Some(a), Some(b)) if a < b);
        Order { later: true, first, insists: false }
    }

    /// The same, and what both do stays in `a`, unless one person did both.
    pub fn insisting(a: &str, b: Option<&str>) -> Order {
        Order { insists: b != Some(a), ..Order::later(Some(a), b) }
    }

    /// That of `b` to `a`.
    pub fn reversed(self) -> Order {
        Order { later: !self.later, first: !self.first, insists: false }
    }
}

/// What `a` becomes after `b`, both from the same base.
///
/// # Errors
/// When they contradict each other, or are not from the same base.
pub fn rebase(a: &Diff, b: &Diff, order: Order) -> Result<Diff, Conflict> {
    if a.is_identity() {
        return Ok(Diff::identity());
    }
    if b.is_identity() {
        return Ok(a.clone());
    }
    match (a, b) {
        (Diff::Remove, Diff::Remove) => Ok(done_by_both(a, order)),
        (Diff::Set { value, .. }, Diff::Set { value: other, .. }) if value == other => Ok(done_by_both(a, order)),
        (
            Diff::Set { value: Value::Object(a), over_container: false },
            Diff::Set { value: Value::Object(b), over_container: false },
        ) => created(a, b).map(Diff::Object),
        (Diff::Set { value, over_container }, Diff::Increment(other)) => {
            let value = sum(value, &other.by).map_err(|_| CONFLICT)?;
            Ok(Diff::Set { value, over_container: *over_container })
        }
        (Diff::Increment(mine), Diff::Set { value, .. }) if sum(value, &mine.by).is_ok() => {
            Ok(Diff::Increment(Increment::by(mine.by.clone())))
        }
        (Diff::Increment(mine), Diff::Increment(_)) => Ok(Diff::Increment(Increment::by(mine.by.clone()))),
        (Diff::Object(a), Diff::Object(b)) => {
            let mut members = Members::new();
            for (key, change) in a {
                let change = match b.get(key) {
                    Some(other) => rebase(change, other, order)?,
                    None => change.clone(),
                };
                if !change.is_identity() {
                    members.push(key.clone(), change);
                }
            }
            Ok(Diff::Object(members))
        }
        (Diff::Array(a), Diff::Array(b)) => Ok(Diff::Array(along::<Vec<Value>>(a, b, order, None)?)),
        (Diff::Text(a), Diff::Text(b)) => Ok(Diff::Text(along::<String>(a, b, order, None)?)),
        (Diff::Entries(kind, a), Diff::Entries(other, b)) if kind == other => {
            Ok(Diff::Entries(*kind, along::<Vec<Value>>(a, b, order, Some(*kind))?))
        }
        _ => Err(CONFLICT),
    }
}

/// What is left of what both did.
fn done_by_both(a: &Diff, order: Order) -> Diff {
    if order.insists { a.clone() } else { Diff::identity() }
}

/// Both made an object where there was none: what `a` adds to that of `b`.
pub(super) fn created(a: &Object, b: &Object) -> Result<Members<Diff>, Conflict> {
    let mut members = Members::new();
    for (key, value) in a {
        let change = match (value, b.get(key)) {
            (value, None) => Diff::Set { value: value.clone(), over_container: false },
            (value, Some(other)) if value == other => continue,
            (Value::Object(value), Some(Value::Object(other))) => Diff::Object(created(value, other)?),
            _ => return Err(CONFLICT),
        };
        if !change.is_identity() {
            members.push(key.clone(), change);
        }
    }
    Ok(members)
}

/// What edits do to one element.
pub(super) enum Fate<'a, I> {
    Stays(Option<&'a I>),
    Goes,
    /// It is taken out under that number, and changed where it is put.
    Moves(usize, Option<&'a I>),
}

impl<I> Clone for Fate<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Fate<'_, I> {}

impl<'a, I> Fate<'a, I> {
    /// How it is changed from inside.
    pub(super) fn inner(self) -> Option<&'a I> {
        match self {
            Fate::Stays(inner) | Fate::Moves(_, inner) => inner,
            Fate::Goes => None,
        }
    }
}

/// Edits along something, and where they move elements.
pub(super) struct Moves<'a, T: Run> {
    pub(super) segments: &'a [Segment<T, T::Inner>],
    /// Which element is taken under each number.
    taken: Vec<usize>,
    /// How it is changed where it is put.
    put: Vec<Option<&'a T::Inner>>,
}

impl<'a, T: Run> Moves<'a, T> {
    pub(super) fn of(segments: &'a [Segment<T, T::Inner>]) -> Self {
        let (mut at, mut taken) = (0_usize, Vec::new());
        for segment in segments {
            if matches!(segment, Segment::Take(_)) {
                taken.push(at);
            }
            at = at.saturating_add(sequence::before(segment));
        }
        let mut put = vec![None; taken.len()];
        for segment in segments {
            if let Segment::Put(number, inner) = segment
                && let Some(put) = put.get_mut(*number)
            {
                *put = inner.as_ref();
            }
        }
        Moves { segments, taken, put }
    }

    /// What a step does to an element of its.
    pub(super) fn fate(&self, segment: &'a Segment<T, T::Inner>) -> Fate<'a, T::Inner> {
        match segment {
            Segment::Inner(inner) => Fate::Stays(Some(inner)),
            Segment::Delete(_) => Fate::Goes,
            Segment::Take(number) => Fate::Moves(*number, self.put.get(*number).copied().flatten()),
            Segment::Keep(_) | Segment::Insert(..) | Segment::Put(..) => Fate::Stays(None),
        }
    }

    /// What becomes here of the elements that others take, by their numbers.
    pub(super) fn of_taken(&self, others: &Moves<'_, T>) -> Vec<Fate<'a, T::Inner>> {
        let mut fates = Vec::with_capacity(others.taken.len());
        let mut segments = self.segments.iter();
        let (mut end, mut current) = (0, None);
        for element in &others.taken {
            while end <= *element {
                let Some(segment) = segments.next() else { break };
                end = usize::saturating_add(end, sequence::before(segment));
                current = Some(segment);
            }
            fates.push(current.map_or(Fate::Stays(None), |segment| self.fate(segment)));
        }
        fates
    }
}

/// Two lists of edits with the same base.
struct Walk<'a, T: Run> {
    order: Order,
    mine: Moves<'a, T>,
    other: Moves<'a, T>,
    /// What the other does to the elements that are taken here, and the other way round.
    of_mine: Vec<Fate<'a, T::Inner>>,
    of_other: Vec<Fate<'a, T::Inner>>,
    shared: Shared<T>,
    out: Builder<T>,
}

/// `kind`: of what is keyed, a key is there once.
fn along<T: Run>(
    a: &[Segment<T, T::Inner>],
    b: &[Segment<T, T::Inner>],
    order: Order,
    kind: Option<Keyed>,
) -> Result<Segments<T>, Conflict> {
    let length = sequence::base_length(a);
    if length != sequence::base_length(b) {
        return Err(CONFLICT);
    }
    let (a, b): (Cow<'_, [_]>, Cow<'_, [_]>) = (sequence::normal::<T>(a), sequence::normal::<T>(b));
    let (mine, other) = (Moves::of(&a), Moves::of(&b));
    let (of_mine, of_other) = (other.of_taken(&mine), mine.of_taken(&other));
    let shared = shared::<T>(&a, &b, kind)?;
    let mut walk = Walk { order, mine, other, of_mine, of_other, shared, out: Builder::new() };
    walk.run()?;
    Ok(walk.out.finish())
}

impl<'a, T: Run> Walk<'a, T> {
    fn run(&mut self) -> Result<(), Conflict> {
        let (mut a, mut b) = (Steps::new(self.mine.segments), Steps::new(self.other.segments));
        loop {
            let (mine, other) = (a.gap(), b.gap());
            let (my_rank, other_rank) = (rank(mine, &a), rank(other, &b));
            let first = my_rank < other_rank || (my_rank == other_rank && self.order.first);
            if first {
                self.own(mine, &mut a.inserted)?;
            }
            self.others(other, &mut b.inserted)?;
            if !first {
                self.own(mine, &mut a.inserted)?;
            }
            let (Some((mine, my_length)), Some((other, others_length))) = (a.element(), b.element()) else {
                return Ok(());
            };
            let length = my_length.min(others_length);
            self.elements(mine, other, length)?;
            a.walk(length);
            b.walk(length);
        }
    }

    /// What is inserted and put here.
    fn own(&mut self, gap: &'a [Segment<T, T::Inner>], inserted: &mut usize) -> Result<(), Conflict> {
        for segment in gap {
            match segment {
                Segment::Insert(run, joins) => self.shared.own(run, *joins, inserted, self.order.later, &mut self.out),
                Segment::Put(number, inner) => {
                    let put = inner.as_ref();
                    match self.of_mine.get(*number).copied().unwrap_or(Fate::Goes) {
                        // Who moves what the other deletes, moves nothing.
                        Fate::Goes if put.is_some() => return Err(CONFLICT),
                        Fate::Goes => {}
                        Fate::Moves(..) if !self.order.later => {}
                        fate => {
                            let inner = self.behind(put, fate.inner())?;
                            self.out.put(*number, inner);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What the other has inserted and put here, which is there by now.
    fn others(&mut self, gap: &'a [Segment<T, T::Inner>], inserted: &mut usize) -> Result<(), Conflict> {
        for segment in gap {
            match segment {
                Segment::Insert(run, _) => self.shared.others(run, inserted, self.order.later, &mut self.out),
                Segment::Put(number, inner) => {
                    let put = inner.as_ref();
                    match self.of_other.get(*number).copied().unwrap_or(Fate::Goes) {
                        Fate::Goes if put.is_some() => return Err(CONFLICT),
                        Fate::Goes => self.out.delete(1),
                        Fate::Moves(number, _) if self.order.later => self.out.take(number),
                        fate => match self.behind(fate.inner(), put)? {
                            Some(inner) => self.out.inner(inner),
                            None => self.out.keep(1),
                        },
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Elements of the base that both treat alike.
    fn elements(
        &mut self,
        mine: &'a Segment<T, T::Inner>,
        other: &'a Segment<T, T::Inner>,
        length: usize,
    ) -> Result<(), Conflict> {
        match (self.mine.fate(mine), self.other.fate(other)) {
            // Where it was put, there is more to it.
            (_, Fate::Moves(..)) | (Fate::Stays(None) | Fate::Goes | Fate::Moves(_, None), Fate::Goes) => {}
            (Fate::Stays(Some(_)) | Fate::Moves(_, Some(_)), Fate::Goes) | (Fate::Goes, Fate::Stays(Some(_))) => {
                return Err(CONFLICT);
            }
            (Fate::Stays(None), Fate::Stays(_)) => self.out.keep(length),
            (Fate::Stays(mine), Fate::Stays(other)) => match self.behind(mine, other)? {
                Some(inner) => self.out.inner(inner),
                None => self.out.keep(1),
            },
            (Fate::Goes, Fate::Stays(None)) => self.out.delete(length),
            (Fate::Moves(number, _), Fate::Stays(_)) => self.out.take(number),
        }
        Ok(())
    }

    fn behind(&self, mine: Option<&T::Inner>, other: Option<&T::Inner>) -> Result<Option<T::Inner>, Conflict> {
        Ok(match (mine, other) {
            (Some(mine), Some(other)) => Some(T::rebase_inner(mine, other, self.order)?),
            (mine, _) => mine.cloned(),
        })
    }
}

/// Who comes first at a gap. What replaces something is where that was, behind what is put in front of it.
fn rank<T: Run>(gap: &[Segment<T, T::Inner>], steps: &Steps<'_, T>) -> u8 {
    match gap {
        [Segment::Insert(_, Joins { before: true, .. }), ..] => 0,
        [.., Segment::Insert(_, Joins { behind: true, .. })] => 3,
        [.., Segment::Insert(..)] if matches!(steps.rest.first(), Some(Segment::Delete(_))) => 2,
        _ => 1,
    }
}

/// Edits, walked by the elements of their base.
struct Steps<'a, T: Run> {
    rest: &'a [Segment<T, T::Inner>],
    /// Walked of the first of the rest.
    done: usize,
    /// How many units were inserted up to here.
    inserted: usize,
}

impl<'a, T: Run> Steps<'a, T> {
    fn new(segments: &'a [Segment<T, T::Inner>]) -> Self {
        Steps { rest: segments, done: 0, inserted: 0 }
    }

    /// What is inserted and put before the next element.
    fn gap(&mut self) -> &'a [Segment<T, T::Inner>] {
        let is_gap = |segment: &&Segment<T, T::Inner>| matches!(segment, Segment::Insert(..) | Segment::Put(..));
        let (gap, rest) = self.rest.split_at(self.rest.iter().take_while(is_gap).count());
        self.rest = rest;
        gap
    }

    /// The step of the next element, and for how many more it holds.
    fn element(&self) -> Option<(&'a Segment<T, T::Inner>, usize)> {
        let segment = self.rest.first()?;
        Some((segment, sequence::before(segment) - self.done))
    }

    fn walk(&mut self, length: usize) {
        self.done += length;
        if self.rest.first().is_some_and(|segment| self.done >= sequence::before(segment)) {
            (self.rest, self.done) = (&self.rest[1..], 0);
        }
    }
}

#[cfg(test)]
mod tests;
