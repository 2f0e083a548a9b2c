//! Every way in × everybody who may have a right in some way × everything that can be asked: what comes of it follows from two
//! tables, and to who may not read, an entity is exactly as one that there is not.

use serde_json::{Value as Json, json};
use timeweft_core::org::Role;

use crate::testing::{Person, Server, server};

const API: &str = "/api/v1/entities";

/// How somebody comes by what they are with a document of a team.
const PEOPLE: [(&str, Option<Role>); 22] = [
    ("admin above all", Some(Role::Admin)),
    ("editor above all", Some(Role::Editor)),
    ("viewer at the node", Some(Role::Viewer)),
    ("editor at the node", Some(Role::Editor)),
    ("admin at the node", Some(Role::Admin)),
    ("viewer by a group", Some(Role::Viewer)),
    ("editor by a group", Some(Role::Editor)),
    ("admin by a group", Some(Role::Admin)),
    ("viewer and editor in two groups", Some(Role::Editor)),
    ("viewer by a link", Some(Role::Viewer)),
    ("editor by a link", Some(Role::Editor)),
    ("admin by a link", Some(Role::Admin)),
    ("editor by mail", Some(Role::Editor)),
    ("viewer by name", Some(Role::Viewer)),
    ("admin elsewhere in the team", None),
    ("late for a link", None),
    ("with a link that was withdrawn", None),
    ("with a mail to somebody else", None),
    ("let go", None),
    ("stranger", None),
    ("guest", None),
    ("nobody", None),
];

/// What has to be somebody's to do something.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Read,
    /// To read, with a session also where everybody reads.
    Session,
    Change,
    Share,
}

/// What can be asked, and the status where it is granted.
const VERBS: [(&str, Needs, u16); 24] = [
    ("GET", Needs::Read, 200),
    ("GET past", Needs::Read, 200),
    ("GET unchanged", Needs::Read, 304),
    ("GET history", Needs::Read, 200),
    ("GET subscribers", Needs::Session, 200),
    ("GET people", Needs::Session, 200),
    ("GET invitation", Needs::Session, 405),
    ("PATCH", Needs::Change, 200),
    ("PUT", Needs::Change, 200),
    ("POST revert", Needs::Change, 200),
    ("POST undelete", Needs::Change, 400),
    ("DELETE", Needs::Change, 200),
    ("PUT person", Needs::Share, 200),
    ("DELETE person", Needs::Share, 200),
    ("POST invitation", Needs::Share, 201),
    ("get", Needs::Read, 200),
    ("get past", Needs::Read, 200),
    ("subscribe", Needs::Read, 200),
    ("subscribe since", Needs::Read, 304),
    ("history", Needs::Read, 200),
    ("patchDiff", Needs::Change, 200),
    ("patchUndelete", Needs::Change, 400),
    ("delete", Needs::Change, 200),
    ("unsubscribe", Needs::Read, 200),
];

struct Matrix {
    server: Server,
    people: Vec<(&'static str, Option<Role>, Person)>,
    maker: Person,
    other: Person,
}

fn nobody() -> Person {
    Person { id: String::new(), cookie: String::new() }
}

impl Matrix {
    fn new() -> Matrix {
        let server = server(&[("app-url", "https://app.example")]);
        let address = |name: &str| format!("{}@example.org", name.replace(' ', "-"));
        let people = PEOPLE.map(|(name, role)| {
            let person = match name {
                "nobody" => nobody(),
                "guest" => {
                    let answer = server.anonymous("POST", "/login/guest", Json::Null);
                    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
                    Person { id: answer.json()["personId"].as_str().unwrap().to_owned(), cookie }
                }
                name => server.sign_in(&address(name)),
            };
            (name, role, person)
        });
        let (maker, other) = (server.sign_in("maker@example.org"), server.sign_in("other@example.org"));
        let matrix = Matrix { server, people: people.to_vec(), maker, other };
        for (kind, policy) in [("pub", "public"), ("sig", "signed-in"), ("own", "owner"), ("doc", "org")] {
            matrix.made("type", kind, json!({"policy": policy}));
            for id in ["one", "two"] {
                matrix.made(kind, id, json!({"n": 0}));
            }
        }
        matrix.made("org", "team", matrix.team());
        matrix.invites(&address("editor by mail"));
        matrix
    }

    fn of(&self, name: &str) -> &Person {
        self.people.iter().find(|(known, ..)| *known == name).map(|(.., person)| person).unwrap()
    }

    fn team(&self) -> Json {
        let mut grants = json!({ &self.maker.id: {"all": "admin"} });
        for (name, node, role) in [
            ("admin above all", "all", "admin"),
            ("editor above all", "all", "editor"),
            ("viewer at the node", "place", "viewer"),
            ("editor at the node", "place", "editor"),
            ("admin at the node", "place", "admin"),
            ("viewer by a group", "one", "viewer"),
            ("editor by a group", "one", "editor"),
            ("admin by a group", "two", "admin"),
            ("viewer and editor in two groups", "one", "viewer"),
            ("viewer and editor in two groups", "two", "editor"),
            ("admin elsewhere in the team", "elsewhere", "admin"),
        ] {
            let person = &mut grants[&self.of(name).id];
            match person {
                Json::Object(nodes) => drop(nodes.insert(node.to_owned(), json!(role))),
                person => *person = json!({ node: role }),
            }
        }
        json!({
            "name": "Team",
            "nodes": {"all": {}, "one": {}, "two": {}, "place": {}, "elsewhere": {}},
            "edges": {
                "all": {"one": true, "two": true, "elsewhere": true}, "one": {"place": true}, "two": {"place": true},
            },
            "grants": grants,
            "attached": {"doc:one": "place"},
        })
    }

    fn invites(&self, mail: &str) {
        let invite = |body: Json| {
            let made = self.ask(&self.maker, "POST", "doc:one/invitations", &[], body);
            assert_eq!(made.0, 201, "{}", made.1);
            made.1
        };
        let accept = |name: &str, invitation: &Json| {
            let token = json!({"token": invitation["token"]});
            self.server.ask(self.of(name), "POST", "/api/v1/invitations/accept", &[], token).status()
        };
        for role in ["viewer", "editor", "admin"] {
            assert_eq!(accept(&format!("{role} by a link"), &invite(json!({"role": role}))), 200);
        }
        assert_eq!(accept("editor by mail", &invite(json!({"role": "editor", "email": mail}))), 200);
        let to_other = invite(json!({"role": "editor", "email": "other@example.org"}));
        assert_eq!(accept("with a mail to somebody else", &to_other), 403);
        let withdrawn = invite(json!({"role": "admin"}));
        let path = format!("doc:one/invitations/{}", withdrawn["id"].as_str().unwrap());
        assert_eq!(self.ask(&self.maker, "DELETE", &path, &[], Json::Null).0, 200);
        assert_eq!(accept("with a link that was withdrawn", &withdrawn), 404);
        let short = invite(json!({"role": "admin", "expiresIn": 60}));
        self.server.world.pass(61);
        assert_eq!(accept("late for a link", &short), 404);
        for (name, role) in [("viewer by name", "viewer"), ("let go", "editor")] {
            let path = format!("doc:one/people/{}", self.of(name).id);
            assert_eq!(self.ask(&self.maker, "PUT", &path, &[], json!({"role": role})).0, 200);
        }
        let path = format!("doc:one/people/{}", self.of("let go").id);
        assert_eq!(self.ask(&self.maker, "DELETE", &path, &[], Json::Null).0, 200);
    }

    fn made(&self, kind: &str, id: &str, value: Json) {
        let made = self.ask(&self.maker, "POST", kind, &[], json!({"id": id, "value": value}));
        assert_eq!(made.0, 201, "{kind}:{id} {}", made.1);
    }

    fn ask(&self, person: &Person, method: &str, path: &str, headers: &[(&str, &str)], body: Json) -> (u16, Json) {
        let answer = self.server.ask(person, method, &format!("{API}/{path}"), headers, body);
        (answer.status(), answer.json())
    }

    fn meta(&self, entity: &str) -> Json {
        self.ask(&self.maker, "GET", entity, &[], Json::Null).1["meta"].clone()
    }

    /// Does what the verb says: over HTTP, or as a message by `/message` and on a socket. `at` is a version of the entity, `first` its
    /// first one.
    fn attempt(&self, person: &Person, verb: &str, entity: &str, (first, at): (&str, &str)) -> Vec<(u16, Json)> {
        let since = [("if-unmodified-since", at)];
        let other = format!("{entity}/people/{}", self.other.id);
        let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: Json| {
            vec![self.ask(person, method, path, headers, body)]
        };
        let message = |mut message: Json| {
            message["id"] = json!(1);
            message["entityId"] = json!(entity);
            let answer = self.server.ask(person, "POST", "/message", &[], message.clone());
            let mut answers = vec![(answer.status(), answer.json())];
            if !person.id.is_empty() {
                let answer = self.server.socket(person, "c").send(message).0;
                answers.push((answer["status"].as_u64().unwrap() as u16, answer));
            }
            answers
        };
        match verb {
            "GET" => ask("GET", entity, &[], Json::Null),
            "GET past" => ask("GET", &format!("{entity}?asOf={first}"), &[], Json::Null),
            "GET unchanged" => ask("GET", entity, &[("if-modified-since", at)], Json::Null),
            "GET history" => ask("GET", &format!("{entity}/history"), &[], Json::Null),
            "GET subscribers" => ask("GET", &format!("{entity}/subscribers"), &[], Json::Null),
            "GET people" => ask("GET", &format!("{entity}/people"), &[], Json::Null),
            "GET invitation" => ask("GET", &format!("{entity}/invitations/x"), &[], Json::Null),
            "PATCH" => {
                let headers = [since[0], ("content-type", "application/merge-patch+json")];
                ask("PATCH", entity, &headers, json!({"by": person.id}))
            }
            "PUT" => ask("PUT", entity, &since, json!({"value": {"put": person.id}})),
            "POST revert" => ask("POST", &format!("{entity}/revert"), &since, json!({"validFrom": first})),
            "POST undelete" => ask("POST", &format!("{entity}/undelete"), &[], Json::Null),
            "DELETE" => ask("DELETE", entity, &[], Json::Null),
            "PUT person" => ask("PUT", &other, &[], json!({"role": "viewer"})),
            "DELETE person" => ask("DELETE", &other, &[], Json::Null),
            "POST invitation" => ask("POST", &format!("{entity}/invitations"), &[], json!({"role": "viewer"})),
            "get" => message(json!({"method": "get"})),
            "get past" => message(json!({"method": "get", "asOf": first})),
            "subscribe" => message(json!({"method": "subscribe"})),
            "subscribe since" => message(json!({"method": "subscribe", "validFrom": at})),
            "history" => message(json!({"method": "history"})),
            "unsubscribe" => message(json!({"method": "unsubscribe"})),
            "patchUndelete" => message(json!({"method": "patchUndelete"})),
            "delete" => message(json!({"method": "delete"})),
            _ => message(json!({"method": "patchDiff", "diff": {"by": verb}, "ifUnmodifiedSince": at})),
        }
    }

    fn lists(&self, person: &Person, kind: &str) -> (u16, bool) {
        let answer = self.server.ask(person, "GET", &format!("{API}?type={kind}"), &[], Json::Null);
        (answer.status(), answer.json().to_string().contains(&format!("{kind}:one")))
    }
}

/// What somebody is with an entity of a type of that policy.
fn role_of(policy: &str, name: &str, by_team: Option<Role>) -> Option<Role> {
    match (policy, name) {
        ("org", _) => by_team,
        ("owner", _) | ("signed-in", "nobody") => None,
        ("public", "nobody") => Some(Role::Viewer),
        _ => Some(Role::Editor),
    }
}

#[test]
fn what_comes_of_a_request_follows_from_who_asks_for_what_and_nothing_else() {
    let matrix = Matrix::new();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (kind, policy) in [("pub", "public"), ("sig", "signed-in"), ("own", "owner"), ("doc", "org")] {
        let entity = format!("{kind}:one");
        let first = matrix.meta(&entity)["validFrom"].as_str().unwrap().to_owned();
        for (name, by_team, person) in &matrix.people {
            let role = role_of(policy, name, *by_team);
            let is_nobody = *name == "nobody";
            for (verb, needs, granted) in VERBS {
                let at = matrix.meta(&entity)["validFrom"].as_str().unwrap().to_owned();
                let hidden = if is_nobody { 401 } else { 404 };
                let expected = match (role, needs) {
                    _ if granted == 405 => 405,
                    (Some(_), Needs::Read) => granted,
                    // Whether they were subscribed, they know.
                    _ if verb == "unsubscribe" && !is_nobody => granted,
                    // Nobody has it by a share, so nothing is taken from anybody.
                    (Some(_), Needs::Share) if verb == "DELETE person" && policy != "org" && !is_nobody => granted,
                    (Some(_), Needs::Session) if !is_nobody => granted,
                    (Some(Role::Editor | Role::Admin), Needs::Change) => granted,
                    (Some(Role::Admin), Needs::Share) if policy == "org" => granted,
                    (Some(_), Needs::Change | Needs::Share) if !is_nobody => 403,
                    _ => hidden,
                };
                for (status, body) in matrix.attempt(person, verb, &entity, (&first, &at)) {
                    checked += 1;
                    if status != expected {
                        wrong.push(format!("{policy}, {name}, {verb}: {status}, not {expected}: {body}"));
                    }
                    // Undone where it was granted.
                    if matches!(verb, "DELETE" | "delete") && status == 200 {
                        matrix.ask(&matrix.maker, "POST", &format!("{entity}/undelete"), &[], Json::Null);
                    }
                }
                if expected == hidden {
                    let told = matrix.attempt(person, verb, &entity, (&first, &at));
                    let absent = matrix.attempt(person, verb, &format!("{kind}:own"), (&first, &at));
                    let as_one =
                        |answers: Vec<(u16, Json)>| json!(answers).to_string().replace(&entity, &format!("{kind}:own"));
                    let (told, absent) = (as_one(told), as_one(absent));
                    if told != absent {
                        wrong.push(format!("{policy}, {name}, {verb} tells that it is there: {told}, not {absent}"));
                    }
                    checked += 1;
                }
            }
            checked += 1;
            let expected = match (policy, is_nobody) {
                ("public", _) | (_, false) => (200, role.is_some()),
                _ => (401, false),
            };
            if matrix.lists(person, kind) != expected {
                wrong.push(format!("{policy}, {name}, list: {:?}, not {expected:?}", matrix.lists(person, kind)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 3_000, "{checked}");
}
