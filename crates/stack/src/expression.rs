//! Text of a template: known now, or worked out by CloudFormation when it deploys.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// A text that may hold references. It renders as plain text, `Ref`, `Fn::GetAtt` or `Fn::Sub`, whichever is simplest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(String),
    Attribute(String, String),
}

impl Expression {
    /// Text with placeholders as `Fn::Sub` has them: `${AWS::Region}`, `${LogicalId}`, `${LogicalId.Attribute}`.
    #[must_use]
    pub fn sub(template: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, remainder)) = after.split_once('}') else {
                break;
            };
            push_text(&mut parts, before);
            parts.push(placeholder(name));
            rest = remainder;
        }
        push_text(&mut parts, rest);
        Self { parts }
    }

    #[must_use]
    pub fn reference(logical_id: &str) -> Self {
        Self {
            parts: vec![Part::Reference(logical_id.to_owned())],
        }
    }

    #[must_use]
    pub fn attribute(logical_id: &str, name: &str) -> Self {
        Self {
            parts: vec![Part::Attribute(logical_id.to_owned(), name.to_owned())],
        }
    }

    /// This expression between two texts, which may hold placeholders.
    #[must_use]
    pub fn within(&self, before: &str, after: &str) -> Self {
        let mut parts = Self::sub(before).parts;
        parts.extend(self.parts.iter().cloned());
        parts.extend(Self::sub(after).parts);
        Self {
            parts: joined(parts),
        }
    }

    #[must_use]
    pub fn to_value(&self) -> Value {
        match self.parts.as_slice() {
            [] => json!(""),
            [Part::Text(text)] => json!(text),
            [Part::Reference(id)] => json!({ "Ref": id }),
            [Part::Attribute(id, name)] => json!({ "Fn::GetAtt": [id, name] }),
            parts => json!({ "Fn::Sub": parts.iter().map(substitution).collect::<String>() }),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn placeholder(name: &str) -> Part {
    match name.split_once('.') {
        Some((id, attribute)) => Part::Attribute(id.to_owned(), attribute.to_owned()),
        None => Part::Reference(name.to_owned()),
    }
}

fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => joined.push(part),
        }
    }
    joined
}

/// Text that looks like a placeholder is written `${!..}`, which `Fn::Sub` leaves alone.
fn substitution(part: &Part) -> String {
    match part {
        Part::Text(text) => text.replace("${", "${!"),
        Part::Reference(id) => format!("${{{id}}}"),
        Part::Attribute(id, name) => format!("${{{id}.{name}}}"),
    }
}

impl From<&str> for Expression {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Expression {
    fn from(text: String) -> Self {
        Self {
            parts: vec![Part::Text(text)],
        }
    }
}

impl From<&Expression> for Value {
    fn from(expression: &Expression) -> Self {
        expression.to_value()
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Expression;

    #[test]
    fn renders_as_the_simplest_form() {
        assert_eq!(Expression::from("a${b}").to_value(), json!("a${b}"));
        assert_eq!(
            Expression::sub("${Files}").to_value(),
            json!({ "Ref": "Files" })
        );
        assert_eq!(
            Expression::sub("${Files.Arn}").to_value(),
            json!({ "Fn::GetAtt": ["Files", "Arn"] })
        );
        let name = Expression::sub("files-${AWS::Region}");
        assert_eq!(
            name.within("arn:aws:s3:::", "/*").to_value(),
            json!({ "Fn::Sub": "arn:aws:s3:::files-${AWS::Region}/*" })
        );
        assert_eq!(
            Expression::from("files")
                .within("arn:aws:s3:::", "")
                .to_value(),
            json!("arn:aws:s3:::files")
        );
        let literal = Expression::from("${x}").within("", "-${Files}");
        assert_eq!(literal.to_value(), json!({ "Fn::Sub": "${!x}-${Files}" }));
    }
}
