//! The runtime process inside a sandbox: started, reaped and killed by process 1.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use landlock::RulesetStatus;
use seccompiler::BpfProgram;

use super::confine::{self, FileRules};
use super::init::{Failure, Step};
use super::protocol::{Exit, FUNCTION_GID, FUNCTION_UID, Launch, Notice, Plan};
use super::{filter, sys, tree};
use crate::report::Layer;

pub(super) struct RuntimeProcess {
    plan: Plan,
    log_writer: OwnedFd,
    filters: [BpfProgram; 2],
    /// The code is bound once, for the whole life of the sandbox.
    bound: bool,
    pid: Option<libc::pid_t>,
}

/// What the child tells between fork and exec, as a line on a pipe that exec closes.
enum ChildReport {
    Running(Vec<Layer>),
    Failed(String),
}

impl RuntimeProcess {
    pub(super) fn new(plan: Plan, log_writer: OwnedFd) -> Result<RuntimeProcess, Failure> {
        let filters = filter::programs()
            .map_err(io::Error::other)
            .step("seccomp filter")?;
        Ok(RuntimeProcess {
            plan,
            log_writer,
            filters,
            bound: false,
            pid: None,
        })
    }

    pub(super) fn start(&mut self, launch: &Launch) -> Result<Notice, Failure> {
        if !self.bound && self.plan.namespaces {
            tree::bind_function(&self.plan, launch)?;
        }
        if !self.bound && !self.plan.namespaces {
            fs::create_dir_all(&self.plan.host_tmp_dir).step("temporary directory")?;
        }
        self.bound = true;
        let Some(program) = launch.programs.iter().find(|program| program.exists()) else {
            let tried: Vec<String> = launch
                .programs
                .iter()
                .map(|program| program.display().to_string())
                .collect();
            return Ok(Notice::NotStarted {
                why: format!("Couldn't find valid bootstrap(s): [{}]", tried.join(" ")),
            });
        };
        let (reader, writer) = sys::pipe().step("report pipe")?;
        match sys::fork().step("fork")? {
            None => self.become_function(program, launch, writer),
            Some(pid) => self.pid = Some(pid),
        }
        drop(writer);
        Ok(match child_report(reader) {
            ChildReport::Running(layers) => Notice::Started { layers },
            ChildReport::Failed(why) => {
                self.kill_all();
                Notice::NotStarted { why }
            }
        })
    }

    /// Reaps what has ended. When the runtime itself has, kills what it left and says how it ended.
    pub(super) fn reap(&mut self) -> Option<Exit> {
        let mut exit = None;
        while let Ok(Some(reaped)) = sys::wait_any(false) {
            if Some(reaped.pid) == self.pid {
                let (code, signal) = (reaped.code, reaped.signal);
                exit = Some(Exit {
                    code,
                    signal,
                    peak_memory_kb: reaped.peak_memory_kb,
                });
            }
        }
        if exit.is_some() {
            self.kill_all();
        }
        exit
    }

    /// Kills and reaps everything inside; answers the largest peak memory among the dead.
    pub(super) fn kill_all(&mut self) -> u64 {
        let mut peak_memory_kb = 0;
        loop {
            self.signal_everything();
            match sys::wait_any(true) {
                Ok(Some(reaped)) => peak_memory_kb = peak_memory_kb.max(reaped.peak_memory_kb),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.pid = None;
        peak_memory_kb
    }

    /// In a pid namespace `-1` means everyone but us. Without one, orphans come to us as their reaper, so killing our
    /// children again and again reaches all.
    fn signal_everything(&self) {
        if self.plan.namespaces {
            drop(sys::kill(-1, libc::SIGKILL));
            return;
        }
        let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        for pid in children
            .split_whitespace()
            .filter_map(|pid| pid.parse::<libc::pid_t>().ok())
        {
            drop(sys::kill(-pid, libc::SIGKILL));
            drop(sys::kill(pid, libc::SIGKILL));
        }
    }

    fn become_function(&self, program: &Path, launch: &Launch, report: OwnedFd) -> ! {
        let mut report = fs::File::from(report);
        let error = match self.confine(launch) {
            Ok(layers) => match serde_json::to_vec(&layers) {
                Ok(text) => {
                    // A report that cannot be written leaves the layers unknown, which the supervisor sees as none.
                    drop(report.write_all(&text));
                    execution_error(program, launch)
                }
                Err(error) => error.to_string(),
            },
            Err(failure) => failure.describe(),
        };
        drop(write!(report, "\n!{error}"));
        sys::exit_now(127)
    }

    fn confine(&self, launch: &Launch) -> Result<Vec<Layer>, Failure> {
        let mut layers = Vec::new();
        sys::reset_signals();
        sys::set_session();
        sys::place_at(self.log_writer.as_fd(), 1).step("standard output")?;
        sys::place_at(self.log_writer.as_fd(), 2).step("standard error")?;
        if self.plan.as_root && self.plan.namespaces {
            sys::become_user(FUNCTION_UID, FUNCTION_GID).step("function user")?;
        }
        sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)
            .step("parent death signal")?;
        confine::limit_resources(self.plan.namespaces).step("resource limits")?;
        layers.push(Layer::enforced("resource limits", "as recorded on AWS"));
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1).step("no_new_privs")?;
        layers.push(Layer::enforced(
            "no_new_privs",
            "no program can raise its privileges",
        ));
        std::env::set_current_dir(&launch.task_root).step("task root")?;
        layers.push(landlock_layer(confine::restrict_files(
            &self.file_rules(launch),
        )));
        sys::close_others_on_exec().step("descriptors")?;
        layers.push(self.install_filters());
        Ok(layers)
    }

    fn file_rules(&self, launch: &Launch) -> FileRules {
        if self.plan.namespaces {
            return FileRules::own_tree();
        }
        let mut readable = self.plan.interpreter_prefixes.clone();
        readable.push(self.plan.host_client_dir.clone());
        readable.extend(self.plan.library_roots.clone());
        FileRules::host_tree(
            &launch.task_root,
            &self.plan.host_tmp_dir,
            readable,
            launch_ports(launch),
        )
    }

    fn install_filters(&self) -> Layer {
        for program in &self.filters {
            if let Err(error) = seccompiler::apply_filter(program) {
                return Layer::missing("seccomp", error.to_string());
            }
        }
        Layer::enforced(
            "seccomp",
            "mounts, namespaces, tracing, keys, modules and the like answer EPERM",
        )
    }
}

impl Drop for RuntimeProcess {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Without a network namespace, the ports of the two listeners stand in the environment.
fn launch_ports(launch: &Launch) -> Vec<u16> {
    let addresses = ["AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL"];
    let values = launch
        .environment
        .iter()
        .filter(|(name, _)| addresses.contains(&name.as_str()));
    values
        .filter_map(|(_, value)| value.rsplit(':').next()?.parse().ok())
        .collect()
}

fn landlock_layer(result: Result<RulesetStatus, String>) -> Layer {
    match result {
        Ok(RulesetStatus::FullyEnforced) => {
            Layer::enforced("landlock", "files and scopes fully enforced")
        }
        Ok(RulesetStatus::PartiallyEnforced) => {
            Layer::enforced("landlock", "partially, as far as this kernel can")
        }
        Ok(RulesetStatus::NotEnforced) => Layer::missing("landlock", "this kernel has none"),
        Err(why) => Layer::missing("landlock", why),
    }
}

/// Executes; comes back only with AWS's words for why it could not.
fn execution_error(program: &Path, launch: &Launch) -> String {
    let name = program.display().to_string();
    let Some((path, arguments, environment)) = c_strings(program, launch) else {
        return format!("fork/exec {name}: invalid argument");
    };
    let error = sys::execute(&path, &arguments, &environment);
    let reason = match error.raw_os_error() {
        Some(libc::EACCES) => "permission denied".to_owned(),
        Some(libc::ENOEXEC) => "exec format error".to_owned(),
        Some(libc::ENOENT) => "no such file or directory".to_owned(),
        _ => error.to_string(),
    };
    format!("fork/exec {name}: {reason}")
}

fn c_strings(program: &Path, launch: &Launch) -> Option<(CString, Vec<CString>, Vec<CString>)> {
    let path = CString::new(program.as_os_str().as_bytes()).ok()?;
    let mut arguments = vec![path.clone()];
    for argument in &launch.arguments {
        arguments.push(CString::new(argument.as_str()).ok()?);
    }
    let environment: Option<Vec<CString>> = launch
        .environment
        .iter()
        .map(|(name, value)| CString::new(format!("{name}={value}")).ok())
        .collect();
    Some((path, arguments, environment?))
}

fn child_report(reader: OwnedFd) -> ChildReport {
    let mut text = String::new();
    if let Err(error) = fs::File::from(reader).read_to_string(&mut text) {
        return ChildReport::Failed(error.to_string());
    }
    match text.split_once("\n!") {
        Some((_, why)) => ChildReport::Failed(why.to_owned()),
        None => ChildReport::Running(serde_json::from_str(&text).unwrap_or_default()),
    }
}
