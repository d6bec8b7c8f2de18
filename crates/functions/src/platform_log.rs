//! The lines the platform itself writes to a function's log, with AWS's exact spacing.

/// What REPORT tells.
#[derive(Debug)]
pub(crate) struct ReportLine<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) duration_ms: f64,
    pub(crate) billed_duration_ms: u64,
    pub(crate) memory_size_mb: u32,
    pub(crate) max_memory_used_mb: u64,
    pub(crate) init_duration_ms: Option<f64>,
    pub(crate) status: Option<&'a str>,
}

impl ReportLine<'_> {
    pub(crate) fn text(&self) -> String {
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
            text.push_str(status);
        }
        text.push('\n');
        text
    }
}

/// Our runtimes carry no version of AWS's, and say so with version 0 and an empty hash.
pub(crate) fn init_start(runtime: &str, region: &str) -> String {
    let name = runtime.replacen("provided.", "provided:", 1);
    let name = name
        .replacen("python", "python:", 1)
        .replacen("nodejs", "nodejs:", 1);
    let name = name.trim_end_matches(".x");
    format!(
        "INIT_START Runtime Version: {name}.v0\tRuntime Version ARN: arn:aws:lambda:{region}::runtime:{}\n",
        "0".repeat(64)
    )
}

pub(crate) fn init_report(duration_ms: f64, phase: &str, status: &str) -> String {
    format!("INIT_REPORT Init Duration: {duration_ms:.2} ms\tPhase: {phase}\t{status}\n")
}

pub(crate) fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

pub(crate) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
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

    #[test]
    fn report_has_aws_s_tabs() {
        let mut line = ReportLine {
            request_id: "id",
            duration_ms: 1.234,
            billed_duration_ms: 102,
            memory_size_mb: 128,
            max_memory_used_mb: 40,
            init_duration_ms: Some(100.0),
            status: None,
        };
        let common = "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\t";
        assert_eq!(
            line.text(),
            format!("{common}Max Memory Used: 40 MB\tInit Duration: 100.00 ms\t\n")
        );
        line.init_duration_ms = None;
        line.status = Some("Status: timeout");
        assert_eq!(
            line.text(),
            format!("{common}Max Memory Used: 40 MB\tStatus: timeout\n")
        );
    }

    #[test]
    fn runtime_names_are_written_as_in_aws_s_logs() {
        assert!(
            init_start("provided.al2023", "eu-west-1").contains("Version: provided:al2023.v0\t")
        );
        assert!(init_start("python3.12", "eu-west-1").contains("Version: python:3.12.v0\t"));
        assert!(init_start("nodejs22.x", "eu-west-1").contains("Version: nodejs:22.v0\t"));
    }
}
