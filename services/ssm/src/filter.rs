//! Filters of lists of parameters.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>

use cumulet_engine::error::{Error, Result};

use super::api::Filter;
use super::state::{ParameterRecord, VersionRecord};

/// Which operation filters: they know different keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Describe,
    ByPath,
}

/// The older filters, which have no option, as the newer ones.
pub(super) fn of_either_kind(older: Vec<Filter>, newer: Vec<Filter>) -> Vec<Filter> {
    let as_newer = |filter: Filter| Filter {
        option: (filter.key == "Name").then(|| "Contains".to_owned()),
        ..filter
    };
    older.into_iter().map(as_newer).chain(newer).collect()
}

pub(super) fn check(filters: &[Filter], asking: Asking) -> Result<()> {
    for (position, filter) in filters.iter().enumerate() {
        if filters[..position]
            .iter()
            .any(|other| other.key == filter.key)
        {
            return Err(invalid(format!(
                "The following filter is duplicated in the request: {}. A request can contain only one \
                 occurrence of a specific filter.",
                filter.key
            )));
        }
        check_key(filter, asking)?;
        check_option(filter)?;
        check_values(filter)?;
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new("InvalidFilterKey", message)
}

fn check_key(filter: &Filter, asking: Asking) -> Result<()> {
    let allowed: &[&str] = match asking {
        Asking::ByPath => &["Type", "KeyId", "Label"],
        Asking::Describe => &["Path", "Name", "Type", "KeyId", "Tier", "DataType"],
    };
    let is_tag = filter.key.starts_with("tag:") && asking == Asking::Describe;
    if is_tag || allowed.contains(&filter.key.as_str()) {
        return Ok(());
    }
    Err(invalid(format!(
        "The following filter key is not valid: {}. Valid filter keys include: [{}].",
        filter.key,
        allowed.join(", ")
    )))
}

fn check_option(filter: &Filter) -> Result<()> {
    let option = filter.option.as_deref().unwrap_or("Equals");
    let valid: &[&str] = match filter.key.as_str() {
        "Path" => &["Equals", "Recursive", "OneLevel"],
        "Name" => &["Equals", "BeginsWith", "Contains"],
        _ => &["Equals", "BeginsWith"],
    };
    if valid.contains(&option) {
        return Ok(());
    }
    let message = format!(
        "The following filter option is not valid: {option}. Valid options include: [{}].",
        valid[1..].join(", ")
    );
    Err(Error::new("InvalidFilterOption", message))
}

fn check_values(filter: &Filter) -> Result<()> {
    if filter.values.is_empty() && !filter.key.starts_with("tag:") {
        let message = "The following filter values are missing : null for filter key ";
        return Err(Error::new(
            "InvalidFilterValue",
            format!("{message}{}", filter.key),
        ));
    }
    if filter.key == "Path" && filter.values.iter().any(|path| !path.starts_with('/')) {
        return Err(Error::validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a \
             forward slash \"/\".",
        ));
    }
    Ok(())
}

/// The version that a label filter means.
pub(super) fn by_label(parameter: &ParameterRecord, filters: &[Filter]) -> Option<u64> {
    let filter = filters.iter().find(|filter| filter.key == "Label")?;
    filter
        .values
        .iter()
        .find_map(|label| parameter.labels.get(label).copied())
}

pub(super) fn matches(
    filters: &[Filter],
    parameter: &ParameterRecord,
    version: &VersionRecord,
) -> bool {
    filters
        .iter()
        .all(|filter| matches_one(filter, parameter, version))
}

fn matches_one(filter: &Filter, parameter: &ParameterRecord, version: &VersionRecord) -> bool {
    let option = filter.option.as_deref();
    let any = |text: &str| {
        filter
            .values
            .iter()
            .any(|value| compares(option, text, value))
    };
    match filter.key.as_str() {
        "Name" => any(&parameter.name) || any(parameter.name.trim_start_matches('/')),
        "Type" => any(parameter.parameter_type.wire_name()),
        "KeyId" => version.key_id.as_deref().is_some_and(any),
        "Tier" => any(version.tier.wire_name()),
        "DataType" => any(&version.data_type),
        "Label" => filter
            .values
            .iter()
            .any(|label| parameter.labels.contains_key(label)),
        "Path" => filter
            .values
            .iter()
            .any(|path| lies_below(option, &parameter.name, path)),
        key => {
            let value = key
                .strip_prefix("tag:")
                .and_then(|key| parameter.tags.get(key));
            value.is_some_and(|value| filter.values.is_empty() || any(value))
        }
    }
}

fn compares(option: Option<&str>, text: &str, value: &str) -> bool {
    match option {
        Some("BeginsWith") => text.starts_with(value),
        Some("Contains") => text.contains(value),
        _ => text == value,
    }
}

fn lies_below(option: Option<&str>, name: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let below = match name.strip_prefix(path) {
        Some(rest) if rest.starts_with('/') => &rest[1..],
        _ if path.is_empty() => name,
        _ => return false,
    };
    option == Some("Recursive") || !below.contains('/')
}
