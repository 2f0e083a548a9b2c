//! Flags and environment. Every flag can be given as `TIMEWEFT_NAME` too.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use sign_in::{MailFlags, SignIn};

mod sign_in;

/// Keeps temporal entities in step between people, browsers and tabs.
#[derive(Debug, Parser)]
#[command(name = "timeweft", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process: gateway, components and an SQLite database. Nothing else to install.
    Serve(Box<Serve>),
    /// Reads all that a data folder holds, which no timeweft may have open, and names what is damaged.
    Check(Check),
    /// Says what a file of types (`serve --types`) would change, and which values in a data folder that no timeweft has open would not fit.
    /// Changes nothing.
    Types(Types),
    /// Only the WebSocket side, in front of an HTTP server that runs the components (`spin up`).
    Gateway(Box<Gateway>),
}

/// `timeweft check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The folder that `timeweft serve --data` was given.
    #[arg(long, env = "TIMEWEFT_DATA", value_name = "FOLDER", default_value = ".timeweft")]
    pub data: PathBuf,

    /// Only this entity, as type:id.
    #[arg(long, value_name = "ENTITY")]
    pub entity: Option<String>,
}

/// `timeweft types`.
#[derive(Debug, Args)]
pub struct Types {
    /// What the app declares of its types: a JSON object of them by their names.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The folder that `timeweft serve --data` was given.
    #[arg(long, env = "TIMEWEFT_DATA", value_name = "FOLDER", default_value = ".timeweft")]
    pub data: PathBuf,
}

/// `timeweft serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Flags of both.
    #[command(flatten)]
    pub common: Common,

    /// Where everything durable is kept: the database, the key, compiled code. One timeweft at a time.
    #[arg(long, env = "TIMEWEFT_DATA", value_name = "FOLDER", default_value = ".timeweft")]
    pub data: PathBuf,

    /// Signs sessions; at least 32 characters. By default the one in FOLDER/key, which the first start makes.
    #[arg(long, env = "TIMEWEFT_KEY", hide_env_values = true, conflicts_with = "key_file")]
    pub key: Option<String>,

    /// A file that holds the key.
    #[arg(long, env = "TIMEWEFT_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// The key of before: who signed in while it was the key stays signed in. Leave it out 30 days after the change.
    #[arg(long, env = "TIMEWEFT_KEY_BEFORE", hide_env_values = true, value_name = "KEY")]
    pub key_before: Option<String>,

    /// For trying things out: sign-in answers with the code, cookies work without TLS.
    #[arg(long, env = "TIMEWEFT_DEVELOPMENT")]
    pub development: bool,

    /// Web origins whose pages may open sockets and use the API, beside our own, such as `https://app.example.org`; repeat
    /// or separate by commas.
    #[arg(long = "origin", env = "TIMEWEFT_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub origins: Vec<String>,

    /// Who may define types, by email or person id; repeat or separate by commas. With none, in development mode everybody.
    #[arg(long = "admin", env = "TIMEWEFT_ADMINS", value_name = "PERSON", value_delimiter = ',')]
    pub admins: Vec<String>,

    /// What the app declares of its types, taken over at the start: a JSON object of them by their names. `timeweft types` says before what that changes.
    #[arg(long, env = "TIMEWEFT_TYPES", value_name = "FILE")]
    pub types: Option<PathBuf>,

    /// The web app that invitations by mail lead to, with `?invitation=TOKEN` behind it, such as `https://app.example.org/join`.
    #[arg(long, env = "TIMEWEFT_APP_URL", value_name = "URL")]
    pub app_url: Option<String>,

    /// The composed component, as `cargo xtask build` makes it. Looked for beside the program by default.
    #[arg(long, env = "TIMEWEFT_COMPONENT", value_name = "FILE")]
    pub component: Option<PathBuf>,

    /// How many calls into components compute at once. As many as there are cores by default.
    #[arg(long, env = "TIMEWEFT_WORKERS", value_name = "N")]
    pub workers: Option<usize>,

    /// A call into a component may compute for this long.
    #[arg(long, env = "TIMEWEFT_CALL_SECONDS", value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub call_seconds: Duration,

    /// A call into a component may use so much memory.
    #[arg(long, env = "TIMEWEFT_CALL_MEMORY_BYTES", value_name = "BYTES", default_value_t = 512 << 20)]
    pub call_memory_bytes: usize,

    /// How people sign in.
    #[command(flatten)]
    pub sign_in: SignIn,

    /// What clients may send.
    #[command(flatten)]
    pub limits: Limits,
}

/// Limits (docs/protocol.md, "Limits").
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// A value, encoded.
    #[arg(long, env = "TIMEWEFT_LIMIT_VALUE_BYTES", value_name = "BYTES", default_value_t = 16 << 20)]
    pub limit_value_bytes: usize,

    /// How deep values and diffs are nested.
    #[arg(long, env = "TIMEWEFT_LIMIT_DEPTH", value_name = "N", default_value_t = 128)]
    pub limit_depth: usize,

    /// A request's body.
    #[arg(long, env = "TIMEWEFT_LIMIT_BODY_BYTES", value_name = "BYTES", default_value_t = 16 << 20)]
    pub limit_body_bytes: usize,

    /// Operations in a diff.
    #[arg(long, env = "TIMEWEFT_LIMIT_DIFF_OPERATIONS", value_name = "N", default_value_t = 100_000)]
    pub limit_diff_operations: usize,

    /// Subscriptions of a connection.
    #[arg(long, env = "TIMEWEFT_LIMIT_SUBSCRIPTIONS", value_name = "N", default_value_t = 1_000)]
    pub limit_subscriptions: usize,
}

/// `timeweft gateway`.
#[derive(Debug, Args)]
pub struct Gateway {
    /// Flags of both.
    #[command(flatten)]
    pub common: Common,

    /// The HTTP server that runs the components, such as http://127.0.0.1:3000.
    #[arg(long, env = "TIMEWEFT_UPSTREAM", value_name = "URL")]
    pub upstream: String,

    /// Where the upstream publishes to (POST /publish/). Only the upstream should reach it.
    #[arg(long, env = "TIMEWEFT_PUBLISH", value_name = "ADDRESS", default_value = "127.0.0.1:5561")]
    pub publish: SocketAddr,

    /// Signs what is sent to the upstream (`Grip-Sig`); the same key as the upstream's `grip-key`.
    #[arg(long, env = "TIMEWEFT_GRIP_KEY", hide_env_values = true, value_name = "KEY")]
    pub grip_key: Option<String>,

    /// The upstream may take this long to answer.
    #[arg(long, env = "TIMEWEFT_UPSTREAM_SECONDS", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub upstream_seconds: Duration,
}

/// Flags of both.
#[derive(Debug, Args)]
pub struct Common {
    /// Where clients connect. With port 0 the system chooses one.
    #[arg(long, env = "TIMEWEFT_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// A page to serve at `/` instead of the built-in one.
    #[arg(long, env = "TIMEWEFT_PAGE", value_name = "FILE")]
    pub page: Option<PathBuf>,

    /// A built web app to serve from `/` on, instead of the built-in page: a folder with an index.html.
    #[arg(long, env = "TIMEWEFT_ASSETS", value_name = "FOLDER", conflicts_with = "page")]
    pub assets: Option<PathBuf>,

    /// A message on a socket.
    #[arg(long, env = "TIMEWEFT_LIMIT_MESSAGE_BYTES", value_name = "BYTES", default_value_t = 1 << 20)]
    #[arg(help_heading = "Limits")]
    pub limit_message_bytes: usize,

    /// Proxies of your own between clients and here, each of which adds to X-Forwarded-For: what counts as the client's address.
    #[arg(long, env = "TIMEWEFT_TRUSTED_PROXIES", value_name = "N", default_value_t = 0)]
    pub trusted_proxies: usize,

    /// What one person may use at once, and one address for those who aren't signed in.
    #[command(flatten)]
    pub shares: Shares,

    /// Between two pings to a client. One that does not answer two of them is let go.
    #[arg(long, env = "TIMEWEFT_PING_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    #[arg(help_heading = "Sockets")]
    pub ping_seconds: Duration,

    /// Between two rounds of asking what subscribers may have missed.
    #[arg(long, env = "TIMEWEFT_RESYNC_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    #[arg(help_heading = "Sockets")]
    pub resync_seconds: Duration,

    /// So many frames may wait for one client; one that reads more slowly is let go.
    #[arg(long, env = "TIMEWEFT_QUEUE_FRAMES", value_name = "N", default_value_t = 1_000, help_heading = "Sockets")]
    pub queue_frames: usize,

    /// So many bytes may wait for one client.
    #[arg(long, env = "TIMEWEFT_QUEUE_BYTES", value_name = "BYTES", default_value_t = 4 << 20, help_heading = "Sockets")]
    pub queue_bytes: usize,

    /// What to log, to stderr: error, warn, info, debug, or by module (info,timeweft_host::store=debug).
    #[arg(long, env = "TIMEWEFT_LOG", value_name = "FILTER", default_value = "info", help_heading = "Logs")]
    pub log: String,

    /// How logs are written.
    #[arg(long, env = "TIMEWEFT_LOG_FORMAT", value_name = "FORMAT", default_value = "text", help_heading = "Logs")]
    pub log_format: LogFormat,
}

/// What one person may use at once, and one address for those who aren't signed in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shares (of one person, and of one address for those who aren't signed in)")]
pub struct Shares {
    /// HTTP requests under way. A socket has one call under way.
    #[arg(long, env = "TIMEWEFT_LIMIT_CALLS", value_name = "N", default_value_t = 256)]
    pub limit_calls: usize,

    /// Bytes held: bodies and messages that are not complete yet, answers that were not read yet.
    #[arg(long, env = "TIMEWEFT_LIMIT_HELD_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    pub limit_held_bytes: usize,

    /// Bytes held for everybody together.
    #[arg(long, env = "TIMEWEFT_LIMIT_ALL_HELD_BYTES", value_name = "BYTES", default_value_t = 512 << 20)]
    pub limit_all_held_bytes: usize,

    /// Sockets.
    #[arg(long, env = "TIMEWEFT_LIMIT_SOCKETS", value_name = "N", default_value_t = 10_000)]
    pub limit_sockets: usize,

    /// Subscriptions of all its sockets; past that a socket is closed with 1013.
    #[arg(long, env = "TIMEWEFT_LIMIT_ALL_SUBSCRIPTIONS", value_name = "N", default_value_t = 50_000)]
    pub limit_all_subscriptions: usize,

    /// HTTP requests a second, and sockets opened.
    #[arg(long, env = "TIMEWEFT_LIMIT_REQUESTS", value_name = "N", default_value = "2000")]
    pub limit_requests: NonZeroU32,

    /// Sign-in codes asked for from one address in ten minutes, and as many guesses. Not counted in development mode unless given.
    #[arg(long, env = "TIMEWEFT_LIMIT_SIGN_INS", value_name = "N")]
    pub limit_sign_ins: Option<NonZeroU32>,

    /// Sign-in codes asked for by everybody in ten minutes. Not counted in development mode unless given.
    #[arg(long, env = "TIMEWEFT_LIMIT_ALL_SIGN_INS", value_name = "N")]
    pub limit_all_sign_ins: Option<NonZeroU32>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("seconds, from 0.01 to 86400".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_are_positive_and_may_be_fractions() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "inf", "x"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
