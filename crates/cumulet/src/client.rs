//! How the command line talks to the engine: signed requests over HTTP, like any other client's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use cumulet_kernel::clock::wall_now;
use cumulet_wire::{Protocol, model, sigv4};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no engine answers at {0}")]
    NotRunning(String),
    #[error("{message} ({code})")]
    Refused { code: String, message: String },
    #[error("{0}")]
    Broken(String),
}

impl ClientError {
    /// The error code of a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::NotRunning(_) | Self::Broken(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Credentials {
    /// Those of the environment, else the operator alias that works on this machine.
    pub(crate) fn from_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (key, secret) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"));
        let (access_key_id, secret_access_key) = key
            .zip(secret)
            .unwrap_or_else(|| ("test".into(), "test".into()));
        Self {
            access_key_id,
            secret_access_key,
        }
    }
}

/// A client of one engine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    endpoint: String,
    region: String,
    credentials: Option<Credentials>,
    /// A PEM file with the certificates that an https:// endpoint must come from.
    trusted: Option<PathBuf>,
}

impl Client {
    pub(crate) fn new(endpoint: &str, credentials: Credentials, region: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials: Some(credentials),
            trusted: trusted_by_environment(),
        }
    }

    /// Trusts the certificates in this file, whatever the environment says.
    #[must_use]
    pub(crate) fn trusting(mut self, certificates: PathBuf) -> Self {
        self.trusted = Some(certificates);
        self
    }

    /// For what needs no credentials.
    pub(crate) fn anonymous(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: String::new(),
            credentials: None,
            trusted: trusted_by_environment(),
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Calls an operation with its members, by their names in the model.
    pub(crate) async fn call(
        &self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, ClientError> {
        let path = format!("/_cumulet/api/{service}/{operation}");
        let body = Bytes::from(input.to_string());
        let answer = self.send(service, Method::POST, &path, body).await?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Broken(error.to_string()))
    }

    pub(crate) async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
    ) -> Result<(), ClientError> {
        let read = tokio::fs::read(file).await;
        let body =
            read.map_err(|error| ClientError::Broken(format!("{}: {error}", file.display())))?;
        self.put_bytes(bucket, key, body.into()).await
    }

    pub(crate) async fn put_bytes(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
    ) -> Result<(), ClientError> {
        self.send("s3", Method::PUT, &format!("/{bucket}/{key}"), body)
            .await
            .map(drop)
    }

    /// A management document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let answer = self.send("", Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Broken(error.to_string()))
    }

    /// A signed management request.
    pub(crate) async fn post(
        &self,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, ClientError> {
        let body = Bytes::from(body.to_string());
        let answer = self.send(service, Method::POST, path, body).await?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Broken(error.to_string()))
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let (scheme, authority) = self.endpoint.split_once("://").unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, authority)
            .body(body)
            .map_err(broken)?;
        if let Some(credentials) = &self.credentials {
            self.sign(service, credentials, &mut request)?;
        }
        let stream = TcpStream::connect(with_port(scheme, authority))
            .await
            .map_err(|_| ClientError::NotRunning(self.endpoint.clone()))?;
        let (status, answer) = match scheme {
            "http" => exchange(stream, request).await?,
            "https" => exchange(self.secured(stream, authority).await?, request).await?,
            _ => return Err(broken(format!("{} is no URL of an engine", self.endpoint))),
        };
        if status.is_success() {
            Ok(answer)
        } else {
            Err(refusal(status, &answer))
        }
    }

    async fn secured(
        &self,
        stream: TcpStream,
        authority: &str,
    ) -> Result<TlsStream<TcpStream>, ClientError> {
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let name =
            ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(broken)?;
        let config = client_config(self.trusted.as_deref())?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| {
                let remedy = "AWS_CA_BUNDLE must name the certificate that `cumulet ca` prints";
                broken(format!(
                    "{} is not trusted: {error}; {remedy}",
                    self.endpoint
                ))
            })
    }

    fn sign(
        &self,
        service: &str,
        credentials: &Credentials,
        request: &mut Request<Bytes>,
    ) -> Result<(), ClientError> {
        let credentials = sigv4::Credentials {
            access_key: credentials.access_key_id.clone(),
            secret_key: credentials.secret_access_key.clone(),
            session_token: None,
        };
        let signing_name =
            model::service(service).map_or(service, |known| &known.metadata.signing_name);
        let hash = hex::encode(Sha256::digest(request.body()));
        let signer = sigv4::Signer {
            credentials: &credentials,
            region: &self.region,
            service: signing_name,
            now_s: wall_now().seconds(),
        };
        let (mut head, body) = std::mem::take(request).into_parts();
        let signed = signer.sign(&mut head, &hash);
        *request = Request::from_parts(head, body);
        signed.map_err(|fault| broken(fault.to_error(service, Protocol::RestJson)))
    }
}

fn trusted_by_environment() -> Option<PathBuf> {
    let path = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

fn with_port(scheme: &str, authority: &str) -> String {
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    match (has_port, scheme) {
        (true, _) => authority.to_owned(),
        (false, "https") => format!("{authority}:443"),
        (false, _) => format!("{authority}:80"),
    }
}

fn client_config(trusted: Option<&Path>) -> Result<rustls::ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(path) = trusted {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| broken(format!("{}: {error}", path.display())))?;
        roots.add_parsable_certificates(certificates);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Sends one request over a connection of its own.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let connection = tokio::spawn(connection);
    let response = sender
        .send_request(request.map(Full::new))
        .await
        .map_err(broken)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(broken)?;
    connection.abort();
    Ok((status, body.to_bytes()))
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Broken(error.to_string())
}

fn refusal(status: StatusCode, answer: &[u8]) -> ClientError {
    let document: Value = serde_json::from_slice(answer).unwrap_or_default();
    let code = document["code"]
        .as_str()
        .map_or_else(|| status.to_string(), str::to_owned);
    let message = document["message"].as_str().map_or_else(
        || String::from_utf8_lossy(answer).into_owned(),
        str::to_owned,
    );
    ClientError::Refused { code, message }
}
