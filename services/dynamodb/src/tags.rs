//! Tags of tables.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TagResource.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::errors::validation;
use super::state::TableRecord;
use super::table::{self, Location};
use super::table_api::{Tag, TagsInput};

const TAGS_MAX: usize = 50;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

/// Lays tags over those that are there.
pub(super) fn add(tags: &mut BTreeMap<String, String>, given: &[Tag]) -> Result<()> {
    for tag in given {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation(
                "One or more parameter values were invalid: Tag keys starting with 'aws:' are reserved for system use",
            ));
        }
        if tag.key.is_empty()
            || tag.key.chars().count() > KEY_MAX
            || tag.value.chars().count() > VALUE_MAX
        {
            return Err(validation(
                "One or more parameter values were invalid: Tag key or value has a wrong length",
            ));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > TAGS_MAX {
        return Err(validation(
            "One or more parameter values were invalid: Too many tags: a resource can have at most 50",
        ));
    }
    Ok(())
}

/// The table an ARN names. A resource that is not there is denied, as on AWS.
fn tagged(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<TableRecord> {
    let parsed = Arn::parse(arn)
        .filter(|parsed| parsed.service == "dynamodb" && parsed.resource.starts_with("table/"));
    if parsed.is_none() {
        return Err(validation(format!(
            "Invalid TableArn: Invalid ResourceArn provided as input {arn}"
        )));
    }
    let location = Location::new(context, arn);
    match table::load(tx, &location)? {
        Some(record) => Ok(record.as_ref().clone()),
        None => Err(Error::access_denied(format!(
            "User: {} is not authorized to perform this action on resource: {arn}",
            context.principal.arn
        ))),
    }
}

pub(super) fn tag_resource(tx: &mut Tx<'_>, context: &Context, input: TagsInput) -> Result<Value> {
    let mut record = tagged(tx, context, &input.resource_arn)?;
    add(&mut record.tags, &input.tags)?;
    table::save(tx, &record)?;
    Ok(json!({}))
}

pub(super) fn untag_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<Value> {
    let mut record = tagged(tx, context, &input.resource_arn)?;
    record.tags.retain(|key, _| !input.tag_keys.contains(key));
    table::save(tx, &record)?;
    Ok(json!({}))
}

/// Fifty tags fit one page.
pub(super) fn list_tags(tx: &mut Tx<'_>, context: &Context, input: TagsInput) -> Result<Value> {
    let record = tagged(tx, context, &input.resource_arn)?;
    if input.next_token.is_some() {
        return Err(validation("The provided next token is invalid"));
    }
    let tags: Vec<Value> = record
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(json!({"Tags": tags}))
}
