//! Rotation: a new generation of a key's material, the old ones kept for decryption.

use cumulet_kernel::{Tx, outbox};

use super::state::KeyRecord;
use crate::error::Result;

/// Takes the next automatic rotation out of the outbox.
pub(super) fn cancel(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<()> {
    match key.rotation {
        Some(rotation) => Ok(outbox::finish(tx, rotation.entry)?),
        None => Ok(()),
    }
}
