//! `cargo xtask build`, and what `up` does before it serves: everything there is to build, a step at a time. On a fresh clone that
//! takes minutes, so each step says as it starts what it does, how long that usually takes, and how many there are.

use std::time::Instant;

use anyhow::Result;

use crate::shell::{self, Workspace};
use crate::{client, components, web};

/// Which native programs.
#[derive(Clone, Copy)]
pub(crate) enum Programs {
    /// `timeweft` alone.
    Host,
    /// Those of the tests and benchmarks too.
    All,
}

struct Step {
    what: &'static str,
    /// How long it takes on a fresh clone and two cores; when little has changed, seconds.
    first: &'static str,
    run: fn(&Workspace, Programs) -> Result<()>,
}

const STEPS: [Step; 4] = [
    Step {
        what: "the components, for WebAssembly",
        first: "2 minutes",
        run: |workspace, _| components::build(workspace),
    },
    Step { what: "the host, with wasmtime and SQLite", first: "5 minutes", run: native },
    Step { what: "the replica for browsers", first: "a minute", run: |workspace, _| client::build(workspace) },
    Step {
        what: "the npm package and the notes app",
        first: "half a minute",
        run: |workspace, _| web::packages(workspace),
    },
];

pub(crate) fn all(workspace: &Workspace, programs: Programs) -> Result<()> {
    for (index, step) in STEPS.iter().enumerate() {
        println!("{}/{} {} (the first time about {})", index + 1, STEPS.len(), step.what, step.first);
        let started = Instant::now();
        (step.run)(workspace, programs)?;
        println!("{}/{} done in {:.0} s", index + 1, STEPS.len(), started.elapsed().as_secs_f64());
    }
    Ok(())
}

pub(crate) fn native(workspace: &Workspace, programs: Programs) -> Result<()> {
    let selected: &[&str] = match programs {
        Programs::Host => &["--bin", "timeweft"],
        Programs::All => &["--bins"],
    };
    shell::run(workspace.cargo(["build", "--release"]).args(selected))
}
