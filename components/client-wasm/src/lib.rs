//! The replicas of `timeweft_core` for the browser: exports `timeweft:client/replicas`, imports nothing.
//!
//! The work is in `timeweft_core::replica`; here is only its translation, and the one `Browser` that an instance holds.

// In browsers without `std`: its way to panic formats what nobody could read there, since nothing is imported.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

mod convert;
#[cfg(target_family = "wasm")]
mod wasm;

// What `generate!` expands to is the ABI, unsafe by nature.
#[allow(unsafe_code)]
mod wit {
    wit_bindgen::generate!({ path: "../../wit/client.wit", world: "client" });

    pub(crate) use exports::timeweft::client::replicas::*;

    pub(crate) struct Client;

    export!(Client with_types_in self);
}

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use timeweft_core::replica::{self as native, Browser};

use crate::convert::{edited_in, effect_out, policy_in};
use crate::wit::{Client, Effect, Event, Guest};

/// One thread's, and there is one thread.
struct Single(RefCell<Option<Browser>>);

// SAFETY: whoever runs this module runs it on one thread: it is built without atomics, and its memory is not shared.
#[allow(unsafe_code)]
unsafe impl Sync for Single {}

static BROWSER: Single = Single(RefCell::new(None));

fn with<T>(work: impl FnOnce(&mut Browser) -> T) -> T {
    work(BROWSER.0.borrow_mut().get_or_insert_default())
}

impl Guest for Client {
    fn start(instance: String, person: String) {
        with(|browser| *browser = Browser::new(&instance, &person));
    }

    fn handle(event: Event) -> Vec<Effect> {
        with(|browser| handle(browser, event)).into_iter().map(effect_out).collect()
    }

    fn holds(entity: String) -> bool {
        with(|browser| browser.holds(&entity))
    }

    fn unsent() -> Vec<String> {
        with(|browser| browser.unsent())
    }
}

fn handle(browser: &mut Browser, event: Event) -> Vec<native::Effect> {
    match event {
        Event::Load(kept) => browser.load(&kept.entity, kept.snapshot.as_deref(), kept.journal.as_deref()),
        Event::Join(member) => browser.join(&member.entity, &member.tab),
        Event::Leave(member) => browser.leave(&member.entity, &member.tab),
        Event::Gone(tab) => browser.gone(&tab),
        Event::Edit(edits) => browser.edit(&edits.entity, edits.edits.into_iter().map(edited_in).collect()),
        Event::EditFrom(edit) => {
            browser.edit_from(&edit.entity, &edit.tab, edit.op, edit.merge, &edit.base, &edit.patch)
        }
        Event::Policy(chosen) => {
            browser.set_policy(&chosen.entity, policy_in(chosen.policy));
            Vec::new()
        }
        Event::Connected => browser.connected(),
        Event::Disconnected => browser.disconnected(),
        Event::Receive(frame) => browser.receive(&frame).1,
        Event::Tick(now) => browser.tick(now),
        Event::Poll => browser.poll(),
        Event::Again(entity) => browser.again(&entity),
    }
}
