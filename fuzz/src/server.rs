//! A router in memory, over the real engine: its clock stands still, its randomness is counted, so that tokens and versions are
//! the same in every run and inputs can name them.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use serde_json::Value as Json;
use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};
use timeweft_core::time::Timestamp;
use timeweft_router::Router;
use timeweft_router::event::{Header, HttpRequest, HttpResponse};
use timeweft_router::host::{
    Clock, Entities, Issuer, IssuerError, IssuerRequest, IssuerResponse, Random, Records, RecordsError, Settings,
};
use timeweft_store::memory::MemoryStore;
use timeweft_store::{Engine, Store};

/// When it is.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// Whose bearer tokens are taken.
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const ISSUER_KEY: &str = "the issuer's key, of 32 characters or more";

/// Small, so that what grows out of proportion is refused or seen.
const SETTINGS: [(&str, &str); 8] = [
    ("key", "a key of at least 32 characters, for tests"),
    ("development", "true"),
    ("origins", "https://app.example"),
    ("jwt-issuer", ISSUER),
    ("jwt-key", ISSUER_KEY),
    ("limit-value-bytes", "65536"),
    ("limit-message-bytes", "65536"),
    ("limit-diff-operations", "10000"),
];

/// What the person who is signed in has: a note of two versions.
const FIRST: &str = r#"{"id":"n","value":{"title":"a","blob":"Hello","tags":["x",{"id":1,"y":2}],"n":1}}"#;
const SECOND: &str = r#"{"diff":{"blob":"Hello, weft","n":{"$increment":1}}}"#;

/// What one future comes to; nothing here waits for anything.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a store in memory answers at once"),
    }
}

pub(crate) struct World {
    engine: Engine<MemoryStore, fn() -> u32>,
    store: MemoryStore,
    clock: Cell<u64>,
    random: Cell<u64>,
}

thread_local!(static NONCE: Cell<u32> = const { Cell::new(1) });

fn nonce() -> u32 {
    NONCE.with(|next| next.replace(next.get().wrapping_add(1)))
}

/// `Rc`, so that it can be owned by a router and looked at.
#[derive(Clone)]
pub(crate) struct Host(Rc<World>);

impl Entities for Host {
    async fn apply(&self, context: &Context, entity: &EntityId, operation: Operation) -> Result<Outcome, Failure> {
        self.0.engine.apply(context, entity, operation).await
    }
    async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure> {
        self.0.engine.list(context, list).await
    }
    async fn rules(&self, kind: &str) -> Result<TypeRules, Failure> {
        self.0.engine.type_rules(kind).await
    }
}

impl Records for Host {
    async fn record(&self, key: &str) -> Result<Option<Vec<u8>>, RecordsError> {
        self.0.store.get(key).await.map_err(|error| RecordsError(error.to_string()))
    }
    async fn set_record(&self, key: &str, bytes: &[u8]) -> Result<(), RecordsError> {
        self.0.store.set(key, bytes).await.map_err(|error| RecordsError(error.to_string()))
    }
}

impl Clock for Host {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.clock.get())
    }
}

impl Issuer for Host {
    async fn send(&self, _: IssuerRequest) -> Result<IssuerResponse, IssuerError> {
        Err(IssuerError("there is none".to_owned()))
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let next =
                self.0.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.0.random.set(next);
            *byte = (next >> 33) as u8;
        }
    }
}

impl Settings for Host {
    fn setting(&self, name: &str) -> Option<String> {
        SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }
}

/// The server of one input, and who is signed in.
pub(crate) struct Server {
    host: Host,
    pub(crate) router: Router<Host>,
    pub(crate) cookie: String,
}

thread_local!(static PREPARED: (MemoryStore, String) = {
    let mut server = Server::over(MemoryStore::new(), String::new());
    let json = |body: &str| body.as_bytes().to_vec();
    let login = server.ask("POST", "/login", &[], json(r#"{"email":"ann@example.org"}"#));
    let code = body(&login)["code"].as_str().expect("development mode tells the code").to_owned();
    let verified = format!(r#"{{"email":"ann@example.org","code":"{code}"}}"#);
    let verified = server.ask("POST", "/login/verify", &[], json(&verified));
    let cookie = verified.headers.iter().find(|header| header.name == "set-cookie").expect("a session is a cookie");
    server.cookie = cookie.value.split(';').next().unwrap_or_default().to_owned();
    let first = server.ask("POST", "/api/v1/entities/note", &[], json(FIRST));
    let since = body(&first)["meta"]["validFrom"].as_str().expect("it is created").to_owned();
    server.host.0.clock.set(NOW.0);
    let second = server.ask("PATCH", "/api/v1/entities/note:n", &[("if-unmodified-since", &since)], json(SECOND));
    assert_eq!(second.status, 200, "{}", second.body.escape_ascii());
    (server.host.0.store.fork(), server.cookie)
});

impl Server {
    /// With what is there in every input.
    pub(crate) fn new() -> Server {
        PREPARED.with(|(store, cookie)| Server::over(store.fork(), cookie.clone()))
    }

    fn over(store: MemoryStore, cookie: String) -> Server {
        NONCE.with(|next| next.set(1));
        let engine = Engine::new(store.clone(), nonce as fn() -> u32);
        let (clock, random) = (Cell::new(NOW.0 - 1_000_000), Cell::new(7));
        if !cookie.is_empty() {
            clock.set(NOW.0 + 1_000_000);
        }
        let host = Host(Rc::new(World { engine, store, clock, random }));
        let router = Router::new(host.clone()).expect("these settings are right");
        Server { host, router, cookie }
    }

    /// A request in JSON of who is signed in.
    pub(crate) fn ask(&self, method: &str, target: &str, more: &[(&str, &str)], body: Vec<u8>) -> HttpResponse {
        let mut headers = vec![Header::new("cookie", &self.cookie), Header::new("host", "weft.example")];
        headers.extend(more.iter().map(|(name, value)| Header::new(*name, *value)));
        if !more.iter().any(|(name, _)| *name == "content-type") {
            headers.push(Header::new("content-type", "application/json"));
        }
        self.request(HttpRequest { method: method.to_owned(), target: target.to_owned(), headers, body })
    }

    /// Any request, whose answer is well formed.
    pub(crate) fn request(&self, request: HttpRequest) -> HttpResponse {
        let response = now(self.router.handle_request(request.clone()));
        is_well_formed(&response, &request);
        // Time goes on, or no two versions would differ.
        self.host.0.clock.set(self.host.0.clock.get() + 1_000);
        response
    }
}

/// Statuses that are no fault of ours: of what is not done here, and of a store that can't answer.
pub(crate) fn is_no_fault(status: u16) -> bool {
    (200..500).contains(&status) || status == 501 || status == 503
}

fn is_well_formed(response: &HttpResponse, request: &HttpRequest) {
    let HttpResponse { status, headers, body, .. } = response;
    let shown = body.escape_ascii();
    assert!(is_no_fault(*status), "{status} to {request:?}: {shown}");
    for Header { name, value } in headers {
        let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(!name.is_empty() && name.bytes().all(token), "the header {name:?} to {request:?}");
        assert!(!value.bytes().any(|byte| byte.is_ascii_control()), "{name}: {value:?} to {request:?}");
    }
    let kind = headers.iter().find(|header| header.name == "content-type").map(|header| header.value.as_str());
    match kind.map(|kind| kind.split(';').next().unwrap_or_default()) {
        _ if body.is_empty() => {}
        Some("application/json" | "application/problem+json") => {
            // Bigints may be longer than what `serde_json` holds.
            let read = serde_json::from_slice::<serde::de::IgnoredAny>(body);
            assert!(read.is_ok(), "{read:?} to {request:?}: {shown}");
        }
        Some("application/cbor") => {
            // With diffs in it, which have tags of their own, it is read as they are.
            let read =
                cbor::decode_value(body, &TRUSTED).map(drop).or_else(|_| cbor::decode_patch(body, &TRUSTED).map(drop));
            assert!(read.is_ok(), "{read:?} to {request:?}: {shown}");
        }
        other => panic!("{other:?} to {request:?}: {shown}"),
    }
}

/// A body in JSON.
pub(crate) fn body(response: &HttpResponse) -> Json {
    serde_json::from_slice(&response.body).unwrap_or(Json::Null)
}

/// A request as it is written: its first line, headers, an empty line, and the body. What no HTTP server would let through is
/// left out.
pub(crate) struct Head<'a> {
    pub(crate) first: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: &'a [u8],
}

impl<'a> Head<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Head<'a> {
        let mut rest = bytes;
        let mut line = || {
            let (line, behind) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
            rest = behind.get(1..).unwrap_or_default();
            let text = String::from_utf8_lossy(line);
            text.chars().filter(|letter| !letter.is_ascii_control()).collect::<String>()
        };
        let first = line();
        let mut headers = Vec::new();
        loop {
            let text = line();
            let Some((name, value)) = text.split_once(':') else { break };
            headers.push(Header::new(name.trim().to_ascii_lowercase(), value.trim()));
        }
        Head { first, headers, body: rest }
    }

    /// With what is taken for granted: a host, and a session where nothing else shows who asks.
    pub(crate) fn with(mut self, granted: &[(&str, &str)], unless: &[&str]) -> Self {
        let has = |name: &str| self.headers.iter().any(|header| header.name == name);
        if !unless.iter().any(|name| has(name)) {
            let granted: Vec<_> = granted.iter().map(|(name, value)| Header::new(*name, *value)).collect();
            self.headers.extend(granted);
        }
        self
    }
}
