//! Patches of JSON documents (RFC 6902, RFC 7396) as diffs of entities: what the patch makes of the JSON that a read of
//! the version gives, compared with that JSON.
//!
//! - Nothing is changed here: what comes out is a diff, and it merges or conflicts as every diff does.
//! - What JSON can't hold (dates, `Map`s, bytes…) stays what it is wherever the patch leaves its JSON as it is. Where it
//!   doesn't, and where it moves or copies it, its JSON takes its place.
//! - The work and the size of what comes of a patch are bounded while it is applied ([`json_patch`]).

mod json_patch;
#[cfg(test)]
mod tests;

use timeweft_core::codec::{DecodeError, MAX_DEPTH, cbor, json};
use timeweft_core::diff::{Diff, DiffError, Identity, Segment, diff_finely_by};
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::message::Code;
use timeweft_core::operation::{CborDiff, CborValue};
use timeweft_core::value::Value;

pub(crate) use json_patch::JsonPatch;

/// The media type of JSON Patch.
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";

/// The media type of JSON Merge Patch.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A patch of a JSON document.
pub(crate) enum DocumentPatch {
    /// RFC 6902.
    Operations(JsonPatch),
    /// RFC 7396.
    Merge(serde_json::Value),
}

/// Why what is asked can't be done, as a patch that makes nothing of a document: the code and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) Code, pub(crate) String);

impl Unfit {
    fn bad(message: impl Into<String>) -> Unfit {
        Unfit(Code::BadRequest, message.into())
    }
}

impl From<DecodeError> for Unfit {
    fn from(error: DecodeError) -> Unfit {
        let (code, message) = error.into();
        Unfit(code, message)
    }
}

impl DocumentPatch {
    /// Reads a body of this media type; `None` when it is the type of no such patch.
    pub(crate) fn read(media_type: &str, body: &[u8], limits: &Limits) -> Option<Result<DocumentPatch, Unfit>> {
        // An operation's value is two levels down in the patch.
        let parse = |more: usize| json::parse(body, depth(limits) + more).map_err(Unfit::from);
        match media_type {
            JSON_PATCH => Some(parse(2).and_then(|json| JsonPatch::read(json, limits)).map(DocumentPatch::Operations)),
            MERGE_PATCH => Some(parse(0).map(DocumentPatch::Merge)),
            _ => None,
        }
    }

    /// The diff that the patch comes to on this value, whose elements `identity` tells apart.
    pub(crate) fn on(self, base: &CborValue, identity: &Identity, limits: &Limits) -> Result<CborDiff, Unfit> {
        // The JSON of a value may be longer and deeper than it is itself; what is stored in the end is bounded there.
        let base = cbor::decode_value(&base.0, &TRUSTED)?;
        // A value of which there is no JSON is never patched as if it were null: what is in it would go, or stay where it
        // should go.
        let mut document = json::parse(&json::value_to_text(&base), TRUSTED.depth).map_err(|_| {
            let why = "the value holds a number beyond what JSON readers hold, so it can't be patched as JSON; \
                       patch it as application/cbor";
            Unfit::bad(why)
        })?;
        let before = json::value_from_json(&document, &TRUSTED)?;
        match self {
            DocumentPatch::Operations(patch) => patch.apply(&mut document, limits)?,
            DocumentPatch::Merge(patch) => ::json_patch::merge(&mut document, &patch),
        }
        let after = json::value_from_json(&document, &TRUSTED)?;
        let diff = fit(diff_finely_by(&before, &after, identity), &base, &before)
            .map_err(|error| Unfit::bad(error.to_string()))?;
        Ok(CborDiff(cbor::encode_patch(&diff.to_patch())))
    }
}

/// How deep values may be.
fn depth(limits: &Limits) -> usize {
    limits.depth.min(MAX_DEPTH)
}

/// A diff of the JSON `before` as one of `base`, which it is the JSON of: a change from inside of what is no object, array
/// or text in truth becomes what comes of it.
fn fit(diff: Diff, base: &Value, before: &Value) -> Result<Diff, DiffError> {
    Ok(match (diff, base, before) {
        (Diff::Object(members), Value::Object(inside), Value::Object(shown)) => {
            let member = |(key, change): (String, Diff)| match (inside.get(&key), shown.get(&key)) {
                (Some(base), Some(before)) => Ok((key, fit(change, base, before)?)),
                _ => Ok((key, change)),
            };
            Diff::Object(members.into_iter().map(member).collect::<Result<_, DiffError>>()?)
        }
        (Diff::Array(segments), Value::Array(inside), Value::Array(shown)) => {
            let (mut at, mut taken) = (0, Vec::new());
            for segment in &segments {
                if matches!(segment, Segment::Take(_)) {
                    taken.push(at);
                }
                at += segment.before();
            }
            let element =
                |change, index: Option<usize>| match index.and_then(|index| inside.get(index).zip(shown.get(index))) {
                    Some((base, before)) => fit(change, base, before),
                    None => Ok(change),
                };
            let mut at = 0;
            let mut fitting = Vec::with_capacity(segments.len());
            for segment in segments {
                let before = segment.before();
                fitting.push(match segment {
                    Segment::Inner(change) => Segment::Inner(element(change, Some(at))?),
                    Segment::Put(number, Some(change)) => {
                        Segment::Put(number, Some(element(change, taken.get(number).copied())?))
                    }
                    segment => segment,
                });
                at += before;
            }
            Diff::Array(fitting)
        }
        (diff @ Diff::Text(_), Value::Text(_), _) | (diff @ (Diff::Set { .. } | Diff::Remove), ..) => diff,
        (diff, ..) if diff.is_identity() => diff,
        (diff, _, before) => {
            let mut value = before.clone();
            diff.apply(&mut value)?;
            Diff::Set { value, over_container: true }
        }
    })
}
