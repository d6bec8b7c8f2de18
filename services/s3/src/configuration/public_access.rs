//! Block Public Access of a bucket.

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::super::api::{Nothing, OnBucket, PutPublicAccessBlock};
use super::super::authorise::open;
use super::super::bucket;
use super::super::errors::not_found;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<PutPublicAccessBlock> {
    let bucket = open(tx, &input)?;
    let block = bucket.public_access_block.ok_or_else(|| {
        let message = "The public access block configuration was not found";
        not_found("NoSuchPublicAccessBlockConfiguration", message).member("BucketName", bucket.name)
    })?;
    Ok(PutPublicAccessBlock {
        public_access_block_configuration: block,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutPublicAccessBlock>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    bucket.public_access_block = Some(input.rest.public_access_block_configuration);
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    bucket.public_access_block = None;
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}
