//! GRIP's `POST /publish/`, on a port of its own that only the backend should reach.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use timeweft_grip::items;
use tokio::net::TcpListener;

use super::Gateway;
use super::backend::{Backend, Body, full, refuse};

/// A whole value of 16 MiB in base64 and JSON fits.
const PUBLISH_BYTES: usize = 64 << 20;

/// Takes publishes until shutdown.
pub async fn serve<B: Backend>(gateway: Arc<Gateway<B>>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.until_shutdown() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "can't accept a publisher");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        // The publisher waits for the answer before it answers its client.
        let _ = stream.set_nodelay(true);
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let gateway = gateway.clone();
                async move { Ok::<_, Infallible>(handle(gateway, request).await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a publisher's connection broke");
            }
        });
    }
}

async fn handle<B: Backend>(gateway: Arc<Gateway<B>>, request: Request<Incoming>) -> Response<Body> {
    if request.uri().path().trim_end_matches('/') != "/publish" {
        return refuse(StatusCode::NOT_FOUND, "not-found", "publish with POST /publish/");
    }
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "bad-request", "publish with POST /publish/");
    }
    let body = match Limited::new(request.into_body(), PUBLISH_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-large", &error.to_string()),
    };
    match items::decode(&body) {
        Ok(items) => {
            gateway.publish(items);
            Response::new(full("Published\n"))
        }
        Err(error) => refuse(StatusCode::BAD_REQUEST, "bad-request", &error.to_string()),
    }
}
