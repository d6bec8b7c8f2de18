//! Conditions on JSON events: `{ ($.user.id = 1) && ($.tags[*] != "x*" || $.error NOT EXISTS) }`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{Operand, Operator, Scanner, quoted};

const DEPTH_MAX: usize = 32;

#[derive(Debug)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(Selector, Test),
}

#[derive(Debug)]
pub(crate) enum Test {
    Compare(Operator, Operand),
    IsNull,
    IsTrue,
    IsFalse,
    Exists,
    NotExists,
}

/// `$.a["b"][0][*]`.
#[derive(Debug)]
pub(crate) struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
    Any,
}

pub(super) fn parse(text: &str) -> Option<Condition> {
    let mut scanner = Scanner::new(text.trim());
    let condition = any(&mut scanner, 0)?;
    scanner.rest.is_empty().then_some(condition)
}

/// The scalar that a selector on its own points at.
pub(super) fn value_at(reference: &str, document: &Value) -> Option<String> {
    let mut scanner = Scanner::new(reference);
    let selector = selector(&mut scanner).filter(|_| scanner.rest.is_empty())?;
    let found = selector.select(document).into_iter().next()?;
    let is_scalar = !matches!(found, Value::Object(_) | Value::Array(_) | Value::Null);
    is_scalar.then(|| plain(found))
}

/// `&&` binds closer than `||`.
fn any(scanner: &mut Scanner<'_>, depth: usize) -> Option<Condition> {
    let mut conditions = vec![all(scanner, depth)?];
    while scanner.take("||") {
        conditions.push(all(scanner, depth)?);
    }
    Some(Condition::Any(conditions))
}

fn all(scanner: &mut Scanner<'_>, depth: usize) -> Option<Condition> {
    let mut conditions = vec![one(scanner, depth)?];
    while scanner.take("&&") {
        conditions.push(one(scanner, depth)?);
    }
    Some(Condition::All(conditions))
}

fn one(scanner: &mut Scanner<'_>, depth: usize) -> Option<Condition> {
    if scanner.take("(") {
        let inner = (depth < DEPTH_MAX).then(|| any(scanner, depth + 1))??;
        return scanner.take(")").then_some(inner);
    }
    let selector = selector(scanner)?;
    Some(Condition::Test(selector, test(scanner)?))
}

fn test(scanner: &mut Scanner<'_>) -> Option<Test> {
    if scanner.take_word("IS") {
        let kinds = [
            ("NULL", Test::IsNull),
            ("TRUE", Test::IsTrue),
            ("FALSE", Test::IsFalse),
        ];
        let kind = kinds.into_iter().find(|(word, _)| scanner.take_word(word));
        return kind.map(|(_, test)| test);
    }
    if scanner.take_word("NOT") {
        return scanner.take_word("EXISTS").then_some(Test::NotExists);
    }
    if scanner.take_word("EXISTS") {
        return Some(Test::Exists);
    }
    let operator = scanner.operator()?;
    Some(Test::Compare(operator, scanner.operand(&[')', '&', '|'])?))
}

fn selector(scanner: &mut Scanner<'_>) -> Option<Selector> {
    let begin = scanner.rest;
    let mut rest = begin.strip_prefix('$')?;
    let mut steps = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(".*") {
            steps.push(Step::Any);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let is_name =
                |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
            let end = after
                .find(|character| !is_name(character))
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Member(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (step, after) = bracketed(after)?;
            steps.push(step);
            rest = after.strip_prefix(']')?;
        } else {
            break;
        }
    }
    let text = begin[..begin.len() - rest.len()].to_owned();
    scanner.rest = rest.trim_start();
    (!steps.is_empty()).then_some(Selector { text, steps })
}

fn bracketed(text: &str) -> Option<(Step, &str)> {
    if text.starts_with('"') {
        let (name, after) = quoted(text)?;
        return Some((Step::Member(name), after));
    }
    if let Some(after) = text.strip_prefix('*') {
        return Some((Step::Any, after));
    }
    let end = text.find(']')?;
    let (number, after) = text.split_at(end);
    Some((Step::Element(number.trim().parse().ok()?), after))
}

impl Selector {
    /// All values that it points at: several where it has an asterisk.
    fn select<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| step.from(value))
                .collect();
        }
        found
    }
}

impl Step {
    fn from<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::Element(position), Value::Array(elements)) => {
                elements.get(*position).into_iter().collect()
            }
            (Self::Any, Value::Array(elements)) => elements.iter().collect(),
            (Self::Any, Value::Object(members)) => members.values().collect(),
            _ => Vec::new(),
        }
    }
}

impl Condition {
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(conditions) => conditions
                .iter()
                .all(|condition| condition.matches(document)),
            Self::Any(conditions) => conditions
                .iter()
                .any(|condition| condition.matches(document)),
            Self::Test(selector, test) => test.passes(&selector.select(document)),
        }
    }

    /// The values that the selectors point at, by selector.
    pub(super) fn extracted(&self, document: &Value) -> BTreeMap<String, String> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions
                .iter()
                .flat_map(|condition| condition.extracted(document))
                .collect(),
            Self::Test(selector, _) => {
                let first = selector.select(document).into_iter().next();
                let pair = first.map(|value| (selector.text.clone(), plain(value)));
                pair.into_iter().collect()
            }
        }
    }
}

impl Test {
    /// A value that is not there passes no test but `NOT EXISTS`.
    fn passes(&self, values: &[&Value]) -> bool {
        match self {
            Self::Exists => !values.is_empty(),
            Self::NotExists => values.is_empty(),
            Self::IsNull => values.iter().any(|value| value.is_null()),
            Self::IsTrue => values.iter().any(|value| **value == Value::Bool(true)),
            Self::IsFalse => values.iter().any(|value| **value == Value::Bool(false)),
            Self::Compare(operator, operand) => values
                .iter()
                .filter(|value| !matches!(value, Value::Object(_) | Value::Array(_) | Value::Null))
                .any(|value| operand.compare(*operator, &plain(value))),
        }
    }
}

/// A value as text, strings without their quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
