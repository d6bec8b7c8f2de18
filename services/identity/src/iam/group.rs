//! Groups, and who is in them.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::{Key, Tx};

use super::api::{
    CreateGroupInput, GetGroupOutput, Group, GroupOutput, HolderInput, HolderPageInput,
    ListGroupsOutput, MembershipInput, NothingOutput, PathPageInput, UpdateHolderInput, seconds,
};
use super::attach::rename_attachments;
use super::error::{already_exists, delete_conflict, limit_exceeded, no_entity};
use super::holder::{caller_name, load, save};
use super::page::page;
use super::role::check_path;
use super::state::{GROUPS, GroupRecord, UserRecord, arn, named};
use super::{keys, user};

const GROUPS_PER_USER: usize = 10;

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateGroupInput,
) -> Result<Vec<Access>> {
    let path = input.path.as_deref().unwrap_or("/");
    let resource = arn(&context.account, "group", path, &input.group_name);
    Ok(vec![Access::new("iam:CreateGroup", resource)])
}

fn refuse_taken(tx: &Tx<'_>, context: &Context, name: &str) -> Result<()> {
    match tx.get(GROUPS, named(&context.account, name))? {
        Some(_) => Err(already_exists(format!(
            "Group with name {name} already exists."
        ))),
        None => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html>
pub(super) fn create_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateGroupInput,
) -> Result<GroupOutput> {
    check_path(input.path.as_deref())?;
    refuse_taken(tx, context, &input.group_name)?;
    let group = GroupRecord {
        name: input.group_name,
        path: input.path.unwrap_or_else(|| "/".into()),
        id: keys::unique_id(&context.ids, "AGPA"),
        account: context.account.to_string(),
        created: context.now,
        held: Default::default(),
    };
    save(tx, context, &group)?;
    Ok(GroupOutput {
        group: view(&group),
    })
}

pub(super) fn view(group: &GroupRecord) -> Group {
    Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        arn: group.arn(),
        create_date: seconds(group.created),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroup.html>
pub(super) fn get_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderPageInput,
) -> Result<GetGroupOutput> {
    let group: GroupRecord = load(tx, context, input.name.as_deref().unwrap_or_default())?;
    let name = |user: &UserRecord| user.name.to_ascii_lowercase();
    let (users, more) = page(members(tx, context, &group.name)?, name, &input.page)?;
    Ok(GetGroupOutput {
        group: view(&group),
        users: users.iter().map(user::short_view).collect(),
        more,
    })
}

fn members(tx: &Tx<'_>, context: &Context, group: &str) -> Result<Vec<UserRecord>> {
    let mut users = user::all(tx, &context.account)?;
    users.retain(|user| user.groups.iter().any(|name| name == group));
    Ok(users)
}

pub(super) fn all(tx: &Tx<'_>, account: &str) -> Result<Vec<GroupRecord>> {
    super::records(tx, GROUPS, Key::new().text(account))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroups.html>
pub(super) fn list_groups(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PathPageInput,
) -> Result<ListGroupsOutput> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut groups = all(tx, &context.account)?;
    groups.retain(|group| group.path.starts_with(prefix));
    let name = |group: &GroupRecord| group.name.to_ascii_lowercase();
    let (groups, more) = page(groups, name, &input.page)?;
    Ok(ListGroupsOutput {
        groups: groups.iter().map(view).collect(),
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html>
pub(super) fn list_groups_for_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderPageInput,
) -> Result<ListGroupsOutput> {
    let name = input.name.map_or_else(|| caller_name(context), Ok)?;
    let user: UserRecord = load(tx, context, &name)?;
    let mut groups = Vec::new();
    for name in &user.groups {
        groups.push(load::<GroupRecord>(tx, context, name)?);
    }
    groups.sort_by_key(|group| group.name.to_ascii_lowercase());
    let name = |group: &GroupRecord| group.name.to_ascii_lowercase();
    let (groups, more) = page(groups, name, &input.page)?;
    Ok(ListGroupsOutput {
        groups: groups.iter().map(view).collect(),
        more,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html>
pub(super) fn add_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MembershipInput,
) -> Result<NothingOutput> {
    let group: GroupRecord = load(tx, context, &input.group_name)?;
    let mut user: UserRecord = load(tx, context, &input.user_name)?;
    if user.groups.contains(&group.name) {
        return Ok(NothingOutput {});
    }
    if user.groups.len() >= GROUPS_PER_USER {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}"
        )));
    }
    user.groups.push(group.name);
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveUserFromGroup.html>
pub(super) fn remove_user(
    tx: &mut Tx<'_>,
    context: &Context,
    input: MembershipInput,
) -> Result<NothingOutput> {
    let group: GroupRecord = load(tx, context, &input.group_name)?;
    let mut user: UserRecord = load(tx, context, &input.user_name)?;
    let place = user.groups.iter().position(|name| *name == group.name);
    user.groups
        .remove(place.ok_or_else(|| no_entity("user", &input.user_name))?);
    save(tx, context, &user)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html>
pub(super) fn update_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateHolderInput,
) -> Result<NothingOutput> {
    let before: GroupRecord = load(tx, context, &input.name)?;
    check_path(input.new_path.as_deref())?;
    let mut group = before.clone();
    group.path = input.new_path.unwrap_or(group.path);
    group.name = input.new_name.unwrap_or(group.name);
    if !group.name.eq_ignore_ascii_case(&before.name) {
        refuse_taken(tx, context, &group.name)?;
    }
    for mut user in members(tx, context, &before.name)? {
        let renamed = user.groups.iter_mut().filter(|name| **name == before.name);
        renamed.for_each(|name| name.clone_from(&group.name));
        save(tx, context, &user)?;
    }
    tx.delete(GROUPS, named(&context.account, &before.name))?;
    rename_attachments(tx, &context.account, &before, &group.name)?;
    save(tx, context, &group)?;
    Ok(NothingOutput {})
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroup.html>
pub(super) fn delete_group(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<NothingOutput> {
    let group: GroupRecord = load(tx, context, input.name.as_deref().unwrap_or_default())?;
    if !members(tx, context, &group.name)?.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove users from group first.",
        ));
    }
    if !group.held.attached.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    if !group.held.inline.is_empty() {
        return Err(delete_conflict(
            "Cannot delete entity, must delete policies first.",
        ));
    }
    tx.delete(GROUPS, named(&group.account, &group.name))?;
    Ok(NothingOutput {})
}
