//! One page of a list. A marker is the key of the last record told, so it stays valid whatever is added
//! or removed meanwhile.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::error::Result;
use cumulet_kernel::key::{KeyReader, end_of_prefix};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Table, Tx};
use serde::de::DeserializeOwned;

use super::errors;

const ITEMS_DEFAULT: usize = 50;
const ITEMS_MAX: usize = 50;

pub(super) struct Page<T> {
    pub(super) records: Vec<(Vec<u8>, T)>,
    pub(super) next: Option<String>,
}

/// The records under `prefix` after `marker`.
pub(super) fn of<T: DeserializeOwned>(
    tx: &Tx<'_>,
    table: Table,
    prefix: &Key,
    marker: Option<&str>,
    limit: Option<usize>,
) -> Result<Page<T>> {
    let limit = limit.unwrap_or(ITEMS_DEFAULT).clamp(1, ITEMS_MAX);
    let from = match marker {
        None => prefix.as_slice().to_vec(),
        Some(marker) => after(prefix, marker)?,
    };
    let end = end_of_prefix(prefix.as_slice());
    let mut keys = Vec::new();
    for pair in tx
        .range(table, &from, end.as_deref(), Direction::Forward)?
        .take(limit + 1)
    {
        keys.push(pair?.0);
    }
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys
        .last()
        .filter(|_| more)
        .map(|last| BASE64_URL_SAFE_NO_PAD.encode(last));
    let mut records = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(record) = tx.load(table, &key)? {
            records.push((key, record));
        }
    }
    Ok(Page { records, next })
}

/// The smallest key after the one that the marker names, which must lie in the list.
fn after(prefix: &Key, marker: &str) -> Result<Vec<u8>> {
    let refused = || errors::invalid("Invalid pagination token");
    let mut key = BASE64_URL_SAFE_NO_PAD
        .decode(marker)
        .map_err(|_| refused())?;
    if !key.starts_with(prefix.as_slice()) {
        return Err(refused());
    }
    key.push(0);
    Ok(key)
}

/// The text part of a key that follows `prefix`.
pub(super) fn last_text(prefix: &Key, key: &[u8]) -> String {
    KeyReader::new(key.get(prefix.as_slice().len()..).unwrap_or_default())
        .text()
        .unwrap_or_default()
}
