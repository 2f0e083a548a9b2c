//! What roles are, and who may change what; `after` has what an organisation becomes, held against `naive`, which reads all of it.

mod after;
mod naive;

use proptest::prelude::*;

use super::*;
use crate::codec::json;
use crate::limits::Limits;

fn value(text: &str) -> Value {
    json::value_from_text(text.as_bytes(), &Limits::default()).unwrap()
}

fn org(text: &str) -> Org {
    Org::read(&value(text)).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let violations = Org::read(&value(text)).unwrap_err();
    violations.into_iter().map(|violation| [violation.path, violation.message].join(" ")).collect()
}

const ACME: &str = r#"{"name":"Acme","nodes":{"all":{},"shop":{},"web":{},"other":{}},
    "edges":{"all":{"shop":true,"web":true},"shop":{"web":true}},
    "grants":{"ann":{"all":"admin"},"bob":{"shop":"editor","web":"viewer"},"eve":{"other":"viewer"}},
    "attached":{"task:1":"web","task:2":"shop"}}"#;

/// The organisation with a part of it put otherwise.
fn with(part: &str, as_json: &str) -> Org {
    let mut whole: serde_json::Value = serde_json::from_str(ACME).unwrap();
    whole[part] = serde_json::from_str(as_json).unwrap();
    org(&whole.to_string())
}

#[test]
fn a_role_holds_for_all_below() {
    let acme = org(ACME);
    assert_eq!(acme.role("ann", "web"), Some(Role::Admin));
    assert_eq!(acme.role("bob", "web"), Some(Role::Editor), "by shop, which is more than what they are at web itself");
    assert_eq!(acme.role("bob", "all"), None);
    assert_eq!(acme.role("eve", "web"), None);
    assert_eq!(acme.node_of("task:1"), Some("web"));
    assert!(acme.is_head("ann") && !acme.is_head("bob") && acme.is_member("eve") && !acme.is_member("zoe"));
}

#[test]
fn what_is_wrong_is_named() {
    let admin = r#""grants":{"ann":{"a":"admin"}}"#;
    let fault = |rest: &str| faults(&format!("{{{rest}}}")).join("; ");
    assert!(faults("[]").join("").starts_with(" an organisation is"));
    assert_eq!(
        fault(r#""nodes":{"a":{}}"#),
        "/grants an organisation has an admin: { \"PERSON\": { \"NODE\": \"admin\" } }"
    );
    assert!(
        fault(r#""nodes":{"b":{}},"grants":{"ann":{"a":"admin"}}"#).starts_with("/grants "),
        "at a node that is there"
    );
    assert_eq!(
        fault(&format!(r#""nodes":{{"a":{{}}}},"edges":{{"a":{{"b/c":true}}}},{admin}"#)),
        "/edges/a/b~1c there is no node `b/c`"
    );
    for edges in [
        r#"{"a":{"a":true}}"#,
        r#"{"a":{"b":true},"b":{"a":true}}"#,
        r#"{"a":{"b":true},"b":{"c":true},"c":{"b":true}}"#,
    ] {
        let said = fault(&format!(r#""nodes":{{"a":{{}},"b":{{}},"c":{{}}}},"edges":{edges},{admin}"#));
        assert!(said.contains("makes a cycle"), "{said}");
    }
    assert!(fault(&format!(r#""nodes":{{"a":1}},{admin}"#)).starts_with("/nodes/a a node is an object"));
    assert!(fault(r#""nodes":{"a":{}},"grants":{"ann":{"a":"owner"}}"#).starts_with("/grants/ann/a a role is"));
    assert!(
        fault(&format!(r#""nodes":{{"a":{{}}}},"edges":{{"a":{{"a":false}}}},{admin}"#)).contains("an edge is true")
    );
    assert!(
        fault(&format!(r#""name":1,"attached":{{"task:1":2}},"nodes":{{"a":{{}}}},{admin}"#))
            .contains("/attached/task:1")
    );
    // A diamond is no cycle.
    assert!(Org::read(&value(ACME)).is_ok());
}

#[test]
fn only_an_admin_of_what_is_touched_may_change_it() {
    let acme = org(ACME);
    let grant = with("grants", r#"{"ann":{"all":"admin"},"bob":{"shop":"editor"},"zoe":{"web":"viewer"}}"#);
    let apart = org(&ACME.replace(r#""eve":{"other":"viewer"}"#, r#""eve":{"other":"admin"}"#));
    let refused = "granting something to `eve` takes the role `admin` at the node `other`";
    assert_eq!(apart.allows(&grant, "ann"), Err(refused.into()));
    assert_eq!(acme.allows(&grant, "ann"), Ok(()), "nobody is admin there");
    let shop = org(&ACME.replace(r#""shop":"editor""#, r#""shop":"admin""#));
    let change = |from: &str, to: &str| org(&ACME.replace(r#""shop":"editor""#, r#""shop":"admin""#).replace(from, to));
    assert_eq!(shop.allows(&change(r#""web":"viewer""#, r#""web":"editor""#), "bob"), Ok(()));
    assert!(shop.allows(&change(r#""all":"admin""#, r#""all":"viewer","web":"admin""#), "bob").is_err());
    assert!(shop.allows(&change("Acme", "Bobs"), "bob").is_err());
    assert_eq!(shop.allows(&change("Acme", "Anns"), "ann"), Ok(()));
    // A node of their own, under their own, and somebody there; and none of it elsewhere.
    let new = |parent: &str| {
        change(r#""other":{}"#, r#""other":{},"new":{}"#).clone_with_edge(parent, "new").clone_with_grant(
            "zoe",
            "new",
            Role::Editor,
        )
    };
    assert_eq!(shop.allows(&new("shop"), "bob"), Ok(()));
    assert!(shop.allows(&new("all"), "bob").is_err());
    assert!(shop.allows(&new("other"), "bob").is_err());
    // Nobody becomes admin of something by making it, and then of the whole.
    let alone = acme.clone_with_node("new");
    for person in ["bob", "eve", "zoe"] {
        assert!(acme.allows(&alone, person).is_err());
        assert!(acme.allows(&alone.clone_with_grant(person, "new", Role::Admin), person).is_err());
        assert!(acme.allows(&acme.clone_with_grant(person, "ghost", Role::Admin), person).is_err());
    }
    assert_eq!(acme.allows(&alone.clone_with_grant("ann", "new", Role::Admin), "ann"), Ok(()));
    // Nor by cutting loose what is theirs, or by making it again.
    let part =
        shop.clone_with_edge("shop", "part").clone_with_node("part").clone_with_grant("bob", "part", Role::Admin);
    assert_eq!(shop.allows(&part, "bob"), Ok(()));
    let mut loose = part.clone();
    loose.cut_edge("shop", "part");
    assert!(part.allows(&loose, "bob").is_err() && part.allows(&loose, "ann").is_ok());
    let mut gone = loose.clone();
    gone.nodes.remove("part");
    assert_eq!(part.allows(&gone, "bob"), Ok(()));
    assert!(gone.allows(&loose, "bob").is_err());
    // What nobody is admin of is the heads', and a node above theirs makes them none the less.
    let above = alone.clone_with_edge("new", "all");
    assert_eq!(alone.allows(&above, "ann"), Ok(()));
    assert!(above.is_head("ann") && !above.is_head("bob"));
    assert_eq!(above.allows(&above.clone_with_grant("zoe", "new", Role::Viewer), "ann"), Ok(()));
    assert!(above.allows(&above.clone_with_grant("zoe", "new", Role::Viewer), "bob").is_err());
    // Who edits attaches; who moves or detaches is an admin there.
    let attached = |attached: &str| with("attached", attached);
    assert_eq!(acme.allows(&attached(r#"{"task:1":"web","task:2":"shop","task:3":"web"}"#), "bob"), Ok(()));
    assert!(acme.allows(&attached(r#"{"task:1":"web"}"#), "bob").is_err());
    assert!(acme.allows(&attached(r#"{"task:1":"shop","task:2":"shop"}"#), "bob").is_err());
    assert!(acme.allows(&attached(r#"{"task:1":"web","task:2":"shop","task:3":"all"}"#), "bob").is_err());
    assert!(acme.allows(&attached(r#"{"task:1":"web","task:2":"shop","task:3":"other"}"#), "eve").is_err());
}

impl Org {
    fn clone_with_node(&self, node: &str) -> Org {
        let mut org = self.clone();
        org.put_node(node, Value::Null);
        org
    }

    fn clone_with_edge(&self, parent: &str, child: &str) -> Org {
        let mut org = self.clone();
        org.put_edge(parent, child);
        org
    }

    fn clone_attached(&self, entity: &str, node: &str) -> Org {
        let mut org = self.clone();
        org.attach(entity, node);
        org
    }

    fn clone_with_grant(&self, person: &str, node: &str, role: Role) -> Org {
        let mut org = self.clone();
        org.grant(person, node, role);
        org
    }
}

const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];
const PERSONS: [&str; 3] = ["p", "q", "r"];

/// Any edges, upwards in the alphabet so that there is no cycle, and any grants.
fn any_org() -> impl Strategy<Value = Org> {
    let edges = proptest::collection::vec((0..5_usize, 0..5_usize), 0..8);
    let grants = proptest::collection::vec((0..3_usize, 0..5_usize, 0..3_usize), 0..8);
    (edges, grants).prop_map(|(edges, grants)| {
        let mut org = NODES.iter().fold(Org::default(), |org, node| org.clone_with_node(node));
        for (one, other) in edges.into_iter().filter(|(one, other)| one != other) {
            org = org.clone_with_edge(NODES[one.min(other)], NODES[one.max(other)]);
        }
        for (person, node, role) in grants {
            org = org.clone_with_grant(PERSONS[person], NODES[node], [Role::Viewer, Role::Editor, Role::Admin][role]);
        }
        org
    })
}

/// By walking down from each grant.
fn naive_role(org: &Org, person: &str, node: &str) -> Option<Role> {
    let mut best = None;
    for (from, role) in org.grants.get(person)? {
        let mut below = BTreeSet::from([from.clone()]);
        while let Some(more) = org
            .parents
            .iter()
            .find(|(child, parents)| !below.contains(*child) && parents.names().any(|parent| below.contains(parent)))
        {
            below.insert(more.0.clone());
        }
        if below.iter().any(|below| **below == *node) {
            best = best.max(Some(*role));
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn roles_and_who_lost_one_are_as_by_trying_all(before in any_org(), after in any_org()) {
        for person in PERSONS {
            let mut lost = false;
            for node in NODES {
                let [was, is] = [&before, &after].map(|org| org.role(person, node));
                prop_assert_eq!(was, naive_role(&before, person, node));
                lost |= is < was;
            }
            prop_assert_eq!(before.lowered(&after).contains(person), lost, "{} {:?} {:?}", person, before, after);
        }
    }
}

#[test]
fn what_everybody_is_holds_for_each_and_is_withdrawn_from_each() {
    let open = org(&ACME.replace(r#""eve":{"other""#, r#""*":{"shop":"viewer"},"eve":{"other""#));
    assert_eq!(open.role("zoe", "web"), Some(Role::Viewer));
    assert_eq!(open.role("", "web"), Some(Role::Viewer), "also who is not signed in");
    assert_eq!(open.role("bob", "web"), Some(Role::Editor), "more is more");
    assert_eq!(open.role("zoe", "all"), None);
    assert!(!open.is_member("zoe"), "the organisation is its members'");
    let closed = org(ACME);
    assert_eq!(
        open.lowered(&closed).into_iter().collect::<Vec<_>>(),
        ["*", "eve"],
        "bob and ann have as much as before"
    );
    assert_eq!(closed.lowered(&open).len(), 0);
    let refused = faults(&ACME.replace(r#""eve":{"other":"viewer"#, r#""*":{"other":"admin"#));
    assert_eq!(refused, [r#"/grants/*/other everybody is "viewer" or "editor""#]);
}

#[test]
fn whoever_wants_less_for_themselves_may_have_it() {
    let acme = org(ACME);
    let without = |from: &str, to: &str| org(&ACME.replace(from, to));
    let left = without(r#""bob":{"shop":"editor","web":"viewer"},"#, "");
    assert_eq!(acme.allows(&left, "bob"), Ok(()));
    assert!(acme.allows(&left, "eve").is_err());
    assert_eq!(acme.allows(&without(r#""shop":"editor""#, r#""shop":"viewer""#), "bob"), Ok(()));
    assert!(acme.allows(&without(r#""shop":"editor""#, r#""shop":"admin""#), "bob").is_err());
}

#[test]
fn the_people_at_a_node_are_told_with_where_they_come_from() {
    let acme = org(ACME);
    let people: Vec<_> = acme.people("web").collect();
    assert_eq!(people, [("ann", Role::Admin, false), ("bob", Role::Editor, false)], "as viewer there he has less");
    assert!(acme.people("shop").any(|bob| bob == ("bob", Role::Editor, true)));
    assert_eq!(
        (acme.granted_at("bob", "web"), acme.named_role("bob", "web")),
        (Some(Role::Viewer), Some(Role::Editor))
    );
    let own = org(&ACME.replace(r#""web":{}"#, r#""web":{"entity":"task:1"}"#));
    assert_eq!((own.entity_of("web"), own.entity_of("shop")), (Some("task:1"), None));
}

#[test]
fn who_has_only_what_was_shared_with_them_is_a_collaborator_and_no_member() {
    let own = |grants: &str| {
        org(&ACME.replace(r#""web":{}"#, r#""web":{"entity":"task:1"}"#).replace(r#""eve":{"other":"viewer"}"#, grants))
    };
    let shared = own(r#""eve":{"web":"admin"}"#);
    assert!(!shared.is_member("eve") && shared.is_named("eve") && shared.is_member("bob"));
    // They may share it on, and not take it away from where it is shared.
    let moved = |to: &str| shared.clone_with_node("part").clone_with_edge("web", "part").clone_attached("task:1", to);
    assert_eq!(shared.allows(&moved("part"), "eve"), Ok(()));
    let mut detached = shared.clone();
    detached.detach("task:1");
    assert!(shared.allows(&detached, "eve").is_err() && shared.allows(&detached, "ann").is_ok());
    assert!(shared.allows(&shared.clone_attached("task:1", "other"), "eve").is_err());
    // In an organisation of its own it is its admins who are members.
    let alone = org(
        r#"{"nodes":{"all":{"entity":"task:9"}},"grants":{"ann":{"all":"admin"},"bob":{"all":"viewer"}},"attached":{"task:9":"all"}}"#,
    );
    assert!(alone.is_member("ann") && !alone.is_member("bob"));
}

#[test]
fn at_a_node_that_is_gone_nobody_is_anything_and_only_a_head_makes_it_again() {
    let before = org(&ACME.replace(r#""eve":{"other":"viewer"}"#, r#""eve":{"shop":"admin"},"*":{"web":"viewer"}"#));
    let mut gone = before.clone();
    gone.nodes.remove("web");
    ["all", "shop"].iter().for_each(|parent| gone.cut_edge(parent, "web"));
    assert_eq!(before.allows(&gone, "ann"), Ok(()));
    assert_eq!((gone.role("bob", "web"), gone.role("zoe", "web"), gone.node_of("task:1")), (None, None, None));
    assert!(before.lowered(&gone).is_superset(&BTreeSet::from(["*", "ann", "bob", "eve"])));
    assert_eq!(before.moved(&gone).collect::<Vec<_>>(), [("task:1", "web")]);
    let mut only = gone.clone();
    only.revoke("bob", "shop");
    only.grant("bob", "web", Role::Admin);
    assert!(!only.is_named("bob") && !only.is_member("bob") && only.highest("bob").is_none());
    // Below what is theirs, with what was granted and attached there.
    let again = gone.clone_with_node("web").clone_with_edge("shop", "web");
    assert!(gone.allows(&again, "eve").unwrap_err().starts_with("making the node `web` again"));
    assert_eq!(gone.allows(&again, "ann"), Ok(()));
    assert_eq!(gone.come_under(&again).collect::<Vec<_>>(), [("task:1", "web")]);
    assert_eq!(gone.newly_attached(&again).count(), 0, "who made it had attached it there");
    // Elsewhere, it is for who made it to attach it.
    let elsewhere = gone.clone_attached("task:1", "shop");
    assert_eq!(gone.allows(&elsewhere, "eve"), Ok(()));
    assert_eq!(gone.newly_attached(&elsewhere).collect::<Vec<_>>(), ["task:1"]);
    let mut detached = gone.clone();
    detached.detach("task:1");
    assert!(gone.allows(&detached, "eve").is_err() && gone.allows(&detached, "ann").is_ok());
}

/// A chain of nodes, each below the one before, with Ann above all and Bob at the end.
fn chain(length: usize) -> Org {
    let name = |node: usize| format!("n{node}");
    let nodes = Value::object((0..length).map(|node| (name(node), Value::object::<&str>([]))));
    let below = |node: usize| Value::object([(name(node + 1), Value::Bool(true))]);
    let edges = Value::object((0..length - 1).map(|node| (name(node), below(node))));
    let role = |node: usize, role: &str| Value::object([(name(node), Value::text(role))]);
    let grants = Value::object([("ann", role(0, "admin")), ("bob", role(length - 1, "viewer"))]);
    Org::read(&Value::object([("nodes", nodes), ("edges", edges), ("grants", grants)])).unwrap()
}

#[test]
fn in_a_deep_organisation_who_has_less_is_everybody_rather_than_looked_for_without_end() {
    let (short, long) = (chain(20), chain(20_000));
    let none = Org::default();
    assert_eq!(short.lowered(&none).into_iter().collect::<Vec<_>>(), ["ann", "bob"]);
    // Two hundred million nodes are above those that end.
    assert_eq!(long.lowered(&none).into_iter().collect::<Vec<_>>(), ["ann", "bob"]);
}
