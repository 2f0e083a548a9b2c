//! From two values to the diff between them, in near-linear time whatever they are.
//!
//! Equal parts are found by their marks. Elements of arrays are known again by what names them ([`Identity`]), then by being equal,
//! then by likeness (`pair`), and are changed from inside; those out of order move. What has no name moves where it is there
//! once before and once after, leaves too: a sorted list of names is sorted. Texts are compared by line, then by word;
//! within words what both begin and end with stays. What would take too many steps is replaced whole.

mod rough;

use core::cmp::Ordering;
use core::ops::Range;

use super::align::{Effort, Hunk, align, unique, unique_in_order};
use super::arrange::{Piece, arrange};
use super::identity::Identity;
use super::mark::{Mark, Marked, elements, number, number_pieces};
use super::pair::{self, Scale};
use super::sequence::{Builder, Segments};
use super::{Diff, Joins, Keyed, Segment, text, wire};
use crate::members::Members;
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::{Object, Value};

/// A diff has so many steps at most.
const STEPS: usize = 50_000;

/// The change from `old` to `new`, as short on the wire as it is found.
pub fn diff(old: &Value, new: &Value) -> Diff {
    let marks = (Mark::of(old), Mark::of(new));
    match changed((old, &marks.0), (new, &marks.1), &Identity::default(), false) {
        None => Diff::identity(),
        Some(change) => root(wire::shortest(change, new, &marks.1), old),
    }
}

/// The change from `old` to `new`, with what stays kept apart from what changes even where replacing both would be
/// shorter: so that as much as can be merges with concurrent changes. Write it with [`Diff::to_patch_giving`].
pub fn diff_finely(old: &Value, new: &Value) -> Diff {
    diff_finely_by(old, new, &Identity::default())
}

/// As [`diff_finely`], with elements of arrays told apart by other members.
pub fn diff_finely_by(old: &Value, new: &Value, identity: &Identity) -> Diff {
    between_values(old, new, identity).map_or_else(Diff::identity, |change| root(change, old))
}

/// As [`diff_finely`], for who knows only what came of what somebody did: within words letters are compared too, so that what stands
/// beside a letter that stayed still does.
pub fn diff_closely(old: &Value, new: &Value) -> Diff {
    whole(old, new, &Identity::default(), true).map_or_else(Diff::identity, |change| root(change, old))
}

/// How values are compared.
#[derive(Clone, Copy)]
struct How<'a> {
    identity: &'a Identity,
    /// Texts also by letter.
    letters: bool,
    effort: &'a Effort,
}

/// What changes below the root, finely; nothing when they are equal.
pub(super) fn between_values(old: &Value, new: &Value, identity: &Identity) -> Option<Diff> {
    whole(old, new, identity, false)
}

fn whole(old: &Value, new: &Value, identity: &Identity, letters: bool) -> Option<Diff> {
    if rough::are_large(old, new) {
        return rough::between(old, new, How { identity, letters, effort: &Effort::new() });
    }
    changed((old, &Mark::of(old)), (new, &Mark::of(new)), identity, letters)
}

fn changed(old: (&Value, &Mark), new: (&Value, &Mark), identity: &Identity, letters: bool) -> Option<Diff> {
    let how = How { identity, letters, effort: &Effort::new() };
    let change = between(Marked { value: old.0, mark: old.1 }, Marked { value: new.0, mark: new.1 }, how);
    change.map(|change| coarse(change, new.0, STEPS))
}

fn root(change: Diff, old: &Value) -> Diff {
    match change {
        Diff::Set { value, .. } => Diff::root(value, old),
        change => change,
    }
}

/// Nothing when they are equal.
fn between(old: Marked<'_>, new: Marked<'_>, how: How<'_>) -> Option<Diff> {
    if old == new {
        return None;
    }
    Some(match (old.value, new.value) {
        (Value::Object(a), Value::Object(b)) => Diff::Object(members((a, old.mark), (b, new.mark), how)),
        (Value::Array(a), Value::Array(b)) => array(&elements(a, old.mark), &elements(b, new.mark), how)
            .map_or_else(|| Diff::Set { value: new.value.clone(), over_container: true }, Diff::Array),
        (Value::Text(a), Value::Text(b)) => texts(a, b, how),
        (Value::Map(a), Value::Map(b)) => Diff::Entries(Keyed::Map, entries((a, old.mark), (b, new.mark), how)),
        (Value::Set(a), Value::Set(b)) => {
            Diff::Entries(Keyed::Set, items(&elements(a, old.mark), &elements(b, new.mark)))
        }
        (before, after) => Diff::Set { value: after.clone(), over_container: before.is_container() },
    })
}

/// How many steps there are.
fn steps(diff: &Diff) -> usize {
    match diff {
        Diff::Object(members) => members.values().map(|change| 1 + steps(change)).sum(),
        Diff::Array(segments) | Diff::Entries(_, segments) => segments.iter().map(steps_of).sum(),
        Diff::Text(segments) => segments.len(),
        _ => 1,
    }
}

fn steps_of(segment: &Segment<Vec<Value>, Diff>) -> usize {
    match segment {
        Segment::Inner(inner) | Segment::Put(_, Some(inner)) => 1 + steps(inner),
        _ => 1,
    }
}

/// With so many steps at most: of what is in one place, the largest is replaced whole, and the last of these only as far as it has
/// to be.
fn coarse(diff: Diff, new: &Value, most: usize) -> Diff {
    if steps(&diff) <= most {
        return diff;
    }
    let whole = || Diff::Set { value: new.clone(), over_container: new.is_container() };
    match (diff, new) {
        (Diff::Object(members), Value::Object(object)) => {
            let each = members.values().map(steps).collect();
            let Some(left) = left(each, members.len(), most) else { return whole() };
            let changes = members.into_iter().zip(left).map(|((key, change), left)| match object.get(&key) {
                Some(value) => (key, coarse(change, value, left)),
                None => (key, change),
            });
            Diff::Object(changes.collect())
        }
        (Diff::Array(mut segments), Value::Array(items)) => {
            let each = segments.iter().map(|segment| steps_of(segment) - 1).collect();
            let Some(left) = left(each, segments.len(), most) else { return whole() };
            let mut at = 0;
            for (segment, left) in segments.iter_mut().zip(left) {
                if let Segment::Inner(inner) | Segment::Put(_, Some(inner)) = segment
                    && let Some(value) = items.get(at)
                {
                    *inner = coarse(core::mem::replace(inner, Diff::Remove), value, left);
                }
                at += segment.after();
            }
            Diff::Array(segments)
        }
        _ => whole(),
    }
}

/// How many steps are left to each for all, with one step for each, to be no more than `most`; nothing if that can't be.
fn left(mut each: Vec<usize>, own: usize, most: usize) -> Option<Vec<usize>> {
    let mut over = (own + each.iter().sum::<usize>()).saturating_sub(most);
    let by_size: Vec<(usize, usize)> = each.iter().copied().zip(0..).collect();
    for (steps, place) in sorted(by_size).into_iter().rev() {
        if over == 0 || steps <= 1 {
            break;
        }
        // What is replaced is still a step.
        each[place] = steps.saturating_sub(over).max(1);
        over -= steps - each[place];
    }
    (over == 0).then_some(each)
}

fn members(old: (&Object, &Mark), new: (&Object, &Mark), how: How<'_>) -> Members<Diff> {
    let mut changes = Members::new();
    let mut before = old.0.iter().zip(&old.1.children).peekable();
    let mut after = new.0.iter().zip(&new.1.children).peekable();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(((a, _), _)), Some(((b, _), _))) => a.cmp(b),
        };
        let gone = if order.is_le() { before.next() } else { None };
        let came = if order.is_ge() { after.next() } else { None };
        match (gone, came) {
            (Some(((key, value), mark)), Some(((_, new), new_mark))) => {
                if let Some(change) = between(Marked { value, mark }, Marked { value: new, mark: new_mark }, how) {
                    changes.push(key.clone(), change);
                }
            }
            (Some(((key, _), _)), None) => {
                changes.push(key.clone(), Diff::Remove);
            }
            (None, Some(((key, value), _))) => {
                changes.push(key.clone(), Diff::Set { value: value.clone(), over_container: false });
            }
            (None, None) => return changes,
        }
    }
}

/// Nothing when that takes too many steps.
fn array(old: &[Marked<'_>], new: &[Marked<'_>], how: How<'_>) -> Option<Segments<Vec<Value>>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_old, middle_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let from = origins(middle_old, middle_new, tail == 0, how);
    // Elements that do not follow each other are in different steps, whatever these are.
    let follows = |pair: &&[Option<usize>]| pair[1] == pair[0].map(|index| index + 1);
    if from.len() > STEPS && from.windows(2).filter(|pair| !follows(pair)).count() > STEPS {
        return None;
    }
    let mut pieces = Vec::with_capacity(middle_new.len() + 2);
    let mut changes = 0;
    if head > 0 {
        pieces.push(Piece::Kept(0, head));
    }
    for (element, from) in middle_new.iter().zip(from) {
        pieces.push(match from {
            None => Piece::New(element.value.clone()),
            Some(index) => match between(middle_old[index], *element, how) {
                None => Piece::Kept(head + index, 1),
                Some(_) if changes == STEPS => return None,
                Some(change) => {
                    changes += 1;
                    Piece::Changed(head + index, change)
                }
            },
        });
    }
    if tail > 0 {
        pieces.push(Piece::Kept(old.len() - tail, tail));
    }
    Some(arrange(old.len(), pieces))
}

/// Which of some elements of an array each of some that are there then was. `at_end`: whether nothing follows them.
#[cfg(feature = "server")]
pub(super) fn origins_of(old: &[&Value], new: &[&Value], at_end: bool, identity: &Identity) -> Vec<Option<usize>> {
    let marks = |values: &[&Value]| values.iter().map(|value| Mark::of(value)).collect::<Vec<Mark>>();
    let (old_marks, new_marks) = (marks(old), marks(new));
    let marked = |(value, mark)| Marked { value, mark };
    let old: Vec<Marked<'_>> = old.iter().copied().zip(&old_marks).map(marked).collect();
    let new: Vec<Marked<'_>> = new.iter().copied().zip(&new_marks).map(marked).collect();
    origins(&old, &new, at_end, How { identity, letters: false, effort: &Effort::new() })
}

/// Which of the old elements each of the new ones was.
fn origins(old: &[Marked<'_>], new: &[Marked<'_>], at_end: bool, how: How<'_>) -> Vec<Option<usize>> {
    let mut from = vec![None; new.len()];
    let mut is_known = vec![false; old.len()];
    for (i, j) in how.identity.pairs(&values(old), &values(new)) {
        (from[j], is_known[i]) = (Some(i), true);
    }
    // Of those that nothing names, what is equal and in order; and what is equal, there once, and somewhere else.
    let rest_old: Vec<usize> = (0..old.len()).filter(|i| !is_known[*i]).collect();
    let rest_new: Vec<usize> = (0..new.len()).filter(|j| from[*j].is_none()).collect();
    let [old_numbers, new_numbers] = number([&pick(old, &rest_old), &pick(new, &rest_new)]);
    let hunks = align(&old_numbers, &new_numbers, how.effort);
    let (mut at, mut at_new) = (0, 0);
    for hunk in hunks.iter().chain([&Hunk { old: rest_old.len()..rest_old.len(), new: rest_new.len()..rest_new.len() }])
    {
        for (i, j) in (at..hunk.old.start).zip(at_new..hunk.new.start) {
            (from[rest_new[j]], is_known[rest_old[i]]) = (Some(rest_old[i]), true);
        }
        (at, at_new) = (hunk.old.end, hunk.new.end);
    }
    let left = |hunk: fn(&Hunk) -> Range<usize>| hunks.iter().flat_map(hunk).collect::<Vec<usize>>();
    let (gone, came) = (left(|hunk| hunk.old.clone()), left(|hunk| hunk.new.clone()));
    let numbers = |places: &[usize], of: &[u32]| places.iter().map(|place| of[*place]).collect::<Vec<u32>>();
    for (i, j) in unique(&numbers(&gone, &old_numbers), &numbers(&came, &new_numbers)) {
        let (i, j) = (rest_old[gone[i]], rest_new[came[j]]);
        (from[j], is_known[i]) = (Some(i), true);
    }
    // Of the rest what is nearly the same somewhere else, and then, within what changed between, what is alike.
    let olds: Vec<Vec<usize>> =
        hunks.iter().map(|hunk| hunk.old.clone().map(|i| rest_old[i]).filter(|i| !is_known[*i]).collect()).collect();
    let news: Vec<Vec<usize>> = hunks
        .iter()
        .map(|hunk| hunk.new.clone().map(|j| rest_new[j]).filter(|j| from[*j].is_none()).collect())
        .collect();
    let away = pair::away((old, &olds), (new, &news), (how.identity, how.effort));
    for ((hunk, olds), news) in hunks.iter().zip(&olds).zip(&news) {
        let scale = Scale {
            identity: how.identity,
            effort: how.effort,
            at_end: at_end && hunk.old.end == rest_old.len(),
            goes: olds.iter().map(|i| away.iter().any(|pair| pair.0 == *i)).collect(),
            comes: news.iter().map(|j| away.iter().any(|pair| pair.1 == *j)).collect(),
        };
        for (i, j) in pair::pair(&pick(old, olds), &pick(new, news), &scale) {
            (from[news[j]], is_known[olds[i]]) = (Some(olds[i]), true);
        }
    }
    for (i, j) in away {
        if from[j].is_none() && !is_known[i] {
            from[j] = Some(i);
        }
    }
    from
}

fn values<'a>(list: &[Marked<'a>]) -> Vec<&'a Value> {
    list.iter().map(|element| element.value).collect()
}

/// Those in these places.
fn pick<'a>(list: &[Marked<'a>], places: &[usize]) -> Vec<Marked<'a>> {
    places.iter().map(|place| list[*place]).collect()
}

/// By key. What is out of order goes and comes: a key has no place that it could keep.
fn entries(old: (&[(Value, Value)], &Mark), new: (&[(Value, Value)], &Mark), how: How<'_>) -> Segments<Vec<Value>> {
    let (a, b) = (halves(old), halves(new));
    let [numbers, new_numbers] = number([&a.0, &b.0]);
    let from = origins_by(unique_in_order(&numbers, &new_numbers), new.0.len());
    let pieces = new.0.iter().zip(from).enumerate().map(|(j, ((key, value), from))| match from {
        None => Piece::New(Value::Array(vec![key.clone(), value.clone()])),
        Some(i) => match between(a.1[i], b.1[j], how) {
            None => Piece::Kept(i, 1),
            Some(change) => Piece::Changed(i, Diff::Array(vec![Segment::Keep(1), Segment::Inner(change)])),
        },
    });
    arrange(old.0.len(), pieces.collect())
}

/// The keys and the values of a `Map`.
fn halves<'a>((entries, mark): (&'a [(Value, Value)], &'a Mark)) -> (Vec<Marked<'a>>, Vec<Marked<'a>>) {
    let marked = |((key, value), marks): (&'a (Value, Value), &'a [Mark])| {
        (Marked { value: key, mark: &marks[0] }, Marked { value, mark: &marks[1] })
    };
    entries.iter().zip(mark.children.chunks_exact(2)).map(marked).unzip()
}

/// The same for a `Set`.
fn items(old: &[Marked<'_>], new: &[Marked<'_>]) -> Segments<Vec<Value>> {
    let [numbers, new_numbers] = number([old, new]);
    let from = origins_by(unique_in_order(&numbers, &new_numbers), new.len());
    let pieces = new.iter().zip(from).map(|(item, from)| match from {
        None => Piece::New(item.value.clone()),
        Some(i) => Piece::Kept(i, 1),
    });
    arrange(old.len(), pieces.collect())
}

/// Of so many new ones, which old one each was.
fn origins_by(pairs: Vec<(usize, usize)>, length: usize) -> Vec<Option<usize>> {
    let mut from = vec![None; length];
    pairs.into_iter().for_each(|(i, j)| from[j] = Some(i));
    from
}

fn texts(old: &str, new: &str, how: How<'_>) -> Diff {
    let mut out = Builder::<String>::new();
    along(&mut out, old, new, (if how.letters { &CUTS } else { &CUTS[..2] }, how.effort));
    Diff::Text(out.finish())
}

/// A way to cut a text into the pieces that are compared: after these, into so many at most, and what each takes of the effort.
type Cut = (fn(char) -> bool, usize, usize);

/// From coarse to fine. The last one is for who asks for it.
const CUTS: [Cut; 3] = [(|character| character == '\n', PIECES, 0), (ends_word, PIECES, 0), (|_| true, LETTERS, 8)];
/// More lines or words than that in what changed are not compared: it is replaced whole.
const PIECES: usize = 1 << 19;
const LETTERS: usize = 1 << 15;
/// In stretches with more letters than that, few letters in common say nothing: half of the shorter one has to stay.
const FEW_LETTERS: usize = 512;

/// Roughly what is no letter and no digit: what is precisely one takes tables.
fn ends_word(character: char) -> bool {
    match character {
        '\0'..'\u{80}' => !character.is_ascii_alphanumeric(),
        // Punctuation of many scripts, of East Asia, and in full width.
        _ => matches!(character, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'),
    }
}

fn along(out: &mut Builder<String>, old: &str, new: &str, (cuts, effort): (&[Cut], &Effort)) {
    let head = text::common_prefix(old, new);
    let tail = text::common_suffix(&old[head..], &new[head..]);
    let (gone, came) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    out.keep(text::units(&old[..head]));
    let compared = match cuts {
        [cut, finer @ ..] if !gone.is_empty() && !came.is_empty() => {
            compared(gone, came, *cut, effort).zip(Some(finer))
        }
        _ => None,
    };
    if let Some((hunks, finer)) = compared {
        let mut at = 0;
        for (from, to) in hunks {
            out.keep(text::units(&gone[at..from.start]));
            at = from.end;
            along(out, &gone[from], &came[to], (finer, effort));
        }
        out.keep(text::units(&gone[at..]));
    } else {
        out.insert(came, Joins::NONE);
        out.delete(text::units(gone));
    }
    out.keep(text::units(&old[old.len() - tail..]));
}

/// What changes between two texts that are cut into pieces, in bytes. Nothing where that takes too much, or says nothing.
fn compared(old: &str, new: &str, cut: Cut, effort: &Effort) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let (a, b) = (Pieces::of(old, cut)?, Pieces::of(new, cut)?);
    let (_, _, each) = cut;
    if !effort.spend(each * (a.pieces.len() + b.pieces.len())) {
        return None;
    }
    let hunks = hunks(&a, &b, effort);
    let stays = old.len() - hunks.iter().map(|(from, _)| from.len()).sum::<usize>();
    let is_by_letter = each > 0;
    let is_alike = a.pieces.len().min(b.pieces.len()) <= FEW_LETTERS || stays >= old.len().min(new.len()) / 2;
    (is_alike || !is_by_letter).then_some(hunks)
}

/// A text cut into pieces.
struct Pieces<'a> {
    pieces: Vec<&'a str>,
    /// Where each begins, in bytes, and where the last one ends.
    bounds: Vec<usize>,
}

impl<'a> Pieces<'a> {
    /// Nothing when there are too many.
    fn of(text: &'a str, (end, most, _): Cut) -> Option<Self> {
        let pieces: Vec<&str> = text.split_inclusive(end).take(most + 1).collect();
        let mut bounds = vec![0];
        let mut at = 0;
        bounds.extend(pieces.iter().map(|piece| {
            at += piece.len();
            at
        }));
        (pieces.len() <= most).then_some(Pieces { pieces, bounds })
    }
}

/// What changes between two texts cut into pieces, in bytes.
fn hunks(a: &Pieces<'_>, b: &Pieces<'_>, effort: &Effort) -> Vec<(Range<usize>, Range<usize>)> {
    let [old, new] = number_pieces([&a.pieces, &b.pieces]);
    let bytes = |bounds: &[usize], pieces: Range<usize>| bounds[pieces.start]..bounds[pieces.end];
    let hunks = align(&old, &new, effort).into_iter();
    hunks.map(|Hunk { old, new }| (bytes(&a.bounds, old), bytes(&b.bounds, new))).collect()
}

#[cfg(test)]
mod tests;
