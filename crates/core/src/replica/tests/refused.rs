//! What the server refused, and what becomes of it beside what others write.

use super::One;
use super::intention::*;
use super::server::Server;
use crate::codec::cbor;
use crate::message::Code;
use crate::replica::{Action, Choice};

#[test]
fn who_mends_what_was_refused_changes_nothing_that_others_wrote_since() {
    let (mut server, mut ada, mut bob) = two(&value(r#"{"title":"a","l":[]}"#));
    server.refuses = Some(Code::InvalidValue);
    ada.edit(value(r#"{"title":"too long","n":5,"l":[]}"#), Some(&mut server));
    server.refuses = None;
    bob.edit(value(r#"{"title":"a","l":[1],"bob":1}"#), Some(&mut server));
    ada.follow(&mut server);
    let mended = cbor::encode_value(&value(r#"{"title":"short","n":5,"l":[]}"#));
    ada.act(Action::Resolve { conflict: 1, choice: Choice::Value(Some(mended)) }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"title":"short","n":5,"l":[1],"bob":1}"#));

    // Also who has taken over what they wrote.
    server.refuses = Some(Code::InvalidValue);
    ada.edit(value(r#"{"title":"too long","n":5,"l":[1],"bob":1}"#), Some(&mut server));
    server.refuses = None;
    bob.edit(value(r#"{"title":"short","n":5,"l":[1,2],"bob":"one"}"#), Some(&mut server));
    ada.follow(&mut server);
    let mended = cbor::encode_value(&value(r#"{"title":"tall","n":5,"l":[1,2],"bob":"one"}"#));
    ada.act(Action::Resolve { conflict: 2, choice: Choice::Value(Some(mended)) }, Some(&mut server));
    assert_eq!(server.value(), value(r#"{"title":"tall","n":5,"l":[1,2],"bob":"one"}"#));
}

#[test]
fn i_keep_mine_of_what_was_refused_twice_and_what_others_wrote_in_between_stays() {
    for mended in [false, true] {
        let (mut server, mut ada, mut bob) = two(&value(r#"{"n":1,"seats":["s0"],"notes":"","mine":""}"#));
        let refused = |ada: &mut One, server: &mut Server, edit: &str| {
            server.refuses = Some(Code::InvalidValue);
            ada.act(patch(edit), Some(server));
            server.refuses = None;
        };
        refused(&mut ada, &mut server, r#"{"n":99,"first":1}"#);
        bob.act(patch(r#"{"seats":{"1":"bob's"},"notes":"bob's hour"}"#), Some(&mut server));
        ada.follow(&mut server);
        ada.act(patch(r#"{"mine":"accepted"}"#), Some(&mut server));
        refused(&mut ada, &mut server, r#"{"n":50,"other":9}"#);
        bob.follow(&mut server);
        bob.act(patch(r#"{"seats":{"2":"later"}}"#), Some(&mut server));
        ada.follow(&mut server);
        let [conflict] = &conflicts(&ada)[..] else { panic!("one conflict") };
        let there = r#""seats":["s0","bob's"],"notes":"bob's hour","mine":"accepted""#;
        let mine = value(&format!(r#"{{"n":50,"first":1,"other":9,{there}}}"#));
        assert_eq!(field(conflict, "base"), Some(&value(&format!(r#"{{"n":1,{there}}}"#))));
        assert_eq!(field(conflict, "mine"), Some(&mine));
        let (choice, n) = if mended {
            let mended = value(&format!(r#"{{"n":9,"first":1,"other":9,{there}}}"#));
            (Choice::Value(Some(cbor::encode_value(&mended))), 9)
        } else {
            (Choice::Mine, 50)
        };
        resolve(&mut ada, 0, choice, &mut server);
        let there = there.replace(r#""bob's"]"#, r#""bob's","later"]"#);
        assert_eq!(server.value(), value(&format!(r#"{{"n":{n},"first":1,"other":9,{there}}}"#)));
    }
}

#[test]
fn a_first_value_that_was_refused_takes_nothing_from_who_made_it_meanwhile() {
    let mut server = Server::default();
    let (mut ada, mut bob) = (One::new("ada"), One::new("bob"));
    ada.connect(&mut server);
    bob.connect(&mut server);
    server.refuses = Some(Code::InvalidValue);
    ada.act(Action::Set(cbor::encode_value(&value(r#"{"title":"too long","n":5}"#))), Some(&mut server));
    server.refuses = None;
    // Nothing was there, and nothing is.
    let [conflict] = &conflicts(&ada)[..] else { panic!("one conflict") };
    assert_eq!((field(conflict, "base"), field(conflict, "theirs"), &ada.tab.view), (None, None, &None));
    bob.act(Action::Set(cbor::encode_value(&value(r#"{"title":"bob","bob":1}"#))), Some(&mut server));
    ada.follow(&mut server);
    resolve(&mut ada, 0, Choice::Mine, &mut server);
    assert_eq!(server.value(), value(r#"{"title":"too long","n":5,"bob":1}"#));
}
