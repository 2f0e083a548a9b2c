//! Nobody stops the others: what one person or one address may use at once, and what becomes of those who ask for more.
//! How long things take is for `cargo xtask bench`; here it is what is held, in which order, and what is said.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use serde_json::json;
use timeweft_e2e::client::{Format, http, send};
use timeweft_e2e::{Person, Server, fresh};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1 << 20;

fn authority(server: &Server) -> &str {
    server.url.trim_start_matches("http://")
}

async fn raw(server: &Server, text: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(authority(server)).await?;
    stream.write_all(text.replace('\n', "\r\n").as_bytes()).await?;
    Ok(stream)
}

/// Writes so much if it is taken; an end of the line is as good. What comes meanwhile is read as a browser reads it: a line
/// that is reset because of what we still write takes with it what was not read.
async fn pour(stream: &mut TcpStream, bytes: usize) -> String {
    let (mut reads, mut writes) = stream.split();
    let (mut said, what) = (Vec::new(), vec![b' '; bytes]);
    let writing = async {
        let _ = tokio::time::timeout(Duration::from_secs(30), writes.write_all(&what)).await;
    };
    let reading = async {
        let _ = reads.read_to_end(&mut said).await;
        std::future::pending().await
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// What comes within some seconds.
async fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn heard_at_last(said: Vec<String>, streams: &mut [TcpStream]) -> Vec<String> {
    let later = join_all(streams.iter_mut().map(heard)).await;
    said.into_iter().zip(later).map(|(said, later)| said + &later).collect()
}

async fn is_served(person: &Person) -> Result<()> {
    let made = person.http("POST", "/api/v1/entities/note", &[], Some(json!({"value": {"title": "t"}}))).await?;
    ensure!(made.status == 201, "{made:?}");
    Ok(())
}

#[tokio::test]
async fn half_sent_bodies_of_nobody_are_kept_short() -> Result<()> {
    let server = Server::serve()?;
    let (host, ann) = (authority(&server).to_owned(), Person::new(&server.url).await?);
    let before = server.resident()?;
    let head = format!("POST /login HTTP/1.1\nHost: {host}\nContent-Length: 15728640\n\n");
    let mut half = join_all((0..100).map(|_| raw(&server, &head))).await.into_iter().collect::<Result<Vec<_>>>()?;
    let said = join_all(half.iter_mut().map(|stream| pour(stream, MIB))).await;
    is_served(&ann).await?;
    let grown = server.resident()?.saturating_sub(before);
    ensure!(grown < 32, "100 half-sent bodies take {grown} MiB");
    let said = format!("{}{}", said[0], heard(&mut half[0]).await);
    ensure!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{said}");
    Ok(())
}

#[tokio::test]
async fn half_sent_bodies_of_one_person_stay_within_their_share() -> Result<()> {
    let server = Server::serve()?;
    let (host, ann, bob) =
        (authority(&server).to_owned(), Person::new(&server.url).await?, Person::new(&server.url).await?);
    let before = server.resident()?;
    let head = format!(
        "POST /api/v1/entities/note HTTP/1.1\nHost: {host}\nCookie: {}\nContent-Length: 15728640\n\n",
        bob.cookie
    );
    let mut half = join_all((0..30).map(|_| raw(&server, &head))).await.into_iter().collect::<Result<Vec<_>>>()?;
    let said = join_all(half.iter_mut().map(|stream| pour(stream, 14 * MIB))).await;
    is_served(&ann).await?;
    let grown = server.resident()?.saturating_sub(before);
    // 64 MiB are theirs; what is freed of what others of them were refused goes back to the system.
    ensure!(grown < 128, "30 half-sent bodies take {grown} MiB");
    let said = heard_at_last(said, &mut half).await;
    let refused = said.iter().filter(|said| said.starts_with("HTTP/1.1 429") && said.contains("slow-down")).count();
    ensure!(refused >= 20, "{refused} were told to slow down");
    drop(half);
    is_served(&bob).await
}

#[tokio::test]
async fn half_sent_frames_of_one_person_stay_within_their_share() -> Result<()> {
    let server = Server::serve()?;
    let (host, ann, bob) =
        (authority(&server).to_owned(), Person::new(&server.url).await?, Person::new(&server.url).await?);
    let open = format!(
        "GET /connect HTTP/1.1\nHost: {host}\nCookie: {}\nConnection: Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n",
        bob.cookie
    );
    let mut half = join_all((0..60).map(|_| raw(&server, &open))).await.into_iter().collect::<Result<Vec<_>>>()?;
    for stream in &mut half {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        ensure!(&answer == b"HTTP/1.1 101", "{}", String::from_utf8_lossy(&answer));
        // A masked binary frame of 15 MiB.
        let mut frame = vec![0x82, 0xff];
        frame.extend_from_slice(&(15 * MIB as u64).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        stream.write_all(&frame).await?;
    }
    let before = server.resident()?;
    let said = join_all(half.iter_mut().map(|stream| pour(stream, 8 * MIB))).await;
    is_served(&ann).await?;
    let grown = server.resident()?.saturating_sub(before);
    ensure!(grown < 128, "60 half-sent frames take {grown} MiB");
    let said = heard_at_last(said, &mut half).await;
    let ended = said.iter().filter(|said| said.contains("too much at once")).count();
    ensure!(ended >= 20, "{ended} of 60 were closed with a reason");
    Ok(())
}

/// The niceness of each of the server's threads.
fn niceness(server: &Server) -> Result<Vec<i32>> {
    let mut all = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{}/task", server.pid()))? {
        // One may have ended.
        let Ok(stat) = std::fs::read_to_string(thread?.path().join("stat")) else { continue };
        // The name, which may hold anything, is in parentheses; the niceness is the 17th after it.
        let (_, fields) = stat.rsplit_once(") ").context("a name")?;
        all.push(fields.split(' ').nth(16).context("a niceness")?.parse()?);
    }
    Ok(all)
}

#[tokio::test]
async fn what_computes_for_long_does_so_on_threads_that_give_way_and_that_go_with_it() -> Result<()> {
    let server = Server::serve()?;
    let bob = Person::new(&server.url).await?;
    let list =
        |by: usize| json!({"value": {"title": "t", "list": (0..40_000).map(|n| n * by % 40_009).collect::<Vec<_>>()}});
    let made = bob.http("POST", "/api/v1/entities/note", &[], Some(list(1))).await?;
    let meta = |name: &str| made.body["meta"][name].as_str().context("of what was made");
    let (path, from) = (format!("/api/v1/entities/{}", meta("entityId")?), meta("validFrom")?);
    let headers = [("if-unmodified-since", from)];
    let before = niceness(&server)?.into_iter().max();
    let mut highest = before;
    let put = bob.http("PUT", &path, &headers, Some(list(7)));
    tokio::pin!(put);
    let answer = loop {
        match tokio::time::timeout(Duration::from_millis(1), &mut put).await {
            Ok(answer) => break answer?,
            Err(_) => highest = highest.max(niceness(&server)?.into_iter().max()),
        }
    };
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(highest > before, "no thread gives way: {highest:?}");
    for _ in 0..200 {
        if niceness(&server)?.into_iter().max() == before {
            return is_served(&bob).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("threads are left that give way: {:?}", niceness(&server)?)
}

#[tokio::test]
async fn answers_that_one_person_does_not_read_stay_within_their_share() -> Result<()> {
    let server = Server::serve()?;
    let (ann, bob) = (Person::new(&server.url).await?, Person::new(&server.url).await?);
    let body = json!({"value": {"title": "t", "blob": "x".repeat(12 * MIB)}});
    let made = bob.http("POST", "/api/v1/entities/note", &[], Some(body)).await?;
    let entity = made.body["meta"]["entityId"].as_str().context("an id")?;
    let get =
        format!("GET /api/v1/entities/{entity} HTTP/1.1\nHost: {}\nCookie: {}\n\n", authority(&server), bob.cookie);
    let mut unread = join_all((0..40).map(|_| raw(&server, &get))).await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut held = 0;
    for stream in &mut unread {
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        match &status {
            b"HTTP/1.1 200" => held += 1,
            b"HTTP/1.1 429" => {}
            other => anyhow::bail!("{}", String::from_utf8_lossy(other)),
        }
    }
    ensure!((1..=5).contains(&held), "{held} answers of 12 MiB are held");
    is_served(&ann).await?;
    drop(unread);
    is_served(&bob).await
}

#[tokio::test]
async fn who_waits_with_many_slow_calls_does_not_make_others_wait_for_all_of_them() -> Result<()> {
    let server = Server::serve()?;
    let (ann, bob) = (Person::new(&server.url).await?, Person::new(&server.url).await?);
    let rows = |shape: fn(usize) -> usize| json!({"value": (0..20_000).map(shape).collect::<Vec<_>>()});
    let entities: Vec<String> = (0..40).map(|_| fresh("list")).collect();
    for entity in &entities {
        let (kind, id) = entity.split_once(':').context("type:id")?;
        let mut body = rows(|n| n);
        body["id"] = json!(id);
        let made = ann.http("POST", &format!("/api/v1/entities/{kind}"), &[], Some(body)).await?;
        ensure!(made.status == 201, "{made:?}");
    }
    let owner = &ann;
    let slow = entities.iter().map(|entity| async move {
        let path = format!("/api/v1/entities/{entity}");
        let current = owner.http("GET", &path, &[], None).await?;
        let tag = current.body["meta"]["validFrom"].as_str().context("a version")?.to_owned();
        Ok::<_, anyhow::Error>((path, tag))
    });
    let slow = join_all(slow).await.into_iter().collect::<Result<Vec<_>>>()?;
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let puts = join_all(slow.iter().map(|(path, tag)| async {
        let body = rows(|n| n % 2);
        let put = ann.http("PUT", path, &[("if-unmodified-since", tag)], Some(body)).await;
        answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        put
    }));
    let other = async {
        // When all of them have been asked.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = answered.load(std::sync::atomic::Ordering::Relaxed);
        is_served(&bob).await?;
        Ok::<_, anyhow::Error>((before, answered.load(std::sync::atomic::Ordering::Relaxed)))
    };
    let (puts, other) = tokio::join!(puts, other);
    for put in puts {
        ensure!(put?.status == 200);
    }
    let (before, after) = other?;
    ensure!(after - before < 15, "{} slow calls were answered before another's", after - before);
    Ok(())
}

#[tokio::test]
async fn who_has_more_calls_under_way_than_they_may_hears_to_slow_down() -> Result<()> {
    let server = Server::serve_with(&["--limit-calls", "3"])?;
    let (ann, bob) = (Person::new(&server.url).await?, Person::new(&server.url).await?);
    // Bodies that do not come to their end are calls under way.
    let head = format!(
        "POST /message HTTP/1.1\nHost: {}\nCookie: {}\nContent-Length: 100\n\n{{",
        authority(&server),
        ann.cookie
    );
    let _under_way = join_all((0..3).map(|_| raw(&server, &head))).await.into_iter().collect::<Result<Vec<_>>>()?;
    // Another call of hers before they have begun would have the place of one of them.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = ann.http("GET", "/me", &[], None).await?;
    ensure!(refused.status == 429 && refused.code() == "slow-down", "{refused:?}");
    ensure!(refused.header("retry-after") == Some("1"), "{refused:?}");
    is_served(&bob).await
}

#[tokio::test]
async fn codes_and_guesses_from_one_address_are_counted() -> Result<()> {
    let server = Server::serve_with(&["--limit-sign-ins", "3"])?;
    let login = |n: usize| {
        let email = json!({"email": format!("p{n}@example.org")});
        http(&server.url, "POST", "/login", None, &[("x-forwarded-for", "192.0.2.1")], Some(email))
    };
    let guess = || {
        let guess = json!({"email": "p0@example.org", "code": "000000"});
        http(&server.url, "POST", "/login/verify", None, &[], Some(guess))
    };
    for n in 0..3 {
        ensure!(login(n).await?.status == 200);
        ensure!(guess().await?.status == 401);
    }
    for refused in [login(3).await?, guess().await?] {
        ensure!(refused.status == 429, "{refused:?}");
        let wait: u64 = refused.header("retry-after").context("retry-after")?.parse()?;
        ensure!((100..=200).contains(&wait), "{wait}");
    }
    // Behind a proxy of ours its word for the client counts.
    let server = Server::serve_with(&["--limit-sign-ins", "1", "--trusted-proxies", "1"])?;
    for (address, status) in [("192.0.2.1", 200), ("192.0.2.2", 200), ("6.6.6.6, 192.0.2.1", 429)] {
        let headers = [("x-forwarded-for", address)];
        let answer =
            http(&server.url, "POST", "/login", None, &headers, Some(json!({"email": "p@example.org"}))).await?;
        ensure!(answer.status == status, "{address}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn many_long_answers_on_one_socket_wait_for_its_reader() -> Result<()> {
    let server = Server::serve()?;
    let ann = Person::new(&server.url).await?;
    let mut entities = Vec::new();
    for _ in 0..8 {
        let body = json!({"value": {"title": "t", "blob": "x".repeat(MIB)}});
        let made = ann.http("POST", "/api/v1/entities/note", &[], Some(body)).await?;
        entities.push(made.body["meta"]["entityId"].as_str().context("an id")?.to_owned());
    }
    let mut socket = ann.connect(Format::Json).await?;
    let mut asked = Vec::new();
    for entity in &entities {
        asked.push(socket.send(json!({"method": "subscribe", "entityId": entity})).await?);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for id in asked {
        let answer = socket.answer(id).await?;
        ensure!(answer["status"] == 200, "{}", answer["status"]);
    }
    Ok(())
}

#[tokio::test]
async fn who_does_not_read_hears_why_they_were_let_go_once_they_do() -> Result<()> {
    let server = Server::serve_with(&["--queue-bytes", "200000"])?;
    let (ann, bob) = (Person::new(&server.url).await?, Person::new(&server.url).await?);
    let (entity, mut writer, mut slow) =
        (fresh("note"), ann.connect(Format::Json).await?, bob.connect(Format::Json).await?);
    let made = writer.call(json!({"method": "post", "entityId": entity, "value": {"blob": ""}})).await?;
    let mut version = made["meta"]["validFrom"].clone();
    ensure!(slow.call(json!({"method": "subscribe", "entityId": entity})).await?["status"] == 200);
    for n in 0..200 {
        let diff = json!({"blob": format!("{n}").repeat(50_000)});
        let patch = json!({"method": "patchDiff", "entityId": entity, "diff": diff, "ifUnmodifiedSince": version});
        let answer = writer.call(patch).await?;
        ensure!(answer["status"] == 200, "{answer}");
        version = answer["meta"]["validFrom"].clone();
    }
    // Longer than the gateway once waited with its close.
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(slow.closed().await? == Some(1013));
    Ok(())
}

#[tokio::test]
async fn a_socket_opened_by_a_token_ends_with_it() -> Result<()> {
    let key = "a key that an issuer and these tests share";
    let server = Server::serve_with(&["--jwt-issuer", "https://id.example", "--jwt-key", key])?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let claims = json!({"iss": "https://id.example", "sub": "ann", "exp": now + 3});
    let bearer = format!("Bearer {}", timeweft_grip::jwt::issue(&claims, key.as_bytes()));
    let headers = [("authorization", bearer.as_str())];
    let mut socket = timeweft_e2e::Socket::open(&server.url, "/connect", Format::Json, &headers).await?;
    ensure!(socket.closed().await? == Some(4001));
    // One that is good for longer than there are numbers for.
    let claims = json!({"iss": "https://id.example", "sub": "ann", "exp": 1e300});
    let bearer = format!("Bearer {}", timeweft_grip::jwt::issue(&claims, key.as_bytes()));
    let headers = [("authorization", bearer.as_str())];
    let mut socket = timeweft_e2e::Socket::open(&server.url, "/connect", Format::Json, &headers).await?;
    let missing = socket.call(json!({"method": "get", "entityId": "note:missing"})).await?;
    ensure!(missing["status"] == 404, "{missing}");
    Ok(())
}

#[tokio::test]
async fn requests_that_are_none_are_refused_and_say_why() -> Result<()> {
    let server = Server::serve()?;
    let host = authority(&server).to_owned();
    let upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n";
    for (request, status) in [
        (format!("GET /health HTTP/1.1\nHost: {host}\nConnection: close\n\n"), "HTTP/1.1 200"),
        (format!("GET /health HTTP/1.1\nHost: {host}\nHost: {host}\nConnection: close\n\n"), "HTTP/1.1 400"),
        ("GET /health HTTP/1.1\nConnection: close\n\n".to_owned(), "HTTP/1.1 400"),
        ("GET /health HTTP/1.1\nHost: evil.example\nConnection: close\n\n".to_owned(), "HTTP/1.1 421"),
        (format!("GET /connect HTTP/1.1\nHost: {host}\n{upgrade}Sec-WebSocket-Key: short\n\n"), "HTTP/1.1 400"),
        (
            format!("GET /connect HTTP/1.0\nHost: {host}\n{upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"),
            "HTTP/1.0 505",
        ),
    ] {
        let said = heard(&mut raw(&server, &request).await?).await;
        ensure!(said.starts_with(status), "{request}: {said}");
    }
    let answer = send(&server.url, "GET", "/me", None, &[], None).await?;
    ensure!(answer.header("x-content-type-options") == Some("nosniff"));
    // A frame with a reserved bit set.
    let ann = Person::new(&server.url).await?;
    let open = format!(
        "GET /connect HTTP/1.1\nHost: {host}\nCookie: {}\n{upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n",
        ann.cookie
    );
    let mut socket = raw(&server, &open).await?;
    socket.write_all(&[0xf1, 0x80, 0, 0, 0, 0]).await?;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut bytes)).await;
    ensure!(bytes.windows(2).any(|two| two == 1002u16.to_be_bytes()), "no close with 1002");
    Ok(())
}

/// Starts `timeweft serve` with these arguments; what it says when it refuses to.
fn refusal(arguments: &[&str]) -> Result<String> {
    let data = tempfile::tempdir()?;
    let output = timeweft_e2e::timeweft()?.arg("serve").args(arguments).arg("--data").arg(data.path()).output()?;
    ensure!(!output.status.success());
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test]
async fn it_does_not_start_where_nobody_could_sign_in_or_everybody_could() -> Result<()> {
    let said = refusal(&["--listen", "127.0.0.1:0"])?;
    ensure!(said.contains("--mail-url") && said.contains("--no-sign-in"), "{said}");
    let said = refusal(&["--listen", "0.0.0.0:0", "--development"])?;
    ensure!(said.contains("this machine only"), "{said}");
    Ok(())
}
