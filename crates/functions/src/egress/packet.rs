//! IPv4 packets of a tunnel: read, addressed anew, made. Knows no socket and no policy.

use std::net::{Ipv4Addr, SocketAddrV4};

const TCP: u8 = 6;
const UDP: u8 = 17;
const IP_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;
const TCP_HEADER_BYTES: usize = 20;

pub(super) const SYN: u8 = 0x02;
const RST: u8 = 0x04;
pub(super) const ACK: u8 = 0x10;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Tcp { flags: u8 },
    Udp,
}

/// Where a packet comes from and goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) from: SocketAddrV4,
    pub(super) to: SocketAddrV4,
    /// Where the payload of IP begins.
    transport: usize,
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// A whole TCP or UDP packet; anything else, and fragments, are nothing.
pub(super) fn head(packet: &[u8]) -> Option<Head> {
    let first = *packet.first()?;
    let transport = usize::from(first & 0x0f) * 4;
    let fragment = number(packet, 6)? & 0x3fff;
    if first >> 4 != 4 || transport < IP_HEADER_BYTES || fragment != 0 {
        return None;
    }
    let kind = match packet.get(9)? {
        &TCP => Kind::Tcp {
            flags: *packet.get(transport + 13)?,
        },
        &UDP => Kind::Udp,
        _ => return None,
    };
    Some(Head {
        kind,
        from: SocketAddrV4::new(address(packet, 12)?, number(packet, transport)?),
        to: SocketAddrV4::new(address(packet, 16)?, number(packet, transport + 2)?),
        transport,
    })
}

/// What a UDP packet carries.
pub(super) fn datagram<'a>(packet: &'a [u8], head: &Head) -> &'a [u8] {
    packet
        .get(head.transport + UDP_HEADER_BYTES..)
        .unwrap_or_default()
}

/// The same packet from and to somewhere else, its checksums made right.
pub(super) fn readdress(packet: &mut [u8], head: &Head, from: SocketAddrV4, to: SocketAddrV4) {
    let transport = head.transport;
    packet[12..16].copy_from_slice(&from.ip().octets());
    packet[16..20].copy_from_slice(&to.ip().octets());
    packet[transport..transport + 2].copy_from_slice(&from.port().to_be_bytes());
    packet[transport + 2..transport + 4].copy_from_slice(&to.port().to_be_bytes());
    let kind = match head.kind {
        Kind::Tcp { .. } => TCP,
        Kind::Udp => UDP,
    };
    seal(packet, transport, kind);
}

/// A UDP packet.
pub(super) fn udp(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(UDP_HEADER_BYTES + payload.len()).ok()?;
    let mut packet = ip(from, to, UDP, usize::from(length))?;
    for part in [from.port(), to.port(), length, 0] {
        packet.extend_from_slice(&part.to_be_bytes());
    }
    packet.extend_from_slice(payload);
    seal(&mut packet, IP_HEADER_BYTES, UDP);
    Some(packet)
}

/// The answer of a host where nobody listens, to a packet that opens a connection.
pub(super) fn refusal(syn: &[u8], head: &Head) -> Option<Vec<u8>> {
    let sequence = syn.get(head.transport + 4..head.transport + 8)?;
    let sequence = u32::from_be_bytes(sequence.try_into().ok()?).wrapping_add(1);
    let mut packet = ip(head.to, head.from, TCP, TCP_HEADER_BYTES)?;
    packet.extend_from_slice(&head.to.port().to_be_bytes());
    packet.extend_from_slice(&head.from.port().to_be_bytes());
    packet.extend_from_slice(&0_u32.to_be_bytes());
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0x50, RST | ACK, 0, 0, 0, 0, 0, 0]);
    seal(&mut packet, IP_HEADER_BYTES, TCP);
    Some(packet)
}

fn ip(from: SocketAddrV4, to: SocketAddrV4, protocol: u8, length: usize) -> Option<Vec<u8>> {
    let total = u16::try_from(IP_HEADER_BYTES + length).ok()?;
    let mut packet = Vec::with_capacity(usize::from(total));
    packet.extend_from_slice(&[0x45, 0]);
    packet.extend_from_slice(&total.to_be_bytes());
    // No identification; do not fragment; 64 hops.
    packet.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend_from_slice(&from.ip().octets());
    packet.extend_from_slice(&to.ip().octets());
    Some(packet)
}

/// Makes both checksums right.
fn seal(packet: &mut [u8], transport: usize, protocol: u8) {
    packet[10..12].fill(0);
    let header = finish(sum(&packet[..transport]));
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    let at = transport + if protocol == TCP { 16 } else { 6 };
    packet[at..at + 2].fill(0);
    let length = u32::try_from(packet.len() - transport).unwrap_or_default();
    let pseudo = sum(&packet[12..20]) + u32::from(protocol) + length;
    let mut check = finish(pseudo + sum(&packet[transport..]));
    if protocol == UDP && check == 0 {
        // In UDP a zero means that there is no checksum.
        check = u16::MAX;
    }
    packet[at..at + 2].copy_from_slice(&check.to_be_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    words.sum()
}

fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> SocketAddrV4 {
        text.parse().expect("an address")
    }

    /// Over a packet with a right checksum the sum is all ones.
    fn is_right(packet: &[u8]) -> bool {
        let head = head(packet).expect("a packet");
        let protocol = u32::from(packet[9]);
        let length = u32::try_from(packet.len() - head.transport).expect("short");
        let pseudo = sum(&packet[12..20]) + protocol + length;
        finish(sum(&packet[..head.transport])) == 0
            && finish(pseudo + sum(&packet[head.transport..])) == 0
    }

    #[test]
    fn what_is_made_can_be_read_and_its_checksums_are_right() {
        let (from, to) = (place("10.0.0.1:5000"), place("1.2.3.4:53"));
        let mut packet = udp(from, to, b"odd").expect("short enough");
        let read = head(&packet).expect("a packet");
        assert_eq!((read.kind, read.from, read.to), (Kind::Udp, from, to));
        assert_eq!(datagram(&packet, &read), b"odd");
        assert!(is_right(&packet));
        readdress(&mut packet, &read, to, from);
        let again = head(&packet).expect("a packet");
        assert_eq!((again.from, again.to), (to, from));
        assert!(is_right(&packet));
    }

    #[test]
    fn an_opening_is_refused_by_a_reset_of_its_sequence() {
        let (from, to) = (place("10.0.0.1:5000"), place("1.2.3.4:80"));
        let mut syn = ip(from, to, TCP, TCP_HEADER_BYTES).expect("short");
        syn.extend_from_slice(&[
            0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, SYN, 0, 0, 0, 0, 0, 0,
        ]);
        let read = head(&syn).expect("a packet");
        assert_eq!(read.kind, Kind::Tcp { flags: SYN });
        let reset = refusal(&syn, &read).expect("an answer");
        let answered = head(&reset).expect("a packet");
        assert_eq!(answered.kind, Kind::Tcp { flags: RST | ACK });
        assert_eq!((answered.from, answered.to), (to, from));
        assert_eq!(reset[28..32], 10_u32.to_be_bytes());
        assert!(is_right(&reset));
    }

    #[test]
    fn fragments_and_other_protocols_are_nothing() {
        let mut packet = udp(place("10.0.0.1:1"), place("1.2.3.4:2"), b"x").expect("short");
        assert_eq!(head(&packet[..15]), None);
        packet[6] = 0x20;
        assert_eq!(head(&packet), None);
        packet[6] = 0x40;
        packet[9] = 1;
        assert_eq!(head(&packet), None);
    }
}
