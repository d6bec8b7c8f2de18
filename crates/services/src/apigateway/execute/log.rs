//! Execution logs and access logs, written under the account's CloudWatch role.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>

use cumulet_kernel::Context;

use crate::http::HttpReply;
use crate::logs::{self, LogLine};
use crate::{Engine, iam};

use super::super::state::{self, Place};
use super::{Call, Failure, event};

/// Dumps longer than this are cut.
const DUMP_CHARACTERS_MAX: usize = 998;

/// The lines of one request, collected while it runs and written after its answer.
pub(super) struct ExecutionLog {
    lines: Vec<String>,
    level: Level,
    data_trace: bool,
    failed: bool,
    integration_latency_ms: i64,
    sent_us: i64,
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
            Some("INFO") => Level::Info,
            Some("ERROR") => Level::Error,
            _ => Level::Off,
        };
        let mut log = Self {
            lines: Vec::new(),
            level,
            data_trace: setting.data_trace_enabled,
            failed: false,
            integration_latency_ms: 0,
            sent_us: 0,
        };
        let request = &call.request;
        log.line(format!("Extended Request Id: {}", call.extended_request_id));
        log.line(format!(
            "Starting execution for request: {}",
            call.context.request_id
        ));
        log.line(format!(
            "HTTP Method: {}, Resource Path: {}",
            request.method, call.resource.path
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

    pub(super) fn received(&mut self, payload: &[u8], failed: bool) {
        self.integration_latency_ms = (cumulet_kernel::clock::wall_micros() - self.sent_us) / 1000;
        let latency = self.integration_latency_ms;
        self.line(format!(
            "Received response. Status: 200, Integration latency: {latency} ms"
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
        self.failed = true;
        let detail = failure.detail().unwrap_or(failure.kind());
        self.line(format!(
            "Gateway response type: {}: {detail}",
            failure.kind()
        ));
    }

    /// Writes the lines off the request's way: an answer never waits for its log.
    pub(super) fn finish(mut self, call: &Call<'_>, reply: &HttpReply) {
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
        if !self.failed {
            self.line("Successfully completed execution".to_owned());
        }
        self.line(format!("Method completed with status: {}", reply.status));
        call.context
            .trace
            .note("integration_latency_ms", self.integration_latency_ms);
        let is_wanted = match self.level {
            Level::Info => true,
            Level::Error => self.failed,
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
                    "API-Gateway-Execution-Logs_{}/{}",
                    call.api_id, call.stage.stage_name
                ),
                lines,
            )
        });
        let access = access_line(call, reply, self.integration_latency_ms);
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
    latency_ms: i64,
) -> Option<(String, Vec<String>)> {
    let settings = call.stage.access_log_settings.as_ref()?;
    let group = settings
        .destination_arn
        .as_deref()?
        .split_once(":log-group:")?
        .1
        .trim_end_matches(":*")
        .to_owned();
    let mut line = settings.format.clone()?;
    let variables = [
        (
            "$context.extendedRequestId",
            call.extended_request_id.clone(),
        ),
        (
            "$context.requestTimeEpoch",
            call.now().milliseconds().to_string(),
        ),
        (
            "$context.requestTime",
            event::request_time(call.now().milliseconds()),
        ),
        ("$context.requestId", call.context.request_id.to_string()),
        ("$context.identity.sourceIp", call.request.source_ip.clone()),
        (
            "$context.identity.userAgent",
            call.request.header("user-agent").unwrap_or("-").to_owned(),
        ),
        ("$context.identity.caller", "-".to_owned()),
        ("$context.identity.user", "-".to_owned()),
        ("$context.httpMethod", call.request.method.clone()),
        ("$context.resourcePath", call.resource.path.clone()),
        (
            "$context.path",
            format!("/{}{}", call.stage.stage_name, call.path),
        ),
        ("$context.protocol", call.request.protocol.clone()),
        ("$context.status", reply.status.to_string()),
        ("$context.responseLength", reply.body.len().to_string()),
        ("$context.integrationLatency", latency_ms.to_string()),
        ("$context.responseLatency", latency_ms.to_string()),
        ("$context.apiId", call.api_id.to_owned()),
        ("$context.stage", call.stage.stage_name.clone()),
        ("$context.accountId", call.context.account.to_string()),
    ];
    for (variable, value) in variables {
        line = line.replace(variable, &value);
    }
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
