//! Inputs made of others: the same ones from the same seed, so that a run can be repeated by its number.

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Random(u64);

impl Random {
    /// All that is drawn comes of the seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }
}

/// An input gets no longer than this: what takes time out of proportion shows, and many are tried.
const LONGEST: usize = 1 << 14;

/// What decoders look for: heads, tags and lengths of CBOR, and words of JSON and of our own.
const WORDS: &[&[u8]] = &[
    b"\x80",
    b"\x81",
    b"\x82",
    b"\x9f",
    b"\xa0",
    b"\xa1",
    b"\xbf",
    b"\xff",
    b"\x60",
    b"\x5f",
    b"\x7f",
    b"\xf6",
    b"\xf7",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\x7a\xff\xff\xff\xff",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x1b\x00\x20\x00\x00\x00\x00\x00\x00",
    b"\xf9\x7e\x00",
    b"\xf9\x7c\x00",
    b"\xf9\x80\x00",
    b"\xfb\x43\x40\x00\x00\x00\x00\x00\x00",
    b"\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a",
    b"\xc0\x74",
    b"\xc1",
    b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xc3\x41\xff",
    b"\xd8\x1c",
    b"\xd8\x1d\x00",
    b"\xd8\x40\x41",
    b"\xd8\x55",
    b"\xd9\x01\x02\x81",
    b"\xd9\x01\x03\xa1",
    b"\xd9\xdf\xff\x83\x19\xe0\x00\x81\x61a",
    b"\xd9\xe0\x00\x81",
    b"\xd9\xfa\x01\x82",
    b"\xd9\xfa\x02\x82",
    b"\xd9\xfa\x03",
    b"\xd9\xfa\x04",
    b"\xd9\xfa\x08",
    b"\xd9\xfa\x09",
    b"\xd9\xfa\x0a",
    b"\xd9\xfa\x05",
    b"\x61a",
    b"\x62at",
    b"\x62id",
    b"\x64take",
    b"\x63put",
    b"\x66insert",
    b"\x65joins",
    b"\xf0\x9f\x98\x80",
    b"\x64\xf0\x9f\x98\x80",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e308",
    b"-1",
    b"18446744073709551616",
    b"0.1",
    b"\\ud83d\\ude00",
    b"\\u0000",
    b"{\"$undefined\":true}",
    b"{\"$text\":[1,-1,\"x\"]}",
    b"{\"$array\":[1,[2]]}",
    b"{\"$replace\":{}}",
    b"{\"$increment\":1}",
    b"{\"$entries\":[1]}",
    b"{\"at\":",
    b"{\"take\":0}",
    b"{\"put\":0}",
    b"{\"insert\":\"x\",\"joins\":3}",
    b"\"$$\"",
    b"\"0\":",
    b"\"id\":",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\x1e",
    b" ",
    b"%",
    b"%00",
    b"%ff",
    b"?",
    b"&",
    b"/",
    b"=",
    b";",
    b".",
    b"..",
    b"~0",
    b"~1",
    b"-",
    b"note:n",
    b"type:note",
    b"c:",
    b"*",
    b"0",
    b"00",
    b"9007199254740993",
    b"2027-01-15T08:00:00.000000Z",
    b"0000-00-00T00:00:00Z",
    b"+292277-01-01T00:00:00Z",
    b"TEXT 2\r\n",
    b"OPEN\r\n",
    b"CLOSE 2\r\n\x03\xe8\r\n",
];

/// One of the seeds, changed in a few places.
pub fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        change(&mut input, seeds, random);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(16)).min(input.len());
    let range = at.min(end)..end;
    match random.below(12) {
        0 | 1 if at < input.len() => input[at] ^= 1 << random.below(8),
        2 if at < input.len() => input[at] = random.below(256) as u8,
        // Small steps, where a length or an index is.
        3 if at < input.len() => input[at] = input[at].wrapping_add_signed(random.below(5) as i8 - 2),
        4 => drop(input.drain(range)),
        5 => input.truncate(at),
        6 | 7 => drop(input.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
        8 => drop(input.splice(range, WORDS[random.below(WORDS.len())].iter().copied())),
        9 => {
            let times = if random.below(8) == 0 { 1 + random.below(2_000) } else { 1 + random.below(4) };
            let again = input[range].repeat(times);
            drop(input.splice(at..at, again.into_iter().take(LONGEST)));
        }
        // A part of another.
        10 | 11 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1);
            let until = if random.below(2) == 0 { at } else { range.end };
            drop(input.splice(at.min(until)..until, other[from..to].iter().copied()));
        }
        _ => input.push(random.below(256) as u8),
    }
}
