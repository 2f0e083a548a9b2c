//! Checks CBOR against `docs/protocol.cddl`: as much of CDDL (RFC 8610) as that file uses, and a refusal of anything else.
//!
//! Rules, choices of types, maps with keys in any order and no others than named, arrays of one occurrence, tags, ranges,
//! `.size` and `.regexp`. The `cddl` crate (0.10) would bring a hundred others, takes `undefined` for null, and loses its way in
//! maps of maps; where it can follow, it agrees.

use std::collections::BTreeMap;

use minicbor::Decoder;
use minicbor::data::Token;

/// One CBOR item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    Tag(u64, Box<Item>),
    Bool(bool),
    Null,
    Undefined,
}

impl Item {
    /// Reads bytes that are one item of definite lengths.
    pub(crate) fn read(bytes: &[u8]) -> Item {
        let mut decoder = Decoder::new(bytes);
        let item = Self::next(&mut decoder);
        assert_eq!(decoder.position(), bytes.len(), "one item");
        item
    }

    fn next(decoder: &mut Decoder<'_>) -> Item {
        match decoder.decode::<Token<'_>>().expect("CBOR") {
            Token::U8(int) => Item::Int(int.into()),
            Token::U16(int) => Item::Int(int.into()),
            Token::U32(int) => Item::Int(int.into()),
            Token::U64(int) => Item::Int(int.into()),
            Token::I8(int) => Item::Int(int.into()),
            Token::I16(int) => Item::Int(int.into()),
            Token::I32(int) => Item::Int(int.into()),
            Token::I64(int) => Item::Int(int.into()),
            Token::Int(int) => Item::Int(int.into()),
            Token::F16(float) | Token::F32(float) => Item::Float(float.into()),
            Token::F64(float) => Item::Float(float),
            Token::String(text) => Item::Text(text.to_owned()),
            Token::Bytes(bytes) => Item::Bytes(bytes.to_owned()),
            Token::Array(len) => Item::Array((0..len).map(|_| Self::next(decoder)).collect()),
            Token::Map(len) => Item::Map((0..len).map(|_| (Self::next(decoder), Self::next(decoder))).collect()),
            Token::Tag(number) => Item::Tag(number.as_u64(), Box::new(Self::next(decoder))),
            Token::Bool(on) => Item::Bool(on),
            Token::Null => Item::Null,
            Token::Undefined => Item::Undefined,
            other => panic!("{other} is not written by us"),
        }
    }
}

/// A type.
#[derive(Clone, Debug)]
enum Type {
    Rule(String),
    Text(String),
    Range(i128, i128),
    Map(Vec<Member>),
    Array { least: usize, of: Box<Type> },
    Tag(u64, Box<Type>),
    Choice(Vec<Type>),
    Size(Box<Type>, i128, i128),
    Regexp(String),
}

#[derive(Clone, Debug)]
struct Member {
    optional: bool,
    /// A member of this name, or any number with keys of a type.
    key: Result<String, Type>,
    value: Type,
}

/// The rules of a file.
pub(crate) struct Cddl(BTreeMap<String, Type>);

impl Cddl {
    /// Reads the rules.
    pub(crate) fn parse(text: &str) -> Cddl {
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        let mut rules = BTreeMap::new();
        while let Some(name) = parser.take() {
            parser.expect("=");
            let known = rules.insert(name.clone(), parser.kind());
            assert!(known.is_none(), "{name} is there twice");
        }
        Cddl(rules)
    }

    /// The names of the rules.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether `item` is of the rule.
    pub(crate) fn allows(&self, rule: &str, item: &Item) -> bool {
        self.fits(&Type::Rule(rule.to_owned()), item)
    }

    fn fits(&self, kind: &Type, item: &Item) -> bool {
        match kind {
            Type::Rule(name) => match (name.as_str(), item) {
                ("tstr", Item::Text(_))
                | ("bstr", Item::Bytes(_))
                | ("bool", Item::Bool(_))
                | ("int", Item::Int(_)) => true,
                ("float", Item::Float(_)) | ("null", Item::Null) | ("undefined", Item::Undefined) => true,
                ("true", Item::Bool(on)) => *on,
                ("uint", Item::Int(int)) => *int >= 0,
                ("tstr" | "bstr" | "bool" | "int" | "float" | "null" | "undefined" | "true" | "uint", _) => false,
                _ => self.fits(self.0.get(name).unwrap_or_else(|| panic!("no rule {name}")), item),
            },
            Type::Text(text) => matches!(item, Item::Text(found) if found == text),
            Type::Range(least, most) => matches!(item, Item::Int(int) if (least..=most).contains(&int)),
            Type::Choice(kinds) => kinds.iter().any(|kind| self.fits(kind, item)),
            Type::Tag(number, kind) => {
                matches!(item, Item::Tag(found, inside) if found == number && self.fits(kind, inside))
            }
            Type::Array { least, of } => {
                matches!(item, Item::Array(items) if items.len() >= *least && items.iter().all(|item| self.fits(of, item)))
            }
            Type::Size(kind, least, most) => {
                let len = match item {
                    Item::Text(text) => text.len(),
                    Item::Bytes(bytes) => bytes.len(),
                    _ => return false,
                };
                self.fits(kind, item) && (*least..=*most).contains(&(len as i128))
            }
            Type::Regexp(pattern) => {
                let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern");
                matches!(item, Item::Text(text) if whole.is_match(text))
            }
            Type::Map(members) => matches!(item, Item::Map(entries) if self.map_fits(members, entries)),
        }
    }

    fn map_fits(&self, members: &[Member], entries: &[(Item, Item)]) -> bool {
        let named = |name: &str| entries.iter().find(|(key, _)| matches!(key, Item::Text(text) if text == name));
        let all_there = members.iter().all(|member| match &member.key {
            Ok(name) => match named(name) {
                Some((_, value)) => self.fits(&member.value, value),
                None => member.optional,
            },
            Err(_) => true,
        });
        let all_known = entries.iter().all(|(key, value)| {
            members.iter().any(|member| match &member.key {
                Ok(name) => matches!(key, Item::Text(text) if text == name),
                Err(kind) => self.fits(kind, key) && self.fits(&member.value, value),
            })
        });
        all_there && all_known
    }
}

/// Words, strings (with a `"` in front) and signs.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with(';') {
            let len = if let Some(inside) = rest.strip_prefix('"') {
                let end = inside.find('"').expect("the end of a string");
                tokens.push(format!("\"{}", &inside[..end]));
                end + 2
            } else {
                let sign = ["=>", "..", "#6."].into_iter().find(|sign| rest.starts_with(sign));
                let word = rest.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(rest.len());
                let len = sign.map_or(word.max(1), str::len);
                tokens.push(rest[..len].to_owned());
                len
            };
            rest = rest[len..].trim_start();
        }
    }
    tokens
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn word(&mut self) -> String {
        self.take().expect("more")
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) {
        assert!(self.accept(token), "{token:?} expected, not {:?}", self.peek());
    }

    fn kind(&mut self) -> Type {
        let mut kinds = vec![self.controlled()];
        while self.accept("/") {
            kinds.push(self.controlled());
        }
        if kinds.len() == 1 { kinds.remove(0) } else { Type::Choice(kinds) }
    }

    fn controlled(&mut self) -> Type {
        let kind = self.simple();
        if !self.accept(".") {
            return kind;
        }
        match self.word().as_str() {
            "size" => {
                self.expect("(");
                let Type::Range(least, most) = self.simple() else { panic!("a range of sizes") };
                self.expect(")");
                Type::Size(Box::new(kind), least, most)
            }
            "regexp" => Type::Regexp(self.word().strip_prefix('"').expect("a pattern").to_owned()),
            other => panic!("no control .{other} here"),
        }
    }

    fn simple(&mut self) -> Type {
        let word = self.word();
        if let Some(text) = word.strip_prefix('"') {
            return Type::Text(text.to_owned());
        }
        if let Ok(least) = word.parse::<i128>() {
            let most = if self.accept("..") { self.word().parse().expect("the end of a range") } else { least };
            return Type::Range(least, most);
        }
        match word.as_str() {
            "#6." => {
                let number = self.word().parse().expect("a tag's number");
                self.expect("(");
                let kind = self.kind();
                self.expect(")");
                Type::Tag(number, Box::new(kind))
            }
            "[" => {
                let least = if self.accept("+") { 1 } else { self.expect_star() };
                let of = Box::new(self.kind());
                self.expect("]");
                Type::Array { least, of }
            }
            "{" => {
                let mut members = Vec::new();
                while !self.accept("}") {
                    members.push(self.member());
                    self.accept(",");
                }
                Type::Map(members)
            }
            _ if word.starts_with(|c: char| c.is_alphabetic()) => Type::Rule(word),
            _ => panic!("{word:?} is no type here"),
        }
    }

    fn expect_star(&mut self) -> usize {
        self.expect("*");
        0
    }

    fn member(&mut self) -> Member {
        if self.accept("*") {
            let key = self.kind();
            self.expect("=>");
            return Member { optional: true, key: Err(key), value: self.kind() };
        }
        let optional = self.accept("?");
        let name = self.word();
        self.expect(":");
        Member { optional, key: Ok(name), value: self.kind() }
    }
}
