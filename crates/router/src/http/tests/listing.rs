//! Lists of entities.

use super::*;

fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let entities = body["entities"].as_array().unwrap_or_else(|| panic!("{body}"));
    let mut ids: Vec<String> = entities.iter().map(|entity| entity["entityId"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_list_has_what_the_caller_may_read_and_is_not_deleted() {
    let ann = ann();
    let bob = ann.server.sign_in("bob@example.org");
    let v1 = ann.note(json!({"a": 1}));
    for (person, kind, id) in
        [(&bob, "note", "b"), (&bob, "note", "gone"), (&bob, "recipe", "his"), (&ann.person, "recipe", "hers")]
    {
        let body = json!({"id": id, "value": {}});
        assert_eq!(ann.server.ask(person, "POST", &format!("/api/v1/entities/{kind}"), &[], body).status(), 201);
    }
    ann.ask("DELETE", "/api/v1/entities/note:gone", &[], Json::Null);
    let list = |kind: &str| ann.ask("GET", &format!("/api/v1/entities?type={kind}"), &[], Json::Null);
    assert_eq!((list("note").status(), ids(&list("note"))), (200, vec!["note:b".to_owned(), "note:n".to_owned()]));
    assert_eq!(list("note").json().get("cursor"), None);
    let notes = list("note").json();
    let mine = notes["entities"].as_array().unwrap().iter().find(|entity| entity["entityId"] == "note:n").unwrap();
    assert_eq!(mine, &json!({"entityId": "note:n", "validFrom": v1, "personId": ann.person.id}));
    assert_eq!(ids(&list("recipe")), ["recipe:hers"]);
    assert_eq!(ids(&list("person")), [format!("person:{}", ann.person.id)]);
    assert_eq!(ids(&list("nothing")), [] as [&str; 0]);
    assert_eq!(list("tw-code").status(), 404);
}

#[test]
fn pages_follow_each_other_by_cursor() {
    let ann = ann();
    for id in 0..7 {
        ann.ask("POST", NOTES, &[], json!({"id": id.to_string(), "value": id}));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ann.ask("GET", &format!("/api/v1/entities?type=note&limit=3{cursor}"), &[], Json::Null);
        assert!(ids(&page).len() <= 3);
        seen.extend(ids(&page));
        let Some(next) = page.json().get("cursor").and_then(|next| next.as_str().map(str::to_owned)) else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|id| format!("note:{id}")).collect::<Vec<_>>());
}

#[test]
fn what_is_no_list_is_400() {
    let ann = ann();
    for query in [
        "",
        "?limit=5",
        "?type=",
        "?type=Note",
        "?type=note&limit=0",
        "?type=note&limit=1001",
        "?type=note&limit=x",
        "?type=note&cursor=x",
        "?type=note&limit=%zz",
    ] {
        let answer = ann.ask("GET", &format!("/api/v1/entities{query}"), &[], Json::Null);
        assert_eq!((answer.status(), answer.code().as_str()), (400, "bad-request"), "{query}");
    }
}
