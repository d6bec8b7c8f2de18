//! Which bucket a call means, and what the caller must be allowed.
//!
//! A bucket is found before anything is decided, since its policy and owner are part of the question;
//! so a missing bucket is told to anybody, as AWS does.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, PrincipalKind};
use cumulet_identity::iam;
use cumulet_kernel::Tx;

use super::api::{OnBucket, OnObject, Tag};
use super::errors::{access_denied, no_such_bucket};
use super::state::{BUCKETS, Bucket, bucket_key};
use super::{acl, policy_status};

/// The bucket, if it is there and belongs to whom the caller expects.
pub(crate) fn open_bucket(tx: &Tx<'_>, name: &str, expected_owner: Option<&str>) -> Result<Bucket> {
    if let Some(expected) = expected_owner {
        check_account_form(expected)?;
    }
    let bucket: Bucket = tx
        .load(BUCKETS, bucket_key(name))?
        .ok_or_else(|| no_such_bucket(name))?;
    match expected_owner {
        Some(expected) if expected != bucket.account => Err(access_denied()),
        _ => Ok(bucket),
    }
}

fn check_account_form(account: &str) -> Result<()> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::new(
        "InvalidBucketOwnerAWSAccountID",
        format!(
            "The value of the expected bucket owner parameter must be an AWS Account ID... [{account}]"
        ),
    ))
}

/// The question whether the caller may do `action` with the bucket.
pub(crate) fn on_bucket(context: &Context, bucket: &Bucket, action: &str) -> Access {
    governed(context, bucket, Access::new(action, bucket.arn()))
}

/// The question whether the caller may do `action` with an object.
pub(crate) fn on_object(context: &Context, bucket: &Bucket, key: &str, action: &str) -> Access {
    governed(context, bucket, Access::new(action, bucket.object_arn(key)))
}

fn governed(context: &Context, bucket: &Bucket, access: Access) -> Access {
    let policy = bucket
        .policy
        .clone()
        .filter(|_| !is_shut_out(context, bucket));
    let access = access.governed_by(policy, &bucket.account);
    acl::grant_on_bucket(context, bucket, access)
}

/// RestrictPublicBuckets: a public policy counts for the owner's account and AWS services only.
fn is_shut_out(context: &Context, bucket: &Bucket) -> bool {
    let restricted = bucket
        .public_access_block
        .as_ref()
        .is_some_and(|block| block.restrict_public_buckets);
    let outsider = context.principal.account != bucket.account
        && !matches!(context.principal.kind, PrincipalKind::Service { .. });
    restricted
        && outsider
        && bucket
            .policy
            .as_deref()
            .is_some_and(policy_status::is_public)
}

/// The access rule of an operation on a bucket.
pub(crate) fn bucket_rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<I>,
    action: &str,
) -> Result<Vec<Access>> {
    let bucket = open(tx, input)?;
    Ok(vec![on_bucket(context, &bucket, action)])
}

/// The bucket of an input.
pub(crate) fn open<I>(tx: &Tx<'_>, input: &OnBucket<I>) -> Result<Bucket> {
    open_bucket(
        tx,
        &input.target.bucket,
        input.target.expected_bucket_owner.as_deref(),
    )
}

/// The bucket of an input about an object.
pub(crate) fn open_for_object<I>(tx: &Tx<'_>, input: &OnObject<I>) -> Result<Bucket> {
    open_bucket(
        tx,
        &input.target.bucket,
        input.target.expected_bucket_owner.as_deref(),
    )
}

/// The conditions that an existing object's tags are.
pub(crate) fn existing_tags(access: Access, tags: &[Tag]) -> Access {
    tags.iter().fold(access, |access, tag| {
        access.condition(format!("s3:ExistingObjectTag/{}", tag.key), &tag.value)
    })
}

/// The conditions that the tags of a request are.
pub(crate) fn requested_tags(access: Access, tags: &[Tag]) -> Access {
    if tags.is_empty() {
        return access;
    }
    let keys = tags.iter().map(|tag| tag.key.clone()).collect();
    let access = access.condition_values("s3:RequestObjectTagKeys", keys);
    tags.iter().fold(access, |access, tag| {
        access.condition(format!("s3:RequestObjectTag/{}", tag.key), &tag.value)
    })
}

/// Whether an absent object may be told from a forbidden one: that takes s3:ListBucket, of this very key.
pub(crate) fn absence_may_be_told(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
) -> Result<()> {
    let list = on_bucket(context, bucket, "s3:ListBucket");
    iam::authorise(tx, context, &[list.condition("s3:prefix", key)])
}

/// Adds a condition where the request has a value for it.
pub(crate) fn with(access: Access, key: &str, value: Option<&str>) -> Access {
    match value {
        Some(value) => access.condition(key, value),
        None => access,
    }
}
