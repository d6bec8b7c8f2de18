//! JSONPath, as far as mapping expressions use it: names, indices, slices, `*` and `..`.

use serde_json::Value;

use super::{Fault, Result};

#[derive(Debug, PartialEq)]
enum Step {
    Name(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
    /// Everything at any depth; the next step chooses among it.
    Deep,
}

/// What a path selects: one value or nothing, or a list where the path can mean several.
pub(in super::super) fn select(root: &Value, path: &str) -> Result<Value> {
    let steps = parse(path)?;
    let several = |step: &Step| matches!(step, Step::All | Step::Deep | Step::Slice(..));
    let is_list = steps.iter().any(several);
    let mut found = vec![root];
    for step in &steps {
        found = found
            .into_iter()
            .flat_map(|value| take(value, step))
            .collect();
    }
    Ok(if is_list {
        found.into_iter().cloned().collect()
    } else {
        found.first().map_or(Value::Null, |value| (*value).clone())
    })
}

fn parse(path: &str) -> Result<Vec<Step>> {
    let wrong = || Fault::new(format!("Invalid JSON path expression: {path}"));
    let mut rest = path.trim().strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Deep);
            rest = after;
            if rest.starts_with('[') {
                continue;
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('[') {
            let (inside, after) = after.split_once(']').ok_or_else(wrong)?;
            steps.push(bracket(inside.trim()).ok_or_else(wrong)?);
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            steps.push(match name {
                "" => return Err(wrong()),
                "*" => Step::All,
                name => Step::Name(name.to_owned()),
            });
            rest = after;
        }
    }
    Ok(steps)
}

fn bracket(inside: &str) -> Option<Step> {
    for quote in ['\'', '"'] {
        let name = inside.strip_prefix(quote);
        if let Some(name) = name.and_then(|name| name.strip_suffix(quote)) {
            return Some(Step::Name(name.to_owned()));
        }
    }
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some((first, last)) = inside.split_once(':') {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        };
        return Some(Step::Slice(bound(first)?, bound(last)?));
    }
    inside.parse().ok().map(Step::Index)
}

fn take<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Name(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => {
            let at = absolute(*index, items.len());
            items.get(at).into_iter().collect()
        }
        (Step::Slice(first, last), Value::Array(items)) => {
            let start = first.map_or(0, |first| absolute(first, items.len()));
            let end = last.map_or(items.len(), |last| absolute(last, items.len()));
            items.iter().take(end).skip(start).collect()
        }
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::Deep, _) => deep(value),
        _ => Vec::new(),
    }
}

fn deep(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    let mut next = 0;
    while let Some(at) = found.get(next).copied() {
        match at {
            Value::Array(items) => found.extend(items),
            Value::Object(map) => found.extend(map.values()),
            _ => {}
        }
        next += 1;
    }
    found
}

/// A negative index counts from the end.
fn absolute(index: i64, length: usize) -> usize {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    match index {
        0.. => distance,
        _ if distance > length => usize::MAX,
        _ => length - distance,
    }
}
