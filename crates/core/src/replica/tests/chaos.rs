//! Everything at once: three people, two tabs each, typing into one note each in a line of their own. In the end all agree with the
//! server, and every key that was pressed is there once.

use super::tab::{object, text};
use super::world::{Dice, PEOPLE, Person, TABS, Work, World, tab_name};
use crate::replica::Action;
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
