//! Three people, two tabs each, over lines that lose, repeat, delay and reorder frames, break, and with browsers that die and come
//! back from what they had on disk.

use super::server::Server;
use super::tab::Screen;
use super::{ENTITY, edited};
use crate::codec::cbor;
use crate::replica::{Action, Browser, Effect};
use crate::value::Value;

/// What people do.
pub(super) trait Work {
    /// A tab of a person does something, or nothing.
    fn act(&mut self, dice: &mut Dice, people: &mut [Person], person: usize, tab: usize);
}

/// Enough to draw from; the same for the same seed (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    pub(super) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

pub(super) const PEOPLE: [&str; 3] = ["ada", "bob", "cyd"];
pub(super) const TABS: usize = 2;

pub(super) struct Person {
    pub(super) name: &'static str,
    runs: usize,
    pub(super) browser: Browser,
    pub(super) tabs: Vec<Screen>,
    online: bool,
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
    /// Effects that tabs have not seen yet, in order, for each of them.
    to_tabs: Vec<Vec<Effect>>,
    /// Edits on their way from each tab.
    edits: Vec<Vec<(u32, u32, bool)>>,
    snapshot: Option<Vec<u8>>,
    journal: Option<Vec<u8>>,
    /// It dies when so many effects of the next transition are executed.
    dies_after: Option<usize>,
    /// What had gone out when it died.
    escaped: Vec<Vec<u8>>,
}

pub(super) fn tab_name(person: &str, index: usize) -> String {
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

    /// The next edits of these tabs reach the browser, together as far as that can be.
    fn deliver_edits(&mut self, tabs: impl IntoIterator<Item = usize>) {
        let mut together = Vec::new();
        for index in tabs {
            if self.edits[index].is_empty() {
                continue;
            }
            let (op, seen, with_base) = self.edits[index].remove(0);
            let Some(pending) = self.tabs[index].pending(op) else { continue };
            let name = tab_name(self.name, index);
            if let (Action::Patch(patch), Some(before)) = (&pending.action, &pending.before)
                && with_base
            {
                let (before, patch) = (cbor::encode_value(before), patch.clone());
                let effects = self.browser.edit(ENTITY, std::mem::take(&mut together));
                self.run(effects);
                let effects = self.browser.edit_from(ENTITY, &name, op, false, &before, &patch);
                self.run(effects);
            } else {
                together.push(edited(&name, op, seen, pending.action.clone()));
            }
        }
        let effects = self.browser.edit(ENTITY, together);
        self.run(effects);
    }

    /// A tab does something.
    pub(super) fn act(&mut self, index: usize, action: Action) {
        let (op, seen) = self.tabs[index].next(action);
        self.edits[index].push((op, seen, false));
    }
}

/// Everybody, and what they do.
pub(super) struct World<W> {
    pub(super) dice: Dice,
    pub(super) server: Server,
    pub(super) people: Vec<Person>,
    pub(super) work: W,
    /// Whether frames get lost, doubled and out of order, browsers die, and tabs leave and come back.
    pub(super) restarts: bool,
    now: f64,
}

impl<W: Work> World<W> {
    /// They begin with `first`, which all of them have seen.
    pub(super) fn new(seed: u64, first: &Value, work: W) -> World<W> {
        let mut world = World {
            dice: Dice::new(seed),
            server: Server::default(),
            people: PEOPLE.map(Person::new).into(),
            work,
            restarts: true,
            now: 0.0,
        };
        world.people[0].act(0, Action::Set(cbor::encode_value(first)));
        world.calm();
        world
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
            // Whoever was asked for a pause has made one by now.
            let effects = person.browser.again(ENTITY);
            person.run(effects);
        }
    }

    pub(super) fn step(&mut self) {
        for (index, name) in PEOPLE.into_iter().enumerate() {
            for frame in std::mem::take(&mut self.people[index].escaped) {
                self.server.handle(&frame, name, name);
                self.push();
            }
        }
        let index = self.dice.below(PEOPLE.len());
        let tab = self.dice.below(TABS);
        match self.dice.below(100) {
            0..20 => self.work.act(&mut self.dice, &mut self.people, index, tab),
            20..28 => self.people[index].deliver_edits([tab]),
            28..31 => {
                let tabs: Vec<usize> = (0..24).map(|_| self.dice.below(TABS)).collect();
                self.people[index].deliver_edits(tabs);
            }
            31..55 => {
                let most = self.dice.below(3) + 1;
                self.people[index].deliver_to_tab(tab, most);
            }
            55..74 => self.carry(index, true, !self.restarts),
            74..93 => self.carry(index, false, !self.restarts),
            93..95 => self.tick(4_000.0),
            95..97 => self.connect(index),
            97..98 => self.cut(index),
            98 if self.restarts => {
                let after = self.dice.below(5);
                self.people[index].dies_after = Some(after);
            }
            99 if self.restarts => {
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
            _ => {}
        }
    }

    /// The weather is fine until nothing happens any more.
    pub(super) fn calm(&mut self) {
        self.people.iter_mut().for_each(|person| person.dies_after = None);
        (0..PEOPLE.len()).for_each(|index| self.connect(index));
        for round in 0..400 {
            for index in 0..PEOPLE.len() {
                for tab in 0..TABS {
                    self.people[index].deliver_to_tab(tab, usize::MAX);
                    self.people[index].deliver_edits([tab]);
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
}
