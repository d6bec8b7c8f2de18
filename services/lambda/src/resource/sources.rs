//! What feeds functions and what they share: event source mappings, function URLs, layers.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Map, Value, json};

use super::super::publish_layer_version_in;
use super::{POLL_MS, unchanging};

pub(super) fn source_types() -> Vec<Provider> {
    let mapping = Provider::new(
        "AWS::Lambda::EventSourceMapping",
        &MAPPING,
        create_mapping,
        update_mapping,
        delete_mapping,
    );
    let url = Provider::new(
        "AWS::Lambda::Url",
        &[
            "AuthType",
            "Cors",
            "InvokeMode",
            "Qualifier",
            "TargetFunctionArn",
        ],
        create_url,
        update_url,
        delete_url,
    );
    let layer = Provider::new(
        "AWS::Lambda::LayerVersion",
        &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Content",
            "Description",
            "LayerName",
            "LicenseInfo",
        ],
        publish_layer,
        unchanging,
        delete_layer,
    );
    let layer_permission = Provider::new(
        "AWS::Lambda::LayerVersionPermission",
        &["Action", "LayerVersionArn", "OrganizationId", "Principal"],
        add_layer_permission,
        unchanging,
        remove_layer_permission,
    );
    vec![
        mapping.stabilised_by(mapping_stands),
        url,
        layer.with_code(|new, _| new.get("Content").cloned()),
        layer_permission,
    ]
}

/// Properties that CreateEventSourceMapping takes as they are.
const MAPPING: [&str; 16] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "ScalingConfig",
    "StartingPosition",
    "Tags",
    "TumblingWindowInSeconds",
];
/// Those that only creation takes.
const MAPPING_CREATED_WITH: [&str; 3] = ["EventSourceArn", "StartingPosition", "Tags"];

fn mapping(call: &ResourceCall<'_, '_>) -> Map<String, Value> {
    let mut input = call.pick(&MAPPING);
    input.shift_remove("Tags");
    input
}

fn create_mapping(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = mapping(call);
    let tags = call.tag_map();
    input.insert("Tags".into(), tags);
    let answer = call.call("lambda", "CreateEventSourceMapping", input.into())?;
    let id = answer["UUID"].as_str().unwrap_or_default().to_owned();
    call.attribute("Id", id.as_str());
    if let Some(arn) = answer.get("EventSourceMappingArn") {
        call.attribute("EventSourceMappingArn", arn.clone());
    }
    call.identify(id);
    mapping_stands(call)
}

fn mapping_stands(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "UUID": call.physical_id });
    let state = call.call("lambda", "GetEventSourceMapping", input)?;
    let settled = matches!(state["State"].as_str(), Some("Enabled" | "Disabled"));
    Ok(if settled {
        Outcome::Done
    } else {
        Outcome::AskAgain { after_ms: POLL_MS }
    })
}

/// A property that is gone goes back to its default.
fn update_mapping(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = mapping(call);
    for name in MAPPING_CREATED_WITH {
        input.shift_remove(name);
    }
    for (name, default) in [
        ("Enabled", json!(true)),
        ("FilterCriteria", json!({ "Filters": [] })),
        ("FunctionResponseTypes", json!([])),
        ("MaximumBatchingWindowInSeconds", json!(0)),
        ("ScalingConfig", json!({})),
    ] {
        let gone = call.property(name).is_none() && call.old_properties.get(name).is_some();
        if gone {
            input.insert(name.into(), default);
        }
    }
    input.insert("UUID".into(), call.physical_id.as_str().into());
    call.call("lambda", "UpdateEventSourceMapping", input.into())?;
    super::retag_of(call, "EventSourceMappingArn")?;
    mapping_stands(call)
}

/// The mapping may still be handing a batch over; it is gone once it cannot be found.
fn delete_mapping(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "UUID": call.physical_id });
    if call.journal.is_null() {
        call.call_unless_absent("lambda", "DeleteEventSourceMapping", input.clone())?;
        call.journal = "deleting".into();
    }
    match call.call("lambda", "GetEventSourceMapping", input) {
        Err(error) if cumulet_engine::provider::is_absence(&error) => Ok(Outcome::Done),
        Err(error) => Err(error),
        Ok(_) => Ok(Outcome::AskAgain { after_ms: POLL_MS }),
    }
}

/// The URL's configuration is the function's (or alias's): its ARN is the physical id.
fn url_input(call: &ResourceCall<'_, '_>) -> Value {
    let mut input = call.pick(&["AuthType", "Cors", "InvokeMode", "Qualifier"]);
    input.insert("FunctionName".into(), call.text("TargetFunctionArn").into());
    input.into()
}

fn create_url(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = url_input(call);
    let answer = call.call("lambda", "CreateFunctionUrlConfig", input)?;
    for name in ["FunctionArn", "FunctionUrl"] {
        call.attribute(name, answer[name].clone());
    }
    call.identify(answer["FunctionArn"].as_str().unwrap_or_default());
    Ok(Outcome::Done)
}

fn update_url(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = url_input(call);
    if call.property("Cors").is_none() {
        input["Cors"] = json!({});
    }
    if call.property("InvokeMode").is_none() {
        input["InvokeMode"] = "BUFFERED".into();
    }
    call.call("lambda", "UpdateFunctionUrlConfig", input)?;
    Ok(Outcome::Done)
}

fn delete_url(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = call.pick(&["Qualifier"]);
    input.insert("FunctionName".into(), call.text("TargetFunctionArn").into());
    call.call_unless_absent("lambda", "DeleteFunctionUrlConfig", input.into())?;
    Ok(Outcome::Done)
}

fn publish_layer(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = match call.property("LayerName").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => call.generated_name(140),
    };
    let mut input = call.pick(&[
        "CompatibleArchitectures",
        "CompatibleRuntimes",
        "Content",
        "Description",
        "LicenseInfo",
    ]);
    input.insert("LayerName".into(), name.into());
    let content = call
        .code
        .ok_or_else(|| Error::internal("the layer's content was not fetched"))?;
    let answer = publish_layer_version_in(call.tx, call.context, input.into(), content)?;
    let arn = answer["LayerVersionArn"].as_str().unwrap_or_default();
    call.attribute("LayerVersionArn", arn);
    call.identify(arn);
    Ok(Outcome::Done)
}

/// Name and number of the version that an ARN ends in.
fn version_of(arn: &str) -> Option<(&str, i64)> {
    let (layer, version) = arn.rsplit_once(':')?;
    Some((layer, version.parse().ok()?))
}

fn delete_layer(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.physical_id.clone();
    if let Some((layer, version)) = version_of(&id) {
        let input = json!({ "LayerName": layer, "VersionNumber": version });
        call.call_unless_absent("lambda", "DeleteLayerVersion", input)?;
    }
    Ok(Outcome::Done)
}

fn add_layer_permission(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    let arn = call.text("LayerVersionArn").to_owned();
    let Some((layer, version)) = version_of(&arn) else {
        return Err(Error::new(
            "InvalidRequest",
            format!("{arn} is not a layer version's ARN"),
        ));
    };
    let mut input = call.pick(&["Action", "OrganizationId", "Principal"]);
    input.insert("LayerName".into(), layer.into());
    input.insert("VersionNumber".into(), version.into());
    input.insert("StatementId".into(), id.as_str().into());
    call.call("lambda", "AddLayerVersionPermission", input.into())?;
    let id = format!("{arn}#{id}");
    call.attribute("Id", id.as_str());
    call.identify(id);
    Ok(Outcome::Done)
}

fn remove_layer_permission(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.physical_id.clone();
    let parts = id
        .split_once('#')
        .and_then(|(arn, statement)| Some((version_of(arn)?, statement)));
    if let Some(((layer, version), statement)) = parts {
        let input =
            json!({ "LayerName": layer, "VersionNumber": version, "StatementId": statement });
        call.call_unless_absent("lambda", "RemoveLayerVersionPermission", input)?;
    }
    Ok(Outcome::Done)
}
