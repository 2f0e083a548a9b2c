//! A client's copy of an entity: what the server has confirmed, and what was done here since. Pure: events go in, effects
//! come out as data; whoever runs it owns the socket, the clock, the database and the tabs.
//!
//! ```text
//! confirmed ──unsent[0]──▶ ──unsent[1]──▶ … ──▶ view        what tabs show
//!           (in flight, if `sent`)
//! ```
//!
//! Invariants, checked after every transition in debug builds: `confirmed` with `unsent` applied is `view`; at most one
//! request per entity is awaited; only `unsent[0]` is ever in flight, and is sent again until it is answered,
//! as it was but for the request's id, and with its idempotency key where it makes or patches the entity.
//!
//! While a change is in flight, nothing that may contain it is taken in: no `get` is asked for, and pushes of our own
//! person's changes wait for the answer. What else comes down is moved under the unsent changes (`reconcile`).
//!
//! | file | what |
//! |---|---|
//! | `browser` | all replicas of one person in one browser, over one connection |
//! | `local`, `series` | edits, undo and choices from tabs |
//! | `remote` | answers and pushes from the server |
//! | `request` | what to ask next |
//! | `reconcile`, `unseen`, `typed`, `conflict`, `undo` | the rules of merging |
//! | `journal`, `state` | what is kept on disk, what tabs are told |

mod browser;
mod conflict;
mod journal;
mod local;
mod reconcile;
mod remote;
mod request;
mod series;
mod state;
#[cfg(test)]
mod tests;
mod typed;
mod undo;
mod unseen;

use crate::codec::cbor;
use crate::diff::Diff;
use crate::id::EntityId;
use crate::message::{Code, Format, Push, encode_meta};
use crate::operation::Meta;
use crate::prelude::*;
use crate::value::Value;

pub use browser::Browser;
pub use conflict::Conflict;
pub use local::{Action, Choice};
pub use reconcile::Policy;
pub use remote::Outcome;
pub use series::Edited;

use request::{Awaited, Sent};
use typed::Typed;
use undo::{Stack, Taken};
use unseen::{By, Unseen};

/// What the server is known to have.
#[derive(Debug, PartialEq)]
enum Confirmed {
    /// Neither the network nor the disk has said yet.
    Unknown,
    /// There is no such entity.
    Missing,
    /// This version.
    Version(Value, Box<Meta>),
}

/// A change that the server has not confirmed.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Create(Value),
    Patch(Diff),
    Delete,
    Undelete,
}

/// A tab that shows the entity.
#[derive(Debug, Default)]
struct Tab {
    name: String,
    unseen: Unseen,
    /// The first of its edits that is to come again: those after it would overtake it.
    repeat: Option<u32>,
    /// In what it shows, what came again with its base.
    again: Typed,
    undo: Stack,
    redo: Stack,
    /// How much of what was shown lately they are behind.
    behind: usize,
}

impl Tab {
    /// One that shows what there is.
    fn new(name: String, seq: u32) -> Tab {
        Tab { name, unseen: Unseen::after(seq), ..Tab::default() }
    }

    /// It did something, which this takes back.
    fn did(&mut self, taken: Taken, merge: bool) {
        if taken.is_something() {
            self.undo.push(taken, merge);
            self.redo.clear();
        }
    }
}

/// Where a change of what is shown comes from.
struct Source {
    origin: Option<Origin>,
    /// Whether the tab of the origin shows it already.
    local: bool,
    by: By,
}

impl Source {
    fn of(by: By) -> Source {
        Source { origin: None, local: false, by }
    }
}

/// One entity's replica.
#[derive(Debug)]
pub(crate) struct Replica {
    entity: EntityId,
    /// Whose changes may be our own in flight.
    person: String,
    policy: Policy,
    /// What this person is with the entity; empty where it is not known.
    role: String,
    confirmed: Confirmed,
    unsent: Vec<Change>,
    sent: Option<Sent>,
    awaited: Option<Awaited>,
    /// Pushes that can't be taken in yet.
    held: Vec<Push>,
    /// Something was missed: ask.
    stale: bool,
    subscribed: bool,
    connected: bool,
    /// The server asked for a pause.
    paused: bool,
    /// When the server last said anything of this entity, in the milliseconds of `tick`.
    heard: f64,
    view: Option<Value>,
    view_deleted: bool,
    seq: u32,
    tabs: Vec<Tab>,
    /// What was shown in this transition, and the way back of each: what tabs can take back is still to be moved behind it.
    lately: Vec<(Diff, Diff)>,
    /// The last edit of each tab that is in here, gone tabs included until they are known to be.
    ops: Vec<(String, u32)>,
    conflicts: Vec<Conflict>,
    next_conflict: u32,
    /// Why a change was refused, until the next edit: as in messages; empty if none was.
    refused: Vec<u8>,
    disk: journal::Disk,
    last_state: Vec<u8>,
}

/// Something to do, in this order.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each case says what its fields are")]
pub enum Effect {
    /// Send this request to the server, once what was to be saved before it is on disk: a change that the server took under a
    /// key which is not on disk would be made again after a crash, under another.
    Send { entity: String, frame: Vec<u8> },
    /// Tabs change what they show by `patch`, in wire form. `origin`: the tab and edit it comes from, and whether it is
    /// exactly what that tab shows already.
    Show { entity: String, seq: u32, patch: Vec<u8>, origin: Option<Origin> },
    /// Tabs (or only `to`) show this value; none where nothing is known or there. `ops`: the last edit of each tab in it.
    Reset { entity: String, seq: u32, to: Option<String>, value: Option<Vec<u8>>, ops: Vec<(String, u32)> },
    /// What tabs show beside the value: a CBOR map.
    State { entity: String, state: Vec<u8> },
    /// Write to disk, at once; `kept` edits are safe when that is done. No journal: delete it. No snapshot: leave it; an empty one:
    /// delete it.
    Save { entity: String, snapshot: Option<Vec<u8>>, journal: Option<Vec<u8>>, kept: Vec<(String, u32)> },
    /// An edit could not be taken.
    Refused { entity: String, tab: String, op: u32, code: Code, message: String },
    /// An edit was made on something else than what is here: it must come again with the value it was made on.
    Repeat { entity: String, tab: String, op: u32 },
    /// Wait a little longer each time, then call `again`.
    Later { entity: String },
    /// The replica is no longer in memory.
    Forget { entity: String },
    /// The session is over.
    Unauthorized,
}

/// Where an edit came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The tab.
    pub tab: String,
    /// Its edit.
    pub op: u32,
    /// Whether the edit was taken as it was: then that tab shows it already.
    pub unchanged: bool,
}

impl Replica {
    fn new(entity: EntityId, person: &str) -> Replica {
        Replica {
            entity,
            person: person.to_owned(),
            policy: Policy::default(),
            role: String::new(),
            confirmed: Confirmed::Unknown,
            unsent: Vec::new(),
            sent: None,
            awaited: None,
            held: Vec::new(),
            stale: false,
            subscribed: false,
            connected: false,
            paused: false,
            heard: 0.0,
            view: None,
            view_deleted: false,
            // A tab that has seen nothing of this run says 0.
            seq: 1,
            tabs: Vec::new(),
            lately: Vec::new(),
            ops: Vec::new(),
            conflicts: Vec::new(),
            next_conflict: 1,
            refused: Vec::new(),
            disk: journal::Disk::default(),
            last_state: Vec::new(),
        }
    }

    fn id(&self) -> String {
        self.entity.as_str().to_owned()
    }

    fn is_settled(&self) -> bool {
        self.unsent.is_empty() && self.sent.is_none()
    }

    fn version(&self) -> Option<&Meta> {
        match &self.confirmed {
            Confirmed::Version(_, meta) => Some(meta),
            Confirmed::Unknown | Confirmed::Missing => None,
        }
    }

    /// The meta of what is confirmed, as conflicts tell it; empty where nothing is.
    fn version_meta(&self) -> Vec<u8> {
        self.version().map_or_else(Vec::new, |meta| encode_meta(meta, Format::Cbor))
    }

    /// `diff` changes what is shown; nothing to do if it changes nothing.
    fn show(&mut self, diff: &Diff, source: Source, effects: &mut Vec<Effect>) {
        let Source { origin, local, by } = source;
        if diff.is_identity() && origin.is_none() {
            return;
        }
        self.seq += 1;
        let is_own = |tab: &Tab| origin.as_ref().is_some_and(|origin| origin.tab == tab.name);
        let is_known = diff.is_identity() || local && self.tabs.iter().all(is_own);
        if let Some(view) = self.view.as_ref().filter(|_| !is_known) {
            let back = diff.invert(view);
            for tab in &mut self.tabs {
                if is_own(tab) {
                    tab.catch_up(&self.lately, Some(view));
                    tab.behind += 1;
                }
                if !(is_own(tab) && local) {
                    let (diff, back) = (diff.clone(), back.clone());
                    tab.unseen.push(unseen::Change { seq: self.seq, diff, back, by: by.clone() });
                }
            }
            self.lately.push((diff.clone(), back));
        }
        let patch = match &mut self.view {
            Some(view) => {
                for conflict in &mut self.conflicts {
                    conflict.follow(diff, view, matches!(by, By::Other(..)));
                }
                let fits = diff.apply(view);
                debug_assert!(fits.is_ok(), "what is shown can't be changed: {fits:?}");
                cbor::encode_patch(&diff.to_shown_patch(view))
            }
            None => cbor::encode_patch(&diff.to_patch()),
        };
        effects.push(Effect::Show { entity: self.id(), seq: self.seq, patch, origin });
    }

    /// What is shown is deleted or not, by a tab if one did that.
    fn set_deleted(&mut self, deleted: bool, by: Option<&str>) {
        if deleted != self.view_deleted {
            self.view_deleted = deleted;
            for tab in self.tabs.iter_mut().filter(|tab| by != Some(&tab.name)) {
                tab.undo.unflip();
                tab.redo.unflip();
            }
        }
    }

    /// Everything shown is new: tabs start from the whole value.
    fn show_whole(&mut self, to: Option<String>, effects: &mut Vec<Effect>) {
        if to.is_none() {
            self.seq += 1;
        }
        for tab in &mut self.tabs {
            if to.as_ref().is_none_or(|to| *to == tab.name) {
                *tab = Tab::new(core::mem::take(&mut tab.name), self.seq);
            }
        }
        let value = self.view.as_ref().map(cbor::encode_value);
        let ops = self.ops.clone();
        effects.push(Effect::Reset { entity: self.id(), seq: self.seq, to, value, ops });
    }

    /// Ends a transition: asks for what is needed next, tells tabs and the disk what changed.
    #[inline(never)]
    fn settle(&mut self, ids: &mut request::Ids, effects: &mut Vec<Effect>) {
        if self.sent.is_none() {
            self.tidy();
        }
        self.set_deleted(self.with_flags(), None);
        self.end_conflicts();
        self.catch_up();
        let mut frames = Vec::new();
        self.ask(ids, &mut frames);
        self.tell_state(effects);
        self.save(effects);
        effects.append(&mut frames);
        self.check();
    }

    /// What is not on its way yet, as few changes as can be, without what comes to nothing: what was done and taken back is in
    /// nobody's way.
    fn tidy(&mut self) {
        let in_flight = usize::from(self.sent.is_some()).min(self.unsent.len());
        for change in self.unsent.split_off(in_flight) {
            self.add(change);
        }
        for index in in_flight..self.unsent.len() {
            let Some(Change::Patch(diff)) = self.unsent.get(index) else { continue };
            let patch = diff.to_patch();
            // What is read again on what it is for is what changes that.
            let net = match &self.confirmed {
                Confirmed::Version(value, _) if index == 0 => patch.resolve(value).ok(),
                _ => self.with_unsent(index).0.and_then(|base| patch.resolve(&base).ok()),
            };
            if let Some(net) = net {
                self.unsent[index] = Change::Patch(net);
            }
        }
        let mut index = 0;
        self.unsent.retain(|change| {
            index += 1;
            index <= in_flight || !matches!(change, Change::Patch(diff) if diff.is_identity())
        });
    }

    /// What holds what was wanted is no conflict any more.
    fn end_conflicts(&mut self) {
        let count = self.conflicts.len();
        let shown = self.view.as_ref().filter(|_| !self.view_deleted);
        self.conflicts.retain(|conflict| !conflict.is_over(shown));
        self.disk.changed |= self.conflicts.len() < count;
    }

    /// What unsent changes make of a value: `None` is nothing there; and whether it is deleted.
    fn with_unsent(&self, count: usize) -> (Option<Value>, bool) {
        let (mut value, mut deleted) = match &self.confirmed {
            Confirmed::Version(value, meta) => (Some(value.clone()), meta.deleted),
            Confirmed::Unknown | Confirmed::Missing => (None, false),
        };
        for change in self.unsent.iter().take(count) {
            match change {
                Change::Create(new) => value = Some(new.clone()),
                Change::Patch(diff) => value = value.map(|value| reconcile::applied(diff, &value)),
                Change::Delete => deleted = true,
                Change::Undelete => deleted = false,
            }
        }
        (value, deleted)
    }

    fn check(&self) {
        #[cfg(any(debug_assertions, test))]
        {
            let (value, deleted) = self.with_unsent(self.unsent.len());
            assert_eq!(value, self.view, "what is shown is what is confirmed and unsent of {:?}", self.entity);
            assert_eq!(deleted, self.view_deleted, "{:?}", self.entity);
            assert!(self.sent.is_none() || !self.unsent.is_empty(), "only an unsent change is in flight");
        }
    }
}
