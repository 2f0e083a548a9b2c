//! `cargo xtask`: everything one does with this repository, by one name each.
//!
//! - [`components`] builds the WASI components and [`compose`] plugs them together,
//! - [`client`] builds the replica for browsers and its glue,
//! - [`web`] builds the packages for the browser,
//! - [`build`] is all of these one after the other: `cargo xtask build` and `up`,
//! - [`suite`] is `cargo xtask test`: a list of named steps, run in order until one fails,
//! - [`pure`] checks that the pure crates are,
//! - [`need`] installs what a command needs and the machine lacks, or says what to install,
//! - [`fresh`] knows whether what cargo does not build is up to date,
//! - [`shell`] runs other programs and shows what it ran.
//!
//! Everything native but this program is built by one selection of packages (the workspace's default members) and one
//! profile (release), so that wasmtime and SQLite are compiled once and not once a command:
//! docs/decisions/005-one-profile.md.

mod build;
mod client;
mod components;
mod compose;
mod fresh;
mod need;
mod pure;
mod shell;
mod suite;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use shell::{Workspace, command};

const HELP: &str = "\
cargo xtask COMMAND

  up [ARGS]     build everything and serve it in development mode, with the app in apps/notes; data in .timeweft.
                ARGS go to `timeweft serve` (--listen 127.0.0.1:8080, --data FOLDER, --assets FOLDER, --types FILE)
  build         build the components, compose them into target/components, build the native programs, and what
                browsers load (packages/client, apps/notes)
  test          run every check, in order, and stop at the first that fails
    --list        name the steps and what each does
    --only STEP   run only this step (may be repeated)
    --from STEP   run this step and those after it
  bench         measure changes per second, fan-out and memory against the release build
  bench attacks measure one person's changes, and the server's memory, beside people who ask for too much
  bench sizes   measure what a patch of one leaf costs by the length of its value, 1 KB to 8 MB
  bench client  measure in Chromium what an edit costs in the tab and how soon it is in other tabs, browsers and on the
                server's disk; beside it, the same edit with Yjs and Automerge (two minutes)
    --size SIZE   only documents of this size: 1KB, 50KB or 1MB (may be repeated)
    --shape SHAPE only rows in an array, or only in an object: list or keyed
  fmt           format the Rust code
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match run(&name.to_string_lossy(), &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, arguments: &[OsString]) -> Result<()> {
    if matches!(name, "" | "help" | "-h" | "--help") {
        print!("{HELP}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match name {
        "build" => build::all(&workspace, build::Programs::All),
        "up" => {
            build::all(&workspace, build::Programs::Host)?;
            println!("everything is built: it is served until Ctrl-C");
            let given = |flag: &str| arguments.iter().any(|argument| argument.to_string_lossy().starts_with(flag));
            let mut serve = command(workspace.host());
            serve.args(["serve", "--development"]);
            if !given("--data") {
                serve.arg("--data").arg(workspace.root.join(".timeweft"));
            }
            if !given("--assets") && !given("--page") {
                serve.arg("--assets").arg(web::app(&workspace));
            }
            if !given("--types") {
                serve.arg("--types").arg(web::app_types(&workspace));
            }
            shell::replace(serve.args(arguments))
        }
        "test" => suite::run(&workspace, &suite::Selection::parse(arguments)?),
        "bench" if arguments.first().is_some_and(|argument| argument == "client") => {
            bench_client(&workspace, &arguments[1..])
        }
        "bench" => {
            components::build(&workspace)?;
            build::native(&workspace, build::Programs::All)?;
            shell::run(workspace.cargo(["run", "--release", "--bin", "bench", "--"]).args(arguments))
        }
        "fmt" => shell::run(&mut workspace.cargo(["fmt", "--all"])),
        other => bail!("there is no command {other}\n\n{HELP}"),
    }
}

fn bench_client(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    build::all(workspace, build::Programs::Host)?;
    // It uses the tests' server and people.
    need::npm_packages(workspace, "tests/browser")?;
    need::npm_packages(workspace, "benches/client")?;
    let chromium = need::program(&need::CHROMIUM)?;
    shell::run(
        command("node")
            .arg("bench.mjs")
            .args(arguments)
            .current_dir(workspace.root.join("benches/client"))
            .env("TIMEWEFT_CHROMIUM", chromium)
            .env("TIMEWEFT_BINARY", workspace.host()),
    )
}
