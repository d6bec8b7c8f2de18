//! What all batches share: their limits, and that one entry's failure is its own.

use cumulet_engine::error::{Error, Result};

use super::api::{BatchOutput, Entry, Failure};

const ENTRIES_MAX: usize = 10;

pub(super) fn check<E>(entries: &[Entry<E>], kind: &str) -> Result<()> {
    if entries.is_empty() {
        let message = format!("There should be at least one {kind} in the request.");
        return Err(Error::new("EmptyBatchRequest", message));
    }
    if entries.len() > ENTRIES_MAX {
        return Err(Error::new(
            "TooManyEntriesInBatchRequest",
            format!(
                "Maximum number of entries per request are {ENTRIES_MAX}. You have sent {}.",
                entries.len()
            ),
        ));
    }
    for (position, entry) in entries.iter().enumerate() {
        check_id(&entry.id)?;
        if entries[..position].iter().any(|other| other.id == entry.id) {
            let message = format!("Id {} repeated.", entry.id);
            return Err(Error::new("BatchEntryIdsNotDistinct", message));
        }
    }
    Ok(())
}

fn check_id(id: &str) -> Result<()> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=80).contains(&id.len()) && id.bytes().all(is_valid) {
        return Ok(());
    }
    Err(Error::new(
        "InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most \
         80 letters long.",
    ))
}

/// Does each; a refusal is told beside the others' success, our own failure ends the whole.
pub(super) fn each<E, O>(
    entries: Vec<Entry<E>>,
    mut one: impl FnMut(E) -> Result<O>,
) -> Result<BatchOutput<O>> {
    let mut output = BatchOutput {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    for entry in entries {
        match one(entry.of) {
            Ok(of) => output.successful.push(Entry { id: entry.id, of }),
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => output.failed.push(Failure {
                id: entry.id,
                sender_fault: true,
                code: error.code.into_owned(),
                message: error.message,
            }),
        }
    }
    Ok(output)
}
