//! Everything at once: three people, two tabs each, typing into one note over lines that lose, repeat, delay and reorder
//! frames, break, and with browsers that die and come back from what they had on disk. In the end all agree with the server,
//! and every key that was pressed is there once.

use std::collections::BTreeMap;

use super::ENTITY;
use super::server::Server;
use super::tab::{Screen, object, text};
use crate::codec::cbor;
use crate::replica::{Action, Browser, Effect};
use crate::value::Value;

/// Enough to draw from; the same for the same seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const PEOPLE: [&str; 3] = ["ada", "bob", "cyd"];
const TABS: usize = 2;

struct Person {
    name: &'static str,
    runs: usize,
    browser: Browser,
    tabs: Vec<Screen>,
    online: bool,
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
    /// Effects that tabs have not seen yet, in order, for each of them.
    to_tabs: Vec<Vec<Effect>>,
    /// Edits on their way from each tab.
    edits: Vec<Vec<(u32, u32, bool)>>,
    snapshot: Option<Vec<u8>>,
    journal: Option<Vec<u8>>,
    /// How much each tab has typed.
    typed: Vec<usize>,
    /// It dies when so many effects of the next transition are performed.
    dies_after: Option<usize>,
    /// What had gone out when it died.
    escaped: Vec<Vec<u8>>,
}

fn tab_name(person: &str, index: usize) -> String {
    format!("{person}{index}")
}

impl Person {
    fn new(name: &'static str) -> Person {
        let tabs: Vec<Screen> = (0..TABS).map(|index| Screen::new(&tab_name(name, index))).collect();
        let mut person = Person {
            name,
            runs: 0,
            browser: Browser::default(),
            tabs,
            online: false,
            up: Vec::new(),
            down: Vec::new(),
            to_tabs: vec![Vec::new(); TABS],
            edits: vec![Vec::new(); TABS],
            snapshot: None,
            journal: None,
            typed: vec![0; TABS],
            dies_after: None,
            escaped: Vec::new(),
        };
        person.start();
        person
    }

    /// A browser from what is on disk; its tabs hear of it.
    fn start(&mut self) {
        self.runs += 1;
        self.browser = Browser::new(&format!("{} {}", self.name, self.runs), self.name);
        (self.online, self.up, self.down) = (false, Vec::new(), Vec::new());
        let effects = self.browser.load(ENTITY, self.snapshot.as_deref(), self.journal.as_deref());
        self.run(effects);
        for index in 0..TABS {
            (self.to_tabs[index], self.edits[index]) = (Vec::new(), Vec::new());
            self.tabs[index].restart();
        }
        for index in 0..TABS {
            let effects = self.browser.join(ENTITY, &tab_name(self.name, index));
            self.run(effects);
            // Tabs take what they start from before anything else happens.
            self.deliver_to_tab(index, usize::MAX);
            for op in self.tabs[index].unknown() {
                self.edits[index].push((op, 0, true));
            }
        }
    }

    fn run(&mut self, mut effects: Vec<Effect>) {
        let dies_after = self.dies_after.filter(|_| !effects.is_empty());
        effects.truncate(dies_after.unwrap_or(usize::MAX));
        for effect in effects {
            match effect {
                Effect::Send { frame, .. } => self.up.push(frame),
                Effect::Save { snapshot, journal, kept, .. } => {
                    self.snapshot = snapshot.or(self.snapshot.take());
                    self.journal = journal;
                    for (name, op) in kept {
                        if let Some(index) = (0..TABS).find(|index| tab_name(self.name, *index) == name) {
                            self.tabs[index].keep(op);
                        }
                    }
                }
                Effect::Later { .. } | Effect::Forget { .. } | Effect::Unauthorized => {}
                effect => self.to_tabs.iter_mut().for_each(|queue| queue.push(effect.clone())),
            }
        }
        if dies_after.is_some() {
            self.dies_after = None;
            self.escaped.append(&mut self.up);
            self.start();
        }
    }

    fn deliver_to_tab(&mut self, index: usize, most: usize) {
        let queue = &mut self.to_tabs[index];
        let count = most.min(queue.len());
        for effect in queue.drain(..count).collect::<Vec<_>>() {
            for op in self.tabs[index].see(&effect) {
                self.edits[index].push((op, 0, true));
            }
        }
    }

    /// Edits of a tab reach the browser, in order.
    fn deliver_edit(&mut self, index: usize) {
        if self.edits[index].is_empty() {
            return;
        }
        let (op, seen, with_base) = self.edits[index].remove(0);
        let Some(pending) = self.tabs[index].pending(op) else { return };
        let name = tab_name(self.name, index);
        let effects = match (&pending.action, &pending.before) {
            (Action::Patch(patch), Some(before)) if with_base => {
                self.browser.edit_from(ENTITY, &name, op, false, &cbor::encode_value(before), patch)
            }
            (action, _) => self.browser.edit(ENTITY, &name, op, seen, false, action.clone()),
        };
        self.run(effects);
    }

    /// A tab's own line of the text gets one more letter at its end; nobody else types there.
    fn type_key(&mut self, index: usize) {
        let Some(Value::Object(view)) = &self.tabs[index].view else { return };
        let mut next = view.clone();
        let Some(Value::Text(blob)) = next.get("blob") else { return };
        let mark = format!("<{}>", tab_name(self.name, index));
        let Some(at) = blob.find(&mark) else { return };
        let letter = char::from(b'a' + (self.typed[index] % 26) as u8);
        let mut typed = blob.clone();
        typed.insert(at, letter);
        let key = format!("{}-{}", tab_name(self.name, index), self.typed[index]);
        next.insert("blob".to_owned(), Value::Text(typed));
        next.insert(key, Value::Bool(true));
        self.typed[index] += 1;
        let patch = self.tabs[index].patch_to(&Value::Object(next));
        let (op, seen) = self.tabs[index].next(Action::Patch(patch));
        self.edits[index].push((op, seen, false));
    }
}

fn note() -> Value {
    let mut lines = String::new();
    for person in PEOPLE {
        for index in 0..TABS {
            lines.push_str(&format!("[]: <{}> some more words\n", tab_name(person, index)));
        }
    }
    object([("title", text("storm")), ("blob", Value::Text(lines.replace("[]: <", "line of : <")))])
}

struct Storm {
    dice: Dice,
    server: Server,
    people: Vec<Person>,
    now: f64,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut storm = Storm {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            server: Server::default(),
            people: PEOPLE.map(Person::new).into(),
            now: 0.0,
        };
        let action = Action::Set(cbor::encode_value(&note()));
        let first = &mut storm.people[0];
        let (op, seen) = first.tabs[0].next(action);
        first.edits[0].push((op, seen, false));
        storm.calm();
        storm
    }

    fn connect(&mut self, index: usize) {
        let person = &mut self.people[index];
        self.server.disconnect(person.name);
        (person.up, person.down, person.online) = (Vec::new(), Vec::new(), true);
        let effects = person.browser.connected();
        person.run(effects);
    }

    fn cut(&mut self, index: usize) {
        let person = &mut self.people[index];
        self.server.disconnect(person.name);
        (person.up, person.down, person.online) = (Vec::new(), Vec::new(), false);
        let effects = person.browser.disconnected();
        person.run(effects);
    }

    fn push(&mut self) {
        for person in &mut self.people {
            let pushes = self.server.pushes(person.name);
            if person.online {
                person.down.extend(pushes);
            }
        }
    }

    /// One frame goes up, or comes down. `fair`: in order, and none is lost.
    fn carry(&mut self, index: usize, up: bool, fair: bool) {
        let person = &mut self.people[index];
        let queue = if up { &mut person.up } else { &mut person.down };
        if queue.is_empty() {
            return;
        }
        let at = if fair { 0 } else { self.dice.below(queue.len().min(3)) };
        let frame = queue.remove(at);
        if !fair && self.dice.percent(10) {
            return;
        }
        if !fair && self.dice.percent(10) {
            queue.push(frame.clone());
        }
        if up {
            let answer = self.server.handle(&frame, person.name, person.name);
            person.down.push(answer);
            self.push();
        } else {
            let (_, effects) = person.browser.receive(&frame);
            person.run(effects);
        }
    }

    fn tick(&mut self, by: f64) {
        self.now += by;
        for person in &mut self.people {
            let effects = person.browser.tick(self.now);
            person.run(effects);
        }
    }

    fn step(&mut self) {
        for (index, name) in PEOPLE.into_iter().enumerate() {
            for frame in std::mem::take(&mut self.people[index].escaped) {
                self.server.handle(&frame, name, name);
                self.push();
            }
        }
        let index = self.dice.below(PEOPLE.len());
        let tab = self.dice.below(TABS);
        match self.dice.below(100) {
            0..20 => self.people[index].type_key(tab),
            20..40 => self.people[index].deliver_edit(tab),
            40..55 => {
                let most = self.dice.below(3) + 1;
                self.people[index].deliver_to_tab(tab, most);
            }
            55..74 => self.carry(index, true, false),
            74..93 => self.carry(index, false, false),
            93..95 => self.tick(4_000.0),
            95..97 => self.connect(index),
            97..98 => self.cut(index),
            98 => {
                let after = self.dice.below(5);
                self.people[index].dies_after = Some(after);
            }
            _ => {
                let name = tab_name(PEOPLE[index], tab);
                let person = &mut self.people[index];
                if person.tabs[tab].unknown().is_empty() && person.edits[tab].is_empty() {
                    let effects = person.browser.leave(ENTITY, &name);
                    person.run(effects);
                    if !person.browser.holds(ENTITY) {
                        let effects =
                            person.browser.load(ENTITY, person.snapshot.as_deref(), person.journal.as_deref());
                        person.run(effects);
                        for queue in &mut person.to_tabs {
                            queue.clear();
                        }
                        person.tabs.iter_mut().for_each(Screen::restart);
                    }
                    for index in 0..TABS {
                        let effects = person.browser.join(ENTITY, &tab_name(person.name, index));
                        person.run(effects);
                        person.deliver_to_tab(index, usize::MAX);
                    }
                }
            }
        }
    }

    /// The weather is fine until nothing happens any more.
    fn calm(&mut self) {
        self.people.iter_mut().for_each(|person| person.dies_after = None);
        (0..PEOPLE.len()).for_each(|index| self.connect(index));
        for round in 0..400 {
            for index in 0..PEOPLE.len() {
                for tab in 0..TABS {
                    self.people[index].deliver_to_tab(tab, usize::MAX);
                    self.people[index].deliver_edit(tab);
                }
                for up in [true, false] {
                    self.carry(index, up, true);
                }
            }
            if round % 20 == 19 {
                self.tick(30_000.0);
            }
        }
    }

    fn check(&self, seed: u64) {
        let value = self.server.value();
        let Value::Object(members) = &value else { panic!("seed {seed}: no note") };
        let Value::Text(blob) = &members["blob"] else { panic!("seed {seed}: no text") };
        for person in &self.people {
            assert!(person.browser.unsent().is_empty(), "seed {seed}: {} has unsent changes", person.name);
            for (index, tab) in person.tabs.iter().enumerate() {
                let name = tab_name(person.name, index);
                assert_eq!(tab.view.as_ref(), Some(&value), "seed {seed}: {name} shows something else");
                let keys = (0..person.typed[index]).filter(|key| !members.contains_key(&format!("{name}-{key}")));
                assert_eq!(keys.count(), 0, "seed {seed}: keys of {name} were lost");
                let wanted: String = (0..person.typed[index]).map(|key| char::from(b'a' + (key % 26) as u8)).collect();
                let line = format!("line of : {wanted}<{name}> some more words");
                assert!(blob.contains(&line), "seed {seed}: {name} typed {wanted}; the text is\n{blob}");
            }
        }
    }
}

fn weather(seed: u64, steps: usize) -> BTreeMap<&'static str, usize> {
    let mut storm = Storm::new(seed);
    for _ in 0..steps {
        storm.step();
    }
    storm.calm();
    storm.check(seed);
    [("versions", storm.server.versions())].into()
}

#[test]
fn every_tab_agrees_with_the_server_and_no_keystroke_is_lost_or_doubled() {
    let mut versions = 0;
    for seed in 1..=60 {
        versions += weather(seed, 1_500)["versions"];
    }
    assert!(versions > 60 * 10, "the storms made {versions} versions: too few to prove anything");
}
