//! Writing patches, and diffs in their stored form.

use super::Writer;
use crate::codec::cbor::head::major::{NEGATIVE, UINT};
use crate::codec::cbor::tag;
use crate::diff::{Diff, Increment, Joins, Keyed, Patch, Segment, runs};
use crate::prelude::*;
use crate::value::Value;

impl Writer<'_> {
    pub(in crate::codec::cbor) fn patch(&mut self, patch: &Patch) {
        match patch {
            Patch::Remove => self.put(&[0xf7]),
            Patch::Map(members) => {
                self.map(members.len());
                for (key, member) in members {
                    self.text(key);
                    self.patch(member);
                }
            }
            Patch::Value(value) => self.value(value),
            Patch::Replace(value) => {
                self.tag(tag::REPLACE);
                self.value(value);
            }
            Patch::Text(segments) => self.text_edits(segments),
            Patch::Array(segments) => self.array_edits(tag::ARRAY_EDITS, segments, Self::patch),
            Patch::Entries(segments) => self.array_edits(tag::MAP_EDITS, segments, Self::patch),
            Patch::Increment(increment) => self.increment(increment),
        }
    }

    pub(in crate::codec::cbor) fn diff(&mut self, diff: &Diff) {
        match diff {
            Diff::Remove => self.put(&[0xf7]),
            Diff::Set { value, over_container } => {
                self.tag(if *over_container { tag::REPLACE } else { tag::SET_OVER_NO_CONTAINER });
                self.value(value);
            }
            Diff::Object(members) => {
                self.map(members.len());
                for (key, member) in members {
                    self.text(key);
                    self.diff(member);
                }
            }
            Diff::Array(segments) => self.array_edits(tag::ARRAY_EDITS, segments, Self::diff),
            Diff::Text(segments) => self.text_edits(segments),
            Diff::Entries(Keyed::Map, segments) => self.array_edits(tag::MAP_EDITS, segments, Self::diff),
            Diff::Entries(Keyed::Set, segments) => self.array_edits(tag::SET_EDITS, segments, Self::diff),
            Diff::Increment(increment) => self.increment(increment),
        }
    }

    /// By how much, or an array of that and of what it then is.
    fn increment(&mut self, increment: &Increment) {
        self.tag(tag::INCREMENT);
        if let Some(to) = &increment.to {
            self.array(2);
            self.value(&increment.by);
            self.value(to);
        } else {
            self.value(&increment.by);
        }
    }

    fn joins(&mut self, joins: Joins) {
        self.text("joins");
        self.head(UINT, joins.bits().into());
    }

    fn text_edits(&mut self, segments: &[Segment<String, ()>]) {
        self.tag(tag::TEXT_EDITS);
        self.array(segments.len());
        for segment in segments {
            match segment {
                Segment::Insert(text, Joins::NONE) => self.text(text),
                Segment::Insert(text, joins) => {
                    self.map(2);
                    self.text("insert");
                    self.text(text);
                    self.joins(*joins);
                }
                Segment::Keep(len) => self.head(UINT, *len as u64),
                Segment::Delete(len) => self.head(NEGATIVE, (*len as u64).saturating_sub(1)),
                // Texts have no inside, and nothing in them moves.
                Segment::Inner(()) | Segment::Take(_) | Segment::Put(..) => self.head(UINT, 1),
            }
        }
    }

    fn array_edits<I>(&mut self, tag: u64, segments: &[Segment<Vec<Value>, I>], inner: fn(&mut Self, &I)) {
        self.tag(tag);
        self.array(runs(segments).count());
        for steps in runs(segments) {
            let Some(segment) = steps.first() else { continue };
            match segment {
                Segment::Insert(items, Joins::NONE) => self.items(items),
                Segment::Insert(items, joins) => {
                    self.map(2);
                    self.text("insert");
                    self.items(items);
                    self.joins(*joins);
                }
                Segment::Keep(len) => self.head(UINT, *len as u64),
                Segment::Delete(len) => self.head(NEGATIVE, (*len as u64).saturating_sub(1)),
                Segment::Inner(change) => {
                    self.map(1);
                    self.text("at");
                    inner(self, change);
                }
                Segment::Take(_) => {
                    self.map(1);
                    self.text("take");
                    self.head(UINT, steps.len() as u64);
                }
                Segment::Put(number, change) => {
                    self.map(1 + usize::from(change.is_some() || steps.len() > 1));
                    self.text("put");
                    self.head(UINT, *number as u64);
                    if let Some(change) = change {
                        self.text("at");
                        inner(self, change);
                    } else if steps.len() > 1 {
                        self.text("count");
                        self.head(UINT, steps.len() as u64);
                    }
                }
            }
        }
    }
}
