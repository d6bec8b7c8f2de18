//! PutParameter.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{PutInput, PutOutput};
use super::error::validation;
use super::name::{access_to, arn_of, check_new, load};
use super::sealing::{self, DEFAULT_KEY};
use super::state::{
    PARAMETERS, ParameterRecord, ParameterType, StoredValue, Tier, VERSIONS, VersionRecord,
    parameter_key, version_key,
};
use super::{delete, tags};

const STANDARD_BYTES_MAX: usize = 4096;
const ADVANCED_BYTES_MAX: usize = 8192;
const VERSIONS_MAX: u64 = 100;
const USER_GUIDE: &str = "https://docs.aws.amazon.com/systems-manager/latest/userguide";

pub(super) fn access(tx: &Tx<'_>, context: &Context, input: &PutInput) -> Result<Vec<Access>> {
    let parameter = load(tx, context, &input.name)?;
    let access = access_to(context, "ssm:PutParameter", &input.name, parameter.as_ref());
    let overwrite = if input.overwrite { "true" } else { "false" };
    let access = access.condition("ssm:Overwrite", overwrite);
    let tagged = tags::asked(access, &input.tags, &[]);
    let tagging = (!input.tags.is_empty()).then(|| {
        let access = access_to(
            context,
            "ssm:AddTagsToResource",
            &input.name,
            parameter.as_ref(),
        );
        tags::asked(access, &input.tags, &[])
    });
    Ok(std::iter::once(tagged).chain(tagging).collect())
}

pub(super) fn put_parameter(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutInput,
) -> Result<PutOutput> {
    check(&input)?;
    let parameter = match load(tx, context, &input.name)? {
        Some(parameter) => next(tx, context, &input, parameter)?,
        None => first(&input)?,
    };
    let before = tx.load(
        VERSIONS,
        version_key(context, &input.name, parameter.latest - 1),
    )?;
    let version = version(tx, context, input, &parameter, before.as_ref())?;
    tx.save(
        PARAMETERS,
        parameter_key(context, &parameter.name),
        &parameter,
    )?;
    let at = version_key(context, &parameter.name, version.number);
    tx.save(VERSIONS, at, &version)?;
    Ok(PutOutput {
        version: version.number,
        tier: version.tier.wire_name(),
    })
}

fn check(input: &PutInput) -> Result<()> {
    check_new(&input.name)?;
    if input.overwrite && !input.tags.is_empty() {
        return Err(validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, \
             please remove overwrite flag. To update tags for an existing parameter, please use \
             AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    if input.policies.is_some() {
        return Err(Error::not_implemented("ssm: parameter policies"));
    }
    if input.value.is_empty() {
        return Err(validation(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have \
             length greater than or equal to 1.",
        ));
    }
    check_data_type(input.data_type.as_deref())?;
    check_pattern(input.allowed_pattern.as_deref(), &input.value)
}

fn check_data_type(data_type: Option<&str>) -> Result<()> {
    match data_type {
        None | Some("text" | "aws:ssm:integration") => Ok(()),
        Some("aws:ec2:image") => Err(Error::not_implemented("ssm: the data type aws:ec2:image")),
        Some(other) => Err(validation(format!(
            "The following data type is not supported: {other} (Data type names are all lowercase.)"
        ))),
    }
}

fn check_pattern(pattern: Option<&str>, value: &str) -> Result<()> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return Ok(());
    };
    let expression = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
        let message =
            format!("The request does not meet the regular expression requirement: {pattern}");
        Error::new("InvalidAllowedPatternException", message)
    })?;
    if expression.is_match(value) {
        return Ok(());
    }
    let message = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
    Err(Error::new("ParameterPatternMismatchException", message))
}

fn parameter_type(input: &PutInput) -> Result<Option<ParameterType>> {
    let Some(name) = &input.parameter_type else {
        return Ok(None);
    };
    let unknown = || {
        let message = format!("The parameter type {name} is not supported.");
        Error::new("UnsupportedParameterType", message)
    };
    ParameterType::parse(name).map(Some).ok_or_else(unknown)
}

fn first(input: &PutInput) -> Result<ParameterRecord> {
    let missing = || validation("A parameter type is required when you create a parameter.");
    Ok(ParameterRecord {
        name: input.name.clone(),
        parameter_type: parameter_type(input)?.ok_or_else(missing)?,
        latest: 1,
        labels: BTreeMap::new(),
        tags: tags::added(BTreeMap::new(), &input.tags)?,
    })
}

/// The parameter with room for a new version.
fn next(
    tx: &mut Tx<'_>,
    context: &Context,
    input: &PutInput,
    mut parameter: ParameterRecord,
) -> Result<ParameterRecord> {
    if !input.overwrite {
        return Err(Error::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request \
             to true.",
        ));
    }
    if parameter_type(input)?.is_some_and(|kind| kind != parameter.parameter_type) {
        return Err(Error::new(
            "HierarchyTypeMismatchException",
            "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't \
             change a parameter from a String type to a SecureString type. You must create a new, unique \
             parameter.",
        ));
    }
    parameter.latest += 1;
    if let Some(oldest) = parameter
        .latest
        .checked_sub(VERSIONS_MAX)
        .filter(|&oldest| oldest > 0)
    {
        refuse_labelled(&parameter, oldest)?;
        delete::version(tx, context, &parameter.name, oldest)?;
    }
    Ok(parameter)
}

fn refuse_labelled(parameter: &ParameterRecord, oldest: u64) -> Result<()> {
    if !parameter.labels.values().any(|&version| version == oldest) {
        return Ok(());
    }
    let message = format!(
        "You attempted to create a new version of {} by calling the PutParameter API with the overwrite flag. \
         Version {oldest}, the oldest version, can't be deleted because it has a label associated with it. \
         Move the label to another version of the parameter, and try again.",
        parameter.name
    );
    Err(Error::new("ParameterMaxVersionLimitExceeded", message))
}

fn version(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutInput,
    parameter: &ParameterRecord,
    before: Option<&VersionRecord>,
) -> Result<VersionRecord> {
    let before_tier = before.map(|before| before.tier);
    let tier = tier(input.tier.as_deref(), before_tier, input.value.len())?;
    let is_secure = parameter.parameter_type == ParameterType::SecureString;
    let key_id = is_secure.then(|| {
        let before = before.and_then(|before| before.key_id.clone());
        input
            .key_id
            .or(before)
            .unwrap_or_else(|| DEFAULT_KEY.into())
    });
    let value = match &key_id {
        Some(key_id) => {
            let arn = arn_of(context, &parameter.name);
            sealing::seal(tx, context, &arn, key_id, tier, &input.value)?
        }
        None => StoredValue::Plain(input.value),
    };
    Ok(VersionRecord {
        number: parameter.latest,
        value,
        modified: context.now,
        modified_by: context.principal.arn.clone(),
        description: input.description,
        allowed_pattern: input.allowed_pattern,
        data_type: input.data_type.unwrap_or_else(|| "text".into()),
        tier,
        key_id,
    })
}

fn tier(asked: Option<&str>, before: Option<Tier>, size_bytes: usize) -> Result<Tier> {
    let tier = match (asked, before) {
        (Some("Advanced"), _) | (None, Some(Tier::Advanced)) => Tier::Advanced,
        (Some("Intelligent-Tiering"), before) => match before {
            Some(Tier::Advanced) => Tier::Advanced,
            _ if size_bytes > STANDARD_BYTES_MAX => Tier::Advanced,
            _ => Tier::Standard,
        },
        (Some(_), Some(Tier::Advanced)) => return Err(downgrade()),
        _ => Tier::Standard,
    };
    match tier {
        Tier::Standard if size_bytes > STANDARD_BYTES_MAX => Err(validation(format!(
            "Standard tier parameters support a maximum parameter value of {STANDARD_BYTES_MAX} characters. To \
             create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For \
             more information, see {USER_GUIDE}/parameter-store-advanced-parameters.html"
        ))),
        Tier::Advanced if size_bytes > ADVANCED_BYTES_MAX => Err(validation(format!(
            "Advanced tier parameters support a maximum parameter value of {ADVANCED_BYTES_MAX} characters."
        ))),
        tier => Ok(tier),
    }
}

fn downgrade() -> Error {
    validation(format!(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
         advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
         parameter and recreate it as a standard parameter. For more information, see \
         {USER_GUIDE}/parameter-store-advanced-parameters.html"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_follow_size_and_never_go_back() {
        let of = |asked, before, size| tier(asked, before, size).ok();
        assert_eq!(of(None, None, 4096), Some(Tier::Standard));
        assert_eq!(of(None, None, 4097), None);
        assert_eq!(
            of(Some("Intelligent-Tiering"), None, 4097),
            Some(Tier::Advanced)
        );
        assert_eq!(of(None, Some(Tier::Advanced), 1), Some(Tier::Advanced));
        assert_eq!(of(Some("Standard"), Some(Tier::Advanced), 1), None);
        assert_eq!(of(Some("Advanced"), None, 8193), None);
    }
}
