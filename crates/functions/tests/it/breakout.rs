//! What a function must not be able to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_functions::RequiredIsolation;

use crate::host::{TestHost, platform_line};

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
        ("store", "NotFound"),
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
    // A datagram can be sent into the tunnel; at its other end the supervisor drops it and says so.
    assert_eq!(allowed, ["datagram", "runtime api", "write /tmp/x"], "{found:#?}");
    assert!(
        platform_line(&outcome, "EGRESS_REFUSED").contains("--egress allow"),
        "{outcome:?}"
    );
    let known = "bin dev etc lib lib32 lib64 opt proc sbin tmp usr var";
    let strange = found["root"]
        .split(' ')
        .find(|name| !known.split(' ').any(|known| known == *name));
    assert_eq!(strange, None, "{}", found["root"]);
    assert_eq!(found["descriptors"], "/dev/null pipe pipe socket");
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
