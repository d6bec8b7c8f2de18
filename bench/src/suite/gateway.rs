//! API Gateway by itself: MOCK behind it, so that nothing is measured but the front door.
//!
//! What validation, and what keys with throttle and quota cost; then the mission's own rate, 1,000 requests a second, with
//! the latency of the slowest hundredth and the processor time of each.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::Outcome;
use crate::client::{Call, Prepared, anonymous, once, signed};
use crate::figure::Figure;
use crate::load::{Measured, drive, pace};

const SUITE: &str = "gateway";
const CONNECTIONS: usize = 16;
const RATE_PER_S: u32 = 1_000;
const PLENTY: u32 = 1_000_000;
const PATHS: [&str; 3] = ["/plain", "/validated", "/keyed"];

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let engine = bench.engine(&bench.folder("gateway-")?, None)?;
    let bare = bench.bare()?;
    let door = Door::build(engine.address).await?;
    let mut rounds = [const { Vec::new() }; 4];
    for _ in 0..bench.rounds() {
        for (path, measured) in PATHS.iter().zip(&mut rounds) {
            let request = door.request(path)?;
            let load = bench.load(CONNECTIONS);
            measured.push(drive(engine.address, &[request], load).await?);
        }
        let request = get(bare.address)?;
        rounds[3].push(drive(bare.address, &[request], bench.load(CONNECTIONS)).await?);
    }
    let [plain, validated, keyed, limit] = rounds.map(|rounds| Measured::middle(&rounds));
    let figure = |name: &str, measured: &Measured| {
        let name = format!("{name}, {CONNECTIONS} connections");
        let rate = measured.operations_per_s;
        Figure::new(SUITE, &name, "requests/s", rate).detail(&measured.latencies())
    };
    let against = |figure: Figure| {
        let detail = plain.latencies();
        figure.beside_with("the same without", plain.operations_per_s, &detail)
    };
    let mut figures = vec![
        figure("MOCK", &plain).beside_with(
            "bare server",
            limit.operations_per_s,
            &limit.latencies(),
        ),
        against(figure("MOCK with a model of three members", &validated)),
        against(figure("MOCK with key, throttle and quota", &keyed)),
    ];
    for path in PATHS {
        let request = door.request(path)?;
        let seconds = if bench.quick { 2 } else { 10 };
        let before = engine.processor_time()?;
        let duration = Duration::from_secs(seconds);
        let paced = pace(engine.address, &request, 32, RATE_PER_S, duration).await?;
        let spent = engine.processor_time()?.saturating_sub(before);
        let a_request_us =
            spent.as_secs_f64() * 1e6 / (paced.operations_per_s * duration.as_secs_f64());
        let name = format!("{path} at {RATE_PER_S}/s for {seconds} s, p99");
        let detail = format!(
            "p50 {:.2} ms, {:.0}/s answered, {a_request_us:.0} us of processor a request",
            paced.p50_ms, paced.operations_per_s
        );
        figures.push(
            Figure::new(SUITE, &name, "ms", paced.p99_ms)
                .detail(&detail)
                .beside("a request every", 1e3 / f64::from(RATE_PER_S)),
        );
    }
    Ok(figures)
}

/// The deployed API.
struct Door {
    address: SocketAddr,
    api_id: String,
    key: String,
}

impl Door {
    async fn build(address: SocketAddr) -> Outcome<Self> {
        let imported = call(address, "ImportRestApi", &json!({ "body": document() })).await?;
        let api_id = text(&imported, "id")?;
        let stage = json!({ "restApiId": api_id, "stageName": "prod" });
        call(address, "CreateDeployment", &stage).await?;
        let key = call(address, "CreateApiKey", &json!({ "enabled": true })).await?;
        let plan = json!({
            "name": "bench", "apiStages": [{ "apiId": api_id, "stage": "prod" }],
            "throttle": { "burstLimit": PLENTY, "rateLimit": PLENTY },
            "quota": { "limit": PLENTY * 1000, "period": "DAY" },
        });
        let plan = text(&call(address, "CreateUsagePlan", &plan).await?, "id")?;
        let member = json!({ "usagePlanId": plan, "keyId": key["id"], "keyType": "API_KEY" });
        call(address, "CreateUsagePlanKey", &member).await?;
        Ok(Self {
            address,
            api_id,
            key: text(&key, "value")?,
        })
    }

    fn request(&self, path: &str) -> Outcome<Prepared> {
        let path = format!("/_aws/execute-api/{}/prod{path}", self.api_id);
        let call = Call {
            service: "",
            method: Method::POST,
            path: &path,
            headers: &[
                ("content-type", "application/json"),
                ("x-api-key", &self.key),
            ],
        };
        let body = json!({ "id": "PROD-001", "name": "Bench", "price": 99.99 });
        anonymous(self.address, &call, body.to_string().into())
    }
}

/// Three paths that differ in one thing each.
fn document() -> String {
    use base64::Engine as _;

    let answer = json!({
        "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
        "responses": { "default": { "statusCode": "200", "responseTemplates": { "application/json": "{}" } } },
    });
    let operation = |more: Value| {
        let mut operation =
            json!({ "responses": { "200": {} }, "x-amazon-apigateway-integration": answer });
        if let (Value::Object(operation), Value::Object(more)) = (&mut operation, more) {
            operation.extend(more);
        }
        json!({ "post": operation })
    };
    let body =
        json!([{ "in": "body", "name": "Item", "schema": { "$ref": "#/definitions/Item" } }]);
    let document = json!({
        "swagger": "2.0", "info": { "title": "bench" },
        "definitions": { "Item": { "type": "object", "required": ["id", "name", "price"], "properties": {
            "id": { "type": "string", "minLength": 1 }, "name": { "type": "string" }, "price": { "type": "number", "minimum": 0 },
        } } },
        "securityDefinitions": { "api_key": { "type": "apiKey", "name": "x-api-key", "in": "header" } },
        "x-amazon-apigateway-request-validators": { "body": { "validateRequestBody": true } },
        "paths": {
            "/plain": operation(json!({})),
            "/validated": operation(json!({ "parameters": body, "x-amazon-apigateway-request-validator": "body" })),
            "/keyed": operation(json!({ "security": [{ "api_key": [] }] })),
        },
    });
    base64::engine::general_purpose::STANDARD.encode(document.to_string())
}

fn text(value: &Value, name: &str) -> Outcome<String> {
    let found = value[name].as_str();
    Ok(found
        .ok_or_else(|| format!("no {name} in {value}"))?
        .to_owned())
}

async fn call(address: SocketAddr, operation: &str, input: &Value) -> Outcome<Value> {
    let path = format!("/_cumulet/api/apigateway/{operation}");
    let call = Call {
        service: "apigateway",
        method: Method::POST,
        path: &path,
        headers: &[],
    };
    let request = signed(address, &call, input.to_string().into())?;
    once(address, &request).await?.ok()?.json()
}

/// The least a server can do: answer a GET of an address that nothing stands behind.
fn get(address: SocketAddr) -> Outcome<Prepared> {
    let call = Call {
        service: "",
        method: Method::GET,
        path: "/",
        headers: &[],
    };
    anonymous(address, &call, Bytes::new())
}
