//! Messages as frames, on the way out: compressed where that was agreed on and helps, and large ones in pieces.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::deflate::{Deflate, Deflater};
use super::line::Line;

/// Larger messages go out in several frames, so that no connection keeps a buffer of its largest message.
const FRAGMENT: usize = 64 << 10;

/// Queues a message for writing.
pub(super) async fn feed(
    stream: &mut WebSocketStream<Line>,
    message: Message,
    deflate: Option<Deflate>,
) -> Result<(), Error> {
    let (kind, payload) = match &message {
        Message::Text(text) => (Data::Text, Bytes::from(text.clone())),
        Message::Binary(bytes) => (Data::Binary, bytes.clone()),
        _ => return stream.feed(message).await,
    };
    match deflate.and_then(|deflate| deflate.begin(&payload)) {
        Some(deflater) => feed_compressed(stream, kind, payload, deflater).await,
        None if payload.len() > FRAGMENT => feed_pieces(stream, kind, payload).await,
        None => stream.feed(message).await,
    }
}

async fn feed_pieces(stream: &mut WebSocketStream<Line>, kind: Data, mut rest: Bytes) -> Result<(), Error> {
    let mut opcode = OpCode::Data(kind);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(FRAGMENT));
        stream.feed(Message::Frame(Frame::message(piece, opcode, rest.is_empty()))).await?;
        opcode = OpCode::Data(Data::Continue);
    }
    Ok(())
}

async fn feed_compressed(
    stream: &mut WebSocketStream<Line>,
    kind: Data,
    payload: Bytes,
    mut deflater: Deflater,
) -> Result<(), Error> {
    let mut rest = payload.clone();
    let mut is_first = true;
    while rest.len() > FRAGMENT {
        let piece = deflater.piece(&rest.split_to(FRAGMENT));
        if !piece.is_empty() {
            stream.feed(Message::Frame(compressed(piece, kind, is_first, false))).await?;
            is_first = false;
        }
        // Others of this thread wait for the processor too.
        tokio::task::yield_now().await;
    }
    let piece = deflater.last_piece(&rest);
    if is_first && piece.len() >= payload.len() {
        return stream.feed(Message::Frame(Frame::message(payload, OpCode::Data(kind), true))).await;
    }
    stream.feed(Message::Frame(compressed(piece, kind, is_first, true))).await
}

/// The first frame of a message says that it is compressed (RFC 7692, 6).
fn compressed(piece: Vec<u8>, kind: Data, is_first: bool, is_last: bool) -> Frame {
    let opcode = OpCode::Data(if is_first { kind } else { Data::Continue });
    let mut frame = Frame::message(piece, opcode, is_last);
    frame.header_mut().rsv1 = is_first;
    frame
}
