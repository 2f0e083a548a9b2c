use super::*;
use crate::diff::{Increment, Joins, Patch, diff};

fn member(change: Diff) -> Diff {
    Diff::Object([("a".to_owned(), change)].into())
}

fn set(value: Value) -> Diff {
    Diff::Set { value, over_container: false }
}

fn over_container(diff: &Diff) -> Option<bool> {
    match diff {
        Diff::Set { over_container, .. } => Some(*over_container),
        Diff::Object(members) => members.get("a").and_then(over_container),
        _ => None,
    }
}

#[test]
fn what_may_have_been_a_container_counts_as_one() {
    let then = member(set(Value::Null));
    let cases = [
        (member(Diff::Remove), true),
        (member(Diff::Object([("b".to_owned(), Diff::Remove)].into())), true),
        (member(Diff::Array(vec![Segment::Delete(1)])), true),
        (member(Diff::Text(vec![Segment::Delete(1)])), false),
        (member(set(Value::Array(vec![]))), false),
        (member(Diff::Set { value: Value::Null, over_container: true }), true),
        (Diff::identity(), false),
    ];
    for (first, expected) in cases {
        assert_eq!(over_container(&compose(&first, &then).unwrap()), Some(expected), "{first:?}");
    }
}

#[test]
fn edits_after_a_new_value_change_it() {
    let first = member(set(Value::text("a😀")));
    let second = member(Diff::Text(vec![Segment::Keep(3), Segment::Insert("b".to_owned(), Joins::NONE)]));
    assert_eq!(compose(&first, &second), Ok(member(set(Value::text("a😀b")))));
}

#[test]
fn edits_of_what_was_inserted_become_one_insertion() {
    let first = Diff::Text(vec![Segment::Keep(2), Segment::Insert("a😀b".to_owned(), Joins::NONE), Segment::Delete(1)]);
    let second = Diff::Text(vec![
        Segment::Keep(3),
        Segment::Delete(2),
        Segment::Insert("é".to_owned(), Joins::NONE),
        Segment::Keep(1),
    ]);
    assert_eq!(
        compose(&first, &second),
        Ok(Diff::Text(vec![Segment::Keep(2), Segment::Insert("aéb".to_owned(), Joins::NONE), Segment::Delete(1)]))
    );
}

#[test]
fn a_second_diff_that_does_not_follow_is_refused() {
    let text = |length| Diff::Text(vec![Segment::Keep(length), Segment::Insert("x".to_owned(), Joins::NONE)]);
    assert_eq!(compose(&text(1), &text(1)), Err(DiffError::NotConsecutive));
    assert_eq!(compose(&text(1), &text(3)), Err(DiffError::NotConsecutive));
    assert!(compose(&text(1), &text(2)).is_ok());
    assert_eq!(compose(&text(1), &member(Diff::Remove)), Err(DiffError::NotConsecutive));
    assert_eq!(compose(&member(Diff::Remove), &member(text(1))), Err(DiffError::NotConsecutive));
    let emoji = Diff::Text(vec![Segment::Insert("😀".to_owned(), Joins::NONE)]);
    assert!(compose(&emoji, &Diff::Text(vec![Segment::Delete(1), Segment::Keep(1)])).is_err());
}

#[test]
fn an_object_emptied_at_the_root_is_not_taken_for_no_change() {
    let (text, object, empty) = (Value::text("x"), Value::object([("a", Value::Null)]), Value::object::<&str>([]));
    let both = compose(&diff(&text, &object), &diff(&object, &empty)).unwrap();
    assert_eq!(both.to_patch(), Patch::Replace(empty));
}

#[test]
fn increments_that_cancel_each_other_leave_a_zero_where_nothing_was() {
    let nothing = Value::object::<&str>([]);
    let plus = |by: f64, to: f64| member(Diff::Increment(Increment { by: by.into(), to: Some(to.into()) }));
    let both = compose(&plus(1.0, 1.0), &plus(-1.0, 0.0)).unwrap();
    let told = both.to_patch().resolve(&nothing).unwrap();
    for diff in [both, told] {
        let mut value = nothing.clone();
        diff.apply(&mut value).unwrap();
        assert_eq!(value, Value::object([("a", Value::Number(0.0))]), "{diff:?}");
        assert!(!diff.is_identity());
    }
}
