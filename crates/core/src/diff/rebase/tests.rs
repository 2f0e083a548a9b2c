//! The rules of docs/protocol.md, "Merging", one by one: both orders are tried, and make the same.

use super::*;
use crate::codec::json;
use crate::diff::{compose, split};
use crate::limits::Limits;

fn value(text: &str) -> Value {
    json::value_from_text(text.as_bytes(), &Limits::default()).unwrap()
}

fn change(base: &Value, patch: &str) -> Diff {
    json::patch_from_text(patch.as_bytes(), &Limits::default()).unwrap().resolve(base).unwrap()
}

fn applied(diff: &Diff, base: &Value) -> Value {
    let mut value = base.clone();
    diff.apply(&mut value).unwrap();
    value
}

/// What becomes of two changes, the first of which is accepted first; none where they contradict each other.
fn both_by(base: &Value, earlier: &Diff, later: &Diff, order: Order) -> Option<Value> {
    let (moved, back) = match (rebase(later, earlier, order), rebase(earlier, later, order.reversed())) {
        (Ok(moved), Ok(back)) => (moved, back),
        (moved, back) => {
            assert!(moved.is_err() && back.is_err(), "both ways or none: {earlier:?} {later:?}");
            return None;
        }
    };
    let one = applied(&moved, &applied(earlier, base));
    let other = applied(&back, &applied(later, base));
    assert_eq!(one, other, "{earlier:?} {later:?}");
    assert_eq!(applied(&compose(earlier, &moved).unwrap(), base), one);
    Some(one)
}

fn both(base: &str, earlier: &str, later: &str) -> Option<Value> {
    let base = value(base);
    let (earlier, later) = (change(&base, earlier), change(&base, later));
    both_by(&base, &earlier, &later, Order::later(None, None))
}

#[track_caller]
fn merge(base: &str, earlier: &str, later: &str, wanted: &str) {
    assert_eq!(both(base, earlier, later), Some(value(wanted)), "{base}: {earlier} and {later}");
}

#[track_caller]
fn contradict(base: &str, one: &str, other: &str) {
    assert_eq!(both(base, one, other), None, "{base}: {one} and {other}");
    assert_eq!(both(base, other, one), None, "{base}: {other} and {one}");
}

#[test]
fn edits_apart_in_one_text_both_come_to_be() {
    merge(r#""the  thing""#, r#"{"$text":[-3,"our"]}"#, r#"{"$text":[5,"big "]}"#, r#""our  big thing""#);
}

#[test]
fn insertions_at_one_position_of_a_text_both_stay_and_so_do_those_that_are_the_same() {
    merge(r#""ab""#, r#"{"$text":[1,"x"]}"#, r#"{"$text":[1,"y"]}"#, r#""axyb""#);
    merge(r#""ab""#, r#"{"$text":[1,"x"]}"#, r#"{"$text":[1,"x"]}"#, r#""axxb""#);
    // However short it is, and however it is written.
    merge(r#""""#, r#""x""#, r#""y""#, r#""xy""#);
    merge(r#""tea""#, r#""tea for""#, r#""teas""#, r#""tea fors""#);
}

#[test]
fn an_insertion_inside_what_the_other_deletes_or_replaces_stays() {
    merge(r#""abcdef""#, r#"{"$text":[1,-4]}"#, r#"{"$text":[3,"x"]}"#, r#""axf""#);
    merge(r#""abcdef""#, r#"{"$text":[3,"x"]}"#, r#"{"$text":[1,-4]}"#, r#""axf""#);
    merge(r#""abcdef""#, r#"{"$text":[1,"Z",-4]}"#, r#"{"$text":[3,"x"]}"#, r#""aZxf""#);
}

#[test]
fn overlapping_deletions_are_one_and_one_may_replace() {
    merge(r#""abcdef""#, r#"{"$text":[1,-3]}"#, r#"{"$text":[2,-3]}"#, r#""af""#);
    merge(r#""abcdef""#, r#"{"$text":[1,-3]}"#, r#"{"$text":[2,"x",-3]}"#, r#""axf""#);
}

#[test]
fn only_overlapping_stretches_replaced_by_different_texts_contradict_each_other() {
    contradict(r#""one two""#, r#"{"$text":["six",-3]}"#, r#"{"$text":["ten",-3]}"#);
    contradict(r#""one two""#, r#"{"$text":[-5,"x"]}"#, r#"{"$text":[2,-5,"y"]}"#);
    merge(r#""one two""#, r#"{"$text":["six",-3]}"#, r#"{"$text":["six",-3]}"#, r#""six two""#);
    merge(r#""one two""#, r#"{"$text":["six",-3]}"#, r#"{"$text":[4,"ten",-3]}"#, r#""six ten""#);
}

#[test]
fn what_two_push_is_all_there() {
    merge(r#"[1]"#, r#"{"1":2}"#, r#"{"1":3}"#, r#"[1,2,3]"#);
    merge(r#"[]"#, r#"{"0":{"id":"a"}}"#, r#"{"0":{"id":"b"}}"#, r#"[{"id":"a"},{"id":"b"}]"#);
    merge(r#"[1,2]"#, r#"{"$array":[[0]]}"#, r#"{"$array":[-1,1,[3]]}"#, r#"[0,2,3]"#);
    merge(r#"[1,2,3]"#, r#"{"$array":[-3]}"#, r#"{"$array":[1,[9]]}"#, r#"[9]"#);
}

#[test]
fn an_element_that_both_add_under_one_name_is_there_once_with_what_both_say_of_it() {
    merge(r#"[]"#, r#"{"0":{"id":"a","x":1}}"#, r#"{"0":{"id":"a","x":1}}"#, r#"[{"id":"a","x":1}]"#);
    merge(r#"[5]"#, r#"{"$array":[[{"id":"a","x":1}]]}"#, r#"{"1":{"id":"a","y":2}}"#, r#"[{"id":"a","x":1,"y":2},5]"#);
    contradict(r#"[]"#, r#"{"0":{"id":"a","x":1}}"#, r#"{"0":{"id":"a","x":2}}"#);
}

#[test]
fn a_change_inside_an_element_follows_it_wherever_it_was_moved() {
    let base = r#"[{"id":1},{"id":2},{"id":3}]"#;
    let (to_the_end, tick) = (r#"{"$array":[{"take":1},2,{"put":0}]}"#, r#"{"0":{"done":true}}"#);
    merge(base, to_the_end, tick, r#"[{"id":2},{"id":3},{"id":1,"done":true}]"#);
    merge(base, tick, to_the_end, r#"[{"id":2},{"id":3},{"id":1,"done":true}]"#);
    // And both may change it.
    let with_more = r#"{"$array":[{"take":1},2,{"put":0,"at":{"x":1}}]}"#;
    merge(base, with_more, tick, r#"[{"id":2},{"id":3},{"id":1,"done":true,"x":1}]"#);
}

#[test]
fn of_two_moves_of_one_element_the_later_one_holds_and_it_is_there_once() {
    let (to_the_end, to_the_middle) =
        (r#"{"$array":[{"take":1},3,{"put":0}]}"#, r#"{"$array":[{"take":1},1,{"put":0}]}"#);
    merge("[1,2,3,4]", to_the_end, to_the_middle, "[2,1,3,4]");
    merge("[1,2,3,4]", to_the_middle, to_the_end, "[2,3,4,1]");
}

#[test]
fn who_moves_what_the_other_deletes_moves_nothing() {
    let to_the_end = r#"{"$array":[{"take":1},2,{"put":0}]}"#;
    merge("[1,2,3]", to_the_end, r#"{"$array":[-1]}"#, "[2,3]");
    merge("[1,2,3]", r#"{"$array":[-2]}"#, to_the_end, "[3]");
}

#[test]
fn a_change_inside_what_the_other_deletes_contradicts_it_moved_or_not() {
    let base = r#"[{"id":1},{"id":2}]"#;
    contradict(base, r#"{"$array":[-1]}"#, r#"{"0":{"a":1}}"#);
    contradict(base, r#"{"$array":[-1]}"#, r#"{"$array":[{"take":1},1,{"put":0,"at":{"a":1}}]}"#);
}

#[test]
fn a_list_sorted_by_index_moves_its_elements() {
    let base = r#"[{"id":2,"t":"b"},{"id":1,"t":"a"}]"#;
    let sorted = r#"{"0":{"id":1,"t":"a"},"1":{"id":2,"t":"b"}}"#;
    merge(base, sorted, r#"{"0":{"done":true}}"#, r#"[{"id":1,"t":"a"},{"id":2,"t":"b","done":true}]"#);
    merge(base, r#"{"0":{"done":true}}"#, sorted, r#"[{"id":1,"t":"a"},{"id":2,"t":"b","done":true}]"#);
}

#[test]
fn an_element_deleted_by_index_is_that_element() {
    let base = r#"[{"id":1},{"id":2},{"id":3}]"#;
    let without_the_first = r#"{"0":{"id":2},"1":{"id":3},"2":{"$undefined":true}}"#;
    merge(base, without_the_first, r#"{"2":{"done":true}}"#, r#"[{"id":2},{"id":3,"done":true}]"#);
}

#[test]
fn what_is_deleted_put_in_or_swapped_by_index_is_that_element_also_without_a_name() {
    let (letters, first_two) = (r#"["a","b","c","d"]"#, r#"{"0":"b","1":"a"}"#);
    let without_b = r#"{"1":"c","2":"d","3":{"$undefined":true}}"#;
    for without_d in [r#"{"$array":[3,-1]}"#, r#"{"3":{"$undefined":true}}"#] {
        merge(letters, without_b, without_d, r#"["a","c"]"#);
    }
    merge(
        letters,
        r#"{"0":"b","1":"c","2":"d","3":{"$undefined":true}}"#,
        r#"{"2":"d","3":{"$undefined":true}}"#,
        r#"["b","d"]"#,
    );
    merge("[1,2,3,4]", r#"{"1":3,"2":4,"3":{"$undefined":true}}"#, r#"{"$array":[3,-1]}"#, "[1,3]");
    merge(
        r#"[{"n":1},{"n":2},{"n":3},{"n":4}]"#,
        r#"{"1":{"n":3},"2":{"n":4},"3":{"$undefined":true}}"#,
        r#"{"$array":[3,-1]}"#,
        r#"[{"n":1},{"n":3}]"#,
    );
    merge(letters, r#"{"0":"x","1":"a","2":"b","3":"c","4":"d"}"#, r#"{"$array":[1,-1]}"#, r#"["x","a","c","d"]"#);
    merge(letters, first_two, r#"{"$array":[-1]}"#, r#"["b","c","d"]"#);
    merge(letters, first_two, first_two, r#"["b","a","c","d"]"#);
    let mixed = r#"["s",{"id":"i","t":1}]"#;
    let swapped = r#"{"0":{"id":"i","t":1},"1":"s"}"#;
    merge(mixed, swapped, swapped, r#"[{"id":"i","t":1},"s"]"#);
    merge(mixed, swapped, r#"{"$array":[-1]}"#, r#"[{"id":"i","t":1}]"#);
    merge(
        r#"[{"id":"i"},"z"]"#,
        r#"{"0":{"id":"j"},"1":{"id":"i"},"2":"z"}"#,
        r#"{"$array":[1,-1]}"#,
        r#"[{"id":"j"},{"id":"i"}]"#,
    );
}

#[test]
fn what_stays_in_its_place_is_changed_by_index_as_it_is_said() {
    merge("[1,2]", r#"{"0":{"$increment":2},"1":5}"#, r#"{"0":{"$increment":3}}"#, "[6,5]");
    merge("[[1],[2]]", r#"{"0":{"0":7},"1":{"0":8},"2":9}"#, r#"{"$array":[[0]]}"#, "[0,[7],[8],9]");
    contradict(r#"["a","b","c"]"#, r#"{"1":"x","2":"y"}"#, r#"{"1":"z"}"#);
}

#[test]
fn what_has_a_name_is_put_in_where_something_without_one_was() {
    let one = r#"{"$array":[[{"id":"x","t":"one"}]]}"#;
    for two in [r#"{"$array":[-1,[{"id":"x","u":"two"}]]}"#, r#"[{"id":"x","u":"two"}]"#] {
        merge(r#"["a"]"#, one, two, r#"[{"id":"x","t":"one","u":"two"}]"#);
    }
    contradict(r#"["a"]"#, one, r#"[{"id":"x","t":"two"}]"#);
}

#[test]
fn an_element_of_another_name_at_an_index_is_another_element() {
    let base = r#"[{"id":1},{"id":2,"t":"b","n":4},{"id":3}]"#;
    let nine = r#"{"1":{"id":9,"t":"q"}}"#;
    contradict(base, r#"{"1":{"n":5}}"#, nine);
    merge(
        base,
        r#"{"$array":[{"take":2},1,{"put":1},{"put":0}]}"#,
        nine,
        r#"[{"id":9,"t":"q","n":4},{"id":3},{"id":1}]"#,
    );
    // Put in by both it is there once.
    let there = r#"[{"id":1},{"id":9,"t":"b","n":4,"by":"a"},{"id":3}]"#;
    merge(base, r#"{"$array":[1,[{"id":9,"t":"b","n":4,"by":"a"}],-1]}"#, r#"{"1":{"id":9}}"#, there);
    // What had no name gets one.
    merge(r#"[{"t":"a"}]"#, r#"{"0":{"id":1}}"#, r#"{"0":{"n":1}}"#, r#"[{"t":"a","id":1,"n":1}]"#);
}

#[test]
fn members_merge_one_by_one_also_where_both_make_the_object() {
    merge(r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#, r#"{"a":1,"b":2,"c":3}"#);
    merge(
        "{}",
        r#"{"o":{"a":1,"b":{"x":1}}}"#,
        r#"{"o":{"c":1,"b":{"y":1}}}"#,
        r#"{"o":{"a":1,"b":{"x":1,"y":1},"c":1}}"#,
    );
    contradict("{}", r#"{"o":{"a":1}}"#, r#"{"o":{"a":2}}"#);
}

#[test]
fn increments_add_up_and_on_what_the_other_sets() {
    merge(r#"{"n":1}"#, r#"{"n":{"$increment":2}}"#, r#"{"n":{"$increment":3}}"#, r#"{"n":6}"#);
    merge("{}", r#"{"n":{"$increment":2}}"#, r#"{"n":{"$increment":3}}"#, r#"{"n":5}"#);
    merge(r#"{"n":1}"#, r#"{"n":10}"#, r#"{"n":{"$increment":3}}"#, r#"{"n":13}"#);
    merge(r#"{"n":1}"#, r#"{"n":{"$increment":3}}"#, r#"{"n":10}"#, r#"{"n":13}"#);
    contradict(r#"{"n":1}"#, r#"{"n":"many"}"#, r#"{"n":{"$increment":3}}"#);
}

#[test]
fn one_place_set_to_different_values_or_deleted_and_changed_inside_contradicts_itself() {
    contradict(r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#);
    contradict(r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":{"$undefined":true}}"#);
    contradict(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, r#"{"a":{"$undefined":true}}"#);
    contradict(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, r#"{"a":{"$replace":{"c":1}}}"#);
    merge(r#"{"a":1,"b":1}"#, r#"{"a":2}"#, r#"{"a":2,"b":3}"#, r#"{"a":2,"b":3}"#);
    merge(r#"{"a":1}"#, r#"{"a":{"$undefined":true}}"#, r#"{"a":{"$undefined":true}}"#, "{}");
}

#[test]
fn entries_of_maps_and_sets_merge_and_one_that_both_add_is_there_once() {
    let set = |items: &[f64]| Value::Set(items.iter().map(|item| Value::from(*item)).collect());
    let to = |base: &Value, next: Value| crate::diff::diff_finely(base, &next);
    let base = set(&[1.0, 2.0]);
    let (a, b) = (to(&base, set(&[2.0, 3.0, 4.0])), to(&base, set(&[1.0, 2.0, 4.0, 5.0])));
    assert_eq!(both_by(&base, &a, &b, Order::later(None, None)), Some(set(&[2.0, 3.0, 4.0, 5.0])));
    let map = |entries: &[(&str, Value)]| {
        Value::Map(entries.iter().map(|(key, value)| (Value::text(*key), value.clone())).collect())
    };
    let object = |key: &str| Value::object([(key, Value::Null)]);
    let base = map(&[("k", object("old"))]);
    let a = to(&base, map(&[("k", value(r#"{"old":null,"a":1}"#)), ("new", object("a"))]));
    let b = to(&base, map(&[("k", value(r#"{"old":null,"b":1}"#)), ("new", object("b"))]));
    let wanted = map(&[("k", value(r#"{"old":null,"a":1,"b":1}"#)), ("new", value(r#"{"a":null,"b":null}"#))]);
    assert_eq!(both_by(&base, &a, &b, Order::later(None, None)), Some(wanted));
    let (a, b) = (to(&base, map(&[("k", Value::Null)])), to(&base, map(&[("k", Value::Bool(true))])));
    assert_eq!(both_by(&base, &a, &b, Order::later(None, None)), None);
    assert_eq!(split(&b, &a, &base).contested.len(), 1);
}

#[test]
fn at_one_position_who_goes_on_with_their_own_stays_next_to_it() {
    let base = Value::text("ab");
    let insert = |text: &str, before, behind| {
        Diff::Text(vec![Segment::Keep(1), Segment::Insert(text.to_owned(), Joins { before, behind }), Segment::Keep(1)])
    };
    let plain = insert("x", false, false);
    for (joined, wanted) in [(insert("y", true, false), "ayxb"), (insert("y", false, true), "axyb")] {
        for first in [true, false] {
            let order = Order { later: true, first, insists: false };
            assert_eq!(both_by(&base, &plain, &joined, order), Some(Value::text(wanted)));
            assert_eq!(both_by(&base, &joined, &plain, order), Some(Value::text(wanted)));
        }
    }
}

#[test]
fn authors_keep_one_order_whoever_is_accepted_first() {
    let base = value(r#""""#);
    let (ann, bob) = (change(&base, r#""A""#), change(&base, r#""B""#));
    let (ann_later, bob_later) = (Order::later(Some("ann"), Some("bob")), Order::later(Some("bob"), Some("ann")));
    assert_eq!(both_by(&base, &bob, &ann, ann_later), Some(Value::text("AB")));
    assert_eq!(both_by(&base, &ann, &bob, bob_later), Some(Value::text("AB")));
}

#[test]
fn a_diff_of_another_length_is_refused() {
    let one = Diff::Text(vec![Segment::Keep(2), Segment::Delete(1)]);
    let other = Diff::Text(vec![Segment::Delete(1), Segment::Keep(1)]);
    assert!(rebase(&one, &other, Order::later(None, None)).is_err());
}

#[test]
fn what_changes_nothing_is_in_nobodys_way() {
    let base = value(r#"{"a":[1,2],"t":"x"}"#);
    let nothing = Diff::identity();
    for other in [change(&base, r#"{"a":{"0":5},"t":"y"}"#), Diff::Set { value: Value::Null, over_container: true }] {
        assert_eq!(rebase(&other, &nothing, Order::later(None, None)), Ok(other.clone()));
        assert!(rebase(&nothing, &other, Order::later(None, None)).unwrap().is_identity());
    }
}

#[test]
fn what_is_put_in_front_of_a_word_that_the_other_replaces_is_in_front_and_what_is_behind_behind() {
    let base = Value::text("4 items");
    let text = |steps: Vec<Segment<String, ()>>| Diff::Text(steps);
    let insert = |text: &str| Segment::Insert(text.to_owned(), Joins::NONE);
    let replace = text(vec![insert("5"), Segment::Delete(1), Segment::Keep(6)]);
    let front = text(vec![insert("about "), Segment::Keep(7)]);
    let behind = text(vec![Segment::Keep(1), insert("0"), Segment::Keep(6)]);
    for order in
        [Order { later: true, first: true, insists: false }, Order { later: true, first: false, insists: false }]
    {
        for (other, wanted) in [(&front, "about 5 items"), (&behind, "50 items")] {
            for (a, b, order) in [(&replace, other, order), (other, &replace, order)] {
                let mut value = base.clone();
                b.apply(&mut value).unwrap();
                rebase(a, b, order).unwrap().apply(&mut value).unwrap();
                assert_eq!(value, Value::text(wanted), "{order:?}");
            }
        }
    }
}
