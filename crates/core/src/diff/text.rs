//! Positions in texts. On the wire they count UTF-16 units, as JavaScript does; here texts are UTF-8. A position that
//! cuts a surrogate pair in half has no place in UTF-8 and is refused.

/// Why there is no such position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// The text is shorter.
    PastEnd,
    /// It is between the halves of a surrogate pair.
    Splits,
}

/// Bytes looked at together where all are ASCII.
const BLOCK: usize = 32;

/// The length in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// The byte offset of the position `count` units from the start.
pub(super) fn offset(text: &str, count: usize) -> Result<usize, Off> {
    let bytes = text.as_bytes();
    let (mut at, mut left) = (0, count);
    while left > 0 {
        while left >= BLOCK && bytes.get(at..at + BLOCK).is_some_and(<[u8]>::is_ascii) {
            at += BLOCK;
            left -= BLOCK;
        }
        // Up to a block of characters before the fast way is tried again.
        for character in text[at..].chars().take(BLOCK) {
            if left == 0 {
                break;
            }
            left = left.checked_sub(character.len_utf16()).ok_or(Off::Splits)?;
            at += character.len_utf8();
        }
        if left > 0 && at == text.len() {
            return Err(Off::PastEnd);
        }
    }
    Ok(at)
}

/// Bytes at the start that both have, ending between characters.
pub(super) fn common_prefix(a: &str, b: &str) -> usize {
    let (bytes_a, bytes_b) = (a.as_bytes(), b.as_bytes());
    let blocks = bytes_a.chunks_exact(BLOCK).zip(bytes_b.chunks_exact(BLOCK)).take_while(|(x, y)| x == y).count();
    let start = blocks * BLOCK;
    let mut length = start + bytes_a[start..].iter().zip(&bytes_b[start..]).take_while(|(x, y)| x == y).count();
    // The bytes before are the same, so this is between characters in both or in neither.
    while !a.is_char_boundary(length) {
        length -= 1;
    }
    length
}

/// Bytes at the end that both have, starting between characters.
pub(super) fn common_suffix(a: &str, b: &str) -> usize {
    let (bytes_a, bytes_b) = (a.as_bytes(), b.as_bytes());
    let blocks = bytes_a.rchunks_exact(BLOCK).zip(bytes_b.rchunks_exact(BLOCK)).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&bytes_a[..a.len() - blocks * BLOCK], &bytes_b[..b.len() - blocks * BLOCK]);
    let mut length = blocks * BLOCK + rest_a.iter().rev().zip(rest_b.iter().rev()).take_while(|(x, y)| x == y).count();
    while !a.is_char_boundary(a.len() - length) {
        length -= 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf16_units() {
        let text = "aä😀z";
        assert_eq!(units(text), 5);
        assert_eq!(offset(text, 0), Ok(0));
        assert_eq!(offset(text, 2), Ok(3));
        assert_eq!(offset(text, 4), Ok(7));
        assert_eq!(offset(text, 5), Ok(8));
        assert_eq!(offset(text, 6), Err(Off::PastEnd));
        assert_eq!(offset(text, usize::MAX), Err(Off::PastEnd));
    }

    #[test]
    fn a_position_inside_a_surrogate_pair_is_refused() {
        assert_eq!(offset("aä😀z", 3), Err(Off::Splits));
    }

    #[test]
    fn long_ascii_is_skipped_to_the_same_position() {
        let text = format!("{}😀{}", "x".repeat(1000), "y".repeat(1000));
        for count in (0..=2002).filter(|count| *count != 1001) {
            let at = offset(&text, count).unwrap();
            assert_eq!(units(&text[..at]), count);
        }
        assert_eq!(offset(&text, 1001), Err(Off::Splits));
    }

    #[test]
    fn common_ends_do_not_split_characters() {
        // These two share the first three of their four bytes.
        assert_eq!(common_prefix("a😀", "a😁"), 1);
        // "é" is c3 a9, "©" is c2 a9.
        assert_eq!(common_suffix("é!", "©!"), 1);
        let long = "ab".repeat(100);
        assert_eq!(common_prefix(&long, &format!("{long}c")), 200);
        assert_eq!(common_suffix(&long, &format!("c{long}")), 200);
    }
}
