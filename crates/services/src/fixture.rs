//! An installation in a temporary folder, for tests that go the way of a real call: by name, authorised,
//! with a clock that stands still and a runner that answers what it was told to.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cumulet_kernel::blob::Blobs;
use cumulet_kernel::seal::RootKey;
use cumulet_kernel::store::PageKey;
use cumulet_kernel::trace::Trace;
use cumulet_kernel::{Clock, Context, Ids, Principal, PrincipalKind, Store, Timestamp, outbox};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::delivery;
use crate::engine::Engine;
use crate::error::Result;
use crate::operation::{Reply, Request};
use crate::runner::{FunctionRunner, FunctionVersion, Invocation, Outcome, RunError};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
const START: Timestamp = Timestamp(1_790_000_000_000);

pub(crate) struct Installation {
    directory: tempfile::TempDir,
    pub(crate) engine: Engine,
    pub(crate) runner: Arc<ScriptedRunner>,
    ids: Ids,
}

/// Answers invocations from a list, then by echoing, and remembers what it was asked.
#[derive(Debug, Default)]
pub(crate) struct ScriptedRunner {
    pub(crate) answers: Mutex<VecDeque<Result<Outcome, RunError>>>,
    pub(crate) asked: Mutex<Vec<Asked>>,
    pub(crate) retired: Mutex<Vec<String>>,
    pub(crate) missing_runtime: Mutex<Option<String>>,
    /// Invocations wait here while a test holds it.
    pub(crate) gate: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) code_directory: PathBuf,
    pub(crate) request_id: String,
    pub(crate) payload: Value,
    pub(crate) invoked_function_arn: String,
    pub(crate) trace_header: Option<String>,
    pub(crate) credentials: std::result::Result<Vec<String>, String>,
}

impl ScriptedRunner {
    pub(crate) fn fail_next(&self, times: usize) {
        let outcome = Outcome {
            payload: Bytes::from_static(br#"{"errorMessage":"boom","errorType":"Error"}"#),
            function_error: Some("Unhandled".into()),
            ..Self::outcome("x", Bytes::new())
        };
        for _ in 0..times {
            locked(&self.answers).push_back(Ok(outcome.clone()));
        }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        locked(&self.asked).clone()
    }

    fn outcome(request_id: &str, payload: Bytes) -> Outcome {
        Outcome {
            payload,
            log_stream_name: "2026/09/21/[$LATEST]0123".into(),
            log_lines: vec![
                (
                    START.0,
                    format!("START RequestId: {request_id} Version: $LATEST\n"),
                ),
                (START.0, format!("END RequestId: {request_id}\n")),
            ],
            duration_ms: 1.5,
            billed_duration_ms: 2,
            ..Outcome::default()
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runner as the engine holds it.
#[derive(Debug)]
struct Shared(Arc<ScriptedRunner>);

impl FunctionRunner for Shared {
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<Outcome, RunError>> {
        let runner = self.0.clone();
        Box::pin(async move {
            let credentials = (function.credentials)().await;
            let payload = invocation.payload.clone();
            locked(&runner.asked).push(Asked {
                key: function.key.clone(),
                version: function.version.clone(),
                code_directory: function.code_directory.clone(),
                request_id: invocation.request_id.clone(),
                payload: serde_json::from_slice(&payload).unwrap_or_default(),
                invoked_function_arn: invocation.invoked_function_arn,
                trace_header: invocation.trace_header,
                credentials: credentials.map(|variables| variables.into_keys().collect()),
            });
            drop(runner.gate.lock().await);
            let scripted = locked(&runner.answers).pop_front();
            scripted.unwrap_or_else(|| Ok(ScriptedRunner::outcome(&invocation.request_id, payload)))
        })
    }

    fn retire(&self, key: &str) {
        locked(&self.0.retired).push(key.to_owned());
    }

    fn runtime_available(&self, _runtime: &str) -> std::result::Result<(), String> {
        locked(&self.0.missing_runtime).clone().map_or(Ok(()), Err)
    }

    fn isolation(&self) -> String {
        "none".into()
    }

    fn shut_down(&self) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

impl Installation {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual(START);
        Self::open(directory, clock, Arc::default(), Ids::seeded([7; 32]))
    }

    /// As after a crash: only what is on disk is left.
    pub(crate) fn reopen(self) -> Self {
        let Self {
            directory,
            engine,
            runner,
            ids,
        } = self;
        let clock = engine.clock.clone();
        drop(engine);
        Self::open(directory, clock, runner, ids)
    }

    fn open(
        directory: tempfile::TempDir,
        clock: Clock,
        runner: Arc<ScriptedRunner>,
        ids: Ids,
    ) -> Self {
        let store = Store::open(directory.path(), &PageKey::new([7; 64])).expect("the store opens");
        let blobs = Blobs::open(directory.path(), store.clone(), &ids).expect("the blobs open");
        let engine = Engine {
            store,
            blobs,
            clock,
            root_key: RootKey::new([3; 32]),
            functions: Arc::new(Shared(runner.clone())),
            cache_directory: directory.path().join("cache").into(),
            metrics: crate::cloudwatch::Metrics::default(),
        };
        Self {
            directory,
            engine,
            runner,
            ids,
        }
    }

    /// The account itself, which may do everything.
    pub(crate) fn root(&self) -> Context {
        self.principal(Principal {
            kind: PrincipalKind::Root,
            arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            account: ACCOUNT.into(),
            user_id: ACCOUNT.into(),
            ..Principal::anonymous()
        })
    }

    pub(crate) fn principal(&self, principal: Principal) -> Context {
        let request_id = self.ids.uuid();
        let (trace, _span) = Trace::begin("test", &request_id, &self.ids, None);
        Context {
            request_id: request_id.into(),
            now: self.engine.clock.now(),
            account: ACCOUNT.into(),
            region: REGION.into(),
            principal: Arc::new(principal),
            ids: self.ids.clone(),
            source_ip: None,
            user_agent: None,
            secure_transport: true,
            via: None,
            source_arn: None,
            source_account: None,
            endpoint: "http://127.0.0.1:4566".into(),
            trace,
        }
    }

    pub(crate) async fn reply(
        &self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Reply> {
        self.engine
            .call(self.root(), service, operation, Request::new(input))
            .await
    }

    /// Calls as the account itself.
    pub(crate) async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Value> {
        Ok(self.reply(service, operation, input).await?.output)
    }

    /// What the call was refused with: code and words.
    pub(crate) async fn refused(&self, service: &str, operation: &str, input: Value) -> String {
        match self.call(service, operation, input).await {
            Ok(output) => panic!("{operation} was not refused: {output}"),
            Err(error) => format!("{} {} {}", error.status, error.code, error.message),
        }
    }

    /// Delivers what is due, and what that makes due, in order; how many deliveries it took.
    pub(crate) async fn deliver_due(&self) -> usize {
        for delivered in 0..1000 {
            let now = self.engine.clock.now();
            let due = self
                .engine
                .read(|tx| Ok(outbox::due(tx, now, 1)?))
                .expect("the outbox");
            let Some(entry) = due.into_iter().next() else {
                return delivered;
            };
            let context = self.root();
            delivery::deliver(&self.engine, context, entry)
                .await
                .expect("delivered");
        }
        panic!("the outbox never runs dry");
    }

    pub(crate) async fn advance_s(&self, seconds: u32) -> usize {
        self.engine.clock.advance_ms(u64::from(seconds) * 1000);
        self.deliver_due().await
    }

    /// Waits until all that was handed to the store's writer is durable: logs are waited for by nobody.
    pub(crate) async fn settled(&self) {
        self.engine
            .write(|_| Ok(()))
            .await
            .expect("the writer answers");
    }

    /// A role that functions can take, with one inline policy.
    pub(crate) async fn role(&self, name: &str, service: &str, statements: Value) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }
        ] });
        let create = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
        self.call("iam", "CreateRole", create)
            .await
            .expect("a role");
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        let put =
            json!({ "RoleName": name, "PolicyName": "p", "PolicyDocument": policy.to_string() });
        self.call("iam", "PutRolePolicy", put)
            .await
            .expect("a policy");
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }
}
