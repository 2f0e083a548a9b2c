//! A ledger of everything that anybody writes, while everything happens at once: each letter and each element is a token that is
//! there once. In the end each is in the value exactly once, or was taken out by somebody who had seen it, or is in a conflict of
//! whoever wrote it; numbers have their sums; what one types at one place is in one piece; and all agree.
//!
//! `LEDGER_SEEDS=10000 cargo test --release -p timeweft-core --lib ledger` tries so many seeds instead of a few;
//! `LEDGER_FIRST=77` begins with that one.

use std::collections::{BTreeMap, BTreeSet};

use super::tab::{object, text};
use super::world::{Dice, PEOPLE, Person, Work, World, tab_name};
use crate::codec::{cbor, json};
use crate::diff::{Increment, Patch};
use crate::replica::{Action, Choice};
use crate::value::{Object, Value};

/// Letters that one tab types at one place, one after the other.
#[derive(Default)]
struct Run {
    letters: Vec<char>,
    backwards: bool,
}

/// What was written, and what may be gone.
#[derive(Default)]
struct Ledger {
    next: u32,
    /// Who wrote each token.
    written: BTreeMap<String, usize>,
    /// What somebody took out who had seen it, or its author gave up or took back.
    gone: BTreeSet<String>,
    /// In which element a token was put, and who has deleted elements: of two tabs of one person the later edit holds.
    inside: BTreeMap<String, String>,
    deleted: BTreeSet<(String, usize)>,
    /// What was written in place of which letters, by whom.
    replaced: Vec<(char, usize, Vec<String>)>,
    runs: Vec<(String, Run)>,
    /// The run of each tab that it goes on with.
    typing: BTreeMap<(usize, usize), usize>,
    sum: f64,
    /// What was set as `v`, by whom.
    set: Vec<(f64, usize)>,
    /// Letters stay: then what one types at one place stays in one piece. (Of two runs of which the letters between are deleted
    /// meanwhile, both go on at one position.)
    letters_stay: bool,
    /// The tokens of each tab's edits since something else was done that can be taken back.
    last: BTreeMap<(usize, usize), Vec<Vec<String>>>,
    log: Vec<String>,
}

const MARKS: [char; 3] = ['|', '/', '#'];

/// `long`: in a text longer than what is compared by letter without a second thought, and without a space.
fn start(long: bool) -> Value {
    let filler: String = ('à'..'þ').cycle().take(if long { 700 } else { 3 }).collect();
    object([
        ("t", text(&format!("|{filler}/two#"))),
        ("l", Value::Array(Vec::new())),
        ("w", Value::Array(Vec::new())),
        ("n", Value::from(0.0)),
        ("v", Value::from(0.0)),
    ])
}

fn list(view: &Object, key: &str) -> Vec<Value> {
    match view.get(key) {
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    }
}

fn typed(view: &Object) -> Vec<char> {
    match view.get("t") {
        Some(Value::Text(text)) => text.chars().collect(),
        _ => Vec::new(),
    }
}

/// All tokens that are in something, as often as they are.
fn tokens(value: &Value) -> Vec<String> {
    let text = String::from_utf8(json::value_to_text(value)).unwrap();
    let letters = text.chars().filter(|letter| *letter >= '\u{4e00}').map(String::from);
    let names = text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(name, _)| format!("<{name}>"));
    letters.chain(names).collect()
}

impl Ledger {
    fn token(&mut self, person: usize) -> String {
        self.next += 1;
        let token = format!("<{}>", self.next);
        self.written.insert(token.clone(), person);
        token
    }

    fn letter(&mut self, person: usize) -> char {
        self.next += 1;
        // Of the many ideographs, each once.
        let letter = char::from_u32(0x4e00 + self.next).expect("a letter");
        self.written.insert(letter.to_string(), person);
        letter
    }

    /// The tab types a letter where it was typing, or somewhere else.
    fn type_letter(&mut self, dice: &mut Dice, view: &mut Object, person: usize, tab: usize) -> Option<Vec<String>> {
        let mut shown = typed(view);
        let run = self.typing.get(&(person, tab)).copied().filter(|_| !dice.percent(4));
        let run = run.filter(|run| self.runs[*run].1.letters.iter().any(|letter| shown.contains(letter)));
        let (run, at) = match run {
            Some(run) => {
                let known = &self.runs[run].1;
                let place = |letter: &char| shown.iter().position(|there| there == letter);
                let at = if known.backwards {
                    known.letters.iter().find_map(place)?
                } else {
                    known.letters.iter().rev().find_map(place)? + 1
                };
                (run, at)
            }
            None => {
                let mark = MARKS[dice.below(MARKS.len())];
                let at = shown.iter().position(|there| *there == mark)? + 1;
                let backwards = dice.percent(40);
                self.runs.push((tab_name(PEOPLE[person], tab), Run { letters: Vec::new(), backwards }));
                (self.runs.len() - 1, at)
            }
        };
        self.typing.insert((person, tab), run);
        let letter = self.letter(person);
        shown.insert(at, letter);
        let run = &mut self.runs[run].1;
        run.letters.insert(if run.backwards { 0 } else { run.letters.len() }, letter);
        view.insert("t".to_owned(), Value::Text(shown.into_iter().collect()));
        Some(vec![letter.to_string()])
    }

    /// Takes out letters that it sees, or puts another in their place.
    fn delete_letters(
        &mut self,
        dice: &mut Dice,
        view: &mut Object,
        instead: Option<(char, usize)>,
    ) -> Option<Vec<String>> {
        let mut shown = typed(view);
        let at = dice.below(shown.iter().filter(|letter| **letter >= '\u{4e00}').count().max(1));
        let at = shown.iter().enumerate().filter(|(_, letter)| **letter >= '\u{4e00}').nth(at).map_or(0, |(at, _)| at);
        let end = (at + 1 + dice.below(3)).min(shown.len());
        if shown[at..end].iter().any(|letter| *letter < '\u{4e00}') {
            self.written.remove(&instead.map(|(letter, _)| letter.to_string()).unwrap_or_default());
            return None;
        }
        let letters = instead.map(|(letter, _)| letter);
        let mut gone: Vec<String> = shown.splice(at..end, letters).map(String::from).collect();
        self.gone.extend(gone.iter().cloned());
        if let Some((letter, person)) = instead {
            self.replaced.push((letter, person, gone.clone()));
            gone.push(letter.to_string());
        }
        view.insert("t".to_owned(), Value::Text(shown.into_iter().collect()));
        Some(gone)
    }

    fn change_list(&mut self, dice: &mut Dice, view: &mut Object, person: usize) -> Option<Vec<String>> {
        let mut items = list(view, "l");
        let at = dice.below(items.len() + 1);
        let mut touched = Vec::new();
        match dice.below(10) {
            0..4 => {
                let token = self.token(person);
                let at = [items.len(), items.len(), 0, at][dice.below(4)];
                items.insert(at, object([("id", text(&token))]));
                touched.push(token);
            }
            4 | 5 if at < items.len() => {
                let item = items.remove(at);
                items.insert(dice.below(items.len() + 1), item);
            }
            6 | 7 if at < items.len() => {
                let token = self.token(person);
                self.inside.extend(tokens(&items[at]).first().map(|element| (token.clone(), element.clone())));
                if let Value::Object(members) = &mut items[at] {
                    members.insert(format!("m{}", self.next), text(&token));
                }
                touched.push(token);
            }
            8 if at < items.len() => {
                touched = tokens(&items.remove(at));
                self.deleted.extend(touched.first().map(|element| (element.clone(), person)));
                self.gone.extend(touched.iter().cloned());
            }
            _ => items.sort_by_key(|item| std::cmp::Reverse(tokens(item).first().cloned())),
        }
        view.insert("l".to_owned(), Value::Array(items));
        Some(touched)
    }

    /// Words have no identity: each is known by being there once.
    fn change_words(&mut self, dice: &mut Dice, view: &mut Object, person: usize) -> Option<Vec<String>> {
        let mut words = list(view, "w");
        let at = dice.below(words.len() + 1);
        let mut touched = Vec::new();
        match dice.below(10) {
            0..5 => {
                touched.extend((0..1 + dice.below(2)).map(|_| self.token(person)));
                words.splice(at..at, touched.iter().map(|token| text(token)));
            }
            5 | 6 if at < words.len() => {
                let word = words.remove(at);
                words.insert(dice.below(words.len() + 1), word);
            }
            7 | 8 if at < words.len() => {
                let end = (at + 1 + dice.below(2)).min(words.len());
                touched.extend(words.splice(at..end, []).flat_map(|word| tokens(&word)));
                self.gone.extend(touched.iter().cloned());
            }
            _ => words.sort_by_key(|word| std::cmp::Reverse(tokens(word).first().cloned())),
        }
        view.insert("w".to_owned(), Value::Array(words));
        Some(touched)
    }

    /// What a letter is in place of, and what that was in place of.
    fn in_place_of(&self, letter: char) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for gone in self.replaced.iter().filter(|(other, ..)| *other == letter).flat_map(|(.., gone)| gone) {
            all.extend(gone.chars().flat_map(|letter| self.in_place_of(letter)));
            all.insert(gone.clone());
        }
        all
    }

    /// Of two tabs of one person that replace the same letters the later edit holds.
    fn is_replaced(&self, token: &str) -> bool {
        let mine = self.replaced.iter().find(|(letter, ..)| token.starts_with(*letter));
        let Some((letter, person, _)) = mine else { return false };
        let letters = self.in_place_of(*letter);
        self.replaced.iter().any(|(other, by, _)| {
            let is_own = other == letter || letters.contains(&other.to_string());
            by == person && !is_own && !letters.is_disjoint(&self.in_place_of(*other))
        })
    }

    fn decide(&mut self, dice: &mut Dice, screen: &super::tab::Screen) -> Option<Action> {
        let Some(Value::Array(conflicts)) = screen.state("conflicts").filter(|list| *list != Value::Array(Vec::new()))
        else {
            return None;
        };
        let Value::Object(conflict) = conflicts.get(dice.below(conflicts.len()))? else { return None };
        let Value::Number(id) = conflict["id"] else { return None };
        let mine = dice.percent(50);
        let given_up = conflict.get(if mine { "theirs" } else { "mine" });
        let told = json::value_to_text(&Value::Object(conflict.clone()));
        self.log.push(format!("mine: {mine}, of {}", String::from_utf8_lossy(&told)));
        if let Some(value) = given_up {
            let letters = tokens(value);
            // What is shown in a stretch by now is what goes, and what is shown of what was typed on from there.
            let is_text = conflict.get("path") == Some(&Value::Array(vec![text("t")]));
            let range = conflict.get("range").filter(|_| mine && is_text);
            let stretch = range.map(|range| in_stretch(screen, range));
            let there: BTreeSet<String> = letters.iter().cloned().chain(stretch.into_iter().flatten()).collect();
            let runs = self.runs.iter().map(|(_, run)| run.letters.iter().map(char::to_string));
            let of_it = runs.filter(|run| mine && run.clone().any(|letter| there.contains(&letter))).flatten();
            let shown = screen.view.as_ref().map(tokens).unwrap_or_default();
            self.gone.extend(of_it.filter(|letter| shown.contains(letter)));
            self.gone.extend(there);
            self.gone.extend(number(value));
        }
        // What is there when the choice is carried out is what goes, and the tab may not have seen it yet.
        if mine && conflict.get("mine").is_some_and(|mine| number(mine).is_some()) {
            let kept = conflict.get("mine").and_then(number);
            let names = self.set.iter().map(|(set, _)| format!("v{set}"));
            self.gone.extend(names.filter(|name| Some(name) != kept.as_ref()));
        } else if mine {
            let element = given_up.into_iter().flat_map(tokens).next();
            self.deleted.extend(
                element.into_iter().flat_map(|element| (0..PEOPLE.len()).map(move |person| (element.clone(), person))),
            );
        }
        Some(Action::Resolve { conflict: id as u32, choice: if mine { Choice::Mine } else { Choice::Theirs } })
    }
}

/// The letters of the text that a tab shows in this range.
fn in_stretch(screen: &super::tab::Screen, range: &Value) -> Vec<String> {
    let (Some(Value::Object(view)), Value::Array(range)) = (&screen.view, range) else { return Vec::new() };
    let [Value::Number(start), Value::Number(length)] = range[..] else { return Vec::new() };
    typed(view).iter().skip(start as usize).take(length as usize).map(char::to_string).collect()
}

fn number(value: &Value) -> Option<String> {
    if let Value::Number(number) = value { Some(format!("v{number}")) } else { None }
}

impl Work for Ledger {
    fn act(&mut self, dice: &mut Dice, people: &mut [Person], person: usize, tab: usize) {
        let screen = &people[person].tabs[tab];
        let Some(Value::Object(shown)) = screen.view.clone() else { return };
        let mut view = shown.clone();
        let kind = dice.below(100);
        // What the browser alone can do waits until it has what was done before.
        if kind >= 92 && !screen.unknown().is_empty() {
            return;
        }
        let done = match kind {
            0..45 => self.type_letter(dice, &mut view, person, tab),
            45..50 if !self.letters_stay => self.delete_letters(dice, &mut view, None),
            50..52 if !self.letters_stay => {
                let letter = self.letter(person);
                self.delete_letters(dice, &mut view, Some((letter, person)))
            }
            52..70 => self.change_list(dice, &mut view, person),
            70..82 => self.change_words(dice, &mut view, person),
            82..88 => {
                let by = [1.0, 2.0, -1.0, 5.0][dice.below(4)];
                self.sum += by;
                self.last.remove(&(person, tab));
                let patch =
                    Patch::Map([("n".to_owned(), Patch::Increment(Increment { by: by.into(), to: None }))].into());
                return people[person].act(tab, Action::Patch(cbor::encode_patch(&patch)));
            }
            88..92 => {
                self.next += 1;
                self.set.push((self.next.into(), person));
                self.gone.extend(view.get("v").and_then(number));
                view.insert("v".to_owned(), Value::from(f64::from(self.next)));
                Some(vec![format!("v{}", self.next)])
            }
            92..95 => {
                if let Some(action) = self.decide(dice, screen) {
                    self.last.remove(&(person, tab));
                    people[person].act(tab, action);
                }
                return;
            }
            _ if self.letters_stay => return,
            _ => {
                // An edit that changed nothing after all is not taken back, but the one before it.
                if let Some(edits) = self.last.remove(&(person, tab)).filter(|edits| edits.len() > 3) {
                    self.gone.extend(edits.into_iter().flatten());
                    people[person].act(tab, Action::Undo);
                }
                return;
            }
        };
        let (Some(touched), false) = (done, view == shown) else { return };
        let patch = screen.patch_to(&Value::Object(view));
        self.log.push(format!("{}: {touched:?} of {kind}", tab_name(PEOPLE[person], tab)));
        self.last.entry((person, tab)).or_default().push(touched);
        people[person].act(tab, Action::Patch(patch));
    }
}

/// What somebody's conflicts hold.
fn held(person: &Person) -> (BTreeSet<String>, BTreeSet<String>) {
    let Some(Value::Array(conflicts)) = person.tabs[0].state("conflicts") else { return Default::default() };
    let mine = conflicts.iter().filter_map(|conflict| match conflict {
        Value::Object(members) => members.get("mine").cloned(),
        _ => None,
    });
    let mine: Vec<Value> = mine.collect();
    (mine.iter().flat_map(tokens).collect(), mine.iter().filter_map(number).collect())
}

fn check(world: &World<Ledger>, seed: u64) {
    let ledger = &world.work;
    let value = world.server.value();
    let Value::Object(members) = &value else { panic!("seed {seed}: no value") };
    let story = |token: &str| {
        let of: Vec<&String> =
            ledger.log.iter().filter(|line| line.contains(token) || line.contains("\"range\"")).collect();
        format!("seed {seed}: {token}: {of:?}; {}", String::from_utf8_lossy(&json::value_to_text(&value)))
    };
    for person in &world.people {
        assert!(person.browser.unsent().is_empty(), "seed {seed}: {} has unsent changes", person.name);
        for tab in &person.tabs {
            assert_eq!(tab.view.as_ref(), Some(&value), "seed {seed}: {} shows something else", tab.name);
        }
    }
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    tokens(&value).into_iter().for_each(|token| *there.entry(token).or_default() += 1);
    let in_conflict: Vec<_> = world.people.iter().map(held).collect();
    for (token, author) in &ledger.written {
        match there.get(token) {
            Some(1) => {}
            Some(often) => panic!("{often} times there: {}", story(token)),
            None => assert!(
                ledger.gone.contains(token)
                    || in_conflict[*author].0.contains(token)
                    || ledger.inside.get(token).is_some_and(|of| ledger.deleted.contains(&(of.clone(), *author)))
                    || ledger.is_replaced(token),
                "nowhere: {}",
                story(token)
            ),
        }
    }
    for item in list(members, "l") {
        let names = tokens(&item);
        let of = |token: &String| ledger.inside.get(token);
        let stray = names.iter().find(|token| of(token).is_some_and(|element| !names.contains(element)));
        assert_eq!(
            stray,
            None,
            "seed {seed}: was written into another element: {}",
            String::from_utf8_lossy(&json::value_to_text(&item))
        );
    }
    assert_eq!(members["n"], Value::from(ledger.sum), "seed {seed}: the sum");
    for (set, author) in &ledger.set {
        let name = format!("v{set}");
        // Of one person's tabs the one holds whose edit comes later.
        let by_other_tab = ledger.set.iter().any(|(other, by)| by == author && other != set);
        let is_known = members["v"] == Value::from(*set) || ledger.gone.contains(&name) || by_other_tab;
        assert!(is_known || in_conflict[*author].1.contains(&name), "seed {seed}: {name} is nowhere");
    }
}

/// How many runs there are, and how many of them are in more than one piece. Where a tab was typing, nobody remembers over a restart.
fn torn(world: &World<Ledger>) -> (usize, usize) {
    let Value::Object(members) = world.server.value() else { return (0, 0) };
    let all = typed(&members);
    let is_torn = |run: &Run| {
        let place = |letter| all.iter().position(|there| there == letter);
        let places: Vec<usize> = run.letters.iter().filter_map(place).collect();
        places.windows(2).any(|pair| pair[1] != pair[0] + 1)
    };
    let runs = world.work.runs.iter().filter(|_| world.work.letters_stay);
    let torn = runs.clone().filter(|(_, run)| is_torn(run)).count();
    (runs.count(), torn)
}

/// What one typed is in the order in which it was typed, whatever of it was taken out. (What comes back because somebody else
/// replaced it too, and holds, was not there when one went on.)
fn check_order(world: &World<Ledger>, seed: u64) {
    let Value::Object(members) = world.server.value() else { return };
    let all = typed(&members);
    for (tab, run) in &world.work.runs {
        let stayed = run.letters.iter().filter(|letter| !world.work.gone.contains(&letter.to_string()));
        let places: Vec<usize> = stayed.filter_map(|letter| all.iter().position(|there| there == letter)).collect();
        let text: String = run.letters.iter().collect();
        assert!(
            places.is_sorted(),
            "seed {seed}: {text} of {tab} is not in order in {}",
            all.iter().collect::<String>()
        );
    }
}

fn weather(seed: u64, steps: usize) -> (usize, usize, usize) {
    let mut world = World::new(seed, &start(seed % 4 < 2), Ledger::default());
    world.restarts = seed.is_multiple_of(2);
    world.work.letters_stay = !world.restarts;
    for _ in 0..steps {
        world.step();
    }
    world.calm();
    check(&world, seed);
    check_order(&world, seed);
    let (runs, torn) = torn(&world);
    (world.server.versions(), runs, torn)
}

#[allow(clippy::disallowed_methods, reason = "how much to try is said from outside, and nothing else is")]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn nothing_that_anybody_writes_is_lost_doubled_or_torn_apart() {
    let first = setting("LEDGER_FIRST", 1);
    let seeds = setting("LEDGER_SEEDS", 150);
    let (mut versions, mut runs, mut torn) = (0, 0, 0);
    for seed in first..first + seeds {
        let (made, typed, apart) = weather(seed, 1_200);
        (versions, runs, torn) = (versions + made, runs + typed, torn + apart);
    }
    assert!(versions as u64 > seeds * 20, "{versions} versions: too few to prove anything");
    // Of what several wrote that comes at once, as after a push that got lost, it is not known who wrote what: then two runs that
    // begin at one position may be woven into each other once.
    assert!(torn * 100 <= runs, "{torn} of {runs} runs are in more than one piece");
}
