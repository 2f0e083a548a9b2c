//! The token level: one head of CBOR at a time, with the position in errors.
//!
//! Written by hand and not with minicbor, whose tokens know 128-bit integers and errors in words: 15 KB of what browsers
//! load.

use crate::codec::DecodeError;
use crate::prelude::*;

/// The major types, as the first three bits of a head have them.
pub(crate) mod major {
    pub(crate) const UINT: u8 = 0;
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const BYTES: u8 = 2;
    pub(crate) const TEXT: u8 = 3;
    pub(crate) const ARRAY: u8 = 4;
    pub(crate) const MAP: u8 = 5;
    pub(crate) const TAG: u8 = 6;
    pub(crate) const SIMPLE: u8 = 7;
}

/// A head, and what belongs to it alone. A container's token is its head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'b> {
    /// An unsigned integer.
    Uint(Argument),
    /// −1 less the argument.
    Negative(Argument),
    Bytes(&'b [u8]),
    Text(&'b str),
    Array(u64),
    Map(u64),
    Tag(u64),
    Bool(bool),
    Null,
    Undefined,
    Float(f64),
    /// Any other simple value.
    Simple,
    BeginBytes,
    BeginText,
    BeginArray,
    BeginMap,
    Break,
}

/// The number in a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Argument {
    pub(crate) number: u64,
    /// Whether it took eight bytes: how npm cbor-x writes a bigint, and what it reads as one.
    pub(crate) wide: bool,
}

/// Reads heads, one after the other.
pub(crate) struct Decoder<'b> {
    input: &'b [u8],
    position: usize,
}

/// Why there is no token.
enum Bad {
    Ends,
    NotCbor,
}

impl<'b> Decoder<'b> {
    pub(crate) fn new(input: &'b [u8]) -> Self {
        Decoder { input, position: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.input.get(self.position..).unwrap_or_default()
    }

    /// What was read since `start`.
    pub(crate) fn since(&self, start: usize) -> &'b [u8] {
        self.input.get(start..self.position).unwrap_or_default()
    }

    /// The first byte of the next head.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.input.get(self.position).copied()
    }

    /// The major type of the next item.
    pub(crate) fn major(&self) -> Option<u8> {
        self.peek().map(|first| first >> 5)
    }

    /// Whether the next head ends an indefinite container; then it is passed.
    pub(crate) fn at_break(&mut self) -> bool {
        let found = self.peek() == Some(0xff);
        self.position += usize::from(found);
        found
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> Result<Token<'b>, DecodeError> {
        let start = self.position;
        self.next().map_err(|bad| {
            let (what, at) = match bad {
                Bad::Ends => ("the CBOR ends too early, at byte ", self.input.len()),
                Bad::NotCbor => ("not CBOR at byte ", start),
            };
            DecodeError::malformed([what, &decimal(at)].concat())
        })
    }

    fn next(&mut self) -> Result<Token<'b>, Bad> {
        let &[first] = self.take(1)? else { return Err(Bad::Ends) };
        let info = first & 0b1_1111;
        let number = match info {
            24..=27 => self.take(1 << (info - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            _ => info.into(),
        };
        let argument = Argument { number, wide: info == 27 };
        let indefinite = info == 31;
        if info > 27 && !indefinite {
            return Err(Bad::NotCbor);
        }
        Ok(match first >> 5 {
            major::BYTES if indefinite => Token::BeginBytes,
            major::TEXT if indefinite => Token::BeginText,
            major::ARRAY if indefinite => Token::BeginArray,
            major::MAP if indefinite => Token::BeginMap,
            major::SIMPLE if indefinite => Token::Break,
            _ if indefinite => return Err(Bad::NotCbor),
            major::UINT => Token::Uint(argument),
            major::NEGATIVE => Token::Negative(argument),
            major::BYTES => Token::Bytes(self.take(number)?),
            major::TEXT => Token::Text(core::str::from_utf8(self.take(number)?).map_err(|_| Bad::NotCbor)?),
            major::ARRAY => Token::Array(number),
            major::MAP => Token::Map(number),
            major::TAG => Token::Tag(number),
            _ => match info {
                20 | 21 => Token::Bool(info == 21),
                22 => Token::Null,
                23 => Token::Undefined,
                25 => Token::Float(half(number as u16)),
                26 => Token::Float(f32::from_bits(number as u32).into()),
                27 => Token::Float(f64::from_bits(number)),
                _ => Token::Simple,
            },
        })
    }

    /// The next bytes.
    fn take(&mut self, length: u64) -> Result<&'b [u8], Bad> {
        let length = usize::try_from(length).map_err(|_| Bad::Ends)?;
        let taken = self.rest().get(..length).ok_or(Bad::Ends)?;
        self.position += length;
        Ok(taken)
    }
}

/// A float of two bytes (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction / 16_777_216.0,
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        // 2 to the power of `exponent - 25`, as bits.
        exponent => (1024.0 + fraction) * f64::from_bits(u64::from(exponent + 1023 - 25) << 52),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every head there is, and whatever follows: the same as an established decoder says.
    #[test]
    fn tokens_are_those_of_minicbor() {
        for bytes in (0..=0xff_u8).flat_map(|first| (0..=0xff_u8).map(move |second| (first, second))) {
            let input = [bytes.0, bytes.1, 0x3c, 0x01, 0x61, 0x80, 0xff, 0x20, 0x7f, 0x00];
            for input in [&input[..], &input[..2], &input[..1]] {
                same(input);
            }
        }
        for half in 0..=u16::MAX {
            let [high, low] = half.to_be_bytes();
            same(&[0xf9, high, low]);
        }
    }

    fn same(input: &[u8]) {
        use minicbor::data::Token as Known;
        let mut ours = Decoder::new(input);
        let mut theirs = minicbor::Decoder::new(input);
        let known = theirs.decode::<Known<'_>>().map_err(|error| error.is_end_of_input());
        match (ours.token(), known) {
            (Err(error), Err(ends)) => assert_eq!(error.to_string().contains("ends"), ends, "{input:x?}"),
            (Ok(token), Ok(known)) => {
                assert_eq!(ours.position(), theirs.position(), "{input:x?}");
                let number = |number: i128| match number {
                    0.. => Token::Uint(Argument { number: number as u64, wide: input[0] == 0x1b }),
                    _ => Token::Negative(Argument { number: (-1 - number) as u64, wide: input[0] == 0x3b }),
                };
                let known = match known {
                    Known::U8(known) => number(known.into()),
                    Known::U16(known) => number(known.into()),
                    Known::U32(known) => number(known.into()),
                    Known::U64(known) => number(known.into()),
                    Known::I8(known) => number(known.into()),
                    Known::I16(known) => number(known.into()),
                    Known::I32(known) => number(known.into()),
                    Known::I64(known) => number(known.into()),
                    Known::Int(known) => number(known.into()),
                    Known::F16(known) | Known::F32(known) => Token::Float(known.into()),
                    Known::F64(known) => Token::Float(known),
                    Known::Bytes(known) => Token::Bytes(known),
                    Known::String(known) => Token::Text(known),
                    Known::Array(known) => Token::Array(known),
                    Known::Map(known) => Token::Map(known),
                    Known::Tag(known) => Token::Tag(known.as_u64()),
                    Known::Bool(known) => Token::Bool(known),
                    Known::Null => Token::Null,
                    Known::Undefined => Token::Undefined,
                    Known::Simple(_) => Token::Simple,
                    Known::BeginBytes => Token::BeginBytes,
                    Known::BeginString => Token::BeginText,
                    Known::BeginArray => Token::BeginArray,
                    Known::BeginMap => Token::BeginMap,
                    Known::Break => Token::Break,
                };
                match (token, known) {
                    (Token::Float(token), Token::Float(known)) if token.is_nan() => assert!(known.is_nan()),
                    _ => assert_eq!(token, known, "{input:x?}"),
                }
            }
            (ours, theirs) => panic!("{input:x?}: {ours:?}, {theirs:?}"),
        }
    }
}
