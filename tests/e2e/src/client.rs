//! A client written against docs/protocol.md alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use timeweft_core::codec::{cbor, json as notation};
use timeweft_core::limits::Limits;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long an answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `timeweft.cbor`
    Cbor,
    /// `timeweft.json`
    Json,
}

/// A name that no other test uses.
pub fn fresh(kind: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_micros());
    // Short, as people's ids are; enough of the time that no two runs on one server meet.
    let started = started & 0xff_ffff_ffff;
    format!("{kind}:t{started:x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: String,
    /// `session=…`
    pub cookie: String,
    /// Where.
    pub url: String,
}

impl Person {
    /// Signs in as somebody new.
    pub async fn new(url: &str) -> Result<Person> {
        let email = format!("{}@example.com", fresh("p").replace(':', "-"));
        Self::sign_in(url, &email).await
    }

    /// Signs in.
    pub async fn sign_in(url: &str, email: &str) -> Result<Person> {
        let answer = http(url, "POST", "/login", None, &[], Some(json!({ "email": email }))).await?;
        ensure!(answer.status == 200, "login in development mode: {answer:?}");
        let code = answer.body["code"].as_str().context("a code in development mode")?.to_owned();
        let verify = json!({ "email": email, "code": code });
        let answer = http(url, "POST", "/login/verify", None, &[], Some(verify)).await?;
        ensure!(answer.status == 200, "verify: {answer:?}");
        let cookie = answer.header("set-cookie").context("a cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let id = answer.body["personId"].as_str().context("a personId")?.to_owned();
        Ok(Person { id, cookie, url: url.into() })
    }

    /// Opens a socket.
    pub async fn connect(&self, format: Format) -> Result<Socket> {
        Socket::open(&self.url, "/connect", format, &[("cookie", &self.cookie)]).await
    }

    /// One HTTP request of this person's.
    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Json>) -> Result<Answer> {
        http(&self.url, method, path, Some(&self.cookie), headers, body).await
    }
}

/// An HTTP answer; the body as JSON, or as a JSON string if it is none.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Json,
    /// The body's bytes.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `error.code`
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

/// One HTTP request with a JSON body.
pub async fn http(
    url: &str,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<Json>,
) -> Result<Answer> {
    let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
    send(url, method, path, cookie, headers, body).await
}

/// One HTTP request with any body.
pub async fn send(
    url: &str,
    method: &str,
    path: &str,
    cookie: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<(&str, Vec<u8>)>,
) -> Result<Answer> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut request = client.request(method.parse()?, format!("{url}{path}"));
    if let Some((media, body)) = body {
        request = request.header("content-type", media).body(body);
    }
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.with_context(|| format!("{method} {path}"))?;
    let status = response.status().as_u16();
    let text = |(name, value): (&reqwest::header::HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(text).collect();
    let bytes = response.bytes().await?.to_vec();
    let lossy = || Json::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| lossy());
    Ok(Answer { status, headers, body, bytes })
}

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    format: Format,
    next: u64,
    pushes: VecDeque<Json>,
    /// Bytes of the last frame sent.
    pub sent_bytes: usize,
    /// Bytes of the last push received.
    pub push_bytes: usize,
}

impl Socket {
    /// Opens a socket at a path with these headers.
    pub async fn open(url: &str, path: &str, format: Format, headers: &[(&str, &str)]) -> Result<Socket> {
        Self::try_open(url, path, Some(format), headers).await?.map_err(|status| anyhow::anyhow!("refused: {status}"))
    }

    /// The same, or the HTTP status that refused it.
    pub async fn try_open(
        url: &str,
        path: &str,
        format: Option<Format>,
        headers: &[(&str, &str)],
    ) -> Result<Result<Socket, u16>> {
        let mut request = format!("{}{path}", url.replace("http://", "ws://")).into_client_request()?;
        if let Some(format) = format {
            let protocol = if format == Format::Cbor { "timeweft.cbor" } else { "timeweft.json" };
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse()?;
            request.headers_mut().insert(name, HeaderValue::from_str(value)?);
        }
        let format = format.unwrap_or(Format::Cbor);
        match connect_async(request).await {
            Ok((mut stream, _)) => {
                if let MaybeTlsStream::Plain(tcp) = stream.get_mut() {
                    tcp.set_nodelay(true)?;
                }
                Ok(Ok(Socket { stream, format, next: 0, pushes: VecDeque::new(), sent_bytes: 0, push_bytes: 0 }))
            }
            Err(WsError::Http(response)) => Ok(Err(response.status().as_u16())),
            Err(error) => Err(error.into()),
        }
    }

    /// Follows a note, in JSON without a subprotocol.
    pub async fn of_note(person: &Person, id: &str) -> Result<Socket> {
        let headers = [("cookie", person.cookie.as_str())];
        match Self::try_open(&person.url, &format!("/ws/note/{id}"), None, &headers).await? {
            Ok(socket) => Ok(Socket { format: Format::Json, ..socket }),
            Err(status) => bail!("refused: {status}"),
        }
    }

    /// Sends a request (its `id` is filled in) and gives its response.
    pub async fn call(&mut self, request: Json) -> Result<Json> {
        let id = self.send(request).await?;
        self.answer(id).await
    }

    /// Sends a request without waiting; gives its id.
    pub async fn send(&mut self, mut request: Json) -> Result<u64> {
        self.next += 1;
        request["id"] = json!(self.next);
        let message = match self.format {
            Format::Json => Message::text(request.to_string()),
            Format::Cbor => Message::binary(to_cbor(&request)?),
        };
        self.sent_bytes = message.len();
        self.stream.send(message).await?;
        Ok(self.next)
    }

    /// Sends a frame as it is.
    pub async fn send_raw(&mut self, message: Message) -> Result<()> {
        Ok(self.stream.send(message).await?)
    }

    /// The response with this id; pushes that come before it are kept.
    pub async fn answer(&mut self, id: u64) -> Result<Json> {
        loop {
            let frame = self.frame().await?;
            match frame.get("id") {
                Some(found) if *found == json!(id) => return Ok(frame),
                Some(found) if !found.is_null() => bail!("an answer to {found} while {id} was waited for: {frame}"),
                _ => self.pushes.push_back(frame),
            }
        }
    }

    /// The next push.
    pub async fn push(&mut self) -> Result<Json> {
        match self.pushes.pop_front() {
            Some(push) => Ok(push),
            None => self.frame().await,
        }
    }

    /// Pushes that have come so far.
    pub fn pushed(&self) -> usize {
        self.pushes.len()
    }

    /// The next frame, whatever it is.
    pub async fn frame(&mut self) -> Result<Json> {
        match tokio::time::timeout(PATIENCE, self.frame_or_close()).await.context("no frame in time")?? {
            Ok(frame) => Ok(frame),
            Err(code) => bail!("closed with {code:?}"),
        }
    }

    /// Waits for the next frame without reading it; gives its length.
    pub async fn arrival(&mut self) -> Result<usize> {
        loop {
            match self.stream.next().await.context("closed")?? {
                Message::Text(text) => return Ok(text.len()),
                Message::Binary(bytes) => return Ok(bytes.len()),
                _ => {}
            }
        }
    }

    /// The code with which the server closes; frames before it are skipped.
    pub async fn closed(&mut self) -> Result<Option<u16>> {
        loop {
            if let Err(code) = tokio::time::timeout(PATIENCE, self.frame_or_close()).await.context("not closed")?? {
                return Ok(code);
            }
        }
    }

    async fn frame_or_close(&mut self) -> Result<std::result::Result<Json, Option<u16>>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    ensure!(self.format == Format::Json, "a text frame on a CBOR socket: {text}");
                    self.push_bytes = text.len();
                    return Ok(Ok(serde_json::from_str(&text)?));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    ensure!(self.format == Format::Cbor, "a binary frame on a JSON socket");
                    self.push_bytes = bytes.len();
                    return Ok(Ok(from_cbor(&bytes)?));
                }
                Some(Ok(Message::Close(frame))) => return Ok(Err(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(Err(None)),
            }
        }
    }
}

/// JSON, with `{"$undefined":true}`, as CBOR.
pub fn to_cbor(json: &Json) -> Result<Vec<u8>> {
    Ok(cbor::encode_value(&notation::value_from_json(json, &GENEROUS)?))
}

/// CBOR as JSON.
pub fn from_cbor(bytes: &[u8]) -> Result<Json> {
    Ok(notation::value_to_json(&cbor::decode_value(bytes, &GENEROUS)?))
}

/// The test's own client takes what the server must refuse.
const GENEROUS: Limits = Limits {
    value_bytes: 64 << 20,
    depth: 2_000,
    message_bytes: 64 << 20,
    body_bytes: 64 << 20,
    diff_operations: 10_000_000,
    subscriptions: 1_000_000,
};
