//! What others did in several versions that come at once, against what is unsent.

use super::intention::{conflicts, patch, second_tab, two, value};
use super::server::Server;
use super::{ENTITY, One, edited};
use crate::value::Value;

/// Ada goes offline, both do this, and she comes back.
fn apart_bob_first(first: &str, ada_does: &[&str], bob_does: &[&str]) -> (Server, One, One) {
    let (mut server, mut ada, mut bob) = two(&value(first));
    ada.cut();
    ada_does.iter().for_each(|edit| ada.act(patch(edit), None));
    bob_does.iter().for_each(|edit| bob.act(patch(edit), Some(&mut server)));
    ada.connect(&mut server);
    (server, ada, bob)
}

#[test]
fn what_the_other_changes_and_changes_back_is_in_nobodys_way() {
    for (bob_does, ada_does, wanted) in [
        (&[r#"{"a": 10}"#, r#"{"a": 1}"#][..], r#"{"a": 2}"#, r#"{"a": 2, "b": [{"id": 1}]}"#),
        (
            &[r#"{"b": {"$array": [-1]}}"#, r#"{"b": {"$array": [[{"id": 1}]]}}"#],
            r#"{"b": {"0": {"done": true}}}"#,
            r#"{"a": 1, "b": [{"id": 1, "done": true}]}"#,
        ),
    ] {
        let (server, ada, _) = apart_bob_first(r#"{"a": 1, "b": [{"id": 1}]}"#, &[ada_does], bob_does);
        assert_eq!(conflicts(&ada), Vec::<Value>::new(), "{ada_does}");
        assert_eq!(server.value(), value(wanted));
    }
}

#[test]
fn what_both_did_and_the_other_took_back_is_there_for_who_did_not_see_that() {
    for (first, does, back, wanted) in [
        (r#"{"done":false}"#, r#"{"done":true}"#, r#"{"done":false}"#, r#"{"done":true}"#),
        ("{}", r#"{"k":"x"}"#, r#"{"k":{"$undefined":true}}"#, r#"{"k":"x"}"#),
        (r#"{"l":[{"id":1,"n":0}]}"#, r#"{"l":{"0":{"n":1}}}"#, r#"{"l":{"0":{"n":0}}}"#, r#"{"l":[{"id":1,"n":1}]}"#),
        (
            r#"{"l":[{"id":1,"n":0}]}"#,
            r#"{"l":{"0":{"n":1}}}"#,
            r#"{"l":{"$array":[[{"id":2}],{"at":{"n":0}}]}}"#,
            r#"{"l":[{"id":2},{"id":1,"n":1}]}"#,
        ),
    ] {
        let (server, ada, _) = apart_bob_first(first, &[does], &[does, back]);
        assert_eq!((server.value(), conflicts(&ada)), (value(wanted), vec![]), "{does}");
    }
}

/// A tab that is frozen meanwhile, when ada or bob did this and took it back one after the other.
#[test]
fn what_a_frozen_tab_did_too_and_was_taken_back_meanwhile_is_there() {
    for by_bob in [false, true] {
        for (first, does, back, wanted) in [
            (r#"{"done":false}"#, r#"{"done":true}"#, r#"{"done":false}"#, r#"{"done":true}"#),
            ("{}", r#"{"k":"x"}"#, r#"{"k":{"$undefined":true}}"#, r#"{"k":"x"}"#),
            (
                r#"{"l":[{"id":1,"n":0}]}"#,
                r#"{"l":{"0":{"n":1}}}"#,
                r#"{"l":{"0":{"n":0}}}"#,
                r#"{"l":[{"id":1,"n":1}]}"#,
            ),
        ] {
            let (mut server, mut ada, mut bob) = two(&value(first));
            let mut frozen = second_tab(&mut ada);
            for edit in [does, r#"{"other":1}"#, back] {
                let who = if by_bob { &mut bob } else { &mut ada };
                who.act(patch(edit), Some(&mut server));
                ada.follow(&mut server);
            }
            let (op, seen) = frozen.next(patch(does));
            let effects = ada.browser.edit(ENTITY, vec![edited("other", op, seen, patch(does))]);
            ada.run(effects, Some(&mut server));
            ada.follow(&mut server);
            let Value::Object(mut there) = server.value() else { panic!("no object") };
            there.remove("other");
            assert_eq!((Value::Object(there), conflicts(&ada)), (value(wanted), vec![]), "{does}, by bob: {by_bob}");
        }
    }
}
