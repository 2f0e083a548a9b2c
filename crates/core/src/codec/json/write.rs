//! Writing JSON as `JSON.stringify` would, and past what it can: bigints as digits, `undefined` as `{"$undefined":true}`.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ARRAY, ENTRIES, INCREMENT, REPLACE, TEXT, UNDEFINED, is_reserved};
use crate::codec::cbor::read::element_len;
use crate::diff::{Increment, Joins, Patch, Segment, runs};
use crate::value::Value;

/// A JSON string.
fn text(out: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

fn number(out: &mut Vec<u8>, number: f64) {
    if !number.is_finite() {
        out.extend_from_slice(b"null");
    } else if number.fract() == 0.0 && number.abs() < 1e15 && !(number == 0.0 && number.is_sign_negative()) {
        let _ = write!(out, "{}", number as i64);
    } else {
        let _ = serde_json::to_writer(out, &number);
    }
}

fn joined<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(close);
}

/// The members of an object; a sole key that would mean something else is escaped.
fn members<'t, T: 't>(out: &mut Vec<u8>, members: &'t crate::members::Members<T>, each: impl Fn(&mut Vec<u8>, &'t T)) {
    let sole = members.len() == 1;
    joined(out, *b"{}", members, |out, (key, member)| {
        if sole && is_reserved(key) {
            text(out, &format!("${key}"));
        } else {
            text(out, key);
        }
        out.push(b':');
        each(out, member);
    });
}

fn undefined(out: &mut Vec<u8>) {
    tagged(out, UNDEFINED, |out| out.extend_from_slice(b"true"));
}

/// `{"key":…}`
fn tagged(out: &mut Vec<u8>, key: &str, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'{');
    text(out, key);
    out.push(b':');
    body(out);
    out.push(b'}');
}

pub(super) fn value(out: &mut Vec<u8>, shown: &Value) {
    match shown {
        Value::Undefined => undefined(out),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(on) => out.extend_from_slice(if *on { b"true" } else { b"false" }),
        Value::Number(shown) => number(out, *shown),
        Value::BigInt(big) => out.extend_from_slice(big.to_string().as_bytes()),
        Value::Text(shown) => text(out, shown),
        Value::Bytes(bytes) => text(out, &STANDARD.encode(bytes)),
        Value::Date(millis) => date(out, *millis),
        Value::Array(items) | Value::Set(items) => joined(out, *b"[]", items, value),
        Value::Object(shown) => members(out, shown, value),
        Value::Map(entries) => {
            joined(out, *b"[]", entries, |out, (key, entry)| joined(out, *b"[]", [key, entry], value))
        }
        Value::Typed(tag, bytes) => {
            joined(out, *b"[]", bytes.chunks_exact(element_len(*tag)), |out, bytes| element(out, *tag, bytes))
        }
    }
}

pub(super) fn patch(out: &mut Vec<u8>, shown: &Patch) {
    match shown {
        Patch::Remove => undefined(out),
        Patch::Map(shown) => members(out, shown, patch),
        Patch::Value(shown) => value(out, shown),
        Patch::Replace(shown) => tagged(out, REPLACE, |out| value(out, shown)),
        Patch::Text(segments) => tagged(out, TEXT, |out| {
            joined(out, *b"[]", segments, |out, segment| match segment {
                Segment::Keep(len) => drop(write!(out, "{len}")),
                Segment::Delete(len) => drop(write!(out, "-{len}")),
                Segment::Insert(shown, joins) => inserted(out, *joins, |out| text(out, shown)),
                // Texts have no inside, and nothing in them moves.
                Segment::Inner(()) | Segment::Take(_) | Segment::Put(..) => out.push(b'1'),
            });
        }),
        Patch::Array(segments) => tagged(out, ARRAY, |out| steps(out, segments)),
        Patch::Entries(segments) => tagged(out, ENTRIES, |out| steps(out, segments)),
        Patch::Increment(Increment { by, to }) => tagged(out, INCREMENT, |out| match to {
            Some(to) => joined(out, *b"[]", [by, to], value),
            None => value(out, by),
        }),
    }
}

fn inserted(out: &mut Vec<u8>, joins: Joins, what: impl FnOnce(&mut Vec<u8>)) {
    if joins == Joins::NONE {
        return what(out);
    }
    out.extend_from_slice(b"{\"insert\":");
    what(out);
    let _ = write!(out, ",\"joins\":{}}}", joins.bits());
}

fn steps(out: &mut Vec<u8>, segments: &[Segment<Vec<Value>, Patch>]) {
    joined(out, *b"[]", runs(segments), |out, run| {
        let Some(segment) = run.first() else { return };
        match segment {
            Segment::Keep(len) => drop(write!(out, "{len}")),
            Segment::Delete(len) => drop(write!(out, "-{len}")),
            Segment::Insert(items, joins) => inserted(out, *joins, |out| joined(out, *b"[]", items, value)),
            Segment::Inner(change) => tagged(out, "at", |out| patch(out, change)),
            Segment::Take(_) => drop(write!(out, "{{\"take\":{}}}", run.len())),
            Segment::Put(number, change) => {
                let _ = write!(out, "{{\"put\":{number}");
                match change {
                    Some(change) => {
                        out.extend_from_slice(b",\"at\":");
                        patch(out, change);
                    }
                    None if run.len() > 1 => drop(write!(out, ",\"count\":{}", run.len())),
                    None => {}
                }
                out.push(b'}');
            }
        }
    });
}

/// `Date.prototype.toJSON`: milliseconds always, years past 9999 and before 0 with a sign and six digits.
fn date(out: &mut Vec<u8>, millis: f64) {
    if millis.is_nan() || millis.abs() > 8.64e15 {
        return out.extend_from_slice(b"null");
    }
    let millis = millis as i64;
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let mut shown = String::new();
    let _ = match year {
        0..=9999 => write!(shown, "{year:04}"),
        _ => write!(shown, "{year:+07}"),
    };
    let _ = write!(
        shown,
        "-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day / 3_600_000,
        of_day / 60_000 % 60,
        of_day / 1000 % 60,
        of_day % 1000
    );
    text(out, &shown);
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01. Years begin in March here, so that
/// the leap day is their last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// One element of a typed array (RFC 8746), as a number.
fn element(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    let (float, signed, little) = (tag & 16 != 0, tag & 8 != 0, tag & 4 != 0);
    let mut wide = [0; 16];
    // Most significant byte last: as a little-endian number of 16 bytes.
    for (index, byte) in bytes.iter().enumerate() {
        let at = if little || tag == 68 { index } else { bytes.len() - 1 - index };
        if let Some(slot) = wide.get_mut(at) {
            *slot = *byte;
        }
    }
    let bits = u128::from_le_bytes(wide);
    if float {
        number(out, binary_float(bits, bytes.len()));
    } else if signed {
        let unused = 128 - 8 * bytes.len() as u32;
        let _ = write!(out, "{}", (bits << unused) as i128 >> unused);
    } else {
        let _ = write!(out, "{bits}");
    }
}

/// IEEE 754 binary16, 32, 64 or 128 of so many bytes; the last rounded toward zero.
fn binary_float(bits: u128, len: usize) -> f64 {
    match len {
        4 => f64::from(f32::from_bits(bits as u32)),
        8 => f64::from_bits(bits as u64),
        _ => {
            let (exponent_bits, fraction_bits) = if len == 2 { (5, 10) } else { (15, 112) };
            let sign = if bits >> (exponent_bits + fraction_bits) & 1 == 1 { -1.0 } else { 1.0 };
            let exponent = (bits >> fraction_bits & ((1 << exponent_bits) - 1)) as i32;
            let fraction = bits & ((1 << fraction_bits) - 1);
            let (largest, bias) = ((1 << exponent_bits) - 1, (1 << (exponent_bits - 1)) - 1);
            if exponent == largest {
                return if fraction == 0 { sign * f64::INFINITY } else { f64::NAN };
            }
            let fraction = fraction as f64 / (1_u128 << fraction_bits) as f64;
            let (whole, exponent) = if exponent == 0 { (0.0, 1 - bias) } else { (1.0, exponent - bias) };
            sign * (whole + fraction) * 2_f64.powi(exponent)
        }
    }
}

/// The tree of what was written here.
pub(super) fn tree(text: &[u8]) -> serde_json::Value {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // As deep as the value was, which is bounded where it came in.
    reader.disable_recursion_limit();
    serde::Deserialize::deserialize(&mut reader).unwrap_or_default()
}
