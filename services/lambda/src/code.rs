//! Function code: fetched, checked, and stored once per content.
//!
//! The zip in the store is the truth; what functions run from is a copy made of it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::StoredCode;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Event, Tx, blob};
use cumulet_s3 as s3;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::api::CodeInput;
use super::name::FunctionName;
use super::state::{CODE, CodeBody, CodeRecord, VersionRecord, code_key};
use super::{archive, errors, unpacked};

const ZIPPED_BYTES_MAX: usize = 52_428_800;
const INLINE_BYTES_MAX: usize = 64 << 10;
/// How long code nobody uses is kept, for a deployment that has fetched it and not yet come to use it.
const UNUSED_KEPT_S: i64 = 3600;
pub(super) const UNUSED_TIMER: &str = "unused-code";

/// Fetches a `Code` member (ZipFile, or S3Bucket/S3Key/S3ObjectVersion read as the caller), checks the
/// archive and stores it.
pub(super) async fn fetch(engine: &Engine, context: &Context, code: &Value) -> Result<StoredCode> {
    let input: CodeInput = serde_json::from_value(code.clone())
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let zip = package(engine, context, input).await?;
    let digest = Sha256::digest(&zip);
    let mut stored = StoredCode {
        unpacked_bytes: 0,
        sha256_base64: BASE64_STANDARD.encode(digest),
        size_bytes: u64::try_from(zip.len()).unwrap_or(u64::MAX),
        id: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let folder = unpacked::make(engine, &stored.id, zip.clone()).await?;
    stored.unpacked_bytes = unpacked::size_bytes(folder).await;
    store(engine, context, &stored, zip).await?;
    Ok(stored)
}

async fn package(engine: &Engine, context: &Context, input: CodeInput) -> Result<Bytes> {
    if input.image_uri.is_some() {
        return Err(Error::not_implemented("lambda: container images"));
    }
    if input.source_kms_key_arn.is_some() {
        return Err(Error::not_implemented("lambda: SourceKMSKeyArn"));
    }
    if let Some(text) = input.zip_file {
        let zip = BASE64_STANDARD
            .decode(text)
            .map_err(|_| errors::not_a_zip())?;
        return if zip.len() > ZIPPED_BYTES_MAX {
            Err(errors::zip_too_large())
        } else {
            Ok(zip.into())
        };
    }
    let (Some(bucket), Some(key)) = (input.s3_bucket, input.s3_key) else {
        return Err(errors::invalid(
            "Please provide a source for function code.",
        ));
    };
    let version = input.s3_object_version.as_deref();
    from_bucket(engine, context, &bucket, &key, version).await
}

async fn from_bucket(
    engine: &Engine,
    context: &Context,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> Result<Bytes> {
    let refused = |error: Error| refused_by_bucket(error, bucket, key);
    let body = s3::read_object(engine, &context.through("lambda"), bucket, key, version_id)
        .await
        .map_err(refused)?;
    let limit_bytes = usize::try_from(archive::UNZIPPED_BYTES_MAX).unwrap_or(usize::MAX);
    body.collect(limit_bytes, errors::unzipped_too_large).await
}

fn refused_by_bucket(error: Error, bucket: &str, key: &str) -> Error {
    if error.status >= 500 {
        return error;
    }
    if error.is_access_denied() {
        return Error::access_denied(format!(
            "Your access has been denied by S3, please make sure your request credentials have permission \
             to GetObject for {bucket}/{key}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
        ));
    }
    errors::invalid(format!(
        "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}",
        error.code, error.message
    ))
}

/// Puts the zip into the store, unless it is there, and has it removed again if nobody comes to use it.
async fn store(engine: &Engine, context: &Context, code: &StoredCode, zip: Bytes) -> Result<()> {
    let key = code_key(&context.account, &code.id);
    let known = engine.read(|tx| Ok(tx.get(CODE, &key)?.is_some()))?;
    let record = if known {
        None
    } else {
        Some(record(engine, context, zip).await?)
    };
    let (context, code) = (context.clone(), code.clone());
    engine
        .write(move |tx| {
            if let (Some(record), false) = (record, tx.get(CODE, &key)?.is_some()) {
                if let CodeBody::Blob(body) = &record.body {
                    blob::keep(tx, body)?;
                }
                tx.save(CODE, &key, &record)?;
            }
            sweep_later(tx, &context, &code)
        })
        .await
}

async fn record(engine: &Engine, context: &Context, zip: Bytes) -> Result<CodeRecord> {
    let key = SealKey::generate(&context.ids);
    let body = if zip.len() <= INLINE_BYTES_MAX {
        CodeBody::Inline(zip.into())
    } else {
        let mut writer = engine.blobs.writer(key.clone());
        writer.write(zip).await?;
        CodeBody::Blob(writer.finish().await?)
    };
    Ok(CodeRecord {
        key: key.as_bytes().to_vec(),
        body,
        references: 0,
    })
}

/// Counts one more version that uses its code and layers.
pub(super) fn hold_all(tx: &mut Tx<'_>, account: &str, version: &VersionRecord) -> Result<()> {
    hold(tx, account, &version.code)?;
    hold_layers(tx, version)
}

pub(super) fn hold_layers(tx: &mut Tx<'_>, version: &VersionRecord) -> Result<()> {
    for layer in &version.layers {
        hold(tx, &layer.account, &layer.content)?;
    }
    Ok(())
}

pub(super) fn release_layers(
    tx: &mut Tx<'_>,
    context: &Context,
    version: &VersionRecord,
) -> Result<()> {
    for layer in &version.layers {
        let owner = context.located(&layer.account, &context.region);
        release(tx, &owner, &layer.content)?;
    }
    Ok(())
}

/// Counts one version less; what nobody uses is removed after a while.
pub(super) fn release_all(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    version: &VersionRecord,
) -> Result<()> {
    let owner = context.located(&name.account, &name.region);
    release(tx, &owner, &version.code)?;
    release_layers(tx, &owner, version)
}

/// Counts one more use of the code.
pub(super) fn hold(tx: &mut Tx<'_>, account: &str, code: &StoredCode) -> Result<()> {
    let key = code_key(account, &code.id);
    let mut record: CodeRecord = tx.load(CODE, &key)?.ok_or_else(|| {
        errors::service("The function's code is no longer stored; it must be uploaded again.")
    })?;
    record.references += 1;
    Ok(tx.save(CODE, &key, &record)?)
}

pub(super) fn release(tx: &mut Tx<'_>, context: &Context, code: &StoredCode) -> Result<()> {
    let key = code_key(&context.account, &code.id);
    let Some(mut record) = tx.load::<CodeRecord>(CODE, &key)? else {
        return Ok(());
    };
    record.references = record.references.saturating_sub(1);
    tx.save(CODE, &key, &record)?;
    if record.references == 0 {
        sweep_later(tx, context, code)?;
    }
    Ok(())
}

fn sweep_later(tx: &mut Tx<'_>, context: &Context, code: &StoredCode) -> Result<()> {
    let event = Event::Timer {
        service: "lambda".into(),
        kind: UNUSED_TIMER.into(),
        subject: format!("{}/{}", context.account, code.id),
        detail: json!({ "account": &*context.account, "code": code.id }),
    };
    outbox::emit(tx, context.now.plus_s(UNUSED_KEPT_S), event)?;
    Ok(())
}

/// Removes code that still nobody uses.
pub(super) async fn sweep(engine: &Engine, entry: Entry, detail: &Value) -> Result<()> {
    let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
    let (account, id) = (text("account"), text("code"));
    let key = code_key(&account, &id);
    let removed = engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            let Some(record) = tx.load::<CodeRecord>(CODE, &key)? else {
                return Ok(false);
            };
            if record.references > 0 {
                return Ok(false);
            }
            if let CodeBody::Blob(body) = &record.body {
                blob::release(tx, body)?;
            }
            tx.delete(CODE, &key)?;
            Ok(true)
        })
        .await?;
    if removed {
        // Another account may use the same code; it is then unpacked again.
        unpacked::remove(engine, &id).await;
    }
    Ok(())
}

/// The folder with the unpacked code, made again if it is missing.
pub(super) async fn directory(
    engine: &Engine,
    account: &str,
    code: &StoredCode,
) -> Result<PathBuf> {
    if let Some(folder) = unpacked::find(engine, &code.id) {
        return Ok(folder);
    }
    let zip = read(engine, account, &code.id).await?;
    unpacked::make(engine, &code.id, zip).await
}

async fn read(engine: &Engine, account: &str, id: &str) -> Result<Bytes> {
    let lost = || errors::service("The function's code cannot be read.");
    let record = engine.read(|tx| Ok(tx.load::<CodeRecord>(CODE, code_key(account, id))?))?;
    let record = record.ok_or_else(lost)?;
    let body = match record.body {
        CodeBody::Inline(zip) => return Ok(zip.into()),
        CodeBody::Blob(body) => body,
    };
    let key: [u8; 32] = record.key.try_into().map_err(|_| lost())?;
    let mut reader = engine
        .blobs
        .reader(&body, SealKey::new(key), 0..body.size_bytes);
    let mut zip = BytesMut::with_capacity(usize::try_from(body.size_bytes).unwrap_or(0));
    while let Some(chunk) = reader.next().await {
        zip.extend_from_slice(&chunk?);
    }
    Ok(zip.freeze())
}
