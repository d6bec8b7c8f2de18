//! Which records a mapping is about: patterns over JSON, as EventBridge has them.
//!
//! A pattern is an object of the record's shape whose leaves are lists of what is accepted. Knows nothing of queues and
//! streams.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>

use serde_json::{Map, Value};

/// Whether a pattern is one: an object, lists at its leaves, and only comparisons that are built.
pub(super) fn is_valid(pattern: &str) -> bool {
    let parsed = serde_json::from_str::<Map<String, Value>>(pattern);
    parsed.is_ok_and(|pattern| !pattern.is_empty() && pattern.iter().all(is_valid_field))
}

fn is_valid_field((name, expected): (&String, &Value)) -> bool {
    match expected {
        Value::Array(alternatives) if name == "$or" => {
            let mut alternatives = alternatives.iter();
            alternatives.all(|each| {
                each.as_object()
                    .is_some_and(|fields| fields.iter().all(is_valid_field))
            })
        }
        Value::Array(accepted) => !accepted.is_empty() && accepted.iter().all(is_valid_leaf),
        Value::Object(fields) => !fields.is_empty() && fields.iter().all(is_valid_field),
        _ => false,
    }
}

const COMPARISONS: [&str; 8] = [
    "prefix",
    "suffix",
    "equals-ignore-case",
    "anything-but",
    "numeric",
    "exists",
    "wildcard",
    "cidr",
];

fn is_valid_leaf(accepted: &Value) -> bool {
    match accepted {
        Value::Object(comparison) => {
            comparison.len() == 1
                && comparison
                    .keys()
                    .all(|name| COMPARISONS.contains(&name.as_str()))
        }
        Value::Array(_) => false,
        _ => true,
    }
}

/// Whether any of the patterns fits; without patterns everything does.
pub(super) fn accepts(patterns: &[String], record: &Value) -> bool {
    let mut parsed = patterns
        .iter()
        .filter_map(|pattern| serde_json::from_str::<Map<String, Value>>(pattern).ok());
    patterns.is_empty() || parsed.any(|pattern| fits(&pattern, record))
}

/// Whether a pattern looks into a member as into an object, so that a text there must be read as JSON first.
pub(super) fn looks_into(pattern: &str, member: &str) -> bool {
    let parsed = serde_json::from_str::<Value>(pattern);
    parsed.is_ok_and(|pattern| pattern[member].is_object())
}

fn fits(pattern: &Map<String, Value>, value: &Value) -> bool {
    pattern.iter().all(|(name, expected)| match expected {
        Value::Array(alternatives) if name == "$or" => alternatives
            .iter()
            .filter_map(Value::as_object)
            .any(|alternative| fits(alternative, value)),
        Value::Object(nested) => match value.get(name) {
            Some(inner) => fits(nested, inner),
            None => fits(nested, &Value::Null),
        },
        Value::Array(accepted) => accepted.iter().any(|leaf| leaf_fits(leaf, value.get(name))),
        _ => false,
    })
}

/// A list in the record fits if one of its elements does.
fn leaf_fits(leaf: &Value, found: Option<&Value>) -> bool {
    if let Some(exists) = leaf.get("exists").and_then(Value::as_bool) {
        return found.is_some() == exists;
    }
    match found {
        None => false,
        Some(Value::Array(elements)) => elements.iter().any(|element| one_fits(leaf, element)),
        Some(other) => one_fits(leaf, other),
    }
}

fn one_fits(leaf: &Value, found: &Value) -> bool {
    let Some((name, operand)) = leaf
        .as_object()
        .and_then(|comparison| comparison.iter().next())
    else {
        return same(leaf, found);
    };
    match name.as_str() {
        "anything-but" => !excluded(operand, found),
        "numeric" => found
            .as_f64()
            .is_some_and(|number| numeric(operand, number)),
        _ => found
            .as_str()
            .is_some_and(|text| text_fits(name, operand, text)),
    }
}

fn text_fits(name: &str, operand: &Value, text: &str) -> bool {
    if let (Some(inner), "prefix" | "suffix") = (operand.get("equals-ignore-case"), name) {
        let lower = Value::from(inner.as_str().unwrap_or_default().to_lowercase());
        return text_fits(name, &lower, &text.to_lowercase());
    }
    let Some(operand) = operand.as_str() else {
        return false;
    };
    match name {
        "prefix" => text.starts_with(operand),
        "suffix" => text.ends_with(operand),
        "equals-ignore-case" => text.to_lowercase() == operand.to_lowercase(),
        "wildcard" => wildcard(operand, text),
        "cidr" => cidr(operand, text),
        _ => false,
    }
}

/// Numbers are compared as numbers: 1 and 1.0 are the same.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected.as_f64(), found.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => expected == found,
    }
}

fn excluded(operand: &Value, found: &Value) -> bool {
    match operand {
        Value::Array(values) => values.iter().any(|value| excluded(value, found)),
        Value::Object(comparison) => comparison.iter().any(|(name, inner)| {
            let inners = inner
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![inner.clone()]);
            let text = found.as_str();
            inners
                .iter()
                .any(|inner| text.is_some_and(|text| text_fits(name, inner, text)))
        }),
        value => same(value, found),
    }
}

/// `[">", 0, "<=", 5]`.
fn numeric(operand: &Value, number: f64) -> bool {
    let Some(parts) = operand.as_array().filter(|parts| !parts.is_empty()) else {
        return false;
    };
    parts.chunks(2).all(|pair| {
        let [Value::String(sign), limit] = pair else {
            return false;
        };
        let Some(limit) = limit.as_f64() else {
            return false;
        };
        match sign.as_str() {
            "=" => number == limit,
            "<" => number < limit,
            "<=" => number <= limit,
            ">" => number > limit,
            ">=" => number >= limit,
            _ => false,
        }
    })
}

/// `*` stands for anything.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn cidr(range: &str, text: &str) -> bool {
    let Some((network, bits)) = range.split_once('/') else {
        return false;
    };
    let (Ok(network), Ok(address), Ok(bits)) = (
        network.parse::<std::net::IpAddr>(),
        text.parse::<std::net::IpAddr>(),
        bits.parse::<u32>(),
    ) else {
        return false;
    };
    let number = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(four) => (u128::from(four.to_bits()), 32_u32),
        std::net::IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let ((network, width), (address, other)) = (number(network), number(address));
    let shift = width.saturating_sub(bits);
    width == other && network.checked_shr(shift) == address.checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_pick_records_as_eventbridge_does() {
        let record = json!({
            "body": { "kind": "Order", "total": 12.0, "tags": ["a", "b"], "ip": "10.1.2.3", "none": null },
            "id": "x/y/z.png",
        });
        let check = |pattern: Value| accepts(&[pattern.to_string()], &record);
        for fits in [
            json!({ "body": { "kind": ["Order", "Other"], "total": [12] } }),
            json!({ "body": { "tags": ["b"] } }),
            json!({ "body": { "kind": [{ "prefix": "Or" }], "none": [null] } }),
            json!({ "body": { "kind": [{ "equals-ignore-case": "ORDER" }] } }),
            json!({ "body": { "kind": [{ "prefix": { "equals-ignore-case": "oR" } }] } }),
            json!({ "body": { "total": [{ "numeric": [">", 10, "<=", 12] }] } }),
            json!({ "body": { "kind": [{ "anything-but": ["Bill"] }], "gone": [{ "exists": false }] } }),
            json!({ "body": { "kind": [{ "anything-but": { "prefix": "B" } }] } }),
            json!({ "id": [{ "wildcard": "x/*/z.*" }] }),
            json!({ "body": { "ip": [{ "cidr": "10.1.0.0/16" }] } }),
            json!({ "$or": [{ "id": ["no"] }, { "body": { "total": [12] } }] }),
        ] {
            assert!(is_valid(&fits.to_string()), "{fits}");
            assert!(check(fits.clone()), "{fits}");
        }
        for misses in [
            json!({ "body": { "kind": ["order"] } }),
            json!({ "body": { "gone": ["x"] } }),
            json!({ "body": { "kind": [{ "exists": false }] } }),
            json!({ "body": { "total": [{ "numeric": [">", 12] }] } }),
            json!({ "body": { "kind": [{ "anything-but": "Order" }] } }),
            json!({ "id": [{ "wildcard": "*.jpg" }] }),
            json!({ "id": [{ "suffix": ".gif" }] }),
        ] {
            assert!(!check(misses.clone()), "{misses}");
        }
        assert!(accepts(&[], &record));
        for broken in [
            "",
            "[]",
            "{}",
            r#"{"a":"b"}"#,
            r#"{"a":[]}"#,
            r#"{"a":[{"like":"x"}]}"#,
        ] {
            assert!(!is_valid(broken), "{broken}");
        }
    }
}
