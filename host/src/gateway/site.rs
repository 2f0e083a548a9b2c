//! What people see when they open the address: one page, or a built web app from a folder.
//!
//! The folder is only ever read. Which file a path means is decided here: it has to be inside the folder after every link was
//! followed, and never at an address of the API. Reading it, `HEAD`, ranges and conditional requests are tower-http's.
//! Files are looked up anew for each request, so an app that is built again is served as it is now. Of `FILE.br` or `FILE.gz` beside a
//! file, who takes it gets that instead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tower_http::services::fs::ServeFile;

use super::backend::{Body, full};

/// First segments of the addresses that are the backend's, whatever files there are.
const API: [&str; 10] = ["api", "connect", "health", "internal", "login", "logout", "me", "message", "sessions", "ws"];

/// What is served at `/`.
const INDEX: &str = "index.html";

/// Where bundlers put what has a hash of its content in its name.
const HASHED: &str = "assets";

/// Workers and wasm of its own, sockets, styles that frameworks set; nothing from elsewhere, and no frame around it.
const APP_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'";

/// What is served beside the API.
#[derive(Clone, Debug)]
pub enum Site {
    /// A single page, at `/`.
    Page(Bytes),
    /// The files of a folder; its `index.html` at `/`.
    Folder(PathBuf),
}

impl Site {
    /// A built web app.
    pub fn folder(path: &Path) -> Result<Site> {
        let folder = path.canonicalize().with_context(|| format!("can't read the folder {}", path.display()))?;
        if !folder.join(INDEX).is_file() {
            bail!("{} is no built web app: it has no {INDEX}", path.display());
        }
        // Not the canonical path: a link that is pointed at a newer build is followed from then on.
        Ok(Site::Folder(std::path::absolute(path).unwrap_or(folder)))
    }

    /// The page or the file, if the request is for one; else the request is the backend's.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        match self {
            Site::Page(page) if request.uri().path() == "/" => Some(self::page(page)),
            Site::Page(_) => None,
            Site::Folder(folder) => file(folder, request).await,
        }
    }
}

fn page(page: &Bytes) -> Response<Body> {
    let mut response = Response::new(full(page.clone()));
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn file<B>(folder: &Path, request: &Request<B>) -> Option<Response<Body>> {
    let name = name(request.uri().path())?;
    let hashed = name.starts_with(HASHED);
    let folder = folder.to_owned();
    let path = tokio::task::spawn_blocking(move || find(&folder, &name)).await.ok()??;
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    let response = match ServeFile::new(&path).precompressed_br().precompressed_gzip().try_call(head).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "a file of the web app can't be read");
            return None;
        }
    };
    let (mut parts, body) = response.into_parts();
    let headers = &mut parts.headers;
    // What is written for the web is UTF-8; the library leaves it open.
    if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok())
        && kind.starts_with("text/")
        && let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let is_file = parts.status.is_success() || parts.status == StatusCode::NOT_MODIFIED;
    let cache = if hashed && is_file { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // On every file: a worker goes by the policy of its own script.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(APP_POLICY));
    Some(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()))
}

/// The path of a file inside the folder, from the path of an address; `None` if it can't be one.
fn name(path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let path = match path.strip_prefix('/')? {
        "" => INDEX,
        path => path,
    };
    // With the dot go `.`, `..` and what was never meant to be seen.
    let visible = |segment: &str| !segment.is_empty() && (!segment.starts_with('.') || segment == ".well-known");
    let first = path.split('/').next()?;
    (path.split('/').all(visible) && !API.contains(&first)).then(|| PathBuf::from(path))
}

/// The file of that name, if it is one and inside the folder, wherever links lead.
fn find(folder: &Path, name: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(name).canonicalize().ok()?;
    (path.starts_with(&folder) && path.is_file()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_file_below_the_folder_or_nothing() {
        let named = |path| name(path).map(|name| name.display().to_string());
        for (path, file) in [
            ("/", "index.html"),
            ("/index.html", "index.html"),
            ("/assets/app-1a2b.js", "assets/app-1a2b.js"),
            ("/a%20b.txt", "a b.txt"),
            ("/.well-known/security.txt", ".well-known/security.txt"),
            ("/apis.html", "apis.html"),
        ] {
            assert_eq!(named(path).as_deref(), Some(file), "{path}");
        }
        for path in [
            "/../secret",
            "/assets/../../secret",
            "/%2e%2e/secret",
            "/assets/..%2f..%2fsecret",
            "//etc/passwd",
            "/assets//app.js",
            "/assets/",
            "/.env",
            "/assets/.git/config",
            "/%ff",
            "*",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
    }

    #[test]
    fn addresses_of_the_api_are_never_files() {
        for first in API {
            for path in
                [format!("/{first}"), format!("/{first}/x"), format!("/%{:02x}{}", first.as_bytes()[0], &first[1..])]
            {
                assert_eq!(name(&path), None, "{path}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_the_folder_and_not_out_of_it() {
        let (app, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(app.path().join("real.txt"), "in").unwrap();
        std::fs::write(outside.path().join("secret.txt"), "out").unwrap();
        std::os::unix::fs::symlink("real.txt", app.path().join("link.txt")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.txt"), app.path().join("file.txt")).unwrap();
        std::os::unix::fs::symlink(outside.path(), app.path().join("folder")).unwrap();
        let found = |name: &str| find(app.path(), Path::new(name)).is_some();
        assert!(found("real.txt") && found("link.txt"));
        for out in ["file.txt", "folder/secret.txt", "folder", "missing.txt", "."] {
            assert!(!found(out), "{out}");
        }
    }

    #[test]
    fn a_folder_without_an_index_is_no_app() {
        let empty = tempfile::tempdir().unwrap();
        assert!(Site::folder(empty.path()).is_err());
        assert!(Site::folder(&empty.path().join("missing")).is_err());
        std::fs::write(empty.path().join(INDEX), "").unwrap();
        assert!(Site::folder(empty.path()).is_ok());
    }
}
