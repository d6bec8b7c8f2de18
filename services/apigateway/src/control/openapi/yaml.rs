//! An OpenAPI document's text, JSON or YAML, as the JSON it stands for.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Number, Value};

/// Deeper nesting than any document has; a bound on the recursion.
const DEPTH_MAX: usize = 100;

/// The document; `None` where it is neither JSON nor YAML, or uses aliases.
pub(super) fn parse(text: &str) -> Option<Value> {
    let document = serde_json::from_str(text)
        .ok()
        .or_else(|| Reader(Parser::new_from_str(text)).document());
    document.filter(Value::is_object)
}

struct Reader<'a>(Parser<'a, StrInput<'a>>);

impl<'a> Reader<'a> {
    fn document(mut self) -> Option<Value> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(_) => {}
                event => return self.value(event, 0),
            }
        }
    }

    fn next(&mut self) -> Option<Event<'a>> {
        let next: Option<Result<(Event<'a>, Span), ScanError>> = self.0.next();
        Some(next?.ok()?.0)
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Some(plain(&text)),
            Event::Scalar(text, ..) => Some(text.into()),
            Event::SequenceStart(..) => self.sequence(depth),
            Event::MappingStart(..) => self.mapping(depth),
            _ => None,
        }
    }

    fn sequence(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Some(Value::Array(items)),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Some(Value::Object(members)),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return None,
            };
            let event = self.next()?;
            members.insert(key, self.value(event, depth + 1)?);
        }
    }
}

/// An unquoted scalar by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let is_numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let number = text.parse::<i64>().map(Number::from).ok().or_else(|| {
        let number = text.bytes().all(is_numeric).then(|| text.parse().ok());
        number.flatten().and_then(Number::from_f64)
    });
    number.map_or_else(|| text.into(), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn json_and_yaml_mean_the_same() {
        let expected = json!({ "a": { "200": [1, 1.5, true, null, "x: y", "1.0.0"] }, "t": "l\n" });
        let yaml = "a:\n  200: [1, 1.5, true, ~, 'x: y', 1.0.0]\nt: |\n  l\n";
        assert_eq!(parse(yaml), Some(expected.clone()));
        assert_eq!(parse(&expected.to_string()), Some(expected));
        for broken in ["a: [1", "[]", "", "{", "a: &x 1\nb: *x"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
