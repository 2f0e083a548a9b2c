//! Serves a composed component as Spin would.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use spin_host::{KeyValue, Options, Server};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Serves a composed component over plain HTTP as Spin would, its key-value store's faults included. For tests.
#[derive(Parser)]
struct Arguments {
    /// The composed component.
    component: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A variable of the component; may be repeated.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// How long each call of the key-value store takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Requests that one instance serves before it is dropped.
    #[arg(long, default_value_t = 16)]
    reuse: usize,
    /// Requests that one instance serves at the same time.
    #[arg(long, default_value_t = 1)]
    concurrent: usize,
    /// A file that the store is read from at the start, if it is there, and written to at the end (SIGINT, SIGTERM).
    #[arg(long)]
    snapshot: Option<PathBuf>,
}

fn variable(argument: &str) -> Result<(String, String), String> {
    let (name, value) = argument.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let key_value = Arc::new(KeyValue::new(Duration::from_millis(arguments.latency)));
    if let Some(path) = arguments.snapshot.as_deref().filter(|path| path.exists()) {
        key_value.load(path)?;
    }
    let options = Options {
        variables: arguments.variables.into_iter().collect(),
        reuse: arguments.reuse,
        concurrent: arguments.concurrent,
        ..Options::default()
    };
    let server = Server::load(&arguments.component, key_value.clone(), options)
        .with_context(|| format!("load {}", arguments.component.display()))?;
    let listener =
        TcpListener::bind(arguments.listen).await.with_context(|| format!("listen on {}", arguments.listen))?;
    println!("listening on http://{}", listener.local_addr()?);

    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        served = server.serve(listener) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => (),
    }
    if let Some(path) = &arguments.snapshot {
        key_value.save(path)?;
    }
    Ok(())
}
