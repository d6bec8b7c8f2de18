//! A sandbox without a function: namespaces, tree and listeners done, waiting for its first and only code.
//!
//! Building one takes milliseconds, so a few are kept ready; giving it a function takes a fraction of that.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::report::Layer;
use crate::sandbox::channel::{self, Channel};
use crate::sandbox::host_ids;
use crate::sandbox::protocol::{FUNCTION_GID, FUNCTION_UID, Notice, Order, Plan, RUNTIME_PORT};

/// Building takes milliseconds; this long only when the host is dying.
const BUILD_TIMEOUT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The unprivileged ids of the host that functions get when the supervisor is root: nobody else's.
const HOST_UID: u32 = 100_993;
const HOST_GID: u32 = 100_990;

const SANDBOX_CLIENT_DIR: &str = "/var/rapid";

/// How sandboxes are separated from the host, from strongest to weakest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Namespaces, and functions under an unprivileged id of the host.
    NamespacesAsRoot,
    /// Namespaces, and functions under the supervisor's own id.
    Namespaces,
    /// Nothing but what a process can do to itself.
    ProcessOnly,
}

impl Mode {
    /// What to try on this host.
    pub(crate) fn candidates(use_namespaces: bool) -> &'static [Mode] {
        match (use_namespaces, host_ids().0) {
            (false, _) => &[Mode::ProcessOnly],
            (true, 0) => &[Mode::NamespacesAsRoot, Mode::Namespaces, Mode::ProcessOnly],
            (true, _) => &[Mode::Namespaces, Mode::ProcessOnly],
        }
    }
}

/// What all sandboxes of this process have in common.
#[derive(Clone, Debug)]
pub(crate) struct Builder {
    pub(crate) init_command: Vec<OsString>,
    pub(crate) plan: Plan,
    pub(crate) tmp_root: PathBuf,
    /// Our runtime clients on the host, for sandboxes without a tree of their own.
    pub(crate) client_dir: PathBuf,
}

#[derive(Debug)]
pub(crate) struct VacantSandbox {
    pub(crate) id: String,
    pub(crate) layers: Vec<Layer>,
    pub(crate) process: SandboxProcess,
    pub(crate) runtime_listener: TcpListener,
    pub(crate) aws_listener: TcpListener,
    pub(crate) log_pipe: OwnedFd,
    /// The way out, where there is one: its device, and the listener beside it.
    pub(crate) tunnel: Option<(OwnedFd, TcpListener)>,
    /// Where the two listeners are found from inside.
    pub(crate) runtime_port: u16,
    pub(crate) aws_port: u16,
    pub(crate) namespaces: bool,
    pub(crate) host_tmp_dir: PathBuf,
    /// Where our runtime clients lie, as seen from inside.
    pub(crate) client_dir: PathBuf,
}

/// The sandbox's first process as seen from outside: its end is the sandbox's end.
#[derive(Debug)]
pub(crate) struct SandboxProcess {
    child: Child,
    pub(crate) channel: Channel,
    /// Process 1 of the sandbox, by its pid outside.
    pub(crate) guard_pid: i32,
}

impl Builder {
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.plan.namespaces = mode != Mode::ProcessOnly;
        self.plan.as_root = mode == Mode::NamespacesAsRoot;
    }

    pub(crate) async fn build(&self) -> io::Result<VacantSandbox> {
        match timeout(BUILD_TIMEOUT, self.build_without_limit()).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the sandbox did not get ready",
            )),
        }
    }

    async fn build_without_limit(&self) -> io::Result<VacantSandbox> {
        let id = random_hex()?;
        let host_tmp_dir = self.tmp_root.join(&id);
        let mut process = self.spawn()?;
        let plan = Plan {
            host_tmp_dir: host_tmp_dir.clone(),
            ..self.plan.clone()
        };
        process.channel.send(&Order::Build(Box::new(plan))).await?;
        let (layers, fds) = process.built().await?;
        let mut fds = fds.into_iter();
        let (Some(runtime), Some(aws), Some(log_pipe)) = (fds.next(), fds.next(), fds.next())
        else {
            return Err(io::Error::other("the sandbox sent no listeners"));
        };
        let tunnel = match (fds.next(), fds.next()) {
            (Some(device), Some(joined)) => Some((device, listener(joined)?)),
            _ => None,
        };
        let runtime_listener = listener(runtime)?;
        let aws_listener = listener(aws)?;
        let namespaces = self.plan.namespaces;
        let port = |listener: &TcpListener, inside: u16| {
            if namespaces {
                Ok(inside)
            } else {
                listener.local_addr().map(|address| address.port())
            }
        };
        Ok(VacantSandbox {
            runtime_port: port(&runtime_listener, RUNTIME_PORT)?,
            aws_port: port(&aws_listener, self.plan.aws_port)?,
            id,
            layers,
            process,
            runtime_listener,
            aws_listener,
            log_pipe,
            tunnel,
            namespaces,
            host_tmp_dir,
            client_dir: if namespaces {
                SANDBOX_CLIENT_DIR.into()
            } else {
                self.client_dir.clone()
            },
        })
    }

    /// The control socket is its standard input: the one descriptor that needs no code between fork and exec.
    fn spawn(&self) -> io::Result<SandboxProcess> {
        let (ours, theirs) = channel::pair()?;
        let (program, arguments) = self
            .init_command
            .split_first()
            .ok_or_else(|| io::Error::other("no command to build sandboxes with"))?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let guard_pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or(0);
        Ok(SandboxProcess {
            child,
            channel: Channel::new(ours)?,
            guard_pid,
        })
    }
}

fn listener(fd: OwnedFd) -> io::Result<TcpListener> {
    let listener = TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Sixteen random bytes, as in the names of log streams.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex::encode(bytes))
}

impl SandboxProcess {
    /// Follows the building until it is done.
    async fn built(&mut self) -> io::Result<(Vec<Layer>, Vec<OwnedFd>)> {
        loop {
            match self.channel.receive().await? {
                (Notice::Unshared, _) => {
                    self.write_id_maps()?;
                    self.channel.send(&Order::Mapped).await?;
                }
                (Notice::Forked { pid }, _) => self.guard_pid = pid,
                (Notice::Ready { layers }, fds) => return Ok((layers, fds)),
                (Notice::Failed { step, why }, _) => {
                    return Err(io::Error::other(format!("{step}: {why}")));
                }
                (other, _) => return Err(io::Error::other(format!("unexpected {other:?}"))),
            }
        }
    }

    /// Two ids inside: root for process 1, which is this user outside, and the function's.
    fn write_id_maps(&self) -> io::Result<()> {
        let (uid, gid) = host_ids();
        let write = |name: &str, inside: u32, own: u32, host: u32| {
            let path = format!("/proc/{}/{name}", self.guard_pid);
            std::fs::write(path, format!("0 {own} 1\n{inside} {host} 1\n"))
        };
        write("uid_map", FUNCTION_UID, uid, HOST_UID)?;
        write("gid_map", FUNCTION_GID, gid, HOST_GID)
    }

    /// Ends the sandbox and waits until it is gone, with its namespaces.
    pub(crate) async fn close(self) {
        let SandboxProcess {
            mut child, channel, ..
        } = self;
        // The end of the socket tells process 1 to kill everything and leave.
        drop(channel);
        if timeout(CLOSE_TIMEOUT, child.wait()).await.is_err() {
            drop(child.kill().await);
        }
    }
}

impl VacantSandbox {
    pub(crate) async fn close(self) {
        let VacantSandbox {
            process,
            runtime_listener,
            aws_listener,
            log_pipe,
            tunnel,
            host_tmp_dir,
            namespaces,
            ..
        } = self;
        drop((runtime_listener, aws_listener, log_pipe, tunnel));
        process.close().await;
        remove_tmp_dir(namespaces, host_tmp_dir).await;
    }
}

/// Without a mount namespace, `/tmp` is a directory of the host and must be removed.
pub(crate) async fn remove_tmp_dir(namespaces: bool, host_tmp_dir: PathBuf) {
    if !namespaces {
        // It may never have been made.
        drop(tokio::fs::remove_dir_all(host_tmp_dir).await);
    }
}
