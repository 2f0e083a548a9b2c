//! Frames that wait for one connection. What others cause is bounded, so that a client that does not read costs little and is
//! let go; answers to its own requests are not, for no more of these are taken while so much waits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Frames.
    pub frames: usize,
    /// Bytes of payload.
    pub bytes: usize,
}

/// What to do next for the connection.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Send(Message),
    /// Nothing comes after it.
    Close(u16, String),
}

pub(super) struct Outbox {
    limits: OutboxLimits,
    state: Mutex<State>,
    changed: Notify,
    /// The connection was found too slow while something was being written.
    overflowed: Notify,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Of those that others caused, how many there are and their bytes.
    pushes: usize,
    push_bytes: usize,
    /// Bytes of all.
    bytes: usize,
    close: Option<(u16, String)>,
}

struct Frame {
    message: Message,
    is_push: bool,
}

impl Outbox {
    pub(super) fn new(limits: OutboxLimits) -> Outbox {
        Outbox { limits, state: Mutex::default(), changed: Notify::new(), overflowed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an answer.
    pub(super) fn answer(&self, message: Message) {
        let mut state = self.lock();
        if state.close.is_none() {
            state.queue(message, false);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Whether so much waits that no more requests should be taken.
    pub(super) fn is_full(&self) -> bool {
        self.lock().bytes > self.limits.bytes
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Queues a frame that others caused. Past the limits everything queued goes and the connection is closed with 1013.
    pub(super) fn push(&self, message: Message) {
        let mut state = self.lock();
        if state.close.is_some() {
            return;
        }
        // One frame always fits, however large: a value may be larger than what may wait.
        let len = message.len();
        if state.pushes > 0 && (state.pushes >= self.limits.frames || state.push_bytes + len > self.limits.bytes) {
            *state = State { close: Some((1013, "reads too slowly".into())), ..State::default() };
            drop(state);
            self.changed.notify_one();
            self.overflowed.notify_one();
            return;
        }
        state.queue(message, true);
        drop(state);
        self.changed.notify_one();
    }

    /// Closes after what is queued. The first close counts.
    pub(super) fn close(&self, code: u16, reason: &str) {
        self.lock().close.get_or_insert_with(|| (code, reason.to_owned()));
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        match state.frames.pop_front() {
            Some(Frame { message, is_push }) => {
                state.bytes -= message.len();
                if is_push {
                    state.pushes -= 1;
                    state.push_bytes -= message.len();
                }
                if state.frames.is_empty() {
                    // A burst's memory is not kept.
                    state.frames = VecDeque::new();
                }
                Some(Next::Send(message))
            }
            None => state.close.clone().map(|(code, reason)| Next::Close(code, reason)),
        }
    }

    /// Resolves when something was queued since the last time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Resolves when the connection was found too slow.
    pub(super) async fn overflowed(&self) {
        self.overflowed.notified().await;
    }
}

impl State {
    fn queue(&mut self, message: Message, is_push: bool) {
        self.bytes += message.len();
        if is_push {
            self.pushes += 1;
            self.push_bytes += message.len();
        }
        self.frames.push_back(Frame { message, is_push });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> Outbox {
        Outbox::new(OutboxLimits { frames: 3, bytes: 10 })
    }

    #[test]
    fn frames_come_out_in_order_and_the_close_after_them() {
        let outbox = outbox();
        outbox.push(Message::text("a"));
        outbox.close(1000, "bye");
        outbox.push(Message::text("too late"));
        outbox.close(1011, "second");
        assert_eq!(outbox.next(), Some(Next::Send(Message::text("a"))));
        assert_eq!(outbox.next(), Some(Next::Close(1000, "bye".into())));
    }

    #[test]
    fn too_many_frames_close_the_connection_and_free_what_was_queued() {
        let outbox = outbox();
        (0..4).for_each(|_| outbox.push(Message::text("a")));
        assert!(matches!(outbox.next(), Some(Next::Close(1013, _))));
    }

    #[test]
    fn answers_close_nothing_and_say_when_it_is_enough() {
        let outbox = outbox();
        (0..5).for_each(|_| outbox.answer(Message::text("abc")));
        assert!(outbox.is_full() && outbox.bytes() == 15);
        outbox.push(Message::text("d"));
        (0..5).for_each(|_| assert_eq!(outbox.next(), Some(Next::Send(Message::text("abc")))));
        assert!(!outbox.is_full());
        assert_eq!(outbox.next(), Some(Next::Send(Message::text("d"))));
    }

    #[test]
    fn too_many_bytes_close_the_connection_but_one_large_frame_passes() {
        let outbox = outbox();
        outbox.push(Message::text("0123456789abcdef"));
        assert!(matches!(outbox.next(), Some(Next::Send(_))));
        outbox.push(Message::text("012345"));
        outbox.push(Message::text("012345"));
        assert!(matches!(outbox.next(), Some(Next::Close(1013, _))));
    }
}
