//! The system calls the standard library lacks: the only unsafe code of this crate, each call in its own few lines.

#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; each is a plain call on checked arguments"
)]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tokio::io::unix::AsyncFd;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn check_long(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn c_path(path: &Path) -> io::Result<CString> {
    c_string(path.as_os_str())
}

/// User and group of this process.
pub(crate) fn host_ids() -> (u32, u32) {
    // SAFETY: both calls cannot fail and touch no memory.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Name, release and machine of the running kernel.
pub(crate) fn kernel() -> String {
    // SAFETY: `uname` fills the zeroed struct, whose fields are NUL-terminated then.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut names) != 0 {
            return "unknown".to_owned();
        }
        let text = |field: &[libc::c_char]| {
            CStr::from_ptr(field.as_ptr())
                .to_string_lossy()
                .into_owned()
        };
        format!(
            "{} {} {}",
            text(&names.sysname),
            text(&names.release),
            text(&names.machine)
        )
    }
}

pub(super) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers; this process has one thread.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// `None` in the child.
pub(super) fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: this process has one thread, so the child may run anything.
    let pid = check(unsafe { libc::fork() })?;
    Ok(if pid == 0 { None } else { Some(pid) })
}

/// How a child ended.
pub(super) struct Reaped {
    pub(super) pid: libc::pid_t,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) peak_memory_kb: u64,
}

/// Waits for any child; `Ok(None)` when `block` is false and none has ended.
pub(super) fn wait_any(block: bool) -> io::Result<Option<Reaped>> {
    let mut status = 0;
    // SAFETY: both out-pointers are valid for the call.
    let (pid, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let options = if block { 0 } else { libc::WNOHANG };
        (
            check(libc::wait4(-1, &raw mut status, options, &raw mut usage))?,
            usage,
        )
    };
    if pid == 0 {
        return Ok(None);
    }
    Ok(Some(Reaped {
        pid,
        code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        peak_memory_kb: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    }))
}

pub(super) fn kill(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

pub(super) fn set_session() {
    // SAFETY: takes no pointers; failing means this process leads a session already.
    unsafe { libc::setsid() };
}

/// Leaves for good: no destructors, nothing of the parent's state is touched twice.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(code) }
}

pub(super) fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: only used with options that take numbers.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) }).map(drop)
}

/// Gives up all supplementary groups, then the group, then the user.
pub(super) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: a count of zero makes the list pointer irrelevant; the others take numbers.
    unsafe {
        check(libc::setgroups(0, std::ptr::null()))?;
        check(libc::setresgid(gid, gid, gid))?;
        check(libc::setresuid(uid, uid, uid)).map(drop)
    }
}

pub(super) fn drop_groups() -> io::Result<()> {
    // SAFETY: a count of zero makes the list pointer irrelevant.
    check(unsafe { libc::setgroups(0, std::ptr::null()) }).map(drop)
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Sets a limit, never above the hard limit this process already has.
pub(super) fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    // SAFETY: both pointers are to a local struct.
    unsafe {
        let mut current: libc::rlimit = std::mem::zeroed();
        check(libc::getrlimit(resource, &raw mut current))?;
        let wanted = libc::rlimit {
            rlim_cur: soft.min(hard).min(current.rlim_max),
            rlim_max: hard.min(current.rlim_max),
        };
        check(libc::setrlimit(resource, &raw const wanted)).map(drop)
    }
}

pub(super) fn mount(
    source: &str,
    target: &Path,
    kind: &str,
    flags: libc::c_ulong,
    data: &str,
) -> io::Result<()> {
    let (source, target) = (c_string(OsStr::new(source))?, c_path(target)?);
    let (kind, data) = (c_string(OsStr::new(kind))?, c_string(OsStr::new(data))?);
    // SAFETY: all strings live through the call and are NUL-terminated.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    })
    .map(drop)
}

pub(super) fn bind(source: &Path, target: &Path) -> io::Result<()> {
    let (source, target) = (c_path(source)?, c_path(target)?);
    let flags = libc::MS_BIND | libc::MS_REC;
    // SAFETY: both strings live through the call; type and data may be null for a bind.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            std::ptr::null(),
            flags,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Adds mount attributes. The kernel keeps those that are locked, which a remount would have to repeat.
pub(super) fn add_mount_attributes(
    target: &Path,
    attributes: u64,
    recursive: bool,
) -> io::Result<()> {
    let target = c_path(target)?;
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    let change = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: path and struct live through the call; the size is the struct's.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    })
}

pub(super) fn detach(target: &Path) -> io::Result<()> {
    let target = c_path(target)?;
    // SAFETY: the string lives through the call.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Makes the current directory the root and detaches the old one, which lies below it for that moment.
pub(super) fn pivot_to_current_directory() -> io::Result<()> {
    let here = c".";
    // SAFETY: constant strings.
    check_long(unsafe { libc::syscall(libc::SYS_pivot_root, here.as_ptr(), here.as_ptr()) })?;
    detach(Path::new("."))?;
    std::env::set_current_dir("/")
}

pub(super) fn set_host_name(name: &str) -> io::Result<()> {
    // SAFETY: pointer and length describe the same string.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }).map(drop)
}

pub(super) fn change_owner(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call.
    check(unsafe { libc::fchown(fd.as_raw_fd(), uid, gid) }).map(drop)
}

/// A pipe whose ends close on exec: (reading, writing).
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [0; 2];
    // SAFETY: the array has room for two; on success both are new and owned by us.
    unsafe {
        check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// Puts `fd` at the place of descriptor `number`, open across exec.
pub(super) fn place_at(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: standard descriptors 0 to 2 are ours to replace in this child.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) }).map(drop)
}

/// Marks every descriptor above the standard three to close on exec.
pub(super) fn close_others_on_exec() -> io::Result<()> {
    // SAFETY: takes numbers only.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })
}

/// Blocks SIGCHLD and returns a descriptor that becomes readable when a child ends.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised before use; the new descriptor is ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(libc::sigprocmask(
            libc::SIG_BLOCK,
            &raw const set,
            std::ptr::null_mut(),
        ))?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        Ok(OwnedFd::from_raw_fd(check(libc::signalfd(
            -1,
            &raw const set,
            flags,
        ))?))
    }
}

/// Signal mask and dispositions as a fresh process has them.
pub(super) fn reset_signals() {
    // SAFETY: an empty mask and default dispositions are always legal.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Waits until one of the two is readable.
pub(super) fn wait_readable(
    first: BorrowedFd<'_>,
    second: BorrowedFd<'_>,
) -> io::Result<(bool, bool)> {
    let entry = |fd: BorrowedFd<'_>| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut entries = [entry(first), entry(second)];
    // SAFETY: the array has two entries.
    match check(unsafe { libc::poll(entries.as_mut_ptr(), 2, -1) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok((false, false)),
        Err(error) => Err(error),
        Ok(_) => Ok((entries[0].revents != 0, entries[1].revents != 0)),
    }
}

/// Replaces this process; returns only to say why it could not.
pub(super) fn execute(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| {
        strings
            .iter()
            .map(|text| text.as_ptr())
            .chain([std::ptr::null()])
            .collect::<Vec<_>>()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both arrays end with null and their strings are alive.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Sends an interface request, such as setting an address, on a datagram socket.
pub(super) fn interface_request(
    socket: BorrowedFd<'_>,
    request: libc::Ioctl,
    argument: &mut libc::ifreq,
) -> io::Result<()> {
    // SAFETY: the requests used take an `ifreq`.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), request, std::ptr::from_mut(argument)) })
        .map(drop)
}

/// An interface request for the interface of this name.
pub(super) fn interface(name: &str) -> libc::ifreq {
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request
        .ifr_name
        .iter_mut()
        .take(libc::IFNAMSIZ - 1)
        .zip(name.bytes())
    {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request
}

#[expect(clippy::cast_possible_truncation, reason = "AF_INET is 2")]
/// The IPv4 address as the socket address inside an `ifreq`.
pub(super) fn set_interface_address(request: &mut libc::ifreq, address: [u8; 4]) {
    let inet = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(address),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: both are plain sixteen-byte socket addresses.
    request.ifr_ifru.ifru_addr =
        unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(inet) };
}

#[expect(clippy::cast_possible_truncation, reason = "both flags are below 128")]
pub(super) fn set_interface_up(request: &mut libc::ifreq) {
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
}

/// A tunnel of plain IP packets.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both flags are below 32768"
)]
pub(super) fn set_tunnel(request: &mut libc::ifreq) {
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
}

/// The kernel's `struct rtentry`.
#[repr(C)]
struct RouteEntry {
    pad1: libc::c_ulong,
    destination: libc::sockaddr,
    gateway: libc::sockaddr,
    mask: libc::sockaddr,
    flags: libc::c_ushort,
    pad2: libc::c_short,
    pad3: libc::c_ulong,
    pad4: *mut libc::c_void,
    metric: libc::c_short,
    device: *const libc::c_char,
    mtu: libc::c_ulong,
    window: libc::c_ulong,
    round_trip: libc::c_ushort,
}

/// Sends everything that has no other route to this interface.
#[expect(clippy::cast_possible_truncation, reason = "AF_INET is 2")]
pub(super) fn add_default_route(socket: BorrowedFd<'_>, device: &str) -> io::Result<()> {
    const SIOCADDRT: libc::Ioctl = 0x890B;
    const UP: libc::c_ushort = 1;
    let device = CString::new(device)?;
    // SAFETY: all-zero is a valid entry: no gateway, no mask.
    let mut route: RouteEntry = unsafe { std::mem::zeroed() };
    for address in [&mut route.destination, &mut route.gateway, &mut route.mask] {
        address.sa_family = libc::AF_INET as libc::sa_family_t;
    }
    route.flags = UP;
    route.device = device.as_ptr();
    // SAFETY: the request takes a route entry, and its name is alive.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCADDRT, &raw const route) }).map(drop)
}

/// Makes a descriptor part of the tokio runtime.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one open descriptor for as long as it lives, and the `AsyncFd` owns it.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}
