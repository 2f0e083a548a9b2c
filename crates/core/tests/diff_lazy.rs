//! Where the base is loaded in parts, diffs are resolved and inverted as where it is at hand; and no more is asked for than
//! what they touch.

mod edits;

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;
use std::task::{Context, Poll, Waker};

use edits::*;
use proptest::prelude::*;
use timeweft_core::diff::lazy::{self, Branch, LazyError, Part};
use timeweft_core::diff::{Diff, Identity, Patch, diff, diff_finely};
use timeweft_core::value::Value;

/// Every container is a branch, and counts what is asked of it.
struct Lazily<'a> {
    value: &'a Value,
    asked: &'a Cell<usize>,
}

fn part<'a>(value: Option<&'a Value>, asked: &'a Cell<usize>) -> Part<Lazily<'a>> {
    asked.set(asked.get() + 1);
    match value {
        None => Part::Absent,
        Some(value) if value.is_container() => Part::Branch(Lazily { value, asked }),
        Some(value) => Part::Value(value.clone()),
    }
}

impl Branch for Lazily<'_> {
    type Error = Infallible;

    fn elements(&self) -> Option<usize> {
        if let Value::Array(items) = self.value { Some(items.len()) } else { None }
    }

    async fn member(&self, key: &str) -> Result<Part<Self>, Infallible> {
        let Value::Object(members) = self.value else { panic!("a member of no object") };
        Ok(part(members.get(key), self.asked))
    }

    async fn element(&self, index: usize) -> Result<Part<Self>, Infallible> {
        let Value::Array(items) = self.value else { panic!("an element of no array") };
        Ok(part(items.get(index), self.asked))
    }

    async fn range(&self, range: Range<usize>) -> Result<Vec<Value>, Infallible> {
        let Value::Array(items) = self.value else { panic!("elements of no array") };
        self.asked.set(self.asked.get() + range.len());
        Ok(items[range].to_vec())
    }

    async fn whole(&self) -> Result<Value, Infallible> {
        Ok(self.value.clone())
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("everything is at hand"),
    }
}

#[test]
fn resolved_and_inverted_in_parts_is_as_on_the_whole() {
    let asked = Cell::new(0);
    run((base_and::<2>(), any::<bool>()), |((old, [new, other]), finely)| {
        let make = if finely { diff_finely } else { diff };
        let base = part(Some(&old), &asked);
        for patch in
            [make(&old, &new).to_patch(), make(&old, &new).to_patch_giving(&new), make(&other, &new).to_patch()]
        {
            let wanted = patch.clone().resolve(&old);
            let found = match wait(lazy::resolve(patch.clone(), &base, &Identity::default())) {
                Ok(diff) => Ok(diff),
                Err(LazyError::Diff(error)) => Err(error),
                Err(LazyError::Base(never)) => match never {},
            };
            prop_assert_eq!(&found, &wanted, "{:?}", patch);
            let Ok(change) = found else { continue };
            let result = applied(&change, &old);
            let Ok(back) = wait(lazy::invert(&change, &base));
            prop_assert_eq!(&applied(&back, &result), &old, "{:?}", back);
            prop_assert_eq!(applied(&resolved(back.to_patch(), &result), &result), old.clone(), "{:?}", back);
            let Ok(plain) = wait(lazy::plain(change, &part(Some(&result), &asked)));
            prop_assert_eq!(applied(&plain, &old), result.clone());
            prop_assert_eq!(applied(&resolved(plain.to_patch(), &old), &old), result);
        }
        Ok(())
    });
}

#[test]
fn what_a_diff_does_not_touch_is_not_asked_for() {
    let rows = Value::Array((0..10_000).map(|n| Value::object([("n", Value::Number(n.into()))])).collect());
    let value = Value::object([("rows", rows), ("text", Value::text("x"))]);
    let asked = Cell::new(0);
    let base = part(Some(&value), &asked);
    asked.set(0);
    let patch = |json: &str| {
        let json = serde_json::from_str(json).unwrap();
        timeweft_core::codec::json::patch_from_json(&json, &timeweft_core::limits::Limits::default()).unwrap()
    };
    let edits =
        [r#"{"rows":{"5000":{"n":1}}}"#, r#"{"rows":{"$array":[7000,-2,[1]]}}"#, r#"{"rows":{"10000":5},"text":"y"}"#];
    for edit in edits {
        let change = wait(lazy::resolve(patch(edit), &base, &Identity::default())).map_err(|_| "it fits").unwrap();
        assert_eq!(change, patch(edit).resolve(&value).unwrap());
        let Ok(_) = wait(lazy::invert(&change, &base));
    }
    assert!(asked.get() < 40, "asked for {}", asked.get());
    assert!(matches!(wait(lazy::resolve(Patch::Remove, &base, &Identity::default())), Err(LazyError::Diff(_))));
    let Ok(same) = wait(lazy::invert(&Diff::identity(), &base));
    assert!(same.is_identity());
}
