//! Log groups: made, described, protected, removed.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::{self, Arn};
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::key::{KeyReader, end_of_prefix};
use cumulet_kernel::store::Direction;

use super::api::{
    CreateLogGroupInput, DeletionProtectionInput, DescribeLogGroupsInput, DescribeLogGroupsOutput,
    GroupInput, KmsKeyInput, ListLogGroupsInput, ListLogGroupsOutput, LogGroup, LogGroupSummary,
    Nothing, Tags,
};
use super::state::{GROUPS, GroupRecord, group_key, groups_prefix};
use super::{errors, metric_filter, sealing, subscription, sweep};

const DESCRIBED_MAX: usize = 50;

/// The group's ARN, without the `:*` that stands for its streams.
pub(super) fn group_arn(context: &Context, name: &str) -> String {
    arn::regional(context, "logs", format_args!("log-group:{name}"))
}

/// What actions on a group are asked about: AWS names the group with an empty stream.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    name: &str,
) -> Result<Vec<Access>> {
    stream_access(tx, context, action, name, "")
}

pub(super) fn stream_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    group: &str,
    stream: &str,
) -> Result<Vec<Access>> {
    let resource = format!("{}:log-stream:{stream}", group_arn(context, group));
    Ok(vec![tagged(
        tx,
        context,
        Access::new(action, resource),
        group,
    )?])
}

/// Adds the group's tags to what policies may ask about.
pub(super) fn tagged(
    tx: &Tx<'_>,
    context: &Context,
    access: Access,
    group: &str,
) -> Result<Access> {
    let record: Option<GroupRecord> = tx.load(GROUPS, group_key(context, group))?;
    let tags = record.map(|record| record.tags).unwrap_or_default();
    Ok(tags.into_iter().fold(access, |access, (key, value)| {
        access.condition(format!("aws:ResourceTag/{key}"), value)
    }))
}

pub(super) fn existing(tx: &Tx<'_>, context: &Context, name: &str) -> Result<GroupRecord> {
    tx.load(GROUPS, group_key(context, name))?
        .ok_or_else(errors::group_missing)
}

/// The group's name out of a name, an ARN, or the pair of members of which exactly one may be given.
pub(super) fn named(name: Option<&str>, identifier: Option<&str>) -> Result<String> {
    match (name, identifier) {
        (Some(_), Some(_)) => Err(Error::validation(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )),
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => Ok(name_of(identifier).to_owned()),
        (None, None) => Err(Error::validation(
            "Either LogGroup name or LogGroup ARN must be specified.",
        )),
    }
}

/// `/aws/lambda/x` out of itself or of its ARN.
pub(super) fn name_of(identifier: &str) -> &str {
    let resource = Arn::parse(identifier).map(|arn| arn.resource);
    let name = resource.and_then(|resource| resource.strip_prefix("log-group:"));
    name.map_or(identifier, |name| name.strip_suffix(":*").unwrap_or(name))
}

pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateLogGroupInput,
) -> Result<Nothing> {
    let key = group_key(context, &input.log_group_name);
    if tx.get(GROUPS, &key)?.is_some() {
        return Err(errors::group_exists());
    }
    let mut record = blank(tx, context, input.tags)?;
    record.deletion_protected = input.deletion_protection_enabled;
    match input.log_group_class.as_deref() {
        None | Some("STANDARD") => {}
        Some("INFREQUENT_ACCESS") => record.class = "INFREQUENT_ACCESS".into(),
        Some(other) => {
            return Err(Error::not_implemented(format!(
                "logs: log groups of class {other}"
            )));
        }
    }
    if let Some(kms_key) = input.kms_key_id {
        sealing::associate(tx, context, &input.log_group_name, &mut record, kms_key)?;
    }
    tx.save(GROUPS, key, &record)?;
    Ok(Nothing {})
}

pub(super) fn blank(tx: &mut Tx<'_>, context: &Context, tags: Tags) -> Result<GroupRecord> {
    Ok(GroupRecord {
        number: tx.next_sequence()?,
        created: context.now,
        retention_days: None,
        sweeping: false,
        class: "STANDARD".into(),
        deletion_protected: false,
        tags,
        stored_bytes: 0,
        kms_key_arn: None,
        data_keys: Vec::new(),
        metric_filters: 0,
        subscription_filters: 0,
    })
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: GroupInput) -> Result<Nothing> {
    let record = existing(tx, context, &input.log_group_name)?;
    if record.deletion_protected {
        return Err(Error::validation(
            "The log group cannot be deleted because deletion protection is enabled.",
        ));
    }
    tx.delete(GROUPS, group_key(context, &input.log_group_name))?;
    metric_filter::remove_all(tx, record.number)?;
    subscription::remove_all(tx, record.number)?;
    sweep::group_later(tx, context, record.number)?;
    Ok(Nothing {})
}

pub(super) fn protect(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DeletionProtectionInput,
) -> Result<Nothing> {
    change(
        tx,
        context,
        name_of(&input.log_group_identifier),
        |record| {
            record.deletion_protected = input.deletion_protection_enabled;
        },
    )
}

pub(super) fn change(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &str,
    change: impl FnOnce(&mut GroupRecord),
) -> Result<Nothing> {
    let mut record = existing(tx, context, name)?;
    change(&mut record);
    tx.save(GROUPS, group_key(context, name), &record)?;
    Ok(Nothing {})
}

pub(super) fn associate_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KmsKeyInput,
) -> Result<Nothing> {
    let name = named(
        input.log_group_name.as_deref(),
        input.resource_identifier.as_deref(),
    )?;
    let mut record = existing(tx, context, &name)?;
    let kms_key = input.kms_key_id.unwrap_or_default();
    sealing::associate(tx, context, &name, &mut record, kms_key)?;
    tx.save(GROUPS, group_key(context, &name), &record)?;
    Ok(Nothing {})
}

/// Events sealed so far stay sealed under the key that is taken away.
pub(super) fn disassociate_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KmsKeyInput,
) -> Result<Nothing> {
    let name = named(
        input.log_group_name.as_deref(),
        input.resource_identifier.as_deref(),
    )?;
    change(tx, context, &name, |record| record.kms_key_arn = None)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeLogGroupsInput,
) -> Result<DescribeLogGroupsOutput> {
    if input.include_linked_accounts {
        return Err(Error::not_implemented("logs: linked accounts"));
    }
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(errors::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let limit = input.limit.unwrap_or(DESCRIBED_MAX).clamp(1, DESCRIBED_MAX);
    let prefix = groups_prefix(context);
    let beginning = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let all = prefix.clone().beginning(beginning.as_bytes());
    let from = match &input.next_token {
        None => all.as_slice().to_vec(),
        Some(token) => after(context, token)?,
    };
    let mut found = Vec::new();
    let end = end_of_prefix(all.as_slice());
    for pair in tx.range(GROUPS, &from, end.as_deref(), Direction::Forward)? {
        let (key, _) = pair?;
        let name = KeyReader::new(&key[prefix.as_slice().len()..])
            .text()
            .unwrap_or_default();
        let Some(record) = tx.load::<GroupRecord>(GROUPS, &key)? else {
            continue;
        };
        if wanted(&input, &name, &record) {
            found.push(told(context, name, &record));
        }
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(DescribeLogGroupsOutput {
        next_token: last.map(|group| BASE64_URL_SAFE_NO_PAD.encode(&group.log_group_name)),
        log_groups: found,
    })
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html>
pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListLogGroupsInput,
) -> Result<ListLogGroupsOutput> {
    if input.include_linked_accounts {
        return Err(Error::not_implemented("logs: linked accounts"));
    }
    let pattern = input
        .log_group_name_pattern
        .as_deref()
        .map(regex::Regex::new);
    let pattern = pattern
        .transpose()
        .map_err(|_| errors::invalid("Invalid logGroupNamePattern"))?;
    let prefix = groups_prefix(context);
    let from = match &input.next_token {
        None => prefix.as_slice().to_vec(),
        Some(token) => after(context, token)?,
    };
    let limit = input.limit.unwrap_or(DESCRIBED_MAX);
    let end = end_of_prefix(prefix.as_slice());
    let mut found = Vec::new();
    for pair in tx.range(GROUPS, &from, end.as_deref(), Direction::Forward)? {
        let (key, value) = pair?;
        let name = KeyReader::new(&key[prefix.as_slice().len()..]).text();
        let name = name.unwrap_or_default();
        let record: GroupRecord = cumulet_kernel::store::decode(&value)?;
        let is_class = input
            .log_group_class
            .as_ref()
            .is_none_or(|class| *class == record.class);
        if is_class
            && pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&name))
        {
            found.push(LogGroupSummary {
                log_group_arn: group_arn(context, &name),
                log_group_name: name,
                log_group_class: record.class,
            });
        }
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(ListLogGroupsOutput {
        next_token: last.map(|group| BASE64_URL_SAFE_NO_PAD.encode(&group.log_group_name)),
        log_groups: found,
    })
}

fn wanted(input: &DescribeLogGroupsInput, name: &str, record: &GroupRecord) -> bool {
    let pattern = input.log_group_name_pattern.as_deref();
    let matches = pattern.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()));
    let class = input
        .log_group_class
        .as_deref()
        .is_none_or(|class| class == record.class);
    let identifiers = input.log_group_identifiers.as_ref();
    let identified = identifiers.is_none_or(|all| all.iter().any(|one| name_of(one) == name));
    matches && class && identified
}

/// The smallest key after the group that the token names.
fn after(context: &Context, token: &str) -> Result<Vec<u8>> {
    let name = BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| errors::bad_token())?;
    let name = String::from_utf8(name).map_err(|_| errors::bad_token())?;
    let mut key = group_key(context, &name).as_slice().to_vec();
    key.push(0);
    Ok(key)
}

fn told(context: &Context, name: String, record: &GroupRecord) -> LogGroup {
    let arn = group_arn(context, &name);
    LogGroup {
        log_group_name: name,
        creation_time: record.created.0,
        retention_in_days: record.retention_days,
        metric_filter_count: record.metric_filters,
        arn: format!("{arn}:*"),
        stored_bytes: record.stored_bytes,
        kms_key_id: record.kms_key_arn.clone(),
        log_group_class: record.class.clone(),
        log_group_arn: arn,
        deletion_protection_enabled: record.deletion_protected,
    }
}
