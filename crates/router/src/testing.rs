//! For tests: a host in memory over the real engine, whose clock stands still until moved, and a client that plays the
//! gateway's part.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::rc::Rc;
use std::task::{Poll, Waker};

use serde_json::{Value as Json, json};
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};
use timeweft_core::time::Timestamp;
use timeweft_store::memory::MemoryStore;
use timeweft_store::{Engine, Store};

use crate::Router;
use crate::event::{Batch, BatchOutcome, Effect, Event, Header, HttpRequest, HttpResponse, Item, Reply, header};
use crate::host::{
    Clock, Entities, Issuer, IssuerError, IssuerRequest, IssuerResponse, Random, Records, RecordsError, Settings,
};
use crate::oidc::fake::Fake;

pub(crate) const KEY: &str = "a key of at least 32 characters, for tests";
const START: u64 = 1_800_000_000_000_000;

/// Polls the futures in turn until all are done: where the store gives way at each call, they interleave.
pub(crate) fn together<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut context = std::task::Context::from_waker(Waker::noop());
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    for _ in 0..1_000_000 {
        if results.iter().all(Option::is_some) {
            return results.into_iter().flatten().collect();
        }
        for (future, result) in futures.iter_mut().zip(&mut results).filter(|(_, result)| result.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                *result = Some(value);
            }
        }
    }
    panic!("they never end")
}

/// What one future comes to.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    together(vec![future]).remove(0)
}

pub(crate) struct World {
    engine: Engine<MemoryStore, fn() -> u32>,
    pub(crate) store: MemoryStore,
    clock: Cell<u64>,
    random: Cell<u64>,
    settings: RefCell<HashMap<String, String>>,
    /// Sets of private records.
    pub(crate) record_writes: Cell<usize>,
    /// Whether private records can't be reached.
    pub(crate) records_fail: Cell<bool>,
    pub(crate) issuer: Fake,
}

fn nonce() -> u32 {
    thread_local!(static NEXT: Cell<u32> = const { Cell::new(1) });
    NEXT.with(|next| next.replace(next.get().wrapping_add(1)))
}

pub(crate) type Host = Rc<World>;

impl World {
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.set(self.clock.get() + seconds * 1_000_000);
    }
}

impl Entities for Host {
    async fn apply(&self, context: &Context, entity: &EntityId, operation: Operation) -> Result<Outcome, Failure> {
        self.engine.apply(context, entity, operation).await
    }
    async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure> {
        self.engine.list(context, list).await
    }
    async fn rules(&self, kind: &str) -> Result<TypeRules, Failure> {
        self.engine.type_rules(kind).await
    }
}

impl Records for Host {
    async fn record(&self, key: &str) -> Result<Option<Vec<u8>>, RecordsError> {
        if self.records_fail.get() {
            return Err(RecordsError("told to fail".to_owned()));
        }
        self.store.get(key).await.map_err(|error| RecordsError(error.to_string()))
    }
    async fn set_record(&self, key: &str, bytes: &[u8]) -> Result<(), RecordsError> {
        self.record_writes.set(self.record_writes.get() + 1);
        self.store.set(key, bytes).await.map_err(|error| RecordsError(error.to_string()))
    }
}

impl Clock for Host {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.get())
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // An LCG: repeatable, and no two names alike within a test.
            let next =
                self.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.random.set(next);
            *byte = (next >> 33) as u8;
        }
    }
}

impl Issuer for Host {
    async fn send(&self, request: IssuerRequest) -> Result<IssuerResponse, IssuerError> {
        self.issuer.answer(request, self.clock.get() / 1_000_000)
    }
}

impl Settings for Host {
    fn setting(&self, name: &str) -> Option<String> {
        self.settings.borrow().get(name).cloned()
    }
}

/// A server in memory.
pub(crate) struct Server {
    pub(crate) world: Host,
    pub(crate) router: Router<Host>,
}

/// One in development mode, with more settings or other ones.
pub(crate) fn server(settings: &[(&str, &str)]) -> Server {
    server_over(MemoryStore::new(), settings)
}

/// The same over a store.
pub(crate) fn server_over(store: MemoryStore, settings: &[(&str, &str)]) -> Server {
    let mut all = HashMap::from([("key".to_owned(), KEY.to_owned()), ("development".to_owned(), "true".to_owned())]);
    all.extend(settings.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let world = Rc::new(World {
        engine: Engine::new(store.clone(), nonce as fn() -> u32),
        store,
        clock: Cell::new(START),
        random: Cell::new(7),
        settings: RefCell::new(all),
        record_writes: Cell::new(0),
        records_fail: Cell::new(false),
        issuer: Fake::default(),
    });
    let router = Router::new(world.clone()).unwrap();
    Server { world, router }
}

impl Server {
    pub(crate) fn http(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> HttpResponse {
        let headers = headers.iter().map(|(name, value)| Header::new(*name, *value)).collect();
        let request = HttpRequest { method: method.into(), target: target.into(), headers, body: body.into() };
        now(self.router.handle_request(request))
    }

    /// A request with a session and a JSON body (none when null): status, body, headers and effects.
    pub(crate) fn ask(
        &self,
        person: &Person,
        method: &str,
        target: &str,
        extra: &[(&str, &str)],
        body: Json,
    ) -> Answer {
        let mut headers = vec![("cookie", person.cookie.as_str()), ("host", "weft.example")];
        headers.extend_from_slice(extra);
        if !extra.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Answer(self.http(method, target, &headers, body))
    }

    pub(crate) fn anonymous(&self, method: &str, target: &str, body: Json) -> Answer {
        self.ask(&Person { id: String::new(), cookie: String::new() }, method, target, &[], body)
    }

    pub(crate) fn code(&self, email: &str) -> String {
        let answer = self.anonymous("POST", "/login", json!({ "email": email }));
        assert_eq!(answer.status(), 200, "{:?}", answer.json());
        answer.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn verify(&self, email: &str, code: &str) -> Answer {
        self.anonymous("POST", "/login/verify", json!({ "email": email, "code": code }))
    }

    pub(crate) fn sign_in(&self, email: &str) -> Person {
        let answer = self.verify(email, &self.code(email));
        assert_eq!(answer.status(), 200, "{:?}", answer.json());
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Person { id: answer.json()["personId"].as_str().unwrap().to_owned(), cookie }
    }

    pub(crate) fn batch(&self, batch: Batch) -> BatchOutcome {
        now(self.router.handle_events(vec![batch])).remove(0)
    }

    /// The answer to opening a socket with these headers.
    pub(crate) fn open(&self, headers: &[(&str, &str)]) -> BatchOutcome {
        self.open_at("/connect", headers)
    }

    pub(crate) fn open_at(&self, target: &str, headers: &[(&str, &str)]) -> BatchOutcome {
        let headers = headers.iter().map(|(name, value)| Header::new(*name, *value)).collect();
        let (connection_id, target) = ("c".to_owned(), target.to_owned());
        self.batch(Batch { connection_id, headers, target, events: vec![Event::Open], at_once: false })
    }

    /// An open socket that speaks JSON.
    pub(crate) fn socket<'a>(&'a self, person: &Person, id: &str) -> Socket<'a> {
        self.socket_at("/connect", person, id).0
    }

    /// One at this address, and what came of opening it.
    pub(crate) fn socket_at<'a>(&'a self, target: &str, person: &Person, id: &str) -> (Socket<'a>, BatchOutcome) {
        let headers = vec![
            Header::new("host", "weft.example"),
            Header::new("cookie", &person.cookie),
            Header::new("sec-websocket-protocol", "timeweft.json"),
        ];
        let (id, target) = (id.to_owned(), target.to_owned());
        let (meta, channels) = (BTreeMap::new(), BTreeMap::new());
        let mut socket = Socket { server: self, id, target, headers, meta, channels, at_once: false };
        let outcome = socket.events(vec![Event::Open]);
        assert_eq!(outcome.status, 101, "{:?}", String::from_utf8_lossy(&outcome.body));
        (socket, outcome)
    }
}

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) cookie: String,
}

/// Whose session an answer begins.
pub(crate) fn signed_in(answer: &Answer) -> Person {
    assert_eq!(answer.status(), 200, "{}", answer.json());
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    Person { id: answer.json()["personId"].as_str().unwrap().to_owned(), cookie }
}

pub(crate) struct Answer(pub(crate) HttpResponse);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.0.body).unwrap_or(Json::Null)
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.0.headers, name)
    }

    pub(crate) fn published(&self) -> Vec<&Item> {
        published(&self.0.effects)
    }
}

pub(crate) fn published(effects: &[Effect]) -> Vec<&Item> {
    let items = effects.iter().filter_map(|effect| match effect {
        Effect::Publish(item) => Some(item),
        Effect::Mail(_) => None,
    });
    items.collect()
}

/// A connection as its gateway keeps it.
pub(crate) struct Socket<'a> {
    server: &'a Server,
    id: String,
    target: String,
    pub(crate) headers: Vec<Header>,
    pub(crate) meta: BTreeMap<String, String>,
    /// Whether its gateway wants every batch answered whole.
    pub(crate) at_once: bool,
    /// With the version held.
    pub(crate) channels: BTreeMap<String, Option<String>>,
}

impl Socket<'_> {
    pub(crate) fn events(&mut self, events: Vec<Event>) -> BatchOutcome {
        let mut headers = self.headers.clone();
        headers.extend(self.meta.iter().map(|(name, value)| Header::new(format!("meta-{name}"), value)));
        let (connection_id, target) = (self.id.clone(), self.target.clone());
        let outcome = self.server.batch(Batch { connection_id, headers, target, events, at_once: self.at_once });
        for reply in &outcome.replies {
            match reply {
                Reply::SetMeta(header) => {
                    self.meta.insert(header.name.clone(), header.value.clone());
                }
                Reply::Subscribe { channel, id } => {
                    self.channels.insert(channel.clone(), id.clone());
                }
                Reply::Unsubscribe(channel) => {
                    self.channels.remove(channel);
                }
                _ => {}
            }
        }
        outcome
    }

    /// Sends a request; its response and what was published.
    pub(crate) fn send(&mut self, request: Json) -> (Json, BatchOutcome) {
        let outcome = self.events(vec![Event::Text(request.to_string())]);
        let text = outcome.replies.iter().find_map(|reply| match reply {
            Reply::Text(text) => Some(text.clone()),
            _ => None,
        });
        (serde_json::from_str(&text.unwrap()).unwrap(), outcome)
    }
}
