//! A mail server, spoken to by SMTP with TLS.

use std::net::IpAddr;

use hyper::Uri;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Failure, Mail, TRY};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Without a name and password (530), with wrong ones (535), or too weak a way to show them (534, 538; RFC 4954).
const NOT_LET_IN: [u16; 4] = [530, 534, 535, 538];

pub(super) struct Server {
    transport: Transport,
    from: Mailbox,
}

impl Server {
    pub(super) fn new(url: &str, from: &str) -> Result<Server, String> {
        let from = from.parse().map_err(|error| format!("--mail-from {from}: {error}"))?;
        check(url)?;
        // The URL has a password in it, and so do some errors about it.
        let transport = Transport::from_url(url).map_err(|_| EXAMPLE.to_owned())?;
        Ok(Server { transport: transport.timeout(Some(TRY)).build(), from })
    }

    pub(super) async fn send(&self, mail: &Mail) -> Result<(), Failure> {
        let this = |error: &dyn std::fmt::Display| Failure::This(error.to_string());
        let to = in_ascii(&mail.to).parse().map_err(|error| this(&error))?;
        let message = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to)).subject(&mail.subject);
        let message = message.header(ContentType::TEXT_PLAIN).body(mail.text.clone()).map_err(|error| this(&error))?;
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(|error| match failure(error) {
            // To an address that not every server knows how to write; of others that says nothing.
            Failure::Every(why) if !mail.to.is_ascii() => Failure::This(why),
            failure => failure,
        })
    }
}

/// With its domain as the DNS has it (RFC 5891); mail servers take others only with SMTPUTF8.
fn in_ascii(address: &str) -> String {
    let domain = address.rsplit_once('@').and_then(|(name, domain)| Some((name, idna::domain_to_ascii(domain).ok()?)));
    domain.map_or_else(|| address.to_owned(), |(name, domain)| format!("{name}@{domain}"))
}

const EXAMPLE: &str = "--mail-smtp is an address such as smtps://user:password@mail.example.org:465 or \
                       smtp://user:password@mail.example.org:587?tls=required, with what is special in them percent-encoded";

/// Whether the address is one, and sends no password in the clear.
fn check(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|_| EXAMPLE.to_owned())?;
    let (Some(scheme @ ("smtp" | "smtps")), Some(host), Some(authority)) =
        (uri.scheme_str(), uri.host(), uri.authority())
    else {
        return Err(EXAMPLE.to_owned());
    };
    let is_sure =
        scheme == "smtps" || uri.query().is_some_and(|query| query.split('&').any(|one| one == "tls=required"));
    let host = host.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if authority.as_str().contains('@') && !is_sure && !is_here {
        return Err("--mail-smtp would send the password in the clear: use smtps://, or add ?tls=required".to_owned());
    }
    Ok(())
}

/// The server is going down, or has no TLS or nobody who checks passwords just now; other temporary answers are about a mail or its
/// address (RFC 5321, 4.2.2).
const NOT_NOW: [u16; 2] = [421, 454];

fn failure(error: Error) -> Failure {
    let why = error.to_string();
    match error.status().map(u16::from) {
        Some(code) if NOT_LET_IN.contains(&code) => Failure::Every(why),
        Some(500..) => Failure::This(why),
        Some(code) if !NOT_NOW.contains(&code) => Failure::ThisLater(why),
        _ if error.is_client() => Failure::Every(why),
        _ => Failure::Later(why, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_written_as_the_dns_has_it() {
        assert_eq!(in_ascii("ann@b\u{fc}cher.example"), "ann@xn--bcher-kva.example");
        assert_eq!(in_ascii("ann@example.org"), "ann@example.org");
        assert_eq!(in_ascii("nobody"), "nobody");
    }
}
