//! Attribute values: what an item is made of, how it looks on the wire, what it weighs.
//!
//! The wire has already checked JSON types against the model; here stands what DynamoDB itself refuses:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::error::Result;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::errors::{invalid_parameter, validation};
use super::number::Number;

/// Deeper lists and maps than this are refused.
const NESTING_MAX: usize = 31;

pub(super) type Item = BTreeMap<String, AttributeValue>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum AttributeValue {
    S(String),
    N(Number),
    B(Vec<u8>),
    Bool(bool),
    Null,
    L(Vec<AttributeValue>),
    M(Item),
    Ss(BTreeSet<String>),
    Ns(BTreeSet<Number>),
    Bs(BTreeSet<Vec<u8>>),
}

impl AttributeValue {
    /// The type's name on the wire and in `attribute_type`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Whether values of this type have an order: only text, numbers and bytes.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Self::S(_) | Self::N(_) | Self::B(_))
    }

    /// What the value weighs; see [`item_size`].
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::S(text) => length(text.len()),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => length(bytes.len()),
            Self::Bool(_) | Self::Null => 1,
            Self::L(items) => 3 + items.iter().map(|item| 1 + item.size_bytes()).sum::<u64>(),
            Self::M(entries) => 3 + length(entries.len()) + item_size(entries),
            Self::Ss(members) => members.iter().map(|member| length(member.len())).sum(),
            Self::Ns(members) => members.iter().map(|member| member.size_bytes()).sum(),
            Self::Bs(members) => members.iter().map(|member| length(member.len())).sum(),
        }
    }

    /// How many lists and maps stand in one another.
    fn nesting(&self) -> usize {
        match self {
            Self::L(items) => 1 + items.iter().map(Self::nesting).max().unwrap_or(0),
            Self::M(entries) => 1 + entries.values().map(Self::nesting).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// What an item weighs: limits, pages and capacity all count so. Names count, in UTF-8.
pub(super) fn item_size(item: &Item) -> u64 {
    item.iter()
        .map(|(name, value)| length(name.len()) + value.size_bytes())
        .sum()
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Reads an item off the wire.
pub(super) fn read_item(entries: Map<String, Value>) -> Result<Item> {
    let mut item = Item::new();
    for (name, value) in entries {
        item.insert(name, read_value(value)?);
    }
    if item.values().any(|value| value.nesting() > NESTING_MAX) {
        return Err(validation(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
        ));
    }
    Ok(item)
}

/// Reads one value off the wire. JSON was parsed with bounded depth, so the recursion is bounded too.
fn read_value(value: Value) -> Result<AttributeValue> {
    let Value::Object(members) = value else {
        return Err(empty_value());
    };
    if members.len() > 1 {
        return Err(validation(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ));
    }
    let (kind, content) = members.into_iter().next().ok_or_else(empty_value)?;
    match (kind.as_str(), content) {
        ("S", Value::String(text)) => Ok(AttributeValue::S(text)),
        ("N", Value::String(text)) => read_number(&text).map(AttributeValue::N),
        ("B", Value::String(text)) => read_bytes(&text).map(AttributeValue::B),
        ("BOOL", Value::Bool(value)) => Ok(AttributeValue::Bool(value)),
        ("NULL", Value::Bool(true)) => Ok(AttributeValue::Null),
        ("NULL", _) => Err(invalid_parameter(
            "Null attribute value types must have the value of true",
        )),
        ("L", Value::Array(items)) => {
            let items: Result<Vec<_>> = items.into_iter().map(read_value).collect();
            Ok(AttributeValue::L(items?))
        }
        ("M", Value::Object(entries)) => read_map(entries),
        ("SS" | "NS" | "BS", Value::Array(members)) => read_set(&kind, members),
        _ => Err(empty_value()),
    }
}

fn read_map(entries: Map<String, Value>) -> Result<AttributeValue> {
    let entries: Result<Item> = entries
        .into_iter()
        .map(|(name, value)| Ok((name, read_value(value)?)))
        .collect();
    Ok(AttributeValue::M(entries?))
}

fn empty_value() -> cumulet_engine::error::Error {
    validation(
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
    )
}

fn read_number(text: &str) -> Result<Number> {
    Number::parse(text).map_err(|error| validation(error.to_string()))
}

fn read_bytes(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| {
        cumulet_engine::error::Error::new("SerializationException", "Invalid Base64 encoding")
    })
}

fn read_set(kind: &str, members: Vec<Value>) -> Result<AttributeValue> {
    if members.is_empty() {
        return Err(invalid_parameter(match kind {
            "SS" => "An string set  may not be empty",
            "NS" => "An number set  may not be empty",
            _ => "Binary sets should not be empty",
        }));
    }
    let texts: Vec<String> = members.into_iter().filter_map(text).collect();
    let (set, distinct) = match kind {
        "SS" => {
            let set: BTreeSet<String> = texts.iter().cloned().collect();
            let distinct = set.len();
            (AttributeValue::Ss(set), distinct)
        }
        "NS" => {
            let set: Result<BTreeSet<_>> = texts.iter().map(|text| read_number(text)).collect();
            let set = set?;
            let distinct = set.len();
            (AttributeValue::Ns(set), distinct)
        }
        _ => {
            let set: Result<BTreeSet<_>> = texts.iter().map(|text| read_bytes(text)).collect();
            let set = set?;
            let distinct = set.len();
            (AttributeValue::Bs(set), distinct)
        }
    };
    if distinct < texts.len() {
        return Err(duplicates(kind, &texts));
    }
    Ok(set)
}

/// AWS names the members of a text set, the type too of a binary one, and neither of a number set.
fn duplicates(kind: &str, members: &[String]) -> cumulet_engine::error::Error {
    let shown = members.join(", ");
    match kind {
        "SS" => invalid_parameter(format!("Input collection [{shown}] contains duplicates.")),
        "BS" => invalid_parameter(format!(
            "Input collection [{shown}]of type BS contains duplicates."
        )),
        _ => validation("Input collection contains duplicates"),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::S(text) => map.serialize_entry("S", text)?,
            Self::N(number) => map.serialize_entry("N", &number.to_string())?,
            Self::B(bytes) => map.serialize_entry("B", &STANDARD.encode(bytes))?,
            Self::Bool(value) => map.serialize_entry("BOOL", value)?,
            Self::Null => map.serialize_entry("NULL", &true)?,
            Self::L(items) => map.serialize_entry("L", items)?,
            Self::M(entries) => map.serialize_entry("M", entries)?,
            Self::Ss(members) => map.serialize_entry("SS", members)?,
            Self::Ns(members) => {
                let texts: Vec<String> = members.iter().map(Number::to_string).collect();
                map.serialize_entry("NS", &texts)?;
            }
            Self::Bs(members) => {
                let texts: Vec<String> =
                    members.iter().map(|bytes| STANDARD.encode(bytes)).collect();
                map.serialize_entry("BS", &texts)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<AttributeValue, String> {
        read_value(value).map_err(|error| error.message)
    }

    #[test]
    fn values_read_and_write_back_canonically() {
        let table = [
            (json!({"N": "1.50"}), json!({"N": "1.5"})),
            (json!({"NS": ["2", "1"]}), json!({"NS": ["1", "2"]})),
            (
                json!({"M": {"a": {"L": [{"B": "AQI="}, {"NULL": true}]}}}),
                json!({"M": {"a": {"L": [{"B": "AQI="}, {"NULL": true}]}}}),
            ),
            (json!({"SS": [""]}), json!({"SS": [""]})),
        ];
        for (given, answered) in table {
            let value = read(given).map(|value| serde_json::to_value(value).ok());
            assert_eq!(value, Ok(Some(answered)));
        }
    }

    #[test]
    fn refusals_are_worded_as_aws_words_them() {
        let table = [
            (
                json!({}),
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
            ),
            (
                json!({"S": "a", "N": "1"}),
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
            ),
            (
                json!({"SS": []}),
                "One or more parameter values were invalid: An string set  may not be empty",
            ),
            (
                json!({"BS": []}),
                "One or more parameter values were invalid: Binary sets should not be empty",
            ),
            (
                json!({"NS": ["1", "1.0"]}),
                "Input collection contains duplicates",
            ),
            (
                json!({"NULL": false}),
                "One or more parameter values were invalid: Null attribute value types must have the value of true",
            ),
            (
                json!({"L": [{"N": "x"}]}),
                "The parameter cannot be converted to a numeric value: x",
            ),
        ];
        for (given, message) in table {
            assert_eq!(read(given).unwrap_err(), message);
        }
    }

    #[test]
    fn an_item_weighs_its_names_and_values() {
        let item = json!({"pk": {"S": "abc"}, "n": {"N": "0"}, "l": {"L": [{"S": "xy"}]}, "m": {"M": {"k": {"BOOL": true}}}});
        let Value::Object(entries) = item else {
            unreachable!()
        };
        assert_eq!(
            read_item(entries).map(|item| item_size(&item)),
            Ok(5 + 2 + (1 + 3 + 1 + 2) + (1 + 3 + 1 + 2))
        );
    }
}
