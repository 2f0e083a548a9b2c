//! Edits that come together: what one tab did in a row is one change, for the other tabs as for the server. Each is still taken back by
//! itself.

use super::local::{Action, Edit, No, Shown};
use super::reconcile::apply;
use super::undo::{Stack, Taken};
use super::{Effect, Replica};
use crate::codec::cbor;
use crate::diff::{Contested, Diff, compose, fused};
use crate::limits::TRUSTED;
use crate::prelude::*;
use crate::value::Value;

/// Where so many wait, nobody has seen whose came first: those of one tab are taken in a row.
const BEHIND: usize = 8;

/// A tab's edit, as it comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The tab.
    pub tab: String,
    /// Its number, which counts up by tab and entity.
    pub op: u32,
    /// The last `show` that the tab had taken in.
    pub seen: u32,
    /// Whether it is taken back together with the one before it.
    pub merge: bool,
    /// What it is.
    pub action: Action,
}

/// What comes behind an edit.
pub(super) type Rest = core::iter::Peekable<alloc::vec::IntoIter<Edited>>;

/// Each tab's that were made on the same in a row, in the order in which they came.
pub(super) fn by_tab(edits: Vec<Edited>) -> Vec<Vec<Edited>> {
    let reach = if edits.len() < BEHIND { 1 } else { edits.len() };
    let mut rows: Vec<Vec<Edited>> = Vec::new();
    for edit in edits {
        let is_own = |row: &&mut Vec<Edited>| row.first().is_some_and(|first| first.tab == edit.tab);
        match rows.iter_mut().rev().take(reach).find(is_own) {
            Some(row) if row.first().is_some_and(|first| first.seen == edit.seen) => row.push(edit),
            _ => rows.push(vec![edit]),
        }
    }
    rows
}

/// What a tab did in a row.
struct Row {
    /// Each on what the one before it makes, and whether it is taken back together with that.
    edits: Vec<(Diff, bool)>,
    whole: Diff,
    /// What the tab shows with all of them.
    shown: Value,
}

/// What becomes of a row, what takes back each of it, and what it gave way in with the version that did that.
type Moved = (Diff, Vec<(Taken, bool)>, Vec<(Contested, Vec<u8>)>);

impl Replica {
    /// A patch of what a tab shows, and those of the `rest` that were made on the same and go on with it.
    pub(super) fn patch(
        &mut self,
        edit: &mut Edit<'_>,
        patch: &[u8],
        rest: &mut Rest,
        effects: &mut Vec<Effect>,
    ) -> Result<(), No> {
        let patch = cbor::decode_patch(patch, &TRUSTED)?;
        let unseen = &mut self.tab(edit.tab).unseen;
        unseen.gather();
        let (unchanged, most) = (unseen.is_empty(), if unseen.len() > 1 { 0 } else { rest.len() });
        if unchanged && most == 0 {
            let mut diff = patch.resolve(self.shown()?)?;
            self.may_change(&diff, None)?;
            self.tab(edit.tab).unseen.wrote(&mut diff);
            self.change(edit, diff, Shown { unchanged, local: true }, effects);
            return Ok(());
        }
        let now = self.shown()?.clone();
        let before = self.tab(edit.tab).unseen.shown(&now).ok_or_else(No::unknown)?;
        let mine = patch.resolve(&before)?;
        self.may_change(&mine, Some(&before))?;
        let row = self.row(edit, (mine, &before), rest, most)?;
        let (whole, steps, raised) = match self.at_once(edit.tab, &row, &before) {
            Some((whole, steps)) => (whole, steps, Vec::new()),
            None => self.one_by_one(edit.tab, row, before, now)?,
        };
        let tab = self.caught_up(edit.tab);
        for (taken, merge) in steps {
            tab.did(taken, merge);
        }
        self.changed(edit, whole, Shown { unchanged, local: true }, effects);
        for (contested, meta) in raised {
            self.raise(contested, meta, Vec::new());
        }
        Ok(())
    }
    /// The first, and those of the `rest` that go on with it, on what the tab shows.
    fn row(
        &mut self,
        edit: &mut Edit<'_>,
        (mut mine, before): (Diff, &Value),
        rest: &mut Rest,
        most: usize,
    ) -> Result<Row, No> {
        let mut shown = before.clone();
        let (mut edits, mut whole) = (Vec::new(), Diff::identity());
        loop {
            self.tab(edit.tab).unseen.wrote(&mut mine);
            apply(&mine, &mut shown);
            whole = compose(&whole, &mine)?;
            edits.push((mine, edit.merge));
            if edits.len() > most {
                break;
            }
            let Some(Edited { op, merge, action: Action::Patch(patch), .. }) = rest.peek() else { break };
            // What does not fit is refused by itself.
            let Ok(patch) = cbor::decode_patch(patch, &TRUSTED) else { break };
            let Ok(next) = patch.resolve(&shown) else { break };
            if fused(&whole, &next).is_none() {
                break;
            }
            (edit.op, edit.merge, mine) = (*op, *merge, next);
            rest.next();
        }
        Ok(Row { edits, whole, shown })
    }

    /// All of a row moved behind what its tab has not seen, and what takes back each: none where it contradicts that.
    fn at_once(&mut self, tab: &str, row: &Row, before: &Value) -> Option<(Diff, Vec<(Taken, bool)>)> {
        let (person, flips) = (self.person.clone(), self.view_deleted);
        let unseen = &mut self.tab(tab).unseen;
        let moved = unseen.moved_apart(&row.whole, &row.shown, &person)?;
        let (mut taken, mut value) = (Stack::default(), before.clone());
        for (mine, merge) in &row.edits {
            taken.push(Taken { diff: mine.undo(&value), flips: flips && taken.len(false) == 0 }, *merge);
            apply(mine, &mut value);
        }
        for theirs in unseen.changes() {
            taken.behind(theirs, &|| row.shown.clone());
        }
        let mut merge = row.edits.first().is_some_and(|(_, merge)| *merge);
        Some((moved, taken.into_steps().map(|taken| (taken, core::mem::take(&mut merge))).collect()))
    }

    /// The same for each of them, with what they give way in.
    fn one_by_one(&mut self, tab: &str, row: Row, mut shown: Value, mut now: Value) -> Result<Moved, No> {
        let (person, policy) = (self.person.clone(), self.policy);
        let (mut whole, mut steps) = (Diff::identity(), Vec::new());
        let mut raised: Vec<(Contested, Vec<u8>)> = Vec::new();
        for (mine, merge) in row.edits {
            let (moved, more) = self.tab(tab).unseen.moved(mine, &mut shown, policy, &person);
            let flips = self.view_deleted && steps.is_empty();
            steps.push((Taken { diff: moved.undo(&now), flips }, merge));
            apply(&moved, &mut now);
            whole = compose(&whole, &moved)?;
            for (contested, _) in &mut raised {
                contested.place = contested.place.follow(&moved);
            }
            raised.extend(more);
        }
        Ok((whole, steps, raised))
    }
}
