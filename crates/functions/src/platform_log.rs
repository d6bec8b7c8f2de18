//! The lines the platform itself writes to a function's log, with AWS's exact spacing.

use serde_json::{Value, json};

use crate::Logging;

/// What the platform has to say.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    InitStart {
        runtime: &'a str,
        region: &'a str,
    },
    /// Another release of the interpreter runs the function.
    Substituted {
        substitute: &'a str,
    },
    InitReport {
        duration_ms: f64,
        phase: &'a str,
        status: &'a str,
        error_type: Option<&'a str>,
    },
    Start {
        request_id: &'a str,
        version: &'a str,
    },
    End {
        request_id: &'a str,
    },
    Report(Report<'a>),
}

/// What REPORT tells.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) duration_ms: f64,
    pub(crate) billed_duration_ms: u64,
    pub(crate) memory_size_mb: u32,
    pub(crate) max_memory_used_mb: u64,
    pub(crate) init_duration_ms: Option<f64>,
    pub(crate) status: Option<&'a str>,
    pub(crate) error_type: Option<&'a str>,
    /// `Root=..;Parent=..;Sampled=1`, where the function asks for traces.
    pub(crate) trace: Option<&'a str>,
}

impl Line<'_> {
    /// The line in the function's format; nothing where its level asks for less, or the format has no such line.
    pub(crate) fn render(&self, logging: &Logging) -> Option<String> {
        if !logging.json {
            return Some(self.text());
        }
        let (kind, record) = self.record()?;
        let failed = record["status"] != "success" && record.get("status").is_some();
        let wanted = match logging.system_level.as_str() {
            "WARN" => failed,
            "DEBUG" => true,
            _ => failed || kind != "platform.initReport",
        };
        let time = format!("{:.3}", jiff::Timestamp::now());
        let line = json!({ "time": time, "type": kind, "record": record });
        wanted.then(|| format!("{line}\n"))
    }

    fn text(&self) -> String {
        match self {
            Line::InitStart { runtime, region } => format!(
                "INIT_START Runtime Version: {}\tRuntime Version ARN: {}\n",
                runtime_version(runtime),
                runtime_version_arn(region)
            ),
            Line::Substituted { substitute } => format!("RUNTIME_SUBSTITUTED {substitute}\n"),
            Line::InitReport {
                duration_ms,
                phase,
                status,
                error_type,
            } => {
                let status = status_text(status, *error_type);
                format!(
                    "INIT_REPORT Init Duration: {duration_ms:.2} ms\tPhase: {phase}\t{status}\n"
                )
            }
            Line::Start {
                request_id,
                version,
            } => format!("START RequestId: {request_id} Version: {version}\n"),
            Line::End { request_id } => format!("END RequestId: {request_id}\n"),
            Line::Report(report) => report.text(),
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>
    fn record(&self) -> Option<(&'static str, Value)> {
        Some(match self {
            Line::InitStart { runtime, region } => (
                "platform.initStart",
                json!({
                    "initializationType": "on-demand", "phase": "init",
                    "runtimeVersion": runtime_version(runtime),
                    "runtimeVersionArn": runtime_version_arn(region),
                }),
            ),
            Line::Substituted { substitute } => (
                "platform.runtimeSubstituted",
                json!({ "message": substitute }),
            ),
            Line::InitReport {
                duration_ms,
                phase,
                status,
                error_type,
            } => {
                let mut record = json!({
                    "initializationType": "on-demand", "phase": phase, "status": status,
                    "metrics": { "durationMs": rounded(*duration_ms) },
                });
                if let Some(error_type) = error_type {
                    record["errorType"] = (*error_type).into();
                }
                ("platform.initReport", record)
            }
            Line::Start {
                request_id,
                version,
            } => (
                "platform.start",
                json!({ "requestId": request_id, "version": version }),
            ),
            Line::End { .. } => return None,
            Line::Report(report) => ("platform.report", report.record()),
        })
    }
}

/// Two decimals, as AWS tells times.
fn rounded(duration_ms: f64) -> f64 {
    (duration_ms * 1000.0).round() / 1000.0
}

fn status_text(status: &str, error_type: Option<&str>) -> String {
    match error_type {
        Some(error_type) if status == "error" => {
            format!("Status: error\tError Type: {error_type}")
        }
        _ => format!("Status: {status}"),
    }
}

impl Report<'_> {
    fn text(&self) -> String {
        let mut text = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            self.duration_ms,
            self.billed_duration_ms,
            self.memory_size_mb,
            self.max_memory_used_mb
        );
        if let Some(init_ms) = self.init_duration_ms {
            text.push_str(&format!("Init Duration: {init_ms:.2} ms\t"));
        }
        if let Some(status) = self.status {
            text.push_str(&status_text(status, self.error_type));
        }
        text.push('\n');
        if let Some((root, segment)) = self.trace.and_then(traced) {
            text.push_str(&format!(
                "XRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t\n"
            ));
        }
        text
    }

    fn record(&self) -> Value {
        let mut metrics = json!({
            "durationMs": rounded(self.duration_ms),
            "billedDurationMs": self.billed_duration_ms,
            "memorySizeMB": self.memory_size_mb,
            "maxMemoryUsedMB": self.max_memory_used_mb,
        });
        if let Some(init_ms) = self.init_duration_ms {
            metrics["initDurationMs"] = rounded(init_ms).into();
        }
        let failed = self.error_type.map(|_| "failure");
        let status = self.status.or(failed).unwrap_or("success");
        let mut record =
            json!({ "requestId": self.request_id, "metrics": metrics, "status": status });
        if let Some(error_type) = self.error_type.filter(|_| self.status == Some("error")) {
            record["errorType"] = error_type.into();
        }
        if let Some((_, segment)) = self.trace.and_then(traced) {
            record["tracing"] =
                json!({ "spanId": segment, "type": "X-Amzn-Trace-Id", "value": self.trace });
        }
        record
    }
}

/// The trace and the segment of a header that says `Sampled=1`.
fn traced(header: &str) -> Option<(&str, &str)> {
    let part = |name: &str| {
        header
            .split(';')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    part("Sampled").filter(|sampled| *sampled == "1")?;
    Some((part("Root")?, part("Parent")?))
}

/// Our runtimes carry no version of AWS's, and say so with version 0 and an empty hash.
fn runtime_version(runtime: &str) -> String {
    let name = runtime.replacen("provided.", "provided:", 1);
    let name = name
        .replacen("python", "python:", 1)
        .replacen("nodejs", "nodejs:", 1);
    format!("{}.v0", name.trim_end_matches(".x"))
}

fn runtime_version_arn(region: &str) -> String {
    format!("arn:aws:lambda:{region}::runtime:{}", "0".repeat(64))
}

/// `2026/11/21/[$LATEST]` and 32 hexadecimal digits.
pub(crate) fn stream_name(version: &str, random_hex: &str) -> String {
    format!(
        "{}[{version}]{random_hex}",
        jiff::Timestamp::now().strftime("%Y/%m/%d/")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report<'static> {
        Report {
            request_id: "id",
            duration_ms: 1.234,
            billed_duration_ms: 102,
            memory_size_mb: 128,
            max_memory_used_mb: 40,
            init_duration_ms: Some(100.0),
            status: None,
            error_type: None,
            trace: None,
        }
    }

    #[test]
    fn report_has_aws_s_tabs() {
        let mut line = report();
        let common = "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\t";
        assert_eq!(
            line.text(),
            format!("{common}Max Memory Used: 40 MB\tInit Duration: 100.00 ms\t\n")
        );
        line.init_duration_ms = None;
        line.status = Some("timeout");
        line.error_type = Some("Sandbox.Timedout");
        line.trace =
            Some("Root=1-5e34a614-10bdbcbe54f4fb1f0a2ec5b5;Parent=07f5b0c1d2e3f405;Sampled=1");
        assert_eq!(
            line.text(),
            format!(
                "{common}Max Memory Used: 40 MB\tStatus: timeout\nXRAY TraceId: 1-5e34a614-10bdbcbe54f4fb1f0a2ec5b5\tSegmentId: 07f5b0c1d2e3f405\tSampled: true\t\n"
            )
        );
    }

    #[test]
    fn json_lines_have_aws_s_records_and_heed_the_level() {
        let logging = |level: &str| Logging {
            json: true,
            application_level: "INFO".to_owned(),
            system_level: level.to_owned(),
        };
        let line = Line::Report(report());
        let text = line.render(&logging("INFO")).expect("told");
        let parsed: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed["type"], "platform.report");
        assert_eq!(
            parsed["record"],
            json!({
                "requestId": "id", "status": "success",
                "metrics": { "durationMs": 1.234, "billedDurationMs": 102, "memorySizeMB": 128, "maxMemoryUsedMB": 40, "initDurationMs": 100.0 },
            })
        );
        assert_eq!(line.render(&logging("WARN")), None);
        assert_eq!(
            Line::End { request_id: "id" }.render(&logging("DEBUG")),
            None
        );
        let failed = Line::Report(Report {
            status: Some("error"),
            error_type: Some("Runtime.ExitError"),
            ..report()
        });
        let text = failed.render(&logging("WARN")).expect("told");
        assert!(
            text.contains(r#""status":"error","errorType":"Runtime.ExitError""#),
            "{text}"
        );
    }

    #[test]
    fn runtime_names_are_written_as_in_aws_s_logs() {
        for (runtime, name) in [
            ("provided.al2023", "provided:al2023.v0"),
            ("python3.12", "python:3.12.v0"),
            ("nodejs22.x", "nodejs:22.v0"),
        ] {
            assert_eq!(runtime_version(runtime), name);
        }
    }
}
