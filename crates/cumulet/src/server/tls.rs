//! HTTPS on the same port as HTTP: the first byte of a connection tells which it is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use cumulet_kernel::Timestamp;
use cumulet_kernel::clock::wall_now;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Leaf};

/// What a TLS client sends first; no HTTP method begins so.
const HANDSHAKE: u8 = 0x16;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// A certificate is used for a month and then made anew, so that a long-running engine never shows an old one.
const RENEWED_AFTER_S: i64 = 30 * 86_400;
/// Names are asked for by clients, so their number is bounded.
const NAMES_MAX: usize = 1024;

/// Chooses certificates.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<Certificates>);

#[derive(Debug)]
enum Certificates {
    /// One given by the person at the machine, for every name.
    Given(Arc<ServerConfig>),
    /// Made as names are asked for.
    Own {
        authority: Box<Authority>,
        made: Mutex<HashMap<String, (Timestamp, Arc<ServerConfig>)>>,
    },
}

impl Tls {
    pub(crate) fn own(authority: Authority) -> Self {
        Self(Arc::new(Certificates::Own {
            authority: Box::new(authority),
            made: Mutex::default(),
        }))
    }

    /// With a certificate (and its chain) and a key in PEM files.
    pub(crate) fn given(certificate: &Path, key: &Path) -> Result<Self, String> {
        let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
            format!(
                "{} holds no usable certificate or key: {error}",
                path.display()
            )
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(certificate, &error))?;
        let leaf = Leaf {
            chain,
            key: PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?,
        };
        let config = config(leaf).map_err(|error| unreadable(certificate, &error))?;
        Ok(Self(Arc::new(Certificates::Given(Arc::new(config)))))
    }

    /// Whether a certificate can be shown for a name.
    pub(super) fn covers(&self, name: &str) -> bool {
        match &*self.0 {
            Certificates::Given(_) => true,
            Certificates::Own { authority, .. } => authority.covers(name),
        }
    }

    /// Speaks TLS with a client that has begun to, and reached `address`.
    pub(super) async fn accept<S>(
        &self,
        stream: S,
        address: IpAddr,
    ) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaken = async {
            let acceptor = rustls::server::Acceptor::default();
            let hello = LazyConfigAcceptor::new(acceptor, stream).await?;
            let name = hello
                .client_hello()
                .server_name()
                .map(str::to_ascii_lowercase);
            let config = self.config(name, address)?;
            hello.into_stream(config).await
        };
        tokio::time::timeout(HANDSHAKE_TIMEOUT, shaken)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
    }

    fn config(&self, name: Option<String>, address: IpAddr) -> std::io::Result<Arc<ServerConfig>> {
        let (authority, made) = match &*self.0 {
            Certificates::Given(config) => return Ok(config.clone()),
            Certificates::Own { authority, made } => (authority, made),
        };
        let name = name.filter(|name| authority.covers(name));
        let label = name.clone().unwrap_or_else(|| address.to_string());
        let now = wall_now();
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, config)) = made.get(&label)
            && now < at.plus_s(RENEWED_AFTER_S)
        {
            return Ok(config.clone());
        }
        if made.len() >= NAMES_MAX {
            made.clear();
        }
        let leaf = authority
            .issue(name.as_deref(), address)
            .map_err(std::io::Error::other)?;
        let config = Arc::new(config(leaf).map_err(std::io::Error::other)?);
        made.insert(label, (now, config.clone()));
        Ok(config)
    }
}

fn config(leaf: Leaf) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(leaf.chain, leaf.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether the client begins with a handshake; waits for its first byte.
pub(super) async fn is_handshake(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first));
    let peeked = peeked
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?;
    Ok(peeked? == 1 && first == [HANDSHAKE])
}

/// A stream whose first byte has been read already: it tells what the client speaks, and is read again.
pub(super) struct Begun<S> {
    first: Option<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> Begun<S> {
    pub(super) async fn read(mut stream: S) -> std::io::Result<Self> {
        let first = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.read_u8()).await;
        let first = first.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?;
        Ok(Self {
            first: Some(first?),
            stream,
        })
    }

    pub(super) fn is_handshake(&self) -> bool {
        self.first == Some(HANDSHAKE)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
