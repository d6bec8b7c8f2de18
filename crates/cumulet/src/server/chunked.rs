//! `aws-chunked` bodies: framing taken off, every chunk's signature checked as it passes.

use bytes::Bytes;
use cumulet_engine::Error;
use cumulet_engine::body::{Body, Trailers};
use cumulet_wire::sigv4::{AwsChunkedDecoder, Payload, Verified};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::request;

/// The body inside the framing; it ends in a refusal where a signature or checksum does not hold.
pub(super) fn decode(
    head: &request::Parts,
    payload: &Payload,
    verified: Option<&Verified>,
    chunks: BoxStream<'static, Result<Bytes, Error>>,
) -> Result<Body, cumulet_wire::Error> {
    let decoder =
        AwsChunkedDecoder::new(head, payload, verified).map_err(|fault| fault.to_error())?;
    let length = head.headers.get("x-amz-decoded-content-length");
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let announced = head
        .headers
        .get("x-amz-trailer")
        .and_then(|names| names.to_str().ok());
    let trailers = Trailers::announced(announced.unwrap_or_default());
    let state = Decoding {
        decoder: Some(decoder),
        chunks,
        trailers: trailers.clone(),
    };
    let decoded = stream::unfold(state, |mut state| async move {
        let next = state.next().await?;
        Some((next, state))
    });
    Ok(Body::Stream {
        length,
        chunks: decoded.boxed(),
        trailers: Some(trailers),
    })
}

struct Decoding {
    /// Gone once the body has ended, well or badly.
    decoder: Option<AwsChunkedDecoder>,
    chunks: BoxStream<'static, Result<Bytes, Error>>,
    trailers: Trailers,
}

impl Decoding {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let decoder = self.decoder.as_mut()?;
            let mut decoded = Vec::new();
            let step = match self.chunks.next().await {
                Some(Ok(chunk)) => decoder.push(&chunk, &mut decoded),
                Some(Err(error)) => return self.end(Err(error)),
                None => return self.finish(),
            };
            if let Err(fault) = step {
                return self.end(Err(fault.to_error().into()));
            }
            if !decoded.is_empty() {
                return Some(Ok(decoded.into()));
            }
        }
    }

    fn finish(&mut self) -> Option<Result<Bytes, Error>> {
        match self.decoder.take()?.finish() {
            Ok(found) => {
                self.trailers.set(found.headers);
                None
            }
            Err(fault) => Some(Err(fault.to_error().into())),
        }
    }

    fn end(&mut self, last: Result<Bytes, Error>) -> Option<Result<Bytes, Error>> {
        self.decoder = None;
        Some(last)
    }
}
