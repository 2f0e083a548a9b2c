use super::*;
use crate::diff::diff;

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn array(numbers: &[f64]) -> Value {
    Value::Array(numbers.iter().copied().map(Value::Number).collect())
}

fn map<const N: usize>(members: [(&str, Patch); N]) -> Patch {
    Patch::Map(members.map(|(key, patch)| (key.to_owned(), patch)).into())
}

fn plain(value: impl Into<Value>) -> Patch {
    Patch::Value(value.into())
}

fn after(patch: Patch, base: &Value) -> Result<Value, DiffError> {
    let mut value = base.clone();
    patch.resolve(base)?.apply(&mut value)?;
    Ok(value)
}

/// What npm `deep-object-diff` 1.1 makes of pairs of values, where its form is unambiguous.
#[test]
fn diffs_of_deep_object_diff_do_what_they_were_made_for() {
    let object = |key: &str, value: Value| Value::object([(key, value)]);
    let inner = Value::object([("a", number(1.0))]);
    let cases = [
        (array(&[1.0, 2.0]), map([("1", Patch::Remove)]), array(&[1.0])),
        (array(&[1.0]), map([("1", Patch::Remove)]), Value::Array(vec![number(1.0), Value::Undefined])),
        (
            array(&[1.0, 2.0]),
            map([("1", Patch::Remove), ("2", Patch::Remove)]),
            Value::Array(vec![number(1.0), Value::Undefined, Value::Undefined]),
        ),
        (
            array(&[1.0, 2.0, 3.0]),
            map([("0", plain(2.0)), ("1", plain(3.0)), ("2", Patch::Remove)]),
            array(&[2.0, 3.0]),
        ),
        (
            array(&[1.0, 2.0, 3.0]),
            map([("1", map([("a", plain(1.0))])), ("3", plain(4.0))]),
            Value::Array(vec![number(1.0), inner.clone(), number(3.0), number(4.0)]),
        ),
        (
            object("a", array(&[1.0, 2.0])),
            map([("a", map([("0", Patch::Remove), ("1", Patch::Remove)]))]),
            object("a", array(&[])),
        ),
        (object("a", inner.clone()), map([("a", map([("a", Patch::Remove)]))]), object("a", Value::object::<&str>([]))),
        (object("a", Value::text("x")), map([("a", map([]))]), object("a", Value::object::<&str>([]))),
        (
            Value::Array(vec![array(&[1.0, 2.0])]),
            map([("0", map([("1", Patch::Remove)]))]),
            Value::Array(vec![array(&[1.0])]),
        ),
        (object("d", Value::Date(0.0)), map([("d", Patch::Value(Value::Date(1.0)))]), object("d", Value::Date(1.0))),
        (Value::text("a"), map([]), Value::text("a")),
        (number(1.0), plain(2.0), number(2.0)),
    ];
    for (old, patch, new) in cases {
        assert_eq!(after(patch.clone(), &old).as_ref(), Ok(&new), "{patch:?}");
    }
}

#[test]
fn indices_are_taken_in_the_order_of_numbers() {
    let base = array(&[0.0; 9]);
    let members = (9..12).map(|index| (index.to_string(), plain(f64::from(index))));
    let Ok(Value::Array(items)) = after(Patch::Map(members.collect()), &base) else { panic!() };
    assert_eq!(items[9..], [number(9.0), number(10.0), number(11.0)]);
}

#[test]
fn an_undefined_before_the_end_is_set_and_not_cut_off() {
    let base = array(&[1.0, 2.0, 3.0]);
    let set = after(map([("1", Patch::Remove)]), &base);
    assert_eq!(set, Ok(Value::Array(vec![number(1.0), Value::Undefined, number(3.0)])));
    let both = after(map([("0", Patch::Remove), ("2", Patch::Remove)]), &base);
    assert_eq!(both, Ok(Value::Array(vec![Value::Undefined, number(2.0)])));
}

#[test]
fn a_key_that_is_no_index_is_refused_over_an_array() {
    let base = array(&[1.0]);
    for key in ["", "a", "00", "01", "-1", "1.0", " 1", "+1"] {
        assert_eq!(after(map([(key, plain(1.0))]), &base), Err(DiffError::NotAnIndex(key.to_owned())));
    }
    for key in ["2", "18446744073709551615", "99999999999999999999999"] {
        for patch in [plain(1.0), Patch::Remove] {
            assert!(matches!(after(map([(key, patch)]), &base), Err(DiffError::IndexOutOfRange { next: 1, .. })));
        }
    }
    assert!(after(map([("1", plain(1.0)), ("3", plain(1.0))]), &base).is_err());
}

#[test]
fn a_map_where_there_is_none_is_the_new_value_without_what_it_removes() {
    let patch = map([("a", map([("b", plain(1.0)), ("c", Patch::Remove)]))]);
    let expected = Value::object([("a", Value::object([("b", number(1.0))]))]);
    assert_eq!(after(patch.clone(), &Value::object::<&str>([])), Ok(expected.clone()));
    assert_eq!(after(patch, &Value::Null), Ok(expected));
    // A Map is no map: it is replaced.
    assert_eq!(after(map([("a", plain(1.0))]), &Value::Map(vec![])), Ok(Value::object([("a", number(1.0))])));
}

#[test]
fn what_changes_nothing_is_left_out() {
    let base = Value::object([("a", number(1.0)), ("b", array(&[1.0, 2.0])), ("c", Value::text("😀x"))]);
    let text = vec![Segment::Delete(2), Segment::Insert("😀".to_owned(), Joins::NONE)];
    let items = vec![Segment::Keep(1), Segment::Insert(vec![number(2.0)], Joins::NONE), Segment::Delete(1)];
    let patches = [
        map([("a", plain(1.0)), ("z", Patch::Remove), ("b", map([("0", plain(1.0))]))]),
        map([("a", Patch::Value(Value::BigInt(1.into()))), ("c", Patch::Text(text)), ("b", Patch::Array(items))]),
        Patch::Replace(base.clone()),
        map([]),
    ];
    for patch in patches {
        assert_eq!(patch.resolve(&base), Ok(Diff::identity()));
    }
}

#[test]
fn an_entity_is_not_removed() {
    assert_eq!(Patch::Remove.resolve(&Value::Null), Err(DiffError::RemovesRoot));
}

#[test]
fn a_text_in_plain_form_is_edits_of_the_old_one() {
    let resolved = |old: &str, new: &str| Patch::Value(Value::text(new)).resolve(&Value::text(old)).unwrap();
    assert_eq!(
        resolved("one 😀 three", "one 😁 three"),
        Diff::Text(vec![
            Segment::Keep(4),
            Segment::Insert("😁".to_owned(), Joins::NONE),
            Segment::Delete(2),
            Segment::Keep(6)
        ])
    );
    assert!(matches!(resolved("abcd", "abxy"), Diff::Text(_)));
    assert!(matches!(resolved("abcd", "axyz"), Diff::Text(_)));
    assert!(matches!(resolved("", "axyz"), Diff::Text(_)));
    // Said outright, it is meant so.
    let outright = Patch::Replace(Value::text("abcx")).resolve(&Value::text("abcd")).unwrap();
    assert!(matches!(outright, Diff::Set { .. }));
}

#[test]
fn text_edits_are_checked() {
    let base = Value::text("a😀b");
    let refused = |edits: Vec<Segment<String, ()>>| Patch::Text(edits).resolve(&base).unwrap_err();
    assert_eq!(refused(vec![Segment::Keep(0)]), DiffError::ZeroLength);
    assert_eq!(refused(vec![Segment::Keep(2), Segment::Delete(1)]), DiffError::SplitsCharacter(2));
    let past_end = DiffError::PastEnd { length: 4, unit: "UTF-16 units" };
    assert_eq!(refused(vec![Segment::Delete(5)]), past_end);
    assert_eq!(refused(vec![Segment::Keep(1), Segment::Delete(usize::MAX)]), past_end);
    let wrong = Patch::Text(vec![]).resolve(&Value::Null).unwrap_err();
    assert_eq!(wrong.to_string(), "text edits need a text in their place, and there is null");
}

#[test]
fn array_edits_are_checked() {
    let base = array(&[1.0, 2.0]);
    let refused = |edits: Vec<Segment<Vec<Value>, Patch>>| Patch::Array(edits).resolve(&base).unwrap_err();
    let past_end = DiffError::PastEnd { length: 2, unit: "elements" };
    assert_eq!(refused(vec![Segment::Delete(0)]), DiffError::ZeroLength);
    assert_eq!(refused(vec![Segment::Keep(2), Segment::Inner(plain(1.0))]), past_end);
    assert_eq!(refused(vec![Segment::Keep(1), Segment::Keep(usize::MAX)]), past_end);
    assert_eq!(refused(vec![Segment::Delete(3)]), past_end);
    assert_eq!(refused(vec![Segment::Inner(Patch::Remove)]), DiffError::RemovesElement);
    assert!(Patch::Array(vec![]).resolve(&Value::text("x")).is_err());
}

#[test]
fn edits_from_inside_need_something_there() {
    let base = Value::object([("a", number(1.0))]);
    let patch = map([("b", map([("c", Patch::Text(vec![]))]))]);
    let error = patch.resolve(&base).unwrap_err();
    assert_eq!(error.to_string(), "text edits need a text in their place, and there is nothing");
}

#[test]
fn an_empty_object_at_the_root_is_said_outright() {
    let empty = Value::object::<&str>([]);
    for old in [Value::text("x"), array(&[1.0]), Value::object([("a", number(1.0))])] {
        let patch = diff(&old, &empty).to_patch();
        assert_eq!(after(patch.clone(), &old), Ok(empty.clone()), "{patch:?}");
    }
    assert_eq!(Diff::over_nothing(empty.clone()).to_patch(), map([]));
    assert_eq!(map([]).into_value(), Ok(empty));
}

#[test]
fn an_increment_by_nothing_makes_a_zero_where_nothing_is_and_is_told() {
    let plus = |base: &Value| map([("n", Patch::Increment(Increment::by(0.0.into())))]).resolve(base).unwrap();
    let nothing = Value::object::<&str>([]);
    let made = plus(&nothing);
    assert_eq!(after(made.to_patch(), &nothing), Ok(Value::object([("n", number(0.0))])), "{made:?}");
    assert!(plus(&Value::object([("n", number(3.0))])).is_identity());
}
