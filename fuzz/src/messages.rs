//! Frames, in both formats.

use timeweft_core::limits::Limits;
use timeweft_core::message::{Format, Push, Request, Response};

use crate::memory;
use crate::parts::LIMITS;

const FORMATS: [Format; 2] = [Format::Cbor, Format::Json];

/// What was read once is read again, however its encoding grew.
const AGAIN: Limits =
    Limits { value_bytes: usize::MAX, message_bytes: usize::MAX, diff_operations: usize::MAX, ..LIMITS };

pub(crate) fn request(bytes: &[u8]) {
    for format in FORMATS {
        let read = memory::within(memory::of_reading(bytes.len()), || Request::decode(bytes, format, &LIMITS));
        match read {
            Ok(request) => {
                let frame = request.encode(format);
                let again = Request::decode(&frame, format, &AGAIN);
                assert_eq!(again.as_ref(), Ok(&request), "{}", frame.escape_ascii());
                // Of either format, by whatever a client wrote.
                let other = Request::decode(&request.encode(Format::Cbor), Format::Cbor, &AGAIN);
                assert_eq!(other.as_ref(), Ok(&request));
                request.method.asked();
            }
            Err(refusal) => {
                let answer = Response::from(refusal);
                assert!((400..500).contains(&answer.status), "{answer:?}");
                let again = Response::decode(&answer.encode(format), format, &AGAIN);
                assert_eq!(again, Ok(answer));
            }
        }
    }
}

/// What a server says to clients that are written in Rust, and to browsers.
pub(crate) fn answer(bytes: &[u8]) {
    for format in FORMATS {
        let allowed = memory::of_reading(bytes.len());
        if let Ok(response) = memory::within(allowed, || Response::decode(bytes, format, &LIMITS)) {
            let frame = response.encode(Format::Cbor);
            assert_eq!(Response::decode(&frame, Format::Cbor, &AGAIN).as_ref(), Ok(&response));
            response.encode_body(Format::Json);
        }
        if let Ok(push) = memory::within(allowed, || Push::decode(bytes, format, &LIMITS)) {
            let frame = push.encode(Format::Cbor).expect("CBOR can hold it");
            assert_eq!(Push::decode(&frame, Format::Cbor, &AGAIN).as_ref(), Ok(&push));
            let _ = push.encode(Format::Json);
        }
    }
}
