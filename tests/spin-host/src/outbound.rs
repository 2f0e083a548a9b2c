//! Outgoing requests: to this machine only, one connection each, and as on Spin without TCP_NODELAY.

use std::net::IpAddr;
use std::time::Duration;

use http::uri::Scheme;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

pub(crate) struct Outbound;

/// What `send-request` of the bindings wants: the response, and the end of the transfer.
type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<()>> + Send>);

/// Without limits of the caller's.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _transfer: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent>> + Send> {
        Box::new(send(request, options.unwrap_or_default()))
    }
}

async fn send(mut request: http::Request<WasiBody>, options: RequestOptions) -> Result<Sent> {
    let uri = request.uri().clone();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if !loopback || uri.scheme() != Some(&Scheme::HTTP) {
        return Err(Error::HttpRequestDenied);
    }
    let connecting = TcpStream::connect((host, uri.port_u16().unwrap_or(80)));
    let stream = timeout(options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT), connecting)
        .await
        .map_err(|_| Error::ConnectionTimeout)?
        .map_err(Error::Connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let response = timeout(options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT), sender.send_request(request))
        .await
        .map_err(|_| Error::ConnectionReadTimeout)??;
    let response = response.map(|body| body.map_err(Error::Hyper).boxed_unsync());
    Ok((response, Box::new(std::future::ready(Ok(())))))
}
