//! What a runtime process does to itself before it becomes the function: limits, Landlock, the system call filter.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::sys;

/// AWS's limits, as recorded inside a function. NPROC counts all processes of the user, so it needs a user namespace.
pub(super) fn limit_resources(in_user_namespace: bool) -> io::Result<()> {
    const CORE_BYTES: u64 = 10_737_418_240;
    sys::limit(libc::RLIMIT_NOFILE, 1024, 1024)?;
    sys::limit(libc::RLIMIT_MEMLOCK, 65536, 65536)?;
    sys::limit(libc::RLIMIT_STACK, 8_388_608, libc::RLIM_INFINITY)?;
    sys::limit(libc::RLIMIT_CORE, CORE_BYTES, CORE_BYTES)?;
    if in_user_namespace {
        sys::limit(libc::RLIMIT_NPROC, 742, 742)?;
    }
    Ok(())
}

/// What Landlock shall allow.
pub(super) struct FileRules {
    pub(super) readable: Vec<PathBuf>,
    pub(super) writable: Vec<PathBuf>,
    /// Where no network namespace does it: the only ports to connect to.
    pub(super) connect_ports: Option<Vec<u16>>,
}

impl FileRules {
    /// Inside a tree of our own everything may be read, and `/tmp` written.
    pub(super) fn own_tree() -> FileRules {
        FileRules {
            readable: vec!["/".into()],
            writable: writable("/tmp".into()),
            connect_ports: None,
        }
    }

    /// On the host's own tree: programs, libraries, public configuration, the function's code.
    pub(super) fn host_tree(
        code: &Path,
        tmp: &Path,
        mut readable: Vec<PathBuf>,
        connect_ports: Vec<u16>,
    ) -> FileRules {
        readable.extend(
            [
                "/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/proc", "/dev",
            ]
            .map(PathBuf::from),
        );
        readable.extend(
            [
                "ld.so.cache",
                "passwd",
                "group",
                "hosts",
                "resolv.conf",
                "nsswitch.conf",
                "localtime",
                "ssl/certs",
            ]
            .map(|name| Path::new("/etc").join(name)),
        );
        readable.push(code.to_owned());
        FileRules {
            readable,
            writable: writable(tmp.to_owned()),
            connect_ports: Some(connect_ports),
        }
    }
}

fn writable(tmp: PathBuf) -> Vec<PathBuf> {
    [tmp]
        .into_iter()
        .chain(["/dev/null", "/dev/zero", "/dev/full"].map(PathBuf::from))
        .collect()
}

/// Restricts this process for good. Answers how much of it the kernel enforces.
pub(super) fn restrict_files(rules: &FileRules) -> Result<RulesetStatus, String> {
    let abi = ABI::V6;
    let ruleset = ruleset(rules, abi).map_err(|error| error.to_string())?;
    let ruleset = allow_paths(ruleset, &rules.readable, |_| AccessFs::from_read(abi))?;
    let ruleset = allow_paths(ruleset, &rules.writable, |path| {
        if path.is_dir() {
            AccessFs::from_all(abi)
        } else {
            AccessFs::from_file(abi)
        }
    })?;
    let status = ruleset.restrict_self().map_err(|error| error.to_string())?;
    Ok(status.ruleset)
}

fn ruleset(rules: &FileRules, abi: ABI) -> Result<RulesetCreated, landlock::RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::from_all(abi))?;
    if rules.connect_ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut created = ruleset.create()?;
    for port in rules.connect_ports.iter().flatten() {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(created)
}

fn allow_paths(
    mut ruleset: RulesetCreated,
    paths: &[PathBuf],
    access: impl Fn(&Path) -> landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, String> {
    for path in paths {
        let Ok(fd) = PathFd::new(path) else { continue };
        let mut allowed = access(path);
        if !path.is_dir() {
            allowed &= AccessFs::from_file(ABI::V6);
        }
        ruleset = ruleset
            .add_rule(PathBeneath::new(fd, allowed))
            .map_err(|error| error.to_string())?;
    }
    Ok(ruleset)
}
