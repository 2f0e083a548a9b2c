//! `application/websocket-events`: what happened on a socket as the body of a request, and what it is to be sent as the answer.
//!
//! Each event is `TYPE\r\n`, or with content `TYPE LENGTH\r\nCONTENT\r\n` with the length in hexadecimal. What comes from a
//! gateway is what the client did. What goes back is what the client gets, its messages after a prefix that the answer to
//! `OPEN` agrees on, so that they can't be taken for [control messages](crate::control).

use std::io::Write;

use bytes::Bytes;

/// Media type of both directions.
pub const MEDIA_TYPE: &str = "application/websocket-events";

/// More events than either side puts into one body.
const MAX_EVENTS: usize = 100_000;

/// An event's type with its length, and the end of that line.
const LONGEST_LINE: usize = 64;

/// A control frame's payload is at most 125 bytes, two of them the code.
const MAX_REASON: usize = 123;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client wants a socket; it is opened.
    Open,
    /// A text frame. Whether it is UTF-8 is for the reader to see.
    Text(Bytes),
    /// A binary frame.
    Binary(Bytes),
    /// A ping.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The socket is closed, perhaps with a code and a reason.
    Close(Option<(u16, String)>),
    /// The connection broke.
    Disconnect,
    /// What this build does not know. Others may come to be.
    Unknown(String),
}

/// Why a body is none of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// A line without its end, or an endless one.
    #[error("socket events: a line without its end")]
    Unterminated,
    /// Content that is not as long as it is said to be.
    #[error("socket events: a length that isn't hexadecimal, or content shorter than its length")]
    Length,
    /// A type that is no text.
    #[error("socket events: a type that isn't text")]
    Type,
    /// A `CLOSE` with half a code.
    #[error("socket events: a CLOSE of one byte, expected none or a code of two")]
    Close,
    /// Too many.
    #[error("socket events: more than {MAX_EVENTS} in one body")]
    TooMany,
}

/// Reads a body; contents share its bytes.
pub fn decode(mut body: Bytes) -> Result<Vec<Event>, EventsError> {
    let mut events = Vec::new();
    while !body.is_empty() {
        if events.len() == MAX_EVENTS {
            return Err(EventsError::TooMany);
        }
        let end = body.windows(2).take(LONGEST_LINE).position(|two| two == b"\r\n");
        let end = end.ok_or(EventsError::Unterminated)?;
        let line = body.split_to(end + 2).slice(..end);
        let line = str::from_utf8(&line).map_err(|_| EventsError::Type)?;
        let (kind, content) = match line.split_once(' ') {
            None => (line, Bytes::new()),
            Some((kind, length)) => (kind, content(&mut body, length)?),
        };
        events.push(event(kind, content)?);
    }
    Ok(events)
}

fn content(body: &mut Bytes, length: &str) -> Result<Bytes, EventsError> {
    let length = usize::from_str_radix(length, 16).map_err(|_| EventsError::Length)?;
    let end = length.checked_add(2).filter(|end| body.get(length..*end) == Some(b"\r\n"));
    Ok(body.split_to(end.ok_or(EventsError::Length)?).slice(..length))
}

fn event(kind: &str, content: Bytes) -> Result<Event, EventsError> {
    Ok(match kind {
        "OPEN" => Event::Open,
        "TEXT" => Event::Text(content),
        "BINARY" => Event::Binary(content),
        "PING" => Event::Ping(content),
        "PONG" => Event::Pong(content),
        "CLOSE" => Event::Close(match &content[..] {
            [] => None,
            [high, low, reason @ ..] => {
                Some((u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason).into_owned()))
            }
            [_] => return Err(EventsError::Close),
        }),
        "DISCONNECT" => Event::Disconnect,
        other => Event::Unknown(other.to_owned()),
    })
}

/// Writes a body.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A socket was asked for, or is opened.
    pub fn open(&mut self) {
        self.0.extend_from_slice(b"OPEN\r\n");
    }

    /// A text frame, put together of these.
    pub fn text(&mut self, parts: &[&[u8]]) {
        self.event("TEXT", parts);
    }

    /// A binary frame, put together of these.
    pub fn binary(&mut self, parts: &[&[u8]]) {
        self.event("BINARY", parts);
    }

    /// A pong.
    pub fn pong(&mut self, payload: &[u8]) {
        self.event("PONG", &[payload]);
    }

    /// A close without a code.
    pub fn close(&mut self) {
        self.0.extend_from_slice(b"CLOSE\r\n");
    }

    /// A close; of the reason as much as fits a frame.
    pub fn close_with(&mut self, code: u16, reason: &str) {
        let reason = reason.get(..reason.floor_char_boundary(MAX_REASON)).unwrap_or_default();
        self.event("CLOSE", &[&code.to_be_bytes(), reason.as_bytes()]);
    }

    /// The connection broke.
    pub fn disconnect(&mut self) {
        self.0.extend_from_slice(b"DISCONNECT\r\n");
    }

    fn event(&mut self, kind: &str, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // A Vec takes whatever is written to it.
        let _ = write!(self.0, "{kind} {length:x}\r\n");
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        self.0.extend_from_slice(b"\r\n");
    }

    /// The body.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<Vec<Event>, EventsError> {
        decode(Bytes::copy_from_slice(body))
    }

    #[test]
    fn every_event_is_read() {
        let body = b"OPEN\r\nTEXT 5\r\nhello\r\nBINARY 3\r\n\x00\r\n\r\nPING 0\r\n\r\nPING\r\nPONG 1\r\nx\r\nCLOSE 5\r\n\x03\xe8bye\r\n\
                     DISCONNECT\r\nNEWS 2\r\nhi\r\n";
        let events = vec![
            Event::Open,
            Event::Text("hello".into()),
            Event::Binary(Bytes::from_static(b"\x00\r\n")),
            Event::Ping(Bytes::new()),
            Event::Ping(Bytes::new()),
            Event::Pong("x".into()),
            Event::Close(Some((1000, "bye".into()))),
            Event::Disconnect,
            Event::Unknown("NEWS".into()),
        ];
        assert_eq!(read(body), Ok(events));
        assert_eq!(read(b""), Ok(vec![]));
    }

    #[test]
    fn a_length_is_hexadecimal() {
        let letters = Event::Text("abcdefghijklmnopqrstuvwxyz".into());
        assert_eq!(read(b"TEXT 1a\r\nabcdefghijklmnopqrstuvwxyz\r\n"), Ok(vec![letters.clone()]));
        assert_eq!(read(b"TEXT 1A\r\nabcdefghijklmnopqrstuvwxyz\r\n"), Ok(vec![letters]));
    }

    #[test]
    fn a_close_may_carry_no_code() {
        assert_eq!(read(b"CLOSE\r\nCLOSE 0\r\n\r\n"), Ok(vec![Event::Close(None), Event::Close(None)]));
        assert_eq!(read(b"CLOSE 1\r\n\x03\r\n"), Err(EventsError::Close));
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let unterminated = EventsError::Unterminated;
        for (body, error) in [
            (&b"OPEN"[..], unterminated),
            (&[b'A'; 100], unterminated),
            (b"TEXT 5\r\nhell", EventsError::Length),
            (b"TEXT 5\r\nhello", EventsError::Length),
            (b"TEXT 4\r\nhello\r\n", EventsError::Length),
            (b"TEXT ffffffffffffffff\r\nx\r\n", EventsError::Length),
            (b"TEXT -1\r\nx\r\n", EventsError::Length),
            (b"\xff\r\n", EventsError::Type),
        ] {
            assert_eq!(read(body), Err(error), "{body:?}");
        }
        assert_eq!(read(&b"PING\r\n".repeat(MAX_EVENTS + 1)), Err(EventsError::TooMany));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = Writer::default();
        writer.open();
        writer.text(&[b"m:", "hällo".as_bytes()]);
        writer.binary(&[&[0; 20]]);
        writer.pong(b"x");
        writer.close_with(1001, "");
        writer.close();
        writer.disconnect();
        let body = writer.finish();
        let expected = [
            &b"OPEN\r\nTEXT 8\r\nm:h\xc3\xa4llo\r\nBINARY 14\r\n"[..],
            &[0; 20],
            b"\r\nPONG 1\r\nx\r\nCLOSE 2\r\n\x03\xe9\r\nCLOSE\r\nDISCONNECT\r\n",
        ];
        assert_eq!(body, expected.concat());
        assert_eq!(read(&body).map(|events| events.len()), Ok(7));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut writer = Writer::default();
        writer.close_with(1008, &"é".repeat(100));
        assert_eq!(writer.finish(), [b"CLOSE 7c\r\n\x03\xf0", "é".repeat(61).as_bytes(), b"\r\n"].concat());
    }
}
