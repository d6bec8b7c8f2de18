//! Everything a function can do wrong, answered in AWS's words.

use std::sync::Arc;

use cumulet_functions::{FunctionVersion, InvocationOutcome};

use crate::host::{TestHost, payload, platform_line, platform_words};

const ID: &str = "8f5d3c1e-0000-4000-8000-000000000001";

fn assert_exit(outcome: &InvocationOutcome, how: &str) {
    let expected = format!(
        r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {ID} Error: Runtime exited {how}"}}"#
    );
    assert_eq!(payload(outcome), expected);
    assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_of_the_runtime_are_reported_and_the_next_invocation_starts_another() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    let ways = [
        ("exit 0", "without providing a reason"),
        ("exit 127", "with error: exit status 127"),
        ("abort", "with error: signal: aborted"),
    ];
    for (event, how) in ways {
        let outcome = host.invoke(&function, event).await;
        assert_exit(&outcome, how);
        assert!(
            platform_line(&outcome, "REPORT")
                .ends_with("\tStatus: error\tError Type: Runtime.ExitError\n")
        );
    }
    let next = host.invoke(&function, "count").await;
    assert_eq!(
        (payload(&next), next.cold),
        ("1", false),
        "same sandbox, new process"
    );

    host.invoke(&function, "late-exit").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(
        payload(&host.invoke(&function, "count").await),
        "1",
        "an end between invocations is no failure"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_kills_everything_but_keeps_tmp() {
    let host = TestHost::start().await;
    let function = Arc::new(FunctionVersion {
        timeout_s: 1,
        ..host.function()
    });
    host.invoke(&function, "tmp-write kept").await;
    let outcome = host.invoke(&function, "children").await;
    assert!(outcome.timed_out);
    let message = format!("RequestId: {ID} Error: Task timed out after 1.00 seconds");
    let expected = format!(r#"{{"errorType":"Sandbox.Timedout","errorMessage":"{message}"}}"#);
    assert_eq!(payload(&outcome), expected);
    assert!(
        platform_line(&outcome, "20")
            .ends_with(&format!("Z {ID} Task timed out after 1.00 seconds\n\n"))
            || platform_line(&outcome, "20")
                .ends_with(&format!("Z {ID} Task timed out after 1.00 seconds\n"))
    );
    assert_eq!(
        (outcome.duration_ms, outcome.billed_duration_ms),
        (1000.0, 1000)
    );
    assert!(platform_line(&outcome, "REPORT").ends_with("\tStatus: timeout\n"));

    assert_eq!(
        payload(&host.invoke(&function, "tmp-read").await),
        r#""kept""#
    );
    assert_eq!(
        payload(&host.invoke(&function, "count").await),
        "2",
        "module state is new"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_memory_is_killed() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    let outcome = host.invoke(&function, "eat 4000").await;
    assert_exit(&outcome, "with error: signal: killed");
    assert_eq!(outcome.error_type.as_deref(), Some("Runtime.OutOfMemory"));
    assert!(
        outcome.max_memory_used_mb >= 128,
        "{}",
        outcome.max_memory_used_mb
    );
    assert_eq!(payload(&host.invoke(&function, "eat 10").await), "null");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_initialisation_is_tried_again_inside_the_invocation() {
    let host = TestHost::start().await;
    let with = |init: &str| {
        let environment = vec![("INIT".to_owned(), init.to_owned())];
        Arc::new(FunctionVersion {
            key: init.to_owned(),
            environment,
            ..host.function()
        })
    };
    let outcome = host.invoke(&with("error"), "echo").await;
    assert_eq!(
        payload(&outcome),
        r#"{"errorMessage":"no init","errorType":"Mine"}"#
    );
    assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(outcome.error_type.as_deref(), Some("Runtime.NoSuchThing"));
    assert_eq!(
        platform_words(&outcome),
        [
            "INIT_START",
            "INIT_REPORT",
            "START",
            "INIT_REPORT",
            "END",
            "REPORT"
        ]
    );
    let report = platform_line(&outcome, "INIT_REPORT");
    assert!(
        report.ends_with(" ms\tPhase: init\tStatus: error\tError Type: Runtime.NoSuchThing\n"),
        "{report}"
    );
    assert_eq!(outcome.init_duration_ms, None);

    assert_exit(
        &host.invoke(&with("exit"), "echo").await,
        "with error: exit status 7",
    );
    let slow = host.invoke(&with("slow"), "count").await;
    assert_eq!(
        (payload(&slow), slow.function_error.as_deref()),
        ("1", None)
    );
    assert!(platform_line(&slow, "INIT_REPORT").ends_with(" ms\tPhase: init\tStatus: timeout\n"));
    let once = host.invoke(&with("once"), "count").await;
    assert_eq!(
        (payload(&once), once.function_error.as_deref()),
        ("1", None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_without_bootstrap_says_so() {
    let host = TestHost::start().await;
    let code_dir = host.package("empty", &[]);
    let function = Arc::new(FunctionVersion {
        code_dir,
        ..host.function()
    });
    let outcome = host.invoke(&function, "echo").await;
    let message = "Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
    assert!(payload(&outcome).contains(message), "{}", payload(&outcome));
    assert_eq!(
        outcome.error_type.as_deref(),
        Some("Runtime.InvalidEntrypoint")
    );

    let mut function = host.function();
    function.key = "extended".to_owned();
    function.layers = vec![host.package("layer", &[("extensions/agent", "#!/bin/sh")])];
    let refused = host
        .functions
        .invoke(&Arc::new(function), crate::host::invocation("echo"))
        .await;
    assert!(refused.is_err_and(|error| error.to_string().contains("extensions are not built yet")));

    let code_dir = host.package("text", &[("bootstrap", "no program")]);
    let function = Arc::new(FunctionVersion {
        key: "text".to_owned(),
        code_dir,
        ..host.function()
    });
    let outcome = host.invoke(&function, "echo").await;
    assert!(
        payload(&outcome).contains("fork/exec /var/task/bootstrap: permission denied"),
        "{}",
        payload(&outcome)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_runtimes_and_environments_are_errors_of_the_caller() {
    let host = TestHost::start().await;
    let unknown = Arc::new(FunctionVersion {
        runtime: "cobol85".to_owned(),
        ..host.function()
    });
    let error = host
        .functions
        .invoke(&unknown, crate::host::invocation("echo"))
        .await
        .expect_err("unknown runtime");
    assert!(error.to_string().contains("cobol85"), "{error}");
    assert!(
        cumulet_functions::Runtimes::default()
            .check("cobol85")
            .is_err()
    );

    let mut function = host.function();
    function.environment_source =
        Arc::new(|| Box::pin(async { Err("the role is gone".to_owned()) }));
    let error = host
        .functions
        .invoke(&Arc::new(function), crate::host::invocation("echo"))
        .await
        .expect_err("no keys");
    assert!(error.to_string().contains("the role is gone"), "{error}");
}
