//! Sign-in codes by mail, outside of development mode: by services that are posted JSON and by mail servers, real ones but for what
//! they do with a mail.

mod sink;
mod tls;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value as Json, json};
use sink::{Sink, Speaks};
use timeweft_e2e::{Server, http, timeweft};
use tls::Identity;

const ANN: &str = "ann@example.org";

async fn login(server: &Server, email: &str) -> Result<u16> {
    let answer = http(&server.url, "POST", "/login", None, &[], Some(json!({ "email": email }))).await?;
    Ok(answer.status)
}

async fn verify(server: &Server, code: &str) -> Result<u16> {
    let body = json!({"email": ANN, "code": code});
    Ok(http(&server.url, "POST", "/login/verify", None, &[], Some(body)).await?.status)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn a_service_is_posted_the_code_and_the_code_signs_in() -> Result<()> {
    let sink = Sink::start(Speaks::Http(None)).await?;
    let server = Server::serve_public(&["--mail-url", &format!("http://127.0.0.1:{}/send?a=b", sink.port)], &[])?;
    assert_eq!(login(&server, ANN).await?, 202);
    let got = sink.wait_for(1).await?;
    assert!(got.head.starts_with("POST /send?a=b HTTP/1.1\r\n"), "{}", got.head);
    let code = got.code()?;
    let mail = got.json()?;
    assert_eq!((&mail["to"], &mail["subject"]), (&json!(ANN), &json!(format!("{code} is your sign-in code"))));
    assert!(mail["text"].as_str().unwrap_or_default().starts_with(&format!("Your code is {code}.")));
    assert_eq!(verify(&server, &code).await?, 200);
    Ok(())
}

#[tokio::test]
async fn a_provider_gets_the_headers_and_the_json_that_it_wants_over_tls() -> Result<()> {
    let (identity, files) = (Identity::new()?, tempfile::tempdir()?);
    let sink = Sink::start(Speaks::Http(Some(identity.clone()))).await?;
    let (body, headers) = (files.path().join("body.json"), files.path().join("headers"));
    let template = json!({
        "personalizations": [{"to": [{"email": "{to}"}]}],
        "subject": "Weft: {code}",
        "content": [{"type": "text/plain", "value": "{text}"}],
        "sandbox": true,
    });
    std::fs::write(&body, template.to_string())?;
    std::fs::write(&headers, "Authorization: Bearer from-a-file\n\nX-Team: weft\n")?;
    let server = Server::serve_public(
        &[
            "--mail-url",
            &format!("https://localhost:{}/v3", sink.port),
            "--mail-header",
            "X-One: 1",
            "--mail-header",
            "X-Two: 2",
        ],
        &[
            ("TIMEWEFT_MAIL_BODY", &text(&body)),
            ("TIMEWEFT_MAIL_HEADER_FILE", &text(&headers)),
            ("SSL_CERT_FILE", &text(&identity.write(files.path())?)),
        ],
    )?;
    assert_eq!(login(&server, ANN).await?, 202);
    let got = sink.wait_for(1).await?;
    let head = got.head.to_ascii_lowercase();
    for header in
        ["authorization: bearer from-a-file", "x-team: weft", "x-one: 1", "x-two: 2", "content-type: application/json"]
    {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{header} is not in {head}");
    }
    let mail = got.json()?;
    assert_eq!(mail["personalizations"], json!([{"to": [{"email": ANN}]}]));
    assert_eq!((&mail["subject"], &mail["sandbox"]), (&json!(format!("Weft: {}", got.code()?)), &Json::Bool(true)));
    assert_eq!(verify(&server, &got.code()?).await?, 200);
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_gets_no_mail() -> Result<()> {
    let (identity, files) = (Identity::new()?, tempfile::tempdir()?);
    let other = Identity::new()?.write(files.path())?;
    let sink = Sink::start(Speaks::Http(Some(identity))).await?;
    let url = format!("https://localhost:{}/", sink.port);
    let server = Server::serve_public(&["--mail-url", &url], &[("SSL_CERT_FILE", &text(&other))])?;
    assert_eq!(login(&server, ANN).await?, 202);
    wait_for_log(&server, "a mail was not sent").await?;
    assert!(sink.got().is_empty());
    Ok(())
}

async fn wait_for_log(server: &Server, words: &str) -> Result<String> {
    for _ in 0..700 {
        let log = server.log()?;
        if log.contains(words) {
            return Ok(log);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{words:?} is not in {}", server.log()?)
}

#[tokio::test]
async fn what_fails_for_a_while_is_tried_again_and_then_nobody_is_told_that_a_mail_is_on_its_way() -> Result<()> {
    let sink = Sink::start(Speaks::Http(None)).await?;
    let server = Server::serve_public(&["--mail-url", &format!("http://127.0.0.1:{}/", sink.port)], &[])?;
    sink.answer(&["503 Not Now", "429 Too Many\r\nretry-after: 1"]);
    assert_eq!(login(&server, ANN).await?, 202);
    let got = sink.wait_for(3).await?;
    assert_eq!(got.body, sink.got()[0].body);
    assert_eq!(verify(&server, &got.code()?).await?, 200);

    sink.answer(&["500 No", "500 No", "500 No"]);
    assert_eq!(login(&server, ANN).await?, 202);
    let lost = sink.wait_for(6).await?;
    let log = wait_for_log(&server, "a mail was not sent").await?;
    assert!(
        log.contains("ERROR") && log.contains("answered 500") && log.contains("failed=1") && log.contains("sent=1"),
        "{log}"
    );
    assert!(!log.contains(&lost.code()?), "the code is in the log");
    // Of those who are known and those who are not.
    assert_eq!((login(&server, ANN).await?, login(&server, "nobody@example.org").await?), (503, 503));
    assert_eq!(sink.got().len(), 6);
    Ok(())
}

#[tokio::test]
async fn where_no_mails_are_sent_nobody_is_told_that_one_is_on_its_way() -> Result<()> {
    let server = Server::serve_public(&["--no-sign-in"], &[])?;
    assert_eq!(login(&server, ANN).await?, 503);
    Ok(())
}

#[tokio::test]
async fn a_mail_that_is_refused_stops_no_others_and_a_wrong_key_stops_all_at_once() -> Result<()> {
    let sink = Sink::start(Speaks::Http(None)).await?;
    let server = Server::serve_public(&["--mail-url", &format!("http://127.0.0.1:{}/", sink.port)], &[])?;
    sink.answer(&["422 No Such Address", "200 OK", "401 Who Are You"]);
    assert_eq!(login(&server, "nobody@example.org").await?, 202);
    sink.wait_for(1).await?;
    wait_for_log(&server, "answered 422").await?;
    assert_eq!(login(&server, ANN).await?, 202);
    sink.wait_for(2).await?;
    assert_eq!(login(&server, ANN).await?, 202);
    sink.wait_for(3).await?;
    wait_for_log(&server, "answered 401").await?;
    assert_eq!(login(&server, ANN).await?, 503);
    assert_eq!(sink.got().len(), 3, "neither is tried again");
    Ok(())
}

#[tokio::test]
async fn a_mail_server_gets_the_code_with_tls_from_the_start_and_with_starttls() -> Result<()> {
    let (identity, files) = (Identity::new()?, tempfile::tempdir()?);
    let authority = text(&identity.write(files.path())?);
    for (speaks, scheme, query) in
        [(Speaks::Smtps(identity.clone()), "smtps", ""), (Speaks::StartTls(identity.clone()), "smtp", "?tls=required")]
    {
        let sink = Sink::start(speaks).await?;
        let url = format!("{scheme}://weft:a%20secret%3A@localhost:{}{query}", sink.port);
        let server = Server::serve_public(
            &["--mail-from", "Weft <weft@example.org>"],
            &[("TIMEWEFT_MAIL_SMTP", &url), ("SSL_CERT_FILE", &authority)],
        )?;
        assert_eq!(login(&server, ANN).await?, 202);
        let got = sink.wait_for(1).await?;
        assert!(
            got.head.contains("MAIL FROM:<weft@example.org>") && got.head.contains("RCPT TO:<ann@example.org>"),
            "{got:?}"
        );
        assert!(got.head.contains("AUTH PLAIN"), "{scheme}: {}", got.head);
        for header in ["From: Weft <weft@example.org>\r\n", "To: ann@example.org\r\n", "Subject: ", "Date: "] {
            assert!(got.body.contains(header), "{header} is not in {}", got.body);
        }
        assert_eq!(verify(&server, &got.code()?).await?, 200, "{scheme}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mail_server_that_is_busy_is_tried_again_and_one_without_tls_gets_no_password() -> Result<()> {
    let sink = Sink::start(Speaks::Smtp).await?;
    let from = ["--mail-from", "weft@example.org"];
    let server = Server::serve_public(&from, &[("TIMEWEFT_MAIL_SMTP", &format!("smtp://127.0.0.1:{}", sink.port))])?;
    sink.answer(&["451 4.3.0 later"]);
    assert_eq!(login(&server, ANN).await?, 202);
    assert_eq!(verify(&server, &sink.wait_for(1).await?.code()?).await?, 200);
    // An address that nobody can reach keeps nobody else from signing in.
    sink.answer(&["450 4.1.2 unknown domain", "450 4.1.2 unknown domain", "450 4.1.2 unknown domain"]);
    assert_eq!(login(&server, "nobody@nowhere.example").await?, 202);
    wait_for_log(&server, "a mail was not sent").await?;
    assert_eq!(login(&server, ANN).await?, 202);
    sink.wait_for(2).await?;

    let url = format!("smtp://weft:a%20secret%3A@127.0.0.1:{}?tls=required", sink.port);
    let server = Server::serve_public(&from, &[("TIMEWEFT_MAIL_SMTP", &url)])?;
    assert_eq!(login(&server, ANN).await?, 202);
    let log = wait_for_log(&server, "a mail was not sent").await?;
    assert!(!log.contains("secret"), "{log}");
    assert_eq!(login(&server, ANN).await?, 503);
    assert_eq!(sink.got().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again() -> Result<()> {
    let (identity, files) = (Identity::new()?, tempfile::tempdir()?);
    let authority = text(&identity.write(files.path())?);
    let sink = Sink::start(Speaks::Smtps(identity)).await?;
    let url = format!("smtps://weft:wrong@localhost:{}", sink.port);
    let server = Server::serve_public(
        &["--mail-from", "weft@example.org"],
        &[("TIMEWEFT_MAIL_SMTP", &url), ("SSL_CERT_FILE", &authority)],
    )?;
    assert_eq!(login(&server, ANN).await?, 202);
    let log = wait_for_log(&server, "a mail was not sent").await?;
    assert!(log.contains("535"), "{log}");
    assert_eq!(login(&server, ANN).await?, 503);
    Ok(())
}

#[test]
fn a_wrong_combination_is_refused_at_the_start_with_what_would_be_right() -> Result<()> {
    let data = tempfile::tempdir()?;
    for (arguments, right) in [
        (
            &["--mail-url", "http://127.0.0.1:1", "--mail-smtp", "smtp://127.0.0.1:25"][..],
            "give the one that is to be used",
        ),
        (&["--mail-smtp", "smtp://127.0.0.1:25"], "--mail-smtp needs --mail-from"),
        (&["--mail-smtp", "smtp://a:b@mail.example.org", "--mail-from", "a@b.example"], "?tls=required"),
        (&["--no-sign-in", "--mail-header", "a: b"], "goes with --mail-url"),
    ] {
        let output = timeweft()?
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .args(arguments)
            .output()?;
        let error = String::from_utf8(output.stderr)?;
        assert!(!output.status.success() && error.contains(right), "{arguments:?}: {error}");
    }
    Ok(())
}
