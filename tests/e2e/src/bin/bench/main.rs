//! `cargo xtask bench`: what a running `timeweft serve` does per second, and how soon. All traffic is on 127.0.0.1.
//!
//! Client and server share the machine, so the figures are of both together. With `sizes`: what a patch costs by the length of
//! the value. With `attacks`: what others take away.

mod attacks;
mod sizes;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use timeweft_e2e::{Format, Person, Server, Socket, fresh};

const RUN: Duration = Duration::from_secs(5);
const SUBSCRIBERS: usize = 500;
const CHANGES_PER_SECOND: u64 = 20;
const IDLE: usize = 400;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => throughput(&Server::serve()?).await,
        ["sizes"] => sizes::run(&Server::serve()?).await,
        ["attacks", ref which @ ..] => attacks::run(&Server::serve()?, which).await,
        ["attack", url, which] => attacks::attack(url, which).await,
        _ => bail!("`cargo xtask bench` takes nothing, `sizes`, `attacks` or `client`, not {}", arguments.join(" ")),
    }
}

async fn throughput(server: &Server) -> Result<()> {
    // First: later, connections would live in memory that those before them left.
    idle(server).await?;
    writers(server, 1).await?;
    writers(server, 50).await?;
    fan_out(server).await
}

async fn create(socket: &mut Socket, entity: &str) -> Result<String> {
    let made = socket.call(json!({"method": "post", "entityId": entity, "value": {"n": 0}})).await?;
    Ok(made["meta"]["validFrom"].as_str().with_context(|| made.to_string())?.to_owned())
}

async fn change(socket: &mut Socket, entity: &str, n: u64, since: &str) -> Result<String> {
    let request = json!({"method": "patchDiff", "entityId": entity, "diff": {"n": n}, "ifUnmodifiedSince": since});
    let done = socket.call(request).await?;
    ensure!(done["status"] == 200, "{done}");
    Ok(done["meta"]["validFrom"].as_str().with_context(|| done.to_string())?.to_owned())
}

/// Each writer has an entity and one change under way.
async fn writers(server: &Server, count: usize) -> Result<()> {
    let end = Instant::now() + RUN;
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let url = server.url.clone();
            tokio::spawn(async move {
                let mut socket = Person::new(&url).await?.connect(Format::Cbor).await?;
                let entity = fresh("note");
                let mut last = create(&mut socket, &entity).await?;
                let mut times = Vec::new();
                for n in 1.. {
                    let sent = Instant::now();
                    if sent > end {
                        break;
                    }
                    last = change(&mut socket, &entity, n, &last).await?;
                    times.push(sent.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let rate = times.len() as f64 / RUN.as_secs_f64();
    println!("{count} writers on {count} entities: {rate:.0} acknowledged changes/s, {}", percentiles(&mut times));
    Ok(())
}

/// One writer, many subscribers of one entity.
async fn fan_out(server: &Server) -> Result<()> {
    let person = Person::new(&server.url).await?;
    let mut writer = person.connect(Format::Cbor).await?;
    let entity = fresh("note");
    let mut last = create(&mut writer, &entity).await?;
    let total = CHANGES_PER_SECOND * RUN.as_secs();
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let mut tasks = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let mut socket = person.connect(Format::Cbor).await?;
        let answer = socket.call(json!({"method": "subscribe", "entityId": entity})).await?;
        ensure!(answer["status"] == 200, "{answer}");
        let sent = sent.clone();
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            for n in 0..total as usize {
                socket.arrival().await?;
                times.push(sent.lock().unwrap()[n].elapsed());
            }
            anyhow::Ok(times)
        }));
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / CHANGES_PER_SECOND as u32);
    for n in 1..=total {
        ticks.tick().await;
        sent.lock().unwrap().push(Instant::now());
        last = change(&mut writer, &entity, n, &last).await?;
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    println!("{SUBSCRIBERS} subscribers, {CHANGES_PER_SECOND} changes/s, send to receive: {}", percentiles(&mut times));
    Ok(())
}

/// Memory of connections that do nothing.
async fn idle(server: &Server) -> Result<()> {
    let person = Person::new(&server.url).await?;
    let before = resident(server)?;
    let mut sockets = Vec::new();
    for _ in 0..IDLE {
        sockets.push(person.connect(Format::Cbor).await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = resident(server)?.saturating_sub(before);
    println!("{IDLE} idle connections: {:.1} KB resident each", grown as f64 / IDLE as f64);
    Ok(())
}

/// Kilobytes, from `/proc` (Linux).
fn resident(server: &Server) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).context("a number of kB")
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: f64| times.get(((times.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, max {:.0} ms", ms(at(0.5)), ms(at(0.99)), ms(at(1.0)))
}
