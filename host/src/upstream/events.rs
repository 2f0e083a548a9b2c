//! `application/websocket-events`: what happened on a socket as the body of a request, and what to do as its answer.
//!
//! Each event is a line `TYPE\r\n`, or `TYPE hex-length\r\n` and so many bytes and `\r\n`.

use bytes::{Bytes, BytesMut};

use crate::gateway::message::Event;

/// Media type of both directions.
pub(crate) const MEDIA_TYPE: &str = "application/websocket-events";

/// What an upstream's answer may hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Open,
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<(u16, String)>),
    Disconnect,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not websocket-events: {0}")]
pub(super) struct MalformedEvents(&'static str);

pub(super) fn encode(events: &[Event]) -> Bytes {
    let mut out = BytesMut::new();
    for event in events {
        let close;
        let (kind, payload) = match event {
            Event::Open => ("OPEN", None),
            Event::Text(text) => ("TEXT", Some(text.as_bytes())),
            Event::Binary(bytes) => ("BINARY", Some(&bytes[..])),
            Event::Close(None) => ("CLOSE", None),
            Event::Close(Some(code)) => {
                close = code.to_be_bytes();
                ("CLOSE", Some(&close[..]))
            }
            Event::Disconnect => ("DISCONNECT", None),
        };
        out.extend_from_slice(kind.as_bytes());
        if let Some(payload) = payload {
            out.extend_from_slice(format!(" {:x}\r\n", payload.len()).as_bytes());
            out.extend_from_slice(payload);
        }
        out.extend_from_slice(b"\r\n");
    }
    out.freeze()
}

pub(super) fn decode(mut body: Bytes) -> Result<Vec<Frame>, MalformedEvents> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let end = body.windows(2).take(64).position(|pair| pair == b"\r\n").ok_or(MalformedEvents("no end of line"))?;
        let line = body.split_to(end + 2).slice(..end);
        let line = std::str::from_utf8(&line).map_err(|_| MalformedEvents("an event's type is not text"))?;
        let (kind, payload) = match line.split_once(' ') {
            None => (line, None),
            Some((kind, len)) => {
                let len = usize::from_str_radix(len, 16).map_err(|_| MalformedEvents("a length is not hexadecimal"))?;
                if body.len() < 2 || len > body.len() - 2 || body.slice(len..len + 2) != b"\r\n"[..] {
                    return Err(MalformedEvents("a length is not that of its content"));
                }
                (kind, Some(body.split_to(len + 2).slice(..len)))
            }
        };
        let content = payload.clone().unwrap_or_default();
        frames.push(match kind {
            "OPEN" => Frame::Open,
            "TEXT" => Frame::Text(content),
            "BINARY" => Frame::Binary(content),
            "PING" => Frame::Ping(content),
            "PONG" => Frame::Pong(content),
            "CLOSE" => Frame::Close(close(&content)),
            "DISCONNECT" => Frame::Disconnect,
            // Others may come to be; what is not known is passed over, as the protocol says.
            _ => continue,
        });
    }
    Ok(frames)
}

fn close(content: &Bytes) -> Option<(u16, String)> {
    let (code, reason) = content.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_written_as_the_protocol_has_them() {
        let events = [
            Event::Open,
            Event::Text("hällo".into()),
            Event::Binary(Bytes::from_static(&[0; 20])),
            Event::Close(Some(1001)),
            Event::Close(None),
            Event::Disconnect,
        ];
        let expected = [
            &b"OPEN\r\nTEXT 6\r\nh\xc3\xa4llo\r\nBINARY 14\r\n"[..],
            &[0; 20],
            b"\r\nCLOSE 2\r\n\x03\xe9\r\nCLOSE\r\nDISCONNECT\r\n",
        ];
        assert_eq!(encode(&events), expected.concat());
    }

    #[test]
    fn an_answer_is_read_into_its_frames() {
        let body = b"OPEN\r\nTEXT 3\r\nm:a\r\nBINARY 2\r\n\r\n\r\nPING\r\nPONG 1\r\nx\r\nCLOSE 5\r\n\x03\xe9bye\r\nDISCONNECT\r\n";
        let frames = decode(Bytes::from_static(body)).unwrap();
        assert_eq!(
            frames,
            [
                Frame::Open,
                Frame::Text("m:a".into()),
                Frame::Binary("\r\n".into()),
                Frame::Ping(Bytes::new()),
                Frame::Pong("x".into()),
                Frame::Close(Some((1001, "bye".into()))),
                Frame::Disconnect,
            ]
        );
    }

    #[test]
    fn what_is_cut_short_or_lies_about_its_length_is_refused() {
        for body in [
            "OPEN",
            "TEXT 5\r\nabc\r\n",
            "TEXT 2\r\nabc\r\n",
            "TEXT x\r\nabc\r\n",
            "TEXT ffffffffffffffff\r\na\r\n",
            "TEXT 1\r\na",
        ] {
            assert!(decode(Bytes::from_static(body.as_bytes())).is_err(), "{body:?}");
        }
    }
}
