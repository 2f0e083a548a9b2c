//! The programs under test, each on ports of its own, ended when dropped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// What signs between the gateway and what is behind it.
const GRIP_KEY: &str = "a key that only these tests share with each other";
const KEY: &str = "a session key that only these tests share with each other";

/// Beside the data.
const LOG: &str = "log";

/// The email address of the one who may define types.
pub const ADMIN: &str = "admin@example.org";

/// A running Timeweft.
pub struct Server {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    processes: Vec<Child>,
    data: Option<tempfile::TempDir>,
}

impl Server {
    /// `timeweft serve` on an empty data folder.
    pub fn serve() -> Result<Server> {
        Self::serve_with(&[])
    }

    /// The same with further arguments.
    pub fn serve_with(arguments: &[&str]) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let (process, url) = start_serve(data.path(), arguments)?;
        Ok(Server { url, processes: vec![process], data: Some(data) })
    }

    /// `timeweft serve` as it is for the public, and not in development mode, with further arguments and variables of the environment.
    pub fn serve_public(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let log = File::create(data.path().join(LOG))?;
        // One place for compiled code, so that it is compiled once and not by each.
        let compiled = target().canonicalize()?.join("e2e-cache");
        std::fs::create_dir_all(&compiled)?;
        std::os::unix::fs::symlink(compiled, data.path().join("cache"))?;
        let (process, url) = start(
            Command::new(binary("timeweft")?)
                .args(["serve", "--listen", "127.0.0.1:0", "--key", KEY, "--data"])
                .arg(data.path())
                .args(arguments)
                .envs(environment.iter().copied())
                .stderr(log),
        )?;
        Ok(Server { url, processes: vec![process], data: Some(data) })
    }

    /// What one for the public has logged.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.data()?.join(LOG))?)
    }

    /// `timeweft gateway` in front of the composed `front`, served over plain HTTP by the test host.
    pub fn gateway() -> Result<Server> {
        Self::gateway_with(&[])
    }

    /// The same with further arguments to `timeweft gateway`.
    pub fn gateway_with(arguments: &[&str]) -> Result<Server> {
        let publish = free_port()?;
        let (spin, upstream) = start(
            Command::new(binary("spin-host")?)
                .arg(target().join("components/spin.wasm"))
                .args(["--listen", "127.0.0.1:0"])
                .args(["--variable", &format!("key={KEY}")])
                .args(["--variable", &format!("grip_key={GRIP_KEY}")])
                .args(["--variable", "grip_required=true", "--variable", "development=true"])
                .args(["--variable", &format!("admins={ADMIN}")])
                .args(["--variable", &format!("publish_url=http://127.0.0.1:{publish}/publish/")]),
        )?;
        let mut processes = vec![spin];
        let (gateway, url) = start(
            Command::new(binary("timeweft")?)
                .args(["gateway", "--listen", "127.0.0.1:0", "--upstream", &upstream])
                .args(["--publish", &format!("127.0.0.1:{publish}"), "--grip-key", GRIP_KEY])
                // It can't tell that what is behind it is in development mode.
                .args(["--limit-sign-ins", "1000000", "--limit-all-sign-ins", "1000000"])
                .args(arguments),
        )?;
        processes.push(gateway);
        Ok(Server { url, processes, data: None })
    }

    /// The process that answers clients.
    pub fn pid(&self) -> u32 {
        self.processes.last().map_or(0, Child::id)
    }

    /// What it has in memory, in MiB.
    pub fn resident(&self) -> Result<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse::<usize>()? / 1024)
    }

    /// Where `timeweft serve` keeps its data.
    pub fn data(&self) -> Result<&Path> {
        Ok(self.data.as_ref().context("only `serve` has data of its own")?.path())
    }

    /// `kill -9`, then `timeweft check` on its data: whether all is well, and what it says on stdout.
    pub fn kill_and_check(&mut self) -> Result<(bool, String)> {
        self.kill_and(&["check"])
    }

    /// `kill -9`, then another command on its data: whether it went well, and what it says on stdout.
    pub fn kill_and(&mut self, arguments: &[&str]) -> Result<(bool, String)> {
        self.kill()?;
        let done = Command::new(binary("timeweft")?).args(arguments).arg("--data").arg(self.data()?).output()?;
        Ok((done.status.success(), String::from_utf8(done.stdout)?))
    }

    fn kill(&mut self) -> Result<()> {
        for mut process in self.processes.drain(..) {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// `kill -9`, then a new `timeweft serve` on the same data.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.kill_and_restart_with(&[])
    }

    /// The same with further arguments.
    pub fn kill_and_restart_with(&mut self, arguments: &[&str]) -> Result<()> {
        self.kill()?;
        let (process, url) = start_serve(self.data()?, arguments)?;
        self.processes = vec![process];
        self.url = url;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn start_serve(data: &Path, arguments: &[&str]) -> Result<(Child, String)> {
    start(
        Command::new(binary("timeweft")?)
            .args(["serve", "--listen", "127.0.0.1:0", "--development", "--admin", ADMIN, "--key", KEY, "--data"])
            .arg(data)
            .args(arguments),
    )
}

/// Starts it and waits for the line that says where it listens.
fn start(command: &mut Command) -> Result<(Child, String)> {
    let mut process = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().context(format!("{command:?}"))?;
    let mut lines = BufReader::new(process.stdout.take().context("stdout is piped")?).lines();
    loop {
        let Some(line) = lines.next().transpose()? else {
            bail!("{command:?} ended before it listened: {}", process.wait()?);
        };
        if let Some(url) = line.strip_prefix("listening on ") {
            let url = url.trim().to_owned();
            // Keep reading, so that the process never blocks on a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((process, url));
        }
    }
}

/// The program, to be given arguments.
pub fn timeweft() -> Result<Command> {
    Ok(Command::new(binary("timeweft")?))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn target() -> PathBuf {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(ours, PathBuf::from)
}

fn binary(name: &str) -> Result<PathBuf> {
    let path = target().join("release").join(name);
    if !path.exists() {
        bail!("{} is not there; `cargo xtask build` makes it", path.display());
    }
    Ok(path)
}
