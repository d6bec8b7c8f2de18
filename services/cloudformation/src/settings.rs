//! What a caller asks a stack to be, checked in AWS's order: template, capabilities, parameters, rules, role.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::StackIdentity;
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::api::{ParameterInput, SettingsInput};
use super::provider_of;
use super::state::{Settings, Stack, StackParameter};
use super::template::functions::Scope;
use super::template::parameters::Given;
use super::template::{
    INLINE_SIZE_BYTES_MAX, SIZE_BYTES_MAX, Template, conditions, parameters, refusal, transform,
};

/// The service that a stack's role must trust.
const SERVICE: &str = "cloudformation.amazonaws.com";

/// A template and the settings it is to be deployed with.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) template: Template,
    pub(super) settings: Settings,
}

/// The order in the input; what is not given stays as `before` has it.
pub(super) fn order(
    tx: &mut Tx<'_>,
    context: &Context,
    identity: &StackIdentity,
    input: SettingsInput,
    before: Option<&Stack>,
) -> Result<Order> {
    let before = before
        .map(|stack| stack.settings.clone())
        .unwrap_or_default();
    let body = body(&input, &before)?;
    let snippets = input.included_snippets.unwrap_or(before.snippets);
    let raw = Template::read(&body)?;
    let transforms = transform::is_needed(&raw);
    let raw = transform::with_snippets(&raw, &snippets)?;
    let capabilities = input.capabilities.unwrap_or_default();
    let allowed = input.resource_types.as_deref();
    // Where nothing is transformed, the template is judged before its parameters, in AWS's order.
    if !transforms {
        judge(context, &raw, allowed, &capabilities)?;
    }
    let given = given(input.parameters.unwrap_or_default())?;
    let mut settled = parameters::settle(&raw, &given, &before.parameters)?;
    look_up(tx, context, &mut settled)?;
    let template = if transforms {
        let template = unrolled(&raw, identity, &settled)?;
        judge(context, &template, allowed, &capabilities)?;
        template
    } else {
        raw
    };
    let settings = Settings {
        template_body: body,
        processed_body: transforms.then(|| template.written()),
        snippets,
        parameters: settled,
        tags: tags(input.tags, before.tags)?,
        capabilities,
        notification_arns: input.notification_arns.unwrap_or(before.notification_arns),
        role_arn: role(tx, context, input.role_arn, before.role_arn)?,
        rollback_configuration: input
            .rollback_configuration
            .or(before.rollback_configuration),
    };
    rules(&template, &settings, identity)?;
    Ok(Order { template, settings })
}

fn body(input: &SettingsInput, before: &Settings) -> Result<String> {
    if input.use_previous_template == Some(true) {
        return Ok(before.template_body.clone());
    }
    let body = input
        .template_body
        .clone()
        .ok_or_else(|| refusal("Either Template URL or Template Body must be specified."))?;
    size(&body, input.template_url.is_some())?;
    Ok(body)
}

/// A template in the request is limited to 51,200 bytes, one in a bucket to a million.
pub(super) fn size(body: &str, from_url: bool) -> Result<()> {
    if from_url && body.len() > SIZE_BYTES_MAX {
        return Err(refusal(format!(
            "Template may not exceed {SIZE_BYTES_MAX} bytes in size."
        )));
    }
    if !from_url && body.len() > INLINE_SIZE_BYTES_MAX {
        return Err(refusal(format!(
            "1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {INLINE_SIZE_BYTES_MAX}"
        )));
    }
    Ok(())
}

/// A template whose form, references and types are right, as far as that can be said before its transforms.
pub(super) fn checked(context: &Context, body: &str) -> Result<Template> {
    let template = Template::read(body)?;
    if transform::is_needed(&template) {
        transform::locations(&template)?;
    } else {
        check(context, &template)?;
    }
    Ok(template)
}

/// What there is to say of a template before its parameters.
fn judge(
    context: &Context,
    template: &Template,
    allowed: Option<&[String]>,
    capabilities: &[String],
) -> Result<()> {
    check(context, template)?;
    allowed_types(template, allowed)?;
    acknowledged(template, capabilities)
}

/// The loops of a template, unrolled by its parameters and mappings.
fn unrolled(
    template: &Template,
    identity: &StackIdentity,
    settled: &[StackParameter],
) -> Result<Template> {
    let parameters = parameters::values(settled);
    transform::unrolled(template, &scope(template, identity, &parameters))
}

/// CreateStack and UpdateStack deploy what transforms make without showing it first: that is to be acknowledged.
pub(super) fn expansion_acknowledged(input: &SettingsInput) -> Result<()> {
    let given = input.capabilities.as_deref().unwrap_or_default();
    let body = input.template_body.as_deref().unwrap_or_default();
    let template = Template::read(body).ok().filter(transform::is_needed);
    if template.is_none() || given.iter().any(|one| one == "CAPABILITY_AUTO_EXPAND") {
        return Ok(());
    }
    Err(Error::new(
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
    ))
}

/// Refuses a form that is none, names that nothing bears, and types that nobody knows.
fn check(context: &Context, template: &Template) -> Result<()> {
    template.check_form()?;
    let mut unknown: Vec<&str> = template
        .resources()
        .map(|resource| resource.kind)
        .filter(|kind| provider_of(context, kind).is_none())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    template.check()?;
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    Err(refusal(format!(
        "Template format error: Unrecognized resource types: [{unknown}]"
    )))
}

fn allowed_types(template: &Template, allowed: Option<&[String]>) -> Result<()> {
    let Some(allowed) = allowed else {
        return Ok(());
    };
    let admits = |kind: &str| {
        allowed.iter().any(|pattern| {
            pattern
                .strip_suffix('*')
                .map_or(pattern == kind, |prefix| kind.starts_with(prefix))
        })
    };
    let refused = template.resources().find(|resource| !admits(resource.kind));
    refused.map_or(Ok(()), |resource| {
        let listed = allowed.join(", ");
        Err(refusal(format!(
            "Resource type {} is not allowed by parameter ResourceTypes [{listed}]",
            resource.kind
        )))
    })
}

fn acknowledged(template: &Template, given: &[String]) -> Result<()> {
    let (needed, _) = template.capabilities();
    let has = |name: &str| given.iter().any(|one| one == name);
    let missing = needed
        .into_iter()
        .find(|name| !(has(name) || has("CAPABILITY_NAMED_IAM")));
    missing.map_or(Ok(()), |name| {
        Err(Error::new(
            "InsufficientCapabilitiesException",
            format!("Requires capabilities : [{name}]"),
        ))
    })
}

fn given(inputs: Vec<ParameterInput>) -> Result<BTreeMap<String, Given>> {
    let mut given = BTreeMap::new();
    for input in inputs {
        let key = input.parameter_key.unwrap_or_default();
        let value = match (input.parameter_value, input.use_previous_value) {
            (Some(_), Some(true)) => {
                return Err(refusal(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value for a parameter"
                )));
            }
            (Some(value), _) => Given::Value(value),
            (None, Some(true)) => Given::Previous,
            (None, _) => {
                return Err(refusal(format!(
                    "Invalid input for parameter key {key}. Need to specify either usePreviousValue as true or a value for the parameter"
                )));
            }
        };
        given.insert(key, value);
    }
    Ok(given)
}

/// Fills in what Parameter Store has, for the types that name its parameters.
fn look_up(tx: &mut Tx<'_>, context: &Context, settled: &mut [StackParameter]) -> Result<()> {
    let stored = settled
        .iter_mut()
        .filter(|parameter| parameters::is_parameter_store(&parameter.kind));
    for parameter in stored {
        let input = json!({ "Name": parameter.value });
        let context = context.through("cloudformation");
        let answer = context.call_in(tx, "ssm", "GetParameter", input);
        let answer = answer.map_err(|error| {
            let name = &parameter.value;
            let detail = if error.code == "ParameterNotFound" {
                String::new()
            } else {
                format!(" ({})", error.message)
            };
            refusal(format!(
                "Unable to fetch parameters [{name}] from parameter store for this account.{detail}"
            ))
        })?;
        let value = answer.pointer("/Parameter/Value").and_then(Value::as_str);
        parameter.resolved_value = value.map(str::to_owned);
    }
    Ok(())
}

fn tags(
    given: Option<Vec<super::api::TagInput>>,
    before: Vec<(String, String)>,
) -> Result<Vec<(String, String)>> {
    let Some(given) = given else {
        return Ok(before);
    };
    if given
        .iter()
        .any(|tag| tag.key.to_ascii_lowercase().starts_with("aws:"))
    {
        return Err(refusal(
            "aws: prefixed tag key names are not allowed for external use.",
        ));
    }
    Ok(given.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// A role that is given must be passed by the caller and trust CloudFormation.
pub(super) fn role(
    tx: &mut Tx<'_>,
    context: &Context,
    given: Option<String>,
    before: Option<String>,
) -> Result<Option<String>> {
    let Some(role_arn) = given else {
        return Ok(before);
    };
    iam::authorise_pass_role(tx, context, &role_arn, SERVICE)?;
    if !iam::service_may_assume(tx, context, &role_arn, SERVICE)? {
        return Err(refusal(format!(
            "Role {role_arn} is invalid or cannot be assumed"
        )));
    }
    Ok(Some(role_arn))
}

fn rules(template: &Template, settings: &Settings, identity: &StackIdentity) -> Result<()> {
    let parameters = parameters::values(&settings.parameters);
    let mut scope = scope(template, identity, &parameters);
    conditions::decide(&mut scope)?;
    conditions::assert_rules(&scope)
}

/// A scope in which no resource is known.
pub(super) fn scope<'a>(
    template: &'a Template,
    identity: &'a StackIdentity,
    parameters: &'a BTreeMap<String, Value>,
) -> Scope<'a> {
    Scope {
        template,
        stack: identity,
        parameters,
        conditions: BTreeMap::new(),
        resources: BTreeMap::new(),
        exports: BTreeMap::new(),
        imported: std::cell::RefCell::default(),
    }
}
