//! Accepts connections; hands requests to the backend; opens sockets.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::backend::{Asked, Backend, Body, full, refuse, wait};
use super::deflate::Deflate;
use super::line::Line;
use super::message::{Batch, Event, Headers};
use super::principal::{self, Principal};
use super::shares::{Taken, TooMany};
use super::socket::Socket;
use super::{Gateway, check, resync};

/// A client that sends no complete request head for so long is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Accepts until shutdown. `alive` is held by every task that must be waited for.
pub async fn serve<B: Backend>(gateway: Arc<Gateway<B>>, listener: TcpListener, alive: mpsc::Sender<()>) {
    tokio::spawn(resync::run(gateway.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.until_shutdown() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(connection(gateway.clone(), stream, peer, alive.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: they come back when connections end.
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<B: Backend>(
    gateway: Arc<Gateway<B>>,
    stream: TcpStream,
    peer: SocketAddr,
    alive: mpsc::Sender<()>,
) {
    // Without it, small frames would wait for the peer's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "can't set TCP_NODELAY");
    }
    let service = service_fn({
        let (gateway, alive) = (gateway.clone(), alive.clone());
        move |request| {
            let (gateway, alive) = (gateway.clone(), alive.clone());
            async move {
                let mut response = handle(gateway, request, peer.ip(), alive).await;
                name_upgrade(&mut response);
                Ok::<_, Infallible>(response)
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(Line::new(stream)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = gateway.until_shutdown() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn handle<B: Backend>(
    gateway: Arc<Gateway<B>>,
    mut request: Request<Incoming>,
    peer: IpAddr,
    alive: mpsc::Sender<()>,
) -> Response<Body> {
    if let Some(refusal) = check::refusal(&request, &gateway.options.hosts) {
        return refusal;
    }
    let headers = request.headers_mut();
    strip_private(headers);
    let client = principal::client(peer, headers, gateway.options.trusted_proxies);
    principal::say_client(headers, client);
    if let Some(response) = gateway.options.site.answer(&request).await {
        return response;
    }
    if request.uri().path().starts_with("/internal/") {
        // Between gateways and backends only.
        return refuse(StatusCode::NOT_FOUND, "not-found", "there is nothing here");
    }
    let address = Principal::at(client);
    let person = gateway.backend.person(request.headers());
    let principal = person.map_or_else(|| address.clone(), Principal::Person);
    if is_upgrade(request.headers()) {
        return open(gateway, request, principal, alive).await;
    }
    let call = match begin(&gateway, &request, &principal, &address) {
        Ok(call) => call,
        Err(too_many) => return wait(&too_many),
    };
    let asked = Asked { principal, shares: gateway.shares.clone() };
    let answer = gateway.backend.handle_request(request, asked).await;
    drop(call);
    gateway.publish(answer.publish);
    answer.response
}

/// Counts the request.
fn begin<B: Backend>(
    gateway: &Gateway<B>,
    request: &Request<Incoming>,
    principal: &Principal,
    address: &Principal,
) -> Result<Taken, TooMany> {
    let shares = &gateway.shares;
    shares.request(principal)?;
    if let Some(step) = check::sign_in(request) {
        shares.sign_in(address, step)?;
    }
    shares.call(principal)
}

/// What a 426 has to name (RFC 9110, 15.5.22). A backend's word for it ends with its hop.
fn name_upgrade(response: &mut Response<Body>) {
    if response.status() == StatusCode::UPGRADE_REQUIRED {
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    }
}

/// Removes what only a gateway may say to a backend.
fn strip_private(headers: &mut HeaderMap) {
    let private: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("meta-") || name.starts_with("grip-") || name == "connection-id"
        })
        .cloned()
        .collect();
    for name in private {
        headers.remove(name);
    }
}

fn names_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    names_token(headers, header::CONNECTION, "upgrade") && names_token(headers, header::UPGRADE, "websocket")
}

/// Asks the backend and, if it agrees, opens the socket.
async fn open<B: Backend>(
    gateway: Arc<Gateway<B>>,
    mut request: Request<Incoming>,
    principal: Principal,
    alive: mpsc::Sender<()>,
) -> Response<Body> {
    if let Some(refusal) = check::no_socket(&request) {
        return refusal;
    }
    let accept = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let deflate = Deflate::negotiate(request.headers());
    let open = match gateway.shares.request(&principal).and_then(|()| gateway.shares.socket(&principal)) {
        Ok(open) => open,
        Err(too_many) => return wait(&too_many),
    };
    let id = match connection_id() {
        Ok(id) => id,
        Err(error) => {
            tracing::error!(%error, "no random numbers to be had");
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed on this request");
        }
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let (target, headers) = (Arc::from(target), Arc::new(text_headers(request.headers())));
    let batch =
        Batch { principal, connection_id: id.clone(), headers, meta: Vec::new(), target, events: vec![Event::Open] };
    let mut outcome = match gateway.backend.handle_events(batch.clone()).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(connection = %id, %error, "a socket could not be opened");
            return error.response();
        }
    };
    let headers = std::mem::take(&mut outcome.headers);
    if outcome.status != 101 {
        let status = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::BAD_GATEWAY);
        gateway.publish(outcome.publish);
        let mut response = Response::new(full(outcome.body));
        *response.status_mut() = status;
        add_headers(response.headers_mut(), headers);
        return response;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let socket = Socket::new(gateway, batch, outcome, deflate);
    tokio::spawn(async move {
        socket.run(upgrade).await;
        drop((alive, open));
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    add_headers(response.headers_mut(), headers);
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(deflate) = deflate {
        response.headers_mut().insert(header::SEC_WEBSOCKET_EXTENSIONS, deflate.header());
    }
    if let Some(accept) = accept.and_then(|accept| HeaderValue::try_from(accept).ok()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn connection_id() -> Result<Arc<str>, getrandom::Error> {
    let number = (u128::from(getrandom::u64()?) << 64) | u128::from(getrandom::u64()?);
    Ok(format!("{number:032x}").into())
}

/// What is no UTF-8 is ISO-8859-1 (RFC 9110, 5.5): what came is never taken for something that did not.
pub(crate) fn text_headers(headers: &HeaderMap) -> Headers {
    let text = |value: &HeaderValue| match str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    };
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Adds headers that the backend gave; the framing is ours.
pub(crate) fn add_headers(to: &mut HeaderMap, headers: Headers) {
    for (name, value) in headers {
        match (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
            (Ok(name), Ok(_)) if name == header::CONTENT_LENGTH || is_hop_by_hop(&name) => {}
            (Ok(name), Ok(value)) => {
                to.append(name, value);
            }
            _ => tracing::warn!(name, "dropped a header that is not well-formed"),
        }
    }
}

/// Headers that are between two neighbours only (RFC 9110, 7.6.1).
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    [header::CONNECTION, header::TE, header::TRAILER, header::TRANSFER_ENCODING, header::UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "proxy-authenticate" | "proxy-authorization")
}
