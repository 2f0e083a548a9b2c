//! `cargo xtask bench attacks`: what one person's changes take beside people who ask for too much, and what memory the server has
//! meanwhile. Those who attack are a process of their own; they share the machine with the server. With numbers: only those.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value as Json, json};
use timeweft_e2e::client::send;
use timeweft_e2e::{Format, Person, Server, Socket, fresh};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{change, create, percentiles};

const RUN: Duration = Duration::from_secs(8);
const CHANGES_PER_SECOND: u32 = 50;
const MIB: usize = 1 << 20;

/// Each is made ready, begins at a word, and ends soon after [`RUN`].
const ATTACKS: [&str; 8] = [
    "four people who put lists of 300,000 other words, one after another",
    "four people who put lists of 20,000 other numbers, one after another",
    "four people who put texts of 3.6 MB, one after another",
    "one person who puts 200 lists of 20,000 other numbers at once",
    "2,000 connections of one person at once",
    "100 half-sent bodies of nobody, and 200 requests of a byte a second",
    "60 half-sent frames of one person",
    "20 subscribers who do not read",
];

pub(crate) async fn run(server: &Server, only: &[&str]) -> Result<()> {
    let mut me = Writer::new(&server.url).await?;
    me.measure(RUN / 4).await?;
    println!("alone: {}, {} MiB resident", me.measure(RUN).await?, server.resident()?);
    for (which, name) in ATTACKS.iter().enumerate() {
        if !only.is_empty() && !only.contains(&which.to_string().as_str()) {
            continue;
        }
        let mut attack = Command::new(std::env::current_exe()?)
            .args(["attack", &server.url, &which.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(attack.stdout.take().context("stdout")?).lines();
        said.next().context("the attack did not begin")??;
        sleep(Duration::from_secs(1)).await;
        // Who says nothing while the next attack is made ready is taken for gone.
        let mut me = Writer::new(&server.url).await?;
        let beside = me.measure(RUN / 2).await?;
        writeln!(attack.stdin.as_mut().context("stdin")?)?;
        sleep(RUN / 16).await;
        let peak = AtomicUsize::new(0);
        let watching = async {
            loop {
                peak.fetch_max(server.resident().unwrap_or_default(), Ordering::Relaxed);
                sleep(Duration::from_millis(50)).await;
            }
        };
        let during = tokio::select! {
            during = me.measure(RUN) => during?,
            () = watching => unreachable!("it watches for ever"),
        };
        println!("{name}: before {beside}; during {during}; {} MiB at most", peak.into_inner());
        println!("    answers: {}", said.next().context("the attack did not end")??);
        ensure!(attack.wait()?.success(), "the attack failed");
        sleep(RUN / 4).await;
    }
    let mut me = Writer::new(&server.url).await?;
    println!("afterwards: {}, {} MiB resident", me.measure(RUN).await?, server.resident()?);
    Ok(())
}

/// Somebody who changes something of theirs so many times a second, whether or not it was answered in time.
struct Writer {
    socket: Socket,
    entity: String,
    last: String,
    count: u64,
}

impl Writer {
    async fn new(url: &str) -> Result<Writer> {
        let mut socket = Person::new(url).await?.connect(Format::Cbor).await?;
        let entity = fresh("note");
        let last = create(&mut socket, &entity).await?;
        Ok(Writer { socket, entity, last, count: 0 })
    }

    async fn measure(&mut self, how_long: Duration) -> Result<String> {
        let begun = Instant::now();
        let mut times = Vec::new();
        for n in 0.. {
            // What a change waited for the one before it counts as well.
            let due = begun + n * Duration::from_secs(1) / CHANGES_PER_SECOND;
            if due > begun + how_long {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            self.count += 1;
            self.last = change(&mut self.socket, &self.entity, self.count, &self.last).await?;
            times.push(due.elapsed());
        }
        Ok(percentiles(&mut times))
    }
}

/// Answers, by what they were.
type Answers = BTreeMap<String, usize>;

pub(crate) async fn attack(url: &str, which: &str) -> Result<()> {
    let numbers = || [list(20_000, |n| json!(n)), list(20_000, |n| json!(n % 2))];
    let answers = match which {
        "0" => put(url, 4, 1, [list(300_000, |n| json!(format!("a{n}"))), list(300_000, |n| json!(word(n)))]).await?,
        "1" => put(url, 4, 1, numbers()).await?,
        "2" => put(url, 4, 1, [text(31), text(57)]).await?,
        "3" => put(url, 1, 200, numbers()).await?,
        "4" => connect(url).await?,
        "5" => half_bodies(url).await?,
        "6" => half_frames(url).await?,
        "7" => unread(url).await?,
        other => bail!("no attack {other}"),
    };
    println!("{answers:?}");
    Ok(())
}

/// Until the one who measures says so.
fn begin() -> Result<Instant> {
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(Instant::now() + RUN + RUN / 8)
}

fn word(n: usize) -> String {
    format!("b{}", n * 7919 % 300_000)
}

fn list(length: usize, element: fn(usize) -> Json) -> Json {
    (0..length).map(element).collect()
}

fn text(step: usize) -> Json {
    let text: String = (0..900_000).map(|n| format!("{:x} ", n * step % 7919)).collect();
    json!({"text": &text[..3_600_000]})
}

/// Each has so many entities, whose values they put in turn.
async fn put(url: &str, people: usize, each: usize, values: [Json; 2]) -> Result<Answers> {
    let bodies = values.map(|value| json!({"value": value}).to_string().into_bytes());
    let mut made = Vec::new();
    for _ in 0..people {
        let person = Person::new(url).await?;
        for _ in 0..each {
            let body = ("application/json", bodies[0].clone());
            let path = "/api/v1/entities/note";
            let answer = send(url, "POST", path, Some(&person.cookie), &[], Some(body)).await?;
            let meta = answer.body["meta"].clone();
            let of = |name: &str| meta[name].as_str().map(str::to_owned).with_context(|| meta.to_string());
            made.push((person.clone(), of("entityId")?, of("validFrom")?));
        }
    }
    let end = begin()?;
    let bodies = &bodies;
    let writers = made.into_iter().map(|(person, entity, mut last)| async move {
        let mut answers = Answers::new();
        for body in bodies.iter().rev().cycle() {
            if Instant::now() > end {
                break;
            }
            let path = format!("/api/v1/entities/{entity}");
            let since = [("if-unmodified-since", last.as_str())];
            let body = ("application/json", body.clone());
            let answer = match send(url, "PUT", &path, Some(&person.cookie), &since, Some(body)).await {
                Ok(answer) => answer,
                Err(_) => {
                    *answers.entry("none".into()).or_default() += 1;
                    continue;
                }
            };
            *answers.entry(answer.status.to_string()).or_default() += 1;
            if let Some(now) = answer.body["meta"]["validFrom"].as_str() {
                last = now.to_owned();
            }
            if answer.status == 429 {
                sleep(Duration::from_millis(100)).await;
            }
        }
        answers
    });
    Ok(join_all(writers).await.into_iter().flatten().fold(Answers::new(), |mut all, (what, count)| {
        *all.entry(what).or_default() += count;
        all
    }))
}

async fn connect(url: &str) -> Result<Answers> {
    let person = Person::new(url).await?;
    let end = begin()?;
    let opened = join_all((0..2_000).map(|_| person.connect(Format::Cbor))).await;
    let mut answers = Answers::new();
    for socket in &opened {
        *answers.entry(if socket.is_ok() { "opened" } else { "refused" }.into()).or_default() += 1;
    }
    sleep(end.saturating_duration_since(Instant::now())).await;
    Ok(answers)
}

async fn raw(url: &str, text: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    stream.write_all(text.replace('\n', "\r\n").as_bytes()).await?;
    Ok(stream)
}

fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

async fn half_bodies(url: &str) -> Result<Answers> {
    let end = begin()?;
    let head = format!(
        "POST /login HTTP/1.1\nHost: {}\nContent-Type: application/json\nContent-Length: 15728640\n\n{}",
        host(url),
        " ".repeat(60_000)
    );
    let halves = try_join_all((0..100).map(|_| raw(url, &head))).await?;
    let slow = (0..200).map(|_| async move {
        let Ok(mut stream) = raw(url, "GET /health HTTP/1.1\nX-").await else { return false };
        while Instant::now() < end {
            sleep(Duration::from_secs(1)).await;
            if stream.write_all(b"a").await.is_err() {
                return false;
            }
        }
        true
    });
    let stayed = join_all(slow).await.into_iter().filter(|stays| *stays).count();
    drop(halves);
    Ok(Answers::from([("slow ones that stayed".into(), stayed)]))
}

async fn half_frames(url: &str) -> Result<Answers> {
    let person = Person::new(url).await?;
    let open = format!(
        "GET /connect HTTP/1.1\nHost: {}\nCookie: {}\nConnection: Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n",
        host(url),
        person.cookie
    );
    let mut streams = try_join_all((0..60).map(|_| raw(url, &open))).await?;
    let end = begin()?;
    // A masked binary frame of 15 MiB, and 8 of them.
    let mut frame = vec![0x82, 0xff];
    frame.extend_from_slice(&(15 * MIB as u64).to_be_bytes());
    frame.resize(frame.len() + 4 + 8 * MIB, 0);
    let frame = &frame;
    let poured = streams.iter_mut().map(|stream| timeout(RUN, stream.write_all(frame)));
    let taken = join_all(poured).await.into_iter().filter(|taken| matches!(taken, Ok(Ok(())))).count();
    sleep(end.saturating_duration_since(Instant::now())).await;
    Ok(Answers::from([("taken by the system".into(), taken)]))
}

async fn unread(url: &str) -> Result<Answers> {
    let person = Person::new(url).await?;
    let mut writer = person.connect(Format::Json).await?;
    let entity = fresh("note");
    let mut last = create(&mut writer, &entity).await?;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = person.connect(Format::Cbor).await?;
        socket.call(json!({"method": "subscribe", "entityId": entity})).await?;
        sockets.push(socket);
    }
    let end = begin()?;
    let mut changes = 0;
    while Instant::now() < end {
        let text: String = (0..25_000).map(|n| format!("{:x} ", (n + changes) * 7919 % 65_521)).collect();
        let request =
            json!({"method": "patchDiff", "entityId": entity, "diff": {"n": text}, "ifUnmodifiedSince": last});
        let done = writer.call(request).await?;
        last = done["meta"]["validFrom"].as_str().with_context(|| done.to_string())?.to_owned();
        changes += 1;
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Answers::from([("changes of 100 KB".into(), changes)]))
}
