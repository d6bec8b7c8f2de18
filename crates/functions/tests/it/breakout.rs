//! What a function must not be able to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_functions::RequiredIsolation;

use crate::host::TestHost;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_host_can_be_reached() {
    let host = TestHost::start_with(|config| config.require = RequiredIsolation::Strict).await;
    let outcome = host.invoke(&Arc::new(host.function()), "breakout").await;
    let found: BTreeMap<String, String> = serde_json::from_slice(&outcome.payload).expect("JSON");
    let expected = [
        ("ids", "993:990"),
        ("capabilities", "0000000000000000"),
        ("bounding", "0000000000000000"),
        ("no_new_privs", "1"),
        ("seccomp", "2"),
        ("processes", "2"),
        ("code store", "done"),
        ("write /tmp/x", "done"),
        ("runtime api", "done"),
    ];
    for (name, value) in expected {
        assert_eq!(found[name], value, "{name}");
    }
    let allowed: Vec<&str> = found
        .iter()
        .filter(|(_, outcome)| *outcome == "done")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        allowed,
        ["code store", "runtime api", "write /tmp/x"],
        "{found:#?}"
    );
    for name in ["root", "descriptors"] {
        assert!(
            !found[name].contains("work") && !found[name].contains("socket socket"),
            "{found:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_every_layer() {
    let host = TestHost::start().await;
    let report = host.functions.report();
    for name in [
        "user namespace",
        "mount namespace",
        "pid namespace",
        "network namespace",
        "proc",
        "resource limits",
        "no_new_privs",
        "landlock",
        "seccomp",
        "memory watchdog",
    ] {
        assert!(
            report
                .layer(name)
                .is_some_and(cumulet_functions::Layer::is_enforced),
            "{name}: {report:#?}"
        );
    }
    assert_eq!(report.grade, "full");
}
