//! Random values and patches, for the properties of codecs and messages.
#![allow(dead_code, reason = "each test file uses some")]

use num_bigint::BigInt;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use timeweft_core::diff::{Diff, Increment, Joins, Keyed, Patch, Segment};
use timeweft_core::value::{Object, Value};

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c0-2]{0,2}",
        any::<String>(),
        prop::sample::select(vec![
            "$undefined",
            "$text",
            "$array",
            "$replace",
            "$increment",
            "$entries",
            "$$",
            "$$undefined",
            "$a",
            "at",
            "__proto__"
        ])
        .prop_map(str::to_owned),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<i64>().prop_map(|int| int as f64),
        any::<i16>().prop_map(f64::from),
        any::<f32>().prop_map(f64::from),
        prop::sample::select(vec![
            0.0,
            -0.0,
            4_294_967_295.0,
            4_294_967_296.0,
            -4_294_967_296.0,
            -4_294_967_297.0,
            1e21
        ]),
    ]
}

fn bigint() -> impl Strategy<Value = BigInt> {
    prop_oneof![
        any::<i64>().prop_map(BigInt::from),
        vec(any::<u8>(), 0..40).prop_map(|bytes| BigInt::from_signed_bytes_be(&bytes))
    ]
}

/// What JSON holds.
pub(crate) fn json_leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::Number),
        any::<String>().prop_map(Value::Text),
    ]
    .boxed()
}

/// What a value holds that holds no others.
pub(crate) fn leaf() -> BoxedStrategy<Value> {
    prop_oneof![
        json_leaf(),
        number().prop_map(Value::Number),
        Just(Value::Undefined),
        bigint().prop_map(Value::BigInt),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        prop_oneof![-8_640_000_000_000_000_i64..=8_640_000_000_000_000, 0..4_000_000_000_000_i64]
            .prop_map(|ms| Value::Date(ms as f64)),
        Just(Value::Date(f64::NAN)),
        (64..=87_u8, vec(any::<u8>(), 0..3)).prop_filter_map("76 is reserved", |(tag, elements)| {
            (tag != 76).then(|| Value::Typed(tag, elements.into_iter().flat_map(|byte| [byte; 16]).collect()))
        }),
    ]
    .boxed()
}

fn nested(leaf: BoxedStrategy<Value>, more: bool) -> BoxedStrategy<Value> {
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let array = vec(inner.clone(), 0..6).prop_map(Value::Array);
        let object =
            btree_map(key(), inner.clone(), 0..6).prop_map(|members| Value::Object(members.into_iter().collect()));
        if !more {
            return prop_oneof![array, object].boxed();
        }
        let keys = btree_map(key(), inner.clone(), 0..4);
        let map = keys.prop_map(|entries| {
            Value::Map(entries.into_iter().map(|(key, value)| (Value::Text(key), value)).collect())
        });
        let odd_keys = inner.clone().prop_map(|key| Value::Map(vec![(key, Value::Null)]));
        let set = inner.prop_map(|item| Value::Set(vec![item]));
        prop_oneof![3 => array, 3 => object, 1 => map, 1 => odd_keys, 1 => set].boxed()
    })
    .boxed()
}

/// Any value.
pub(crate) fn value() -> BoxedStrategy<Value> {
    nested(leaf(), true)
}

/// Any value that JSON holds, and undefined.
pub(crate) fn json_value() -> BoxedStrategy<Value> {
    nested(prop_oneof![4 => json_leaf(), 1 => Just(Value::Undefined)].boxed(), false)
}

fn text_edits() -> impl Strategy<Value = Vec<Segment<String, ()>>> {
    let text = any::<String>().prop_filter("an insert is not empty", |text| !text.is_empty());
    vec(prop_oneof![steps(), (text, joins()).prop_map(|(text, joins)| Segment::Insert(text, joins))], 0..5)
}

fn joins() -> impl Strategy<Value = Joins> {
    prop_oneof![3 => Just(Joins::NONE), 1 => (1..=3_u64).prop_filter_map("known", Joins::from_bits)]
}

fn increment() -> impl Strategy<Value = Increment> {
    // What JSON holds.
    let amount = || number().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number);
    (amount(), prop::option::of(amount())).prop_map(|(by, to)| Increment { by, to })
}

/// Steps of edits along arrays; what is taken is put, once and in any order.
fn array_steps<I: std::fmt::Debug + Clone + 'static>(
    items: BoxedStrategy<Value>,
    inner: BoxedStrategy<I>,
    moves: bool,
) -> BoxedStrategy<Vec<Segment<Vec<Value>, I>>> {
    let segment = prop_oneof![
        steps(),
        (vec(items, 1..4), joins()).prop_map(|(items, joins)| Segment::Insert(items, joins)),
        inner.clone().prop_map(Segment::Inner)
    ];
    let taken = if moves { 0..3_usize } else { 0..1 };
    (vec(segment, 0..5), taken, any::<u64>(), prop::option::of(inner))
        .prop_map(|(mut segments, taken, places, mut inner)| {
            let mut places = places;
            let mut next = |most: usize| {
                let place = places as usize % (most + 1);
                places = places.rotate_right(7);
                place
            };
            for number in 0..taken {
                let at = next(segments.len());
                segments.insert(at, Segment::Put(number, inner.take()));
            }
            let mut at = 0;
            for number in 0..taken {
                at += next(segments.len() - at);
                segments.insert(at, Segment::Take(number));
                at += 1;
            }
            segments
        })
        .boxed()
}

fn steps<T: std::fmt::Debug, I: std::fmt::Debug>() -> impl Strategy<Value = Segment<T, I>> {
    (prop_oneof![1..30_usize, Just(u32::MAX as usize)], any::<bool>())
        .prop_map(|(len, keep)| if keep { Segment::Keep(len) } else { Segment::Delete(len) })
}

/// A patch whose values are of `values`.
pub(crate) fn patch(values: BoxedStrategy<Value>) -> BoxedStrategy<Patch> {
    let plain = values.clone().prop_filter_map("a map is a patch, undefined removes", |value| match value {
        Value::Object(_) | Value::Undefined => None,
        value => Some(Patch::Value(value)),
    });
    let leaf = prop_oneof![
        2 => Just(Patch::Remove),
        4 => plain,
        1 => values.clone().prop_map(Patch::Replace),
        1 => text_edits().prop_map(Patch::Text),
        1 => increment().prop_map(Patch::Increment),
    ];
    leaf.prop_recursive(4, 30, 6, move |inner| {
        let array = array_steps(values.clone(), inner.clone(), true).prop_map(Patch::Array);
        let entries = array_steps(values.clone(), inner.clone(), false).prop_map(Patch::Entries);
        prop_oneof![
            3 => btree_map(key(), inner, 0..6).prop_map(|members| Patch::Map(members.into_iter().collect())),
            3 => array,
            1 => entries
        ]
    })
    .boxed()
}

/// A diff.
pub(crate) fn diff() -> BoxedStrategy<Diff> {
    let leaf = prop_oneof![
        Just(Diff::Remove),
        (value(), any::<bool>()).prop_map(|(value, over_container)| Diff::Set { value, over_container }),
        text_edits().prop_map(Diff::Text),
        increment().prop_map(Diff::Increment),
    ];
    leaf.prop_recursive(4, 30, 6, |inner| {
        let array = array_steps(value(), inner.clone(), true).prop_map(Diff::Array);
        let entries = (any::<bool>(), array_steps(value(), inner.clone(), false));
        let entries = entries.prop_map(|(map, edits)| Diff::Entries(if map { Keyed::Map } else { Keyed::Set }, edits));
        prop_oneof![
            3 => btree_map(key(), inner, 0..6).prop_map(|members| Diff::Object(members.into_iter().collect())),
            3 => array,
            1 => entries
        ]
    })
    .boxed()
}

/// Equal, and of the same kinds throughout: `Value`'s own equality has one line of numbers.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) | (Value::Date(a), Value::Date(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => same_members(a, b),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| same(ka, kb) && same(va, vb))
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a == b,
    }
}

fn same_members(a: &Object, b: &Object) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka == kb && same(va, vb))
}
