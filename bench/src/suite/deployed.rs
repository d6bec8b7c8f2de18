//! An application, deployed on an engine of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::Outcome;
use crate::client::{Call, REGION, once, signed};
use crate::figure::Figure;
use crate::process::Server;

const ACCOUNT: &str = "000000000000";
/// After which a change that does not come through is a failure.
pub(super) const LIMIT: Duration = Duration::from_secs(120);
pub(super) const POLL: Duration = Duration::from_millis(20);
/// What the deployment of the original upload API takes on AWS.
const ORIGINAL_DEPLOYMENT_MS: f64 = 90_000.0;

pub(super) struct Deployed {
    engine: Server,
    outputs: Vec<Value>,
    /// From the start of the engine to the stack's outputs.
    took: Duration,
}

impl Deployed {
    pub(super) async fn start(bench: &Bench, program: &str, stack: &str) -> Outcome<Self> {
        let assembly = synthesise(bench, program)?;
        let begun = Instant::now();
        let engine = bench.engine(&bench.folder("deployed-")?, Some(&assembly))?;
        let outputs = outputs(engine.address, stack).await?;
        Ok(Self {
            engine,
            outputs,
            took: begun.elapsed(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.engine.address
    }

    pub(super) fn output(&self, name: &str) -> Outcome<String> {
        let found = self
            .outputs
            .iter()
            .find(|output| output["OutputKey"] == name);
        let value = found.and_then(|output| output["OutputValue"].as_str());
        Ok(value
            .ok_or_else(|| format!("the stack has no output {name}"))?
            .to_owned())
    }

    pub(super) fn figure(&self, suite: &'static str) -> Figure {
        let took_ms = self.took.as_secs_f64() * 1e3;
        Figure::new(suite, "start and deployment of the stack", "ms", took_ms)
            .beside("the original's on AWS", ORIGINAL_DEPLOYMENT_MS)
    }
}

fn synthesise(bench: &Bench, program: &str) -> Outcome<PathBuf> {
    let out = bench.folder("assembly-")?;
    let mut command = Command::new(bench.program(program)?);
    command
        .args(["synth", "--suffix", "dev", "--out"])
        .arg(&out);
    command
        .env("CDK_DEFAULT_ACCOUNT", ACCOUNT)
        .env("CDK_DEFAULT_REGION", REGION);
    let synthesis = command.stdin(Stdio::null()).output()?;
    if synthesis.status.success() {
        return Ok(out);
    }
    Err(format!(
        "no synthesis: {}",
        String::from_utf8_lossy(&synthesis.stderr)
    )
    .into())
}

/// Waits for the stack, then gives its outputs.
async fn outputs(address: SocketAddr, name: &str) -> Outcome<Vec<Value>> {
    let call = Call {
        service: "cloudformation",
        method: Method::POST,
        path: "/_cumulet/api/cloudformation/DescribeStacks",
        headers: &[],
    };
    let asked = Instant::now();
    let mut status = "not there".to_owned();
    while asked.elapsed() < LIMIT {
        let input = json!({ "StackName": name }).to_string();
        let answer = once(address, &signed(address, &call, input.into())?).await?;
        // Until the deployment begins there is no such stack.
        let stack = answer.json().unwrap_or_default()["Stacks"]
            .get(0)
            .cloned()
            .unwrap_or_default();
        status = stack["StackStatus"].as_str().map_or(status, str::to_owned);
        match status.as_str() {
            "CREATE_COMPLETE" => {
                return Ok(stack["Outputs"].as_array().cloned().unwrap_or_default());
            }
            failed if failed.contains("ROLLBACK") || failed.contains("FAILED") => break,
            _ => tokio::time::sleep(POLL).await,
        }
    }
    Err(format!("{name} is {status}").into())
}

/// Where the engine serves what AWS would serve at `https://API.execute-api...amazonaws.com/STAGE/PATH`.
pub(super) fn local_path(url: &str) -> Outcome<String> {
    let parts = url.strip_prefix("https://").and_then(|rest| {
        let (host, path) = rest.split_once('/')?;
        Some((host.split('.').next()?, path))
    });
    let (api, path) = parts.ok_or_else(|| format!("{url} is no URL of an API"))?;
    Ok(format!("/_aws/execute-api/{api}/{path}"))
}
