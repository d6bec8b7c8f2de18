//! Tags, and what the account uses of its quotas.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;
use serde_json::{Map, Value};

use super::api::{AccountLimit, AccountSettings, AccountUsage, ListTagsOutput, NoInput, TagInput};
use super::name::FunctionName;
use super::state::{FUNCTIONS, FunctionRecord, region_prefix};
use super::{archive, concurrency, errors, resolve, version};

const TAGS_MAX: usize = 50;
const TOTAL_CODE_BYTES: u64 = 80_530_636_800;
const ZIPPED_BYTES: u64 = 52_428_800;

/// <https://docs.aws.amazon.com/lambda/latest/api/API_TagResource.html>
pub(super) fn tag(tx: &mut Tx<'_>, context: &Context, input: TagInput) -> Result<Value> {
    let name = tagged(context, &input.resource)?;
    let mut record = resolve::function(tx, &name)?;
    record.tags.extend(input.tags);
    if record.tags.len() > TAGS_MAX {
        return Err(errors::invalid(
            "Number of tags exceeds resource tag limit.",
        ));
    }
    tx.save(FUNCTIONS, name.key(), &record)?;
    Ok(Value::Object(Map::new()))
}

pub(super) fn untag(tx: &mut Tx<'_>, context: &Context, input: TagInput) -> Result<Value> {
    let name = tagged(context, &input.resource)?;
    let mut record = resolve::function(tx, &name)?;
    record.tags.retain(|key, _| !input.tag_keys.contains(key));
    tx.save(FUNCTIONS, name.key(), &record)?;
    Ok(Value::Object(Map::new()))
}

pub(super) fn list_tags(
    tx: &mut Tx<'_>,
    context: &Context,
    input: TagInput,
) -> Result<ListTagsOutput> {
    let name = tagged(context, &input.resource)?;
    Ok(ListTagsOutput {
        tags: resolve::function(tx, &name)?.tags,
    })
}

fn tagged(context: &Context, resource: &str) -> Result<FunctionName> {
    if !resource.contains(":function:") {
        let kind = resource.split(':').nth(5).unwrap_or(resource);
        return Err(Error::not_implemented(format!("lambda: tags of {kind}")));
    }
    let name = FunctionName::parse(context, resource)?;
    if name.qualifier.is_some() {
        return Err(errors::invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    Ok(name)
}

pub(super) fn tag_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &TagInput,
) -> Result<Vec<Access>> {
    let name = tagged(context, &input.resource)?;
    let mut access = resolve::access_to(tx, action, &name)?;
    for (key, value) in &input.tags {
        access = access.condition(format!("aws:RequestTag/{key}"), value);
    }
    let keys: Vec<String> = input.tags.keys().chain(&input.tag_keys).cloned().collect();
    if !keys.is_empty() {
        access = access.condition_values("aws:TagKeys", keys);
    }
    Ok(vec![access])
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>
pub(super) fn settings(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: NoInput,
) -> Result<AccountSettings> {
    let place = FunctionName {
        account: context.account.to_string(),
        region: context.region.to_string(),
        name: String::new(),
        qualifier: None,
    };
    Ok(AccountSettings {
        account_limit: AccountLimit {
            total_code_size: TOTAL_CODE_BYTES,
            code_size_unzipped: archive::UNZIPPED_BYTES_MAX,
            code_size_zipped: ZIPPED_BYTES,
            concurrent_executions: concurrency::ACCOUNT_LIMIT,
            unreserved_concurrent_executions: concurrency::ACCOUNT_LIMIT
                .saturating_sub(concurrency::reserved_total(tx, &place)?),
        },
        account_usage: usage(tx, &place)?,
    })
}

fn usage(tx: &Tx<'_>, place: &FunctionName) -> Result<AccountUsage> {
    let prefix = region_prefix(&place.account, &place.region);
    let mut usage = AccountUsage {
        total_code_size: 0,
        function_count: 0,
    };
    for pair in tx.prefix(FUNCTIONS, &prefix, Direction::Forward)? {
        let (key, _) = pair?;
        let name = FunctionName {
            name: super::page::last_text(&prefix, &key),
            ..place.clone()
        };
        let record: FunctionRecord = resolve::function(tx, &name)?;
        usage.function_count += 1;
        usage.total_code_size += record.latest.code.size_bytes;
        for number in version::numbers(tx, &name)? {
            usage.total_code_size += resolve::version(tx, &name, &number)?.code.size_bytes;
        }
    }
    Ok(usage)
}
