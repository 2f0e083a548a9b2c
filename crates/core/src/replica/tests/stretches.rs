//! Conflicts about a stretch of a list or a text: what others do to it before somebody chooses is still there after.

use std::collections::BTreeSet;

use super::intention::{apart, conflicts, field, patch, resolve, two, value};
use super::server::Server;
use super::tab::text;
use super::world::Dice;
use super::{ENTITY, One, edited};
use crate::replica::{Action, Choice};
use crate::value::Value;

/// Two have put another word in the place of `b`, and Bob is asked.
fn replaced() -> (Server, One, One) {
    let first = r#"{"l":["a","b","c","d"]}"#;
    let (server, ada, bob) =
        apart(first, &[r#"{"l":{"$array":[1,["x","y"],-1,2]}}"#], &[r#"{"l":{"$array":[1,["z"],-1,2]}}"#]);
    let [conflict] = &conflicts(&bob)[..] else { panic!("one conflict") };
    assert_eq!(field(conflict, "range"), Some(&value("[1, 2]")));
    assert_eq!(field(conflict, "mine"), Some(&value(r#"["z"]"#)));
    (server, ada, bob)
}

fn list(server: &Server) -> Vec<String> {
    let Value::Object(members) = server.value() else { panic!("an object") };
    let Value::Array(items) = members["l"].clone() else { panic!("a list") };
    let word = |item| if let Value::Text(word) = item { word } else { panic!("a word") };
    items.into_iter().map(word).collect()
}

#[test]
fn what_others_added_in_it_since_stays_whatever_is_chosen() {
    for choice in [Choice::Mine, Choice::Theirs, Choice::Both] {
        let (mut server, mut ada, mut bob) = replaced();
        ada.act(patch(r#"{"l":["a","x","new","y","c","d"]}"#), Some(&mut server));
        bob.follow(&mut server);
        let is_mine = choice == Choice::Mine;
        resolve(&mut bob, 0, choice, &mut server);
        let there = list(&server);
        assert!(there.contains(&"new".to_owned()), "{there:?}");
        assert_eq!(there.contains(&"x".to_owned()), !is_mine, "{there:?}");
        assert_eq!(bob.tab.view, Some(server.value()));
    }
}

#[test]
fn what_others_moved_out_of_it_or_into_it_is_there_once() {
    // "x" goes to the end, and "d" between them.
    let (mut server, mut ada, mut bob) = replaced();
    ada.act(patch(r#"{"l":{"$array":[1,{"take":1},{"put":1},2,{"take":1},{"put":0}]}}"#), Some(&mut server));
    assert_eq!(list(&server), ["a", "d", "y", "c", "x"]);
    bob.follow(&mut server);
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    let mut there = list(&server);
    there.sort();
    assert_eq!(there, ["a", "c", "d", "x", "z"]);
}

#[test]
fn what_either_had_moved_out_of_it_or_into_it_is_there_once() {
    let first = r#"{"l":["a","b","c","d","e","f"]}"#;
    // Both put something in the place of "c" and "d". Ada has moved "b" behind that, and "e" before it; Bob "d" to the end, and "f" there.
    let ada_does = r#"{"l":{"$array":[1,{"take":1},{"put":1},["x"],-2,{"put":0},{"take":1},1]}}"#;
    let bob_does = r#"{"l":{"$array":[2,{"put":1},["z"],-1,{"take":1},1,{"take":1},{"put":0}]}}"#;
    for (one, other) in [(ada_does, bob_does), (bob_does, ada_does)] {
        for choice in [Choice::Mine, Choice::Theirs, Choice::Both] {
            let (mut server, _, mut bob) = apart(first, &[one], &[other]);
            assert_eq!(conflicts(&bob).len(), 1);
            let told = format!("{choice:?} of {:?}, where there is {:?}", conflicts(&bob), list(&server));
            let wanted = match (&choice, other == bob_does) {
                (Choice::Both, _) => vec!["x", "z"],
                (Choice::Mine, true) | (Choice::Theirs, false) => vec!["z"],
                _ => vec!["x"],
            };
            resolve(&mut bob, 0, choice, &mut server);
            let mut there = list(&server);
            // Which one has moved and the other deleted.
            there.retain(|word| word != "d");
            there.sort();
            assert_eq!(there, [&["a", "b", "e", "f"][..], &wanted].concat(), "{told}");
        }
    }
}

#[test]
fn what_both_have_of_it_is_not_doubled_by_both() {
    let (first, theirs, mine) =
        (r#"{"l":["a","b","c"]}"#, r#"{"l":{"$array":[["x"],-1,1,["y"],-1]}}"#, r#"{"l":{"$array":[["z"],-3]}}"#);
    let (mut server, _, mut bob) = apart(first, &[theirs], &[mine]);
    resolve(&mut bob, 0, Choice::Both, &mut server);
    let mut there = list(&server);
    there.sort();
    there.dedup();
    assert_eq!(there.len(), list(&server).len(), "{:?}", list(&server));
}

#[test]
fn letters_that_who_chooses_has_not_seen_stay() {
    let (mut server, mut ada, mut bob) = apart(r#"{"t":"a cat"}"#, &[r#"{"t":"a dog"}"#], &[r#"{"t":"a cow"}"#]);
    // Bob sees these...
    ada.act(patch(r#"{"t":{"$text":[5,{"insert":"gy","joins":1}]}}"#), Some(&mut server));
    bob.follow(&mut server);
    assert_eq!(field(&conflicts(&bob)[0], "range"), Some(&value("[2, 5]")));
    // ... and chooses before he sees these.
    let Some(Value::Number(id)) = field(&conflicts(&bob)[0], "id").cloned() else { panic!("no id") };
    let choice = Action::Resolve { conflict: id as u32, choice: Choice::Mine };
    let (op, seen) = bob.tab.next(choice.clone());
    ada.act(patch(r#"{"t":{"$text":[5," and "]}}"#), Some(&mut server));
    bob.follow(&mut server);
    let effects = bob.browser.edit(ENTITY, vec![edited(bob.person, op, seen, choice)]);
    bob.run(effects, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"t":"a cow and "}"#));
}

#[test]
fn who_adds_a_word_and_removes_the_one_beside_it_has_replaced_none() {
    let first = r#"{"l":["a","b","c"]}"#;
    let replaces = r#"{"l":{"$array":[1,["x"],-1,1]}}"#;
    for (adds, removes) in [
        (r#"{"l":{"$array":[1,["new"],2]}}"#, r#"{"l":{"$array":[2,-1,1]}}"#),
        (r#"{"l":{"$array":[2,["new"],1]}}"#, r#"{"l":{"$array":[1,-1,2]}}"#),
    ] {
        let (server, _, bob) = apart(first, &[replaces], &[adds, removes]);
        let mut there = list(&server);
        there.sort();
        assert_eq!((there, conflicts(&bob)), (["a", "c", "new", "x"].map(str::to_owned).into(), vec![]));
    }
}

/// No two of them are alike.
fn nth_word(number: usize) -> String {
    char::from_u32(0x4e00 + number as u32).expect("an ideograph").into()
}

/// Words that two write, and what may have become of them.
struct Words {
    dice: Dice,
    next: usize,
    gone: BTreeSet<String>,
}

impl Words {
    fn shown(one: &One) -> Vec<String> {
        let Some(Value::Array(items)) = &one.tab.view else { panic!("a list") };
        items.iter().map(|item| if let Value::Text(word) = item { word.clone() } else { panic!("a word") }).collect()
    }

    fn new_words(&mut self) -> Vec<String> {
        let count = 1 + self.dice.below(2);
        self.next += count;
        (self.next - count..self.next).map(nth_word).collect()
    }

    /// Somebody adds, moves, removes or replaces some.
    fn edit(&mut self, one: &mut One, server: Option<&mut Server>) {
        let mut words = Words::shown(one);
        let at = self.dice.below(words.len() + 1);
        let end = (at + 1 + self.dice.below(3)).min(words.len());
        match self.dice.below(6) {
            0 => drop(words.splice(at..at, self.new_words())),
            1 if at < words.len() => {
                let moved: Vec<String> = words.splice(at..end, []).collect();
                let to = self.dice.below(words.len() + 1);
                words.splice(to..to, moved);
            }
            2 => self.gone.extend(words.splice(at..end.max(at), [])),
            _ => {
                let new = self.new_words();
                self.gone.extend(words.splice(at..end.max(at), new));
            }
        }
        one.edit(Value::Array(words.iter().map(|word| text(word)).collect()), server);
    }

    fn choose(&mut self, one: &mut One, server: &mut Server) {
        let all = conflicts(one);
        if all.is_empty() {
            return;
        }
        let index = self.dice.below(all.len());
        let held = |name| match field(&all[index], name) {
            Some(Value::Array(items)) => items.iter().map(|item| format!("{item:?}")).collect::<Vec<String>>(),
            Some(value) => vec![format!("{value:?}")],
            None => Vec::new(),
        };
        let (choice, given_up) = match self.dice.below(3) {
            0 => (Choice::Mine, held("theirs")),
            1 => (Choice::Theirs, held("mine")),
            _ if matches!(field(&all[index], "mine"), Some(Value::Array(_))) => (Choice::Both, Vec::new()),
            _ => (Choice::Theirs, held("mine")),
        };
        // What has become of one word by now is what goes.
        if let (Choice::Mine, Some(Value::Array(path))) = (&choice, field(&all[index], "path"))
            && let [Value::Number(at)] = path[..]
        {
            self.gone.extend(Words::shown(one).get(at as usize).cloned());
        }
        self.gone.extend(given_up.iter().filter_map(|word| word.split('"').nth(1)).map(str::to_owned));
        resolve(one, index, choice, server);
    }
}

#[test]
fn words_that_are_moved_and_replaced_while_stretches_are_contested_are_there_once() {
    let mut stretches = 0;
    for seed in 1..=1_500 {
        let first: Vec<String> = (0..8).map(nth_word).collect();
        let (mut server, mut ada, mut bob) = two(&Value::Array(first.iter().map(|word| text(word)).collect()));
        let mut words = Words { dice: Dice::new(seed), next: first.len(), gone: BTreeSet::new() };
        for _ in 0..3 {
            ada.cut();
            bob.cut();
            for _ in 0..1 + words.dice.below(5) {
                words.edit(&mut ada, None);
                words.edit(&mut bob, None);
            }
            ada.connect(&mut server);
            bob.connect(&mut server);
            ada.follow(&mut server);
            stretches += conflicts(&bob).iter().filter(|conflict| field(conflict, "range").is_some()).count();
            for _ in 0..words.dice.below(6) {
                match words.dice.below(4) {
                    0 => words.edit(&mut ada, Some(&mut server)),
                    1 => words.edit(&mut bob, Some(&mut server)),
                    2 => words.choose(&mut ada, &mut server),
                    _ => words.choose(&mut bob, &mut server),
                }
                ada.follow(&mut server);
                bob.follow(&mut server);
            }
            let there: Vec<String> = Words::shown(&ada);
            let held = format!("{:?} {:?}", conflicts(&ada), conflicts(&bob));
            for word in (0..words.next).map(nth_word) {
                let count = there.iter().filter(|known| **known == word).count();
                let may_be_gone = words.gone.contains(&word) || held.contains(&format!("\"{word}\""));
                assert!(
                    count == 1 || (count == 0 && may_be_gone),
                    "seed {seed}: {word} {count} times: {there:?}, {held}"
                );
            }
            assert_eq!(ada.tab.view, bob.tab.view, "seed {seed}");
        }
    }
    assert!(stretches > 500, "{stretches} contested stretches: too few to prove anything");
}
