//! Tags of alarms, by ARN.

use cumulet_kernel::{Context, Tx};

use super::{load, save};
use crate::arn::Arn;
use crate::cloudwatch::api::{Nothing, Tag, TagResourceInput, TagsOutput};
use crate::cloudwatch::errors;
use crate::cloudwatch::state::AlarmRecord;
use crate::error::Result;

const TAGS_MAX: usize = 50;

pub(in crate::cloudwatch) fn tag(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<Nothing> {
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

pub(in crate::cloudwatch) fn untag(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagResourceInput,
) -> Result<Nothing> {
    let mut alarm = named(tx, context, &input.resource_arn)?;
    alarm.tags.retain(|key, _| !input.tag_keys.contains(key));
    save(tx, context, &alarm)?;
    Ok(Nothing {})
}

pub(in crate::cloudwatch) fn list(
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
