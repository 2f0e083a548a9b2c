//! Making an entity.

use timeweft_core::codec::cbor;
use timeweft_core::diff::Diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, Change, Committed, Context, Failure, Policy, Post};
use timeweft_core::org::{self, Org};
use timeweft_core::time::Timestamp;

use super::commit::{Draft, What, Written};
use super::describe::encoded;
use super::input::decode_value;
use super::org::is_attachable;
use super::own;
use super::repeat::{Answered, answered, digest};
use super::settle::Engine;
use super::time::Begins;
use crate::loader::Loader;
use crate::record::KEY;
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Creates the entity; of several who try, one does.
    ///
    /// A repetition with the idempotency key that created it answers as the first did, also while that is under way.
    pub async fn post(&self, context: &Context, id: &EntityId, post: Post) -> Result<Committed, Failure> {
        let value = decode_value(context, &post.value)?;
        let key = post.idempotency_key.map(|key| digest(&context.person_id, &key));
        if self.head(id).await? != 0 {
            return self.made_before(context, id, key).await;
        }
        let rules = self.rules(context, id.kind()).await?;
        rules.check(&value).map_err(Failure::InvalidValue)?;
        let org = match id.kind() {
            org::KIND => {
                let org = Org::read(&value).map_err(Failure::InvalidValue)?;
                self.check_org(context, id, None, &org).await?;
                Some(org)
            }
            _ => None,
        };
        let listed = own::is_listed(id.kind());
        if is_attachable(id.kind()) {
            self.reserve(context, id, rules.policy == Policy::Org).await?;
        }
        if listed {
            self.index_add(context, id).await?;
        }
        let begins = Begins::first(context.now, post.valid_from)?;
        let bytes = cbor::encode_value(&value);
        let draft = Draft { begins, what: What::First(&bytes), deleted: false, key, rules: &rules };
        let loader = Loader::new(&self.store, id.as_str());
        match self.write(&loader, context, id, None, draft).await? {
            Written::Swapped(record) => {
                if org.is_some() {
                    self.orgs.put(id, Timestamp(record.entry.valid_from), org);
                }
                let meta = self.current_meta(&loader, id, &record).await?;
                let diff = encoded(&Diff::over_nothing(value).to_patch());
                Ok(Committed { meta, change: Some(Change { diff: diff.into(), prev_valid_from: None }), merged: None })
            }
            Written::Lost => {
                if listed && self.maker(id).await?.is_some_and(|maker| maker != context.person_id) {
                    self.index_remove(context.now, id, &context.person_id).await?;
                }
                // Whoever was faster may be this request itself, sent twice.
                self.made_before(context, id, key).await
            }
        }
    }

    /// The answer of the request that made the entity, if it had this key.
    async fn made_before(
        &self,
        context: &Context,
        id: &EntityId,
        key: Option<[u8; KEY]>,
    ) -> Result<Committed, Failure> {
        // Whose it is, is not told to who may not know: it is there, and that is all.
        let Some(key) = key else { return Err(Failure::Exists) };
        let anybody = Context { access: Access::Any, ..context.clone() };
        self.settle(&anybody, id, async |current, loader| {
            let first = Answered { version: 1, is_own: true };
            let is_known = match answered(&current.record, &key) {
                Some(answered) => answered.version == 1,
                // Beyond what the record remembers of keys, the first version knows its own, or what holds it.
                None => {
                    let holds = self.holding(loader, &current.record, 1).await?;
                    holds.is_some_and(|(first, _)| Answered::of(&first, &key).is_some())
                }
            };
            match is_known {
                true => self.replay(loader, id, current, first, None).await.map(Some),
                false => Err(Failure::Exists.into()),
            }
        })
        .await
    }

    /// Who made the entity, if it is there.
    pub(super) async fn maker(&self, id: &EntityId) -> Result<Option<String>, Failure> {
        let anybody = own::system(Timestamp(0));
        match self.settle(&anybody, id, async |current, _| Ok(Some(current.record.creator.clone()))).await {
            Ok(maker) => Ok(Some(maker)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
