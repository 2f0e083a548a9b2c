//! Edits that come together.

use super::intention::{conflicts, patch, second_tab, two, value};
use super::*;

/// What comes of edits of tabs that arrive at once.
fn together(ada: &mut One, other: &mut Screen, edits: Vec<Edited>, server: &mut Server) -> Vec<Effect> {
    let effects = ada.browser.edit(ENTITY, edits);
    effects.iter().for_each(|effect| drop(other.see(effect)));
    ada.run(effects.clone(), Some(server));
    effects
}

fn made(tab: &mut Screen, name: &str, action: Action) -> Edited {
    let (op, seen) = tab.next(action.clone());
    edited(name, op, seen, action)
}

fn shows(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Show { .. })).count()
}

#[test]
fn what_a_tab_did_in_a_row_is_shown_at_once_and_taken_back_one_by_one() {
    for other_pushed in [false, true] {
        let (mut server, mut ada, _) = two(&value(r#"{"l":[],"t":"x"}"#));
        let mut other = second_tab(&mut ada);
        let mut edits = Vec::new();
        if other_pushed {
            edits.push(made(&mut other, "other", patch(r#"{"l":{"0":"theirs"}}"#)));
        }
        for step in [r#"{"l":{"0":"a"}}"#, r#"{"l":{"1":"b"}}"#, r#"{"t":"xy"}"#] {
            edits.push(made(&mut ada.tab, "ada", patch(step)));
        }
        let effects = together(&mut ada, &mut other, edits, &mut server);
        assert_eq!(shows(&effects), 1 + usize::from(other_pushed));
        let theirs = if other_pushed { r#""theirs""# } else { "" };
        let comma = if other_pushed { "," } else { "" };
        let after = |mine: &str, t: &str| {
            let between = if mine.is_empty() { "" } else { comma };
            value(&format!(r#"{{"l":[{theirs}{between}{mine}],"t":"{t}"}}"#))
        };
        assert_eq!(server.value(), after(r#""a","b""#, "xy"));
        assert_eq!(other.view, ada.tab.view);
        for wanted in [after(r#""a","b""#, "x"), after(r#""a""#, "x"), after("", "x")] {
            ada.act(Action::Undo, Some(&mut server));
            assert_eq!(server.value(), wanted);
        }
        for wanted in [after(r#""a""#, "x"), after(r#""a","b""#, "x"), after(r#""a","b""#, "xy")] {
            ada.act(Action::Redo, Some(&mut server));
            assert_eq!(server.value(), wanted);
        }
    }
}

#[test]
fn of_edits_in_a_row_one_that_does_not_fit_is_refused_and_the_others_come() {
    let (mut server, mut ada, _) = two(&value(r#"{"l":[]}"#));
    let steps = [r#"{"l":{"0":"a"}}"#, r#"{"l":{"7":"no"}}"#, r#"{"l":{"1":"b"}}"#];
    let edits: Vec<Edited> = steps.iter().map(|step| made(&mut ada.tab, "ada", patch(step))).collect();
    let (second, third) = (edits[1].op, edits[2].op);
    let effects = ada.browser.edit(ENTITY, edits);
    let is_refused = |effect: &Effect| matches!(effect, Effect::Refused { op, .. } if *op == second);
    assert_eq!(effects.iter().filter(|effect| is_refused(effect)).count(), 1);
    // What was made on something else is to come with that.
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Repeat { op, .. } if *op == third)));
    ada.run(effects, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"l":["a"]}"#));
}

#[test]
fn an_undo_of_what_another_tab_has_deleted_is_refused_and_what_comes_behind_it_fights_nobody() {
    let (mut server, mut ada, _) = two(&value(r#"{"n":0}"#));
    let mut other = second_tab(&mut ada);
    let edits = [made(&mut ada.tab, "ada", patch(r#"{"n":1}"#))];
    together(&mut ada, &mut other, edits.into(), &mut server);
    let edits = [
        made(&mut other, "other", patch(r#"{"n":2}"#)),
        made(&mut other, "other", Action::Delete),
        made(&mut ada.tab, "ada", Action::Undo),
        made(&mut ada.tab, "ada", patch(r#"{"n":3}"#)),
    ];
    together(&mut ada, &mut other, edits.into(), &mut server);
    assert_eq!((server.value(), conflicts(&ada), ada.tab.refused), (value(r#"{"n":3}"#), vec![], 1));
}

#[test]
fn where_many_edits_wait_those_of_one_tab_are_one_change() {
    let (mut server, mut ada, _) = two(&value(r#"{"l":[]}"#));
    let mut other = second_tab(&mut ada);
    let mut edits = Vec::new();
    for n in 0..10 {
        edits.push(made(&mut ada.tab, "ada", patch(&format!(r#"{{"l":{{"{n}":"a{n}"}}}}"#))));
        edits.push(made(&mut other, "other", patch(&format!(r#"{{"l":{{"{n}":"b{n}"}}}}"#))));
    }
    let effects = together(&mut ada, &mut other, edits, &mut server);
    assert_eq!(shows(&effects), 2);
    let all: Vec<String> = ["a", "b"].iter().flat_map(|who| (0..10).map(move |n| format!(r#""{who}{n}""#))).collect();
    let Value::Object(members) = server.value() else { panic!("no value") };
    let Value::Array(items) = &members["l"] else { panic!("no list") };
    let mut there: Vec<String> = items
        .iter()
        .map(|item| if let Value::Text(name) = item { format!(r#""{name}""#) } else { String::new() })
        .collect();
    there.sort();
    assert_eq!(there, all);
}

#[test]
fn letters_typed_beside_what_the_same_tab_deleted_then_are_not_in_its_place() {
    let (mut server, mut ada, _) = two(&value(r#"{"t":".word"}"#));
    let mut other = second_tab(&mut ada);
    // Ada has seen none of this.
    let there = [r#"{"t":{"$text":[1,"new "]}}"#, r#"{"t":{"$text":[5,-2]}}"#];
    let mut edits: Vec<Edited> = there.iter().map(|step| made(&mut other, "other", patch(step))).collect();
    edits.push(made(&mut ada.tab, "ada", patch(r#"{"t":{"$text":[1,-4,"text"]}}"#)));
    together(&mut ada, &mut other, edits, &mut server);
    assert_eq!(server.value(), value(r#"{"t":".new text"}"#));
    assert!(conflicts(&ada).is_empty());
}

#[test]
fn letters_of_two_tabs_that_come_again_with_their_base_stay_in_one_piece_each() {
    for backwards in [false, true] {
        let (mut server, mut ada, _) = two(&value(r#"{"t":"."}"#));
        second_tab(&mut ada);
        // As to a host that has just begun.
        for n in 0..3 {
            for (tab, letters) in [("ada", ["a", "b", "c"]), ("other", ["x", "y", "z"])] {
                let before = &letters[..n];
                let typed: String = if backwards { before.iter().rev().copied().collect() } else { before.concat() };
                let at = if backwards { 1 } else { 1 + n };
                let base = cbor::encode_value(&value(&format!(r#"{{"t":".{typed}"}}"#)));
                let step = patch(&format!(r#"{{"t":{{"$text":[{at},"{}"]}}}}"#, letters[n]));
                let Action::Patch(step) = step else { panic!("a patch") };
                let effects = ada.browser.edit_from(ENTITY, tab, 10 + n as u32, false, &base, &step);
                ada.run(effects, Some(&mut server));
            }
        }
        let wanted = if backwards { ["cba", "zyx"] } else { ["abc", "xyz"] };
        let Value::Object(members) = server.value() else { panic!("no value") };
        let Value::Text(there) = &members["t"] else { panic!("no text") };
        assert!(wanted.iter().all(|run| there.contains(run)), "{there}");
    }
}

#[test]
fn what_is_taken_back_and_brought_back_in_a_row_is_where_it_was_for_the_edit_behind_it() {
    let cases = [
        (r#"{"l":["x"],"t":"tea"}"#, &[r#"{"l":{"1":"a"}}"#, r#"{"l":{"2":"b"}}"#][..], r#"{"l":{"3":"c"}}"#),
        (
            r#"{"l":["x"],"t":"tea"}"#,
            &[r#"{"t":{"$text":[3," and"]}}"#, r#"{"t":{"$text":[-3]}}"#],
            r#"{"t":{"$text":[4,"!"]}}"#,
        ),
        (r#"{"l":["x"],"t":"tea"}"#, &[r#"{"l":{"$array":[-1]}}"#], r#"{"l":{"0":"c"}}"#),
    ];
    for (first, before, behind) in cases {
        let (mut server, mut ada, _) = two(&value(first));
        before.iter().for_each(|step| ada.act(patch(step), Some(&mut server)));
        let there = server.value();
        let mut other = second_tab(&mut ada);
        let mut actions = vec![Action::Undo; before.len()];
        actions.extend(vec![Action::Redo; before.len()]);
        actions.push(patch(behind));
        let edits: Vec<Edited> = actions.into_iter().map(|action| made(&mut ada.tab, "ada", action)).collect();
        let wanted = ada.tab.view.clone();
        assert_ne!(wanted, Some(there));
        together(&mut ada, &mut other, edits, &mut server);
        assert_eq!((Some(server.value()), &ada.tab.view), (wanted, &other.view), "{behind}");
    }
}

#[test]
fn of_what_many_tabs_did_at_once_each_takes_back_its_own() {
    for first in [r#"{"l":[],"n":0}"#, r#"{"l":[{"id":"there"}],"n":0}"#] {
        let (mut server, mut ada, _) = two(&value(first));
        let mut other = second_tab(&mut ada);
        let start = server.value();
        // Twice, so that there is something to take back already when the others' comes.
        for round in 0..2 {
            let mut edits = Vec::new();
            for n in 0..6 {
                for (tab, name) in [(&mut ada.tab, "ada"), (&mut other, "other")] {
                    let Some(Value::Object(members)) = &tab.view else { panic!("no value") };
                    let Value::Array(items) = &members["l"] else { panic!("no list") };
                    let (at, id) = (items.len(), format!("{name}{round}{n}"));
                    let step = if n == 3 {
                        r#"{"n":{"$increment":1}}"#.to_owned()
                    } else {
                        format!(r#"{{"l":{{"{at}":{{"id":"{id}"}}}}}}"#)
                    };
                    edits.push(made(tab, name, patch(&step)));
                }
            }
            let effects = together(&mut ada, &mut other, edits, &mut server);
            assert_eq!(shows(&effects), 2);
        }
        for left in (0..12).rev() {
            ada.act(Action::Undo, Some(&mut server));
            let Value::Object(members) = server.value() else { panic!("no value") };
            let Value::Array(items) = &members["l"] else { panic!("no list") };
            let of = |name: &str| items.iter().filter(|item| format!("{item:?}").contains(name)).count();
            let Value::Number(counted) = members["n"] else { panic!("no number") };
            assert_eq!((of("other"), of("ada") + counted as usize - 2), (10, left), "{left}");
        }
        assert_ne!(server.value(), start);
        assert!(conflicts(&ada).is_empty());
    }
}

#[test]
fn of_a_row_what_another_tab_did_too_stays_done() {
    let (mut server, mut ada, _) = two(&value(r#"{"l":["a","b","c"],"n":0}"#));
    let mut other = second_tab(&mut ada);
    let gone = r#"{"l":{"$array":[1,-1]}}"#;
    let mut edits = vec![made(&mut other, "other", patch(gone))];
    edits.extend([gone, r#"{"n":1}"#].map(|step| made(&mut ada.tab, "ada", patch(step))));
    together(&mut ada, &mut other, edits, &mut server);
    assert_eq!(server.value(), value(r#"{"l":["a","c"],"n":1}"#));
    ada.act(Action::Undo, Some(&mut server));
    ada.act(Action::Undo, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"l":["a","c"],"n":0}"#));
}
