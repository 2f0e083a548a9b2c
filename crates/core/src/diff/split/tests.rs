use super::*;
use crate::codec::json;
use crate::limits::Limits;

fn value(text: &str) -> Value {
    json::value_from_text(text.as_bytes(), &Limits::default()).unwrap()
}

fn change(base: &Value, patch: &str) -> Diff {
    json::patch_from_text(patch.as_bytes(), &Limits::default()).unwrap().resolve(base).unwrap()
}

/// A place, and what was there before both, what is mine and what is theirs.
type Three = (Place, [Option<Value>; 3]);

/// What is kept of `mine` makes of the base, and what is contested: the place, and the three values.
fn parts(base: &str, mine: &str, theirs: &str) -> (Value, Vec<Three>) {
    let base = value(base);
    let (mine, theirs) = (change(&base, mine), change(&base, theirs));
    let parts = split(&mine, &theirs, &base);
    assert!(rebase(&parts.kept, &theirs, Order::later(None, None)).is_ok());
    let mut kept = base.clone();
    parts.kept.apply(&mut kept).unwrap();
    let contested = parts.contested.into_iter();
    (kept, contested.map(|one| (one.place, [one.base, one.mine, one.theirs])).collect())
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn three(base: &str, mine: &str, theirs: &str) -> [Option<Value>; 3] {
    [base, mine, theirs].map(|text| (!text.is_empty()).then(|| value(text)))
}

#[test]
fn members_that_are_contested_go_and_the_others_stay() {
    let (kept, contested) = parts(r#"{"a":1,"b":1}"#, r#"{"a":2,"b":2}"#, r#"{"b":3,"c":4}"#);
    assert_eq!(kept, value(r#"{"a":2,"b":1}"#));
    assert_eq!(contested, [(Place::at(vec![key("b")]), three("1", "2", "3"))]);
}

#[test]
fn of_a_text_only_the_stretch_is_contested_that_both_replace() {
    let (kept, contested) = parts(
        r#"{"t":"one two three"}"#,
        r#"{"t":{"$text":["0 ",4,"TWO",-3,6,"!"]}}"#,
        r#"{"t":{"$text":[4,"2",-3]}}"#,
    );
    assert_eq!(kept, value(r#"{"t":"0 one two three!"}"#));
    let place = Place { range: Some(Range { start: 4, length: 1 }), ..Place::at(vec![key("t")]) };
    assert_eq!(contested, [(place, three(r#""two""#, r#""TWO""#, r#""2""#))]);
}

#[test]
fn what_replaces_a_word_that_one_had_typed_oneself_is_contested_too() {
    let joined = r#"{"t":{"$text":[{"insert":"Tea","joins":2},-6]}}"#;
    for (mine, theirs) in [
        (joined, r#"{"t":"Mine"}"#),
        (r#"{"t":"Mine"}"#, joined),
        (joined, r#"{"t":{"$text":[{"insert":"Mine","joins":3},-6]}}"#),
    ] {
        let (kept, contested) = parts(r#"{"t":"Coffee"}"#, mine, theirs);
        assert_eq!((kept, contested.len()), (value(r#"{"t":"Coffee"}"#), 1), "{mine} and {theirs}");
        let words = [contested[0].1[1].clone(), contested[0].1[2].clone()];
        assert!(words.contains(&Some(Value::text("Tea"))) && words.contains(&Some(Value::text("Mine"))), "{words:?}");
    }
}

#[test]
fn an_element_that_they_deleted_and_i_changed_is_contested_alone_and_where_it_was() {
    let base = r#"[{"id":1},{"id":2},{"id":3}]"#;
    let (kept, contested) = parts(base, r#"{"0":{"a":1},"1":{"a":1}}"#, r#"{"$array":[[0],1,-1]}"#);
    assert_eq!(kept, value(r#"[{"id":1,"a":1},{"id":2},{"id":3}]"#));
    let place = Place { absent: true, ..Place::at(vec![Step::Index(2)]) };
    assert_eq!(contested, [(place, three(r#"{"id":2}"#, r#"{"id":2,"a":1}"#, ""))]);
}

#[test]
fn an_element_that_i_deleted_and_they_changed_and_moved_is_contested_where_it_went() {
    let base = r#"[{"id":1},{"id":2},{"id":3}]"#;
    let theirs = r#"{"$array":[{"take":1},2,{"put":0,"at":{"a":1}}]}"#;
    let (kept, contested) = parts(base, r#"{"$array":[-2]}"#, theirs);
    assert_eq!(kept, value(r#"[{"id":1},{"id":3}]"#));
    assert_eq!(contested, [(Place::at(vec![Step::Index(2)]), three(r#"{"id":1}"#, "", r#"{"id":1,"a":1}"#))]);
}

#[test]
fn an_entry_that_is_taken_out_of_a_map_and_put_back_is_one_entry_still() {
    let map = |entries: &str| {
        let Value::Array(entries) = value(entries) else { panic!("{entries}") };
        let entry = |entry| match entry {
            Value::Array(entry) => <[Value; 2]>::try_from(entry).map(|[key, value]| (key, value)).unwrap(),
            other => panic!("{other:?}"),
        };
        Value::Map(entries.into_iter().map(entry).collect())
    };
    let base = map(r#"[["k",1],["j",2]]"#);
    let put_back = |entry: &str| {
        let again = Segment::Insert(vec![value(entry)], crate::diff::Joins::NONE);
        Diff::Entries(Keyed::Map, vec![Segment::Delete(1), Segment::Keep(1), again])
    };
    let (as_it_was, other) = (put_back(r#"["k",1]"#), put_back(r#"["k",3]"#));
    let theirs = crate::diff::diff_finely(&base, &map(r#"[["k",5],["j",2]]"#));
    let entry = |number: &str| Some(value(&format!(r#"["k",{number}]"#)));
    let parts = |mine: &Diff, theirs: &Diff| {
        let parts = split(mine, theirs, &base);
        let kept = rebase(&parts.kept, theirs, Order::later(None, None)).unwrap();
        let mut both = base.clone();
        theirs.apply(&mut both).unwrap();
        kept.apply(&mut both).unwrap();
        let contested = parts.contested.into_iter();
        (both, contested.map(|one| (one.place, [one.base, one.mine, one.theirs])).collect::<Vec<_>>())
    };
    assert_eq!(parts(&as_it_was, &theirs), (map(r#"[["k",5],["j",2]]"#), vec![]));
    let place = |index| Place::at(vec![Step::Index(index)]);
    let about = (place(0), [entry("1"), entry("3"), entry("5")]);
    assert_eq!(parts(&other, &theirs), (map(r#"[["k",5],["j",2]]"#), vec![about]));
    let about = (place(1), [entry("1"), entry("5"), entry("1")]);
    assert_eq!(parts(&theirs, &as_it_was), (map(r#"[["j",2],["k",1]]"#), vec![about]));
}

#[test]
fn inside_an_element_that_was_moved_only_the_member_is_contested() {
    let base = r#"[{"id":1,"a":0},{"id":2}]"#;
    let theirs = r#"{"$array":[{"take":1},1,{"put":0,"at":{"a":2}}]}"#;
    let (kept, contested) = parts(base, r#"{"0":{"a":1,"b":1}}"#, theirs);
    assert_eq!(kept, value(r#"[{"id":1,"a":0,"b":1},{"id":2}]"#));
    assert_eq!(contested, [(Place::at(vec![Step::Index(1), key("a")]), three("0", "1", "2"))]);
}

#[test]
fn of_an_object_that_both_made_only_what_differs_is_contested() {
    let (kept, contested) = parts("{}", r#"{"o":{"a":1,"b":1}}"#, r#"{"o":{"b":2,"c":2}}"#);
    assert_eq!(kept, value(r#"{"o":{"a":1}}"#));
    assert_eq!(contested, [(Place::at(vec![key("o"), key("b")]), three("", "1", "2"))]);
}
