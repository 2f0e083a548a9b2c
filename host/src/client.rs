//! The outgoing HTTP client: kept-alive connections that never make the other side wait.
//!
//! Spin does not set TCP_NODELAY: the end of an answer in two writes waits for our acknowledgement, which Linux delays
//! by 40 ms unless TCP_QUICKACK is on. That flag wears off, so it is set again after each read.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Builder, Client as Pooled};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::gateway::Body;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shorter than servers commonly keep an idle connection, so that we rarely write to one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Plain HTTP/1.1 with a pool.
pub(crate) type Client = Pooled<Connector, Body>;

/// With TLS where the address says so.
pub(crate) type SecureClient = Pooled<HttpsConnector<Connector>, Body>;

pub(crate) fn client() -> Client {
    pool().build(Connector)
}

/// One for this server and others reached likewise. With TLS, it trusts whom the machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` say
/// otherwise), which has to be somebody.
pub(crate) fn for_url(url: &Uri) -> io::Result<SecureClient> {
    let connector = match url.scheme_str() {
        Some("https") => HttpsConnectorBuilder::new().with_native_roots().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("this machine trusts no certificates ({error}): install ca-certificates, or set SSL_CERT_FILE"),
            )
        })?,
        _ => HttpsConnectorBuilder::new().with_tls_config(trusting_nobody()),
    };
    Ok(pool().build(connector.https_or_http().enable_http1().wrap_connector(Connector)))
}

fn trusting_nobody() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap_or_else(|_| unreachable!("ring has what TLS 1.2 and 1.3 want"));
    config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

fn pool() -> Builder {
    let mut pool = Pooled::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(256).set_host(true);
    pool
}

/// What is behind an error: hyper's own words are `client error (Connect)`.
pub(crate) fn reason(error: &dyn Error) -> String {
    let mut reason = error;
    while let Some(deeper) = reason.source() {
        reason = deeper;
    }
    reason.to_string()
}

/// Checks that an address is one that this client can call, and drops a slash at its end.
pub(crate) fn base_url(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is not a URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) if uri.query().is_none() => Ok(url.trim_end_matches('/').to_owned()),
        (Some("https"), _) => Err(format!("{url}: only http:// is spoken to other servers; put a TLS proxy between")),
        _ => Err(format!("{url}: give an address such as http://127.0.0.1:3000")),
    }
}

#[derive(Clone)]
pub(crate) struct Connector;

impl Service<Uri> for Connector {
    type Response = TokioIo<Prompt>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let connect = TcpStream::connect((host, uri.port_u16().unwrap_or(usual)));
            let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(io::Error::from)??;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(Prompt(stream)))
        })
    }
}

/// A stream that acknowledges at once.
pub(crate) struct Prompt(TcpStream);

impl Connection for Prompt {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.0).poll_read(cx, buf);
        #[cfg(target_os = "linux")]
        if polled.is_ready() {
            // Only costs speed if it fails.
            let _ = SockRef::from(&self.0).set_tcp_quickack(true);
        }
        polled
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
