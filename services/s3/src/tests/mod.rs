//! S3 through its operations, as the front calls them: an installation in a temporary folder, a clock that
//! stands still, and callers whose rights are really evaluated.

mod access;
mod configurations;
mod copies;
mod encrypted;
mod events;
mod forms;
mod lifecycles;
mod listings;
mod lists_of_grants;
mod locks;
mod model;
mod multiparts;
mod objects;

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Error;
use cumulet_engine::operation::Request;
use cumulet_engine::registry::Registry;
use cumulet_engine::runner::{FunctionRunner, FunctionVersion, Invocation, Outcome, RunError};
use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_kernel::blob::Blobs;
use cumulet_kernel::seal::RootKey;
use cumulet_kernel::store::PageKey;
use cumulet_kernel::trace::Trace;
use cumulet_kernel::{Clock, Ids, Store, Timestamp};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service(), crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

const ACCOUNT: &str = "111122223333";
const START_S: i64 = 1_700_000_000;

/// S3 runs no functions.
#[derive(Debug)]
struct NoFunctions;

impl FunctionRunner for NoFunctions {
    fn invoke(
        &self,
        _function: Arc<FunctionVersion>,
        _invocation: Invocation,
    ) -> BoxFuture<'static, Result<Outcome, RunError>> {
        Box::pin(async { Err(RunError::Busy) })
    }
    fn retire(&self, _key: &str) {}
    fn runtime_available(&self, _runtime: &str) -> Result<(), String> {
        Ok(())
    }
    fn shut_down(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
    fn isolation(&self) -> String {
        String::new()
    }
}

/// An installation, and the caller of its account.
struct World {
    engine: Engine,
    ids: Ids,
    principal: Principal,
    _directory: tempfile::TempDir,
}

#[derive(Debug)]
struct Answer {
    output: Value,
    body: Bytes,
    status: Option<u16>,
}

fn root(account: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Root,
        arn: format!("arn:aws:iam::{account}:root"),
        account: account.to_owned(),
        user_id: account.to_owned(),
        ..Principal::anonymous()
    }
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let ids = Ids::seeded([7; 32]);
        let root_key = RootKey::new([1; 32]);
        let pages = PageKey::new(root_key.derive("pages"));
        let store = Store::open(directory.path(), &pages).expect("a store");
        let blobs = Blobs::open(directory.path(), store.clone(), &ids).expect("blobs");
        let engine = Engine {
            store,
            blobs,
            clock: Clock::manual(Timestamp::from_seconds(START_S)),
            root_key,
            functions: Arc::new(NoFunctions),
            cache_directory: Arc::from(directory.path()),
            metrics: Arc::new(cumulet_fixture::Unmeasured),
            outbound: Arc::new(cumulet_fixture::NoWayOut),
            memory: cumulet_engine::Memory::default(),
            services: Arc::new(registry()),
        };
        Self {
            engine,
            ids,
            principal: root(ACCOUNT),
            _directory: directory,
        }
    }

    fn context(&self, principal: &Principal) -> Context {
        let (trace, _span) = Trace::begin("test", "request", &self.ids, None);
        let account = if principal.account.is_empty() {
            ACCOUNT
        } else {
            &principal.account
        };
        Context {
            request_id: "REQUEST".into(),
            now: self.engine.clock.now(),
            account: account.into(),
            region: "us-east-1".into(),
            principal: Arc::new(principal.clone()),
            ids: self.ids.clone(),
            source_ip: None,
            user_agent: None,
            iam_mode: cumulet_engine::IamMode::Enforce,
            secure_transport: false,
            via: None,
            source_arn: None,
            source_account: None,
            endpoint: "http://127.0.0.1:4566".into(),
            trace,
            services: self.engine.services.clone(),
            meter: self.engine.metrics.clone(),
        }
    }

    async fn call_as(
        &self,
        principal: &Principal,
        service: &str,
        operation: &str,
        input: Value,
        body: Body,
    ) -> Result<Answer, Error> {
        let request = Request {
            body,
            ..Request::new(input)
        };
        let context = self.context(principal);
        let reply = self
            .engine
            .call(context, service, operation, request)
            .await?;
        Ok(Answer {
            output: reply.output,
            body: reply
                .body
                .collect(1 << 30, || Error::internal("too large"))
                .await?,
            status: reply.status,
        })
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, Error> {
        let answer = self
            .call_as(&self.principal, "s3", operation, input, Body::Empty)
            .await;
        answer.map(|answer| answer.output)
    }

    /// A call that must succeed.
    async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input.clone()).await {
            Ok(output) => output,
            Err(error) => panic!("{operation} {input}: {error}"),
        }
    }

    /// The code of a call that must be refused.
    async fn code(&self, operation: &str, input: Value) -> String {
        match self.call(operation, input.clone()).await {
            Ok(output) => panic!("{operation} {input} was not refused: {output}"),
            Err(error) => error.code.into_owned(),
        }
    }

    async fn put_with(&self, input: Value, body: impl Into<Bytes>) -> Result<Value, Error> {
        let body: Bytes = body.into();
        let answer = self
            .call_as(&self.principal, "s3", "PutObject", input, body.into())
            .await;
        answer.map(|answer| answer.output)
    }

    async fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> Value {
        let put = self
            .put_with(json!({"Bucket": bucket, "Key": key}), body)
            .await;
        put.expect("PutObject succeeds")
    }

    async fn get_with(&self, input: Value) -> Result<Answer, Error> {
        self.call_as(&self.principal, "s3", "GetObject", input, Body::Empty)
            .await
    }

    async fn get(&self, bucket: &str, key: &str) -> Bytes {
        let got = self.get_with(json!({"Bucket": bucket, "Key": key})).await;
        got.expect("GetObject succeeds").body
    }

    async fn bucket(&self, name: &str) {
        self.ok("CreateBucket", json!({ "Bucket": name })).await;
    }

    async fn version(&self, bucket: &str, status: &str) {
        let configuration =
            json!({"Bucket": bucket, "VersioningConfiguration": {"Status": status}});
        self.ok("PutBucketVersioning", configuration).await;
    }
}

/// A body that arrives in chunks of an odd size, so that no boundary falls where one is expected.
fn chunked(bytes: &Bytes) -> Body {
    let chunks: Vec<_> = bytes
        .chunks(10_007)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    Body::Stream {
        length: None,
        chunks: Box::pin(futures_util::stream::iter(chunks)),
        trailers: None,
    }
}

/// Bytes that do not repeat within a frame.
fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|index| u8::try_from((index * 31 + index / 251) % 256).unwrap_or_default())
        .collect()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
