//! Diffs: read, resolved against a value, and everything that is done with them from there on.
//!
//! An input is a value and two diffs that are made on it.

use timeweft_core::codec::{DecodeError, cbor, json};
use timeweft_core::diff::{Diff, Order, Patch, Segment, compose, diff_finely, rebase, split};
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

use crate::memory;
use crate::parts::{LIMITS, items, lines};
use crate::values::AGAIN;

pub(crate) fn cbor(bytes: &[u8]) {
    let [base, patches @ ..]: [&[u8]; 3] = items(bytes);
    let patches = patches.map(|patch| {
        let read = memory::within(of_reading(patch.len()), || cbor::decode_patch(patch, &LIMITS));
        read.inspect(patch_encodes_as_itself)
    });
    // The first may be a value alone.
    together(bytes.len(), cbor::decode_value(base, &LIMITS), patches);
}

pub(crate) fn json(bytes: &[u8]) {
    let [base, patches @ ..]: [&[u8]; 3] = lines(bytes);
    let patches = patches.map(|patch| {
        let read = memory::within(of_reading(patch.len()), || json::patch_from_text(patch, &LIMITS));
        read.inspect(|patch| {
            patch_encodes_as_itself(patch);
            let text = json::patch_to_text(patch);
            let again = json::patch_from_text(&text, &PATCHES);
            assert_eq!(again.as_ref(), Ok(patch), "{}", String::from_utf8_lossy(&text));
        })
    });
    together(bytes.len(), json::value_from_text(base, &LIMITS), patches);
}

pub(crate) fn stored(bytes: &[u8]) {
    let [base, diffs @ ..]: [&[u8]; 3] = items(bytes);
    // What is taken and put is said by a count. Only the largest stored diff bounds it, which is too large to be tried here.
    let runs = |word: &[u8]| bytes.windows(word.len()).filter(|window| *window == word).count();
    if [&b"take\x1a"[..], b"count\x1a"].into_iter().any(|word| runs(word) > 0) || runs(b"take") + runs(b"count") > 8 {
        return;
    }
    let counted = (runs(b"take") + runs(b"count")) * (1 << 16) * 4 * size_of::<Segment<Vec<Value>, Diff>>();
    let diffs = diffs.map(|diff| memory::within(memory::of_reading(diff.len()) + counted, || cbor::decode_diff(diff)));
    for diff in diffs.iter().flatten() {
        let encoded = cbor::encode_diff(diff);
        assert_eq!(cbor::decode_diff(&encoded).as_ref(), Ok(diff));
    }
    let Ok(base) = cbor::decode_value(base, &LIMITS) else { return };
    if let [Ok(a), Ok(b)] = &diffs {
        // Nothing says that they are of this base.
        memory::within(of_working(bytes.len()) + 20 * counted, || {
            let _ = a.apply(&mut base.clone());
            let _ = a.to_patch().resolve(&base);
            let _ = a.to_patch_giving(&base).resolve(&base);
            let _ = a.to_plain_patch();
            let _ = a.invert(&base).to_patch();
            let _ = a.undo(&base).to_patch();
            let _ = compose(a, b);
            let _ = split(a, b, &base);
            assert_eq!(conflict(a, b), conflict(b, a), "{a:?} {b:?}");
        });
    }
}

/// What was read once is read again.
const PATCHES: Limits = Limits { diff_operations: usize::MAX, ..AGAIN };

/// What is decoded encodes to what decodes as the same, in one form, as long as it is said to be.
fn patch_encodes_as_itself(patch: &Patch) {
    let encoded = cbor::encode_patch(patch);
    assert_eq!(cbor::patch_len(patch), encoded.len(), "{patch:?}");
    let again = cbor::decode_patch(&encoded, &PATCHES).unwrap_or_else(|error| panic!("{error}: {patch:?}"));
    assert_eq!(again, *patch);
    json::patch_to_json(patch);
}

fn together(length: usize, base: Result<Value, DecodeError>, patches: [Result<Patch, DecodeError>; 2]) {
    let Ok(base) = base else { return };
    memory::within(of_working(length), || {
        let diffs = patches.map(|patch| {
            let patch = patch.ok()?;
            let _ = patch.clone().into_value();
            let diff = patch.resolve(&base).ok()?;
            leads_there_and_back(&diff, &base);
            Some(diff)
        });
        if let [Some(a), Some(b)] = &diffs {
            conflict_or_converge(a, b, &base);
        }
    });
}

/// What is taken is said by a count, which is bounded by that of operations.
fn of_reading(length: usize) -> usize {
    memory::of_reading(length) + LIMITS.diff_operations * 4 * size_of::<Segment<Vec<Value>, Patch>>()
}

/// The algebra makes copies; some dozens of what was read are none too many.
fn of_working(length: usize) -> usize {
    20 * memory::of_reading(length)
}

fn applied(diff: &Diff, base: &Value) -> Value {
    let mut value = base.clone();
    diff.apply(&mut value).unwrap_or_else(|error| panic!("{error}: {diff:?} on {base:?}"));
    value
}

/// What resolved, applies, in each form that it is written in; and its inverse leads back.
fn leads_there_and_back(diff: &Diff, base: &Value) {
    let new = applied(diff, base);
    let encoded = cbor::encode_diff(diff);
    assert_eq!(cbor::decode_diff(&encoded).as_ref(), Ok(diff));
    for patch in [diff.to_patch(), diff.to_patch_giving(&new)] {
        let again = patch.clone().resolve(base).unwrap_or_else(|error| panic!("{error}: {patch:?} on {base:?}"));
        assert_eq!(applied(&again, base), new, "{patch:?} on {base:?}");
    }
    let back = diff.invert(base);
    assert_eq!(applied(&back, &new), *base, "{back:?} of {diff:?} on {new:?}");
    let made = diff_finely(base, &new);
    assert_eq!(applied(&made, base), new, "{made:?}");
}

fn conflict(a: &Diff, b: &Diff) -> bool {
    let order = Order::later(None, None);
    let refused = rebase(a, b, order).is_err();
    assert_eq!(refused, rebase(a, b, order.reversed()).is_err(), "whose turn it is decides: {a:?} {b:?}");
    refused
}

/// Concurrent diffs contradict each other either way, and then in places that can be named; or both orders make the same.
fn conflict_or_converge(a: &Diff, b: &Diff, base: &Value) {
    let (mine, theirs) = (applied(a, base), applied(b, base));
    assert_eq!(conflict(a, b), conflict(b, a), "{a:?} {b:?} on {base:?}");
    if conflict(a, b) {
        let parts = split(a, b, base);
        assert!(!parts.contested.is_empty(), "{a:?} {b:?} on {base:?}");
        assert!(!conflict(&parts.kept, b), "{:?} of {a:?} against {b:?}", parts.kept);
        return;
    }
    let order = Order::later(Some("a"), Some("b"));
    let (Ok(a_behind), Ok(b_behind)) = (rebase(a, b, order), rebase(b, a, order.reversed())) else { return };
    let increments = a.increments() || b.increments();
    // Sums of fractions depend on their order, and some are none.
    if increments {
        let _ = (a_behind.apply(&mut theirs.clone()), b_behind.apply(&mut mine.clone()));
        return;
    }
    let both = applied(&a_behind, &theirs);
    assert_eq!(applied(&b_behind, &mine), both, "{a:?} {b:?} on {base:?}");
    let whole = compose(b, &a_behind).unwrap_or_else(|error| panic!("{error}: {b:?} and {a_behind:?}"));
    assert_eq!(applied(&whole, base), both, "{a:?} {b:?} on {base:?}");
}
