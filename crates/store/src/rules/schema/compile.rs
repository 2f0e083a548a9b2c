//! From a schema's value to nodes. All that is wrong is said at once.
//!
//! Subschemas wait in a queue, so that deep ones cost no stack; references are followed when everything that can be
//! referred to is known. A schema that leads back to itself without going into the value could never be decided, and is
//! refused here.

use std::collections::{BTreeMap, VecDeque};

use timeweft_core::codec::cbor;
use timeweft_core::operation::Violation;
use timeweft_core::value::{Object, Value};

use super::{Bound, Count, Members, Node, Pattern, Place, Rule, Schema, Type};
use crate::rules::MOST_VIOLATIONS;

const MOST_BYTES: usize = 64 << 10;
const MOST_LEVELS: usize = 64;
const MOST_NODES: usize = 2_000;
const MOST_PATTERNS: usize = 50;

/// The draft, as `$schema` names it.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

struct Compiler<'v> {
    root: &'v Value,
    prefix: &'v str,
    /// `$id` of the whole.
    id: &'v str,
    nodes: Vec<Node>,
    places: BTreeMap<String, Place>,
    waiting: VecDeque<(String, Place, &'v Value)>,
    anchors: BTreeMap<&'v str, Place>,
    references: Vec<(String, Place, &'v str)>,
    patterns: usize,
    found: Vec<Violation>,
}

pub(super) fn schema(root: &Value, prefix: &str) -> Result<Schema, Vec<Violation>> {
    let mut compiler = Compiler {
        root,
        prefix,
        id: "",
        nodes: Vec::new(),
        places: BTreeMap::new(),
        waiting: VecDeque::new(),
        anchors: BTreeMap::new(),
        references: Vec::new(),
        patterns: 0,
        found: Vec::new(),
    };
    if levels(root) > MOST_LEVELS || cbor::encode_value(root).len() > MOST_BYTES {
        compiler.say("", format!("a schema has at most {MOST_BYTES} bytes and {MOST_LEVELS} levels"));
        return Err(compiler.found);
    }
    compiler.place(String::new(), root);
    compiler.run();
    compiler.finish()
}

fn levels(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// One more step of a JSON Pointer.
fn below(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

impl<'v> Compiler<'v> {
    fn say(&mut self, pointer: &str, message: impl Into<String>) {
        if self.found.len() < MOST_VIOLATIONS {
            self.found.push(Violation { path: format!("{}{pointer}", self.prefix), message: message.into() });
        }
    }

    /// The node of a subschema, which is compiled once however often it is referred to.
    fn place(&mut self, pointer: String, value: &'v Value) -> Place {
        if let Some(place) = self.places.get(&pointer) {
            return *place;
        }
        let place = self.nodes.len();
        self.nodes.push(Node::default());
        self.places.insert(pointer.clone(), place);
        self.waiting.push_back((pointer, place, value));
        place
    }

    fn run(&mut self) {
        loop {
            while let Some((pointer, place, value)) = self.waiting.pop_front() {
                if self.nodes.len() > MOST_NODES {
                    return self.say("", format!("a schema has at most {MOST_NODES} subschemas"));
                }
                match value {
                    Value::Bool(true) => {}
                    Value::Bool(false) => self.nodes[place].rules.push(Rule::Never),
                    Value::Object(members) => self.node(&pointer, place, members),
                    _ => self.say(&pointer, "a schema is an object or a boolean"),
                }
            }
            if self.references.is_empty() {
                return;
            }
            for (pointer, place, reference) in std::mem::take(&mut self.references) {
                match self.target(reference) {
                    Ok(target) => self.nodes[place].rules.push(Rule::Same(target)),
                    Err(why) => self.say(&pointer, why),
                }
            }
        }
    }

    fn finish(mut self) -> Result<Schema, Vec<Violation>> {
        if self.found.is_empty() && self.circles() {
            self.say("", "the schema leads back to itself without going into the value, so nothing decides it");
        }
        if !self.found.is_empty() {
            return Err(self.found);
        }
        for node in &mut self.nodes {
            node.rules.sort_by_key(Rule::comes_last);
        }
        let follows = self.nodes.iter().any(|node| node.rules.iter().any(Rule::comes_last));
        Ok(Schema { nodes: self.nodes, follows })
    }

    /// Whether some node is reached from itself in place: leaves are taken off until none is left.
    fn circles(&self) -> bool {
        let follow = |node: &Node| node.rules.iter().flat_map(Rule::in_place).collect::<Vec<Place>>();
        let leads: Vec<Vec<Place>> = self.nodes.iter().map(follow).collect();
        let mut led_to = vec![0_usize; leads.len()];
        for place in leads.iter().flatten() {
            led_to[*place] += 1;
        }
        let mut free: Vec<Place> = (0..leads.len()).filter(|place| led_to[*place] == 0).collect();
        let mut taken = 0;
        while let Some(place) = free.pop() {
            taken += 1;
            for next in &leads[place] {
                led_to[*next] -= 1;
                if led_to[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        taken < leads.len()
    }

    /// What a `$ref` leads to.
    fn target(&mut self, reference: &str) -> Result<Place, String> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !(base.is_empty() || base == self.id) {
            return Err("a reference leads to a place in this schema: `#/$defs/NAME`, `#ANCHOR` or `#`".into());
        }
        let fragment = unescape(fragment).ok_or("the reference is not percent-encoded UTF-8")?;
        if fragment.is_empty() || fragment.starts_with('/') {
            let missing = || format!("there is nothing at `{reference}`");
            // Steps are written anew, so that one place has one name.
            let (mut value, mut pointer) = (self.root, String::new());
            for step in fragment.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
                pointer = below(&pointer, &step);
                value = match value {
                    Value::Object(members) => members.get(&step),
                    Value::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                    _ => None,
                }
                .ok_or_else(missing)?;
            }
            return Ok(self.place(pointer, value));
        }
        self.anchors.get(fragment.as_str()).copied().ok_or_else(|| format!("there is no `$anchor` \"{fragment}\""))
    }

    fn node(&mut self, pointer: &str, place: Place, members: &'v Object) {
        for (keyword, value) in members {
            if let Err(message) = self.keyword(pointer, place, keyword, value) {
                self.say(&below(pointer, keyword), message);
            }
        }
        self.joined(pointer, place, members);
    }

    /// A keyword that stands alone. Of those that speak of each other the shape is checked here.
    fn keyword(&mut self, pointer: &str, place: Place, keyword: &str, value: &'v Value) -> Result<(), String> {
        let at = || below(pointer, keyword);
        let rule = match keyword {
            "$schema" => {
                let draft = text(value)?.trim_end_matches('#');
                return if draft == DRAFT { Ok(()) } else { Err(format!("the draft is {DRAFT}")) };
            }
            "$id" if pointer.is_empty() => {
                self.id = text(value)?.trim_end_matches('#');
                return Ok(());
            }
            "$id" => return Err("only the whole schema may have an `$id`; use `$anchor` here".into()),
            "$anchor" | "$dynamicAnchor" => {
                return match self.anchors.insert(text(value)?, place) {
                    Some(other) if other != place => Err("another subschema has this anchor".into()),
                    _ => Ok(()),
                };
            }
            // In one schema there is one of each anchor, and nothing for `$dynamicRef` to choose from.
            "$ref" | "$dynamicRef" => {
                self.references.push((at(), place, text(value)?));
                return Ok(());
            }
            "$defs" | "definitions" => {
                self.named(&at(), value)?;
                return Ok(());
            }
            "type" => Rule::Types(types(value)?),
            "enum" => Rule::OneOfValues(array(value)?.to_vec()),
            "const" => Rule::Is(value.clone()),
            "minimum" => Rule::Bound(Bound::Least, number(value)?),
            "maximum" => Rule::Bound(Bound::Most, number(value)?),
            "exclusiveMinimum" => Rule::Bound(Bound::Above, number(value)?),
            "exclusiveMaximum" => Rule::Bound(Bound::Below, number(value)?),
            "multipleOf" => Rule::MultipleOf(above_zero(value)?),
            "minLength" => Rule::Characters(Count::Least(count(value)?)),
            "maxLength" => Rule::Characters(Count::Most(count(value)?)),
            "pattern" => Rule::Pattern(self.pattern(text(value)?)?),
            "minItems" => Rule::ItemCount(Count::Least(count(value)?)),
            "maxItems" => Rule::ItemCount(Count::Most(count(value)?)),
            "uniqueItems" => match value {
                Value::Bool(true) => Rule::Unique,
                Value::Bool(false) => return Ok(()),
                _ => return Err("true or false".into()),
            },
            "minProperties" => Rule::MemberCount(Count::Least(count(value)?)),
            "maxProperties" => Rule::MemberCount(Count::Most(count(value)?)),
            "required" => Rule::Required(names(value)?),
            "dependentRequired" => {
                let each = object(value)?.iter().map(|(name, needed)| Ok((name.clone(), names(needed)?)));
                Rule::RequiredWith(each.collect::<Result<_, String>>()?)
            }
            "dependentSchemas" => Rule::HoldsWith(self.named(&at(), value)?),
            "propertyNames" => Rule::MemberNames(self.place(at(), value)),
            "allOf" => Rule::All(self.listed(&at(), value)?),
            "anyOf" => Rule::Any(self.listed(&at(), value)?),
            "oneOf" => Rule::One(self.listed(&at(), value)?),
            "not" => Rule::Not(self.place(at(), value)),
            "unevaluatedItems" => Rule::OtherItems(self.place(at(), value)),
            "unevaluatedProperties" => Rule::OtherMembers(self.place(at(), value)),
            // Of older drafts. Left alone they would assert nothing, and nobody would notice.
            "dependencies" => return Err("this draft has `dependentRequired` and `dependentSchemas` instead".into()),
            "additionalItems" => return Err("this draft has `prefixItems` and `items` instead".into()),
            "minContains" | "maxContains" => return count(value).map(drop),
            // What is left says what is meant and asserts nothing, or is joined with others.
            _ => return Ok(()),
        };
        self.nodes[place].rules.push(rule);
        Ok(())
    }

    /// The keywords that speak of each other.
    fn joined(&mut self, pointer: &str, place: Place, members: &'v Object) {
        let mut rules = Vec::new();
        let child = |compiler: &mut Self, keyword: &str| {
            members.get(keyword).map(|value| compiler.place(below(pointer, keyword), value))
        };
        let first = members.get("prefixItems").map(|value| self.listed(&below(pointer, "prefixItems"), value));
        let first = first.unwrap_or(Ok(Vec::new())).unwrap_or_else(|why| {
            self.say(&below(pointer, "prefixItems"), why);
            Vec::new()
        });
        let rest = child(self, "items");
        if !first.is_empty() || rest.is_some() {
            rules.push(Rule::Items { first, rest });
        }
        if let Some(contained) = child(self, "contains") {
            let number = |keyword: &str| members.get(keyword).and_then(|value| count(value).ok());
            let (least, most) = (number("minContains").unwrap_or(1), number("maxContains"));
            rules.push(Rule::Contains { place: contained, least, most });
        }
        if let Some(test) = child(self, "if") {
            let (then, otherwise) = (child(self, "then"), child(self, "else"));
            rules.push(Rule::If { test, then, otherwise });
        } else {
            // They say nothing without `if`, and yet are to be schemas.
            child(self, "then");
            child(self, "else");
        }
        let mut joined = Members::default();
        for keyword in ["properties", "patternProperties"] {
            let Some(value) = members.get(keyword) else { continue };
            let at = below(pointer, keyword);
            match self.named(&at, value) {
                Ok(named) if keyword == "properties" => joined.named = named,
                Ok(matching) => {
                    for (name, place) in matching {
                        match self.pattern(&name) {
                            Ok(pattern) => joined.matching.push((pattern, place)),
                            Err(why) => self.say(&below(&at, &name), why),
                        }
                    }
                }
                Err(why) => self.say(&at, why),
            }
        }
        joined.rest = child(self, "additionalProperties");
        if !joined.named.is_empty() || !joined.matching.is_empty() || joined.rest.is_some() {
            rules.push(Rule::Members(joined));
        }
        self.nodes[place].rules.extend(rules);
    }

    fn pattern(&mut self, text: &str) -> Result<Pattern, String> {
        self.patterns += 1;
        if self.patterns > MOST_PATTERNS {
            return Err(format!("a schema has at most {MOST_PATTERNS} regular expressions"));
        }
        Pattern::compile(text)
    }

    fn listed(&mut self, pointer: &str, value: &'v Value) -> Result<Vec<Place>, String> {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let places = items.iter().enumerate();
                Ok(places.map(|(index, item)| self.place(below(pointer, &index.to_string()), item)).collect())
            }
            _ => Err("a list of one schema or more".into()),
        }
    }

    fn named(&mut self, pointer: &str, value: &'v Value) -> Result<BTreeMap<String, Place>, String> {
        let members = object(value)?.iter();
        Ok(members.map(|(name, member)| (name.clone(), self.place(below(pointer, name), member))).collect())
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err("a text".into()),
    }
}

fn object(value: &Value) -> Result<&Object, String> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("an object".into()),
    }
}

fn array(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err("a list".into()),
    }
}

fn number(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(_) | Value::BigInt(_) => Ok(value.clone()),
        _ => Err("a number".into()),
    }
}

fn above_zero(value: &Value) -> Result<Value, String> {
    match super::number::compare(value, &Value::Number(0.0)) {
        Some(std::cmp::Ordering::Greater) => Ok(value.clone()),
        _ => Err("a number above 0".into()),
    }
}

fn count(value: &Value) -> Result<usize, String> {
    match value {
        Value::Number(number) if number.fract() == 0.0 && *number >= 0.0 => Ok(*number as usize),
        _ => Err("a whole number, 0 or more".into()),
    }
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    let texts = array(value)?.iter().map(|item| text(item).map(str::to_owned));
    texts.collect::<Result<_, _>>().map_err(|_| "a list of texts".into())
}

fn types(value: &Value) -> Result<Vec<Type>, String> {
    let one = |value: &Value| text(value).ok().and_then(Type::named);
    let found = match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(one).collect(),
        _ => one(value).map(|only| vec![only]),
    };
    found.ok_or_else(|| "one of, or a list of: null, boolean, integer, number, string, array, object".to_owned())
}

/// Percent-decoding.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(out).ok()
}
