//! `$input`: the body and the parameters of a request, or the body of an integration's answer.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::{Fault, Result, json_path, shown};

/// What a template transforms.
#[derive(Debug, Default)]
pub(in super::super) struct Input {
    body: String,
    parsed: OnceCell<Value>,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Input {
    pub(in super::super) fn new(
        body: &[u8],
        path: Vec<(String, String)>,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self {
            body: String::from_utf8_lossy(body).into_owned(),
            parsed: OnceCell::new(),
            path,
            query,
            headers,
        }
    }

    /// The same parameters beside another body: an integration's answer.
    pub(in super::super) fn with_body(self, body: &[u8]) -> Self {
        Self {
            body: String::from_utf8_lossy(body).into_owned(),
            parsed: OnceCell::new(),
            ..self
        }
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    pub(super) fn call(&self, name: &str, arguments: &[Value]) -> Result<Value> {
        let argument = arguments.first().map(shown);
        Ok(match (name, argument) {
            ("path", Some(path)) => self.select(&path)?,
            ("json", Some(path)) => json_text(&self.select(&path)?).into(),
            ("params", None) => self.all_parameters(),
            ("params", Some(name)) => self.parameter(&name),
            ("body" | "getBody", None) => self.body.as_str().into(),
            _ => {
                return Err(Fault::new(format!(
                    "there is no $input.{name} of this form"
                )));
            }
        })
    }

    /// A body that is no JSON is one text; one that is empty is an empty object.
    fn select(&self, path: &str) -> Result<Value> {
        let root = self.parsed.get_or_init(|| match self.body.trim() {
            "" => Value::Object(Map::new()),
            text => serde_json::from_str(text).unwrap_or_else(|_| self.body.as_str().into()),
        });
        json_path::select(root, path)
    }

    fn all_parameters(&self) -> Value {
        let object = |pairs: &[(String, String)]| -> Value {
            let pairs = pairs.iter().cloned();
            Value::Object(pairs.map(|(name, value)| (name, value.into())).collect())
        };
        json!({
            "path": object(&self.path),
            "querystring": object(&self.query),
            "header": object(&self.headers),
        })
    }

    /// Path before query before headers.
    fn parameter(&self, name: &str) -> Value {
        let exact = |pairs: &[(String, String)]| {
            let found = pairs.iter().rev().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let header = || {
            let mut headers = self.headers.iter().rev();
            let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let found = exact(&self.path)
            .or_else(|| exact(&self.query))
            .or_else(header);
        found.unwrap_or_default().into()
    }
}

/// `$input.json`: JSON, where nothing is an empty text.
fn json_text(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        value => value.to_string(),
    }
}
