//! What handlers share when they run: the loop over invocations, the SDK's configuration, the log, a failure's text.
//!
//! It is behind the feature `handlers`, so that infrastructure alone needs no SDK. Nothing here is of Cumulet: under
//! AWS's Lambda the same lines do the same.

mod failure;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod s3_event;
mod sdk;

use std::env;
use std::error::Error;
use std::io::Write;

pub use aws_config::SdkConfig;
use lambda_runtime::service_fn;
pub use lambda_runtime::{Context as LambdaContext, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use failure::Failure;
#[cfg(feature = "rehearsal")]
pub use rehearsal::{Call, Rehearsal, Reply};
pub use s3_event::{ObjectRecord, S3Event};

/// Serves invocations until the Runtime API is gone: `start` runs once, `handle` once an invocation.
///
/// A start that fails ends the process, so its text is the first thing in the log, and Lambda tries again with the next
/// invocation.
pub fn serve<Start, State, Handle, Event, Answer>(
    start: Start,
    handle: Handle,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    Start: AsyncFnOnce(SdkConfig) -> Result<State, Failure>,
    Handle: AsyncFn(&State, LambdaEvent<Event>) -> Result<Answer, Failure>,
    Event: DeserializeOwned,
    Answer: Serialize,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let state = &start(sdk::configuration().await).await?;
        let handle = &handle;
        lambda_runtime::run(service_fn(move |event| told(handle(state, event)))).await
    })
}

/// Lambda reports a failure to the caller. Where nobody waits for an answer, the log is all there is.
async fn told<Answer>(
    outcome: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    outcome.await.inspect_err(|failure| {
        log(&json!({
            "level": "ERROR", "event": "failed", "errorType": failure.kind, "errorMessage": failure.message,
        }));
    })
}

/// A variable of the function's environment; one that is empty counts as absent.
pub fn variable(name: &'static str) -> Result<String, Failure> {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| Failure::new("MissingVariable", format!("{name} is not set")))
}

/// One line of JSON in the function's log, where filter patterns find its members.
pub fn log(line: &Value) {
    // Lambda takes standard error as the log. If nobody takes it, the work goes on.
    drop(writeln!(std::io::stderr(), "{line}"));
}
