//! Writing CBOR: one form for everything, the shortest.

mod edits;

use num_bigint::Sign;

use super::head::major::{ARRAY, BYTES, MAP, NEGATIVE, TAG, TEXT, UINT};
use super::tag;
use crate::float;
use crate::prelude::*;
use crate::value::Value;

/// A value in CBOR.
pub fn encode_value(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::to(&mut out).value(value);
    out
}

/// How long [`encode_value`] would be.
pub fn value_len(value: &Value) -> usize {
    let mut counting = Writer::counting();
    counting.value(value);
    counting.length()
}

/// Writes items, or only counts their bytes.
pub(crate) struct Writer<'o> {
    out: Option<&'o mut Vec<u8>>,
    length: usize,
}

impl<'o> Writer<'o> {
    /// Behind what is there.
    pub(crate) fn to(out: &'o mut Vec<u8>) -> Self {
        Writer { out: Some(out), length: 0 }
    }

    pub(crate) fn counting() -> Self {
        Writer { out: None, length: 0 }
    }

    /// How many bytes were written, or would have been.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    fn put(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        if let Some(out) = &mut self.out {
            out.extend_from_slice(bytes);
        }
    }

    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let bytes = argument.to_be_bytes();
        let [.., a, b, c, d] = bytes;
        match argument {
            0..24 => self.put(&[major | d]),
            24..0x100 => self.put(&[major | 24, d]),
            0x100..0x1_0000 => self.put(&[major | 25, c, d]),
            0x1_0000..0x1_0000_0000 => self.put(&[major | 26, a, b, c, d]),
            _ => {
                self.put(&[major | 27]);
                self.put(&bytes);
            }
        }
    }

    /// A counter or an id, as a JavaScript number where one is exact: in a head of eight bytes it would come back as a
    /// bigint, and a client would not find its request by it.
    pub(crate) fn uint(&mut self, number: u64) {
        if number <= 1 << 53 { self.number(number as f64) } else { self.head(UINT, number) }
    }

    pub(crate) fn bool(&mut self, truth: bool) {
        self.put(&[if truth { 0xf5 } else { 0xf4 }]);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.put(text.as_bytes());
    }

    pub(crate) fn array(&mut self, len: usize) {
        self.head(ARRAY, len as u64);
    }

    pub(crate) fn map(&mut self, len: usize) {
        self.head(MAP, len as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.put(bytes);
    }

    fn tag(&mut self, tag: u64) {
        self.head(TAG, tag);
    }

    /// A JavaScript number: as an integer with a head of up to four bytes, or as the shortest float that is exact. A head
    /// of eight bytes means a bigint (npm cbor-x).
    fn number(&mut self, number: f64) {
        const LIMIT: f64 = 4_294_967_296.0;
        let negative_zero = number == 0.0 && number.is_sign_negative();
        if float::is_whole(number) && !negative_zero && (-LIMIT..LIMIT).contains(&number) {
            if number >= 0.0 { self.head(UINT, number as u64) } else { self.head(NEGATIVE, (-1.0 - number) as u64) }
        } else if number.is_nan() || f64::from(number as f32) == number {
            let single = if number.is_nan() { f32::NAN } else { number as f32 };
            self.put(&[0xfa]);
            self.put(&single.to_be_bytes());
        } else {
            self.put(&[0xfb]);
            self.put(&number.to_be_bytes());
        }
    }

    fn bigint(&mut self, big: &num_bigint::BigInt) {
        let negative = big.sign() == Sign::Minus;
        let bytes = if negative { (big.magnitude() - 1_u8).to_bytes_be() } else { big.magnitude().to_bytes_be() };
        let zeros = [0; 8];
        match zeros.get(bytes.len()..) {
            Some(zeros) => {
                self.put(&[if negative { 0x3b } else { 0x1b }]);
                self.put(zeros);
                self.put(&bytes);
            }
            None => {
                self.tag(if negative { tag::BIG_NEGATIVE } else { tag::BIG });
                self.bytes(&bytes);
            }
        }
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Undefined => self.put(&[0xf7]),
            Value::Null => self.put(&[0xf6]),
            Value::Bool(truth) => self.bool(*truth),
            Value::Number(number) => self.number(*number),
            Value::BigInt(big) => self.bigint(big),
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Date(milliseconds) => {
                self.tag(tag::DATE);
                self.number(milliseconds / 1000.0);
            }
            Value::Array(items) => self.items(items),
            Value::Object(members) => {
                self.map(members.len());
                for (key, value) in members {
                    self.text(key);
                    self.value(value);
                }
            }
            Value::Map(entries) => {
                self.tag(tag::MAP);
                self.map(entries.len());
                for (key, value) in entries {
                    self.value(key);
                    self.value(value);
                }
            }
            Value::Set(items) => {
                self.tag(tag::SET);
                self.items(items);
            }
            Value::Typed(kind, bytes) => {
                self.tag(u64::from(*kind));
                self.bytes(bytes);
            }
        }
    }

    fn items(&mut self, items: &[Value]) {
        self.array(items.len());
        for item in items {
            self.value(item);
        }
    }
}
