//! From a fresh process to a sandbox's process 1.
//!
//! The first process enters new namespaces and forks; the child is process 1 of the new pid namespace and does all the
//! rest, while the parent only waits, so that the supervisor has a plain child whose end means the sandbox's end. When
//! the supervisor dies, the control socket ends, process 1 leaves, and the kernel kills everything inside.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::channel::{receive, send};
use super::protocol::{FUNCTION_GID, FUNCTION_UID, Notice, Order, Plan, RUNTIME_PORT};
use super::runtime_process::RuntimeProcess;
use super::{network, sys, tree};
use crate::report::Layer;

/// A step that failed, named for the report.
pub(super) struct Failure {
    step: &'static str,
    why: io::Error,
}

impl Failure {
    pub(super) fn describe(&self) -> String {
        format!("{}: {}", self.step, self.why)
    }
}

/// Names the step in the error of a system call.
pub(super) trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, Failure>;
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: &'static str) -> Result<T, Failure> {
        self.map_err(|why| Failure { step, why })
    }
}

/// The entry of `sandbox-init`: call it before any thread exists. Standard input is the supervisor's socket.
pub fn sandbox_init_main() -> ! {
    let code = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => run(socket),
        Err(_) => 1,
    };
    sys::exit_now(code)
}

fn run(socket: OwnedFd) -> i32 {
    let Ok(Some((Order::Build(plan), _))) = receive(socket.as_fd()) else {
        return 1;
    };
    match build_and_serve(&socket, *plan) {
        Ok(()) => 0,
        Err(failure) => {
            let notice = Notice::Failed {
                step: failure.step.to_owned(),
                why: failure.why.to_string(),
            };
            // The supervisor may be gone already; then nobody is left to tell.
            drop(send(socket.as_fd(), &notice, &[]));
            1
        }
    }
}

fn build_and_serve(socket: &OwnedFd, plan: Plan) -> Result<(), Failure> {
    // Standard input must not keep the supervisor's socket open in a process that only waits.
    let null = fs::File::open("/dev/null").step("/dev/null")?;
    sys::place_at(null.as_fd(), 0).step("standard input")?;
    if !plan.namespaces {
        sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).step("subreaper")?;
        return serve(socket, plan);
    }
    enter_namespaces(socket, &plan)?;
    match sys::fork().step("fork")? {
        None => serve(socket, plan),
        Some(pid) => {
            send(socket.as_fd(), &Notice::Forked { pid }, &[]).step("control socket")?;
            // Only process 1 may hold the socket now: its end must mean the sandbox's end.
            sys::place_at(null.as_fd(), std::os::fd::AsRawFd::as_raw_fd(socket))
                .step("control socket")?;
            drop(sys::wait_any(true));
            Ok(())
        }
    }
}

fn enter_namespaces(socket: &OwnedFd, plan: &Plan) -> Result<(), Failure> {
    let (uid, gid) = sys::host_ids();
    if plan.as_root {
        sys::drop_groups().step("setgroups")?;
    }
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    sys::unshare(flags).step("namespaces")?;
    if plan.as_root {
        send(socket.as_fd(), &Notice::Unshared, &[]).step("control socket")?;
        return match receive(socket.as_fd()).step("control socket")? {
            Some((Order::Mapped, _)) => Ok(()),
            _ => Err(io::Error::other("the supervisor wrote no id maps")).step("id maps"),
        };
    }
    fs::write("/proc/self/setgroups", "deny").step("id maps")?;
    fs::write("/proc/self/uid_map", format!("{FUNCTION_UID} {uid} 1")).step("id maps")?;
    fs::write("/proc/self/gid_map", format!("{FUNCTION_GID} {gid} 1")).step("id maps")
}

/// As process 1 (or, without namespaces, as the only guard): finishes the sandbox and obeys orders.
fn serve(socket: &OwnedFd, plan: Plan) -> Result<(), Failure> {
    let mut layers = Vec::new();
    let mut tunnel = None;
    let (runtime, aws) = if plan.namespaces {
        sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
            .step("parent death signal")?;
        namespace_layers(&plan, &mut layers);
        sys::set_host_name("sandbox").step("host name")?;
        network::configure().step("loopback")?;
        let listeners = network::listeners(RUNTIME_PORT, plan.aws_port).step("listeners")?;
        layers.push(Layer::enforced(
            "network namespace",
            "loopback and two listeners, no route to the host's network",
        ));
        match network::tunnel() {
            Ok(made) => tunnel = Some(made),
            Err(why) => layers.push(Layer::enforced(
                "egress",
                format!("closed; what is refused goes unnamed, for there is no tunnel: {why}"),
            )),
        }
        tree::build(&plan, tunnel.is_some(), &mut layers)?;
        listeners
    } else {
        network::host_listeners().step("listeners")?
    };
    // Nobody of the same user may read or trace this process, not even through /proc.
    sys::prctl(libc::PR_SET_DUMPABLE, 0).step("not dumpable")?;
    let (log_reader, log_writer) = sys::pipe().step("log pipe")?;
    if plan.as_root && plan.namespaces {
        sys::change_owner(log_writer.as_fd(), FUNCTION_UID, FUNCTION_GID).step("log pipe")?;
    }
    let mut fds = vec![runtime.as_fd(), aws.as_fd(), log_reader.as_fd()];
    if let Some((device, listener)) = &tunnel {
        fds.extend([device.as_fd(), listener.as_fd()]);
    }
    send(socket.as_fd(), &Notice::Ready { layers }, &fds).step("control socket")?;
    drop((runtime, aws, log_reader, tunnel));
    obey(socket, RuntimeProcess::new(plan, log_writer)?)
}

fn namespace_layers(plan: &Plan, layers: &mut Vec<Layer>) {
    let user = if plan.as_root {
        "functions run as 993:990, an unprivileged id of the host; process 1 is root only inside"
    } else {
        "functions run as 993:990, which is the supervisor's own id outside"
    };
    layers.push(Layer::enforced("user namespace", user));
    layers.push(Layer::enforced(
        "pid namespace",
        "functions see only their own processes",
    ));
    layers.push(Layer::enforced(
        "ipc, uts and cgroup namespaces",
        "nothing shared with the host",
    ));
}

fn obey(socket: &OwnedFd, mut process: RuntimeProcess) -> Result<(), Failure> {
    let children = sys::child_signals().step("child signals")?;
    loop {
        let (order, child) = sys::wait_readable(socket.as_fd(), children.as_fd()).step("poll")?;
        if child {
            drain(&children);
            if let Some(exit) = process.reap() {
                send(socket.as_fd(), &Notice::Exited(exit), &[]).step("control socket")?;
            }
        }
        if !order {
            continue;
        }
        let notice = match receive(socket.as_fd()).step("control socket")? {
            Some((Order::Start(launch), _)) => process.start(&launch)?,
            Some((Order::Kill, _)) => Notice::Killed {
                peak_memory_kb: process.kill_all(),
            },
            Some((Order::Build(_) | Order::Mapped, _)) => continue,
            None => {
                process.kill_all();
                return Ok(());
            }
        };
        send(socket.as_fd(), &notice, &[]).step("control socket")?;
    }
}

fn drain(signals: &OwnedFd) {
    let mut buffer = [0_u8; 1024];
    while rustix::io::read(signals, &mut buffer).is_ok_and(|count| count > 0) {}
}
