//! SecureStrings: encrypted as the caller, under the caller's key, through SSM.
//!
//! The parameter's ARN is the encryption context, so a value does not open in another's place.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kms::{self as kms, EncryptionContext};
use serde_bytes::ByteBuf;

use super::error::of_key;
use super::state::{StoredValue, Tier, VersionRecord};

pub(super) const DEFAULT_KEY: &str = "alias/aws/ssm";

fn bound_to(arn: &str) -> EncryptionContext {
    EncryptionContext::from([("PARAMETER_ARN".to_owned(), arn.to_owned())])
}

/// A value as it is stored.
pub(super) fn seal(
    tx: &mut Tx<'_>,
    context: &Context,
    arn: &str,
    key_id: &str,
    tier: Tier,
    value: &str,
) -> Result<StoredValue> {
    let context = context.through("ssm");
    if key_id == DEFAULT_KEY {
        kms::aws_managed_key(tx, &context, "ssm")?;
    }
    let sealed =
        match tier {
            Tier::Standard => kms::encrypt(tx, &context, key_id, &bound_to(arn), value.as_bytes())
                .map(|ciphertext| StoredValue::Encrypted {
                    ciphertext: ByteBuf::from(ciphertext),
                }),
            Tier::Advanced => envelop(tx, &context, arn, key_id, value),
        };
    sealed.map_err(|error| of_key(&context, error))
}

fn envelop(
    tx: &mut Tx<'_>,
    context: &Context,
    arn: &str,
    key_id: &str,
    value: &str,
) -> Result<StoredValue> {
    let key = kms::generate_data_key(tx, context, key_id, &bound_to(arn))?;
    let sealed = key
        .plaintext
        .seal(&context.ids, arn.as_bytes(), value.as_bytes());
    Ok(StoredValue::Enveloped {
        data_key: ByteBuf::from(key.ciphertext),
        sealed: ByteBuf::from(sealed),
    })
}

/// The value of a version. Without decryption a SecureString shows its ciphertext, as on AWS.
pub(super) fn open(
    tx: &Tx<'_>,
    context: &Context,
    arn: &str,
    version: &VersionRecord,
    with_decryption: bool,
) -> Result<String> {
    let context = context.through("ssm");
    let opened = match &version.value {
        StoredValue::Plain(value) => return Ok(value.clone()),
        StoredValue::Encrypted { ciphertext } if !with_decryption => {
            return Ok(BASE64_STANDARD.encode(ciphertext));
        }
        StoredValue::Enveloped { sealed, .. } if !with_decryption => {
            return Ok(BASE64_STANDARD.encode(sealed));
        }
        StoredValue::Encrypted { ciphertext } => {
            kms::decrypt(tx, &context, ciphertext, &bound_to(arn))
        }
        StoredValue::Enveloped { data_key, sealed } => {
            kms::decrypt_data_key(tx, &context, data_key, &bound_to(arn)).and_then(|key| {
                let opened = key.open(arn.as_bytes(), sealed);
                opened.map_err(|error| Error::internal(error.to_string()))
            })
        }
    };
    let opened = opened.map_err(|error| of_key(&context, error))?;
    String::from_utf8(opened).map_err(|error| Error::internal(error.to_string()))
}
