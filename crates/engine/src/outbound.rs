//! Requests that leave the engine, for HTTP integrations; whether one is let out is the binary's business.

use futures_util::future::BoxFuture;

use crate::http::{HttpReply, HttpRequest};

/// Sends requests to servers outside.
pub trait Outbound: std::fmt::Debug + Send + Sync {
    fn fetch(
        &self,
        url: String,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpReply, FetchError>>;
}

/// Why a request was not answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}")]
    NotLetOut(String),
    #[error("Invalid endpoint address")]
    Unreachable,
}
