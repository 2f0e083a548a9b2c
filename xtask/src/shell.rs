//! Running other programs: each is shown as one would type it, and its failure names it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Where things are.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    metadata: Value,
}

/// A package of the workspace, and what its library's file is called.
pub(crate) struct Member {
    pub(crate) package: String,
    pub(crate) library: String,
}

impl Workspace {
    pub(crate) fn find() -> Result<Workspace> {
        let metadata = output(command(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata did not answer in JSON")?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from).context("cargo metadata named no folder");
        Ok(Workspace { root: path("workspace_root")?, target: path("target_directory")?, metadata })
    }

    /// The host's binary, as cargo leaves it.
    pub(crate) fn host(&self) -> PathBuf {
        self.target.join("release").join("timeweft")
    }

    /// A cargo command in the workspace. What it selects it should select among the default members (`--bin`, `--test`)
    /// and not by `--package`: docs/decisions/005-one-profile.md.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut cargo = command("cargo");
        cargo.args(arguments).current_dir(&self.root);
        cargo
    }

    pub(crate) fn npm(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut npm = command("npm");
        npm.args(arguments).current_dir(self.root.join(folder));
        npm
    }

    /// The workspace's member in `folder`.
    pub(crate) fn member(&self, folder: &str) -> Result<Member> {
        let manifest = self.root.join(folder).join("Cargo.toml");
        let package = self.metadata["packages"]
            .as_array()
            .and_then(|packages| packages.iter().find(|package| package["manifest_path"].as_str() == manifest.to_str()))
            .with_context(|| format!("the workspace has no member {folder}"))?;
        let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        // A library's other kinds of target (tests, programs) have other names.
        let library = targets.iter().find(|target| {
            target["crate_types"]
                .as_array()
                .is_some_and(|types| types.iter().any(|kind| kind == "cdylib" || kind == "lib"))
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Member {
            package: text(&package["name"]),
            library: library.map(|library| text(&library["name"])).unwrap_or_default(),
        })
    }

    /// The names of the integration tests (`tests/*.rs`) of the default members, with their package.
    pub(crate) fn integration_tests(&self) -> Vec<(String, String)> {
        let default = self.metadata["workspace_default_members"].as_array().cloned().unwrap_or_default();
        let packages = self.metadata["packages"].as_array().cloned().unwrap_or_default();
        let mut tests = Vec::new();
        for package in packages.iter().filter(|package| default.contains(&package["id"])) {
            for target in package["targets"].as_array().into_iter().flatten() {
                let is_test = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"));
                if let (true, Some(package), Some(target)) =
                    (is_test, package["name"].as_str(), target["name"].as_str())
                {
                    tests.push((package.to_owned(), target.to_owned()));
                }
            }
        }
        tests
    }
}

pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // `cargo run` sets these for us; a nested cargo would take them for its own and rebuild what depends on them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_PRIMARY_PACKAGE" {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs `command` with our own input and output; an error names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// What `command` prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("could not start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print text"))
}

/// Becomes `command`, so that signals (Ctrl-C) go straight to it.
#[cfg(unix)]
pub(crate) fn replace(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let shown = show(command);
    println!("$ {shown}");
    Err(command.exec()).with_context(|| format!("could not start `{shown}`"))
}

#[cfg(not(unix))]
pub(crate) fn replace(command: &mut Command) -> Result<()> {
    run(command)
}

/// `command` as one would type it in the workspace's root.
pub(crate) fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quote(&value.to_string_lossy())));
        }
    }
    let here = std::env::current_dir().unwrap_or_default();
    words.push(quote(&relative(Path::new(command.get_program()), &here)));
    words.extend(command.get_args().map(|argument| quote(&relative(Path::new(argument), &here))));
    let line = words.join(" ");
    match command.get_current_dir() {
        Some(folder) if folder != here => format!("(cd {} && {line})", quote(&relative(folder, &here))),
        _ => line,
    }
}

fn relative(path: &Path, here: &Path) -> String {
    match path.strip_prefix(here) {
        Ok(inside) if path.is_absolute() && !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => path.display().to_string(),
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
