//! Properties of a resource as they are written into the template: what was not asked for is absent.

use serde_json::{Map, Value};

#[derive(Debug, Default)]
pub(crate) struct Properties(Map<String, Value>);

impl Properties {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn with_some<T: Into<Value>>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// An empty list means that nothing was asked for.
    pub(crate) fn with_list(self, name: &str, items: Vec<Value>) -> Self {
        if items.is_empty() {
            self
        } else {
            self.with(name, items)
        }
    }

    pub(crate) fn with_text(self, name: &str, text: &str) -> Self {
        if text.is_empty() {
            self
        } else {
            self.with(name, text)
        }
    }
}

impl From<Properties> for Value {
    fn from(properties: Properties) -> Self {
        Self::Object(properties.0)
    }
}
