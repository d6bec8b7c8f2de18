//! Cold and warm invocations against the least a process start costs, measured in one run on one machine.
//!
//! Arguments: the program that builds sandboxes and the test function.

#![expect(clippy::print_stdout, reason = "its output is the measurement")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot be made has nothing to say"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cumulet_functions::{Config, FunctionVersion, Functions, Invocation};
use tokio::sync::mpsc;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (init, bootstrap) = (
        arguments.next().unwrap(),
        PathBuf::from(arguments.next().unwrap()),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limit = no_op(&bootstrap);
    let measured = runtime.block_on(measure(init, &bootstrap));
    println!("fork+exec+wait of a no-op      p50 {limit:>6} us");
    for (name, p50_us) in measured {
        println!("{name:<30} p50 {p50_us:>6} us");
    }
}

fn no_op(program: &PathBuf) -> u128 {
    p50((0..300).map(|_| {
        let begin = Instant::now();
        Command::new(program)
            .arg("no-op")
            .stdin(Stdio::null())
            .status()
            .unwrap();
        begin.elapsed()
    }))
}

fn p50(durations: impl Iterator<Item = Duration>) -> u128 {
    let mut durations: Vec<Duration> = durations.collect();
    durations.sort();
    durations[durations.len() / 2].as_micros()
}

async fn measure(init: std::ffi::OsString, bootstrap: &PathBuf) -> Vec<(&'static str, u128)> {
    let directory = tempfile::tempdir().unwrap();
    let code = directory.path().join("code");
    std::fs::create_dir_all(code.join("one")).unwrap();
    for folder in [code.clone(), code.join("one")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::copy(bootstrap, code.join("one/bootstrap")).unwrap();
    let mut results = Vec::new();
    for (name, pool_size) in [
        ("cold, sandbox built on demand", 0),
        ("cold, from the pool", 4),
    ] {
        let (aws_connections, _aws) = mpsc::channel(1);
        let mut config = Config::new(
            directory.path().join("private"),
            code.clone(),
            aws_connections,
        );
        config.init_command = vec![init.clone()];
        config.pool_size = pool_size;
        let functions = Functions::start(config).await.unwrap();
        let (whole, initialisation) = cold(&functions, code.join("one")).await;
        results.push((name, whole));
        results.push(("  of it start to first /next", initialisation));
        if pool_size > 0 {
            results.push(("warm", warm(&functions, code.join("one")).await));
        }
        functions.shutdown().await;
    }
    results
}

async fn cold(functions: &Functions, code_dir: PathBuf) -> (u128, u128) {
    let (mut whole, mut initialisation) = (Vec::new(), Vec::new());
    for number in 0..200 {
        let function = Arc::new(function(format!("f{number}"), code_dir.clone()));
        let begin = Instant::now();
        let outcome = functions.invoke(&function, invocation()).await.unwrap();
        whole.push(begin.elapsed());
        initialisation.push(Duration::from_secs_f64(
            outcome.init_duration_ms.unwrap() / 1000.0,
        ));
        functions.retire(&function.key);
        // Refilling and ending are off the path; without a pause they would be measured here.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (p50(whole.into_iter()), p50(initialisation.into_iter()))
}

async fn warm(functions: &Functions, code_dir: PathBuf) -> u128 {
    let function = Arc::new(function("warm".to_owned(), code_dir));
    functions.invoke(&function, invocation()).await.unwrap();
    let mut durations = Vec::new();
    for _ in 0..3000 {
        let begin = Instant::now();
        functions.invoke(&function, invocation()).await.unwrap();
        durations.push(begin.elapsed());
    }
    p50(durations.into_iter())
}

fn invocation() -> Invocation {
    Invocation {
        request_id: "8f5d3c1e-0000-4000-8000-000000000001".to_owned(),
        payload: "\"echo\"".into(),
        invoked_function_arn: "arn:aws:lambda:eu-west-1:000000000000:function:one".to_owned(),
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        stream: None,
    }
}

fn function(key: String, code_dir: PathBuf) -> FunctionVersion {
    FunctionVersion {
        key,
        function_name: "one".to_owned(),
        version: "$LATEST".to_owned(),
        function_arn: "arn:aws:lambda:eu-west-1:000000000000:function:one".to_owned(),
        account_id: "000000000000".to_owned(),
        region: "eu-west-1".to_owned(),
        runtime: "provided.al2023".to_owned(),
        handler: "handler".to_owned(),
        memory_size_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        code_dir,
        layers: Vec::new(),
        log_group_name: "/aws/lambda/one".to_owned(),
        environment: Vec::new(),
        tracing_active: false,
        logging: Default::default(),
        environment_source: Arc::new(|| Box::pin(async { Ok(Vec::new()) })),
    }
}
