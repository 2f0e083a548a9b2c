//! A value against compiled nodes.
//!
//! Every step costs; a check that costs too much, or goes too deep, ends with saying so, and that value is refused: a
//! schema whose alternatives multiply can't hold a server up. What is tried and may fail (`anyOf`, `not`, …) is checked
//! quietly, without keeping what is wrong.

use std::borrow::Cow;
use std::collections::BTreeSet;

use timeweft_core::codec::json;
use timeweft_core::operation::Violation;
use timeweft_core::value::{Object, Value};

use super::number::{compare, is_multiple};
use super::{Bound, Count, Members, Place, Rule, Schema, Type};
use crate::rules::MOST_VIOLATIONS;

/// Steps of one check, each about ten nanoseconds: a value as large as may be, looked at twice all over.
const MOST_STEPS: u64 = 200_000_000;

/// Steps for looking at a value by one node.
const STEPS_OF_A_NODE: u64 = 10;

/// Levels of nodes within nodes: two for each level of the deepest value there can be, and some.
const MOST_LEVELS: usize = 640;

pub(super) fn value(schema: &Schema, value: &Value) -> Result<(), Vec<Violation>> {
    let mut check = Check { schema, path: Vec::new(), found: Vec::new(), quiet: 0, level: 0, steps: 0, ended: None };
    let fits = check.node(0, value, &mut Seen::default());
    match check.ended {
        Some(why) => Err(vec![Violation { path: String::new(), message: why.to_owned() }]),
        None if fits => Ok(()),
        None => Err(check.found),
    }
}

#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

/// What of an array or an object was looked at, for `unevaluated…`. Kept only where a schema asks.
#[derive(Default)]
struct Seen<'v> {
    first_items: usize,
    items: BTreeSet<usize>,
    members: BTreeSet<&'v str>,
}

impl<'v> Seen<'v> {
    fn add(&mut self, other: Seen<'v>) {
        self.first_items = self.first_items.max(other.first_items);
        self.items.extend(other.items);
        self.members.extend(other.members);
    }
}

struct Check<'s, 'v> {
    schema: &'s Schema,
    path: Vec<Step<'v>>,
    found: Vec<Violation>,
    /// Above 0: what is wrong is not kept.
    quiet: usize,
    level: usize,
    steps: u64,
    /// Why the check has ended before it came to a result.
    ended: Option<&'static str>,
}

impl<'s, 'v> Check<'s, 'v> {
    fn node(&mut self, place: Place, value: &'v Value, seen: &mut Seen<'v>) -> bool {
        self.spend(STEPS_OF_A_NODE);
        if self.level >= MOST_LEVELS {
            self.ended = Some("checking it goes too deep; nest less, in the value or in its type's schema");
        }
        if self.ended.is_some() {
            return false;
        }
        self.level += 1;
        let mut own = Seen::default();
        let mut fits = true;
        let schema = self.schema;
        for rule in &schema.nodes[place].rules {
            fits &= self.rule(rule, value, &mut own);
            // Nothing more is to be learnt.
            if self.ended.is_some() || (!fits && (self.quiet > 0 || self.found.len() >= MOST_VIOLATIONS)) {
                break;
            }
        }
        self.level -= 1;
        if fits && self.schema.follows {
            seen.add(own);
        }
        fits
    }

    fn spend(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MOST_STEPS {
            self.ended = Some("checking it takes too long; its type's schema has too many ways to look at it");
        }
    }

    /// Keeps what is wrong here.
    fn wrong(&mut self, message: impl FnOnce() -> String) -> bool {
        if self.quiet == 0 && self.found.len() < MOST_VIOLATIONS {
            let mut path = String::new();
            for step in &self.path {
                path.push('/');
                match step {
                    Step::Member(name) => path.push_str(&name.replace('~', "~0").replace('/', "~1")),
                    Step::Item(index) => path.push_str(&index.to_string()),
                }
            }
            self.found.push(Violation { path, message: message() });
        }
        false
    }

    fn wrong_unless(&mut self, fits: bool, message: impl FnOnce() -> String) -> bool {
        fits || self.wrong(message)
    }

    fn at(&mut self, step: Step<'v>, place: Place, value: &'v Value) -> bool {
        self.path.push(step);
        let fits = self.node(place, value, &mut Seen::default());
        self.path.pop();
        fits
    }

    fn quietly(&mut self, check: impl FnOnce(&mut Self) -> bool) -> bool {
        self.quiet += 1;
        let fits = check(self);
        self.quiet -= 1;
        fits
    }

    fn rule(&mut self, rule: &'s Rule, value: &'v Value, seen: &mut Seen<'v>) -> bool {
        match rule {
            Rule::Never => self.wrong(|| "nothing may be here".into()),
            Rule::Same(place) => self.node(*place, value, seen),
            Rule::All(places) => {
                let mut fits = true;
                for place in places {
                    fits &= self.node(*place, value, seen);
                }
                fits
            }
            Rule::Any(_) | Rule::One(_) | Rule::Not(_) | Rule::If { .. } | Rule::HoldsWith(_) => {
                self.choice(rule, value, seen)
            }
            _ => match value {
                Value::Array(items) if rule.is_of(Type::Array) => self.array(rule, items, seen),
                Value::Object(members) if rule.is_of(Type::Object) => self.object(rule, members, seen),
                _ => self.alone(rule, value),
            },
        }
    }

    /// Rules that decide by what other nodes say of the same value.
    #[inline(never)]
    fn choice(&mut self, rule: &'s Rule, value: &'v Value, seen: &mut Seen<'v>) -> bool {
        match rule {
            Rule::Any(places) => {
                let mut fits = false;
                for place in places {
                    fits |= self.quietly(|check| check.node(*place, value, seen));
                    if fits && !self.schema.follows {
                        break;
                    }
                }
                self.wrong_unless(fits, || format!("fits none of the {} ways it may be (anyOf)", places.len()))
            }
            Rule::One(places) => {
                let mut fitting = 0;
                for place in places {
                    fitting += usize::from(self.quietly(|check| check.node(*place, value, seen)));
                }
                let count = places.len();
                self.wrong_unless(fitting == 1, || format!("fits {fitting} of {count} ways, and must fit one (oneOf)"))
            }
            Rule::Not(place) => {
                let fits = self.quietly(|check| check.node(*place, value, &mut Seen::default()));
                self.wrong_unless(!fits, || "is what it may not be (not)".into())
            }
            Rule::If { test, then, otherwise } => {
                let next = if self.quietly(|check| check.node(*test, value, seen)) { then } else { otherwise };
                next.is_none_or(|place| self.node(place, value, seen))
            }
            Rule::HoldsWith(places) => {
                let mut fits = true;
                if let Value::Object(members) = value {
                    for (_, place) in places.iter().filter(|(name, _)| members.contains_key(name)) {
                        fits &= self.node(*place, value, seen);
                    }
                }
                fits
            }
            _ => true,
        }
    }

    /// Rules that decide by the value alone.
    #[inline(never)]
    fn alone(&mut self, rule: &'s Rule, value: &'v Value) -> bool {
        match (rule, value) {
            (Rule::Types(types), _) => {
                let of = Type::of(value);
                self.wrong_unless(types.iter().any(|wanted| wanted.takes(of)), || {
                    let wanted: Vec<&str> = types.iter().map(|wanted| wanted.name()).collect();
                    format!("must be {}, and is {}", wanted.join(" or "), of.name())
                })
            }
            (Rule::OneOfValues(values), _) => {
                self.spend(values.len() as u64);
                self.wrong_unless(values.contains(value), || match values.len() {
                    0..=10 => format!("must be one of {}", list(values)),
                    count => format!("is none of the {count} values it may be (enum)"),
                })
            }
            (Rule::Is(only), _) => self.wrong_unless(only == value, || format!("must be {}", shown(only))),
            (Rule::Bound(bound, limit), Value::Number(_) | Value::BigInt(_)) => {
                let order = compare(value, limit);
                let (fits, word) = match bound {
                    Bound::Least => (order.is_some_and(|order| order.is_ge()), "at least"),
                    Bound::Most => (order.is_some_and(|order| order.is_le()), "at most"),
                    Bound::Above => (order.is_some_and(|order| order.is_gt()), "above"),
                    Bound::Below => (order.is_some_and(|order| order.is_lt()), "below"),
                };
                self.wrong_unless(fits, || format!("must be {word} {}", shown(limit)))
            }
            (Rule::MultipleOf(of), Value::Number(_) | Value::BigInt(_)) => {
                self.spend(200);
                self.wrong_unless(is_multiple(value, of) == Some(true), || {
                    format!("must be a multiple of {}", shown(of))
                })
            }
            (Rule::Characters(count), Value::Text(text)) => {
                self.spend(text.len() as u64 / 10);
                self.counted(*count, text.chars().count(), "characters")
            }
            (Rule::Pattern(pattern), Value::Text(text)) => {
                self.spend(pattern.cost(text));
                if self.ended.is_some() {
                    return false;
                }
                self.wrong_unless(pattern.matches(text), || format!("must match the pattern {}", pattern.text))
            }
            _ => true,
        }
    }

    fn counted(&mut self, count: Count, found: usize, what: &str) -> bool {
        let (fits, word, limit) = match count {
            Count::Least(least) => (found >= least, "at least", least),
            Count::Most(most) => (found <= most, "at most", most),
        };
        self.wrong_unless(fits, || format!("must have {word} {limit} {what}, and has {found}"))
    }

    #[inline(never)]
    fn array(&mut self, rule: &'s Rule, items: &'v [Value], seen: &mut Seen<'v>) -> bool {
        let mut fits = true;
        match rule {
            Rule::ItemCount(count) => return self.counted(*count, items.len(), "items"),
            Rule::Unique => {
                // Equal values are the same text, and sorting texts takes less than comparing all with all.
                let mut texts: Vec<(Vec<u8>, usize)> = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let text = json::value_to_text(&canonical(item));
                    self.spend(STEPS_OF_A_NODE * 10 + text.len() as u64);
                    if self.ended.is_some() {
                        return false;
                    }
                    texts.push((text, index));
                }
                texts.sort_unstable();
                if let Some(pair) = texts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                    return self
                        .wrong(|| format!("must differ, and items {} and {} are the same", pair[0].1, pair[1].1));
                }
            }
            Rule::Items { first, rest } => {
                let looked_at = if rest.is_some() { items.len() } else { first.len().min(items.len()) };
                for (index, item) in items.iter().enumerate().take(looked_at) {
                    if let Some(place) = first.get(index).or(rest.as_ref()) {
                        fits &= self.at(Step::Item(index), *place, item);
                    }
                    if self.is_over(fits) {
                        break;
                    }
                }
                seen.first_items = seen.first_items.max(looked_at);
            }
            Rule::Contains { place, least, most } => {
                let mut holding = 0;
                for (index, item) in items.iter().enumerate() {
                    if self.quietly(|check| check.node(*place, item, &mut Seen::default())) {
                        holding += 1;
                        if self.schema.follows {
                            seen.items.insert(index);
                        }
                    }
                    if self.ended.is_some() {
                        return false;
                    }
                }
                fits = self.wrong_unless(holding >= *least, || {
                    format!("must have at least {least} items of a kind (contains), and has {holding}")
                });
                if let Some(most) = most {
                    fits &= self.wrong_unless(holding <= *most, || {
                        format!("must have at most {most} items of a kind (contains), and has {holding}")
                    });
                }
            }
            Rule::OtherItems(place) => {
                for (index, item) in items.iter().enumerate().skip(seen.first_items) {
                    if !seen.items.contains(&index) {
                        fits &= self.at(Step::Item(index), *place, item);
                    }
                    if self.is_over(fits) {
                        break;
                    }
                }
                seen.first_items = items.len();
            }
            _ => {}
        }
        fits
    }

    #[inline(never)]
    fn object(&mut self, rule: &'s Rule, members: &'v Object, seen: &mut Seen<'v>) -> bool {
        let mut fits = true;
        match rule {
            Rule::MemberCount(count) => return self.counted(*count, members.len(), "members"),
            Rule::Required(names) => {
                for name in names {
                    let there = members.contains_key(name);
                    fits &= self.wrong_unless(there, || format!("must have the member `{name}`"));
                }
            }
            Rule::RequiredWith(needs) => {
                for (with, names) in needs.iter().filter(|(with, _)| members.contains_key(with)) {
                    for name in names {
                        let there = members.contains_key(name);
                        fits &= self.wrong_unless(there, || format!("with `{with}` must have the member `{name}`"));
                    }
                }
            }
            Rule::Members(known) => {
                for (name, member) in members {
                    fits &= self.member(known, name, member, seen);
                    if self.is_over(fits) {
                        break;
                    }
                }
            }
            Rule::MemberNames(place) => {
                for name in members.keys() {
                    let fitting = self.name_fits(*place, name);
                    fits &= self.wrong_unless(fitting, || format!("`{name}` may be no member's name (propertyNames)"));
                    if self.is_over(fits) {
                        break;
                    }
                }
            }
            Rule::OtherMembers(place) => {
                for (name, member) in members.iter().filter(|(name, _)| !seen.members.contains(name.as_str())) {
                    fits &= self.at(Step::Member(name), *place, member);
                    if self.is_over(fits) {
                        break;
                    }
                }
                if self.schema.follows {
                    seen.members.extend(members.keys().map(String::as_str));
                }
            }
            _ => {}
        }
        fits
    }

    /// A name as a value, quietly: what is wrong with it belongs to the object.
    fn name_fits(&mut self, place: Place, name: &str) -> bool {
        let name = Value::text(name);
        let Check { schema, level, steps, ended, .. } = *self;
        let mut check = Check { schema, path: Vec::new(), found: Vec::new(), quiet: 1, level, steps, ended };
        let fits = check.node(place, &name, &mut Seen::default());
        (self.steps, self.ended) = (check.steps, check.ended);
        fits
    }

    #[inline(never)]
    fn member(&mut self, known: &'s Members, name: &'v str, member: &'v Value, seen: &mut Seen<'v>) -> bool {
        let mut fits = true;
        let mut is_known = false;
        if let Some(place) = known.named.get(name) {
            is_known = true;
            fits &= self.at(Step::Member(name), *place, member);
        }
        for (pattern, place) in &known.matching {
            self.spend(pattern.cost(name));
            if self.ended.is_some() {
                return false;
            }
            if pattern.matches(name) {
                is_known = true;
                fits &= self.at(Step::Member(name), *place, member);
            }
        }
        if let (false, Some(place)) = (is_known, known.rest) {
            is_known = true;
            fits &= self.at(Step::Member(name), place, member);
        }
        if is_known && self.schema.follows {
            seen.members.insert(name);
        }
        fits
    }

    /// Whether a loop over what is inside need not go on.
    fn is_over(&self, fits: bool) -> bool {
        self.ended.is_some() || (!fits && (self.quiet > 0 || self.found.len() >= MOST_VIOLATIONS))
    }
}

impl Rule {
    /// Whether it speaks of arrays, or of objects, and of nothing else.
    fn is_of(&self, of: Type) -> bool {
        use Rule::*;
        match self {
            ItemCount(_) | Unique | Items { .. } | Contains { .. } | OtherItems(_) => of == Type::Array,
            MemberCount(_) | Required(_) | RequiredWith(_) | Members(_) | MemberNames(_) | OtherMembers(_) => {
                of == Type::Object
            }
            _ => false,
        }
    }
}

/// The same value for all that are equal: one zero, and no bigint where a number will do.
fn canonical(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Number(number) if *number == 0.0 => Cow::Owned(Value::Number(0.0)),
        Value::BigInt(big) => match big.to_string().parse().map(Value::Number) {
            Ok(number) if number == *value => Cow::Owned(number),
            _ => Cow::Borrowed(value),
        },
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Text(_) => Cow::Borrowed(value),
        Value::Array(items) => {
            Cow::Owned(Value::Array(items.iter().map(|item| canonical(item).into_owned()).collect()))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.as_str(), canonical(member).into_owned()));
            Cow::Owned(Value::object(members))
        }
        other => Cow::Borrowed(other),
    }
}

fn shown(value: &Value) -> String {
    let text = String::from_utf8_lossy(&json::value_to_text(value)).into_owned();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("...".chars()).collect() }
}

fn list(values: &[Value]) -> String {
    values.iter().map(shown).collect::<Vec<_>>().join(", ")
}
