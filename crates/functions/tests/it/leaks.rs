//! Sandboxes leave nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use cumulet_functions::FunctionVersion;

use crate::host::{TestHost, payload};

/// What this process holds, and what exists because of it.
#[derive(Debug, Eq, PartialEq)]
struct Census {
    descriptors: usize,
    descendants: usize,
    mounts: usize,
    /// Network and mount namespaces of all visible processes.
    namespaces: usize,
}

fn census() -> Census {
    let own = std::process::id();
    Census {
        descriptors: fs::read_dir("/proc/self/fd").expect("descriptors").count(),
        descendants: descendants(own),
        mounts: fs::read_to_string("/proc/self/mountinfo")
            .expect("mounts")
            .lines()
            .count(),
        namespaces: namespaces(),
    }
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("processes").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn descendants(ancestor: u32) -> usize {
    let parents: Vec<(u32, u32)> = processes()
        .into_iter()
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut family = BTreeSet::from([ancestor]);
    loop {
        let before = family.len();
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| family.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            return before - 1;
        }
    }
}

/// Only of our own family: other tests run beside this one.
fn namespaces() -> usize {
    let own = std::process::id();
    let family = processes()
        .into_iter()
        .filter(|pid| *pid == own || parent(*pid) == Some(own));
    let links = family.flat_map(|pid| {
        ["net", "mnt", "pid", "user"]
            .map(|kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
    });
    links.flatten().collect::<BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cold_starts_leave_nothing() {
    let host = TestHost::start_alone(|config| config.pool_size = 0).await;
    let cold = async |number: usize| {
        let function = Arc::new(FunctionVersion {
            key: format!("f{number}"),
            ..host.function()
        });
        assert_eq!(payload(&host.invoke(&function, "count").await), "1");
        host.functions.retire(&function.key);
    };
    cold(0).await;
    while descendants(std::process::id()) > 0 {
        settle().await;
    }
    settle().await;
    let before = census();
    for number in 1..=1000 {
        cold(number).await;
    }
    let mut after = census();
    for _ in 0..100 {
        if after == before {
            break;
        }
        settle().await;
        after = census();
    }
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_running_functions_too() {
    let host = Arc::new(TestHost::start_alone(|_| ()).await);
    let function = Arc::new(host.function());
    let (running_host, running_function) = (host.clone(), function.clone());
    let running = tokio::spawn(async move {
        running_host
            .functions
            .invoke(&running_function, crate::host::invocation("sleep 60000"))
            .await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.functions.shutdown().await;
    assert!(running.await.expect("task").is_err());
    assert_eq!(descendants(std::process::id()), 0);
}

/// Retired sandboxes end in the background.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
