//! What a patch of one leaf costs, by the length of the value that it is in.
//!
//! The median is of patches between those that seal history and grow the tree; the mean has these in it. Bytes are those
//! that the engine hands to its store, counted on the same patches.

use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};
use timeweft_core::codec::{cbor, json as codec};
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{Access, CborDiff, CborValue, Context as Asked, Patch, Post};
use timeweft_core::time::Timestamp;
use timeweft_e2e::{Format, Person, Server, Socket, fresh};
use timeweft_store::Engine;
use timeweft_store::memory::MemoryStore;

const SIZES: [(&str, usize); 4] = [("1 KB", 1_000), ("50 KB", 50_000), ("1 MB", 1_000_000), ("8 MB", 8_000_000)];
const PATCHES: u64 = 2_000;

/// How rows are held.
#[derive(Clone, Copy, Debug)]
enum Shape {
    List,
    Keyed,
}

pub(crate) async fn run(server: &Server) -> Result<()> {
    let person = Person::new(&server.url).await?;
    for shape in [Shape::List, Shape::Keyed] {
        let mut first = None;
        for (name, bytes) in SIZES {
            let document = document(shape, bytes);
            let mut times = over_the_socket(&person, shape, &document).await?;
            times.sort();
            let p50 = times[times.len() / 2];
            let mean = times.iter().sum::<Duration>() / times.len() as u32;
            let (first_p50, first_mean) = *first.get_or_insert((p50, mean));
            let by = |time: Duration, first: Duration| time.as_secs_f64() / first.as_secs_f64();
            println!(
                "a leaf of {name} ({shape:?}): p50 {:.2} ms (x{:.2}), mean {:.2} ms (x{:.2}), {} bytes written a patch",
                p50.as_secs_f64() * 1e3,
                by(p50, first_p50),
                mean.as_secs_f64() * 1e3,
                by(mean, first_mean),
                written(shape, &document)? / PATCHES as usize
            );
        }
    }
    Ok(())
}

fn document(shape: Shape, bytes: usize) -> Json {
    let row = |n: usize| json!({"n": n, "text": "ninety bytes of text or so, as rows of tables and lists of tasks have them"});
    let rows = (0..bytes / 100).map(row);
    match shape {
        Shape::List => json!({"rows": rows.collect::<Vec<_>>()}),
        Shape::Keyed => {
            let keyed = rows.enumerate().map(|(n, row)| (format!("row-{n}"), row));
            json!({"rows": Json::Object(keyed.collect())})
        }
    }
}

/// One leaf, in the middle.
fn patch(shape: Shape, document: &Json, n: u64) -> Json {
    let rows = match &document["rows"] {
        Json::Array(rows) => rows.len(),
        Json::Object(rows) => rows.len(),
        _ => 0,
    };
    let key = match shape {
        Shape::List => (rows / 2).to_string(),
        Shape::Keyed => format!("row-{}", rows / 2),
    };
    json!({"rows": {key: {"n": 1_000_000 + n}}})
}

async fn over_the_socket(person: &Person, shape: Shape, document: &Json) -> Result<Vec<Duration>> {
    let entity = fresh("note");
    let (kind, id) = entity.split_once(':').context("a type and an id")?;
    let body = json!({"id": id, "value": document});
    let made = person.http("POST", &format!("/api/v1/entities/{kind}"), &[], Some(body)).await?;
    ensure!(made.status == 201, "{}: {}", made.status, made.body["error"]);
    let mut last = made.body["meta"]["validFrom"].as_str().context("validFrom")?.to_owned();
    let mut socket: Socket = person.connect(Format::Cbor).await?;
    let mut times = Vec::new();
    for n in 0..PATCHES {
        let diff = patch(shape, document, n);
        let request = json!({"method": "patchDiff", "entityId": entity, "diff": diff, "ifUnmodifiedSince": last});
        let sent = Instant::now();
        let done = socket.call(request).await?;
        times.push(sent.elapsed());
        ensure!(done["status"] == 200, "{done}");
        last = done["meta"]["validFrom"].as_str().context("validFrom")?.to_owned();
    }
    Ok(times)
}

/// What the engine writes for the same patches.
fn written(shape: Shape, document: &Json) -> Result<usize> {
    let store = MemoryStore::new();
    let nonce = std::cell::Cell::new(0);
    let engine = Engine::new(store.clone(), || {
        nonce.set(nonce.get() + 1);
        nonce.get()
    });
    let limits = Limits::default();
    let person = Asked {
        person_id: "a-person-of-twenty-ch".into(),
        impersonator_id: None,
        now: Timestamp(1),
        access: Access::Any,
        rules: None,
        limits,
    };
    let id = EntityId::parse("note:n")?;
    let value = CborValue(cbor::encode_value(&codec::value_from_json(document, &limits)?));
    let mut last = ready(engine.post(&person, &id, Post::of(value.clone())))??.meta.valid_from;
    store.reopen();
    for n in 0..PATCHES {
        let diff = CborDiff(cbor::encode_patch(&codec::patch_from_json(&patch(shape, document, n), &limits)?));
        last = ready(engine.patch(&person, &id, Patch::of(diff.clone(), last)))??.meta.valid_from;
    }
    Ok(store.traffic().1)
}

fn ready<T>(future: impl Future<Output = T>) -> Result<T> {
    match std::pin::pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => bail!("a call on the store in memory is ready at once"),
    }
}
