//! CloudFormation's types of IAM.

mod principals;

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, pairs};
use serde_json::{Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    let mut types = policy_types();
    types.extend(principals::principal_types());
    types
}

fn policy_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::IAM::Role",
            &[
                "AssumeRolePolicyDocument",
                "Description",
                "ManagedPolicyArns",
                "MaxSessionDuration",
                "Path",
                "PermissionsBoundary",
                "Policies",
                "RoleName",
                "Tags",
            ],
            create_role,
            update_role,
            delete_role,
        ),
        Provider::new(
            "AWS::IAM::Policy",
            &["Groups", "PolicyDocument", "PolicyName", "Roles", "Users"],
            create_policy,
            update_policy,
            delete_policy,
        ),
        Provider::new(
            "AWS::IAM::ManagedPolicy",
            &[
                "Description",
                "Groups",
                "ManagedPolicyName",
                "Path",
                "PolicyDocument",
                "Roles",
                "Tags",
                "Users",
            ],
            create_managed,
            update_managed,
            delete_managed,
        ),
    ]
}

/// Whom policies are attached to: the property that lists them, the member that names one.
const HOLDERS: [(&str, &str, &str); 3] = [
    ("Roles", "Role", "RoleName"),
    ("Users", "User", "UserName"),
    ("Groups", "Group", "GroupName"),
];

fn texts(properties: &Value, name: &str) -> Vec<String> {
    let listed = properties[name].as_array().into_iter().flatten();
    listed
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// What is listed newly, and what is listed no more.
fn differences(call: &ResourceCall<'_, '_>, name: &str) -> (Vec<String>, Vec<String>) {
    let (new, old) = (
        texts(call.properties, name),
        texts(call.old_properties, name),
    );
    let added = new
        .iter()
        .filter(|one| !old.contains(one))
        .cloned()
        .collect();
    let removed = old.into_iter().filter(|one| !new.contains(one)).collect();
    (added, removed)
}

fn create_role(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("RoleName", 64);
    let mut input = call.pick(&[
        "Description",
        "MaxSessionDuration",
        "Path",
        "PermissionsBoundary",
    ]);
    input.insert("RoleName".into(), name.as_str().into());
    let trust = call
        .document("AssumeRolePolicyDocument")
        .unwrap_or_default();
    input.insert("AssumeRolePolicyDocument".into(), trust.into());
    let tags = call.own_tags();
    if !tags.is_empty() {
        input.insert("Tags".into(), pairs("Key", "Value", &tags));
    }
    let answer = call.call("iam", "CreateRole", input.into())?;
    call.identify(name);
    call.attribute("Arn", answer["Role"]["Arn"].clone());
    call.attribute("RoleId", answer["Role"]["RoleId"].clone());
    grant(call)?;
    Ok(Outcome::Done)
}

fn on_role(call: &mut ResourceCall<'_, '_>, operation: &str, mut input: Value) -> Result<()> {
    input["RoleName"] = call.physical_id.as_str().into();
    call.call("iam", operation, input).map(drop)
}

/// Attaches and detaches managed policies, puts and deletes inline ones.
fn grant(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let (added, removed) = differences(call, "ManagedPolicyArns");
    for arn in removed {
        on_role(call, "DetachRolePolicy", json!({ "PolicyArn": arn }))?;
    }
    for arn in added {
        on_role(call, "AttachRolePolicy", json!({ "PolicyArn": arn }))?;
    }
    let inline = |properties: &Value| -> Vec<Value> {
        properties["Policies"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let (new, old) = (inline(call.properties), inline(call.old_properties));
    for policy in &old {
        let stays = new
            .iter()
            .any(|one| one["PolicyName"] == policy["PolicyName"]);
        if !stays {
            let input = json!({ "PolicyName": policy["PolicyName"] });
            on_role(call, "DeleteRolePolicy", input)?;
        }
    }
    for policy in new.iter().filter(|policy| !old.contains(policy)) {
        let document = cumulet_engine::provider::document(&policy["PolicyDocument"]);
        let input = json!({ "PolicyName": policy["PolicyName"], "PolicyDocument": document });
        on_role(call, "PutRolePolicy", input)?;
    }
    Ok(())
}

fn update_role(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.changed("AssumeRolePolicyDocument") {
        let trust = call
            .document("AssumeRolePolicyDocument")
            .unwrap_or_default();
        let input = json!({ "PolicyDocument": trust });
        on_role(call, "UpdateAssumeRolePolicy", input)?;
    }
    if call.any_changed(&["Description", "MaxSessionDuration"]) {
        let duration = call.property("MaxSessionDuration").cloned();
        let input = json!({
            "Description": call.text("Description"),
            "MaxSessionDuration": duration.unwrap_or_else(|| 3600.into()),
        });
        on_role(call, "UpdateRole", input)?;
    }
    if call.changed("PermissionsBoundary") {
        match call.property("PermissionsBoundary").cloned() {
            Some(arn) => on_role(
                call,
                "PutRolePermissionsBoundary",
                json!({ "PermissionsBoundary": arn }),
            )?,
            None => on_role(call, "DeleteRolePermissionsBoundary", json!({}))?,
        }
    }
    grant(call)?;
    let (set, gone) = call.tag_changes();
    if !gone.is_empty() {
        on_role(call, "UntagRole", json!({ "TagKeys": gone }))?;
    }
    if !set.is_empty() {
        on_role(
            call,
            "TagRole",
            json!({ "Tags": pairs("Key", "Value", &set) }),
        )?;
    }
    Ok(Outcome::Done)
}

/// Takes away what the template gave; a policy that came from elsewhere stops the deletion, as on AWS.
fn delete_role(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let role = call.physical_id.clone();
    for arn in texts(call.properties, "ManagedPolicyArns") {
        let input = json!({ "RoleName": role, "PolicyArn": arn });
        call.call_unless_absent("iam", "DetachRolePolicy", input)?;
    }
    let inline = call.properties["Policies"].as_array().cloned();
    for policy in inline.unwrap_or_default() {
        let input = json!({ "RoleName": role, "PolicyName": policy["PolicyName"] });
        call.call_unless_absent("iam", "DeleteRolePolicy", input)?;
    }
    call.call_unless_absent("iam", "DeleteRole", json!({ "RoleName": role }))?;
    Ok(Outcome::Done)
}

fn create_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(128);
    call.identify(id.as_str());
    call.attribute("Id", id);
    put_policy(call)?;
    Ok(Outcome::Done)
}

fn put_policy(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let document = call.document("PolicyDocument").unwrap_or_default();
    for (list, holder, member) in HOLDERS {
        for name in texts(call.properties, list) {
            let mut input = json!({
                "PolicyName": call.text("PolicyName"),
                "PolicyDocument": document,
            });
            input[member] = name.into();
            call.call("iam", &format!("Put{holder}Policy"), input)?;
        }
    }
    Ok(())
}

fn update_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    put_policy(call)?;
    let renamed = call.changed("PolicyName");
    let old_name = call.old_text("PolicyName").to_owned();
    for (list, holder, member) in HOLDERS {
        let old = texts(call.old_properties, list);
        let kept = texts(call.properties, list);
        for name in old
            .into_iter()
            .filter(|name| renamed || !kept.contains(name))
        {
            take_policy(call, holder, member, &name, &old_name)?;
        }
    }
    Ok(Outcome::Done)
}

fn take_policy(
    call: &mut ResourceCall<'_, '_>,
    holder: &str,
    member: &str,
    name: &str,
    policy: &str,
) -> Result<()> {
    let mut input = json!({ "PolicyName": policy });
    input[member] = name.into();
    call.call_unless_absent("iam", &format!("Delete{holder}Policy"), input)
}

fn delete_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let policy = call.text("PolicyName").to_owned();
    for (list, holder, member) in HOLDERS {
        for name in texts(call.properties, list) {
            take_policy(call, holder, member, &name, &policy)?;
        }
    }
    Ok(Outcome::Done)
}

fn create_managed(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = call.pick(&["Description", "Path"]);
    let name = call.name("ManagedPolicyName", 128);
    input.insert("PolicyName".into(), name.into());
    let document = call.document("PolicyDocument").unwrap_or_default();
    input.insert("PolicyDocument".into(), document.into());
    let tags = call.own_tags();
    if !tags.is_empty() {
        input.insert("Tags".into(), pairs("Key", "Value", &tags));
    }
    let answer = call.call("iam", "CreatePolicy", input.into())?;
    let policy = &answer["Policy"];
    call.identify(policy["Arn"].as_str().unwrap_or_default());
    call.attribute("PolicyArn", policy["Arn"].clone());
    for name in [
        "PolicyId",
        "DefaultVersionId",
        "AttachmentCount",
        "CreateDate",
        "UpdateDate",
        "IsAttachable",
        "PermissionsBoundaryUsageCount",
    ] {
        if let Some(value) = policy.get(name) {
            call.attribute(name, value.clone());
        }
    }
    attach_managed(call)?;
    Ok(Outcome::Done)
}

fn attach_managed(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    for (list, holder, member) in HOLDERS {
        let (added, removed) = differences(call, list);
        for (verb, names) in [("Detach", removed), ("Attach", added)] {
            for name in names {
                let mut input = json!({ "PolicyArn": call.physical_id });
                input[member] = name.into();
                call.call("iam", &format!("{verb}{holder}Policy"), input)?;
            }
        }
    }
    Ok(())
}

fn update_managed(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.changed("PolicyDocument") {
        make_room(call)?;
        let input = json!({
            "PolicyArn": call.physical_id,
            "PolicyDocument": call.document("PolicyDocument"),
            "SetAsDefault": true,
        });
        let answer = call.call("iam", "CreatePolicyVersion", input)?;
        let version = answer["PolicyVersion"]["VersionId"].clone();
        call.attribute("DefaultVersionId", version);
    }
    attach_managed(call)?;
    let (set, gone) = call.tag_changes();
    let arn = call.physical_id.clone();
    if !gone.is_empty() {
        let input = json!({ "PolicyArn": arn, "TagKeys": gone });
        call.call("iam", "UntagPolicy", input)?;
    }
    if !set.is_empty() {
        let input = json!({ "PolicyArn": arn, "Tags": pairs("Key", "Value", &set) });
        call.call("iam", "TagPolicy", input)?;
    }
    Ok(Outcome::Done)
}

/// The versions that are not in force, the oldest last.
fn spare_versions(call: &mut ResourceCall<'_, '_>) -> Result<Vec<Value>> {
    let input = json!({ "PolicyArn": call.physical_id });
    let answer = call.call("iam", "ListPolicyVersions", input)?;
    let versions = answer["Versions"].as_array().cloned().unwrap_or_default();
    let spare = |version: &Value| version["IsDefaultVersion"] != true;
    Ok(versions.into_iter().filter(spare).collect())
}

/// A policy has five versions at most.
fn make_room(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let spare = spare_versions(call)?;
    match spare.last().filter(|_| spare.len() >= 4) {
        Some(oldest) => delete_version(call, oldest),
        None => Ok(()),
    }
}

fn delete_version(call: &mut ResourceCall<'_, '_>, version: &Value) -> Result<()> {
    let input = json!({ "PolicyArn": call.physical_id, "VersionId": version["VersionId"] });
    call.call("iam", "DeletePolicyVersion", input).map(drop)
}

fn delete_managed(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let arn = call.physical_id.clone();
    for (list, holder, member) in HOLDERS {
        for name in texts(call.properties, list) {
            let mut input = json!({ "PolicyArn": arn });
            input[member] = name.into();
            call.call_unless_absent("iam", &format!("Detach{holder}Policy"), input)?;
        }
    }
    match spare_versions(call) {
        Ok(spare) => spare
            .iter()
            .try_for_each(|version| delete_version(call, version))?,
        Err(error) if cumulet_engine::provider::is_absence(&error) => {
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(error),
    }
    call.call_unless_absent("iam", "DeletePolicy", json!({ "PolicyArn": arn }))?;
    Ok(Outcome::Done)
}
