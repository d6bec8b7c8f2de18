//! Hosts that forbid namespaces: less holds, and the report says so.

use std::sync::Arc;

use cumulet_functions::{FunctionVersion, RequiredIsolation};

use crate::host::{TestHost, payload};

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_functions_run_and_the_report_is_honest() {
    let host = TestHost::start_with(|config| config.use_namespaces = false).await;
    let report = host.functions.report();
    assert_eq!(report.grade, "process-only");
    assert!(
        !report
            .layer("mount namespace")
            .is_some_and(cumulet_functions::Layer::is_enforced)
    );
    assert!(
        report
            .layer("landlock")
            .is_some_and(cumulet_functions::Layer::is_enforced),
        "{report:#?}"
    );

    let function = Arc::new(FunctionVersion {
        timeout_s: 1,
        ..host.function()
    });
    let outcome = host.invoke(&function, "breakout").await;
    let found: serde_json::Value = serde_json::from_slice(&outcome.payload).expect("JSON");
    for name in [
        "home",
        "shadow",
        "write /usr/x",
        "core pattern",
        "mount",
        "unshare user",
        "ptrace 1",
        "connect 127.0.0.1:22",
    ] {
        assert_ne!(found[name], "done", "{name}: {found:#?}");
    }
    assert!(host.invoke(&function, "children").await.timed_out);
    assert_eq!(payload(&host.invoke(&function, "count").await), "1");
    host.functions.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_isolation_refuses_less() {
    let refused = TestHost::try_start(|config| {
        config.use_namespaces = false;
        config.require = RequiredIsolation::Strict;
    });
    let error = refused
        .await
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(error.contains("mount namespace"), "{error}");
}
