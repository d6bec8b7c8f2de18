//! What the supervisor and the inside of a sandbox say to each other.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::report::Layer;

/// AWS's own ids of the user a function runs as (`sbx_user1051`).
pub(crate) const FUNCTION_UID: u32 = 993;
pub(crate) const FUNCTION_GID: u32 = 990;
pub(crate) const RUNTIME_PORT: u16 = 9001;

/// Supervisor to sandbox.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Order {
    /// First of all: make the sandbox, without code.
    Build(Box<Plan>),
    /// The id maps that only the supervisor may write are written.
    Mapped,
    /// Bind the code if that is not done yet, then run its runtime.
    Start(Box<Launch>),
    /// Kill every process but the sandbox's first.
    Kill,
}

/// How to build an empty sandbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    /// False where the host forbids user namespaces: then only what a process can do to itself is done.
    pub(crate) namespaces: bool,
    /// Whether the supervisor is root and writes the id maps, so that functions get an unprivileged id of the host.
    pub(crate) as_root: bool,
    /// An empty directory to build the new root on; only this sandbox's mount namespace sees what happens there.
    pub(crate) mount_point: PathBuf,
    pub(crate) code_root: PathBuf,
    /// Folders with the SDKs of runtimes, one of which becomes `/var/runtime`.
    pub(crate) library_roots: Vec<PathBuf>,
    /// Trees of interpreters outside `/usr`; the one a function needs becomes `/var/lang`.
    pub(crate) interpreter_prefixes: Vec<PathBuf>,
    /// Runtime clients of ours, as file name and text, for `/var/rapid`.
    pub(crate) clients: Vec<(String, String)>,
    pub(crate) aws_port: u16,
    /// Where those clients are without a mount namespace.
    pub(crate) host_client_dir: PathBuf,
    /// Where `/tmp` is without a mount namespace.
    pub(crate) host_tmp_dir: PathBuf,
}

/// What to run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Launch {
    /// Below the plan's `code_root`, relative.
    pub(crate) code: PathBuf,
    pub(crate) layers: Vec<PathBuf>,
    /// The number of a library root, and the folder in it.
    pub(crate) libraries: Option<(usize, String)>,
    /// One of the plan's `interpreter_prefixes`.
    pub(crate) interpreter_prefix: Option<PathBuf>,
    pub(crate) ephemeral_storage_mb: u32,
    /// Programs to try, the first that exists is run.
    pub(crate) programs: Vec<PathBuf>,
    /// Arguments after the program's own name.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) task_root: PathBuf,
}

/// Sandbox to supervisor.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Notice {
    /// In its new user namespace, waiting for the id maps.
    Unshared,
    /// Process 1 exists, by its pid outside.
    Forked {
        pid: i32,
    },
    /// Built. Carries descriptors: the Runtime API's listener, AWS's listener, the reading end of the log pipe, and where
    /// there is a tunnel its device and the listener beside it.
    Ready {
        layers: Vec<Layer>,
    },
    Failed {
        step: String,
        why: String,
    },
    Started {
        layers: Vec<Layer>,
    },
    /// The runtime could not be executed; AWS's words.
    NotStarted {
        why: String,
    },
    /// The runtime ended, and everything it left behind is killed.
    Exited(Exit),
    /// All is dead, after [`Order::Kill`].
    Killed {
        peak_memory_kb: u64,
    },
}

/// How a runtime process ended.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) peak_memory_kb: u64,
}
