//! What is taken back is what was done here, all of it, and nothing that others did.

use super::intention::{apart, conflicts, patch, resolve, two, value};
use super::*;

/// The same as [`apart`], and ada takes back what she did last before she comes back.
fn taken_back(first: &str, ada_does: &str, bob_does: &str, policy: Policy) -> (Server, One, One) {
    let (mut server, mut ada, mut bob) = two(&value(first));
    ada.browser.set_policy(ENTITY, policy);
    ada.cut();
    ada.act(patch(ada_does), None);
    ada.act(Action::Undo, None);
    bob.act(patch(bob_does), Some(&mut server));
    ada.connect(&mut server);
    bob.follow(&mut server);
    assert_eq!((&ada.tab.view, &bob.tab.view), (&Some(server.value()), &Some(server.value())));
    assert_eq!(ada.tab.state("status"), Some(text("saved")));
    (server, ada, bob)
}

#[test]
fn what_i_changed_and_took_back_offline_fights_nobody() {
    let row = r#"{"l":[{"id":1,"n":1},{"id":2,"n":2}]}"#;
    let cases = [
        (r#"{"n":1}"#, r#"{"n":5}"#, r#"{"n":2}"#, r#"{"n":2}"#),
        (r#"{"n":1}"#, r#"{"m":5}"#, r#"{"m":2}"#, r#"{"n":1,"m":2}"#),
        (r#"{"t":"tea please"}"#, r#"{"t":"milk please"}"#, r#"{"t":"coffee please"}"#, r#"{"t":"coffee please"}"#),
        (r#"{"o":{"a":1}}"#, r#"{"o":7}"#, r#"{"o":{"a":2}}"#, r#"{"o":{"a":2}}"#),
        (row, r#"{"l":{"$array":[-1]}}"#, r#"{"l":{"0":{"n":55}}}"#, r#"{"l":[{"id":1,"n":55},{"id":2,"n":2}]}"#),
        (row, r#"{"l":{"$array":[-1]}}"#, r#"{"l":{"$array":[-1]}}"#, r#"{"l":[{"id":2,"n":2}]}"#),
        (row, r#"{"l":{"0":{"n":9}}}"#, r#"{"l":{"$array":[-1]}}"#, r#"{"l":[{"id":2,"n":2}]}"#),
    ];
    for (first, ada_does, bob_does, wanted) in cases {
        for policy in [Policy::default(), Policy::Mine] {
            let (server, _, _) = taken_back(first, ada_does, bob_does, policy);
            assert_eq!(server.value(), value(wanted), "{ada_does} {policy:?}");
            assert_eq!(server.versions(), 2, "{ada_does} {policy:?}");
        }
    }
}

#[test]
fn what_i_set_back_by_hand_offline_fights_nobody() {
    let (server, ada, _) = apart(r#"{"l":[{"done":false}]}"#, &[], &[]);
    assert_eq!((server.versions(), conflicts(&ada).len()), (1, 0));
    let ticks = [r#"{"l":{"0":{"done":true}}}"#, r#"{"l":{"0":{"done":false}}}"#];
    let (server, _, bob) = apart(r#"{"l":[{"done":false}]}"#, &[ticks[0]], &ticks);
    assert_eq!(server.value(), value(r#"{"l":[{"done":true}]}"#));
    assert!(conflicts(&bob).is_empty());
}

#[test]
fn what_i_took_back_while_it_was_on_its_way_fights_nobody() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"n":1}"#));
    ada.online = false;
    ada.act(patch(r#"{"n":5}"#), None);
    ada.cut();
    ada.act(Action::Undo, None);
    bob.act(patch(r#"{"n":2}"#), Some(&mut server));
    ada.connect(&mut server);
    assert_eq!((server.value(), conflicts(&ada)), (value(r#"{"n":2}"#), vec![]));
}

#[test]
fn what_both_did_is_there_once_though_mine_was_on_its_way() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"n":1}"#));
    ada.online = false;
    ada.act(patch(r#"{"n":5}"#), None);
    let frame = ada.waiting.pop().expect("it is sent");
    bob.act(patch(r#"{"n":5}"#), Some(&mut server));
    bob.act(patch(r#"{"m":5}"#), Some(&mut server));
    ada.online = true;
    ada.follow(&mut server);
    let answer = server.handle(&frame, "ada", "ada");
    ada.receive(&answer, Some(&mut server));
    assert_eq!((&ada.tab.view, ada.tab.state("status")), (&Some(server.value()), Some(text("saved"))));
    ada.act(Action::Undo, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"n":5,"m":5}"#));
}

/// Both do this at once; then bob, who came second, takes his back.
fn both_and_undo(first: &str, ada_does: &[&str], bob_does: &[&str]) -> Value {
    let (mut server, _, mut bob) = apart(first, ada_does, bob_does);
    assert!(conflicts(&bob).is_empty());
    bob_does.iter().for_each(|_| bob.act(Action::Undo, Some(&mut server)));
    assert_eq!(bob.tab.view, Some(server.value()));
    server.value()
}

#[test]
fn what_both_did_stays_done_when_one_takes_it_back() {
    let tick = r#"{"l":{"0":{"done":true}}}"#;
    let ticked = value(r#"{"l":[{"id":1,"done":true}]}"#);
    assert_eq!(both_and_undo(r#"{"l":[{"id":1,"done":false}]}"#, &[tick], &[tick]), ticked);
    // Of what one did alone the rest is taken back.
    let rest = r#"{"l":{"0":{"done":true,"by":"bob"}}}"#;
    assert_eq!(both_and_undo(r#"{"l":[{"id":1,"done":false}]}"#, &[tick], &[rest]), ticked);
    assert_eq!(
        both_and_undo(r#"{"l":[{"id":1,"done":false}],"n":1}"#, &[tick], &[r#"{"n":2}"#, tick, r#"{"n":3}"#]),
        value(r#"{"l":[{"id":1,"done":true}],"n":1}"#)
    );
    let (two_three, three_four) = (r#"{"l":{"$array":[1,-2]}}"#, r#"{"l":{"$array":[2,-2]}}"#);
    assert_eq!(both_and_undo(r#"{"l":[1,2,3,4,5]}"#, &[three_four], &[two_three]), value(r#"{"l":[1,2,5]}"#));
    let row = [r#"{"l":{"1":{"id":2,"n":1}}}"#];
    assert_eq!(both_and_undo(r#"{"l":[{"id":1}]}"#, &row, &row), value(r#"{"l":[{"id":1},{"id":2,"n":1}]}"#));
    let word = [r#"{"t":"buy milk now"}"#];
    assert_eq!(both_and_undo(r#"{"t":"buy tea now"}"#, &word, &word), value(r#"{"t":"buy milk now"}"#));
}

#[test]
fn undo_takes_a_deletion_back_before_what_was_done_before_it() {
    let (mut server, mut ada, _) = two(&value(r#"{"a":1}"#));
    ada.act(patch(r#"{"a":2}"#), Some(&mut server));
    ada.act(Action::Delete, Some(&mut server));
    for (action, presence, shown) in [
        (Action::Undo, "present", r#"{"a":2}"#),
        (Action::Undo, "present", r#"{"a":1}"#),
        (Action::Redo, "present", r#"{"a":2}"#),
        (Action::Redo, "deleted", r#"{"a":2}"#),
    ] {
        ada.act(action, Some(&mut server));
        assert_eq!((ada.tab.state("presence"), &ada.tab.view), (Some(text(presence)), &Some(value(shown))));
        assert_eq!((ada.tab.refused, ada.tab.state("status")), (0, Some(text("saved"))));
    }
}

#[test]
fn what_others_deleted_or_brought_back_is_not_mine_to_undo() {
    let steps = |one: &One| match one.tab.state("undo") {
        Some(Value::Object(tabs)) => tabs.get(one.person).cloned(),
        _ => None,
    };
    let (mut server, mut ada, mut bob) = two(&value(r#"{"a":1}"#));
    ada.act(patch(r#"{"a":2}"#), Some(&mut server));
    bob.follow(&mut server);
    bob.act(Action::Delete, Some(&mut server));
    ada.follow(&mut server);
    assert_eq!(steps(&ada), Some(value("[0,0]")));
    ada.act(Action::Undelete, Some(&mut server));
    assert_eq!((steps(&ada), steps(&bob)), (Some(value("[2,0]")), Some(value("[1,0]"))));
    bob.follow(&mut server);
    assert_eq!(steps(&bob), Some(value("[0,0]")));
}

#[test]
fn undo_takes_back_as_a_whole_that_i_brought_back_what_others_deleted() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"a":1}"#));
    ada.cut();
    ada.act(patch(r#"{"a":2}"#), None);
    bob.act(Action::Delete, Some(&mut server));
    ada.connect(&mut server);
    resolve(&mut ada, 0, Choice::Mine, &mut server);
    assert_eq!((ada.tab.state("presence"), server.value()), (Some(text("present")), value(r#"{"a":2}"#)));
    for (action, presence, left) in [(Action::Undo, "deleted", r#"{"a":1}"#), (Action::Redo, "present", r#"{"a":2}"#)] {
        ada.act(action, Some(&mut server));
        bob.follow(&mut server);
        assert_eq!(
            (ada.tab.state("presence"), bob.tab.state("presence")),
            (Some(text(presence)), Some(text(presence)))
        );
        assert_eq!((server.value(), ada.tab.state("status")), (value(left), Some(text("saved"))));
    }
}

#[test]
fn a_list_that_i_sorted_and_sorted_back_offline_is_as_others_sort_it() {
    let list = |ids: &str| {
        let rows: Vec<String> = ids.chars().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
        value(&format!(r#"{{"l":[{}]}}"#, rows.join(",")))
    };
    let cases: [(&[&str], &str); 7] = [
        (&["bacd", "abcd"], "bacd"),
        (&["dcba", "abcd"], "bcad"),
        (&["dcba", "bcda", "abcd"], "acdb"),
        (&["acd", "bacd", "abcd"], "acd"),
        (&["axbcd", "abcd"], "bcd"),
        (&["", "abcd"], "acbd"),
        (&["", "d", "cd", "bcd", "abcd"], "bcd"),
    ];
    for (ada_does, bob_does) in cases {
        let (mut server, mut ada, mut bob) = two(&list("abcd"));
        ada.cut();
        ada_does.iter().for_each(|ids| ada.edit(list(ids), None));
        bob.edit(list(bob_does), Some(&mut server));
        ada.connect(&mut server);
        assert_eq!((server.value(), server.versions()), (list(bob_does), 2), "{ada_does:?}");
        assert_eq!(conflicts(&ada), vec![], "{ada_does:?}");
    }
}

#[test]
fn what_held_by_policy_is_taken_back_to_what_others_wrote() {
    let row = r#"{"l":[{"id":1,"n":1},{"id":2,"n":2}]}"#;
    let cases = [
        (r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":2}"#),
        (
            r#"{"t":"I drink tea now"}"#,
            r#"{"t":"I drink coffee now"}"#,
            r#"{"t":"I drink milk now"}"#,
            r#"{"t":"I drink coffee now"}"#,
        ),
        (row, r#"{"l":{"$array":[-1]}}"#, r#"{"l":{"0":{"n":9}}}"#, r#"{"l":[{"id":2,"n":2}]}"#),
    ];
    for (first, ada_does, bob_does, wanted) in cases {
        for in_flight in [false, true] {
            let (mut server, mut ada, mut bob) = two(&value(first));
            bob.browser.set_policy(ENTITY, Policy::Mine);
            if in_flight {
                bob.online = false;
            } else {
                bob.cut();
            }
            bob.act(patch(bob_does), None);
            ada.act(patch(ada_does), Some(&mut server));
            if in_flight {
                bob.cut();
            }
            bob.connect(&mut server);
            assert_ne!(server.value(), value(wanted), "{bob_does}");
            bob.act(Action::Undo, Some(&mut server));
            assert_eq!((server.value(), conflicts(&bob).len()), (value(wanted), 0), "{bob_does}, {in_flight}");
            assert_eq!(bob.tab.view, Some(server.value()));
        }
    }
}

/// Three rows, put in the other order; and that with the first changed.
const ROWS: &str = r#"{"l":[{"id":"a","n":0},{"id":"b","n":0},{"id":"c","n":0}]}"#;
const REVERSED: &str = r#"{"l":[{"id":"c","n":0},{"id":"b","n":0},{"id":"a","n":0}]}"#;
const REVERSE: &str = r#"{"l":{"$array":[{"take":2},1,{"put":1},{"put":0}]}}"#;
const COUNT: &str = r#"{"l":{"0":{"n":1}}}"#;

#[test]
fn what_both_put_in_the_same_order_stays_there_when_one_takes_it_back() {
    for bob_first in [false, true] {
        for steps in [&[REVERSE][..], &[COUNT, REVERSE]] {
            let (mut server, mut ada, mut bob) = two(&value(ROWS));
            ada.cut();
            if bob_first {
                bob.act(patch(REVERSE), Some(&mut server));
            }
            steps.iter().for_each(|step| ada.act(patch(step), None));
            if !bob_first {
                bob.cut();
                bob.act(patch(REVERSE), None);
            }
            ada.connect(&mut server);
            bob.connect(&mut server);
            ada.follow(&mut server);
            steps.iter().for_each(|_| ada.act(Action::Undo, Some(&mut server)));
            // Of two moves the later one holds: before that it is all ada's.
            let wanted = if bob_first { REVERSED } else { ROWS };
            assert_eq!((server.value(), conflicts(&ada).len()), (value(wanted), 0), "{bob_first} {steps:?}");
        }
    }
}

#[test]
fn what_is_taken_back_is_found_also_where_another_moved_it_before_this_tab_saw_that() {
    let (mut server, mut ada, mut bob) = two(&value(ROWS));
    ada.act(patch(COUNT), Some(&mut server));
    bob.follow(&mut server);
    let (op, seen) = ada.tab.next(patch(REVERSE));
    bob.act(patch(REVERSE), Some(&mut server));
    ada.follow(&mut server);
    let effects = ada.browser.edit(ENTITY, vec![edited("ada", op, seen, patch(REVERSE))]);
    ada.run(effects, Some(&mut server));
    (0..2).for_each(|_| ada.act(Action::Undo, Some(&mut server)));
    assert_eq!(server.value(), value(REVERSED));
}
