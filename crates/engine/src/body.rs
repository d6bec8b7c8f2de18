//! Bodies that do not fit into an input or output: streamed beside them.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::error::{Error, Result};

/// The body of a request or answer.
#[derive(Default)]
pub enum Body {
    #[default]
    Empty,
    Bytes(Bytes),
    /// Chunks as they come. `Err` is a refusal found on the way: a wrong chunk signature, a cut body.
    Stream {
        /// Known before it begins, or absent.
        length: Option<u64>,
        chunks: BoxStream<'static, Result<Bytes>>,
        /// Filled when the last chunk has been read, where the sender announced trailers.
        trailers: Option<Trailers>,
    },
}

/// Headers that come after a body: the checksum of what was streamed.
#[derive(Clone, Debug, Default)]
pub struct Trailers {
    announced: Vec<String>,
    headers: Arc<OnceLock<Vec<(String, String)>>>,
}

impl Trailers {
    /// Trailers that the `x-amz-trailer` header announced: whoever reads the body must know beforehand
    /// which checksum will be asked for at its end.
    pub fn announced(names: &str) -> Self {
        let names = names
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase());
        Self {
            announced: names.filter(|name| !name.is_empty()).collect(),
            ..Self::default()
        }
    }

    pub fn announces(&self, name: &str) -> bool {
        self.announced.iter().any(|announced| announced == name)
    }

    /// Fills in what came; the first time counts.
    pub fn set(&self, headers: Vec<(String, String)>) {
        drop(self.headers.set(headers));
    }

    /// The value of a trailer by its lower-case name; `None` until the body has ended.
    pub fn get(&self, name: &str) -> Option<&str> {
        let headers = self.headers.get()?;
        headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Self::Stream { length, .. } => write!(formatter, "Stream({length:?})"),
        }
    }
}

impl Body {
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Self::Stream { length, .. } => *length,
        }
    }

    /// What follows the body, once it has been read.
    pub fn trailers(&self) -> Trailers {
        match self {
            Self::Stream { trailers, .. } => trailers.clone().unwrap_or_default(),
            Self::Empty | Self::Bytes(_) => Trailers::default(),
        }
    }

    /// The whole body; `too_large` where it exceeds `limit_bytes`.
    pub async fn collect(
        self,
        limit_bytes: usize,
        too_large: impl FnOnce() -> Error,
    ) -> Result<Bytes> {
        let mut chunks = self.into_chunks();
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if whole.len() + chunk.len() > limit_bytes {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    pub fn into_chunks(self) -> BoxStream<'static, Result<Bytes>> {
        match self {
            Self::Empty => futures_util::stream::empty().boxed(),
            Self::Bytes(bytes) => futures_util::stream::once(async { Ok(bytes) }).boxed(),
            Self::Stream { chunks, .. } => chunks,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Bytes(bytes)
        }
    }
}
