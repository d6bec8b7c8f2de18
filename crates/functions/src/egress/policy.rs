//! Which addresses are let out, and how names are looked up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

const DNS_PORT: u16 = 53;
/// Where a header of DNS ends and the question begins.
const QUESTION: usize = 12;

/// Refuses what is no public address of somebody else.
pub(super) fn check(address: Ipv4Addr) -> Result<(), String> {
    if !is_public(address) {
        return Err("loopback, private and reserved networks stay closed to functions".to_owned());
    }
    // Only an address of this very machine can be bound.
    if UdpSocket::bind((address, 0)).is_ok() {
        return Err("this machine's own addresses stay closed to functions".to_owned());
    }
    Ok(())
}

fn is_public(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
    let benchmark = octets[0] == 198 && octets[1] & 0xfe == 18;
    let special = octets[0] == 0 || octets[0] >= 224 || octets[..3] == [192, 0, 0];
    !(shared
        || benchmark
        || special
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation())
}

/// The host's own resolver.
pub(super) fn resolver() -> SocketAddr {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then_some(())?;
        words.next()?.parse::<IpAddr>().ok()
    });
    SocketAddr::new(server.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), DNS_PORT)
}

/// The name that a query asks for.
pub(super) fn question(query: &[u8]) -> Option<String> {
    let mut labels = Vec::new();
    let mut at = QUESTION;
    loop {
        let length = usize::from(*query.get(at)?);
        if length == 0 {
            break;
        }
        let label = query.get(at + 1..at + 1 + length)?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += 1 + length;
    }
    (!labels.is_empty()).then(|| labels.join("."))
}

/// The answer to a query that nobody will answer.
pub(super) fn refused_lookup(query: &[u8]) -> Vec<u8> {
    let mut answer = query.to_vec();
    if let Some(flags) = answer.get_mut(2..4) {
        // A response, with the code REFUSED.
        flags[0] |= 0x80;
        flags[1] = (flags[1] & 0xf0) | 5;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_of_others_are_let_out() {
        for closed in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "192.0.0.8",
            "240.0.0.1",
        ] {
            let address: Ipv4Addr = closed.parse().expect("an address");
            assert!(check(address).is_err(), "{closed}");
        }
        for open in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "52.94.5.1",
        ] {
            let address: Ipv4Addr = open.parse().expect("an address");
            assert!(check(address).is_ok(), "{open}");
        }
    }

    #[test]
    fn lookups_are_named_and_refused() {
        let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(b"\x03api\x07example\x03org\x00\x00\x01\x00\x01");
        assert_eq!(question(&query).as_deref(), Some("api.example.org"));
        let answer = refused_lookup(&query);
        assert_eq!((answer[2] & 0x80, answer[3] & 0x0f), (0x80, 5));
        assert_eq!(question(&[0; 5]), None);
    }
}
