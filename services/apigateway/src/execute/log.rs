//! Execution logs and access logs, written under the account's CloudWatch role.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>

use cumulet_engine::http::HttpReply;
use cumulet_engine::{Context, Engine};
use cumulet_identity::iam;
use cumulet_logs::{self as logs, LogLine};

use super::super::state::{self, Place};
use super::{Call, Failure, event, metrics, variables};

/// Dumps longer than this are cut.
const DUMP_CHARACTERS_MAX: usize = 998;

/// The lines of one request, collected while it runs and written after its answer.
pub(super) struct ExecutionLog {
    lines: Vec<String>,
    level: Level,
    data_trace: bool,
    /// The failure's message and type.
    failed: Option<(String, &'static str)>,
    latency: Latency,
    is_test: bool,
    begun_us: i64,
    sent_us: i64,
}

#[derive(Debug, Default)]
pub(super) struct Latency {
    /// `None` where no integration was asked.
    pub(super) integration_ms: Option<i64>,
    pub(super) whole_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Off,
    Error,
    Info,
}

impl ExecutionLog {
    pub(super) fn begin(call: &Call<'_>) -> Self {
        let setting = call.setting();
        let level = match setting.logging_level.as_deref() {
            // A test tells all. A path that leads nowhere is no method's execution.
            _ if call.is_test => Level::Info,
            _ if call.resource.path.is_empty() => Level::Off,
            Some("INFO") => Level::Info,
            Some("ERROR") => Level::Error,
            _ => Level::Off,
        };
        let mut log = Self {
            lines: Vec::new(),
            level,
            data_trace: setting.data_trace_enabled || call.is_test,
            failed: None,
            latency: Latency::default(),
            is_test: call.is_test,
            begun_us: cumulet_kernel::clock::wall_micros(),
            sent_us: 0,
        };
        let request = &call.request;
        if !call.is_test {
            log.line(format!("Extended Request Id: {}", call.extended_request_id));
        }
        log.line(format!(
            "Starting execution for request: {}",
            call.context.request_id
        ));
        log.line(format!(
            "HTTP Method: {}, Resource Path: {}",
            request.method, call.path
        ));
        log.data(|| format!("Method request path: {{{}}}", pairs(&call.path_parameters)));
        log.data(|| {
            format!(
                "Method request query string: {{{}}}",
                pairs(&event::query_pairs(request))
            )
        });
        log.data(|| {
            format!(
                "Method request headers: {{{}}}",
                cut(&pairs(&request.headers))
            )
        });
        log.data(|| {
            format!(
                "Method request body before transformations: {}",
                String::from_utf8_lossy(&request.body)
            )
        });
        log
    }

    pub(super) fn line(&mut self, text: String) {
        if self.level != Level::Off {
            self.lines.push(text);
        }
    }

    /// A line that shows what the request carries: only with data tracing.
    fn data(&mut self, text: impl FnOnce() -> String) {
        if self.data_trace && self.level == Level::Info {
            self.lines.push(text());
        }
    }

    pub(super) fn sending(&mut self, uri: &str, body: &str) {
        self.sent_us = cumulet_kernel::clock::wall_micros();
        self.data(|| format!("Endpoint request URI: {uri}"));
        self.data(|| format!("Endpoint request body after transformations: {}", cut(body)));
        self.line(format!("Sending request to {uri}"));
    }

    pub(super) fn received(&mut self, status: u16, payload: &[u8], failed: bool) {
        let latency = (cumulet_kernel::clock::wall_micros() - self.sent_us) / 1000;
        self.latency.integration_ms = Some(latency);
        self.line(format!(
            "Received response. Status: {status}, Integration latency: {latency} ms"
        ));
        self.data(|| {
            format!(
                "Endpoint response body before transformations: {}",
                String::from_utf8_lossy(payload)
            )
        });
        if failed {
            self.line("Lambda execution failed with status 200 due to customer function error. See the function's log.".to_owned());
        }
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.failed = Some((failure.message().to_owned(), failure.kind()));
        if self.is_test {
            return;
        }
        let detail = failure.detail().unwrap_or(failure.kind());
        self.line(format!(
            "Gateway response type: {}: {detail}",
            failure.kind()
        ));
    }

    /// The last lines, which tell the outcome.
    fn end(&mut self, reply: &HttpReply) {
        self.latency.whole_ms = (cumulet_kernel::clock::wall_micros() - self.begun_us) / 1000;
        self.data(|| {
            format!(
                "Method response body after transformations: {}",
                String::from_utf8_lossy(&reply.body)
            )
        });
        self.data(|| {
            format!(
                "Method response headers: {{{}}}",
                cut(&pairs(&reply.headers))
            )
        });
        if self.failed.is_none() {
            self.line("Successfully completed execution".to_owned());
        }
        self.line(format!("Method completed with status: {}", reply.status));
    }

    /// The lines of a test, as TestInvokeMethod answers them, and how long it took.
    pub(super) fn into_text(mut self, call: &Call<'_>, reply: &HttpReply) -> (String, i64) {
        self.end(reply);
        let time = jiff::Timestamp::from_millisecond(call.now().milliseconds()).unwrap_or_default();
        let time = time.strftime("%a %b %d %H:%M:%S UTC %Y");
        let mut text = format!("Execution log for request {}\n", call.context.request_id);
        for line in &self.lines {
            text.push_str(&format!("{time} : {line}\n"));
        }
        (text, self.latency.whole_ms)
    }

    /// Writes the lines off the request's way: an answer never waits for its log.
    pub(super) fn finish(mut self, call: &Call<'_>, reply: &HttpReply) {
        self.end(reply);
        metrics::publish(call, reply.status, &self.latency);
        if let Some(latency_ms) = self.latency.integration_ms {
            call.context
                .trace
                .note("integration_latency_ms", latency_ms);
        }
        let canary = if call.is_canary == Some(true) {
            "/Canary"
        } else {
            ""
        };
        let is_wanted = match self.level {
            Level::Info => true,
            Level::Error => self.failed.is_some(),
            Level::Off => false,
        };
        let execution = is_wanted.then(|| {
            let id = &call.context.request_id;
            let lines = self
                .lines
                .iter()
                .map(|line| format!("({id}) {line}"))
                .collect();
            (
                format!(
                    "API-Gateway-Execution-Logs_{}/{}{canary}",
                    call.api_id, call.stage.stage_name
                ),
                lines,
            )
        });
        let access = access_line(call, reply, &self.latency, self.failed.as_ref());
        for (group, lines) in execution.into_iter().chain(access) {
            tokio::spawn(write(
                call.engine.clone(),
                call.context.clone(),
                group,
                lines,
            ));
        }
    }
}

/// The access log's group and line, in the stage's own format.
fn access_line(
    call: &Call<'_>,
    reply: &HttpReply,
    latency: &Latency,
    failed: Option<&(String, &'static str)>,
) -> Option<(String, Vec<String>)> {
    let settings = call.stage.access_log_settings.as_ref()?;
    let group = settings
        .destination_arn
        .as_deref()?
        .split_once(":log-group:")?
        .1
        .trim_end_matches(":*")
        .to_owned();
    let format = settings.format.clone()?;
    let mut context = variables::of(call);
    context["status"] = reply.status.into();
    context["responseLength"] = reply.body.len().into();
    context["integrationLatency"] = latency.integration_ms.into();
    context["integration"] = serde_json::json!({ "latency": latency.integration_ms });
    context["responseLatency"] = latency.whole_ms.into();
    if let Some((message, kind)) = failed {
        context["error"] = serde_json::json!({ "message": message, "messageString": format!("{message:?}"), "responseType": kind });
    }
    let line = variables::fill(&format, &context, &variables::of_stage(call), "-");
    Some((group, vec![line]))
}

async fn write(engine: Engine, context: Context, group: String, lines: Vec<String>) {
    let now_ms = context.now.milliseconds();
    let stream = context.ids.hex(32);
    let lines: Vec<LogLine> = lines
        .into_iter()
        .map(|message| LogLine {
            timestamp_ms: now_ms,
            message,
        })
        .collect();
    let written = engine.write(move |tx| {
        // Without an account role API Gateway has no right to write anything.
        let Some(role) = state::account(tx, Place::of(&context))?.cloudwatch_role_arn else {
            return Ok(());
        };
        let session = iam::role_session(tx, &role, "BackplaneAssumeRoleSession")?;
        logs::append(tx, &context.acting_as(session), &group, &stream, &lines)
    });
    if let Err(error) = written.await {
        tracing::debug!(%error, "an execution log is not written");
    }
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DUMP_CHARACTERS_MAX) {
        Some((at, _)) => format!("{} [TRUNCATED]", &text[..at]),
        None => text.to_owned(),
    }
}
