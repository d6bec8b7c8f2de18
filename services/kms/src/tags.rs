//! Tags on keys.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    ListResourceTagsOutput, NothingOutput, PageInput, Tag, TagResourceInput, UntagResourceInput,
};
use super::key::{Asked, authorise, find_without_alias};
use super::keys::{tag_list, to_change};
use super::page::page;
use super::state::KEYS;

const TAGS_LIMIT: usize = 50;

fn refused(message: &str) -> Error {
    Error::new("TagException", message)
}

pub(super) fn tag_map(tags: &[Tag]) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for tag in tags {
        if tag.tag_key.starts_with("aws:") {
            return Err(refused("Tags beginning with aws: are reserved"));
        }
        if map
            .insert(tag.tag_key.clone(), tag.tag_value.clone())
            .is_some()
        {
            return Err(refused("Duplicate tag keys"));
        }
    }
    if map.len() > TAGS_LIMIT {
        return Err(refused("Too many tags"));
    }
    Ok(map)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html>
pub(super) fn tag_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<NothingOutput> {
    let mut key = to_change(tx, context, &input.key_id, "kms:TagResource")?;
    key.tags.append(&mut tag_map(&input.tags)?);
    if key.tags.len() > TAGS_LIMIT {
        return Err(refused("Too many tags"));
    }
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_UntagResource.html>
pub(super) fn untag_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UntagResourceInput,
) -> Result<NothingOutput> {
    let mut key = to_change(tx, context, &input.key_id, "kms:UntagResource")?;
    if input.tag_keys.iter().any(|name| name.starts_with("aws:")) {
        return Err(refused("Tags beginning with aws: are reserved"));
    }
    key.tags.retain(|name, _| !input.tag_keys.contains(name));
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListResourceTags.html>
pub(super) fn list_resource_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PageInput,
) -> Result<ListResourceTagsOutput> {
    let named = input.key_id.unwrap_or_default();
    let key = find_without_alias(tx, context, &named)?.key;
    authorise(tx, context, &key, "kms:ListResourceTags", &Asked::default())?;
    let limit = input.limit.unwrap_or(TAGS_LIMIT);
    let name = |tag: &Tag| tag.tag_key.clone();
    let page = page(tag_list(&key), name, input.marker.as_deref(), limit)?;
    Ok(ListResourceTagsOutput {
        tags: page.items,
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}
