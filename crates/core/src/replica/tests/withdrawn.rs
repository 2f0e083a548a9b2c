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

#[test]
fn what_was_not_sent_is_handed_over_and_on_no_disk() {
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
        assert_eq!((bob.tab.view.clone(), disk(&bob)), (None, (None, None)), "{in_flight}");
        let Some(Value::Array(conflicts)) = bob.tab.state("conflicts") else { panic!("no conflicts") };
        let [Value::Object(conflict)] = &conflicts[..] else { panic!("{conflicts:?}") };
        assert_eq!(conflict["mine"], note("Tea", "one two three, mine"));
        assert!(!conflict.contains_key("base") && !conflict.contains_key("theirs"), "{conflict:?}");
        assert_eq!(bob.tab.state("status"), Some(text("conflict")));
        bob.act(Action::Resolve { conflict: 1, choice: Choice::Theirs }, Some(&mut server));
        assert_eq!(bob.tab.state("conflicts"), Some(Value::Array(vec![])));
        assert_eq!(disk(&bob), (None, None));
        assert_eq!(server.value(), note("Tea", "one two three"));
    }
}

#[test]
fn what_nobody_is_there_to_take_waits_for_them() {
    let (mut server, _, mut bob) = two();
    bob.cut();
    bob.edit(note("Tea", "mine"), None);
    let effects = bob.browser.leave(ENTITY, "bob");
    bob.run(effects, None);
    server.hidden_from = vec!["bob"];
    bob.connect(&mut server);
    let (snapshot, journal) = disk(&bob);
    assert!(snapshot.is_some() && journal.is_some(), "it is kept until somebody has it");
    bob.cut();
    let effects = bob.browser.join(ENTITY, "bob");
    bob.run(effects, None);
    bob.connect(&mut server);
    assert!(matches!(bob.tab.state("conflicts"), Some(Value::Array(conflicts)) if conflicts.len() == 1));
    assert_eq!(disk(&bob), (None, None));
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
    let (snapshot, journal) = disk(&bob);
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
    assert_eq!(again.tab.state("role"), Some(text("viewer")));
}
