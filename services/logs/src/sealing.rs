//! Events at rest under a KMS key: the group holds data keys that only KMS can open, for the Logs service
//! itself, as the key's policy allows it.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::seal::SealKey;
use cumulet_kms::{self as kms, EncryptionContext};
use serde_bytes::ByteBuf;

use super::group::group_arn;
use super::state::{EventRecord, GroupRecord, Place};

/// A group whose events are read or written, and its data keys, opened as they are needed.
pub(super) struct Sealing<'a> {
    context: &'a Context,
    group: String,
    data_keys: Vec<ByteBuf>,
    /// Whether new events are sealed.
    active: bool,
    opened: Vec<Option<SealKey>>,
}

/// Has new events sealed under `kms_key`.
pub(super) fn associate(
    tx: &mut Tx<'_>,
    context: &Context,
    group: &str,
    record: &mut GroupRecord,
    kms_key: String,
) -> Result<()> {
    let arn = group_arn(context, group);
    let service = as_logs(context, &arn);
    let key = kms::generate_data_key(tx, &service, &kms_key, &bound_to(&arn)).map_err(|error| {
        if error.status >= 500 {
            return error;
        }
        Error::access_denied(format!(
            "The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
        ))
        .status(400)
    })?;
    record.kms_key_arn = Some(key.key_arn);
    record.data_keys.push(ByteBuf::from(key.ciphertext));
    Ok(())
}

fn as_logs(context: &Context, group_arn: &str) -> Context {
    let service = format!("logs.{}.amazonaws.com", context.region);
    context.as_service(&service, group_arn, &context.account)
}

fn bound_to(group_arn: &str) -> EncryptionContext {
    EncryptionContext::from([("aws:logs:arn".to_owned(), group_arn.to_owned())])
}

impl<'a> Sealing<'a> {
    pub(super) fn of(context: &'a Context, group: &str, record: &GroupRecord) -> Self {
        Self {
            context,
            group: group_arn(context, group),
            data_keys: record.data_keys.clone(),
            active: record.kms_key_arn.is_some(),
            opened: vec![None; record.data_keys.len()],
        }
    }

    fn key(&mut self, tx: &Tx<'_>, position: usize) -> Result<&SealKey> {
        let lost = || Error::internal("a log event names a data key its group does not have");
        let sealed = self.data_keys.get(position).ok_or_else(lost)?;
        let slot = self.opened.get_mut(position).ok_or_else(lost)?;
        if slot.is_none() {
            let service = as_logs(self.context, &self.group);
            let bound_to = bound_to(&self.group);
            *slot = Some(kms::decrypt_data_key(tx, &service, sealed, &bound_to)?);
        }
        slot.as_ref().ok_or_else(lost)
    }

    /// An event as it is stored.
    pub(super) fn seal(
        &mut self,
        tx: &Tx<'_>,
        stream: u64,
        place: Place,
        message: &str,
    ) -> Result<EventRecord> {
        let context = self.context;
        let position = self.data_keys.len().checked_sub(1).filter(|_| self.active);
        let message = match position {
            None => message.as_bytes().to_vec(),
            Some(position) => self.key(tx, position)?.seal(
                &context.ids,
                &purpose(stream, place),
                message.as_bytes(),
            ),
        };
        Ok(EventRecord {
            ingested_ms: context.now.0,
            message,
            data_key: position,
        })
    }

    /// The event's text.
    pub(super) fn open(
        &mut self,
        tx: &Tx<'_>,
        stream: u64,
        place: Place,
        event: &EventRecord,
    ) -> Result<String> {
        let Some(position) = event.data_key else {
            return Ok(String::from_utf8_lossy(&event.message).into_owned());
        };
        let opened = self
            .key(tx, position)?
            .open(&purpose(stream, place), &event.message);
        let opened = opened.map_err(|error| Error::internal(error.to_string()))?;
        Ok(String::from_utf8_lossy(&opened).into_owned())
    }
}

fn purpose(stream: u64, place: Place) -> Vec<u8> {
    format!("log event {stream} {} {}", place.time_ms, place.sequence).into_bytes()
}
