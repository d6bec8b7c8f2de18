//! Users, groups, their keys, and the inline policies that are resources of their own.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, document, pairs};
use serde_json::{Value, json};

use super::{differences, texts};

pub(super) fn principal_types() -> Vec<Provider> {
    let inline = |name, holder: &'static [&'static str]| {
        Provider::new(name, holder, create_inline, put_inline, delete_inline)
    };
    vec![
        Provider::new(
            "AWS::IAM::User",
            &[
                "Groups",
                "ManagedPolicyArns",
                "Path",
                "PermissionsBoundary",
                "Policies",
                "Tags",
                "UserName",
            ],
            create_user,
            update_user,
            delete_user,
        ),
        Provider::new(
            "AWS::IAM::Group",
            &["GroupName", "ManagedPolicyArns", "Path", "Policies"],
            create_group,
            update_group,
            delete_group,
        ),
        Provider::new(
            "AWS::IAM::AccessKey",
            &["Serial", "Status", "UserName"],
            create_key,
            set_key_status,
            delete_key,
        ),
        Provider::new(
            "AWS::IAM::UserToGroupAddition",
            &["GroupName", "Users"],
            create_membership,
            change_members,
            delete_membership,
        ),
        Provider::new(
            "AWS::IAM::InstanceProfile",
            &["InstanceProfileName", "Path", "Roles"],
            create_profile,
            change_profile,
            delete_profile,
        ),
        inline(
            "AWS::IAM::RolePolicy",
            &["PolicyDocument", "PolicyName", "RoleName"],
        ),
        inline(
            "AWS::IAM::UserPolicy",
            &["PolicyDocument", "PolicyName", "UserName"],
        ),
        inline(
            "AWS::IAM::GroupPolicy",
            &["PolicyDocument", "GroupName", "PolicyName"],
        ),
    ]
}

/// A user, group or role that holds policies: the word in its operations and the member that names it.
#[derive(Clone, Copy)]
struct Holder {
    word: &'static str,
    member: &'static str,
}

const USER: Holder = Holder {
    word: "User",
    member: "UserName",
};
const GROUP: Holder = Holder {
    word: "Group",
    member: "GroupName",
};

impl Holder {
    /// `Attach{}Policy` with the holder's name.
    fn call(
        self,
        call: &mut ResourceCall<'_, '_>,
        operation: &str,
        mut input: Value,
    ) -> Result<()> {
        input[self.member] = call.physical_id.as_str().into();
        let operation = operation.replace("{}", self.word);
        call.call("iam", &operation, input).map(drop)
    }

    fn call_unless_absent(
        self,
        call: &mut ResourceCall<'_, '_>,
        operation: &str,
        mut input: Value,
    ) -> Result<()> {
        input[self.member] = call.physical_id.as_str().into();
        let operation = operation.replace("{}", self.word);
        call.call_unless_absent("iam", &operation, input)
    }

    /// Brings managed and inline policies to what the template lists.
    fn grant(self, call: &mut ResourceCall<'_, '_>) -> Result<()> {
        let (added, removed) = differences(call, "ManagedPolicyArns");
        for arn in removed {
            self.call(call, "Detach{}Policy", json!({ "PolicyArn": arn }))?;
        }
        for arn in added {
            self.call(call, "Attach{}Policy", json!({ "PolicyArn": arn }))?;
        }
        let (new, old) = (inline(call.properties), inline(call.old_properties));
        let stays = |old: &Value| new.iter().any(|one| one["PolicyName"] == old["PolicyName"]);
        for policy in old.iter().filter(|policy| !stays(policy)) {
            let input = json!({ "PolicyName": policy["PolicyName"] });
            self.call(call, "Delete{}Policy", input)?;
        }
        for policy in new.iter().filter(|policy| !old.contains(policy)) {
            let text = document(&policy["PolicyDocument"]);
            let input = json!({ "PolicyName": policy["PolicyName"], "PolicyDocument": text });
            self.call(call, "Put{}Policy", input)?;
        }
        Ok(())
    }

    /// Takes away what the template gave, then the holder.
    fn delete(self, call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
        for arn in texts(call.properties, "ManagedPolicyArns") {
            let input = json!({ "PolicyArn": arn });
            self.call_unless_absent(call, "Detach{}Policy", input)?;
        }
        for policy in inline(call.properties) {
            let input = json!({ "PolicyName": policy["PolicyName"] });
            self.call_unless_absent(call, "Delete{}Policy", input)?;
        }
        self.call_unless_absent(call, "Delete{}", json!({}))?;
        Ok(Outcome::Done)
    }
}

fn inline(properties: &Value) -> Vec<Value> {
    properties["Policies"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn create_user(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    refuse_login(call)?;
    let name = call.name("UserName", 64);
    let mut input = call.pick(&["Path", "PermissionsBoundary"]);
    input.insert("UserName".into(), name.as_str().into());
    let tags = call.own_tags();
    if !tags.is_empty() {
        input.insert("Tags".into(), pairs("Key", "Value", &tags));
    }
    let answer = call.call("iam", "CreateUser", input.into())?;
    call.identify(name);
    call.attribute("Arn", answer["User"]["Arn"].clone());
    USER.grant(call)?;
    change_groups(call)?;
    Ok(Outcome::Done)
}

/// Passwords for the console: there is no console to enter them at.
fn refuse_login(call: &ResourceCall<'_, '_>) -> Result<()> {
    match call.property("LoginProfile") {
        Some(_) => Err(cumulet_engine::error::Error::not_implemented(
            "iam:CreateLoginProfile",
        )),
        None => Ok(()),
    }
}

fn change_groups(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let (joined, left) = differences(call, "Groups");
    for group in left {
        USER.call(call, "Remove{}FromGroup", json!({ "GroupName": group }))?;
    }
    for group in joined {
        USER.call(call, "Add{}ToGroup", json!({ "GroupName": group }))?;
    }
    Ok(())
}

fn update_user(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    refuse_login(call)?;
    if call.changed("Path") {
        let path = call.property("Path").cloned().unwrap_or_else(|| "/".into());
        USER.call(call, "Update{}", json!({ "NewPath": path }))?;
    }
    if call.changed("PermissionsBoundary") {
        match call.property("PermissionsBoundary").cloned() {
            Some(arn) => {
                let input = json!({ "PermissionsBoundary": arn });
                USER.call(call, "Put{}PermissionsBoundary", input)?;
            }
            None => USER.call(call, "Delete{}PermissionsBoundary", json!({}))?,
        }
    }
    USER.grant(call)?;
    change_groups(call)?;
    let (set, gone) = call.tag_changes();
    if !gone.is_empty() {
        USER.call(call, "Untag{}", json!({ "TagKeys": gone }))?;
    }
    if !set.is_empty() {
        let tags = pairs("Key", "Value", &set);
        USER.call(call, "Tag{}", json!({ "Tags": tags }))?;
    }
    Ok(Outcome::Done)
}

fn delete_user(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    for group in texts(call.properties, "Groups") {
        let input = json!({ "GroupName": group });
        USER.call_unless_absent(call, "Remove{}FromGroup", input)?;
    }
    USER.delete(call)
}

fn create_group(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("GroupName", 128);
    let mut input = call.pick(&["Path"]);
    input.insert("GroupName".into(), name.as_str().into());
    let answer = call.call("iam", "CreateGroup", input.into())?;
    call.identify(name);
    call.attribute("Arn", answer["Group"]["Arn"].clone());
    GROUP.grant(call)?;
    Ok(Outcome::Done)
}

fn update_group(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.changed("Path") {
        let path = call.property("Path").cloned().unwrap_or_else(|| "/".into());
        GROUP.call(call, "Update{}", json!({ "NewPath": path }))?;
    }
    GROUP.grant(call)?;
    Ok(Outcome::Done)
}

fn delete_group(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    GROUP.delete(call)
}

fn create_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "UserName": call.text("UserName") });
    let answer = call.call("iam", "CreateAccessKey", input)?;
    let key = &answer["AccessKey"];
    let id = key["AccessKeyId"].as_str().unwrap_or_default();
    call.identify(id);
    call.attribute("Id", id);
    call.attribute("SecretAccessKey", key["SecretAccessKey"].clone());
    if call.property("Status").is_some() {
        return set_key_status(call);
    }
    Ok(Outcome::Done)
}

fn set_key_status(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let status = call.property("Status").cloned();
    let input = json!({
        "UserName": call.text("UserName"),
        "AccessKeyId": call.physical_id,
        "Status": status.unwrap_or_else(|| "Active".into()),
    });
    call.call("iam", "UpdateAccessKey", input)?;
    Ok(Outcome::Done)
}

fn delete_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "UserName": call.text("UserName"), "AccessKeyId": call.physical_id });
    call.call_unless_absent("iam", "DeleteAccessKey", input)?;
    Ok(Outcome::Done)
}

fn create_membership(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(128);
    call.attribute("Id", id.as_str());
    call.identify(id);
    change_members(call)
}

fn change_members(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let moved = call.changed("GroupName");
    let kept = texts(call.properties, "Users");
    let old_group = call.old_text("GroupName").to_owned();
    for user in texts(call.old_properties, "Users") {
        if moved || !kept.contains(&user) {
            let input = json!({ "GroupName": old_group, "UserName": user });
            call.call_unless_absent("iam", "RemoveUserFromGroup", input)?;
        }
    }
    for user in kept {
        let input = json!({ "GroupName": call.text("GroupName"), "UserName": user });
        call.call("iam", "AddUserToGroup", input)?;
    }
    Ok(Outcome::Done)
}

fn delete_membership(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    for user in texts(call.properties, "Users") {
        let input = json!({ "GroupName": call.text("GroupName"), "UserName": user });
        call.call_unless_absent("iam", "RemoveUserFromGroup", input)?;
    }
    Ok(Outcome::Done)
}

fn create_profile(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("InstanceProfileName", 128);
    let mut input = call.pick(&["Path"]);
    input.insert("InstanceProfileName".into(), name.as_str().into());
    let answer = call.call("iam", "CreateInstanceProfile", input.into())?;
    call.identify(name);
    call.attribute("Arn", answer["InstanceProfile"]["Arn"].clone());
    change_profile(call)
}

fn change_profile(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let (added, removed) = differences(call, "Roles");
    let profile = call.physical_id.clone();
    for role in removed {
        let input = json!({ "InstanceProfileName": profile, "RoleName": role });
        call.call_unless_absent("iam", "RemoveRoleFromInstanceProfile", input)?;
    }
    for role in added {
        let input = json!({ "InstanceProfileName": profile, "RoleName": role });
        call.call("iam", "AddRoleToInstanceProfile", input)?;
    }
    Ok(Outcome::Done)
}

fn delete_profile(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let profile = call.physical_id.clone();
    for role in texts(call.properties, "Roles") {
        let input = json!({ "InstanceProfileName": profile, "RoleName": role });
        call.call_unless_absent("iam", "RemoveRoleFromInstanceProfile", input)?;
    }
    let input = json!({ "InstanceProfileName": profile });
    call.call_unless_absent("iam", "DeleteInstanceProfile", input)?;
    Ok(Outcome::Done)
}

/// `Role`, `User` or `Group`, as the type's name says.
fn word_of(kind: &str) -> &str {
    let name = kind.rsplit("::").next().unwrap_or_default();
    name.strip_suffix("Policy").unwrap_or(name)
}

fn inline_input(call: &ResourceCall<'_, '_>) -> Value {
    let member = format!("{}Name", word_of(call.kind));
    json!({ "PolicyName": call.text("PolicyName"), (member.as_str()): call.text(&member) })
}

/// Named by policy and holder, which both replace it.
fn create_inline(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let holder = call.text(&format!("{}Name", word_of(call.kind))).to_owned();
    let id = format!("{}|{holder}", call.text("PolicyName"));
    call.identify(id);
    put_inline(call)
}

fn put_inline(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = inline_input(call);
    input["PolicyDocument"] = call.document("PolicyDocument").unwrap_or_default().into();
    let operation = format!("Put{}Policy", word_of(call.kind));
    call.call("iam", &operation, input)?;
    Ok(Outcome::Done)
}

fn delete_inline(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let operation = format!("Delete{}Policy", word_of(call.kind));
    let input = inline_input(call);
    call.call_unless_absent("iam", &operation, input)?;
    Ok(Outcome::Done)
}
