//! Deleted by one and changed by the other: nobody's work goes without a word, and what is chosen is what happens.

use super::intention::{conflicts, field, resolve, second_tab};
use super::*;
use crate::message::{Format, Request, Response};

fn presence(one: &One) -> Option<Value> {
    one.tab.state("presence")
}

/// Bob deletes offline what Ada changes meanwhile.
fn deleted_unseen(policy: Policy) -> (Server, One, One) {
    let (mut server, mut ada, mut bob) = two();
    bob.browser.set_policy(ENTITY, policy);
    bob.cut();
    bob.act(Action::Delete, None);
    ada.edit(note("Tea", "one two three four"), Some(&mut server));
    assert_eq!(presence(&bob), Some(text("deleted")));
    bob.connect(&mut server);
    ada.follow(&mut server);
    (server, ada, bob)
}

#[test]
fn who_deletes_what_others_changed_unseen_is_asked() {
    let (mut server, mut ada, mut bob) = deleted_unseen(Policy::default());
    let changed = note("Tea", "one two three four");
    assert_eq!((presence(&bob), &bob.tab.view), (Some(text("present")), &Some(changed.clone())));
    let [conflict] = &conflicts(&bob)[..] else { panic!("one conflict") };
    assert_eq!(field(conflict, "path"), Some(&Value::Array(vec![])));
    assert_eq!(field(conflict, "base"), Some(&note("Tea", "one two three")));
    assert_eq!((field(conflict, "mine"), field(conflict, "theirs")), (None, Some(&changed)));

    resolve(&mut bob, 0, Choice::Mine, &mut server);
    ada.follow(&mut server);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("deleted")), Some(text("deleted"))));
    assert_eq!(bob.tab.state("status"), Some(text("saved")));

    let (mut server, ada, mut bob) = deleted_unseen(Policy::default());
    resolve(&mut bob, 0, Choice::Theirs, &mut server);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
    assert_eq!(bob.tab.state("status"), Some(text("saved")));
}

#[test]
fn the_policies_decide_a_deletion_without_asking() {
    for (policy, presence_then) in [(Policy::Mine, "deleted"), (Policy::Theirs, "present")] {
        let (_, ada, bob) = deleted_unseen(policy);
        assert_eq!((presence(&ada), presence(&bob)), (Some(text(presence_then)), Some(text(presence_then))));
        assert_eq!(bob.tab.state("status"), Some(text("saved")), "{policy:?}");
    }
}

#[test]
fn a_deletion_on_its_way_to_the_server_meets_a_change_that_was_there_first() {
    for (policy, presence_then) in
        [(Policy::default(), "present"), (Policy::Mine, "deleted"), (Policy::Theirs, "present")]
    {
        for pushed_first in [false, true] {
            let (mut server, mut ada, mut bob) = two();
            bob.browser.set_policy(ENTITY, policy);
            bob.online = false;
            bob.act(Action::Delete, None);
            let frame = bob.waiting.pop().expect("the deletion is sent");
            bob.online = true;
            ada.edit(note("Tea!", "one two three"), Some(&mut server));
            let answer = server.handle(&frame, "bob", "bob");
            if pushed_first {
                bob.follow(&mut server);
            }
            bob.receive(&answer, Some(&mut server));
            bob.follow(&mut server);
            ada.follow(&mut server);
            let case = format!("{policy:?}, pushed first: {pushed_first}");
            let then = Some(text(presence_then));
            assert_eq!((presence(&ada), presence(&bob)), (then.clone(), then), "{case}");
            assert_eq!(conflicts(&bob).len(), usize::from(policy == Policy::default()), "{case}");
            assert_eq!(bob.tab.view, Some(note("Tea!", "one two three")), "{case}");
        }
    }
}

#[test]
fn a_deletion_taken_back_in_time_is_in_nobodys_way() {
    let (mut server, mut ada, mut bob) = two();
    bob.online = false;
    bob.act(Action::Delete, None);
    let frame = bob.waiting.pop().expect("the deletion is sent");
    bob.act(Action::Undelete, None);
    bob.online = true;
    ada.edit(note("Tea!", "one two three"), Some(&mut server));
    bob.follow(&mut server);
    let answer = server.handle(&frame, "bob", "bob");
    bob.receive(&answer, Some(&mut server));
    assert_eq!((conflicts(&bob), bob.tab.state("status")), (vec![], Some(text("saved"))));
    assert_eq!((presence(&bob), &bob.tab.view), (Some(text("present")), &ada.tab.view));
}

/// Bob changes offline what Ada changes and deletes meanwhile.
fn changed_unseen(policy: Policy) -> (Server, One, One) {
    let (mut server, mut ada, mut bob) = two();
    bob.browser.set_policy(ENTITY, policy);
    bob.cut();
    bob.edit(note("Tea", "one two three four"), None);
    ada.edit(note("Green tea", "one two three"), Some(&mut server));
    ada.act(Action::Delete, Some(&mut server));
    bob.connect(&mut server);
    ada.follow(&mut server);
    (server, ada, bob)
}

/// Whom the conflict names.
fn deleted_by(one: &One) -> Option<Value> {
    match field(&conflicts(one)[0], "meta") {
        Some(Value::Object(meta)) => meta.get("personId").cloned(),
        _ => None,
    }
}

#[test]
fn who_changed_what_others_deleted_can_bring_it_back() {
    let (mut server, mut ada, mut bob) = changed_unseen(Policy::default());
    assert_eq!((presence(&bob), conflicts(&bob).len()), (Some(text("deleted")), 1));
    assert_eq!(deleted_by(&bob), Some(text("ada")));
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    ada.follow(&mut server);
    let both = Some(note("Green tea", "one two three four"));
    assert_eq!((&ada.tab.view, &bob.tab.view), (&both, &both));
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
    assert_eq!(bob.tab.state("status"), Some(text("saved")));
}

#[test]
fn the_policies_decide_what_becomes_of_a_change_of_what_is_deleted() {
    let both = Some(note("Green tea", "one two three four"));
    let (_, ada, bob) = changed_unseen(Policy::Mine);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
    assert_eq!((&ada.tab.view, &bob.tab.view), (&both, &both));
    let (_, ada, bob) = changed_unseen(Policy::Theirs);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("deleted")), Some(text("deleted"))));
    assert_eq!((conflicts(&bob), bob.tab.state("status")), (vec![], Some(text("saved"))));
}

#[test]
fn who_also_deletes_it_is_asked_nothing() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Tea", "one two three four"), None);
    bob.act(Action::Delete, None);
    ada.act(Action::Delete, Some(&mut server));
    bob.connect(&mut server);
    assert_eq!((presence(&bob), conflicts(&bob)), (Some(text("deleted")), vec![]));
    assert_eq!(bob.tab.state("status"), Some(text("saved")));
}

#[test]
fn a_conflict_stands_where_others_replace_its_place_again() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Coffee", "one two three"), None);
    ada.edit(note("Milk", "one two three"), Some(&mut server));
    bob.connect(&mut server);
    ada.edit(note("Water", "one two three"), Some(&mut server));
    bob.follow(&mut server);
    assert_eq!(field(&conflicts(&bob)[0], "theirs"), Some(&text("Milk")));
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    assert_eq!(bob.tab.view, Some(note("Coffee", "one two three")));
}

/// Bob has a conflict at the title of what is in `at`, which Ada then takes away.
fn in_what_goes(with: impl Fn(Value) -> Value, without: &Value, path: &[Value]) {
    let element = |title: &str| object([("id", text("a")), ("title", text(title)), ("more", text("of it"))]);
    let (mut server, mut ada, mut bob) = two();
    ada.edit(with(element("Tea")), Some(&mut server));
    bob.follow(&mut server);
    bob.cut();
    bob.edit(with(element("Coffee")), None);
    ada.edit(with(element("Milk")), Some(&mut server));
    bob.connect(&mut server);
    assert_eq!(field(&conflicts(&bob)[0], "mine"), Some(&text("Coffee")));
    ada.edit(without.clone(), Some(&mut server));
    bob.follow(&mut server);
    let [conflict] = &conflicts(&bob)[..] else { panic!("one conflict") };
    assert_eq!(field(conflict, "path"), Some(&Value::Array(path.to_vec())));
    assert_eq!(field(conflict, "base"), Some(&element("Milk")));
    assert_eq!((field(conflict, "mine"), field(conflict, "theirs")), (Some(&element("Coffee")), None));
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    ada.follow(&mut server);
    assert_eq!((&ada.tab.view, &bob.tab.view), (&Some(with(element("Coffee"))), &Some(with(element("Coffee")))));
}

#[test]
fn a_conflict_in_what_is_deleted_later_is_about_all_of_that() {
    let list = |items: Vec<Value>| object([("list", Value::Array(items))]);
    let other = || object([("id", text("b"))]);
    in_what_goes(|element| list(vec![other(), element]), &list(vec![other()]), &[text("list"), Value::from(1.0)]);
    in_what_goes(|element| object([("kept", other()), ("one", element)]), &object([("kept", other())]), &[text("one")]);
}

#[test]
fn a_conflict_that_fits_nothing_any_more_keeps_what_it_holds() {
    let range = Some(crate::diff::Range { start: 0, length: 1 });
    let place = crate::diff::Place { range, ..crate::diff::Place::at(vec![crate::diff::Step::Key("x".to_owned())]) };
    let [base, mine, theirs] = ["tea", "rum", "gin"].map(|word| Some(text(word)));
    let mut held = conflict::Conflict { id: 1, place, base, mine: mine.clone(), theirs, meta: vec![], error: vec![] };
    // No stretch of a number is a text.
    let shown = object([("x", Value::from(5.0))]);
    held.follow(&diff_finely(&shown, &object([])), &shown, true);
    assert_eq!((held.place.lost, held.mine), (true, mine));
}

#[test]
fn an_undeletion_that_is_refused_is_not_tried_for_ever() {
    let (mut server, mut ada, _) = two();
    ada.act(Action::Delete, Some(&mut server));
    ada.online = false;
    ada.act(Action::Undelete, None);
    let frame = ada.waiting.pop().expect("it is sent");
    let request = Request::decode(&frame, Format::Cbor, &Limits::default()).unwrap();
    let missing = Response::error(Some(request.id), Code::NotFound, "there is none");
    ada.receive(&missing.encode(Format::Cbor), None);
    assert_eq!((ada.waiting.len(), presence(&ada)), (0, Some(text("deleted"))));
}

/// What the tab does one after the other, before it hears of any of it; each value is an edit of what it shows by then.
fn at_once(one: &mut One, edits: &[Option<&Value>]) {
    let mut effects = Vec::new();
    for edit in edits {
        let action = edit.map_or(Action::Delete, |value| Action::Patch(one.tab.patch_to(value)));
        let (op, seen) = one.tab.next(action.clone());
        effects.push(one.browser.edit(ENTITY, vec![edited(one.person, op, seen, action)]));
    }
    let online = std::mem::take(&mut one.online);
    effects.into_iter().for_each(|effects| one.run(effects, None));
    one.online = online;
}

#[test]
fn what_i_write_right_after_i_deleted_brings_it_back_with_that() {
    let (fresh, typed) = (note("fresh", "an hour of work"), note("fresh", "an hour of work!"));
    for edits in [
        vec![None, Some(&fresh)],
        vec![None, Some(&fresh), Some(&typed)],
        vec![Some(&typed), None, Some(&fresh)],
        vec![None, Some(&typed), None, Some(&fresh)],
    ] {
        let wanted = edits.last().copied().flatten().cloned();
        for offline in [true, false] {
            let (mut server, mut ada, mut bob) = two();
            if offline {
                ada.cut();
            }
            at_once(&mut ada, &edits);
            ada.cut();
            assert_eq!((presence(&ada), &ada.tab.view), (Some(text("present")), &wanted));
            ada.connect(&mut server);
            bob.follow(&mut server);
            assert_eq!((ada.tab.refused, ada.tab.state("status")), (0, Some(text("saved"))));
            assert_eq!((&ada.tab.view, &bob.tab.view), (&wanted, &wanted));
            assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
        }
    }
}

#[test]
fn what_i_delete_undelete_and_write_at_once_is_what_is_there() {
    let (mut server, mut ada, _) = two();
    ada.cut();
    ada.act(Action::Delete, None);
    ada.act(Action::Undelete, None);
    ada.edit(note("fresh", ""), None);
    ada.connect(&mut server);
    assert_eq!((presence(&ada), server.value(), ada.tab.refused), (Some(text("present")), note("fresh", ""), 0));
}

#[test]
fn who_deletes_and_writes_again_and_again_has_what_they_wrote_last_and_no_conflict() {
    let (mut server, mut ada, _) = two();
    ada.act(Action::Delete, Some(&mut server));
    ada.cut();
    ada.act(Action::Undelete, None);
    ada.edit(note("first", ""), None);
    ada.act(Action::Delete, None);
    // Made on what the tab shows of it.
    ada.edit(note("second", ""), None);
    ada.connect(&mut server);
    assert_eq!((presence(&ada), server.value(), ada.tab.refused), (Some(text("present")), note("second", ""), 0));
    assert!(conflicts(&ada).is_empty());
}

#[test]
fn what_i_write_in_one_tab_while_i_delete_in_another_is_not_lost() {
    let (mut server, mut ada, mut bob) = two();
    let mut other = second_tab(&mut ada);
    let wanted = note("Tea", "an hour of work");
    let (op, seen) = other.next(Action::Delete);
    let effects = ada.browser.edit(ENTITY, vec![edited("other", op, seen, Action::Delete)]);
    let edit = Action::Patch(ada.tab.patch_to(&wanted));
    let (op, seen) = ada.tab.next(edit.clone());
    let later = ada.browser.edit(ENTITY, vec![edited("ada", op, seen, edit)]);
    ada.run(effects, Some(&mut server));
    ada.run(later, Some(&mut server));
    bob.follow(&mut server);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
    assert_eq!((&ada.tab.view, &bob.tab.view), (&Some(wanted.clone()), &Some(wanted)));
}

#[test]
fn what_i_write_before_i_hear_that_others_deleted_it_waits_for_a_choice() {
    for with_base in [false, true] {
        for policy in [Policy::default(), Policy::Mine] {
            let (mut server, mut ada, mut bob) = two();
            bob.browser.set_policy(ENTITY, policy);
            ada.edit(note("Tea!", "one two three"), Some(&mut server));
            ada.act(Action::Delete, Some(&mut server));
            // Both pushes are there before the edit.
            let mut effects = Vec::new();
            server.pushes("bob").iter().for_each(|push| effects.extend(bob.browser.receive(push).1));
            let patch = bob.tab.patch_to(&note("Tea", "one two three four"));
            let (op, seen) = bob.tab.next(Action::Patch(patch.clone()));
            effects.extend(if with_base {
                let base = cbor::encode_value(&note("Tea", "one two three"));
                bob.browser.edit_from(ENTITY, "bob", op, false, &base, &patch)
            } else {
                bob.browser.edit(ENTITY, vec![edited("bob", op, seen, Action::Patch(patch))])
            });
            bob.run(effects, Some(&mut server));
            if policy == Policy::default() {
                assert_eq!((presence(&bob), conflicts(&bob).len()), (Some(text("deleted")), 1));
                let id = field(&conflicts(&bob)[0], "id").cloned();
                assert_eq!(id, Some(Value::from(1.0)));
                bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
            }
            assert_eq!((presence(&bob), conflicts(&bob).len()), (Some(text("present")), 0));
            assert_eq!(server.value(), note("Tea!", "one two three four"));
        }
    }
}

#[test]
fn mine_of_a_conflict_in_an_entity_that_others_delete_later_brings_it_back() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Coffee", "one two three"), None);
    ada.edit(note("Milk", "one two three"), Some(&mut server));
    bob.connect(&mut server);
    ada.follow(&mut server);
    ada.act(Action::Delete, Some(&mut server));
    bob.follow(&mut server);
    assert_eq!((presence(&bob), conflicts(&bob).len()), (Some(text("deleted")), 1));
    assert_eq!(deleted_by(&bob), Some(text("ada")));
    resolve(&mut bob, 0, Choice::Mine, &mut server);
    ada.follow(&mut server);
    assert_eq!((presence(&ada), presence(&bob)), (Some(text("present")), Some(text("present"))));
    assert_eq!((server.value(), conflicts(&bob).len()), (note("Coffee", "one two three"), 0));
    bob.act(Action::Undo, Some(&mut server));
    assert_eq!((presence(&bob), server.value()), (Some(text("deleted")), note("Milk", "one two three")));
}

#[test]
fn both_bring_it_back() {
    let (mut server, mut ada, mut bob) = two();
    ada.act(Action::Delete, Some(&mut server));
    bob.follow(&mut server);
    bob.online = false;
    bob.act(Action::Undelete, None);
    let frame = bob.waiting.pop().expect("it is sent");
    bob.online = true;
    ada.act(Action::Undelete, Some(&mut server));
    let answer = server.handle(&frame, "bob", "bob");
    bob.receive(&answer, None);
    assert_eq!(presence(&bob), Some(text("present")), "before more is heard");
    bob.follow(&mut server);
    assert_eq!((presence(&bob), &bob.tab.view), (Some(text("present")), &ada.tab.view));
}

#[test]
fn a_deletion_before_which_something_was_missed_is_not_asked_about_for_ever() {
    let (mut server, mut ada, mut bob) = two();
    ada.edit(note("Tea!", "one two three"), Some(&mut server));
    ada.act(Action::Delete, Some(&mut server));
    let pushes = server.pushes("bob");
    bob.receive(&pushes[1], Some(&mut server));
    assert_eq!((presence(&bob), bob.tab.state("status")), (Some(text("deleted")), Some(text("saved"))));
    ada.act(Action::Undelete, Some(&mut server));
    bob.follow(&mut server);
    assert_eq!((presence(&bob), &bob.tab.view), (Some(text("present")), &Some(note("Tea!", "one two three"))));
}
