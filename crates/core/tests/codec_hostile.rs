//! Bytes that mean harm: they are refused, in time and memory that their length bounds.

mod strategies;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use timeweft_core::codec::{DecodeError, cbor, json};
use timeweft_core::limits::Limits;
use timeweft_core::message::{Format, Request};

/// Counts what this thread holds, and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator is")]
// SAFETY: all is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size();
        HELD.set(held);
        MOST.set(MOST.get().max(held));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held at once while `run` runs.
fn most_held<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = run();
    (result, MOST.get().saturating_sub(before))
}

/// A byte can be an item of an array, which takes 40; and errors are texts.
fn allowed(len: usize) -> usize {
    100 * len + 10_000
}

fn limits() -> Limits {
    Limits::default()
}

fn check_all(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ((), most) = most_held(|| {
        let _ = cbor::decode_value(bytes, &limits());
        let _ = cbor::decode_patch(bytes, &limits());
        let _ = cbor::decode_diff(bytes);
        let _ = json::value_from_text(bytes, &limits());
        let _ = json::patch_from_text(bytes, &limits());
        for format in [Format::Cbor, Format::Json] {
            let _ = Request::decode(bytes, format, &limits());
        }
    });
    prop_assert!(most <= allowed(bytes.len()), "{} bytes held for {}", most, bytes.len());
    Ok(())
}

/// Heads, tags and lengths as hostile bytes would have them.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(vec![
            &b"\x80"[..],
            b"\x81",
            b"\x82",
            b"\x9f",
            b"\xa0",
            b"\xa1",
            b"\xbf",
            b"\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9a\x7f\xff\xff\xff",
            b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
            b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff",
            b"\x7a\xff\xff\xff\xff",
            b"\x5f",
            b"\x7f",
            b"\x61a",
            b"\x41a",
            b"\xc1",
            b"\xc2",
            b"\xc3",
            b"\xd8\x1c",
            b"\xd8\x1d",
            b"\x00",
            b"\x01",
            b"\x19\xe0\x00",
            b"\xd9\xdf\xff",
            b"\xd9\xe0\x00",
            b"\xd9\x01\x02",
            b"\xd9\x01\x03",
            b"\xd8\x40",
            b"\xd8\x45",
            b"\xd9\xfa\x01",
            b"\xd9\xfa\x02",
            b"\xd9\xfa\x03",
            b"\xd9\xfa\x04",
            b"\xf6",
            b"\xf7",
            b"\x20",
            b"\x62at",
            b"\x62id",
            b"\xf9\x7e\x00",
            b"\x1b\x00\x00\x00\x00\x00\x00\x00\x01",
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf8\xff",
            b"\x1c",
        ])
        .prop_map(<[u8]>::to_vec),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic_nor_take_much_memory(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_all(&bytes)?;
    }

    #[test]
    fn arbitrary_heads_never_panic_nor_take_much_memory(bytes in tokens()) {
        check_all(&bytes)?;
    }

    #[test]
    fn arbitrary_json_never_panics_nor_takes_much_memory(text in "[\\[\\]{}:,\"a1$\\\\ -]{0,60}") {
        check_all(text.as_bytes())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_never_panics(value in strategies::value(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = cbor::encode_value(&value);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        check_all(&bytes)?;
    }
}

#[test]
fn a_declared_length_allocates_nothing() {
    for head in [
        "9bffffffffffffffff",
        "9affffffff",
        "bbffffffffffffffff",
        "5bffffffffffffffff",
        "7affffffff",
        "d901029affffffff",
        "d901039affffffff",
    ] {
        let bytes: Vec<u8> =
            (0..head.len()).step_by(2).map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap()).collect();
        let (result, most) = most_held(|| cbor::decode_value(&bytes, &limits()));
        assert!(matches!(result, Err(DecodeError::Malformed(_))), "{head}: {result:?}");
        assert!(most < 1000, "{head}: {most} bytes");
    }
}

#[test]
fn nesting_without_end_is_refused_before_the_stack_is() {
    let deep = |open: &[u8]| open.repeat(1_000_000);
    for open in [&b"\x81"[..], b"\x9f", b"\xa1\x61a", b"\xbf\x61a", b"\xd9\x01\x02\x81", b"\xd9\x01\x03\xa1"] {
        let result = cbor::decode_value(&deep(open), &limits());
        assert!(matches!(result, Err(DecodeError::TooLarge(_))), "{open:02x?}: {result:?}");
        let result = cbor::decode_patch(&deep(open), &limits());
        assert!(matches!(result, Err(DecodeError::Malformed(_))), "{open:02x?}: {result:?}");
    }
    for tags in [&b"\xc1"[..], b"\xd8\x1c", b"\xd9\x01\x03", b"\xd9\xfa\x03", b"\xd8\x1d"] {
        for before in [&b""[..], b"\x82\xd9\xdf\xff\x82\x19\xe0\x00\x80", b"\x82\xd8\x1c\x80"] {
            let bytes = [before, &deep(tags), b"\x00"].concat();
            assert!(cbor::decode_value(&bytes, &limits()).is_err(), "{tags:02x?}");
            assert!(cbor::decode_patch(&bytes, &limits()).is_err(), "{tags:02x?}");
            assert!(
                Request::decode(
                    &[&b"\xa1\x65value"[..], &bytes].concat(),
                    Format::Cbor,
                    &Limits { message_bytes: 1 << 24, ..limits() }
                )
                .is_err()
            );
        }
    }
    for open in ["[", "{\"a\":", "[[{\"$array\":"] {
        let text = open.repeat(1_000_000);
        assert!(matches!(json::value_from_text(text.as_bytes(), &limits()), Err(DecodeError::TooLarge(_))));
        assert!(matches!(json::patch_from_text(text.as_bytes(), &limits()), Err(DecodeError::Malformed(_))));
    }
}

#[test]
fn the_deepest_that_is_allowed_is_read_and_one_more_is_not() {
    let value = |depth: usize| [b"\x81".repeat(depth - 1), vec![0]].concat();
    assert!(cbor::decode_value(&value(128), &limits()).is_ok());
    assert!(matches!(cbor::decode_value(&value(129), &limits()), Err(DecodeError::TooLarge(_))));
    let text = |depth: usize| format!("{}0{}", "[".repeat(depth - 1), "]".repeat(depth - 1)).into_bytes();
    assert!(json::value_from_text(&text(128), &limits()).is_ok());
    assert!(matches!(json::value_from_text(&text(129), &limits()), Err(DecodeError::TooLarge(_))));
    let diff = |depth: usize| [b"\xa1\x61a".repeat(depth - 1), vec![0]].concat();
    assert!(cbor::decode_patch(&diff(128), &limits()).is_ok());
    assert!(matches!(cbor::decode_patch(&diff(129), &limits()), Err(DecodeError::Malformed(_))));
    let edits = |depth: usize| [b"\xd9\xfa\x02\x81\xa1\x62at".repeat(depth - 1), vec![0]].concat();
    assert!(cbor::decode_patch(&edits(128), &limits()).is_ok());
    assert!(matches!(cbor::decode_patch(&edits(129), &limits()), Err(DecodeError::Malformed(_))));
    let edits =
        |depth: usize| format!("{}0{}", r#"{"$array":[{"at":"#.repeat(depth - 1), "}]}".repeat(depth - 1)).into_bytes();
    assert!(json::patch_from_text(&edits(128), &limits()).is_ok());
    assert!(matches!(json::patch_from_text(&edits(129), &limits()), Err(DecodeError::Malformed(_))));
}

#[test]
fn references_expand_up_to_the_limit_and_no_further() {
    // [28(["ha…"]), then pairs of references to the one before], thirty times over.
    let mut bytes = vec![0x98, 31, 0xd8, 0x1c, 0x78, 40];
    bytes.extend_from_slice(&[b'h'; 40]);
    for level in 0..30 {
        bytes.extend_from_slice(&[0xd8, 0x1c, 0x82, 0xd8, 0x1d, 0x18, level, 0xd8, 0x1d, 0x18, level]);
    }
    let small = Limits { value_bytes: 1 << 20, ..limits() };
    let (result, most) = most_held(|| cbor::decode_value(&bytes, &small));
    assert!(matches!(result, Err(DecodeError::TooLarge(_))), "{result:?}");
    assert!(most < 4 << 20, "{most} bytes");
    // And once around: [28([29(0)])].
    let cycle = cbor::decode_value(&[0xd8, 0x1c, 0x81, 0xd8, 0x1d, 0x00], &limits());
    assert!(matches!(cycle, Err(DecodeError::Malformed(_))), "{cycle:?}");
    // A reference can put a deep thing deeper than it was.
    let mut deep = vec![0x82, 0xd8, 0x1c];
    deep.extend([0x81].repeat(100));
    deep.push(0);
    deep.extend([0x81].repeat(60));
    deep.extend([0xd8, 0x1d, 0x00]);
    assert!(matches!(cbor::decode_value(&deep, &limits()), Err(DecodeError::TooLarge(_))));
}

#[test]
fn a_key_twice_is_refused_wherever_it_is() {
    for twice in [
        &b"\xa2\x61a\x00\x61a\x01"[..],
        b"\xd9\x01\x03\xa2\x01\x00\x01\x01",
        b"\xd9\x01\x02\x82\x61a\x61a",
        b"\xbf\x61a\x00\x61a\x01\xff",
    ] {
        assert!(matches!(cbor::decode_value(twice, &limits()), Err(DecodeError::Malformed(_))), "{twice:02x?}");
    }
    assert!(matches!(cbor::decode_patch(b"\xa2\x61a\x00\x61a\x01", &limits()), Err(DecodeError::Malformed(_))));
    // In a record: 57343([57344, ["a", "a"], 0, 1]).
    let record = b"\xd9\xdf\xff\x84\x19\xe0\x00\x82\x61a\x61a\x00\x01";
    assert!(matches!(cbor::decode_value(record, &limits()), Err(DecodeError::Malformed(_))));
    assert!(matches!(json::value_from_text(br#"{"a":1,"\u0061":2}"#, &limits()), Err(DecodeError::Malformed(_))));
    assert!(matches!(json::patch_from_text(br#"{"a":{"b":1,"b":2}}"#, &limits()), Err(DecodeError::Malformed(_))));
}

#[test]
fn limits_on_bytes_and_operations_hold() {
    let small = Limits { value_bytes: 10, diff_operations: 3, ..limits() };
    assert!(matches!(
        cbor::decode_value(&cbor::encode_value(&timeweft_core::value::Value::text("0123456789")), &small),
        Err(DecodeError::TooLarge(_))
    ));
    assert!(matches!(json::value_from_text(b"\"01234567890123\"", &small), Err(DecodeError::TooLarge(_))));
    let operations = Limits { diff_operations: 3, ..limits() };
    assert!(json::patch_from_text(br#"{"a":1,"b":{"c":1}}"#, &operations).is_ok());
    assert!(matches!(
        json::patch_from_text(br#"{"a":1,"b":{"c":1,"d":2}}"#, &operations),
        Err(DecodeError::TooLarge(_))
    ));
    assert!(matches!(json::patch_from_text(br#"{"$text":[1,-1,1,-1]}"#, &operations), Err(DecodeError::TooLarge(_))));
    assert!(matches!(
        cbor::decode_patch(b"\xd9\xfa\x01\x84\x01\x20\x01\x20", &operations),
        Err(DecodeError::TooLarge(_))
    ));
    let big = [&b"\xc2\x59\x20\x01"[..], &[1; 8193]].concat();
    assert!(matches!(cbor::decode_value(&big, &limits()), Err(DecodeError::TooLarge(_))));
}

#[test]
fn steps_that_say_nothing_are_refused() {
    for text in [
        r#"{"$text":[0]}"#,
        r#"{"$text":[""]}"#,
        r#"{"$array":[[]]}"#,
        r#"{"$array":[1.5]}"#,
        r#"{"$array":[{"at":1,"b":2}]}"#,
        r#"{"$text":1}"#,
        r#"{"$undefined":1}"#,
    ] {
        assert!(matches!(json::patch_from_text(text.as_bytes(), &limits()), Err(DecodeError::Malformed(_))), "{text}");
    }
    for bytes in [
        &b"\xd9\xfa\x01\x81\x00"[..],
        b"\xd9\xfa\x01\x81\x60",
        b"\xd9\xfa\x02\x81\x80",
        b"\xd9\xfa\x02\x81\xa0",
        b"\xd9\xfa\x01\x00",
    ] {
        assert!(matches!(cbor::decode_patch(bytes, &limits()), Err(DecodeError::Malformed(_))), "{bytes:02x?}");
    }
}

#[test]
fn numbers_of_elements_never_overflow_not_even_in_32_bits() {
    // [{"put": 2^32 - 1, "count": 2}], and what follows on the largest number: [{"put": 2^31 - 1, "count": 2}].
    let put = |number: &[u8]| [b"\xd9\xfa\x02\x81\xa2\x63put\x1a", number, b"\x65count\x02"].concat();
    assert!(matches!(cbor::decode_patch(&put(b"\xff\xff\xff\xff"), &limits()), Err(DecodeError::Malformed(_))));
    assert!(cbor::decode_patch(&put(b"\x7f\xff\xff\xff"), &limits()).is_ok());
    let put = |number: u32| {
        json::patch_from_text(format!(r#"{{"$array":[{{"put":{number},"count":2}}]}}"#).as_bytes(), &limits())
    };
    assert!(matches!(put(u32::MAX), Err(DecodeError::Malformed(_))));
    assert!(put(i32::MAX as u32).is_ok());
}

#[test]
fn a_damaged_stored_diff_takes_no_more_than_could_be_there() {
    // [{"take": 2^31 - 1}]
    let taken = cbor::decode_diff(b"\xd9\xfa\x02\x81\xa1\x64take\x1a\x7f\xff\xff\xff");
    assert!(matches!(taken, Err(DecodeError::TooLarge(_))), "{:?}", taken.map(drop));
    // [{"put": 2^31 - 1}]: what it leads back to is found without room for all that number could be.
    let put = cbor::decode_diff(b"\xd9\xfa\x02\x81\xa1\x63put\x1a\x7f\xff\xff\xff").unwrap();
    let (_, most) = most_held(|| put.invert(&timeweft_core::value::Value::Array(Vec::new())));
    assert!(most < 10_000, "{most} bytes");
}
