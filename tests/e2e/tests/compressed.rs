//! Sockets whose messages are compressed (permessage-deflate), as browsers open them. The protocol itself is tried by the cases
//! of `tests/websocket`; here it is what compression must not break.

use anyhow::{Context, Result, ensure};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value as Json, json};
use timeweft_e2e::{Person, Server, fresh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A client that sends its frames itself, to see them as they are.
struct Raw {
    stream: TcpStream,
}

struct Received {
    compressed: bool,
    opcode: u8,
    /// As sent.
    payload: Vec<u8>,
}

impl Raw {
    async fn open(server: &Server, person: &Person) -> Result<Raw> {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await?;
        let request = format!(
            "GET /connect HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: timeweft.json\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
            person.cookie
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head)?.to_ascii_lowercase();
        ensure!(head.contains("sec-websocket-extensions: permessage-deflate; server_no_context_takeover"), "{head}");
        Ok(Raw { stream })
    }

    /// A text of which `payload` is what is sent.
    async fn send(&mut self, first: u8, payload: &[u8]) -> Result<()> {
        let mut frame = vec![first, 0x80 | 127];
        frame.extend((payload.len() as u64).to_be_bytes());
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend(payload);
        Ok(self.stream.write_all(&frame).await?)
    }

    async fn send_compressed(&mut self, text: &[u8]) -> Result<()> {
        self.send(0xc1, &compressed(text)?).await
    }

    /// The next message, of one frame or several.
    async fn receive(&mut self) -> Result<Received> {
        let mut received: Option<Received> = None;
        loop {
            let (first, length) = (self.stream.read_u8().await?, self.stream.read_u8().await?);
            let length = match length {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                length => u64::from(length),
            };
            let mut payload = vec![0; usize::try_from(length)?];
            self.stream.read_exact(&mut payload).await?;
            if first & 0x0f > 8 {
                continue;
            }
            let (compressed, opcode) = (first & 0x40 != 0, first & 0x0f);
            let so_far = received.get_or_insert_with(|| Received { compressed, opcode, payload: Vec::new() });
            so_far.payload.extend(payload);
            if first & 0x80 != 0 {
                return received.context("a message");
            }
        }
    }

    async fn receive_json(&mut self) -> Result<(Json, usize)> {
        let received = self.receive().await?;
        ensure!(received.opcode == 1, "opcode {}", received.opcode);
        let length = received.payload.len();
        let text = if received.compressed { inflated(&received.payload)? } else { received.payload };
        Ok((serde_json::from_slice(&text)?, length))
    }
}

fn compressed(message: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() + 1_024);
    Compress::new(Compression::fast(), false).compress_vec(message, &mut out, FlushCompress::Sync)?;
    ensure!(out.ends_with(&TAIL), "the flush ends it");
    out.truncate(out.len() - TAIL.len());
    Ok(out)
}

fn inflated(payload: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(32 << 20);
    Decompress::new(false).decompress_vec(&[payload, &TAIL].concat(), &mut out, FlushDecompress::None)?;
    Ok(out)
}

fn post(id: u64, entity: &str, text: &str) -> Vec<u8> {
    json!({"id": id, "method": "post", "entityId": entity, "value": {"title": "t", "blob": text}})
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn long_texts_go_both_ways_in_a_fraction_of_their_length() -> Result<()> {
    let server = Server::serve()?;
    let (ann, bob) = (Person::new(&server.url).await?, Person::new(&server.url).await?);
    let (mut of_ann, mut of_bob) = (Raw::open(&server, &ann).await?, Raw::open(&server, &bob).await?);
    let note = fresh("note");
    of_bob.send_compressed(json!({"id": 1, "method": "subscribe", "entityId": note}).to_string().as_bytes()).await?;
    ensure!(of_bob.receive_json().await?.0["status"] == 404);
    // Long enough to go out in several frames.
    let text = "Once upon a time, and then once more. ".repeat(20_000);
    of_ann.send_compressed(&post(1, &note, &text)).await?;
    ensure!(of_ann.receive_json().await?.0["status"] == 201);
    let (push, length) = of_bob.receive_json().await?;
    ensure!(push["diff"]["blob"] == text.as_str(), "the text that was sent");
    ensure!(length < text.len() / 20, "{length} bytes");
    // What a client does not compress is read too, and what is short is not compressed.
    of_ann.send(0x81, json!({"id": 2, "method": "unsubscribe", "entityId": note}).to_string().as_bytes()).await?;
    let answer = of_ann.receive().await?;
    ensure!(!answer.compressed && answer.payload.starts_with(b"{"), "{}", String::from_utf8_lossy(&answer.payload));
    Ok(())
}

#[tokio::test]
async fn a_bomb_takes_no_more_than_the_longest_message() -> Result<()> {
    let server = Server::serve()?;
    let ann = Person::new(&server.url).await?;
    let mut socket = Raw::open(&server, &ann).await?;
    let before = server.resident()?;
    // 256 MiB in a few.
    let bomb = compressed(&vec![b' '; 256 << 20])?;
    ensure!(bomb.len() < 4 << 20, "{} bytes", bomb.len());
    for _ in 0..10 {
        socket.send(0xc1, &bomb).await?;
        ensure!(socket.receive_json().await?.0["status"] == 413);
    }
    let grown = server.resident()?.saturating_sub(before);
    ensure!(grown < 64, "it took {grown} MiB");
    // The longest text is no text when it is cut within a character; the next is read as ever.
    let note = fresh("note");
    socket.send_compressed(&post(1, &note, &"€".repeat(1 << 20))).await?;
    ensure!(socket.receive_json().await?.0["status"] == 413);
    socket.send_compressed(&post(2, &note, "€")).await?;
    ensure!(socket.receive_json().await?.0["status"] == 201);
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_read_closes_the_socket_and_says_why() -> Result<()> {
    let server = Server::serve()?;
    let ann = Person::new(&server.url).await?;
    let not_utf8 = compressed(&[b'"', 0xff, b'"'])?;
    for (payload, why) in [(&[0xff_u8; 20][..], "compressed"), (&not_utf8, "UTF-8")] {
        let mut socket = Raw::open(&server, &ann).await?;
        socket.send(0xc1, payload).await?;
        let closed = socket.receive().await?;
        let reason = String::from_utf8_lossy(closed.payload.get(2..).unwrap_or_default()).into_owned();
        ensure!(closed.opcode == 8 && closed.payload.starts_with(&1007_u16.to_be_bytes()), "{}", closed.opcode);
        ensure!(reason.contains(why), "{reason}");
    }
    Ok(())
}
