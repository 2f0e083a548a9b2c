//! The door of WebSockets (docs/protocol.md, "Connecting").
//!
//! | module | what |
//! |---|---|
//! | [`connect`] | `/connect`: the socket of the protocol |
//! | [`frame`] | one request in one of its frames |
//! | [`connection`] | what is known of a connection, kept as meta by its gateway |
//! | [`note`] | `/ws/note/{id}`: the socket of one note |
//! | [`admission`] | who may open either |
//!
//! What one call has to send is bounded: past that the events of a batch that are left come again in a later call. Where they
//! can't (a proxy that wants its batch answered), requests are answered 429.
//!
//! Whoever can send us events could speak for any connection: where events come over the network (`grip-required`) they
//! count only with the gateway's signature. Who a connection is, is a token signed by us, checked with every batch.

mod admission;
mod connect;
mod connection;
mod frame;
mod note;
#[cfg(test)]
mod tests;

use timeweft_core::message::Code;
use timeweft_grip::jwt;

use crate::event::{Batch, BatchOutcome, Header, header};
use crate::host::Host;
use crate::{CALL_BYTES, Router};

/// Whether these headers carry the gateway's signature, where there is a key to check it with.
fn is_signed<H: Host>(router: &Router<H>, headers: &[Header]) -> bool {
    match (&router.config.grip_key, header(headers, "grip-sig")) {
        (Some(key), Some(signature)) => jwt::claims(signature, key, router.host.now().seconds()).is_ok(),
        _ => false,
    }
}

/// `spent`: bytes that this call has to send already.
pub(crate) async fn handle<H: Host>(router: &Router<H>, batch: Batch, spent: usize) -> BatchOutcome {
    if router.config.grip_required && !is_signed(router, &batch.headers) {
        return *admission::refused(
            Code::Forbidden,
            "socket events are taken from a gateway only, signed with `Grip-Sig`",
        );
    }
    if spent > CALL_BYTES && !batch.at_once {
        return BatchOutcome { status: 200, left: batch.events.len() as u32, ..BatchOutcome::default() };
    }
    let target = batch.target.clone();
    match note::local(&target) {
        Some(local) => note::handle(router, batch, local).await,
        None => connect::handle(router, batch, spent).await,
    }
}
