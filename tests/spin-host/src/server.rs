//! The composed component over plain HTTP, with Spin's rules for instances.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use wasmtime::component::{Component, GuestTaskId};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use crate::instance::{InstanceState, engine, linker};
use crate::key_value::KeyValue;

/// How `spin up` would be called.
#[derive(Clone, Debug)]
pub struct Options {
    /// The component's variables, as spin.toml resolves them.
    pub variables: BTreeMap<String, String>,
    /// Requests that one instance serves before it is dropped (docs/operations-spin.md: 16; Spin's own default: 128).
    pub reuse: usize,
    /// Requests that one instance serves at the same time (docs/operations-spin.md: 1; Spin's own default: 16).
    pub concurrent: usize,
    /// How long an idle instance is kept (Spin: 1 s).
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { variables: BTreeMap::new(), reuse: 16, concurrent: 1, idle: Duration::from_secs(1) }
    }
}

/// Serves one component.
pub struct Server {
    handler: ProxyHandler<Application>,
}

impl Server {
    /// Compiles the composed component.
    pub fn load(path: &Path, key_value: Arc<KeyValue>, options: Options) -> anyhow::Result<Self> {
        let engine = engine()?;
        let component = Component::from_file(&engine, path)?;
        let component = linker(&engine)?.instantiate_pre(&component)?;
        let component = ProxyPre::P3(ServicePre::new(component)?);
        let variables = Arc::new(options.variables.clone());
        Ok(Self { handler: ProxyHandler::new(Application { engine, component, key_value, variables, options }) })
    }

    /// Accepts connections until dropped.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        loop {
            // Nagle's algorithm stays on, as on Spin: whoever is in front must live with it.
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(self.handler.clone(), stream, address));
        }
    }
}

async fn connection(handler: ProxyHandler<Application>, stream: TcpStream, address: SocketAddr) {
    let service = service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&handler, request, address).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        eprintln!("connection: {error}");
    }
}

async fn answer(
    handler: &ProxyHandler<Application>,
    request: http::Request<Incoming>,
    address: SocketAddr,
) -> http::Response<WasiBody> {
    match handler.handle((), absolute(request, address).map(|body| body.map_err(Error::Hyper).boxed_unsync())).await {
        Ok(response) => response,
        Err(error) => {
            eprintln!("request failed: {error:?}");
            let body = Full::new(bytes::Bytes::new()).map_err(Error::from).boxed_unsync();
            let mut response = http::Response::new(body);
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// Guests see the host as the URI's authority, and never as a header.
fn absolute(mut request: http::Request<Incoming>, address: SocketAddr) -> http::Request<Incoming> {
    let named = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = named.and_then(|host| host.parse().ok()).or_else(|| address.to_string().parse().ok());
    parts.path_and_query = parts.path_and_query.or_else(|| Some(http::uri::PathAndQuery::from_static("/")));
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

struct Application {
    engine: Engine,
    component: ProxyPre<InstanceState>,
    key_value: Arc<KeyValue>,
    variables: Arc<BTreeMap<String, String>>,
    options: Options,
}

impl HandlerState for Application {
    type StoreData = InstanceState;
    type WorkerExpiration = Idle;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, Idle, Reuse>> {
        let state = InstanceState::new(self.key_value.clone(), self.variables.clone());
        let mut store = Store::new(&self.engine, state);
        let proxy: Proxy = self.component.instantiate_async(&mut store).await?;
        let sleep = Box::pin(tokio::time::sleep(self.options.idle));
        Ok(Instance {
            store,
            proxy,
            view: InstanceState::http,
            expiration: Idle { limit: self.options.idle, sleep },
            state: Reuse { total: self.options.reuse, concurrent: self.options.concurrent },
        })
    }
}

/// An instance ends when it has been idle for a while. Requests have all the time they want, as on Spin by default.
struct Idle {
    limit: Duration,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl WorkerExpiration for Idle {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let deadline = (start + self.limit).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

struct Reuse {
    total: usize,
    concurrent: usize,
}

impl WorkerState for Reuse {
    type StoreData = InstanceState;
    type RequestData = ();

    fn should_accept_request(&self, concurrent_count: usize, total_count: usize) -> ShouldAccept {
        if total_count >= self.total {
            ShouldAccept::Never
        } else if concurrent_count >= self.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, InstanceState>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<InstanceState>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result {
            eprintln!("worker failed: {error:?}");
        }
        drop(store);
    }
}
