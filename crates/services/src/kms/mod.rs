//! Key Management Service: keys that never leave, and the data keys sealed under them.
//!
//! Other services call in here as the caller, through themselves (`context.through("s3")`), so the key
//! policy decides and the decision is on the trace.
//!
//! Key material is stored in the key's record, under the store's own encryption: every page on disk is
//! encrypted under the installation's root key. So there is no second sealing here, and a key whose
//! record is deleted is shredded, as far as the store no longer keeps the page it lay on.

mod ciphertext;
mod data_key;
mod error;
mod grant;
mod key;
mod lifecycle;
mod policies;
mod rotation;
mod state;

use std::collections::BTreeMap;

use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Context, Table, Tx};

use crate::error::Result;
use crate::operation::Operation;

pub use data_key::{decrypt_data_key, generate_data_key};
pub use lifecycle::{aws_managed_key, deliver_deletion};

pub(crate) const TABLES: &[Table] = state::TABLES;

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

/// The ARN of the key that an id, ARN or alias names; not authorised.
pub fn resolve_key_arn(tx: &Tx<'_>, context: &Context, key_id: &str) -> Result<String> {
    Ok(key::find(tx, context, key_id)?.key.arn())
}
