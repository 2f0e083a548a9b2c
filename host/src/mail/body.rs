//! The JSON that a mail service is posted: a template of the operator's, in whose texts `{to}`, `{subject}`, `{text}` and `{code}` stand
//! for what is in the mail. The template is JSON itself, so that whatever is put in stays within its text.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::Mail;

pub(super) struct Body(Json);

impl Default for Body {
    fn default() -> Body {
        Body(json!({"to": "{to}", "subject": "{subject}", "text": "{text}"}))
    }
}

impl Body {
    pub(super) fn read(path: &Path) -> Result<Body, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("--mail-body {}: {error}", path.display()))?;
        Body::parse(&text).map_err(|why| format!("--mail-body {}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Body, String> {
        let template = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let body = Body(template);
        let says = |place: &str| holds(&body.0, place);
        // Not every mail has a code.
        if !says("{to}") || !says("{text}") {
            return Err("it has no text with {to}, or none with {text}".to_owned());
        }
        Ok(body)
    }

    /// The body for this mail.
    pub(super) fn of(&self, mail: &Mail) -> Bytes {
        filled(&self.0, mail).to_string().into()
    }
}

fn holds(template: &Json, place: &str) -> bool {
    match template {
        Json::String(text) => text.contains(place),
        Json::Array(elements) => elements.iter().any(|element| holds(element, place)),
        Json::Object(members) => members.values().any(|member| holds(member, place)),
        _ => false,
    }
}

fn filled(template: &Json, mail: &Mail) -> Json {
    match template {
        Json::String(text) => Json::String(filled_text(text, mail)),
        Json::Array(elements) => elements.iter().map(|element| filled(element, mail)).collect(),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(name, member)| (name.clone(), filled(member, mail))).collect())
        }
        other => other.clone(),
    }
}

/// From left to right and once: what was put in is not looked at again.
fn filled_text(template: &str, mail: &Mail) -> String {
    let code = mail.code.as_deref().unwrap_or_default();
    let places = [("{to}", mail.to.as_str()), ("{subject}", &mail.subject), ("{text}", &mail.text), ("{code}", code)];
    let (mut filled, mut rest) = (String::new(), template);
    while let Some(brace) = rest.find('{') {
        filled.push_str(&rest[..brace]);
        rest = &rest[brace..];
        match places.iter().find(|(place, _)| rest.starts_with(place)) {
            Some((place, value)) => {
                filled.push_str(value);
                rest = &rest[place.len()..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        let (to, subject) = ("ann@example.org".to_owned(), "\"{text}\" \\ {to}".to_owned());
        Mail { to, subject, text: "Your code\nis {code}.".to_owned(), code: Some("123456".to_owned()) }
    }

    fn sent(body: &Body) -> Json {
        serde_json::from_slice(&body.of(&mail())).unwrap()
    }

    #[test]
    fn without_a_template_it_is_the_mail() {
        let mail = mail();
        assert_eq!(sent(&Body::default()), json!({"to": mail.to, "subject": mail.subject, "text": mail.text}));
    }

    #[test]
    fn what_is_put_in_stays_in_its_text_and_is_not_looked_at_again() {
        let template = r#"{"a":[{"to":"<{to}>"}],"b":"{subject}{subject}","c":{"code":"{code} {other} {","n":1},"d":["{text}"],"{to}":null}"#;
        let subject = "\"{text}\" \\ {to}";
        let expected = json!({
            "a": [{"to": "<ann@example.org>"}],
            "b": format!("{subject}{subject}"),
            "c": {"code": "123456 {other} {", "n": 1},
            "d": ["Your code\nis {code}."],
            "{to}": null,
        });
        assert_eq!(sent(&Body::parse(template).unwrap()), expected);
    }

    #[test]
    fn a_template_that_sends_nothing_to_nobody_is_refused() {
        for bad in [
            "",
            "{",
            "{to} {text}",
            r#"{"to":"{to}"}"#,
            r#"{"text":"{text}"}"#,
            r#"{"to":"{to}","code":"{code}"}"#,
            r#"{"{to}":"{text}"}"#,
        ] {
            assert!(Body::parse(bad).is_err(), "{bad}");
        }
    }
}
