//! Events at rest under a KMS key: the group holds data keys that only KMS can open, for the Logs service
//! itself, as the key's policy allows it.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>

use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Context, Tx};
use serde_bytes::ByteBuf;

use super::group::group_arn;
use super::state::{EventRecord, GroupRecord, Place};
use crate::error::{Error, Result};
use crate::kms::{self, EncryptionContext};

/// The group's data keys, opened as they are needed.
#[derive(Default)]
pub(super) struct OpenKeys {
    keys: Vec<Option<SealKey>>,
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

impl OpenKeys {
    fn get(
        &mut self,
        tx: &Tx<'_>,
        context: &Context,
        group: &str,
        record: &GroupRecord,
        position: usize,
    ) -> Result<&SealKey> {
        let lost = || Error::internal("a log event names a data key its group does not have");
        let sealed = record.data_keys.get(position).ok_or_else(lost)?;
        if self.keys.len() <= position {
            self.keys.resize(position + 1, None);
        }
        let slot = self.keys.get_mut(position).ok_or_else(lost)?;
        if slot.is_none() {
            let arn = group_arn(context, group);
            let service = as_logs(context, &arn);
            *slot = Some(kms::decrypt_data_key(
                tx,
                &service,
                sealed,
                &bound_to(&arn),
            )?);
        }
        slot.as_ref().ok_or_else(lost)
    }

    /// An event as it is stored.
    pub(super) fn seal(
        &mut self,
        tx: &Tx<'_>,
        context: &Context,
        group: &str,
        record: &GroupRecord,
        stream: u64,
        place: Place,
        message: &str,
    ) -> Result<EventRecord> {
        let position = record
            .data_keys
            .len()
            .checked_sub(1)
            .filter(|_| record.kms_key_arn.is_some());
        let message = match position {
            None => message.as_bytes().to_vec(),
            Some(position) => self.get(tx, context, group, record, position)?.seal(
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
        context: &Context,
        group: &str,
        record: &GroupRecord,
        stream: u64,
        place: Place,
        event: &EventRecord,
    ) -> Result<String> {
        let Some(position) = event.data_key else {
            return Ok(String::from_utf8_lossy(&event.message).into_owned());
        };
        let key = self.get(tx, context, group, record, position)?;
        let opened = key.open(&purpose(stream, place), &event.message);
        let opened = opened.map_err(|error| Error::internal(error.to_string()))?;
        Ok(String::from_utf8_lossy(&opened).into_owned())
    }
}

fn purpose(stream: u64, place: Place) -> Vec<u8> {
    format!("log event {stream} {} {}", place.time_ms, place.sequence).into_bytes()
}
