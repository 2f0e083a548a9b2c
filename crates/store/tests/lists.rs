//! Which entities of a type there are: whatever happens at the same time, and whoever dies in between.

mod common;

use std::collections::BTreeSet;
use std::pin::Pin;

use common::*;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, Context, Delete, Failure, List, Listing, Post, Read, Which};
use timeweft_core::time::Timestamp;
use timeweft_store::memory::{Fault, MemoryStore};

const HOUR: u64 = 3_600_000_000;

fn page(store: &MemoryStore, who: &Context, cursor: Option<&str>, limit: u32) -> Listing {
    wait(engine(store).list(who, List { kind: "note".into(), cursor: cursor.map(str::to_owned), limit })).unwrap()
}

/// All pages together, in order.
fn all(store: &MemoryStore, who: &Context, limit: u32) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = page(store, who, cursor.as_deref(), limit);
        assert!(page.entities.len() <= limit as usize);
        found.extend(page.entities.into_iter().map(|listed| listed.entity_id));
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return found,
        }
    }
}

fn note(name: &str) -> EntityId {
    EntityId::parse(&format!("note:{name}")).unwrap()
}

fn make(store: &MemoryStore, person: &str, name: &str) -> Result<(), Failure> {
    wait(engine(store).post(&by(person), &note(name), Post::of(value("{}")))).map(drop)
}

#[test]
fn ten_thousand_are_listed_in_pages_each_once() {
    let store = MemoryStore::new();
    for n in 0..10_000 {
        make(&store, &format!("p{}", n % 7), &format!("n{n}")).unwrap();
    }
    for limit in [1_000, 137] {
        let found = all(&store, &by("p1"), limit);
        assert_eq!(found.len(), 10_000);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 10_000);
    }
    let own = Context { access: Access::Creator, ..by("p1") };
    let found = all(&store, &own, 100);
    assert_eq!(found.len(), (0..10_000).filter(|n| n % 7 == 1).count());
    // A page asks for its entities and a part of an index, not for the store.
    store.reopen();
    page(&store, &by("p1"), Some("20."), 50);
    let (read, _) = store.traffic();
    assert!(store.calls() < 300 && read < 200_000, "{} calls, {read} bytes for a page of 50", store.calls());
}

#[test]
fn deleted_ones_are_left_out_and_come_back_undeleted() {
    let store = MemoryStore::new();
    for n in 0..400 {
        make(&store, "ann", &format!("n{n}")).unwrap();
    }
    for n in 0..390 {
        wait(engine(&store).delete(&by("ann"), &note(&format!("n{n}")), Delete::default())).unwrap();
    }
    assert_eq!(all(&store, &by("ann"), 5).len(), 10, "however many pages are short");
    wait(engine(&store).undelete(&by("bob"), &note("n7"))).unwrap();
    let listed = page(&store, &by("ann"), None, 1_000).entities;
    let back = listed.iter().find(|listed| listed.entity_id == "note:n7").unwrap();
    assert_eq!(back.person_id, "bob", "who made the current version");
    assert_eq!(listed.len(), 11);
}

#[test]
fn what_is_made_at_the_same_time_is_listed_once() {
    for seed in 0..40 {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let tasks = (0..24).map(|maker| {
            let engine = &engine;
            Box::pin(async move {
                // Three want each.
                let (who, id) = (by(&format!("p{maker}")), note(&format!("n{}", maker % 8)));
                let made = engine.post(&who, &id, Post::of(value("{}"))).await.is_ok();
                if made && maker % 2 == 0 {
                    engine.delete(&who, &id, Delete::default()).await.unwrap();
                    engine.undelete(&who, &id).await.unwrap();
                }
                made
            }) as Pin<Box<dyn Future<Output = bool>>>
        });
        let made = interleave(seed, tasks.collect());
        assert_eq!(made.iter().filter(|made| **made).count(), 8, "seed {seed}");
        let mut found = all(&store, &by("ann"), 3);
        found.sort();
        assert_eq!(found, (0..8).map(|n| format!("note:n{n}")).collect::<Vec<_>>(), "seed {seed}");
        for maker in (0..24).filter(|maker| made[*maker as usize]) {
            let own = Context { access: Access::Creator, ..by(&format!("p{maker}")) };
            assert_eq!(all(&store, &own, 3), [format!("note:n{}", maker % 8)], "seed {seed}");
        }
    }
}

#[test]
fn a_maker_that_dies_anywhere_leaves_a_list_that_is_right() {
    let prepared = MemoryStore::new();
    make(&prepared, "ann", "first").unwrap();
    let undisturbed = prepared.fork();
    make(&undisturbed, "ann", "second").unwrap();
    for call in 0..undisturbed.calls() {
        for fault in [Fault::Fail, Fault::FailAfter, Fault::CrashBefore, Fault::CrashAfter] {
            let at = format!("{fault:?} at call {call}");
            let store = prepared.fork();
            store.fault_at(call, fault);
            let answer = make(&store, "ann", "second");
            store.reopen();
            let there = wait(engine(&store).read(&by("ann"), &note("second"), Read::whole(Which::Current))).is_ok();
            assert!(there || answer.is_err(), "{at}");
            let mut wanted = vec!["note:first"];
            if there {
                wanted.push("note:second");
            }
            let sorted = |who: &Context| {
                let mut found = all(&store, who, 1);
                found.sort();
                found
            };
            assert_eq!(sorted(&by("ann")), wanted, "{at}");
            // Long after, what leads nowhere is removed, and what is there stays.
            let later = Context { now: Timestamp(2 * HOUR), ..by("ann") };
            assert_eq!(sorted(&later), wanted, "{at}");
            // Somebody else may make it now.
            if !there {
                make(&store, "bob", "second").unwrap_or_else(|error| panic!("{error}; {at}"));
            }
            assert_eq!(sorted(&later), ["note:first", "note:second"], "{at}");
        }
    }
}

#[test]
fn what_leads_nowhere_is_removed_when_nobody_can_be_about_to_make_it() {
    let store = MemoryStore::new();
    make(&store, "ann", "first").unwrap();
    let prepared = store.fork();
    make(&prepared, "ann", "second").unwrap();
    // Dies once the index has it.
    store.reopen();
    store.fault_at(prepared.calls() - 4, Fault::CrashBefore);
    make(&store, "ann", "second").unwrap_err();
    store.reopen();
    let index = |store: &MemoryStore| {
        let mut members = 0;
        for (person, id) in (0..8).flat_map(|person| (0..8).map(move |id| (person, id))) {
            let index = EntityId::parse(&format!("tw-index:note-{person}-{id}")).unwrap();
            if let Ok(timeweft_core::operation::Reading::Value(value, _)) =
                wait(engine(store).read(&by("system"), &index, Read::whole(Which::Current)))
                && let timeweft_core::value::Value::Object(found) = decode(&value)
            {
                members += found.len();
            }
        }
        members
    };
    assert_eq!(index(&store), 2);
    page(&store, &by("ann"), None, 9);
    assert_eq!(index(&store), 2, "whoever added it may still be at it");
    page(&store, &Context { now: Timestamp(2 * HOUR), ..by("ann") }, None, 9);
    assert_eq!(index(&store), 1);
    make(&store, "ann", "second").unwrap();
    assert_eq!(all(&store, &by("ann"), 9).len(), 2);
}

#[test]
fn a_cursor_that_no_page_gave_is_refused() {
    let store = MemoryStore::new();
    for bad in ["", "x", "64.a", "-1.", "9"] {
        let refused =
            wait(engine(&store).list(&by("ann"), List { kind: "note".into(), cursor: Some(bad.into()), limit: 9 }));
        assert!(matches!(refused, Err(Failure::BadRequest(_))), "{bad}: {refused:?}");
    }
    assert!(matches!(
        wait(engine(&store).list(&by("ann"), List { kind: "No Type".into(), cursor: None, limit: 9 })),
        Err(Failure::BadRequest(_))
    ));
    assert_eq!(
        wait(engine(&store).list(&by("ann"), List { kind: "tw-index".into(), cursor: None, limit: 9 })),
        Ok(Listing::default())
    );
}
