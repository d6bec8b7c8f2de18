//! The network of a sandbox: a loopback interface, AWS's link-local address on it, and two listeners.
//!
//! The listeners are bound in here and given away: their holder accepts from outside, and no route leads anywhere else.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use super::sys;
use crate::egress;

/// Where AWS's runtimes find the Runtime API.
const RUNTIME_ADDRESS: [u8; 4] = [169, 254, 100, 1];

/// Brings loopback up in this process's network namespace and adds the Runtime API's address.
pub(super) fn configure() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut request = sys::interface("lo");
    sys::set_interface_up(&mut request);
    sys::interface_request(
        socket.as_fd(),
        libc::SIOCSIFFLAGS as libc::Ioctl,
        &mut request,
    )?;

    let mut alias = sys::interface("lo:1");
    sys::set_interface_address(&mut alias, RUNTIME_ADDRESS);
    sys::interface_request(socket.as_fd(), libc::SIOCSIFADDR as libc::Ioctl, &mut alias)?;
    sys::set_interface_address(&mut alias, [255, 255, 255, 255]);
    sys::interface_request(
        socket.as_fd(),
        libc::SIOCSIFNETMASK as libc::Ioctl,
        &mut alias,
    )
}

/// The Runtime API's listener and that of AWS's endpoint, on every address of the namespace.
pub(super) fn listeners(
    runtime_port: u16,
    aws_port: u16,
) -> io::Result<(TcpListener, TcpListener)> {
    Ok((
        TcpListener::bind(("0.0.0.0", runtime_port))?,
        TcpListener::bind(("0.0.0.0", aws_port))?,
    ))
}

/// A tunnel that all other addresses lead to, and the listener where what is let out is joined. Needs the host's
/// `/dev/net/tun`, so it is made before the sandbox has a tree of its own.
pub(super) fn tunnel() -> io::Result<(OwnedFd, TcpListener)> {
    const NAME: &str = "out0";
    let device = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = sys::interface(NAME);
    sys::set_tunnel(&mut request);
    sys::interface_request(device.as_fd(), libc::TUNSETIFF, &mut request)?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut request = sys::interface(NAME);
    sys::set_interface_address(&mut request, egress::INSIDE.octets());
    sys::interface_request(
        socket.as_fd(),
        libc::SIOCSIFADDR as libc::Ioctl,
        &mut request,
    )?;
    sys::set_interface_address(&mut request, [255, 255, 255, 255]);
    sys::interface_request(
        socket.as_fd(),
        libc::SIOCSIFNETMASK as libc::Ioctl,
        &mut request,
    )?;
    let mut request = sys::interface(NAME);
    sys::set_interface_up(&mut request);
    sys::interface_request(
        socket.as_fd(),
        libc::SIOCSIFFLAGS as libc::Ioctl,
        &mut request,
    )?;
    sys::add_default_route(socket.as_fd(), NAME)?;
    let listener = TcpListener::bind((egress::INSIDE, egress::JOIN_PORT))?;
    Ok((device.into(), listener))
}

/// Without a network namespace: two free ports of the host's loopback.
pub(super) fn host_listeners() -> io::Result<(TcpListener, TcpListener)> {
    Ok((
        TcpListener::bind(("127.0.0.1", 0))?,
        TcpListener::bind(("127.0.0.1", 0))?,
    ))
}
