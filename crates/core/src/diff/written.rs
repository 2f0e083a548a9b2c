//! What somebody wrote, without what they wrote it into.

use super::{Diff, Increment, Segment};
use crate::prelude::*;
use crate::value::{Object, Value};

impl Diff {
    /// Only what this puts there: of an object the members that it changes, of texts and arrays what it inserts. None where it
    /// only takes away.
    pub fn written(&self) -> Option<Value> {
        match self {
            Diff::Remove => None,
            Diff::Set { value, .. } | Diff::Increment(Increment { by: value, .. }) => Some(value.clone()),
            Diff::Object(members) => {
                let written = |(key, change): (&String, &Diff)| Some((key.clone(), change.written()?));
                let members: Object = members.iter().filter_map(written).collect();
                (!members.is_empty()).then_some(Value::Object(members))
            }
            Diff::Array(segments) | Diff::Entries(_, segments) => {
                let mut items = Vec::new();
                for segment in segments {
                    match segment {
                        Segment::Insert(run, _) => items.extend(run.iter().cloned()),
                        Segment::Inner(change) | Segment::Put(_, Some(change)) => items.extend(change.written()),
                        Segment::Keep(_) | Segment::Delete(_) | Segment::Take(_) | Segment::Put(_, None) => {}
                    }
                }
                (!items.is_empty()).then_some(Value::Array(items))
            }
            Diff::Text(segments) => {
                let run = |segment: &Segment<String, ()>| match segment {
                    Segment::Insert(run, _) => Some(run.clone()),
                    _ => None,
                };
                let runs: Vec<String> = segments.iter().filter_map(run).collect();
                (!runs.is_empty()).then(|| Value::Text(runs.join("\n")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;
    use crate::diff::diff_closely;
    use crate::limits::TRUSTED;

    fn value(text: &str) -> Value {
        json::value_from_text(text.as_bytes(), &TRUSTED).unwrap()
    }

    #[test]
    fn only_what_was_put_there_is_left() {
        for (base, made, written) in [
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#, Some(r#"{"b":3}"#)),
            (r#"{"a":"one two"}"#, r#"{"a":"one mine two 2"}"#, Some(r#"{"a":"mine \n 2"}"#)),
            (
                r#"{"l":[{"id":1,"t":"x"},{"id":2}]}"#,
                r#"{"l":[{"id":2},{"id":1,"t":"x","d":true},{"id":3}]}"#,
                Some(r#"{"l":[{"d":true},{"id":3}]}"#),
            ),
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, None),
            (r#"{"a":1}"#, r#"{"a":1}"#, None),
            (r#"{"a":1}"#, r#"[]"#, Some("[]")),
        ] {
            let diff = diff_closely(&value(base), &value(made));
            assert_eq!(diff.written(), written.map(value), "{base} to {made}");
        }
    }
}
