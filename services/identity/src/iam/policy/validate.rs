//! What AWS refuses to store: rules on documents beyond their grammar, by what the document is for.

use std::collections::BTreeSet;

use cumulet_engine::error::{Error, Result};
use serde_json::Value;

use super::parse;

/// What a document will be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyUse {
    /// To users, groups and roles.
    Identity,
    /// To a role, naming who may assume it.
    Trust,
    /// To a resource of a service.
    Resource,
}

const ACTION_PREFACE: &str =
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const SID_PATTERN: &str = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the \
                           regular expression [0-9A-Za-z]*";
const SIDS_UNIQUE: &str = "Statement IDs (SID) in a single policy must be unique.";

/// Refuses a document that AWS would not store: `MalformedPolicyDocument`.
pub fn validate(document: &str, policy_use: PolicyUse) -> Result<()> {
    check(document, policy_use).map_err(|message| Error::new("MalformedPolicyDocument", message))
}

fn check(document: &str, policy_use: PolicyUse) -> Result<(), String> {
    if policy_use == PolicyUse::Trust {
        check_trust_members(document)?;
    }
    parse::parse(document)?;
    let document: Value =
        serde_json::from_str(document).map_err(|_| parse::INVALID_JSON.to_owned())?;
    if policy_use == PolicyUse::Identity && document["Version"].is_null() {
        return Err("Policy document must be version 2012-10-17 or greater.".into());
    }
    let statements = statements(&document);
    if statements.is_empty() {
        return Err("Syntax errors in policy.".into());
    }
    for statement in &statements {
        match policy_use {
            PolicyUse::Identity => check_identity_statement(statement)?,
            PolicyUse::Trust => check_trust_actions(statement)?,
            PolicyUse::Resource => check_resource_statement(statement)?,
        }
    }
    check_sids(&statements, policy_use)
}

fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        statement @ Value::Object(_) => vec![statement],
        _ => Vec::new(),
    }
}

fn has(statement: &Value, names: [&str; 2]) -> bool {
    names.iter().any(|name| statement.get(name).is_some())
}

/// The texts of a member and of its negation.
fn texts<'a>(statement: &'a Value, names: [&str; 2]) -> Vec<&'a str> {
    let values = names.iter().filter_map(|name| statement.get(name));
    values
        .flat_map(|value| match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect::<Vec<_>>(),
        })
        .collect()
}

fn check_trust_members(document: &str) -> Result<(), String> {
    let document: Value =
        serde_json::from_str(document).map_err(|_| parse::INVALID_JSON.to_owned())?;
    for statement in statements(&document) {
        for prohibited in ["Resource", "NotResource"] {
            if statement.get(prohibited).is_some() {
                return Err(format!("Has prohibited field {prohibited}"));
            }
        }
        if !has(statement, ["Principal", "NotPrincipal"]) {
            return Err("Missing required field Principal".into());
        }
        if !has(statement, ["Action", "NotAction"]) {
            return Err("Missing required field Action".into());
        }
    }
    Ok(())
}

fn check_trust_actions(statement: &Value) -> Result<(), String> {
    let actions = texts(statement, ["Action", "NotAction"]);
    let is_sts = |action: &&str| action.to_ascii_lowercase().starts_with("sts:");
    if actions.iter().all(is_sts) {
        Ok(())
    } else {
        Err("AssumeRole policy may only specify STS AssumeRole actions.".into())
    }
}

fn check_identity_statement(statement: &Value) -> Result<(), String> {
    if has(statement, ["Principal", "NotPrincipal"]) {
        return Err("Policy document should not specify a principal.".into());
    }
    if !has(statement, ["Resource", "NotResource"]) {
        return Err("Policy statement must contain resources.".into());
    }
    check_actions(statement)?;
    for resource in texts(statement, ["Resource", "NotResource"]) {
        check_resource(resource)?;
    }
    Ok(())
}

fn check_resource_statement(statement: &Value) -> Result<(), String> {
    if !has(statement, ["Principal", "NotPrincipal"]) {
        return Err("Missing required field Principal".into());
    }
    check_actions(statement)
}

fn check_actions(statement: &Value) -> Result<(), String> {
    for action in texts(statement, ["Action", "NotAction"]) {
        let (vendor, name) = match action.split_once(':') {
            Some(parts) => parts,
            None if action == "*" => continue,
            None => return Err(ACTION_PREFACE.into()),
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'*';
        if vendor.is_empty() || !vendor.bytes().all(known) {
            return Err(format!("Vendor {vendor} is not valid"));
        }
        if name.is_empty() || name.contains(':') {
            return Err("Actions/Condition can contain only one colon.".into());
        }
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), String> {
    if resource == "*" {
        return Ok(());
    }
    let Some(rest) = resource.strip_prefix("arn:") else {
        return Err(format!(
            "Resource {resource} must be in ARN format or \"*\"."
        ));
    };
    let partition = rest.split(':').next().unwrap_or_default();
    let known = ["aws", "aws-cn", "aws-us-gov", "*"];
    if known.contains(&partition) || partition.contains(['*', '$']) {
        Ok(())
    } else {
        Err(format!(
            "Partition \"{partition}\" is not valid for resource \"{resource}\"."
        ))
    }
}

fn check_sids(statements: &[&Value], policy_use: PolicyUse) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let sids = statements
        .iter()
        .filter_map(|statement| statement["Sid"].as_str());
    for sid in sids.filter(|sid| !sid.is_empty()) {
        let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain && policy_use != PolicyUse::Resource {
            return Err(SID_PATTERN.into());
        }
        if !seen.insert(sid) {
            return Err(SIDS_UNIQUE.into());
        }
    }
    Ok(())
}
