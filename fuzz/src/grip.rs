//! What goes between a gateway and what is behind it, and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use timeweft_grip::control::Control;
use timeweft_grip::events::{self, Event};
use timeweft_grip::jwt::{self, Mac, TokenError};
use timeweft_grip::{control, items};

use crate::memory;
use crate::parts::lines;

/// Bodies of each kind.
pub(crate) fn bodies(bytes: &[u8]) {
    let allowed = memory::of_reading(bytes.len());
    if let Ok(events) = memory::within(allowed, || events::decode(Bytes::copy_from_slice(bytes))) {
        events_are_written_as_read(&events);
        for event in events {
            if let Event::Text(text) = event
                && let Some(message) = text.strip_prefix(control::PREFIX.as_bytes())
            {
                control(message);
            }
        }
    }
    if let Ok(items) = memory::within(allowed, || items::decode(bytes)) {
        let again = items::decode(&items::encode(items.clone())).expect("what is written is read");
        assert_eq!(again, items);
    }
    if let Ok(held) = memory::within(allowed, || items::decode_held(bytes)) {
        assert_eq!(items::decode_held(&items::encode_held(&held)).expect("what is written is read"), held);
    }
    control(bytes);
}

fn control(message: &[u8]) {
    if let Ok(control) = Control::decode(message)
        && let Some(encoded) = control.clone().encode()
    {
        assert_eq!(Control::decode(&encoded).expect("what is written is read"), control);
    }
}

/// What can be written is read as it was, but a reason that is too long for a frame: it is cut.
fn events_are_written_as_read(events: &[Event]) {
    const REASON: usize = 123;
    let mut writer = events::Writer::default();
    let mut written = Vec::new();
    for event in events {
        match event {
            Event::Open => writer.open(),
            Event::Text(text) => writer.text(&[text]),
            Event::Binary(bytes) => writer.binary(&[bytes]),
            Event::Pong(payload) => writer.pong(payload),
            Event::Close(None) => writer.close(),
            Event::Close(Some((code, reason))) if reason.len() <= REASON => writer.close_with(*code, reason),
            Event::Close(Some((code, reason))) => {
                events::Writer::default().close_with(*code, reason);
                continue;
            }
            Event::Disconnect => writer.disconnect(),
            Event::Ping(_) | Event::Unknown(_) => continue,
        }
        written.push(event.clone());
    }
    assert_eq!(events::decode(writer.finish().into()), Ok(written));
}

/// A token as it came, and one over a head and claims that are signed as they came: only who knows the key gets further.
pub(crate) fn token(bytes: &[u8]) {
    const KEY: &[u8] = b"a key";
    const NOW: f64 = 1.8e9;
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(jwt::claims(text, KEY, NOW).is_err(), "nobody signed {text}");
    }
    let [head, body] = lines(bytes);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(body));
    let signature = jwt::signer(KEY, &[signed.as_bytes()]).finalize().into_bytes();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let read = memory::within(memory::of_reading(bytes.len()), || jwt::claims(&token, KEY, NOW));
    assert_ne!(read, Err(TokenError::Wrong));
    if let Ok(claims) = read {
        let expires = claims["exp"].as_f64().expect("what never expires is no token");
        assert!(expires + 60.0 > NOW, "{claims}");
        let again = jwt::issue(&claims, KEY);
        assert_eq!(jwt::claims(&again, KEY, NOW), Ok(claims));
        assert_eq!(jwt::claims(&again, b"another key", NOW), Err(TokenError::Wrong));
    }
}
