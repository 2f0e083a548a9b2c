//! The contract, row by row, over real sockets, on each host. Cases know nothing of the host they run on.
//!
//! `cargo test -p timeweft-e2e --test contract -- gateway::` runs those of one host.

mod http;
mod limits;
mod notes;
mod org;
mod sign_in;
mod socket;
mod sync;
mod types;

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use timeweft_e2e::Server;
use tokio::runtime::Runtime;

/// Where a case's server is.
pub(crate) type Url = String;

/// Collects the cases for one host.
pub(crate) struct Cases {
    host: &'static str,
    url: Url,
    runtime: Arc<Runtime>,
    trials: Vec<Trial>,
}

impl Cases {
    fn add<F>(&mut self, name: &str, case: impl Fn(Url) -> F + Send + 'static)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (url, runtime) = (self.url.clone(), self.runtime.clone());
        let run = move || runtime.block_on(case(url)).map_err(|error| Failed::from(format!("{error:?}")));
        self.trials.push(Trial::test(format!("{}::{name}", self.host), run));
    }
}

/// Adds each function under its own name.
macro_rules! cases {
    ($cases:expr, $($case:ident),+ $(,)?) => {
        pub(crate) fn add(cases: &mut crate::Cases) {
            $(cases.add(concat!($cases, "::", stringify!($case)), $case);)+
        }
    };
}
pub(crate) use cases;

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new()?);
    let mut trials = Vec::new();
    let mut servers = Vec::new();
    for (host, server) in [("serve", Server::serve()?), ("gateway", Server::gateway()?)] {
        let mut cases = Cases { host, url: server.url.clone(), runtime: runtime.clone(), trials: Vec::new() };
        servers.push(server);
        socket::add(&mut cases);
        sync::add(&mut cases);
        http::add(&mut cases);
        sign_in::add(&mut cases);
        limits::add(&mut cases);
        notes::add(&mut cases);
        types::add(&mut cases);
        org::add(&mut cases);
        trials.append(&mut cases.trials);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(servers);
    conclusion.exit();
}
