//! What a browser takes in: what it kept on disk, frames from the server, and what its tabs do.
//!
//! An input is a snapshot and a journal (null where there is none), and then what happens, an item of CBOR each: a map is a frame
//! from the server, a byte string a patch of a tab, an array holds a value that a tab sets, and a number is something else.

use minicbor::Decoder;
use minicbor::data::Type;
use timeweft_core::limits::TRUSTED;
use timeweft_core::message::{Format, Request};
use timeweft_core::replica::{Action, Browser, Choice, Edited, Effect, Policy};

use crate::memory;
use crate::parts::items;

/// That of the golden files.
pub(crate) const ENTITY: &str = "note:note-123";
const TAB: &str = "tab";

/// Things that happen in one input.
const MOST: usize = 24;

pub(crate) fn browser(bytes: &[u8]) {
    let [snapshot, journal, mut happens]: [&[u8]; 3] = items(bytes);
    let kept = |record: &[u8]| (record != [0xf6]).then(|| record.to_vec());
    memory::within(20 * memory::of_reading(bytes.len()), || {
        let mut browser = Browser::new("instance", "ann");
        let mut op = 0;
        is_sent_well(&browser.load(ENTITY, kept(snapshot).as_deref(), kept(journal).as_deref()));
        is_sent_well(&browser.join(ENTITY, TAB));
        is_sent_well(&browser.connected());
        for _ in 0..MOST {
            let [item, rest] = items(happens);
            happens = rest;
            if item.is_empty() {
                break;
            }
            op += 1;
            is_sent_well(&happen(&mut browser, item, op));
        }
        browser.unsent();
        is_sent_well(&browser.gone(TAB));
    });
}

fn happen(browser: &mut Browser, item: &[u8], op: u32) -> Vec<Effect> {
    let mut decoder = Decoder::new(item);
    // Twice, as edits that come together.
    let mut edit = |action: Action| {
        let merge = op.is_multiple_of(2);
        let edited = |op| Edited { tab: TAB.to_owned(), op, seen: op / 2, merge, action: action.clone() };
        browser.edit(ENTITY, vec![edited(2 * op), edited(2 * op + 1)])
    };
    match decoder.datatype() {
        Ok(Type::Bytes) => edit(Action::Patch(decoder.bytes().unwrap_or_default().to_vec())),
        Ok(Type::Array) => edit(Action::Set(item.get(1..).unwrap_or_default().to_vec())),
        Ok(Type::U8) => match decoder.u8().unwrap_or_default() {
            0 => edit(Action::Undo),
            1 => edit(Action::Redo),
            2 => edit(Action::Delete),
            3 => edit(Action::Undelete),
            4 => edit(Action::Resolve { conflict: 0, choice: Choice::Mine }),
            5 => edit(Action::Resolve { conflict: 0, choice: Choice::Theirs }),
            6 => edit(Action::Resolve { conflict: 0, choice: Choice::Both }),
            7 => edit(Action::Resolve { conflict: 1, choice: Choice::Value(None) }),
            8 => [browser.disconnected(), browser.connected()].concat(),
            9 => browser.tick(f64::from(op) * 30_000.0),
            10 => browser.again(ENTITY),
            11 => {
                browser.set_policy(ENTITY, Policy::Mine);
                browser.poll()
            }
            _ => Vec::new(),
        },
        _ => browser.receive(item).1,
    }
}

/// Whatever came in, what goes out is a request.
fn is_sent_well(effects: &[Effect]) {
    for effect in effects {
        if let Effect::Send { frame, .. } = effect {
            let request = Request::decode(frame, Format::Cbor, &TRUSTED);
            assert!(request.is_ok(), "{request:?}: {}", frame.escape_ascii());
        }
    }
}

/// What a browser kept and was told while somebody wrote: inputs to begin with.
pub(crate) fn sessions(pushes: &[Vec<u8>], value: &[u8], answer: impl Fn(&Request, &[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut browser = Browser::new("instance", "ann");
    let mut effects = [browser.load(ENTITY, None, None), browser.join(ENTITY, TAB), browser.connected()].concat();
    let (mut seeds, mut happened) = (Vec::new(), Vec::new());
    let (mut snapshot, mut journal) = (vec![0xf6], vec![0xf6]);
    for (op, push) in (1..).zip(pushes) {
        for item in [push.clone(), b"\x4a\xa1\x65title\x62ab".to_vec()] {
            effects.extend(happen(&mut browser, &item, op));
            happened.extend(item);
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::Send { frame, .. } => {
                        let Ok(request) = Request::decode(&frame, Format::Cbor, &TRUSTED) else { continue };
                        let answer = answer(&request, value);
                        effects.extend(browser.receive(&answer).1);
                        happened.extend(answer);
                    }
                    Effect::Save { snapshot: newer, journal: kept, .. } => {
                        snapshot = newer.unwrap_or(snapshot);
                        journal = kept.unwrap_or(journal);
                    }
                    _ => {}
                }
            }
        }
        seeds.push([&b"\xf6\xf6"[..], &happened].concat());
        seeds.push([snapshot.as_slice(), &journal, b"\x00\x01", push].concat());
    }
    seeds
}
