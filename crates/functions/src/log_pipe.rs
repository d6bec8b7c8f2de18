//! What a function writes to standard output and error, cut into lines.
//!
//! All processes of a sandbox write to one pipe, so their order is kept. What was written before an answer is in the
//! pipe when the answer arrives; so reading the pipe empty at the end of an invocation misses nothing of it. Lines that
//! come while nothing runs go to the sink for late lines.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use crate::clock::now_ms;
use crate::sandbox::register;
use crate::{FunctionVersion, LateLog, LogLine, LogLineKind};

/// CloudWatch Logs takes events up to this size; a longer line becomes several.
const LINE_BYTES_MAX: usize = 256 * 1024 - 26;

/// What one invocation may log before the rest is dropped: the lines are kept in memory until it ends.
const LOG_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct LogPipe {
    pipe: AsyncFd<OwnedFd>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes after the last newline.
    partial: Vec<u8>,
    lines: Vec<LogLine>,
    /// In `lines`, by the function.
    collected_bytes: usize,
    dropped_lines: u64,
    /// Whether an invocation collects the lines.
    collecting: bool,
    late: Late,
}

#[derive(Debug)]
struct Late {
    sink: Option<mpsc::UnboundedSender<LateLog>>,
    function: Arc<FunctionVersion>,
    log_stream_name: String,
}

impl LogPipe {
    pub(crate) fn new(
        pipe: OwnedFd,
        sink: Option<mpsc::UnboundedSender<LateLog>>,
        function: Arc<FunctionVersion>,
        log_stream_name: String,
    ) -> io::Result<LogPipe> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        let late = Late {
            sink,
            function,
            log_stream_name,
        };
        let state = State {
            partial: Vec::new(),
            lines: Vec::new(),
            collected_bytes: 0,
            dropped_lines: 0,
            collecting: false,
            late,
        };
        Ok(LogPipe {
            pipe: register(pipe)?,
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the pipe empty until all its writers are gone: a full pipe would stop the function.
    pub(crate) async fn keep_reading(self: Arc<Self>) {
        loop {
            let Ok(mut ready) = self.pipe.readable().await else {
                return;
            };
            let mut state = self.lock();
            match ready.try_io(|pipe| state.read_all(pipe.get_ref())) {
                Ok(Ok(())) => return,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }

    /// An invocation begins: what is there now came before it.
    pub(crate) fn begin(&self) {
        let mut state = self.lock();
        state.read_now(self.pipe.get_ref());
        state.finish_line();
        state.collecting = true;
        state.collected_bytes = 0;
    }

    /// Adds a line of the platform, after all that the function has written so far.
    pub(crate) fn platform(&self, text: String) {
        let mut state = self.lock();
        state.read_now(self.pipe.get_ref());
        state.finish_line();
        state.lines.push(LogLine {
            timestamp_ms: now_ms(),
            text,
            kind: LogLineKind::Platform,
        });
    }

    /// Adds a line that belongs to no invocation in particular; it comes with the one that runs, or late.
    pub(crate) fn aside(&self, text: String) {
        let mut state = self.lock();
        state.read_now(self.pipe.get_ref());
        let line = LogLine {
            timestamp_ms: now_ms(),
            text,
            kind: LogLineKind::Platform,
        };
        if state.collecting {
            state.lines.push(line);
        } else {
            state.late.send(line);
        }
    }

    /// The invocation is over: all its lines.
    pub(crate) fn end(&self) -> Vec<LogLine> {
        let mut state = self.lock();
        state.collecting = false;
        let dropped = std::mem::take(&mut state.dropped_lines);
        if dropped > 0 {
            let text = format!(
                "LOGS_DROPPED {dropped} lines: more than {LOG_BYTES_MAX} bytes in one invocation\n"
            );
            state.lines.push(LogLine {
                timestamp_ms: now_ms(),
                text,
                kind: LogLineKind::Platform,
            });
        }
        std::mem::take(&mut state.lines)
    }
}

impl State {
    /// Reads until nothing is there (`WouldBlock`) or all writers are gone (`Ok`).
    fn read_all(&mut self, pipe: &OwnedFd) -> io::Result<()> {
        let mut buffer = [0_u8; 64 * 1024];
        loop {
            match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.take(&buffer[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read_now(&mut self, pipe: &OwnedFd) {
        // Nothing to read and nobody left to write are the same here.
        drop(self.read_all(pipe));
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.partial.pop();
                self.push_line();
            } else if self.partial.len() >= LINE_BYTES_MAX {
                self.push_line();
            }
        }
    }

    fn finish_line(&mut self) {
        if !self.partial.is_empty() {
            self.push_line();
        }
    }

    fn push_line(&mut self) {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        let line = LogLine {
            timestamp_ms: now_ms(),
            text,
            kind: LogLineKind::Function,
        };
        if self.collecting && self.collected_bytes > LOG_BYTES_MAX {
            self.dropped_lines += 1;
        } else if self.collecting {
            self.collected_bytes += line.text.len();
            self.lines.push(line);
        } else {
            self.late.send(line);
        }
    }
}

impl Late {
    fn send(&self, line: LogLine) {
        let Some(sink) = &self.sink else { return };
        let late = LateLog {
            function_arn: self.function.function_arn.clone(),
            log_group_name: self.function.log_group_name.clone(),
            log_stream_name: self.log_stream_name.clone(),
            line,
        };
        // The receiver is gone only when the whole program is stopping.
        drop(sink.send(late));
    }
}
