//! The WebSocket side: holds the sockets, hands what happens on them to a [`Backend`], sends what is published.
//!
//! ```text
//!  http.rs    accepts, hands requests on, opens sockets;  site.rs  the page or the web app beside the API
//!  check.rs   what a request must be before anybody looks at it
//!  socket.rs  one task a connection: frames in, batches to the backend, frames out, ping and pong
//!  frames.rs  messages as frames, on the way out;  heads.rs, deflate.rs  those that are compressed
//!  outbox.rs  what waits for one connection, bounded;  line.rs  its TCP stream, watched
//!  principal.rs, shares.rs  whose share of the server a request is, and how much that is
//!  table.rs   connections and channels;  connection.rs  one of the former;  channel.rs  one of the latter, in order
//!  resync.rs  asks the backend now and then what subscribers missed
//!  publish.rs GRIP's /publish/ on a port of its own
//! ```
//!
//! Nothing here outlives the process or needs to: clients reconnect and subscribe anew.

mod backend;
mod channel;
mod check;
mod connection;
mod deflate;
mod frames;
mod heads;
mod http;
mod line;
pub mod message;
mod outbox;
mod principal;
mod publish;
mod resync;
mod shares;
mod site;
mod socket;
mod table;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use backend::refuse;
pub use backend::{Answer, Asked, Backend, BackendError, Body, full};
pub(crate) use check::asks_for_code;
pub use check::{Hosts, host_of};
pub use http::serve;
pub(crate) use http::{add_headers, is_hop_by_hop, text_headers};
pub use outbox::OutboxLimits;
pub use principal::Principal;
pub use publish::serve as serve_publish;
pub use shares::{Hold, ShareLimits};
pub use site::Site;

use channel::{PATIENCE, Placed};
use message::Item;
use shares::Shares;
use table::Table;

/// How the gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Between two pings; a peer that was silent for two of these after one is dead.
    pub ping: Duration,
    /// Between two rounds of resync.
    pub resync: Duration,
    /// What may wait for one connection.
    pub outbox: OutboxLimits,
    /// Of a larger message on a socket the backend sees just so much that it can tell that it is too large.
    pub message_bytes: usize,
    /// What one principal may use.
    pub shares: ShareLimits,
    /// Proxies of our own between clients and us, each of which adds to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Whose requests are taken.
    pub hosts: Hosts,
    /// Served beside the API.
    pub site: Site,
}

/// A gateway in front of its backend.
pub struct Gateway<B> {
    backend: B,
    table: Table,
    shares: Arc<Shares>,
    options: GatewayOptions,
    /// Turns true when the gateway should end.
    shutdown: watch::Receiver<bool>,
}

impl<B: Backend> Gateway<B> {
    /// `shutdown` turns true when the gateway should end.
    pub fn new(backend: B, options: GatewayOptions, shutdown: watch::Receiver<bool>) -> Arc<Gateway<B>> {
        let table = Table::new(options.outbox);
        let shares = Shares::new(options.shares);
        Arc::new(Gateway { backend, table, shares, options, shutdown })
    }

    /// Open sockets.
    pub fn connections(&self) -> usize {
        self.table.connections()
    }

    /// Sends items to their subscribers.
    pub fn publish(self: &Arc<Self>, items: impl IntoIterator<Item = Item>) {
        for item in items {
            let channel = item.channel.clone();
            if self.table.publish(item) == Placed::Waiting {
                let gateway = self.clone();
                tokio::spawn(async move {
                    let due = tokio::time::Instant::now() + PATIENCE;
                    tokio::time::sleep_until(due).await;
                    gateway.table.release(&channel, due);
                });
            }
        }
    }

    async fn until_shutdown(&self) {
        // An error means that the owner is gone, which is as good.
        let _ = self.shutdown.clone().wait_for(|shutdown| *shutdown).await;
    }
}
