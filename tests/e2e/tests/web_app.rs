//! `--assets`: a built web app beside the API. Files are the work of the gateway in front, which is the same on each host;
//! what is an address of the API is asked on both.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use tempfile::TempDir;
use timeweft_e2e::client::{Answer, Format};
use timeweft_e2e::{Person, Server, fresh, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const INDEX: &str = "<!doctype html><title>An app</title>";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'";

/// An app, with files at addresses of the API and links out of the folder.
fn app() -> Result<TempDir> {
    let parent = tempfile::tempdir()?;
    let (app, outside) = (parent.path().join("dist"), parent.path().join("outside"));
    for folder in [&app.join("assets"), &app.join("api/v1/entities"), &app.join("login"), &outside] {
        std::fs::create_dir_all(folder)?;
    }
    for (name, content) in [
        ("index.html", INDEX),
        ("about.html", "<!doctype html>"),
        ("manifest.webmanifest", "{}"),
        ("worker.js", "0123456789"),
        ("assets/app-1a2b3c.js", "export {};"),
        ("assets/app-1a2b3c.css", "body {}"),
        ("assets/timeweft-1a2b3c.wasm", "\0asm\u{1}\0\0\0"),
        ("assets/logo-1a2b3c.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        (".env", "classified"),
        ("../outside/secret.txt", "classified"),
        // Of these the API has the addresses.
        ("health", "a file"),
        ("me", "a file"),
        ("connect", "a file"),
        ("message", "a file"),
        ("login/verify", "a file"),
        ("api/v1/entities/note:x", "a file"),
    ] {
        std::fs::write(app.join(name), content)?;
    }
    std::os::unix::fs::symlink(outside.join("secret.txt"), app.join("link.txt"))?;
    std::os::unix::fs::symlink(&outside, app.join("assets/folder"))?;
    Ok(parent)
}

fn serve(app: &Path) -> Result<Server> {
    Server::serve_with(&["--assets", &app.join("dist").display().to_string()])
}

fn gateway(app: &Path) -> Result<Server> {
    Server::gateway_with(&["--assets", &app.join("dist").display().to_string()])
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    http(&server.url, "GET", path, None, headers, None).await
}

#[tokio::test]
async fn files_come_with_their_type_and_what_caches_and_browsers_need_to_know() -> Result<()> {
    let app = app()?;
    let server = serve(app.path())?;
    for (path, kind, cache) in [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/?entity=note:x", "text/html; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/worker.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/assets/app-1a2b3c.js", "text/javascript; charset=utf-8", IMMUTABLE),
        ("/assets/app-1a2b3c.css", "text/css; charset=utf-8", IMMUTABLE),
        ("/assets/timeweft-1a2b3c.wasm", "application/wasm", IMMUTABLE),
        ("/assets/logo-1a2b3c.svg", "image/svg+xml", IMMUTABLE),
    ] {
        let found = get(&server, path, &[]).await?;
        assert_eq!((found.status, found.header("content-type")), (200, Some(kind)), "{path}: {found:?}");
        assert_eq!(found.header("cache-control"), Some(cache), "{path}");
        assert_eq!(found.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(found.header("content-security-policy"), Some(POLICY), "{path}");
        assert!(found.header("etag").is_some() && found.header("last-modified").is_some(), "{path}: {found:?}");
        let head = http(&server.url, "HEAD", path, None, &[], None).await?;
        assert_eq!((head.status, head.bytes.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), Some(&*found.bytes.len().to_string()), "{path}");
    }
    assert_eq!(get(&server, "/", &[]).await?.bytes, INDEX.as_bytes());
    Ok(())
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again_until_it_is_built_anew() -> Result<()> {
    let app = app()?;
    let server = serve(app.path())?;
    for path in ["/worker.js", "/assets/app-1a2b3c.js"] {
        let first = get(&server, path, &[]).await?;
        let (tag, date) = (first.header("etag").unwrap_or("?"), first.header("last-modified").unwrap_or("?"));
        for (name, value) in [("if-none-match", tag), ("if-modified-since", date)] {
            let again = get(&server, path, &[(name, value)]).await?;
            assert_eq!((again.status, again.bytes.len()), (304, 0), "{path} {name}: {again:?}");
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{path}");
        }
    }
    let tag = get(&server, "/about.html", &[]).await?.header("etag").unwrap_or("?").to_owned();
    std::fs::write(app.path().join("dist/about.html"), format!("<!doctype html>{}", server.url))?;
    let newer = get(&server, "/about.html", &[("if-none-match", &tag)]).await?;
    assert_eq!(newer.status, 200, "{newer:?}");
    let part = get(&server, "/worker.js", &[("range", "bytes=2-4")]).await?;
    assert_eq!((part.status, &*part.bytes), (206, &b"234"[..]), "{part:?}");
    Ok(())
}

#[tokio::test]
async fn addresses_of_the_api_are_the_apis_whatever_files_there_are() -> Result<()> {
    let app = app()?;
    for server in [serve(app.path())?, gateway(app.path())?] {
        for (path, status) in [
            ("/health", 200),
            ("/me", 401),
            ("/%6de", 401),
            ("/connect", 426),
            ("/message", 405),
            ("/login", 405),
            ("/login/verify", 405),
            ("/logout", 405),
            ("/api/v1/entities/note:x", 401),
            ("/api/v1", 404),
            ("/internal/resync", 404),
        ] {
            let answer = get(&server, path, &[]).await?;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        }
        let ann = Person::new(&server.url).await?;
        let mut socket = ann.connect(Format::Json).await?;
        let made = socket.call(json!({"method": "post", "entityId": fresh("note"), "value": 1})).await?;
        assert_eq!(made["status"], 201, "{made}");
        // Only reading is the app's.
        assert_eq!(ann.http("POST", "/about.html", &[], Some(json!({}))).await?.status, 404);
        assert_eq!(ann.http("DELETE", "/", &[], None).await?.status, 404);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() -> Result<()> {
    let app = app()?;
    let server = serve(app.path())?;
    for path in [
        "/../outside/secret.txt",
        "/assets/../../outside/secret.txt",
        "/%2e%2e/outside/secret.txt",
        "/..%2foutside%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/outside/secret.txt",
        "//etc/passwd",
        "/link.txt",
        "/assets/folder/secret.txt",
        "/.env",
        "/%2eenv",
        "/assets",
        "/assets/",
        "/worker.js/",
        "/worker.js%00.html",
        "/missing.js",
    ] {
        let (status, body) = raw(&server, path).await?;
        assert!(matches!(status, 400 | 404), "{path}: {status} {body}");
        assert!(!body.contains("classified") && !body.contains("root:"), "{path}: {body}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_folder_the_page_is_there_and_a_folder_without_an_app_is_refused() -> Result<()> {
    let server = Server::serve()?;
    let page = get(&server, "/", &[]).await?;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(get(&server, "/index.html", &[]).await?.status, 404);
    let empty = tempfile::tempdir()?;
    assert!(Server::serve_with(&["--assets", &empty.path().display().to_string()]).is_err());
    Ok(())
}

/// A request whose path is sent as it is: clients tidy it up.
async fn raw(server: &Server, path: &str) -> Result<(u16, String)> {
    let address = server.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, answer))
}

#[tokio::test]
async fn who_takes_brotli_gets_the_file_that_is_compressed_already() -> Result<()> {
    let app = app()?;
    std::fs::write(app.path().join("dist/assets/app-1a2b3c.js.br"), "brotli")?;
    let server = serve(app.path())?;
    let path = "/assets/app-1a2b3c.js";
    let answer = get(&server, path, &[("accept-encoding", "gzip, br")]).await?;
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"brotli"[..]));
    assert_eq!(answer.header("content-encoding"), Some("br"));
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(answer.header("vary"), Some("accept-encoding"));
    let answer = get(&server, path, &[("accept-encoding", "gzip")]).await?;
    assert_eq!((answer.header("content-encoding"), answer.bytes.as_slice()), (None, &b"export {};"[..]));
    Ok(())
}
