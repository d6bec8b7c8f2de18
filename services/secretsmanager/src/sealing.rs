//! Values at rest: each version under a data key of its own, which only KMS opens, as the caller.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kms::{self as kms, EncryptionContext};
use serde_bytes::ByteBuf;

use super::error::{not_decrypted, not_encrypted};
use super::state::{SealedValue, SecretRecord};

/// A value in the clear.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Binary(Vec<u8>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Value")
    }
}

impl Value {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

fn bound_to(secret: &SecretRecord, version: &str) -> EncryptionContext {
    EncryptionContext::from([
        ("SecretARN".to_owned(), secret.arn()),
        ("SecretVersionId".to_owned(), version.to_owned()),
    ])
}

fn purpose(secret: &SecretRecord, version: &str) -> Vec<u8> {
    format!("{} {version}", secret.arn()).into_bytes()
}

pub(super) fn seal(
    tx: &mut Tx<'_>,
    context: &Context,
    secret: &SecretRecord,
    version: &str,
    value: &Value,
) -> Result<SealedValue> {
    let context = context.through("secretsmanager");
    let key = match &secret.kms_key_id {
        Some(key) => key.clone(),
        None => {
            let owner = context.located(&secret.account, &secret.region);
            kms::aws_managed_key(tx, &owner, "secretsmanager")?
        }
    };
    let bound = bound_to(secret, version);
    let key = kms::generate_data_key(tx, &context, &key, &bound).map_err(not_encrypted)?;
    let sealed = key
        .plaintext
        .seal(&context.ids, &purpose(secret, version), value.bytes());
    Ok(SealedValue {
        data_key: ByteBuf::from(key.ciphertext),
        sealed: ByteBuf::from(sealed),
        binary: matches!(value, Value::Binary(_)),
    })
}

pub(super) fn open(
    tx: &Tx<'_>,
    context: &Context,
    secret: &SecretRecord,
    version: &str,
    value: &SealedValue,
) -> Result<Value> {
    let context = context.through("secretsmanager");
    let bound = bound_to(secret, version);
    let key = kms::decrypt_data_key(tx, &context, &value.data_key, &bound);
    let key = key.map_err(not_decrypted)?;
    let internal = |error: String| Error::internal(error);
    let opened = key.open(&purpose(secret, version), &value.sealed);
    let opened = opened.map_err(|error| internal(error.to_string()))?;
    if value.binary {
        return Ok(Value::Binary(opened));
    }
    String::from_utf8(opened)
        .map(Value::Text)
        .map_err(|error| internal(error.to_string()))
}
