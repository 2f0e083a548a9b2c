//! A request on its way through the routes.

use timeweft_core::message::Format;

use crate::Router;
use crate::access::Denied;
use crate::caller::{self, Caller};
use crate::event::HttpRequest;
use crate::host::Host;
use crate::target::unescape;

use super::answer::Refused;

/// The request, and what is known of it.
pub(crate) struct Exchange<'a, H> {
    pub(crate) router: &'a Router<H>,
    pub(crate) request: &'a HttpRequest,
    pub(crate) query: &'a str,
    /// What the answer is written in.
    pub(crate) format: Format,
}

impl<H: Host> Exchange<'_, H> {
    /// Who asks; without a session 401.
    pub(crate) async fn caller(&self) -> Result<Caller, Refused> {
        self.anybody().await?.ok_or_else(|| Denied::SignIn.into())
    }

    /// Who asks, where it may be nobody: what is public is read without a session.
    pub(crate) async fn anybody(&self) -> Result<Option<Caller>, Refused> {
        Ok(caller::identify(&self.router.host, &self.router.config, &self.request.headers).await?)
    }

    /// A parameter of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| unescape(&value.replace('+', " "))).next()?
    }
}
