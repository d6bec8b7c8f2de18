//! The types around an API: the account's logging role, usage plans and keys.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Value, json};

use super::{
    call_api, escaped, list, members, own_tags, patch, plain_patches, remove, replace, retag,
    small, tree, unchanging,
};

pub(super) fn plan_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::ApiGateway::Account",
            &["CloudWatchRoleArn"],
            create_account,
            set_account,
            reset_account,
        ),
        Provider::new(
            "AWS::ApiGateway::UsagePlan",
            &[
                "ApiStages",
                "Description",
                "Quota",
                "Tags",
                "Throttle",
                "UsagePlanName",
            ],
            create_plan,
            update_plan,
            delete_plan,
        ),
        Provider::new(
            "AWS::ApiGateway::ApiKey",
            &[
                "CustomerId",
                "Description",
                "Enabled",
                "GenerateDistinctId",
                "Name",
                "Tags",
                "Value",
            ],
            create_key,
            update_key,
            delete_key,
        ),
        Provider::new(
            "AWS::ApiGateway::UsagePlanKey",
            &["KeyId", "KeyType", "UsagePlanId"],
            create_plan_key,
            unchanging,
            delete_plan_key,
        ),
    ]
}

fn create_account(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    call.attribute("Id", id.as_str());
    call.identify(id);
    set_account(call)
}

fn set_account(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let role = call
        .property("CloudWatchRoleArn")
        .cloned()
        .unwrap_or_default();
    let patches = vec![replace("/cloudwatchRoleArn", &role)];
    patch(call, "UpdateAccount", json!({}), patches)?;
    Ok(Outcome::Done)
}

fn reset_account(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let patches = vec![replace("/cloudwatchRoleArn", &Value::Null)];
    patch(call, "UpdateAccount", json!({}), patches)?;
    Ok(Outcome::Done)
}

/// Stages of a plan; the keys of `Throttle` are paths and methods, the user's own.
fn plan_stage(stage: &Value) -> Value {
    let mut turned = json!({ "apiId": stage["ApiId"], "stage": stage["Stage"] });
    if let Some(throttle) = stage["Throttle"].as_object() {
        let limits = throttle
            .iter()
            .map(|(place, limit)| (place.clone(), tree(limit)));
        turned["throttle"] = Value::Object(limits.collect());
    }
    turned
}

fn create_plan(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = members(call.properties, &["Description"]);
    input.insert("name".into(), call.name("UsagePlanName", 255).into());
    input.insert("tags".into(), own_tags(call));
    for name in ["Quota", "Throttle"] {
        if let Some(value) = call.property(name) {
            input.insert(small(name), tree(value));
        }
    }
    let stages: Vec<Value> = list(call.properties, "ApiStages")
        .iter()
        .map(plan_stage)
        .collect();
    input.insert("apiStages".into(), stages.into());
    let answer = call_api(call, "CreateUsagePlan", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("Id", answer["id"].clone());
    Ok(Outcome::Done)
}

fn stage_names(properties: &Value) -> Vec<String> {
    let name = |stage: &Value| {
        let (api, stage) = (stage["ApiId"].as_str(), stage["Stage"].as_str());
        format!("{}:{}", api.unwrap_or_default(), stage.unwrap_or_default())
    };
    list(properties, "ApiStages").iter().map(name).collect()
}

fn stage_patch(op: &str, name: &str) -> Value {
    json!({ "op": op, "path": "/apiStages", "value": name })
}

fn update_plan(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut patches = plain_patches(
        call,
        &[("UsagePlanName", "/name"), ("Description", "/description")],
    );
    for name in ["Quota", "Throttle"] {
        patches.extend(limit_patches(call, name));
    }
    let (new, old) = (
        stage_names(call.properties),
        stage_names(call.old_properties),
    );
    let gone = old.iter().filter(|name| !new.contains(name));
    patches.extend(gone.map(|name| stage_patch("remove", name)));
    let added = new.iter().filter(|name| !old.contains(name));
    patches.extend(added.map(|name| stage_patch("add", name)));
    patches.extend(method_limits(call));
    let target = json!({ "usagePlanId": call.physical_id });
    patch(call, "UpdateUsagePlan", target, patches)?;
    retag(call, &format!("/usageplans/{}", call.physical_id.clone()))?;
    Ok(Outcome::Done)
}

fn limit_patches(call: &ResourceCall<'_, '_>, name: &str) -> Vec<Value> {
    let path = format!("/{}", small(name));
    match call.property(name).and_then(Value::as_object) {
        _ if !call.changed(name) => vec![],
        None => vec![json!({ "op": "remove", "path": path })],
        Some(limits) => limits
            .iter()
            .map(|(limit, value)| replace(format!("{path}/{}", small(limit)), value))
            .collect(),
    }
}

/// The limits of single methods of a stage.
fn method_limits(call: &ResourceCall<'_, '_>) -> Vec<Value> {
    let old = list(call.old_properties, "ApiStages");
    let mut patches = Vec::new();
    for (stage, name) in list(call.properties, "ApiStages")
        .iter()
        .zip(stage_names(call.properties))
    {
        let throttle = stage["Throttle"]
            .as_object()
            .filter(|_| !old.contains(stage));
        for (place, limit) in throttle.into_iter().flatten() {
            let place = format!("/apiStages/{name}/throttle/{}", escaped_place(place));
            for (member, value) in limit.as_object().into_iter().flatten() {
                patches.push(replace(format!("{place}/{}", small(member)), value));
            }
        }
    }
    patches
}

/// `/upload/POST` is `~1upload/POST`.
fn escaped_place(place: &str) -> String {
    match place.rsplit_once('/') {
        Some((path, method)) => format!("{}/{method}", escaped(path)),
        None => escaped(place),
    }
}

/// A plan with stages cannot be deleted. It loses those that are deleted before it, so it is asked which are left.
fn delete_plan(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let target = json!({ "usagePlanId": call.physical_id });
    let plan = match call_api(call, "GetUsagePlan", target.clone()) {
        Err(error) if error.status == 404 => return Ok(Outcome::Done),
        answer => answer?,
    };
    let left = plan["apiStages"].as_array().cloned().unwrap_or_default();
    let name = |stage: &Value| {
        let text = |member: &str| stage[member].as_str().unwrap_or_default().to_owned();
        stage_patch("remove", &format!("{}:{}", text("apiId"), text("stage")))
    };
    let patches = left.iter().map(name).collect();
    patch(call, "UpdateUsagePlan", target.clone(), patches)?;
    remove(call, "DeleteUsagePlan", target)
}

fn create_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let names = [
        "CustomerId",
        "Description",
        "Enabled",
        "GenerateDistinctId",
        "Value",
    ];
    let mut input = members(call.properties, &names);
    input.insert("name".into(), call.name("Name", 1024).into());
    input.insert("tags".into(), own_tags(call));
    let answer = call_api(call, "CreateApiKey", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("APIKeyId", answer["id"].clone());
    Ok(Outcome::Done)
}

fn update_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut patches = plain_patches(
        call,
        &[
            ("CustomerId", "/customerId"),
            ("Description", "/description"),
        ],
    );
    if call.changed("Enabled") {
        let enabled = call.property("Enabled") == Some(&true.into());
        patches.push(replace("/enabled", &enabled.into()));
    }
    let target = json!({ "apiKey": call.physical_id });
    patch(call, "UpdateApiKey", target, patches)?;
    retag(call, &format!("/apikeys/{}", call.physical_id.clone()))?;
    Ok(Outcome::Done)
}

fn delete_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "apiKey": call.physical_id });
    remove(call, "DeleteApiKey", input)
}

fn create_plan_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &["KeyId", "KeyType", "UsagePlanId"]);
    call_api(call, "CreateUsagePlanKey", input.into())?;
    let id = format!("{}:{}", call.text("KeyId"), call.text("UsagePlanId"));
    call.attribute("Id", id.as_str());
    call.identify(id);
    Ok(Outcome::Done)
}

fn delete_plan_key(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &["KeyId", "UsagePlanId"]);
    remove(call, "DeleteUsagePlanKey", input.into())
}
