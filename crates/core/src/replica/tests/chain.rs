//! Who goes on with what is in flight, while somebody else is quicker: one conflict holds what came of it, and not one for each step.

use super::One;
use super::intention::{conflicts, field, patch, resolve, two, value};
use super::server::Server;
use crate::replica::Choice;
use crate::value::Value;

/// Ada's first edit is in flight when bob's is accepted and she goes on; she hears of his by a push, or by the answer.
fn in_flight(first: &str, ada_does: &[&str], bob_does: &str, by_push: bool) -> (Server, One) {
    let (mut server, mut ada, mut bob) = two(&value(first));
    bob.act(patch(bob_does), Some(&mut server));
    ada_does.iter().for_each(|edit| ada.act(patch(edit), None));
    if by_push {
        ada.follow(&mut server);
    }
    for frame in std::mem::take(&mut ada.waiting) {
        let answer = server.handle(&frame, "ada", "ada");
        ada.receive(&answer, Some(&mut server));
    }
    ada.follow(&mut server);
    assert_eq!(ada.tab.view, Some(server.value()), "{ada_does:?}");
    (server, ada)
}

#[test]
fn one_conflict_holds_what_somebody_came_to_in_several_edits() {
    let removed = r#"{"$array":[1,-1]}"#;
    for (first, ada_does, bob_does, wanted, number) in [
        (
            r#"{"t":"make tea now"}"#,
            &[r#"{"t":{"$text":[5,-3,"coffee"]}}"#, r#"{"t":{"$text":[5,-6,"123"]}}"#][..],
            r#"{"t":{"$text":[5,-3,"milk"]}}"#,
            r#"{"t":"make 123 now"}"#,
            1,
        ),
        (
            r#"{"t":"make tea now"}"#,
            &[r#"{"t":{"$text":[5,-3,"coffee"]}}"#, r#"{"t":{"$text":["DRY BUGS",-15]}}"#],
            r#"{"t":{"$text":[5,-3,"milk"]}}"#,
            r#"{"t":"DRY BUGS"}"#,
            1,
        ),
        (r#"{"n":1}"#, &[r#"{"n":3}"#, r#"{"n":4}"#, r#"{"n":5}"#], r#"{"n":2}"#, r#"{"n":5}"#, 1),
        (r#"["a","buy ","x"]"#, &[r#"{"1":"buy b"}"#, r#"{"1":"buy bread"}"#], removed, r#"["a","buy bread","x"]"#, 1),
        (
            r#"["a",{"id":1,"t":"buy "},"x"]"#,
            &[r#"{"1":{"t":"buy b"}}"#, r#"{"1":{"t":"buy bread"}}"#, r#"{"1":{"done":true}}"#],
            removed,
            r#"["a",{"id":1,"t":"buy bread","done":true},"x"]"#,
            1,
        ),
        (
            r#"{"o":{"k":{"z":1}}}"#,
            &[r#"{"o":{"k":{"z":2}}}"#, r#"{"o":{"j":2}}"#, r#"{"o":{"k":{"w":2}}}"#],
            r#"{"o":{"$undefined":true}}"#,
            r#"{"o":{"k":{"z":2,"w":2},"j":2}}"#,
            1,
        ),
        (r#"{"n":1,"m":1}"#, &[r#"{"n":3}"#, r#"{"m":3}"#], r#"{"n":2,"m":2}"#, r#"{"n":3,"m":3}"#, 2),
    ] {
        for (by_push, newest_first) in [(true, true), (true, false), (false, true), (false, false)] {
            let (mut server, mut ada) = in_flight(first, ada_does, bob_does, by_push);
            let case = format!("{ada_does:?}, by push: {by_push}, newest first: {newest_first}");
            assert_eq!(conflicts(&ada).len(), number, "{case}: {:?}", conflicts(&ada));
            while !conflicts(&ada).is_empty() {
                let index = if newest_first { conflicts(&ada).len() - 1 } else { 0 };
                resolve(&mut ada, index, Choice::Mine, &mut server);
            }
            assert_eq!(server.value(), value(wanted), "{case}");
        }
    }
}

#[test]
fn what_somebody_wants_after_they_have_seen_the_other_is_another_conflict() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"n":0}"#));
    for (mine, theirs) in [(1, 2), (3, 4), (5, 6)] {
        bob.follow(&mut server);
        bob.act(patch(&format!(r#"{{"n":{theirs}}}"#)), Some(&mut server));
        ada.act(patch(&format!(r#"{{"n":{mine}}}"#)), Some(&mut server));
        ada.follow(&mut server);
    }
    let mine = |conflict: &Value| field(conflict, "mine").cloned();
    assert_eq!(
        conflicts(&ada).iter().map(mine).collect::<Vec<_>>(),
        [1, 3, 5].map(|n| Some(Value::Number(f64::from(n))))
    );
}
