//! `/sessions`: where a person is signed in (docs/protocol.md, "Sign-in").

use timeweft_core::id::is_local_id;
use timeweft_core::message::Code;
use timeweft_core::value::Value;

use crate::event::HttpResponse;
use crate::host::Host;
use crate::sign_in::sessions;
use crate::token;

use super::account::cookie;
use super::answer::{Refused, of_value, refuse};
use super::exchange::Exchange;

/// `GET /sessions`.
pub(super) async fn list<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let sessions = sessions::of_person(&exchange.router.host, caller.person()).await?;
    let sessions = sessions.into_iter().map(|session| {
        let is_current = session.id == caller.token.session;
        let impersonator = session.impersonator.map(|by| ("impersonatorId", Value::Text(by)));
        let members = [
            ("id", Value::Text(session.id)),
            ("device", Value::Text(session.device)),
            ("begun", Value::Text(session.begun.to_string())),
            ("expires", Value::Text(session.expires.to_string())),
            ("current", Value::Bool(is_current)),
        ];
        Value::object(members.into_iter().chain(impersonator))
    });
    Ok(of_value(200, &Value::object([("sessions", Value::Array(sessions.collect()))]), exchange.format))
}

/// `DELETE /sessions/{id}`.
pub(super) async fn end<H: Host>(exchange: &Exchange<'_, H>, id: &str) -> Result<HttpResponse, Refused> {
    let host = &exchange.router.host;
    let caller = exchange.caller().await?;
    if !is_local_id(id) || sessions::end(host, caller.person(), Some(id)).await?.is_empty() {
        return Err(refuse(Code::NotFound, "you have no such session; GET /sessions lists them"));
    }
    let mut response = of_value(200, &Value::object::<&str>([]), exchange.format);
    let channel = token::session_channel(caller.person(), id);
    response.effects.push(sessions::over(host, channel));
    if id == caller.token.session {
        response.headers.push(cookie("", 0, exchange.router.config.development));
    }
    Ok(response)
}
