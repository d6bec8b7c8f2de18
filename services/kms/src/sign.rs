//! Signatures, message authentication codes and agreed secrets, as clients ask for them.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::api::{
    DeriveSharedSecretInput, DeriveSharedSecretOutput, GetPublicKeyOutput, KeyIdInput, MacInput,
    MacOutput, SignInput, SignOutput, VerifyMacOutput, VerifyOutput, from_base64, to_base64,
};
use super::error::dry_run;
use super::key::{Asked, authorise, find, usable};
use super::keys::refuse_recipient;
use super::private_key::{PrivateKey, digest, digest_bytes};
use super::spec::{self, check_algorithm, check_usage};
use super::state::KeyRecord;

/// A key for an operation: found, authorised, usable.
fn to_use(tx: &Tx<'_>, context: &Context, named: &str, operation: &str) -> Result<KeyRecord> {
    let found = find(tx, context, named)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        ..Asked::default()
    };
    let action = format!("kms:{operation}");
    authorise(tx, context, &found.key, &action, &asked)?;
    usable(&found.key)?;
    Ok(found.key)
}

pub(super) fn private_key(key: &KeyRecord) -> Result<PrivateKey> {
    let material = key.current();
    let der = material.and_then(|material| material.long_secret.as_ref());
    let der = der.ok_or_else(|| Error::internal("an asymmetric key without its private half"))?;
    PrivateKey::from_der(&key.spec, der.bytes())
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html>
pub(super) fn get_public_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<GetPublicKeyOutput> {
    let key = to_use(tx, context, &input.key_id, "GetPublicKey")?;
    if !spec::is_asymmetric(&key.spec) {
        return Err(Error::new("UnsupportedOperationException", ""));
    }
    let listed = |usage: &str| {
        let all = spec::algorithms(&key.spec, &key.usage);
        (key.usage == usage).then(|| all.to_vec())
    };
    Ok(GetPublicKeyOutput {
        public_key: to_base64(&private_key(&key)?.public_der()?),
        customer_master_key_spec: key.spec.clone(),
        key_spec: key.spec.clone(),
        encryption_algorithms: listed(spec::ENCRYPT),
        signing_algorithms: listed(spec::SIGN),
        key_agreement_algorithms: listed(spec::AGREE),
        key_usage: key.usage.clone(),
        key_id: key.arn(),
    })
}

/// The key, and the digest that is to be signed or was.
fn signing(
    tx: &Tx<'_>,
    context: &Context,
    input: &SignInput,
    operation: &str,
) -> Result<(KeyRecord, Vec<u8>)> {
    let message = from_base64(&input.message)?;
    let key = to_use(tx, context, &input.key_id, operation)?;
    check_usage(&key, spec::SIGN, operation)?;
    let algorithm = &input.signing_algorithm;
    check_algorithm(&key, algorithm)?;
    let digest = match input.message_type.as_deref() {
        None | Some("RAW") => digest(algorithm, &message),
        Some("DIGEST") if message.len() == digest_bytes(algorithm) => message,
        Some("DIGEST") => {
            return Err(Error::validation(format!(
                "Digest is invalid length for algorithm {algorithm}."
            )));
        }
        Some(other) => {
            return Err(Error::not_implemented(format!(
                "kms:{operation} with MessageType {other}"
            )));
        }
    };
    if input.dry_run {
        return Err(dry_run());
    }
    Ok((key, digest))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html>
pub(super) fn sign(tx: &mut Tx<'_>, context: &Context, input: SignInput) -> Result<SignOutput> {
    let (key, digest) = signing(tx, context, &input, "Sign")?;
    let signature = private_key(&key)?.sign(&context.ids, &input.signing_algorithm, &digest)?;
    Ok(SignOutput {
        key_id: key.arn(),
        signature: to_base64(&signature),
        signing_algorithm: input.signing_algorithm,
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Verify.html>
pub(super) fn verify(tx: &mut Tx<'_>, context: &Context, input: SignInput) -> Result<VerifyOutput> {
    let signature = from_base64(input.signature.as_deref().unwrap_or_default())?;
    let (key, digest) = signing(tx, context, &input, "Verify")?;
    let algorithm = input.signing_algorithm;
    if !private_key(&key)?.verifies(&algorithm, &digest, &signature) {
        return Err(Error::new("KMSInvalidSignatureException", ""));
    }
    Ok(VerifyOutput {
        key_id: key.arn(),
        signature_valid: true,
        signing_algorithm: algorithm,
    })
}

/// The key, and the code of the message under it.
fn code(
    tx: &Tx<'_>,
    context: &Context,
    input: &MacInput,
    operation: &str,
) -> Result<(KeyRecord, Vec<u8>)> {
    let message = from_base64(&input.message)?;
    let key = to_use(tx, context, &input.key_id, operation)?;
    check_usage(&key, spec::MAC, operation)?;
    check_algorithm(&key, &input.mac_algorithm)?;
    if input.dry_run {
        return Err(dry_run());
    }
    let material = key.current();
    let secret = material.and_then(|material| material.long_secret.as_ref());
    let secret = secret.ok_or_else(|| Error::internal("an HMAC key without its secret"))?;
    let code = match input.mac_algorithm.as_str() {
        "HMAC_SHA_224" => authenticated::<Hmac<Sha224>>(secret.bytes(), &message),
        "HMAC_SHA_256" => authenticated::<Hmac<Sha256>>(secret.bytes(), &message),
        "HMAC_SHA_384" => authenticated::<Hmac<Sha384>>(secret.bytes(), &message),
        _ => authenticated::<Hmac<Sha512>>(secret.bytes(), &message),
    };
    Ok((key, code?))
}

fn authenticated<M: Mac + KeyInit>(secret: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let mac = <M as KeyInit>::new_from_slice(secret);
    let mut mac = mac.map_err(|error| Error::internal(error.to_string()))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html>
pub(super) fn generate_mac(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MacInput,
) -> Result<MacOutput> {
    let (key, code) = code(tx, context, &input, "GenerateMac")?;
    Ok(MacOutput {
        mac: to_base64(&code),
        mac_algorithm: input.mac_algorithm,
        key_id: key.arn(),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_VerifyMac.html>
pub(super) fn verify_mac(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MacInput,
) -> Result<VerifyMacOutput> {
    let given = from_base64(input.mac.as_deref().unwrap_or_default())?;
    let (key, code) = code(tx, context, &input, "VerifyMac")?;
    // Every byte is looked at, wherever the first difference lies.
    let differences = given
        .iter()
        .zip(&code)
        .fold(0, |sum, (one, other)| sum | (one ^ other));
    if given.len() != code.len() || differences != 0 {
        return Err(Error::new("KMSInvalidMacException", ""));
    }
    Ok(VerifyMacOutput {
        key_id: key.arn(),
        mac_valid: true,
        mac_algorithm: input.mac_algorithm,
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DeriveSharedSecret.html>
pub(super) fn derive_shared_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DeriveSharedSecretInput,
) -> Result<DeriveSharedSecretOutput> {
    const OPERATION: &str = "DeriveSharedSecret";
    refuse_recipient(OPERATION, input.recipient.as_ref())?;
    let public = from_base64(&input.public_key)?;
    let key = to_use(tx, context, &input.key_id, OPERATION)?;
    check_usage(&key, spec::AGREE, OPERATION)?;
    if input.dry_run {
        return Err(dry_run());
    }
    let secret = private_key(&key)?.agree(&public);
    let secret = secret.ok_or_else(|| {
        Error::validation("The public key is not valid for the key spec of the KMS key.")
    })?;
    Ok(DeriveSharedSecretOutput {
        key_id: key.arn(),
        shared_secret: to_base64(&secret),
        key_agreement_algorithm: input.key_agreement_algorithm,
        key_origin: key.origin.clone(),
    })
}
