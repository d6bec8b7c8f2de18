//! A bucket's default encryption. There always is one: deleting it goes back to SSE-S3.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::super::api::{
    BlockedEncryptionTypes, EncryptionByDefault, EncryptionRule, Nothing, OnBucket, PutEncryption,
    ServerSideEncryptionConfiguration,
};
use super::super::authorise::open;
use super::super::bucket;
use super::super::errors::{invalid_argument, malformed_xml};
use super::super::state::DefaultEncryption;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<PutEncryption> {
    let encryption = open(tx, &input)?.encryption;
    let blocked = encryption
        .blocks_customer_keys
        .then(|| BlockedEncryptionTypes {
            encryption_type: vec!["SSE-C".to_owned()],
        });
    let rule = EncryptionRule {
        apply_server_side_encryption_by_default: Some(EncryptionByDefault {
            algorithm: encryption.algorithm,
            key_id: encryption.key_id,
        }),
        bucket_key_enabled: Some(encryption.bucket_key),
        blocked_encryption_types: blocked,
    };
    Ok(PutEncryption {
        server_side_encryption_configuration: ServerSideEncryptionConfiguration {
            rules: vec![rule],
        },
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutEncryption>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let rules = input.rest.server_side_encryption_configuration.rules;
    let [rule] = rules.as_slice() else {
        return Err(malformed_xml());
    };
    bucket.encryption = read(rule, &bucket.encryption)?;
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}

fn read(rule: &EncryptionRule, before: &DefaultEncryption) -> Result<DefaultEncryption> {
    let by_default = rule.apply_server_side_encryption_by_default.as_ref();
    let (algorithm, key_id) = match by_default {
        Some(default) => (
            default.algorithm.clone(),
            default.key_id.clone().filter(|id| !id.is_empty()),
        ),
        None => (before.algorithm.clone(), before.key_id.clone()),
    };
    if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&algorithm.as_str()) {
        return Err(malformed_xml());
    }
    if key_id.is_some() && algorithm == "AES256" {
        let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or \
                       aws:kms:dsse";
        return Err(invalid_argument(
            message,
            "ApplyServerSideEncryptionByDefault",
            "",
        ));
    }
    let blocked = rule
        .blocked_encryption_types
        .as_ref()
        .map(|blocked| &blocked.encryption_type);
    Ok(DefaultEncryption {
        algorithm,
        key_id,
        bucket_key: rule.bucket_key_enabled.unwrap_or_default(),
        blocks_customer_keys: match blocked {
            Some(types) => types.iter().any(|kind| kind == "SSE-C"),
            None => before.blocks_customer_keys,
        },
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    bucket.encryption = DefaultEncryption {
        blocks_customer_keys: bucket.encryption.blocks_customer_keys,
        ..DefaultEncryption::default()
    };
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}
