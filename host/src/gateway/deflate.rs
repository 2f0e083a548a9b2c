//! Compressed messages (permessage-deflate, RFC 7692), without context takeover: nothing is kept between messages, so an idle
//! connection costs no more than without.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

/// Shorter messages go out as they are: they fit into one packet, and gain little.
const FROM_BYTES: usize = 1 << 10;
/// What ends a message and is not sent (7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
const WINDOW_BITS: u8 = 15;
/// How many compressors a thread keeps for later.
const KEPT: usize = 4;

thread_local! {
    static COMPRESSORS: RefCell<Vec<Compress>> = const { RefCell::new(Vec::new()) };
}

/// The extension as it was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deflate {
    /// The largest window that the client can have for what we send; absent for any.
    server_window: Option<u8>,
}

impl Deflate {
    /// The first offer that can be kept.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Deflate> {
        headers
            .get_all(SEC_WEBSOCKET_EXTENSIONS)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(Deflate::of_offer)
    }

    /// An offer whose parameters we don't know, have twice, or can't keep, is declined (7.1).
    fn of_offer(offer: &str) -> Option<Deflate> {
        let mut words = offer.split(';').map(str::trim);
        if !words.next()?.eq_ignore_ascii_case("permessage-deflate") {
            return None;
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut server_window = None;
        for parameter in words {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (parameter, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
                // We can read any window, and needn't say so.
                ("client_max_window_bits", Some(bits)) if window_bits(bits).is_some() => {}
                // A window of 2^8 is one that zlib can't keep to.
                ("server_max_window_bits", Some(bits)) => {
                    server_window = Some(window_bits(bits).filter(|bits| *bits > 8)?)
                }
                _ => return None,
            }
        }
        Some(Deflate { server_window })
    }

    /// What the answer says.
    pub(super) fn header(self) -> HeaderValue {
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let window = self.server_window.map(|bits| format!("; server_max_window_bits={bits}"));
        HeaderValue::try_from([agreed, &window.unwrap_or_default()].concat())
            .unwrap_or_else(|_| HeaderValue::from_static("permessage-deflate"))
    }

    /// What compresses a message, if it is worth it.
    pub(super) fn begin(self, message: &[u8]) -> Option<Deflater> {
        if message.len() < FROM_BYTES {
            return None;
        }
        let window = self.server_window.unwrap_or(WINDOW_BITS);
        let kept = (window == WINDOW_BITS).then(|| COMPRESSORS.with_borrow_mut(Vec::pop)).flatten();
        let compress = kept.unwrap_or_else(|| Compress::new_with_window_bits(Compression::fast(), false, window));
        Some(Deflater { compress, is_kept: window == WINDOW_BITS })
    }
}

fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    // No leading zeros (7.1.2).
    (!text.starts_with(['0', '+'])).then_some(bits)
}

/// Compresses one message, a piece at a time.
pub(super) struct Deflater {
    compress: Compress,
    is_kept: bool,
}

impl Deflater {
    /// The payload of a frame with the next piece of the message.
    pub(super) fn piece(&mut self, piece: &[u8]) -> Vec<u8> {
        self.run(piece, FlushCompress::None)
    }

    /// The payload of the last frame, with the last piece.
    pub(super) fn last_piece(mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = self.run(piece, FlushCompress::Sync);
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if self.is_kept {
            self.compress.reset();
            COMPRESSORS.with_borrow_mut(|kept| {
                if kept.len() < KEPT {
                    kept.push(self.compress);
                }
            });
        }
        out
    }

    fn run(&mut self, mut piece: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len() / 2 + 64);
        loop {
            let before = self.compress.total_in();
            // It has what it needs at hand, so that it fails in no way.
            let _ = self.compress.compress_vec(piece, &mut out, flush);
            piece = piece.get((self.compress.total_in() - before) as usize..).unwrap_or_default();
            if piece.is_empty() && out.len() < out.capacity() {
                return out;
            }
            out.reserve(out.capacity());
        }
    }
}

/// What was compressed; of more than `limit` bytes, the beginning. `None`: it is no such thing.
pub(super) fn inflate(message: &[u8], limit: usize) -> Option<Bytes> {
    let mut decompress = Decompress::new(false);
    let mut out = Vec::with_capacity(message.len().saturating_mul(4).clamp(256, limit.max(256)));
    for mut input in [message, &TAIL] {
        loop {
            let before = decompress.total_in();
            let status = decompress.decompress_vec(input, &mut out, FlushDecompress::None).ok()?;
            input = input.get((decompress.total_in() - before) as usize..)?;
            if out.len() >= limit {
                out.truncate(limit);
                return Some(out.into());
            }
            let is_full = out.len() == out.capacity();
            if status == Status::StreamEnd {
                // A block that says that it is the last needn't be the message's (7.2.3.4).
                decompress.reset(false);
            } else if !is_full {
                break;
            }
            if is_full {
                out.reserve(out.capacity().min(limit));
            }
        }
        if !input.is_empty() {
            return None;
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(offer: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::try_from(offer).unwrap())]);
        Deflate::negotiate(&headers).map(|deflate| deflate.header().to_str().unwrap().to_owned())
    }

    #[test]
    fn the_first_offer_that_can_be_kept_is_agreed_on() {
        let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        assert_eq!(offered("permessage-deflate; client_max_window_bits").as_deref(), Some(agreed));
        assert_eq!(offered("x-other, PERMESSAGE-DEFLATE").as_deref(), Some(agreed));
        assert_eq!(
            offered("permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=\"10\""),
            Some([agreed, "; server_max_window_bits=10"].concat())
        );
        for wrong in [
            "",
            "x-other",
            "permessage-deflate; mine",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=016",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
        ] {
            assert_eq!(offered(wrong), None, "{wrong}");
        }
    }

    fn deflated(message: &[u8], piece: usize, server_window: Option<u8>) -> Vec<u8> {
        let mut deflater = Deflate { server_window }.begin(message).unwrap();
        let mut pieces: Vec<_> = message.chunks(piece).collect();
        let last = pieces.pop().unwrap();
        let mut out: Vec<u8> = pieces.into_iter().flat_map(|piece| deflater.piece(piece)).collect();
        out.extend(deflater.last_piece(last));
        out
    }

    #[test]
    fn what_is_compressed_in_pieces_is_read_again() {
        let mut random = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        })
        .take(200_000)
        .collect();
        let text = b"somebody wrote this, again and again. ".repeat(5_000);
        for message in [&noise, &text] {
            for piece in [1_000, 65_536, usize::MAX] {
                for window in [None, Some(9), Some(15)] {
                    let small = deflated(message, piece, window);
                    assert_eq!(inflate(&small, 1 << 20).as_deref(), Some(&message[..]));
                    assert_eq!(inflate(&small, 7).as_deref(), Some(&message[..7]));
                }
            }
        }
        assert!(deflated(&text, 65_536, None).len() < text.len() / 20);
        assert!(Deflate { server_window: None }.begin(&text[..100]).is_none());
    }

    #[test]
    fn blocks_are_read_as_the_specification_shows_them() {
        let hello = |bytes: &[u8]| inflate(bytes, 100).as_deref() == Some(b"Hello");
        // RFC 7692, 7.2.3.
        assert!(hello(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
        assert!(hello(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]));
        assert!(hello(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]));
        assert!(hello(&[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]));
        assert_eq!(inflate(&[0x00], 100).as_deref(), Some(&[][..]));
        assert_eq!(inflate(&[0xff; 9], 100), None);
    }
}
