//! Random values, and random edits of them, for the properties of diffs. Values are drawn from small alphabets, so that edits
//! often meet.
#![allow(dead_code, reason = "each test file uses some")]

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use timeweft_core::diff::{Diff, Patch};
use timeweft_core::value::Value;

/// Random choices, taken one by one; when they run out, always the first.
pub(crate) struct Choices<'a>(pub(crate) std::slice::Iter<'a, u8>);

impl Choices<'_> {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count.max(1))
    }
}

pub(crate) const PIECES: [&str; 8] = ["a", "b", "ab", "😀", "😁", "ä", "lorem ipsum dolor sit amet, ", "\n"];
pub(crate) const KEYS: [&str; 6] = ["a", "b", "id", "0", "1", "text"];

pub(crate) fn text(from: &mut Choices<'_>, most: usize) -> String {
    (0..from.below(most)).map(|_| PIECES[from.below(PIECES.len())]).collect()
}

pub(crate) fn value(from: &mut Choices<'_>, depth: usize) -> Value {
    match from.below(if depth == 0 { 9 } else { 16 }) {
        0 => Value::Null,
        1 => Value::Undefined,
        2 => Value::Bool(from.below(2) == 0),
        3 => Value::Number(from.below(3) as f64),
        4 => Value::BigInt(from.below(3).into()),
        5 => Value::Date(from.below(3) as f64),
        6 => Value::Bytes(vec![from.below(2) as u8]),
        7 if from.below(2) == 0 => Value::Set((0..from.below(4)).map(|item| Value::Number(item as f64)).collect()),
        7 => Value::Map((0..from.below(4)).map(|key| (Value::text(KEYS[key]), Value::Number(key as f64))).collect()),
        8 => Value::Text(text(from, 12)),
        9..12 => Value::Array((0..from.below(7)).map(|_| value(from, depth - 1)).collect()),
        _ => object(from, depth),
    }
}

pub(crate) fn object(from: &mut Choices<'_>, depth: usize) -> Value {
    let keys = (0..from.below(5)).map(|_| KEYS[from.below(KEYS.len())]).collect::<Vec<_>>();
    Value::object(keys.into_iter().map(|key| (key, value(from, depth - 1))).collect::<Vec<_>>())
}

/// A value as an application would hold: a list of records, a text, some settings.
pub(crate) fn document(from: &mut Choices<'_>) -> Value {
    let records = (0..4 + from.below(4)).map(|id| {
        let text = Value::Text(format!("{}{}", text(from, 6), text(from, 6)));
        Value::object([("id", Value::Number(id as f64)), ("text", text), ("a", value(from, 1))])
    });
    let records = Value::Array(records.collect());
    let (long, words) = (text(from, 40), (0..10).map(|_| Value::Text(text(from, 3))).collect());
    Value::object([
        ("records", records),
        ("text", Value::Text(long)),
        ("words", Value::Array(words)),
        ("settings", object(from, 3)),
    ])
}

/// One random edit, somewhere inside.
pub(crate) fn edit(value: &mut Value, from: &mut Choices<'_>) {
    let new = |from: &mut Choices<'_>| self::value(from, 1);
    match value {
        Value::Text(old) => {
            let bounds: Vec<usize> = old.char_indices().map(|(at, _)| at).chain([old.len()]).collect();
            let start = from.below(bounds.len());
            let end = bounds.len().min(start + from.below(4) + 1) - 1;
            old.replace_range(bounds[start]..bounds[end], &text(from, 3));
        }
        Value::Array(items) if from.below(3) == 0 || items.is_empty() => {
            let at = from.below(items.len() + 1);
            let end = items.len().min(at + from.below(3));
            let inserted: Vec<Value> = (0..from.below(3)).map(|_| new(from)).collect();
            items.splice(at..end, inserted);
        }
        Value::Array(items) if from.below(3) == 0 => {
            let item = items.remove(from.below(items.len()));
            items.insert(from.below(items.len() + 1), item);
        }
        Value::Array(items) => {
            let at = from.below(items.len());
            edit(&mut items[at], from);
        }
        Value::Set(items) => {
            let item = Value::Number(from.below(6) as f64);
            match items.iter().position(|known| *known == item) {
                Some(at) => drop(items.remove(at)),
                None => items.insert(from.below(items.len() + 1), item),
            }
        }
        Value::Map(entries) => {
            let key = Value::text(KEYS[from.below(KEYS.len())]);
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some((_, value)) => *value = new(from),
                None => entries.push((key, new(from))),
            }
        }
        Value::Object(members) if from.below(4) == 0 || members.is_empty() => {
            let key = KEYS[from.below(KEYS.len())];
            if from.below(2) == 0 {
                members.remove(key);
            } else {
                members.insert(key.to_owned(), new(from));
            }
        }
        Value::Object(members) => {
            let at = from.below(members.len());
            members.values_mut().skip(at).take(1).for_each(|member| edit(member, from));
        }
        other => *other = new(from),
    }
}

pub(crate) fn edited(base: &Value, from: &mut Choices<'_>) -> Value {
    let mut value = base.clone();
    (0..=from.below(3)).for_each(|_| edit(&mut value, from));
    value
}

pub(crate) fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), most / 3..most)
}

/// A base and values that come of it by edits, or have nothing to do with it.
pub(crate) fn base_and<const N: usize>() -> impl Strategy<Value = (Value, [Value; N])> {
    let each = std::array::from_fn::<_, N, _>(|_| bytes(24));
    (bytes(400), each, any::<u8>()).prop_map(|(base, others, kind)| {
        let mut from = Choices(base.iter());
        let base = if kind % 4 == 0 { value(&mut from, 4) } else { document(&mut from) };
        let others = others.map(|other| {
            let mut from = Choices(other.iter());
            if kind % 16 == 0 { value(&mut from, 3) } else { edited(&base, &mut from) }
        });
        (base, others)
    })
}

/// As [`base_and`], both edited inside the same member too.
pub(crate) fn neighbours() -> impl Strategy<Value = (Value, [Value; 2])> {
    (base_and::<2>(), bytes(12), bytes(12), 0..6_usize).prop_map(|((base, mut others), a, b, which)| {
        let key = ["text", "records", "words"].get(which);
        for (other, bytes) in others.iter_mut().zip([a, b]) {
            if let (Value::Object(members), Some(key)) = (other, key)
                && let Some(member) = members.get_mut(key)
            {
                edit(member, &mut Choices(bytes.iter()));
            }
        }
        (base, others)
    })
}

pub(crate) fn applied(diff: &Diff, value: &Value) -> Value {
    let mut value = value.clone();
    diff.apply(&mut value).expect("the diff is of this base");
    value
}

pub(crate) fn resolved(patch: Patch, base: &Value) -> Diff {
    patch.resolve(base).expect("the patch is of this base")
}

pub(crate) fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    TestRunner::new(Config { failure_persistence: None, ..Config::default() }).run(&strategy, test).unwrap();
}
