//! GetItem and PutItem of 1 KB over 32 connections.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Bench;
use crate::Outcome;
use crate::client::{Prepared, dynamodb, once};
use crate::figure::Figure;
use crate::load::{Load, Measured, drive, drive_threads};
use crate::peer;
use crate::process::Server;

const CONNECTIONS: usize = 32;
const ITEMS: usize = 512;
/// With its names and its key, an item is 1 KB.
const PAYLOAD_BYTES: usize = 1000;
const READY_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let mut servers = vec![
        bench.engine(&bench.folder("dynamodb-")?, None)?,
        bench.bare()?,
    ];
    servers.extend(peer::dynalite()?);
    servers.extend(peer::moto()?);
    for server in &servers {
        if server.name != "bare server" {
            make_table(server).await?;
        }
    }
    let put = compare(bench, &servers, "PutItem", put_input).await?;
    let flushes = flushes(bench)?;
    let put = put.beside_with(
        "fdatasync of 4 KiB, one writer",
        flushes.operations_per_s,
        &flushes.latencies(),
    );
    let get = compare(bench, &servers, "GetItem", get_input).await?;
    Ok(vec![put, get])
}

async fn make_table(server: &Server) -> Outcome<()> {
    let table = json!({
        "TableName": "bench", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
    });
    once(
        server.address,
        &dynamodb(server.address, "CreateTable", &table)?,
    )
    .await?
    .ok()?;
    let describe = dynamodb(
        server.address,
        "DescribeTable",
        &json!({ "TableName": "bench" }),
    )?;
    let asked = Instant::now();
    while asked.elapsed() < READY_LIMIT {
        let described = once(server.address, &describe).await?.ok()?.json()?;
        if described["Table"]["TableStatus"] == "ACTIVE" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(format!("the table of {} does not become ACTIVE", server.name).into())
}

fn put_input(number: usize) -> Value {
    let payload = "x".repeat(PAYLOAD_BYTES);
    json!({ "TableName": "bench", "Item": { "pk": { "S": key(number) }, "payload": { "S": payload } } })
}

fn get_input(number: usize) -> Value {
    json!({ "TableName": "bench", "Key": { "pk": { "S": key(number) } } })
}

fn key(number: usize) -> String {
    format!("item-{number:06}")
}

/// Round by round, server by server, so that a slow minute hits all of them.
async fn compare(
    bench: &Bench,
    servers: &[Server],
    operation: &str,
    input: fn(usize) -> Value,
) -> Outcome<Figure> {
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); servers.len()];
    for _ in 0..bench.rounds() {
        for (server, measured) in servers.iter().zip(&mut rounds) {
            let prepared = |number| dynamodb(server.address, operation, &input(number));
            let requests: Vec<Prepared> = (0..ITEMS).map(prepared).collect::<Outcome<_>>()?;
            let driven = drive(server.address, &requests, bench.load(CONNECTIONS)).await;
            match server.name.as_str() {
                "cumulet" | "bare server" => measured.push(driven?),
                peer => measured.extend(peer::excused(peer, driven)),
            }
        }
    }
    let middles: Vec<Measured> = rounds
        .iter()
        .map(|rounds| Measured::middle(rounds))
        .collect();
    let name = format!("{operation} 1 KB, {CONNECTIONS} connections");
    let ours = Figure::new("dynamodb", &name, "op/s", middles[0].operations_per_s)
        .detail(&middles[0].latencies());
    let measured = |(at, _): &(usize, _)| !rounds[*at].is_empty();
    let others = servers
        .iter()
        .zip(&middles)
        .enumerate()
        .skip(1)
        .filter(measured);
    Ok(others.fold(ours, |figure, (_, (server, measured))| {
        figure.beside_with(
            &server.name,
            measured.operations_per_s,
            &measured.latencies(),
        )
    }))
}

/// How often the disk makes a block durable: what every put would cost if commits were not grouped.
fn flushes(bench: &Bench) -> Outcome<Measured> {
    let file = std::fs::File::create(bench.folder("flush-")?.join("log"))?;
    let load = Load {
        connections: 1,
        ..bench.load(1)
    };
    drive_threads(load, |_, _| {
        (&file).write_all(&[7; 4096])?;
        file.sync_data()
    })
}
