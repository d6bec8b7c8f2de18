//! YAML as CloudFormation reads it: short forms of the functions, no aliases, no merges.
//!
//! The document becomes the JSON that it stands for (`!Ref X` is `{"Ref": "X"}`), so that nothing behind
//! this module knows which of the two a template was written in.

use std::borrow::Cow;

use cumulet_engine::error::{Error, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value, json};

/// Deeper nesting than any template has; a bound on the recursion.
const DEPTH_MAX: usize = 100;

/// The template's document.
pub(super) fn parse(text: &str) -> Result<Value> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
    };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
            event => return reader.value(event, 0),
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>> {
        let next: Option<Result<(Event<'a>, Span), ScanError>> = self.events.next();
        match next {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(not_well_formed(&error)),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(Error::new(
                "ValidationError",
                "Template format error: YAML not well-formed.",
            ));
        }
        match event {
            Event::Scalar(text, style, _, tag) => scalar(&text, style, tag.as_deref()),
            Event::SequenceStart(_, tag) => {
                let items = self.sequence(depth)?;
                tagged(tag, Value::Array(items))
            }
            Event::MappingStart(_, tag) => {
                let members = self.mapping(depth)?;
                tagged(tag, Value::Object(members))
            }
            Event::Alias(_) => Err(Error::new(
                "ValidationError",
                "Template error: YAML aliases are not allowed in CloudFormation templates",
            )),
            _ => Ok(Value::Null),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd | Event::StreamEnd => return Ok(items),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Map<String, Value>> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd | Event::StreamEnd => return Ok(members),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => {
                    return Err(Error::new(
                        "ValidationError",
                        "Template format error: YAML not well-formed.",
                    ));
                }
            };
            let event = self.next()?;
            let value = self.value(event, depth + 1)?;
            members.insert(key, value);
        }
    }
}

fn not_well_formed(error: &ScanError) -> Error {
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    Error::new(
        "ValidationError",
        format!("Template format error: YAML not well-formed. (line {line}, column {column})"),
    )
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value> {
    match tag {
        Some(tag) if tag.suffix == "str" && tag.is_yaml_core_schema() => Ok(text.into()),
        Some(tag) if !tag.is_yaml_core_schema() => {
            tagged(Some(Cow::Borrowed(tag)), Value::String(text.into()))
        }
        _ if matches!(style, ScalarStyle::Plain) => Ok(plain(text)),
        _ => Ok(text.into()),
    }
}

/// An unquoted scalar by the core schema; a number with leading zeros stays text, since account ids do.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins_with_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') || begins_with_zero
    {
        return text.into();
    }
    number(text).map_or_else(|| text.into(), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(numeric) || !text.contains('.') {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}

/// A value under a short form.
fn tagged(tag: Option<Cow<'_, Tag>>, value: Value) -> Result<Value> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else {
        return Ok(value);
    };
    let name = match tag.suffix.as_str() {
        short @ ("Ref" | "Condition") => short.to_owned(),
        short @ ("And" | "Base64" | "Cidr" | "Equals" | "FindInMap" | "ForEach" | "GetAZs"
        | "GetAtt" | "If" | "ImportValue" | "Join" | "Length" | "Not" | "Or"
        | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform" | "Contains"
        | "EachMemberEquals" | "EachMemberIn" | "RefAll" | "ValueOf" | "ValueOfAll") => {
            format!("Fn::{short}")
        }
        other => {
            let message = format!("Template format error: unknown tag !{other}");
            return Err(Error::new("ValidationError", message));
        }
    };
    Ok(json!({ name: value }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn short_forms_and_scalars_become_the_json_they_stand_for() {
        let text = "
A: !Ref X
B: !GetAtt X.Arn
C: !Sub ['${a}', {a: !Ref Y}]
D: [1, 1.5, true, no, 012345678901, 2012-10-17, '5', ~]
E: !If [Yes, {a: 1}, !Ref 'AWS::NoValue']
F: |
  line
";
        let expected = json!({
            "A": { "Ref": "X" },
            "B": { "Fn::GetAtt": "X.Arn" },
            "C": { "Fn::Sub": ["${a}", { "a": { "Ref": "Y" } }] },
            "D": [1, 1.5, true, "no", "012345678901", "2012-10-17", "5", null],
            "E": { "Fn::If": ["Yes", { "a": 1 }, { "Ref": "AWS::NoValue" }] },
            "F": "line\n",
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_no_yaml_or_uses_aliases_is_refused() {
        let message = |text: &str| parse(text).map_err(|error| error.message);
        assert_eq!(
            message("A: [1"),
            Err("Template format error: YAML not well-formed. (line 2, column 1)".into())
        );
        assert_eq!(
            message("A: &x 1\nB: *x"),
            Err("Template error: YAML aliases are not allowed in CloudFormation templates".into())
        );
        assert_eq!(
            message("A: !Nonsense 1"),
            Err("Template format error: unknown tag !Nonsense".into())
        );
    }
}
