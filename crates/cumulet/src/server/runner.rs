//! Runs functions for the services: their words translated into the sandboxes' and back.

use std::sync::Arc;

use cumulet_engine::runner::{
    FunctionRunner, FunctionVersion, Invocation, Outcome, RunError, StreamPart, StreamSink,
};
use cumulet_functions::{Functions, InvokeError};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

/// Functions as processes in sandboxes.
#[derive(Clone, Debug)]
pub(crate) struct ProcessRunner {
    functions: Functions,
}

impl ProcessRunner {
    pub(crate) fn new(functions: Functions) -> Self {
        Self { functions }
    }
}

impl FunctionRunner for ProcessRunner {
    fn invoke(
        &self,
        function: Arc<FunctionVersion>,
        invocation: Invocation,
    ) -> BoxFuture<'static, Result<Outcome, RunError>> {
        let functions = self.functions.clone();
        Box::pin(async move {
            let version = Arc::new(sandbox_version(&function));
            let sink = invocation.stream.clone();
            let (mut invocation, (sender, parts)) =
                (sandbox_invocation(invocation), mpsc::channel(1));
            if let Some(sink) = sink {
                invocation.stream = Some(sender);
                let running = functions.invoke(&version, invocation);
                let outcome = passing_on(running, parts, &sink).await;
                return outcome.map(service_outcome).map_err(service_error);
            }
            let outcome = functions.invoke(&version, invocation).await;
            outcome.map(service_outcome).map_err(service_error)
        })
    }

    fn retire(&self, key: &str) {
        self.functions.retire(key);
    }

    fn runtime_available(&self, runtime: &str) -> Result<(), String> {
        self.functions.check_runtime(runtime).map(drop)
    }

    fn runtime_substitute(&self, runtime: &str) -> Option<String> {
        self.functions.check_runtime(runtime).ok().flatten()
    }

    fn shut_down(&self) -> BoxFuture<'static, ()> {
        let functions = self.functions.clone();
        Box::pin(async move { functions.shutdown().await })
    }

    fn isolation(&self) -> String {
        let report = self.functions.report();
        let missing: Vec<&str> = report.missing().map(|layer| layer.name.as_str()).collect();
        if missing.is_empty() {
            return format!("isolation {}", report.grade);
        }
        format!(
            "isolation {}, without: {}",
            report.grade,
            missing.join(", ")
        )
    }
}

/// Hands parts of the answer on while the function runs, and what is left when it has ended.
async fn passing_on<T>(
    running: impl Future<Output = T>,
    mut parts: mpsc::Receiver<cumulet_functions::StreamPart>,
    sink: &StreamSink,
) -> T {
    tokio::pin!(running);
    let outcome = loop {
        tokio::select! {
            biased;
            Some(part) = parts.recv() => (sink.0)(service_part(part)).await,
            outcome = &mut running => break outcome,
        }
    };
    while let Ok(part) = parts.try_recv() {
        (sink.0)(service_part(part)).await;
    }
    outcome
}

fn service_part(part: cumulet_functions::StreamPart) -> StreamPart {
    match part {
        cumulet_functions::StreamPart::ContentType(name) => StreamPart::ContentType(name),
        cumulet_functions::StreamPart::Bytes(bytes) => StreamPart::Bytes(bytes),
    }
}

fn sandbox_version(function: &FunctionVersion) -> cumulet_functions::FunctionVersion {
    let credentials = function.credentials.clone();
    cumulet_functions::FunctionVersion {
        key: function.key.clone(),
        function_name: function.function_name.clone(),
        version: function.version.clone(),
        function_arn: function.function_arn.clone(),
        account_id: function.account.clone(),
        region: function.region.clone(),
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        memory_size_mb: function.memory_size_mb,
        timeout_s: function.timeout_s,
        ephemeral_storage_mb: function.ephemeral_storage_mb,
        code_dir: function.code_directory.clone(),
        layers: function.layer_directories.clone(),
        log_group_name: function.log_group_name.clone(),
        environment: function.environment.clone().into_iter().collect(),
        tracing_active: function.tracing_active,
        logging: cumulet_functions::Logging {
            json: function.logging.json,
            application_level: function.logging.application_level.clone(),
            system_level: function.logging.system_level.clone(),
        },
        environment_source: Arc::new(move || {
            let fresh = credentials();
            Box::pin(async move { Ok(fresh.await?.into_iter().collect()) })
        }),
    }
}

fn sandbox_invocation(invocation: Invocation) -> cumulet_functions::Invocation {
    cumulet_functions::Invocation {
        request_id: invocation.request_id,
        payload: invocation.payload,
        invoked_function_arn: invocation.invoked_function_arn,
        trace_id: invocation.trace_header,
        client_context: invocation.client_context,
        cognito_identity: None,
        stream: None,
    }
}

fn service_outcome(outcome: cumulet_functions::InvocationOutcome) -> Outcome {
    Outcome {
        payload: outcome.payload,
        function_error: outcome.function_error,
        error_type: outcome.error_type,
        streamed: outcome.streamed,
        log_stream_name: outcome.log_stream_name,
        log_lines: outcome
            .log_lines
            .into_iter()
            .map(|line| (line.timestamp_ms, line.text))
            .collect(),
        cold_start: outcome.cold,
        init_duration_ms: outcome.init_duration_ms,
        duration_ms: outcome.duration_ms,
        billed_duration_ms: outcome.billed_duration_ms,
        max_memory_used_mb: outcome.max_memory_used_mb,
        timed_out: outcome.timed_out,
    }
}

fn service_error(error: InvokeError) -> RunError {
    match error {
        InvokeError::RuntimeUnavailable { .. } => RunError::RuntimeUnavailable(error.to_string()),
        InvokeError::TooManySandboxes(_) => RunError::Busy,
        other => RunError::Sandbox(other.to_string()),
    }
}
