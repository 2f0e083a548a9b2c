//! `/api/v1/{procedure}`: notes by remote procedure calls, in the wire format of tRPC 11, which npm `@trpc/client` speaks as it is.
//!
//! | module | what |
//! |---|---|
//! | [`procedures`] | what each procedure does |
//! | [`history`], [`list`] | the two that gather many |
//! | [`input`] | what is asked of it |
//! | [`fault`] | why it could not be done, as tRPC says it |
//!
//! A call names one procedure, or with `?batch=1` several, separated by commas, which are executed in that order; each has an
//! answer of its own. Queries are asked by `GET` with `?input=` or by `POST` with a body, mutations by `POST` alone. Answers
//! are not streamed, and there is no transformer: what is in them is JSON.

mod fault;
mod history;
mod input;
mod list;
mod procedures;
#[cfg(test)]
mod tests;

use timeweft_core::message::Code;

use crate::event::{Effect, Header, HttpResponse, header};
use crate::host::Host;

use super::answer::{Refused, media_type, refuse};
use super::exchange::Exchange;

use fault::Fault;
use input::Inputs;
use procedures::{Notes, Procedure};

/// Procedures in one call.
const MOST: usize = 100;

/// Bytes of answers in one call: what comes after is refused, so that no call asks for everything at once.
const ANSWER_BYTES: usize = 16 << 20;

const JSON: &str = "application/json";

/// Whether an address is that of procedures.
pub(super) fn is_call(path: &str) -> bool {
    path.strip_prefix("/api/v1/")
        .is_some_and(|rest| !rest.contains('/') && !["entities", "openapi.json"].contains(&rest))
}

/// The methods that the address of these procedures takes.
pub(super) fn methods(names: &str) -> &'static str {
    let mutates = |name| Procedure::named(name, "GET").is_err_and(|fault| fault.allow.is_some());
    if names.split(',').any(mutates) { "POST, OPTIONS" } else { "GET, HEAD, POST, OPTIONS" }
}

/// The answer to a request that was refused before any procedure was looked at.
pub(super) fn refusal(refused: &Refused) -> HttpResponse {
    let fault = Fault::from(refused);
    response(fault.status(), fault.json(None).to_string(), Vec::new())
}

/// Performs what a request names.
pub(super) async fn handle<H: Host>(exchange: &Exchange<'_, H>, names: &str) -> Result<HttpResponse, Refused> {
    let headers = &exchange.request.headers;
    let streamed = |name| header(headers, name).is_some_and(|kinds| kinds.contains("application/jsonl"));
    if streamed("trpc-accept") || streamed("accept") {
        let message = "answers are not streamed: use httpBatchLink, or httpLink";
        return Err(refuse(Code::NotImplemented, message));
    }
    if exchange.request.method == "POST" && media_type(headers).as_deref() != Some(JSON) {
        return Err(refuse(Code::UnsupportedMediaType, "send `application/json`"));
    }
    let batched = exchange.parameter("batch").as_deref() == Some("1");
    let names: Vec<&str> = if batched { names.split(',').collect() } else { vec![names] };
    if names.len() > MOST {
        return Err(refuse(Code::BadRequest, format!("a batch has at most {MOST} calls (`maxItems`)")));
    }

    let inputs = Inputs::read(exchange, batched);
    let caller = exchange.caller().await;
    let (mut answers, mut statuses, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut allow) = (0, None);
    for (index, name) in names.into_iter().enumerate() {
        let executed = async {
            let procedure = Procedure::named(name, &exchange.request.method)?;
            let caller = caller.as_ref().map_err(Fault::from)?;
            let input = inputs.of(index)?;
            if bytes > ANSWER_BYTES {
                return Err(Fault::new(413, "the answers before this one fill the batch: ask in a request of its own"));
            }
            let mut notes = Notes::new(exchange.router, caller.principal());
            let answer = notes.execute(procedure, input).await;
            // Also what was done before it failed was done.
            effects.append(&mut notes.effects);
            answer
        };
        let (status, answer) = match executed.await {
            Ok(data) => (200, serde_json::json!({ "result": { "data": data } })),
            Err(fault) => {
                allow = allow.or(fault.allow);
                (fault.status(), fault.json(Some(name)))
            }
        };
        let answer = answer.to_string();
        bytes += answer.len();
        answers.push(answer);
        statuses.push(status);
    }

    let status = match statuses[..] {
        [first, ref rest @ ..] if rest.iter().all(|status| *status == first) => first,
        _ => 207,
    };
    let body = if batched { format!("[{}]", answers.join(",")) } else { answers.concat() };
    let mut response = response(status, body, effects);
    response.headers.extend(allow.map(|methods| Header::new("allow", methods)));
    Ok(response)
}

fn response(status: u16, body: String, effects: Vec<Effect>) -> HttpResponse {
    let mut headers = vec![Header::new("content-type", JSON), Header::new("cache-control", "no-store")];
    headers.extend((status == 401).then(|| Header::new("www-authenticate", "Bearer")));
    HttpResponse { status, headers, body: body.into_bytes(), effects }
}
