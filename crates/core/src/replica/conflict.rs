//! What is shown to a person when two changed the same place, or the server refused what one wrote; and how it is decided.

use super::local::Choice;
use super::reconcile::{Policy, applied, reconcile, without};
use crate::codec::cbor;
use crate::diff::{Diff, Identity, Order, Place, Range, Step, beyond, diff_closely, diff_finely, offset};
use crate::limits::Limits;
use crate::prelude::*;
use crate::value::{Object, Value};

/// Two changed one place; theirs stands in what is shown, mine is kept here until somebody chose. Where the server refused mine,
/// nobody else is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Counts up within the entity.
    pub id: u32,
    /// Where. Follows what is changed around it.
    pub place: Place,
    /// What was there before both; none where nothing was.
    pub base: Option<Value>,
    /// What I made of it.
    pub mine: Option<Value>,
    /// What they made of it then.
    pub theirs: Option<Value>,
    /// Of the version that theirs came with, in CBOR as in messages; empty where none is known.
    pub meta: Vec<u8>,
    /// Why the server refused mine, in CBOR as in messages; empty where it is somebody else's change that stands against it.
    pub error: Vec<u8>,
}

/// Why a choice can't be carried out.
#[derive(Debug, PartialEq)]
pub(super) enum Undecidable {
    /// The place is gone.
    Gone,
    /// There can't be both.
    NotBoth,
    /// The value that was chosen can't be read, or does not go there.
    Bad,
}

impl Conflict {
    /// Whether what I wanted is there, whoever put it there.
    pub(super) fn is_over(&self, shown: Option<&Value>) -> bool {
        let is_there = shown.is_some() || self.is_of_all();
        self.error.is_empty() && !self.place.lost && is_there && self.place.value(shown) == self.mine
    }

    /// Whether it is about the entity as a whole.
    pub(super) fn is_of_all(&self) -> bool {
        self.place.path.is_empty() && self.place.range.is_none()
    }

    /// What the choice wants in its place: nothing there, if it is none.
    pub(super) fn wanted(&self, choice: Choice) -> Result<Option<Value>, Undecidable> {
        match choice {
            Choice::Value(None) => Ok(None),
            Choice::Value(Some(bytes)) => {
                cbor::decode_value(&bytes, &Limits::default()).map(Some).map_err(|_| Undecidable::Bad)
            }
            Choice::Mine | Choice::Both | Choice::Theirs => Ok(self.mine.clone()),
        }
    }

    /// What is wanted in the place, or beside what is `both` there, as a change of what is shown. `seen` is what stands there as far as
    /// whoever decides has seen it.
    pub(super) fn decide(
        &self,
        wanted: Option<Value>,
        both: bool,
        shown: &Value,
        seen: Option<Value>,
    ) -> Result<Diff, Undecidable> {
        if self.place.lost {
            return Err(Undecidable::Gone);
        }
        let mut next = shown.clone();
        match wanted {
            _ if !self.is_of_all() => self.put(&mut next, wanted, both, self.their_elements().or(seen.as_ref()))?,
            _ if both => return Err(Undecidable::NotBoth),
            // What is wanted is the change: what others did since stays.
            Some(wanted) => self.join(&mut next, &wanted),
            None => return Err(Undecidable::Gone),
        }
        // What others have put in there is not ours.
        Ok(if self.place.range.is_some() { diff_closely(shown, &next) } else { diff_finely(shown, &next) })
    }

    /// The place after `diff`, which changes what is shown, and is `theirs` or ours. Where what the place is in goes, the conflict is
    /// about all of that.
    pub(super) fn follow(&mut self, diff: &Diff, shown: &Value, theirs: bool) {
        let mut place = if theirs { self.place.follow_theirs(diff) } else { self.place.follow(diff) };
        if place.lost && !self.place.lost {
            let (way, rest) = self.place.path.split_at(place.path.len());
            let inner = Conflict { place: Place { path: rest.to_vec(), ..self.place.clone() }, ..self.clone() };
            if let Some(before) = Place::at(way.to_vec()).value(Some(shown)) {
                let mut mine = before.clone();
                if inner.put(&mut mine, self.mine.clone(), false, self.their_elements()).is_ok() {
                    place.absent = matches!(way.last(), Some(Step::Index(_)));
                    place.lost = false;
                    (place.range, self.base, self.mine) = (None, Some(before), Some(mine));
                    self.theirs = None;
                }
            }
        }
        self.place = place;
    }

    /// What they made of a stretch of an array. (Who types goes on with a text: what is chosen there is in place of what has become of it.)
    fn their_elements(&self) -> Option<&Value> {
        self.theirs.as_ref().filter(|theirs| matches!(theirs, Value::Array(_)))
    }

    /// Puts a value in the place; `both`: beside what is there. What came into a stretch after it `was` that stays.
    fn put(&self, root: &mut Value, wanted: Option<Value>, both: bool, was: Option<&Value>) -> Result<(), Undecidable> {
        let Place { path, range, absent, .. } = &self.place;
        if let Some(range) = range {
            let at = inside(root, path).ok_or(Undecidable::Gone)?;
            // Nothing in place of a stretch is none of it.
            let wanted = wanted.unwrap_or_else(|| match at {
                Value::Array(_) => Value::Array(Vec::new()),
                _ => Value::text(""),
            });
            return stretch(at, *range, wanted, both, was);
        }
        let (last, way) = path.split_last().ok_or(Undecidable::Gone)?;
        if let Some(there) = value_of_entry(root, path) {
            match wanted {
                _ if both => return Err(Undecidable::NotBoth),
                Some(value) => *there = value,
                None => return Err(Undecidable::Bad),
            }
            return Ok(());
        }
        let at = inside(root, way).ok_or(Undecidable::Gone)?;
        match (at, last) {
            // Which both have made where nothing was: one behind the other.
            (Value::Object(members), Step::Key(key)) if both => match (members.get_mut(key), wanted) {
                (Some(Value::Array(there)), Some(Value::Array(mine))) if self.base.is_none() => {
                    there.extend(mine);
                    Ok(())
                }
                (Some(Value::Text(there)), Some(Value::Text(mine))) if self.base.is_none() => {
                    there.push_str(&mine);
                    Ok(())
                }
                _ => Err(Undecidable::NotBoth),
            },
            (Value::Object(members), Step::Key(key)) => {
                match wanted {
                    Some(value) => drop(members.insert(key.clone(), value)),
                    None => drop(members.remove(key)),
                }
                Ok(())
            }
            // It is there once.
            (Value::Set(items), Step::Index(_)) if wanted.as_ref().is_some_and(|value| items.contains(value)) => Ok(()),
            (Value::Array(items) | Value::Set(items), Step::Index(index)) => {
                let index = *index;
                match wanted {
                    Some(value) if *absent && index <= items.len() => match same_element(items, &value) {
                        // Somebody has put it back: what I made of it goes in there.
                        Some(there) => self.join(&mut items[there], &value),
                        None => items.insert(index, value),
                    },
                    Some(value) if both && index < items.len() => items.insert(index + 1, value),
                    Some(value) if index < items.len() => items[index] = value,
                    None if *absent || both => {}
                    None if index < items.len() => drop(items.remove(index)),
                    _ => return Err(Undecidable::Gone),
                }
                Ok(())
            }
            (Value::Map(entries), Step::Index(index)) => {
                if both {
                    return Err(Undecidable::NotBoth);
                }
                let index = *index;
                match wanted {
                    Some(Value::Array(entry)) => {
                        let [key, value] = <[Value; 2]>::try_from(entry).map_err(|_| Undecidable::Bad)?;
                        let known = entries.iter().position(|(known, _)| *known == key);
                        if let Some(there) = known.filter(|_| *absent) {
                            // Somebody has put it back: what I made of it goes in there.
                            let mut whole = Value::Array(vec![key.clone(), entries[there].1.clone()]);
                            self.join(&mut whole, &Value::Array(vec![key, value]));
                            let Value::Array(mut both) = whole else { return Err(Undecidable::Bad) };
                            entries[there].1 = both.pop().ok_or(Undecidable::Bad)?;
                        } else if known.is_some_and(|there| there != index) {
                            return Err(Undecidable::Bad);
                        } else if !*absent && index < entries.len() {
                            entries[index] = (key, value);
                        } else if index <= entries.len() {
                            entries.insert(index, (key, value));
                        } else {
                            return Err(Undecidable::Gone);
                        }
                    }
                    Some(_) => return Err(Undecidable::Bad),
                    None if *absent => {}
                    None if index < entries.len() => drop(entries.remove(index)),
                    None => return Err(Undecidable::Gone),
                }
                Ok(())
            }
            _ => Err(Undecidable::Gone),
        }
    }
}

impl Conflict {
    /// What I made of it, in what is there of it; where both differ, mine. Where nothing was, it is as if both had filled in an empty
    /// object.
    pub(super) fn join(&self, there: &mut Value, mine: &Value) {
        join(self.base.as_ref().unwrap_or(&Value::Object(Object::new())), there, mine);
    }
}

/// What one made of a base, in what is there of it; where both differ, that.
fn join(base: &Value, there: &mut Value, mine: &Value) {
    let theirs = diff_closely(base, there);
    let mine = without_agreed(diff_finely(base, mine), mine, there);
    let both = reconcile(&mine, &theirs, &|| base.clone(), Policy::Mine, Order::later(None, None));
    *there = applied(&both.mine, there);
}

/// A diff to `wanted` without the members that are `there` as they are wanted: who mends something may have taken over what others
/// wrote since.
fn without_agreed(diff: Diff, wanted: &Value, there: &Value) -> Diff {
    let (Diff::Object(members), Value::Object(wanted), Value::Object(there)) = (&diff, wanted, there) else {
        return diff;
    };
    let differs = |key: &String| wanted.get(key) != there.get(key);
    let left = members.iter().filter(|(key, _)| differs(key)).map(|(key, change)| {
        let change = match (wanted.get(key), there.get(key)) {
            (Some(wanted), Some(there)) => without_agreed(change.clone(), wanted, there),
            _ => change.clone(),
        };
        (key.clone(), change)
    });
    Diff::Object(left.collect())
}

/// Which element is of the same name.
fn same_element(items: &[Value], element: &Value) -> Option<usize> {
    let identity = Identity::default();
    let name = identity.of(element)?;
    items.iter().position(|item| identity.of(item) == Some(name))
}

/// The value of an entry of a `Map`, where the path leads to one.
fn value_of_entry<'a>(root: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    let [way @ .., Step::Index(entry), Step::Index(1)] = path else { return None };
    match inside(root, way)? {
        Value::Map(entries) => entries.get_mut(*entry).map(|(_, value)| value),
        _ => None,
    }
}

/// What is at the end of a path, to be changed.
fn inside<'a>(root: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    let Some((step, rest)) = path.split_first() else { return Some(root) };
    match (root, step) {
        (Value::Object(members), Step::Key(key)) => inside(members.get_mut(key)?, rest),
        (Value::Array(items) | Value::Set(items), Step::Index(index)) => inside(items.get_mut(*index)?, rest),
        (Value::Map(entries), Step::Index(index)) => match rest.split_first() {
            Some((Step::Index(1), rest)) => inside(&mut entries.get_mut(*index)?.1, rest),
            _ => None,
        },
        _ => None,
    }
}

/// Puts something in the place of a stretch that `was` this, or behind it.
fn stretch(at: &mut Value, range: Range, wanted: Value, both: bool, was: Option<&Value>) -> Result<(), Undecidable> {
    let end = range.start + range.length;
    match (at, wanted) {
        (Value::Text(text), Value::Text(new)) => {
            let (start, end) = (offset(text, range.start), offset(text, end));
            let (Some(start), Some(end)) = (start, end) else { return Err(Undecidable::Gone) };
            if both {
                text.insert_str(end, &new);
            } else {
                let mut there = Value::text(&text[start..end]);
                join(&was.unwrap_or(&there).clone(), &mut there, &Value::Text(new));
                if let Value::Text(new) = there {
                    text.replace_range(start..end, &new);
                }
            }
            Ok(())
        }
        (Value::Array(items), Value::Array(mut new)) if end <= items.len() => {
            let there = &items[range.start..end];
            if let Some(Value::Array(was)) = was {
                // What was put back is there, and what went elsewhere is there; what came stays.
                without(&mut new, there, was);
                without(&mut new, was, there);
                for (at, came) in beyond(there, there, was).into_iter().enumerate().filter(|_| !both) {
                    if came {
                        new.insert(at.min(new.len()), there[at].clone());
                    }
                }
            }
            if both {
                without(&mut new, there, &[]);
            }
            items.splice(if both { end } else { range.start }..end, new);
            Ok(())
        }
        (Value::Array(_), Value::Array(_)) => Err(Undecidable::Gone),
        _ => Err(Undecidable::Bad),
    }
}
