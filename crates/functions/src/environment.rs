//! The environment a function finds, as recorded on AWS per runtime.
//!
//! Nothing of the host's environment gets in: the list below, the keys of the role, and what the function's own
//! configuration sets. Only `AWS_ENDPOINT_URL` is ours, because a function must find this host instead of AWS.

use crate::FunctionVersion;

/// Facts about one sandbox that its environment tells.
pub(crate) struct SandboxFacts<'a> {
    pub(crate) log_stream_name: &'a str,
    pub(crate) runtime_api: &'a str,
    pub(crate) aws_endpoint: &'a str,
    pub(crate) task_root: &'a str,
    /// Where the SDK of the runtime is seen.
    pub(crate) runtime_dir: &'a str,
    /// What the environment source gave for this sandbox.
    pub(crate) sandbox_variables: &'a [(String, String)],
    pub(crate) trace_id: Option<&'a str>,
}

const PATH: &str = "/usr/local/bin:/usr/bin/:/bin:/opt/bin";
const LIBRARIES: &str =
    "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

/// The whole environment of a runtime process, each name once.
pub(crate) fn variables(
    function: &FunctionVersion,
    facts: &SandboxFacts<'_>,
) -> Vec<(String, String)> {
    let mut variables = Variables::default();
    set_function(&mut variables, function, facts);
    set_runtime(&mut variables, function, facts);
    variables.set("AWS_LAMBDA_RUNTIME_API", facts.runtime_api);
    variables.set("AWS_ENDPOINT_URL", facts.aws_endpoint);
    for (name, value) in facts.sandbox_variables.iter().chain(&function.environment) {
        variables.set(name, value);
    }
    variables.0
}

#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some(entry) => entry.1 = value.to_owned(),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    fn set_all(&mut self, pairs: &[(&str, &str)]) {
        for (name, value) in pairs {
            self.set(name, value);
        }
    }
}

fn set_function(variables: &mut Variables, function: &FunctionVersion, facts: &SandboxFacts<'_>) {
    variables.set_all(&[
        ("AWS_LAMBDA_FUNCTION_NAME", &function.function_name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &function.version),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &function.memory_size_mb.to_string(),
        ),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &function.log_group_name),
        ("AWS_LAMBDA_LOG_STREAM_NAME", facts.log_stream_name),
        ("AWS_REGION", &function.region),
        ("AWS_DEFAULT_REGION", &function.region),
        ("_HANDLER", &function.handler),
        ("LAMBDA_TASK_ROOT", facts.task_root),
        ("LAMBDA_RUNTIME_DIR", facts.runtime_dir),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ]);
    if function.logging.json {
        variables.set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        variables.set("AWS_LAMBDA_LOG_LEVEL", &function.logging.application_level);
    }
    if let Some(trace_id) = facts.trace_id {
        variables.set("_X_AMZN_TRACE_ID", trace_id);
    }
}

/// X-Ray's address, the search paths, and what only some runtimes have.
fn set_runtime(variables: &mut Variables, function: &FunctionVersion, facts: &SandboxFacts<'_>) {
    let runtime = function.runtime.as_str();
    let xray = if runtime == "provided.al2" {
        "169.254.79.129"
    } else {
        "169.254.100.1"
    };
    variables.set_all(&[
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", &format!("{xray}:2000")),
        ("_AWS_XRAY_DAEMON_ADDRESS", xray),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
    ]);
    let (path, libraries) = if runtime == "provided.al2" {
        (PATH.to_owned(), LIBRARIES.to_owned())
    } else {
        (
            format!("/var/lang/bin:{PATH}"),
            format!("/var/lang/lib:{LIBRARIES}"),
        )
    };
    variables.set("PATH", &path);
    variables.set("LD_LIBRARY_PATH", &libraries);
    if !runtime.starts_with("provided") {
        variables.set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{runtime}"));
    }
    if runtime.starts_with("python") {
        let own = [
            ("PYTHONPATH", facts.runtime_dir),
            ("LC_CTYPE", "C.UTF-8"),
            ("PWD", facts.task_root),
            ("SHLVL", "0"),
        ];
        variables.set_all(&own);
    }
    if let Some(major) = runtime
        .strip_prefix("nodejs")
        .and_then(|rest| rest.strip_suffix(".x"))
    {
        let (runtime_dir, task_root) = (facts.runtime_dir, facts.task_root);
        let modules = format!(
            "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:\
             {runtime_dir}/node_modules:{runtime_dir}:{task_root}"
        );
        variables.set("NODE_PATH", &modules);
        variables.set_all(&[("PWD", task_root), ("SHLVL", "0")]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;

    fn names_and_values(runtime: &str) -> Vec<(String, String)> {
        let function = FunctionVersion {
            key: String::new(),
            function_name: "one".to_owned(),
            version: "$LATEST".to_owned(),
            function_arn: String::new(),
            account_id: String::new(),
            region: "eu-west-1".to_owned(),
            runtime: runtime.to_owned(),
            handler: "app.handler".to_owned(),
            memory_size_mb: 128,
            timeout_s: 3,
            ephemeral_storage_mb: 512,
            code_dir: PathBuf::new(),
            layers: Vec::new(),
            log_group_name: "/aws/lambda/one".to_owned(),
            environment: vec![("AWS_ENDPOINT_URL".to_owned(), "http://mine".to_owned())],
            tracing_active: false,
            logging: crate::Logging::default(),
            environment_source: Arc::new(|| Box::pin(async { Ok(Vec::new()) })),
        };
        let facts = SandboxFacts {
            log_stream_name: "stream",
            runtime_api: "169.254.100.1:9001",
            aws_endpoint: "http://127.0.0.1:4566",
            task_root: "/var/task",
            runtime_dir: "/var/runtime",
            sandbox_variables: &[],
            trace_id: None,
        };
        variables(&function, &facts)
    }

    fn value(runtime: &str, name: &str) -> Option<String> {
        names_and_values(runtime)
            .into_iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value)
    }

    #[test]
    fn each_runtime_has_what_aws_gives_it_and_no_more() {
        assert_eq!(
            value("python3.13", "AWS_EXECUTION_ENV").as_deref(),
            Some("AWS_Lambda_python3.13")
        );
        assert_eq!(
            value("python3.13", "PYTHONPATH").as_deref(),
            Some("/var/runtime")
        );
        assert_eq!(value("nodejs22.x", "PYTHONPATH"), None);
        let modules = value("nodejs22.x", "NODE_PATH").unwrap_or_default();
        assert!(modules.starts_with("/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:"));
        for name in [
            "AWS_EXECUTION_ENV",
            "PYTHONPATH",
            "LC_CTYPE",
            "PWD",
            "SHLVL",
        ] {
            assert_eq!(value("provided.al2023", name), None, "{name}");
        }
        assert_eq!(
            value("provided.al2", "_AWS_XRAY_DAEMON_ADDRESS").as_deref(),
            Some("169.254.79.129")
        );
        assert_eq!(value("provided.al2", "PATH").as_deref(), Some(PATH));
    }

    #[test]
    fn what_the_function_sets_itself_wins() {
        assert_eq!(
            value("provided.al2023", "AWS_ENDPOINT_URL").as_deref(),
            Some("http://mine")
        );
    }
}
