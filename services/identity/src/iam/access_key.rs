//! Access keys of users. The secret is told once, in the answer that makes the key.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};

use super::api::credentials::{KeyUse, KeyUseInput, KeyUseOutput};
use super::api::{
    AccessKey, AccessKeyInput, AccessKeyMetadata, CreateAccessKeyOutput, HolderPageInput,
    ListAccessKeysOutput, NothingOutput, seconds,
};
use super::error::{limit_exceeded, no_such};
use super::holder::{caller_name, load};
use super::page::page;
use super::state::{ACCESS_KEYS, ACCESS_KEYS_OF_USER, AccessKeyRecord, Secret, UserRecord, named};
use super::{keys, observed};

const KEYS_PER_USER: usize = 2;

pub(super) fn key_of(access_key_id: &str) -> Key {
    Key::new().text(access_key_id)
}

/// Stores a key and lists it under its user.
pub(super) fn save(tx: &mut Tx<'_>, record: &AccessKeyRecord) -> Result<()> {
    let listed = named(&record.account, &record.user).text(&record.id);
    tx.put(ACCESS_KEYS_OF_USER, listed, Vec::new())?;
    Ok(tx.save(ACCESS_KEYS, key_of(&record.id), record)?)
}

fn delete(tx: &mut Tx<'_>, record: &AccessKeyRecord) -> Result<()> {
    let listed = named(&record.account, &record.user).text(&record.id);
    tx.delete(ACCESS_KEYS_OF_USER, listed)?;
    Ok(tx.delete(ACCESS_KEYS, key_of(&record.id))?)
}

pub(super) fn of_user(tx: &Tx<'_>, user: &UserRecord) -> Result<Vec<AccessKeyRecord>> {
    let prefix = named(&user.account, &user.name);
    let mut records = Vec::new();
    for pair in tx.prefix(ACCESS_KEYS_OF_USER, prefix, Direction::Forward)? {
        let (at, _) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&at);
        let parts: Vec<String> = std::iter::from_fn(|| reader.text()).collect();
        if let Some(id) = parts.get(2) {
            records.extend(tx.load::<AccessKeyRecord>(ACCESS_KEYS, key_of(id))?);
        }
    }
    Ok(records)
}

/// The keys of a user that is renamed go with it.
pub(super) fn move_to(tx: &mut Tx<'_>, before: &UserRecord, after: &UserRecord) -> Result<()> {
    for mut record in of_user(tx, before)? {
        delete(tx, &record)?;
        record.user.clone_from(&after.name);
        record.user_arn = after.arn();
        save(tx, &record)?;
    }
    Ok(())
}

/// The user of this name, or the caller.
pub(super) fn user_of(tx: &Tx<'_>, context: &Context, name: Option<String>) -> Result<UserRecord> {
    let name = name.map_or_else(|| caller_name(context), Ok)?;
    load(tx, context, &name)
}

fn status(active: bool) -> &'static str {
    if active { "Active" } else { "Inactive" }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html>
pub(super) fn create_access_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AccessKeyInput,
) -> Result<CreateAccessKeyOutput> {
    let user = user_of(tx, context, input.user_name)?;
    if of_user(tx, &user)?.len() >= KEYS_PER_USER {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}"
        )));
    }
    let record = AccessKeyRecord {
        id: keys::access_key_id(&context.ids, "AKIA", &user.account),
        user_arn: user.arn(),
        account: user.account,
        user: user.name,
        user_id: user.id,
        secret: Secret(keys::secret_access_key(&context.ids)),
        active: true,
        created: context.now,
        loopback_only: false,
    };
    save(tx, &record)?;
    let access_key = AccessKey {
        user_name: record.user,
        access_key_id: record.id,
        status: status(true),
        secret_access_key: record.secret.0,
        create_date: seconds(record.created),
    };
    Ok(CreateAccessKeyOutput { access_key })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html>
pub(super) fn list_access_keys(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderPageInput,
) -> Result<ListAccessKeysOutput> {
    let user = user_of(tx, context, input.name)?;
    let id = |record: &AccessKeyRecord| record.id.clone();
    let (records, more) = page(of_user(tx, &user)?, id, &input.page)?;
    let metadata = |record: AccessKeyRecord| AccessKeyMetadata {
        user_name: record.user,
        access_key_id: record.id,
        status: status(record.active),
        create_date: seconds(record.created),
    };
    Ok(ListAccessKeysOutput {
        access_key_metadata: records.into_iter().map(metadata).collect(),
        more,
    })
}

/// The key itself and the user it belongs to; any key of the account may be asked about.
pub(super) fn use_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &KeyUseInput,
) -> Result<Vec<Access>> {
    let record = of_account(tx, context, &input.access_key_id)?;
    super::operations::on::<UserRecord>(tx, context, "iam:GetAccessKeyLastUsed", Some(&record.user))
}

fn of_account(tx: &Tx<'_>, context: &Context, id: &str) -> Result<AccessKeyRecord> {
    let record: Option<AccessKeyRecord> = tx.load(ACCESS_KEYS, key_of(id))?;
    let record = record.filter(|record| *record.account == *context.account);
    record.ok_or_else(|| no_such(format!("The Access Key with id {id} cannot be found.")))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html>
pub(super) fn get_access_key_last_used(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyUseInput,
) -> Result<KeyUseOutput> {
    let record = of_account(tx, context, &input.access_key_id)?;
    let unused = || KeyUse {
        last_used_date: None,
        service_name: "N/A".into(),
        region: "N/A".into(),
    };
    let used = observed::last_used(tx, &record.id)?;
    Ok(KeyUseOutput {
        user_name: record.user,
        access_key_last_used: used.map_or_else(unused, |used| KeyUse {
            last_used_date: Some(seconds(used.at)),
            service_name: used.service,
            region: used.region,
        }),
    })
}

fn existing(tx: &Tx<'_>, context: &Context, input: &AccessKeyInput) -> Result<AccessKeyRecord> {
    let user = user_of(tx, context, input.user_name.clone())?;
    let record: Option<AccessKeyRecord> = tx.load(ACCESS_KEYS, key_of(&input.access_key_id))?;
    let record = record.filter(|record| record.user_id == user.id);
    let missing = || {
        no_such(format!(
            "The Access Key with id {} cannot be found.",
            input.access_key_id
        ))
    };
    record.ok_or_else(missing)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html>
pub(super) fn update_access_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AccessKeyInput,
) -> Result<NothingOutput> {
    let mut record = existing(tx, context, &input)?;
    record.active = input.status.as_deref() == Some("Active");
    save(tx, &record)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html>
pub(super) fn delete_access_key(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AccessKeyInput,
) -> Result<NothingOutput> {
    let record = existing(tx, context, &input)?;
    observed::forget(tx, &record.id)?;
    delete(tx, &record)?;
    Ok(NothingOutput {})
}
