//! CONNECT: the engine as the proxy of its clients, so that AWS's own names lead here.
//!
//! With `HTTPS_PROXY` set to the engine a program asks for `https://id.execute-api.region.amazonaws.com`, as a stack's
//! outputs name it, and is answered under that name. There is no way through to anywhere else.

use std::net::{IpAddr, Ipv4Addr};

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::bodies::{self, ReplyBody};
use super::listener::{self, Origin};
use super::{Server, tls};

/// Opens a tunnel to ourselves.
pub(super) fn answer(
    server: Server,
    origin: Origin,
    request: http::Request<Incoming>,
) -> Response<ReplyBody> {
    let authority = request.uri().authority();
    let name = authority.map(|authority| authority.host().to_ascii_lowercase());
    let known = name.as_ref().is_some_and(|name| server.tls.covers(name));
    if !known || origin.tls {
        return refused(&name.unwrap_or_default());
    }
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => go_through(server, origin, upgraded).await,
            Err(error) => tracing::debug!(%error, "a tunnel was not opened"),
        }
    });
    bodies::status(200)
}

fn refused(name: &str) -> Response<ReplyBody> {
    let text = format!(
        "{name} is no name of this engine: as a proxy it leads to AWS's names here, and nowhere else\n"
    );
    let mut response = Response::new(bodies::bytes(text));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

async fn go_through(server: Server, origin: Origin, upgraded: hyper::upgrade::Upgraded) {
    let Some(stopped) = origin.stopped.clone() else {
        return;
    };
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let begun = match tls::Begun::read(TokioIo::new(upgraded)).await {
        Ok(begun) => begun,
        Err(error) => return tracing::debug!(%error, "a tunnel came to nothing"),
    };
    if !begun.is_handshake() {
        return Box::pin(listener::serve(server, begun, origin, stopped)).await;
    }
    match server.tls.accept(begun, address).await {
        Ok(stream) => {
            let origin = Origin {
                tls: true,
                ..origin
            };
            Box::pin(listener::serve(server, stream, origin, stopped)).await;
        }
        Err(error) => tracing::debug!(%error, "a tunnel came to nothing"),
    }
}
