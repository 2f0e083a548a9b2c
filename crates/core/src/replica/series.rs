//! Edits that come together: what one tab did in a row is one change, for the other tabs as for the server. Each is still taken back by
//! itself.

use super::local::{Action, Edit, No, Shown};
use super::reconcile::apply;
use super::undo::Taken;
use super::{Effect, Replica};
use crate::codec::cbor;
use crate::diff::{Contested, Diff, compose, fused};
use crate::limits::TRUSTED;
use crate::prelude::*;

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
        let mut now = self.shown()?.clone();
        let shown = self.tab(edit.tab).unseen.shown(&now);
        let mut shown = shown.ok_or_else(No::unknown)?;
        let mut mine = patch.resolve(&shown)?;
        self.may_change(&mine, Some(&shown))?;
        let (person, policy) = (self.person.clone(), self.policy);
        let (mut made, mut whole, mut steps) = (mine.clone(), Diff::identity(), Vec::new());
        let mut raised: Vec<(Contested, Vec<u8>)> = Vec::new();
        loop {
            let unseen = &mut self.tab(edit.tab).unseen;
            unseen.wrote(&mut mine);
            let (moved, more) = unseen.moved(mine, &mut shown, policy, &person);
            let flips = self.view_deleted && steps.is_empty();
            steps.push((Taken { diff: moved.undo(&now), flips }, edit.merge));
            apply(&moved, &mut now);
            whole = compose(&whole, &moved)?;
            for (contested, _) in &mut raised {
                contested.place = contested.place.follow(&moved);
            }
            raised.extend(more);
            if steps.len() > most {
                break;
            }
            let Some(Edited { op, merge, action: Action::Patch(patch), .. }) = rest.peek() else { break };
            // What does not fit is refused by itself.
            let Ok(patch) = cbor::decode_patch(patch, &TRUSTED) else { break };
            let Ok(next) = patch.resolve(&shown) else { break };
            let Some(both) = fused(&made, &next) else { break };
            (edit.op, edit.merge, mine, made) = (*op, *merge, next, both);
            rest.next();
        }
        self.change_in_steps(edit, steps, whole, Shown { unchanged, local: true }, effects);
        for (contested, meta) in raised {
            self.raise(contested, meta, Vec::new());
        }
        Ok(())
    }
}
