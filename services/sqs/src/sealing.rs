//! Bodies at rest under a KMS key: sealed under data keys that only KMS opens, as sender and receiver.
//!
//! A data key serves for a while (KmsDataKeyReusePeriodSeconds), so a sender needs kms:GenerateDataKey and
//! kms:Decrypt, and a receiver kms:Decrypt, as on AWS.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>

use std::collections::HashMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::seal::SealKey;
use cumulet_kms::{self as kms, EncryptionContext};
use serde_bytes::ByteBuf;

use super::error::of_key;
use super::state::{ContentRecord, DATA_KEYS, DataKeyRecord, QueueRecord, SealedUnder, under};

const DEFAULT_KEY: &str = "alias/aws/sqs";

fn bound_to(queue_arn: &str) -> EncryptionContext {
    EncryptionContext::from([("aws:sqs:arn".to_owned(), queue_arn.to_owned())])
}

/// The body as it is stored, and under what; a queue without a key stores it as it is.
pub(super) fn seal(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    message_id: &str,
    body: &str,
) -> Result<(ByteBuf, Option<SealedUnder>)> {
    let Some(kms_key) = &queue.settings.kms_key_id else {
        return Ok((ByteBuf::from(body.as_bytes()), None));
    };
    let (key, data_key) = data_key(tx, context, queue, kms_key).map_err(of_key)?;
    let sealed = key.seal(&context.ids, message_id.as_bytes(), body.as_bytes());
    let under = SealedUnder {
        data_key,
        queue_arn: queue.arn(),
    };
    Ok((ByteBuf::from(sealed), Some(under)))
}

fn data_key(
    tx: &mut Tx<'_>,
    context: &Context,
    queue: &QueueRecord,
    kms_key: &str,
) -> Result<(SealKey, ByteBuf)> {
    let context = context.through("sqs");
    let bound = bound_to(&queue.arn());
    let reuse_s = i64::from(queue.settings.data_key_reuse_s);
    let known: Option<DataKeyRecord> = tx.load(DATA_KEYS, under(queue.number))?;
    let fresh = known
        .filter(|known| known.kms_key_id == kms_key && context.now < known.created.plus_s(reuse_s));
    if let Some(known) = fresh {
        let key = kms::decrypt_data_key(tx, &context, &known.ciphertext, &bound)?;
        return Ok((key, known.ciphertext));
    }
    if kms_key == DEFAULT_KEY {
        kms::aws_managed_key(tx, &context.located(&queue.account, &queue.region), "sqs")?;
    }
    let made = kms::generate_data_key(tx, &context, kms_key, &bound)?;
    let record = DataKeyRecord {
        ciphertext: ByteBuf::from(made.ciphertext),
        kms_key_id: kms_key.to_owned(),
        created: context.now,
    };
    tx.save(DATA_KEYS, under(queue.number), &record)?;
    Ok((made.plaintext, record.ciphertext))
}

/// Data keys opened in the course of one receive.
#[derive(Default)]
pub(super) struct OpenKeys(HashMap<Vec<u8>, SealKey>);

impl OpenKeys {
    /// The body in the clear.
    pub(super) fn open(
        &mut self,
        tx: &Tx<'_>,
        context: &Context,
        content: &ContentRecord,
    ) -> Result<String> {
        let bytes = match &content.sealed {
            None => content.body.to_vec(),
            Some(under) => {
                let key = self.key(tx, context, under)?;
                let opened = key.open(content.message_id.as_bytes(), &content.body);
                opened.map_err(|error| Error::internal(error.to_string()))?
            }
        };
        String::from_utf8(bytes).map_err(|error| Error::internal(error.to_string()))
    }

    fn key(&mut self, tx: &Tx<'_>, context: &Context, under: &SealedUnder) -> Result<&SealKey> {
        if !self.0.contains_key(under.data_key.as_slice()) {
            let context = context.through("sqs");
            let bound = bound_to(&under.queue_arn);
            let key =
                kms::decrypt_data_key(tx, &context, &under.data_key, &bound).map_err(of_key)?;
            self.0.insert(under.data_key.to_vec(), key);
        }
        let lost = || Error::internal("a data key was just opened and is gone");
        self.0.get(under.data_key.as_slice()).ok_or_else(lost)
    }
}
