//! Users.

use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::{Key, Tx};

use super::api::{
    CreateUserInput, HolderInput, ListUsersOutput, NothingOutput, PathPageInput, UpdateHolderInput,
    User, UserOutput, seconds,
};
use super::attach::{forget_boundary, rename_attachments, set_boundary};
use super::error::{already_exists, delete_conflict};
use super::holder::{caller_name, load, save};
use super::page::page;
use super::role::{boundary_view, check_path};
use super::state::{USERS, UserRecord, arn, named};
use super::tags::{tag_list, tag_map, with_request_tags};
use super::{access_key, keys, mfa, observed, trust};

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateUserInput,
) -> Result<Vec<Access>> {
    let path = input.path.as_deref().unwrap_or("/");
    let mut access = Access::new(
        "iam:CreateUser",
        arn(&context.account, "user", path, &input.user_name),
    );
    if let Some(boundary) = &input.permissions_boundary {
        access = access.condition("iam:PermissionsBoundary", boundary.as_str());
    }
    Ok(vec![with_request_tags(access, &input.tags)])
}

fn refuse_taken(tx: &Tx<'_>, context: &Context, name: &str) -> Result<()> {
    match tx.get(USERS, named(&context.account, name))? {
        Some(_) => Err(already_exists(format!(
            "User with name {name} already exists."
        ))),
        None => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html>
pub(super) fn create_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateUserInput,
) -> Result<UserOutput> {
    check_path(input.path.as_deref())?;
    refuse_taken(tx, context, &input.user_name)?;
    let mut user = UserRecord {
        name: input.user_name,
        path: input.path.unwrap_or_else(|| "/".into()),
        id: keys::unique_id(&context.ids, "AIDA"),
        account: context.account.to_string(),
        created: context.now,
        tags: tag_map(&input.tags)?,
        held: Default::default(),
        groups: Vec::new(),
        login: None,
    };
    set_boundary(tx, context, &mut user, input.permissions_boundary)?;
    save(tx, context, &user)?;
    Ok(UserOutput { user: view(&user) })
}

pub(super) fn view(user: &UserRecord) -> User {
    User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(),
        create_date: seconds(user.created),
        permissions_boundary: user.held.boundary.clone().map(boundary_view),
        tags: tag_list(&user.tags),
    }
}

/// As lists show users: without tags and boundary.
pub(super) fn short_view(user: &UserRecord) -> User {
    User {
        permissions_boundary: None,
        tags: Vec::new(),
        ..view(user)
    }
}

/// Without a name: the caller. The root user is shown too, though it has no record.
pub(super) fn get_access(
    tx: &Tx<'_>,
    context: &Context,
    input: &HolderInput,
) -> Result<Vec<Access>> {
    if input.name.is_none() && context.principal.kind == PrincipalKind::Root {
        return Ok(vec![Access::new(
            "iam:GetUser",
            context.principal.arn.as_str(),
        )]);
    }
    super::operations::on::<UserRecord>(tx, context, "iam:GetUser", input.name.as_deref())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html>
pub(super) fn get_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<UserOutput> {
    let name = match input.name {
        Some(name) => name,
        None if context.principal.kind == PrincipalKind::Root => return Ok(root_view(context)),
        None => caller_name(context)?,
    };
    let user = view(&load(tx, context, &name)?);
    Ok(UserOutput { user })
}

fn root_view(context: &Context) -> UserOutput {
    let user = User {
        path: "/".into(),
        user_name: context.account.to_string(),
        user_id: context.account.to_string(),
        arn: context.principal.arn.clone(),
        create_date: 0,
        permissions_boundary: None,
        tags: Vec::new(),
    };
    UserOutput { user }
}

pub(super) fn all(tx: &Tx<'_>, account: &str) -> Result<Vec<UserRecord>> {
    super::records(tx, USERS, Key::new().text(account))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>
pub(super) fn list_users(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PathPageInput,
) -> Result<ListUsersOutput> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut users = all(tx, &context.account)?;
    users.retain(|user| user.path.starts_with(prefix));
    let name = |user: &UserRecord| user.name.to_ascii_lowercase();
    let (users, more) = page(users, name, &input.page)?;
    Ok(ListUsersOutput {
        users: users.iter().map(short_view).collect(),
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html>
///
/// The user keeps its id, so policies that hold the id go on; those that hold the ARN do not.
pub(super) fn update_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateHolderInput,
) -> Result<NothingOutput> {
    let before: UserRecord = load(tx, context, &input.name)?;
    check_path(input.new_path.as_deref())?;
    let mut user = before.clone();
    user.path = input.new_path.unwrap_or(user.path);
    user.name = input.new_name.unwrap_or(user.name);
    if !user.name.eq_ignore_ascii_case(&before.name) {
        refuse_taken(tx, context, &user.name)?;
    }
    tx.delete(USERS, named(&context.account, &before.name))?;
    rename_attachments(tx, &context.account, &before, &user.name)?;
    access_key::move_to(tx, &before, &user)?;
    mfa::move_to(tx, &before, &user.name)?;
    observed::forget(tx, &before.arn())?;
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html>
pub(super) fn delete_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<NothingOutput> {
    let user: UserRecord = load(tx, context, input.name.as_deref().unwrap_or_default())?;
    if !access_key::of_user(tx, &user)?.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete access keys first.",
        ));
    }
    if user.login.is_some() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete login profile first.",
        ));
    }
    if !mfa::of_user(tx, &user)?.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete MFA device first.",
        ));
    }
    if !user.held.attached.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !user.held.inline.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    if !user.groups.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove users from group first.",
        ));
    }
    forget_boundary(tx, &user.account, &user)?;
    tx.delete(USERS, named(&user.account, &user.name))?;
    observed::forget(tx, &user.arn())?;
    trust::forget(tx, &user.arn(), &user.id)?;
    Ok(NothingOutput {})
}
