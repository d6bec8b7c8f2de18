//! The example application: a warm `POST /upload` beside the sum of its parts, and a cold start beside a bare process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::Bench;
use super::deployed::{Deployed, LIMIT, POLL, local_path};
use crate::Outcome;
use crate::client::{Answer, Call, Connection, Prepared, anonymous, dynamodb, once, s3, signed};
use crate::figure::{Figure, median};
use crate::load::drive;

const SUITE: &str = "upload";
const STACK: &str = "UploadApi-dev";
const FILE_BYTES: usize = 1024;
const LARGEST_FILE_BYTES: usize = 4 * 1024 * 1024;
const CONNECTIONS: usize = 8;
const STAGE_LIMIT_PER_S: f64 = 1000.0;
const API_LIMIT_MS: f64 = 29_000.0;
const ORIGINAL_COLD_START_MS: f64 = 500.0;
const FUNCTION: &str = "/2015-03-31/functions/file-upload-dev";

/// The deployed application.
struct App {
    deployed: Deployed,
    /// Path of the API's resource on the engine.
    upload_path: String,
    bucket: String,
    table: String,
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let app = App::deploy(bench).await?;
    let mut figures = vec![
        app.deployed.figure(SUITE),
        app.warm(bench).await?,
        app.sustained(bench).await?,
        app.largest().await?,
    ];
    app.unthrottle().await?;
    for connections in [16, 64] {
        figures.push(app.crowded(bench, connections).await?);
    }
    figures.extend(app.cold(bench).await?);
    Ok(figures)
}

impl App {
    async fn deploy(bench: &Bench) -> Outcome<Self> {
        let deployed = Deployed::start(bench, "upload-api", STACK).await?;
        Ok(Self {
            upload_path: local_path(&deployed.output("ApiGatewayUrl")?)?,
            bucket: deployed.output("S3BucketName")?,
            table: deployed.output("DynamoDBTableName")?,
            deployed,
        })
    }

    /// Whole and parts in turn over one connection each, so that both see the same minute.
    async fn warm(&self, bench: &Bench) -> Outcome<Figure> {
        let address = self.deployed.address();
        let requests = [
            self.post(FILE_BYTES)?,
            self.put_object()?,
            self.put_item()?,
            invoke(address)?,
        ];
        let mut connections = Vec::new();
        for _ in &requests {
            connections.push(Connection::open(address).await?);
        }
        let mut times_ms = [const { Vec::new() }; 4];
        let (warm_up, counted) = if bench.quick { (5, 40) } else { (20, 300) };
        for turn in 0..warm_up + counted {
            for ((request, connection), times_ms) in
                requests.iter().zip(&mut connections).zip(&mut times_ms)
            {
                let (_, time_ms) = timed(connection, request).await?;
                if turn >= warm_up {
                    times_ms.push(time_ms);
                }
            }
        }
        let [whole, object, item, function] = times_ms.map(median);
        let parts = format!("PutObject {object:.2}, PutItem {item:.2}, Invoke {function:.2}");
        Ok(
            Figure::new(SUITE, "warm POST /upload of 1 KB, median", "ms", whole).beside_with(
                "sum of its parts",
                object + item + function,
                &parts,
            ),
        )
    }

    /// As many at once as the function's reserved concurrency serves without a refusal.
    async fn sustained(&self, bench: &Bench) -> Outcome<Figure> {
        let requests = [self.post(FILE_BYTES)?];
        let measured = drive(self.deployed.address(), &requests, bench.load(CONNECTIONS)).await?;
        let name = format!("POST /upload of 1 KB, {CONNECTIONS} connections");
        let figure = Figure::new(SUITE, &name, "uploads/s", measured.operations_per_s);
        let figure = figure.detail(&measured.latencies());
        Ok(figure.beside("the stage's limit", STAGE_LIMIT_PER_S))
    }

    /// An event of Lambda is 6 MB at most, and the file is base64 in it.
    async fn largest(&self) -> Outcome<Figure> {
        let mut connection = Connection::open(self.deployed.address()).await?;
        let request = self.post(LARGEST_FILE_BYTES)?;
        let mut times_ms = Vec::new();
        for _ in 0..5 {
            times_ms.push(timed(&mut connection, &request).await?.1);
        }
        let figure = Figure::new(
            SUITE,
            "POST /upload of 4 MB, median",
            "ms",
            median(times_ms),
        );
        Ok(figure.beside("the API's limit", API_LIMIT_MS))
    }

    /// Takes away the limits that the application sets for itself: what is measured is the engine.
    async fn unthrottle(&self) -> Outcome<()> {
        let address = self.deployed.address();
        let path = FUNCTION.replace("2015-03-31", "2017-10-31") + "/concurrency";
        let free = Call {
            service: "lambda",
            method: Method::DELETE,
            path: &path,
            headers: &[],
        };
        let freed = once(address, &signed(address, &free, Bytes::new())?).await?;
        freed.ok()?;
        let mut parts = self.upload_path.split('/').skip(3);
        let (api, stage) = (parts.next(), parts.next());
        let plenty = |limit: &str| json!({ "op": "replace", "path": format!("/*/*/throttling/{limit}"), "value": "1000000" });
        let input = json!({ "restApiId": api, "stageName": stage, "patchOperations": [plenty("burstLimit"), plenty("rateLimit")] });
        let change = Call {
            service: "apigateway",
            method: Method::POST,
            path: "/_cumulet/api/apigateway/UpdateStage",
            headers: &[],
        };
        let request = signed(address, &change, input.to_string().into())?;
        once(address, &request).await?.ok()?;
        Ok(())
    }

    /// Many at once. The parts, each driven alone by as many connections, set the limit: their times add up.
    async fn crowded(&self, bench: &Bench, connections: usize) -> Outcome<Figure> {
        let address = self.deployed.address();
        let requests = [
            self.post(FILE_BYTES)?,
            self.put_object()?,
            self.put_item()?,
            invoke(address)?,
        ];
        let mut measured = Vec::new();
        for request in requests {
            measured.push(drive(address, &[request], bench.load(connections)).await?);
        }
        let rates: Vec<f64> = measured.iter().map(|one| one.operations_per_s).collect();
        let parts = &rates[1..];
        let limit = 1.0 / parts.iter().map(|rate| 1.0 / rate).sum::<f64>();
        let detail = format!(
            "PutObject {:.0}/s, PutItem {:.0}/s, Invoke {:.0}/s",
            parts[0], parts[1], parts[2]
        );
        let name = format!("POST /upload of 1 KB without its own limits, {connections} connections");
        let whole = Figure::new(SUITE, &name, "uploads/s", rates[0]);
        let whole = whole.detail(&measured[0].latencies());
        Ok(whole.beside_with("its parts one after another", limit, &detail))
    }

    fn post(&self, file_bytes: usize) -> Outcome<Prepared> {
        let body = json!({
            "productId": "PROD-001", "productName": "Bench", "price": 99.99, "fileName": "a.bin",
            "fileContent": STANDARD.encode(vec![7; file_bytes]),
        });
        let call = Call {
            service: "",
            method: Method::POST,
            path: &self.upload_path,
            headers: &[("content-type", "application/json")],
        };
        anonymous(self.deployed.address(), &call, body.to_string().into())
    }

    fn put_object(&self) -> Outcome<Prepared> {
        let path = format!("/{}/uploads/bench/a.bin", self.bucket);
        s3(
            self.deployed.address(),
            Method::PUT,
            &path,
            Bytes::from_static(&[7; FILE_BYTES]),
        )
    }

    fn put_item(&self) -> Outcome<Prepared> {
        let item = json!({
            "productId": { "S": "bench" }, "productName": { "S": "Bench" }, "price": { "N": "99.99" },
            "fileName": { "S": "a.bin" }, "s3Key": { "S": "uploads/bench/a.bin" }, "fileSize": { "N": "1024" },
            "uploadTimestamp": { "S": "2026-01-01T00:00:00Z" }, "ttl": { "N": "1798761600" },
        });
        let input = json!({ "TableName": self.table, "Item": item });
        dynamodb(self.deployed.address(), "PutItem", &input)
    }

    /// A changed environment makes the next invocation a cold one.
    async fn cold(&self, bench: &Bench) -> Outcome<Vec<Figure>> {
        let address = self.deployed.address();
        let [mut wall, mut init, mut static_ms, mut dynamic_ms] = [const { Vec::new() }; 4];
        let static_program = static_no_op(bench);
        for turn in 0..if bench.quick { 5 } else { 21 } {
            chill(address, turn).await?;
            let mut connection = Connection::open(address).await?;
            let (answer, time_ms) = timed(&mut connection, &invoke(address)?).await?;
            init.push(init_duration_ms(&answer)?);
            wall.push(time_ms);
            dynamic_ms.push(spawned_ms(Path::new("true"))?);
            if let Some(program) = &static_program {
                static_ms.push(spawned_ms(program)?);
            }
        }
        let beside = |mut figure: Figure| {
            if !static_ms.is_empty() {
                figure = figure.beside("fork+exec of a static no-op", median(static_ms.clone()));
            }
            figure
                .beside("fork+exec of a dynamic no-op", median(dynamic_ms.clone()))
                .beside("the original's cold start on AWS", ORIGINAL_COLD_START_MS)
        };
        let init = Figure::new(SUITE, "cold start, Init Duration", "ms", median(init));
        let wall = Figure::new(
            SUITE,
            "cold Invoke as its caller sees it",
            "ms",
            median(wall),
        );
        Ok(vec![beside(init), beside(wall)])
    }
}

/// An invocation that ends at the first check of the handler, with the log's tail in its answer.
fn invoke(address: SocketAddr) -> Outcome<Prepared> {
    let event = json!({
        "resource": "/upload", "path": "/upload", "httpMethod": "POST", "headers": {}, "body": "{}",
        "isBase64Encoded": false, "requestContext": { "requestId": "bench", "stage": "prod" },
    });
    let call = Call {
        service: "lambda",
        method: Method::POST,
        path: &format!("{FUNCTION}/invocations"),
        headers: &[("x-amz-log-type", "Tail")],
    };
    signed(address, &call, event.to_string().into())
}

async fn timed(connection: &mut Connection, request: &Prepared) -> Outcome<(Answer, f64)> {
    let begun = Instant::now();
    let answer = connection.send(request).await?.ok()?;
    Ok((answer, begun.elapsed().as_secs_f64() * 1e3))
}

/// Changes the function's environment and waits until the change is through.
async fn chill(address: SocketAddr, turn: usize) -> Outcome<()> {
    let path = format!("{FUNCTION}/configuration");
    let call = |method| Call {
        service: "lambda",
        method,
        path: &path,
        headers: &[],
    };
    let get = signed(address, &call(Method::GET), Bytes::new())?;
    let mut environment = once(address, &get).await?.ok()?.json()?["Environment"].clone();
    environment["Variables"]["BENCH_TURN"] = turn.to_string().into();
    let change = json!({ "Environment": environment }).to_string();
    once(
        address,
        &signed(address, &call(Method::PUT), change.into())?,
    )
    .await?
    .ok()?;
    let asked = Instant::now();
    while asked.elapsed() < LIMIT {
        let configuration = once(address, &get).await?.ok()?.json()?;
        if configuration["LastUpdateStatus"] == "Successful" {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err("the function's change does not come through".into())
}

/// `Init Duration: 12.34 ms` of the REPORT line.
fn init_duration_ms(answer: &Answer) -> Outcome<f64> {
    let tail = answer
        .headers
        .get("x-amz-log-result")
        .ok_or("an answer without its log")?;
    let tail = String::from_utf8(STANDARD.decode(tail)?)?;
    let after = tail.split("Init Duration: ").nth(1);
    let number = after.and_then(|rest| rest.split(' ').next());
    Ok(number
        .ok_or_else(|| format!("the invocation was not cold: {tail}"))?
        .parse()?)
}

/// A program that does nothing and links nothing; none if this machine cannot build one.
fn static_no_op(bench: &Bench) -> Option<PathBuf> {
    let folder = bench.folder("no-op-").ok()?;
    let source = folder.join("no_op.rs");
    std::fs::write(&source, "fn main() {}").ok()?;
    let mut compiler = Command::new("rustc");
    compiler
        .args(["-O", "-C", "target-feature=+crt-static", "--out-dir"])
        .arg(&folder);
    let built = compiler.arg(&source).stderr(Stdio::null()).status().ok()?;
    built.success().then(|| folder.join("no_op"))
}

fn spawned_ms(program: &Path) -> Outcome<f64> {
    let begun = Instant::now();
    Command::new(program).stdin(Stdio::null()).status()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
