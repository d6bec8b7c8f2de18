//! What AWS's framework refuses before an operation runs: a member missing, too long, out of range, of no known kind.
//!
//! One engine reads the models' constraints and words violations as AWS does; which services use it, and with which code,
//! is in the dialect table. Paths are lower camel case, list elements `.1.member`, map entries `.key.member`.

mod enum_order;
mod render;

use serde_json::Value;

use crate::dialect::{self, Dialect, Exception, Instead, ViolationForm};
use crate::error::Error;
use crate::model::{Constraints, Kind, Location, Member, Operation, Shape};

/// Refuses an input that breaks the model's constraints, in AWS's words.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), Error> {
    let dialect = dialect::of(operation.service.name);
    let Some(shape) = operation
        .input
        .filter(|_| dialect.violation_form != ViolationForm::None)
    else {
        return Ok(());
    };
    let mut checker = Checker {
        dialect,
        operation: operation.name,
        violations: Vec::new(),
        path: Vec::new(),
    };
    if dialect.input_prefix && prefixes(operation) {
        checker.path.push(Step::Name(render::lower_camel(&format!(
            "{}Input",
            operation.name
        ))));
        checker.members(shape, input, |member| member.location == Location::Body);
        checker.path.clear();
        checker.members(shape, input, |member| member.location != Location::Body);
    } else {
        checker.members(shape, input, |_| true);
    }
    checker.finish()
}

/// API Gateway wraps what has a body in a member of its own.
fn prefixes(operation: &Operation) -> bool {
    matches!(operation.method.as_str(), "POST" | "PUT" | "PATCH")
}

struct Checker {
    dialect: &'static Dialect,
    operation: &'static str,
    violations: Vec<Violation>,
    path: Vec<Step>,
}

enum Step {
    Name(String),
    /// A list's element, counted from 1, or a map's entry.
    Element(String),
}

struct Violation {
    path: String,
    /// `None`: sensitive, or a dialect that keeps values back.
    value: Option<String>,
    constraint: String,
}

impl Checker {
    fn members(&mut self, shape: &Shape, value: &Value, wanted: impl Fn(&Member) -> bool) {
        for member in shape
            .members
            .iter()
            .filter(|member| wanted(member) && !member.is_streaming())
        {
            let value = value.get(member.name).filter(|value| !value.is_null());
            if value.is_none() && !member.required {
                continue;
            }
            self.path.push(Step::Name(render::lower_camel(member.name)));
            match value {
                Some(value) => self.member(member, value),
                // A client fills it in; AWS does too where one did not.
                None if member.idempotency_token => {}
                None => self.missing(),
            }
            self.path.pop();
        }
    }

    fn missing(&mut self) {
        let constraint = "Member must not be null".to_owned();
        self.violations.push(Violation {
            path: self.path(),
            value: Some("null".to_owned()),
            constraint,
        });
    }

    fn member(&mut self, member: &Member, value: &Value) {
        let shape = member.shape();
        let broken = broken(shape, value);
        if !broken.is_empty() {
            let sensitive = member.is_sensitive() || shape.kind == Kind::Blob;
            let shown = (!sensitive).then(|| format!("'{}'", render::value(shape, value)));
            let path = self.path();
            let violation = |constraint| Violation {
                path: path.clone(),
                value: shown.clone(),
                constraint,
            };
            self.violations.extend(broken.into_iter().map(violation));
        }
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(_)) => self.members(shape, value, |_| true),
            (Kind::List, Value::Array(items)) => self.elements(shape, items),
            (Kind::Map, Value::Object(_)) => self.entries(shape, value),
            _ => {}
        }
    }

    /// Scalar elements are one violation of the list as a whole; structures are walked.
    fn elements(&mut self, shape: &Shape, items: &[Value]) {
        let Some(element) = &shape.element else {
            return;
        };
        if is_scalar(element) {
            let bad = items
                .iter()
                .any(|item| item.is_null() || !broken(element.shape(), item).is_empty());
            if bad {
                let all = self.all_constraints(element);
                self.whole(
                    shape,
                    &Value::from(items),
                    format!("Member must satisfy constraint: [{all}]"),
                );
            }
            return;
        }
        for (at, item) in items.iter().enumerate() {
            self.path.push(Step::Element((at + 1).to_string()));
            self.member(element, item);
            self.path.pop();
        }
    }

    fn entries(&mut self, shape: &Shape, map: &Value) {
        let (Some(key), Some(value), Some(entries)) = (&shape.key, &shape.value, map.as_object())
        else {
            return;
        };
        let bad_key = |name: &String| !broken_text(&key.shape().constraints, name).is_empty();
        if entries.keys().any(bad_key) {
            let all = self.all_constraints(key);
            self.whole(
                shape,
                map,
                format!("Map keys must satisfy constraint: [{all}]"),
            );
        }
        if is_scalar(value) || value.shape().kind == Kind::List {
            let bad = entries
                .values()
                .any(|item| !broken(value.shape(), item).is_empty());
            if bad {
                let all = self.all_constraints(value);
                self.whole(
                    shape,
                    map,
                    format!("Map value must satisfy constraint: [{all}]"),
                );
            }
            if bad || is_scalar(value) {
                return;
            }
        }
        for (name, item) in entries {
            self.path.push(Step::Element(name.clone()));
            self.member(value, item);
            self.path.pop();
        }
    }

    fn whole(&mut self, shape: &Shape, value: &Value, constraint: String) {
        let value = (!shape.sensitive).then(|| format!("'{}'", render::value(shape, value)));
        self.violations.push(Violation {
            path: self.path(),
            value,
            constraint,
        });
    }

    fn all_constraints(&self, member: &Member) -> String {
        let mut all = render::all(member.shape());
        if self.dialect.elements_not_null {
            all.push("Member must not be null".to_owned());
        }
        all.join(", ")
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Name(name) if path.is_empty() => path.push_str(name),
                Step::Name(name) => path.extend([".", name]),
                Step::Element(name) => path.extend([".", name, ".member"]),
            }
        }
        path
    }

    fn finish(mut self) -> Result<(), Error> {
        let mut exceptional = None;
        let exceptions = self.dialect.exceptions;
        self.violations.retain(|violation| {
            let exception = exceptions
                .iter()
                .filter(|known| known.operation.is_empty() || known.operation == self.operation)
                .find(|known| violation.is_at(known.path) && violation.may(known.instead));
            match exception {
                Some(exception) if exception.instead.is_later() => return false,
                Some(exception) => {
                    exceptional.get_or_insert_with(|| violation.exceptional(exception));
                }
                None => {}
            }
            true
        });
        let code = self.dialect.violation_code;
        if let Some(message) = exceptional {
            return Err(Error::sender(code, message));
        }
        let texts: Vec<String> = self.violations.iter().map(Violation::text).collect();
        let message = match texts.len() {
            0 => return Ok(()),
            1 => format!("1 validation error detected: {}", texts[0]),
            count => format!("{count} validation errors detected: {}", texts.join("; ")),
        };
        Err(Error::sender(code, message))
    }
}

impl Violation {
    fn text(&self) -> String {
        let Self {
            path,
            value,
            constraint,
        } = self;
        match value {
            Some(value) => {
                format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}")
            }
            None => format!("Value at '{path}' failed to satisfy constraint: {constraint}"),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self.value.as_deref(), Some("'{}'" | "'[]'"))
    }

    fn is_missing(&self) -> bool {
        self.value.as_deref() == Some("null")
    }

    /// Whether this is at `path`, in which a star stands for one map key.
    fn is_at(&self, path: &str) -> bool {
        match path.split_once('*') {
            Some((before, after)) => self.path.starts_with(before) && self.path.ends_with(after),
            None => self.path == path,
        }
    }

    /// Whether an exception is meant for this kind of violation.
    fn may(&self, instead: Instead) -> bool {
        match instead {
            Instead::Required => self.is_missing(),
            Instead::Alone => self.value.as_deref() == Some("''"),
            Instead::Later => self.is_missing() || self.is_empty(),
            Instead::LaterIfEmpty => self.is_empty(),
            Instead::Newer => true,
        }
    }

    fn exceptional(&self, exception: &Exception) -> String {
        match exception.instead {
            Instead::Required => {
                let name = render::pascal(&self.path);
                format!("The parameter '{name}' is required but was not present in the request")
            }
            Instead::Newer => {
                let path = self.pascal_path(exception.path);
                let constraint = &self.constraint;
                format!(
                    "1 validation error detected: Value at '{path}' failed to satisfy constraint: {constraint}"
                )
            }
            Instead::Alone | Instead::Later | Instead::LaterIfEmpty => {
                format!("1 validation error detected: {}", self.text())
            }
        }
    }

    /// The path as the model spells it; a map's key stays as it is.
    fn pascal_path(&self, pattern: &str) -> String {
        let spelt = |names: &str| {
            let names = names.split('.').map(|name| match name {
                "member" => name.to_owned(),
                name => render::pascal(name),
            });
            names.collect::<Vec<_>>().join(".")
        };
        match pattern.split_once('*') {
            Some((before, after)) => {
                let key = &self.path[before.len()..self.path.len() - after.len()];
                format!("{}{key}{}", spelt(before), spelt(after))
            }
            None => spelt(&self.path),
        }
    }
}

fn is_scalar(member: &Member) -> bool {
    !matches!(
        member.shape().kind,
        Kind::Structure | Kind::List | Kind::Map | Kind::Document
    )
}

/// The constraints that a value breaks, worded.
fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    let constraints = &shape.constraints;
    match (shape.kind, value) {
        (Kind::String, Value::String(text)) => broken_text(constraints, text),
        (Kind::Blob, Value::String(text)) => {
            broken_size(constraints, "length", base64_length(text))
        }
        (Kind::List, Value::Array(items)) => broken_size(constraints, "length", items.len() as f64),
        (Kind::Map, Value::Object(entries)) => {
            broken_size(constraints, "length", entries.len() as f64)
        }
        (_, Value::Number(number)) if shape.kind != Kind::Timestamp => {
            broken_size(constraints, "value", number.as_f64().unwrap_or_default())
        }
        _ => Vec::new(),
    }
}

fn base64_length(text: &str) -> f64 {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding) as f64
}

fn broken_text(constraints: &Constraints, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let enumeration = &constraints.enumeration;
    if !enumeration.is_empty() && !enumeration.iter().any(|known| known == text) {
        broken.push(render::enumeration(enumeration));
    }
    let unmatched = constraints
        .pattern
        .as_ref()
        .filter(|pattern| pattern.matches(text) == Some(false));
    broken.extend(unmatched.map(render::pattern));
    broken.extend(broken_size(
        constraints,
        "length",
        text.chars().count() as f64,
    ));
    broken
}

fn broken_size(constraints: &Constraints, measure: &str, size: f64) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(maximum) = constraints.maximum.filter(|maximum| size > *maximum) {
        broken.push(render::maximum(measure, maximum, false));
    }
    if let Some(minimum) = constraints.minimum.filter(|minimum| size < *minimum) {
        broken.push(render::minimum(measure, minimum, false));
    }
    broken
}

#[cfg(test)]
mod tests;
