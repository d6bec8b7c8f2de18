//! The file tree a function sees: AWS's paths, nothing of the host's but its programs and libraries, read-only.
//!
//! An empty sandbox has the code store bound inside. At first use one code directory of it is bound to `/var/task` and
//! the store is detached, before any code of the function runs.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::init::{Failure, Step};
use super::protocol::{Launch, Plan};
use super::sys;
use crate::report::Layer;

/// Everything a function may get a part of, until it has got it.
const STORE: &str = ".store";
/// Where our runtime clients lie.
pub(crate) const CLIENT_DIR: &str = "var/rapid";
const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
/// A device must stay a device, so no NODEV here.
const DEVICE: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
const PRIVATE_FLAGS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

/// Builds the tree, mounts `/proc` and makes it the root.
pub(super) fn build(plan: &Plan, has_tunnel: bool, layers: &mut Vec<Layer>) -> Result<(), Failure> {
    let propagation = libc::MS_REC | libc::MS_PRIVATE;
    sys::mount("none", Path::new("/"), "", propagation, "").step("private mounts")?;
    let root = plan.mount_point.as_path();
    sys::mount("tmpfs", root, "tmpfs", PRIVATE_FLAGS, "size=8m,mode=755")
        .step("root file system")?;
    for directory in [
        "var/task",
        "var/runtime",
        "var/lang",
        CLIENT_DIR,
        "opt",
        "tmp",
        "proc",
        "dev",
        "etc",
    ] {
        fs::create_dir_all(root.join(directory)).step("directories")?;
    }
    for name in ["usr", "lib", "lib64", "lib32", "bin", "sbin"] {
        system_directory(root, name).step("system directories")?;
    }
    devices(root).step("devices")?;
    configuration(root).step("/etc")?;
    let resolver = if has_tunnel {
        format!("nameserver {}\n", crate::egress::BEYOND)
    } else {
        String::new()
    };
    fs::write(root.join("etc/resolv.conf"), resolver).step("/etc")?;
    for (name, text) in &plan.clients {
        fs::write(root.join(CLIENT_DIR).join(name), text).step("runtime clients")?;
    }
    fill_store(root, plan)?;
    enter(root, layers)
}

fn enter(root: &Path, layers: &mut Vec<Layer>) -> Result<(), Failure> {
    let flags = PRIVATE_FLAGS | libc::MS_NOEXEC;
    match sys::mount("proc", &root.join("proc"), "proc", flags, "") {
        Ok(()) => layers.push(Layer::enforced(
            "proc",
            "of the sandbox's own pid namespace",
        )),
        Err(why) => layers.push(Layer::missing("proc", format!("no /proc inside: {why}"))),
    }
    std::env::set_current_dir(root).step("new root")?;
    sys::pivot_to_current_directory().step("pivot_root")?;
    layers.push(Layer::enforced(
        "mount namespace",
        "own root, programs and code read-only, own /tmp, /etc and /dev",
    ));
    Ok(())
}

fn system_directory(root: &Path, name: &str) -> io::Result<()> {
    let source = Path::new("/").join(name);
    match fs::symlink_metadata(&source) {
        Ok(facts) if facts.is_symlink() => symlink(fs::read_link(&source)?, root.join(name)),
        Ok(facts) if facts.is_dir() => bind_read_only(&source, &root.join(name)),
        _ => Ok(()),
    }
}

fn bind_read_only(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    sys::bind(source, target)?;
    sys::add_mount_attributes(target, READ_ONLY, true)
}

fn devices(root: &Path) -> io::Result<()> {
    for name in ["null", "zero", "full", "random", "urandom"] {
        let target = root.join("dev").join(name);
        fs::write(&target, "")?;
        sys::bind(&Path::new("/dev").join(name), &target)?;
        sys::add_mount_attributes(&target, DEVICE, false)?;
    }
    symlink("/proc/self/fd", root.join("dev/fd"))?;
    for (number, name) in ["stdin", "stdout", "stderr"].iter().enumerate() {
        symlink(
            format!("/proc/self/fd/{number}"),
            root.join("dev").join(name),
        )?;
    }
    Ok(())
}

const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\n\
    sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nsbx_user1051:x:990:\n";
const HOSTS: &str = "127.0.0.1 localhost\n169.254.100.1 sandbox sandbox.localdomain\n";

/// An `/etc` of our making: the host's own may hold secrets.
fn configuration(root: &Path) -> io::Result<()> {
    let etc = root.join("etc");
    fs::write(etc.join("passwd"), PASSWD)?;
    fs::write(etc.join("group"), GROUP)?;
    fs::write(etc.join("hosts"), HOSTS)?;
    fs::write(
        etc.join("nsswitch.conf"),
        "passwd: files\ngroup: files\nhosts: files dns\n",
    )?;
    symlink("../usr/lib/os-release", etc.join("os-release"))?;
    symlink("/usr/share/zoneinfo/UTC", etc.join("localtime"))?;
    if let Ok(cache) = fs::read("/etc/ld.so.cache") {
        fs::write(etc.join("ld.so.cache"), cache)?;
    }
    for shared in [
        "ssl/certs",
        "pki/tls/certs",
        "pki/ca-trust/extracted",
        "alternatives",
    ] {
        let source = Path::new("/etc").join(shared);
        if source.is_dir() {
            bind_read_only(&source, &etc.join(shared))?;
        }
    }
    Ok(())
}

/// What is bound in the store: each directory of the host with its place in there.
fn stored(plan: &Plan) -> Vec<(PathBuf, PathBuf)> {
    let roots = plan.library_roots.iter().enumerate();
    let libraries = roots
        .filter(|(_, root)| root.is_dir())
        .map(|(index, root)| (root.clone(), library_place(index)));
    let prefixes = plan.interpreter_prefixes.iter().enumerate();
    let interpreters = prefixes.map(|(index, prefix)| (prefix.clone(), interpreter_place(index)));
    [(plan.code_root.clone(), "code".into())]
        .into_iter()
        .chain(libraries)
        .chain(interpreters)
        .collect()
}

fn library_place(index: usize) -> PathBuf {
    Path::new("libraries").join(index.to_string())
}

fn interpreter_place(index: usize) -> PathBuf {
    Path::new("lang").join(index.to_string())
}

/// The store is a mount of its own, so that taking it away with all that is bound in it is a single call.
fn fill_store(root: &Path, plan: &Plan) -> Result<(), Failure> {
    let store = root.join(STORE);
    fs::create_dir(&store).step("store")?;
    sys::mount("tmpfs", &store, "tmpfs", PRIVATE_FLAGS, "size=64k,mode=755").step("store")?;
    for (source, place) in stored(plan) {
        bind_read_only(&source, &store.join(place)).step("store")?;
    }
    Ok(())
}

/// Gives an empty sandbox its function, and takes the store away.
pub(super) fn bind_function(plan: &Plan, launch: &Launch) -> Result<(), Failure> {
    let store = Path::new("/").join(STORE);
    let code = store.join("code");
    sys::bind(&code.join(&launch.code), Path::new("/var/task")).step("code")?;
    let layers: Vec<PathBuf> = launch.layers.iter().map(|layer| code.join(layer)).collect();
    bind_layers(&layers).step("layers")?;
    if let Some((root, folder)) = &launch.libraries {
        let libraries = store.join(library_place(*root)).join(folder);
        sys::bind(&libraries, Path::new("/var/runtime")).step("libraries")?;
    }
    link_modules(launch).step("module folders")?;
    if let Some(prefix) = &launch.interpreter_prefix {
        let index = plan
            .interpreter_prefixes
            .iter()
            .position(|known| known == prefix);
        let index = index
            .ok_or_else(|| io::Error::other("unknown interpreter"))
            .step("interpreter")?;
        sys::bind(
            &store.join(interpreter_place(index)),
            Path::new("/var/lang"),
        )
        .step("interpreter")?;
    }
    let options = format!("size={}m,mode=1777", launch.ephemeral_storage_mb);
    sys::mount("tmpfs", Path::new("/tmp"), "tmpfs", PRIVATE_FLAGS, &options).step("/tmp")?;
    sys::detach(&store).step("store")?;
    fs::remove_dir(&store).step("store")?;
    sys::add_mount_attributes(Path::new("/"), READ_ONLY, false).step("read-only root")
}

/// An `import` statement of Node.js knows no NODE_PATH but looks in the `node_modules` of every folder above the file:
/// these two lead it to what AWS lets it find, in AWS's order.
fn link_modules(launch: &Launch) -> io::Result<()> {
    let searched = launch
        .environment
        .iter()
        .find(|(name, _)| name == "NODE_PATH");
    let folders = searched.into_iter().flat_map(|(_, path)| path.split(':'));
    let folders: Vec<&Path> = folders
        .map(Path::new)
        .filter(|folder| folder.is_dir())
        .collect();
    for (root, link) in [
        ("/opt", "/var/node_modules"),
        ("/var/runtime", "/node_modules"),
    ] {
        let first = folders.iter().find(|folder| folder.starts_with(root));
        if let Some(folder) = first {
            symlink(folder, link)?;
        }
    }
    Ok(())
}

/// One layer is bound; several are stacked, the last on top.
fn bind_layers(layers: &[PathBuf]) -> io::Result<()> {
    let opt = Path::new("/opt");
    match layers {
        [] => Ok(()),
        [layer] => sys::bind(layer, opt),
        several => {
            let stack: Vec<String> = several
                .iter()
                .rev()
                .map(|layer| layer.display().to_string())
                .collect();
            let flags = PRIVATE_FLAGS | libc::MS_RDONLY;
            sys::mount(
                "overlay",
                opt,
                "overlay",
                flags,
                &format!("lowerdir={}", stack.join(":")),
            )
        }
    }
}
