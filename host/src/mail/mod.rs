//! Where mails go: to an HTTP service that sends them, or to a mail server. What is in them is a secret, so nothing of it is logged.
//!
//! | module | what |
//! |---|---|
//! | `http` | a service that is posted JSON |
//! | `body` | the JSON that it is posted |
//! | `smtp` | a mail server |
//!
//! A mail that fails is tried again for half a minute, unless trying again is no use. Who asked for it was answered long before: the
//! answer must not tell whether there was a mail. Only when all mails fail, nobody is told any more that one is on its way
//! ([`Mailer::sends_none`]).

mod body;
mod http;
mod smtp;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use timeweft_router::event::Mail;

use crate::cli::MailFlags;

/// Pauses before the second try and the third.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// One try may take so long, so that three of them are over within half a minute.
const TRY: Duration = Duration::from_secs(8);
/// A service that wants to be left alone for longer gets no other try.
const LONGEST_PAUSE: Duration = Duration::from_secs(6);
/// After a failure that is not of one mail alone, mails count as failing for so long: then somebody tries again.
const DOWN: Duration = Duration::from_secs(30);

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may be taken later, as others may, after this time at the soonest if that is known.
    Later(String, Option<Duration>),
    /// It may be taken later; of others that says nothing, or who names an address that nobody can reach would keep all from signing in.
    ThisLater(String),
    /// No mail will be taken until somebody changes something: the key is wrong, or the address.
    Every(String),
    /// This mail will not be taken.
    This(String),
}

enum Way {
    Nowhere,
    Http(Box<http::Service>),
    Smtp(Box<smtp::Server>),
}

/// Sends mails, or says why not.
pub struct Mailer {
    way: Way,
    /// Codes are in the answer, and in no mail.
    is_development: bool,
    sent: AtomicU64,
    failed: AtomicU64,
    /// When a mail failed as any other would have.
    down: Mutex<Option<Instant>>,
}

impl Mailer {
    /// The way that the flags name, of which there may be one. Without any, mails are lost.
    pub fn new(flags: &MailFlags, is_development: bool) -> Result<Mailer, String> {
        let way = match (&flags.mail_url, &flags.mail_smtp) {
            (Some(_), Some(_)) => {
                return Err(
                    "--mail-url and --mail-smtp are two ways for one mail: give the one that is to be used".into()
                );
            }
            (Some(url), None) => {
                only_with(
                    flags.mail_from.is_some(),
                    "--mail-from",
                    "--mail-smtp; with --mail-url the sender is in --mail-body",
                )?;
                Way::Http(Box::new(http::Service::new(url, flags)?))
            }
            (None, smtp) => {
                let is_http =
                    flags.mail_body.is_some() || flags.mail_header_file.is_some() || !flags.mail_headers.is_empty();
                only_with(is_http, "--mail-header, --mail-header-file and --mail-body", "--mail-url")?;
                match (smtp, &flags.mail_from) {
                    (Some(url), Some(from)) => Way::Smtp(Box::new(smtp::Server::new(url, from)?)),
                    (Some(_), None) => {
                        return Err("--mail-smtp needs --mail-from, the address that mails come from".into());
                    }
                    (None, from) => {
                        only_with(from.is_some(), "--mail-from", "--mail-smtp")?;
                        Way::Nowhere
                    }
                }
            }
        };
        Ok(Mailer { way, is_development, sent: AtomicU64::new(0), failed: AtomicU64::new(0), down: Mutex::new(None) })
    }

    /// Why no sign-in code gets to anybody now, whatever the address.
    pub fn sends_none(&self) -> Option<&'static str> {
        if self.is_development {
            return None;
        }
        match self.way {
            Way::Nowhere => {
                Some("this server sends no mails, and so no codes: sign in another way, or have one set up")
            }
            _ => {
                let is_down = self.down().is_some_and(|since| since.elapsed() < DOWN);
                is_down.then_some("no mail can be sent now; try again later")
            }
        }
    }

    fn down(&self) -> MutexGuard<'_, Option<Instant>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Codes can be asked for again, so a mail that fails is not kept.
    pub async fn send(&self, mail: Mail) {
        match self.attempts(&mail).await {
            Ok(()) => {
                *self.down() = None;
                self.sent.fetch_add(1, Ordering::Relaxed);
            }
            Err(failure) => {
                let (why, is_every) = match failure {
                    Failure::Later(why, _) | Failure::Every(why) => (why, true),
                    Failure::This(why) | Failure::ThisLater(why) => (why, false),
                };
                if is_every {
                    *self.down() = Some(Instant::now());
                }
                let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
                let sent = self.sent.load(Ordering::Relaxed);
                // A service may repeat what it was sent.
                let error = match &mail.code {
                    Some(code) => why.replace(code, "…"),
                    None => why,
                };
                tracing::error!(error, failed, sent, "a mail was not sent");
            }
        }
    }

    async fn attempts(&self, mail: &Mail) -> Result<(), Failure> {
        for pause in PAUSES {
            let wanted = match self.attempt(mail).await {
                Err(Failure::Later(_, wanted)) if wanted.is_none_or(|wanted| wanted <= LONGEST_PAUSE) => wanted,
                Err(Failure::ThisLater(_)) => None,
                done => return done,
            };
            tracing::debug!("a mail is tried again");
            tokio::time::sleep(wanted.map_or(pause, |wanted| wanted.max(pause))).await;
        }
        self.attempt(mail).await
    }

    async fn attempt(&self, mail: &Mail) -> Result<(), Failure> {
        let attempt = async {
            match &self.way {
                Way::Nowhere => Err(Failure::Every("neither --mail-url nor --mail-smtp is given".to_owned())),
                Way::Http(service) => service.post(mail).await,
                Way::Smtp(server) => server.send(mail).await,
            }
        };
        match tokio::time::timeout(TRY, attempt).await {
            Ok(done) => done,
            Err(_) => Err(Failure::Later("no answer in time".to_owned(), None)),
        }
    }
}

fn only_with(is_given: bool, flag: &str, other: &str) -> Result<(), String> {
    match is_given {
        true => Err(format!("{flag} goes with {other}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        mail: MailFlags,
    }

    fn mailer(flags: &[&str]) -> Result<Mailer, String> {
        Mailer::new(&Flags::parse_from([&["timeweft"], flags].concat()).mail, false)
    }

    #[test]
    fn one_way_is_configured_and_the_rest_is_refused_with_what_would_be_right() {
        const HTTP: [&str; 2] = ["--mail-url", "http://127.0.0.1:1/send"];
        const SMTP: [&str; 2] = ["--mail-smtp", "smtp://127.0.0.1:25"];
        const FROM: [&str; 2] = ["--mail-from", "Weft <weft@example.org>"];
        for good in [&[][..], &HTTP, &[SMTP, FROM].concat()] {
            assert!(mailer(good).is_ok(), "{good:?}");
        }
        for (bad, named) in [
            (&[HTTP, SMTP].concat()[..], "the one that is to be used"),
            (&[HTTP, FROM].concat(), "--mail-body"),
            (&SMTP, "needs --mail-from"),
            (&FROM, "--mail-smtp"),
            (&["--mail-header", "a: b"], "--mail-url"),
            (&["--mail-body", "body.json"], "--mail-url"),
            (&[&SMTP[..], &FROM, &["--mail-header", "a: b"]].concat(), "--mail-url"),
            (&["--mail-url", "mail.example.org"], "https://"),
            (&["--mail-url", "ftp://mail.example.org"], "https://"),
            (&[&HTTP[..], &["--mail-header", "nothing"]].concat(), "Name: value"),
            (&[&HTTP[..], &["--mail-body", "/nowhere/body.json"]].concat(), "/nowhere/body.json"),
            (&[&["--mail-smtp", "mail.example.org"][..], &FROM].concat(), "smtps://"),
            (&[&["--mail-smtp", "smtp://a:b@mail.example.org"][..], &FROM].concat(), "tls=required"),
            (&[&["--mail-smtp", "smtp://a:b@mail.example.org?tls=opportunistic"][..], &FROM].concat(), "tls=required"),
            (&[&SMTP[..], &["--mail-from", "nobody"]].concat(), "--mail-from"),
        ] {
            let error = mailer(bad).err().unwrap_or_default();
            assert!(error.contains(named), "{bad:?}: {error}");
        }
    }

    #[tokio::test]
    async fn mails_fail_at_once_when_there_is_no_way_and_nothing_waits_for_one() {
        let mailer = mailer(&[]).unwrap();
        let text = String::new;
        mailer.send(Mail { to: text(), subject: text(), text: text(), code: None }).await;
        assert_eq!(mailer.failed.load(Ordering::Relaxed), 1);
        assert!(mailer.sends_none().is_some_and(|why| why.contains("sign in another way")));
        assert_eq!(Mailer { is_development: true, ..mailer }.sends_none(), None);
    }
}
