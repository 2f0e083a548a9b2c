use super::*;

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn check(old: &Value, new: &Value) -> Diff {
    for change in [diff(old, new), diff_finely(old, new)] {
        let mut value = old.clone();
        change.apply(&mut value).unwrap();
        assert!(value == *new);
        assert_eq!(change.is_identity(), old == new);
    }
    diff(old, new)
}

#[test]
fn equal_values_differ_in_nothing_even_where_they_are_written_differently() {
    let old = Value::object([("a", Value::BigInt(1.into())), ("b", number(f64::NAN))]);
    let new = Value::object([("a", number(1.0)), ("b", number(f64::NAN))]);
    assert_eq!(check(&old, &new), Diff::identity());
    assert_eq!(check(&Value::text("x"), &Value::text("x")), Diff::identity());
}

#[test]
fn an_edited_record_among_others_is_edited() {
    let record = |id: u32, text: &str| {
        Value::object([("id", number(f64::from(id))), ("text", Value::text(text)), ("kind", Value::text("task"))])
    };
    let old: Vec<Value> = (0..20).map(|id| record(id, "what is to be done")).collect();
    let mut new = old.clone();
    new.remove(3);
    new[10] = record(11, "what was done");
    new.insert(10, record(100, "new"));
    let Diff::Array(edits) = check(&Value::Array(old), &Value::Array(new)) else { panic!() };
    let [
        Segment::Keep(3),
        Segment::Delete(1),
        Segment::Keep(7),
        Segment::Insert(one),
        Segment::Inner(_),
        Segment::Keep(8),
    ] = edits.as_slice()
    else {
        panic!("{edits:?}")
    };
    assert_eq!(*one, [record(100, "new")]);
}

#[test]
fn far_edits_in_a_long_text_are_found_apart() {
    let line = |i: usize| format!("{i}: the quick brown fox jumps over the lazy dog\n");
    let old: String = (0..20_000).map(line).collect();
    let new = old.replacen("quick", "slow", 1).replace("19999: the", "19999: a");
    let patch = check(&Value::Text(old.clone()), &Value::Text(new)).to_patch();
    assert!(matches!(&patch, crate::diff::Patch::Text(edits) if edits.len() < 12), "{patch:?}");
    // In one line, too.
    let (old, new) = (old.replace('\n', " "), old.replace('\n', " ").replacen("9: the", "9: a", 1) + "!");
    let patch = check(&Value::Text(old), &Value::Text(new)).to_patch();
    assert!(matches!(&patch, crate::diff::Patch::Text(edits) if edits.len() < 12), "{patch:?}");
}

#[test]
fn a_text_of_which_little_stays_is_replaced() {
    let change = diff_finely(&Value::text("hello"), &Value::text("world"));
    assert!(matches!(change, Diff::Set { over_container: false, .. }));
    assert!(matches!(diff_finely(&Value::text("hello you"), &Value::text("hello there")), Diff::Text(_)));
}

#[test]
fn small_arrays_are_still_edited_when_asked_for_finely() {
    let list = |items: &[f64]| Value::Array(items.iter().copied().map(Value::Number).collect());
    let (old, new) = (list(&[1.0, 2.0]), list(&[0.0, 1.0, 2.0]));
    assert_eq!(diff_finely(&old, &new), Diff::Array(vec![Segment::Insert(vec![number(0.0)]), Segment::Keep(2)]));
}

/// Shapes that take naive ways time that grows with the square of their size, or with their depth.
#[test]
fn large_values_take_time_in_proportion() {
    let long: String = (0..200_000_u32).map(|i| char::from(b'a' + (i % 7) as u8)).collect();
    let turned: String = (0..200_000_u32).map(|i| char::from(b'a' + (i % 1000 * i % 11 % 7) as u8)).collect();
    check(&Value::Text(long.clone()), &Value::Text(turned));
    check(&Value::Text("😀".repeat(100_000)), &Value::Text("😁".repeat(100_000)));
    let list = |n: u32, m: u32| Value::Array((0..n).map(|i| Value::Number(f64::from(i * m % 1009))).collect());
    check(&list(100_000, 7), &list(99_000, 11));
    let records = |n: u32, step: u32| {
        Value::Array((0..n).map(|i| Value::object([("a", Value::Number(f64::from(i * step)))])).collect())
    };
    check(&records(50_000, 1), &records(50_500, 2));
    // Deep, with the change at the bottom and much to compare beside it at every level.
    let deep = |end: f64| {
        (0..120).fold(number(end), |inner, level| {
            let beside = Value::Array((0..500).map(|i| Value::Number(f64::from(i))).collect());
            if level % 2 == 0 {
                Value::Array(vec![beside, inner])
            } else {
                Value::object([("a", beside), ("b", inner)])
            }
        })
    };
    check(&deep(1.0), &deep(2.0));
}
