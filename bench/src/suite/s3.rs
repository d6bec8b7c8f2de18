//! PutObject and GetObject of 64 KB and 1 MB, alone and over 16 connections.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http::Method;

use super::Bench;
use crate::Outcome;
use crate::bare::write_file;
use crate::client::{Call, Prepared, anonymous, once, s3};
use crate::figure::Figure;
use crate::load::{Measured, drive, drive_threads};
use crate::peer;
use crate::process::Server;

/// As many objects as there are connections at most, so that no two write one.
const OBJECTS: usize = 16;
const SIZES: [(&str, usize); 2] = [("64 KB", 64 << 10), ("1 MB", 1 << 20)];
const CONNECTIONS: [usize; 2] = [1, 16];

struct Programs {
    engine: Server,
    bare: Server,
    moto: Option<Server>,
}

/// One cell of the table.
struct Case {
    method: Method,
    size_name: &'static str,
    size_bytes: usize,
    connections: usize,
}

pub(super) async fn measure(bench: &Bench) -> Outcome<Vec<Figure>> {
    let programs = Programs {
        engine: bench.engine(&bench.folder("s3-")?, None)?,
        bare: bench.bare()?,
        moto: peer::moto()?,
    };
    for server in std::iter::once(&programs.engine).chain(&programs.moto) {
        let bucket = s3(server.address, Method::PUT, "/bench", Bytes::new())?;
        once(server.address, &bucket).await?.ok()?;
    }
    let mut figures = Vec::new();
    for (size_name, size_bytes) in SIZES {
        let raw = bench.folder("raw-")?;
        seed(&programs, &raw, size_name, size_bytes).await?;
        for method in [Method::PUT, Method::GET] {
            for connections in CONNECTIONS {
                let method = method.clone();
                let case = Case {
                    method,
                    size_name,
                    size_bytes,
                    connections,
                };
                figures.push(case.measure(bench, &programs, &raw).await?);
            }
        }
    }
    Ok(figures)
}

/// Every object once, uncounted: a slow program may not get round to all of them before they are read.
async fn seed(
    programs: &Programs,
    raw: &Path,
    size_name: &'static str,
    size_bytes: usize,
) -> Outcome<()> {
    let case = Case {
        method: Method::PUT,
        size_name,
        size_bytes,
        connections: 1,
    };
    let bare = &programs.bare;
    let mut requests = vec![(bare, case.unsigned(bare.address)?)];
    for server in std::iter::once(&programs.engine).chain(&programs.moto) {
        requests.push((server, case.signed(server.address)?));
    }
    for (server, requests) in &requests {
        for request in requests {
            once(server.address, request).await?.ok()?;
        }
    }
    (0..OBJECTS).try_for_each(|number| write_file(&raw.join(number.to_string()), &case.body()))?;
    Ok(())
}

impl Case {
    async fn measure(&self, bench: &Bench, programs: &Programs, raw: &Path) -> Outcome<Figure> {
        let load = bench.load(self.connections);
        let [mut ours, mut disk, mut bare, mut moto] = [const { Vec::new() }; 4];
        for _ in 0..bench.rounds() {
            let address = programs.engine.address;
            ours.push(drive(address, &self.signed(address)?, load).await?);
            disk.push(self.on_disk(bench, raw)?);
            let address = programs.bare.address;
            bare.push(drive(address, &self.unsigned(address)?, load).await?);
            if let Some(address) = programs.moto.as_ref().map(|server| server.address) {
                let measured = drive(address, &self.signed(address)?, load).await;
                moto.extend(peer::excused("moto", measured));
            }
        }
        let middle = Measured::middle(&ours);
        let mut figure = Figure::new("s3", &self.name(), "op/s", middle.operations_per_s)
            .detail(&middle.latencies());
        let others = [
            (self.disk_name(), disk),
            ("bare server, same work", bare),
            ("moto", moto),
        ];
        for (name, rounds) in others.iter().filter(|(_, rounds)| !rounds.is_empty()) {
            let middle = Measured::middle(rounds);
            figure = figure.beside_with(name, middle.operations_per_s, &middle.latencies());
        }
        Ok(figure)
    }

    fn name(&self) -> String {
        let operation = if self.is_put() {
            "PutObject"
        } else {
            "GetObject"
        };
        let plural = if self.connections == 1 { "" } else { "s" };
        format!(
            "{operation} {}, {} connection{plural}",
            self.size_name, self.connections
        )
    }

    fn is_put(&self) -> bool {
        self.method == Method::PUT
    }

    fn body(&self) -> Bytes {
        if self.is_put() {
            noise(self.size_bytes)
        } else {
            Bytes::new()
        }
    }

    fn signed(&self, address: SocketAddr) -> Outcome<Vec<Prepared>> {
        let body = self.body();
        let path = |number| format!("/bench/{}/{number}", self.size_bytes);
        (0..OBJECTS)
            .map(|number| s3(address, self.method.clone(), &path(number), body.clone()))
            .collect()
    }

    fn unsigned(&self, address: SocketAddr) -> Outcome<Vec<Prepared>> {
        let body = self.body();
        let one = |number| {
            let call = Call {
                service: "",
                method: self.method.clone(),
                path: &format!("/files/{}-{number}", self.size_bytes),
                headers: &[],
            };
            anonymous(address, &call, body.clone())
        };
        (0..OBJECTS).map(one).collect()
    }

    fn disk_name(&self) -> &'static str {
        if self.is_put() {
            "hash, write, fdatasync"
        } else {
            "read"
        }
    }

    /// The same bytes without any server.
    fn on_disk(&self, bench: &Bench, folder: &Path) -> Outcome<Measured> {
        let bytes = noise(self.size_bytes);
        // A thread keeps to its share of the files: a lone reader reads what a lone writer wrote.
        let file = |thread: usize, turn: usize| match self.connections {
            1 => folder.join((turn % OBJECTS).to_string()),
            _ => folder.join(thread.to_string()),
        };
        drive_threads(bench.load(self.connections), |thread, turn| {
            if self.is_put() {
                return write_file(&file(thread, turn), &bytes);
            }
            std::fs::read(file(thread, turn)).map(|read| drop(std::hint::black_box(read)))
        })
    }
}

/// Bytes that nothing can compress.
fn noise(size_bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(size_bytes).collect()
}
