//! Functions behind an integration: as the API's own caller, or as the integration's role.

use std::time::Duration;

use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_identity::iam;
use cumulet_lambda::{self as lambda, Invoked};
use serde_json::Value;

use super::super::state::Integration;
use super::integrate::{Outgoing, mapping_header};
use super::log::ExecutionLog;
use super::mapping::Answered;
use super::{Call, Failure};

/// `arn:aws:apigateway:region:lambda:path/2015-03-31/functions/{function}/invocations`
pub(super) fn function_of(uri: &str) -> Option<&str> {
    uri.split_once("/functions/")?
        .1
        .strip_suffix("/invocations")
}

/// The context in which an integration acts: its credentials' role, its caller's own identity, or none.
pub(super) fn acting(call: &Call<'_>, credentials: Option<&str>) -> Result<Option<Context>> {
    let Some(role) = credentials.filter(|role| !role.is_empty()) else {
        return Ok(None);
    };
    if role == "arn:aws:iam::*:user/*" {
        return Ok(Some(call.context.clone()));
    }
    call.engine.read(|tx| {
        let source = call.method_arn();
        let asking =
            call.context
                .as_service("apigateway.amazonaws.com", &source, &call.context.account);
        if !iam::service_may_assume(tx, &asking, role, "apigateway.amazonaws.com")? {
            return Err(cumulet_engine::Error::access_denied(format!(
                "API Gateway does not have permission to assume the provided role {role}"
            )));
        }
        let session = iam::role_session(tx, role, "BackplaneAssumeRoleSession")?;
        Ok(Some(call.context.acting_as(session)))
    })
}

/// A custom integration: the mapped body is the event, the payload the answer.
pub(super) async fn send(
    call: &Call<'_>,
    integration: &Integration,
    uri: &str,
    outgoing: Outgoing,
    log: &mut ExecutionLog,
) -> Result<Answered, Failure> {
    let event = if outgoing.body.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        outgoing.body
    };
    log.sending(uri, &String::from_utf8_lossy(&event));
    if mapping_header(&outgoing.headers, "x-amz-invocation-type") == Some("Event") {
        return queue(call, integration, uri, event).await;
    }
    let invoked = invoke(call, integration, uri, event, log).await?;
    let error_message = invoked.function_error.map(|_| {
        let payload: Value = serde_json::from_slice(&invoked.payload).unwrap_or_default();
        payload["errorMessage"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    Ok(Answered {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: invoked.payload,
        error_message,
    })
}

async fn queue(
    call: &Call<'_>,
    integration: &Integration,
    uri: &str,
    event: Bytes,
) -> Result<Answered, Failure> {
    let function = function_of(uri).unwrap_or_default().to_owned();
    let context = invoker(call, integration)?;
    let queued = call
        .engine
        .write(move |tx| lambda::invoke_later(tx, &context, &function, &event));
    queued.await.map_err(|_| Failure::not_invoked())?;
    Ok(Answered {
        status: 202,
        ..Answered::default()
    })
}

fn invoker(call: &Call<'_>, integration: &Integration) -> Result<Context, Failure> {
    let acting = acting(call, integration.credentials.as_deref());
    let acting = acting.map_err(|_| Failure::internal())?;
    Ok(acting.unwrap_or_else(|| {
        call.context.as_service(
            "apigateway.amazonaws.com",
            &call.method_arn(),
            &call.context.account,
        )
    }))
}

/// Invokes the function and waits as long as the integration may take. The function is not stopped by
/// the client's impatience: it runs on, and what it writes still lands.
pub(super) async fn invoke(
    call: &Call<'_>,
    integration: &Integration,
    uri: &str,
    event: Bytes,
    log: &mut ExecutionLog,
) -> Result<Invoked, Failure> {
    let function = function_of(uri).ok_or_else(Failure::internal)?.to_owned();
    let context = invoker(call, integration)?;
    let engine = call.engine.clone();
    let running =
        tokio::spawn(async move { lambda::invoke(&engine, &context, &function, event).await });
    let patience = Duration::from_millis(integration.timeout_in_millis.max(0).unsigned_abs());
    let Ok(finished) = tokio::time::timeout(patience, running).await else {
        log.line("Execution failed due to a timeout error".to_owned());
        return Err(Failure::timed_out());
    };
    let invoked = finished.map_err(|_| Failure::internal())?.map_err(|error| {
        call.context.trace.note("integration_error", error.to_string());
        let why = if error.is_access_denied() {
            "Execution failed due to configuration error: Invalid permissions on Lambda function".to_owned()
        } else {
            format!("Execution failed due to an internal error: {error}")
        };
        log.line(why);
        Failure::not_invoked()
    })?;
    log.received(200, &invoked.payload, invoked.function_error.is_some());
    Ok(invoked)
}
