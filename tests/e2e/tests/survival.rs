//! What was acknowledged is still there after `kill -9`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use timeweft_e2e::{Format, Person, Server, fresh};

const ENTITIES: usize = 10;
const KILLS: usize = 10;

/// What each entity was acknowledged to hold: its members.
type Acknowledged = Arc<Mutex<Vec<BTreeMap<String, u64>>>>;

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_under_load_lose_no_acknowledged_change() -> Result<()> {
    let mut server = Server::serve()?;
    let person = Person::new(&server.url).await?;
    let entities: Vec<String> = (0..ENTITIES).map(|_| fresh("note")).collect();
    let acknowledged: Acknowledged = Arc::new(Mutex::new(vec![BTreeMap::new(); ENTITIES]));
    let mut socket = person.connect(Format::Cbor).await?;
    for entity in &entities {
        let made = socket.call(json!({"method": "post", "entityId": entity, "value": {}})).await?;
        assert_eq!(made["status"], 201);
    }
    for kill in 0..KILLS {
        let person = Person { url: server.url.clone(), ..person.clone() };
        let writers: Vec<_> = (0..ENTITIES * 2)
            .map(|writer| {
                let (person, entity) = (person.clone(), entities[writer % ENTITIES].clone());
                tokio::spawn(write(person, entity, writer, kill, acknowledged.clone()))
            })
            .collect();
        // Each kill at another moment of the load.
        tokio::time::sleep(Duration::from_millis(200 + 37 * kill as u64)).await;
        let before: usize = acknowledged.lock().unwrap().iter().map(BTreeMap::len).sum();
        server.kill_and_restart()?;
        for writer in writers {
            // They end with the broken connection; what they were acknowledged is in the list.
            let _ = writer.await;
        }
        let after: usize = acknowledged.lock().unwrap().iter().map(BTreeMap::len).sum();
        assert!(after >= before && before > 0, "there was load: {before} changes acknowledged before kill {kill}");
        verify(&server, &person, &entities, &acknowledged).await.with_context(|| format!("after kill {kill}"))?;
    }
    Ok(())
}

async fn write(person: Person, entity: String, writer: usize, kill: usize, acknowledged: Acknowledged) -> Result<()> {
    let mut socket = person.connect(Format::Cbor).await?;
    let read = socket.call(json!({"method": "get", "entityId": entity})).await?;
    let mut last = read["meta"]["validFrom"].clone();
    for n in 0_u64.. {
        let key = format!("w{writer}-k{kill}-{n}");
        let diff = json!({ key.clone(): n });
        let request = json!({"method": "patchDiff", "entityId": entity, "diff": diff, "ifUnmodifiedSince": last});
        let done = socket.call(request).await?;
        anyhow::ensure!(done["status"] == 200, "{done}");
        last = done["meta"]["validFrom"].clone();
        acknowledged.lock().unwrap()[writer % ENTITIES].insert(key, n);
    }
    Ok(())
}

async fn verify(server: &Server, person: &Person, entities: &[String], acknowledged: &Acknowledged) -> Result<()> {
    let person = Person { url: server.url.clone(), ..person.clone() };
    let mut socket = person.connect(Format::Cbor).await?;
    for (index, entity) in entities.iter().enumerate() {
        let read = socket.call(json!({"method": "get", "entityId": entity})).await?;
        assert_eq!(read["status"], 200, "{entity} opens: {read}");
        let known = acknowledged.lock().unwrap()[index].clone();
        for (key, n) in &known {
            assert_eq!(read["value"][key], json!(n), "{key} of {entity} was acknowledged");
        }
        let since = read["meta"]["validFrom"].clone();
        let request =
            json!({"method": "patchDiff", "entityId": entity, "diff": {"alive": true}, "ifUnmodifiedSince": since});
        let done = socket.call(request).await?;
        assert_eq!(done["status"], 200, "{entity} accepts a write: {done}");
        let mut versions = 0;
        let mut before = json!(null);
        loop {
            let request = json!({"method": "history", "entityId": entity, "limit": 1000, "before": before});
            let request = if before.is_null() {
                json!({"method": "history", "entityId": entity, "limit": 1000})
            } else {
                request
            };
            let page = socket.call(request).await?;
            let metas = page["versions"].as_array().context("versions")?;
            versions += metas.len();
            before = metas.last().context("a page has versions")?["validFrom"].clone();
            if page["more"] != json!(true) {
                break;
            }
        }
        assert_eq!(json!(versions), done["meta"]["version"], "every version of {entity} is in its history");
    }
    Ok(())
}
