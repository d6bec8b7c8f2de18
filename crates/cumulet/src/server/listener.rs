//! Accepts connections and speaks HTTP/1.1 on them, plain or under TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use cumulet_functions::AwsConnection;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{SecureTransport, Server, front, tls};

const CONNECTIONS_MAX: usize = 20_000;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running requests may take to finish when the engine stops.
const GRACE: Duration = Duration::from_secs(10);

/// Where a connection comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) address: IpAddr,
    /// The function whose sandbox opened it.
    pub(super) function_arn: Option<Arc<str>>,
    /// Whether the connection speaks TLS.
    pub(super) tls: bool,
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
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let (stream, origin) = tokio::select! {
            () = &mut stop => break,
            accepted = socket.accept() => match accepted {
                Ok((stream, address)) => (stream, Origin { address: address.ip().to_canonical(), function_arn: None, tls: false }),
                Err(error) => {
                    // Out of descriptors, most likely: wait for some to come back.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(connection) = sandboxes.recv() => (connection.stream, from_sandbox(&connection.function_arn)),
        };
        let Ok(place) = places.clone().acquire_owned().await else {
            break;
        };
        let (server, stopped) = (server.clone(), stopped.clone());
        tokio::spawn(async move {
            greet(server, stream, origin, stopped).await;
            drop(place);
        });
    }
    drop((stopped, stopping.send(true)));
    drop(tokio::time::timeout(GRACE, stopping.closed()).await);
}

fn from_sandbox(function_arn: &str) -> Origin {
    Origin {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        function_arn: Some(function_arn.into()),
        tls: false,
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
    let outcome = match tls::is_handshake(&stream).await {
        Ok(true) => server.tls.accept(stream).await.map(Some),
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

/// Beyond loopback plain HTTP shows every request to the network: only on demand.
fn may_be_plain(server: &Server, origin: &Origin) -> bool {
    origin.address.is_loopback() || server.settings.insecure
}

async fn serve(
    server: Server,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    origin: Origin,
    mut stopped: watch::Receiver<bool>,
) {
    let answer = service_fn(move |request| {
        let (server, origin) = (server.clone(), origin.clone());
        async move { Ok::<_, std::convert::Infallible>(front::answer(server, origin, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(true)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke");
    }
}
