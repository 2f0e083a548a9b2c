//! A hash and the length in CBOR of every part of a value, computed once from the leaves up: so that two parts are compared in one step where
//! they differ, and looked through only where they are equal, however deep they are nested.

use core::hash::Hasher;
#[cfg(feature = "server")]
use std::hash::DefaultHasher;

use super::wire;
use crate::float;
use crate::prelude::*;
use crate::value::Value;

#[cfg(not(feature = "server"))]
use fold::Fold as DefaultHasher;

/// The hash and the length of a value, and the marks of its elements, of its members in order, or of its keys and values in turn.
pub(super) struct Mark {
    hash: u64,
    pub(super) length: usize,
    pub(super) children: Vec<Mark>,
}

impl Mark {
    /// Equal values have equal hashes.
    pub(super) fn of(value: &Value) -> Mark {
        let mut hasher = DefaultHasher::new();
        let mut children = Vec::new();
        match value {
            Value::Array(items) => {
                hasher.write_u8(1);
                children.extend(items.iter().map(Mark::of));
            }
            Value::Object(members) => {
                hasher.write_u8(2);
                for key in members.keys() {
                    hasher.write(key.as_bytes());
                    hasher.write_u8(0xff);
                }
                children.extend(members.values().map(Mark::of));
            }
            Value::Set(items) => {
                hasher.write_u8(12);
                children.extend(items.iter().map(Mark::of));
            }
            Value::Map(entries) => {
                hasher.write_u8(13);
                children.extend(entries.iter().flat_map(|(key, value)| [Mark::of(key), Mark::of(value)]));
            }
            leaf => hash_leaf(leaf, &mut hasher),
        }
        let mut length = wire::own_length(value);
        for child in &children {
            hasher.write_u64(child.hash);
            length += child.length;
        }
        Mark { hash: hasher.finish(), length, children }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Almost surely of equal values.
    pub(super) fn resembles(&self, other: &Mark) -> bool {
        self.hash == other.hash
    }
}

fn hash_leaf(value: &Value, hasher: &mut DefaultHasher) {
    // Numbers and bigints are one line. Bigints that share a nearest number share the hash.
    let mut number = |kind: u8, number: f64| {
        hasher.write_u8(kind);
        let bits = if number == 0.0 {
            0
        } else if number.is_nan() {
            f64::NAN.to_bits()
        } else {
            number.to_bits()
        };
        hasher.write_u64(bits);
    };
    match value {
        Value::Undefined => hasher.write_u8(3),
        Value::Null => hasher.write_u8(4),
        Value::Bool(value) => hasher.write_u8(5 + u8::from(*value)),
        Value::Number(value) => number(7, *value),
        Value::BigInt(big) => number(7, float::nearest(big)),
        Value::Date(ms) => number(8, *ms),
        Value::Text(text) => {
            hasher.write_u8(9);
            hasher.write(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            hasher.write_u8(10);
            hasher.write(bytes);
        }
        Value::Typed(tag, bytes) => {
            hasher.write_u8(11);
            hasher.write_u8(*tag);
            hasher.write(bytes);
        }
        Value::Array(_) | Value::Object(_) | Value::Set(_) | Value::Map(_) => {}
    }
}

/// A value with its mark.
#[derive(Clone, Copy)]
pub(super) struct Marked<'a> {
    pub(super) value: &'a Value,
    pub(super) mark: &'a Mark,
}

impl PartialEq for Marked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.mark.hash == other.mark.hash && self.value == other.value
    }
}

/// The elements of an array with their marks.
pub(super) fn elements<'a>(items: &'a [Value], mark: &'a Mark) -> Vec<Marked<'a>> {
    items.iter().zip(&mark.children).map(|(value, mark)| Marked { value, mark }).collect()
}

/// Numbers such that equal elements have the same.
pub(super) fn number<'a>(lists: [&[Marked<'a>]; 2]) -> [Vec<u32>; 2] {
    let all: Vec<Marked<'a>> = lists.concat();
    let mut numbers = classes(&all, &|element| element.mark.hash);
    let new = numbers.split_off(lists[0].len());
    [numbers, new]
}

/// The same for pieces of texts.
pub(super) fn number_pieces(lists: [&[&str]; 2]) -> [Vec<u32>; 2] {
    let all: Vec<&str> = lists.concat();
    let mut numbers = classes(&all, &|piece| {
        let mut hasher = DefaultHasher::new();
        hasher.write(piece.as_bytes());
        hasher.finish()
    });
    let new = numbers.split_off(lists[0].len());
    [numbers, new]
}

/// Which of the elements others have more of than is in `but`: as many of each as that is more, behind those that are in `but` too.
pub(crate) fn beyond(items: &[Value], others: &[Value], but: &[Value]) -> Vec<bool> {
    let all = Value::Array([items, others, but].concat());
    let Value::Array(list) = &all else { return Vec::new() };
    let mark = Mark::of(&all);
    let [numbers, _] = number([&elements(list, &mark), &[]]);
    let (items, rest) = numbers.split_at(items.len());
    let (others, but) = rest.split_at(others.len());
    // How many of each are known, and how many there are beyond these.
    let mut counts = vec![(0, 0); list.len()];
    for number in others {
        counts[*number as usize].1 += 1;
    }
    for number in but {
        let (known, more) = &mut counts[*number as usize];
        (*known, *more) = (*known + 1, *more - 1);
    }
    let mut beyond = Vec::with_capacity(items.len());
    for number in items {
        let (known, more) = &mut counts[*number as usize];
        beyond.push(*known <= 0 && *more > 0);
        if *known > 0 { *known -= 1 } else { *more -= 1 }
    }
    beyond
}

/// So many places of the table are looked at; what finds none is unlike everything. By chance none needs so many: it takes hashes
/// that are made for it, and then the diff is coarser and not slower.
const PROBES: usize = 64;

/// A number for each, such that those which are the same have the same: the place of the first of them.
fn classes<T: PartialEq>(all: &[T], hash: &dyn Fn(&T) -> u64) -> Vec<u32> {
    const FREE: u32 = u32::MAX;
    // At most half of it is taken: the upper half of a hash, and the first that has it.
    let mut table = vec![(0, FREE); (2 * all.len()).next_power_of_two()];
    let mut numbers = Vec::with_capacity(all.len());
    for (item, at) in all.iter().zip(0..) {
        let hash = hash(item);
        let (mut slot, upper) = (hash as usize, (hash >> 32) as u32);
        let mut number = at;
        for step in 1..=PROBES {
            slot &= table.len() - 1;
            match table[slot] {
                (_, FREE) => {
                    table[slot] = (upper, at);
                    break;
                }
                (other, first) if other == upper && all[first as usize] == *item => {
                    number = first;
                    break;
                }
                _ => slot += step,
            }
        }
        numbers.push(number);
    }
    numbers
}

/// A hash that is as good as browsers need: who makes up collisions makes diffs there coarser.
#[cfg(not(feature = "server"))]
mod fold {
    pub(super) struct Fold(u64);

    impl Fold {
        pub(super) fn new() -> Fold {
            Fold(0)
        }

        fn add(&mut self, word: u64) {
            // Fractional digits of the golden ratio; the high bits are the good ones.
            self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 ^= self.0 >> 32;
        }
    }

    impl core::hash::Hasher for Fold {
        fn write(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
            self.add(bytes.len() as u64);
        }

        fn write_u8(&mut self, byte: u8) {
            self.add(byte.into());
        }

        fn write_u64(&mut self, word: u64) {
            self.add(word);
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;

    use super::*;

    #[test]
    fn equal_values_have_equal_hashes() {
        let equal = [
            (Value::Number(1e12), Value::BigInt(BigInt::from(1_000_000_000_000_u64))),
            (Value::Number(0.0), Value::Number(-0.0)),
            (Value::Number(f64::NAN), Value::Number(-f64::NAN)),
            (Value::Set(vec![Value::Number(1.0)]), Value::Set(vec![Value::BigInt(BigInt::from(1))])),
        ];
        for (a, b) in equal {
            assert_eq!(a, b);
            assert_eq!(Mark::of(&a).hash, Mark::of(&b).hash, "{a:?}");
        }
    }

    #[test]
    fn elements_are_numbered_by_what_they_are() {
        let items = ["a", "b", "a"].map(Value::text);
        let mark = Mark::of(&Value::Array(items.to_vec()));
        let list = elements(&items, &mark);
        let [first, second] = number([&list, &list[1..]]);
        assert_eq!((first[0], first[1]), (first[2], second[0]));
        assert_eq!(first[0], second[1]);
        assert_ne!(first[0], first[1]);
    }
}
