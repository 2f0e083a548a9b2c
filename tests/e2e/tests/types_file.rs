//! What an app declares of its types in a file: taken over at the start, and a changed file tried on what is stored before.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use timeweft_e2e::{Person, Server};

fn declared(done: &str) -> Json {
    let properties = json!({"text": {"type": "string"}, "done": {"type": done}});
    json!({"todo": {"policy": "signed-in", "schema": {"type": "object", "required": ["text"], "properties": properties}}, "memo": {"policy": "org"}})
}

#[tokio::test]
async fn a_file_of_types_is_taken_over_and_a_changed_one_says_before_what_would_not_fit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("timeweft.types.json");
    let name = file.to_str().context("a path in UTF-8")?.to_owned();
    fs::write(&file, declared("boolean").to_string())?;
    let mut server = Server::serve_with(&["--types", &name])?;
    let ann = Person::new(&server.url).await?;
    let todo = |id: &str, done: Json| json!({"id": id, "value": {"text": "weave", "done": done}});
    let post = "/api/v1/entities/todo";
    assert_eq!(ann.http("POST", post, &[], Some(todo("a", json!(true)))).await?.status, 201);
    assert_eq!(ann.http("POST", post, &[], Some(todo("b", json!("no")))).await?.status, 422);

    fs::write(&file, declared("string").to_string())?;
    let (fits, said) = server.kill_and(&["types", &name])?;
    let lines: Vec<&str> = said.lines().collect();
    assert!(!fits && lines.len() == 3, "{said}");
    assert_eq!(lines[..2], ["type:memo: as it is", "type:todo: changed"]);
    assert!(lines[2].starts_with("todo:a: /done: "), "{said}");

    // Nothing was changed by that; taken over all the same, what is there stays and is read, and a change has to mend it.
    server.kill_and_restart_with(&["--types", &name])?;
    let ann = Person { url: server.url.clone(), ..ann };
    assert_eq!(ann.http("GET", "/api/v1/entities/todo:a", &[], None).await?.status, 200);
    assert_eq!(ann.http("POST", post, &[], Some(todo("b", json!("no")))).await?.status, 201);
    server.kill_and_restart_with(&["--types", &name])?;
    let ann = Person { url: server.url.clone(), ..ann };
    let history = ann.http("GET", "/api/v1/entities/type:todo/history", &[], None).await?;
    let versions = history.body["versions"].as_array().context("versions")?;
    assert_eq!(versions.len(), 2, "what is as it was makes no version: {versions:?}");
    assert_eq!(versions[0]["personId"], "system");
    Ok(())
}

#[tokio::test]
async fn a_file_with_mistakes_starts_nothing_and_names_them_all() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("timeweft.types.json");
    fs::write(&file, json!({"todo": {"polcy": "org"}, "Memo": {}, "page": {"schema": {"type": "strng"}}}).to_string())?;
    let done = timeweft_e2e::server::timeweft()?
        .args(["serve", "--development", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .arg("--types")
        .arg(&file)
        .output()?;
    let said = String::from_utf8(done.stderr)?;
    assert!(!done.status.success());
    for mistake in ["/todo/polcy: ", "/Memo: a type is", "/page/schema/type: "] {
        assert!(said.contains(mistake), "{mistake} {said}");
    }
    Ok(())
}
