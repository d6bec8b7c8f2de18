//! Metrics configurations: which requests of a bucket CloudWatch counts. A bucket has many, by id.

use cumulet_engine::Context;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};

use super::super::api::{
    GetMetricsOutput, ListMetricsInput, ListMetricsOutput, MetricsConfiguration, MetricsInput,
    Nothing, OnBucket, PutMetrics,
};
use super::super::errors::{invalid_argument, invalid_request, malformed_xml, not_found};
use super::super::state::{CONFIGURATIONS, configuration_key};
use cumulet_engine::error::{Error, Result};

const KIND: &str = "metrics";
const CONFIGURATIONS_MAX: usize = 1000;
const PAGE: usize = 100;

fn prefix(bucket: &str) -> Key {
    configuration_key(bucket, KIND)
}

/// All configurations of a bucket, by id.
pub(crate) fn configurations(tx: &Tx<'_>, bucket: &str) -> Result<Vec<MetricsConfiguration>> {
    let scan = tx.prefix(CONFIGURATIONS, prefix(bucket), Direction::Forward)?;
    scan.map(|pair| Ok(cumulet_kernel::store::decode(&pair?.1)?))
        .collect()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketMetricsConfiguration.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<MetricsInput>,
) -> Result<GetMetricsOutput> {
    let id = &input.rest.id;
    let stored = tx.load(CONFIGURATIONS, prefix(&input.target.bucket).text(id))?;
    Ok(GetMetricsOutput {
        metrics_configuration: stored.ok_or_else(missing)?,
    })
}

fn missing() -> Error {
    not_found(
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    )
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketMetricsConfigurations.html>
pub(crate) fn list(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<ListMetricsInput>,
) -> Result<ListMetricsOutput> {
    let token = input.rest.continuation_token;
    let mut left: Vec<_> = configurations(tx, &input.target.bucket)?
        .into_iter()
        .skip_while(|one| token.as_ref().is_some_and(|token| one.id <= *token))
        .collect();
    let is_truncated = left.len() > PAGE;
    left.truncate(PAGE);
    Ok(ListMetricsOutput {
        is_truncated,
        continuation_token: token,
        next_continuation_token: left
            .last()
            .filter(|_| is_truncated)
            .map(|one| one.id.clone()),
        metrics_configuration_list: left,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketMetricsConfiguration.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutMetrics>,
) -> Result<Nothing> {
    let (bucket, put) = (input.target.bucket, input.rest);
    let configuration = put.metrics_configuration;
    if configuration.id != put.id {
        return Err(malformed_xml());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if put.id.is_empty() || put.id.len() > 64 || !put.id.bytes().all(is_plain) {
        return Err(invalid_argument("Invalid configuration id", "id", put.id));
    }
    refuse_unbuilt(&configuration)?;
    let present = configurations(tx, &bucket)?;
    let is_new = !present.iter().any(|one| one.id == put.id);
    if is_new && present.len() >= CONFIGURATIONS_MAX {
        return Err(Error::new(
            "TooManyConfigurations",
            "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.",
        ));
    }
    tx.save(
        CONFIGURATIONS,
        prefix(&bucket).text(&put.id),
        &configuration,
    )?;
    Ok(Nothing {})
}

fn refuse_unbuilt(configuration: &MetricsConfiguration) -> Result<()> {
    let Some(filter) = &configuration.filter else {
        return Ok(());
    };
    let has = |name: &str| {
        filter.get(name).is_some() || filter.pointer(&format!("/And/{name}")).is_some()
    };
    if has("Tag") || has("Tags") {
        return Err(Error::not_implemented("request metrics filtered by tags"));
    }
    if has("AccessPointArn") {
        return Err(Error::not_implemented("access points"));
    }
    if configuration.prefix().is_none() {
        return Err(invalid_request(
            "The filter of a metrics configuration is empty",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketMetricsConfiguration.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<MetricsInput>,
) -> Result<Nothing> {
    let key = prefix(&input.target.bucket).text(&input.rest.id);
    if tx.get(CONFIGURATIONS, key.clone())?.is_none() {
        return Err(missing());
    }
    tx.delete(CONFIGURATIONS, key)?;
    Ok(Nothing {})
}
