//! An AWS that answers as told, for tests of handlers: the SDK is real down to the bytes, and so is the connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;

/// What a handler asked of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `PUT`
    pub method: String,
    /// `/files/a.txt?x-id=PutObject`
    pub path: String,
    /// Every header, a line each, names in lower case.
    pub headers: String,
    pub body: String,
}

/// What it is told.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// Calls and answers: the handler's SDK is configured by `config`, and what it asked is read from `calls`.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    config: SdkConfig,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Call {
    /// Whether it is that call: by the operation that a header names, or by method and the start of the path.
    #[must_use]
    pub fn is(&self, what: &str) -> bool {
        let named = format!(".{what}\n");
        self.headers.contains(&named) || format!("{} {}", self.method, self.path).starts_with(what)
    }

    /// Reads one request of HTTP/1.1 whose length its head tells, as the SDK sends them.
    fn read(connection: &mut TcpStream) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&bytes);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let call = Self::from_head(head);
                let length = call.headers.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                if bytes.len() - head.len() - 4 >= length.unwrap_or(0) {
                    let body = body.to_owned();
                    return Ok(Self { body, ..call });
                }
            }
            match connection.read(&mut chunk)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn from_head(head: &str) -> Self {
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words = line.split(' ').map(str::to_owned);
        let lines = headers.lines().map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{}: {}\n", name.to_lowercase(), value.trim()),
            None => String::new(),
        });
        Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            headers: lines.collect(),
            body: String::new(),
        }
    }
}

impl Reply {
    /// Success with that body.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![],
            body: body.into(),
        }
    }

    /// Success of an operation that answers nothing, or lists nothing, in CBOR: the protocol of CloudWatch.
    #[must_use]
    pub fn empty_cbor() -> Self {
        Self::ok([0xa0]).with("smithy-protocol", "rpc-v2-cbor")
    }

    /// A refusal.
    #[must_use]
    pub fn refusal(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"__type":"{code}","message":"as told"}}"#);
        let reply = Self {
            status,
            ..Self::ok(body)
        };
        reply.with("x-amzn-errortype", code)
    }

    #[must_use]
    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    fn write(&self, call: &Call, connection: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Told\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = match call.method.as_str() {
            "HEAD" | "DELETE" => &[][..],
            _ => &self.body,
        };
        write!(connection, "{head}content-length: {}\r\n\r\n", body.len())?;
        connection.write_all(body)
    }
}

impl Rehearsal {
    /// Listens on a port of this machine for as long as the test runs.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "a machine without a free port runs no tests"
    )]
    pub fn new(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (heard, answer) = (Arc::clone(&calls), Arc::new(answer));
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                thread::spawn(move || hold(&mut connection, &heard, answer.as_ref()));
            }
        });
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .retry_config(RetryConfig::disabled())
            .http_client(Builder::new().build_http())
            .endpoint_url(format!("http://{address}"))
            .build();
        Self { config, calls }
    }

    #[must_use]
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// What was asked so far, in the order of asking.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.calls.lock();
        calls.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn hold(connection: &mut TcpStream, heard: &Mutex<Vec<Call>>, answer: &dyn Fn(&Call) -> Reply) {
    // A client that hangs up has nothing more to ask.
    let Ok(call) = Call::read(connection) else {
        return;
    };
    let reply = answer(&call);
    let mut calls = heard.lock().unwrap_or_else(PoisonError::into_inner);
    calls.push(call.clone());
    drop(calls);
    drop(reply.write(&call, connection));
}
