//! Conflicts about a stretch of a list or a text: what others do to it before somebody chooses is still there after.

use super::intention::{apart, conflicts, field, patch, resolve, value};
use super::server::Server;
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
