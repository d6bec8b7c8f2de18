//! Labels: names for versions that can be moved.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{LabelInput, LabelOutput, UnlabelInput, UnlabelOutput};
use super::error::{not_found, version_not_found};
use super::name::{load, parse};
use super::state::{PARAMETERS, ParameterRecord, VERSIONS, parameter_key, version_key};

const LABELS_MAX: usize = 10;

pub(super) fn label_parameter_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LabelInput,
) -> Result<LabelOutput> {
    let name = parse(tx, context, &input.name)?.name;
    let mut parameter = load(tx, context, &name)?.ok_or_else(not_found)?;
    let version = input.parameter_version.unwrap_or(parameter.latest);
    require_version(tx, context, &name, version)?;
    let (valid, invalid): (Vec<_>, Vec<_>) =
        input.labels.into_iter().partition(|label| is_valid(label));
    for label in valid {
        parameter.labels.insert(label, version);
    }
    if parameter
        .labels
        .values()
        .filter(|&&at| at == version)
        .count()
        > LABELS_MAX
    {
        return Err(Error::new(
            "ParameterVersionLabelLimitExceeded",
            "A parameter version can have maximum 10 labels.Move one or more labels to another version and try \
             again.",
        ));
    }
    tx.save(PARAMETERS, parameter_key(context, &name), &parameter)?;
    Ok(LabelOutput {
        invalid_labels: invalid,
        parameter_version: version,
    })
}

fn require_version(tx: &Tx<'_>, context: &Context, name: &str, version: u64) -> Result<()> {
    match tx.get(VERSIONS, version_key(context, name, version))? {
        Some(_) => Ok(()),
        None => Err(version_not_found(name, format_args!("version {version}"))),
    }
}

/// No number first, none of AWS's own prefixes, and only letters, digits and `.-_`.
fn is_valid(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    label.bytes().all(is_character)
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html>
pub(super) fn unlabel_parameter_version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UnlabelInput,
) -> Result<UnlabelOutput> {
    let name = parse(tx, context, &input.name)?.name;
    let mut parameter: ParameterRecord = load(tx, context, &name)?.ok_or_else(not_found)?;
    require_version(tx, context, &name, input.parameter_version)?;
    let is_here = |label: &String| parameter.labels.get(label) == Some(&input.parameter_version);
    let (removed, invalid): (Vec<_>, Vec<_>) = input.labels.into_iter().partition(is_here);
    parameter.labels.retain(|label, _| !removed.contains(label));
    tx.save(PARAMETERS, parameter_key(context, &name), &parameter)?;
    Ok(UnlabelOutput {
        removed_labels: removed,
        invalid_labels: invalid,
    })
}
