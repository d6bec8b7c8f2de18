//! What functions can reach: nothing, or what they are let out to, and the log names what they are not.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::Arc;

use cumulet_functions::{Egress, FunctionVersion, InvocationOutcome};

use crate::host::{TestHost, invocation, payload, platform_line};
use crate::interpreted::{bare, python};

const VISITOR: &str = r#"
import socket

def handler(event, context):
    verb, _, rest = event.partition(" ")
    try:
        if verb == "lookup":
            return [socket.gethostbyname(rest)]
        host, port = rest.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"x" * 300000)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return len(answer)
    except Exception as error:
        return type(error).__name__
"#;

async fn visit(host: &TestHost, event: &str) -> InvocationOutcome {
    let function = Arc::new(FunctionVersion {
        runtime: python().to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package("visitor", &[("app.py", VISITOR)]),
        memory_size_mb: 256,
        ..host.function()
    });
    let ran = host.functions.invoke(&function, invocation(event)).await;
    ran.expect("the function ran")
}

/// This machine's address on its network.
fn own_address() -> Ipv4Addr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket
        .connect("192.0.2.1:9")
        .expect("a machine with a network");
    match socket.local_addr().expect("an address").ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("asked for IPv4: {address}"),
    }
}

/// Answers each visitor with what it sent, twice.
fn echo_twice() -> SocketAddrV4 {
    let listener = TcpListener::bind((own_address(), 0)).expect("a listener");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut said = Vec::new();
            if stream.read_to_end(&mut said).is_ok() {
                drop(stream.write_all(&[said.clone(), said].concat()));
            }
        }
    });
    SocketAddrV4::new(own_address(), port)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_gets_out_by_default_and_the_log_names_what_wanted_to() {
    let host = TestHost::start_with(|config| config.runtimes = bare()).await;
    let outcome = visit(&host, "connect 1.1.1.1:443").await;
    assert_eq!(
        payload(&outcome),
        r#""ConnectionRefusedError""#,
        "{outcome:?}"
    );
    let line = platform_line(&outcome, "EGRESS_REFUSED");
    assert!(
        line.contains("1.1.1.1:443") && line.contains("--egress allow"),
        "{line}"
    );
    let outcome = visit(&host, "lookup api.example.org").await;
    assert_eq!(payload(&outcome), r#""gaierror""#);
    assert!(
        platform_line(&outcome, "EGRESS_REFUSED").contains("api.example.org"),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_out_is_joined_and_this_machine_stays_closed() {
    let open = echo_twice();
    let closed = echo_twice();
    let host = TestHost::start_with(|config| {
        config.runtimes = bare();
        config.egress = Egress::Allow;
        config.egress_exceptions = vec![open];
    })
    .await;
    for _ in 0..3 {
        let outcome = visit(&host, &format!("connect {open}")).await;
        assert_eq!(payload(&outcome), "600000", "{outcome:?}");
    }
    for refused in [
        closed.to_string(),
        "10.255.255.1:80".to_owned(),
        "169.254.169.254:80".to_owned(),
    ] {
        let outcome = visit(&host, &format!("connect {refused}")).await;
        assert_eq!(
            payload(&outcome),
            r#""ConnectionRefusedError""#,
            "{refused}"
        );
        assert!(
            platform_line(&outcome, "EGRESS_REFUSED").contains(&refused),
            "{outcome:?}"
        );
    }
    // The listener that joins is no way in for the function itself.
    let outcome = visit(&host, "connect 169.254.100.5:9003").await;
    assert_ne!(payload(&outcome), "600000");
    // Loopback is the sandbox's own.
    let outcome = visit(&host, "connect 127.0.0.1:22").await;
    assert_eq!(payload(&outcome), r#""ConnectionRefusedError""#);
}
