//! Aliases: names for keys, each in one account and region.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, arn};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::api::{
    AliasInput, AliasListEntry, ListAliasesOutput, NothingOutput, PageInput, seconds,
};
use super::error::not_found;
use super::key::{Asked, access, authorise, find_without_alias};
use super::lifecycle::{aliases_of, save_alias};
use super::page::page;
use super::state::{
    ALIASES, ALIASES_OF_KEY, AliasRecord, KEYS, KeyRecord, KeyState, alias_of, alias_of_key, key_of,
};

const PREFIX_MISSING: &str = "Alias must start with the prefix \"alias/\". Please see \
                              https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";

fn alias_arn(context: &Context, name: &str) -> String {
    arn::regional(context, "kms", name)
}

/// The alias itself is asked for as well as the key it names.
fn authorise_alias(tx: &Tx<'_>, context: &Context, action: &str, name: &str) -> Result<()> {
    iam::authorise(
        tx,
        context,
        &[Access::new(action, alias_arn(context, name))],
    )
}

fn check_name(name: &str) -> Result<()> {
    let rest = name
        .strip_prefix("alias/")
        .ok_or_else(|| Error::validation(PREFIX_MISSING))?;
    if rest.starts_with("aws/") {
        return Err(Error::new("NotAuthorizedException", ""));
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    if rest.is_empty() || !rest.bytes().all(known) {
        let message = "Alias contains invalid characters. Alias must only contain alphanumeric \
                       characters, forward slashes, dashes and underscores";
        return Err(Error::new("InvalidAliasNameException", message));
    }
    Ok(())
}

/// A key that an alias may name: the account's own, and not being deleted.
fn target(tx: &Tx<'_>, context: &Context, action: &str, named: &str) -> Result<KeyRecord> {
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, action, &Asked::default())?;
    match key.state {
        KeyState::PendingDeletion { .. } => Err(super::error::pending_deletion(&key.arn())),
        _ => Ok(key),
    }
}

fn load(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<AliasRecord>> {
    Ok(tx.load(ALIASES, alias_of(&context.account, &context.region, name))?)
}

fn missing(context: &Context, name: &str) -> Error {
    not_found(format!("Alias {} is not found.", alias_arn(context, name)))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>
pub(super) fn create_alias(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<NothingOutput> {
    let name = input.alias_name;
    check_name(&name)?;
    authorise_alias(tx, context, "kms:CreateAlias", &name)?;
    let key = target(tx, context, "kms:CreateAlias", &input.target_key_id)?;
    if load(tx, context, &name)?.is_some() {
        let message = format!(
            "An alias with the name {} already exists",
            alias_arn(context, &name)
        );
        return Err(Error::new("AlreadyExistsException", message));
    }
    let alias = AliasRecord {
        name,
        key_id: key.id.clone(),
        created: context.now,
        updated: context.now,
    };
    save_alias(tx, &key, &alias)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateAlias.html>
pub(super) fn update_alias(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<NothingOutput> {
    let name = input.alias_name;
    check_name(&name)?;
    authorise_alias(tx, context, "kms:UpdateAlias", &name)?;
    let key = target(tx, context, "kms:UpdateAlias", &input.target_key_id)?;
    let mut alias = load(tx, context, &name)?.ok_or_else(|| missing(context, &name))?;
    if let Some(before) = tx.load::<KeyRecord>(KEYS, key_of(&context.region, &alias.key_id))? {
        authorise(tx, context, &before, "kms:UpdateAlias", &Asked::default())?;
        tx.delete(ALIASES_OF_KEY, alias_of_key(&before, &name))?;
    }
    alias.key_id.clone_from(&key.id);
    alias.updated = context.now;
    save_alias(tx, &key, &alias)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DeleteAlias.html>
pub(super) fn delete_alias(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<NothingOutput> {
    let name = input.alias_name;
    check_name(&name)?;
    let alias = load(tx, context, &name)?.ok_or_else(|| missing(context, &name))?;
    authorise_alias(tx, context, "kms:DeleteAlias", &name)?;
    if let Some(key) = tx.load::<KeyRecord>(KEYS, key_of(&context.region, &alias.key_id))? {
        authorise(tx, context, &key, "kms:DeleteAlias", &Asked::default())?;
        tx.delete(ALIASES_OF_KEY, alias_of_key(&key, &name))?;
    }
    tx.delete(ALIASES, alias_of(&context.account, &context.region, &name))?;
    Ok(NothingOutput {})
}

pub(super) fn list_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &PageInput,
) -> Result<Vec<Access>> {
    match &input.key_id {
        None => Ok(vec![Access::new("kms:ListAliases", "*")]),
        Some(named) => {
            let key = find_without_alias(tx, context, named)?.key;
            let asked = Asked::default();
            Ok(vec![access(context, &key, "kms:ListAliases", &asked)])
        }
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListAliases.html>
pub(super) fn list_aliases(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PageInput,
) -> Result<ListAliasesOutput> {
    let aliases = match &input.key_id {
        Some(named) => of_key(tx, context, named)?,
        None => of_account(tx, context)?,
    };
    let name = |alias: &AliasRecord| alias.name.clone();
    let page = page(
        aliases,
        name,
        input.marker.as_deref(),
        input.limit.unwrap_or(50),
    )?;
    let entry = |alias: AliasRecord| AliasListEntry {
        alias_arn: alias_arn(context, &alias.name),
        alias_name: alias.name,
        target_key_id: alias.key_id,
        creation_date: seconds(alias.created),
        last_updated_date: seconds(alias.updated),
    };
    Ok(ListAliasesOutput {
        aliases: page.items.into_iter().map(entry).collect(),
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}

fn of_key(tx: &Tx<'_>, context: &Context, named: &str) -> Result<Vec<AliasRecord>> {
    let key = find_without_alias(tx, context, named)?.key;
    let names = aliases_of(tx, &key)?;
    let load = |name: String| load(tx, context, &name).transpose();
    names.into_iter().filter_map(load).collect()
}

fn of_account(tx: &Tx<'_>, context: &Context) -> Result<Vec<AliasRecord>> {
    let prefix = cumulet_kernel::Key::new()
        .text(&context.account)
        .text(&context.region);
    let mut keys = Vec::new();
    for pair in tx.prefix(ALIASES, prefix, Direction::Forward)? {
        keys.push(pair?.0);
    }
    let load = |key: Vec<u8>| tx.load(ALIASES, key).transpose();
    Ok(keys
        .into_iter()
        .filter_map(load)
        .collect::<std::result::Result<_, _>>()?)
}
