//! CloudFormation's types of KMS.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, pairs};
use serde_json::{Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::KMS::Key",
            &[
                "BypassPolicyLockoutSafetyCheck",
                "Description",
                "EnableKeyRotation",
                "Enabled",
                "KeyPolicy",
                "KeySpec",
                "KeyUsage",
                "MultiRegion",
                "Origin",
                "PendingWindowInDays",
                "RotationPeriodInDays",
                "Tags",
            ],
            create_key,
            update_key,
            delete_key,
        ),
        Provider::new(
            "AWS::KMS::Alias",
            &["AliasName", "TargetKeyId"],
            create_alias,
            update_alias,
            delete_alias,
        ),
    ]
}

fn create_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = call.pick(&[
        "BypassPolicyLockoutSafetyCheck",
        "Description",
        "KeySpec",
        "KeyUsage",
        "MultiRegion",
        "Origin",
    ]);
    if let Some(policy) = call.document("KeyPolicy") {
        input.insert("Policy".into(), policy.into());
    }
    let tags = call.own_tags();
    if !tags.is_empty() {
        input.insert("Tags".into(), pairs("TagKey", "TagValue", &tags));
    }
    let answer = call.call("kms", "CreateKey", input.into())?;
    let metadata = &answer["KeyMetadata"];
    call.identify(metadata["KeyId"].as_str().unwrap_or_default());
    call.attribute("KeyId", metadata["KeyId"].clone());
    call.attribute("Arn", metadata["Arn"].clone());
    rotate(call)?;
    if call.property("Enabled") == Some(&false.into()) {
        on_key(call, "DisableKey", json!({}))?;
    }
    Ok(Outcome::Done)
}

/// Calls an operation on this key.
fn on_key(call: &mut ResourceCall<'_, '_>, operation: &str, mut input: Value) -> Result<()> {
    input["KeyId"] = call.physical_id.as_str().into();
    call.call("kms", operation, input).map(drop)
}

fn rotate(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    if call.property("EnableKeyRotation") == Some(&true.into()) {
        let period = call.pick(&["RotationPeriodInDays"]);
        on_key(call, "EnableKeyRotation", period.into())?;
    }
    Ok(())
}

fn update_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    // A disabled key takes no change, so enabling comes first and disabling last.
    let enabled = call.property("Enabled") != Some(&false.into());
    if call.changed("Enabled") && enabled {
        on_key(call, "EnableKey", json!({}))?;
    }
    if call.changed("Description") {
        let description = call.text("Description").to_owned();
        on_key(
            call,
            "UpdateKeyDescription",
            json!({ "Description": description }),
        )?;
    }
    if call.changed("KeyPolicy")
        && let Some(policy) = call.document("KeyPolicy")
    {
        let bypass = call.pick(&["BypassPolicyLockoutSafetyCheck"]);
        let mut input = Value::Object(bypass);
        input["PolicyName"] = "default".into();
        input["Policy"] = policy.into();
        on_key(call, "PutKeyPolicy", input)?;
    }
    if call.any_changed(&["EnableKeyRotation", "RotationPeriodInDays"]) {
        if call.property("EnableKeyRotation") == Some(&true.into()) {
            rotate(call)?;
        } else {
            on_key(call, "DisableKeyRotation", json!({}))?;
        }
    }
    retag(call)?;
    if call.changed("Enabled") && !enabled {
        on_key(call, "DisableKey", json!({}))?;
    }
    Ok(Outcome::Done)
}

fn retag(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let (set, gone) = call.tag_changes();
    if !gone.is_empty() {
        on_key(call, "UntagResource", json!({ "TagKeys": gone }))?;
    }
    if !set.is_empty() {
        let tags = pairs("TagKey", "TagValue", &set);
        on_key(call, "TagResource", json!({ "Tags": tags }))?;
    }
    Ok(())
}

fn delete_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let window = call.property("PendingWindowInDays").cloned();
    let input = json!({
        "KeyId": call.physical_id,
        "PendingWindowInDays": window.unwrap_or_else(|| 30.into()),
    });
    match call.call_unless_absent("kms", "ScheduleKeyDeletion", input) {
        // Somebody scheduled it before.
        Err(error) if error.code == "KMSInvalidStateException" => Ok(Outcome::Done),
        answer => answer.map(|()| Outcome::Done),
    }
}

fn create_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&["AliasName", "TargetKeyId"]);
    call.call("kms", "CreateAlias", input.into())?;
    let name = call.text("AliasName").to_owned();
    call.identify(name);
    Ok(Outcome::Done)
}

fn update_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&["AliasName", "TargetKeyId"]);
    call.call("kms", "UpdateAlias", input.into())?;
    Ok(Outcome::Done)
}

fn delete_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "AliasName": call.physical_id });
    call.call_unless_absent("kms", "DeleteAlias", input)?;
    Ok(Outcome::Done)
}
