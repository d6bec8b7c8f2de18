//! What strangers may send before anybody knows who they are, as functions of bytes: none may panic, hang,
//! or take for proven what is not.
//!
//! Each function is a target of `cargo +nightly fuzz run --features libfuzzer NAME`, and a quick property
//! test under `cargo test`, from the same seeds.

use cumulet_engine::Context;
use cumulet_engine::registry::Registry;
use cumulet_fixture::house::{ACCOUNT, House, root};
use cumulet_identity::iam::{self, PolicyUse};
use cumulet_wire::model::{self, Operation};
use cumulet_wire::route::{self, Hosts, Labels, Route};
use cumulet_wire::sigv4::{self, AwsChunkedDecoder, Payload, SigningKeys, Verification};
use cumulet_wire::{Protocol, decode, encode, validate};
use http::{HeaderName, HeaderValue, Request, request};
use serde_json::json;

/// A head out of bytes: a line with method and target, then lines of headers, then the body.
fn read_head(data: &[u8]) -> Option<(request::Parts, &[u8])> {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .body(())
        .ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(&line[colon + 1..]).ok()?;
        request.headers_mut().append(name, value);
    }
    Some((request.into_parts().0, body))
}

/// Routing, the signature's parser and its verification. Nobody knows the secret, so nothing may pass.
pub fn signature(data: &[u8]) {
    let Some((head, body)) = read_head(data) else {
        return;
    };
    let service = match route::route(&head, Some(body), &Hosts::default()) {
        Route::Api(api) => api.service.metadata.signing_name.clone(),
        _ => "s3".to_owned(),
    };
    let Ok(Some(presented)) = sigv4::parse(&head) else {
        return;
    };
    for body_sha256 in [
        None,
        Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ] {
        let verification = Verification {
            secret_key: "unguessable",
            now_s: presented.signed_at_s,
            service: &service,
            region: None,
            body_sha256,
            skew_max_s: sigv4::SKEW_MAX_S,
        };
        let verified = presented.verify(&head, &verification, &SigningKeys::default());
        let fault = verified.err();
        assert!(fault.is_some(), "a signature without its secret passed");
        for protocol in PROTOCOLS {
            let error = fault
                .as_ref()
                .map(|fault| fault.to_error(&service, protocol));
            assert!(error.is_some_and(|error| (400..500).contains(&error.status)));
        }
    }
}

const PROTOCOLS: [Protocol; 5] = [
    Protocol::Json,
    Protocol::Query,
    Protocol::RestJson,
    Protocol::RestXml,
    Protocol::Cbor,
];

/// The framing of `aws-chunked` bodies, fed in pieces: never more out than in, whatever the pieces.
pub fn chunked(data: &[u8]) {
    let head = Request::builder()
        .header("x-amz-trailer", "x-amz-checksum-crc32")
        .body(())
        .map(|request| request.into_parts().0);
    let Ok(head) = head else { return };
    let whole = unframed(&head, data, data.len().max(1));
    let pieces = unframed(&head, data, 3);
    assert_eq!(
        whole, pieces,
        "the pieces a body comes in change what it is"
    );
}

fn unframed(head: &request::Parts, data: &[u8], piece: usize) -> Option<Vec<u8>> {
    let payload = Payload::StreamingUnsignedTrailer;
    let mut decoder = AwsChunkedDecoder::new(head, &payload, None).ok()?;
    let mut out = Vec::new();
    for part in data.chunks(piece) {
        decoder.push(part, &mut out).ok()?;
    }
    assert!(out.len() <= data.len());
    decoder.finish().ok().map(|_| out)
}

thread_local! {
    static HOUSE: House = House::new(Registry::new(cumulet_identity::services(), iam::authorise));
}

/// A policy document: stored or refused, and if it can be stored, decided upon.
pub fn policy(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else {
        return;
    };
    let uses = [PolicyUse::Identity, PolicyUse::Trust, PolicyUse::Resource];
    let readable = uses.map(|policy_use| iam::validate_policy(document, policy_use).is_ok());
    let context = HOUSE.with(|house| house.context(&root(ACCOUNT)));
    let decision = simulated(&context, document);
    // A trust policy has no resources; the others a simulation understands if they can be stored.
    assert!(
        !readable[0] || decision.is_some(),
        "stored, and not understood: {document}"
    );
}

fn simulated(context: &Context, document: &str) -> Option<String> {
    let input = json!({
        "PolicyInputList": [document],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::bucket/key"],
        "ContextEntries": [
            {"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["203.0.113.7"]},
            {"ContextKeyName": "aws:CurrentTime", "ContextKeyType": "date", "ContextKeyValues": ["2026-01-31T12:00:00Z"]},
        ],
    });
    let answer = HOUSE.with(|house| {
        house
            .store
            .read(|tx| context.call_in(tx, "iam", "SimulateCustomPolicy", input))
    });
    let answer = answer.ok()?;
    answer["EvaluationResults"][0]["EvalDecision"]
        .as_str()
        .map(str::to_owned)
}

/// Every codec: what can be read can be validated, and what was read can be written.
pub fn codecs(data: &[u8]) {
    let Some((&[service, operation, protocol], body)) = data.split_first_chunk::<3>() else {
        return;
    };
    let listings = model::services();
    let listing = &listings[usize::from(service) % listings.len()];
    let Some(service) = model::service(listing.name) else {
        return;
    };
    let operations: Vec<&Operation> = service.operations().collect();
    let operation = operations[usize::from(operation) % operations.len()];
    let protocol = PROTOCOLS[usize::from(protocol) % PROTOCOLS.len()];
    let (head, body) = read_head(body).unwrap_or_else(|| (Request::new(()).into_parts().0, body));
    if let Ok(input) = decode(operation, protocol, &head, &Labels::default(), body) {
        drop(validate(operation, &input));
        drop(encode(operation, protocol, &input, "id"));
    }
}

#[cfg(test)]
mod tests;
