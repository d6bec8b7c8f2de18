//! Reading parameters: by name, by path, and their history.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>

use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::page::page_by_name;
use cumulet_engine::{Context, arn};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};

use super::api::{
    Description, HistoryInput, NameInput, NamesInput, PageOutput, Parameter, ParameterOutput,
    ParametersOutput, PathInput, seconds,
};
use super::error::{invalid_token, not_found, validation, version_not_found};
use super::filter::{self, Asking};
use super::name::{Selector, arn_of, load, parse, refuse_public};
use super::state::{
    PARAMETERS, ParameterRecord, VERSIONS, VersionRecord, parameter_key, parameters_of, version_key,
};
use super::{describe, sealing};

const PATH_PAGE: usize = 10;
const HISTORY_PAGE: usize = 50;

/// A parameter at one of its versions.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) parameter: ParameterRecord,
    pub(super) version: VersionRecord,
    pub(super) selector: Option<Selector>,
}

impl Found {
    pub(super) fn arn(&self, context: &Context) -> String {
        arn_of(context, &self.parameter.name)
    }
}

/// The version that `named` (a name, or an ARN, with or without selector) means.
pub(super) fn find(tx: &Tx<'_>, context: &Context, named: &str) -> Result<Found> {
    let named = parse(tx, context, named)?;
    let parameter = load(tx, context, &named.name)?.ok_or_else(not_found)?;
    let number = match &named.selector {
        None => parameter.latest,
        Some(Selector::Version(version)) => *version,
        Some(Selector::Label(label)) => {
            let missing = || version_not_found(&named.name, format_args!("label {label}"));
            *parameter.labels.get(label).ok_or_else(missing)?
        }
    };
    let version = tx.load(VERSIONS, version_key(context, &named.name, number))?;
    let missing = || version_not_found(&named.name, format_args!("version {number}"));
    Ok(Found {
        parameter,
        version: version.ok_or_else(missing)?,
        selector: named.selector,
    })
}

pub(super) fn get_parameter(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NameInput,
) -> Result<ParameterOutput> {
    let found = find(tx, context, &input.name)?;
    Ok(ParameterOutput {
        parameter: shown(tx, context, found, input.with_decryption)?,
    })
}

fn shown(tx: &Tx<'_>, context: &Context, found: Found, with_decryption: bool) -> Result<Parameter> {
    let arn = found.arn(context);
    let value = sealing::open(tx, context, &arn, &found.version, with_decryption)?;
    Ok(Parameter {
        name: found.parameter.name,
        parameter_type: found.parameter.parameter_type.wire_name(),
        value,
        version: found.version.number,
        selector: found.selector.map(|selector| selector.to_string()),
        last_modified_date: seconds(found.version.modified),
        arn,
        data_type: found.version.data_type,
    })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
pub(super) fn get_parameters(
    tx: &mut Tx<'_>,
    context: &Context,
    input: NamesInput,
) -> Result<ParametersOutput> {
    let mut output = ParametersOutput {
        parameters: Vec::new(),
        invalid_parameters: Vec::new(),
    };
    for name in input.names {
        match find(tx, context, &name) {
            Ok(found) => {
                let parameter = shown(tx, context, found, input.with_decryption)?;
                output.parameters.push(parameter);
            }
            Err(error) if error.code.starts_with("Parameter") => {
                output.invalid_parameters.push(name);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(output)
}

pub(super) fn path_access(_: &Tx<'_>, context: &Context, input: &PathInput) -> Result<Vec<Access>> {
    refuse_public(&input.path)?;
    let arn = arn::regional(context, "ssm", format_args!("parameter{}", input.path));
    let recursive = if input.recursive { "true" } else { "false" };
    let access = Access::new("ssm:GetParametersByPath", arn);
    Ok(vec![access.condition("ssm:Recursive", recursive)])
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
pub(super) fn get_parameters_by_path(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PathInput,
) -> Result<PageOutput<Parameter>> {
    check_path(&input.path)?;
    filter::check(&input.parameter_filters, Asking::ByPath)?;
    let mut matching = Vec::new();
    for parameter in below(tx, context, &input.path, input.recursive)? {
        let version = filter::by_label(&parameter, &input.parameter_filters);
        let number = version.unwrap_or(parameter.latest);
        let at = version_key(context, &parameter.name, number);
        let Some(version) = tx.load::<VersionRecord>(VERSIONS, at)? else {
            continue;
        };
        if filter::matches(&input.parameter_filters, &parameter, &version) {
            matching.push(Found {
                parameter,
                version,
                selector: None,
            });
        }
    }
    let name = |found: &Found| found.parameter.name.clone();
    let limit = input.max_results.unwrap_or(PATH_PAGE);
    let page = page_by_name(matching, name, input.next_token.as_deref(), limit);
    let page = page.ok_or_else(invalid_token)?;
    let shown = |found| shown(tx, context, found, input.with_decryption);
    Ok(PageOutput {
        parameters: page.items.into_iter().map(shown).collect::<Result<_>>()?,
        next_token: page.next_token,
    })
}

fn check_path(path: &str) -> Result<()> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if path.starts_with('/') && path.bytes().all(is_valid) && !path.contains("//") {
        return Ok(());
    }
    Err(validation(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a \
         forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only \
         letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special \
         characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". \
         Valid example: /get/parameters2-/by1./path0_.",
    ))
}

/// Parameters beneath a path, in order of name. The root has the bare names beneath it too.
pub(super) fn below(
    tx: &Tx<'_>,
    context: &Context,
    path: &str,
    recursive: bool,
) -> Result<Vec<ParameterRecord>> {
    let path = path.trim_end_matches('/');
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let beginning = parameters_of(context).beginning(prefix.as_bytes());
    let mut found = Vec::new();
    for pair in tx.prefix(PARAMETERS, beginning, Direction::Forward)? {
        let parameter: ParameterRecord = decode(&pair?.1)?;
        let rest = parameter.name[prefix.len()..].trim_start_matches('/');
        if recursive || !rest.contains('/') {
            found.push(parameter);
        }
    }
    Ok(found)
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html>
pub(super) fn get_parameter_history(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HistoryInput,
) -> Result<PageOutput<Description>> {
    let name = parse(tx, context, &input.name)?.name;
    let parameter = load(tx, context, &name)?.ok_or_else(not_found)?;
    let versions = versions(tx, context, &name)?;
    let number = |version: &VersionRecord| format!("{:020}", version.number);
    let limit = input.max_results.unwrap_or(HISTORY_PAGE);
    let page = page_by_name(versions, number, input.next_token.as_deref(), limit);
    let page = page.ok_or_else(invalid_token)?;
    let arn = arn_of(context, &name);
    let shown = |version: VersionRecord| {
        let value = sealing::open(tx, context, &arn, &version, input.with_decryption)?;
        let mut shown = describe::description(&parameter, version);
        shown.value = Some(value);
        shown.labels = Some(labels_of(&parameter, shown.version));
        Ok(shown)
    };
    Ok(PageOutput {
        parameters: page.items.into_iter().map(shown).collect::<Result<_>>()?,
        next_token: page.next_token,
    })
}

fn labels_of(parameter: &ParameterRecord, version: u64) -> Vec<String> {
    let labels = parameter.labels.iter().filter(|(_, at)| **at == version);
    labels.map(|(label, _)| label.clone()).collect()
}

fn versions(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Vec<VersionRecord>> {
    let pairs = tx.prefix(VERSIONS, parameter_key(context, name), Direction::Forward)?;
    pairs.map(|pair| Ok(decode(&pair?.1)?)).collect()
}
