//! A key's life: made, and in the end shredded.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Key, Tx};

use super::error::invalid_state;
use super::key::find;
use super::policies::{aws_managed_policy, default_policy};
use super::state::{
    ALIASES, ALIASES_OF_KEY, AliasRecord, GRANTS, IMPORTS, KEYS, KEYS_OF_ACCOUNT, KeyRecord,
    KeyState, alias_of, alias_of_key, grant_of,
};
use super::{grant, import, rotation, spec};

/// What a new key differs in.
#[derive(Debug, Default)]
pub(super) struct NewKey {
    pub(super) description: String,
    /// Absent: the default policy.
    pub(super) policy: Option<String>,
    pub(super) aws_managed: bool,
    pub(super) tags: std::collections::BTreeMap<String, String>,
    /// Spec, use and origin; absent: a symmetric key whose material KMS makes.
    pub(super) kind: Option<(String, String, String)>,
}

pub(super) fn make(context: &Context, new: NewKey) -> Result<KeyRecord> {
    let (spec, usage, origin) = new.kind.unwrap_or_else(|| {
        let of = str::to_owned;
        (of(spec::SYMMETRIC), of(spec::ENCRYPT), of("AWS_KMS"))
    });
    let is_external = origin == "EXTERNAL";
    let policy = new
        .policy
        .unwrap_or_else(|| default_policy(&context.account));
    let materials = match is_external {
        true => Vec::new(),
        false => vec![rotation::material(context, &spec, 1, false)?],
    };
    Ok(KeyRecord {
        id: context.ids.uuid(),
        account: context.account.to_string(),
        region: context.region.to_string(),
        created: context.now,
        description: new.description,
        state: match is_external {
            true => KeyState::PendingImport,
            false => KeyState::Enabled,
        },
        aws_managed: new.aws_managed,
        policy: policy.into(),
        spec,
        usage,
        origin,
        imported: None,
        materials,
        rotation: None,
        tags: new.tags,
        grant_count: 0,
    })
}

pub(super) fn save_new(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<()> {
    let listed = Key::new()
        .text(&key.account)
        .text(&key.region)
        .text(&key.id);
    tx.put(KEYS_OF_ACCOUNT, listed, Vec::new())?;
    Ok(tx.save(KEYS, key.key(), key)?)
}

pub(super) fn save_alias(tx: &mut Tx<'_>, key: &KeyRecord, alias: &AliasRecord) -> Result<()> {
    tx.put(ALIASES_OF_KEY, alias_of_key(key, &alias.name), Vec::new())?;
    Ok(tx.save(
        ALIASES,
        alias_of(&key.account, &key.region, &alias.name),
        alias,
    )?)
}

/// The AWS managed key of a service (`s3`: `alias/aws/s3`), made on first use; its ARN.
pub fn aws_managed_key(tx: &mut Tx<'_>, context: &Context, service: &str) -> Result<String> {
    let name = format!("alias/aws/{service}");
    let at = alias_of(&context.account, &context.region, &name);
    if tx.get(ALIASES, at)?.is_some() {
        return Ok(find(tx, context, &name)?.key.arn());
    }
    let new = NewKey {
        description: description(service),
        policy: Some(aws_managed_policy(
            service,
            &context.account,
            &context.region,
        )),
        aws_managed: true,
        ..NewKey::default()
    };
    let key = make(context, new)?;
    save_new(tx, &key)?;
    let alias = AliasRecord {
        name,
        key_id: key.id.clone(),
        created: context.now,
        updated: context.now,
    };
    save_alias(tx, &key, &alias)?;
    Ok(key.arn())
}

/// The services whose managed key comes into being when its alias is first named.
const AWS_MANAGED: [&str; 9] = [
    "dynamodb",
    "kinesis",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "xray",
];

/// Makes the AWS managed key that `named` is the predefined alias of, if it is not there yet.
pub(super) fn make_aws_managed(tx: &mut Tx<'_>, context: &Context, named: &str) -> Result<()> {
    let service = named.rsplit_once("alias/aws/").map(|(_, service)| service);
    if let Some(service) = service.filter(|service| AWS_MANAGED.contains(service))
        && find(tx, context, named).is_err()
    {
        let own = named.starts_with("alias/") || named.contains(&*format!(":{}:", context.account));
        if own {
            aws_managed_key(tx, context, service)?;
        }
    }
    Ok(())
}

fn description(service: &str) -> String {
    match service {
        "s3" => "Default key that protects my S3 objects when no other key is defined".into(),
        "lambda" => {
            "Default key that protects my Lambda functions when no other key is defined".into()
        }
        "secretsmanager" => {
            "Default key that protects my Secrets Manager data when no other key is defined".into()
        }
        "ssm" => "Default key that protects my SSM parameters when no other key is defined".into(),
        "sqs" => "Default key that protects my SQS messages when no other key is defined".into(),
        other => format!("Default key that protects my {other} data when no other key is defined"),
    }
}

/// Shreds a key whose deletion window has passed.
pub async fn deliver_deletion(engine: &Engine, _context: Context, entry: Entry) -> Result<()> {
    engine.write(move |tx| shred_due(tx, &entry)).await
}

/// A cancelled deletion has taken its entry out; one that is still here and still meant goes through.
pub(super) fn shred_due(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let Event::KeyDeletion { key_arn } = &entry.event else {
        return Err(invalid_state("Not a key deletion."));
    };
    let parts = cumulet_engine::arn::Arn::parse(key_arn);
    let Some((region, id)) =
        parts.and_then(|parts| Some((parts.region, parts.resource.strip_prefix("key/")?)))
    else {
        return Ok(());
    };
    let key: Option<KeyRecord> = tx.load(KEYS, super::state::key_of(region, id))?;
    match key {
        Some(key) if matches!(key.state, KeyState::PendingDeletion { at, .. } if at <= entry.id.due) => {
            shred(tx, &key)
        }
        _ => Ok(()),
    }
}

/// The record holds the material: once it is gone nothing opens what was sealed under the key.
fn shred(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<()> {
    for grant in grant::of_key(tx, &key.id)? {
        tx.delete(GRANTS, grant_of(&key.id, &grant.id))?;
    }
    for name in aliases_of(tx, key)? {
        tx.delete(ALIASES, alias_of(&key.account, &key.region, &name))?;
        tx.delete(ALIASES_OF_KEY, alias_of_key(key, &name))?;
    }
    rotation::cancel(tx, key)?;
    import::cancel_expiry(tx, key)?;
    tx.delete(IMPORTS, key.key())?;
    let listed = Key::new()
        .text(&key.account)
        .text(&key.region)
        .text(&key.id);
    tx.delete(KEYS_OF_ACCOUNT, listed)?;
    Ok(tx.delete(KEYS, key.key())?)
}

/// The names of a key's aliases, in order.
pub(super) fn aliases_of(tx: &Tx<'_>, key: &KeyRecord) -> Result<Vec<String>> {
    let prefix = Key::new()
        .text(&key.id)
        .text(&key.account)
        .text(&key.region);
    let names = tx.prefix(ALIASES_OF_KEY, prefix, Direction::Forward)?;
    let mut found = Vec::new();
    for pair in names {
        let (at, _) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&at);
        let parts: Vec<String> = std::iter::from_fn(|| reader.text()).collect();
        found.extend(parts.into_iter().nth(3));
    }
    Ok(found)
}
