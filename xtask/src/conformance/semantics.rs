//! When two bodies say the same.

use cumulet_wire::Protocol;
use minicbor::Decoder;
use minicbor::data::Type;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Number, Value};

pub(super) fn body_equal(protocol: Protocol, ours: &[u8], theirs: &[u8]) -> bool {
    match protocol {
        Protocol::Json | Protocol::RestJson => json_equal(ours, theirs),
        Protocol::Cbor => {
            ours == theirs
                || cbor_value(ours)
                    .zip(cbor_value(theirs))
                    .is_some_and(|(a, b)| values_equal(&a, &b))
        }
        Protocol::Query => xml_equal(ours, theirs, true),
        Protocol::RestXml => xml_equal(ours, theirs, false),
    }
}

fn json_equal(ours: &[u8], theirs: &[u8]) -> bool {
    let parse = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    ours == theirs
        || parse(ours)
            .zip(parse(theirs))
            .is_some_and(|(a, b)| values_equal(&a, &b))
}

/// Numbers by value: `1` is `1.0`.
pub(super) fn values_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| values_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| values_equal(a, b)))
        }
        _ => left == right,
    }
}

#[derive(Debug, PartialEq, PartialOrd, Default)]
struct Element {
    name: String,
    attributes: Vec<String>,
    text: String,
    children: Vec<Element>,
}

/// Members may come in any order, elements of one name may not; request ids are whatever they are. The namespace of a query
/// answer is the service's, which the cases do not give.
fn xml_equal(ours: &[u8], theirs: &[u8], any_root: bool) -> bool {
    if ours == theirs {
        return true;
    }
    let root = |bytes| {
        let mut element = sorted(parse(bytes)?, false);
        if any_root {
            element.attributes.clear();
        }
        Some(element)
    };
    match (root(ours), root(theirs)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => parse(theirs).is_none() && parse(ours).is_none() && ours == theirs,
    }
}

fn sorted(mut element: Element, inner: bool) -> Element {
    if !inner {
        element.children.retain(|child| {
            !["ResponseMetadata", "RequestId", "requestId"].contains(&child.name.as_str())
        });
    }
    element.children = element
        .children
        .into_iter()
        .map(|child| sorted(child, true))
        .collect();
    element.children.sort_by(|a, b| a.name.cmp(&b.name));
    element.attributes.sort();
    if !element.children.is_empty() {
        element.text = String::new();
    }
    element
}

fn parse(bytes: &[u8]) -> Option<Element> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).ok()?);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => open.push(begin(&start)?),
            Event::Empty(start) => open.last_mut()?.children.push(begin(&start)?),
            Event::End(_) => {
                let element = open.pop()?;
                open.last_mut()?.children.push(element);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    _ => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                };
                open.last_mut()?.text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop()?.children.pop()
}

fn begin(start: &quick_xml::events::BytesStart<'_>) -> Option<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        attributes.push(format!(
            "{}={}",
            attribute.key.into_inner(),
            attribute.value
        ));
    }
    Some(Element {
        name: start.name().into_inner().to_owned(),
        attributes,
        ..Element::default()
    })
}

/// The text of the first element of a name, wherever it is.
pub(super) fn element_text(body: &[u8], name: &str) -> Option<String> {
    fn find<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
        if element.name == name {
            Some(element)
        } else {
            element.children.iter().find_map(|child| find(child, name))
        }
    }
    Some(find(&parse(body)?, name)?.text.clone())
}

/// The source of the first element of a name.
pub(super) fn element(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let from = text
        .find(&format!("<{name}>"))
        .or_else(|| text.find(&format!("<{name} ")))?;
    let close = format!("</{name}>");
    let to = text.rfind(&close)? + close.len();
    Some(text.as_bytes()[from..to].to_vec())
}

/// The result element of a query answer, as a document.
pub(super) fn query_result(body: &[u8], operation: &str) -> Option<Vec<u8>> {
    element(body, &format!("{operation}Result"))
}

/// A CBOR document as JSON: bytes and tags become texts that show what they were.
pub(super) fn cbor_value(body: &[u8]) -> Option<Value> {
    let mut decoder = Decoder::new(body);
    cbor_item(&mut decoder)
}

fn cbor_item(decoder: &mut Decoder<'_>) -> Option<Value> {
    Some(match decoder.datatype().ok()? {
        Type::Null | Type::Undefined => {
            decoder.skip().ok()?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool().ok()?),
        Type::F16 => float(f64::from(decoder.f16().ok()?)),
        Type::F32 => float(decoder.f32().ok()?.to_string().parse().ok()?),
        Type::F64 => float(decoder.f64().ok()?),
        Type::String | Type::StringIndef => Value::String(
            decoder
                .str_iter()
                .ok()?
                .collect::<Result<String, _>>()
                .ok()?,
        ),
        Type::Bytes | Type::BytesIndef => {
            let bytes = decoder
                .bytes_iter()
                .ok()?
                .collect::<Result<Vec<_>, _>>()
                .ok()?
                .concat();
            Value::String(format!("bytes {}", hex::encode(bytes)))
        }
        Type::Tag => {
            let tag = decoder.tag().ok()?.as_u64();
            Value::Array(vec![Value::from(format!("tag {tag}")), cbor_item(decoder)?])
        }
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.array().ok()?;
            let mut items = Vec::new();
            while more(decoder, &mut left)? {
                items.push(cbor_item(decoder)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map().ok()?;
            let mut entries = Map::new();
            while more(decoder, &mut left)? {
                let name = decoder
                    .str_iter()
                    .ok()?
                    .collect::<Result<String, _>>()
                    .ok()?;
                entries.insert(name, cbor_item(decoder)?);
            }
            Value::Object(entries)
        }
        _ => i64::try_from(i128::from(decoder.int().ok()?)).ok()?.into(),
    })
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
}

fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Option<bool> {
    if let Some(left) = left {
        let some = *left > 0;
        *left = left.saturating_sub(1);
        return Some(some);
    }
    let at_end = decoder.datatype().ok()? == Type::Break;
    if at_end {
        decoder.skip().ok()?;
    }
    Some(!at_end)
}
