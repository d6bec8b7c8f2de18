//! CloudFormation's types of Systems Manager.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, pairs};
use serde_json::{Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![Provider::new(
        "AWS::SSM::Parameter",
        &[
            "AllowedPattern",
            "DataType",
            "Description",
            "Name",
            "Policies",
            "Tags",
            "Tier",
            "Type",
            "Value",
        ],
        create_parameter,
        update_parameter,
        delete_parameter,
    )]
}

fn create_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("Name", 2048);
    let mut input = parameter(call, &name);
    let tags = call.own_tags();
    if !tags.is_empty() {
        input["Tags"] = pairs("Key", "Value", &tags);
    }
    call.call("ssm", "PutParameter", input)?;
    call.identify(name);
    parameter_attributes(call);
    Ok(Outcome::Done)
}

fn parameter(call: &ResourceCall<'_, '_>, name: &str) -> Value {
    let names = [
        "AllowedPattern",
        "DataType",
        "Description",
        "Policies",
        "Tier",
        "Type",
        "Value",
    ];
    let mut input = Value::Object(call.pick(&names));
    input["Name"] = name.into();
    input
}

fn parameter_attributes(call: &mut ResourceCall<'_, '_>) {
    let name = call.physical_id.trim_start_matches('/').to_owned();
    let arn = cumulet_engine::arn::regional(call.context, "ssm", format!("parameter/{name}"));
    call.attribute("Arn", arn);
    for name in ["Type", "Value"] {
        let value = call.property(name).cloned().unwrap_or_default();
        call.attribute(name, value);
    }
}

fn update_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = parameter(call, &call.physical_id);
    input["Overwrite"] = true.into();
    call.call("ssm", "PutParameter", input)?;
    parameter_attributes(call);
    let (set, gone) = call.tag_changes();
    let target = json!({ "ResourceType": "Parameter", "ResourceId": call.physical_id });
    if !gone.is_empty() {
        let mut input = target.clone();
        input["TagKeys"] = gone.into();
        call.call("ssm", "RemoveTagsFromResource", input)?;
    }
    if !set.is_empty() {
        let mut input = target;
        input["Tags"] = pairs("Key", "Value", &set);
        call.call("ssm", "AddTagsToResource", input)?;
    }
    Ok(Outcome::Done)
}

fn delete_parameter(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "Name": call.physical_id });
    call.call_unless_absent("ssm", "DeleteParameter", input)?;
    Ok(Outcome::Done)
}
