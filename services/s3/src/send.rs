//! A body on its way out: the bytes of a range, wherever they lie, opened piece by piece.

use std::ops::Range;

use bytes::Bytes;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::blob::{BlobReader, BlobRef};
use cumulet_kernel::seal::SealKey;
use futures_util::{StreamExt, stream};

use super::encryption;
use super::receive::open_small;
use super::state::{Content, Object, ObjectPart, PART_LISTS, content_key};

/// A run of bytes and where it comes from.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    Blob(BlobRef, SealKey, Range<u64>),
}

/// The pieces that make up `range` of an object's body.
pub(crate) fn pieces(
    tx: &Tx<'_>,
    object: &Object,
    data_key: &SealKey,
    range: Range<u64>,
) -> Result<Vec<Piece>> {
    let Content::Parts(number) = object.content else {
        return Ok(piece(tx, &object.content, data_key.clone(), range)?
            .into_iter()
            .collect());
    };
    let mut pieces = Vec::new();
    let mut start = 0;
    for part in parts(tx, number)? {
        let end = start + part.size_bytes;
        let wanted = range.start.max(start)..range.end.min(end);
        if wanted.start < wanted.end {
            let key = encryption::open_with(data_key, &part.sealed_key)?;
            let inside = wanted.start - start..wanted.end - start;
            pieces.extend(piece(tx, &part.content, key, inside)?);
        }
        start = end;
    }
    Ok(pieces)
}

/// The parts an object was uploaded in.
pub(crate) fn parts(tx: &Tx<'_>, number: u64) -> Result<Vec<ObjectPart>> {
    tx.load(PART_LISTS, content_key(number))?
        .ok_or_else(|| Error::internal("an object's list of parts is gone"))
}

fn piece(tx: &Tx<'_>, content: &Content, key: SealKey, range: Range<u64>) -> Result<Option<Piece>> {
    if range.is_empty() {
        return Ok(None);
    }
    match content {
        Content::Empty | Content::Parts(_) => Ok(None),
        Content::Inline(number) => {
            let bytes = open_small(tx, *number, &key)?;
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Some(Piece::Bytes(
                bytes.slice(index(range.start)..index(range.end)),
            )))
        }
        Content::Blob(blob) => Ok(Some(Piece::Blob(blob.clone(), key, range))),
    }
}

/// Pieces as a body of `length` bytes.
pub(crate) fn body(engine: &Engine, mut pieces: Vec<Piece>, length: u64) -> Body {
    if let [Piece::Bytes(bytes)] = pieces.as_mut_slice() {
        return std::mem::take(bytes).into();
    }
    if pieces.is_empty() {
        return Body::Empty;
    }
    let blobs = engine.blobs.clone();
    let chunks = stream::iter(pieces).flat_map(move |piece| match piece {
        Piece::Bytes(bytes) => stream::once(async { Ok(bytes) }).boxed(),
        Piece::Blob(blob, key, range) => chunks(blobs.reader(&blob, key, range)).boxed(),
    });
    Body::Stream {
        length: Some(length),
        chunks: chunks.boxed(),
        trailers: None,
    }
}

fn chunks(reader: BlobReader) -> impl futures_util::Stream<Item = Result<Bytes>> + Send {
    stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await?;
        Some((chunk.map_err(Error::from), reader))
    })
}
