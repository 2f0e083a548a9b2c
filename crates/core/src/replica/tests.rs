//! Replicas against a model of the server: rules one by one here, everything at once and at random in `chaos`.

mod chain;
mod chaos;
mod deletion;
mod intention;
mod ledger;
mod refused;
mod series;
mod server;
mod steps;
mod stretches;
mod tab;
mod typing;
mod undo;
mod withdrawn;
mod world;

use super::*;
use crate::diff::{Patch, diff_finely};
use crate::limits::Limits;
use server::Server;
use tab::{Screen, object, text};

/// A browser with one tab, connected to a server over a line that loses nothing.
struct One {
    browser: Browser,
    tab: Screen,
    person: &'static str,
    outcomes: Vec<Outcome>,
    /// Frames for the server, when the line is cut.
    waiting: Vec<Vec<u8>>,
    online: bool,
    saved: Vec<Effect>,
}

const ENTITY: &str = "note:n";

fn edited(tab: &str, op: u32, seen: u32, action: Action) -> Edited {
    Edited { tab: tab.to_owned(), op, seen, merge: false, action }
}

impl One {
    fn new(person: &'static str) -> One {
        let mut one = One {
            browser: Browser::new(person, person),
            tab: Screen::new(person),
            person,
            outcomes: Vec::new(),
            waiting: Vec::new(),
            online: false,
            saved: Vec::new(),
        };
        one.browser.load(ENTITY, None, None);
        let effects = one.browser.join(ENTITY, person);
        one.run(effects, None);
        one
    }

    fn connect(&mut self, server: &mut Server) {
        self.online = true;
        let effects = self.browser.connected();
        self.run(effects, Some(server));
    }

    fn cut(&mut self) {
        self.online = false;
        let effects = self.browser.disconnected();
        self.run(effects, None);
        self.waiting.clear();
    }

    fn act(&mut self, action: Action, server: Option<&mut Server>) {
        let (op, seen) = self.tab.next(action.clone());
        let effects = self.browser.edit(ENTITY, vec![edited(self.person, op, seen, action)]);
        self.run(effects, server);
    }

    fn edit(&mut self, value: Value, server: Option<&mut Server>) {
        let patch = self.tab.patch_to(&value);
        self.act(Action::Patch(patch), server);
    }

    fn receive(&mut self, frame: &[u8], server: Option<&mut Server>) {
        let (outcome, effects) = self.browser.receive(frame);
        self.outcomes.push(outcome);
        self.run(effects, server);
    }

    /// Does what is asked, in order; answers come after all of it.
    fn run(&mut self, effects: Vec<Effect>, mut server: Option<&mut Server>) {
        let mut frames = Vec::new();
        for effect in effects {
            match &effect {
                Effect::Send { frame, .. } => frames.push(frame.clone()),
                Effect::Save { .. } => self.saved.push(effect),
                effect => {
                    self.tab.see(effect);
                }
            }
        }
        for frame in frames {
            match &mut server {
                Some(server) if self.online => {
                    let answer = server.handle(&frame, self.person, self.person);
                    self.receive(&answer, Some(*server));
                }
                _ => self.waiting.push(frame),
            }
        }
    }

    fn follow(&mut self, server: &mut Server) {
        for push in server.pushes(self.person) {
            self.receive(&push, Some(server));
        }
    }
}

fn note(title: &str, blob: &str) -> Value {
    object([("title", text(title)), ("blob", text(blob))])
}

/// Two people with the same note open.
fn two() -> (Server, One, One) {
    let mut server = Server::default();
    let (mut ada, mut bob) = (One::new("ada"), One::new("bob"));
    ada.connect(&mut server);
    ada.act(Action::Set(cbor::encode_value(&note("Tea", "one two three"))), Some(&mut server));
    bob.connect(&mut server);
    assert_eq!(bob.tab.view, ada.tab.view);
    (server, ada, bob)
}

#[test]
fn an_edit_goes_up_once_and_comes_down_at_the_other() {
    let (mut server, mut ada, mut bob) = two();
    ada.edit(note("Tea!", "one two three"), Some(&mut server));
    assert_eq!(ada.outcomes.last(), Some(&Outcome::Confirmed));
    bob.follow(&mut server);
    assert_eq!(bob.outcomes.last(), Some(&Outcome::Advanced));
    assert_eq!(bob.tab.view, Some(note("Tea!", "one two three")));
    assert_eq!(server.versions(), 2);
}

#[test]
fn offline_edits_are_one_patch_that_merges_under_what_others_did() {
    let (mut server, mut ada, mut bob) = two();
    ada.cut();
    ada.edit(note("Tea", "ONE two three"), None);
    ada.edit(note("Tea", "ONE! two three"), None);
    bob.edit(note("Tea", "one two THREE"), Some(&mut server));
    assert_eq!(ada.tab.state("status"), Some(text("offline")));
    ada.connect(&mut server);
    assert_eq!(ada.tab.view, Some(note("Tea", "ONE! two THREE")));
    assert_eq!(ada.tab.state("status"), Some(text("saved")));
    bob.follow(&mut server);
    assert_eq!(bob.tab.view, ada.tab.view);
    assert_eq!(server.versions(), 3);
}

#[test]
fn a_change_whose_answer_was_lost_is_applied_once() {
    let (mut server, mut ada, _) = two();
    ada.online = false;
    ada.edit(note("Tea", "one, two three"), None);
    // The server takes it; the line breaks before its answer.
    let frame = ada.waiting.pop().unwrap();
    server.handle(&frame, "ada", "ada");
    ada.cut();
    ada.edit(note("Tea", "one, two, three"), None);
    ada.connect(&mut server);
    assert_eq!(server.value(), note("Tea", "one, two, three"));
    assert_eq!(ada.tab.view, Some(server.value()));
    assert_eq!(server.versions(), 3);
}

#[test]
fn the_same_place_raises_one_conflict_and_the_choice_sticks() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Coffee", "one two three"), None);
    ada.edit(note("Milk", "one two three"), Some(&mut server));
    bob.connect(&mut server);
    assert_eq!(bob.tab.view, Some(note("Milk", "one two three")));
    assert_eq!(bob.tab.state("status"), Some(text("conflict")));
    let Some(Value::Array(conflicts)) = bob.tab.state("conflicts") else { panic!("no conflicts") };
    let [Value::Object(conflict)] = &conflicts[..] else { panic!("{conflicts:?}") };
    assert_eq!(conflict["path"], Value::Array(vec![text("title")]));
    assert_eq!((&conflict["mine"], &conflict["theirs"]), (&text("Coffee"), &text("Milk")));
    ada.follow(&mut server);
    assert_eq!(ada.tab.state("status"), Some(text("saved")));

    bob.act(Action::Resolve { conflict: 1, choice: Choice::Mine }, Some(&mut server));
    assert_eq!(bob.tab.state("status"), Some(text("saved")));
    ada.follow(&mut server);
    assert_eq!(ada.tab.view, Some(note("Coffee", "one two three")));
}

#[test]
fn undo_takes_back_what_was_done_here_and_leaves_what_others_did() {
    let (mut server, mut ada, mut bob) = two();
    ada.edit(note("Tea", "one two three four"), Some(&mut server));
    bob.follow(&mut server);
    bob.edit(note("Tea time", "one two three four"), Some(&mut server));
    ada.follow(&mut server);
    ada.act(Action::Undo, Some(&mut server));
    assert_eq!(ada.tab.view, Some(note("Tea time", "one two three")));
    ada.act(Action::Redo, Some(&mut server));
    assert_eq!(ada.tab.view, Some(note("Tea time", "one two three four")));
    bob.follow(&mut server);
    assert_eq!(bob.tab.view, ada.tab.view);
}

#[test]
fn what_is_deleted_meanwhile_keeps_my_edit_as_a_conflict_and_comes_back_when_undeleted() {
    let (mut server, mut ada, mut bob) = two();
    bob.cut();
    bob.edit(note("Tea!", "one two three"), None);
    ada.act(Action::Delete, Some(&mut server));
    assert_eq!(ada.tab.state("presence"), Some(text("deleted")));
    bob.connect(&mut server);
    assert_eq!(bob.tab.state("presence"), Some(text("deleted")));
    assert_eq!(bob.tab.state("status"), Some(text("conflict")));
    ada.act(Action::Undelete, Some(&mut server));
    bob.follow(&mut server);
    assert_eq!(bob.tab.state("presence"), Some(text("present")));
    assert_eq!(bob.tab.view, Some(note("Tea", "one two three")));
}

#[test]
fn two_who_create_the_same_end_with_both_their_members() {
    let mut server = Server::default();
    let (mut ada, mut bob) = (One::new("ada"), One::new("bob"));
    ada.act(Action::Set(cbor::encode_value(&object([("a", text("1")), ("same", text("ada"))]))), None);
    bob.act(Action::Set(cbor::encode_value(&object([("b", text("2")), ("same", text("bob"))]))), None);
    ada.connect(&mut server);
    bob.connect(&mut server);
    let both = object([("a", text("1")), ("b", text("2")), ("same", text("ada"))]);
    assert_eq!(bob.tab.view, Some(both.clone()));
    assert_eq!(bob.tab.state("status"), Some(text("conflict")));
    assert_eq!(server.value(), both);
}

#[test]
fn a_restart_shows_what_was_kept_and_sends_what_was_not_sent() {
    let (mut server, mut ada, mut bob) = two();
    ada.cut();
    ada.edit(note("Tea", "one two three four"), None);
    let (mut snapshot, mut journal) = (None, None);
    for effect in &ada.saved {
        if let Effect::Save { snapshot: new, journal: newer, .. } = effect {
            snapshot = new.clone().or(snapshot);
            journal.clone_from(newer);
        }
    }
    let mut again = One::new("ada");
    again.browser = Browser::new("second run", "ada");
    again.browser.load(ENTITY, snapshot.as_deref(), journal.as_deref());
    let effects = again.browser.join(ENTITY, "ada");
    again.run(effects, None);
    assert_eq!(again.tab.view, Some(note("Tea", "one two three four")));
    assert_eq!(again.tab.state("status"), Some(text("offline")));
    again.connect(&mut server);
    assert_eq!(server.value(), note("Tea", "one two three four"));
    bob.follow(&mut server);
    assert_eq!(bob.tab.view, Some(server.value()));
}

#[test]
fn an_edit_on_an_older_view_is_moved_over_what_the_tab_had_not_seen() {
    let (mut server, mut ada, mut bob) = two();
    bob.edit(note("Tea", "one two THREE"), Some(&mut server));
    // The tab edits before it hears of bob's change, which the browser has.
    let patch = ada.tab.patch_to(&note("Tea", "ONE two three"));
    let (op, seen) = ada.tab.next(Action::Patch(patch.clone()));
    let pushes = server.pushes("ada");
    let (_, effects) = ada.browser.receive(&pushes[0]);
    let late = ada.browser.edit(ENTITY, vec![edited("ada", op, seen, Action::Patch(patch))]);
    ada.run(effects, Some(&mut server));
    assert_eq!(ada.tab.view, Some(note("Tea", "ONE two three")), "the own edit is not hidden meanwhile");
    ada.run(late, Some(&mut server));
    assert_eq!(ada.tab.view, Some(note("Tea", "ONE two THREE")));
    assert_eq!(server.value(), note("Tea", "ONE two THREE"));
}

#[test]
fn nothing_overtakes_an_edit_that_is_to_come_again_with_its_base() {
    let (mut server, mut ada, _) = two();
    let patch = ada.tab.patch_to(&note("Tea", "ONE two three"));
    let (op, _) = ada.tab.next(Action::Patch(patch.clone()));
    let repeat = |op| vec![Effect::Repeat { entity: ENTITY.into(), tab: "ada".into(), op }];
    // What it was made on is not known to this run.
    assert_eq!(ada.browser.edit(ENTITY, vec![edited("ada", op, 0, Action::Patch(patch.clone()))]), repeat(op));
    assert_eq!(ada.browser.edit(ENTITY, vec![edited("ada", op + 1, 0, Action::Undo)]), repeat(op + 1));
    let base = cbor::encode_value(&note("Tea", "one two three"));
    assert_eq!(ada.browser.edit_from(ENTITY, "ada", op + 2, false, &base, &patch), repeat(op + 2));
    let effects = ada.browser.edit_from(ENTITY, "ada", op, false, &base, &patch);
    ada.run(effects, Some(&mut server));
    assert_eq!(server.value(), note("Tea", "ONE two three"));
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    let (mut server, mut ada, _) = two();
    let before = server.versions();
    ada.act(Action::Patch(vec![0xff, 0x00]), Some(&mut server));
    ada.act(Action::Patch(cbor::encode_patch(&Patch::Text(vec![]))), Some(&mut server));
    ada.act(Action::Set(vec![0xf7]), Some(&mut server));
    assert_eq!(ada.tab.refused, 3);
    assert_eq!(server.versions(), before);
    assert_eq!(ada.tab.view, Some(server.value()));
    let (outcome, effects) = ada.browser.receive(b"\xa1\x61");
    assert_eq!((outcome, effects), (Outcome::Ignored, vec![]));
    assert!(ada.browser.load("no name", None, None).is_empty());
    // Kept records that can't be read are left aside.
    let mut other = Browser::new("x", "ada");
    other.load(ENTITY, Some(b"\x81\x02"), Some(&cbor::encode_value(&diff_value())));
    assert!(other.holds(ENTITY));
}

#[test]
fn a_journal_with_something_in_flight_and_nothing_unsent_is_left_aside() {
    let mut replica = Replica::new(EntityId::parse(ENTITY).unwrap(), "ada");
    let list = |items: Vec<Value>| Value::Array(items);
    let back = Value::Bytes(cbor::encode_diff(&Diff::identity()));
    let sent = list(vec![text("key"), Value::from(3.0), back, Value::Bool(false)]);
    let none = || list(vec![]);
    let journal = |unsent: Vec<Value>| {
        let parts = vec![Value::from(2.0), none(), none(), list(unsent), list(vec![sent.clone()]), none(), none()];
        cbor::encode_value(&list([parts, vec![Value::from(1.0)]].concat()))
    };
    assert!(replica.restore(None, Some(&journal(vec![]))).is_err());
    assert!(replica.restore(None, Some(&journal(vec![list(vec![Value::from(3.0)])]))).is_ok());
}

fn diff_value() -> Value {
    assert!(diff_finely(&Value::Null, &Value::Null).is_identity());
    Value::Array(vec![Value::from(1.0), Value::Bool(true)])
}

#[test]
fn what_the_server_refuses_is_taken_back_and_offered() {
    let (mut server, mut ada, _) = two();
    server.refuses = Some(Code::Forbidden);
    ada.edit(note("Tea?", "one two three"), Some(&mut server));
    assert_eq!(ada.tab.view, Some(note("Tea", "one two three")));
    assert_eq!(ada.tab.state("status"), Some(text("conflict")));
    assert!(ada.tab.state("error").is_some());
    let limits = Limits::default();
    assert!(limits.depth > 0 && ada.browser.unsent().is_empty());
}

/// The reason that tabs are told, and that of the first conflict: what each says of the broken rule.
fn reasons(one: &One) -> [Option<Value>; 2] {
    let violations = |error: Option<Value>| match error {
        Some(Value::Object(error)) => error.get("violations").cloned(),
        _ => None,
    };
    let first = match one.tab.state("conflicts") {
        Some(Value::Array(conflicts)) => conflicts.into_iter().next(),
        _ => None,
    };
    let of_conflict = match first {
        Some(Value::Object(conflict)) => conflict.get("error").cloned(),
        _ => None,
    };
    [violations(one.tab.state("error")), violations(of_conflict)]
}

#[test]
fn what_breaks_a_rule_is_sent_once_and_kept_with_the_reason_until_somebody_decides() {
    let (mut server, mut ada, _) = two();
    server.refuses = Some(Code::InvalidValue);
    ada.edit(note("Coffee", "one two three"), Some(&mut server));
    let broken = object([("path", text("/title")), ("message", text("at most 3 characters"))]);
    let broken = Value::Array(vec![broken]);
    assert_eq!(reasons(&ada), [Some(broken.clone()), Some(broken.clone())]);
    assert_eq!(ada.tab.view, Some(note("Tea", "one two three")));
    // Neither time nor another connection brings it back by itself.
    let later = ada.browser.tick(1_000_000.0);
    ada.run(later, Some(&mut server));
    ada.cut();
    ada.connect(&mut server);
    assert_eq!((server.refusals, server.versions()), (1, 1));
    assert!(ada.browser.unsent().is_empty());

    // After a reload what was written is still there, and so is the reason.
    let saved = |of: fn(&Effect) -> Option<&Vec<u8>>| ada.saved.iter().rev().find_map(of).cloned();
    let snapshot = saved(|effect| if let Effect::Save { snapshot, .. } = effect { snapshot.as_ref() } else { None });
    let journal = saved(|effect| if let Effect::Save { journal, .. } = effect { journal.as_ref() } else { None });
    let mut again = One { browser: Browser::new("again", "ada"), tab: Screen::new("again"), person: "again", ..ada };
    again.browser.load(ENTITY, snapshot.as_deref(), journal.as_deref());
    let effects = again.browser.join(ENTITY, "again");
    again.run(effects, None);
    again.connect(&mut server);
    assert_eq!(reasons(&again), [None, Some(broken.clone())]);

    // The choice "mine" is an edit, and refused as such while the rule stands.
    for (refuses, id) in [(Some(Code::InvalidValue), 1), (None, 2)] {
        server.refuses = refuses;
        again.act(Action::Resolve { conflict: id, choice: Choice::Mine }, Some(&mut server));
    }
    assert_eq!((server.refusals, server.versions()), (2, 2));
    assert_eq!(again.tab.state("status"), Some(text("saved")));
    assert_eq!(reasons(&again), [None, None]);
}

#[test]
fn what_is_refused_while_something_is_refused_already_is_kept_beside_it() {
    let (mut server, mut ada, _) = two();
    server.refuses = Some(Code::InvalidValue);
    ada.edit(note("Tea!", "one two three"), Some(&mut server));
    ada.edit(note("Tea", "one two three four"), Some(&mut server));
    ada.edit(note("Tea?", "zero one two three"), Some(&mut server));
    let Some(Value::Array(conflicts)) = ada.tab.state("conflicts") else { panic!("no conflicts") };
    let [Value::Object(conflict)] = &conflicts[..] else { panic!("{conflicts:?}") };
    assert_eq!(conflict["mine"], note("Tea!?", "zero one two three four"));
    assert_eq!(ada.tab.view, Some(note("Tea", "one two three")));
}

#[test]
fn a_first_value_that_breaks_a_rule_is_offered_again() {
    let (mut server, mut ada) = (Server::default(), One::new("ada"));
    ada.connect(&mut server);
    server.refuses = Some(Code::InvalidValue);
    ada.act(Action::Set(cbor::encode_value(&note("Coffee", ""))), Some(&mut server));
    assert_eq!((ada.tab.view.as_ref(), server.refusals), (None, 1));
    assert_eq!(ada.tab.state("presence"), Some(text("missing")));
    let Some(Value::Array(conflicts)) = ada.tab.state("conflicts") else { panic!("no conflicts") };
    let [Value::Object(conflict)] = &conflicts[..] else { panic!("{conflicts:?}") };
    assert_eq!(conflict["mine"], note("Coffee", ""));
    assert!(reasons(&ada).iter().all(Option::is_some));
    server.refuses = None;
    let mended = Choice::Value(Some(cbor::encode_value(&note("Tea", ""))));
    ada.act(Action::Resolve { conflict: 1, choice: mended }, Some(&mut server));
    assert_eq!((server.value(), ada.tab.state("status")), (note("Tea", ""), Some(text("saved"))));
}
