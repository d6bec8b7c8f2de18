//! From nothing to the first answer, and what standing idle costs.

use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use super::Bench;
use crate::Outcome;
use crate::client::{Call, dynamodb, once, signed};
use crate::figure::{Figure, median};
use crate::peer;
use crate::process::Server;

const SUITE: &str = "start";
const AIM: &str = "aim";
const AIM_START_MS: f64 = 50.0;
const AIM_IDLE_MIB: f64 = 40.0;
const AIM_BINARY_MB: f64 = 40.0;
/// Long enough for what runs after the first answer to have run.
const IDLE: Duration = Duration::from_secs(2);

/// Milliseconds from before the fork.
struct Started {
    healthy_ms: f64,
    signed_ms: f64,
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let mut figures = starts(bench).await?;
    figures.extend(peers()?);
    figures.push(idle(bench).await?);
    figures.push(binary(bench)?);
    Ok(figures)
}

async fn starts(bench: &Bench) -> Outcome<Vec<Figure>> {
    let [mut fresh, mut again] = [const { Vec::new() }; 2];
    let mut bare = Vec::new();
    for _ in 0..if bench.quick { 3 } else { 11 } {
        let data = bench.folder("start-")?;
        fresh.push(start(bench, &data).await?);
        again.push(start(bench, &data).await?);
        bare.push(milliseconds(bench.bare()?.started));
    }
    let bare_ms = median(bare);
    let figure = |name: &str, times: Vec<f64>| {
        Figure::new(SUITE, name, "ms", median(times))
            .beside(AIM, AIM_START_MS)
            .beside("bare server", bare_ms)
    };
    let healthy = |all: &[Started]| all.iter().map(|one| one.healthy_ms).collect();
    let signed = |all: &[Started]| all.iter().map(|one| one.signed_ms).collect();
    Ok(vec![
        figure("first health, new data folder", healthy(&fresh)),
        figure("first signed call, new data folder", signed(&fresh)),
        figure("first health, existing data folder", healthy(&again)),
        figure("first signed call, existing data folder", signed(&again)),
    ])
}

async fn start(bench: &Bench, data: &Path) -> Outcome<Started> {
    let begun = Instant::now();
    let engine = bench.engine(data, None)?;
    let healthy = begun.elapsed();
    let call = Call {
        service: "dynamodb",
        method: Method::POST,
        path: "/",
        headers: &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.ListTables"),
        ],
    };
    let request = signed(engine.address, &call, "{}".into())?;
    once(engine.address, &request).await?.ok()?;
    Ok(Started {
        healthy_ms: milliseconds(healthy),
        signed_ms: milliseconds(begun.elapsed()),
    })
}

/// A peer's start beside ours has no further limit; it is its own line in the table.
fn peers() -> Outcome<Vec<Figure>> {
    let running = [peer::dynalite()?, peer::moto()?];
    let figure = |server: &Server| {
        let name = format!("({}: first answer)", server.name);
        Figure::new(SUITE, &name, "ms", milliseconds(server.started)).beside(AIM, AIM_START_MS)
    };
    Ok(running.iter().flatten().map(figure).collect())
}

async fn idle(bench: &Bench) -> Outcome<Figure> {
    let engine = bench.engine(&bench.folder("idle-")?, None)?;
    let tables = dynamodb(engine.address, "ListTables", &json!({}))?;
    once(engine.address, &tables).await?.ok()?;
    let mut others = vec![bench.bare()?];
    others.extend(peer::dynalite()?);
    others.extend(peer::moto()?);
    tokio::time::sleep(IDLE).await;
    let of_it = format!("of it anonymous {:.1}", engine.memory_mib("RssAnon")?);
    let figure = Figure::new(SUITE, "idle memory", "MiB", engine.memory_mib("VmRSS")?)
        .detail(&of_it)
        .beside(AIM, AIM_IDLE_MIB);
    others.iter().try_fold(figure, |figure, server| {
        Ok(figure.beside(&server.name, server.memory_mib("VmRSS")?))
    })
}

#[expect(clippy::cast_precision_loss, reason = "a file far below 2^52 bytes")]
fn binary(bench: &Bench) -> Outcome<Figure> {
    let size_bytes = std::fs::metadata(bench.program("cumulet")?)?.len();
    Ok(Figure::new(SUITE, "binary", "MB", size_bytes as f64 / 1e6).beside(AIM, AIM_BINARY_MB))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
