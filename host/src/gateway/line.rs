//! The TCP stream of a client, watched: what was read of a message that is not complete, and whether the client takes anything.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::heads::{Form, Heads};
use super::shares::Hold;

/// A client that takes nothing for so long is gone.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// What is held is said in steps of this many bytes.
const STEP: usize = 64 << 10;

pub(super) struct Line {
    stream: TcpStream,
    /// While the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Of messages that were not complete yet when [`Line::begin_messages`] or [`Line::complete`] was last called.
    unfinished: usize,
    since: Instant,
    hold: Option<Hold>,
    /// Where messages can come compressed.
    heads: Option<Box<Heads>>,
    heard: bool,
}

impl Line {
    pub(super) fn new(stream: TcpStream) -> Line {
        Line { stream, stalled: None, unfinished: 0, since: Instant::now(), hold: None, heads: None, heard: false }
    }

    /// From now on what is read belongs to messages, and `hold` counts what is not complete.
    pub(super) fn begin_messages(&mut self, hold: Hold) {
        self.hold = Some(hold);
    }

    /// From now on messages can come compressed; `read` was read of them already.
    pub(super) fn begin_compressed(&mut self, read: &mut [u8]) {
        self.heads.get_or_insert_default().pass(read);
    }

    /// How the message came that is complete now.
    pub(super) fn next_form(&mut self) -> Form {
        self.heads.as_mut().map_or(Form::Plain, |heads| heads.next())
    }

    /// A message of so many bytes came to its end; control frames come between those of one.
    pub(super) fn complete(&mut self, length: usize, is_data: bool) {
        // Its frame's head has up to 14 bytes.
        self.unfinished = self.unfinished.saturating_sub(length + 14);
        if is_data || self.unfinished == 0 {
            self.since = Instant::now();
        }
        self.say();
    }

    /// Reads until the client ends, and keeps nothing.
    pub(super) async fn read_over(mut self) -> Result<()> {
        self.hold = None;
        // Not in the future, which every socket has the room of.
        let mut bytes = vec![0; 4 << 10];
        while self.stream.read(&mut bytes).await? > 0 {}
        Ok(())
    }

    /// Whether anything came since the last time.
    pub(super) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// For how long a message has not come to its end.
    pub(super) fn unfinished_for(&self) -> Duration {
        if self.unfinished == 0 { Duration::ZERO } else { self.since.elapsed() }
    }

    fn say(&mut self) -> bool {
        let unfinished = self.unfinished / STEP * STEP;
        self.hold.as_mut().is_none_or(|hold| hold.try_set(unfinished))
    }

    /// An error once a write has waited for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.heard |= read > 0;
        if let Some(heads) = &mut self.heads {
            heads.pass(&mut buffer.filled_mut()[before..]);
        }
        if self.hold.is_some() {
            if self.unfinished == 0 {
                self.since = Instant::now();
            }
            self.unfinished += read;
            if !self.say() {
                return Poll::Ready(Err(Error::new(ErrorKind::QuotaExceeded, "too much at once")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
