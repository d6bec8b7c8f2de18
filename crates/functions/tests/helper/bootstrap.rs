//! A function for the tests: a bare client of the Runtime API that does what its event says, `"verb argument"`.

#![expect(unsafe_code, reason = "it tries to break out with system calls")]
#![expect(clippy::unwrap_used, reason = "a function of the tests may die")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it prints is its log"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, exit};
use std::thread::sleep;
use std::time::Duration;

struct Api {
    reader: BufReader<TcpStream>,
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Api {
    fn connect() -> Api {
        let stream = TcpStream::connect(std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        Api {
            reader: BufReader::new(stream),
        }
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut bytes = format!(
            "{method} /2018-06-01/{path} HTTP/1.1\r\nHost: runtime\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        self.reader.get_mut().write_all(&bytes).unwrap();
        self.receive()
    }

    fn send_chunked(
        &mut self,
        path: &str,
        headers: &str,
        chunks: &[&str],
        trailers: &str,
    ) -> Answer {
        let mut text = format!(
            "POST /2018-06-01/{path} HTTP/1.1\r\nHost: runtime\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
        );
        for chunk in chunks {
            text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        text.push_str(&format!("0\r\n{trailers}\r\n"));
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
        self.receive()
    }

    fn receive(&mut self) -> Answer {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }
}

fn main() {
    // One program does nothing: the least a process start costs.
    if std::env::args().nth(1).as_deref() == Some("no-op") {
        return;
    }
    let mut api = Api::connect();
    initialise(&mut api);
    let mut invocations = 0;
    loop {
        let event = api.send("GET", "runtime/invocation/next", "", b"");
        invocations += 1;
        let id = event.headers["lambda-runtime-aws-request-id"].clone();
        let text = String::from_utf8_lossy(&event.body)
            .trim_matches('"')
            .to_owned();
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let path = format!("runtime/invocation/{id}/response");
        let body = match verb {
            "echo" => event.body.clone(),
            "count" => invocations.to_string().into_bytes(),
            "headers" => json(event.headers.clone()).into_bytes(),
            "env" => json(std::env::vars().collect()).into_bytes(),
            "breakout" => json(breakout::attempts()).into_bytes(),
            "invalid" => b"this is no JSON".to_vec(),
            "big" => vec![b'x'; argument.parse().unwrap()],
            "protocol" => protocol(&mut api, &id).into_bytes(),
            "stream" => {
                stream(&mut api, &path, argument);
                continue;
            }
            "error" => {
                let path = format!("runtime/invocation/{id}/error");
                let header = format!("Lambda-Runtime-Function-Error-Type: {argument}\r\n");
                api.send(
                    "POST",
                    &path,
                    &header,
                    br#"{"errorMessage":"no","errorType":"Mine"}"#,
                );
                continue;
            }
            "late" => {
                std::thread::spawn(|| {
                    sleep(Duration::from_millis(200));
                    println!("after the answer");
                });
                b"null".to_vec()
            }
            _ => perform(verb, argument).into_bytes(),
        };
        api.send("POST", &path, "", &body);
        if verb == "late-exit" {
            exit(3);
        }
    }
}

fn initialise(api: &mut Api) {
    println!("initialising");
    match std::env::var("INIT").as_deref() {
        Ok("error") => {
            let header = "Lambda-Runtime-Function-Error-Type: Runtime.NoSuchThing\r\n";
            api.send(
                "POST",
                "runtime/init/error",
                header,
                br#"{"errorMessage":"no init","errorType":"Mine"}"#,
            );
            exit(1);
        }
        Ok("exit") => exit(7),
        Ok("slow") if !fs::exists("/tmp/tried").unwrap() => {
            fs::write("/tmp/tried", "").unwrap();
            sleep(Duration::from_secs(60));
        }
        Ok("once") if !fs::exists("/tmp/tried").unwrap() => {
            fs::write("/tmp/tried", "").unwrap();
            exit(0);
        }
        _ => {}
    }
}

fn perform(verb: &str, argument: &str) -> String {
    match verb {
        "print" => {
            println!("{argument} out");
            eprintln!("{argument} err");
            print!("no newline");
            std::io::stdout().flush().unwrap();
        }
        "exit" => exit(argument.parse().unwrap()),
        "abort" => std::process::abort(),
        "sleep" => sleep(Duration::from_millis(argument.parse().unwrap())),
        "children" => {
            for _ in 0..3 {
                // Left running on purpose.
                drop(Command::new("/bin/sleep").arg("1000").spawn());
            }
            sleep(Duration::from_secs(100));
        }
        "shout" => {
            let line = "x".repeat(1023);
            let mut out = std::io::stdout().lock();
            for _ in 0..argument.parse::<u32>().unwrap() {
                writeln!(out, "{line}").unwrap();
            }
        }
        "eat" => {
            let mut eaten = Vec::new();
            for _ in 0..argument.parse::<usize>().unwrap() {
                eaten.push(std::hint::black_box(vec![1_u8; 1024 * 1024]));
                sleep(Duration::from_millis(1));
            }
        }
        "tmp-write" => fs::write("/tmp/kept", argument).unwrap(),
        "tmp-read" => return format!("{:?}", fs::read_to_string("/tmp/kept").unwrap_or_default()),
        "layers" => {
            let read = |name: &str| {
                fs::read_to_string(format!("/opt/{name}")).unwrap_or_else(|error| error.to_string())
            };
            return format!("{:?}", [read("first"), read("second"), read("both")]);
        }
        "aws" => {
            let mut stream = {
                let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
                TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap()
            };
            stream.write_all(b"hello").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            return format!("{answer:?}");
        }
        _ => {}
    }
    "null".to_owned()
}

/// Wrong uses of the Runtime API, with what it answered.
fn protocol(api: &mut Api, id: &str) -> String {
    let mut answers = BTreeMap::new();
    let mut note = |name: &str, answer: Answer| {
        let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
        answers.insert(name.to_owned(), format!("{} {text}", answer.status));
    };
    note(
        "next while running",
        api.send("GET", "runtime/invocation/next", "", b""),
    );
    note(
        "other id",
        api.send("POST", "runtime/invocation/other/response", "", b"{}"),
    );
    note(
        "late init error",
        api.send("POST", "runtime/init/error", "", b"{}"),
    );
    note("ping", api.send("GET", "ping", "", b""));
    let odd = "Lambda-Runtime-Function-Response-Mode: odd\r\n";
    note(
        "odd mode",
        api.send(
            "POST",
            &format!("runtime/invocation/{id}/response"),
            odd,
            b"{}",
        ),
    );
    json(answers)
}

fn stream(api: &mut Api, path: &str, argument: &str) {
    let mode = "Lambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n";
    let trailers = if argument == "fails" {
        "Lambda-Runtime-Function-Error-Type: Function.Broke\r\n\
         Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJicm9rZSJ9\r\n"
    } else {
        ""
    };
    api.send_chunked(path, mode, &["one,", "two"], trailers);
}

fn json(values: BTreeMap<String, String>) -> String {
    serde_json::to_string(&values).unwrap()
}

/// Everything a function may try. Each attempt answers what became of it.
mod breakout {
    use super::{BTreeMap, Command, TcpStream, fs};
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;

    pub(super) fn attempts() -> BTreeMap<String, String> {
        let mut results = BTreeMap::new();
        let mut note = |name: &str, result: String| results.insert(name.to_owned(), result);
        note("ids", ids());
        note("capabilities", status("CapEff"));
        note("bounding", status("CapPrm"));
        note("no_new_privs", status("NoNewPrivs"));
        note("seccomp", status("Seccomp"));
        note("processes", processes());
        note("descriptors", descriptors());
        note("root", listing("/"));
        note("home", outcome(fs::read_dir("/root")));
        note("store", outcome(fs::read_dir("/.store")));
        note("shadow", outcome(fs::read("/etc/shadow")));
        for path in [
            "/usr/x",
            "/var/task/x",
            "/etc/x",
            "/x",
            "/dev/x",
            "/opt/x",
            "/var/rapid/x",
        ] {
            note(&format!("write {path}"), outcome(fs::write(path, "x")));
        }
        note("write /tmp/x", outcome(fs::write("/tmp/x", "x")));
        note(
            "core pattern",
            outcome(fs::write("/proc/sys/kernel/core_pattern", "|/tmp/x")),
        );
        note("memory of 1", outcome(fs::File::open("/proc/1/mem")));
        note("environment of 1", outcome(fs::read("/proc/1/environ")));
        note("root of 1", outcome(fs::read_dir("/proc/1/root")));
        note("descriptors of 1", outcome(fs::read_dir("/proc/1/fd")));
        for address in [
            "1.1.1.1:80",
            "127.0.0.1:22",
            "169.254.169.254:80",
            "10.0.0.1:80",
        ] {
            let address: SocketAddr = address.parse().unwrap();
            note(
                &format!("connect {address}"),
                outcome(TcpStream::connect_timeout(&address, Duration::from_secs(2))),
            );
        }
        let datagram =
            UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", "8.8.8.8:53"));
        note("datagram", outcome(datagram));
        note("runtime api", outcome(TcpStream::connect("127.0.0.1:9001")));
        calls(&mut note);
        note(
            "sudo",
            outcome(
                Command::new("/usr/bin/su")
                    .arg("-c")
                    .arg("id")
                    .output()
                    .map(|output| output.status.success())
                    .and_then(failed),
            ),
        );
        results
    }

    fn failed(success: bool) -> io::Result<()> {
        if success {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EPERM))
        }
    }

    fn calls(note: &mut impl FnMut(&str, String) -> Option<String>) {
        // SAFETY: attempts; each fails or does no harm to this process.
        unsafe {
            note(
                "unshare user",
                call(libc::unshare(libc::CLONE_NEWUSER).into()),
            );
            note(
                "unshare mounts",
                call(libc::unshare(libc::CLONE_NEWNS).into()),
            );
            let (from, to) = (c"none".as_ptr(), c"/tmp".as_ptr());
            note(
                "mount",
                call(libc::mount(from, to, c"tmpfs".as_ptr(), 0, std::ptr::null()).into()),
            );
            note(
                "unmount",
                call(libc::umount2(c"/tmp".as_ptr(), libc::MNT_DETACH).into()),
            );
            note("chroot", call(libc::chroot(to).into()));
            note("ptrace 1", call(libc::ptrace(libc::PTRACE_ATTACH, 1, 0, 0)));
            note("kernel log", call(libc::syscall(libc::SYS_syslog, 3, 0, 0)));
            note("bpf", call(libc::syscall(libc::SYS_bpf, 0, 0, 0)));
            note(
                "io_uring",
                call(libc::syscall(libc::SYS_io_uring_setup, 1, 0)),
            );
            note("keyring", call(libc::syscall(libc::SYS_keyctl, 0, -3, 0)));
            note("clone3", call(libc::syscall(libc::SYS_clone3, 0, 0)));
            let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
            let child = libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0);
            if child == 0 {
                libc::_exit(0);
            }
            note("clone user", call(child));
            let stream = libc::SOCK_STREAM;
            note(
                "vsock",
                call(libc::socket(libc::AF_VSOCK, stream, 0).into()),
            );
            note(
                "crypto socket",
                call(libc::socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0).into()),
            );
            note(
                "packet socket",
                call(libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0).into()),
            );
            note(
                "x32 ptrace",
                call(libc::syscall(0x4000_0000 | 521, 0, 0, 0)),
            );
            note("setuid 0", call(libc::setresuid(0, 0, 0).into()));
            note("kill 1", call(libc::kill(1, libc::SIGKILL).into()));
        }
    }

    fn call(result: libc::c_long) -> String {
        outcome(if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        })
    }

    fn outcome<T>(result: io::Result<T>) -> String {
        match result {
            Ok(_) => "done".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    fn ids() -> String {
        // SAFETY: cannot fail.
        unsafe { format!("{}:{}", libc::getuid(), libc::getgid()) }
    }

    fn status(field: &str) -> String {
        let text = fs::read_to_string("/proc/self/status").unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{field}:")));
        line.unwrap_or_default().trim().to_owned()
    }

    fn names(path: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn listing(path: &str) -> String {
        names(path).join(" ")
    }

    fn processes() -> String {
        names("/proc")
            .iter()
            .filter(|name| name.parse::<u32>().is_ok())
            .count()
            .to_string()
    }

    /// What each open descriptor is, but for the one that reads the list.
    fn descriptors() -> String {
        let targets = names("/proc/self/fd")
            .into_iter()
            .filter_map(|fd| fs::read_link(format!("/proc/self/fd/{fd}")).ok());
        let kinds = targets.map(|target| {
            target
                .display()
                .to_string()
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        kinds.collect::<Vec<_>>().join(" ")
    }
}
