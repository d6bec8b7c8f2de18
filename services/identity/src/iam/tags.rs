//! Tags: at most fifty, their keys told apart without regard to case.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{ListTagsOutput, NothingOutput, Tag, TagInput};
use super::error::{invalid_input, limit_exceeded, validation};
use super::holder::{Holder, access, load, save};
use super::page::page;
use super::state::Tags;

const LIMIT: usize = 50;

/// Tags as a record keeps them.
pub(super) fn tag_map(tags: &[Tag]) -> Result<Tags> {
    let mut map = Tags::new();
    for tag in tags {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(validation(
                "Cannot specify tag keys that begin with 'aws:', which is reserved for AWS use.",
            ));
        }
        if map
            .insert(tag.key.to_lowercase(), (tag.key.clone(), tag.value.clone()))
            .is_some()
        {
            return Err(invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    check_count(&map)?;
    Ok(map)
}

fn check_count(tags: &Tags) -> Result<()> {
    if tags.len() > LIMIT {
        return Err(limit_exceeded(format!(
            "The number of tags has reached the maximum limit of {LIMIT}."
        )));
    }
    Ok(())
}

pub(super) fn merge(tags: &mut Tags, new: &[Tag]) -> Result<()> {
    tags.append(&mut tag_map(new)?);
    check_count(tags)
}

pub(super) fn remove(tags: &mut Tags, keys: &[String]) {
    for key in keys {
        tags.remove(&key.to_lowercase());
    }
}

pub(super) fn tag_list(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.values().map(tag).collect()
}

/// What policies may ask about the tags of a request.
pub(super) fn with_request_tags(mut access: Access, tags: &[Tag]) -> Access {
    for tag in tags {
        access = access.condition(format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    if !tags.is_empty() {
        let keys = tags.iter().map(|tag| tag.key.clone()).collect();
        access = access.condition_values("aws:TagKeys", keys);
    }
    access
}

pub(super) fn holder_access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    verb: &str,
    input: &TagInput,
) -> Result<Vec<Access>> {
    let action = match verb {
        "List" => format!("iam:List{}Tags", H::WORD),
        verb => format!("iam:{verb}{}", H::WORD),
    };
    let mut access = access::<H>(tx, context, &action, &input.name)?;
    if !input.tag_keys.is_empty() {
        access = access.condition_values("aws:TagKeys", input.tag_keys.clone());
    }
    Ok(vec![with_request_tags(access, &input.tags)])
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html>
pub(super) fn tag_holder<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<NothingOutput> {
    let mut holder: H = load(tx, context, &input.name)?;
    if let Some(tags) = holder.tags_mut() {
        merge(tags, &input.tags)?;
    }
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagRole.html>
pub(super) fn untag_holder<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<NothingOutput> {
    let mut holder: H = load(tx, context, &input.name)?;
    if let Some(tags) = holder.tags_mut() {
        remove(tags, &input.tag_keys);
    }
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html>
pub(super) fn list_holder_tags<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<ListTagsOutput> {
    let holder: H = load(tx, context, &input.name)?;
    list(holder.tags().unwrap_or(&Tags::new()), &input)
}

pub(super) fn list(tags: &Tags, input: &TagInput) -> Result<ListTagsOutput> {
    let key = |tag: &Tag| tag.key.to_lowercase();
    let (tags, more) = page(tag_list(tags), key, &input.page)?;
    Ok(ListTagsOutput { tags, more })
}
