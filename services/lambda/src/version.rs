//! Published versions: snapshots of `$LATEST` that never change.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;

use super::api::{FunctionConfiguration, ListPartsInput, ListVersionsOutput, PublishVersionInput};
use super::function::{become_ready_soon, listed, whole};
use super::name::FunctionName;
use super::state::{
    FUNCTIONS, FunctionRecord, State, UpdateStatus, VERSIONS, VersionRecord, version_key,
};
use super::{code, errors, page, resolve};

pub(super) fn publish(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PublishVersionInput,
) -> Result<FunctionConfiguration> {
    if input.publish_to.is_some() {
        return Err(Error::not_implemented("lambda: PublishTo"));
    }
    let name = whole(context, &input.function_name)?;
    let record = resolve::function(tx, &name)?;
    let latest = &record.latest;
    if input
        .revision_id
        .is_some_and(|revision| revision != latest.revision_id)
    {
        return Err(errors::stale_revision("GetFunction/GetAlias"));
    }
    if latest.state == State::Pending {
        return Err(errors::not_ready("Pending"));
    }
    if latest.update_status == Some(UpdateStatus::InProgress) {
        return Err(errors::update_in_progress(name.arn()));
    }
    let current = &latest.code.sha256_base64;
    if let Some(given) = input
        .code_sha256
        .filter(|given| !given.is_empty() && given != current)
    {
        return Err(errors::invalid(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). \
             Please try again with the CodeSHA256 in $LATEST."
        )));
    }
    let published = publish_latest(tx, context, &name, record, input.description)?;
    Ok(published.answer(&name, name.arn_of(&published.version)))
}

/// Makes a version of `$LATEST`, or answers the last one where nothing has changed since.
pub(super) fn publish_latest(
    tx: &mut Tx<'_>,
    context: &Context,
    name: &FunctionName,
    mut record: FunctionRecord,
    description: Option<String>,
) -> Result<VersionRecord> {
    if let Some(last) = last(tx, name)?.filter(|last| record.latest.same_as(last)) {
        return Ok(last);
    }
    record.last_version += 1;
    tx.save(FUNCTIONS, name.key(), &record)?;
    let published = VersionRecord {
        version: record.last_version.to_string(),
        description: description.unwrap_or_else(|| record.latest.description.clone()),
        revision_id: context.ids.uuid(),
        state: State::Pending,
        update_status: None,
        update_reason: None,
        ..record.latest
    };
    code::hold_all(tx, &name.account, &published)?;
    tx.save(VERSIONS, version_key(name, &published.version), &published)?;
    become_ready_soon(tx, context, name, &published)?;
    Ok(published)
}

fn last(tx: &Tx<'_>, name: &FunctionName) -> Result<Option<VersionRecord>> {
    let newest = tx
        .prefix(VERSIONS, name.key(), Direction::Backward)?
        .next()
        .transpose()?;
    match newest {
        Some((key, _)) => Ok(tx.load(VERSIONS, key)?),
        None => Ok(None),
    }
}

/// The numbers of all published versions.
pub(super) fn numbers(tx: &Tx<'_>, name: &FunctionName) -> Result<Vec<String>> {
    let prefix = name.key();
    let mut numbers = Vec::new();
    for pair in tx.prefix(VERSIONS, &prefix, Direction::Forward)? {
        let (key, _) = pair?;
        let number = KeyReader::new(&key[prefix.as_slice().len()..]).number();
        numbers.extend(number.map(|number| number.to_string()));
    }
    Ok(numbers)
}

/// `$LATEST` and every published version, as lists tell them.
pub(super) fn all(
    tx: &Tx<'_>,
    name: &FunctionName,
    record: FunctionRecord,
) -> Result<Vec<FunctionConfiguration>> {
    let mut all = vec![listed(
        &record.latest,
        name,
        name.arn_of(&record.latest.version),
    )];
    for number in numbers(tx, name)? {
        let record = resolve::version(tx, name, &number)?;
        all.push(listed(&record, name, name.arn_of(&number)));
    }
    Ok(all)
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html>
pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListPartsInput,
) -> Result<ListVersionsOutput> {
    let name = whole(context, &input.function_name)?;
    let function = resolve::function(tx, &name)?;
    let first = input.marker.is_none();
    let limit = input
        .max_items
        .map(|limit| limit.saturating_sub(usize::from(first)).max(1));
    let page =
        page::of::<VersionRecord>(tx, VERSIONS, &name.key(), input.marker.as_deref(), limit)?;
    let latest = first.then(|| {
        listed(
            &function.latest,
            &name,
            name.arn_of(&function.latest.version),
        )
    });
    let published = page
        .records
        .iter()
        .map(|(_, record)| listed(record, &name, name.arn_of(&record.version)));
    Ok(ListVersionsOutput {
        next_marker: page.next,
        versions: latest.into_iter().chain(published).collect(),
    })
}
