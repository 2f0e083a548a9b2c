//! Contract section 8: past a limit it is 413 and the connection stays.

use anyhow::Result;
use serde_json::{Value as Json, json};
use timeweft_e2e::client::send;
use timeweft_e2e::{Format, Person, fresh};

use crate::Url;
use crate::socket::{FORMATS, code, create, patch, status};

crate::cases!(
    "limits",
    a_message_past_a_mebibyte_is_413,
    a_body_past_sixteen_mebibytes_is_413,
    a_value_too_deep_is_413,
    a_diff_of_too_many_operations_is_413,
    more_subscriptions_than_allowed_are_refused,
);

async fn a_message_past_a_mebibyte_is_413(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = ann.connect(format).await?;
        socket.send(json!({"method": "post", "entityId": fresh("note"), "value": "x".repeat(1 << 20)})).await?;
        let refused = socket.frame().await?;
        assert_eq!((status(&refused), code(&refused)), (413, "too-large"), "{refused}");
        create(&mut socket, &fresh("note"), json!("x".repeat((1 << 20) - 1000))).await?;
    }
    Ok(())
}

async fn a_body_past_sixteen_mebibytes_is_413(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let body = format!(r#"{{"value":"{}"}}"#, "x".repeat(16 << 20)).into_bytes();
    let refused =
        send(&url, "POST", "/api/v1/entities/note", Some(&ann.cookie), &[], Some(("application/json", body))).await?;
    assert_eq!((refused.status, refused.code()), (413, "too-large"));
    Ok(())
}

fn nested(depth: usize) -> Json {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

async fn a_value_too_deep_is_413(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = ann.connect(format).await?;
        let post = json!({"method": "post", "entityId": fresh("note"), "value": nested(200)});
        let refused = socket.call(post).await?;
        assert_eq!((status(&refused), code(&refused)), (413, "too-large"), "{refused}");
        create(&mut socket, &fresh("note"), nested(100)).await?;
    }
    Ok(())
}

async fn a_diff_of_too_many_operations_is_413(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Cbor).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({})).await?;
    let many: serde_json::Map<String, Json> = (0..100_001).map(|n| (format!("{n:x}"), json!(1))).collect();
    let refused = patch(&mut socket, &note, Json::Object(many), &first).await?;
    assert_eq!((status(&refused), code(&refused)), (413, "too-large"));
    Ok(())
}

async fn more_subscriptions_than_allowed_are_refused(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Cbor).await?;
    let stem = fresh("note");
    for n in 0..1_000 {
        let answer = socket.call(json!({"method": "subscribe", "entityId": format!("{stem}-{n}")})).await?;
        assert_eq!(status(&answer), 404, "{n}: {answer}");
    }
    let refused = socket.call(json!({"method": "subscribe", "entityId": format!("{stem}-more")})).await?;
    assert!([413, 429].contains(&status(&refused)), "{refused}");
    socket.call(json!({"method": "unsubscribe", "entityId": format!("{stem}-0")})).await?;
    let taken = socket.call(json!({"method": "subscribe", "entityId": format!("{stem}-more")})).await?;
    assert_eq!(status(&taken), 404, "{taken}");
    Ok(())
}
