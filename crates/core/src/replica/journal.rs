//! What is kept on disk, so that a reload shows the last value at once and nothing done offline is lost.
//!
//! Two records per entity, written in one transaction: a *snapshot*, the confirmed value of some version, written now and
//! then; and a *journal*, small, written with every change: what led from there to the version confirmed last, what is
//! unsent, what is in flight exactly as it was sent, and the conflicts that nobody has decided.
//!
//! Both are arrays in CBOR, as values are: diffs in stored form as byte strings, what may be absent as an array of one or
//! none. Written and read only here.
//!
//! ```text
//! snapshot = [2, meta, value]
//! journal  = [2, [since?], [meta?], [change…], [sent?], [conflict…], [[tab, op]…], next conflict, role]
//! change   = [0, value] create | [1, diff] patch | [2] delete | [3] undelete
//! sent     = [key, 0, value] | [key, 1, diff, validFrom] | [key, 2] | [key, 3] | [key, 4, validFrom], then [back, disturbed]
//! role     = "" where it is not known; not there in older journals
//! conflict = [id, [key or index…], [base?], [mine?], [theirs?], meta, error, [start, length] or [], absent, lost]
//! ```

use super::conflict::Conflict;
use super::request::{Body, Sent};
use super::{Change, Confirmed, Effect, Replica};
use crate::codec::{DecodeError, cbor};
use crate::diff::{Diff, Place, Range, Step, compose};
use crate::limits::TRUSTED;
use crate::message::{Format, decode_meta, encode_meta};
use crate::operation::Meta;
use crate::prelude::*;
use crate::time::Timestamp;
use crate::value::Value;

/// The format this build writes.
const FORMAT: f64 = 2.0;

/// When what led away from the snapshot is so long, in bytes, a new snapshot is written.
const SNAPSHOT_AFTER: usize = 16 << 10;

/// What is to be written, and what the disk says of what is confirmed.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) changed: bool,
    pub(super) needs_snapshot: bool,
    /// Diffs did not fit: only a whole value from the server will do.
    pub(super) distrusted: bool,
    /// The server said that the entity exists, when we wanted to create it.
    pub(super) exists: bool,
    kept: Vec<(String, u32)>,
    /// From the snapshot to what is confirmed.
    since: Option<Diff>,
    since_bytes: usize,
}

impl Disk {
    /// This edit of this tab is to be confirmed when it is written.
    pub(super) fn keep(&mut self, tab: &str, op: u32) {
        self.kept.retain(|(name, _)| name != tab);
        self.kept.push((tab.to_owned(), op));
        self.changed = true;
    }

    /// What is confirmed changed by `diff`.
    pub(super) fn advanced(&mut self, diff: &Diff) {
        self.changed = true;
        self.since_bytes += cbor::patch_len(&diff.to_patch());
        let since = match &self.since {
            None => Ok(diff.clone()),
            Some(since) => compose(since, diff),
        };
        match since {
            Ok(since) if self.since_bytes <= SNAPSHOT_AFTER => self.since = Some(since),
            _ => self.needs_snapshot = true,
        }
    }
}

impl Replica {
    /// Has written what changed, if anything did.
    pub(super) fn save(&mut self, effects: &mut Vec<Effect>) {
        if !self.disk.changed && !self.disk.needs_snapshot {
            return;
        }
        let snapshot = match &self.confirmed {
            Confirmed::Version(value, meta) if self.disk.needs_snapshot => {
                self.disk.since = None;
                self.disk.since_bytes = 0;
                Some(record(vec![FORMAT.into(), meta_out(meta), value.clone()]))
            }
            _ => None,
        };
        self.disk.needs_snapshot = false;
        self.disk.changed = false;
        let kept = core::mem::take(&mut self.disk.kept);
        if self.confirmed == Confirmed::Missing && self.unsent.is_empty() {
            // Nothing is there, or nothing for this person.
            self.disk.since = None;
            let journal = (!self.conflicts.is_empty()).then(|| self.journal());
            effects.push(Effect::Save { entity: self.id(), snapshot: Some(Vec::new()), journal, kept });
            return;
        }
        effects.push(Effect::Save { entity: self.id(), snapshot, journal: Some(self.journal()), kept });
    }

    fn journal(&self) -> Vec<u8> {
        let ops = self.ops.iter().map(|(tab, op)| Value::Array(vec![Value::text(tab), f64::from(*op).into()]));
        record(vec![
            FORMAT.into(),
            optional(self.disk.since.as_ref().map(diff_out)),
            optional(self.version().map(meta_out)),
            Value::Array(self.unsent.iter().map(change_out).collect()),
            optional(self.sent.as_ref().map(sent_out)),
            Value::Array(self.conflicts.iter().map(conflict_out).collect()),
            Value::Array(ops.collect()),
            f64::from(self.next_conflict).into(),
            Value::text(&self.role),
        ])
    }

    /// Takes in what was kept. What can't be read is left aside: then the server is asked, as if nothing had been kept.
    pub(super) fn restore(&mut self, snapshot: Option<&[u8]>, journal: Option<&[u8]>) -> Result<(), DecodeError> {
        let mut confirmed = match snapshot {
            None => None,
            Some(bytes) => {
                let mut snapshot = Items::of_record(bytes)?;
                let meta = snapshot.meta()?;
                Some((snapshot.next()?, meta))
            }
        };
        if let Some(bytes) = journal {
            let mut journal = Items::of_record(bytes)?;
            let (since, newer) = (journal.optional()?, journal.optional()?);
            if let Some((value, meta)) = &mut confirmed {
                if let Some(mut since) = since {
                    let since = since.diff()?;
                    since.apply(value).map_err(|_| unreadable())?;
                    self.disk.since_bytes = cbor::patch_len(&since.to_patch());
                    self.disk.since = Some(since);
                }
                if let Some(mut newer) = newer {
                    *meta = newer.meta()?;
                }
            }
            let unsent: Vec<Change> =
                journal.array()?.0.map(|change| change_in(&mut Items::of(change)?)).collect::<Result<_, _>>()?;
            let sent = journal.optional()?.map(|mut sent| sent_in(&mut sent.array()?)).transpose()?;
            let mut conflicts = Vec::new();
            for conflict in journal.array()?.0 {
                conflicts.push(conflict_in(&mut Items::of(conflict)?)?);
            }
            for op in journal.array()?.0 {
                let mut op = Items::of(op)?;
                let tab = op.text()?;
                self.ops.push((tab, op.number()? as u32));
            }
            self.next_conflict = journal.number()? as u32;
            self.role = journal.text().unwrap_or_default();
            // What is in flight is the first of what is unsent: everything else goes by that.
            if sent.is_some() && unsent.is_empty() {
                return Err(unreadable());
            }
            (self.unsent, self.sent, self.conflicts) = (unsent, sent, conflicts);
        }
        if let Some((value, meta)) = confirmed {
            self.confirmed = Confirmed::Version(value, Box::new(meta));
        }
        (self.view, self.view_deleted) = self.with_unsent(self.unsent.len());
        Ok(())
    }
}

fn record(items: Vec<Value>) -> Vec<u8> {
    cbor::encode_value(&Value::Array(items))
}

fn optional(item: Option<Value>) -> Value {
    Value::Array(item.into_iter().collect())
}

fn diff_out(diff: &Diff) -> Value {
    Value::Bytes(cbor::encode_diff(diff))
}

fn meta_out(meta: &Meta) -> Value {
    Value::Bytes(encode_meta(meta, Format::Cbor))
}

fn change_out(change: &Change) -> Value {
    Value::Array(match change {
        Change::Create(value) => vec![0.0.into(), value.clone()],
        Change::Patch(diff) => vec![1.0.into(), diff_out(diff)],
        Change::Delete => vec![2.0.into()],
        Change::Undelete => vec![3.0.into()],
    })
}

fn change_in(items: &mut Items) -> Result<Change, DecodeError> {
    Ok(match items.number()? as u32 {
        0 => Change::Create(items.next()?),
        1 => Change::Patch(items.diff()?),
        2 => Change::Delete,
        _ => Change::Undelete,
    })
}

fn sent_out(sent: &Sent) -> Value {
    let mut items = vec![Value::text(&sent.key)];
    match &sent.body {
        Body::Post(value) => items.extend([0.0.into(), Value::Bytes(value.clone())]),
        Body::Patch(diff, since) => items.extend([1.0.into(), Value::Bytes(diff.clone()), (since.0 as f64).into()]),
        // A build before this one deleted whatever had come since.
        Body::Delete(None) => items.push(2.0.into()),
        Body::Delete(Some(since)) => items.extend([4.0.into(), (since.0 as f64).into()]),
        Body::Undelete => items.push(3.0.into()),
    }
    items.extend([diff_out(&sent.back), Value::Bool(sent.disturbed)]);
    Value::Array(items)
}

fn sent_in(items: &mut Items) -> Result<Sent, DecodeError> {
    Ok(Sent {
        key: items.text()?,
        body: match items.number()? as u32 {
            0 => Body::Post(items.bytes()?),
            1 => Body::Patch(items.bytes()?, Timestamp(items.number()? as u64)),
            2 => Body::Delete(None),
            4 => Body::Delete(Some(Timestamp(items.number()? as u64))),
            _ => Body::Undelete,
        },
        ids: Vec::new(),
        back: items.diff()?,
        disturbed: items.next()? == Value::Bool(true),
    })
}

fn conflict_out(conflict: &Conflict) -> Value {
    Value::Array(vec![
        f64::from(conflict.id).into(),
        path_out(&conflict.place.path),
        optional(conflict.base.clone()),
        optional(conflict.mine.clone()),
        optional(conflict.theirs.clone()),
        Value::Bytes(conflict.meta.clone()),
        Value::Bytes(conflict.error.clone()),
        Value::Array(conflict.place.range.into_iter().flat_map(range_out).collect()),
        Value::Bool(conflict.place.absent),
        Value::Bool(conflict.place.lost),
    ])
}

/// Keys as texts, indices as numbers.
pub(super) fn path_out(path: &[Step]) -> Value {
    let step = |step: &Step| match step {
        Step::Key(key) => Value::text(key),
        Step::Index(index) => Value::from(*index as f64),
    };
    Value::Array(path.iter().map(step).collect())
}

fn conflict_in(items: &mut Items) -> Result<Conflict, DecodeError> {
    let id = items.number()? as u32;
    let step = |step| match step {
        Value::Text(key) => Ok(Step::Key(key)),
        Value::Number(index) => Ok(Step::Index(index as usize)),
        _ => Err(unreadable()),
    };
    let path = items.array()?.0.map(step).collect::<Result<_, _>>()?;
    let mut optional = || items.optional()?.map(|mut value| value.next()).transpose();
    let (base, mine, theirs) = (optional()?, optional()?, optional()?);
    let meta = items.bytes()?;
    let error = items.bytes()?;
    let range = items.optional()?.map(|mut range| {
        let mut number = || range.number().map(|number| number as usize);
        Ok(Range { start: number()?, length: number()? })
    });
    let absent = items.next()? == Value::Bool(true);
    let lost = items.next()? == Value::Bool(true);
    let place = Place { path, range: range.transpose()?, absent, lost };
    Ok(Conflict { id, place, base, mine, theirs, meta, error })
}

fn range_out(range: Range) -> [Value; 2] {
    [range.start, range.length].map(|number| Value::from(number as f64))
}

fn unreadable() -> DecodeError {
    DecodeError::malformed("not a record of this build")
}

/// The items of a record, one after the other.
struct Items(alloc::vec::IntoIter<Value>);

impl Items {
    fn of(value: Value) -> Result<Items, DecodeError> {
        match value {
            Value::Array(items) => Ok(Items(items.into_iter())),
            _ => Err(unreadable()),
        }
    }

    fn of_record(bytes: &[u8]) -> Result<Items, DecodeError> {
        let mut items = Items::of(cbor::decode_value(bytes, &TRUSTED)?)?;
        if items.number()? == FORMAT { Ok(items) } else { Err(unreadable()) }
    }

    fn next(&mut self) -> Result<Value, DecodeError> {
        self.0.next().ok_or_else(unreadable)
    }

    fn array(&mut self) -> Result<Items, DecodeError> {
        Items::of(self.next()?)
    }

    /// The items of an array of one; none of an empty one.
    fn optional(&mut self) -> Result<Option<Items>, DecodeError> {
        let items = self.array()?;
        Ok((items.0.len() > 0).then_some(items))
    }

    fn number(&mut self) -> Result<f64, DecodeError> {
        match self.next()? {
            Value::Number(number) => Ok(number),
            _ => Err(unreadable()),
        }
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        match self.next()? {
            Value::Text(text) => Ok(text),
            _ => Err(unreadable()),
        }
    }

    fn bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(unreadable()),
        }
    }

    fn diff(&mut self) -> Result<Diff, DecodeError> {
        cbor::decode_diff(&self.bytes()?)
    }

    fn meta(&mut self) -> Result<Meta, DecodeError> {
        decode_meta(&self.bytes()?)
    }
}
