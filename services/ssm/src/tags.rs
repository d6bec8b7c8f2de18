//! Tags on parameters.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{Nothing, Tag, TagListOutput, TagsInput};
use super::name::{self, load, parse};
use super::state::{PARAMETERS, ParameterRecord, parameter_key};

const TAGS_MAX: usize = 50;

pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagsInput,
) -> Result<Vec<Access>> {
    if input.resource_type != "Parameter" {
        let what = format!("ssm: tags of {} resources", input.resource_type);
        return Err(Error::not_implemented(what));
    }
    let needed = name::access(tx, context, action, &input.resource_id)?;
    let asked = |access| asked(access, &input.tags, &input.tag_keys);
    Ok(needed.into_iter().map(asked).collect())
}

/// The condition keys of a call that names tags.
pub(super) fn asked(mut access: Access, tags: &[Tag], keys: &[String]) -> Access {
    for tag in tags {
        access = access.condition(format!("aws:RequestTag/{}", tag.key), &tag.value);
    }
    let named = tags
        .iter()
        .map(|tag| tag.key.clone())
        .chain(keys.iter().cloned());
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        access
    } else {
        access.condition_values("aws:TagKeys", named)
    }
}

pub(super) fn added(
    mut tags: BTreeMap<String, String>,
    new: &[Tag],
) -> Result<BTreeMap<String, String>> {
    tags.extend(new.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
    if tags.len() <= TAGS_MAX {
        return Ok(tags);
    }
    let message = "The maximum number of tags per resource has been exceeded.";
    Err(Error::new("TooManyTagsError", message))
}

fn existing(tx: &Tx<'_>, context: &Context, named: &str) -> Result<ParameterRecord> {
    let name = parse(tx, context, named)?.name;
    let missing = || {
        Error::new(
            "InvalidResourceId",
            format!(
                "The resource ID \"{name}\" is not valid. Verify that the ID exists and try again."
            ),
        )
    };
    load(tx, context, &name)?.ok_or_else(missing)
}

pub(super) fn add_tags_to_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<Nothing> {
    let mut parameter = existing(tx, context, &input.resource_id)?;
    parameter.tags = added(parameter.tags, &input.tags)?;
    tx.save(
        PARAMETERS,
        parameter_key(context, &parameter.name),
        &parameter,
    )?;
    Ok(Nothing {})
}

pub(super) fn remove_tags_from_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<Nothing> {
    let mut parameter = existing(tx, context, &input.resource_id)?;
    parameter
        .tags
        .retain(|key, _| !input.tag_keys.contains(key));
    tx.save(
        PARAMETERS,
        parameter_key(context, &parameter.name),
        &parameter,
    )?;
    Ok(Nothing {})
}

pub(super) fn list_tags_for_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<TagListOutput> {
    let parameter = existing(tx, context, &input.resource_id)?;
    let tags = parameter
        .tags
        .into_iter()
        .map(|(key, value)| Tag { key, value });
    Ok(TagListOutput {
        tag_list: tags.collect(),
    })
}
