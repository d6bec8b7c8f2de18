//! What a function sees and what its caller gets when all goes well.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_functions::FunctionVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host::{TestHost, function_lines, invocation, payload, platform_line, platform_words};

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_and_a_warm_invocation_are_told_apart_and_logged_as_on_aws() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    let cold = host.invoke(&function, "print hello").await;
    assert!(cold.cold && cold.init_duration_ms.is_some());
    assert_eq!(cold.function_error, None);
    assert_eq!(
        platform_words(&cold),
        ["INIT_START", "START", "END", "REPORT"]
    );
    assert_eq!(
        function_lines(&cold),
        ["initialising", "hello out", "hello err", "no newline"]
    );
    let id = "8f5d3c1e-0000-4000-8000-000000000001";
    assert_eq!(
        platform_line(&cold, "START"),
        format!("START RequestId: {id} Version: $LATEST\n")
    );
    assert_eq!(
        platform_line(&cold, "END"),
        format!("END RequestId: {id}\n")
    );
    assert!(platform_line(&cold, "REPORT").contains("\tMemory Size: 128 MB\tMax Memory Used: "));
    assert!(platform_line(&cold, "REPORT").ends_with(" ms\t\n"));
    assert!(cold.max_memory_used_mb > 0);
    assert!(
        cold.log_stream_name.contains("/[$LATEST]"),
        "{}",
        cold.log_stream_name
    );

    let warm = host.invoke(&function, "count").await;
    assert_eq!(
        (warm.cold, warm.init_duration_ms, payload(&warm)),
        (false, None, "2")
    );
    assert_eq!(platform_words(&warm), ["START", "END", "REPORT"]);
    assert_eq!(warm.log_stream_name, cold.log_stream_name);
    assert!(
        String::from_utf8(warm.log_tail())
            .expect("UTF-8")
            .starts_with("START RequestId")
    );

    host.functions.retire("one");
    assert!(
        host.invoke(&function, "count").await.cold,
        "a retired sandbox is not used again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_aws_s_and_nothing_of_the_host() {
    let host = TestHost::start().await;
    let mut function = host.function();
    function.environment = vec![
        ("MINE".to_owned(), "1".to_owned()),
        ("TZ".to_owned(), "Europe/Zurich".to_owned()),
    ];
    let outcome = host.invoke(&Arc::new(function), "env").await;
    let variables: BTreeMap<String, String> =
        serde_json::from_slice(&outcome.payload).expect("JSON");
    let names: Vec<&str> = variables.keys().map(String::as_str).collect();
    let expected = "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_LAMBDA_FUNCTION_MEMORY_SIZE \
        AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE \
        AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API AWS_REGION \
        AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG \
        LD_LIBRARY_PATH MINE PATH TZ _AWS_XRAY_DAEMON_ADDRESS _AWS_XRAY_DAEMON_PORT _HANDLER";
    assert_eq!(names.join(" "), expected);
    assert_eq!(variables["AWS_LAMBDA_RUNTIME_API"], "169.254.100.1:9001");
    assert_eq!(variables["AWS_ENDPOINT_URL"], "http://127.0.0.1:4566");
    assert_eq!(
        variables["AWS_LAMBDA_LOG_STREAM_NAME"],
        outcome.log_stream_name
    );
    assert_eq!(
        variables["TZ"], "Europe/Zurich",
        "what the function sets wins"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_aws_come_out_with_the_caller_s_name() {
    let mut host = TestHost::start().await;
    let function = Arc::new(host.function());
    let (functions, invoked) = (host.functions.clone(), function.clone());
    let running = tokio::spawn(async move { functions.invoke(&invoked, invocation("aws")).await });
    let mut connection = host.aws.recv().await.expect("connection");
    assert_eq!(connection.function_arn, function.function_arn);
    let mut hello = [0; 5];
    connection
        .stream
        .read_exact(&mut hello)
        .await
        .expect("request");
    connection
        .stream
        .write_all(b"answer")
        .await
        .expect("answer");
    drop(connection);
    let outcome = running.await.expect("task").expect("the function ran");
    assert_eq!(
        (hello.as_slice(), payload(&outcome)),
        (b"hello".as_slice(), r#""answer""#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_after_the_answer_reaches_the_sink() {
    let mut host = TestHost::start().await;
    let function = Arc::new(host.function());
    let outcome = host.invoke(&function, "late").await;
    assert_eq!(function_lines(&outcome), ["initialising"]);
    let late = host.late.recv().await.expect("late line");
    assert_eq!(late.line.text, "after the answer");
    assert_eq!(late.log_stream_name, outcome.log_stream_name);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_is_cut_and_says_so() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    let outcome = host.invoke(&function, "shout 70000").await;
    let dropped = platform_line(&outcome, "LOGS_DROPPED");
    assert!(
        dropped.ends_with(" lines: more than 67108864 bytes in one invocation\n"),
        "{dropped}"
    );
    assert!(function_lines(&outcome).len() > 65_000);
    assert_eq!(
        function_lines(&host.invoke(&function, "print x").await).len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_layer_wins() {
    let host = TestHost::start().await;
    let mut function = host.function();
    function.layers = vec![
        host.package("layer-one", &[("first", "1"), ("both", "of one")]),
        host.package("layer-two", &[("second", "2"), ("both", "of two")]),
    ];
    let outcome = host.invoke(&Arc::new(function), "layers").await;
    assert_eq!(payload(&outcome), r#"["1", "2", "of two"]"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_invocations_have_sandboxes_of_their_own() {
    let host = Arc::new(TestHost::start_with(|config| config.sandboxes_max = 3).await);
    let function = Arc::new(host.function());
    let running: Vec<_> = (0..3)
        .map(|_| {
            let (host, function): (_, Arc<FunctionVersion>) = (host.clone(), function.clone());
            tokio::spawn(async move { host.invoke(&function, "sleep 500").await })
        })
        .collect();
    let mut streams = Vec::new();
    for invocation in running {
        streams.push(invocation.await.expect("task").log_stream_name);
    }
    streams.sort();
    streams.dedup();
    assert_eq!(streams.len(), 3);

    let other = Arc::new(FunctionVersion {
        key: "two".to_owned(),
        ..(*function).clone()
    });
    assert!(
        host.invoke(&other, "echo").await.cold,
        "the longest idle one made room"
    );
    host.functions.shutdown().await;
    assert!(
        host.functions
            .invoke(&function, invocation("echo"))
            .await
            .is_err()
    );
}
