//! DescribeParameters.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::page::page_by_name;
use cumulet_kernel::Tx;

use super::api::{DescribeInput, Description, PageOutput, seconds};
use super::error::{invalid_token, validation};
use super::filter::{self, Asking};
use super::get::below;
use super::name::arn_of;
use super::state::{ParameterRecord, VERSIONS, VersionRecord, version_key};

const PAGE: usize = 50;

pub(super) fn describe_parameters(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeInput,
) -> Result<PageOutput<Description>> {
    if input.shared {
        return Err(Error::not_implemented("ssm: shared parameters"));
    }
    if !input.filters.is_empty() && !input.parameter_filters.is_empty() {
        return Err(validation(
            "You can use either Filters or ParameterFilters in a single request.",
        ));
    }
    let filters = filter::of_either_kind(input.filters, input.parameter_filters);
    filter::check(&filters, Asking::Describe)?;
    let mut matching = Vec::new();
    for parameter in below(tx, context, "/", true)? {
        let at = version_key(context, &parameter.name, parameter.latest);
        let version: Option<VersionRecord> = tx.load(VERSIONS, at)?;
        let version = version.filter(|version| filter::matches(&filters, &parameter, version));
        matching.extend(version.map(|version| description(&parameter, version)));
    }
    let name = |shown: &Description| shown.name.clone();
    let limit = input.max_results.unwrap_or(PAGE);
    let page = page_by_name(matching, name, input.next_token.as_deref(), limit);
    let mut page = page.ok_or_else(invalid_token)?;
    for shown in &mut page.items {
        shown.arn = Some(arn_of(context, &shown.name));
    }
    Ok(PageOutput {
        parameters: page.items,
        next_token: page.next_token,
    })
}

/// What may be told of a version without its value.
pub(super) fn description(parameter: &ParameterRecord, version: VersionRecord) -> Description {
    Description {
        name: parameter.name.clone(),
        arn: None,
        parameter_type: parameter.parameter_type.wire_name(),
        key_id: version.key_id,
        last_modified_date: seconds(version.modified),
        last_modified_user: version.modified_by,
        description: version.description,
        value: None,
        allowed_pattern: version.allowed_pattern,
        version: version.number,
        labels: None,
        tier: version.tier.wire_name(),
        policies: [],
        data_type: version.data_type,
    }
}
