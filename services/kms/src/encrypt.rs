//! Encrypt, Decrypt, ReEncrypt, data keys and random bytes, as clients call them.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    DecryptInput, DecryptOutput, EncryptInput, EncryptOutput, GenerateDataKeyInput,
    GenerateDataKeyOutput, GenerateRandomInput, GenerateRandomOutput, ReEncryptInput,
    ReEncryptOutput, from_base64, to_base64,
};
use super::data_key::{Opened, key_of_blob, open_under};
use super::error::{dry_run, incorrect_key};
use super::key::{Asked, authorise, find, usable};
use super::keys::refuse_recipient;
use super::state::KeyRecord;
use super::{EncryptionContext, ciphertext};

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// The key to encrypt under, authorised and usable.
fn to_use(
    tx: &Tx<'_>,
    context: &Context,
    named: &str,
    action: &str,
    encryption_context: &EncryptionContext,
) -> Result<KeyRecord> {
    let found = find(tx, context, named)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        encryption_context: Some(encryption_context),
        ..Asked::default()
    };
    authorise(tx, context, &found.key, action, &asked)?;
    usable(&found.key)?;
    Ok(found.key)
}

fn check_algorithm(algorithm: Option<&str>, key: &KeyRecord) -> Result<()> {
    match algorithm {
        None | Some(ALGORITHM) => Ok(()),
        Some(other) => Err(Error::new(
            "InvalidKeyUsageException",
            format!(
                "Algorithm {other} is incompatible with key spec SYMMETRIC_DEFAULT. {}",
                key.arn()
            ),
        )),
    }
}

fn unless_dry(dry: bool) -> Result<()> {
    if dry { Err(dry_run()) } else { Ok(()) }
}

fn current_material_id(key: &KeyRecord) -> String {
    key.current()
        .map(|material| material.id.clone())
        .unwrap_or_default()
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>
pub(super) fn encrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: EncryptInput,
) -> Result<EncryptOutput> {
    let plaintext = from_base64(&input.plaintext)?;
    let key = to_use(
        tx,
        context,
        &input.key_id,
        "kms:Encrypt",
        &input.encryption_context,
    )?;
    check_algorithm(input.encryption_algorithm.as_deref(), &key)?;
    unless_dry(input.dry_run)?;
    let blob = ciphertext::seal(&context.ids, &key, &input.encryption_context, &plaintext)?;
    Ok(EncryptOutput {
        ciphertext_blob: to_base64(&blob),
        key_id: key.arn(),
        encryption_algorithm: ALGORITHM,
    })
}

/// Opens a blob; a key named beside it must be the blob's own.
fn open(
    tx: &Tx<'_>,
    context: &Context,
    blob: &str,
    named: Option<&str>,
    action: &str,
    encryption_context: &EncryptionContext,
) -> Result<Opened> {
    let blob = from_base64(blob)?;
    let expected = named.map(|named| find(tx, context, named)).transpose()?;
    let (key, version) = key_of_blob(tx, context, &blob)?;
    if expected.is_some_and(|expected| expected.key.id != key.id) {
        return Err(incorrect_key());
    }
    open_under(tx, context, key, version, action, &blob, encryption_context)
}

fn opened_material_id(opened: &Opened) -> String {
    let material = opened.key.material(opened.version);
    material
        .map(|material| material.id.clone())
        .unwrap_or_default()
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
pub(super) fn decrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DecryptInput,
) -> Result<DecryptOutput> {
    refuse_recipient("Decrypt", input.recipient.as_ref())?;
    let (blob, named) = (&input.ciphertext_blob, input.key_id.as_deref());
    let opened = open(
        tx,
        context,
        blob,
        named,
        "kms:Decrypt",
        &input.encryption_context,
    )?;
    check_algorithm(input.encryption_algorithm.as_deref(), &opened.key)?;
    unless_dry(input.dry_run)?;
    Ok(DecryptOutput {
        key_id: opened.key.arn(),
        plaintext: to_base64(&opened.plaintext),
        encryption_algorithm: ALGORITHM,
        key_material_id: opened_material_id(&opened),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html>
pub(super) fn re_encrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ReEncryptInput,
) -> Result<ReEncryptOutput> {
    let source = open(
        tx,
        context,
        &input.ciphertext_blob,
        input.source_key_id.as_deref(),
        "kms:ReEncryptFrom",
        &input.source_encryption_context,
    )?;
    let encryption_context = &input.destination_encryption_context;
    let key = to_use(
        tx,
        context,
        &input.destination_key_id,
        "kms:ReEncryptTo",
        encryption_context,
    )?;
    unless_dry(input.dry_run)?;
    let blob = ciphertext::seal(&context.ids, &key, encryption_context, &source.plaintext)?;
    Ok(ReEncryptOutput {
        ciphertext_blob: to_base64(&blob),
        source_key_id: source.key.arn(),
        key_id: key.arn(),
        source_encryption_algorithm: ALGORITHM,
        destination_encryption_algorithm: ALGORITHM,
        source_key_material_id: opened_material_id(&source),
        destination_key_material_id: current_material_id(&key),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html>
pub(super) fn generate_data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GenerateDataKeyInput,
) -> Result<GenerateDataKeyOutput> {
    let (output, plaintext) = data_key(tx, context, &input, "GenerateDataKey")?;
    Ok(GenerateDataKeyOutput {
        plaintext: Some(to_base64(&plaintext)),
        ..output
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKeyWithoutPlaintext.html>
pub(super) fn generate_data_key_without_plaintext(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GenerateDataKeyInput,
) -> Result<GenerateDataKeyOutput> {
    Ok(data_key(tx, context, &input, "GenerateDataKeyWithoutPlaintext")?.0)
}

fn data_key(
    tx: &Tx<'_>,
    context: &Context,
    input: &GenerateDataKeyInput,
    operation: &str,
) -> Result<(GenerateDataKeyOutput, Vec<u8>)> {
    refuse_recipient(operation, input.recipient.as_ref())?;
    let length = data_key_length(input)?;
    let action = format!("kms:{operation}");
    let key = to_use(
        tx,
        context,
        &input.key_id,
        &action,
        &input.encryption_context,
    )?;
    unless_dry(input.dry_run)?;
    let mut plaintext = vec![0; length];
    context.ids.fill(&mut plaintext);
    let blob = ciphertext::seal(&context.ids, &key, &input.encryption_context, &plaintext)?;
    let output = GenerateDataKeyOutput {
        ciphertext_blob: to_base64(&blob),
        plaintext: None,
        key_material_id: current_material_id(&key),
        key_id: key.arn(),
    };
    Ok((output, plaintext))
}

fn data_key_length(input: &GenerateDataKeyInput) -> Result<usize> {
    match (input.key_spec.as_deref(), input.number_of_bytes) {
        (Some("AES_256"), None) => Ok(32),
        (Some("AES_128"), None) => Ok(16),
        (None, Some(length)) => Ok(length),
        _ => Err(Error::validation(
            "Please specify either number of bytes or key spec.",
        )),
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateRandom.html>
pub(super) fn generate_random(
    _tx: &mut Tx<'_>,
    context: &Context,
    input: GenerateRandomInput,
) -> Result<GenerateRandomOutput> {
    refuse_recipient("GenerateRandom", input.recipient.as_ref())?;
    if input.custom_key_store_id.is_some() {
        return Err(Error::not_implemented(
            "kms:GenerateRandom in a custom key store",
        ));
    }
    let length = input
        .number_of_bytes
        .ok_or_else(|| Error::validation("NumberOfBytes is required."))?;
    let mut bytes = vec![0; length];
    context.ids.fill(&mut bytes);
    Ok(GenerateRandomOutput {
        plaintext: to_base64(&bytes),
    })
}
