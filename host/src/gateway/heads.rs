//! The heads of the frames that a client sends, read as they pass: which messages are compressed. To what reads the frames
//! itself, which knows nothing of it, these look like plain binary ones.

use std::collections::VecDeque;

const COMPRESSED: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    CompressedText,
    CompressedBinary,
}

/// Where in a frame the line is.
#[derive(Default)]
pub(super) struct Heads {
    /// Of a head that is not complete: the bytes that there are.
    head: Vec<u8>,
    /// Of the frame's payload, what is still to come.
    payload: u64,
    /// Of messages that have begun and were not taken yet.
    forms: VecDeque<Form>,
}

impl Heads {
    /// The form of the next message that is complete.
    pub(super) fn next(&mut self) -> Form {
        self.forms.pop_front().unwrap_or(Form::Plain)
    }

    /// Bytes that came in, on their way to what reads the frames.
    pub(super) fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= skipped as u64;
                bytes = &mut bytes[skipped..];
                continue;
            }
            if self.head.is_empty() {
                self.begin(&mut bytes[0]);
            }
            self.head.push(bytes[0]);
            bytes = &mut bytes[1..];
            if let Some(payload) = complete(&self.head) {
                self.payload = payload;
                self.head.clear();
            }
        }
    }

    /// The first byte of a frame.
    fn begin(&mut self, first: &mut u8) {
        let opcode = *first & OPCODE;
        if opcode != TEXT && opcode != BINARY {
            return;
        }
        let form = match (*first & COMPRESSED, opcode) {
            (0, _) => Form::Plain,
            (_, TEXT) => Form::CompressedText,
            _ => Form::CompressedBinary,
        };
        self.forms.push_back(form);
        if form != Form::Plain {
            *first = *first & !COMPRESSED & !OPCODE | BINARY;
        }
    }
}

/// The length of the payload, once the head is complete (RFC 6455, 5.2).
fn complete(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if head.len() < 2 + extended + mask {
        return None;
    }
    Some(match extended {
        0 => u64::from(second & 0x7f),
        _ => head[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..65_536 => frame.extend([0xfe, (length >> 8) as u8, length as u8]),
            _ => frame.extend([&[0xff], &(length as u64).to_be_bytes()[..]].concat()),
        }
        // A mask and a payload in which every byte could be taken for a head.
        frame.extend(std::iter::repeat_n(0xc1, 4 + length));
        frame
    }

    #[test]
    fn compressed_messages_pass_as_plain_ones_however_they_are_cut() {
        let (text, binary, plain, more, ping) = (0xc1, 0xc2, 0x81, 0x80, 0x89);
        let firsts =
            [(text, 5), (0x41, 0), (ping, 3), (more, 70_000), (plain, 300), (binary, 125), (0xc9, 1), (0xc0, 1)];
        let sent: Vec<u8> = firsts.iter().flat_map(|(first, length)| frame(*first, *length)).collect();
        let seen = [(0x82, 5), (0x02, 0), (ping, 3), (more, 70_000), (plain, 300), (0x82, 125), (0xc9, 1), (0xc0, 1)];
        let seen: Vec<u8> = seen.iter().flat_map(|(first, length)| frame(*first, *length)).collect();
        for cut in [1, 2, 3, 7, 1_000, usize::MAX] {
            let (mut heads, mut passed) = (Heads::default(), sent.clone());
            passed.chunks_mut(cut).for_each(|piece| heads.pass(piece));
            assert!(passed == seen, "cut every {cut} bytes");
            let forms = std::iter::repeat_with(|| heads.next()).take(5).collect::<Vec<_>>();
            let text = Form::CompressedText;
            assert_eq!(forms, [text, text, Form::Plain, Form::CompressedBinary, Form::Plain]);
        }
    }
}
