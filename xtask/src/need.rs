//! What a command needs and a machine may lack. Each function makes sure of one thing: it is there, or it gets
//! installed, or the error says exactly what to install. Nothing is skipped because something is missing.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{self, Workspace, command};

/// A program from Debian's (or Ubuntu's) packages.
pub(crate) struct Program {
    /// Any of these names will do.
    names: &'static [&'static str],
    packages: &'static [&'static str],
}

pub(crate) const NODE: Program = Program { names: &["node"], packages: &["nodejs", "npm"] };
pub(crate) const NPM: Program = Program { names: &["npm"], packages: &["nodejs", "npm"] };
pub(crate) const CHROMIUM: Program =
    Program { names: &["chromium", "chromium-browser", "google-chrome"], packages: &["chromium"] };

const PYTHON: Program = Program { names: &["python3"], packages: &["python3"] };

/// The path of `program`, installed by `apt-get` when we may.
pub(crate) fn program(program: &Program) -> Result<PathBuf> {
    let found = || program.names.iter().find_map(|name| find(name));
    if let Some(found) = found() {
        return Ok(found);
    }
    let missing = program.names[0];
    install(missing, program.packages)?;
    found().with_context(|| format!("the packages {} brought no {missing}", program.packages.join(", ")))
}

fn install(missing: &str, packages: &[&str]) -> Result<()> {
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if find("apt-get").is_none() || !is_root() {
        bail!("{missing} is missing; install it (Debian, Ubuntu: `sudo {install}`) and run this again");
    }
    println!("{missing} is missing: installing it");
    let apt = || {
        let mut apt = command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    shell::run(apt().args(["update", "-q"]))?;
    shell::run(apt().args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

/// The standard library for a wasm target.
pub(crate) fn target(workspace: &Workspace, triple: &str) -> Result<()> {
    let folder = shell::output(command("rustc").current_dir(&workspace.root).args([
        "--print",
        "target-libdir",
        "--target",
        triple,
    ]))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!("the Rust target {triple} is missing and there is no rustup; install {triple}'s standard library");
    }
    shell::run(command("rustup").current_dir(&workspace.root).args(["target", "add", triple]))
}

/// A cargo subcommand from crates.io, of this version.
pub(crate) fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Result<()> {
    let found = shell::output(command(name).arg("--version")).unwrap_or_default();
    if found.split_whitespace().nth(1) == Some(version) {
        return Ok(());
    }
    println!("{name} {version} is missing: compiling it, once for this machine (minutes)");
    // A debug build takes a third of the time of an optimized one and checks as well.
    shell::run(
        workspace
            .cargo(["install", "--locked", "--debug", "--no-default-features", "--force", name, "--version", version])
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TARGET_DIR", workspace.target.join("tools")),
    )
}

/// The npm packages that the lock file of `folder` names.
pub(crate) fn npm_packages(workspace: &Workspace, folder: &str) -> Result<()> {
    program(&NODE)?;
    program(&NPM)?;
    let modified = |path: &str| workspace.root.join(folder).join(path).metadata().and_then(|meta| meta.modified()).ok();
    // npm writes the hidden lock file last, so it tells that an install was finished.
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed > modified("package-lock.json") {
        return Ok(());
    }
    shell::run(&mut workspace.npm(folder, &["ci", "--no-audit", "--no-fund"]))
}

/// The programs of the Python packages that `folder/requirements.txt` names, in a virtual environment under `target/`; the
/// folder they are in.
pub(crate) fn python_packages(workspace: &Workspace, folder: &str) -> Result<PathBuf> {
    let python = program(&PYTHON)?;
    let requirements = workspace.root.join(folder).join("requirements.txt");
    let wanted = std::fs::read(&requirements).with_context(|| format!("can't read {}", requirements.display()))?;
    let environment = workspace.target.join("python").join(folder);
    let (programs, installed) = (environment.join("bin"), environment.join("installed.txt"));
    // Written last, so that it tells that an install was finished.
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    if shell::output(command(&python).args(["-c", "import ensurepip, venv"])).is_err() {
        install("Python's venv", &["python3-venv"])?;
    }
    shell::run(command(&python).args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = command(programs.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    shell::run(&mut pip)?;
    std::fs::write(&installed, wanted).with_context(|| format!("can't write {}", installed.display()))?;
    Ok(programs)
}

fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn is_root() -> bool {
    shell::output(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
