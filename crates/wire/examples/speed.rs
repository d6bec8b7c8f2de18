//! What the wire costs: `cargo run --release -p cumulet-wire --example speed`. Times are the mean of many rounds on one core.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measurement reports, or stops"
)]

use std::hint::black_box;
use std::time::Instant;

use cumulet_wire::model::{Operation, service};
use cumulet_wire::route::{Hosts, Labels, route};
use cumulet_wire::sigv4::{Credentials, SKEW_MAX_S, Signer, SigningKeys, Verification, parse};
use cumulet_wire::{Protocol, decode, encode, validate};
use http::request;
use serde_json::{Value, json};

const ROUNDS: u32 = 20_000;
const NOW_S: i64 = 1_440_938_160;
const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn main() {
    for name in ["s3", "dynamodb", "ssm"] {
        once(&format!("first use of the model of {name}"), || {
            black_box(service(name));
        });
    }
    let head = signed_head();
    let item = item();
    let put = json!({"TableName": "products", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}).to_string();
    let get = json!({"TableName": "products", "Key": {"pk": {"S": "p#1"}, "sk": {"S": "v0"}}})
        .to_string();
    println!("PutItem {} bytes, GetItem {} bytes", put.len(), get.len());
    measure("route", || {
        drop(black_box(route(&head, None, &Hosts::default())))
    });
    verify(&head);
    item_operation("PutItem", &head, &put, &json!({}));
    item_operation("GetItem", &head, &get, &json!({"Item": item}));
}

fn item() -> Value {
    let texts = (0..8).map(|at| (format!("attribute{at}"), json!({"S": "x".repeat(100)})));
    let mut item: serde_json::Map<String, Value> = texts.collect();
    item.insert("pk".to_owned(), json!({"S": "p#1"}));
    item.insert("price".to_owned(), json!({"N": "12.50"}));
    item.into()
}

fn signed_head() -> request::Parts {
    let builder = http::Request::builder()
        .method("POST")
        .uri("/")
        .header("host", "127.0.0.1:4566")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .header(
            "amz-sdk-invocation-id",
            "6c5a3f2e-8ad2-4a3b-9d0f-0a4a6c1f2f6e",
        )
        .header("amz-sdk-request", "attempt=1; max=3");
    let mut head = builder.body(()).expect("a request").into_parts().0;
    let credentials = Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: "secret".to_owned(),
        session_token: None,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service: "dynamodb",
        now_s: NOW_S,
    };
    signer.sign(&mut head, HASH).expect("a signature");
    head
}

fn verify(head: &request::Parts) {
    let keys = SigningKeys::default();
    let verification = Verification {
        secret_key: "secret",
        now_s: NOW_S,
        service: "dynamodb",
        region: None,
        body_sha256: Some(HASH),
        skew_max_s: SKEW_MAX_S,
    };
    measure("parse and verify a signature, key known", || {
        let presented = parse(head).expect("well-formed").expect("signed");
        drop(black_box(
            presented
                .verify(head, &verification, &keys)
                .expect("verified"),
        ));
    });
}

fn item_operation(name: &str, head: &request::Parts, body: &str, output: &Value) {
    let operation: &Operation = service("dynamodb")
        .and_then(|service| service.operation(name))
        .expect("known");
    let labels = Labels::default();
    measure(&format!("{name}: decode, validate, encode"), || {
        let input =
            decode(operation, Protocol::Json, head, &labels, body.as_bytes()).expect("decoded");
        validate(operation, &input).expect("valid");
        drop(black_box(encode(operation, Protocol::Json, output, "id")));
    });
}

fn measure(what: &str, mut round: impl FnMut()) {
    round();
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| round());
    println!(
        "{what:45} {:8.2} us",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    );
}

fn once(what: &str, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    println!("{what:45} {:8.2} us", start.elapsed().as_secs_f64() * 1e6);
}
