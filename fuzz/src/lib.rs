//! What comes from outside, as somebody who means harm would write it: a target for each decoder.
//!
//! A [`Target`] takes any bytes and panics where something does not hold that must hold whatever they are. Beside "nothing
//! panics, overflows or takes memory out of proportion" (`memory`) those are, each said where it is checked: what is decoded
//! encodes to what decodes as the same, a diff's inverse leads back, concurrent diffs conflict either way or converge, and the
//! router's answers are well formed and no 500.
//!
//! | module | targets |
//! |---|---|
//! | `values` | values in CBOR and JSON |
//! | `diffs` | diffs in CBOR, JSON and the stored form, and the algebra on what comes of them |
//! | `messages` | requests, responses and pushes |
//! | `grip` | socket events, items, control messages, tokens |
//! | `replica` | what a browser keeps, is told and does |
//! | `server` | a router in memory, for: |
//! | `http`, `procedures`, `documents`, `callers`, `sockets` | its doors |
//! | `stored` | records, and all that is stored of an entity |
//!
//! `seeds` has what to begin with, made of the golden files and vectors of the tests; `mutate` makes more of it, the same each
//! time. `README.md` says how to run them longer, guided by coverage.

mod callers;
mod diffs;
mod documents;
mod grip;
mod http;
mod memory;
mod messages;
pub mod mutate;
mod parts;
mod procedures;
mod replica;
pub mod seeds;
mod server;
mod sockets;
mod stored;
mod values;

/// A decoder, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of the program for libFuzzer too.
    pub name: &'static str,
    /// Tries bytes on it.
    ///
    /// # Panics
    /// When something does not hold that must.
    pub run: fn(&[u8]),
    /// Inputs that the tests try: as many as take some seconds.
    pub inputs: u32,
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    Target { name: "value_cbor", run: values::cbor, inputs: 300_000 },
    Target { name: "value_json", run: values::json, inputs: 200_000 },
    Target { name: "diff_cbor", run: diffs::cbor, inputs: 60_000 },
    Target { name: "diff_json", run: diffs::json, inputs: 60_000 },
    Target { name: "diff_stored", run: diffs::stored, inputs: 100_000 },
    Target { name: "request", run: messages::request, inputs: 200_000 },
    Target { name: "answer", run: messages::answer, inputs: 200_000 },
    Target { name: "grip", run: grip::bodies, inputs: 300_000 },
    Target { name: "token", run: grip::token, inputs: 100_000 },
    Target { name: "replica", run: replica::browser, inputs: 30_000 },
    Target { name: "http", run: http::requests, inputs: 40_000 },
    Target { name: "procedures", run: procedures::calls, inputs: 20_000 },
    Target { name: "documents", run: documents::patches, inputs: 10_000 },
    Target { name: "callers", run: callers::callers, inputs: 10_000 },
    Target { name: "sockets", run: sockets::batches, inputs: 30_000 },
    Target { name: "stored", run: stored::entity, inputs: 500 },
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// The program that libFuzzer drives for a target.
#[cfg(feature = "guided")]
#[macro_export]
macro_rules! guided {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            static TARGET: std::sync::LazyLock<$crate::Target> =
                std::sync::LazyLock::new(|| $crate::target($name).expect("a target has this name"));
            (TARGET.run)(bytes);
        });
    };
}
