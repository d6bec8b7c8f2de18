//! Grants as their issuers handle them: made, listed, retired, revoked.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::api::{
    Constraints, CreateGrantInput, CreateGrantOutput, EndGrantInput, GrantListEntry,
    ListGrantsInput, ListGrantsOutput, NothingOutput, from_base64, seconds, to_base64,
};
use super::error::{dry_run, not_found};
use super::grant::{is_grantee, of_key};
use super::key::{Asked, authorise, find_without_alias, usable};
use super::page::page;
use super::state::{GRANTS, GrantRecord, KEYS, KEYS_OF_ACCOUNT, KeyRecord, grant_of};

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>
pub(super) fn create_grant(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateGrantInput,
) -> Result<CreateGrantOutput> {
    let mut key = find_without_alias(tx, context, &input.key_id)?.key;
    let asked = Asked {
        conditions: conditions(context, &input),
        ..Asked::default()
    };
    authorise(tx, context, &key, "kms:CreateGrant", &asked)?;
    usable(&key)?;
    if input.dry_run {
        return Err(dry_run());
    }
    let grant = record(context, &key, input);
    if let Some(same) = of_key(tx, &key.id)?
        .into_iter()
        .find(|known| is_same(known, &grant))
    {
        return Ok(CreateGrantOutput {
            grant_token: same.token,
            grant_id: same.id,
        });
    }
    tx.save(GRANTS, grant_of(&key.id, &grant.id), &grant)?;
    key.grant_count += 1;
    tx.save(KEYS, key.key(), &key)?;
    Ok(CreateGrantOutput {
        grant_token: grant.token,
        grant_id: grant.id,
    })
}

fn conditions(context: &Context, input: &CreateGrantInput) -> Vec<(String, Vec<String>)> {
    let one = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
    let mut conditions = vec![
        ("kms:GrantOperations".to_owned(), input.operations.clone()),
        one("kms:GranteePrincipal", &input.grantee_principal),
        one(
            "kms:GrantIsForAWSResource",
            if context.via.is_some() {
                "true"
            } else {
                "false"
            },
        ),
    ];
    if let Some(retiring) = &input.retiring_principal {
        conditions.push(one("kms:RetiringPrincipal", retiring));
    }
    if let Some(constraints) = &input.constraints {
        let kind = match constraints.encryption_context_equals {
            Some(_) => "EncryptionContextEquals",
            None => "EncryptionContextSubset",
        };
        conditions.push(one("kms:GrantConstraintType", kind));
    }
    conditions
}

fn record(context: &Context, key: &KeyRecord, input: CreateGrantInput) -> GrantRecord {
    let id = context.ids.hex(64);
    let token = format!("{}|{id}|{}", key.id, context.ids.hex(64));
    let constraints = input.constraints.unwrap_or(Constraints {
        encryption_context_subset: None,
        encryption_context_equals: None,
    });
    GrantRecord {
        token: to_base64(token.as_bytes()),
        id,
        name: input.name,
        created: context.now,
        grantee: input.grantee_principal,
        retiring: input.retiring_principal,
        issuing_account: format!("arn:aws:iam::{}:root", context.principal.account),
        operations: input.operations,
        context_subset: constraints.encryption_context_subset,
        context_equals: constraints.encryption_context_equals,
    }
}

/// Asking again under the same name gives the grant that is there.
fn is_same(known: &GrantRecord, new: &GrantRecord) -> bool {
    known.name.is_some()
        && known.name == new.name
        && known.grantee == new.grantee
        && known.retiring == new.retiring
        && known.operations == new.operations
        && known.context_subset == new.context_subset
        && known.context_equals == new.context_equals
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html>
pub(super) fn list_grants(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListGrantsInput,
) -> Result<ListGrantsOutput> {
    let named = input.key_id.as_deref().unwrap_or_default();
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, "kms:ListGrants", &Asked::default())?;
    let fits = |grant: &GrantRecord| {
        input.grant_id.as_ref().is_none_or(|id| grant.id == *id)
            && input
                .grantee_principal
                .as_ref()
                .is_none_or(|grantee| grant.grantee == *grantee)
    };
    let grants = of_key(tx, &key.id)?.into_iter().filter(fits);
    let entries = grants.map(|grant| entry(&key, grant)).collect();
    listed(entries, &input)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListRetirableGrants.html>
pub(super) fn list_retirable_grants(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: ListGrantsInput,
) -> Result<ListGrantsOutput> {
    let mut entries = Vec::new();
    for key in all_keys(tx)? {
        let mut grants = of_key(tx, &key.id)?;
        grants
            .retain(|grant| grant.retiring.is_some() && grant.retiring == input.retiring_principal);
        entries.extend(grants.into_iter().map(|grant| entry(&key, grant)));
    }
    entries.sort_by(|left, right| left.grant_id.cmp(&right.grant_id));
    listed(entries, &input)
}

/// A retiring principal may retire grants on keys of any account.
fn all_keys(tx: &Tx<'_>) -> Result<Vec<KeyRecord>> {
    let listed = tx.prefix(
        KEYS_OF_ACCOUNT,
        [],
        cumulet_kernel::store::Direction::Forward,
    )?;
    let mut keys = Vec::new();
    for pair in listed {
        let (at, _) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&at);
        let parts: Vec<String> = std::iter::from_fn(|| reader.text()).collect();
        if let [_, region, id] = parts.as_slice() {
            keys.extend(tx.load::<KeyRecord>(KEYS, super::state::key_of(region, id))?);
        }
    }
    Ok(keys)
}

fn listed(entries: Vec<GrantListEntry>, input: &ListGrantsInput) -> Result<ListGrantsOutput> {
    let name = |entry: &GrantListEntry| entry.grant_id.clone();
    let page = page(
        entries,
        name,
        input.marker.as_deref(),
        input.limit.unwrap_or(50),
    )?;
    Ok(ListGrantsOutput {
        grants: page.items,
        truncated: page.next_marker.is_some(),
        next_marker: page.next_marker,
    })
}

fn entry(key: &KeyRecord, grant: GrantRecord) -> GrantListEntry {
    let constrained = grant.context_subset.is_some() || grant.context_equals.is_some();
    GrantListEntry {
        key_id: key.arn(),
        grant_id: grant.id,
        name: grant.name.unwrap_or_default(),
        creation_date: seconds(grant.created),
        grantee_principal: grant.grantee,
        retiring_principal: grant.retiring,
        issuing_account: grant.issuing_account,
        operations: grant.operations,
        constraints: constrained.then_some(Constraints {
            encryption_context_subset: grant.context_subset,
            encryption_context_equals: grant.context_equals,
        }),
    }
}

fn no_grant(id: &str) -> Error {
    not_found(format!("Grant ID {id} not found"))
}

fn load(tx: &Tx<'_>, key: &KeyRecord, id: &str) -> Result<GrantRecord> {
    tx.load(GRANTS, grant_of(&key.id, id))?
        .ok_or_else(|| no_grant(id))
}

fn remove(tx: &mut Tx<'_>, mut key: KeyRecord, grant: &GrantRecord) -> Result<NothingOutput> {
    tx.delete(GRANTS, grant_of(&key.id, &grant.id))?;
    key.grant_count = key.grant_count.saturating_sub(1);
    tx.save(KEYS, key.key(), &key)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_RevokeGrant.html>
pub(super) fn revoke_grant(
    tx: &mut Tx<'_>,
    context: &Context,
    input: EndGrantInput,
) -> Result<NothingOutput> {
    let named = input.key_id.as_deref().unwrap_or_default();
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, "kms:RevokeGrant", &Asked::default())?;
    let grant = load(tx, &key, input.grant_id.as_deref().unwrap_or_default())?;
    if input.dry_run {
        return Err(dry_run());
    }
    remove(tx, key, &grant)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_RetireGrant.html>
///
/// The grant itself says who may retire it; others need the key policy.
pub(super) fn retire_grant(
    tx: &mut Tx<'_>,
    context: &Context,
    input: EndGrantInput,
) -> Result<NothingOutput> {
    let (key, grant) = named_grant(tx, context, &input)?;
    let by_retiring = grant
        .retiring
        .as_deref()
        .is_some_and(|retiring| is_grantee(context, retiring));
    let by_grantee = is_grantee(context, &grant.grantee)
        && grant
            .operations
            .iter()
            .any(|operation| operation == "RetireGrant");
    if !by_retiring && !by_grantee {
        authorise(tx, context, &key, "kms:RetireGrant", &Asked::default())?;
    }
    if input.dry_run {
        return Err(dry_run());
    }
    remove(tx, key, &grant)
}

fn named_grant(
    tx: &Tx<'_>,
    context: &Context,
    input: &EndGrantInput,
) -> Result<(KeyRecord, GrantRecord)> {
    let Some(token) = &input.grant_token else {
        let named = input.key_id.as_deref().unwrap_or_default();
        let key = find_without_alias(tx, context, named)?.key;
        let grant = load(tx, &key, input.grant_id.as_deref().unwrap_or_default())?;
        return Ok((key, grant));
    };
    let invalid = || Error::new("InvalidGrantTokenException", "Invalid grant token");
    let text = from_base64(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(invalid)?;
    let mut parts = text.split('|');
    let (Some(key_id), Some(grant_id)) = (parts.next(), parts.next()) else {
        return Err(invalid());
    };
    let key: Option<KeyRecord> = tx.load(KEYS, super::state::key_of(&context.region, key_id))?;
    let key = key.ok_or_else(invalid)?;
    let grant = load(tx, &key, grant_id)?;
    if grant.token != *token {
        return Err(invalid());
    }
    Ok((key, grant))
}
