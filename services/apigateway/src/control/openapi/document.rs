//! What is the same in Swagger 2.0 and OpenAPI 3.0, wherever each keeps it.

use serde_json::{Map, Value};

use super::yaml;

/// Deeper chains of references than any document has.
const REFERENCES_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Swagger2,
    OpenApi3,
}

#[derive(Clone, Debug)]
pub(super) struct Document {
    root: Value,
    pub(super) version: Version,
}

impl Document {
    /// The document in a text; `None` where there is none of either version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let root = yaml::parse(text)?;
        let says = |name: &str| root.get(name).map(text_of);
        let version = match (says("swagger"), says("openapi")) {
            (Some(version), _) if version.starts_with('2') => Version::Swagger2,
            (_, Some(version)) if version.starts_with("3.") => Version::OpenApi3,
            _ => return None,
        };
        Some(Self { root, version })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.root.get(name)
    }

    pub(super) fn text(&self, pointer: &str) -> Option<String> {
        self.root.pointer(pointer).map(text_of)
    }

    /// The members of the object at `pointer`.
    pub(super) fn members(&self, pointer: &str) -> impl Iterator<Item = (&String, &Value)> {
        let found = self.root.pointer(pointer).and_then(Value::as_object);
        found.into_iter().flatten()
    }

    pub(super) fn schemas(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.members(match self.version {
            Version::Swagger2 => "/definitions",
            Version::OpenApi3 => "/components/schemas",
        })
    }

    pub(super) fn security_schemes(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.members(match self.version {
            Version::Swagger2 => "/securityDefinitions",
            Version::OpenApi3 => "/components/securitySchemes",
        })
    }

    /// What a `$ref` into this document stands for, or the value itself.
    pub(super) fn resolved<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                break;
            };
            let target = reference.strip_prefix('#');
            let Some(target) = target.and_then(|pointer| self.root.pointer(pointer)) else {
                break;
            };
            value = target;
        }
        value
    }

    /// `/base/path`, or nothing: Swagger's `basePath`, or the path of OpenAPI's first server.
    pub(super) fn base_path(&self) -> String {
        let path = match self.version {
            Version::Swagger2 => self.text("/basePath").unwrap_or_default(),
            Version::OpenApi3 => self.server_path(),
        };
        let path = path.trim_matches('/');
        if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        }
    }

    fn server_path(&self) -> String {
        let url = self.text("/servers/0/url").unwrap_or_default();
        let filled = self
            .members("/servers/0/variables")
            .fold(url, |url, (name, variable)| {
                let default = variable.get("default").map(text_of).unwrap_or_default();
                let default = default.trim_matches('/');
                url.replace(&format!("{{{name}}}"), default)
            });
        let rest = filled
            .split_once("://")
            .map_or(filled.as_str(), |(_, rest)| rest);
        rest.split_once('/')
            .map_or(String::new(), |(_, path)| path.to_owned())
    }
}

/// A scalar as text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The texts of a list.
pub(super) fn texts_of(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.map(text_of).collect()
}

/// The members of an object, as texts; a template written as an object is its JSON.
pub(super) fn text_map(value: Option<&Value>) -> super::super::super::state::Texts {
    let members: Option<&Map<String, Value>> = value.and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base_path(document: &Value) -> String {
        let document = Document::parse(&document.to_string());
        document.expect("a document").base_path()
    }

    #[test]
    fn the_base_path_is_where_the_version_keeps_it() {
        assert_eq!(
            base_path(&json!({ "swagger": "2.0", "basePath": "/a/b/" })),
            "/a/b"
        );
        assert_eq!(base_path(&json!({ "openapi": "3.0.1" })), "");
        let server = json!({ "url": "https://x.example/{base}/c", "variables": { "base": { "default": "/b" } } });
        assert_eq!(
            base_path(&json!({ "openapi": "3.0.1", "servers": [server] })),
            "/b/c"
        );
        assert!(Document::parse(r#"{"openapi":"4.0"}"#).is_none());
    }
}
