//! The Lambda Runtime API of one sandbox, as AWS's runtimes speak it: HTTP over the listener the sandbox handed out.
//!
//! It follows <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and, for what that page leaves open, the
//! state machine of AWS's own emulator. `next` waits for as long as there is nothing to do: it never times out.

mod exchange;
mod routes;

use std::net::TcpListener;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

pub(crate) use exchange::{ErrorReport, Event, Exchange, RuntimeEvent};

/// The most a function may answer, or report as an error: 6 MiB and 100 bytes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6_291_556;

/// Serves until dropped; all connections end with it.
pub(crate) async fn serve(listener: TcpListener, exchange: Arc<Exchange>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Nagle's delay is only lost latency here; without it the call still works.
                drop(stream.set_nodelay(true));
                connections.spawn(serve_connection(stream, exchange.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: tokio::net::TcpStream, exchange: Arc<Exchange>) {
    let generation = exchange.generation();
    let service = service_fn(|request| routes::answer(&exchange, generation, request));
    // A runtime that is killed breaks its connection; the sandbox reports its end.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
