//! What is written is read as what it was; what was cut short is refused.

mod strategies;

use proptest::prelude::*;
use strategies::{json_value, patch, same, value};
use timeweft_core::codec::{cbor, json};
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

fn limits() -> Limits {
    Limits::default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_comes_back_from_cbor_as_it_went_in(value in value()) {
        let bytes = cbor::encode_value(&value);
        prop_assert_eq!(cbor::value_len(&value), bytes.len());
        let back = cbor::decode_value(&bytes, &limits()).unwrap();
        prop_assert!(same(&back, &value), "{:?}", back);
        prop_assert_eq!(cbor::encode_value(&back), bytes);
    }

    #[test]
    fn a_patch_comes_back_from_cbor_as_it_went_in(patch in patch(value())) {
        let bytes = cbor::encode_patch(&patch);
        prop_assert_eq!(cbor::patch_len(&patch), bytes.len());
        prop_assert_eq!(cbor::decode_patch(&bytes, &limits()), Ok(patch));
    }

    #[test]
    fn a_diff_comes_back_from_its_stored_form(diff in strategies::diff()) {
        prop_assert_eq!(cbor::decode_diff(&cbor::encode_diff(&diff)), Ok(diff));
    }

    #[test]
    fn a_value_that_json_holds_comes_back_from_json(value in json_value()) {
        let text = json::value_to_text(&value);
        let back = json::value_from_text(&text, &limits()).unwrap();
        prop_assert!(same(&back, &value), "{}: {:?}", String::from_utf8_lossy(&text), back);
        let tree = json::value_to_json(&value);
        prop_assert!(same(&json::value_from_json(&tree, &limits()).unwrap(), &value), "{}", tree);
    }

    #[test]
    fn a_patch_of_such_values_comes_back_from_json(patch in patch(json_value())) {
        let text = json::patch_to_text(&patch);
        prop_assert_eq!(json::patch_from_text(&text, &limits()), Ok(patch.clone()), "{}", String::from_utf8_lossy(&text));
        prop_assert_eq!(json::patch_from_json(&json::patch_to_json(&patch), &limits()), Ok(patch));
    }

    #[test]
    fn any_value_is_projected_to_json_that_can_be_read(value in value()) {
        let text = json::value_to_text(&value);
        prop_assert!(json::value_from_text(&text, &limits()).is_ok(), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn a_value_cut_short_or_with_more_behind_is_refused(value in value(), at in any::<prop::sample::Index>(), more in any::<u8>()) {
        let mut bytes = cbor::encode_value(&value);
        prop_assert!(cbor::decode_value(&bytes[..at.index(bytes.len())], &limits()).is_err());
        bytes.push(more);
        prop_assert!(cbor::decode_value(&bytes, &limits()).is_err());
    }

    #[test]
    fn a_patch_cut_short_is_refused(patch in patch(value()), at in any::<prop::sample::Index>()) {
        let bytes = cbor::encode_patch(&patch);
        prop_assert!(cbor::decode_patch(&bytes[..at.index(bytes.len())], &limits()).is_err());
        let text = json::patch_to_text(&patch);
        let cut = &text[..at.index(text.len())];
        // A number cut short may be a shorter number.
        prop_assert!(json::patch_from_text(cut, &limits()).is_err() || cut.iter().all(|byte| b"-+.eE0123456789".contains(byte)));
    }

    #[test]
    fn indefinite_lengths_mean_what_definite_ones_do(value in value()) {
        let bytes = indefinite(&cbor::encode_value(&value));
        let back = cbor::decode_value(&bytes, &limits());
        prop_assert!(back.as_ref().is_ok_and(|back| same(back, &value)), "{:02x?}: {:?}", bytes, back);
    }
}

/// The same item with every length left open and every string in two chunks.
fn indefinite(bytes: &[u8]) -> Vec<u8> {
    use minicbor::data::Token;
    fn item(decoder: &mut minicbor::Decoder<'_>, encoder: &mut minicbor::Encoder<Vec<u8>>) {
        let start = decoder.position();
        match decoder.decode::<Token<'_>>().unwrap() {
            Token::Array(len) => {
                encoder.begin_array().unwrap();
                (0..len).for_each(|_| item(decoder, encoder));
                encoder.end().unwrap();
            }
            Token::Map(len) => {
                encoder.begin_map().unwrap();
                (0..2 * len).for_each(|_| item(decoder, encoder));
                encoder.end().unwrap();
            }
            Token::String(text) => {
                let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                encoder.begin_str().unwrap().str(&text[..half]).unwrap().str(&text[half..]).unwrap().end().unwrap();
            }
            Token::Bytes(bytes) => {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                encoder.begin_bytes().unwrap().bytes(first).unwrap().bytes(second).unwrap().end().unwrap();
            }
            Token::Tag(tag) => {
                encoder.tag(tag).unwrap();
                item(decoder, encoder);
            }
            _ => encoder.writer_mut().extend_from_slice(&decoder.input()[start..decoder.position()]),
        }
    }
    let mut encoder = minicbor::Encoder::new(Vec::new());
    item(&mut minicbor::Decoder::new(bytes), &mut encoder);
    encoder.into_writer()
}

#[test]
fn the_text_of_a_bigint_has_all_its_digits() {
    let big: num_bigint::BigInt = "123456789012345678901234567890".parse().unwrap();
    assert_eq!(json::value_to_text(&Value::BigInt(big)), b"123456789012345678901234567890");
}
