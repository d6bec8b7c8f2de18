//! Key Management Service: keys that never leave, and the data keys sealed under them.
//!
//! Other services call in here as the caller, through themselves (`context.through("s3")`), so the key
//! policy decides and the decision is on the trace.

use std::collections::BTreeMap;

use cumulet_kernel::outbox::Entry;
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Context, Table, Tx};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// Additional data that must be given again to decrypt.
pub type EncryptionContext = BTreeMap<String, String>;

/// A data key in the clear and sealed under its KMS key.
#[derive(Clone, Debug)]
pub struct DataKey {
    pub plaintext: SealKey,
    pub ciphertext: Vec<u8>,
    pub key_arn: String,
}

/// kms:GenerateDataKey as the context's principal, through `context.via`. `key_id` is an id, an ARN, an
/// alias or an alias' ARN.
pub fn generate_data_key(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _key_id: &str,
    _encryption_context: &EncryptionContext,
) -> Result<DataKey> {
    Err(Error::not_implemented("kms:GenerateDataKey"))
}

/// kms:Decrypt of a data key as the context's principal, through `context.via`.
pub fn decrypt_data_key(
    _tx: &Tx<'_>,
    _context: &Context,
    _ciphertext: &[u8],
    _encryption_context: &EncryptionContext,
) -> Result<SealKey> {
    Err(Error::not_implemented("kms:Decrypt"))
}

/// The ARN of the key that an id, ARN or alias names; not authorised.
pub fn resolve_key_arn(_tx: &Tx<'_>, _context: &Context, _key_id: &str) -> Result<String> {
    Err(Error::not_implemented("KMS keys"))
}

/// The AWS managed key of a service (`s3`: `alias/aws/s3`), made on first use; its ARN.
pub fn aws_managed_key(_tx: &mut Tx<'_>, _context: &Context, _service: &str) -> Result<String> {
    Err(Error::not_implemented("AWS managed keys"))
}

/// Shreds a key whose deletion window has passed.
pub async fn deliver_deletion(_engine: &Engine, _context: Context, _entry: Entry) -> Result<()> {
    Err(Error::not_implemented("key deletion"))
}
