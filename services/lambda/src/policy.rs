//! A function's resource policy, which is only ever changed statement by statement.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Map, Value, json};

use super::api::{
    AddPermissionInput, AddPermissionOutput, FunctionInput, GetPolicyOutput, RemovePermissionInput,
};
use super::name::{FunctionName, LATEST, is_version_number};
use super::state::{ALIASES, FUNCTIONS, POLICIES, PolicyRecord, VERSIONS, part_key, version_key};
use super::{errors, resolve};

pub(super) fn add(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AddPermissionInput,
) -> Result<AddPermissionOutput> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let principal = principal(&input.principal)?;
    if name.qualifier.as_deref() == Some(LATEST) {
        return Err(errors::invalid(
            "We currently do not support adding policies for $LATEST.",
        ));
    }
    let revision = revision(tx, &name)?;
    let mut policy = resolve::policy(tx, &name)?.unwrap_or_default();
    if position(&policy, &input.statement_id).is_some() {
        return Err(errors::conflict(format!(
            "The statement id ({}) provided already exists. \
             Please provide a new statement id, or remove the existing statement.",
            input.statement_id
        )));
    }
    check_revision(input.revision_id.as_deref(), &revision)?;
    let statement = statement(&name, &input, principal);
    policy.statements.push(statement.clone());
    save(tx, context, &name, &policy)?;
    Ok(AddPermissionOutput {
        statement: statement.to_string(),
        revision_id: None,
    })
}

fn statement(name: &FunctionName, input: &AddPermissionInput, principal: Value) -> Value {
    let mut statement = json!({
        "Sid": input.statement_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": input.action,
        "Resource": name.asked_arn(),
    });
    let conditions = conditions(input);
    if !conditions.is_empty() {
        statement["Condition"] = Value::Object(conditions);
    }
    statement
}

fn conditions(input: &AddPermissionInput) -> Map<String, Value> {
    let equals = [
        ("lambda:FunctionUrlAuthType", &input.function_url_auth_type),
        ("lambda:EventSourceToken", &input.event_source_token),
        ("aws:PrincipalOrgID", &input.principal_org_id),
        ("AWS:SourceAccount", &input.source_account),
    ];
    let equals: Map<_, _> = equals
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.clone()?))))
        .collect();
    let mut conditions = Map::new();
    if !equals.is_empty() {
        conditions.insert("StringEquals".into(), Value::Object(equals));
    }
    if let Some(arn) = &input.source_arn {
        conditions.insert("ArnLike".into(), json!({ "AWS:SourceArn": arn }));
    }
    if let Some(via_url) = input.invoked_via_function_url {
        let via_url = via_url.to_string();
        conditions.insert(
            "Bool".into(),
            json!({ "lambda:InvokedViaFunctionUrl": via_url }),
        );
    }
    conditions
}

/// An account, an ARN, a service or everybody, as a policy writes it.
pub(super) fn principal(text: &str) -> Result<Value> {
    if text == "*" {
        return Ok(json!("*"));
    }
    if text.len() == 12 && is_version_number(text) {
        return Ok(json!({ "AWS": format!("arn:aws:iam::{text}:root") }));
    }
    if text.starts_with("arn:aws:iam::") || text.starts_with("arn:aws:sts::") {
        return Ok(json!({ "AWS": text }));
    }
    let service = text
        .strip_suffix(".amazonaws.com")
        .or(text.strip_suffix(".amazon.com"));
    if service.is_some_and(|service| !service.is_empty()) {
        return Ok(json!({ "Service": text }));
    }
    Err(errors::invalid(
        "The provided principal was invalid. Please check the principal and try again.",
    ))
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    context: &Context,
    input: RemovePermissionInput,
) -> Result<Value> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let revision = revision(tx, &name)?;
    let mut policy = resolve::policy(tx, &name)?
        .ok_or_else(|| errors::missing("No policy is associated with the given resource."))?;
    let position = position(&policy, &input.statement_id).ok_or_else(|| {
        errors::missing(format!(
            "Statement {} is not found in resource policy.",
            input.statement_id
        ))
    })?;
    check_revision(input.revision_id.as_deref(), &revision)?;
    policy.statements.remove(position);
    save(tx, context, &name, &policy)?;
    Ok(Value::Object(Map::new()))
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: FunctionInput,
) -> Result<GetPolicyOutput> {
    let name = FunctionName::qualified(context, &input.function_name, input.qualifier.as_deref())?;
    let policy = resolve::policy(tx, &name)?;
    let policy =
        policy.ok_or_else(|| errors::missing("The resource you requested does not exist."))?;
    Ok(GetPolicyOutput {
        policy: resolve::policy_document(&policy),
        revision_id: revision(tx, &name)?,
    })
}

/// A policy without statements is no policy.
fn save(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    policy: &PolicyRecord,
) -> Result<()> {
    let key = part_key(name, resolve::policy_part(name));
    if policy.statements.is_empty() {
        tx.delete(POLICIES, key)?;
    } else {
        tx.save(POLICIES, key, policy)?;
    }
    renew_revision(tx, context, name)
}

pub(super) fn position(policy: &PolicyRecord, sid: &str) -> Option<usize> {
    policy
        .statements
        .iter()
        .position(|statement| statement["Sid"] == sid)
}

fn check_revision(given: Option<&str>, latest: &str) -> Result<()> {
    match given {
        Some(given) if given != latest => Err(errors::stale_revision("GetPolicy")),
        _ => Ok(()),
    }
}

/// A policy has no revision but that of the function, version or alias it belongs to.
fn revision(tx: &Tx<'_>, name: &FunctionName) -> Result<String> {
    let qualifier = name.qualifier_or_latest();
    if qualifier == LATEST || is_version_number(qualifier) {
        return Ok(resolve::version(tx, name, qualifier)?.revision_id);
    }
    match resolve::alias(tx, name, qualifier)? {
        Some(alias) => Ok(alias.revision_id),
        None => Err(errors::alias_missing(name.asked_arn())),
    }
}

fn renew_revision(tx: &mut Tx<'_>, context: &Context, name: &FunctionName) -> Result<()> {
    let qualifier = name.qualifier_or_latest();
    if qualifier == LATEST {
        let mut function = resolve::function(tx, name)?;
        // A transition that is under way knows the record by its revision.
        if function.latest.state == super::state::State::Active
            && function.latest.update_status != Some(super::state::UpdateStatus::InProgress)
        {
            function.latest.revision_id = context.ids.uuid();
        }
        tx.save(FUNCTIONS, name.key(), &function)?;
    } else if is_version_number(qualifier) {
        let mut version = resolve::version(tx, name, qualifier)?;
        if version.state == super::state::State::Active {
            version.revision_id = context.ids.uuid();
        }
        tx.save(VERSIONS, version_key(name, qualifier), &version)?;
    } else if let Some(mut alias) = resolve::alias(tx, name, qualifier)? {
        alias.revision_id = context.ids.uuid();
        tx.save(ALIASES, part_key(name, qualifier), &alias)?;
    }
    Ok(())
}
