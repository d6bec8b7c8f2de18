//! From a TableName to an open table: its record, and the key that opens its items.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Key, StoreError, Tx};

use super::encryption;
use super::errors::{named_table_not_found, table_not_found, validation};
use super::state::{Status, TABLE_RECORDS, TableRecord};

/// Where a table lies; an ARN is accepted wherever a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
}

impl Location {
    pub(super) fn new(context: &Context, name_or_arn: &str) -> Self {
        let arn = Arn::parse(name_or_arn).filter(|arn| arn.service == "dynamodb");
        match arn.and_then(|arn| Some((arn, arn.resource.strip_prefix("table/")?))) {
            Some((arn, resource)) => Self {
                account: arn.account.to_owned(),
                region: arn.region.to_owned(),
                name: resource.split('/').next().unwrap_or(resource).to_owned(),
            },
            None => Self {
                account: context.account.to_string(),
                region: context.region.to_string(),
                name: name_or_arn.to_owned(),
            },
        }
    }

    /// Refuses what is no table name, in the framework's words: the model itself lets ARNs pass.
    pub(super) fn check(&self, length_min: usize) -> Result<()> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let length = self.name.chars().count();
        let constraint = if length > NAME_MAX {
            format!("Member must have length less than or equal to {NAME_MAX}")
        } else if !self.name.bytes().all(allowed) {
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+".to_owned()
        } else if length < length_min {
            format!("Member must have length greater than or equal to {length_min}")
        } else {
            return Ok(());
        };
        Err(validation(format!(
            "1 validation error detected: Value '{}' at 'tableName' failed to satisfy constraint: {constraint}",
            self.name
        )))
    }

    pub(super) fn key(&self) -> Key {
        Key::new()
            .text(&self.account)
            .text(&self.region)
            .text(&self.name)
    }

    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:dynamodb:{}:{}:table/{}",
            self.region, self.account, self.name
        )
    }
}

const NAME_MAX: usize = 255;

type Cached = (Vec<u8>, Arc<TableRecord>);
const CACHED_MAX: usize = 64;

thread_local! {
    /// Records decoded before, by key, beside the very bytes they were decoded from: comparing those is
    /// far cheaper than decoding, and never stale.
    static DECODED: RefCell<HashMap<Vec<u8>, Cached>> = RefCell::new(HashMap::new());
}

pub(super) fn load(tx: &Tx<'_>, location: &Location) -> Result<Option<Arc<TableRecord>>> {
    let key = location.key();
    let Some(bytes) = tx.get(TABLE_RECORDS, &key)? else {
        return Ok(None);
    };
    DECODED.with_borrow_mut(|decoded| {
        if let Some((_, record)) = decoded
            .get(key.as_slice())
            .filter(|(cached, _)| *cached == bytes)
        {
            return Ok(Some(record.clone()));
        }
        let record: TableRecord = tx
            .load(TABLE_RECORDS, &key)?
            .ok_or_else(|| Error::internal("a table record vanished"))?;
        let record = Arc::new(record);
        if decoded.len() >= CACHED_MAX {
            decoded.clear();
        }
        decoded.insert(key.as_slice().to_vec(), (bytes, record.clone()));
        Ok(Some(record))
    })
}

pub(super) fn save(tx: &mut Tx<'_>, record: &TableRecord) -> Result<(), StoreError> {
    tx.save(TABLE_RECORDS, location_of(record).key(), record)
}

pub(super) fn location_of(record: &TableRecord) -> Location {
    Location {
        account: record.account.clone(),
        region: record.region.clone(),
        name: record.name.clone(),
    }
}

/// The record for a call of the control plane.
pub(super) fn named(tx: &Tx<'_>, context: &Context, name_or_arn: &str) -> Result<TableRecord> {
    let location = Location::new(context, name_or_arn);
    location.check(1)?;
    let record = load(tx, &location)?.ok_or_else(|| named_table_not_found(&location.name))?;
    Ok(record.as_ref().clone())
}

/// A table ready for items to be read and written.
#[derive(Clone, Debug)]
pub(super) struct OpenTable {
    pub(super) record: Arc<TableRecord>,
    pub(super) key: SealKey,
}

impl OpenTable {
    /// Opens a table for the data plane, as the caller.
    pub(super) fn open(tx: &Tx<'_>, context: &Context, name_or_arn: &str) -> Result<Self> {
        let location = Location::new(context, name_or_arn);
        location.check(1)?;
        let record = load(tx, &location)?.ok_or_else(table_not_found)?;
        if record.status == Status::Creating {
            return Err(table_not_found());
        }
        Self::of(tx, context, record)
    }

    pub(super) fn of(tx: &Tx<'_>, context: &Context, record: Arc<TableRecord>) -> Result<Self> {
        let key = encryption::open(
            tx,
            context,
            &record.encryption,
            &record.name,
            &record.account,
        )?;
        Ok(Self { record, key })
    }
}
