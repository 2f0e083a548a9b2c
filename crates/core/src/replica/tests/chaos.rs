//! Everything at once: three people, two tabs each, typing into one note each in a line of their own. In the end all agree with the
//! server, and every key that was pressed is there once.

use super::intention::field;
use super::tab::{object, text};
use super::world::{Dice, PEOPLE, Person, TABS, Work, World, tab_name};
use crate::codec::cbor;
use crate::replica::{Action, Choice};
use crate::value::Value;

/// How much each tab has typed.
#[derive(Default)]
struct Typing([[usize; TABS]; PEOPLE.len()]);

impl Work for Typing {
    /// A tab's own line of the text gets one more letter at its end; nobody else types there.
    fn act(&mut self, _: &mut Dice, people: &mut [Person], person: usize, tab: usize) {
        let name = tab_name(people[person].name, tab);
        let typed = &mut self.0[person][tab];
        let screen = &people[person].tabs[tab];
        let Some(Value::Object(view)) = &screen.view else { return };
        let mut next = view.clone();
        let Some(Value::Text(blob)) = next.get("blob") else { return };
        let Some(at) = blob.find(&format!("<{name}>")) else { return };
        let letter = char::from(b'a' + (*typed % 26) as u8);
        let mut blob = blob.clone();
        blob.insert(at, letter);
        next.insert("blob".to_owned(), Value::Text(blob));
        next.insert(format!("{name}-{typed}"), Value::Bool(true));
        *typed += 1;
        let patch = screen.patch_to(&Value::Object(next));
        people[person].act(tab, Action::Patch(patch));
    }
}

fn note() -> Value {
    let mut lines = String::new();
    for person in PEOPLE {
        for index in 0..TABS {
            lines.push_str(&format!("line of : <{}> some more words\n", tab_name(person, index)));
        }
    }
    object([("title", text("chaos")), ("blob", Value::Text(lines))])
}

fn check(world: &World<Typing>, seed: u64) {
    let value = world.server.value();
    let Value::Object(members) = &value else { panic!("seed {seed}: no note") };
    let Value::Text(blob) = &members["blob"] else { panic!("seed {seed}: no text") };
    for (person, typed) in world.people.iter().zip(world.work.0) {
        assert!(person.browser.unsent().is_empty(), "seed {seed}: {} has unsent changes", person.name);
        for (index, tab) in person.tabs.iter().enumerate() {
            let name = tab_name(person.name, index);
            assert_eq!(tab.view.as_ref(), Some(&value), "seed {seed}: {name} shows something else");
            let keys = (0..typed[index]).filter(|key| !members.contains_key(&format!("{name}-{key}")));
            assert_eq!(keys.count(), 0, "seed {seed}: keys of {name} were lost");
            let wanted: String = (0..typed[index]).map(|key| char::from(b'a' + (key % 26) as u8)).collect();
            let line = format!("line of : {wanted}<{name}> some more words");
            assert!(blob.contains(&line), "seed {seed}: {name} typed {wanted}; the text is\n{blob}");
        }
    }
}

fn weather(seed: u64, steps: usize) -> usize {
    let mut world = World::new(seed, &note(), Typing::default());
    for _ in 0..steps {
        world.step();
    }
    world.calm();
    check(&world, seed);
    world.server.versions()
}

#[test]
fn every_tab_agrees_with_the_server_and_no_keystroke_is_lost_or_doubled() {
    let versions: usize = (1..=60).map(|seed| weather(seed, 1_500)).sum();
    assert!(versions > 60 * 10, "the runs made {versions} versions: too few to prove anything");
}

/// Everybody deletes, brings back, changes, takes back and decides as it comes.
struct Whims(f64);

impl Work for Whims {
    fn act(&mut self, dice: &mut Dice, people: &mut [Person], person: usize, tab: usize) {
        let screen = &people[person].tabs[tab];
        self.0 += 1.0;
        let next = object([("a", Value::from(self.0)), ("l", Value::Array(vec![text(&self.0.to_string())]))]);
        let conflicts = screen.state("conflicts");
        let conflict = match &conflicts {
            Some(Value::Array(conflicts)) => conflicts.first().and_then(|conflict| field(conflict, "id")),
            _ => None,
        };
        let is_there = screen.state("presence") == Some(text("present"));
        let action = match (dice.below(10), conflict, &screen.view) {
            (0, ..) => Action::Delete,
            (1, ..) => Action::Undelete,
            (2 | 3, ..) => Action::Undo,
            (4, ..) => Action::Redo,
            (5, Some(Value::Number(id)), _) => {
                let choice = if dice.percent(50) { Choice::Mine } else { Choice::Theirs };
                Action::Resolve { conflict: *id as u32, choice }
            }
            (_, _, Some(Value::Object(view))) if is_there => {
                let mut view = view.clone();
                match (dice.below(3), view.get("l").cloned()) {
                    (0, Some(Value::Array(mut items))) => {
                        items.push(Value::from(self.0));
                        items.drain(..dice.below(items.len()));
                        view.insert("l".to_owned(), Value::Array(items));
                    }
                    (1, _) => drop(view.insert("a".to_owned(), Value::from(f64::from(dice.below(3) as u32)))),
                    _ => drop(view.insert(format!("m{}", dice.below(3)), Value::from(self.0))),
                }
                Action::Patch(screen.patch_to(&Value::Object(view)))
            }
            _ => Action::Set(cbor::encode_value(&next)),
        };
        people[person].act(tab, action);
    }
}

#[test]
fn all_agree_whoever_deletes_brings_back_changes_and_takes_back() {
    for seed in 1..=150 {
        let mut world = World::new(seed, &note(), Whims(0.0));
        world.restarts = seed % 3 == 0;
        (0..800).for_each(|_| world.step());
        world.calm();
        let value = world.server.value();
        let presence = world.people[0].tabs[0].state("presence");
        for person in &world.people {
            assert!(
                person.browser.unsent().is_empty(),
                "seed {seed}: {} has unsent changes {:#?}",
                person.name,
                person.browser
            );
            for tab in &person.tabs {
                assert_eq!(tab.state("presence"), presence, "seed {seed}: {}", tab.name);
                // What is deleted nobody can be told of.
                if presence == Some(text("present")) {
                    assert_eq!(tab.view.as_ref(), Some(&value), "seed {seed}: {} shows something else", tab.name);
                }
            }
        }
    }
}
