//! Organisations that several persons change at random, held against a model that rebuilds everything: the same is taken and
//! refused, whether the engine knows the organisation or has to read it, and what is stored is an organisation at any time.

mod common;

use std::collections::BTreeSet;

use common::*;
use serde_json::{Value as Json, json};
use timeweft_core::codec::{cbor, json as codec};
use timeweft_core::diff::diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, CborDiff, Context, Failure, Patch, Post, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_store::memory::MemoryStore;

const PERSONS: [&str; 5] = ["ann", "bob", "cy", "dee", "eve"];
const NODES: [&str; 7] = ["all", "a", "b", "c", "d", "e", "f"];
const ROLES: [&str; 3] = ["viewer", "editor", "admin"];

fn names<'a>(value: &'a Json, part: &str) -> Vec<&'a String> {
    value[part].as_object().map(|members| members.keys().collect()).unwrap_or_default()
}

/// All edges, as parent and child.
fn edges(org: &Json) -> Vec<(String, String)> {
    let of = |parent: &String| {
        let children = org["edges"][parent].as_object().unwrap();
        children.keys().map(|child| (parent.clone(), child.clone())).collect::<Vec<_>>()
    };
    names(org, "edges").into_iter().flat_map(of).collect()
}

/// The node and all below it.
fn below(org: &Json, node: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([node.to_owned()]);
    while let Some((_, child)) =
        edges(org).into_iter().find(|(parent, child)| found.contains(parent) && !found.contains(child))
    {
        found.insert(child);
    }
    found
}

fn is_admin(org: &Json, person: &str, node: &str) -> bool {
    let grants = org["grants"][person].as_object();
    grants.into_iter().flatten().any(|(at, role)| role == "admin" && below(org, at).contains(node))
}

fn is_head(org: &Json, person: &str) -> bool {
    let has_admin = |node: &str| PERSONS.iter().any(|person| org["grants"][person][node] == "admin");
    let is_highest =
        |node: &str| NODES.iter().all(|above| *above == node || !has_admin(above) || !below(org, above).contains(node));
    let grants = org["grants"][person].as_object();
    grants.into_iter().flatten().any(|(at, role)| role == "admin" && !org["nodes"][at].is_null() && is_highest(at))
}

fn has_no_admin(org: &Json, node: &str) -> bool {
    let is_granted = |at: &str| PERSONS.iter().any(|person| org["grants"][person][at] == "admin");
    NODES.iter().all(|above| !is_granted(above) || !below(org, above).contains(node))
}

fn is_valid(org: &Json) -> bool {
    let is_node = |node: &String| !org["nodes"][node].is_null();
    let edges = edges(org);
    let fits =
        edges.iter().all(|(parent, child)| is_node(parent) && is_node(child) && !below(org, child).contains(parent));
    let mut grants = names(org, "grants").into_iter().flat_map(|person| org["grants"][person].as_object().unwrap());
    fits && grants.any(|(node, role)| role == "admin" && is_node(node))
}

/// One thing to do, at random.
fn act(random: &mut Seeded, base: &Json) -> Vec<(String, String, Json)> {
    let node = |random: &mut Seeded| NODES[random.below(NODES.len())].to_owned();
    let edge = |parent: String, child: String, there: bool| {
        vec![("edges".to_owned(), format!("{parent}/{child}"), if there { json!(true) } else { Json::Null })]
    };
    match random.below(8) {
        0 => vec![("nodes".into(), node(random), json!({}))],
        1 => vec![("nodes".into(), node(random), Json::Null)],
        2 | 3 => edge(node(random), node(random), true),
        4 => match edges(base) {
            edges if edges.is_empty() => Vec::new(),
            edges => {
                let (parent, child) = edges[random.below(edges.len())].clone();
                // Moved, or cut.
                let mut changes = edge(parent, child.clone(), false);
                changes.extend((random.below(2) == 0).then(|| edge(node(random), child, true)).into_iter().flatten());
                changes
            }
        },
        5 | 6 => {
            let person = PERSONS[random.below(PERSONS.len())];
            vec![("grants".into(), format!("{person}/{}", node(random)), json!(ROLES[random.below(3)]))]
        }
        _ => {
            let person = PERSONS[random.below(PERSONS.len())];
            vec![("grants".into(), format!("{person}/{}", node(random)), Json::Null)]
        }
    }
}

fn changed(org: &Json, changes: &[(String, String, Json)]) -> Json {
    let mut org = org.clone();
    for (part, place, value) in changes {
        let (mut at, mut steps) = (&mut org[part], place.split('/').peekable());
        while let Some(step) = steps.next() {
            if at.is_null() {
                *at = json!({});
            }
            if steps.peek().is_some() {
                at = &mut at[step];
            } else if value.is_null() {
                at.as_object_mut().unwrap().remove(step);
            } else {
                at[step] = value.clone();
            }
        }
    }
    org
}

/// As `Org::allows` says it, of one change from one version to the next.
fn is_allowed(before: &Json, after: &Json, person: &str) -> bool {
    let is_new = |node: &str| before["nodes"][node].is_null();
    let heads = is_head(before, person);
    let under_theirs = |node: &str| {
        let is_above = |above: &&&str| !is_new(above) && below(after, above).contains(node);
        NODES.iter().filter(is_above).any(|above| is_admin(before, person, above))
    };
    let theirs = |node: &str| match is_new(node) {
        true => heads || under_theirs(node),
        false => is_admin(before, person, node) || (heads && has_no_admin(before, node)),
    };
    let is_root =
        |org: &Json, node: &str| !org["nodes"][node].is_null() && !edges(org).iter().any(|(_, child)| child == node);
    let is_cut = |node: &&str| is_root(after, node) && edges(before).iter().any(|(_, child)| child == node);
    let cuts = heads || !NODES.iter().any(is_cut);
    let nodes = NODES.iter().filter(|node| before["nodes"][*node] != after["nodes"][*node]).all(|node| theirs(node));
    let [old, new] = [before, after].map(|org| edges(org).into_iter().collect::<BTreeSet<_>>());
    let edges = old.symmetric_difference(&new).all(|(parent, child)| theirs(parent) && theirs(child));
    let grants = PERSONS.iter().all(|other| {
        let differs = |node: &&&str| before["grants"][other][**node] != after["grants"][other][**node];
        // Whoever wants less for themselves may have it.
        let rank = |org: &Json, node: &str| ROLES.iter().position(|role| org["grants"][other][node] == **role);
        let is_left = |node: &str| *other == person && rank(after, node) < rank(before, node);
        NODES.iter().filter(differs).all(|node| is_left(node) || theirs(node))
    });
    let says_something = old != new
        || NODES.iter().any(|node| before["nodes"][node] != after["nodes"][node])
        || PERSONS
            .iter()
            .any(|person| NODES.iter().any(|node| before["grants"][person][node] != after["grants"][person][node]));
    nodes && edges && cuts && grants && (says_something || is_head(before, person))
}

fn at(person: &str, now: u64) -> Context {
    Context { now: Timestamp(now), ..by(person) }
}

fn read(store: &MemoryStore, org: &EntityId) -> (Timestamp, Json) {
    match wait(engine(store).read(&by("reader"), org, Read::whole(Which::Current))) {
        Ok(Reading::Value(found, meta)) => (meta.valid_from, codec::value_to_json(&decode(&found))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ten_thousand_random_changes_are_taken_and_refused_as_by_a_model_that_rebuilds_everything() {
    let (mut taken, mut invalid, mut forbidden) = (0, 0, 0);
    for seed in 0..40 {
        let (store, mut random) = (MemoryStore::new(), Seeded::new(seed));
        let org = EntityId::parse("org:o").unwrap();
        let first = r#"{"nodes":{"all":{},"a":{},"b":{}},"edges":{"all":{"a":true,"b":true}},
            "grants":{"ann":{"all":"admin"},"bob":{"a":"admin"},"cy":{"b":"admin","a":"editor"},"dee":{"all":"viewer"}}}"#;
        wait(engine(&store).post(&at("ann", 1), &org, Post::of(value(first)))).unwrap();
        let mut versions = vec![read(&store, &org)];
        // Two that go on from what they know, which the other has changed since.
        let warm = [engine(&store), engine(&store)];
        for step in 0..400 {
            let (_, current) = versions.last().unwrap().clone();
            // Mostly on the current version, and now and then on one of some changes ago.
            let back = if random.below(3) == 0 { random.below(6) } else { 0 };
            let (since, base) = versions[versions.len() - 1 - back.min(versions.len() - 1)].clone();
            // As often the one who may most as all others.
            let person = PERSONS[random.below(2) * random.below(PERSONS.len())];
            let changes = act(&mut random, &base);
            let next = changed(&base, &changes);
            // What is in the base already is no change of it.
            let changes: Vec<_> =
                changes.into_iter().filter(|change| changed(&base, std::slice::from_ref(change)) != base).collect();
            if changes.is_empty() {
                continue;
            }
            let diff = diff(&parse(&base.to_string()), &parse(&next.to_string()));
            let diff = CborDiff(cbor::encode_patch(&diff.to_patch()));
            let (context, patch) = (at(person, 1_000 + step), Patch::of(diff, since));
            let answer = match random.below(8) {
                0 => wait(engine(&store).patch(&context, &org, patch)),
                1 => wait(warm[1].patch(&context, &org, patch)),
                _ => wait(warm[0].patch(&context, &org, patch)),
            };
            let merged = changed(&current, &changes);
            let said = match &answer {
                // Others have done it since, and perhaps undone it.
                Ok(committed) if committed.change.is_none() => "nothing",
                Ok(_) => "taken",
                Err(Failure::InvalidValue(_)) => "invalid",
                Err(Failure::Forbidden(_)) => "forbidden",
                Err(Failure::Conflict(..)) => "conflict",
                other => panic!("{other:?}"),
            };
            let expected = match () {
                () if said == "conflict" || said == "nothing" => said,
                () if !is_valid(&merged) => "invalid",
                () if !is_allowed(&current, &merged, person) => "forbidden",
                () => "taken",
            };
            assert_eq!(said, expected, "seed {seed}, step {step}: {person} {changes:?} on {current}");
            match said {
                "taken" => taken += 1,
                "invalid" => invalid += 1,
                "forbidden" => forbidden += 1,
                _ => {}
            }
            let (now, stored) = read(&store, &org);
            assert!(is_valid(&stored), "{stored}");
            if said == "taken" {
                assert_eq!(stored, merged, "seed {seed}, step {step}");
            } else {
                assert_eq!(stored, current);
            }
            if versions.last().is_some_and(|(last, _)| *last != now) {
                versions.push((now, stored));
            }
        }
    }
    assert!(taken > 1_000 && invalid > 1_000 && forbidden > 1_000, "{taken} {invalid} {forbidden}");
}

#[test]
fn whoever_attaches_an_entity_while_it_is_made_it_is_its_makers() {
    let entity = EntityId::parse("task:x").unwrap();
    let alone = |person: &str, attached: &str| {
        value(&format!(r#"{{"nodes":{{"x":{{}}}},"grants":{{"{person}":{{"x":"admin"}}}},"attached":{attached}}}"#))
    };
    let mut attached = 0;
    for seed in 0..400 {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let [kind, o, p, q] = ["type:task", "org:o", "org:p", "org:q"].map(|id| EntityId::parse(id).unwrap());
        wait(engine.post(&by("admin"), &kind, Post::of(value(r#"{"policy":"org"}"#)))).unwrap();
        for (org, person) in [(&o, "ann"), (&p, "bob")] {
            wait(engine.post(&by(person), org, Post::of(alone(person, "{}")))).unwrap();
        }
        let attach = |org, person| {
            let diff = patch(r#"{"attached":{"task:x":"x"}}"#);
            let engine = &engine;
            Box::pin(async move { engine.patch(&by(person), org, Patch::of(diff, Timestamp(1_000))).await.is_ok() })
                as std::pin::Pin<Box<dyn Future<Output = bool>>>
        };
        let (ours, engine_of_all) = (entity.clone(), &engine);
        let made_by_zoe = Box::pin(async move {
            // As the router finds it: attached to nothing.
            let zoe = Context { access: Access::Creator, ..by("zoe") };
            engine_of_all.post(&zoe, &ours, Post::of(value(r#"{"secret":1}"#))).await.is_ok()
        });
        let new = alone("cy", r#"{"task:x":"x"}"#);
        let (third, engine_of_all) = (q.clone(), &engine);
        let made_with_it = Box::pin(async move { engine_of_all.post(&by("cy"), &third, Post::of(new)).await.is_ok() });
        let tasks = vec![made_by_zoe as _, attach(&o, "ann"), attach(&p, "bob"), made_with_it as _];
        let took = interleave(seed, tasks);
        assert!(took[0], "seed {seed}: nobody keeps her from making it");
        attached += took[1..].iter().filter(|took| **took).count();
        // Whatever organisations say, nothing leads from it to one of them.
        let mark = timeweft_core::org::mark(&<sha2::Sha256 as sha2::Digest>::digest(entity.as_str()));
        let (_, found) = read(&store, &mark);
        assert_eq!(found["org"], "", "seed {seed}: {took:?}");
        // And its maker attaches it where she wants.
        let later = Context { now: Timestamp(100_000_000), ..by("zoe") };
        let own = EntityId::parse("org:r").unwrap();
        wait(engine.post(&later, &own, Post::of(alone("zoe", r#"{"task:x":"x"}"#)))).unwrap();
    }
    assert!(attached > 20, "{attached} attached before it was made");
}

/// An organisation of so many nodes, each with three below it.
fn large(count: usize) -> Json {
    let mut org = json!({"name": "large", "grants": {"ann": {"n0": "admin"}}});
    for number in 0..count {
        let node = format!("n{number}");
        org["nodes"][&node] = json!({"name": format!("Node {number}")});
        org["grants"][format!("person-{number}")][&node] = json!("editor");
        if number < 1_000 {
            org["attached"][format!("task:{number}")] = json!(node);
        }
        if number > 0 {
            org["edges"][format!("n{}", (number - 1) / 3)][&node] = json!(true);
        }
    }
    org
}

#[test]
fn an_ordinary_change_reads_a_few_pages_of_the_organisation_whatever_its_size() {
    let read_by = |count: usize| {
        let (store, id) = (MemoryStore::new(), EntityId::parse("org:o").unwrap());
        let engine = engine(&store);
        let whole = value(&large(count).to_string());
        let mut last = wait(engine.post(&at("ann", 1), &id, Post::of(whole.clone()))).unwrap().meta.valid_from;
        let (parent, end) = (format!("n{}", (count - 2) / 3), format!("n{}", count - 1));
        let changes = [
            json!({"grants": {"zoe": {&end: "viewer"}}}),
            json!({"grants": {"zoe": {"$undefined": true}}}),
            json!({"nodes": {"new": {}}, "edges": {&end: {"new": true}}}),
            json!({"nodes": {"n7": {"name": "seven"}}}),
            json!({"attached": {"task:new": &end}}),
            json!({"attached": {"task:new": "n7"}}),
            json!({"attached": {"task:new": {"$undefined": true}}}),
            json!({"edges": {&parent: {&end: {"$undefined": true}}, "n7": {&end: true}}}),
        ];
        let read = changes.map(|change| {
            store.reopen();
            let done = wait(engine.patch(&at("ann", 1), &id, Patch::of(patch(&change.to_string()), last))).unwrap();
            last = done.meta.valid_from;
            store.traffic().0
        });
        (read, whole.0.len())
    };
    let ((few, _), (many, whole)) = (read_by(1_000), read_by(10_000));
    // Beside the record, of each part that is touched its index and a page or two, of up to 32 KiB.
    for (few, many) in few.into_iter().zip(many) {
        assert!(many < few + 3 * (32 << 10) && many < whole / 5, "{many} bytes of {whole}, {few} of a tenth of that");
    }
}
