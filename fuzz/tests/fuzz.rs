//! Every target for a moment: what it begins with, and some thousands of inputs made of that, always the same.
//!
//! `TIMEWEFT_FUZZ_SEED=N` tries others, and `TIMEWEFT_FUZZ_TIMES=N` so many times as many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use timeweft_fuzz::mutate::{Random, mutated};
use timeweft_fuzz::{TARGETS, Target, seeds};

/// No input is longer than 16 KB: what takes this long for one, even on a busy machine, does not end.
const ONE: Duration = Duration::from_secs(5);

/// Readers recurse: wasm has a stack of 1 MiB, and optimized code there takes about what it does here.
const STACK: usize = 1 << 20;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn stands(target: &Target) {
    let seeds = seeds::of(target.name).unwrap();
    assert!(seeds.len() >= 3, "{} seeds", seeds.len());
    for seed in &seeds {
        attempt(target, seed);
    }
    let mut random = Random::new(number("TIMEWEFT_FUZZ_SEED", 1));
    let inputs = u64::from(target.inputs) * number("TIMEWEFT_FUZZ_TIMES", 1);
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    for _ in 0..inputs {
        slowest = slowest.max(attempt(target, &mutated(&seeds, &mut random)));
    }
    let time = started.elapsed();
    println!("{}: {inputs} inputs in {:.1} s, the slowest in {slowest:?}", target.name, time.as_secs_f64());
}

fn attempt(target: &Target, input: &[u8]) -> Duration {
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let time = started.elapsed();
    if outcome.is_err() || time > ONE {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.input", target.name));
        fs::write(&file, input).unwrap();
        panic!(
            "{} does not stand {} (in {time:?}); again: cargo run --release --example inputs replay {} {}",
            target.name,
            input.escape_ascii(),
            target.name,
            file.display()
        );
    }
    time
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                let target = timeweft_fuzz::target(stringify!($name)).unwrap();
                let thread = thread::Builder::new().stack_size(STACK).spawn(move || stands(&target)).unwrap();
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
        )+

        #[test]
        fn every_target_is_tried() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),+]);
        }
    };
}

targets! {
    value_cbor value_json diff_cbor diff_json diff_stored request answer grip token replica http procedures documents callers sockets
    stored
}
