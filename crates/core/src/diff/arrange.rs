//! From where the elements of a new array come to the edits that put them there: what is in order stays, the rest moves.

use super::sequence::{Builder, Segments};
use super::{Diff, Joins};
use crate::prelude::*;
use crate::value::Value;

/// What is next in the new array.
pub(super) enum Piece {
    /// Elements of the old one as they are: the first, and how many.
    Kept(usize, usize),
    /// One of the old one, changed.
    Changed(usize, Diff),
    /// One that was not there.
    New(Value),
}

impl Piece {
    fn old(&self) -> Option<(usize, usize)> {
        match self {
            Piece::Kept(start, length) => Some((*start, *length)),
            Piece::Changed(index, _) => Some((*index, 1)),
            Piece::New(_) => None,
        }
    }
}

/// The edits of an array of so many elements; each of them is in one piece at most.
pub(super) fn arrange(length: usize, pieces: Vec<Piece>) -> Segments<Vec<Value>> {
    let stays = heaviest_rise(&pieces, length);
    let mut moves = vec![false; length];
    let mut goes = vec![true; length];
    for (piece, stays) in pieces.iter().zip(&stays) {
        let (start, count) = piece.old().unwrap_or_default();
        goes[start..start + count].fill(false);
        moves[start..start + count].fill(!stays);
    }
    let mut out = Builder::<Vec<Value>>::new();
    let mut at = 0;
    let pass = |out: &mut Builder<Vec<Value>>, at: &mut usize, to: usize| {
        for index in *at..to {
            match (goes.get(index), moves.get(index)) {
                (Some(true), _) => out.delete(1),
                (_, Some(true)) => out.take(index),
                _ => {}
            }
        }
        *at = to;
    };
    for (piece, stays) in pieces.into_iter().zip(stays) {
        match piece {
            Piece::Kept(start, count) if stays => {
                pass(&mut out, &mut at, start);
                out.keep(count);
                at = start + count;
            }
            Piece::Changed(index, change) if stays => {
                pass(&mut out, &mut at, index);
                out.inner(change);
                at = index + 1;
            }
            Piece::Kept(start, count) => (start..start + count).for_each(|index| out.put(index, None)),
            Piece::Changed(index, change) => out.put(index, Some(change)),
            Piece::New(value) => out.insert_owned(vec![value], Joins::NONE),
        }
    }
    pass(&mut out, &mut at, length);
    out.finish()
}

/// Which pieces are in order, the most elements that can be.
fn heaviest_rise(pieces: &[Piece], length: usize) -> Vec<bool> {
    // Of what ends before each place of the old array: the most, and the last piece of it. A Fenwick tree of maxima.
    let mut best: Vec<(usize, usize)> = vec![(0, usize::MAX); length + 1];
    let mut before = vec![usize::MAX; pieces.len()];
    let (mut most, mut last) = (0, usize::MAX);
    for (place, piece) in pieces.iter().enumerate() {
        let Some((start, count)) = piece.old() else { continue };
        let mut weight = (0, usize::MAX);
        let mut at = start;
        while at > 0 {
            weight = heavier(weight, best[at]);
            at &= at - 1;
        }
        before[place] = weight.1;
        let sum = weight.0 + count;
        let mut at = start + count;
        while at <= length {
            best[at] = heavier(best[at], (sum, place));
            at += at & at.wrapping_neg();
        }
        if sum > most {
            (most, last) = (sum, place);
        }
    }
    let mut stays = vec![false; pieces.len()];
    while let Some(stay) = stays.get_mut(last) {
        *stay = true;
        last = before[last];
    }
    stays
}

fn heavier(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    if b.0 > a.0 { b } else { a }
}
