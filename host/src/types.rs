//! What an app declares of its types in a file of its repository (docs/operations.md, "Types and admins"): `timeweft serve --types` takes
//! it over, and `timeweft types` says beforehand what that changes, and which stored values would not fit.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context as _, Result, anyhow, bail};
use timeweft_core::codec::{cbor, json};
use timeweft_core::id::{EntityId, is_type};
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::operation::{
    CborValue, Failure, List, Operation, Outcome, Post, Put, Read, Reading, Violation, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::Rules;

use crate::cli::Types;
use crate::data::DataFolder;
use crate::local::{self, Local, ready};
use crate::store::{Batch, SqliteStore, StoreOptions};

/// Entities of a type that are asked for at once.
const PAGE: u32 = 1_000;

/// A type that the file declares.
struct Declared {
    kind: String,
    value: Value,
    rules: Rules,
}

/// What becomes of a type.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    New,
    Changed,
}

/// `timeweft types`: an error where stored values would not fit.
pub fn run(flags: &Types) -> Result<()> {
    let declared = read(&flags.file)?;
    if !flags.data.join("store.db").exists() {
        bail!("there is no store.db in {}", flags.data.display());
    }
    let folder = DataFolder::open(&flags.data)?;
    let store = SqliteStore::open(&folder.join("store.db"), StoreOptions::default())?;
    let mut session = store.session()?;
    session.begin_read_only();
    let engine = local::engine(&Rc::new(session.into()));
    let mut unfit = 0;
    for declared in &declared {
        let change = match compare(&engine, declared)?.0 {
            Change::None => "as it is",
            Change::New => "new",
            Change::Changed => "changed",
        };
        println!("type:{}: {change}", declared.kind);
        unfit += unfitting(&engine, declared, |entity, violations| {
            for Violation { path, message } in violations {
                println!("{entity}: {}: {message}", if path.is_empty() { "the whole" } else { path });
            }
        })?;
    }
    if unfit > 0 {
        bail!("{unfit} stored values would not fit; they stay as they are and are read, and a change has to mend them");
    }
    Ok(())
}

/// Takes over what the file declares; what is as it was makes no version. It is done when the batch is durable.
pub(crate) fn define(store: &SqliteStore, file: &Path) -> Result<Batch> {
    let declared = read(file)?;
    let mut session = store.session()?;
    session.begin();
    let session = Rc::new(RefCell::new(session));
    let engine = local::engine(&session);
    for declared in declared {
        let (change, since) = compare(&engine, &declared)?;
        let value = CborValue(cbor::encode_value(&declared.value));
        let operation = match change {
            Change::None => continue,
            Change::New if since.is_none() => Operation::Post(Post::of(value)),
            Change::New | Change::Changed => Operation::Put(Put::of(value, since)),
        };
        let entity = entity(&declared.kind)?;
        if change == Change::New && since.is_some() {
            ready(engine.apply(&local::context(), &entity, Operation::Undelete))?;
        }
        ready(engine.apply(&local::context(), &entity, operation))?;
        tracing::info!(kind = declared.kind, ?change, "a type is defined by --types");
    }
    Ok(session.borrow().depends_on())
}

fn read(file: &Path) -> Result<Vec<Declared>> {
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("can't read {name}"))?;
    let value = json::value_from_text(&text, &Limits::default()).map_err(|error| anyhow!("{name}: {error}"))?;
    let Value::Object(types) = value else { bail!("{name} is an object of types by their names") };
    let (mut declared, mut wrong) = (Vec::new(), String::new());
    for (kind, value) in types {
        // For editors, which find out by it what may be in the file.
        if kind == "$schema" {
            continue;
        }
        if !is_type(&kind) || kind.starts_with("tw-") {
            wrong += &format!("\n  /{kind}: a type is a lower-case letter and up to 31 more of a-z, 0-9 and `-`");
            continue;
        }
        match Rules::read(&kind, &value) {
            Ok(rules) => declared.push(Declared { kind, value, rules }),
            Err(violations) => {
                for Violation { path, message } in violations {
                    wrong += &format!("\n  /{kind}{path}: {message}");
                }
            }
        }
    }
    if wrong.is_empty() { Ok(declared) } else { bail!("{name} is not right:{wrong}") }
}

fn entity(kind: &str) -> Result<EntityId> {
    EntityId::new("type", kind).map_err(|error| anyhow!("{kind}: {error}"))
}

/// What the file changes of a type, and the version of it that there is.
fn compare(engine: &Local, declared: &Declared) -> Result<(Change, Option<Timestamp>)> {
    let latest = Operation::Read(Read::whole(Which::Latest));
    Ok(match ready(engine.apply(&local::context(), &entity(&declared.kind)?, latest)) {
        Ok(Outcome::Reading(Reading::Value(_, meta))) if meta.deleted => (Change::New, Some(meta.valid_from)),
        Ok(Outcome::Reading(Reading::Value(value, meta))) => {
            let known = cbor::decode_value(&value.0, &TRUSTED).map_err(|error| anyhow!("{error}"))?;
            let change = if known == declared.value { Change::None } else { Change::Changed };
            (change, Some(meta.valid_from))
        }
        Ok(_) => bail!("type:{} was asked for whole and came otherwise", declared.kind),
        Err(Failure::NotFound) => (Change::New, None),
        Err(failure) => return Err(failure.into()),
    })
}

/// Shows each stored value of the type that would not fit; how many there are.
fn unfitting(engine: &Local, declared: &Declared, mut show: impl FnMut(&str, &[Violation])) -> Result<usize> {
    let mut unfit = 0;
    if !declared.rules.checks_values() {
        return Ok(unfit);
    }
    let mut cursor = None;
    loop {
        let list = List { kind: declared.kind.clone(), cursor, limit: PAGE };
        let listing = ready(engine.list(&local::context(), list))?;
        for listed in listing.entities {
            let id = EntityId::parse(&listed.entity_id).map_err(|error| anyhow!("{error}"))?;
            let read = Operation::Read(Read::whole(Which::Current));
            let Outcome::Reading(Reading::Value(value, _)) = ready(engine.apply(&local::context(), &id, read))? else {
                continue;
            };
            let value = cbor::decode_value(&value.0, &TRUSTED).map_err(|error| anyhow!("{id}: {error}"))?;
            if let Err(violations) = declared.rules.check(&value) {
                unfit += 1;
                show(id.as_str(), &violations);
            }
        }
        cursor = listing.cursor;
        if cursor.is_none() {
            return Ok(unfit);
        }
    }
}
