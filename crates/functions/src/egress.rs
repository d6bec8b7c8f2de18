//! What a function may reach besides the Runtime API and AWS's endpoint, and how it gets there.
//!
//! The only way out of a sandbox's network namespace is a tunnel whose other end is here. A connection that is let out
//! is made by the supervisor, from the host's network; then the sandbox's own kernel is handed the opening packet under
//! another address, so that it talks to a listener in the same namespace, whose accepted sockets the supervisor joins
//! with what it has connected. So TCP itself is never spoken here: packets are only addressed anew.
//!
//! Only public addresses are let out. Loopback, private networks and the host's own addresses stay closed whatever the
//! setting: a function is foreign code, and what listens there trusts its neighbours. What is refused is named in the
//! function's log. A person may name single exceptions, such as a database on the local network.

mod packet;
mod policy;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Egress;
use crate::log_pipe::LogPipe;
use crate::sandbox::register;
use packet::{ACK, Head, Kind, SYN};

/// The sandbox's own address on the tunnel, and the one that stands for everything beyond.
pub(crate) const INSIDE: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 5);
pub(crate) const BEYOND: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 6);
/// Where connections that are let out are accepted inside.
pub(crate) const JOIN_PORT: u16 = 9003;
const DNS_PORT: u16 = 53;
const PACKET_BYTES_MAX: usize = 65_535;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const UDP_IDLE: Duration = Duration::from_secs(60);
const FLOWS_MAX: usize = 1024;
/// After its end a connection's packets may still be on their way.
const LINGER: Duration = Duration::from_secs(5);

/// One conversation, as the function sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Flow {
    own_port: u16,
    to: SocketAddrV4,
}

/// What stands for a flow on the sandbox's side.
#[derive(Debug)]
enum Joint {
    /// The host's side is being connected.
    Connecting,
    /// Connected, and waiting for the sandbox's side to be accepted.
    Connected(TcpStream),
    Joined,
}

#[derive(Debug, Default)]
struct Flows {
    ports: HashMap<Flow, u16>,
    joints: HashMap<u16, (Flow, Joint)>,
    datagrams: HashMap<Flow, mpsc::Sender<Vec<u8>>>,
    next_port: u16,
    refused: HashSet<String>,
}

#[derive(Debug)]
struct Tunnel {
    device: AsyncFd<OwnedFd>,
    egress: Egress,
    /// Open whatever the setting.
    exceptions: Vec<SocketAddrV4>,
    logs: Arc<LogPipe>,
    flows: Mutex<Flows>,
}

/// Serves a sandbox's tunnel until dropped.
pub(crate) async fn serve(
    device: OwnedFd,
    listener: std::net::TcpListener,
    egress: Egress,
    exceptions: Vec<SocketAddrV4>,
    logs: Arc<LogPipe>,
) {
    let made = rustix::io::ioctl_fionbio(&device, true)
        .map_err(io::Error::from)
        .and_then(|()| Ok((register(device)?, TcpListener::from_std(listener)?)));
    let Ok((device, listener)) = made else { return };
    let tunnel = Arc::new(Tunnel {
        device,
        egress,
        exceptions,
        logs,
        flows: Mutex::default(),
    });
    let mut work = JoinSet::new();
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    loop {
        tokio::select! {
            read = tunnel.read(&mut buffer) => {
                let Ok(length) = read else { return };
                tunnel.take(&mut buffer[..length], &mut work);
            }
            accepted = listener.accept() => {
                if let Ok((inner, from)) = accepted {
                    work.spawn(tunnel.clone().join(inner, from));
                }
            }
            Some(_) = work.join_next() => {}
        }
    }
}

impl Tunnel {
    fn flows(&self) -> MutexGuard<'_, Flows> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.device.readable().await?;
            let read = ready.try_io(|device| Ok(rustix::io::read(device.get_ref(), &mut *buffer)?));
            if let Ok(result) = read {
                return result;
            }
        }
    }

    /// A tunnel that is full loses packets like any network.
    fn write(&self, packet: &[u8]) {
        let _written = rustix::io::write(self.device.get_ref(), packet);
    }

    fn take(self: &Arc<Self>, packet: &mut [u8], work: &mut JoinSet<()>) {
        let Some(head) = packet::head(packet) else {
            return;
        };
        match head.kind {
            Kind::Tcp { .. } if *head.to.ip() == BEYOND && head.from.port() == JOIN_PORT => {
                self.inwards(packet, &head);
            }
            Kind::Tcp { flags } => self.outwards(packet, &head, flags, work),
            Kind::Udp => self.datagram(packet, &head, work),
        }
    }

    /// What the listener inside answers goes to the function, as if from afar.
    fn inwards(&self, packet: &mut [u8], head: &Head) {
        let flow = self
            .flows()
            .joints
            .get(&head.to.port())
            .map(|(flow, _)| *flow);
        if let Some(flow) = flow {
            let own = SocketAddrV4::new(INSIDE, flow.own_port);
            packet::readdress(packet, head, flow.to, own);
            self.write(packet);
        }
    }

    fn outwards(
        self: &Arc<Self>,
        packet: &mut [u8],
        head: &Head,
        flags: u8,
        work: &mut JoinSet<()>,
    ) {
        let flow = Flow {
            own_port: head.from.port(),
            to: head.to,
        };
        let known = self.flows().ports.get(&flow).copied();
        match known {
            Some(port) => {
                let connecting =
                    matches!(self.flows().joints.get(&port), Some((_, Joint::Connecting)));
                if !connecting {
                    self.towards_listener(packet, head, port);
                }
            }
            None if flags & (SYN | ACK) == SYN => {
                let opening = self.clone().open(packet.to_vec(), *head, flow);
                work.spawn(opening);
            }
            None => {}
        }
    }

    fn towards_listener(&self, packet: &mut [u8], head: &Head, port: u16) {
        let from = SocketAddrV4::new(BEYOND, port);
        packet::readdress(packet, head, from, SocketAddrV4::new(INSIDE, JOIN_PORT));
        self.write(packet);
    }

    /// Connects the host's side, and only then lets the sandbox's side see its opening answered.
    async fn open(self: Arc<Self>, mut packet: Vec<u8>, head: Head, flow: Flow) {
        let target = match self.target(flow.to) {
            Ok(target) => target,
            Err(why) => {
                self.refuse(&flow.to.to_string(), &why);
                return self.reset(&packet, &head);
            }
        };
        let Some(port) = self.flows().begin(flow) else {
            return self.reset(&packet, &head);
        };
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => {
                drop(stream.set_nodelay(true));
                if let Some((_, joint)) = self.flows().joints.get_mut(&port) {
                    *joint = Joint::Connected(stream);
                }
                self.towards_listener(&mut packet, &head, port);
            }
            _ => {
                self.flows().end(port);
                self.reset(&packet, &head);
            }
        }
    }

    fn reset(&self, packet: &[u8], head: &Head) {
        if let Some(reset) = packet::refusal(packet, head) {
            self.write(&reset);
        }
    }

    /// Joins what the listener inside accepted with what was connected outside.
    async fn join(self: Arc<Self>, mut inner: TcpStream, from: SocketAddr) {
        let port = from.port();
        let connected = match self.flows().joints.get_mut(&port) {
            Some((_, joint @ Joint::Connected(_))) if from.ip() == BEYOND => {
                Some(std::mem::replace(joint, Joint::Joined))
            }
            // Whoever connects to the listener itself gets nothing.
            _ => None,
        };
        let Some(Joint::Connected(mut outer)) = connected else {
            return;
        };
        drop(inner.set_nodelay(true));
        // However it ends, both ends are closed.
        drop(tokio::io::copy_bidirectional(&mut inner, &mut outer).await);
        drop((inner, outer));
        tokio::time::sleep(LINGER).await;
        self.flows().end(port);
    }

    /// Where the host goes for what the function asked for.
    fn target(&self, to: SocketAddrV4) -> Result<SocketAddr, String> {
        if self.exceptions.contains(&to) {
            return Ok(SocketAddr::V4(to));
        }
        if self.egress == Egress::Deny {
            return Err("functions are not let out; start with --egress allow".to_owned());
        }
        if *to.ip() == BEYOND && to.port() == DNS_PORT {
            return Ok(policy::resolver());
        }
        policy::check(*to.ip())?;
        Ok(SocketAddr::V4(to))
    }

    /// Names a refusal in the function's log, once.
    fn refuse(&self, what: &str, why: &str) {
        let new = {
            let mut flows = self.flows();
            flows.refused.len() < FLOWS_MAX && flows.refused.insert(what.to_owned())
        };
        if new {
            self.logs.aside(format!("EGRESS_REFUSED {what}: {why}"));
        }
    }

    fn datagram(self: &Arc<Self>, packet: &[u8], head: &Head, work: &mut JoinSet<()>) {
        let payload = packet::datagram(packet, head).to_vec();
        let flow = Flow {
            own_port: head.from.port(),
            to: head.to,
        };
        let target = match self.target(flow.to) {
            Ok(target) => target,
            Err(why) => {
                let asked = policy::question(&payload).filter(|_| flow.to.port() == DNS_PORT);
                self.refuse(&asked.unwrap_or_else(|| flow.to.to_string()), &why);
                if flow.to.port() == DNS_PORT {
                    self.answer(flow, &policy::refused_lookup(&payload));
                }
                return;
            }
        };
        let mut flows = self.flows();
        if let Some(sender) = flows.datagrams.get(&flow) {
            // A full queue loses datagrams like any network.
            drop(sender.try_send(payload));
        } else if flows.datagrams.len() < FLOWS_MAX {
            let (sender, receiver) = mpsc::channel(64);
            drop(sender.try_send(payload));
            flows.datagrams.insert(flow, sender);
            drop(flows);
            work.spawn(self.clone().exchange(flow, target, receiver));
        }
    }

    fn answer(&self, flow: Flow, payload: &[u8]) {
        let own = SocketAddrV4::new(INSIDE, flow.own_port);
        if let Some(packet) = packet::udp(flow.to, own, payload) {
            self.write(&packet);
        }
    }

    /// Datagrams of one flow, both ways, until nobody has said anything for a while.
    async fn exchange(
        self: Arc<Self>,
        flow: Flow,
        target: SocketAddr,
        mut outgoing: mpsc::Receiver<Vec<u8>>,
    ) {
        if let Ok(socket) = UdpSocket::bind(("0.0.0.0", 0)).await
            && socket.connect(target).await.is_ok()
        {
            let mut buffer = vec![0; PACKET_BYTES_MAX];
            loop {
                let step = async {
                    tokio::select! {
                        Some(payload) = outgoing.recv() => socket.send(&payload).await.is_ok(),
                        received = socket.recv(&mut buffer) => match received {
                            Ok(length) => {
                                self.answer(flow, &buffer[..length]);
                                true
                            }
                            Err(_) => false,
                        },
                    }
                };
                if !timeout(UDP_IDLE, step).await.unwrap_or(false) {
                    break;
                }
            }
        }
        self.flows().datagrams.remove(&flow);
    }
}

impl Flows {
    /// A port that stands for the flow; none where there are too many.
    fn begin(&mut self, flow: Flow) -> Option<u16> {
        if self.ports.len() >= FLOWS_MAX || self.ports.contains_key(&flow) {
            return None;
        }
        let port = (0..=u16::MAX).find_map(|_| {
            self.next_port = self.next_port.wrapping_add(1).max(1024);
            (!self.joints.contains_key(&self.next_port)).then_some(self.next_port)
        })?;
        self.ports.insert(flow, port);
        self.joints.insert(port, (flow, Joint::Connecting));
        Some(port)
    }

    fn end(&mut self, port: u16) {
        if let Some((flow, _)) = self.joints.remove(&port) {
            self.ports.remove(&flow);
        }
    }
}
