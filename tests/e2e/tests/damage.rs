//! A bit that flips on the disk: named by `timeweft check`, never served, and nobody else's business.

use std::fs;

use anyhow::Result;
use serde_json::json;
use timeweft_e2e::client::send;
use timeweft_e2e::{Format, Person, Server, fresh};

/// Flips bits of a byte of what is stored, wherever it is: SQLite may have old copies of a page. A check has closed the store, so
/// that all of it is in the database.
fn flip(server: &Server, stored: &str, byte: usize, bits: u8) -> Result<()> {
    let file = server.data()?.join("store.db");
    let mut bytes = fs::read(&file)?;
    let stored = stored.as_bytes();
    let found: Vec<usize> = (0..bytes.len() - stored.len()).filter(|at| bytes[*at..].starts_with(stored)).collect();
    assert!(!found.is_empty(), "it is stored");
    found.iter().for_each(|at| bytes[*at + byte] ^= bits);
    Ok(fs::write(&file, bytes)?)
}

#[tokio::test]
async fn what_the_disk_has_changed_is_named_and_not_served_and_the_rest_is() -> Result<()> {
    let mut server = Server::serve()?;
    let ann = Person::new(&server.url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let entities = [fresh("note"), fresh("note")];
    let long = |entity: &str| json!({"title": format!("title of {entity}"), "blob": "b".repeat(20_000)});
    for entity in &entities {
        let made = socket.call(json!({"method": "post", "entityId": entity, "value": long(entity)})).await?;
        assert_eq!(made["status"], 201, "{made}");
    }
    assert_eq!(server.kill_and_check()?, (true, String::new()));

    flip(&server, &format!("title of {}", entities[0]), 0, 4)?;
    let (is_well, said) = server.kill_and_check()?;
    assert!(!is_well && said.starts_with(&entities[0]) && said.lines().count() == 1, "{is_well} {said}");

    server.kill_and_restart()?;
    let read = async |entity: &str| {
        send(&server.url, "GET", &format!("/api/v1/entities/{entity}"), Some(&ann.cookie), &[], None).await
    };
    let damaged = read(&entities[0]).await?;
    assert_eq!((damaged.status, damaged.code()), (500, "damaged"));
    let whole = read(&entities[1]).await?;
    assert_eq!((whole.status, &whole.body["value"]), (200, &long(&entities[1])));
    Ok(())
}

#[tokio::test]
async fn an_entity_that_the_disk_has_lost_is_named_with_the_fault_of_the_database() -> Result<()> {
    let mut server = Server::serve()?;
    let ann = Person::new(&server.url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let entities = [fresh("note"), fresh("note"), fresh("note")];
    for entity in &entities {
        let made = socket.call(json!({"method": "post", "entityId": entity, "value": {"title": "t"}})).await?;
        let patch = json!({"method": "patchDiff", "entityId": entity, "ifUnmodifiedSince": made["meta"]["validFrom"],
            "diff": {"title": "u"}});
        assert_eq!(socket.call(patch).await?["status"], 200);
    }
    assert_eq!(server.kill_and_check()?, (true, String::new()));

    // The name that its head is under becomes another, in the order of names or out of it.
    let head = format!("h:{}", entities[0]);
    flip(&server, &head, head.len() - 1, 0x41)?;
    let (is_well, said) = server.kill_and_check()?;
    let lost = format!("{}: version 2 is there, and the head that led to it is lost", entities[0]);
    assert!(!is_well && said.lines().any(|line| line == lost), "{is_well} {said}");
    for entity in &entities[1..] {
        assert!(!said.contains(entity.as_str()), "{said}");
    }
    Ok(())
}
