//! A service that is posted JSON.

use std::fs;
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};

use super::body::Body;
use super::{Failure, Mail};
use crate::cli::MailFlags;
use crate::client::{self, SecureClient};
use crate::gateway::full;

pub(super) struct Service {
    client: SecureClient,
    url: Uri,
    headers: HeaderMap,
    body: Body,
}

impl Service {
    pub(super) fn new(url: &str, flags: &MailFlags) -> Result<Service, String> {
        let url = match url.parse::<Uri>() {
            Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => uri,
            _ => return Err(format!("--mail-url {url}: give an address such as https://mail.example.org/send")),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("timeweft"));
        let file = flags.mail_header_file.as_ref().map(|path| {
            fs::read_to_string(path).map_err(|error| format!("--mail-header-file {}: {error}", path.display()))
        });
        let file = file.transpose()?.unwrap_or_default();
        let given = flags.mail_headers.iter().flat_map(|lines| lines.lines()).chain(file.lines());
        for line in given.map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = header(line)?;
            headers.insert(name, value);
        }
        let body = match &flags.mail_body {
            Some(path) => Body::read(path)?,
            None => Body::default(),
        };
        let client = client::for_url(&url).map_err(|error| format!("--mail-url: {error}"))?;
        Ok(Service { client, url, headers, body })
    }

    pub(super) async fn post(&self, mail: &Mail) -> Result<(), Failure> {
        let mut request = Request::new(full(self.body.of(mail)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| Failure::Later(client::reason(&error), None))?;
        let why = format!("the mail service answered {}", answer.status());
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Later(why, wanted_pause(answer.headers()))),
            status if status.is_server_error() => Err(Failure::Later(why, wanted_pause(answer.headers()))),
            // Some services answer 403 to addresses that they do not like.
            StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Err(Failure::This(why)),
            _ => Err(Failure::Every(why)),
        }
    }
}

/// A header as it is given; what is in it may be a secret, and is in no message.
fn header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || "--mail-header is `Name: value`, such as `Authorization: Bearer …`".to_owned();
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn wanted_pause(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
