//! What it costs that every call is verified and authorised: GetItem of 1 KB against the same with both left out.
//!
//! The product has no switch for that, so the harness builds the way of a request itself, twice, out of the engine's own
//! parts: one has its signature verified against IAM's secret and passes IAM's door, the other is believed and passes a
//! door that is always open. Everything else (HTTP, routing, decoding, validation, the store, the trace) is the same.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cumulet_engine::operation::Request as Call;
use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use cumulet_identity::iam::{self, Operator};
use cumulet_identity::sts::{self, Times};
use cumulet_wire::route::{self, Hosts, Route};
use cumulet_wire::sigv4::{self, SigningKeys, Verification};
use cumulet_wire::{decode, encode, validate};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use super::Bench;
use crate::Outcome;
use crate::client::dynamodb;
use crate::figure::Figure;
use crate::load::{Measured, drive};

const ITEMS: usize = 512;
const PAYLOAD_BYTES: usize = 1000;

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let guarded = Way::open(true).await?;
    let open = Way::open(false).await?;
    let mut figures = Vec::new();
    for connections in [1, 32] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        // In turns, so that what else the machine does meets both.
        for _ in 0..bench.rounds() * 2 {
            with.push(drive(guarded.address, &guarded.gets()?, bench.load(connections)).await?);
            without.push(drive(open.address, &open.gets()?, bench.load(connections)).await?);
        }
        let (with, without) = (Measured::middle(&with), Measured::middle(&without));
        let name = format!("GetItem verified and authorised, {connections} connections");
        let figure = Figure::new("identity", &name, "ms", with.p50_ms).detail(&with.latencies());
        figures.push(figure.beside_with(
            "the same, neither verified nor authorised",
            without.p50_ms,
            &without.latencies(),
        ));
    }
    Ok(figures)
}

/// A way of a request through the engine's parts.
struct Way {
    installation: Installation,
    address: SocketAddr,
    guarded: bool,
    keys: SigningKeys,
}

impl Way {
    async fn open(guarded: bool) -> Outcome<Arc<Self>> {
        let services = cumulet_identity::services()
            .into_iter()
            .chain([cumulet_kms::service()])
            .chain(cumulet_dynamodb::services());
        let registry = match guarded {
            true => Registry::new(services, iam::authorise),
            false => Registry::new(services, |_, _, _| Ok(())),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let way = Arc::new(Self {
            installation: Installation::new(registry),
            address: listener.local_addr()?,
            guarded,
            keys: SigningKeys::default(),
        });
        way.fill().await?;
        tokio::spawn(serve(way.clone(), listener));
        Ok(way)
    }

    async fn fill(&self) -> Outcome<()> {
        let context = self.installation.root();
        let operator = Operator {
            access_key_id: "test".into(),
            secret_access_key: "test".into(),
            account: context.account.to_string(),
            loopback_only: false,
        };
        let engine = &self.installation.engine;
        let seeded = engine.write(move |tx| iam::seed_operator(tx, &context, &operator));
        seeded.await.map_err(|error| error.to_string())?;
        let table = json!({
            "TableName": "bench", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        });
        self.call("CreateTable", table).await?;
        self.installation.advance_s(60).await;
        let payload = "x".repeat(PAYLOAD_BYTES);
        for number in 0..ITEMS {
            let item = json!({ "pk": { "S": number.to_string() }, "payload": { "S": payload } });
            self.call("PutItem", json!({ "TableName": "bench", "Item": item }))
                .await?;
        }
        Ok(())
    }

    async fn call(&self, operation: &str, input: serde_json::Value) -> Outcome<()> {
        // In the region that the load signs for.
        let root = self.installation.root();
        let context = root.located(&root.account, crate::client::REGION);
        let called =
            self.installation
                .engine
                .call(context, "dynamodb", operation, Call::new(input));
        called
            .await
            .map_err(|error| format!("{operation}: {error}"))?;
        Ok(())
    }

    fn gets(&self) -> Outcome<Vec<crate::client::Prepared>> {
        let get = |number: usize| {
            let key = json!({ "TableName": "bench", "Key": { "pk": { "S": number.to_string() } } });
            dynamodb(self.address, "GetItem", &key)
        };
        (0..ITEMS).map(get).collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Outcome<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let Route::Api(api) = route::route(&head, None, &Hosts::default()) else {
            return Err("the load asks for nothing but GetItem".into());
        };
        let mut context = self.installation.root();
        if self.guarded {
            context.principal = Arc::new(self.prove(&head, &body)?);
        }
        let context = context.located(&context.account, crate::client::REGION);
        let input = decode(api.operation, api.protocol, &head, &api.labels, &body)
            .map_err(|error| error.message)?;
        validate(api.operation, &input).map_err(|error| error.message)?;
        let (service, operation) = (api.service.name(), api.operation.name);
        let engine = &self.installation.engine;
        let reply = engine
            .call(context, service, operation, Call::new(input))
            .await;
        let reply = reply.map_err(|error| error.message)?;
        Ok(encode(api.operation, api.protocol, &reply.output, "id").map(Full::new))
    }

    fn prove(
        &self,
        head: &http::request::Parts,
        body: &[u8],
    ) -> Outcome<cumulet_engine::Principal> {
        let presented = sigv4::parse(head).map_err(|fault| format!("{fault:?}"))?;
        let presented = presented.ok_or("the load signs every request")?;
        let wall = cumulet_kernel::clock::wall_now();
        let times = Times { now: wall, wall };
        let (key, token) = (
            presented.access_key.as_str(),
            presented.session_token.as_deref(),
        );
        let identity = self
            .installation
            .engine
            .read(|tx| sts::identify(tx, times, key, token, true))
            .map_err(|error| error.to_string())?
            .map_err(|unknown| format!("{unknown:?}"))?;
        let hash = hex::encode(Sha256::digest(body));
        let verification = Verification {
            secret_key: &identity.secret_access_key,
            now_s: i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?,
            service: "dynamodb",
            region: None,
            body_sha256: Some(&hash),
            skew_max_s: sigv4::SKEW_MAX_S,
        };
        let verified = presented.verify(head, &verification, &self.keys);
        verified.map_err(|fault| format!("{fault:?}"))?;
        Ok(identity.principal)
    }
}

async fn serve(way: Arc<Way>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        let way = way.clone();
        let service = service_fn(move |request| {
            let way = way.clone();
            async move { Ok::<_, Infallible>(answered(way.answer(request).await)) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answered(outcome: Outcome<Response<Full<Bytes>>>) -> Response<Full<Bytes>> {
    outcome.unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(error.to_string()));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
