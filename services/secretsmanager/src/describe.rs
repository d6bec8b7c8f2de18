//! What may be told of secrets without their values.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::page::page;
use cumulet_kernel::Tx;
use cumulet_kernel::store::{Direction, decode};

use super::api::{
    Description, Filter, ListInput, ListOutput, ListVersionsInput, RotationRules, SecretInput, Tag,
    VersionEntry, VersionsOutput, seconds,
};
use super::error::invalid_token;
use super::state::{Rotation, SECRETS, SecretRecord, VersionRecord, secrets_of};
use super::{secret, version};

const PAGE: usize = 100;

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>
pub(super) fn describe_secret(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SecretInput,
) -> Result<Description> {
    let secret = secret::any(tx, context, &input.secret_id)?;
    let mut description = description(&secret);
    description.version_ids_to_stages = versions_to_stages(&secret);
    Ok(description)
}

fn description(secret: &SecretRecord) -> Description {
    let rotation = secret.rotation.as_ref();
    let tags = secret.tags.iter().map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    });
    let next = rotation.and_then(|rotation| rotation.next);
    Description {
        arn: secret.arn(),
        name: secret.name.clone(),
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        rotation_enabled: rotation.map(|rotation| rotation.enabled),
        rotation_lambda_arn: rotation.map(|rotation| rotation.function_arn.clone()),
        rotation_rules: rotation.filter(|rotation| rotation.enabled).map(rules),
        last_rotated_date: secret.rotated.map(seconds),
        last_changed_date: seconds(secret.changed),
        last_accessed_date: secret.accessed_day.map(seconds),
        deleted_date: secret.deleted.map(|deletion| seconds(deletion.asked)),
        next_rotation_date: next.map(|entry| seconds(entry.due)),
        tags: (!secret.tags.is_empty()).then(|| tags.collect()),
        version_ids_to_stages: None,
        secret_versions_to_stages: None,
        created_date: seconds(secret.created),
    }
}

fn rules(rotation: &Rotation) -> RotationRules {
    RotationRules {
        automatically_after_days: rotation.automatically_after_days,
        duration: rotation.duration.clone(),
        schedule_expression: rotation.schedule_expression.clone(),
    }
}

fn versions_to_stages(secret: &SecretRecord) -> Option<BTreeMap<String, Vec<String>>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stage, version) in &secret.stages {
        versions
            .entry(version.clone())
            .or_default()
            .push(stage.clone());
    }
    (!versions.is_empty()).then_some(versions)
}

pub(super) fn list_secrets(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListInput,
) -> Result<ListOutput> {
    let mut secrets = matching(tx, context, &input.filters, input.include_planned_deletion)?;
    match input.sort_by.as_deref() {
        Some("name") => {}
        Some("last-changed-date") => secrets.sort_by_key(|secret| secret.changed),
        Some("last-accessed-date") => secrets.sort_by_key(|secret| secret.accessed_day),
        _ => secrets.sort_by_key(|secret| secret.created),
    }
    if input.sort_order.as_deref() == Some("desc") {
        secrets.reverse();
    }
    let limit = input.max_results.unwrap_or(PAGE);
    let page = page(
        secrets,
        SecretRecord::arn,
        input.next_token.as_deref(),
        limit,
    );
    let page = page.ok_or_else(invalid_token)?;
    let listed = |secret: SecretRecord| Description {
        secret_versions_to_stages: versions_to_stages(&secret),
        ..description(&secret)
    };
    Ok(ListOutput {
        secret_list: page.items.into_iter().map(listed).collect(),
        next_token: page.next_token,
    })
}

/// The secrets that all filters let through, by name.
pub(super) fn matching(
    tx: &Tx<'_>,
    context: &Context,
    filters: &[Filter],
    deleted_too: bool,
) -> Result<Vec<SecretRecord>> {
    let mut found = Vec::new();
    let all = secrets_of(&context.account, &context.region);
    for pair in tx.prefix(SECRETS, all, Direction::Forward)? {
        let secret: SecretRecord = decode(&pair?.1)?;
        let shown = deleted_too || secret.deleted.is_none();
        if shown && filters.iter().all(|filter| lets_through(filter, &secret)) {
            found.push(secret);
        }
    }
    Ok(found)
}

/// A value that begins with `!` turns its match around.
fn lets_through(filter: &Filter, secret: &SecretRecord) -> bool {
    filter
        .values
        .iter()
        .any(|value| match value.strip_prefix('!') {
            Some(value) => !matches(&filter.key, value, secret),
            None => matches(&filter.key, value, secret),
        })
}

fn matches(key: &str, value: &str, secret: &SecretRecord) -> bool {
    let description = secret.description.as_deref().unwrap_or_default();
    match key {
        "name" => secret.name.starts_with(value),
        "description" => starts_without_case(description, value),
        "tag-key" => secret.tags.keys().any(|key| key.starts_with(value)),
        "tag-value" => secret.tags.values().any(|tag| tag.starts_with(value)),
        "all" => value
            .split_whitespace()
            .any(|word| matches_anywhere(word, secret)),
        _ => false,
    }
}

fn matches_anywhere(word: &str, secret: &SecretRecord) -> bool {
    let description = secret.description.as_deref().unwrap_or_default();
    let mut texts = [secret.name.as_str()]
        .into_iter()
        .chain(description.split_whitespace());
    let mut tags = secret.tags.iter().flat_map(|(key, value)| [key, value]);
    texts.any(|text| starts_without_case(text, word))
        || tags.any(|text| starts_without_case(text, word))
}

fn starts_without_case(text: &str, beginning: &str) -> bool {
    text.to_lowercase().starts_with(&beginning.to_lowercase())
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>
pub(super) fn list_secret_version_ids(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListVersionsInput,
) -> Result<VersionsOutput> {
    let secret = secret::any(tx, context, &input.secret_id)?;
    let mut versions = version::all(tx, &secret)?;
    versions
        .retain(|version| input.include_deprecated || !secret.stages_of(&version.id).is_empty());
    versions.sort_by_key(|version| version.created);
    let limit = input.max_results.unwrap_or(PAGE);
    let id = |version: &VersionRecord| version.id.clone();
    let page = page(versions, id, input.next_token.as_deref(), limit).ok_or_else(invalid_token)?;
    let entry = |version: VersionRecord| VersionEntry {
        version_stages: secret.stages_of(&version.id),
        version_id: version.id,
        last_accessed_date: version.accessed_day.map(seconds),
        created_date: seconds(version.created),
        kms_key_ids: [version
            .kms_key_id
            .unwrap_or_else(|| "DefaultEncryptionKey".into())],
    };
    Ok(VersionsOutput {
        versions: page.items.into_iter().map(entry).collect(),
        next_token: page.next_token,
        arn: secret.arn(),
        name: secret.name,
    })
}
