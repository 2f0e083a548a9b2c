//! Texts that two type at one place: each one's in one piece, and a word is a word.

use super::intention::{conflicts, field, patch, resolve, second_tab, two, value};
use super::server::Server;
use super::tab::{object, text};
use super::{ENTITY, One, edited};
use crate::codec::cbor;
use crate::replica::{Action, Choice};
use crate::value::Value;

/// Two people who type at one place, each letter before they have seen the other's last.
fn type_at_one_place(backwards: bool, bob_starts_later: bool) {
    for (one, another) in [("ada", "bob"), ("bob", "ada")] {
        let mut server = Server::default();
        let (mut first, mut second) = (One::new(one), One::new(another));
        first.connect(&mut server);
        first.act(Action::Set(cbor::encode_value(&object([("t", text("start "))]))), Some(&mut server));
        // What is before the place is the first one's own too, typed just now.
        first.act(patch(r#"{"t":{"$text":[6,"of it "]}}"#), Some(&mut server));
        second.connect(&mut server);
        let mut runs = [String::new(), String::new()];
        for round in 0..40 {
            for (index, person) in [&mut first, &mut second].into_iter().enumerate() {
                if index == 1 && bob_starts_later && round < 3 {
                    continue;
                }
                type_letter(person, &mut runs[index], index, round, backwards, &mut server);
            }
            // They hear of each other now and then.
            if round % 4 == 1 {
                first.follow(&mut server);
            }
            if round % 3 == 1 || round < 3 {
                second.follow(&mut server);
            }
        }
        first.follow(&mut server);
        second.follow(&mut server);
        let Value::Object(members) = server.value() else { panic!("no value") };
        let Value::Text(all) = &members["t"] else { panic!("no text") };
        for run in &runs {
            assert!(all.contains(run.as_str()), "{run} is not in one piece in {all}");
        }
        assert_eq!(all.chars().count(), 12 + runs.iter().map(|run| run.chars().count()).sum::<usize>());
        assert_eq!((first.tab.view, second.tab.view), (Some(server.value()), Some(server.value())));
    }
}

fn type_letter(person: &mut One, run: &mut String, index: usize, round: usize, backwards: bool, server: &mut Server) {
    let Some(Value::Object(members)) = person.tab.view.clone() else { panic!("no value") };
    let Value::Text(shown) = &members["t"] else { panic!("no text") };
    let caret = match shown.find(run.as_str()) {
        _ if run.is_empty() => "start of it ".len(),
        Some(at) => at + if backwards { 0 } else { run.len() },
        None => panic!("{run} is not in one piece in {shown}"),
    };
    let letter = char::from_u32([0x61, 0x3b1][index] + (round % 24) as u32).unwrap();
    let mut next = shown.clone();
    next.insert(caret, letter);
    run.insert(if backwards { 0 } else { run.len() }, letter);
    let units = |text: &str| text.encode_utf16().count();
    let steps = format!(r#"{{"t":{{"$text":[{},"{letter}"]}}}}"#, units(&shown[..caret]));
    // At the very start nothing is kept.
    person.act(patch(&steps.replace("[0,", "[")), Some(server));
}

#[test]
fn what_two_type_at_one_place_stays_in_one_piece_each() {
    for backwards in [false, true] {
        for bob_starts_later in [false, true] {
            type_at_one_place(backwards, bob_starts_later);
        }
    }
}

#[test]
fn what_a_tab_types_backwards_behind_its_own_words_stays_with_what_it_typed_last() {
    for other_first in [false, true] {
        let (mut server, mut ada, _) = two(&value(r#"{"t":"start "}"#));
        ada.act(patch(r#"{"t":{"$text":[6,"own "]}}"#), Some(&mut server));
        for letter in ["b", "a"] {
            ada.act(patch(&format!(r#"{{"t":{{"$text":[10,"{letter}"]}}}}"#)), Some(&mut server));
        }
        let mut other = second_tab(&mut ada);
        let (here, there) = (patch(r#"{"t":{"$text":[10,"_"]}}"#), patch(r#"{"t":{"$text":[10,"x"]}}"#));
        let first = ada.tab.next(here.clone());
        let second = other.next(there.clone());
        let mut edits = [("ada", first, here), ("other", second, there)];
        if other_first {
            edits.reverse();
        }
        for (tab, (op, seen), edit) in edits {
            let effects = ada.browser.edit(ENTITY, vec![edited(tab, op, seen, edit)]);
            ada.run(effects, Some(&mut server));
        }
        assert_eq!(server.value(), value(r#"{"t":"start own x_ab"}"#));
    }
}

#[test]
fn a_word_that_the_other_types_letter_by_letter_is_one_conflict_about_the_word() {
    let typed = [
        r#"{"$text": [6, -5, "v"]}"#,
        r#"{"$text": [7, {"insert": "e", "joins": 1}]}"#,
        r#"{"$text": [8, {"insert": "n", "joins": 1}]}"#,
        r#"{"$text": [9, {"insert": "us", "joins": 1}]}"#,
    ];
    let mine = r#"{"$text": [6, -5, "mars"]}"#;
    for is_live in [false, true] {
        for (choice, wanted) in [(Choice::Mine, "hello mars"), (Choice::Both, "hello venusmars")] {
            let (mut server, mut ada, mut bob) = two(&text("hello world"));
            ada.cut();
            ada.act(patch(mine), None);
            bob.act(patch(typed[0]), Some(&mut server));
            if is_live {
                ada.connect(&mut server);
            }
            for letters in &typed[1..] {
                bob.act(patch(letters), Some(&mut server));
                if is_live {
                    ada.follow(&mut server);
                }
            }
            if !is_live {
                ada.connect(&mut server);
                assert_eq!(field(&conflicts(&ada)[0], "theirs"), Some(&text("venus")));
            }
            let [conflict] = &conflicts(&ada)[..] else { panic!("one conflict") };
            assert_eq!(field(conflict, "range"), Some(&value("[6, 5]")), "live: {is_live}");
            resolve(&mut ada, 0, choice, &mut server);
            assert_eq!(ada.tab.view, Some(text(wanted)));
            assert_eq!(server.value(), text(wanted));
        }
    }
}
