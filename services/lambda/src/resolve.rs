//! From a name to what is stored under it, and what it takes to be allowed near it.

use std::sync::Arc;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::json;

use super::errors;
use super::name::{FunctionName, LATEST, is_version_number};
use super::state::{
    ALIASES, AliasRecord, FUNCTIONS, FunctionRecord, POLICIES, PolicyRecord, VERSIONS,
    VersionRecord, part_key, version_key,
};

pub(super) fn function(tx: &Tx<'_>, name: &FunctionName) -> Result<FunctionRecord> {
    tx.load(FUNCTIONS, name.key())?
        .ok_or_else(|| errors::function_missing(name.asked_arn()))
}

pub(super) fn alias(tx: &Tx<'_>, name: &FunctionName, alias: &str) -> Result<Option<AliasRecord>> {
    Ok(tx.load(ALIASES, part_key(name, alias))?)
}

/// The published version `number`, or `$LATEST`.
pub(super) fn version(tx: &Tx<'_>, name: &FunctionName, number: &str) -> Result<VersionRecord> {
    let function = function(tx, name)?;
    if number == LATEST {
        return Ok(function.latest);
    }
    tx.load(VERSIONS, version_key(name, number))?
        .filter(|_| is_version_number(number))
        .ok_or_else(|| errors::function_missing(name.arn_of(number)))
}

/// What the name's qualifier points at; an alias of two versions points at its main one.
pub(super) fn qualified(tx: &Tx<'_>, name: &FunctionName) -> Result<VersionRecord> {
    let qualifier = name.qualifier_or_latest();
    if qualifier == LATEST || is_version_number(qualifier) {
        return version(tx, name, qualifier);
    }
    match alias(tx, name, qualifier)? {
        Some(alias) => version(tx, name, &alias.function_version),
        None => Err(errors::function_missing(name.asked_arn())),
    }
}

/// The version that an invocation runs: an alias of two versions draws one of them.
pub(super) fn drawn(tx: &Tx<'_>, context: &Context, name: &FunctionName) -> Result<VersionRecord> {
    let qualifier = name.qualifier_or_latest();
    let Some(alias) = alias(tx, name, qualifier)? else {
        return qualified(tx, name);
    };
    let mut left = unit_interval(context.ids.bytes());
    for (number, share) in &alias.weights {
        if left < *share {
            return version(tx, name, number);
        }
        left -= share;
    }
    version(tx, name, &alias.function_version)
}

/// A number from 0 to 1, as evenly spread as the bytes.
fn unit_interval(bytes: [u8; 4]) -> f64 {
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}

pub(super) fn policy(tx: &Tx<'_>, name: &FunctionName) -> Result<Option<PolicyRecord>> {
    Ok(tx.load(POLICIES, part_key(name, policy_part(name)))?)
}

/// Under which part a policy is kept: each alias and version has its own, `$LATEST` shares the function's.
pub(super) fn policy_part(name: &FunctionName) -> &str {
    name.qualifier
        .as_deref()
        .filter(|part| *part != LATEST)
        .unwrap_or("")
}

pub(super) fn policy_document(policy: &PolicyRecord) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements }).to_string()
}

/// The permission for `action` on the function as it was named.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    function: &str,
    qualifier: Option<&str>,
) -> Result<Vec<Access>> {
    let name = FunctionName::qualified(context, function, qualifier)?;
    Ok(vec![access_to(tx, action, &name)?])
}

/// The permission for an action that is always about the function as a whole.
pub(super) fn access_to_whole(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    function: &str,
) -> Result<Vec<Access>> {
    let name = FunctionName {
        qualifier: None,
        ..FunctionName::parse(context, function)?
    };
    Ok(vec![access_to(tx, action, &name)?])
}

pub(super) fn access_to(tx: &Tx<'_>, action: &str, name: &FunctionName) -> Result<Access> {
    let policy = policy(tx, name)?.map(|policy| Arc::from(policy_document(&policy)));
    let access = Access::new(action, name.asked_arn()).governed_by(policy, &name.account);
    let function: Option<FunctionRecord> = tx.load(FUNCTIONS, name.key())?;
    let tags = function.map(|function| function.tags).unwrap_or_default();
    Ok(tags.into_iter().fold(access, |access, (key, value)| {
        access.condition(format!("aws:ResourceTag/{key}"), value)
    }))
}
