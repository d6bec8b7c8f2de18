//! Rotation: a new generation of a key's material, the old ones kept for decryption.

use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::Value;

use super::api::{
    EnableKeyRotationInput, GetKeyRotationStatusOutput, KeyIdInput, KeyIdOutput,
    ListKeyRotationsOutput, NothingOutput, PageInput, RotationListEntry, seconds,
};
use super::key::{Asked, authorise, find_without_alias, usable};
use super::page::page;
use super::private_key::PrivateKey;
use super::state::{
    KEYS, KeyRecord, KeyState, LongSecret, Material, MaterialSecret, Rotation, key_of,
};
use super::{import, spec};

const PERIOD_DAYS: u32 = 365;
const DAY_S: i64 = 86_400;
/// In a key's whole life.
const ON_DEMAND_LIMIT: usize = 25;

/// New material for a key of this spec.
pub(super) fn material(
    context: &Context,
    spec: &str,
    version: u32,
    on_demand: bool,
) -> Result<Material> {
    let long_secret = match spec {
        _ if spec::is_asymmetric(spec) => Some(PrivateKey::generate(spec, &context.ids)?.to_der()?),
        _ => spec::hmac_bytes(spec).map(|length| {
            let mut secret = vec![0; length];
            context.ids.fill(&mut secret);
            secret
        }),
    };
    Ok(Material {
        version,
        id: context.ids.hex(64),
        secret: MaterialSecret::generate(&context.ids),
        created: context.now,
        on_demand,
        long_secret: long_secret.map(LongSecret::new),
    })
}

fn rotate(context: &Context, key: &mut KeyRecord, on_demand: bool) -> Result<()> {
    let version = key.current().map_or(0, |current| current.version) + 1;
    let new = material(context, &key.spec, version, on_demand)?;
    key.materials.push(new);
    Ok(())
}

/// Takes the next automatic rotation out of the outbox.
pub(super) fn cancel(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<()> {
    match key.rotation {
        Some(rotation) => Ok(outbox::finish(tx, rotation.entry)?),
        None => Ok(()),
    }
}

fn schedule(
    tx: &mut Tx<'_>,
    key: &KeyRecord,
    period_days: u32,
    from: Timestamp,
) -> Result<Rotation> {
    let next = from.plus_s(i64::from(period_days) * DAY_S);
    let event = Event::Timer {
        service: "kms".into(),
        kind: "rotation".into(),
        subject: key.arn(),
        detail: Value::Null,
    };
    Ok(Rotation {
        period_days,
        next,
        entry: outbox::emit(tx, next, event)?,
    })
}

/// Takes away imported material whose time is over; or rotates a key whose period has passed, and sets
/// the next date. Keys that are switched off wait for
/// the next one.
pub async fn deliver_rotation(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| match &entry.event {
            Event::Timer { kind, .. } if kind == "material-expiry" => {
                import::expire_due(tx, &entry)
            }
            _ => rotate_due(tx, &context, &entry),
        })
        .await
}

pub(super) fn rotate_due(tx: &mut Tx<'_>, context: &Context, entry: &Entry) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let Event::Timer { subject, .. } = &entry.event else {
        return Err(Error::internal("not a timer"));
    };
    let parts = Arn::parse(subject);
    let Some((region, id)) =
        parts.and_then(|parts| Some((parts.region, parts.resource.strip_prefix("key/")?)))
    else {
        return Ok(());
    };
    let Some(mut key) = tx.load::<KeyRecord>(KEYS, key_of(region, id))? else {
        return Ok(());
    };
    let Some(rotation) = key.rotation.filter(|rotation| rotation.entry == entry.id) else {
        return Ok(());
    };
    if key.state == KeyState::Enabled {
        rotate(context, &mut key, false)?;
    }
    key.rotation = Some(schedule(tx, &key, rotation.period_days, rotation.next)?);
    Ok(tx.save(KEYS, key.key(), &key)?)
}

fn to_rotate(tx: &Tx<'_>, context: &Context, named: &str, action: &str) -> Result<KeyRecord> {
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, action, &Asked::default())?;
    usable(&key)?;
    // Only symmetric keys whose material KMS made can have more than one.
    if key.spec != spec::SYMMETRIC {
        return Err(Error::new("UnsupportedOperationException", ""));
    }
    if key.origin != "AWS_KMS" {
        return Err(import::origin_not_valid(&key));
    }
    Ok(key)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>
pub(super) fn enable_key_rotation(
    tx: &mut Tx<'_>,
    context: &Context,
    input: EnableKeyRotationInput,
) -> Result<NothingOutput> {
    let mut key = to_rotate(tx, context, &input.key_id, "kms:EnableKeyRotation")?;
    let kept = key.rotation.map(|rotation| rotation.period_days);
    let period_days = input
        .rotation_period_in_days
        .or(kept)
        .unwrap_or(PERIOD_DAYS);
    if kept != Some(period_days) {
        cancel(tx, &key)?;
        key.rotation = Some(schedule(tx, &key, period_days, context.now)?);
        tx.save(KEYS, key.key(), &key)?;
    }
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DisableKeyRotation.html>
pub(super) fn disable_key_rotation(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<NothingOutput> {
    let mut key = to_rotate(tx, context, &input.key_id, "kms:DisableKeyRotation")?;
    cancel(tx, &key)?;
    key.rotation = None;
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html>
pub(super) fn get_key_rotation_status(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<GetKeyRotationStatusOutput> {
    let key = find_without_alias(tx, context, &input.key_id)?.key;
    authorise(
        tx,
        context,
        &key,
        "kms:GetKeyRotationStatus",
        &Asked::default(),
    )?;
    Ok(GetKeyRotationStatusOutput {
        key_rotation_enabled: key.rotation.is_some(),
        rotation_period_in_days: key.rotation.map(|rotation| rotation.period_days),
        next_rotation_date: key.rotation.map(|rotation| seconds(rotation.next)),
        key_id: key.arn(),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html>
pub(super) fn rotate_key_on_demand(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<KeyIdOutput> {
    let mut key = to_rotate(tx, context, &input.key_id, "kms:RotateKeyOnDemand")?;
    let made = key
        .materials
        .iter()
        .filter(|material| material.on_demand)
        .count();
    if made >= ON_DEMAND_LIMIT {
        let message = format!(
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand \
             rotations can be performed for this key: {}",
            key.arn()
        );
        return Err(Error::new("LimitExceededException", message));
    }
    rotate(context, &mut key, true)?;
    tx.save(KEYS, key.key(), &key)?;
    Ok(KeyIdOutput { key_id: key.id })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeyRotations.html>
pub(super) fn list_key_rotations(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PageInput,
) -> Result<ListKeyRotationsOutput> {
    let named = input.key_id.unwrap_or_default();
    let key = find_without_alias(tx, context, &named)?.key;
    authorise(tx, context, &key, "kms:ListKeyRotations", &Asked::default())?;
    let rotations: Vec<&Material> = key.materials.iter().skip(1).collect();
    let name = |material: &&Material| format!("{:010}", material.version);
    let page = page(
        rotations,
        name,
        input.marker.as_deref(),
        input.limit.unwrap_or(100),
    )?;
    let entry = |material: &Material| RotationListEntry {
        key_id: key.id.clone(),
        key_material_id: material.id.clone(),
        rotation_date: seconds(material.created),
        rotation_type: if material.on_demand {
            "ON_DEMAND"
        } else {
            "AUTOMATIC"
        },
    };
    Ok(ListKeyRotationsOutput {
        rotations: page.items.into_iter().map(entry).collect(),
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}
