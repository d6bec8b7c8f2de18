//! A body on its way in: hashed as it passes, kept in memory while small, streamed to a blob when not.
//!
//! A small body is sealed inside the transaction that stores its record: one flush for both. A large
//! one needs its data key before its first byte is written, so the key is made on the way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use cumulet_engine::Context;
use cumulet_engine::body::{Body, Trailers};
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::blob::{self, BlobRef};
use futures_util::StreamExt;

use super::checksum::{Algorithm, Checksum, Expected, Hasher};
use super::encryption::DataKey;
use super::errors::{bad_digest, entity_too_large};
use super::md5_lane::Md5Lane;
use super::state::{BODIES, Content, Encryption, content_key};

/// Bodies up to this size lie in the store beside their record.
const INLINE_BYTES_MAX: usize = 64 << 10;
/// The largest body of a single upload or part.
pub(crate) const BODY_BYTES_MAX: u64 = 5 << 30;
const BODY_PURPOSE: &[u8] = b"s3 body";

/// What must be known of a body, and what the client said of it.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) content_md5: Option<String>,
    pub(crate) checksum: Expected,
    pub(crate) trailers: Trailers,
    pub(crate) etag_is_md5: bool,
    /// A second checksum to compute, that the client did not ask for.
    pub(crate) also: Option<Algorithm>,
}

/// A body that has arrived whole and is what the client said.
#[derive(Debug)]
pub(crate) struct Received {
    landed: Landed,
    pub(crate) size_bytes: u64,
    md5: Option<[u8; 16]>,
    pub(crate) checksum: Checksum,
    pub(crate) also: Option<Checksum>,
}

#[derive(Debug)]
enum Landed {
    Small(Bytes),
    Large(BlobRef, Encryption),
}

struct Digests {
    md5: Option<Md5Lane>,
    checksum: Hasher,
    also: Option<Hasher>,
    size_bytes: u64,
}

impl Digests {
    fn new(claims: &Claims) -> Self {
        let wants_md5 = claims.etag_is_md5 || claims.content_md5.is_some();
        let algorithm = claims.checksum.algorithm.unwrap_or(Algorithm::Crc64Nvme);
        Self {
            md5: wants_md5.then(Md5Lane::default),
            checksum: Hasher::new(algorithm),
            also: claims.also.map(Hasher::new),
            size_bytes: 0,
        }
    }

    async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes > BODY_BYTES_MAX {
            return Err(entity_too_large(self.size_bytes, BODY_BYTES_MAX));
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes).await?;
        }
        self.checksum.update(bytes);
        if let Some(also) = &mut self.also {
            also.update(bytes);
        }
        Ok(())
    }

    async fn received(self, landed: Landed, claims: &Claims) -> Result<Received> {
        let md5 = match self.md5 {
            Some(md5) => Some(md5.finish().await?),
            None => None,
        };
        let received = Received {
            landed,
            size_bytes: self.size_bytes,
            md5,
            checksum: self.checksum.finish(),
            also: self.also.map(Hasher::finish),
        };
        check_md5(claims.content_md5.as_deref(), received.md5)?;
        claims
            .checksum
            .verify(&received.checksum, &claims.trailers)?;
        Ok(received)
    }
}

/// Takes a body in. `data_key` is asked for only when the body is too large to wait for its record.
pub(crate) async fn receive<F, K>(
    engine: &Engine,
    body: Body,
    claims: &Claims,
    data_key: F,
) -> Result<Received>
where
    F: FnOnce() -> K,
    K: Future<Output = Result<DataKey>>,
{
    check_md5_form(claims.content_md5.as_deref())?;
    if let Some(length) = body.length().filter(|length| *length > BODY_BYTES_MAX) {
        return Err(entity_too_large(length, BODY_BYTES_MAX));
    }
    let mut digests = Digests::new(claims);
    let mut chunks = body.into_chunks();
    let mut small = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        digests.update(&chunk).await?;
        small.extend_from_slice(&chunk);
        if small.len() > INLINE_BYTES_MAX {
            break;
        }
    }
    if small.len() <= INLINE_BYTES_MAX {
        return digests
            .received(Landed::Small(small.freeze()), claims)
            .await;
    }
    let data_key = data_key().await?;
    let mut writer = engine.blobs.writer(data_key.plain);
    writer.write(small.freeze()).await?;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        digests.update(&chunk).await?;
        writer.write(chunk).await?;
    }
    let received = digests
        .received(Landed::Small(Bytes::new()), claims)
        .await?;
    let landed = Landed::Large(writer.finish().await?, data_key.encryption);
    Ok(Received { landed, ..received })
}

impl Received {
    /// Puts the body into the store's keeping; part of the transaction that stores its record.
    pub(crate) fn keep(
        &self,
        tx: &mut Tx<'_>,
        context: &Context,
        data_key: impl FnOnce(&mut Tx<'_>) -> Result<DataKey>,
    ) -> Result<(Content, Encryption)> {
        match &self.landed {
            Landed::Large(blob, encryption) => {
                blob::keep(tx, blob)?;
                Ok((Content::Blob(blob.clone()), encryption.clone()))
            }
            Landed::Small(bytes) => {
                let data_key = data_key(tx)?;
                let content = keep_small(tx, context, &data_key, bytes)?;
                Ok((content, data_key.encryption))
            }
        }
    }

    /// The ETag without quotes: the MD5, or where the encryption forbids that, one that says nothing.
    pub(crate) fn etag(&self, context: &Context, is_md5: bool) -> String {
        match self.md5.filter(|_| is_md5) {
            Some(md5) => hex::encode(md5),
            None => context.ids.hex(32),
        }
    }
}

fn keep_small(
    tx: &mut Tx<'_>,
    context: &Context,
    data_key: &DataKey,
    bytes: &Bytes,
) -> Result<Content> {
    if bytes.is_empty() {
        return Ok(Content::Empty);
    }
    let number = tx.next_sequence()?;
    let sealed = data_key.plain.seal(&context.ids, BODY_PURPOSE, bytes);
    tx.put(BODIES, content_key(number), sealed)?;
    Ok(Content::Inline(number))
}

/// Opens the bytes that [`Received::keep`] sealed into the store.
pub(crate) fn open_small(
    tx: &Tx<'_>,
    number: u64,
    key: &cumulet_kernel::seal::SealKey,
) -> Result<Bytes> {
    let sealed = tx
        .get(BODIES, content_key(number))?
        .ok_or_else(|| Error::internal("an object's body is gone"))?;
    let opened = key
        .open(BODY_PURPOSE, &sealed)
        .map_err(|_| Error::internal("an object's body does not open"))?;
    Ok(Bytes::from(opened))
}

fn check_md5_form(content_md5: Option<&str>) -> Result<()> {
    let Some(given) = content_md5 else {
        return Ok(());
    };
    match BASE64.decode(given) {
        Ok(bytes) if bytes.len() == 16 => Ok(()),
        _ => Err(Error::new(
            "InvalidDigest",
            "The Content-MD5 you specified was invalid.",
        )
        .member("Content-MD5", given)),
    }
}

fn check_md5(content_md5: Option<&str>, computed: Option<[u8; 16]>) -> Result<()> {
    let (Some(given), Some(computed)) = (content_md5, computed) else {
        return Ok(());
    };
    let calculated = BASE64.encode(computed);
    if given == calculated {
        return Ok(());
    }
    Err(
        bad_digest("The Content-MD5 you specified did not match what we received.".into())
            .member("ExpectedDigest", given)
            .member("CalculatedDigest", calculated),
    )
}
