//! A bit that flips on the disk: named by `timeweft check`, never served, and nobody else's business.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;
use timeweft_e2e::client::send;
use timeweft_e2e::{Format, Person, Server, fresh};

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

    // The check has closed the store, so all of it is in the database.
    let file = server.data()?.join("store.db");
    let mut bytes = fs::read(&file)?;
    let title = format!("title of {}", entities[0]).into_bytes();
    let found = bytes.windows(title.len()).position(|window| window == title).context("the title is stored")?;
    bytes[found] ^= 4;
    fs::write(&file, bytes)?;
    let (is_well, said) = server.kill_and_check()?;
    assert!(!is_well && said.starts_with(&entities[0]) && said.lines().count() == 1, "{said}");

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
