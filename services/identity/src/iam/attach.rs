//! Policies held by users, groups and roles: inline ones and attached ones, the same for all three.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};
use serde_json::{Value, json};

use super::api::{
    AttachInput, AttachedPolicy, BoundaryInput, HolderPageInput, InlinePolicyInput,
    ListAttachedOutput, ListInlineOutput, NothingOutput, encoded,
};
use super::error::{
    limit_exceeded, no_policy, no_such, not_attachable, protected_role, validation,
};
use super::holder::{Holder, access, load, save};
use super::managed;
use super::page::page;
use super::policy::validate::{PolicyUse, validate};
use super::standing::customer_policy;
use super::state::ATTACHMENTS;

const ATTACHED_LIMIT: usize = 10;

pub(super) fn inline_access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    verb: &str,
    name: &str,
) -> Result<Vec<Access>> {
    let action = format!("iam:{verb}{}Policy", H::WORD);
    Ok(vec![with_boundary::<H>(
        tx,
        context,
        access::<H>(tx, context, &action, name)?,
        name,
    )?])
}

/// `List` for inline policies, `ListAttached` for managed ones.
pub(super) fn list_access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    verb: &str,
    input: &HolderPageInput,
) -> Result<Vec<Access>> {
    let action = format!("iam:{verb}{}Policies", H::WORD);
    let name = input.name.as_deref().unwrap_or_default();
    Ok(vec![access::<H>(tx, context, &action, name)?])
}

pub(super) fn attach_access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    verb: &str,
    input: &AttachInput,
) -> Result<Vec<Access>> {
    let access = inline_access::<H>(tx, context, verb, &input.name)?;
    let with_arn = |access: Access| access.condition("iam:PolicyARN", &*input.policy_arn);
    Ok(access.into_iter().map(with_arn).collect())
}

pub(super) fn boundary_access<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    verb: &str,
    input: &BoundaryInput,
) -> Result<Vec<Access>> {
    let action = format!("iam:{verb}{}PermissionsBoundary", H::WORD);
    let access = access::<H>(tx, context, &action, &input.name)?;
    match &input.permissions_boundary {
        Some(boundary) => Ok(vec![
            access.condition("iam:PermissionsBoundary", boundary.as_str()),
        ]),
        None => Ok(vec![with_boundary::<H>(tx, context, access, &input.name)?]),
    }
}

/// Policies may demand that a holder has a certain boundary: iam:PermissionsBoundary.
fn with_boundary<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    access: Access,
    name: &str,
) -> Result<Access> {
    let holder = super::holder::find::<H>(tx, context, name)?;
    Ok(
        match holder.and_then(|holder| holder.held().boundary.clone()) {
            Some(boundary) => access.condition("iam:PermissionsBoundary", boundary),
            None => access,
        },
    )
}

/// Refuses to change what belongs to a service-linked role.
fn to_change<H: Holder>(tx: &Tx<'_>, context: &Context, name: &str) -> Result<H> {
    let holder: H = load(tx, context, name)?;
    match holder.linked_to() {
        Some(_) => Err(protected_role(holder.name())),
        None => Ok(holder),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>
pub(super) fn put_inline<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InlinePolicyInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    validate(&input.policy_document, PolicyUse::Identity)?;
    let inline = &mut holder.held_mut().inline;
    inline.insert(input.policy_name, input.policy_document);
    let bytes: usize = inline.values().map(|document| size(document)).sum();
    if bytes > H::INLINE_LIMIT_BYTES {
        return Err(limit_exceeded(format!(
            "Maximum policy size of {} bytes exceeded for {} {}",
            H::INLINE_LIMIT_BYTES,
            H::NOUN,
            holder.name()
        )));
    }
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// AWS does not count white space.
pub(super) fn size(document: &str) -> usize {
    document
        .chars()
        .filter(|character| !character.is_whitespace())
        .count()
}

fn no_inline<H: Holder>(name: &str) -> Error {
    no_such(format!(
        "The {} policy with name {name} cannot be found.",
        H::NOUN
    ))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
pub(super) fn get_inline<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InlinePolicyInput,
) -> Result<Value> {
    let holder: H = load(tx, context, &input.name)?;
    let document = holder.held().inline.get(&input.policy_name);
    let document = document.ok_or_else(|| no_inline::<H>(&input.policy_name))?;
    let mut output =
        json!({ "PolicyName": input.policy_name, "PolicyDocument": encoded(document) });
    output[format!("{}Name", H::WORD)] = holder.name().into();
    Ok(output)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePolicy.html>
pub(super) fn delete_inline<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: InlinePolicyInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    let removed = holder.held_mut().inline.remove(&input.policy_name);
    removed.ok_or_else(|| no_inline::<H>(&input.policy_name))?;
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html>
pub(super) fn list_inline<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderPageInput,
) -> Result<ListInlineOutput> {
    let holder: H = load(tx, context, input.name.as_deref().unwrap_or_default())?;
    let names = holder.held().inline.keys().cloned();
    let (policy_names, more) = page(names, Clone::clone, &input.page)?;
    Ok(ListInlineOutput { policy_names, more })
}

/// Refuses the ARN of a policy that is not there.
pub(super) fn check_attachable(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<()> {
    if !arn.starts_with("arn:") {
        return Err(validation(format!("ARN {arn} is not valid.")));
    }
    match managed::by_arn(arn) {
        Some(policy) if policy.path.starts_with("/aws-service-role/") => {
            let message = format!("Cannot attach a Service Role Policy to a Customer Role. {arn}");
            Err(Error::new("PolicyNotAttachable", message))
        }
        Some(_) => Ok(()),
        None if customer_policy(tx, &context.account, arn)?.is_some() => Ok(()),
        None => Err(not_attachable(arn)),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>
pub(super) fn attach<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AttachInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    check_attachable(tx, context, &input.policy_arn)?;
    let attached = &mut holder.held_mut().attached;
    if attached.contains(&input.policy_arn) {
        return Ok(NothingOutput {});
    }
    if attached.len() >= ATTACHED_LIMIT {
        let message = format!(
            "Cannot exceed quota for PoliciesPer{}: {ATTACHED_LIMIT}",
            H::WORD
        );
        return Err(limit_exceeded(message));
    }
    attached.push(input.policy_arn.clone());
    note_attachment(
        tx,
        &context.account,
        &input.policy_arn,
        H::NOUN,
        holder.name(),
    )?;
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html>
pub(super) fn detach<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AttachInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    let attached = &mut holder.held_mut().attached;
    let place = attached.iter().position(|arn| *arn == input.policy_arn);
    attached.remove(place.ok_or_else(|| no_policy(&input.policy_arn))?);
    forget_attachment(
        tx,
        &context.account,
        &input.policy_arn,
        H::NOUN,
        holder.name(),
    )?;
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html>
pub(super) fn list_attached<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderPageInput,
) -> Result<ListAttachedOutput> {
    let holder: H = load(tx, context, input.name.as_deref().unwrap_or_default())?;
    let mut arns = holder.held().attached.clone();
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    arns.retain(|arn| path_of(arn).starts_with(prefix));
    arns.sort();
    let (arns, more) = page(arns, Clone::clone, &input.page)?;
    Ok(ListAttachedOutput {
        attached_policies: arns.into_iter().map(attached_policy).collect(),
        more,
    })
}

pub(super) fn attached_policy(policy_arn: String) -> AttachedPolicy {
    AttachedPolicy {
        policy_name: policy_arn.rsplit('/').next().unwrap_or_default().into(),
        policy_arn,
    }
}

/// `/path/` of `arn:aws:iam::111122223333:policy/path/name`.
fn path_of(policy_arn: &str) -> &str {
    let name_at = policy_arn.rfind('/').map_or(0, |at| at + 1);
    policy_arn
        .find(":policy/")
        .map_or("/", |at| &policy_arn[at + ":policy".len()..name_at])
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html>
pub(super) fn put_boundary<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BoundaryInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    set_boundary(tx, context, &mut holder, input.permissions_boundary)?;
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePermissionsBoundary.html>
pub(super) fn delete_boundary<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BoundaryInput,
) -> Result<NothingOutput> {
    let mut holder: H = to_change(tx, context, &input.name)?;
    if holder.held().boundary.is_none() {
        let message = format!(
            "{} {} does not have a permissions boundary.",
            H::WORD,
            holder.name()
        );
        return Err(no_such(message));
    }
    set_boundary(tx, context, &mut holder, None)?;
    save(tx, context, &holder)?;
    Ok(NothingOutput {})
}

/// Changes the boundary on the record, which the caller saves, and the count of its uses.
pub(super) fn set_boundary<H: Holder>(
    tx: &mut Tx<'_>,
    context: &Context,
    holder: &mut H,
    boundary: Option<String>,
) -> Result<()> {
    let kind = boundary_kind(H::NOUN);
    if let Some(before) = holder.held_mut().boundary.take() {
        forget_attachment(tx, &context.account, &before, &kind, holder.name())?;
    }
    if let Some(arn) = &boundary {
        check_attachable(tx, context, arn)?;
        note_attachment(tx, &context.account, arn, &kind, holder.name())?;
    }
    holder.held_mut().boundary = boundary;
    Ok(())
}

/// Uses as a boundary are counted apart.
pub(super) fn boundary_kind(noun: &str) -> String {
    format!("boundary of {noun}")
}

fn attachment(account: &str, policy_arn: &str, kind: &str, name: &str) -> Key {
    attachments_of(account, policy_arn, kind).text(&name.to_ascii_lowercase())
}

fn attachments_of(account: &str, policy_arn: &str, kind: &str) -> Key {
    Key::new().text(account).text(policy_arn).text(kind)
}

/// Remembers that the `user`, `group` or `role` of this name holds a managed policy.
pub(super) fn note_attachment(
    tx: &mut Tx<'_>,
    account: &str,
    policy_arn: &str,
    kind: &str,
    name: &str,
) -> Result<()> {
    let key = attachment(account, policy_arn, kind, name);
    Ok(tx.put(ATTACHMENTS, key, name.as_bytes().to_vec())?)
}

pub(super) fn forget_attachment(
    tx: &mut Tx<'_>,
    account: &str,
    policy_arn: &str,
    kind: &str,
    name: &str,
) -> Result<()> {
    Ok(tx.delete(ATTACHMENTS, attachment(account, policy_arn, kind, name))?)
}

/// Forgets all that a holder about to be deleted still uses as its boundary.
pub(super) fn forget_boundary<H: Holder>(tx: &mut Tx<'_>, account: &str, holder: &H) -> Result<()> {
    match &holder.held().boundary {
        Some(arn) => forget_attachment(tx, account, arn, &boundary_kind(H::NOUN), holder.name()),
        None => Ok(()),
    }
}

/// What a holder has goes under its new name.
pub(super) fn rename_attachments<H: Holder>(
    tx: &mut Tx<'_>,
    account: &str,
    before: &H,
    name: &str,
) -> Result<()> {
    let attached = before
        .held()
        .attached
        .iter()
        .map(|arn| (arn, H::NOUN.to_owned()));
    let boundary = before
        .held()
        .boundary
        .iter()
        .map(|arn| (arn, boundary_kind(H::NOUN)));
    for (arn, kind) in attached.chain(boundary) {
        forget_attachment(tx, account, arn, &kind, before.name())?;
        note_attachment(tx, account, arn, &kind, name)?;
    }
    Ok(())
}

/// The names of those who hold a managed policy.
pub(super) fn holders_of(
    tx: &Tx<'_>,
    account: &str,
    policy_arn: &str,
    kind: &str,
) -> Result<Vec<String>> {
    let prefix = attachments_of(account, policy_arn, kind);
    let mut names = Vec::new();
    for pair in tx.prefix(ATTACHMENTS, prefix, Direction::Forward)? {
        names.push(String::from_utf8_lossy(&pair?.1).into_owned());
    }
    Ok(names)
}

/// How many hold a policy, and how many use it as their boundary.
pub(super) fn usage(tx: &Tx<'_>, account: &str, policy_arn: &str) -> Result<(usize, usize)> {
    let (mut attached, mut boundaries) = (0, 0);
    for noun in ["user", "group", "role"] {
        attached += holders_of(tx, account, policy_arn, noun)?.len();
        boundaries += holders_of(tx, account, policy_arn, &boundary_kind(noun))?.len();
    }
    Ok((attached, boundaries))
}
