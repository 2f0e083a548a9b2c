//! Futures that are ready. A component's imports are synchronous: what awaits them never waits. In both components
//! (`person` includes this file by path).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What the future comes to; `None` if it waits, which says that somebody awaited what is no import.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
