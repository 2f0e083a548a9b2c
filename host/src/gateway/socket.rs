//! One client's socket: one task that reads frames, hands them to the backend in order, and writes what comes back.
//!
//! One call is in flight per connection; what arrives meanwhile goes in the next call as one batch. When the client
//! sends faster than that for long, it is no longer read from. The connection's end is always told to the backend, as
//! the last event.

use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::Gateway;
use super::backend::{Backend, BackendError};
use super::connection::Connection;
use super::deflate::{Deflate, inflate};
use super::frames::feed;
use super::heads::Form;
use super::line::{Line, WRITE_TIMEOUT};
use super::message::{Batch, Event, Held, Outcome, Reply};
use super::outbox::Next;
use super::principal::Principal;
use super::shares::Hold;

/// Larger messages end the connection; between this and what the backend takes, it answers that it is too large.
const WIRE_BYTES: usize = 16 << 20;
/// What may wait for the call in flight before the client is no longer read from.
const INBOX_EVENTS: usize = 256;
const INBOX_BYTES: usize = 4 << 20;
/// A message that has begun comes to its end within this.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often who holds as much as they may is looked at again.
const RETRY: Duration = Duration::from_millis(50);
/// The session ended (docs/protocol.md).
const SESSION_OVER: u16 = 4001;
/// How long a client may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

type Stream = WebSocketStream<Line>;
type InHand = Pin<Box<dyn Future<Output = Result<Outcome, BackendError>> + Send>>;

/// A socket that the backend agreed to.
pub(super) struct Socket<B> {
    gateway: Arc<Gateway<B>>,
    connection: Arc<Connection>,
    /// Of every batch; its events are the next batch's.
    batch: Batch,
    inbox_bytes: usize,
    /// The events of the call in hand, if some may be left.
    handed: Vec<Event>,
    /// Of what waits, in and out.
    hold: Hold,
    /// When the session ends.
    expires: Option<Instant>,
    deflate: Option<Deflate>,
    in_hand: Option<InHand>,
    ping: Interval,
    heard: bool,
    missed: u32,
}

/// Why the loop ended.
enum End {
    /// Both sides said goodbye, or the client did, with this code.
    Closed(Option<u16>),
    Broken,
    /// We said goodbye to a client that can't be understood any more.
    Unread,
}

impl<B: Backend> Socket<B> {
    /// `opened` is what came of the batch that opened it; subscriptions in it hold from now on.
    pub(super) fn new(gateway: Arc<Gateway<B>>, batch: Batch, opened: Outcome, deflate: Option<Deflate>) -> Socket<B> {
        let connection = gateway.table.connect(batch.connection_id.clone());
        let period = gateway.options.ping;
        // A first ping somewhere within the period, so that those who connect together are not pinged together.
        let phase = period.mul_f64((connection.key % 64 + 1) as f64 / 64.0);
        let mut ping = interval_at(Instant::now() + phase, period);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let hold = gateway.shares.hold(&batch.principal);
        let mut socket = Socket {
            gateway,
            connection,
            hold,
            expires: None,
            deflate,
            batch: Batch { events: Vec::new(), ..batch },
            inbox_bytes: 0,
            handed: Vec::new(),
            in_hand: None,
            ping,
            heard: true,
            missed: 0,
        };
        socket.apply(opened);
        // Whose it is, is known by now.
        socket.hold = socket.gateway.shares.hold(&socket.batch.principal);
        socket.hold.set_subscriptions(socket.connection.subscriptions());
        socket
    }

    pub(super) async fn run(mut self, upgrade: OnUpgrade) {
        let end = match upgrade.await.map(|upgraded| upgraded.downcast::<TokioIo<Line>>()) {
            Ok(Ok(parts)) => {
                let config = WebSocketConfig::default()
                    .read_buffer_size(2 << 10)
                    .write_buffer_size(2 << 10)
                    .max_message_size(Some(WIRE_BYTES))
                    .max_frame_size(Some(WIRE_BYTES));
                let (mut stream, mut read) = (parts.io.into_inner(), parts.read_buf.to_vec());
                stream.begin_messages(self.gateway.shares.hold(&self.batch.principal));
                if self.deflate.is_some() {
                    stream.begin_compressed(&mut read);
                }
                let mut stream = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
                let end = self.serve(&mut stream).await;
                if matches!(end, End::Unread) {
                    // A line that is closed on unread bytes is reset, and takes the close with it.
                    let _ = timeout(CLOSE_TIMEOUT, stream.into_inner().read_over()).await;
                }
                end
            }
            _ => End::Broken,
        };
        self.finish(end).await;
    }

    async fn serve(&mut self, stream: &mut Stream) -> End {
        let gateway = self.gateway.clone();
        let connection = self.connection.clone();
        let mut shutdown = std::pin::pin!(gateway.until_shutdown());
        let mut shutting_down = false;
        let mut expired = std::pin::pin!(until(self.expires));
        let mut is_over = false;
        loop {
            self.hold.set(self.inbox_bytes + connection.outbox.bytes());
            let is_full = connection.outbox.is_full() || self.hold.is_full();
            if !is_full {
                self.start();
            }
            let reading = !is_full && self.batch.events.len() < INBOX_EVENTS && self.inbox_bytes < INBOX_BYTES;
            tokio::select! {
                outcome = in_hand(&mut self.in_hand) => self.settle(outcome),
                () = connection.outbox.changed() => {
                    if let Some(end) = self.write(stream).await {
                        return end;
                    }
                }
                message = stream.next(), if reading => {
                    if let Some(end) = self.read(stream, message).await {
                        return end;
                    }
                }
                () = pause(), if is_full => {}
                () = &mut expired, if !is_over => {
                    is_over = true;
                    connection.outbox.close(SESSION_OVER, "the session is over");
                }
                _ = self.ping.tick() => {
                    let line = stream.get_mut();
                    if reading && line.unfinished_for() > MESSAGE_TIMEOUT {
                        return last_words(stream, 1008, "a message did not come to its end").await;
                    }
                    // Who is not read from can't be heard.
                    self.heard |= line.take_heard() || !reading;
                    self.missed = if std::mem::take(&mut self.heard) { 0 } else { self.missed + 1 };
                    if self.missed >= 2 {
                        tracing::debug!(connection = %connection.id, "the client is silent; let it go");
                        return End::Broken;
                    }
                    connection.outbox.answer(Message::Ping(Bytes::new()));
                }
                () = &mut shutdown, if !shutting_down => {
                    shutting_down = true;
                    connection.outbox.close(1001, "the server is restarting");
                }
            }
        }
    }

    /// Hands what arrived to the backend, if it is not busy with this connection.
    fn start(&mut self) {
        if self.in_hand.is_some() || self.batch.events.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.batch.events);
        self.inbox_bytes = 0;
        if events.len() > 1 {
            self.handed.clone_from(&events);
        }
        let batch = Batch { events, ..self.batch.clone() };
        let gateway = self.gateway.clone();
        self.in_hand = Some(Box::pin(async move { gateway.backend.handle_events(batch).await }));
    }

    fn settle(&mut self, outcome: Result<Outcome, BackendError>) {
        let mut handed = std::mem::take(&mut self.handed);
        match outcome {
            Ok(outcome) => {
                let left = handed.split_off(handed.len().saturating_sub(outcome.left as usize));
                self.inbox_bytes += left.iter().map(Event::bytes).sum::<usize>();
                self.batch.events.splice(..0, left);
                self.apply(outcome);
            }
            Err(error) => {
                tracing::warn!(connection = %self.connection.id, %error, "a socket's frames could not be handled");
                self.connection.outbox.close(error.close_code(), error.close_reason());
            }
        }
    }

    fn apply(&mut self, outcome: Outcome) {
        let mut behind = Vec::new();
        for reply in outcome.replies {
            match reply {
                Reply::Send(content) => self.connection.answer(&content),
                Reply::Pong(payload) => self.connection.pong(payload),
                Reply::Subscribe { channel, id, skip_self } => {
                    if self.gateway.table.subscribe(&self.connection, channel.clone(), id.clone(), skip_self) {
                        behind.push(Held { channel, id });
                    }
                }
                Reply::Unsubscribe(channel) => self.gateway.table.unsubscribe(&self.connection, &channel),
                Reply::SetMeta(name, value) => self.set_meta(name.to_ascii_lowercase(), value),
            }
        }
        let subscriptions = self.connection.subscriptions();
        if !self.hold.set_subscriptions(subscriptions) {
            self.connection.outbox.close(1013, "too many subscriptions; unsubscribe from some");
        }
        self.gateway.publish(outcome.publish);
        if !behind.is_empty() {
            // Published between the read that the subscription rests on and the subscription.
            let gateway = self.gateway.clone();
            let key = self.connection.key;
            tokio::spawn(async move {
                gateway.resync(behind.clone()).await;
                behind.iter().for_each(|held| gateway.table.caught_up(&held.channel, key));
            });
        }
    }

    fn set_meta(&mut self, name: String, value: String) {
        match name.as_str() {
            "user" => self.connection.set_user((!value.is_empty()).then(|| value.clone())),
            "person-id" => self.batch.principal = Principal::Person(value.as_str().into()),
            "expires" => self.expires = value.parse().ok().and_then(instant),
            _ => {}
        }
        self.batch.meta.retain(|(existing, _)| *existing != name);
        if !value.is_empty() {
            self.batch.meta.push((name, value));
        }
    }

    async fn read(&mut self, stream: &mut Stream, message: Option<Result<Message, Error>>) -> Option<End> {
        self.heard = true;
        let limit = self.gateway.options.message_bytes;
        let mut form = Form::Plain;
        if let Some(Ok(message)) = &message {
            let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
            let line = stream.get_mut();
            line.complete(message.len(), is_data);
            if is_data {
                form = line.next_form();
            }
        }
        match message {
            Some(Ok(Message::Binary(bytes))) if form != Form::Plain => {
                let Some(bytes) = inflate(&bytes, limit.saturating_add(4)) else {
                    return Some(last_words(stream, 1007, "a compressed message that can't be read").await);
                };
                match form {
                    Form::CompressedText => match text(&bytes, limit) {
                        Some(text) => self.arrived(Event::Text(text.to_owned())),
                        None => return Some(last_words(stream, 1007, "not UTF-8").await),
                    },
                    _ => self.arrived(Event::Binary(bytes)),
                }
            }
            Some(Ok(Message::Text(text))) => self.arrived(Event::Text(cut_text(&text, limit).to_owned())),
            Some(Ok(Message::Binary(bytes))) => {
                self.arrived(Event::Binary(bytes.slice(..bytes.len().min(limit.saturating_add(1)))))
            }
            Some(Ok(Message::Close(frame))) => {
                // The answer is queued by tungstenite; it says goodbye once it is written.
                let _ = timeout(CLOSE_TIMEOUT, stream.flush()).await;
                return Some(End::Closed(frame.map(|frame| frame.code.into())));
            }
            // Pings are answered by tungstenite in the next write, so make one.
            Some(Ok(Message::Ping(_))) => {
                if !matches!(timeout(WRITE_TIMEOUT, stream.flush()).await, Ok(Ok(()))) {
                    return Some(End::Broken);
                }
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(Error::Capacity(_))) => return Some(last_words(stream, 1009, "message too large").await),
            Some(Err(Error::Utf8(_))) => return Some(last_words(stream, 1007, "not UTF-8").await),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return Some(End::Broken),
            Some(Err(Error::Protocol(error))) => return Some(last_words(stream, 1002, &error.to_string()).await),
            Some(Err(Error::Io(error))) if error.kind() == ErrorKind::QuotaExceeded => {
                return Some(last_words(stream, 1013, "too much at once; try again later").await);
            }
            Some(Err(_)) | None => return Some(End::Broken),
        }
        None
    }

    fn arrived(&mut self, event: Event) {
        self.inbox_bytes += event.bytes();
        self.batch.events.push(event);
    }

    /// Writes all that is queued.
    async fn write(&mut self, stream: &mut Stream) -> Option<End> {
        let connection = self.connection.clone();
        loop {
            let written = match connection.outbox.next() {
                None => tokio::select! {
                    written = timeout(WRITE_TIMEOUT, stream.flush()) => match written {
                        Ok(Ok(())) => return None,
                        _ => return Some(End::Broken),
                    },
                    () = connection.outbox.overflowed() => continue,
                },
                Some(Next::Send(message)) => tokio::select! {
                    written = timeout(WRITE_TIMEOUT, feed(stream, message, self.deflate)) => written,
                    // Half a message may be out; nothing sensible can follow it.
                    () = connection.outbox.overflowed() => return Some(self.too_slow(stream).await),
                },
                Some(Next::Close(code, reason)) => return Some(goodbye(stream, code, &reason).await),
            };
            if !matches!(written, Ok(Ok(()))) {
                return Some(End::Broken);
            }
        }
    }

    async fn too_slow(&mut self, stream: &mut Stream) -> End {
        tracing::info!(connection = %self.connection.id, "the client reads too slowly; let it go");
        // Nothing more is kept for it, but it should hear why as soon as it reads again.
        self.gateway.table.disconnect(&self.connection);
        say_goodbye(stream, 1013, "reads too slowly", WRITE_TIMEOUT).await
    }

    /// Tells the backend that the connection is gone, after what it has in hand.
    async fn finish(mut self, end: End) {
        self.gateway.table.disconnect(&self.connection);
        if let Some(in_hand) = self.in_hand.take() {
            let outcome = in_hand.await;
            self.settle(outcome);
        }
        self.batch.events.push(match end {
            End::Closed(code) => Event::Close(code),
            End::Broken | End::Unread => Event::Disconnect,
        });
        while !self.batch.events.is_empty() {
            self.handed = std::mem::take(&mut self.batch.events);
            let batch = Batch { events: self.handed.clone(), ..self.batch.clone() };
            match self.gateway.backend.handle_events(batch).await {
                Ok(outcome) => self.settle(Ok(outcome)),
                Err(error) => {
                    tracing::debug!(connection = %self.connection.id, %error, "a closed socket was not noted");
                    return;
                }
            }
        }
    }
}

async fn in_hand(in_hand: &mut Option<InHand>) -> Result<Outcome, BackendError> {
    match in_hand {
        None => std::future::pending().await,
        Some(call) => {
            let outcome = call.await;
            *in_hand = None;
            outcome
        }
    }
}

/// Closes on a client that can't be understood any more.
async fn last_words(stream: &mut Stream, code: u16, reason: &str) -> End {
    match timeout(CLOSE_TIMEOUT, stream.close(Some(close_frame(code, reason)))).await {
        Ok(Ok(())) => End::Unread,
        _ => End::Broken,
    }
}

/// A control frame holds 125 bytes, two of them the code.
fn close_frame(code: u16, reason: &str) -> CloseFrame {
    let reason = Utf8Bytes::from(reason.get(..reason.floor_char_boundary(123)).unwrap_or_default());
    CloseFrame { code: CloseCode::from(code), reason }
}

async fn pause() {
    sleep(RETRY).await;
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// When it is so many seconds since 1970.
fn instant(seconds: u64) -> Option<Instant> {
    let end = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Instant::now().checked_add(end.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The start of a text that is longer than `limit`, still longer than it.
fn cut_text(text: &str, limit: usize) -> &str {
    let end = (limit.saturating_add(1)..).take(4).find(|end| *end >= text.len() || text.is_char_boundary(*end));
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

/// A text that was read up to four bytes past the limit, where it may end within a character.
fn text(bytes: &[u8], limit: usize) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if bytes.len() > limit && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Closes and waits a little for the answer, reading over what the client still sends.
async fn goodbye(stream: &mut Stream, code: u16, reason: &str) -> End {
    say_goodbye(stream, code, reason, CLOSE_TIMEOUT).await
}

async fn say_goodbye(stream: &mut Stream, code: u16, reason: &str, patience: Duration) -> End {
    let close = async {
        stream.close(Some(close_frame(code, reason))).await?;
        while stream.next().await.transpose()?.is_some() {}
        Ok::<_, Error>(())
    };
    match timeout(patience, close).await {
        Ok(Ok(())) => End::Closed(Some(code)),
        _ => End::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_limit_is_whole_and_a_longer_one_stays_longer_than_the_limit() {
        assert_eq!(cut_text("abc", 3), "abc");
        assert_eq!(cut_text("abcdef", 3), "abcd");
        assert_eq!(cut_text("ab€€", 3), "ab€");
        assert_eq!(cut_text("ab€€", 4), "ab€");
        assert_eq!(cut_text("ab€€", 5), "ab€€");
    }
}
