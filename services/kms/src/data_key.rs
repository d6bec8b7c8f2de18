//! Data keys for other services: made and opened as the caller, under the key policy.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::seal::SealKey;

use super::error::{invalid_ciphertext, unknown_key_of_ciphertext};
use super::key::{self, Asked};
use super::lifecycle::make_aws_managed;
use super::state::{KEYS, KeyRecord, key_of};
use super::{DataKey, EncryptionContext, ciphertext, spec};

/// kms:GenerateDataKey as the context's principal, through `context.via`. `key_id` is an id, an ARN, an
/// alias or an alias' ARN.
pub fn generate_data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    key_id: &str,
    encryption_context: &EncryptionContext,
) -> Result<DataKey> {
    make_aws_managed(tx, context, key_id)?;
    let found = key::find(tx, context, key_id)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        encryption_context: Some(encryption_context),
        ..Asked::default()
    };
    key::authorise(tx, context, &found.key, "kms:GenerateDataKey", &asked)?;
    key::usable(&found.key)?;
    spec::check_symmetric(&found.key, "GenerateDataKey")?;
    let plaintext = SealKey::generate(&context.ids);
    let bytes = plaintext.as_bytes();
    let ciphertext = ciphertext::seal(&context.ids, &found.key, encryption_context, bytes)?;
    Ok(DataKey {
        plaintext,
        ciphertext,
        key_arn: found.key.arn(),
    })
}

/// kms:Decrypt of a data key as the context's principal, through `context.via`.
pub fn decrypt_data_key(
    tx: &Tx<'_>,
    context: &Context,
    ciphertext: &[u8],
    encryption_context: &EncryptionContext,
) -> Result<SealKey> {
    let opened = open(tx, context, ciphertext, encryption_context)?;
    let bytes = opened
        .plaintext
        .try_into()
        .map_err(|_| invalid_ciphertext())?;
    Ok(SealKey::new(bytes))
}

/// kms:Encrypt as the context's principal, through `context.via`; the ciphertext says under which key.
pub fn encrypt(
    tx: &Tx<'_>,
    context: &Context,
    key_id: &str,
    encryption_context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let found = key::find(tx, context, key_id)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        encryption_context: Some(encryption_context),
        ..Asked::default()
    };
    key::authorise(tx, context, &found.key, "kms:Encrypt", &asked)?;
    key::usable(&found.key)?;
    spec::check_symmetric(&found.key, "Encrypt")?;
    ciphertext::seal(&context.ids, &found.key, encryption_context, plaintext)
}

/// kms:Decrypt of what kms:Encrypt made, as the context's principal, through `context.via`.
pub fn decrypt(
    tx: &Tx<'_>,
    context: &Context,
    ciphertext: &[u8],
    encryption_context: &EncryptionContext,
) -> Result<Vec<u8>> {
    Ok(open(tx, context, ciphertext, encryption_context)?.plaintext)
}

/// A ciphertext opened, and what opened it.
pub(super) struct Opened {
    pub(super) plaintext: Vec<u8>,
    pub(super) key: KeyRecord,
    pub(super) version: u32,
}

/// kms:Decrypt: the blob says under which key.
pub(super) fn open(
    tx: &Tx<'_>,
    context: &Context,
    blob: &[u8],
    encryption_context: &EncryptionContext,
) -> Result<Opened> {
    let (key, version) = key_of_blob(tx, context, blob)?;
    open_under(
        tx,
        context,
        key,
        version,
        "kms:Decrypt",
        blob,
        encryption_context,
    )
}

/// The key that a blob names, and the generation of it.
pub(super) fn key_of_blob(tx: &Tx<'_>, context: &Context, blob: &[u8]) -> Result<(KeyRecord, u32)> {
    let head = ciphertext::read_head(blob)?;
    let key: Option<KeyRecord> = tx.load(KEYS, key_of(&context.region, &head.key_id))?;
    Ok((key.ok_or_else(unknown_key_of_ciphertext)?, head.version))
}

pub(super) fn open_under(
    tx: &Tx<'_>,
    context: &Context,
    key: KeyRecord,
    version: u32,
    action: &str,
    blob: &[u8],
    encryption_context: &EncryptionContext,
) -> Result<Opened> {
    let asked = Asked {
        encryption_context: Some(encryption_context),
        ..Asked::default()
    };
    key::authorise(tx, context, &key, action, &asked)?;
    key::usable(&key)?;
    let material = key.material(version).ok_or_else(invalid_ciphertext)?;
    Ok(Opened {
        plaintext: ciphertext::open(material, blob, encryption_context)?,
        key,
        version,
    })
}
