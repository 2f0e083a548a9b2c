//! The inputs of a call: of one procedure any JSON, of several an object with the position of each as its key.
//! Fields that nobody asks for are not looked at; null is as good as absent.

use serde_json::{Map, Value as Json};
use timeweft_core::id::EntityId;
use timeweft_core::time::Timestamp;

use crate::host::Host;
use crate::http::exchange::Exchange;
use crate::notes::KIND;

use super::fault::Fault;

/// Of all procedures that a call names; why they can't be read is the fault of each.
pub(super) struct Inputs {
    read: Result<Json, Fault>,
    batched: bool,
}

impl Inputs {
    pub(super) fn read<H: Host>(exchange: &Exchange<'_, H>, batched: bool) -> Inputs {
        let text = match exchange.request.method.as_str() {
            "GET" => exchange.parameter("input").unwrap_or_default().into_bytes(),
            _ => exchange.request.body.clone(),
        };
        let read = if text.is_empty() { Ok(Json::Null) } else { serde_json::from_slice(&text) };
        Inputs { read: read.map_err(|error| Fault::bad_request(format!("the input is no JSON: {error}"))), batched }
    }

    /// That of the procedure at `index`.
    pub(super) fn of(&self, index: usize) -> Result<Input<'_>, Fault> {
        let input = match self.read.as_ref().map_err(Fault::clone)? {
            Json::Object(inputs) if self.batched => inputs.get(&index.to_string()),
            Json::Null => None,
            _ if self.batched => {
                let message = "the input of a batch is an object: `{\"0\": the first one's input, …}`";
                return Err(Fault::bad_request(message));
            }
            input => Some(input),
        };
        match input {
            None | Some(Json::Null) => Ok(Input(None)),
            Some(Json::Object(fields)) => Ok(Input(Some(fields))),
            Some(_) => Err(Fault::bad_request("the input is an object")),
        }
    }
}

/// Of one procedure.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(Option<&'a Map<String, Json>>);

impl<'a> Input<'a> {
    fn field(self, name: &str) -> Option<&'a Json> {
        self.0?.get(name).filter(|field| !field.is_null())
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.field(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::bad_request(format!("`{name}` is a text"))),
        }
    }

    pub(super) fn needed_text(self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A number that counts from 1.
    pub(super) fn count(self, name: &str) -> Result<Option<u64>, Fault> {
        let Some(field) = self.field(name) else { return Ok(None) };
        // JavaScript has one kind of number, and may write 3 as 3.0.
        let whole = field.as_u64().or_else(|| field.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as u64));
        match whole {
            Some(count) if count > 0 => Ok(Some(count)),
            _ => Err(Fault::bad_request(format!("`{name}` is a whole number above 0"))),
        }
    }

    pub(super) fn needed_count(self, name: &str) -> Result<u64, Fault> {
        self.count(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn time(self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Timestamp::parse(text).map(Some).map_err(|error| Fault::bad_request(format!("`{name}`: {error}")))
    }

    /// The note that `id` names.
    pub(super) fn note(self) -> Result<EntityId, Fault> {
        note(self.needed_text("id")?)
    }
}

/// The note of that id.
pub(super) fn note(id: &str) -> Result<EntityId, Fault> {
    EntityId::new(KIND, id).map_err(|error| Fault::bad_request(format!("`id`: {error}")))
}

fn missing(name: &str) -> Fault {
    Fault::bad_request(format!("`{name}` is missing"))
}
