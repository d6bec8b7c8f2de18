//! How an invocation can fail, in AWS's words.

use bytes::Bytes;
use serde_json::json;

use crate::runtime_api::{ErrorReport, PAYLOAD_BYTES_MAX};
use crate::sandbox::protocol::Exit;

/// A failed invocation: what the caller gets, what the log says.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) error_type: String,
    pub(crate) payload: Bytes,
    /// Written to the log by the platform; a function that reports its own error has written its own.
    pub(crate) log: Option<String>,
    /// How REPORT calls it: `error` or `timeout`. A function that reports its own error has none there.
    pub(crate) status: Option<&'static str>,
    pub(crate) timed_out: bool,
}

impl Fault {
    /// The function reported its own error.
    pub(crate) fn reported(report: ErrorReport) -> Fault {
        Fault {
            error_type: report.error_type,
            payload: report.payload,
            log: None,
            status: None,
            timed_out: false,
        }
    }

    /// The runtime process ended by itself.
    pub(crate) fn exited(request_id: &str, exit: Exit) -> Fault {
        let how = match (exit.code, exit.signal) {
            (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, signal) => format!(
                "Runtime exited with error: signal: {}",
                signal_name(signal.unwrap_or(0))
            ),
        };
        Fault::of_platform("Runtime.ExitError", "Runtime.ExitError", request_id, &how)
    }

    /// The watchdog killed it. To the caller it looks like any kill; the report names the cause.
    pub(crate) fn out_of_memory(request_id: &str) -> Fault {
        let how = "Runtime exited with error: signal: killed";
        Fault::of_platform("Runtime.ExitError", "Runtime.OutOfMemory", request_id, how)
    }

    /// There is nothing to run, or it cannot be run.
    pub(crate) fn not_started(request_id: &str, why: &str) -> Fault {
        Fault::of_platform(
            "Runtime.InvalidEntrypoint",
            "Runtime.InvalidEntrypoint",
            request_id,
            why,
        )
    }

    fn of_platform(error_type: &str, reported_type: &str, request_id: &str, how: &str) -> Fault {
        let message = format!("RequestId: {request_id} Error: {how}");
        let payload = json!({"errorType": error_type, "errorMessage": message})
            .to_string()
            .into();
        Fault {
            error_type: reported_type.to_owned(),
            payload,
            log: Some(format!("{message}\n{error_type}")),
            status: Some("error"),
            timed_out: false,
        }
    }

    /// Two forms, as on AWS: the newer for the caller, the older in the log.
    pub(crate) fn timed_out(request_id: &str, timeout_s: u32) -> Fault {
        let how = format!("Task timed out after {timeout_s}.00 seconds");
        let message = format!("RequestId: {request_id} Error: {how}");
        let now = jiff::Timestamp::now();
        Fault {
            error_type: "Sandbox.Timedout".to_owned(),
            payload: json!({"errorType": "Sandbox.Timedout", "errorMessage": message})
                .to_string()
                .into(),
            log: Some(format!("{now:.3} {request_id} {how}\n")),
            status: Some("timeout"),
            timed_out: true,
        }
    }

    pub(crate) fn response_too_large() -> Fault {
        let message = format!(
            "Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes)."
        );
        let error_type = "Function.ResponseSizeTooLarge";
        let payload = json!({"errorMessage": message, "errorType": error_type})
            .to_string()
            .into();
        Fault {
            error_type: error_type.to_owned(),
            payload,
            log: None,
            status: None,
            timed_out: false,
        }
    }
}

/// As Go prints them, which is what AWS's supervisor is written in.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fault: &Fault) -> &str {
        std::str::from_utf8(&fault.payload).expect("UTF-8")
    }

    #[test]
    fn faults_are_worded_as_on_aws() {
        let exit = |code, signal| {
            Fault::exited(
                "id",
                Exit {
                    code,
                    signal,
                    peak_memory_kb: 0,
                },
            )
        };
        assert_eq!(
            text(&exit(Some(0), None)),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}"#
        );
        assert!(
            text(&exit(Some(127), None)).contains("Runtime exited with error: exit status 127")
        );
        assert!(
            text(&exit(None, Some(11)))
                .contains("Runtime exited with error: signal: segmentation fault")
        );
        assert_eq!(
            text(&Fault::timed_out("id", 1)),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 1.00 seconds"}"#
        );
        assert_eq!(
            text(&Fault::response_too_large()),
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
        );
    }
}
