//! The account as a whole: its alias, its summary, and everything about its identities at once.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Key, Tx};
use serde_json::{Value, json};

use super::api::{
    AccountSummaryOutput, AliasInput, AuthorizationDetailsInput, HolderInput,
    ListAccountAliasesOutput, NothingOutput, PageInput, encoded,
};
use super::attach::{attached_policy, usage};
use super::error::{already_exists, no_such};
use super::page::page;
use super::state::{
    ACCOUNTS, AccountRecord, GroupRecord, Held, INSTANCE_PROFILES, PolicyRecord, RoleRecord,
    UserRecord,
};
use super::{group, instance_profile, managed, managed_policy, role, user};

pub(super) fn save(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &AccountRecord,
) -> Result<NothingOutput> {
    tx.save(ACCOUNTS, Key::new().text(&context.account), record)?;
    Ok(NothingOutput {})
}

pub(super) fn load(tx: &Tx<'_>, context: &Context) -> Result<AccountRecord> {
    Ok(tx
        .load(ACCOUNTS, Key::new().text(&context.account))?
        .unwrap_or_default())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html>
pub(super) fn create_alias(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<NothingOutput> {
    let accounts: Vec<AccountRecord> = super::records(tx, ACCOUNTS, [])?;
    let own = load(tx, context)?;
    let taken = accounts
        .iter()
        .any(|account| account.alias.as_ref() == Some(&input.account_alias));
    if taken && own.alias.as_ref() != Some(&input.account_alias) {
        return Err(already_exists(format!(
            "The account alias {} already exists.",
            input.account_alias
        )));
    }
    let record = AccountRecord {
        alias: Some(input.account_alias),
        ..own
    };
    save(tx, context, &record)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountAlias.html>
pub(super) fn delete_alias(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AliasInput,
) -> Result<NothingOutput> {
    let mut record = load(tx, context)?;
    if record
        .alias
        .take_if(|alias| *alias == input.account_alias)
        .is_none()
    {
        return Err(no_such(format!(
            "The account alias {} cannot be found.",
            input.account_alias
        )));
    }
    save(tx, context, &record)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html>
pub(super) fn list_aliases(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: PageInput,
) -> Result<ListAccountAliasesOutput> {
    Ok(ListAccountAliasesOutput {
        account_aliases: load(tx, context)?.alias.into_iter().collect(),
        is_truncated: false,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
pub(super) fn get_summary(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<AccountSummaryOutput> {
    let account = &context.account;
    let profiles = super::records::<super::state::InstanceProfileRecord>(
        tx,
        INSTANCE_PROFILES,
        Key::new().text(account),
    )?;
    let policies = managed_policy::all(tx, account)?;
    let versions = policies.iter().map(|policy| policy.versions.len()).sum();
    let mut summary_map = BTreeMap::from(QUOTAS);
    summary_map.extend([
        ("Users", user::all(tx, account)?.len()),
        ("Groups", group::all(tx, account)?.len()),
        ("Roles", role::all(tx, account)?.len()),
        ("Policies", policies.len()),
        ("PolicyVersionsInUse", versions),
        ("InstanceProfiles", profiles.len()),
    ]);
    Ok(AccountSummaryOutput { summary_map })
}

const QUOTAS: [(&str, usize); 16] = [
    ("AccessKeysPerUserQuota", 2),
    ("AssumeRolePolicySizeQuota", 8192),
    ("AttachedPoliciesPerGroupQuota", 10),
    ("AttachedPoliciesPerRoleQuota", 10),
    ("AttachedPoliciesPerUserQuota", 10),
    ("GroupPolicySizeQuota", 5120),
    ("GroupsPerUserQuota", 10),
    ("GroupsQuota", 300),
    ("InstanceProfilesQuota", 1000),
    ("PoliciesQuota", 1500),
    ("PolicySizeQuota", 6144),
    ("RolePolicySizeQuota", 10_240),
    ("RolesQuota", 1000),
    ("UserPolicySizeQuota", 2048),
    ("UsersQuota", 5000),
    ("VersionsPerPolicyQuota", 5),
];

/// An entry of one of the four lists.
struct Detail {
    list: &'static str,
    name: String,
    value: Value,
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
pub(super) fn get_authorization_details(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AuthorizationDetailsInput,
) -> Result<Value> {
    let wants =
        |kind: &str| input.filter.is_empty() || input.filter.iter().any(|wanted| wanted == kind);
    let mut details = Vec::new();
    if wants("Group") {
        details.extend(group::all(tx, &context.account)?.iter().map(group_detail));
    }
    if wants("LocalManagedPolicy") || wants("AWSManagedPolicy") {
        details.append(&mut policy_details(
            tx,
            context,
            wants("LocalManagedPolicy"),
            wants("AWSManagedPolicy"),
        )?);
    }
    if wants("Role") {
        for role in role::all(tx, &context.account)? {
            details.push(role_detail(tx, context, &role)?);
        }
    }
    if wants("User") {
        details.extend(user::all(tx, &context.account)?.iter().map(user_detail));
    }
    let name = |detail: &Detail| format!("{}/{}", detail.list, detail.name.to_ascii_lowercase());
    details.sort_by_key(name);
    let (details, more) = page(details, name, &input.page)?;
    let mut output =
        serde_json::to_value(more).map_err(|error| Error::internal(error.to_string()))?;
    for list in [
        "UserDetailList",
        "GroupDetailList",
        "RoleDetailList",
        "Policies",
    ] {
        let of_list = details.iter().filter(|detail| detail.list == list);
        output[list] = of_list.map(|detail| detail.value.clone()).collect();
    }
    Ok(output)
}

fn inline(held: &Held) -> Value {
    let policy = |(name, document): (&String, &String)| json!({"PolicyName": name, "PolicyDocument": encoded(document)});
    held.inline.iter().map(policy).collect()
}

fn attached(held: &Held) -> Value {
    json!(
        held.attached
            .iter()
            .cloned()
            .map(attached_policy)
            .collect::<Vec<_>>()
    )
}

fn group_detail(group: &GroupRecord) -> Detail {
    let mut value = json!(group::view(group));
    value["GroupPolicyList"] = inline(&group.held);
    value["AttachedManagedPolicies"] = attached(&group.held);
    Detail {
        list: "GroupDetailList",
        name: group.name.clone(),
        value,
    }
}

fn user_detail(user: &UserRecord) -> Detail {
    let mut value = json!(user::view(user));
    if !user.held.inline.is_empty() {
        value["UserPolicyList"] = inline(&user.held);
    }
    value["GroupList"] = json!(user.groups);
    value["AttachedManagedPolicies"] = attached(&user.held);
    Detail {
        list: "UserDetailList",
        name: user.name.clone(),
        value,
    }
}

fn role_detail(tx: &Tx<'_>, context: &Context, role: &RoleRecord) -> Result<Detail> {
    let mut value = json!(role::full_view(tx, role)?);
    if let Some(members) = value.as_object_mut() {
        members.remove("MaxSessionDuration");
        members.remove("Description");
    }
    let mut profiles = Vec::new();
    for profile in role::profiles_with(tx, &context.account, &role.name)? {
        profiles.push(instance_profile::view(tx, context, &profile)?);
    }
    value["InstanceProfileList"] = json!(profiles);
    value["RolePolicyList"] = inline(&role.held);
    value["AttachedManagedPolicies"] = attached(&role.held);
    Ok(Detail {
        list: "RoleDetailList",
        name: role.name.clone(),
        value,
    })
}

/// Of AWS's policies only those in use are shown.
fn policy_details(tx: &Tx<'_>, context: &Context, own: bool, aws: bool) -> Result<Vec<Detail>> {
    let mut details = Vec::new();
    if own {
        for record in managed_policy::all(tx, &context.account)? {
            details.push(policy_detail(tx, &record)?);
        }
    }
    for policy in managed::all().filter(|_| aws) {
        if usage(tx, &context.account, &policy.arn)? != (0, 0) {
            let shown = managed_policy::aws_view(tx, context, policy)?;
            let mut value = json!(shown);
            value["PolicyVersionList"] = json!([managed_policy::aws_version(policy)]);
            details.push(Detail {
                list: "Policies",
                name: policy.arn.to_string(),
                value,
            });
        }
    }
    Ok(details)
}

fn policy_detail(tx: &Tx<'_>, record: &PolicyRecord) -> Result<Detail> {
    let mut value = json!(managed_policy::view(tx, record)?);
    if let Some(members) = value.as_object_mut() {
        members.remove("Tags");
    }
    value["PolicyVersionList"] = json!(managed_policy::versions_of(record));
    Ok(Detail {
        list: "Policies",
        name: record.arn(),
        value,
    })
}
