//! What becomes of a copy when its person may not read the entity any more.

use super::*;

/// What the browser has on disk.
fn disk(one: &One) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    one.saved.iter().fold((None, None), |(mut kept, _), save| {
        let Effect::Save { snapshot, journal, .. } = save else { unreachable!("only these are kept here") };
        if let Some(snapshot) = snapshot {
            kept = Some(snapshot.clone()).filter(|snapshot| !snapshot.is_empty());
        }
        (kept, journal.clone())
    })
}

#[test]
fn a_copy_goes_from_the_screen_and_from_the_disk() {
    let (mut server, mut ada, mut bob) = two();
    server.role = Some("viewer".to_owned());
    bob.cut();
    bob.connect(&mut server);
    assert_eq!(bob.tab.state("role"), Some(text("viewer")));
    assert!(matches!(disk(&bob), (Some(_), Some(_))));
    bob.cut();
    server.hidden_from = vec!["bob"];
    bob.connect(&mut server);
    assert_eq!((bob.tab.view.clone(), bob.tab.state("role"), disk(&bob)), (None, None, (None, None)));
    let Some(Value::Object(error)) = bob.tab.state("error") else { panic!("nothing is said") };
    assert_eq!(error["code"], text("forbidden"));
    assert_eq!(bob.tab.state("conflicts"), Some(Value::Array(vec![])));
    // Once it is given again, it is there as it is by then, and kept.
    ada.edit(note("Tea", "four"), Some(&mut server));
    bob.cut();
    server.hidden_from.clear();
    bob.connect(&mut server);
    assert_eq!(bob.tab.view, Some(note("Tea", "four")));
    assert!(matches!(disk(&bob), (Some(_), Some(_))));
}

/// The conflicts that a tab shows: their number, and what each holds of whom.
fn conflicts(one: &One) -> Vec<(Option<Value>, bool)> {
    let Some(Value::Array(conflicts)) = one.tab.state("conflicts") else { panic!("no conflicts") };
    let held = |conflict| {
        let Value::Object(conflict) = conflict else { panic!("{conflict:?}") };
        (conflict.get("mine").cloned(), conflict.contains_key("base") || conflict.contains_key("theirs"))
    };
    conflicts.into_iter().map(held).collect()
}

/// The browser started again with what is on its disk.
fn restarted(one: &One) -> One {
    let (snapshot, journal) = disk(one);
    let mut again = One {
        browser: Browser::new("bob", "again"),
        tab: Screen::new("bob"),
        person: "bob",
        outcomes: Vec::new(),
        waiting: Vec::new(),
        online: false,
        saved: Vec::new(),
    };
    let effects = again.browser.load(ENTITY, snapshot.as_deref(), journal.as_deref());
    again.run(effects, None);
    let effects = again.browser.join(ENTITY, "bob");
    again.run(effects, None);
    again
}

/// What was written into "one two three".
fn written() -> Value {
    Value::object([("blob", text(", mine"))])
}

#[test]
fn what_was_not_sent_is_handed_over_without_what_others_wrote_and_outlives_a_restart() {
    for in_flight in [false, true] {
        let (mut server, _, mut bob) = two();
        server.hidden_from = vec!["bob"];
        if in_flight {
            bob.edit(note("Tea", "one two three, mine"), Some(&mut server));
        } else {
            bob.cut();
            bob.edit(note("Tea", "one two three, mine"), None);
            bob.connect(&mut server);
        }
        assert_eq!((bob.tab.view.clone(), disk(&bob).0), (None, None), "{in_flight}");
        assert_eq!(conflicts(&bob), [(Some(written()), false)]);
        assert_eq!(bob.tab.state("status"), Some(text("conflict")));
        let others = b"one two";
        let kept = disk(&bob).1.expect("it is kept");
        assert!(!kept.windows(others.len()).any(|bytes| bytes == others), "what others wrote is on no disk");
        let mut bob = restarted(&bob);
        bob.connect(&mut server);
        assert_eq!((bob.tab.view.clone(), conflicts(&bob)), (None, vec![(Some(written()), false)]));
        // There is nothing to put it in, also when the rest is there again.
        bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
        bob.cut();
        server.hidden_from.clear();
        bob.connect(&mut server);
        bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
        assert_eq!((bob.tab.view.clone(), conflicts(&bob).len()), (Some(note("Tea", "one two three")), 1));
        bob.act(Action::Resolve { conflict: 1, choice: Choice::Theirs }, Some(&mut server));
        assert_eq!(conflicts(&bob), []);
        assert_eq!(server.value(), note("Tea", "one two three"));
    }
}

#[test]
fn once_it_is_decided_nothing_is_left() {
    let (mut server, _, mut bob) = two();
    server.hidden_from = vec!["bob"];
    bob.edit(note("Tea", "one two three, mine"), Some(&mut server));
    bob.act(Action::Resolve { conflict: 1, choice: Choice::Theirs }, Some(&mut server));
    assert_eq!((conflicts(&bob), disk(&bob)), (vec![], (None, None)));
}

#[test]
fn a_conflict_from_before_holds_only_what_its_author_wrote() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Tea", "one 2, mine, three"), None);
    ada.edit(note("Tea", "one zwei three"), Some(&mut server));
    bob.connect(&mut server);
    assert_eq!(conflicts(&bob).len(), 1);
    bob.cut();
    server.hidden_from = vec!["bob"];
    bob.connect(&mut server);
    let [(Some(Value::Text(mine)), false)] = &conflicts(&bob)[..] else { panic!("{:?}", conflicts(&bob)) };
    assert!(mine.contains("mine") && !mine.contains("two"), "{mine}");
    assert_eq!(disk(&bob).0, None);
}

#[test]
fn the_copy_goes_also_where_no_tab_is_and_what_was_written_waits_for_one() {
    let (mut server, _, mut bob) = two();
    bob.cut();
    bob.edit(note("Tea", "one two three, mine"), None);
    let effects = bob.browser.leave(ENTITY, "bob");
    bob.run(effects, None);
    server.hidden_from = vec!["bob"];
    bob.connect(&mut server);
    assert_eq!(disk(&bob).0, None);
    assert!(!bob.browser.holds(ENTITY));
    assert_eq!(conflicts(&restarted(&bob)), [(Some(written()), false)]);
}

#[test]
fn a_deletion_is_no_withdrawal() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    ada.act(Action::Delete, Some(&mut server));
    bob.connect(&mut server);
    assert_eq!(bob.tab.state("presence"), Some(text("deleted")));
    assert!(disk(&bob).0.is_some());
}

#[test]
fn the_role_outlives_a_restart() {
    let (mut server, _, mut bob) = two();
    server.role = Some("viewer".to_owned());
    bob.cut();
    bob.connect(&mut server);
    let again = restarted(&bob);
    assert_eq!(again.tab.state("role"), Some(text("viewer")));
}

#[test]
fn what_is_refused_later_stands_beside_what_was_handed_over_and_neither_loses_a_letter() {
    let (mut server, _, mut bob) = two();
    server.hidden_from = vec!["bob"];
    bob.edit(note("Tea", "one two three, mine"), Some(&mut server));
    assert_eq!(conflicts(&bob), [(Some(written()), false)]);
    // In again, as one who may not change it, which the page does not know yet.
    bob.cut();
    server.hidden_from.clear();
    bob.connect(&mut server);
    server.refuses = Some(Code::Forbidden);
    bob.edit(note("Tea", "one two three, and four"), Some(&mut server));
    assert_eq!(conflicts(&bob)[0], (Some(written()), false));
    assert_eq!(conflicts(&bob)[1].0, Some(note("Tea", "one two three, and four")));
    // And out again.
    server.refuses = None;
    bob.cut();
    server.hidden_from = vec!["bob"];
    bob.connect(&mut server);
    let later = Value::object([("blob", text(", and four"))]);
    assert_eq!(conflicts(&bob), [(Some(written()), false), (Some(later), false)]);
}
