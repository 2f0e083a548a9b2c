//! `timeweft`: see `timeweft_host` for what is inside.

use std::process::ExitCode;

use clap::Parser;
use timeweft_host::cli::{Cli, Command, Common, LogFormat};
use timeweft_host::{check, start, types};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    give_large_memory_back();
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timeweft: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is freed of a large body or message goes back to the system. By default glibc raises the size from which on it asks the
/// system for memory with each such piece that is freed (mallopt(3)), and what lies between two that are still in use stays: of
/// 64 MiB of half-sent messages 187 MiB were kept for ever.
fn give_large_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a setting of the allocator, set before anything else runs")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Check(flags) => check::run(&flags),
        Command::Types(flags) => types::run(&flags),
        Command::Serve(flags) => {
            prepare(&flags.common)?;
            until_it_ends(start::serve(*flags))
        }
        Command::Gateway(flags) => {
            prepare(&flags.common)?;
            until_it_ends(start::gateway(*flags))
        }
    }
}

fn prepare(common: &Common) -> anyhow::Result<()> {
    start_log(common)?;
    // A socket is a file descriptor, and the usual soft limit of 1,024 is soon reached.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
    Ok(())
}

fn until_it_ends(serving: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serving);
    // What did not end by itself is not waited for a second time.
    runtime.shutdown_background();
    result
}

fn start_log(common: &Common) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&common.log).map_err(|error| anyhow::anyhow!("--log {}: {error}", common.log))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match common.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
