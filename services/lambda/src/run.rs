//! One run of a function: its limits, its environment, its role, its logs.
//!
//! Logs are handed to the store's writer before the answer leaves, and nobody waits for them: the answer
//! of a warm function would else cost a flush of the disk. The store drains its writer when it closes,
//! so a clean stop loses no line; a crash may lose those of the last milliseconds, as on AWS.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context as Poller, Waker};

use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::runner::{
    EnvironmentSource, FunctionVersion, Invocation, Outcome, RunError, StreamSink,
};
use cumulet_identity::{iam, sts};
use cumulet_kernel::Tx;
use cumulet_kernel::trace::{self, Trace};
use cumulet_logs::{self as logs, LogLine};

use super::concurrency::{self, Limits};
use super::function::environment_key;
use super::name::FunctionName;
use super::state::VersionRecord;
use super::{code, errors, metrics};

const SERVICE: &str = "lambda.amazonaws.com";
/// Execution environments hold their credentials for this long, and end before.
const CREDENTIALS_S: u32 = 12 * 3600;

/// A version that is about to run, and the name it was asked for by.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) name: FunctionName,
    pub(super) version: VersionRecord,
    pub(super) limits: Limits,
}

/// What the function is given.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) client_context: Option<String>,
    /// Where an answer in parts goes.
    pub(super) stream: Option<StreamSink>,
}

/// Lines of a run, on their way to the function's log group.
#[derive(Debug)]
pub(super) struct RunLogs {
    prepared: Prepared,
    stream: String,
    lines: Vec<LogLine>,
}

/// Runs the function to its end, even if whoever asked has gone; its logs are on their way then.
pub(super) async fn to_the_end(
    engine: &Engine,
    context: &Context,
    prepared: Prepared,
    call: Call,
) -> Result<Outcome> {
    let (engine, context) = (engine.clone(), context.clone());
    let run = tokio::spawn(async move {
        let outcome = once(&engine, &context, &prepared, call).await?;
        submit_logs(&engine, &context, RunLogs::of(&prepared, &outcome));
        Ok(outcome)
    });
    run.await
        .unwrap_or_else(|error| Err(errors::service(error.to_string())))
}

/// Runs the function once; the logs are the caller's to write.
pub(super) async fn once(
    engine: &Engine,
    context: &Context,
    prepared: &Prepared,
    call: Call,
) -> Result<Outcome> {
    let permit = concurrency::acquire(engine, &prepared.name, prepared.limits)
        .inspect_err(|_| metrics::throttled(engine, prepared))?;
    let (context, _span) = context.span(&format!("function {}", prepared.name.name));
    let function = function_version(engine, &context, prepared).await?;
    let invocation = Invocation {
        request_id: call.request_id,
        payload: call.payload,
        invoked_function_arn: prepared.name.asked_arn(),
        trace_header: Some(trace_header(&context.trace)),
        client_context: call.client_context,
        stream: call.stream,
    };
    let outcome = engine
        .functions
        .invoke(Arc::new(function), invocation)
        .await;
    let outcome = outcome.map_err(could_not_run);
    note(&context.trace, prepared, &outcome);
    metrics::ended(engine, prepared, &outcome, permit.running());
    outcome
}

fn could_not_run(error: RunError) -> Error {
    tracing::warn!(%error, "a function could not be run");
    match error {
        RunError::RuntimeUnavailable(reason) => errors::runtime_unavailable(reason),
        RunError::Sandbox(_) => errors::service(error.to_string()),
        RunError::Busy => errors::throttled("ConcurrentInvocationLimitExceeded"),
    }
}

fn note(trace: &Trace, prepared: &Prepared, outcome: &Result<Outcome>) {
    trace.note("function.arn", prepared.name.asked_arn());
    trace.note("function.version", prepared.version.version.clone());
    match outcome {
        Err(error) => trace.fail(&error.code),
        Ok(outcome) => {
            trace.note("cold_start", outcome.cold_start);
            trace.note("duration_ms", outcome.duration_ms);
            trace.note("billed_duration_ms", outcome.billed_duration_ms);
            trace.note("max_memory_used_mb", outcome.max_memory_used_mb);
            trace.note("log_stream", outcome.log_stream_name.clone());
            if let Some(init_duration_ms) = outcome.init_duration_ms {
                trace.note("init_duration_ms", init_duration_ms);
            }
            if let Some(error) = &outcome.function_error {
                trace.fail(error);
            }
        }
    }
}

/// As X-Ray writes it, so that calls the function makes continue this trace.
fn trace_header(trace: &Trace) -> String {
    let id = trace.trace_id();
    let (seconds, rest) = id.split_at_checked(8).unwrap_or((id, ""));
    format!(
        "Root=1-{seconds}-{rest};Parent={};Sampled=1",
        trace.span_id()
    )
}

async fn function_version(
    engine: &Engine,
    context: &Context,
    prepared: &Prepared,
) -> Result<FunctionVersion> {
    let (name, version) = (&prepared.name, &prepared.version);
    Ok(FunctionVersion {
        key: environment_key(name, version),
        function_name: name.name.clone(),
        version: version.version.clone(),
        function_arn: name.arn(),
        account: name.account.clone(),
        region: name.region.clone(),
        runtime: version.runtime.clone(),
        handler: version.handler.clone(),
        memory_size_mb: version.memory_size_mb,
        timeout_s: version.timeout_s,
        ephemeral_storage_mb: version.ephemeral_storage_mb,
        code_directory: code::directory(engine, &name.account, &version.code).await?,
        layer_directories: layer_directories(engine, version).await?,
        log_group_name: version.log_group.clone(),
        logging: version.logging(),
        tracing_active: version.tracing_mode == "Active",
        environment: version.environment.clone().unwrap_or_default(),
        credentials: credentials(engine, context, name, version),
    })
}

async fn layer_directories(engine: &Engine, version: &VersionRecord) -> Result<Vec<PathBuf>> {
    let mut directories = Vec::with_capacity(version.layers.len());
    for layer in &version.layers {
        directories.push(code::directory(engine, &layer.account, &layer.content).await?);
    }
    Ok(directories)
}

/// Fresh credentials of the function's role, for each new execution environment.
fn credentials(
    engine: &Engine,
    context: &Context,
    name: &FunctionName,
    version: &VersionRecord,
) -> EnvironmentSource {
    let (store, clock) = (engine.store.clone(), engine.clock.clone());
    let (role, session) = (version.role.clone(), session_name(&name.name));
    let context = context.clone();
    Arc::new(move || {
        let (store, role, session) = (store.clone(), role.clone(), session.clone());
        let context = Context {
            now: clock.now(),
            ..context.clone()
        };
        Box::pin(async move {
            let assume = move |tx: &mut Tx<'_>| {
                sts::assume_role_as_service(tx, &context, &role, SERVICE, &session, CREDENTIALS_S)
            };
            let assumed: Result<sts::SessionCredentials> = store.write(assume).await;
            assumed.map(variables).map_err(|error| error.to_string())
        })
    })
}

fn variables(credentials: sts::SessionCredentials) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("AWS_ACCESS_KEY_ID".into(), credentials.access_key_id),
        (
            "AWS_SECRET_ACCESS_KEY".into(),
            credentials.secret_access_key,
        ),
        ("AWS_SESSION_TOKEN".into(), credentials.session_token),
    ])
}

/// The role session is named after the function; STS wants two characters.
pub(super) fn session_name(function: &str) -> String {
    if function.len() > 1 {
        function.to_owned()
    } else {
        format!("{function}@lambda_function")
    }
}

impl RunLogs {
    pub(super) fn of(prepared: &Prepared, outcome: &Outcome) -> Self {
        let lines = outcome
            .log_lines
            .iter()
            .map(|(timestamp_ms, message)| LogLine {
                timestamp_ms: *timestamp_ms,
                message: message.clone(),
            });
        Self {
            prepared: prepared.clone(),
            stream: outcome.log_stream_name.clone(),
            lines: lines.collect(),
        }
    }

    /// Writes the lines as the function's role. Where the role may not, there are no logs, as on AWS.
    /// Answers whether they were written.
    pub(super) fn write(&self, tx: &mut Tx<'_>, context: &Context) -> bool {
        let written = self.try_write(tx, context);
        if let Err(error) = &written {
            context.trace.note("logs.not_written", error.to_string());
            context.trace.fail(&error.code);
        }
        written.is_ok()
    }

    fn try_write(&self, tx: &mut Tx<'_>, context: &Context) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let (name, version) = (&self.prepared.name, &self.prepared.version);
        let context = as_role(tx, context, name, version)?;
        logs::append(tx, &context, &version.log_group, &self.stream, &self.lines)
    }
}

/// The context as the function's role, in process.
pub(super) fn as_role(
    tx: &Tx<'_>,
    context: &Context,
    name: &FunctionName,
    version: &VersionRecord,
) -> Result<Context> {
    let role = iam::role_session(tx, &version.role, &session_name(&name.name))?;
    Ok(context.acting_as(role).located(&name.account, &name.region))
}

fn submit_logs(engine: &Engine, context: &Context, logs: RunLogs) {
    let above = (context.trace.trace_id(), context.trace.span_id());
    // The request's own spans are gathered when it is answered, which is before this ends.
    let (trace, span) = Trace::begin(
        "function logs",
        &context.request_id,
        &context.ids,
        Some(above),
    );
    let context = Context {
        now: engine.clock.now(),
        trace,
        ..context.clone()
    };
    let mut writing = Box::pin(engine.write(move |tx| {
        let is_written = logs.write(tx, &context);
        drop(span);
        if !is_written {
            trace::save(tx, &context.trace.take_finished())?;
        }
        Ok(())
    }));
    // The first poll hands the closure to the writer; from there on it needs nobody to wait for it.
    drop(
        writing
            .as_mut()
            .poll(&mut Poller::from_waker(Waker::noop())),
    );
}
