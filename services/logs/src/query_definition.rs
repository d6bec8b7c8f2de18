//! Saved queries.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};

use super::api::{
    DeleteQueryDefinitionInput, DescribeQueryDefinitionsInput, DescribeQueryDefinitionsOutput,
    PutQueryDefinitionInput, PutQueryDefinitionOutput, QueryDefinition, SuccessOutput,
};
use super::query::{LANGUAGE, check_language};
use super::state::{QUERY_DEFINITIONS, QueryDefinitionRecord, groups_prefix, named_key};
use super::{errors, group};

const DESCRIBED_MAX: usize = 1000;

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutQueryDefinitionInput,
) -> Result<PutQueryDefinitionOutput> {
    check_language(input.query_language.as_deref())?;
    if !input.parameters.is_empty() {
        return Err(Error::not_implemented("logs: parameters of saved queries"));
    }
    let id = match input.query_definition_id {
        None => context.ids.uuid(),
        Some(id) => existing(tx, context, &id)?.id,
    };
    let record = QueryDefinitionRecord {
        id: id.clone(),
        name: input.name,
        text: input.query_string,
        groups: input
            .log_group_names
            .iter()
            .map(|name| group::name_of(name).to_owned())
            .collect(),
        modified: context.now,
    };
    tx.save(QUERY_DEFINITIONS, named_key(context, &id), &record)?;
    Ok(PutQueryDefinitionOutput {
        query_definition_id: id,
    })
}

fn existing(tx: &Tx<'_>, context: &Context, id: &str) -> Result<QueryDefinitionRecord> {
    tx.load(QUERY_DEFINITIONS, named_key(context, id))?
        .ok_or_else(|| {
            Error::new(
                "ResourceNotFoundException",
                "The specified query definition does not exist.",
            )
        })
}

pub(super) fn describe(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DescribeQueryDefinitionsInput,
) -> Result<DescribeQueryDefinitionsOutput> {
    let beginning = input.query_definition_name_prefix.unwrap_or_default();
    let mut found: Vec<QueryDefinitionRecord> = Vec::new();
    for pair in tx.prefix(
        QUERY_DEFINITIONS,
        groups_prefix(context),
        Direction::Forward,
    )? {
        let record: QueryDefinitionRecord = decode(&pair?.1)?;
        if record.name.starts_with(&beginning) {
            found.push(record);
        }
    }
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    let place = |record: &QueryDefinitionRecord| format!("{}\n{}", record.name, record.id);
    if let Some(token) = &input.next_token {
        let last = BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| errors::bad_token())?;
        found.retain(|record| place(record).as_bytes() > last.as_slice());
    }
    let limit = input.max_results.unwrap_or(DESCRIBED_MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token = found
        .last()
        .filter(|_| more)
        .map(|last| BASE64_URL_SAFE_NO_PAD.encode(place(last)));
    Ok(DescribeQueryDefinitionsOutput {
        query_definitions: found.into_iter().map(told).collect(),
        next_token,
    })
}

fn told(record: QueryDefinitionRecord) -> QueryDefinition {
    QueryDefinition {
        query_language: LANGUAGE,
        query_definition_id: record.id,
        name: record.name,
        query_string: record.text,
        last_modified: record.modified.0,
        log_group_names: record.groups,
    }
}

pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DeleteQueryDefinitionInput,
) -> Result<SuccessOutput> {
    existing(tx, context, &input.query_definition_id)?;
    tx.delete(
        QUERY_DEFINITIONS,
        named_key(context, &input.query_definition_id),
    )?;
    Ok(SuccessOutput { success: true })
}
