//! Asynchronous invocations: accepted when they are durable, tried until they succeed or are given up.
//!
//! An invocation is one entry in the outbox from acceptance to its end. Each attempt ends in one
//! transaction that writes its logs, sends what the end calls for, and takes the entry out or puts it
//! back; so a crash repeats an attempt but never forgets or doubles an outcome.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::runner::Outcome;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::{Value, json};

use super::name::FunctionName;
use super::run::{self, Call, Prepared, RunLogs};
use super::state::InvokeConfigRecord;
use super::{configuration, destination, invoke, invoke_config, resolve};

/// Waits before the second and third attempt.
const RETRY_AFTER_S: [i64; 2] = [60, 120];
const BACK_OFF_S_MAX: i64 = 300;

/// What is queued.
pub(super) struct Order<'a> {
    pub(super) payload: &'a [u8],
    pub(super) request_id: String,
    pub(super) client_context: Option<String>,
    /// Who is told at once when the function fails.
    pub(super) watcher: Option<String>,
}

/// Queues an invocation as the context's principal.
pub(super) fn accept(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    order: Order<'_>,
) -> Result<()> {
    invoke::authorise(tx, context, name)?;
    resolve::qualified(tx, name)?;
    let event = Event::FunctionInvocation {
        function_arn: name.asked_arn(),
        request_id: order.request_id,
        payload: BASE64_STANDARD.encode(order.payload),
        accepted_ms: context.now.0,
        failed_attempts: 0,
        trace_id: Some(context.trace.trace_id().to_owned()),
        client_context: order.client_context,
        last_response: None,
        watcher: order.watcher,
    };
    outbox::emit(tx, context.now, event)?;
    Ok(())
}

/// An attempt about to be made.
#[derive(Clone)]
struct Attempt {
    entry: Entry,
    prepared: Prepared,
    settings: InvokeConfigRecord,
    request_id: String,
    payload: Bytes,
    accepted: Timestamp,
    failed_attempts: u32,
    client_context: Option<String>,
    last_response: Option<Value>,
}

/// Makes the next attempt of an invocation.
pub(super) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::FunctionInvocation { function_arn, .. } = &entry.event else {
        return Err(Error::internal("not an invocation"));
    };
    let arn = Arn::parse(function_arn).ok_or_else(|| Error::internal("not a function's ARN"))?;
    let context = context.located(arn.account, arn.region);
    let name = FunctionName::parse(&context, function_arn)?;
    let found = engine.read(|tx| {
        let settings = invoke_config::in_effect(tx, &name)?;
        Ok((invoke::find(tx, &context, name)?, settings))
    });
    let (prepared, settings) = match found {
        Ok(found) => found,
        // The function was deleted: what waited for it goes with it.
        Err(error) if error.status == 404 => {
            context.trace.note("dropped", error.message);
            let id = entry.id;
            return engine.write(move |tx| Ok(outbox::finish(tx, id)?)).await;
        }
        Err(error) => return Err(error),
    };
    match Attempt::new(entry, prepared, settings) {
        Some(attempt) => attempt.make(engine, context).await,
        None => Err(Error::internal("an invocation that cannot be read")),
    }
}

impl Attempt {
    fn new(entry: Entry, prepared: Prepared, settings: InvokeConfigRecord) -> Option<Self> {
        let Event::FunctionInvocation {
            request_id,
            payload,
            accepted_ms,
            failed_attempts,
            client_context,
            last_response,
            ..
        } = entry.event.clone()
        else {
            return None;
        };
        Some(Self {
            payload: BASE64_STANDARD.decode(payload).ok()?.into(),
            accepted: Timestamp(accepted_ms),
            entry,
            prepared,
            settings,
            request_id,
            failed_attempts,
            client_context,
            last_response,
        })
    }

    async fn make(self, engine: &Engine, context: Context) -> Result<()> {
        let now = engine.clock.now();
        if self.prepared.limits.reserved == Some(0) {
            return self
                .give_up(engine, context, "ZeroReservedConcurrency")
                .await;
        }
        if now > self.latest() {
            return self.give_up(engine, context, "EventAgeExceeded").await;
        }
        if let Err(error) = configuration::refuse_unless_active(&self.prepared.version) {
            return self.back_off(engine, context, error).await;
        }
        let call = Call {
            request_id: self.request_id.clone(),
            payload: self.payload.clone(),
            client_context: self.client_context.clone(),
            stream: None,
        };
        match run::once(engine, &context, &self.prepared, call).await {
            Ok(outcome) => self.end(engine, context, outcome).await,
            Err(error) => self.back_off(engine, context, error).await,
        }
    }

    /// When the invocation has become too old.
    fn latest(&self) -> Timestamp {
        self.accepted.plus_s(self.settings.event_age_s())
    }

    /// Throttled, or we could not run it: tried again, ever later, until it is too old.
    async fn back_off(self, engine: &Engine, context: Context, error: Error) -> Result<()> {
        context.trace.note("back_off", error.to_string());
        let doublings = self.entry.attempts.min(10);
        let wait_s = (1_i64 << doublings).min(BACK_OFF_S_MAX);
        let due = engine.clock.now().plus_s(wait_s);
        if due > self.latest() {
            return self.give_up(engine, context, "EventAgeExceeded").await;
        }
        let entry = self.entry;
        engine
            .write(move |tx| Ok(outbox::retry(tx, entry, due).map(drop)?))
            .await
    }

    /// Ends without a further attempt.
    async fn give_up(
        self,
        engine: &Engine,
        context: Context,
        condition: &'static str,
    ) -> Result<()> {
        let context = at(context, engine.clock.now());
        engine
            .write(move |tx| self.finish_failed(tx, &context, condition))
            .await
    }

    /// The function ran: its logs, and what follows from how it ended.
    async fn end(self, engine: &Engine, context: Context, outcome: Outcome) -> Result<()> {
        let context = at(context, engine.clock.now());
        let logs = RunLogs::of(&self.prepared, &outcome);
        engine
            .write(move |tx| {
                // Without permission there are no logs, and the outcome stands.
                let _is_written = logs.write(tx, &context);
                match &outcome.function_error {
                    None => self.finish_succeeded(tx, &context, &outcome),
                    Some(_) => self.failed(tx, &context, &outcome),
                }
            })
            .await
    }

    fn finish_succeeded(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        outcome: &Outcome,
    ) -> Result<()> {
        outbox::finish(tx, self.entry.id)?;
        if let Some(target) = &self.settings.on_success {
            let response = self.response(outcome);
            let record = self.record(
                context.now,
                "Success",
                self.failed_attempts + 1,
                Some(&response),
            );
            destination::send(tx, context, &self.prepared, target, &record);
        }
        Ok(())
    }

    fn failed(mut self, tx: &mut Tx<'_>, context: &Context, outcome: &Outcome) -> Result<()> {
        self.last_response = Some(self.response(outcome));
        self.tell_watcher(tx, context)?;
        let wait_s = usize::try_from(self.failed_attempts)
            .ok()
            .and_then(|made| RETRY_AFTER_S.get(made))
            .copied();
        self.failed_attempts += 1;
        match wait_s.filter(|_| self.failed_attempts <= self.settings.retries()) {
            None => self.finish_failed(tx, context, "RetriesExhausted"),
            Some(wait_s) if context.now.plus_s(wait_s) > self.latest() => {
                self.finish_failed(tx, context, "EventAgeExceeded")
            }
            Some(wait_s) => self.try_again(tx, context.now.plus_s(wait_s)),
        }
    }

    /// A new entry, since the waits after throttling begin anew.
    fn try_again(self, tx: &mut Tx<'_>, due: Timestamp) -> Result<()> {
        outbox::finish(tx, self.entry.id)?;
        let Event::FunctionInvocation {
            function_arn,
            request_id,
            payload,
            accepted_ms,
            trace_id,
            client_context,
            watcher,
            ..
        } = self.entry.event
        else {
            return Err(Error::internal("not an invocation"));
        };
        let event = Event::FunctionInvocation {
            function_arn,
            request_id,
            payload,
            accepted_ms,
            failed_attempts: self.failed_attempts,
            trace_id,
            client_context,
            last_response: self.last_response,
            watcher,
        };
        outbox::emit(tx, due, event)?;
        Ok(())
    }

    /// Tells whoever waits for this invocation that its function failed.
    fn tell_watcher(&self, tx: &mut Tx<'_>, context: &Context) -> Result<()> {
        let Event::FunctionInvocation {
            watcher: Some(watcher),
            ..
        } = &self.entry.event
        else {
            return Ok(());
        };
        let response = self.last_response.as_ref();
        let part = |name: &str| {
            let part = response.and_then(|response| response["payload"][name].as_str());
            part.unwrap_or_default()
        };
        let message = format!("{}: {}", part("errorType"), part("errorMessage"));
        let event = Event::InvocationFailed {
            watcher: watcher.clone(),
            message,
        };
        outbox::emit(tx, context.now, event)?;
        Ok(())
    }

    fn finish_failed(
        self,
        tx: &mut Tx<'_>,
        context: &Context,
        condition: &'static str,
    ) -> Result<()> {
        outbox::finish(tx, self.entry.id)?;
        context.trace.note("given_up", condition);
        if let Some(queue) = &self.prepared.version.dead_letter_target {
            let message = self
                .last_response
                .as_ref()
                .map(|response| &response["payload"]["errorMessage"]);
            let message = message.and_then(Value::as_str).unwrap_or(condition);
            let payload = String::from_utf8_lossy(&self.payload);
            destination::send_dead_letter(
                tx,
                context,
                &self.prepared,
                queue,
                &payload,
                &self.request_id,
                message,
            );
        }
        if let Some(target) = &self.settings.on_failure {
            let count = self.failed_attempts;
            let record = self.record(context.now, condition, count, self.last_response.as_ref());
            destination::send(tx, context, &self.prepared, target, &record);
        }
        Ok(())
    }

    fn response(&self, outcome: &Outcome) -> Value {
        let mut context = json!({
            "statusCode": 200,
            "executedVersion": self.prepared.version.version,
        });
        if let Some(error) = &outcome.function_error {
            context["functionError"] = json!(error);
        }
        json!({ "context": context, "payload": json_or_text(&outcome.payload) })
    }

    /// What a destination receives.
    fn record(
        &self,
        now: Timestamp,
        condition: &str,
        count: u32,
        response: Option<&Value>,
    ) -> Value {
        let name = &self.prepared.name;
        let mut record = json!({
            "version": "1.0",
            "timestamp": configuration::iso_utc(now),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": name.arn_of(name.qualifier_or_latest()),
                "condition": condition,
                "approximateInvokeCount": count,
            },
            "requestPayload": json_or_text(&self.payload),
        });
        if let Some(response) = response {
            record["responseContext"] = response["context"].clone();
            record["responsePayload"] = response["payload"].clone();
        }
        record
    }
}

fn at(context: Context, now: Timestamp) -> Context {
    Context { now, ..context }
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into())
}
