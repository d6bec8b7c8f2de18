//! Smithy RPC v2 with CBOR: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.
//!
//! A client that asked in CBOR must be answered in CBOR, errors too: it has no other parser.

use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use http::header::HeaderName;
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use super::{Refusal, json, respond, serialization, set_header};
use crate::error::Error;
use crate::model::{Kind, Member, Operation, Shape};
use crate::timestamp;

const CONTENT_TYPE: &str = "application/cbor";

/// Deeper nesting than any model has is an attack on the stack.
const DEPTH_MAX: usize = 64;

pub(super) fn decode(operation: &Operation, shape: &Shape, body: &[u8]) -> Result<Value, Error> {
    let _ = operation;
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut decoder = Decoder::new(body);
    let document =
        read(&mut decoder, 0).map_err(|_| serialization("The body is not valid CBOR"))?;
    structure(shape, document)
}

/// CBOR as it came: bytes and tagged moments are told apart from strings and numbers before the shape is asked.
enum Item {
    Plain(Value),
    Bytes(Vec<u8>),
    Moment(f64),
    List(Vec<Item>),
    Map(Vec<(String, Item)>),
}

type Broken = minicbor::decode::Error;

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Item, Broken> {
    if depth > DEPTH_MAX {
        return Err(Broken::message("nested too deep"));
    }
    Ok(match decoder.datatype()? {
        Type::Null | Type::Undefined => {
            decoder.skip()?;
            Item::Plain(Value::Null)
        }
        Type::Bool => Item::Plain(Value::Bool(decoder.bool()?)),
        Type::F16 => float(f64::from(decoder.f16()?)),
        Type::F32 => float(widen(decoder.f32()?)),
        Type::F64 => float(decoder.f64()?),
        Type::String | Type::StringIndef => Item::Plain(Value::String(text(decoder)?)),
        Type::Bytes | Type::BytesIndef => Item::Bytes(
            decoder
                .bytes_iter()?
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
        ),
        Type::Array | Type::ArrayIndef => read_list(decoder, depth)?,
        Type::Map | Type::MapIndef => read_map(decoder, depth)?,
        Type::Tag => read_tagged(decoder, depth)?,
        _ => Item::Plain(integer(decoder)?),
    })
}

fn integer(decoder: &mut Decoder<'_>) -> Result<Value, Broken> {
    let integer = i128::from(decoder.int()?);
    let signed = i64::try_from(integer).map(Value::from);
    signed
        .or_else(|_| u64::try_from(integer).map(Value::from))
        .map_err(|_| Broken::message("integer out of range"))
}

fn text(decoder: &mut Decoder<'_>) -> Result<String, Broken> {
    Ok(decoder.str_iter()?.collect::<Result<Vec<_>, _>>()?.concat())
}

/// A single float is the shortest decimal that means it, not its binary expansion.
fn widen(single: f32) -> f64 {
    single.to_string().parse().unwrap_or(f64::from(single))
}

fn float(number: f64) -> Item {
    Item::Plain(match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::from("NaN"),
        None if number > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    })
}

fn read_tagged(decoder: &mut Decoder<'_>, depth: usize) -> Result<Item, Broken> {
    let tag = decoder.tag()?;
    let item = read(decoder, depth + 1)?;
    match (tag.as_u64(), item) {
        (1, Item::Plain(Value::Number(number))) => {
            Ok(Item::Moment(number.as_f64().unwrap_or_default()))
        }
        (1, _) => Err(Broken::message("a moment must be a number")),
        (_, item) => Ok(item),
    }
}

fn read_list(decoder: &mut Decoder<'_>, depth: usize) -> Result<Item, Broken> {
    let mut left = decoder.array()?;
    let mut items = Vec::new();
    while more(decoder, &mut left)? {
        items.push(read(decoder, depth + 1)?);
    }
    Ok(Item::List(items))
}

fn read_map(decoder: &mut Decoder<'_>, depth: usize) -> Result<Item, Broken> {
    let mut left = decoder.map()?;
    let mut entries = Vec::new();
    while more(decoder, &mut left)? {
        entries.push((text(decoder)?, read(decoder, depth + 1)?));
    }
    Ok(Item::Map(entries))
}

/// Whether another item follows, in a collection of known or unknown length.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Broken> {
    if let Some(left) = left {
        let some = *left > 0;
        *left = left.saturating_sub(1);
        return Ok(some);
    }
    let at_end = decoder.datatype()? == Type::Break;
    if at_end {
        decoder.skip()?;
    }
    Ok(!at_end)
}

fn structure(shape: &Shape, item: Item) -> Result<Value, Error> {
    let Item::Map(entries) = item else {
        return Err(mismatch(shape.kind));
    };
    let mut members = Map::new();
    for (name, item) in entries {
        if let Some(member) = shape.wire_member(&name) {
            let value = adapt(member, item)?;
            if !value.is_null() {
                members.insert(member.name.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(members))
}

/// Brings an item to the canonical form of its member's type.
fn adapt(member: &Member, item: Item) -> Result<Value, Error> {
    let shape = member.shape();
    match (shape.kind, item) {
        (_, Item::Plain(Value::Null)) => Ok(Value::Null),
        (Kind::Structure, item) => structure(shape, item),
        (Kind::List, Item::List(items)) => match &shape.element {
            Some(element) => items.into_iter().map(|item| adapt(element, item)).collect(),
            None => Ok(Value::Array(Vec::new())),
        },
        (Kind::Map, Item::Map(entries)) => adapt_map(shape, entries),
        (Kind::Blob, Item::Bytes(bytes)) => Ok(Value::String(STANDARD.encode(bytes))),
        (Kind::Timestamp, Item::Moment(seconds)) => Ok(moment(seconds)),
        (Kind::String, Item::Plain(value @ Value::String(_)))
        | (Kind::Boolean, Item::Plain(value @ Value::Bool(_)))
        | (Kind::Integer | Kind::Long | Kind::Timestamp, Item::Plain(value @ Value::Number(_)))
        | (
            Kind::Float | Kind::Double,
            Item::Plain(value @ (Value::Number(_) | Value::String(_))),
        ) => Ok(value),
        (kind, _) => Err(mismatch(kind)),
    }
}

fn adapt_map(shape: &Shape, entries: Vec<(String, Item)>) -> Result<Value, Error> {
    let Some(member) = &shape.value else {
        return Ok(Value::Object(Map::new()));
    };
    let adapted = entries
        .into_iter()
        .map(|(name, item)| Ok((name, adapt(member, item)?)));
    adapted
        .collect::<Result<Map<_, _>, Error>>()
        .map(Value::Object)
}

fn moment(seconds: f64) -> Value {
    timestamp::milliseconds(&Value::from(seconds)).map_or(Value::Null, timestamp::from_milliseconds)
}

fn mismatch(expected: Kind) -> Error {
    serialization(format!("The value can not be converted to {expected:?}"))
}

type Written = Result<(), minicbor::encode::Error<Infallible>>;
type Output = Encoder<Vec<u8>>;

pub(super) fn encode(operation: &Operation, output: &Value, request_id: &str) -> Response<Bytes> {
    let Some(shape) = operation.output else {
        return finish(respond(operation.status, None, request_id, Bytes::new()));
    };
    let body = written(|out| write_structure(shape, output, out));
    finish(respond(
        operation.status,
        Some(CONTENT_TYPE),
        request_id,
        body,
    ))
}

/// Writing to memory cannot fail.
fn written(write: impl FnOnce(&mut Output) -> Written) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(512));
    drop(write(&mut encoder));
    encoder.into_writer()
}

fn finish(mut response: Response<Bytes>) -> Response<Bytes> {
    set_header(
        &mut response,
        HeaderName::from_static("smithy-protocol"),
        "rpc-v2-cbor",
    );
    response
}

fn write_structure(shape: &Shape, value: &Value, out: &mut Output) -> Written {
    out.begin_map()?;
    for (name, value) in value.as_object().into_iter().flatten() {
        let member = shape
            .member(name)
            .filter(|member| member.is_in_answer() && !value.is_null());
        if let Some(member) = member {
            out.str(member.wire())?;
            write_member(member, value, out)?;
        }
    }
    out.end()?;
    Ok(())
}

fn write_member(member: &Member, value: &Value, out: &mut Output) -> Written {
    let shape = member.shape();
    match (shape.kind, value) {
        (_, Value::Null) => drop(out.null()?),
        (Kind::Structure, Value::Object(_)) => write_structure(shape, value, out)?,
        (Kind::List, Value::Array(items)) => write_list(shape, items, out)?,
        (Kind::Map, Value::Object(entries)) => write_map(shape, entries, out)?,
        (Kind::Blob, Value::String(text)) => write_bytes(text, out)?,
        (Kind::Timestamp, value) => write_moment(value, out)?,
        (Kind::Float | Kind::Double, value) => drop(out.f64(number(value))?),
        (Kind::Boolean, value) => drop(out.bool(value.as_bool().unwrap_or_default())?),
        (Kind::Integer | Kind::Long, value) => drop(out.i64(value.as_i64().unwrap_or_default())?),
        (_, Value::String(text)) => drop(out.str(text)?),
        (_, other) => drop(out.str(&other.to_string())?),
    }
    Ok(())
}

fn write_bytes(base64: &str, out: &mut Output) -> Written {
    out.bytes(&STANDARD.decode(base64).unwrap_or_default())?;
    Ok(())
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) if text == "Infinity" => f64::INFINITY,
        Value::String(text) if text == "-Infinity" => f64::NEG_INFINITY,
        value => value.as_f64().unwrap_or(f64::NAN),
    }
}

fn write_list(shape: &Shape, items: &[Value], out: &mut Output) -> Written {
    out.array(items.len() as u64)?;
    let Some(element) = &shape.element else {
        return Ok(());
    };
    items
        .iter()
        .try_for_each(|item| write_member(element, item, out))
}

fn write_map(shape: &Shape, entries: &Map<String, Value>, out: &mut Output) -> Written {
    let Some(member) = &shape.value else {
        return Ok(());
    };
    out.map(entries.len() as u64)?;
    for (name, value) in entries {
        out.str(name)?;
        write_member(member, value, out)?;
    }
    Ok(())
}

/// Tag 1: a whole number of seconds, or a double with a fraction.
fn write_moment(value: &Value, out: &mut Output) -> Written {
    out.tag(Tag::new(1))?;
    match value.as_i64() {
        Some(seconds) => drop(out.i64(seconds)?),
        None => drop(out.f64(value.as_f64().unwrap_or_default())?),
    }
    Ok(())
}

pub(super) fn encode_error(refusal: &Refusal<'_>, request_id: &str) -> Response<Bytes> {
    let body = written(|out| write_error(refusal, out));
    let mut response = finish(respond(
        refusal.status(),
        Some(CONTENT_TYPE),
        request_id,
        body,
    ));
    if let Some(query_error) = refusal.query_error() {
        set_header(
            &mut response,
            HeaderName::from_static("x-amzn-query-error"),
            &query_error,
        );
    }
    response
}

fn write_error(refusal: &Refusal<'_>, out: &mut Output) -> Written {
    out.begin_map()?;
    out.str("__type")?.str(&json::type_name(refusal))?;
    for (name, value) in refusal.value().as_object().into_iter().flatten() {
        match refusal.shape.and_then(|shape| shape.member(name)) {
            Some(member) => {
                out.str(member.wire())?;
                write_member(member, value, out)?;
            }
            None => drop(
                out.str(name)?
                    .str(value.as_str().unwrap_or(&value.to_string()))?,
            ),
        }
    }
    out.end()?;
    Ok(())
}
