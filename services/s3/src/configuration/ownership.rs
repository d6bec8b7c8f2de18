//! Object ownership: whether a bucket has access control lists at all.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::super::api::{
    Nothing, OnBucket, OwnershipControls, OwnershipControlsRule, PutOwnershipControls,
};
use super::super::authorise::open;
use super::super::errors::{malformed_xml, not_found};
use super::super::{acl, bucket};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<PutOwnershipControls> {
    let bucket = open(tx, &input)?;
    let object_ownership = bucket.ownership.ok_or_else(|| {
        let message = "The bucket ownership controls were not found";
        not_found("OwnershipControlsNotFoundError", message).member("BucketName", bucket.name)
    })?;
    Ok(PutOwnershipControls {
        ownership_controls: OwnershipControls {
            rules: vec![OwnershipControlsRule { object_ownership }],
        },
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutOwnershipControls>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let rules = input.rest.ownership_controls.rules;
    let [rule] = rules.as_slice() else {
        return Err(malformed_xml());
    };
    if !bucket::OWNERSHIPS.contains(&rule.object_ownership.as_str()) {
        return Err(malformed_xml());
    }
    if rule.object_ownership == bucket::OWNERSHIPS[0] && acl::grants_others(&bucket) {
        let message =
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(Error::new("InvalidBucketAclWithObjectOwnership", message));
    }
    bucket.ownership = Some(rule.object_ownership.clone());
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    bucket.ownership = None;
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}
