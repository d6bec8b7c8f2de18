//! Tags of alarms, by ARN.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::{load, save};
use crate::api::{Nothing, Tag, TagResourceInput, TagsOutput};
use crate::errors;
use crate::state::AlarmRecord;

const TAGS_MAX: usize = 50;

pub(crate) fn tag(tx: &mut Tx<'_>, context: &Context, input: TagResourceInput) -> Result<Nothing> {
    let mut alarm = named(tx, context, &input.resource_arn)?;
    alarm
        .tags
        .extend(input.tags.into_iter().map(|tag| (tag.key, tag.value)));
    if alarm.tags.len() > TAGS_MAX {
        return Err(errors::invalid_value("The resource has more than 50 tags."));
    }
    save(tx, context, &alarm)?;
    Ok(Nothing {})
}

pub(crate) fn untag(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<Nothing> {
    let mut alarm = named(tx, context, &input.resource_arn)?;
    alarm.tags.retain(|key, _| !input.tag_keys.contains(key));
    save(tx, context, &alarm)?;
    Ok(Nothing {})
}

pub(crate) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<TagsOutput> {
    let alarm = named(tx, context, &input.resource_arn)?;
    let tags = alarm
        .tags
        .into_iter()
        .map(|(key, value)| Tag { key, value })
        .collect();
    Ok(TagsOutput { tags })
}

fn named(tx: &Tx<'_>, context: &Context, resource_arn: &str) -> Result<AlarmRecord> {
    let arn = Arn::parse(resource_arn)
        .filter(|arn| *arn.account == *context.account && *arn.region == *context.region);
    let name = arn.and_then(|arn| arn.resource.strip_prefix("alarm:"));
    let alarm = name
        .map(|name| load(tx, context, name))
        .transpose()?
        .flatten();
    alarm.ok_or_else(|| errors::resource_missing(resource_arn))
}
