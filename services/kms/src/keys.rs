//! Keys as their owners handle them: made, described, listed, switched off and on, deleted.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, arn};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Key, Tx, outbox};
use serde_json::Value;

use super::api::{
    CreateKeyInput, KeyIdInput, KeyIdOutput, KeyListEntry, KeyMetadata, KeyMetadataOutput,
    ListKeysOutput, NothingOutput, PageInput, ScheduleKeyDeletionInput, ScheduleKeyDeletionOutput,
    Tag, UpdateKeyDescriptionInput, seconds,
};
use super::error::{invalid_state, pending_deletion, pending_import};
use super::key::{Asked, authorise, find, find_without_alias};
use super::lifecycle::{NewKey, make, make_aws_managed, save_new};
use super::page::page;
use super::state::{KEYS, KEYS_OF_ACCOUNT, KeyRecord, KeyState};
use super::tags::tag_map;
use super::{import, key_policy, spec};

const DELETION_WINDOW_DAYS: u32 = 30;
const DAY_S: i64 = 86_400;

pub(super) fn create_access(
    _: &Tx<'_>,
    _: &Context,
    input: &CreateKeyInput,
) -> Result<Vec<Access>> {
    let mut access = Access::new("kms:CreateKey", "*");
    for tag in &input.tags {
        access = access.condition(
            format!("aws:RequestTag/{}", tag.tag_key),
            tag.tag_value.as_str(),
        );
    }
    if !input.tags.is_empty() {
        let keys = input.tags.iter().map(|tag| tag.tag_key.clone()).collect();
        access = access.condition_values("aws:TagKeys", keys);
    }
    Ok(vec![access])
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>
pub(super) fn create_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateKeyInput,
) -> Result<KeyMetadataOutput> {
    refuse_unbuilt(&input)?;
    let tags = tag_map(&input.tags)?;
    let spec = input.key_spec.or(input.customer_master_key_spec);
    let (spec, usage) = spec::chosen(spec.as_deref(), input.key_usage.as_deref())?;
    let origin = input.origin.unwrap_or_else(|| "AWS_KMS".into());
    import::check_origin(&origin, &spec)?;
    let key = make(
        context,
        NewKey {
            description: input.description.unwrap_or_default(),
            policy: input.policy,
            aws_managed: false,
            tags,
            kind: Some((spec, usage, origin)),
        },
    )?;
    key_policy::check(
        tx,
        context,
        &key,
        &key.policy,
        input.bypass_policy_lockout_safety_check,
    )?;
    save_new(tx, &key)?;
    Ok(metadata_output(&key))
}

fn refuse_unbuilt(input: &CreateKeyInput) -> Result<()> {
    if input.custom_key_store_id.is_some() {
        return Err(Error::not_implemented(
            "kms:CreateKey in a custom key store",
        ));
    }
    if input.multi_region {
        return Err(Error::not_implemented(
            "kms:CreateKey of a multi-Region key",
        ));
    }
    Ok(())
}

pub(super) fn metadata_output(key: &KeyRecord) -> KeyMetadataOutput {
    KeyMetadataOutput {
        key_metadata: metadata(key),
    }
}

fn metadata(key: &KeyRecord) -> KeyMetadata {
    let deletion_date = match key.state {
        KeyState::PendingDeletion { at, .. } => Some(seconds(at)),
        _ => None,
    };
    let listed = |usage: &str| {
        let all = spec::algorithms(&key.spec, &key.usage);
        (key.usage == usage).then(|| all.to_vec())
    };
    let imported = key.imported.as_ref().filter(|_| !key.materials.is_empty());
    KeyMetadata {
        aws_account_id: key.account.clone(),
        key_id: key.id.clone(),
        arn: key.arn(),
        creation_date: seconds(key.created),
        enabled: key.state == KeyState::Enabled,
        description: key.description.clone(),
        key_usage: key.usage.clone(),
        key_state: state_name(key.state),
        deletion_date,
        valid_to: imported.and_then(|imported| imported.until).map(seconds),
        expiration_model: imported.map(|imported| match imported.until {
            Some(_) => "KEY_MATERIAL_EXPIRES",
            None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }),
        origin: key.origin.clone(),
        key_manager: if key.aws_managed { "AWS" } else { "CUSTOMER" },
        customer_master_key_spec: key.spec.clone(),
        key_spec: key.spec.clone(),
        encryption_algorithms: listed(spec::ENCRYPT),
        signing_algorithms: listed(spec::SIGN),
        mac_algorithms: listed(spec::MAC),
        key_agreement_algorithms: listed(spec::AGREE),
        multi_region: false,
        current_key_material_id: key
            .current()
            .filter(|_| key.spec == spec::SYMMETRIC)
            .map(|material| material.id.clone()),
    }
}

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::PendingImport => "PendingImport",
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingDeletion { .. } => "PendingDeletion",
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>
///
/// `alias/aws/s3` and its like come into being when they are first asked for.
pub(super) fn describe_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<KeyMetadataOutput> {
    make_aws_managed(tx, context, &input.key_id)?;
    let found = find(tx, context, &input.key_id)?;
    let asked = Asked {
        alias: found.alias.as_deref(),
        ..Asked::default()
    };
    authorise(tx, context, &found.key, "kms:DescribeKey", &asked)?;
    Ok(metadata_output(&found.key))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeys.html>
pub(super) fn list_keys(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PageInput,
) -> Result<ListKeysOutput> {
    let ids = ids_of_account(tx, context)?;
    let limit = input.limit.unwrap_or(100);
    let page = page(ids, Clone::clone, input.marker.as_deref(), limit)?;
    let entry = |id: String| KeyListEntry {
        key_arn: arn::regional(context, "kms", format_args!("key/{id}")),
        key_id: id,
    };
    Ok(ListKeysOutput {
        keys: page.items.into_iter().map(entry).collect(),
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}

fn ids_of_account(tx: &Tx<'_>, context: &Context) -> Result<Vec<String>> {
    let prefix = Key::new().text(&context.account).text(&context.region);
    let mut ids = Vec::new();
    for pair in tx.prefix(KEYS_OF_ACCOUNT, prefix, Direction::Forward)? {
        let (at, _) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&at);
        let parts: Vec<String> = std::iter::from_fn(|| reader.text()).collect();
        ids.extend(parts.into_iter().nth(2));
    }
    Ok(ids)
}

/// A key for an operation that changes it: found by id or ARN, authorised, not being deleted.
pub(super) fn to_change(
    tx: &Tx<'_>,
    context: &Context,
    named: &str,
    action: &str,
) -> Result<KeyRecord> {
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, action, &Asked::default())?;
    match key.state {
        KeyState::PendingDeletion { .. } => Err(pending_deletion(&key.arn())),
        _ => Ok(key),
    }
}

fn set_state(tx: &mut Tx<'_>, key: &KeyRecord, state: KeyState) -> Result<NothingOutput> {
    let key = KeyRecord {
        state,
        ..key.clone()
    };
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKey.html>
pub(super) fn enable_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<NothingOutput> {
    let key = to_change(tx, context, &input.key_id, "kms:EnableKey")?;
    if key.state == KeyState::PendingImport {
        return Err(pending_import(&key.arn()));
    }
    set_state(tx, &key, KeyState::Enabled)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DisableKey.html>
pub(super) fn disable_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<NothingOutput> {
    let key = to_change(tx, context, &input.key_id, "kms:DisableKey")?;
    if key.state == KeyState::PendingImport {
        return Err(pending_import(&key.arn()));
    }
    set_state(tx, &key, KeyState::Disabled)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateKeyDescription.html>
pub(super) fn update_key_description(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateKeyDescriptionInput,
) -> Result<NothingOutput> {
    let mut key = to_change(tx, context, &input.key_id, "kms:UpdateKeyDescription")?;
    key.description = input.description;
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>
pub(super) fn schedule_key_deletion(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ScheduleKeyDeletionInput,
) -> Result<ScheduleKeyDeletionOutput> {
    let asked = days_condition(input.pending_window_in_days);
    let key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(tx, context, &key, "kms:ScheduleKeyDeletion", &asked)?;
    if matches!(key.state, KeyState::PendingDeletion { .. }) {
        return Err(pending_deletion(&key.arn()));
    }
    let days = input.pending_window_in_days.unwrap_or(DELETION_WINDOW_DAYS);
    let at = context.now.plus_s(i64::from(days) * DAY_S);
    let event = Event::KeyDeletion { key_arn: key.arn() };
    let entry = outbox::emit(tx, at, event)?;
    set_state(tx, &key, KeyState::PendingDeletion { at, entry })?;
    Ok(ScheduleKeyDeletionOutput {
        key_id: key.arn(),
        deletion_date: seconds(at),
        key_state: "PendingDeletion",
        pending_window_in_days: days,
    })
}

fn days_condition(days: Option<u32>) -> Asked<'static> {
    let condition = |days: u32| {
        let key = "kms:ScheduleKeyDeletionPendingWindowInDays";
        (key.to_owned(), vec![days.to_string()])
    };
    Asked {
        conditions: days.map(condition).into_iter().collect(),
        ..Asked::default()
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html>
pub(super) fn cancel_key_deletion(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<KeyIdOutput> {
    let key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(
        tx,
        context,
        &key,
        "kms:CancelKeyDeletion",
        &Asked::default(),
    )?;
    let KeyState::PendingDeletion { entry, .. } = key.state else {
        return Err(invalid_state(format!(
            "{} is not pending deletion.",
            key.arn()
        )));
    };
    outbox::finish(tx, entry)?;
    let state = match key.materials.is_empty() {
        true => KeyState::PendingImport,
        false => KeyState::Disabled,
    };
    set_state(tx, &key, state)?;
    Ok(KeyIdOutput { key_id: key.arn() })
}

/// Tags and the rest as the wire wants them.
pub(super) fn tag_list(key: &KeyRecord) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        tag_key: key.clone(),
        tag_value: value.clone(),
    };
    key.tags.iter().map(tag).collect()
}

/// A recipient asks for a Nitro enclave's attestation, which is not built.
pub(super) fn refuse_recipient(operation: &str, recipient: Option<&Value>) -> Result<()> {
    match recipient {
        None => Ok(()),
        Some(_) => Err(Error::not_implemented(format!(
            "kms:{operation} with Recipient"
        ))),
    }
}
