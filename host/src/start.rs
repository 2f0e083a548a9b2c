//! From flags to a running server, and back down.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use timeweft_router::Credentials;
use timeweft_router::host::Settings;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::cli::{Common, Gateway as GatewayFlags, Serve, Shares};
use crate::data::{self, DataFolder};
use crate::engine::{Engine, EngineBackend, EngineOptions};
use crate::gateway::{self, Backend, Gateway, GatewayOptions, Hosts, OutboxLimits, ShareLimits, Site};
use crate::issuer::Issuer;
use crate::mail::Mailer;
use crate::store::{SqliteStore, StoreOptions};
use crate::types;
use crate::upstream::{Upstream, UpstreamOptions};

const PAGE: &str = include_str!("../page/index.html");
/// Connections that wait to be accepted: enough for everybody to reconnect at once after a restart.
const BACKLOG: u32 = 4096;
/// After this, what has not ended by itself is cut.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);
/// Sign-in codes asked for in ten minutes by one address, and by all.
const SIGN_INS: NonZeroU32 = NonZeroU32::new(30).unwrap();
const ALL_SIGN_INS: NonZeroU32 = NonZeroU32::new(3_000).unwrap();
/// An instance that a large value has grown by more than this is not kept.
const RETIRE_BYTES: usize = 64 << 20;

/// `timeweft serve`; returns after a signal, when all is on disk.
pub async fn serve(flags: Serve) -> Result<()> {
    let signals = Signals::new()?;
    let data = DataFolder::open(&flags.data)?;
    let key = match (&flags.key, &flags.key_file) {
        (Some(key), _) => data::check_key(key)?,
        (None, Some(file)) => data::read_key(file)?,
        (None, None) => data.key()?,
    };
    check_sign_in(&flags)?;
    let mailer = Mailer::new(&flags.sign_in.mail, flags.development).map_err(anyhow::Error::msg)?;
    // Before the component is compiled, so that a taken port is known at once.
    let listener = listen(flags.common.listen)?;
    let database = data.join("store.db");
    let store = SqliteStore::open(&database, StoreOptions { lock: Some(data.join("lock")), ..StoreOptions::default() })
        .with_context(|| format!("can't open the database {}", database.display()))?;
    if let Some(file) = &flags.types {
        store.durable(types::define(&store, file)?).await?;
    }
    let store = Arc::new(store);
    let options = EngineOptions {
        component: component(&flags)?,
        cache: Some(data.join("cache")),
        workers: flags.workers.unwrap_or_else(cores).max(1),
        time: flags.call_seconds,
        memory_bytes: flags.call_memory_bytes,
        retire_bytes: RETIRE_BYTES,
        settings: settings(&flags, key),
        issuer: None,
    };
    let credentials = Credentials::new(&Given(&options.settings))?;
    let issuer = flags.sign_in.oidc_issuer.as_deref().map(Issuer::new).transpose()?;
    let options = EngineOptions { issuer: issuer.clone(), ..options };
    let keeping = issuer.clone().map(|issuer| tokio::spawn(issuer.keep()));
    // Compiling takes seconds when it is not in the cache.
    let starting = tokio::task::spawn_blocking({
        let store = store.clone();
        move || Engine::start(&options, store)
    });
    let engine = starting.await??;
    let backend = EngineBackend::new(engine, mailer, credentials, issuer, flags.limits.limit_body_bytes);
    let (shutdown, until) = watch::channel(false);
    let hosts = match flags.development {
        true => Hosts::Local(flags.origins.iter().filter_map(|origin| gateway::host_of(origin)).collect()),
        false => Hosts::All,
    };
    let gateway = Gateway::new(backend, gateway_options(&flags.common, hosts, flags.development)?, until);
    announce("listening on", &listener)?;
    run(gateway, listener, shutdown, signals, None).await;
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    // The gateway and with it the engine are gone, so this is the last reference and what is pending gets committed.
    if let Some(store) = Arc::into_inner(store) {
        tokio::task::spawn_blocking(move || store.close()).await?;
    }
    Ok(())
}

/// `timeweft gateway`; returns after a signal.
pub async fn gateway(flags: GatewayFlags) -> Result<()> {
    let signals = Signals::new()?;
    let options = UpstreamOptions { url: flags.upstream, grip_key: flags.grip_key, timeout: flags.upstream_seconds };
    if options.grip_key.is_none() {
        tracing::warn!("--grip-key is not set: the upstream can't tell this gateway from anybody else");
    }
    let backend = Upstream::new(options).map_err(anyhow::Error::msg)?;
    let listener = listen(flags.common.listen)?;
    let publish = listen(flags.publish)?;
    let (shutdown, until) = watch::channel(false);
    let gateway = Gateway::new(backend, gateway_options(&flags.common, Hosts::All, false)?, until);
    announce("publish on", &publish)?;
    announce("listening on", &listener)?;
    run(gateway, listener, shutdown, signals, Some(publish)).await;
    Ok(())
}

async fn run<B: Backend>(
    gateway: Arc<Gateway<B>>,
    listener: TcpListener,
    shutdown: watch::Sender<bool>,
    mut signals: Signals,
    publish: Option<TcpListener>,
) {
    let (alive, mut ended) = mpsc::channel::<()>(1);
    let publishing = publish.map(|listener| tokio::spawn(gateway::serve_publish(gateway.clone(), listener)));
    let accepting = tokio::spawn(gateway::serve(gateway.clone(), listener, alive));
    signals.first().await;
    tracing::info!(connections = gateway.connections(), "stopping");
    shutdown.send_replace(true);
    tokio::select! {
        _ = ended.recv() => {}
        () = tokio::time::sleep(SHUTDOWN_PATIENCE) => tracing::warn!("some connections did not end in time"),
        () = signals.first() => tracing::warn!("a second signal; not waiting any more"),
    }
    accepting.abort();
    if let Some(publishing) = publishing {
        publishing.abort();
    }
    tracing::info!("stopped");
}

/// The signals that end the process, caught from the start.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, Into::into)
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is taken by another program; stop it, or choose another address with a flag")
        }
        _ => anyhow::anyhow!("can't listen on {address}: {error}"),
    })
}

/// The lines on stdout that scripts and tests wait for.
fn announce(what: &str, listener: &TcpListener) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} http://{}", listener.local_addr()?)?;
    Ok(out.flush()?)
}

/// Whether people can sign in, and nobody else in development mode.
fn check_sign_in(flags: &Serve) -> Result<()> {
    if flags.development {
        if !flags.common.listen.ip().is_loopback() {
            bail!(
                "development mode tells sign-in codes to everybody who asks, so it listens on this machine only: use \
                 --listen 127.0.0.1:PORT, or leave --development out"
            );
        }
    } else if !flags.sign_in.is_possible() && !flags.sign_in.no_sign_in {
        bail!(
            "nobody could sign in: say with --mail-url or --mail-smtp where sign-in codes go, or with --oidc-issuer or \
             --jwt-issuer whose tokens are taken; --no-sign-in starts all the same, and --development is for trying things out"
        );
    }
    Ok(())
}

/// Settings as the router reads them.
struct Given<'a>(&'a HashMap<String, String>);

impl Settings for Given<'_> {
    fn setting(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

fn gateway_options(common: &Common, hosts: Hosts, development: bool) -> Result<GatewayOptions> {
    let site = match (&common.assets, &common.page) {
        (Some(folder), _) => Site::folder(folder)?,
        (None, Some(path)) => {
            Site::Page(std::fs::read(path).with_context(|| format!("can't read the page {}", path.display()))?.into())
        }
        (None, None) => Site::Page(Bytes::from_static(PAGE.as_bytes())),
    };
    Ok(GatewayOptions {
        ping: common.ping_seconds,
        resync: common.resync_seconds,
        outbox: OutboxLimits { frames: common.queue_frames, bytes: common.queue_bytes },
        message_bytes: common.limit_message_bytes,
        shares: shares(&common.shares, development),
        trusted_proxies: common.trusted_proxies,
        hosts,
        site,
    })
}

fn shares(flags: &Shares, development: bool) -> ShareLimits {
    let sign_ins = |given: Option<NonZeroU32>, default: NonZeroU32| {
        given.unwrap_or(if development { NonZeroU32::MAX } else { default })
    };
    ShareLimits {
        calls: flags.limit_calls,
        bytes: flags.limit_held_bytes,
        all_bytes: flags.limit_all_held_bytes,
        sockets: flags.limit_sockets,
        subscriptions: flags.limit_all_subscriptions,
        requests: flags.limit_requests,
        sign_ins: sign_ins(flags.limit_sign_ins, SIGN_INS),
        all_sign_ins: sign_ins(flags.limit_all_sign_ins, ALL_SIGN_INS),
    }
}

fn component(flags: &Serve) -> Result<PathBuf> {
    if let Some(path) = &flags.component {
        return Ok(path.clone());
    }
    let executable = std::env::current_exe().context("can't tell where this program is; use --component")?;
    let beside = executable.parent().unwrap_or(&executable);
    // Installed, and in a build folder (`target/release/timeweft`, `target/components/timeweft.wasm`).
    let places = [beside.join("timeweft.wasm"), beside.join("../components/timeweft.wasm")];
    match places.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.clone()),
        None => bail!(
            "the component is missing: neither {} nor {} is there; build it with `cargo xtask build`, or name it with \
             --component",
            places[0].display(),
            places[1].display()
        ),
    }
}

/// What the component is told, by the names of docs/operations.md.
fn settings(flags: &Serve, key: String) -> HashMap<String, String> {
    let limits = &flags.limits;
    let mut settings = HashMap::from(
        [
            ("key", key),
            ("development", flags.development.to_string()),
            ("origins", flags.origins.join(",")),
            ("admins", flags.admins.join(",")),
            ("limit-value-bytes", limits.limit_value_bytes.to_string()),
            ("limit-depth", limits.limit_depth.to_string()),
            ("limit-message-bytes", flags.common.limit_message_bytes.to_string()),
            ("limit-body-bytes", limits.limit_body_bytes.to_string()),
            ("limit-diff-operations", limits.limit_diff_operations.to_string()),
            ("limit-subscriptions", limits.limit_subscriptions.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    settings.extend(flags.app_url.clone().map(|url| ("app-url".to_owned(), url)));
    settings.extend(flags.sign_in.settings());
    settings.extend(flags.key_before.clone().map(|key| ("key-before".to_owned(), key)));
    settings
}
