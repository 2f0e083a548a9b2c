//! What every implementation of [`Store`] must show, on the real thing: run it against each adapter.
//!
//! `connect` opens another handle on the same, initially empty store; each thread gets its own.

use std::collections::HashSet;
use std::task::{Context, Poll, Waker};

use crate::store::{MAX_KEY, MAX_VALUE, Store, StoreError};

/// Runs the whole suite; panics with the promise that was broken.
pub fn suite<S: Store>(connect: impl Fn() -> S + Sync) {
    values_are_written_overwritten_and_removed(&connect());
    sizes_are_taken_up_to_the_promise_and_refused_past_it(&connect());
    a_head_starts_at_zero_and_swaps_only_from_what_it_is(&connect());
    of_many_creators_of_one_head_exactly_one_wins(&connect);
    no_swap_of_a_contended_head_is_lost(&connect);
}

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

fn values_are_written_overwritten_and_removed(store: &impl Store) {
    wait(async {
        assert_eq!(store.get("c:suite:1").await, Ok(None), "absent reads as nothing");
        store.set("c:suite:1", b"one").await.unwrap();
        assert_eq!(store.get("c:suite:1").await.unwrap().as_deref(), Some(&b"one"[..]));
        store.set("c:suite:1", b"").await.unwrap();
        assert_eq!(store.get("c:suite:1").await.unwrap().as_deref(), Some(&b""[..]), "an empty value is a value");
        store.delete("c:suite:1").await.unwrap();
        store.delete("c:suite:1").await.expect("removing what is not there is no error");
        assert_eq!(store.get("c:suite:1").await, Ok(None));
    });
}

fn sizes_are_taken_up_to_the_promise_and_refused_past_it(store: &impl Store) {
    wait(async {
        let key = format!("v:{}", "é".repeat((MAX_KEY - 2) / 2));
        let value: Vec<u8> = (0..MAX_VALUE).map(|i| (i % 251) as u8).collect();
        store.set(&key, &value).await.expect("the longest key and value");
        assert!(store.get(&key).await.unwrap().as_deref() == Some(&value[..]), "the longest value comes back equal");
        store.delete(&key).await.unwrap();
        let long = format!("{key}x");
        assert_eq!(store.set(&long, b"x").await, Err(StoreError::TooLarge));
        assert_eq!(store.set("", b"x").await, Err(StoreError::TooLarge));
        assert_eq!(store.set("v:x", &vec![0; MAX_VALUE + 1]).await, Err(StoreError::TooLarge));
        assert_eq!(store.get("v:x").await, Ok(None), "what was refused was not written");
    });
}

fn a_head_starts_at_zero_and_swaps_only_from_what_it_is(store: &impl Store) {
    wait(async {
        assert_eq!(store.read_head("h:suite:head").await, Ok(0));
        assert_eq!(store.swap_head("h:suite:head", 7, 8).await, Ok(false), "swapping from what it is not");
        assert_eq!(store.read_head("h:suite:head").await, Ok(0));
        assert_eq!(store.swap_head("h:suite:head", 0, u64::MAX).await, Ok(true));
        assert_eq!(store.swap_head("h:suite:head", 0, 5).await, Ok(false), "it is no longer absent");
        assert_eq!(store.read_head("h:suite:head").await, Ok(u64::MAX));
        assert_eq!(store.swap_head("h:suite:head", u64::MAX, 1).await, Ok(true));
        assert_eq!(store.read_head("h:suite:head").await, Ok(1));
    });
}

fn of_many_creators_of_one_head_exactly_one_wins<S: Store>(connect: &(impl Fn() -> S + Sync)) {
    for round in 0..20 {
        let key = format!("h:suite:create-{round}");
        let wins: usize = std::thread::scope(|scope| {
            let tasks: Vec<_> = (1..=20)
                .map(|writer| {
                    let key = &key;
                    scope.spawn(move || usize::from(wait(connect().swap_head(key, 0, writer)).unwrap()))
                })
                .collect();
            tasks.into_iter().map(|task| task.join().unwrap()).sum()
        });
        assert_eq!(wins, 1, "winners among 20 creators of an absent head");
    }
}

fn no_swap_of_a_contended_head_is_lost<S: Store>(connect: &(impl Fn() -> S + Sync)) {
    const WRITERS: u64 = 20;
    const SWAPS: u64 = 10;
    let key = "h:suite:contended";
    // Each writer swings the head to a number of its own that names what it swung it from: the chain must hold all.
    let links: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let store = connect();
                    let mut done = Vec::new();
                    while (done.len() as u64) < SWAPS {
                        let current = wait(store.read_head(key)).unwrap();
                        let next = (writer << 32) | (done.len() as u64 + 1);
                        if wait(store.swap_head(key, current, next)).unwrap() {
                            done.push((next, current));
                        }
                    }
                    done
                })
            })
            .collect();
        tasks.into_iter().flat_map(|task| task.join().unwrap()).collect()
    });
    let parents: std::collections::HashMap<u64, u64> = links.iter().copied().collect();
    let mut seen = HashSet::new();
    let mut at = wait(connect().read_head(key)).unwrap();
    while at != 0 {
        assert!(seen.insert(at), "the chain of swaps has a loop");
        at = *parents.get(&at).expect("the head holds a number that nobody swung it to");
    }
    assert_eq!(seen.len() as u64, WRITERS * SWAPS, "acknowledged swaps that the final head descends from");
}
