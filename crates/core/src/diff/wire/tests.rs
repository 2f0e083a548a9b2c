use super::*;
use crate::codec::cbor::patch_len;
use crate::diff::diff;
use crate::diff::mark::Mark;

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn numbers(numbers: impl IntoIterator<Item = u32>) -> Value {
    Value::Array(numbers.into_iter().map(|n| Value::Number(f64::from(n))).collect())
}

fn patch_of(old: &Value, new: &Value) -> Patch {
    let change = diff(old, new);
    let patch = change.to_patch();
    check_length(&change);
    assert_eq!(patch.clone().resolve(old).map(|diff| diff.to_patch_giving(new)), Ok(change.to_patch_giving(new)));
    patch
}

/// The length that decides is the one that is written.
fn check_length(change: &Diff) {
    for style in [Style::Exact, Style::Plain] {
        let (patch, length) = patch(change, style).unwrap();
        assert_eq!(length, patch_len(&patch), "{patch:?}");
    }
}

fn map<const N: usize>(members: [(&str, Patch); N]) -> Patch {
    Patch::Map(members.map(|(key, patch)| (key.to_owned(), patch)).into())
}

#[test]
fn a_short_text_is_written_plainly() {
    let (old, new) = (Value::object([("title", Value::text("ab"))]), Value::object([("title", Value::text("ac"))]));
    let plain = map([("title", Patch::Value(Value::text("ac")))]);
    assert_eq!(patch_of(&old, &new), plain);
    // Edits that a plain text was resolved to, are a plain text again where the result is known.
    let edits = plain.clone().resolve(&old).unwrap();
    assert!(matches!(edits.to_patch(), Patch::Map(members) if matches!(members["title"], Patch::Text(_))));
    assert_eq!(edits.to_patch_giving(&new), plain);
    assert_eq!(edits.invert(&old).to_patch_giving(&old), map([("title", Patch::Value(Value::text("ab")))]));
}

#[test]
fn an_edit_in_a_long_text_is_written_as_such() {
    let old = "lorem ipsum dolor sit amet ".repeat(100);
    let new = old.replacen("amet", "amen", 1);
    let patch = patch_of(&Value::Text(old), &Value::Text(new));
    assert_eq!(
        patch,
        Patch::Text(vec![Segment::Keep(25), Segment::Insert("n".to_owned(), Joins::NONE), Segment::Delete(1)])
    );
}

#[test]
fn array_changes_go_by_index_where_that_is_not_longer() {
    let old = numbers(0..100);
    let Value::Array(mut items) = old.clone() else { panic!() };
    items[3] = Value::text("x");
    items.push(Value::Null);
    let new = Value::Array(items);
    let there = diff(&old, &new);
    let expected = map([("3", Patch::Value(Value::text("x"))), ("100", Patch::Value(Value::Null))]);
    assert_eq!(there.to_plain_patch(), expected);
    let back = there.invert(&old);
    assert_eq!(back.to_plain_patch(), map([("3", Patch::Value(number(3.0))), ("100", Patch::Remove)]));
    // Exactly, only where nothing could have moved.
    assert!(matches!(there.to_patch(), Patch::Array(_)) && matches!(back.to_patch(), Patch::Array(_)));
    let one = numbers([0, 7].into_iter().chain(2..100));
    assert_eq!(patch_of(&old, &one), map([("1", Patch::Value(number(7.0)))]));
}

#[test]
fn an_insertion_in_a_long_array_is_tagged() {
    let old = numbers(100..200);
    let new = numbers([7].into_iter().chain(100..200));
    assert_eq!(patch_of(&old, &new), Patch::Array(vec![Segment::Insert(vec![number(7.0)], Joins::NONE)]));
    let shorter = numbers(150..200);
    assert_eq!(patch_of(&old, &shorter), Patch::Array(vec![Segment::Delete(50)]));
}

#[test]
fn an_object_is_replaced_outright_only_where_that_is_shorter() {
    let old = Value::object((0..50).map(|i| (format!("key {i}"), number(f64::from(i)))));
    let new = Value::object([("key 0", number(0.0))]);
    assert_eq!(patch_of(&old, &new), Patch::Replace(new.clone()));
    let (a, b) = (Value::object([("a", number(1.0))]), Value::object([("a", number(2.0))]));
    assert_eq!(patch_of(&a, &b), map([("a", Patch::Value(number(2.0)))]));
    // What is removed is said one by one in what takes back: that is what changed.
    let more = Value::object([("a", number(1.0)), ("something long", number(1.0))]);
    assert_eq!(diff(&a, &more).invert(&a).to_patch(), map([("something long", Patch::Remove)]));
}

#[test]
fn an_object_over_a_container_and_undefined_are_tagged() {
    let member = |value: Value| Value::object([("a", value)]);
    let object = Value::object([("b", number(1.0))]);
    assert_eq!(patch_of(&member(numbers([1])), &member(object.clone())), map([("a", Patch::Replace(object.clone()))]));
    assert_eq!(patch_of(&member(Value::Null), &member(object)), map([("a", map([("b", Patch::Value(number(1.0)))]))]));
    assert_eq!(
        patch_of(&member(Value::Null), &member(Value::Undefined)),
        map([("a", Patch::Replace(Value::Undefined))])
    );
    let within = member(Value::object([("b", Value::Undefined)]));
    assert_eq!(patch_of(&member(Value::Null), &within), map([("a", map([("b", Patch::Replace(Value::Undefined))]))]));
}

#[test]
fn what_came_out_of_composing_over_the_unknown_is_tagged() {
    use crate::diff::compose;
    let object = Value::object([("b", number(1.0))]);
    let base = Value::object([("a", Value::object([("x", number(1.0))]))]);
    let without = Value::object::<&str>([]);
    let with = Value::object([("a", object)]);
    let both = compose(&diff(&base, &without), &diff(&without, &with)).unwrap();
    let mut value = base.clone();
    both.to_patch().resolve(&base).unwrap().apply(&mut value).unwrap();
    assert_eq!(value, with);
}

#[test]
fn heads_of_cbor_grow_with_their_argument() {
    assert_eq!([0, 23, 24, 255, 256, 65_535, 65_536, 1 << 32].map(head), [1, 1, 2, 2, 3, 3, 5, 9]);
    assert_eq!([0, 9, 10, 99, 100].map(index_length), [2, 2, 3, 3, 4]);
}

#[test]
fn measuring_ends_where_it_is_too_much() {
    let value = numbers(0..1000);
    let length = value_len(&value);
    assert_eq!(value_length_within(&value, length), Some(length));
    assert_eq!(value_length_within(&value, length - 1), None);
}

#[test]
fn marks_know_the_length_of_what_is_encoded() {
    let deep = Value::object([
        ("list", numbers(0..300)),
        ("map", Value::Map(vec![(Value::Set(vec![number(0.5)]), Value::object([("x", Value::Undefined)]))])),
        ("text", Value::text("😀".repeat(100))),
        ("bytes", Value::Typed(64, vec![0; 300])),
        ("date", Value::Date(1e12)),
        ("big", Value::BigInt(num_bigint::BigInt::from(1_u8) << 100)),
    ]);
    assert_eq!(Mark::of(&deep).length, value_len(&deep));
    assert_eq!(value_length_within(&deep, usize::MAX), Some(value_len(&deep)));
}

#[test]
fn lengths_that_decide_are_those_that_are_written() {
    let value = Value::object([("a", Value::Undefined), ("b", Value::object([("c", Value::Undefined)]))]);
    let set = |over_container| Diff::Set { value: value.clone(), over_container };
    let inner = |key: &str| Diff::Object([(key.to_owned(), set(false)), ("z".to_owned(), Diff::Remove)].into());
    let items = || vec![value.clone(), Value::Undefined, Value::Date(0.5)];
    use Segment::{Delete, Inner, Insert, Keep};
    let changes = [
        set(true),
        set(false),
        inner("key"),
        Diff::Text(vec![
            Keep(300),
            Insert("é".repeat(20), Joins::NONE),
            Delete(256),
            Keep(70_000),
            Delete(257),
            Keep(1),
        ]),
        Diff::Array(vec![Keep(24), Inner(inner("a")), Keep(1000), Delete(1), Inner(set(true)), Keep(1)]),
        Diff::Array(vec![Keep(9), Inner(set(true)), Keep(1), Insert(items(), Joins::NONE)]),
        Diff::Array(vec![Insert(items(), Joins::NONE), Keep(9)]),
        Diff::Array(vec![Keep(100), Delete(2)]),
        Diff::Array(vec![Keep(100), Delete(30)]),
        Diff::Array(vec![Insert(items(), Joins::NONE), Delete(1)]),
    ];
    changes.iter().for_each(check_length);
}
