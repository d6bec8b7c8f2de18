//! Closed-loop load: so many connections, each with one request under way.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::client::{Connection, Prepared};
use crate::figure::median;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Counted; a fifth of it runs before, uncounted.
    pub(crate) duration: Duration,
}

/// What a load came to.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) operations_per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Measured {
    fn of(mut times_ms: Vec<f64>, elapsed: Duration) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let at = |share: usize| {
            let last = times_ms.len().saturating_sub(1);
            times_ms
                .get(last * share / 100)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Self {
            operations_per_s: count(&times_ms) / elapsed.as_secs_f64(),
            p50_ms: at(50),
            p99_ms: at(99),
        }
    }

    /// The middle of several rounds, figure by figure.
    pub(crate) fn middle(rounds: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(rounds.iter().map(value).collect());
        Self {
            operations_per_s: of(|round| round.operations_per_s),
            p50_ms: of(|round| round.p50_ms),
            p99_ms: of(|round| round.p99_ms),
        }
    }

    pub(crate) fn latencies(&self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms", self.p50_ms, self.p99_ms)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of seconds of work, far below 2^52"
)]
fn count(times: &[f64]) -> f64 {
    times.len() as f64
}

/// Sends the requests round and round over all connections.
pub(crate) async fn drive(
    address: SocketAddr,
    requests: &[Prepared],
    load: Load,
) -> Outcome<Measured> {
    let start = Instant::now() + load.duration / 5;
    let end = start + load.duration;
    let mut tasks = Vec::with_capacity(load.connections);
    for connection in 0..load.connections {
        let mut requests = requests.to_vec();
        let ahead = connection * requests.len() / load.connections;
        requests.rotate_left(ahead);
        tasks.push(tokio::spawn(one_connection(address, requests, start, end)));
    }
    let mut times_ms = Vec::new();
    for task in tasks {
        times_ms.extend(task.await??);
    }
    Ok(Measured::of(times_ms, load.duration))
}

/// Sends so many requests a second, whether the earlier ones are answered or not; a late answer counts from when it was
/// due, so that a stall is seen by all whom it would have hit.
pub(crate) async fn pace(
    address: SocketAddr,
    request: &Prepared,
    connections: u32,
    rate_per_s: u32,
    duration: Duration,
) -> Outcome<Measured> {
    let start = Instant::now();
    let every = Duration::from_secs(1) * connections / rate_per_s;
    let mut tasks = Vec::new();
    for at in 0..connections {
        let request = request.clone();
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut due = start + every * at / connections;
            let mut times_ms = Vec::new();
            while due < start + duration {
                tokio::time::sleep_until(due.into()).await;
                connection.send(&request).await?.ok()?;
                times_ms.push(due.elapsed().as_secs_f64() * 1e3);
                due += every;
            }
            Outcome::Ok(times_ms)
        }));
    }
    let mut times_ms = Vec::new();
    for task in tasks {
        times_ms.extend(task.await??);
    }
    Ok(Measured::of(times_ms, start.elapsed()))
}

/// Times of what was answered between start and end.
async fn one_connection(
    address: SocketAddr,
    requests: Vec<Prepared>,
    start: Instant,
    end: Instant,
) -> Outcome<Vec<f64>> {
    let mut connection = Connection::open(address).await?;
    let mut times_ms = Vec::new();
    for request in requests.iter().cycle() {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        connection.send(request).await?.ok()?;
        let answered = Instant::now();
        if (start..end).contains(&answered) {
            times_ms.push((answered - sent).as_secs_f64() * 1e3);
        }
    }
    Ok(times_ms)
}

/// Does blocking work on so many threads; how often it was done.
pub(crate) fn drive_threads(
    load: Load,
    work: impl Fn(usize, usize) -> std::io::Result<()> + Sync,
) -> Outcome<Measured> {
    let end = Instant::now() + load.duration;
    let one = |thread: usize| -> std::io::Result<Vec<f64>> {
        let mut times_ms = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            work(thread, times_ms.len())?;
            times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times_ms)
    };
    let mut times_ms = Vec::new();
    std::thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = (0..load.connections)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        for thread in threads {
            times_ms.extend(
                thread
                    .join()
                    .map_err(|_| "a thread of the load panicked")??,
            );
        }
        Ok(())
    })?;
    Ok(Measured::of(times_ms, load.duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_sorted_times() {
        let times = (1..=100).rev().map(f64::from).collect();
        let measured = Measured::of(times, Duration::from_secs(2));
        assert_eq!(
            (measured.operations_per_s, measured.p50_ms, measured.p99_ms),
            (50.0, 50.0, 99.0)
        );
    }
}
