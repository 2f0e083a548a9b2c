//! Regular expressions: those of JavaScript (ECMA-262 with the flag `u`), as JSON Schema has them, on an engine that takes
//! time in proportion to the text whatever the expression is.
//!
//! What such an engine can't do is refused: look-around and back-references. What both write and mean differently is
//! translated: `\d`, `\w`, `\s` and `.`, escapes, and what is special inside brackets.

use regex::{Regex, RegexBuilder};

/// How large a compiled expression may be, and what it then costs at each byte of a text. The smallest that fits counts.
const SIZES: [(usize, u64); 3] = [(8 << 10, 4), (64 << 10, 32), (512 << 10, 256)];

const SPACE: &str = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

/// A compiled expression.
pub(super) struct Pattern {
    regex: Regex,
    cost: u64,
    pub(super) text: String,
}

impl Pattern {
    pub(super) fn compile(text: &str) -> Result<Pattern, String> {
        let translated = translate(text)?;
        let mut error = None;
        for (size, cost) in SIZES {
            match RegexBuilder::new(&translated).size_limit(size).nest_limit(50).build() {
                Ok(regex) => return Ok(Pattern { regex, cost, text: text.to_owned() }),
                Err(other) => error = Some(other),
            }
        }
        Err(match error {
            Some(regex::Error::CompiledTooBig(_)) => "this regular expression is too large; count less".to_owned(),
            _ => "this is no regular expression of ECMA-262".to_owned(),
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The steps that matching a text takes at most.
    pub(super) fn cost(&self, text: &str) -> u64 {
        1 + self.cost.saturating_mul(text.len() as u64)
    }
}

fn translate(text: &str) -> Result<String, String> {
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len() + 8);
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match (char, in_class) {
            ('\\', _) => escape(&mut out, &mut chars, in_class)?,
            ('.', false) => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            ('(', false) => {
                out.push('(');
                if chars.next_if_eq(&'?').is_some() {
                    let rest: String = chars.clone().take(2).collect();
                    match (rest.chars().next(), rest.chars().nth(1)) {
                        (Some(':'), _) => {}
                        (Some('<'), Some(next)) if next != '=' && next != '!' => {}
                        (Some('=' | '!' | '<'), _) => {
                            return Err("look-around `(?=`, `(?!`, `(?<` is not supported".into());
                        }
                        _ => return Err("after `(?` comes `:` or `<name>`".into()),
                    }
                    out.push('?');
                }
            }
            ('[', false) => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    return Err("there is nothing in the brackets `[]`".into());
                }
            }
            (']', true) => {
                in_class = false;
                out.push(']');
            }
            // Special inside brackets here and not there: a class in a class, and operations on two.
            ('[' | '&' | '~' | '^', true) => {
                out.push('\\');
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    Ok(out)
}

/// What follows a `\`.
fn escape(
    out: &mut String,
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    in_class: bool,
) -> Result<(), String> {
    let char = chars.next().ok_or("it ends in `\\`")?;
    let mut class = |inside: &str, not: bool| match (in_class, not) {
        (true, false) => out.push_str(inside),
        (_, true) => {
            out.push_str("[^");
            out.push_str(inside);
            out.push(']');
        }
        (false, false) => {
            out.push('[');
            out.push_str(inside);
            out.push(']');
        }
    };
    match char {
        'd' | 'D' => class("0-9", char == 'D'),
        'w' | 'W' => class("0-9A-Za-z_", char == 'W'),
        's' | 'S' => class(SPACE, char == 'S'),
        'b' if in_class => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        'n' | 'r' | 't' => out.extend(['\\', char]),
        'v' => out.push_str(r"\x0B"),
        'f' => out.push_str(r"\x0C"),
        '0' if !chars.peek().is_some_and(char::is_ascii_digit) => out.push_str(r"\x00"),
        'p' | 'P' => out.extend(['\\', char]),
        'x' => code(out, hex(chars, 2)?)?,
        'u' if chars.next_if_eq(&'{').is_some() => {
            let digits: String = std::iter::from_fn(|| chars.next_if(|char| *char != '}')).collect();
            chars.next();
            code(out, u32::from_str_radix(&digits, 16).map_err(|_| WRONG_CODE)?)?;
        }
        'u' => {
            let first = hex(chars, 4)?;
            // Two that stand for one, as UTF-16 has them.
            let second = (0xD800..0xDC00).contains(&first) && chars.next_if_eq(&'\\').is_some();
            if second && chars.next() == Some('u') {
                let second = hex(chars, 4)?.wrapping_sub(0xDC00);
                code(out, if second < 0x400 { 0x10000 + ((first - 0xD800) << 10) + second } else { first })?;
            } else {
                code(out, first)?;
            }
        }
        'c' => match chars.next() {
            Some(letter) if letter.is_ascii_alphabetic() => code(out, u32::from(letter) % 32)?,
            _ => return Err("after `\\c` comes a letter".into()),
        },
        '1'..='9' | 'k' => return Err("back-references are not supported".into()),
        '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '/' | '-' => {
            out.extend(['\\', char]);
        }
        _ if char.is_ascii_alphanumeric() => return Err(format!("`\\{char}` has no meaning")),
        // Not escaped in ECMA-262 with `u`, and often is.
        _ => out.push_str(&regex::escape(&char.to_string())),
    }
    Ok(())
}

const WRONG_CODE: &str = "a character's code is `\\xHH`, `\\uHHHH` or `\\u{H…}`";

fn hex(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize) -> Result<u32, String> {
    let text: String = chars.by_ref().take(digits).collect();
    if text.chars().count() < digits || !text.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(WRONG_CODE.into());
    }
    u32::from_str_radix(&text, 16).map_err(|_| WRONG_CODE.into())
}

fn code(out: &mut String, code: u32) -> Result<(), String> {
    let char = char::from_u32(code).ok_or(WRONG_CODE)?;
    out.push_str(&format!("\\u{{{:X}}}", u32::from(char)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_javascript_writes_means_here_what_it_means_there() {
        for (pattern, yes, no) in [
            (r"^\d+$", "12", "１２"),
            (r"^\w+$", "a_1", "é"),
            (r"^\s$", "\u{FEFF}", "a"),
            (r"^\S\D\W$", "aé!", "a1!"),
            (r"^.$", "é", "\u{2028}"),
            (r"^[\w.-]+@[\w-]+\.\w{2,}$", "ann@example.org", "ann@example"),
            (r"^\p{L}+$", "Straße", "a1"),
            (r"^\p{Lu}\P{Lu}$", "Éa", "ÉA"),
            (r"^[[&&~^]+$", "[&~^", "a"),
            (r"^\/\-\u0041\x42\u{43}\cJ$", "/-ABC\n", "/-ABCJ"),
            (r"^\ud83d\ude00$", "😀", "a"),
            (r"\bweft\b", "a weft!", "wefts"),
            (r"^(?:a|(?<b>b))$", "b", "c"),
            (r"^[^\D5]$", "4", "5"),
            ("", "anything", "\0"),
        ] {
            let compiled = Pattern::compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
            assert!(compiled.matches(yes), "{pattern} {yes}");
            assert!(pattern.is_empty() || !compiled.matches(no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_could_run_away_or_means_nothing_is_refused() {
        for pattern in [
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            r"(a)\1",
            "(?i)a",
            "[]",
            "a{1000}{1000}",
            "(",
            "[a",
            r"\",
            r"\q",
            r"\u12",
            r"\ud800",
            r"\u{110000}",
            "(?",
            "*a",
        ] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
        let nested = "(".repeat(200) + &")".repeat(200);
        assert!(Pattern::compile(&nested).is_err());
    }

    #[test]
    fn large_expressions_cost_more() {
        let cost = |pattern: &str| Pattern::compile(pattern).unwrap().cost("abc");
        assert!(cost("^a+$") < cost(r"^\p{L}{1,10}$"));
    }
}
