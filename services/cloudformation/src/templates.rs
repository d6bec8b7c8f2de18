//! Templates looked at without deploying them, and those that were deployed.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::answer::present;
use super::api::{StackInput, TemplateInput};
use super::settings::{checked, size};
use super::state::{self, Settings};
use super::template::functions::text;
use super::template::{Template, refusal, transform};

/// [GetTemplate](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html):
/// exactly the text that was given, unless transforms changed it.
pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let change_set = input.change_set_name.as_deref();
    if let Some(arn) = change_set.filter(|name| name.starts_with("arn:")) {
        let found = state::change_set_by_id(tx, arn)?.ok_or_else(|| no_change_set(arn))?;
        return Ok(of_settings(
            &found.settings,
            input.template_stage.as_deref(),
        ));
    }
    let name = input
        .stack_name
        .ok_or_else(|| refusal("StackName is required if ChangeSetName is not specified."))?;
    let stack = state::find_stack(tx, context, &name)?
        .ok_or_else(|| refusal(format!("Stack with id {name} does not exist")))?;
    if let Some(name) = change_set {
        let found = state::change_set(tx, &stack.id, name)?.ok_or_else(|| no_change_set(name))?;
        return Ok(of_settings(
            &found.settings,
            input.template_stage.as_deref(),
        ));
    }
    if stack.settings.template_body.is_empty() {
        return Ok(json!({ "TemplateBody": "{}", "StagesAvailable": ["Original", "Processed"] }));
    }
    Ok(of_settings(
        &stack.settings,
        input.template_stage.as_deref(),
    ))
}

fn no_change_set(name: &str) -> Error {
    let message = format!("ChangeSet [{name}] does not exist");
    Error::new("ChangeSetNotFound", message).status(404)
}

/// What was given, or, where it is asked for and by default, what transforms made of it.
fn of_settings(settings: &Settings, stage: Option<&str>) -> Value {
    let processed = settings.processed_body.as_ref();
    let processed = processed.filter(|_| stage != Some("Original"));
    let body = processed.unwrap_or(&settings.template_body);
    json!({ "TemplateBody": body, "StagesAvailable": ["Original", "Processed"] })
}

/// [ValidateTemplate](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html)
pub(super) fn validate(_tx: &mut Tx<'_>, context: &Context, input: TemplateInput) -> Result<Value> {
    let template = given(context, &input)?;
    let parameters: Vec<Value> = template
        .section("Parameters")
        .map(|(name, declaration)| {
            present(json!({
                "ParameterKey": name,
                "DefaultValue": declaration.get("Default").and_then(text),
                "NoEcho": is_hidden(declaration),
                "Description": declaration["Description"].as_str(),
            }))
        })
        .collect();
    let mut answer =
        json!({ "Parameters": parameters, "Description": template.text("Description") });
    needs(&template, &mut answer);
    answer["DeclaredTransforms"] = transforms(&template)?;
    Ok(present(answer))
}

/// The transforms that the template declares; absent where it declares none.
fn transforms(template: &Template) -> Result<Value> {
    let names = transform::declared(template)?;
    Ok(if names.is_empty() {
        Value::Null
    } else {
        names.into()
    })
}

fn given(context: &Context, input: &TemplateInput) -> Result<Template> {
    let body = input
        .template_body
        .as_deref()
        .ok_or_else(|| refusal("Either Template URL or Template Body must be specified."))?;
    size(body, input.template_url.is_some())?;
    checked(context, body)
}

fn is_hidden(declaration: &Value) -> bool {
    text(&declaration["NoEcho"]).is_some_and(|flag| flag == "true")
}

/// The capabilities that the template needs, with the reason in AWS's words.
fn needs(template: &Template, answer: &mut Value) {
    let (capabilities, kinds) = template.capabilities();
    if !capabilities.is_empty() {
        let kinds = kinds.join(", ");
        answer["Capabilities"] = capabilities.into();
        answer["CapabilitiesReason"] =
            format!("The following resource(s) require capabilities: [{kinds}]").into();
    }
}

/// [GetTemplateSummary](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html)
pub(super) fn summary(tx: &mut Tx<'_>, context: &Context, input: TemplateInput) -> Result<Value> {
    let template = match &input.stack_name {
        Some(name) => {
            let stack = state::find_stack(tx, context, name)?
                .ok_or_else(|| refusal(format!("Stack with id {name} does not exist")))?;
            if stack.status == "REVIEW_IN_PROGRESS" {
                return Err(refusal(
                    "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.",
                ));
            }
            stack.settings.template()?
        }
        None => given(context, &input)?,
    };
    let mut answer = summarised(&template);
    if let Value::Array(names) = transforms(&template)? {
        answer["DeclaredTransforms"] = names.into();
    }
    Ok(answer)
}

fn summarised(template: &Template) -> Value {
    let parameters: Vec<Value> = template
        .section("Parameters")
        .map(|(name, declaration)| declared(name, declaration))
        .collect();
    let kinds: Vec<&str> = template.resources().map(|resource| resource.kind).collect();
    let metadata = template.member("Metadata").map(Value::to_string);
    let mut answer = json!({
        "Parameters": parameters,
        "Description": template.text("Description"),
        "ResourceTypes": kinds,
        "Version": template.text("AWSTemplateFormatVersion"),
        "Metadata": metadata,
        "ResourceIdentifierSummaries": identifiers(template),
    });
    needs(template, &mut answer);
    present(answer)
}

fn declared(name: &str, declaration: &Value) -> Value {
    let allowed = declaration["AllowedValues"].as_array();
    let allowed: Option<Vec<String>> =
        allowed.map(|values| values.iter().filter_map(text).collect());
    let constraints =
        allowed.map_or_else(|| json!({}), |values| json!({ "AllowedValues": values }));
    present(json!({
        "ParameterKey": name,
        "DefaultValue": declaration.get("Default").and_then(text),
        "ParameterType": declaration["Type"].as_str(),
        "NoEcho": is_hidden(declaration),
        "Description": declaration["Description"].as_str(),
        "ParameterConstraints": constraints,
    }))
}

fn identifiers(template: &Template) -> Vec<Value> {
    let mut kinds: Vec<&str> = template.resources().map(|resource| resource.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of_kind = |kind: &str| {
        let schema = cumulet_schemas::resource_type(kind)?;
        let identifiers: Vec<&str> = schema.primary_identifier().collect();
        let ids: Vec<&str> = template
            .resources()
            .filter(|resource| resource.kind == kind)
            .map(|resource| resource.logical_id)
            .collect();
        Some(json!({
            "ResourceType": kind,
            "LogicalResourceIds": ids,
            "ResourceIdentifiers": identifiers,
        }))
    };
    kinds.into_iter().filter_map(of_kind).collect()
}
