//! What the Java objects behind a template's values can do: text, lists, maps and numbers.

use serde_json::{Map, Value, json};

use super::{Fault, Result, shown};

pub(super) fn call(receiver: &mut Value, name: &str, arguments: &[Value]) -> Result<Value> {
    let found = match receiver {
        Value::String(text) => of_text(text, name, arguments)?,
        Value::Array(items) => of_list(items, name, arguments),
        Value::Object(map) => of_map(map, name, arguments),
        Value::Number(number) => of_number(number, name),
        Value::Null => return Ok(Value::Null),
        Value::Bool(_) => None,
    };
    let shared = || match name {
        "toString" => Some(shown(receiver).into()),
        "equals" => arguments.first().map(|other| (*receiver == *other).into()),
        _ => None,
    };
    found
        .or_else(shared)
        .ok_or_else(|| Fault::new(format!("there is no method {name} here")))
}

fn text_at(arguments: &[Value], at: usize) -> String {
    arguments.get(at).map(shown).unwrap_or_default()
}

fn number_at(arguments: &[Value], at: usize) -> Option<usize> {
    arguments.get(at)?.as_u64()?.try_into().ok()
}

fn of_text(text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>> {
    let first = text_at(arguments, 0);
    let place =
        |found: Option<usize>| found.map_or(json!(-1), |at| json!(text[..at].chars().count()));
    Ok(Some(match name {
        "length" => text.chars().count().into(),
        "isEmpty" => text.is_empty().into(),
        "equalsIgnoreCase" => text.eq_ignore_ascii_case(&first).into(),
        "contains" => text.contains(&first).into(),
        "startsWith" => text.starts_with(&first).into(),
        "endsWith" => text.ends_with(&first).into(),
        "indexOf" => place(text.find(&first)),
        "lastIndexOf" => place(text.rfind(&first)),
        "toLowerCase" => text.to_lowercase().into(),
        "toUpperCase" => text.to_uppercase().into(),
        "trim" => text.trim().into(),
        "concat" => format!("{text}{first}").into(),
        "replace" => text.replace(&first, &text_at(arguments, 1)).into(),
        "substring" => substring(text, arguments).into(),
        "charAt" => {
            let at = number_at(arguments, 0).and_then(|at| text.chars().nth(at));
            at.map_or(Value::Null, |found| found.to_string().into())
        }
        "matches" | "replaceAll" | "replaceFirst" | "split" => {
            by_pattern(text, name, &first, &text_at(arguments, 1))?
        }
        _ => return Ok(None),
    }))
}

fn substring(text: &str, arguments: &[Value]) -> String {
    let start = number_at(arguments, 0).unwrap_or(0);
    let end = number_at(arguments, 1).unwrap_or(usize::MAX);
    let characters = text.chars().skip(start);
    characters.take(end.saturating_sub(start)).collect()
}

fn by_pattern(text: &str, name: &str, pattern: &str, replacement: &str) -> Result<Value> {
    let whole = format!("^(?:{pattern})$");
    let source = if name == "matches" { &whole } else { pattern };
    let regex = regex::Regex::new(source).map_err(|error| Fault::new(error.to_string()))?;
    Ok(match name {
        "matches" => regex.is_match(text).into(),
        "replaceAll" => regex.replace_all(text, replacement).into_owned().into(),
        "replaceFirst" => regex.replace(text, replacement).into_owned().into(),
        _ => {
            let mut parts: Vec<&str> = regex.split(text).collect();
            // Java drops the empty parts at the end.
            while parts.len() > 1 && parts.last() == Some(&"") {
                parts.pop();
            }
            parts.into()
        }
    })
}

fn of_list(items: &mut Vec<Value>, name: &str, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first();
    Some(match name {
        "size" | "length" => items.len().into(),
        "isEmpty" => items.is_empty().into(),
        "get" => items
            .get(number_at(arguments, 0)?)
            .cloned()
            .unwrap_or_default(),
        "contains" => items.contains(first?).into(),
        "indexOf" => {
            let found = items.iter().position(|item| Some(item) == first);
            found.map_or(json!(-1), |at| json!(at))
        }
        "add" => {
            match (number_at(arguments, 0), arguments.get(1)) {
                (Some(at), Some(item)) if at <= items.len() => items.insert(at, item.clone()),
                _ => items.push(first?.clone()),
            }
            true.into()
        }
        "addAll" => {
            items.extend(first?.as_array()?.iter().cloned());
            true.into()
        }
        "set" => std::mem::replace(
            items.get_mut(number_at(arguments, 0)?)?,
            arguments.get(1)?.clone(),
        ),
        "remove" => {
            let at = number_at(arguments, 0)?;
            if at < items.len() {
                items.remove(at)
            } else {
                Value::Null
            }
        }
        _ => return None,
    })
}

fn of_map(map: &mut Map<String, Value>, name: &str, arguments: &[Value]) -> Option<Value> {
    let key = text_at(arguments, 0);
    Some(match name {
        "get" => map.get(&key).cloned().unwrap_or_default(),
        "getOrDefault" => map.get(&key).or_else(|| arguments.get(1)).cloned()?,
        "put" => map
            .insert(key, arguments.get(1).cloned()?)
            .unwrap_or_default(),
        "putAll" => {
            let other = arguments.first()?.as_object()?.clone();
            map.extend(other);
            Value::Null
        }
        "remove" => map.remove(&key).unwrap_or_default(),
        "containsKey" => map.contains_key(&key).into(),
        "containsValue" => map
            .values()
            .any(|value| Some(value) == arguments.first())
            .into(),
        "keySet" => map.keys().cloned().collect(),
        "values" => map.values().cloned().collect(),
        "entrySet" => {
            let entries = map.iter();
            entries
                .map(|(key, value)| json!({ "key": key, "value": value }))
                .collect()
        }
        "size" => map.len().into(),
        "isEmpty" => map.is_empty().into(),
        "getKey" => map.get("key").cloned().unwrap_or_default(),
        "getValue" => map.get("value").cloned().unwrap_or_default(),
        _ => return None,
    })
}

fn of_number(number: &serde_json::Number, name: &str) -> Option<Value> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Java's intValue cuts the fraction off"
    )]
    let whole = number.as_f64()? as i64;
    Some(match name {
        "intValue" | "longValue" => number.as_i64().unwrap_or(whole).into(),
        "doubleValue" | "floatValue" => number.as_f64()?.into(),
        _ => return None,
    })
}
