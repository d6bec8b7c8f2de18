//! CloudFormation's types of DynamoDB.
//!
//! A table takes one change at a time and is busy after each. So what is to be done is a list, and the
//! journal of the waiting resource says how far down the list the table is.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, is_absence, pairs};
use serde_json::{Map, Value, json};

const POLL_MS: i64 = 25;

pub(crate) fn resource_types() -> Vec<Provider> {
    let table = Provider::new(
        "AWS::DynamoDB::Table",
        &[
            "AttributeDefinitions",
            "BillingMode",
            "DeletionProtectionEnabled",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "LocalSecondaryIndexes",
            "OnDemandThroughput",
            "PointInTimeRecoverySpecification",
            "ProvisionedThroughput",
            "ResourcePolicy",
            "SSESpecification",
            "StreamSpecification",
            "TableClass",
            "TableName",
            "Tags",
            "TimeToLiveSpecification",
            "WarmThroughput",
        ],
        create,
        update,
        delete,
    );
    vec![table.stabilised_by(go_on)]
}

/// The properties that CreateTable takes as they are.
const CREATED_WITH: [&str; 10] = [
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
    "WarmThroughput",
];

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("TableName", 255);
    let mut input = call.pick(&CREATED_WITH);
    input.insert("TableName".into(), name.as_str().into());
    input.insert("Tags".into(), pairs("Key", "Value", &call.own_tags()));
    if let Some(indexes) = input.get_mut("GlobalSecondaryIndexes") {
        *indexes = indexes_of(indexes);
    }
    if let Some(stream) = stream(call.properties) {
        input.insert("StreamSpecification".into(), stream);
    }
    if let Some(encryption) = encryption(call.properties) {
        input.insert("SSESpecification".into(), encryption);
    }
    let policy = call
        .property("ResourcePolicy")
        .map(|policy| &policy["PolicyDocument"]);
    if let Some(policy) = policy {
        let policy = cumulet_engine::provider::document(policy);
        input.insert("ResourcePolicy".into(), policy.into());
    }
    let answer = call.call("dynamodb", "CreateTable", input.into())?;
    call.identify(name);
    note(call, &answer["TableDescription"]);
    Ok(Outcome::AskAgain { after_ms: 0 })
}

fn note(call: &mut ResourceCall<'_, '_>, description: &Value) {
    call.attribute("Arn", description["TableArn"].clone());
    call.attributes.shift_remove("StreamArn");
    if let Some(stream) = description.get("LatestStreamArn") {
        call.attribute("StreamArn", stream.clone());
    }
}

/// Indexes without the members that are set by operations of their own.
fn indexes_of(indexes: &Value) -> Value {
    let members = [
        "IndexName",
        "KeySchema",
        "OnDemandThroughput",
        "Projection",
        "ProvisionedThroughput",
        "WarmThroughput",
    ];
    let index = |index: &Value| -> Value {
        let given = members
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), index.get(name)?.clone())));
        Value::Object(given.collect::<Map<_, _>>())
    };
    indexes
        .as_array()
        .into_iter()
        .flatten()
        .map(index)
        .collect()
}

fn stream(properties: &Value) -> Option<Value> {
    let view = &properties.get("StreamSpecification")?["StreamViewType"];
    Some(json!({ "StreamEnabled": true, "StreamViewType": view }))
}

fn encryption(properties: &Value) -> Option<Value> {
    let given = properties.get("SSESpecification")?;
    let mut wanted = json!({ "Enabled": given["SSEEnabled"] });
    for name in ["SSEType", "KMSMasterKeyId"] {
        if let Some(value) = given.get(name) {
            wanted[name] = value.clone();
        }
    }
    Some(wanted)
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    call.journal = 0.into();
    let (set, gone) = call.tag_changes();
    let arn = call.attributes.get("Arn").cloned().unwrap_or_default();
    if !gone.is_empty() {
        let input = json!({ "ResourceArn": arn, "TagKeys": gone });
        call.call("dynamodb", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let input = json!({ "ResourceArn": arn, "Tags": pairs("Key", "Value", &set) });
        call.call("dynamodb", "TagResource", input)?;
    }
    go_on(call)
}

/// Takes the next thing off the list once the table is active again.
fn go_on(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "TableName": call.physical_id });
    let answer = call.call("dynamodb", "DescribeTable", input)?;
    let table = &answer["Table"];
    let busy = |index: &Value| index["IndexStatus"] != "ACTIVE";
    let indexes = table["GlobalSecondaryIndexes"].as_array().cloned();
    if table["TableStatus"] != "ACTIVE" || indexes.unwrap_or_default().iter().any(busy) {
        return Ok(Outcome::AskAgain { after_ms: POLL_MS });
    }
    note(call, table);
    let done = call.journal.as_u64().unwrap_or(0);
    let list = if call.old_properties.is_null() {
        after_creation(call.properties)
    } else {
        changes(call.properties, call.old_properties)
    };
    let next = usize::try_from(done)
        .ok()
        .and_then(|done| list.get(done).cloned());
    let Some((operation, mut input)) = next else {
        return Ok(Outcome::Done);
    };
    if operation.ends_with("ResourcePolicy") {
        input["ResourceArn"] = table["TableArn"].clone();
    } else {
        input["TableName"] = call.physical_id.as_str().into();
    }
    call.call("dynamodb", operation, input)?;
    call.journal = (done + 1).into();
    Ok(Outcome::AskAgain { after_ms: 0 })
}

type Step = (&'static str, Value);

fn after_creation(properties: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(lifetime) = properties.get("TimeToLiveSpecification") {
        let given = json!({ "TimeToLiveSpecification": lifetime });
        if lifetime["Enabled"] == true {
            steps.push(("UpdateTimeToLive", given));
        }
    }
    steps.extend(recovery(properties).filter(|(_, input)| {
        input["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
    }));
    steps
}

fn recovery(properties: &Value) -> Option<Step> {
    let given = properties.get("PointInTimeRecoverySpecification")?;
    let input = json!({ "PointInTimeRecoverySpecification": given });
    Some(("UpdateContinuousBackups", input))
}

/// What leads from the old properties to the new, one table update each.
fn changes(new: &Value, old: &Value) -> Vec<Step> {
    let changed = |name: &str| new.get(name) != old.get(name);
    let mut steps: Vec<Step> = Vec::new();
    let mut update = |input: Value| steps.push(("UpdateTable", input));
    if changed("BillingMode") || changed("ProvisionedThroughput") || changed("OnDemandThroughput") {
        update(capacity(new));
    }
    for name in ["DeletionProtectionEnabled", "TableClass"] {
        if changed(name) {
            let default = if name == "TableClass" {
                json!("STANDARD")
            } else {
                json!(false)
            };
            let value = new.get(name).cloned().unwrap_or(default);
            update(json!({ name: value }));
        }
    }
    if changed("StreamSpecification") {
        if old.get("StreamSpecification").is_some() {
            update(json!({ "StreamSpecification": { "StreamEnabled": false } }));
        }
        if let Some(stream) = stream(new) {
            update(json!({ "StreamSpecification": stream }));
        }
    }
    if changed("SSESpecification") {
        let wanted = encryption(new).unwrap_or_else(|| json!({ "Enabled": false }));
        update(json!({ "SSESpecification": wanted }));
    }
    steps.extend(index_changes(new, old));
    if changed("TimeToLiveSpecification") {
        steps.extend(lifetime_changes(new, old));
    }
    if changed("ResourcePolicy") {
        steps.push(policy_change(new));
    }
    if changed("PointInTimeRecoverySpecification") {
        let off = json!({ "PointInTimeRecoveryEnabled": false });
        steps.push(recovery(new).unwrap_or((
            "UpdateContinuousBackups",
            json!({ "PointInTimeRecoverySpecification": off }),
        )));
    }
    steps
}

fn policy_change(new: &Value) -> Step {
    match new.get("ResourcePolicy") {
        Some(policy) => {
            let document = cumulet_engine::provider::document(&policy["PolicyDocument"]);
            // A deployment that leaves its own role no access says so in its template.
            let input = json!({ "Policy": document, "ConfirmRemoveSelfResourceAccess": true });
            ("PutResourcePolicy", input)
        }
        None => ("DeleteResourcePolicy", json!({})),
    }
}

fn capacity(new: &Value) -> Value {
    let mut input = json!({});
    let mode = new["BillingMode"].as_str().unwrap_or("PROVISIONED");
    input["BillingMode"] = mode.into();
    for name in ["ProvisionedThroughput", "OnDemandThroughput"] {
        if let Some(value) = new.get(name) {
            input[name] = value.clone();
        }
    }
    input
}

/// An attribute cannot be changed but only left and taken up.
fn lifetime_changes(new: &Value, old: &Value) -> Vec<Step> {
    let name = "TimeToLiveSpecification";
    let step = |specification: Value| ("UpdateTimeToLive", json!({ name: specification }));
    let was_on = old[name]["Enabled"] == true;
    let is_on = new[name]["Enabled"] == true;
    let mut steps = Vec::new();
    if was_on {
        let attribute = &old[name]["AttributeName"];
        steps.push(step(
            json!({ "AttributeName": attribute, "Enabled": false }),
        ));
    }
    if is_on {
        steps.push(step(new[name].clone()));
    }
    steps
}

fn index_changes(new: &Value, old: &Value) -> Vec<Step> {
    let list = |properties: &Value| -> Vec<Value> {
        let indexes = &properties["GlobalSecondaryIndexes"];
        indexes_of(indexes).as_array().cloned().unwrap_or_default()
    };
    let (new_list, old_list) = (list(new), list(old));
    let named =
        |list: &[Value], name: &Value| list.iter().find(|one| one["IndexName"] == *name).cloned();
    let mut steps = Vec::new();
    let mut change = |kind: &str, index: Value| {
        let input = json!({
            "AttributeDefinitions": new["AttributeDefinitions"],
            "GlobalSecondaryIndexUpdates": [{ kind: index }],
        });
        steps.push(("UpdateTable", input));
    };
    for index in &old_list {
        let name = &index["IndexName"];
        let same_shape = named(&new_list, name).is_some_and(|other| {
            other["KeySchema"] == index["KeySchema"] && other["Projection"] == index["Projection"]
        });
        if !same_shape {
            change("Delete", json!({ "IndexName": name }));
        }
    }
    for index in &new_list {
        match named(&old_list, &index["IndexName"]) {
            Some(other) if other == *index => {}
            Some(other)
                if other["KeySchema"] == index["KeySchema"]
                    && other["Projection"] == index["Projection"] =>
            {
                let throughput = &index["ProvisionedThroughput"];
                change(
                    "Update",
                    json!({ "IndexName": index["IndexName"], "ProvisionedThroughput": throughput }),
                );
            }
            _ => change("Create", index.clone()),
        }
    }
    steps
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "TableName": call.physical_id });
    if call.journal.is_null() {
        call.call_unless_absent("dynamodb", "DeleteTable", input.clone())?;
        call.journal = true.into();
    }
    match call.call("dynamodb", "DescribeTable", input) {
        Err(error) if is_absence(&error) => Ok(Outcome::Done),
        Err(error) => Err(error),
        Ok(_) => Ok(Outcome::AskAgain { after_ms: POLL_MS }),
    }
}
