//! What a user would be angry about, in their words: tabs and people who do things at the same time.

use super::server::Server;
use super::tab::{Screen, object, text};
use super::{ENTITY, One, edited};
use crate::codec::{cbor, json};
use crate::diff::{Joins, Patch, Segment};
use crate::limits::Limits;
use crate::replica::{Action, Choice, Effect, Policy};
use crate::value::Value;

pub(super) fn value(text: &str) -> Value {
    json::value_from_text(text.as_bytes(), &Limits::default()).unwrap()
}

pub(super) fn patch(text: &str) -> Action {
    let patch = json::patch_from_text(text.as_bytes(), &Limits::default()).unwrap();
    Action::Patch(cbor::encode_patch(&patch))
}

/// Two people who have this open.
pub(super) fn two(first: &Value) -> (Server, One, One) {
    let mut server = Server::default();
    let (mut ada, mut bob) = (One::new("ada"), One::new("bob"));
    ada.connect(&mut server);
    ada.act(Action::Set(cbor::encode_value(first)), Some(&mut server));
    bob.connect(&mut server);
    (server, ada, bob)
}

/// Both go offline, do this, and come back: ada first.
pub(super) fn apart(first: &str, ada_does: &[&str], bob_does: &[&str]) -> (Server, One, One) {
    let (mut server, mut ada, mut bob) = two(&value(first));
    ada.cut();
    bob.cut();
    ada_does.iter().for_each(|edit| ada.act(patch(edit), None));
    bob_does.iter().for_each(|edit| bob.act(patch(edit), None));
    ada.connect(&mut server);
    bob.connect(&mut server);
    ada.follow(&mut server);
    assert_eq!(ada.tab.view, Some(server.value()));
    assert_eq!(bob.tab.view, Some(server.value()));
    (server, ada, bob)
}

pub(super) fn conflicts(one: &One) -> Vec<Value> {
    match one.tab.state("conflicts") {
        Some(Value::Array(conflicts)) => conflicts,
        _ => Vec::new(),
    }
}

pub(super) fn field<'a>(conflict: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Object(members) = conflict else { panic!("a conflict is an object") };
    members.get(name)
}

pub(super) fn resolve(one: &mut One, index: usize, choice: Choice, server: &mut Server) {
    let Some(Value::Number(id)) = field(&conflicts(one)[index], "id").cloned() else { panic!("no id") };
    one.act(Action::Resolve { conflict: id as u32, choice }, Some(server));
    assert_eq!(one.tab.refused, 0);
}

#[test]
fn what_two_push_is_all_there_without_a_conflict() {
    let (server, ada, bob) = apart(r#"{"l":["milk"]}"#, &[r#"{"l":{"1":"tea"}}"#], &[r#"{"l":{"1":"rum"}}"#]);
    assert_eq!(server.value(), value(r#"{"l":["milk","tea","rum"]}"#));
    assert!(conflicts(&ada).is_empty() && conflicts(&bob).is_empty());
}

/// A second tab of ada's browser.
pub(super) fn second_tab(ada: &mut One) -> Screen {
    let mut tab = Screen::new("other");
    for effect in ada.browser.join(ENTITY, "other") {
        tab.see(&effect);
    }
    tab
}

#[test]
fn two_tabs_that_push_before_they_see_each_other_lose_nothing() {
    let (mut server, mut ada, _) = two(&value(r#"{"l":[]}"#));
    let mut other = second_tab(&mut ada);
    let mut held: Vec<Effect> = Vec::new();
    for round in 0..20 {
        let here = ada.tab.patch_to(&pushed(ada.tab.view.as_ref().unwrap(), &format!("a{round}")));
        let there = other.patch_to(&pushed(other.view.as_ref().unwrap(), &format!("b{round}")));
        let first = ada.tab.next(Action::Patch(here.clone()));
        let second = other.next(Action::Patch(there.clone()));
        for (tab, (op, seen), edit) in [("ada", first, here), ("other", second, there)] {
            held.extend(ada.browser.edit(ENTITY, vec![edited(tab, op, seen, Action::Patch(edit))]));
        }
        // Now and then both hear what there is.
        if round % 3 == 0 {
            for effect in held.drain(..) {
                other.see(&effect);
                keep(&mut other, &effect);
                keep(&mut ada.tab, &effect);
                ada.run(vec![effect], Some(&mut server));
            }
        }
    }
    for effect in held {
        other.see(&effect);
        keep(&mut other, &effect);
        ada.run(vec![effect], Some(&mut server));
    }
    let Value::Object(members) = server.value() else { panic!("no value") };
    let Value::Array(items) = &members["l"] else { panic!("no list") };
    for letter in ["a", "b"] {
        let wanted: Vec<Value> = (0..20).map(|round| text(&format!("{letter}{round}"))).collect();
        let of_letter = |item: &&Value| matches!(item, Value::Text(name) if name.starts_with(letter));
        assert_eq!(items.iter().filter(of_letter).cloned().collect::<Vec<_>>(), wanted);
    }
    assert_eq!(other.view, Some(server.value()));
    assert!(conflicts(&ada).is_empty());
}

/// Many tabs of one browser, none of which is shown what the others do before all have done all.
fn far_behind(tabs: usize, edits: usize) -> (Vec<Screen>, usize) {
    let mut ada = One::new("ada");
    ada.act(Action::Set(cbor::encode_value(&value(r#"{"l":[]}"#))), None);
    let mut screens: Vec<Screen> = (0..tabs).map(|tab| Screen::new(&format!("tab{tab}"))).collect();
    for screen in &mut screens {
        let joined = ada.browser.join(ENTITY, &screen.name);
        joined.iter().for_each(|effect| drop(screen.see(effect)));
    }
    let (mut held, mut most) = (Vec::new(), 0);
    for round in 0..edits {
        for screen in &mut screens {
            let edit = screen.patch_to(&pushed(screen.view.as_ref().unwrap(), &format!("{}-{round}", screen.name)));
            let (op, seen) = screen.next(Action::Patch(edit.clone()));
            held.extend(ada.browser.edit(ENTITY, vec![edited(&screen.name, op, seen, Action::Patch(edit))]));
            most = most.max(ada.browser.unseen(ENTITY, &screen.name));
        }
    }
    for effect in held {
        for screen in &mut screens {
            screen.see(&effect);
            keep(screen, &effect);
        }
    }
    (screens, most)
}

#[test]
fn tabs_that_are_far_behind_lose_nothing_and_each_edit_is_moved_over_what_is_new_at_once() {
    let (tabs, edits) = (6, 60);
    let (screens, most) = far_behind(tabs, edits);
    let Some(Value::Object(members)) = &screens[0].view else { panic!("no value") };
    let Value::Array(items) = &members["l"] else { panic!("no list") };
    assert_eq!(items.len(), tabs * edits);
    for screen in &screens {
        assert_eq!(screen.view, screens[0].view);
        let theirs =
            |item: &&Value| matches!(item, Value::Text(name) if name.starts_with(&format!("{}-", screen.name)));
        let wanted: Vec<Value> = (0..edits).map(|round| text(&format!("{}-{round}", screen.name))).collect();
        assert_eq!(items.iter().filter(theirs).cloned().collect::<Vec<_>>(), wanted);
    }
    assert_eq!(most, 1, "of several hundred changes");
}

fn pushed(view: &Value, item: &str) -> Value {
    let Value::Object(members) = view else { panic!("no value") };
    let Value::Array(items) = &members["l"] else { panic!("no list") };
    object([("l", Value::Array([items.clone(), vec![text(item)]].concat()))])
}

fn keep(tab: &mut Screen, effect: &Effect) {
    if let Effect::Save { kept, .. } = effect {
        for (name, op) in kept {
            if *name == tab.name {
                tab.keep(*op);
            }
        }
    }
}

#[test]
fn an_element_deleted_here_and_edited_there_is_one_conflict_with_its_whole_value() {
    let first = r#"{"l":[{"id":1,"t":"a"},{"id":2,"t":"b"}]}"#;
    let (mut server, _, mut bob) = apart(first, &[r#"{"l":{"$array":[-1]}}"#], &[r#"{"l":{"0":{"t":"A"}}}"#]);
    assert_eq!(server.value(), value(r#"{"l":[{"id":2,"t":"b"}]}"#));
    let raised = conflicts(&bob);
    let [conflict] = &raised[..] else { panic!("{raised:?}") };
    assert_eq!(field(conflict, "mine"), Some(&value(r#"{"id":1,"t":"A"}"#)));
    assert_eq!((field(conflict, "absent"), field(conflict, "theirs")), (Some(&Value::Bool(true)), None));
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"l":[{"id":1,"t":"A"},{"id":2,"t":"b"}]}"#));
    assert!(conflicts(&bob).is_empty());
}

#[test]
fn an_element_that_somebody_has_put_back_already_is_not_put_back_twice() {
    let first = r#"{"l":[{"id":1,"t":"a"}]}"#;
    let (mut server, mut ada, mut bob) = apart(first, &[r#"{"l":{"$array":[-1]}}"#], &[r#"{"l":{"0":{"t":"A"}}}"#]);
    ada.act(patch(r#"{"l":{"$array":[[{"id":0},{"id":1,"t":"a","u":1}]]}}"#), Some(&mut server));
    bob.follow(&mut server);
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"l":[{"id":0},{"id":1,"t":"A","u":1}]}"#));
}

#[test]
fn mine_changes_the_contested_place_and_leaves_what_others_put_beside_it() {
    let first = r#"{"l":[{"id":1,"t":"a"}]}"#;
    let here = [r#"{"l":{"0":{"t":"x"},"1":{"id":2}}}"#];
    let there = [r#"{"l":{"0":{"t":"y"},"1":{"id":3}}}"#];
    let (mut server, _, mut bob) = apart(first, &here, &there);
    let raised = conflicts(&bob);
    let [conflict] = &raised[..] else { panic!("{raised:?}") };
    let range = Value::Array(vec![Value::from(0.0), Value::from(1.0)]);
    assert_eq!((field(conflict, "range"), field(conflict, "mine")), (Some(&range), Some(&text("y"))));
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"l":[{"id":1,"t":"y"},{"id":2},{"id":3}]}"#));
}

#[test]
fn elements_that_others_deleted_come_back_in_their_order_whichever_is_chosen_first() {
    let first = r#"{"l":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}"#;
    let changed = r#"{"l":{"0":{"n":2},"1":{"n":3},"3":{"n":4}}}"#;
    let there = r#"{"l":{"$array":[[{"id":"x"}],-4]}}"#;
    for order in [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0]] {
        let (mut server, _, mut bob) = apart(first, &[there], &[changed]);
        assert_eq!(conflicts(&bob).len(), 3);
        for index in order {
            resolve(&mut bob, index, Choice::Mine, &mut server);
        }
        let rows = r#"{"id":"a","n":2},{"id":"b","n":3},{"id":"d","n":4}"#;
        let either = [format!(r#"{{"l":[{{"id":"x"}},{rows}]}}"#), format!(r#"{{"l":[{rows},{{"id":"x"}}]}}"#)];
        assert!(either.iter().any(|wanted| value(wanted) == server.value()), "{order:?}: {:?}", server.value());
    }
}

#[test]
fn three_conflicts_in_a_row_at_one_place_can_be_seen_and_chosen() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"n":0}"#));
    for round in 1..=3 {
        bob.cut();
        bob.act(patch(&format!(r#"{{"n":{}}}"#, 10 * round)), None);
        ada.act(patch(&format!(r#"{{"n":{round}}}"#)), Some(&mut server));
        bob.connect(&mut server);
        ada.follow(&mut server);
    }
    let mine: Vec<_> = conflicts(&bob).iter().map(|one| field(one, "mine").cloned()).collect();
    assert_eq!(mine, [10.0, 20.0, 30.0].map(|number| Some(Value::from(number))));
    bob.act(Action::Resolve { conflict: 2, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"n":20}"#));
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Theirs }, Some(&mut server));
    bob.act(
        Action::Resolve { conflict: 3, choice: Choice::Value(Some(cbor::encode_value(&Value::from(7.0)))) },
        Some(&mut server),
    );
    assert_eq!((server.value(), conflicts(&bob).len()), (value(r#"{"n":7}"#), 0));
}

#[test]
fn both_puts_mine_behind_theirs() {
    let (mut server, _, mut bob) = apart(r#"{"t":"a cat"}"#, &[r#"{"t":"a dog"}"#], &[r#"{"t":"a cow"}"#]);
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Both }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"t":"a dogcow"}"#));
    let (mut server, _, mut bob) = apart(r#"{"n":1}"#, &[r#"{"n":2}"#], &[r#"{"n":3}"#]);
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Both }, Some(&mut server));
    assert_eq!((bob.tab.refused, conflicts(&bob).len(), server.value()), (1, 1, value(r#"{"n":2}"#)));
}

#[test]
fn a_conflict_follows_its_element_and_is_over_when_the_place_holds_what_was_wanted() {
    let first = r#"{"l":[{"id":1,"n":1},{"id":2}]}"#;
    let (mut server, mut ada, mut bob) = apart(first, &[r#"{"l":{"0":{"n":2}}}"#], &[r#"{"l":{"0":{"n":3}}}"#]);
    ada.act(patch(r#"{"l":{"$array":[{"take":1},1,{"put":0}]}}"#), Some(&mut server));
    bob.follow(&mut server);
    let path = Value::Array(vec![text("l"), Value::from(1.0), text("n")]);
    assert_eq!(field(&conflicts(&bob)[0], "path"), Some(&path));
    ada.act(patch(r#"{"l":{"1":{"n":3}}}"#), Some(&mut server));
    bob.follow(&mut server);
    assert!(conflicts(&bob).is_empty());
}

#[test]
fn undo_survives_what_others_do_elsewhere_in_the_same_short_text_list_and_number() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"t":"ab","l":[1],"n":1}"#));
    ada.act(patch(r#"{"t":"axb","l":{"1":2},"n":{"$increment":5}}"#), Some(&mut server));
    bob.follow(&mut server);
    bob.act(patch(r#"{"t":"axby","l":{"$array":[[0]]},"n":{"$increment":2}}"#), Some(&mut server));
    ada.follow(&mut server);
    ada.act(Action::Undo, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"t":"aby","l":[0,1],"n":3}"#));
    ada.act(Action::Redo, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"t":"axby","l":[0,1,2],"n":8}"#));
}

#[test]
fn undo_leaves_out_what_somebody_changed_since_and_takes_back_the_rest() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"a":1,"b":1}"#));
    ada.act(patch(r#"{"a":2,"b":2}"#), Some(&mut server));
    bob.follow(&mut server);
    bob.act(patch(r#"{"b":3}"#), Some(&mut server));
    ada.follow(&mut server);
    ada.act(Action::Undo, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"a":1,"b":3}"#));
}

#[test]
fn the_policies_decide_the_contested_place_and_nothing_else() {
    for (policy, wanted) in [(crate::replica::Policy::Mine, 3), (crate::replica::Policy::Theirs, 2)] {
        let (mut server, mut ada, mut bob) = two(&value(r#"{"n":1}"#));
        bob.browser.set_policy(ENTITY, policy);
        bob.cut();
        bob.act(patch(r#"{"n":3,"mine":true}"#), None);
        ada.act(patch(r#"{"n":2,"theirs":true}"#), Some(&mut server));
        bob.connect(&mut server);
        let wanted = format!(r#"{{"n":{wanted},"mine":true,"theirs":true}}"#);
        assert_eq!((server.value(), conflicts(&bob).len()), (value(&wanted), 0), "{policy:?}");
    }
}

#[test]
fn of_two_tabs_of_one_person_that_contradict_each_other_the_later_edit_holds() {
    let (mut server, mut ada, _) = two(&value(r#"{"n":1}"#));
    let mut other = second_tab(&mut ada);
    let (here, there) = (patch(r#"{"n":2}"#), patch(r#"{"n":3}"#));
    let first = ada.tab.next(here.clone());
    let second = other.next(there.clone());
    for (tab, (op, seen), edit) in [("ada", first, here), ("other", second, there)] {
        let effects = ada.browser.edit(ENTITY, vec![edited(tab, op, seen, edit)]);
        ada.run(effects, Some(&mut server));
    }
    assert_eq!((server.value(), conflicts(&ada).len()), (value(r#"{"n":3}"#), 0));
}

#[test]
fn of_two_words_for_one_word_one_is_shown_and_the_other_can_be_chosen() {
    let (mut server, _, mut bob) =
        apart(r#"{"t":"Coffee","b":""}"#, &[r#"{"t":"Theirs"}"#], &[r#"{"t":"Mine"}"#, r#"{"b":"x"}"#]);
    assert_eq!(bob.tab.state("status"), Some(text("conflict")));
    let raised = conflicts(&bob);
    assert_eq!(field(&raised[0], "mine"), Some(&text("Mine")));
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"t":"Mine","b":"x"}"#));
}

#[test]
fn an_element_that_both_make_under_one_name_is_merged_member_by_member() {
    let (server, ada, bob) = apart(
        r#"{"l":[]}"#,
        &[r#"{"l":{"0":{"id":"tea","name":"Tea","ada":1}}}"#],
        &[r#"{"l":{"0":{"id":"tea","name":"Chai","bob":1}}}"#],
    );
    assert_eq!(server.value(), value(r#"{"l":[{"id":"tea","name":"Tea","ada":1,"bob":1}]}"#));
    assert!(conflicts(&ada).is_empty());
    let [conflict] = &conflicts(&bob)[..] else { panic!("{:?}", conflicts(&bob)) };
    assert_eq!(field(conflict, "mine"), Some(&text("Chai")));
    assert_eq!(field(conflict, "path"), Some(&value(r#"["l",0,"name"]"#)));
}

#[test]
fn an_entry_of_a_map_that_both_make_is_merged_member_by_member() {
    let map = |entries: Vec<(&str, &str)>| {
        object([("m", Value::Map(entries.into_iter().map(|(key, entry)| (text(key), value(entry))).collect()))])
    };
    let (mut server, mut ada, mut bob) = two(&map(vec![]));
    ada.cut();
    bob.cut();
    ada.edit(map(vec![("tea", r#"{"name":"Tea","ada":1}"#), ("ada", "1")]), None);
    bob.edit(map(vec![("bob", "2"), ("tea", r#"{"name":"Chai","bob":1}"#)]), None);
    ada.connect(&mut server);
    bob.connect(&mut server);
    let Value::Object(shown) = server.value() else { panic!("no object") };
    let Value::Map(mut entries) = shown["m"].clone() else { panic!("no map") };
    entries.sort_by(|(a, _), (b, _)| format!("{a:?}").cmp(&format!("{b:?}")));
    let tea = value(r#"{"name":"Tea","ada":1,"bob":1}"#);
    assert_eq!(entries, [(text("ada"), value("1")), (text("bob"), value("2")), (text("tea"), tea)]);
    assert!(conflicts(&ada).is_empty());
    let [conflict] = &conflicts(&bob)[..] else { panic!("{:?}", conflicts(&bob)) };
    assert_eq!(field(conflict, "mine"), Some(&text("Chai")));
}

#[test]
fn a_number_in_a_map_that_both_set_can_be_chosen() {
    let map = |number: f64| object([("m", Value::Map(vec![(text("z"), Value::from(number))]))]);
    for (choice, wanted) in [(Choice::Mine, 8.0), (Choice::Value(Some(cbor::encode_value(&Value::from(7.0)))), 7.0)] {
        let (mut server, mut ada, mut bob) = two(&map(5.0));
        ada.cut();
        bob.cut();
        ada.edit(map(6.0), None);
        bob.edit(map(8.0), None);
        ada.connect(&mut server);
        bob.connect(&mut server);
        assert_eq!(bob.tab.view, Some(map(6.0)));
        bob.act(Action::Resolve { conflict: 1, choice }, Some(&mut server));
        assert_eq!(server.value(), map(wanted));
        assert!(conflicts(&bob).is_empty());
    }
}

/// A `Map` with these entries, and a text beside it.
fn map_and_text(entries: &[(&str, &str)], beside: &str) -> Value {
    let entries = entries.iter().map(|(key, entry)| (text(key), value(entry))).collect();
    object([("m", Value::Map(entries)), ("t", text(beside))])
}

#[test]
fn who_takes_an_entry_out_of_a_map_and_puts_it_back_loses_nothing_beside_it() {
    for (policy, number) in [(Policy::Mine, "5"), (Policy::Theirs, "1"), (Policy::KeepTheirsWhereBoth, "1")] {
        let (mut server, mut ada, mut bob) = two(&map_and_text(&[("k", "1"), ("j", "2")], "text"));
        bob.browser.set_policy(ENTITY, policy);
        ada.cut();
        bob.cut();
        let put_back = Segment::Insert(vec![value(r#"["k",1]"#)], Joins::NONE);
        let entries = Patch::Entries(vec![Segment::Delete(1), Segment::Keep(1), put_back]);
        let members = [("m".to_owned(), entries), ("t".to_owned(), Patch::Value(text("text Ada")))];
        ada.act(Action::Patch(cbor::encode_patch(&Patch::Map(members.into_iter().collect()))), None);
        let five = Patch::Array(vec![Segment::Keep(1), Segment::Inner(Patch::Value(value("5")))]);
        let members = [("m".to_owned(), Patch::Entries(vec![Segment::Inner(five)]))];
        bob.act(Action::Patch(cbor::encode_patch(&Patch::Map(members.into_iter().collect()))), None);
        ada.connect(&mut server);
        bob.connect(&mut server);
        let entries = [("j", "2"), ("k", number)];
        let either = [entries, [entries[1], entries[0]]].map(|entries| map_and_text(&entries, "text Ada"));
        assert!(either.contains(&server.value()), "{policy:?}: {:?}", server.value());
        if let [conflict] = &conflicts(&bob)[..] {
            assert_eq!(field(conflict, "path"), Some(&value(r#"["m",1]"#)));
        }
    }
}

#[test]
fn an_entry_that_was_deleted_and_is_back_takes_what_one_made_of_it() {
    let start = map_and_text(&[("k", r#"{"t":"x","n":1}"#)], "");
    let (mut server, mut ada, mut bob) = two(&start);
    ada.cut();
    bob.cut();
    ada.edit(map_and_text(&[], ""), None);
    bob.edit(map_and_text(&[("k", r#"{"t":"x Bob","n":1}"#)], ""), None);
    ada.connect(&mut server);
    bob.connect(&mut server);
    assert_eq!(conflicts(&bob).len(), 1);
    ada.edit(map_and_text(&[("a", "1"), ("k", r#"{"t":"x","n":2}"#)], ""), Some(&mut server));
    bob.follow(&mut server);
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    assert_eq!(server.value(), map_and_text(&[("a", "1"), ("k", r#"{"t":"x Bob","n":2}"#)], ""));
    assert!(conflicts(&bob).is_empty());
}

#[test]
fn of_lists_and_texts_that_both_made_where_nothing_was_both_can_be_had() {
    let (mut server, _, mut bob) =
        apart("{}", &[r#"{"l":["ada"],"t":"Ada. ","n":1}"#], &[r#"{"l":["bob"],"t":"Bob. ","n":2}"#]);
    assert_eq!(server.value(), value(r#"{"l":["ada"],"t":"Ada. ","n":1}"#));
    for _ in 0..2 {
        let list_or_text = |conflict: &Value| field(conflict, "path") != Some(&value(r#"["n"]"#));
        let index = conflicts(&bob).iter().position(list_or_text).unwrap();
        resolve(&mut bob, index, Choice::Both, &mut server);
    }
    assert_eq!(server.value(), value(r#"{"l":["ada","bob"],"t":"Ada. Bob. ","n":1}"#));
    let [Value::Object(left)] = &conflicts(&bob)[..] else { panic!("{:?}", conflicts(&bob)) };
    let Value::Number(id) = left["id"] else { panic!("no id") };
    bob.act(Action::Resolve { conflict: id as u32, choice: Choice::Both }, Some(&mut server));
    assert_eq!((conflicts(&bob).len(), bob.tab.refused > 0), (1, true), "of two numbers there is one");
}
