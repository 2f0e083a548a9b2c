//! The door for hosts that speak `wasi:http` 0.3, Spin first among them.
//!
//! It turns what comes over HTTP into calls of `timeweft:person/handler` and the outcome back into HTTP, and executes the
//! effects that the outcome asks for. It decides nothing: who may do what, and whether a socket opens, is the person's.
//!
//! | request | becomes |
//! |---|---|
//! | `GET /` | the page |
//! | `POST` of `application/websocket-events` | `handle-events`, one batch (`convert`, over `timeweft-grip`) |
//! | `POST /internal/resync` | `resync`, for a gateway that signs its requests |
//! | anything else | `handle-request` |
//!
//! An answer leaves when its effects are done or have failed; a failed publish is logged and made good by the gateway's
//! next resync. Instances are reused for many requests: nothing is kept between them.

mod convert;
mod effects;
mod incoming;
mod outgoing;
mod settings;
mod sockets;

// What `generate!` expands to is the ABI, unsafe by nature.
#[allow(unsafe_code)]
mod wit {
    spin_sdk::wit_bindgen::generate!({
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        path: [
            "../../wit/deps/fermyon-spin@2.0.0",
            "../../wit/storage.wit",
            "../../wit/entity.wit",
            "../../wit/person.wit",
            "../../wit/front.wit",
        ],
        world: "timeweft:front/front",
        additional_derives: [PartialEq],
        generate_all,
    });
}

use spin_sdk::http::{Method, Request};
use spin_sdk::http_service;
use timeweft_grip::events::MEDIA_TYPE;
use timeweft_grip::{items, jwt};

use incoming::Incoming;
use outgoing::{Answer, failure, json, page};
use wit::timeweft::person::handler;

/// The page that the embedded host serves too.
const PAGE: &str = include_str!("../../../host/page/index.html");

#[http_service]
async fn serve(request: Request) -> Answer {
    let incoming = match Incoming::read(request, settings::body_limit()).await {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    match (&incoming.method, incoming.path()) {
        (&Method::GET | &Method::HEAD, "/") => page(PAGE),
        (&Method::POST, _) if incoming.content_type() == MEDIA_TYPE => sockets::serve(incoming).await,
        (&Method::POST, "/internal/resync") => resync(&incoming),
        _ => ordinary(incoming).await,
    }
}

async fn ordinary(incoming: Incoming) -> Answer {
    let response = handler::handle_request(&incoming.into());
    effects::execute(response.effects).await;
    outgoing::answer(response.status, response.headers, response.body)
}

/// Answers a gateway that asks which of its connections missed something. The items can hold any entity's content, so
/// only who knows the key may ask.
fn resync(incoming: &Incoming) -> Answer {
    let Some(key) = settings::get("grip_key") else {
        return failure(401, "unauthorized", "resync needs the variable grip_key, here and at the gateway");
    };
    let Some(signature) = incoming.header("grip-sig") else {
        return failure(401, "unauthorized", "Grip-Sig: missing");
    };
    if let Err(error) = jwt::claims(signature, key.as_bytes(), settings::now()) {
        return failure(401, "unauthorized", &format!("Grip-Sig: {error}"));
    }
    match items::decode_held(&incoming.body) {
        Ok(held) => {
            let held: Vec<_> = held.into_iter().map(convert::held).collect();
            json(200, items::encode(handler::resync(&held).into_iter().map(convert::item)))
        }
        Err(error) => failure(400, "bad-request", &format!("expected {{\"held\":[{{\"channel\",\"id\"}}]}}: {error}")),
    }
}
