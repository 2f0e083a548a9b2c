//! What a client wants its answer in (RFC 9110, 12.5.1): `Accept` with its weights, or else the format of the body it sent.
//!
//! JSON and CBOR are all we write, and who accepts neither by name gets JSON. Errors are problem details (RFC 9457) for who
//! names their media type.

use timeweft_core::message::Format;

use crate::event::Header;

use super::answer::media_type;
use super::problem;

/// What the answer is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) format: Format,
    /// An error as problem details.
    pub(super) problems: bool,
}

/// What these headers ask for.
pub(super) fn wanted(headers: &[Header]) -> Wanted {
    let mut best: Option<(Format, f32)> = None;
    let mut problems = false;
    let lines = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("accept"));
    for range in lines.flat_map(|line| line.value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(0.0));
        if weight <= 0.0 {
            continue;
        }
        problems |= kind.eq_ignore_ascii_case(problem::MEDIA_TYPE);
        if let Some(format) = Format::of_media_type(kind)
            && best.is_none_or(|(_, most)| weight > most)
        {
            best = Some((format, weight));
        }
    }
    let of_body = || media_type(headers).and_then(|kind| Format::of_media_type(&kind));
    // Problem details are JSON, so who names nothing else wants JSON.
    let format = match best {
        Some((format, _)) => format,
        None if problems => Format::Json,
        None => of_body().unwrap_or(Format::Json),
    };
    Wanted { format, problems }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_format_named_is_taken_and_the_bodys_when_none_is() {
        let ask = |accept: &str, sent: &str| {
            let wanted = wanted(&[Header::new("accept", accept), Header::new("content-type", sent)]);
            (wanted.format, wanted.problems)
        };
        for (accept, sent, format, problems) in [
            ("", "", Format::Json, false),
            ("*/*", "application/cbor", Format::Cbor, false),
            ("text/html, */*;q=0.1", "", Format::Json, false),
            ("application/cbor", "application/json", Format::Cbor, false),
            ("application/json;q=0.5, application/cbor; q=0.9", "", Format::Cbor, false),
            ("application/json, application/cbor", "", Format::Json, false),
            ("application/cbor;q=0, */*", "", Format::Json, false),
            ("application/json, Application/Problem+JSON", "", Format::Json, true),
            ("application/problem+json", "application/cbor", Format::Json, true),
            ("application/cbor, application/problem+json", "", Format::Cbor, true),
            ("application/problem+json;q=0", "", Format::Json, false),
        ] {
            assert_eq!(ask(accept, sent), (format, problems), "{accept} after {sent}");
        }
    }
}
