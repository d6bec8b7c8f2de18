//! Tags of log groups, by the old operations and by the new.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    GroupInput, Nothing, TagLogGroupInput, TagResourceInput, TagsOutput, UntagLogGroupInput,
};
use super::group;

const TAGS_MAX: usize = 50;

pub(super) fn tag_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagLogGroupInput,
) -> Result<Nothing> {
    add(tx, context, &input.log_group_name, input.tags)
}

pub(super) fn untag_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UntagLogGroupInput,
) -> Result<Nothing> {
    remove(tx, context, &input.log_group_name, &input.tags)
}

pub(super) fn list_of_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GroupInput,
) -> Result<TagsOutput> {
    list(tx, context, &input.log_group_name)
}

pub(super) fn tag(tx: &mut Tx<'_>, context: &Context, input: TagResourceInput) -> Result<Nothing> {
    let name = group_of(&input.resource_arn)?.to_owned();
    add(tx, context, &name, input.tags)
}

pub(super) fn untag(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<Nothing> {
    remove(tx, context, group_of(&input.resource_arn)?, &input.tag_keys)
}

pub(super) fn list_of(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<TagsOutput> {
    list(tx, context, group_of(&input.resource_arn)?)
}

fn add(tx: &mut Tx<'_>, context: &Context, name: &str, tags: super::api::Tags) -> Result<Nothing> {
    let mut all = group::existing(tx, context, name)?.tags;
    all.extend(tags);
    if all.len() > TAGS_MAX {
        return Err(Error::new(
            "TooManyTagsException",
            "The resource has more than 50 tags.",
        ));
    }
    group::change(tx, context, name, |record| record.tags = all)
}

fn remove(tx: &mut Tx<'_>, context: &Context, name: &str, keys: &[String]) -> Result<Nothing> {
    group::change(tx, context, name, |record| {
        record.tags.retain(|key, _| !keys.contains(key))
    })
}

fn list(tx: &Tx<'_>, context: &Context, name: &str) -> Result<TagsOutput> {
    Ok(TagsOutput {
        tags: group::existing(tx, context, name)?.tags,
    })
}

fn group_of(arn: &str) -> Result<&str> {
    if arn.contains(":log-group:") {
        return Ok(group::name_of(arn));
    }
    Err(Error::not_implemented(
        "logs: tags of other than log groups",
    ))
}

/// Tagging by ARN is about the group's ARN as it is, without streams.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagResourceInput,
) -> Result<Vec<Access>> {
    let name = group_of(&input.resource_arn)?;
    let mut access = Access::new(action, group::group_arn(context, name));
    for (key, value) in &input.tags {
        access = access.condition(format!("aws:RequestTag/{key}"), value);
    }
    let keys: Vec<String> = input.tags.keys().chain(&input.tag_keys).cloned().collect();
    if !keys.is_empty() {
        access = access.condition_values("aws:TagKeys", keys);
    }
    Ok(vec![group::tagged(tx, context, access, name)?])
}
