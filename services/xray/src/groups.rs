//! Groups of traces, and the key they are kept under.
//!
//! <https://docs.aws.amazon.com/xray/latest/api/API_CreateGroup.html>

use cumulet_engine::Context;
use cumulet_engine::arn::{self, Arn};
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::{Direction, decode};

use super::api::{
    EncryptionConfig, EncryptionOutput, Group, GroupInput, GroupOutput, GroupsOutput, Nothing,
    PageInput, PutEncryptionConfigInput, PutGroupInput,
};
use super::filter::Filter;
use super::state::{ENCRYPTION, EncryptionRecord, GROUPS, GroupRecord, region_key};
use super::{invalid, not_built_tags};

const DEFAULT: &str = "Default";

pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutGroupInput,
) -> Result<GroupOutput> {
    not_built_tags(input.tags.as_deref())?;
    let name = input
        .group_name
        .ok_or_else(|| invalid("GroupName is required."))?;
    let key = region_key(context).text(&name);
    if name == DEFAULT || tx.get(GROUPS, &key)?.is_some() {
        return Err(invalid(format!("Group {name} already exists.")));
    }
    check(input.filter_expression.as_deref())?;
    let record = GroupRecord {
        filter_expression: input.filter_expression,
        insights: input.insights_configuration.unwrap_or_default(),
        unique: context.ids.text(52, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    };
    tx.save(GROUPS, key, &record)?;
    Ok(GroupOutput {
        group: shown(context, name, record),
    })
}

fn check(filter: Option<&str>) -> Result<()> {
    filter
        .filter(|text| !text.is_empty())
        .map(Filter::parse)
        .transpose()
        .map(drop)
}

fn shown(context: &Context, name: String, record: GroupRecord) -> Group {
    let resource = if name == DEFAULT {
        "group/Default".to_owned()
    } else {
        format!("group/{name}/{}", record.unique)
    };
    Group {
        group_arn: arn::regional(context, "xray", resource),
        group_name: name,
        filter_expression: record.filter_expression,
        insights_configuration: record.insights,
    }
}

fn named(
    tx: &Tx<'_>,
    context: &Context,
    name: Option<&str>,
    group_arn: Option<&str>,
) -> Result<(String, GroupRecord)> {
    let of_arn = |text: &str| {
        let resource = Arn::parse(text)?.resource.strip_prefix("group/")?;
        Some(resource.split('/').next()?.to_owned())
    };
    let name = match (name, group_arn) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid(
                "Exactly one of GroupName and GroupARN is required.",
            ));
        }
        (Some(name), None) => name.to_owned(),
        (None, Some(group_arn)) => of_arn(group_arn).unwrap_or_default(),
    };
    let record = tx
        .load(GROUPS, region_key(context).text(&name))?
        .or_else(|| (name == DEFAULT).then(default_group));
    Ok((name, record.ok_or_else(|| invalid("Group not found."))?))
}

fn default_group() -> GroupRecord {
    GroupRecord {
        filter_expression: None,
        insights: Default::default(),
        unique: String::new(),
    }
}

pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: GroupInput) -> Result<GroupOutput> {
    let (name, record) = named(
        tx,
        context,
        input.group_name.as_deref(),
        input.group_arn.as_deref(),
    )?;
    Ok(GroupOutput {
        group: shown(context, name, record),
    })
}

pub(super) fn list(tx: &mut Tx<'_>, context: &Context, _input: PageInput) -> Result<GroupsOutput> {
    let mut groups = vec![shown(context, DEFAULT.to_owned(), default_group())];
    for pair in tx.prefix(GROUPS, region_key(context), Direction::Forward)? {
        let (key, value) = pair?;
        let mut reader = KeyReader::new(&key);
        let place = (reader.text(), reader.text(), reader.text());
        if let (Some(_), Some(_), Some(name)) = place {
            groups.push(shown(context, name, decode(&value)?));
        }
    }
    Ok(GroupsOutput { groups })
}

pub(super) fn update(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutGroupInput,
) -> Result<GroupOutput> {
    let (name, mut record) = named(
        tx,
        context,
        input.group_name.as_deref(),
        input.group_arn.as_deref(),
    )?;
    if name == DEFAULT {
        return Err(invalid("The default group cannot be changed."));
    }
    check(input.filter_expression.as_deref())?;
    record.filter_expression = input.filter_expression.or(record.filter_expression);
    record.insights = input.insights_configuration.unwrap_or(record.insights);
    tx.save(GROUPS, region_key(context).text(&name), &record)?;
    Ok(GroupOutput {
        group: shown(context, name, record),
    })
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: GroupInput) -> Result<Nothing> {
    let (name, _) = named(
        tx,
        context,
        input.group_name.as_deref(),
        input.group_arn.as_deref(),
    )?;
    if name == DEFAULT {
        return Err(invalid("The default group cannot be deleted."));
    }
    tx.delete(GROUPS, region_key(context).text(&name))?;
    Ok(Nothing {})
}

pub(super) fn encryption(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: PageInput,
) -> Result<EncryptionOutput> {
    let record: Option<EncryptionRecord> = tx.load(ENCRYPTION, region_key(context))?;
    Ok(EncryptionOutput {
        encryption_config: record.unwrap_or_else(unencrypted),
    })
}

fn unencrypted() -> EncryptionConfig {
    EncryptionConfig {
        key_id: None,
        status: "ACTIVE".to_owned(),
        kind: "NONE".to_owned(),
    }
}

/// Documents lie in the encrypted store; a key of the user's own for them is not built.
pub(super) fn encrypt(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutEncryptionConfigInput,
) -> Result<EncryptionOutput> {
    if input.kind == "KMS" {
        return Err(Error::not_implemented("xray: encryption under a KMS key"));
    }
    if input.key_id.is_some() {
        return Err(invalid("KeyId must not be given with the type NONE."));
    }
    tx.save(ENCRYPTION, region_key(context), &unencrypted())?;
    Ok(EncryptionOutput {
        encryption_config: unencrypted(),
    })
}
