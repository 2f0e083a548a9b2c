//! Makes lost publishes good: now and then asks the backend what those who hold some version have missed.
//!
//! A version that many connections on a channel hold is asked for once. Ids are read before the question, and an item is
//! only sent to those who still hold the version it starts from, so that a publish that comes in between is not doubled.

use std::sync::Arc;
use std::time::Duration;

use super::Gateway;
use super::backend::Backend;
use super::message::Held;

/// So many versions in one question.
const GROUP: usize = 128;

pub(super) async fn run<B: Backend>(gateway: Arc<Gateway<B>>) {
    let rounds = async {
        loop {
            // 80 to 120 % of the period, so that many gateways do not ask together.
            let jitter = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
            tokio::time::sleep(gateway.options.resync.mul_f64(0.8 + 0.4 * jitter)).await;
            let mut held = gateway.table.held();
            let pause = pause_between(gateway.options.resync, held.len());
            while !held.is_empty() {
                let rest = held.split_off(held.len().min(GROUP));
                gateway.resync(std::mem::replace(&mut held, rest)).await;
                tokio::time::sleep(pause).await;
            }
        }
    };
    tokio::select! {
        () = rounds => {}
        () = gateway.until_shutdown() => {}
    }
}

/// Spreads the questions of one round over a part of the period, so that they don't get in the way of requests.
fn pause_between(period: Duration, held: usize) -> Duration {
    let groups = u32::try_from(held.div_ceil(GROUP)).unwrap_or(u32::MAX).max(1);
    (period / 4 / groups).min(Duration::from_millis(20))
}

impl<B: Backend> Gateway<B> {
    pub(super) async fn resync(&self, held: Vec<Held>) {
        match self.backend.resync(held).await {
            Ok(items) => items.iter().for_each(|item| self.table.make_good(item)),
            Err(error) => tracing::warn!(%error, "resync failed; it is tried again"),
        }
    }
}
