//! `timeweft`: see `timeweft_host` for what is inside.

use std::process::ExitCode;

use clap::Parser;
use timeweft_host::cli::{Cli, Command, Common, LogFormat};
use timeweft_host::start;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timeweft: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let common = match &cli.command {
        Command::Serve(flags) => &flags.common,
        Command::Gateway(flags) => &flags.common,
    };
    start_log(common)?;
    // A socket is a file descriptor, and the usual soft limit of 1,024 is soon reached.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(flags) => start::serve(*flags).await,
            Command::Gateway(flags) => start::gateway(*flags).await,
        }
    });
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
