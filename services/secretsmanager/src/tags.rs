//! Tags on secrets.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{Nothing, Tag, TagsInput};
use super::error::invalid_parameter;
use super::secret;

const TAGS_MAX: usize = 50;

pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagsInput,
) -> Result<Vec<Access>> {
    let access = secret::access(tx, context, action, &input.secret_id)?;
    Ok(vec![asked(access, &input.tags, &input.tag_keys)])
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

/// Tags with new ones among them. Only CloudFormation sets those of AWS's own.
pub(super) fn added(
    context: &Context,
    mut tags: BTreeMap<String, String>,
    new: &[Tag],
) -> Result<BTreeMap<String, String>> {
    let reserved = new.iter().any(|tag| tag.key.starts_with("aws:"));
    if reserved && context.via.as_deref() != Some("cloudformation") {
        return Err(invalid_parameter(
            "Tag keys can't begin with aws:, which is reserved.",
        ));
    }
    tags.extend(new.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
    if tags.len() <= TAGS_MAX {
        return Ok(tags);
    }
    let message = format!("A secret can have at most {TAGS_MAX} tags.");
    Err(Error::new("LimitExceededException", message))
}

pub(super) fn tag_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<Nothing> {
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    secret.tags = added(context, secret.tags, &input.tags)?;
    secret::save(tx, &secret)?;
    Ok(Nothing {})
}

pub(super) fn untag_resource(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagsInput,
) -> Result<Nothing> {
    let mut secret = secret::living(tx, context, &input.secret_id)?;
    secret.tags.retain(|key, _| !input.tag_keys.contains(key));
    secret::save(tx, &secret)?;
    Ok(Nothing {})
}
