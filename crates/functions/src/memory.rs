//! How much memory the processes of a sandbox use.
//!
//! Where no memory cgroup is delegated, this is the limit: the supervisor reads it every 20 ms while an invocation runs
//! and kills what is over. Resident pages are counted, shared ones once: the first process counts whole, the others
//! without what they share. A `/tmp` in memory does not count, as on AWS.

use std::fs;
use std::time::Duration;

pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(20);
const PAGE_KB: u64 = 4;

/// Memory of the processes below a sandbox's process 1.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    /// Process 1, by its pid outside.
    guard_pid: i32,
    peak_kb: u64,
}

impl MemoryGauge {
    pub(crate) fn new(guard_pid: i32) -> MemoryGauge {
        MemoryGauge {
            guard_pid,
            peak_kb: 0,
        }
    }

    /// Whether this kernel tells the children of a process.
    pub(crate) fn is_supported() -> bool {
        fs::exists("/proc/thread-self/children").unwrap_or(false)
    }

    /// What is used now.
    pub(crate) fn sample_kb(&mut self) -> u64 {
        let mut total_kb = 0;
        for (index, pid) in descendants(self.guard_pid).into_iter().enumerate() {
            let (resident, shared) = resident_pages(pid).unwrap_or_default();
            let own = if index == 0 {
                resident
            } else {
                resident.saturating_sub(shared)
            };
            total_kb += own * PAGE_KB;
        }
        self.peak_kb = self.peak_kb.max(total_kb);
        total_kb
    }

    /// What a dead process had used at most.
    pub(crate) fn note_peak_kb(&mut self, peak_kb: u64) {
        self.peak_kb = self.peak_kb.max(peak_kb);
    }

    /// The most used so far: for the first process the kernel's own high-water mark, which no sampling misses.
    pub(crate) fn peak_mb(&mut self) -> u64 {
        if let Some(pid) = children(self.guard_pid).first() {
            let mark = high_water_mark_kb(*pid).unwrap_or(0);
            self.peak_kb = self.peak_kb.max(mark);
        }
        self.peak_kb.div_ceil(1024)
    }
}

fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Children of all threads, breadth first, bounded by the process limit of a sandbox.
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = children(pid);
    let mut next = 0;
    while next < found.len() && found.len() < 1024 {
        for thread in threads(found[next]) {
            let path = format!("/proc/{}/task/{thread}/children", found[next]);
            let text = fs::read_to_string(path).unwrap_or_default();
            found.extend(
                text.split_whitespace()
                    .filter_map(|pid| pid.parse::<i32>().ok()),
            );
        }
        next += 1;
    }
    found
}

fn threads(pid: i32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn resident_pages(pid: i32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok());
    Some((fields.next()?, fields.next()?))
}

fn high_water_mark_kb(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
