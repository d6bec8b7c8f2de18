//! Programs under measurement: started on a free port, watched, ended with the run.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_micros(200);

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// From before the fork to the first answer.
    pub(crate) started: Duration,
    child: Child,
}

/// A port that nobody listens on now.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Server {
    /// Starts a program and waits until it answers `GET path`, whatever it says.
    pub(crate) fn start(
        name: &str,
        mut command: Command,
        address: SocketAddr,
        path: &str,
    ) -> Outcome<Self> {
        let begun = Instant::now();
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = quiet
            .spawn()
            .map_err(|error| format!("{name} cannot start: {error}"))?;
        let mut server = Self {
            name: name.to_owned(),
            address,
            started: Duration::ZERO,
            child,
        };
        while !answers(address, path) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{name} ended at its start ({status}): {command:?}").into());
            }
            if begun.elapsed() > START_LIMIT {
                return Err(format!("{name} does not answer on {address}").into());
            }
            std::thread::sleep(POLL);
        }
        server.started = begun.elapsed();
        Ok(server)
    }

    /// Resident memory in MiB, as `/proc` tells it under `field`.
    pub(crate) fn memory_mib(&self, field: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let text = line.ok_or_else(|| format!("/proc does not tell {field}"))?;
        let kib: f64 = text.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

impl Server {
    /// Processor time of the program so far, user and system.
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        /// Linux counts in hundredths of a second, on every machine it runs on.
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').ok_or("/proc tells no times")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |at: usize| -> Outcome<u32> {
            Ok(fields.get(at).ok_or("/proc tells no times")?.parse()?)
        };
        Ok(TICK * (ticks(11)? + ticks(12)?))
    }
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut first = [0; 5];
        stream.read_exact(&mut first)?;
        Ok(&first == b"HTTP/")
    };
    ask().unwrap_or(false)
}

impl Drop for Server {
    /// Politely first: the engine ends its functions.
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
