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
use super::error::{dry_run, incorrect_key, invalid_ciphertext};
use super::key::{Asked, authorise, find, usable};
use super::keys::refuse_recipient;
use super::sign::private_key;
use super::spec::{SYMMETRIC, check_usage};
use super::state::KeyRecord;
use super::{EncryptionContext, ciphertext, spec};

/// The key to encrypt under, authorised for `operation` and usable.
pub(super) fn to_use(
    tx: &Tx<'_>,
    context: &Context,
    named: &str,
    operation: &str,
    encryption_context: &EncryptionContext,
) -> Result<KeyRecord> {
    let found = find(tx, context, named)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        encryption_context: Some(encryption_context),
        ..Asked::default()
    };
    let action = format!("kms:{operation}");
    authorise(tx, context, &found.key, &action, &asked)?;
    usable(&found.key)?;
    Ok(found.key)
}

/// The algorithm to use: what was asked for, where the key has it.
fn algorithm<'a>(asked: Option<&'a str>, key: &KeyRecord) -> Result<&'a str> {
    let algorithm = asked.unwrap_or(SYMMETRIC);
    spec::check_algorithm(key, algorithm)?;
    Ok(algorithm)
}

pub(super) fn unless_dry(dry: bool) -> Result<()> {
    if dry { Err(dry_run()) } else { Ok(()) }
}

pub(super) fn current_material_id(key: &KeyRecord) -> String {
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
        "Encrypt",
        &input.encryption_context,
    )?;
    check_usage(&key, spec::ENCRYPT, "Encrypt")?;
    let algorithm = algorithm(input.encryption_algorithm.as_deref(), &key)?;
    unless_dry(input.dry_run)?;
    let blob = sealed(
        context,
        &key,
        algorithm,
        &input.encryption_context,
        &plaintext,
    )?;
    Ok(EncryptOutput {
        ciphertext_blob: to_base64(&blob),
        key_id: key.arn(),
        encryption_algorithm: algorithm.to_owned(),
    })
}

/// Under a symmetric key, or the public half of an RSA key: that takes no encryption context.
fn sealed(
    context: &Context,
    key: &KeyRecord,
    algorithm: &str,
    bound_to: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    if key.spec == SYMMETRIC {
        return ciphertext::seal(&context.ids, key, bound_to, plaintext);
    }
    refuse_context(bound_to)?;
    let limit = oaep_bytes_max(&key.spec, algorithm);
    if plaintext.len() > limit {
        return Err(Error::validation(format!(
            "Algorithm {algorithm} and key spec {} cannot encrypt data larger than {limit} bytes.",
            key.spec
        )));
    }
    private_key(key)?.encrypt(&context.ids, algorithm, plaintext)
}

fn refuse_context(bound_to: &EncryptionContext) -> Result<()> {
    if bound_to.is_empty() {
        return Ok(());
    }
    Err(Error::validation(
        "An encryption context cannot be used with an asymmetric KMS key.",
    ))
}

/// The modulus less two hashes and two bytes.
fn oaep_bytes_max(spec: &str, algorithm: &str) -> usize {
    let bits: usize = spec.trim_start_matches("RSA_").parse().unwrap_or_default();
    let hash_bytes = if algorithm.ends_with("SHA_1") { 20 } else { 32 };
    (bits / 8).saturating_sub(2 * hash_bytes + 2)
}

/// Opens what was encrypted under an RSA key; such a blob does not say under which, so the call must.
fn open_asymmetric(
    tx: &Tx<'_>,
    context: &Context,
    (blob, named): (&str, &str),
    asked: Option<&str>,
    (operation, bound_to): (&str, &EncryptionContext),
) -> Result<Opened> {
    let blob = from_base64(blob)?;
    let key = to_use(tx, context, named, operation, bound_to)?;
    check_usage(&key, spec::ENCRYPT, operation)?;
    let algorithm = algorithm(asked, &key)?;
    refuse_context(bound_to)?;
    let plaintext = private_key(&key)?.decrypt(&context.ids, algorithm, &blob);
    Ok(Opened {
        plaintext: plaintext.ok_or_else(invalid_ciphertext)?,
        key,
        version: 1,
    })
}

fn is_asymmetric(tx: &Tx<'_>, context: &Context, named: Option<&str>) -> Result<bool> {
    let Some(named) = named else {
        return Ok(false);
    };
    Ok(find(tx, context, named)?.key.spec != SYMMETRIC)
}

/// Opens a blob; a key named beside it must be the blob's own.
fn open(
    tx: &Tx<'_>,
    context: &Context,
    (blob, named): (&str, Option<&str>),
    asked: Option<&str>,
    (operation, encryption_context): (&str, &EncryptionContext),
) -> Result<Opened> {
    if let Some(named) = named
        && is_asymmetric(tx, context, Some(named))?
    {
        let use_of = (operation, encryption_context);
        return open_asymmetric(tx, context, (blob, named), asked, use_of);
    }
    let action = format!("kms:{operation}");
    let blob = from_base64(blob)?;
    let expected = named.map(|named| find(tx, context, named)).transpose()?;
    let (key, version) = key_of_blob(tx, context, &blob)?;
    if expected.is_some_and(|expected| expected.key.id != key.id) {
        return Err(incorrect_key());
    }
    algorithm(asked, &key)?;
    open_under(
        tx,
        context,
        key,
        version,
        &action,
        &blob,
        encryption_context,
    )
}

/// Only symmetric keys have materials that are told apart.
fn opened_material_id(opened: &Opened) -> Option<String> {
    let material = opened.key.material(opened.version);
    let material = material.filter(|_| opened.key.spec == SYMMETRIC);
    material.map(|material| material.id.clone())
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
pub(super) fn decrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DecryptInput,
) -> Result<DecryptOutput> {
    refuse_recipient("Decrypt", input.recipient.as_ref())?;
    let (blob, named) = (&input.ciphertext_blob, input.key_id.as_deref());
    let asked = input.encryption_algorithm.as_deref();
    let use_of = ("Decrypt", &input.encryption_context);
    let opened = open(tx, context, (blob, named), asked, use_of)?;
    unless_dry(input.dry_run)?;
    Ok(DecryptOutput {
        key_id: opened.key.arn(),
        plaintext: to_base64(&opened.plaintext),
        encryption_algorithm: asked.unwrap_or(SYMMETRIC).to_owned(),
        key_material_id: opened_material_id(&opened),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html>
pub(super) fn re_encrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ReEncryptInput,
) -> Result<ReEncryptOutput> {
    let source_algorithm = input.source_encryption_algorithm.as_deref();
    let blob = (
        input.ciphertext_blob.as_str(),
        input.source_key_id.as_deref(),
    );
    let use_of = ("ReEncryptFrom", &input.source_encryption_context);
    let source = open(tx, context, blob, source_algorithm, use_of)?;
    let encryption_context = &input.destination_encryption_context;
    let key = to_use(
        tx,
        context,
        &input.destination_key_id,
        "ReEncryptTo",
        encryption_context,
    )?;
    check_usage(&key, spec::ENCRYPT, "ReEncryptTo")?;
    let algorithm = algorithm(input.destination_encryption_algorithm.as_deref(), &key)?;
    unless_dry(input.dry_run)?;
    let blob = sealed(
        context,
        &key,
        algorithm,
        encryption_context,
        &source.plaintext,
    )?;
    Ok(ReEncryptOutput {
        ciphertext_blob: to_base64(&blob),
        source_key_id: source.key.arn(),
        key_id: key.arn(),
        source_encryption_algorithm: source_algorithm.unwrap_or(SYMMETRIC).to_owned(),
        destination_encryption_algorithm: algorithm.to_owned(),
        source_key_material_id: opened_material_id(&source),
        destination_key_material_id: (key.spec == SYMMETRIC).then(|| current_material_id(&key)),
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
    let key = to_use(
        tx,
        context,
        &input.key_id,
        operation,
        &input.encryption_context,
    )?;
    spec::check_symmetric(&key, operation)?;
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
