//! A table's key, and what guards it.
//!
//! Every table has one key that seals its items for as long as it lives. DynamoDB keeps it itself, or
//! sealed under a data key that only KMS opens, as the caller: disable the KMS key and the table is
//! closed. Changing the KMS key seals the table's key anew and touches no item.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::seal::SealKey;
use cumulet_kms as kms;

use super::errors::{invalid_parameter, validation};
use super::state::{Encryption, TableRecord};
use super::table_api::EncryptionInput;

const SERVICE: &str = "dynamodb.amazonaws.com";
const PURPOSE: &[u8] = b"dynamodb table key";

fn encryption_context(table: &str, account: &str) -> kms::EncryptionContext {
    BTreeMap::from([
        ("aws:dynamodb:tableName".to_owned(), table.to_owned()),
        ("aws:dynamodb:subscriberId".to_owned(), account.to_owned()),
    ])
}

/// The guard of a new table's key.
pub(super) fn new(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Option<&EncryptionInput>,
    table: &str,
) -> Result<Encryption> {
    guard(tx, context, input, table, &SealKey::generate(&context.ids))
}

/// Puts a table's key under another guard.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &mut TableRecord,
    input: Option<&EncryptionInput>,
) -> Result<()> {
    let key = open(
        tx,
        context,
        &record.encryption,
        &record.name,
        &record.account,
    )?;
    record.encryption = guard(tx, context, input, &record.name, &key)?;
    Ok(())
}

fn guard(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Option<&EncryptionInput>,
    table: &str,
    key: &SealKey,
) -> Result<Encryption> {
    let Some(input) = input.filter(|input| input.enabled == Some(true)) else {
        if input.is_some_and(|input| input.kms_key_id.is_some()) {
            return Err(invalid_parameter(
                "KMSMasterKeyId can be specified only if SSE is enabled",
            ));
        }
        return Ok(Encryption::Owned {
            key: key.as_bytes().to_vec(),
        });
    };
    let kms_key = match &input.kms_key_id {
        Some(kms_key) => kms_key.clone(),
        None => kms::aws_managed_key(tx, context, "dynamodb")?,
    };
    let bound = encryption_context(table, &context.account);
    let through = context.through("dynamodb");
    let data_key = kms::generate_data_key(tx, &through, &kms_key, &bound).map_err(refusal)?;
    // Expired items and new indexes are worked on when no caller is there to ask the key as.
    kms::grant_to_service(
        tx,
        &through,
        &kms_key,
        SERVICE,
        &["Decrypt", "GenerateDataKey"],
    )
    .map_err(refusal)?;
    Ok(Encryption::Kms {
        table_key: data_key
            .plaintext
            .seal(&context.ids, PURPOSE, key.as_bytes()),
        key_arn: data_key.key_arn,
        data_key: data_key.ciphertext,
    })
}

/// The key behind its guard, as the caller.
pub(super) fn open(
    tx: &Tx<'_>,
    context: &Context,
    encryption: &Encryption,
    table: &str,
    account: &str,
) -> Result<SealKey> {
    let key = match encryption {
        Encryption::Owned { key } => key.clone(),
        Encryption::Kms {
            data_key,
            table_key,
            ..
        } => {
            let through = context.through("dynamodb");
            let bound = encryption_context(table, account);
            let data_key =
                kms::decrypt_data_key(tx, &through, data_key, &bound).map_err(refusal)?;
            data_key
                .open(PURPOSE, table_key)
                .map_err(|_| Error::internal("a table's key does not open"))?
        }
    };
    let key: [u8; 32] = key
        .try_into()
        .map_err(|_| Error::internal("a table's key has the wrong length"))?;
    Ok(SealKey::new(key))
}

/// DynamoDB passes a denial on and words every other refusal of KMS as its own.
fn refusal(error: Error) -> Error {
    if error.is_access_denied() || error.status >= 500 {
        return error;
    }
    validation(format!("KMS validation error: {}", error.message))
}
