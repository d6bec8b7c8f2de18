//! ListMetrics: which metrics had data in the last two weeks.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};

use super::api::{DimensionFilter, ListMetricsInput, ListMetricsOutput, ListedMetric};
use super::state::{SERIES, SeriesRecord, region_key};
use super::token;

const PAGE: usize = 500;
const LISTED_S: i64 = 14 * 86_400;
const ACTIVE_S: i64 = 3 * 3600;

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListMetricsInput,
) -> Result<ListMetricsOutput> {
    if input.include_linked_accounts {
        return Err(Error::not_implemented(
            "cloudwatch: metrics of linked accounts",
        ));
    }
    let mut prefix = region_key(&context.account, &context.region);
    if let Some(namespace) = &input.namespace {
        prefix = prefix.text(namespace);
    }
    let after = input.next_token.as_deref().map(token::read).transpose()?;
    let recent_s = if input.recently_active.is_some() {
        ACTIVE_S
    } else {
        LISTED_S
    };
    let mut metrics = Vec::new();
    let mut last_key = Vec::new();
    for pair in tx.prefix(SERIES, &prefix, Direction::Forward)? {
        let (key, value) = pair?;
        if after.as_ref().is_some_and(|after| key <= *after) {
            continue;
        }
        let record: SeriesRecord = decode(&value)?;
        if !matches(&input, &record) || context.now.seconds() - record.latest.seconds() > recent_s {
            continue;
        }
        if metrics.len() == PAGE {
            let next_token = Some(token::write(&last_key));
            return Ok(ListMetricsOutput {
                metrics,
                next_token,
            });
        }
        last_key = key;
        metrics.push(ListedMetric {
            namespace: record.namespace,
            metric_name: record.metric,
            dimensions: record.dimensions,
        });
    }
    Ok(ListMetricsOutput {
        metrics,
        next_token: None,
    })
}

fn matches(input: &ListMetricsInput, record: &SeriesRecord) -> bool {
    let is_asked = |filter: &DimensionFilter| {
        record.dimensions.iter().any(|dimension| {
            dimension.name == filter.name
                && filter
                    .value
                    .as_ref()
                    .is_none_or(|value| *value == dimension.value)
        })
    };
    input
        .metric_name
        .as_ref()
        .is_none_or(|name| *name == record.metric)
        && input.dimensions.iter().all(is_asked)
}
