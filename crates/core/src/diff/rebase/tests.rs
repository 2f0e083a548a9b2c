use super::*;
use crate::diff::{Patch, diff, diff_finely};

fn text(edits: &[(usize, usize, &str)], length: usize) -> Diff {
    let mut out = Builder::<String>::new();
    let mut done = 0;
    for (at, delete, insert) in edits {
        out.keep(at - done);
        out.insert(insert);
        out.delete(*delete);
        done = at + delete;
    }
    out.keep(length - done);
    Diff::Text(out.finish())
}

fn merged(base: &str, a: &Diff, b: &Diff) -> Option<String> {
    assert_eq!(conflicts(a, b), conflicts(b, a));
    let both = |first: &Diff, second: &Diff| {
        let mut value = Value::text(base);
        first.apply(&mut value).unwrap();
        rebase(second, first).ok()?.apply(&mut value).unwrap();
        Some(value)
    };
    assert_eq!(both(a, b), both(b, a));
    match both(a, b) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn set(value: impl Into<Value>) -> Diff {
    Diff::Set { value: value.into(), over_container: false }
}

fn member(key: &str, change: Diff) -> Diff {
    Diff::Object([(key.to_owned(), change)].into())
}

#[test]
fn edits_apart_in_one_text_both_come_to_be() {
    let a = text(&[(0, 3, "our")], 10);
    let b = text(&[(5, 0, "big ")], 10);
    assert_eq!(merged("the  thing", &a, &b).unwrap(), "our  big thing");
}

#[test]
fn overlapping_deletions_conflict_unless_they_are_the_same() {
    let a = text(&[(1, 3, "")], 6);
    assert_eq!(merged("abcdef", &a, &text(&[(3, 2, "")], 6)), None);
    assert_eq!(merged("abcdef", &a, &text(&[(1, 2, "")], 6)), None);
    assert_eq!(merged("abcdef", &a, &text(&[(1, 3, "x")], 6)), None);
    assert_eq!(merged("abcdef", &a, &a).unwrap(), "aef");
    let replaced = text(&[(1, 3, "x")], 6);
    assert_eq!(merged("abcdef", &replaced, &replaced).unwrap(), "axef");
}

#[test]
fn an_insertion_inside_what_the_other_deletes_conflicts() {
    assert_eq!(merged("abcdef", &text(&[(2, 0, "x")], 6), &text(&[(1, 3, "")], 6)), None);
}

#[test]
fn an_insertion_at_the_edge_of_what_the_other_deletes_stays_outside() {
    let delete = text(&[(2, 2, "-")], 6);
    let plain = text(&[(2, 2, "")], 6);
    assert_eq!(merged("abcdef", &text(&[(2, 0, "x")], 6), &plain).unwrap(), "abxef");
    assert_eq!(merged("abcdef", &text(&[(4, 0, "x")], 6), &delete).unwrap(), "ab-xef");
}

#[test]
fn insertions_at_one_position_conflict_unless_they_are_the_same() {
    let x = text(&[(2, 0, "x")], 6);
    assert_eq!(merged("abcdef", &x, &text(&[(2, 0, "y")], 6)), None);
    assert_eq!(merged("abcdef", &x, &x).unwrap(), "abxcdef");
    assert_eq!(merged("abcdef", &x, &text(&[(2, 2, "y")], 6)), None);
    assert_eq!(merged("abcdef", &x, &text(&[(2, 2, "x")], 6)).unwrap(), "abxef");
}

#[test]
fn whole_replacements_conflict_unless_they_are_equal() {
    assert!(conflicts(&set(1.0), &set(2.0)));
    assert!(!conflicts(&set(1.0), &Diff::Set { value: Value::BigInt(1.into()), over_container: true }));
    assert!(conflicts(&member("a", set(1.0)), &member("a", Diff::Remove)));
    assert!(!conflicts(&member("a", Diff::Remove), &member("a", Diff::Remove)));
    assert!(!conflicts(&member("a", set(1.0)), &member("b", set(2.0))));
}

#[test]
fn a_change_inside_what_the_other_replaces_conflicts() {
    let inside = member("a", member("b", set(1.0)));
    assert!(conflicts(&inside, &member("a", set(1.0))));
    assert!(conflicts(&inside, &member("a", Diff::Remove)));
    assert!(conflicts(&inside, &set(1.0)));
}

#[test]
fn the_identity_conflicts_with_nothing() {
    for other in [set(1.0), Diff::Remove, member("a", Diff::Remove), text(&[(0, 1, "x")], 4)] {
        for identity in [Diff::identity(), Diff::Text(vec![Segment::Keep(3)]), member("a", Diff::identity())] {
            assert!(!conflicts(&identity, &other) && !conflicts(&other, &identity));
            assert_eq!(rebase(&other, &identity), Ok(other.clone()));
            assert!(rebase(&identity, &other).unwrap().is_identity());
        }
    }
}

#[test]
fn changes_inside_different_elements_both_come_to_be() {
    let item = |id: f64, done: bool| Value::object([("id", Value::Number(id)), ("done", Value::Bool(done))]);
    let base = Value::Array(vec![item(1.0, false), item(2.0, false), item(3.0, false)]);
    let mine = Value::Array(vec![item(1.0, true), item(2.0, false), item(3.0, false)]);
    let others = Value::Array(vec![item(0.0, false), item(1.0, false), item(3.0, true)]);
    let (a, b) = (diff_finely(&base, &mine), diff_finely(&base, &others));
    let mut value = base.clone();
    b.apply(&mut value).unwrap();
    rebase(&a, &b).unwrap().apply(&mut value).unwrap();
    assert_eq!(value, Value::Array(vec![item(0.0, false), item(1.0, true), item(3.0, true)]));
}

#[test]
fn a_change_inside_an_element_that_the_other_deletes_conflicts() {
    let change = Diff::Array(vec![Segment::Keep(1), Segment::Inner(set(1.0)), Segment::Keep(1)]);
    let delete = Diff::Array(vec![Segment::Keep(1), Segment::Delete(1), Segment::Keep(1)]);
    let insert = Diff::Array(vec![Segment::Keep(1), Segment::Insert(vec![Value::Null]), Segment::Keep(2)]);
    assert!(conflicts(&change, &delete));
    assert!(!conflicts(&change, &insert));
    assert_eq!(
        rebase(&change, &insert).unwrap(),
        Diff::Array(vec![Segment::Keep(2), Segment::Inner(set(1.0)), Segment::Keep(1)])
    );
}

#[test]
fn edits_of_different_bases_conflict() {
    assert!(conflicts(&text(&[(0, 1, "")], 4), &text(&[(3, 1, "")], 5)));
    assert!(conflicts(&text(&[(0, 1, "")], 4), &member("a", set(1.0))));
}

#[test]
fn typing_in_two_places_of_one_paragraph_merges_over_the_wire() {
    let base = Value::object([("text", Value::text("It was a dark and stormy night; the rain fell in torrents."))]);
    let with = |text: &str| Value::object([("text", Value::text(text))]);
    let mine = with("It was a dark and very stormy night; the rain fell in torrents.");
    let others = with("It was a dark and stormy night; the rain fell in torrents, mostly.");
    // Plainly, as a client of the contract alone sends it.
    let plain = |value: &Value| match value {
        Value::Object(members) => {
            Patch::Map(members.iter().map(|(key, value)| (key.clone(), Patch::Value(value.clone()))).collect())
        }
        _ => Patch::Remove,
    };
    let (a, b) = (plain(&mine).resolve(&base).unwrap(), diff(&base, &others).to_patch().resolve(&base).unwrap());
    let mut value = others;
    rebase(&a, &b).unwrap().apply(&mut value).unwrap();
    assert_eq!(value, with("It was a dark and very stormy night; the rain fell in torrents, mostly."));
}
