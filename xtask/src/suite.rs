//! `cargo xtask test`: named steps, quick ones first, run until one fails.
//!
//! A step prints the commands it runs, how long it took and, when it fails, the command that repeats it. There is no
//! way to skip a step because something is missing: what a step needs it installs ([`need`]) or fails.

use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::{self, Workspace};
use crate::{client, components, need, pure, web};

/// The package whose integration tests run the built host.
const E2E: &str = "timeweft-e2e";
const CARGO_DENY: &str = "0.20.2";

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

const STEPS: [Step; 17] = [
    Step { name: "fmt", what: "the Rust code is formatted", run: fmt },
    Step { name: "deny", what: "licences, bans and sources of what we depend on (deny.toml)", run: deny },
    Step {
        name: "pure",
        what: "core, grip, store and router build for wasm without a single import",
        run: pure::check,
    },
    Step { name: "components", what: "the components build and compose", run: components::build },
    Step { name: "clippy", what: "clippy on native and wasm code, warnings denied", run: clippy },
    Step { name: "docs", what: "the docs build, warnings denied", run: docs },
    Step { name: "build", what: "the host and all tests build", run: build },
    Step { name: "test", what: "unit, property, contract and crash tests, seeded races, doc tests", run: test },
    Step { name: "interop", what: "values and diffs against cbor-x and deep-object-diff in Node", run: interop },
    Step { name: "web", what: "the browser's packages build, their types hold, their tests pass", run: web::check },
    Step { name: "trpc", what: "notes by npm @trpc/client, and on their sockets, in Node", run: trpc },
    Step { name: "e2e", what: "the contract over real sockets against the built host", run: e2e },
    Step { name: "websocket", what: "the cases of the Autobahn test suite against the gateway", run: websocket },
    Step {
        name: "http",
        what: "the HTTP API in Node: patches by the public collections, conditions, origins",
        run: http,
    },
    Step { name: "sign-in", what: "sign-in by a real OpenID Connect provider", run: sign_in },
    Step { name: "openapi", what: "the server keeps to its OpenAPI document, whatever is sent", run: openapi },
    Step {
        name: "browser",
        what: "the client over a line that breaks, the notes app and the page, in Chromium",
        run: browser,
    },
];

/// Which steps to run.
pub(crate) enum Selection {
    List,
    Only(Vec<String>),
    From(String),
    All,
}

impl Selection {
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Selection> {
        let mut selection = Selection::All;
        let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
        while let Some(argument) = arguments.next() {
            let mut step = || {
                let name = arguments.next().with_context(|| format!("{argument} needs the name of a step"))?;
                if !STEPS.iter().any(|step| step.name == name) {
                    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
                    bail!("there is no step {name}; there are {}", names.join(", "));
                }
                Ok(name)
            };
            selection = match (argument.as_str(), selection) {
                ("--list", Selection::All) => Selection::List,
                ("--from", Selection::All) => Selection::From(step()?),
                ("--only", Selection::All) => Selection::Only(vec![step()?]),
                ("--only", Selection::Only(mut names)) => {
                    names.push(step()?);
                    Selection::Only(names)
                }
                _ => bail!("`cargo xtask test` takes --list, --only STEP or --from STEP, not {argument} here"),
            };
        }
        Ok(selection)
    }

    fn steps(&self) -> Vec<&'static Step> {
        match self {
            Selection::List => Vec::new(),
            Selection::All => STEPS.iter().collect(),
            Selection::Only(names) => STEPS.iter().filter(|step| names.iter().any(|name| name == step.name)).collect(),
            Selection::From(name) => STEPS.iter().skip_while(|step| step.name != name).collect(),
        }
    }
}

pub(crate) fn run(workspace: &Workspace, selection: &Selection) -> Result<()> {
    if matches!(selection, Selection::List) {
        for step in &STEPS {
            println!("{:<12}{}", step.name, step.what);
        }
        return Ok(());
    }
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for step in selection.steps() {
        println!("\n== {}: {}", step.name, step.what);
        let started = Instant::now();
        let outcome = (step.run)(workspace);
        let time = started.elapsed();
        times.push((step.name, time));
        if let Err(error) = outcome {
            report(&times);
            println!("steps: {} passed, 1 failed", times.len() - 1);
            bail!(
                "{} failed after {:.1} s: {error:#}\nRepeat it with `cargo xtask test --only {0}`, go on with `--from {0}`.",
                step.name,
                time.as_secs_f64()
            );
        }
        println!("== {} passed in {:.1} s (again: cargo xtask test --only {0})", step.name, time.as_secs_f64());
    }
    report(&times);
    println!("steps: {} passed, 0 failed", times.len());
    Ok(())
}

fn report(times: &[(&str, Duration)]) {
    println!();
    for (name, time) in times {
        println!("{name:<12}{:>8.1} s", time.as_secs_f64());
    }
    println!("{:<12}{:>8.1} s", "all", times.iter().map(|(_, time)| time.as_secs_f64()).sum::<f64>());
}

fn fmt(workspace: &Workspace) -> Result<()> {
    shell::run(&mut workspace.cargo(["fmt", "--all", "--check"]))
}

fn deny(workspace: &Workspace) -> Result<()> {
    need::cargo_tool(workspace, "cargo-deny", CARGO_DENY)?;
    // Advisories need the advisory database from the network; a machine without one could never pass.
    shell::run(&mut workspace.cargo(["deny", "check", "bans", "licenses", "sources"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    components::build(workspace)?;
    shell::run(&mut workspace.cargo(["clippy", "--release", "--all-targets", "--", "-D", "warnings"]))?;
    shell::run(xtask(workspace, "clippy").args(["--all-targets", "--", "-D", "warnings"]))?;
    shell::run(components::cargo(workspace, "clippy")?.args(["--", "-D", "warnings"]))?;
    shell::run(client::cargo(workspace, "clippy")?.args(["--", "-D", "warnings"]))
}

fn docs(workspace: &Workspace) -> Result<()> {
    components::build(workspace)?;
    shell::run(workspace.cargo(["doc", "--release", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    shell::run(xtask(workspace, "doc").arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))
}

/// A cargo command on this program, as `cargo xtask` selects it (.cargo/config.toml).
fn xtask(workspace: &Workspace, subcommand: &str) -> Command {
    workspace.cargo([subcommand, "--profile", "xtask", "--package", "xtask"])
}

fn build(workspace: &Workspace) -> Result<()> {
    components::build(workspace)?;
    shell::run(&mut workspace.cargo(["build", "--release", "--all-targets"]))
}

/// Everything but the end-to-end tests. Targets are chosen and not packages, so that nothing is compiled again.
fn test(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    shell::run(
        workspace.cargo(["test", "--release", "--lib", "--bins"]).args(tests(workspace, |package| package != E2E)),
    )?;
    shell::run(&mut workspace.cargo(["test", "--release", "--doc"]))?;
    // The one component that translates something of its own.
    shell::run(&mut workspace.cargo(["test", "--release", "--lib", "--package", "front"]))?;
    shell::run(&mut xtask(workspace, "test"))
}

fn e2e(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    let tests = tests(workspace, |package| package == E2E);
    if tests.is_empty() {
        bail!("{E2E} has no tests");
    }
    // One test at a time: each starts its own servers, and kill and load tests want the machine to themselves.
    shell::run(workspace.cargo(["test", "--release"]).args(tests).args(["--", "--test-threads=1"]))
}

fn tests(workspace: &Workspace, chosen: fn(&str) -> bool) -> Vec<String> {
    let tests = workspace.integration_tests().into_iter().filter(|(package, _)| chosen(package));
    tests.map(|(_, test)| format!("--test={test}")).collect()
}

fn interop(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    need::npm_packages(workspace, "tests/interop")?;
    shell::run(&mut workspace.npm("tests/interop", &["test"]))
}

fn trpc(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    web::build(workspace)?;
    need::npm_packages(workspace, "tests/trpc")?;
    shell::run(workspace.npm("tests/trpc", &["test"]).env("TIMEWEFT_BINARY", workspace.host()))
}

fn websocket(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    need::program(&need::NODE)?;
    need::program(&need::NPM)?;
    let programs = need::python_packages(workspace, "tests/websocket")?;
    shell::run(
        workspace
            .npm("tests/websocket", &["test"])
            .env("TIMEWEFT_PYTHON", programs.join("python"))
            .env("TIMEWEFT_BINARY", workspace.host()),
    )
}

fn http(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    need::npm_packages(workspace, "tests/http")?;
    shell::run(workspace.npm("tests/http", &["test"]).env("TIMEWEFT_BINARY", workspace.host()))
}

fn sign_in(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    need::npm_packages(workspace, "tests/sign-in")?;
    shell::run(workspace.npm("tests/sign-in", &["test"]).env("TIMEWEFT_BINARY", workspace.host()))
}

fn openapi(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    need::program(&need::NODE)?;
    need::program(&need::NPM)?;
    let programs = need::python_packages(workspace, "tests/http")?;
    shell::run(
        workspace
            .npm("tests/http", &["run", "openapi"])
            .env("TIMEWEFT_SCHEMATHESIS", programs.join("schemathesis"))
            .env("TIMEWEFT_BINARY", workspace.host()),
    )
}

fn browser(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    web::build(workspace)?;
    need::npm_packages(workspace, "tests/browser")?;
    // The provider that people sign in with.
    need::npm_packages(workspace, "tests/sign-in")?;
    let chromium = need::program(&need::CHROMIUM)?;
    shell::run(
        workspace
            .npm("tests/browser", &["test"])
            .env("TIMEWEFT_CHROMIUM", chromium)
            .env("TIMEWEFT_BINARY", workspace.host())
            .env("TIMEWEFT_SCREENSHOTS", workspace.target.join("screenshots")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Result<Vec<&'static str>> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        Ok(Selection::parse(&arguments)?.steps().iter().map(|step| step.name).collect())
    }

    #[test]
    fn steps_are_selected_by_name_and_keep_their_order() {
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["--only", "e2e", "--only", "fmt"]).unwrap(), ["fmt", "e2e"]);
        assert_eq!(names(&["--from", "e2e"]).unwrap(), ["e2e", "websocket", "http", "sign-in", "openapi", "browser"]);
    }

    #[test]
    fn a_step_that_is_not_there_is_an_error_and_not_an_empty_run() {
        for arguments in [&["--only", "e3e"][..], &["--only"], &["--skip", "e2e"], &["--from", "fmt", "--only", "fmt"]]
        {
            assert!(names(arguments).is_err(), "{arguments:?}");
        }
    }
}
