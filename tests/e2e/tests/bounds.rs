//! What one call may take of the machine: past that it is refused, says so, and costs nobody else anything.

use anyhow::Result;
use serde_json::json;
use timeweft_e2e::client::send;
use timeweft_e2e::{Person, Server, fresh};

const MEDIA: &str = "application/json";

#[tokio::test]
async fn a_call_that_wants_more_memory_than_it_may_have_is_413_and_changes_nothing() -> Result<()> {
    let server = Server::serve_with(&["--call-memory-bytes", "50000000"])?;
    let ann = Person::new(&server.url).await?;
    let entity = fresh("note");
    let id = entity.strip_prefix("note:").unwrap_or_default();
    let path = format!("/api/v1/entities/{entity}");
    let post = |value: String| {
        let body = format!(r#"{{"id":"{id}","value":{value}}}"#).into_bytes();
        send(&server.url, "POST", "/api/v1/entities/note", Some(&ann.cookie), &[], Some((MEDIA, body)))
    };
    // Five million bytes of JSON, well below what a value may be; as an array it takes forty times that.
    let refused = post(format!("[{}0]", "0,".repeat(2_500_000))).await?;
    assert_eq!((refused.status, refused.code()), (413, "too-large"));
    let missing = send(&server.url, "GET", &path, Some(&ann.cookie), &[], None).await?;
    assert_eq!(missing.status, 404);
    assert_eq!(post(json!({"title": "small"}).to_string()).await?.status, 201);
    Ok(())
}
