//! The procedures, on the wire. `tests/trpc` has npm `@trpc/client` call them.

use serde_json::{Value as Json, json};

use crate::testing::{Answer, Person, Server, server};

struct Ann {
    server: Server,
    person: Person,
}

fn ann() -> Ann {
    let server = server(&[]);
    let person = server.sign_in("ann@example.org");
    Ann { server, person }
}

impl Ann {
    fn ask(&self, method: &str, target: &str, body: Json) -> Answer {
        self.server.ask(&self.person, method, target, &[], body)
    }

    fn query(&self, procedure: &str, input: Json) -> Answer {
        self.ask("GET", &format!("/api/v1/{procedure}?input={}", escaped(&input)), Json::Null)
    }

    /// What a mutation gives.
    fn mutate(&self, procedure: &str, input: Json) -> Json {
        data(&self.ask("POST", &format!("/api/v1/{procedure}"), input))
    }

    fn refused(&self, procedure: &str, input: Json) -> (u16, String) {
        let answer = self.ask("POST", &format!("/api/v1/{procedure}"), input);
        (answer.status(), word(&answer.json()))
    }

    fn edit(&self, id: &str, text: &str) -> Json {
        self.mutate("updateNote", json!({"id": id, "blob": text}))
    }
}

fn escaped(input: &Json) -> String {
    input.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn data(answer: &Answer) -> Json {
    assert_eq!(answer.status(), 200, "{}", answer.json());
    answer.json()["result"]["data"].clone()
}

fn word(answer: &Json) -> String {
    answer["error"]["data"]["code"].as_str().unwrap_or_default().to_owned()
}

fn titles(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|note| note["title"].as_str().unwrap()).collect()
}

#[test]
fn a_note_goes_through_its_life() {
    let ann = ann();
    let made = ann.mutate("createNote", json!({"id": "n", "title": "Weft", "blob": "one"}));
    let at = made["createdAt"].clone();
    let expected = json!({
        "id": "n", "version": 1, "title": "Weft", "blob": "one", "createdAt": at, "updatedAt": at, "deleted": false,
    });
    assert_eq!(made, expected);
    assert_eq!(data(&ann.query("getNote", json!({"id": "n"}))), made);

    let second = ann.mutate("updateNote", json!({"id": "n", "title": "Warp"}));
    assert_eq!((&second["version"], &second["title"], &second["blob"]), (&json!(2), &json!("Warp"), &json!("one")));
    assert_eq!(second["createdAt"], at);
    assert_eq!(data(&ann.query("getNote", json!({"id": "n", "version": 1}))), made);
    assert_eq!(ann.mutate("updateNote", json!({"id": "n", "title": "Warp"})), second, "nothing new, no version");
    assert_eq!(ann.mutate("updateNote", json!({"id": "n"})), second);

    let back = ann.mutate("revertNote", json!({"id": "n", "version": 1}));
    assert_eq!((&back["version"], &back["title"]), (&json!(3), &json!("Weft")));
    let gone = ann.mutate("deleteNote", json!({"id": "n"}));
    assert_eq!((&gone["version"], &gone["deleted"], &gone["title"]), (&json!(4), &json!(true), &json!("Weft")));
    assert_eq!(ann.mutate("deleteNote", json!({"id": "n"})), gone);
    assert_eq!(ann.query("getNote", json!({"id": "n"})).status(), 404);
    assert_eq!(data(&ann.query("getNote", json!({"id": "n", "version": 3})))["title"], json!("Weft"));
    assert_eq!(ann.query("getNote", json!({"id": "n", "version": 4})).status(), 404, "a deletion is no note");
    for procedure in ["updateNote", "revertNote"] {
        assert_eq!(ann.refused(procedure, json!({"id": "n", "title": "x", "version": 1})).1, "NOT_FOUND");
    }
    assert_eq!(ann.refused("createNote", json!({"id": "n", "title": "", "blob": ""})).1, "CONFLICT");
    let own = ann.mutate("createNote", json!({"title": "", "blob": "", "id": null}));
    assert_eq!(own["id"].as_str().unwrap().len(), 20);
}

#[test]
fn an_update_from_an_older_version_merges_or_conflicts() {
    let ann = ann();
    ann.mutate("createNote", json!({"id": "n", "title": "Weft", "blob": "one\n\n\ntwo\n\n\nthree"}));
    ann.edit("n", "ONE\n\n\ntwo\n\n\nthree");
    let merged =
        ann.mutate("updateNote", json!({"id": "n", "version": 1, "blob": "one\n\n\ntwo\n\n\nTHREE", "title": "Warp"}));
    assert_eq!((&merged["version"], &merged["title"]), (&json!(3), &json!("Warp")));
    assert_eq!(merged["blob"], json!("ONE\n\n\ntwo\n\n\nTHREE"));
    assert_eq!(ann.refused("updateNote", json!({"id": "n", "version": 1, "title": "Woof"})), (409, "CONFLICT".into()));
    assert_eq!(ann.refused("updateNote", json!({"id": "n", "version": 9, "title": "Woof"})), (409, "CONFLICT".into()));
    let untold = ann.mutate("updateNote", json!({"id": "n", "title": "Woof"}));
    assert_eq!(untold["title"], json!("Woof"), "who names no version means what is there");
}

#[test]
fn the_list_has_every_note_and_goes_on_by_its_cursor() {
    let ann = ann();
    for n in 0..7 {
        ann.mutate("createNote", json!({"id": format!("n{n}"), "title": format!("t{n}"), "blob": ""}));
    }
    ann.mutate("deleteNote", json!({"id": "n3"}));
    let all = data(&ann.ask("GET", "/api/v1/listNotes", Json::Null));
    let mut seen = titles(&all["notes"]);
    seen.sort_unstable();
    assert_eq!(seen, ["t0", "t1", "t2", "t4", "t5", "t6"]);
    assert_eq!(all.get("cursor"), None);
    let (mut paged, mut cursor) = (Vec::new(), Json::Null);
    loop {
        let page = data(&ann.query("listNotes", json!({"limit": 2, "cursor": cursor})));
        let titles: Vec<String> = titles(&page["notes"]).into_iter().map(str::to_owned).collect();
        assert!(titles.len() <= 2);
        paged.extend(titles);
        match page.get("cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    paged.sort_unstable();
    assert_eq!(paged, seen);
    assert_eq!(word(&ann.query("listNotes", json!({"cursor": "nonsense"})).json()), "BAD_REQUEST");
}

#[test]
fn a_page_of_long_notes_has_fewer_and_loses_none() {
    let ann = ann();
    let long = "x".repeat(1_500_000);
    for n in 0..5 {
        ann.mutate("createNote", json!({"id": format!("n{n}"), "title": format!("t{n}"), "blob": long}));
    }
    let (mut paged, mut cursor, mut pages) = (Vec::new(), Json::Null, 0);
    while pages == 0 || !cursor.is_null() {
        let page = data(&ann.query("listNotes", json!({"cursor": cursor})));
        paged.extend(titles(&page["notes"]).into_iter().map(str::to_owned));
        cursor = page["cursor"].clone();
        pages += 1;
    }
    paged.sort_unstable();
    assert_eq!((paged.join(" ").as_str(), pages > 1), ("t0 t1 t2 t3 t4", true));
}

#[test]
fn the_history_names_every_version_newest_first() {
    let ann = ann();
    let first = ann.mutate("createNote", json!({"id": "n", "title": "a", "blob": "long ".repeat(2_000)}));
    ann.mutate("updateNote", json!({"id": "n", "title": "a longer title"}));
    ann.edit("n", "short");
    ann.mutate("updateNote", json!({"id": "n", "title": "a longer title still"}));
    let put = json!({"id": 1, "method": "patchDiff", "entityId": "note:n", "diff": {"$replace": {"blob": 1}}});
    let at = data(&ann.query("getNote", json!({"id": "n"})))["updatedAt"].clone();
    let mut put = put;
    put["ifUnmodifiedSince"] = at.clone();
    assert_eq!(ann.ask("POST", "/message", put).status(), 200);
    ann.mutate("deleteNote", json!({"id": "n"}));
    let all = data(&ann.query("noteHistory", json!({"id": "n"})));
    assert_eq!(titles(&all), ["", "", "a longer title still", "a longer title", "a longer title", "a"]);
    let entry = json!({"version": 1, "title": "a", "updatedAt": first["updatedAt"], "personId": ann.person.id});
    assert_eq!(all[5], entry);
    let some = data(&ann.query("noteHistory", json!({"id": "n", "limit": 2, "before": at})));
    assert_eq!(some, json!([all[3], all[4]]));
    assert_eq!(data(&ann.query("noteHistory", json!({"id": "n", "before": first["updatedAt"]}))), json!([]));
    assert_eq!(ann.query("noteHistory", json!({"id": "none"})).status(), 404);
}

#[test]
fn a_history_of_long_changes_ends_where_it_is_long_and_goes_on_from_there() {
    let ann = ann();
    // One word, with which nothing is alike at either end: each diff back is as long as it.
    let blob = |n: usize| format!("{n:03}{}{n:03}", "x".repeat(900_000));
    ann.mutate("createNote", json!({"id": "n", "title": "0", "blob": blob(0)}));
    let count = 45;
    for n in 1..count {
        ann.mutate("updateNote", json!({"id": "n", "title": n.to_string(), "blob": blob(n)}));
    }
    let (mut all, mut lengths, mut before) = (Vec::new(), Vec::new(), Json::Null);
    loop {
        let some = data(&ann.query("noteHistory", json!({"id": "n", "limit": 1_000, "before": before})));
        let Some(oldest) = some.as_array().unwrap().last() else { break };
        before = oldest["updatedAt"].clone();
        lengths.push(some.as_array().unwrap().len());
        all.extend(titles(&some).into_iter().map(str::to_owned));
    }
    assert_eq!(all, (0..count).rev().map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(lengths.len() > 1 && lengths[0] > 30, "{lengths:?}");
    assert_eq!(data(&ann.query("noteHistory", json!({"id": "n"}))).as_array().unwrap().len(), lengths[0]);
}

#[test]
fn an_error_has_the_shape_of_trpcs_own_servers() {
    let ann = ann();
    let answer = ann.query("getNote", json!({"id": "none"}));
    let message = answer.json()["error"]["message"].clone();
    let data = json!({"code": "NOT_FOUND", "httpStatus": 404, "path": "getNote"});
    assert_eq!(answer.json(), json!({"error": {"message": message, "code": -32004, "data": data}}));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let headers = [("cookie", ann.person.cookie.as_str()), ("accept", "application/problem+json")];
    let target = format!("/api/v1/getNote?input={}", escaped(&json!({"id": "none"})));
    let asked = Answer(ann.server.http("GET", &target, &headers, ""));
    assert_eq!(asked.json(), answer.json(), "and not that of problem details");
}

#[test]
fn bad_input_is_a_bad_request_that_says_what_would_be_right() {
    let ann = ann();
    ann.mutate("createNote", json!({"id": "n", "title": "", "blob": ""}));
    for (procedure, input, says) in [
        ("createNote", json!({"title": "x"}), "`blob` is missing"),
        ("createNote", json!({"title": 1, "blob": ""}), "`title` is a text"),
        ("createNote", json!({"id": "a:b", "title": "", "blob": ""}), "`id`: an id is 1 to 64"),
        ("createNote", json!("text"), "an object"),
        ("createNote", Json::Null, "`title` is missing"),
        ("getNote", json!({"id": "n", "version": 0}), "above 0"),
        ("getNote", json!({"id": "n", "version": 1.5}), "above 0"),
        ("getNote", json!({"id": "n", "version": "1"}), "above 0"),
        ("getNote", json!({}), "`id` is missing"),
        ("revertNote", json!({"id": "n"}), "`version` is missing"),
        ("updateNote", json!({"id": "n", "blob": ["x"]}), "`blob` is a text"),
        ("listNotes", json!({"limit": -1}), "above 0"),
        ("noteHistory", json!({"id": "n", "before": "yesterday"}), "`before`: a date"),
    ] {
        let answer = ann.ask("POST", &format!("/api/v1/{procedure}"), input.clone());
        let error = answer.json();
        assert_eq!((answer.status(), word(&error).as_str()), (400, "BAD_REQUEST"), "{procedure} {input}");
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{procedure} {input}: {error}");
    }
    let headers = [("cookie", ann.person.cookie.as_str()), ("content-type", "application/json")];
    for body in ["{", "nonsense", "{\"title\":\"\\ud800\"}"] {
        let answer = Answer(ann.server.http("POST", "/api/v1/createNote", &headers, body));
        assert_eq!((answer.status(), word(&answer.json()).as_str()), (400, "BAD_REQUEST"), "{body}");
    }
}

#[test]
fn who_has_no_session_is_unauthorized_and_what_is_not_there_not_found() {
    let ann = ann();
    let answer = ann.server.anonymous("GET", "/api/v1/listNotes", Json::Null);
    assert_eq!((answer.status(), word(&answer.json()).as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let answer = ann.server.anonymous("POST", "/api/v1/createNote?batch=1", json!({"0": {}}));
    assert_eq!((answer.status(), word(&answer.json()[0]).as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(ann.refused("makeNote", json!({})), (404, "NOT_FOUND".into()));
    let put = ann.ask("PUT", "/api/v1/getNote", json!({}));
    assert_eq!((put.status(), put.header("allow")), (405, Some("GET, POST")));
    let get = ann.query("deleteNote", json!({"id": "n"}));
    assert_eq!(
        (get.status(), word(&get.json()).as_str(), get.header("allow")),
        (405, "METHOD_NOT_SUPPORTED", Some("POST"))
    );
    for (names, allow) in [
        ("getNote", "GET, HEAD, POST, OPTIONS"),
        ("deleteNote", "POST, OPTIONS"),
        ("getNote,deleteNote", "POST, OPTIONS"),
    ] {
        let options = ann.ask("OPTIONS", &format!("/api/v1/{names}"), Json::Null);
        assert_eq!((options.status(), options.header("allow")), (204, Some(allow)), "{names}");
    }
    assert_eq!(
        ann.ask("GET", "/api/v1/entities/none/at/all", Json::Null).code(),
        "not-found",
        "others answer as before"
    );
}

#[test]
fn a_batch_has_an_answer_for_each_of_its_calls() {
    let ann = ann();
    let calls = "/api/v1/createNote,createNote,updateNote?batch=1";
    let inputs = json!({
        "0": {"id": "a", "title": "A", "blob": ""},
        "1": {"id": "b", "title": "B", "blob": ""},
        "2": {"id": "a", "title": "AA"},
    });
    let answer = ann.ask("POST", calls, inputs.clone());
    assert_eq!((answer.status(), answer.json().as_array().unwrap().len()), (200, 3));
    assert_eq!(answer.json()[2]["result"]["data"]["title"], json!("AA"));
    assert_eq!(answer.published().len(), 6, "each change is published in both formats");

    let input = escaped(&json!({"0": {"id": "a"}, "1": {"id": "none"}}));
    let answer =
        ann.ask("GET", &format!("/api/v1/getNote,getNote,listNotes,nothing?batch=1&input={input}"), Json::Null);
    let json = answer.json();
    assert_eq!(answer.status(), 207);
    assert_eq!((&json[0]["result"]["data"]["id"], word(&json[1]).as_str()), (&json!("a"), "NOT_FOUND"));
    assert_eq!((json[2]["result"]["data"]["notes"].as_array().unwrap().len(), word(&json[3])), (2, "NOT_FOUND".into()));
    assert_eq!(json[3]["error"]["data"]["path"], json!("nothing"));
    let answer = ann.ask("GET", &format!("/api/v1/getNote%2CgetNote?batch=1&input={input}"), Json::Null);
    assert_eq!(answer.status(), 207, "the comma may be escaped");

    let same = ann.ask("POST", "/api/v1/createNote,createNote?batch=1", inputs);
    assert_eq!((same.status(), word(&same.json()[1]).as_str()), (409, "CONFLICT"), "all the same status, and that");
    let list = ann.ask("POST", "/api/v1/createNote?batch=1", json!([{"title": "", "blob": ""}]));
    assert_eq!((list.status(), word(&list.json()[0]).as_str()), (400, "BAD_REQUEST"));
    let many = ann.ask("GET", &format!("/api/v1/{}listNotes?batch=1", "listNotes,".repeat(100)), Json::Null);
    assert_eq!((many.status(), word(&many.json()).as_str()), (400, "BAD_REQUEST"));
}

#[test]
fn a_batch_ends_where_its_answers_are_too_long() {
    let ann = ann();
    let text = "x".repeat(6 << 20);
    ann.mutate("createNote", json!({"id": "n", "title": "", "blob": text}));
    let inputs = json!({"0": {"id": "n"}, "1": {"id": "n"}, "2": {"id": "n"}, "3": {"id": "n"}});
    let answer = ann.ask("POST", "/api/v1/getNote,getNote,getNote,getNote?batch=1", inputs);
    assert_eq!((answer.status(), word(&answer.json()[3]).as_str()), (207, "PAYLOAD_TOO_LARGE"));
}

#[test]
fn what_is_refused_before_any_procedure_has_trpcs_shape_too() {
    let ann = ann();
    let ask = |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", ann.person.cookie.as_str()), ("host", "weft.example")];
        all.extend_from_slice(headers);
        let answer = Answer(ann.server.http("POST", "/api/v1/listNotes", &all, "{}"));
        (answer.status(), word(&answer.json()))
    };
    let json = ("content-type", "application/json");
    assert_eq!(ask(&[json]).0, 200);
    assert_eq!(ask(&[json, ("origin", "https://evil.example")]), (403, "FORBIDDEN".into()));
    assert_eq!(ask(&[("content-type", "text/plain")]), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    assert_eq!(ask(&[]), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    assert_eq!(ask(&[json, ("trpc-accept", "application/jsonl")]), (501, "NOT_IMPLEMENTED".into()));
    let far = format!("/api/v1/listNotes?input={}", "x".repeat(40_000));
    assert_eq!(word(&ann.ask("GET", &far, Json::Null).json()), "PAYLOAD_TOO_LARGE");
}
