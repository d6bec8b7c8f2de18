//! Accepts connections and speaks HTTP/1.1 on them, plain or under TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cumulet_functions::AwsConnection;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::server::TlsStream;

use super::patient::Patient;
use super::{SecureTransport, Server, front, tls};

const CONNECTIONS_MAX: usize = 20_000;
/// Descriptors left for files, sandboxes and whatever else is not a client.
const DESCRIPTORS_KEPT: u64 = 512;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running requests may take to finish when the engine stops.
const GRACE: Duration = Duration::from_secs(30);
/// How long a connection is kept on which nothing runs.
const IDLE_GRACE: Duration = Duration::from_millis(500);
/// How long a client may take nothing of what it is sent.
const UNREAD_MAX: Duration = Duration::from_secs(60);

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) address: IpAddr,
    /// The function whose sandbox opened it.
    pub(super) function_arn: Option<Arc<str>>,
    /// Whether the connection speaks TLS.
    pub(super) tls: bool,
    /// Says when the engine stops, for what outlives the request it came with.
    pub(super) stopped: Option<watch::Receiver<bool>>,
}

impl Origin {
    /// Whether the caller is a person or program on this machine, outside any sandbox.
    pub(super) fn is_local(&self) -> bool {
        self.function_arn.is_none() && self.address.is_loopback()
    }

    /// The value of `aws:SecureTransport`: nobody listens in on loopback, so it counts as safe unless told otherwise.
    pub(super) fn is_secure(&self, policy: SecureTransport) -> bool {
        self.tls || (self.address.is_loopback() && policy == SecureTransport::Loopback)
    }
}

/// Serves both doors until `stop`, then lets what runs finish.
pub(super) async fn run(
    server: Server,
    socket: TcpListener,
    mut sandboxes: mpsc::Receiver<AwsConnection>,
    stop: impl Future<Output = ()> + Send,
) {
    let (stopping, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(connections_max()));
    tokio::pin!(stop);
    loop {
        let (stream, origin, place) = tokio::select! {
            () = &mut stop => break,
            // Where all places are taken clients wait outside; functions never do.
            accepted = accept(&socket, &places) => match accepted {
                Ok((stream, address, place)) => (stream, from_client(address), Some(place)),
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come back.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(connection) = sandboxes.recv() => (connection.stream, from_sandbox(&connection.function_arn), None),
        };
        let (server, stopped) = (server.clone(), stopped.clone());
        tokio::spawn(async move {
            greet(server, stream, origin, stopped).await;
            drop(place);
        });
    }
    // Nobody new may wait in the socket's queue for an engine that is going.
    drop(socket);
    drop((stopped, stopping.send(true)));
    drop(tokio::time::timeout(GRACE, stopping.closed()).await);
}

async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await;
    let place = place.map_err(std::io::Error::other)?;
    let (stream, address) = socket.accept().await?;
    Ok((stream, address.ip(), place))
}

/// As many connections as the process may have descriptors, having asked for all it can get.
fn connections_max() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it was");
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let free = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(64);
    usize::try_from(free)
        .unwrap_or(usize::MAX)
        .min(CONNECTIONS_MAX)
}

fn from_client(address: IpAddr) -> Origin {
    Origin {
        address: address.to_canonical(),
        function_arn: None,
        tls: false,
        stopped: None,
    }
}

fn from_sandbox(function_arn: &str) -> Origin {
    Origin {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        function_arn: Some(function_arn.into()),
        tls: false,
        stopped: None,
    }
}

const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This engine speaks plain HTTP with its own machine only. Use https:// and trust the certificate that \
    `cumulet ca` prints, or start the engine with --insecure.\n";

/// Finds out what the client speaks, and serves that.
async fn greet(
    server: Server,
    mut stream: TcpStream,
    origin: Origin,
    stopped: watch::Receiver<bool>,
) {
    // Head and body leave in one segment or two, but never wait for an acknowledgement in between.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY is not set");
    }
    let mut stopping = stopped.clone();
    let spoken = tokio::select! {
        spoken = first_words(&stream) => spoken,
        // Who has said nothing yet is not waited for.
        _ = stopping.wait_for(|stopped| *stopped) => return,
    };
    let outcome = match spoken {
        Ok(true) => secure(&server, stream).await.map(Some),
        Ok(false) if may_be_plain(&server, &origin) => {
            return serve(server, stream, origin, stopped).await;
        }
        Ok(false) => stream.write_all(PLAIN_REFUSED).await.map(|()| None),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Some(stream)) => {
            serve(
                server,
                stream,
                Origin {
                    tls: true,
                    ..origin
                },
                stopped,
            )
            .await
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "a connection came to nothing"),
    }
}

/// Whether the client begins with TLS; one that says nothing is sent away like one whose head never ends.
async fn first_words(stream: &TcpStream) -> std::io::Result<bool> {
    let spoken = tokio::time::timeout(HEAD_TIMEOUT, tls::is_handshake(stream)).await;
    spoken.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

async fn secure(server: &Server, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
    let address = stream.local_addr()?.ip();
    server.tls.accept(stream, address).await
}

/// Beyond loopback plain HTTP shows every request to the network: only on demand.
fn may_be_plain(server: &Server, origin: &Origin) -> bool {
    origin.address.is_loopback() || server.settings.insecure
}

/// Speaks HTTP on a connection until either side ends it.
pub(super) async fn serve(
    server: Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: Origin,
    mut stopped: watch::Receiver<bool>,
) {
    let running = Arc::new(AtomicUsize::new(0));
    let counted = running.clone();
    let origin = Origin {
        stopped: Some(stopped.clone()),
        ..origin
    };
    let answer = service_fn(move |request| {
        let (server, origin) = (server.clone(), origin.clone());
        let running = Running::count(&counted);
        async move {
            let answered = front::answer(server, origin, request).await;
            drop(running);
            Ok::<_, std::convert::Infallible>(answered)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(true)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(Patient::new(stream, UNREAD_MAX)), answer)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            // A head that never ends, or an answer that nobody reads, holds nobody up.
            while running.load(Ordering::Acquire) > 0 {
                if let Ok(ended) = tokio::time::timeout(IDLE_GRACE, connection.as_mut()).await {
                    return note(ended);
                }
            }
            match tokio::time::timeout(IDLE_GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    note(outcome);
}

fn note(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke");
    }
}

/// A request that is being answered.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn count(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::AcqRel);
        Self(running.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
