//! What can be asked of an entity.
//!
//! Every change is: read the head and its record, make the next version from them, write what is long, write the record,
//! swing the head from what was read. When somebody else swung it meanwhile, all of that is done again on what they left,
//! after a pause that the host gives: without one, who has more to merge would lose to those who have less.
//!
//! A swap whose outcome is unknown is answered `unavailable` and nothing is taken back: the version may be current. The
//! client repeats with the same idempotency key and learns.
//!
//! | file | what |
//! |---|---|
//! | `post`, `change`, `delete`, `read`, `list` | the operations |
//! | `input`, `repeat` | what a caller gives, and gives again |
//! | `time` | when a version begins |
//! | `commit` | the next version: where its value goes, its record, the swap |
//! | `seal`, `garbage` | what a commit does for the others: history, collection |
//! | `describe` | what is said of versions and changes |
//! | `check` | whether what is stored is what was written |
//! | `state`, `walk` | values and versions, loaded as far as they are asked for |
//! | `types`, `known` | what the types of entities say of them |
//! | `org` | what an organisation may become, and whose an attached entity is |
//! | `own` | what is the engine's own |
//! | `settle` | the engine over a store: trying until an operation is settled |

mod change;
mod check;
mod commit;
mod delete;
mod describe;
mod garbage;
mod input;
mod known;
mod list;
mod org;
mod own;
mod post;
mod read;
mod repeat;
mod seal;
mod settle;
mod state;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod walk;

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, Operation, Outcome};

use crate::store::Store;

pub use settle::Engine;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Does what is asked of an entity.
    pub async fn apply(&self, context: &Context, id: &EntityId, operation: Operation) -> Result<Outcome, Failure> {
        match operation {
            Operation::Post(post) => self.post(context, id, post).await.map(Outcome::Created),
            Operation::Read(read) => self.read(context, id, read).await.map(Outcome::Reading),
            Operation::Patch(patch) => self.patch(context, id, patch).await.map(Outcome::Changed),
            Operation::Put(put) => self.put(context, id, put).await.map(Outcome::Changed),
            Operation::Delete(delete) => self.delete(context, id, delete).await.map(Outcome::Changed),
            Operation::Undelete => self.undelete(context, id).await.map(Outcome::Changed),
            Operation::Revert(revert) => self.revert(context, id, revert).await.map(Outcome::Changed),
            Operation::History(history) => self.history(context, id, history).await.map(Outcome::Page),
        }
    }
}
