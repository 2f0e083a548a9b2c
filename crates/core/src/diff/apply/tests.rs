use super::*;

fn error(diff: &Diff, value: &Value) -> String {
    diff.apply(&mut value.clone()).unwrap_err().to_string()
}

#[test]
fn on_another_base_the_error_says_what_is_there() {
    let inside = Diff::Object([("a".to_owned(), Diff::Text(vec![Segment::Delete(1)]))].into());
    assert_eq!(error(&inside, &Value::Null), "member edits need an object in their place, and there is null");
    let empty = Value::object::<&str>([]);
    assert!(error(&inside, &empty).starts_with("there is no member \"a\""));
    let short = Value::object([("a", Value::text(""))]);
    assert!(error(&inside, &short).starts_with("the edits are for 1 UTF-16 units, and there are 0"));
    let emoji = Value::object([("a", Value::text("😀"))]);
    assert!(error(&inside, &emoji).starts_with("an edit starts or ends inside a surrogate pair"));
    let array = Diff::Array(vec![Segment::Keep(2), Segment::Delete(1)]);
    assert!(error(&array, &Value::Array(vec![])).starts_with("the edits are for 3 elements, and there are 0"));
}

#[test]
fn removing_what_is_not_there_is_nothing() {
    let mut value = Value::object::<&str>([]);
    Diff::Object([("a".to_owned(), Diff::Remove)].into()).apply(&mut value).unwrap();
    assert_eq!(value, Value::object::<&str>([]));
}

#[test]
fn the_identity_applies_to_anything() {
    for identity in [Diff::identity(), Diff::Text(vec![Segment::Keep(3)]), Diff::Array(vec![])] {
        for value in [Value::Null, Value::object([("a", Value::Null)])] {
            let mut same = value.clone();
            identity.apply(&mut same).unwrap();
            assert_eq!(same, value);
        }
    }
}
