//! botocore's protocol cases, which test clients, turned round.
//!
//! An *input* case gives what a client sends: we must read its parameters from that. An *output* case gives what a server
//! answers and what a client reads in it: we must answer the same. Some answers are of a kind that no server of ours sends (a
//! time with an offset, members to be ignored), so an answer counts as *exact* if body, status and headers equal the case's,
//! and as *equal in meaning* if our reader, which passes the input cases, reads the expected result both in our answer and in
//! the case's. Everything else is a failure, and is printed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_wire::model::{Kind, Location, Member, Operation, Service, Shape};
use cumulet_wire::route::{Labels, match_rest};
use cumulet_wire::{Error, Fault, Protocol, decode, encode, encode_error};
use http::{Request, request};
use serde_json::{Map, Value, json};

use super::semantics::{body_equal, query_result, values_equal};
use crate::Outcome;

#[derive(Default)]
struct Count {
    exact: usize,
    meaning: usize,
    failed: Vec<String>,
}

enum Verdict {
    Exact,
    Meaning,
}

type Judgement = Result<Verdict, String>;

#[expect(
    clippy::print_stdout,
    reason = "a command line tool reports its findings"
)]
pub(crate) fn run(from: &Path) -> Outcome {
    let mut failures = 0;
    for direction in ["input", "output"] {
        for (file, count) in run_folder(&from.join(direction), direction)? {
            let total = count.exact + count.meaning + count.failed.len();
            let (exact, meaning) = (count.exact, count.meaning);
            println!(
                "{direction:6} {file:42} {:3} of {total:3}  ({exact} exact, {meaning} in meaning)",
                exact + meaning
            );
            count
                .failed
                .iter()
                .for_each(|failure| println!("    {failure}"));
            failures += count.failed.len();
        }
    }
    println!("{failures} failed; the ec2 protocol is left out");
    Ok(())
}

fn run_folder(
    folder: &Path,
    direction: &str,
) -> Result<BTreeMap<String, Count>, Box<dyn std::error::Error>> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "ec2" {
            continue;
        }
        let suites: Vec<Value> = serde_json::from_reader(fs::File::open(&path)?)?;
        let count: &mut Count = counts.entry(name).or_default();
        for suite in &suites {
            for case in suite["cases"].as_array().into_iter().flatten() {
                let judgement = if direction == "input" {
                    input(suite, case)
                } else {
                    output(suite, case)
                };
                match judgement {
                    Ok(Verdict::Exact) => count.exact += 1,
                    Ok(Verdict::Meaning) => count.meaning += 1,
                    Err(reason) => count
                        .failed
                        .push(format!("{}: {reason}", case["id"].as_str().unwrap_or("?"))),
                }
            }
        }
    }
    Ok(counts)
}

/// A service of the one operation of a case. Models live as long as the process; there are some seven hundred.
fn load(suite: &Value, operation: Value) -> Result<&'static Service, String> {
    let name = operation["name"].as_str().unwrap_or("Operation").to_owned();
    let model = json!({"metadata": suite["metadata"], "operations": {name: operation}, "shapes": suite["shapes"]});
    Service::load("suite", model.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn only_operation(service: &'static Service) -> Result<(&'static Operation, Protocol), String> {
    let operation = service.operations().next().ok_or("no operation")?;
    let protocol = service
        .metadata
        .protocols
        .first()
        .copied()
        .ok_or("no protocol")?;
    Ok((operation, protocol))
}

fn input(suite: &Value, case: &Value) -> Judgement {
    let service = load(suite, case["given"].clone())?;
    let (operation, protocol) = only_operation(service)?;
    let sent = &case["serialized"];
    let head = head(
        sent["method"].as_str().unwrap_or("POST"),
        sent["uri"].as_str().unwrap_or("/"),
        &sent["headers"],
    )?;
    let labels = match protocol {
        Protocol::RestJson | Protocol::RestXml => match_rest(service, &head).ok_or("no route")?.1,
        _ => Labels::default(),
    };
    if sent["body"].is_null() && sent["headers"]["Content-Encoding"].is_string() {
        return Err("the case gives no body to read".to_owned());
    }
    let body = body_bytes(&sent["body"], protocol);
    let mut found =
        decode(operation, protocol, &head, &labels, &body).map_err(|error| error.to_string())?;
    let mut expected = operation
        .input
        .map_or_else(|| json!({}), |shape| canonical(shape, &case["params"]));
    if let Some(shape) = operation.input {
        forgive_tokens(shape, &case["params"], &mut found);
        drop_empty_maps(shape, &mut expected);
        drop_empty_maps(shape, &mut found);
    }
    if values_equal(&found, &expected) {
        return Ok(Verdict::Exact);
    }
    if operation
        .input
        .is_some_and(|shape| unbound(shape, &found) == unbound(shape, &expected))
    {
        return Ok(Verdict::Meaning);
    }
    Err(format!("read {found}, expected {expected}"))
}

/// Clients fill idempotency tokens in.
fn forgive_tokens(shape: &Shape, params: &Value, found: &mut Value) {
    for member in shape
        .members
        .iter()
        .filter(|member| member.idempotency_token)
    {
        if let (None, Some(found)) = (params.get(member.name), found.as_object_mut()) {
            found.remove(member.name);
        }
    }
}

/// An empty map has no headers and no query parameters, so it cannot be told from none.
fn drop_empty_maps(shape: &Shape, value: &mut Value) {
    let Some(entries) = value.as_object_mut() else {
        return;
    };
    entries.retain(|name, value| {
        let outside = shape
            .member(name)
            .is_some_and(|member| member.location != Location::Body);
        !(outside && (*value == json!({}) || *value == json!([])))
    });
}

/// A parameter may belong to a member or to the map of all parameters: the wire does not tell, and the cases differ on it.
fn unbound(shape: &Shape, value: &Value) -> Value {
    let mut value = value.clone();
    let query = |member: &&Member| member.location == Location::QueryString;
    let maps = shape
        .members
        .iter()
        .filter(query)
        .filter(|member| member.shape().kind == Kind::Map);
    for map in maps {
        if let Some(entries) = value.get_mut(map.name).and_then(Value::as_object_mut) {
            entries.retain(|name, _| {
                !shape
                    .members
                    .iter()
                    .filter(query)
                    .any(|member| member.wire() == name)
            });
        }
    }
    drop_empty_maps(shape, &mut value);
    value
}

fn head(method: &str, uri: &str, headers: &Value) -> Result<request::Parts, String> {
    let mut builder = Request::builder()
        .method(method)
        .uri(uri.replace(' ', "%20"));
    for (name, value) in headers.as_object().into_iter().flatten() {
        builder = builder.header(name, value.as_str().unwrap_or_default());
    }
    builder
        .body(())
        .map(|request| request.into_parts().0)
        .map_err(|error| error.to_string())
}

fn body_bytes(body: &Value, protocol: Protocol) -> Vec<u8> {
    let text = body.as_str().unwrap_or_default();
    if protocol == Protocol::Cbor {
        STANDARD.decode(text).unwrap_or_default()
    } else {
        text.as_bytes().to_vec()
    }
}

/// botocore's parameters, with blobs as plain text, to our canonical form.
fn canonical(shape: &Shape, value: &Value) -> Value {
    let entries = value.as_object().into_iter().flatten();
    let members = entries.filter(|(_, value)| !value.is_null());
    members
        .map(|(name, value)| {
            let canonical = shape
                .member(name)
                .map_or_else(|| value.clone(), |member| canonical_member(member, value));
            (name.clone(), canonical)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn canonical_member(member: &Member, value: &Value) -> Value {
    let shape = member.shape();
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(_)) => canonical(shape, value),
        (Kind::List, Value::Array(items)) => match &shape.element {
            Some(element) => items
                .iter()
                .map(|item| canonical_member(element, item))
                .collect(),
            None => value.clone(),
        },
        (Kind::Map, Value::Object(entries)) => match &shape.value {
            Some(element) => {
                let items = entries
                    .iter()
                    .map(|(name, item)| (name.clone(), canonical_member(element, item)));
                items.collect::<Map<_, _>>().into()
            }
            None => value.clone(),
        },
        (Kind::Blob, Value::String(text)) => Value::String(STANDARD.encode(text)),
        _ => value.clone(),
    }
}

/// An answer: ours or the case's.
struct Answer {
    status: u16,
    head: request::Parts,
    body: Vec<u8>,
}

impl Answer {
    fn ours(response: http::Response<bytes::Bytes>) -> Result<Self, String> {
        let (parts, body) = response.into_parts();
        let mut head = head("POST", "/", &Value::Null)?;
        head.headers = parts.headers;
        Ok(Self {
            status: parts.status.as_u16(),
            head,
            body: body.to_vec(),
        })
    }

    fn of_case(case: &Value, protocol: Protocol) -> Result<Self, String> {
        let response = &case["response"];
        let status = response["status_code"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(200);
        let head = head("POST", "/", &response["headers"])?;
        Ok(Self {
            status,
            head,
            body: body_bytes(&response["body"], protocol),
        })
    }

    fn equals(&self, expected: &Self, protocol: Protocol) -> Result<(), String> {
        if self.status != expected.status {
            return Err(format!(
                "status {} instead of {}",
                self.status, expected.status
            ));
        }
        for (name, value) in &expected.head.headers {
            let found = self.head.headers.get(name);
            if found != Some(value) && name != "content-type" && name != "content-length" {
                return Err(format!("header {name}: {found:?} instead of {value:?}"));
            }
        }
        if body_equal(protocol, &self.body, &expected.body) {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&self.body);
        Err(format!(
            "answered {shown}, expected {}",
            String::from_utf8_lossy(&expected.body)
        ))
    }
}

fn output(suite: &Value, case: &Value) -> Judgement {
    if case.get("errorCode").is_some() {
        return error(suite, case);
    }
    let service = load(suite, case["given"].clone())?;
    let (operation, protocol) = only_operation(service)?;
    let result = operation
        .output
        .map_or_else(|| json!({}), |shape| canonical(shape, &case["result"]));
    let mut ours = Answer::ours(encode(operation, protocol, &result, "requestid"))?;
    let expected = Answer::of_case(case, protocol)?;
    if operation.streaming_output().is_some() {
        ours.body.clone_from(&expected.body);
    }
    let Err(difference) = ours.equals(&expected, protocol) else {
        return Ok(Verdict::Exact);
    };
    let Some(shape) = case["given"]["output"]["shape"].as_str() else {
        // There is nothing to read: clients ignore the body.
        return if ours.status == expected.status {
            Ok(Verdict::Meaning)
        } else {
            Err(difference)
        };
    };
    let read_ours = read(suite, shape, operation.name, protocol, &ours);
    let read_theirs = read(suite, shape, operation.name, protocol, &expected);
    let same = |value: &Result<Value, String>| {
        value
            .as_ref()
            .is_ok_and(|value| alike(operation.output, value, &result))
    };
    if ours.status == expected.status && same(&read_ours) && same(&read_theirs) {
        return Ok(Verdict::Meaning);
    }
    Err(difference)
}

/// Empty maps outside the body cannot be told from none.
fn alike(shape: Option<&Shape>, left: &Value, right: &Value) -> bool {
    let (mut left, mut right) = (left.clone(), right.clone());
    if let Some(shape) = shape {
        drop_empty_maps(shape, &mut left);
        drop_empty_maps(shape, &mut right);
    }
    values_equal(&left, &right)
}

/// Reads an answer as if it were a request whose input is the output's shape.
fn read(
    suite: &Value,
    shape: &str,
    operation: &str,
    protocol: Protocol,
    answer: &Answer,
) -> Result<Value, String> {
    let twin = json!({"name": "Twin", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": shape}});
    let (twin, _) = only_operation(load(suite, twin)?)?;
    let (protocol, body) = match protocol {
        Protocol::Query => (
            Protocol::RestXml,
            query_result(&answer.body, operation).unwrap_or_default(),
        ),
        protocol => (protocol, answer.body.clone()),
    };
    let mut value = decode(twin, protocol, &answer.head, &Labels::default(), &body)
        .map_err(|error| error.to_string())?;
    let status = twin
        .input
        .into_iter()
        .flat_map(|shape| &shape.members)
        .find(|member| member.location == Location::StatusCode);
    if let (Some(member), Some(entries)) = (status, value.as_object_mut()) {
        entries.insert(member.name.to_owned(), Value::from(answer.status));
    }
    Ok(value)
}

fn error(suite: &Value, case: &Value) -> Judgement {
    let service = load(suite, case["given"].clone())?;
    let (_, protocol) = only_operation(service)?;
    let code = case["errorCode"].as_str().unwrap_or_default();
    let expected = Answer::of_case(case, protocol)?;
    let shape = service.error(code);
    let members = shape.map_or_else(
        || case["error"].clone(),
        |shape| canonical(shape, &case["error"]),
    );
    let refusal = refusal(code, expected.status, &members);
    let ours = Answer::ours(encode_error(service, protocol, &refusal, "requestid"))?;
    let difference = match ours.equals(&expected, protocol) {
        Ok(()) => return Ok(Verdict::Exact),
        Err(difference) => difference,
    };
    let found = code_of(&ours, protocol).unwrap_or_default();
    let known = [Some(code), shape.map(|shape| shape.name)];
    let read_members = match shape {
        Some(shape) => read(
            suite,
            shape.name,
            "Error",
            protocol,
            &unwrapped_error(&ours, protocol),
        ),
        None => Ok(members.clone()),
    };
    let same_members = read_members
        .as_ref()
        .is_ok_and(|read| alike(shape, read, &members));
    if ours.status == expected.status && known.contains(&Some(found.as_str())) && same_members {
        return Ok(Verdict::Meaning);
    }
    Err(difference)
}

fn refusal(code: &str, status: u16, members: &Value) -> Error {
    let mut error = Error::new(
        status,
        if status < 500 {
            Fault::Sender
        } else {
            Fault::Receiver
        },
        code,
        "",
    );
    for (name, value) in members.as_object().into_iter().flatten() {
        if name.eq_ignore_ascii_case("message") {
            error.message = value.as_str().unwrap_or_default().to_owned();
        } else {
            error = error.with_member(name.clone(), value.clone());
        }
    }
    error
}

/// The code as a client finds it.
fn code_of(answer: &Answer, protocol: Protocol) -> Option<String> {
    let text = match protocol {
        Protocol::RestJson => answer
            .head
            .headers
            .get("x-amzn-errortype")?
            .to_str()
            .ok()?
            .to_owned(),
        Protocol::Json => serde_json::from_slice::<Value>(&answer.body).ok()?["__type"]
            .as_str()?
            .to_owned(),
        Protocol::Cbor => super::semantics::cbor_value(&answer.body)?["__type"]
            .as_str()?
            .to_owned(),
        Protocol::Query | Protocol::RestXml => {
            super::semantics::element_text(&answer.body, "Code")?
        }
    };
    Some(text.rsplit('#').next().unwrap_or_default().to_owned())
}

/// The members of an XML error stand in its `Error` element.
fn unwrapped_error(answer: &Answer, protocol: Protocol) -> Answer {
    let body = match protocol {
        Protocol::RestXml | Protocol::Query => {
            super::semantics::element(&answer.body, "Error").unwrap_or_default()
        }
        _ => answer.body.clone(),
    };
    let body = if protocol == Protocol::Query {
        [b"<R><ErrorResult>", body.as_slice(), b"</ErrorResult></R>"].concat()
    } else {
        body
    };
    Answer {
        status: answer.status,
        head: answer.head.clone(),
        body,
    }
}
