//! What kinds of keys there are: what each may be used for, and with which algorithms.
//!
//! <https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html>

use cumulet_engine::error::{Error, Result};

use super::state::KeyRecord;

pub(super) const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
pub(super) const ENCRYPT: &str = "ENCRYPT_DECRYPT";
pub(super) const SIGN: &str = "SIGN_VERIFY";
pub(super) const MAC: &str = "GENERATE_VERIFY_MAC";
pub(super) const AGREE: &str = "KEY_AGREEMENT";

const OAEP: &[&str] = &["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"];
const RSA_SIGNING: &[&str] = &[
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
];

/// The uses that a spec allows; none where the spec is not built.
fn usages(spec: &str) -> &'static [&'static str] {
    match spec {
        SYMMETRIC => &[ENCRYPT],
        "RSA_2048" | "RSA_3072" | "RSA_4096" => &[ENCRYPT, SIGN],
        "ECC_NIST_P256" | "ECC_NIST_P384" | "ECC_NIST_P521" => &[SIGN, AGREE],
        "ECC_SECG_P256K1" => &[SIGN],
        "HMAC_224" | "HMAC_256" | "HMAC_384" | "HMAC_512" => &[MAC],
        _ => &[],
    }
}

/// The algorithms of a spec for a use.
pub(super) fn algorithms(spec: &str, usage: &str) -> &'static [&'static str] {
    match (spec, usage) {
        (SYMMETRIC, _) => &[SYMMETRIC],
        (_, AGREE) => &["ECDH"],
        ("ECC_NIST_P256" | "ECC_SECG_P256K1", _) => &["ECDSA_SHA_256"],
        ("ECC_NIST_P384", _) => &["ECDSA_SHA_384"],
        ("ECC_NIST_P521", _) => &["ECDSA_SHA_512"],
        ("HMAC_224", _) => &["HMAC_SHA_224"],
        ("HMAC_256", _) => &["HMAC_SHA_256"],
        ("HMAC_384", _) => &["HMAC_SHA_384"],
        ("HMAC_512", _) => &["HMAC_SHA_512"],
        (_, SIGN) => RSA_SIGNING,
        (_, ENCRYPT) => OAEP,
        _ => &[],
    }
}

pub(super) fn is_asymmetric(spec: &str) -> bool {
    spec.starts_with("RSA_") || spec.starts_with("ECC_")
}

/// How long the secret of an HMAC key is; none for others.
pub(super) fn hmac_bytes(spec: &str) -> Option<usize> {
    let bits: usize = spec.strip_prefix("HMAC_")?.parse().ok()?;
    Some(bits / 8)
}

/// The spec and use of a key to be made, from what was asked for.
pub(super) fn chosen(spec: Option<&str>, usage: Option<&str>) -> Result<(String, String)> {
    let spec = spec.unwrap_or(SYMMETRIC);
    let usage = match usage {
        Some(usage) => usage,
        None if spec == SYMMETRIC => ENCRYPT,
        None => {
            return Err(Error::validation(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            ));
        }
    };
    let allowed = usages(spec);
    if allowed.is_empty() {
        return Err(Error::not_implemented(format!(
            "kms:CreateKey with KeySpec {spec}"
        )));
    }
    if !allowed.contains(&usage) {
        return Err(Error::validation(format!(
            "KeyUsage {usage} is not compatible with KeySpec {spec}"
        )));
    }
    Ok((spec.to_owned(), usage.to_owned()))
}

/// Refuses a key that is made for something else than `operation` does.
pub(super) fn check_usage(key: &KeyRecord, usage: &str, operation: &str) -> Result<()> {
    if key.usage == usage {
        return Ok(());
    }
    let message = format!(
        "{} key usage is {} which is not valid for {operation}.",
        key.arn(),
        key.usage
    );
    Err(Error::new("InvalidKeyUsageException", message))
}

/// Refuses a key that is no symmetric encryption key: only those seal data keys.
pub(super) fn check_symmetric(key: &KeyRecord, operation: &str) -> Result<()> {
    check_usage(key, ENCRYPT, operation)?;
    if key.spec == SYMMETRIC {
        return Ok(());
    }
    let message = format!(
        "{} key spec is {} which is not valid for {operation}.",
        key.arn(),
        key.spec
    );
    Err(Error::new("InvalidKeyUsageException", message))
}

pub(super) fn check_algorithm(key: &KeyRecord, algorithm: &str) -> Result<()> {
    if algorithms(&key.spec, &key.usage).contains(&algorithm) {
        return Ok(());
    }
    Err(Error::new(
        "InvalidKeyUsageException",
        format!(
            "Algorithm {algorithm} is incompatible with key spec {}.",
            key.spec
        ),
    ))
}
