//! `#names` and `:values`: what a request gave, and which of them its expressions used.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_engine::error::{Error, Result};
use serde_json::{Map, Value};

use super::super::errors::validation;
use super::super::value::{AttributeValue, read_item};

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Placeholders {
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    used_names: BTreeSet<String>,
    used_values: BTreeSet<String>,
}

impl Placeholders {
    /// Checks and takes what the request gave.
    pub(in super::super) fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<Map<String, Value>>,
    ) -> Result<Self> {
        Ok(Self {
            names: names.map_or(Ok(BTreeMap::new()), read_names)?,
            values: values.map_or(Ok(BTreeMap::new()), read_values)?,
            ..Self::default()
        })
    }

    pub(super) fn name(&mut self, placeholder: &str) -> Option<String> {
        let name = self.names.get(placeholder)?;
        self.used_names.insert(placeholder.to_owned());
        Some(name.clone())
    }

    pub(super) fn value(&mut self, placeholder: &str) -> Option<AttributeValue> {
        let value = self.values.get(placeholder)?;
        self.used_values.insert(placeholder.to_owned());
        Some(value.clone())
    }

    /// Refuses what no expression used.
    pub(in super::super) fn refuse_unused(&self) -> Result<()> {
        refuse_unused(
            "ExpressionAttributeNames",
            self.names.keys(),
            &self.used_names,
        )?;
        refuse_unused(
            "ExpressionAttributeValues",
            self.values.keys(),
            &self.used_values,
        )
    }
}

fn refuse_unused<'a>(
    parameter: &str,
    given: impl Iterator<Item = &'a String>,
    used: &BTreeSet<String>,
) -> Result<()> {
    let unused: Vec<&str> = given
        .filter(|key| !used.contains(*key))
        .map(String::as_str)
        .collect();
    if unused.is_empty() {
        return Ok(());
    }
    let unused = unused.join(", ");
    Err(validation(format!(
        "Value provided in {parameter} unused in expressions: keys: {{{unused}}}"
    )))
}

fn read_names(names: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    if names.is_empty() {
        return Err(validation("ExpressionAttributeNames must not be empty"));
    }
    match names.keys().find(|key| !is_placeholder(key, '#')) {
        Some(key) => Err(bad_key("ExpressionAttributeNames", key)),
        None => Ok(names),
    }
}

fn read_values(values: Map<String, Value>) -> Result<BTreeMap<String, AttributeValue>> {
    if values.is_empty() {
        return Err(validation("ExpressionAttributeValues must not be empty"));
    }
    if let Some(key) = values.keys().find(|key| !is_placeholder(key, ':')) {
        return Err(bad_key("ExpressionAttributeValues", key));
    }
    let mut read = BTreeMap::new();
    for (key, value) in values {
        let one = Map::from_iter([(key.clone(), value)]);
        let wrap = |error: Error| Error {
            message: format!(
                "ExpressionAttributeValues contains invalid value: {} for key {key}",
                error.message
            ),
            ..error
        };
        read.append(&mut read_item(one).map_err(wrap)?);
    }
    Ok(read)
}

fn bad_key(parameter: &str, key: &str) -> Error {
    validation(format!(
        "{parameter} contains invalid key: Syntax error; key: \"{key}\""
    ))
}

fn is_placeholder(key: &str, mark: char) -> bool {
    key.strip_prefix(mark).is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
