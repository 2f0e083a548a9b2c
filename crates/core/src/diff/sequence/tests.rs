use super::*;

#[test]
fn what_is_built_is_in_normal_form() {
    let mut builder = Builder::<Vec<Value>>::new();
    builder.keep(1);
    builder.keep(0);
    builder.keep(2);
    builder.delete(1);
    builder.insert(&[Value::Null], Joins::NONE);
    builder.delete(1);
    builder.insert_owned(vec![Value::Bool(true)], Joins::NONE);
    builder.inner(Diff::identity());
    builder.keep(1);
    assert_eq!(
        builder.finish(),
        [
            Segment::Keep(3),
            Segment::Insert(vec![Value::Null, Value::Bool(true)], Joins::NONE),
            Segment::Delete(2),
            Segment::Keep(2)
        ]
    );
}

#[test]
fn edits_in_another_form_are_brought_to_the_normal_one() {
    let odd = [Segment::Delete(1), Segment::Insert("x".to_owned(), Joins::NONE), Segment::Delete(1), Segment::Keep(0)];
    assert_eq!(*normal::<String>(&odd), [Segment::Insert("x".to_owned(), Joins::NONE), Segment::Delete(2)]);
    assert!(matches!(normal::<String>(&[Segment::Keep(4)]), Cow::Borrowed(_)));
}

#[test]
fn what_is_moved_there_and_back_is_not_moved() {
    use Segment::*;
    let mut builder = Builder::<Vec<Value>>::new();
    builder.take(4);
    builder.take(2);
    builder.delete(1);
    builder.put(4, None);
    builder.insert(&[Value::Null], Joins::NONE);
    builder.put(2, None);
    builder.keep(2);
    assert_eq!(builder.finish(), [Keep(1), Insert(vec![Value::Null], Joins::NONE), Keep(1), Delete(1), Keep(2)]);
}

#[test]
fn elements_are_numbered_as_they_are_taken_and_one_that_is_put_nowhere_is_deleted() {
    use Segment::*;
    let mut builder = Builder::<Vec<Value>>::new();
    builder.put(7, None);
    builder.take(9);
    builder.keep(1);
    builder.take(7);
    builder.take(3);
    builder.put(3, None);
    assert_eq!(builder.finish(), [Put(0, None), Delete(1), Keep(1), Take(0), Keep(1)]);
}
