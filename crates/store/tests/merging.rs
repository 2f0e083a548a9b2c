//! Changes made on older versions, moved over what others did since (docs/protocol.md, "Merging").

mod common;

use common::*;
use timeweft_core::codec::cbor;
use timeweft_core::diff::{Increment, Patch, Segment, diff_finely};
use timeweft_core::limits::Limits;
use timeweft_core::operation::{
    self, CborDiff, CborValue, Committed, Failure, Moment, Post, Read, Reading, Told, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::MemoryStore;

fn made(store: &MemoryStore, first: &Value) -> Timestamp {
    let first = CborValue(cbor::encode_value(first));
    wait(engine(store).post(&by("carol"), &id(), Post::of(first.clone()))).unwrap().meta.valid_from
}

fn change(store: &MemoryStore, who: &str, since: Timestamp, diff: &CborDiff) -> Result<Committed, Failure> {
    wait(engine(store).patch(&by(who), &id(), operation::Patch::of(diff.clone(), since)))
}

fn now(store: &MemoryStore) -> Value {
    current(store).unwrap().3
}

fn version(store: &MemoryStore, number: u64) -> Value {
    match wait(engine(store).read(&by("reader"), &id(), Read::whole(Which::Past(Moment::Version(number))))) {
        Ok(Reading::Value(value, _)) => decode(&value),
        other => panic!("{other:?}"),
    }
}

/// Whether it is told with moves, plainly and exactly.
fn moves(told: &Told) -> (bool, bool) {
    let moves =
        |diff: &CborDiff| format!("{:?}", cbor::decode_patch(&diff.0, &Limits::default()).unwrap()).contains("Take");
    (moves(&told.diff), told.exact.as_ref().is_some_and(|exact| moves(&exact.0)))
}

#[test]
fn two_authors_increments_both_count_and_every_version_is_exact() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"n":1}"#));
    for who in ["ann", "bob", "ann"] {
        change(&store, who, since, &patch(r#"{"n":{"$increment":0.1},"seen":{"$increment":1}}"#)).unwrap();
    }
    let mut sum = 1.0;
    for (number, seen) in [(2, 1), (3, 2), (4, 3)] {
        sum += 0.1;
        assert_eq!(version(&store, number), parse(&format!(r#"{{"n":{sum},"seen":{seen}}}"#)));
    }
}

#[test]
fn what_an_increment_comes_to_is_not_for_the_client_to_say() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"n":5}"#));
    change(&store, "ann", since, &patch(r#"{"n":{"$increment":[1,600]},"new":{"$increment":[1,600]}}"#)).unwrap();
    assert_eq!(now(&store), parse(r#"{"n":6,"new":1}"#));
}

#[test]
fn increments_inside_a_map_both_count() {
    let store = MemoryStore::new();
    let with =
        |count: f64| Value::Map(vec![(Value::text("count"), Value::Number(count)), (Value::text("x"), Value::Null)]);
    let since = made(&store, &with(1.0));
    let inner = |by: f64| {
        let increment = Patch::Increment(Increment { by: Value::Number(by), to: None });
        let entry = Patch::Array(vec![Segment::Keep(1), Segment::Inner(increment)]);
        let entries = Patch::Entries(vec![Segment::Inner(entry)]);
        CborDiff(cbor::encode_patch(&entries))
    };
    change(&store, "ann", since, &inner(0.1)).unwrap();
    let pushed = change(&store, "bob", since, &inner(0.2)).unwrap().change.unwrap().diff;
    assert_eq!(now(&store), with(1.0 + 0.1 + 0.2));
    let sum = format!("to: Some(Number({:?}))", 1.0 + 0.1 + 0.2);
    let exact = format!("{:?}", cbor::decode_patch(&pushed.exact.unwrap().0.0, &Limits::default()));
    assert!(exact.contains(&sum), "{exact}");
}

#[test]
fn who_goes_first_at_one_position_is_the_authors_matter_and_not_who_came_first() {
    for order in [["ann", "bob"], ["bob", "ann"]] {
        let store = MemoryStore::new();
        let since = made(&store, &parse(r#"{"t":"<>","l":[0,1]}"#));
        for who in order {
            let diff = format!(r#"{{"t":{{"$text":[1,"{who}"]}},"l":{{"$array":[1,["{who}"]]}}}}"#);
            change(&store, who, since, &patch(&diff)).unwrap();
        }
        assert_eq!(now(&store), parse(r#"{"t":"<annbob>","l":[0,"ann","bob",1]}"#), "{order:?}");
    }
}

#[test]
fn a_change_inside_an_element_follows_it_where_others_moved_it() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"[{"id":1},{"id":2},{"id":3}]"#));
    let sorted = patch(r#"{"0":{"id":3},"1":{"id":1},"2":{"id":2}}"#);
    let done = change(&store, "bob", since, &sorted).unwrap();
    assert_eq!(moves(&done.change.unwrap().diff), (false, true), "told plainly to who knows no moves");
    change(&store, "ann", since, &patch(r#"{"0":{"done":true},"2":{"done":true}}"#)).unwrap();
    assert_eq!(now(&store), parse(r#"[{"id":3,"done":true},{"id":1,"done":true},{"id":2}]"#));
    match wait(engine(&store).read(&by("carol"), &id(), Read { which: Which::Current, since: Some(since) })) {
        Ok(Reading::Diff(told, _)) => assert_eq!(moves(&told), (false, true)),
        other => panic!("{other:?}"),
    }
    match wait(engine(&store).read(
        &by("carol"),
        &id(),
        Read { which: Which::Past(Moment::Version(3)), since: Some(since) },
    )) {
        Ok(Reading::Diff(told, _)) => assert_eq!(moves(&told), (false, true)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_inside_what_others_deleted_is_a_conflict_and_changes_nothing() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"[{"id":1,"t":"a"},{"id":2,"t":"b"},{"id":3}]"#));
    change(&store, "bob", since, &patch(r#"{"$array":[{"put":0},1,-1,{"take":1}]}"#)).unwrap();
    let after = now(&store);
    match change(&store, "ann", since, &patch(r#"{"1":{"t":"c"}}"#)) {
        Err(Failure::Conflict(told, _)) => assert_eq!(moves(&told), (false, true)),
        other => panic!("{other:?}"),
    }
    assert_eq!(now(&store), after);
}

#[test]
fn what_others_changed_and_changed_back_is_in_nobodys_way() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"n":1,"in":{"a":true},"l":[1,2]}"#));
    let mut last = since;
    for diff in [r#"{"n":2,"in":{"a":false},"l":{"$array":[-1]}}"#, r#"{"n":1,"in":{"a":true},"l":{"$array":[[1]]}}"#] {
        last = change(&store, "bob", last, &patch(diff)).unwrap().meta.valid_from;
    }
    change(&store, "ann", since, &patch(r#"{"n":3,"in":{"a":null},"l":{"$array":[2,[3]]}}"#)).unwrap();
    assert_eq!(now(&store), parse(r#"{"n":3,"in":{"a":null},"l":[1,2,3]}"#));
}

#[test]
fn what_one_wrote_too_and_took_back_stays_for_who_wrote_it_as_well() {
    for (base, there, back) in [
        ("{}", r#"{"k":"x"}"#, r#"{"k":{"$undefined":true}}"#),
        (r#"{"k":"x"}"#, r#"{"k":{"$undefined":true}}"#, r#"{"k":"x"}"#),
        (r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":0}"#),
        (r#"{"l":[{"id":1,"done":false}]}"#, r#"{"l":{"0":{"done":true}}}"#, r#"{"l":{"0":{"done":false}}}"#),
    ] {
        let store = MemoryStore::new();
        let since = made(&store, &parse(base));
        let written = change(&store, "ann", since, &patch(there)).unwrap().meta.valid_from;
        let wanted = now(&store);
        change(&store, "ann", written, &patch(back)).unwrap();
        change(&store, "bob", since, &patch(there)).unwrap();
        assert_eq!(now(&store), wanted, "{there}");
    }
}

#[test]
fn what_one_wrote_too_and_then_changed_is_told_to_who_wrote_it_as_well() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"n":0}"#));
    let written = change(&store, "ann", since, &patch(r#"{"n":1}"#)).unwrap().meta.valid_from;
    change(&store, "ann", written, &patch(r#"{"n":2}"#)).unwrap();
    let refused = change(&store, "bob", since, &patch(r#"{"n":1}"#));
    assert!(matches!(refused, Err(Failure::Conflict { .. })), "{refused:?}");
    // What one did oneself, as when an answer is lost, is known.
    change(&store, "ann", since, &patch(r#"{"n":1}"#)).unwrap();
    assert_eq!(now(&store), parse(r#"{"n":2}"#));
}

#[test]
fn what_is_replaced_outright_is_not_edited_by_others_too() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"t":"one two","l":[1,2]}"#));
    change(&store, "bob", since, &patch(r#"{"t":{"$replace":"one"},"l":{"$replace":[1]}}"#)).unwrap();
    for diff in [r#"{"t":{"$text":["x"]}}"#, r#"{"l":{"$array":[[0]]}}"#] {
        let refused = change(&store, "ann", since, &patch(diff));
        assert!(matches!(refused, Err(Failure::Conflict(..))), "{diff}: {refused:?}");
    }
}

#[test]
fn over_hundreds_of_versions_the_authors_still_decide_who_goes_first() {
    for apart in [1, 25] {
        let store = MemoryStore::new();
        let since = made(&store, &parse(r#"{"t":"","n":0}"#));
        let (mut last, mut text) = (since, now(&store));
        for n in 0..300 {
            // Of two authors, in runs of this many versions; what is typed goes before what was there.
            let (who, letter) = if n / apart % 2 == 0 { ("ann", 'a') } else { ("zoe", 'z') };
            let Value::Object(members) = &text else { panic!() };
            let Value::Text(old) = &members["t"] else { panic!() };
            let at = if letter == 'a' { 0 } else { old.len() };
            let next = format!("{}{letter}{}", &old[..at], &old[at..]);
            let value = parse(&format!(r#"{{"t":"{next}","n":{n}}}"#));
            let diff = CborDiff(cbor::encode_patch(&diff_finely(&text, &value).to_patch()));
            last = change(&store, who, last, &diff).unwrap().meta.valid_from;
            text = value;
        }
        change(&store, "kim", since, &patch(r#"{"t":{"$text":["k"]}}"#)).unwrap();
        let wanted = format!(r#"{{"t":"{}k{}","n":299}}"#, "a".repeat(150), "z".repeat(150));
        assert_eq!(now(&store), parse(&wanted), "runs of {apart}");
    }
}

#[test]
fn several_versions_are_told_one_by_one_with_their_authors() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"t":"<>"}"#));
    let typed = |who: &str, since: Timestamp, text: &str| {
        change(&store, who, since, &patch(&format!(r#"{{"t":{{"$text":[1,"{text}"]}}}}"#))).unwrap()
    };
    let second = typed("ann", since, "a").meta.valid_from;
    typed("carol", since, "c");
    let third = typed("bob", since, "b");
    // To who made a change, the others' before it; to who reads, all of them; one version is the change itself.
    let steps = |told: &Told| -> Vec<(u64, String)> {
        told.steps.iter().map(|step| (step.version, step.person_id.clone())).collect()
    };
    let of = |version: u64, who: &str| (version, who.to_owned());
    assert_eq!(steps(&third.merged.unwrap()), [of(2, "ann"), of(3, "carol")]);
    for (since, wanted) in [
        (since, vec![of(2, "ann"), of(3, "carol"), of(4, "bob")]),
        (second, vec![of(3, "carol"), of(4, "bob")]),
        (third.meta.valid_from, vec![]),
    ] {
        match wait(engine(&store).read(&by("reader"), &id(), Read { which: Which::Current, since: Some(since) })) {
            Ok(Reading::Diff(told, _)) => {
                assert_eq!(steps(&told), wanted);
                let mut value = version(&store, 4 - wanted.len() as u64);
                for step in &told.steps {
                    let patch = cbor::decode_patch(&step.diff.0.0, &Limits::default()).unwrap();
                    patch.resolve(&value).unwrap().apply(&mut value).unwrap();
                }
                assert_eq!(value, now(&store));
            }
            Ok(Reading::NotModified(_)) => assert!(wanted.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    // Where they are much more than what they come to, they are left out.
    let mut since = third.meta.valid_from;
    let first = since;
    for n in 0..40 {
        let text = format!("{n}").repeat(2_000);
        since = change(&store, "ann", since, &patch(&format!(r#"{{"t":"{text}"}}"#))).unwrap().meta.valid_from;
    }
    match wait(engine(&store).read(&by("reader"), &id(), Read { which: Which::Current, since: Some(first) })) {
        Ok(Reading::Diff(told, _)) => assert!(told.steps.is_empty(), "{} steps", told.steps.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_element_that_another_put_in_too_and_took_out_again_is_there_for_who_put_it_in_as_well() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"l":[]}"#));
    let put = patch(r#"{"l":{"$array":[[{"id":"ann","here":true}]]}}"#);
    let theirs = change(&store, "bob", since, &put).unwrap();
    change(&store, "bob", theirs.meta.valid_from, &patch(r#"{"l":{"$array":[-1]}}"#)).unwrap();
    change(&store, "ann", since, &put).unwrap();
    assert_eq!(now(&store), parse(r#"{"l":[{"id":"ann","here":true}]}"#));
}

#[test]
fn what_is_put_in_place_of_what_another_deletes_is_there_as_it_was_written() {
    for (base, deletes, replaces, both) in [
        (r#""hello world""#, r#"{"$text":[-5]}"#, r#"{"$text":[-5,"howdy"]}"#, r#""howdy world""#),
        (r#""hello world""#, r#"{"$text":[-11]}"#, r#"{"$text":[-11,"hello world!"]}"#, r#""hello world!""#),
        (r#"["x","y"]"#, r#"{"$array":[-1]}"#, r#"{"$array":[-1,["x","z"]]}"#, r#"["x","z","y"]"#),
    ] {
        for (first, second) in [(deletes, replaces), (replaces, deletes)] {
            let store = MemoryStore::new();
            let since = made(&store, &parse(base));
            change(&store, "bob", since, &patch(first)).unwrap();
            change(&store, "ann", since, &patch(second)).unwrap();
            assert_eq!(now(&store), parse(both), "{first} and then {second}");
        }
    }
}

#[test]
fn numbers_whose_growth_can_not_be_written_stay_numbers_that_can_be_changed() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"n":-1.7e308,"x":0}"#));
    let grow = patch(r#"{"n":{"$increment":1.7e308}}"#);
    let once = change(&store, "bob", since, &grow).unwrap();
    change(&store, "bob", once.meta.valid_from, &grow).unwrap();
    // Both count, and what that comes to can't be written: it contradicts them.
    assert!(matches!(change(&store, "ann", since, &grow), Err(Failure::Conflict(..))));
    change(&store, "ann", since, &patch(r#"{"x":1}"#)).unwrap();
    assert_eq!(now(&store), parse(r#"{"n":1.7e308,"x":1}"#));
}

#[test]
fn what_fits_only_without_what_others_did_is_a_conflict() {
    let store = MemoryStore::new();
    let entries = Value::Map(vec![(Value::text("a"), Value::Number(1.0))]);
    let since = made(&store, &Value::object([("m", entries)]));
    let renames = r#"{"m":{"$entries":[{"at":{"$array":[{"at":"z"}]}}]}}"#;
    change(&store, "bob", since, &patch(renames)).unwrap();
    let added = change(&store, "ann", since, &patch(r#"{"m":{"$entries":[1,[["z",2]]]}}"#));
    assert!(matches!(added, Err(Failure::Conflict(..))), "{added:?}");
}

#[test]
fn the_same_to_the_same_is_once_however_it_is_said() {
    for (base, first, second) in [
        (r#"{"l":["a","b","c"]}"#, r#"{"l":{"1":"X"}}"#, r#"{"l":{"$array":[1,-1,["X"]]}}"#),
        (r#"{"l":["a","b","c"]}"#, r#"{"l":["a","X","c"]}"#, r#"{"l":{"$array":[1,-1,["X"]]}}"#),
        (r#"{"t":"one two"}"#, r#"{"t":{"$text":[4,-3,"deux"]}}"#, r#"{"t":{"$text":[-7,"one deux"]}}"#),
        (r#"{"o":{"a":1}}"#, r#"{"o":{"$replace":{"b":1}}}"#, r#"{"o":{"a":{"$undefined":true},"b":1}}"#),
    ] {
        for (first, second) in [(first, second), (second, first)] {
            let store = MemoryStore::new();
            let since = made(&store, &parse(base));
            change(&store, "ann", since, &patch(first)).unwrap();
            let once = now(&store);
            // What else is in it stays.
            let more = format!(r#"{},"more":1}}"#, &second[..second.len() - 1]);
            change(&store, "bob", since, &patch(&more)).unwrap_or_else(|why| panic!("{first} and {second}: {why}"));
            let Value::Object(mut wanted) = once else { panic!("{once:?}") };
            wanted.insert("more".to_owned(), Value::Number(1.0));
            assert_eq!(now(&store), Value::Object(wanted), "{first} and {second}");
        }
    }
}

#[test]
fn a_replacement_that_another_made_too_and_took_back_is_there() {
    let store = MemoryStore::new();
    let since = made(&store, &parse(r#"{"t":"one two"}"#));
    let replaces = patch(r#"{"t":{"$text":[4,-3,"deux"]}}"#);
    let theirs = change(&store, "ann", since, &replaces).unwrap();
    change(&store, "bob", theirs.meta.valid_from, &patch(r#"{"t":"one two"}"#)).unwrap();
    change(&store, "carol", since, &replaces).unwrap();
    assert_eq!(now(&store), parse(r#"{"t":"one deux"}"#));
}
