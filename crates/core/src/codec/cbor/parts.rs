//! An encoded container as its parts and back, without building a value: for whoever keeps long values in pieces.

use super::head::{Decoder, Token};
use super::scan;
use super::write::Writer;
use crate::codec::{DecodeError, MAX_DEPTH};
use crate::prelude::*;

/// The parts of one item, each encoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Parts<'b> {
    /// Members, in the order in which they are written.
    Object(Vec<(&'b str, &'b [u8])>),
    /// Elements.
    Array(Vec<&'b [u8]>),
    /// Neither: it is not taken apart.
    Leaf,
}

/// Takes one item apart that we wrote ([`encode_value`](super::encode_value)).
///
/// # Errors
/// When it is not in our form: lengths that are not definite, keys that are no text.
pub fn parts(item: &[u8]) -> Result<Parts<'_>, DecodeError> {
    let mut decoder = Decoder::new(item);
    match decoder.token()? {
        Token::Map(count) => {
            let mut members = Vec::new();
            for _ in 0..count {
                let Token::Text(key) = decoder.token()? else {
                    return Err(DecodeError::malformed("a member's key is no text"));
                };
                members.push((key, next(&mut decoder)?));
            }
            Ok(Parts::Object(members))
        }
        Token::Array(count) => {
            let mut elements = Vec::new();
            for _ in 0..count {
                elements.push(next(&mut decoder)?);
            }
            Ok(Parts::Array(elements))
        }
        _ => Ok(Parts::Leaf),
    }
}

fn next<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], DecodeError> {
    let start = decoder.position();
    scan::scan(decoder, MAX_DEPTH).map_err(scan::ScanError::malformed)?;
    Ok(decoder.since(start))
}

/// The head of an object of so many members; each follows as [`write_key`] and its value.
pub fn write_object_head(out: &mut Vec<u8>, members: usize) {
    Writer::to(out).map(members);
}

/// The head of an array of so many elements, which follow.
pub fn write_array_head(out: &mut Vec<u8>, elements: usize) {
    Writer::to(out).array(elements);
}

/// A member's key.
pub fn write_key(out: &mut Vec<u8>, key: &str) {
    Writer::to(out).text(key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cbor::{decode_value, encode_value};
    use crate::limits::Limits;
    use crate::value::Value;

    #[test]
    fn a_container_comes_apart_and_together_again() {
        let inner = Value::Array(vec![Value::Null, Value::Map(vec![(Value::from(1.0), Value::text("one"))])]);
        let value = Value::object([("b", inner), ("a", Value::Date(5.0))]);
        let bytes = encode_value(&value);
        let Parts::Object(members) = parts(&bytes).unwrap() else { panic!("an object") };
        assert_eq!(members.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["a", "b"]);
        let Parts::Array(elements) = parts(members[1].1).unwrap() else { panic!("an array") };
        assert_eq!(parts(elements[1]), Ok(Parts::Leaf), "a Map is not looked into");
        let mut again = Vec::new();
        write_object_head(&mut again, members.len());
        for (key, item) in members {
            write_key(&mut again, key);
            again.extend_from_slice(item);
        }
        assert_eq!(again, bytes);
        assert_eq!(decode_value(&again, &Limits::default()), Ok(value));
    }
}
