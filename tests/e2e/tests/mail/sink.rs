//! Those who take mails: a service that is posted JSON, and a mail server. Each says what it is told to say and remembers what it got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::tls::{Connection, Identity};

/// What it got, and what it says next.
#[derive(Default)]
struct State {
    got: Vec<Got>,
    answers: VecDeque<String>,
}

/// A request or a mail.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// The head of a request; what was said before a mail's text.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Result<Json> {
        serde_json::from_str(&self.body).with_context(|| self.body.clone())
    }

    /// The six digits in it.
    pub(crate) fn code(&self) -> Result<String> {
        let digits = |part: &&str| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_digit());
        let code = self.body.split(|c: char| !c.is_ascii_alphanumeric()).find(digits);
        Ok(code.with_context(|| format!("no code in {}", self.body))?.to_owned())
    }
}

#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

/// How it is spoken to.
#[derive(Clone)]
pub(crate) enum Speaks {
    Http(Option<Identity>),
    Smtp,
    /// TLS from the start.
    Smtps(Identity),
    /// TLS after STARTTLS.
    StartTls(Identity),
}

impl Sink {
    pub(crate) async fn start(speaks: Speaks) -> Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Sink { port: listener.local_addr()?.port(), state: Arc::default() };
        let accepting = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sink, speaks) = (accepting.clone(), speaks.clone());
                // A connection that breaks off has told the test nothing; what it waits for does not come.
                tokio::spawn(async move {
                    let plain: Connection = Box::new(stream);
                    match speaks {
                        Speaks::Http(None) => sink.http(plain).await,
                        Speaks::Http(Some(identity)) => sink.http(identity.accept(plain).await?).await,
                        Speaks::Smtp => sink.smtp(plain, None, true).await,
                        Speaks::StartTls(identity) => sink.smtp(plain, Some(&identity), true).await,
                        Speaks::Smtps(identity) => sink.smtp(identity.accept(plain).await?, None, true).await,
                    }
                });
            }
        });
        Ok(sink)
    }

    /// What it says to the next ones, one each.
    pub(crate) fn answer(&self, answers: &[&str]) {
        self.lock().answers.extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.lock().got.clone()
    }

    /// Waits until it got so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Result<Got> {
        for _ in 0..300 {
            if let Some(got) = self.lock().got.get(count - 1) {
                return Ok(got.clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("{} came and {count} should have", self.got().len())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn next_answer(&self, usual: &str) -> String {
        self.lock().answers.pop_front().unwrap_or_else(|| usual.to_owned())
    }

    async fn http(&self, stream: Connection) -> Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let from = head.len();
                if stream.read_line(&mut head).await? == 0 {
                    return Ok(());
                }
                let line = head[from..].trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse()?;
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            self.lock().got.push(Got { head, body: String::from_utf8(body)? });
            let answer = self.next_answer("200 OK");
            stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
            stream.flush().await?;
        }
    }

    /// `greets`: not after STARTTLS.
    async fn smtp(&self, stream: Connection, identity: Option<&Identity>, greets: bool) -> Result<()> {
        let mut stream = BufReader::new(stream);
        if greets {
            say(&mut stream, "220 sink").await?;
        }
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            head.push_str(&line);
            match line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" if identity.is_some() => say(&mut stream, "250-sink\r\n250 STARTTLS").await?,
                "EHLO" => say(&mut stream, "250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN").await?,
                "STARTTLS" => {
                    say(&mut stream, "220 go on").await?;
                    let identity = identity.context("no TLS here")?;
                    let stream = identity.accept(stream.into_inner()).await?;
                    return Box::pin(self.smtp(stream, None, false)).await;
                }
                "AUTH" if line.trim_end() != AUTH => say(&mut stream, "535 5.7.8 no").await?,
                "AUTH" => say(&mut stream, "235 ok").await?,
                "MAIL" => {
                    let answer = self.next_answer("250 ok");
                    say(&mut stream, &answer).await?;
                }
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    let mut body = String::new();
                    while !body.ends_with("\r\n.\r\n") {
                        if stream.read_line(&mut body).await? == 0 {
                            return Ok(());
                        }
                    }
                    self.lock().got.push(Got { head: std::mem::take(&mut head), body });
                    say(&mut stream, "250 ok").await?;
                }
                "QUIT" => {
                    say(&mut stream, "221 bye").await?;
                    return Ok(());
                }
                _ => say(&mut stream, "250 ok").await?,
            }
        }
    }
}

/// `weft` with the password `a secret:`.
const AUTH: &str = "AUTH PLAIN AHdlZnQAYSBzZWNyZXQ6";

async fn say(stream: &mut BufReader<Connection>, line: &str) -> Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(stream.flush().await?)
}
