//! CloudFormation's types of Lambda.
//!
//! A function is busy after each change and takes no second one before. So an update changes the code
//! first, waits, and changes the configuration after; the journal of the waiting resource says which is
//! done.

mod sources;

use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Map, Value, json};

use super::{create_function_in, inline_code, update_function_code_in};

const POLL_MS: i64 = 25;

pub(crate) fn resource_types() -> Vec<Provider> {
    let function = Provider::new(
        "AWS::Lambda::Function",
        &[
            "Architectures",
            "Code",
            "DeadLetterConfig",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FunctionName",
            "Handler",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "Tags",
            "Timeout",
            "TracingConfig",
        ],
        create_function,
        update_function,
        delete_function,
    );
    let permission = Provider::new(
        "AWS::Lambda::Permission",
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        add_permission,
        unchanging,
        remove_permission,
    );
    let retries = Provider::new(
        "AWS::Lambda::EventInvokeConfig",
        &[
            "DestinationConfig",
            "FunctionName",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
            "Qualifier",
        ],
        create_retries,
        put_retries,
        delete_retries,
    );
    let version = Provider::new(
        "AWS::Lambda::Version",
        &["CodeSha256", "Description", "FunctionName"],
        publish_version,
        unchanging,
        delete_version,
    );
    let alias = Provider::new(
        "AWS::Lambda::Alias",
        &[
            "Description",
            "FunctionName",
            "FunctionVersion",
            "Name",
            "RoutingConfig",
        ],
        create_alias,
        update_alias,
        delete_alias,
    );
    let mut types = vec![
        function.stabilised_by(go_on).with_code(code_to_fetch),
        permission,
        retries,
        version.stabilised_by(version_stands),
        alias,
    ];
    types.extend(sources::source_types());
    types
}

/// The properties that CreateFunction and UpdateFunctionConfiguration take as they are.
const CONFIGURATION: [&str; 12] = [
    "DeadLetterConfig",
    "Description",
    "EphemeralStorage",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "SnapStart",
    "Timeout",
    "TracingConfig",
];

/// `Code` as the operations take it; nothing where an update leaves it.
fn code_to_fetch(new: &Value, old: Option<&Value>) -> Option<Value> {
    let same = |name: &str| old.is_some_and(|old| old.get(name) == new.get(name));
    if same("Code") && same("Architectures") {
        return None;
    }
    let mut code = new.get("Code")?.clone();
    if let Some(source) = code.get("ZipFile").and_then(Value::as_str) {
        let runtime = new["Runtime"].as_str().unwrap_or_default();
        // What cannot be packed goes as it is, and the fetch refuses it.
        let packed = inline_code::archive(runtime, source);
        code["ZipFile"] = packed.unwrap_or_else(|error| error.message).into();
    }
    Some(code)
}

fn configuration(call: &ResourceCall<'_, '_>) -> Map<String, Value> {
    let mut input = call.pick(&CONFIGURATION);
    if let Some(key) = call.property("KmsKeyArn") {
        input.insert("KMSKeyArn".into(), key.clone());
    }
    if let Some(variables) = call.properties.pointer("/Environment/Variables") {
        let variables = variables.as_object().into_iter().flatten();
        let as_text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let texts: Map<String, Value> = variables
            .map(|(name, value)| (name.clone(), as_text(value).into()))
            .collect();
        input.insert("Environment".into(), json!({ "Variables": texts }));
    }
    input
}

fn create_function(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("FunctionName", 64);
    let mut input = configuration(call);
    input.insert("FunctionName".into(), name.as_str().into());
    for member in ["Architectures", "PackageType"] {
        if let Some(value) = call.property(member) {
            input.insert(member.into(), value.clone());
        }
    }
    input.insert("Tags".into(), call.tag_map());
    let code = call
        .code
        .ok_or_else(|| Error::internal("the code was not fetched"))?;
    let answer = create_function_in(call.tx, call.context, input.into(), code)?;
    call.identify(name);
    call.attribute("Arn", answer["FunctionArn"].clone());
    reserve(call)?;
    Ok(Outcome::AskAgain { after_ms: 0 })
}

fn on_function(
    call: &mut ResourceCall<'_, '_>,
    operation: &str,
    mut input: Value,
) -> Result<Value> {
    input["FunctionName"] = call.physical_id.as_str().into();
    call.call("lambda", operation, input)
}

fn reserve(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let name = "ReservedConcurrentExecutions";
    match call.property(name).cloned() {
        Some(count) => {
            on_function(call, "PutFunctionConcurrency", json!({ name: count })).map(drop)
        }
        None if call.old_properties.get(name).is_some() => {
            on_function(call, "DeleteFunctionConcurrency", json!({})).map(drop)
        }
        None => Ok(()),
    }
}

fn update_function(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    retag(call)?;
    if call.changed("ReservedConcurrentExecutions") {
        reserve(call)?;
    }
    if let Some(code) = call.code {
        let mut input = call.pick(&["Architectures"]);
        input.insert("FunctionName".into(), call.physical_id.as_str().into());
        update_function_code_in(call.tx, call.context, input.into(), code)?;
    }
    call.journal = json!({ "configuration": "to do" });
    go_on(call)
}

/// Waits until the function is free, then changes the configuration where that is to be done.
fn go_on(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let state = on_function(call, "GetFunctionConfiguration", json!({}))?;
    for (name, reason) in [
        ("State", "StateReason"),
        ("LastUpdateStatus", "LastUpdateStatusReason"),
    ] {
        if state[name] == "Failed" {
            let reason = state[reason].as_str().unwrap_or("the function failed");
            return Err(Error::new("NotStabilized", reason));
        }
    }
    if state["State"] == "Pending" || state["LastUpdateStatus"] == "InProgress" {
        return Ok(Outcome::AskAgain { after_ms: POLL_MS });
    }
    let names = [CONFIGURATION.as_slice(), &["KmsKeyArn", "Environment"]].concat();
    if call.journal["configuration"] != "to do" || !call.any_changed(&names) {
        return Ok(Outcome::Done);
    }
    let input = with_defaults(call);
    on_function(call, "UpdateFunctionConfiguration", input)?;
    call.journal = Value::Null;
    Ok(Outcome::AskAgain { after_ms: 0 })
}

/// A property that is gone goes back to its default.
fn with_defaults(call: &ResourceCall<'_, '_>) -> Value {
    let mut input = configuration(call);
    for (property, member, default) in [
        ("Description", "Description", json!("")),
        ("MemorySize", "MemorySize", json!(128)),
        ("Timeout", "Timeout", json!(3)),
        ("Environment", "Environment", json!({ "Variables": {} })),
        (
            "TracingConfig",
            "TracingConfig",
            json!({ "Mode": "PassThrough" }),
        ),
        (
            "DeadLetterConfig",
            "DeadLetterConfig",
            json!({ "TargetArn": "" }),
        ),
        ("Layers", "Layers", json!([])),
        (
            "EphemeralStorage",
            "EphemeralStorage",
            json!({ "Size": 512 }),
        ),
        ("KmsKeyArn", "KMSKeyArn", json!("")),
    ] {
        let gone = call.property(property).is_none() && call.old_properties.get(property).is_some();
        if gone {
            input.insert(member.into(), default);
        }
    }
    input.into()
}

fn retag(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    retag_of(call, "Arn")
}

/// Brings the tags up to date of whatever has its ARN in `attribute`.
fn retag_of(call: &mut ResourceCall<'_, '_>, attribute: &str) -> Result<()> {
    let (set, gone) = call.tag_changes();
    let arn = call.attributes.get(attribute).cloned().unwrap_or_default();
    if !gone.is_empty() {
        let input = json!({ "Resource": arn, "TagKeys": gone });
        call.call("lambda", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let tags: Map<String, Value> = set
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        call.call(
            "lambda",
            "TagResource",
            json!({ "Resource": arn, "Tags": tags }),
        )?;
    }
    Ok(())
}

fn delete_function(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "FunctionName": call.physical_id });
    call.call_unless_absent("lambda", "DeleteFunction", input)?;
    Ok(Outcome::Done)
}

/// All properties of the type replace it; only tags of the stack can have changed.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn unchanging(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}

fn add_permission(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    let mut input = call.pick(&[
        "Action",
        "EventSourceToken",
        "FunctionName",
        "FunctionUrlAuthType",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn",
    ]);
    input.insert("StatementId".into(), id.as_str().into());
    call.call("lambda", "AddPermission", input.into())?;
    call.attribute("Id", id.as_str());
    call.identify(id);
    Ok(Outcome::Done)
}

fn remove_permission(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let function = call.text("FunctionName");
    let input = json!({ "FunctionName": function, "StatementId": call.physical_id });
    call.call_unless_absent("lambda", "RemovePermission", input)?;
    Ok(Outcome::Done)
}

fn create_retries(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    call.identify(id);
    put_retries(call)
}

fn put_retries(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&[
        "DestinationConfig",
        "FunctionName",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
        "Qualifier",
    ]);
    call.call("lambda", "PutFunctionEventInvokeConfig", input.into())?;
    Ok(Outcome::Done)
}

fn delete_retries(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&["FunctionName", "Qualifier"]);
    call.call_unless_absent("lambda", "DeleteFunctionEventInvokeConfig", input.into())?;
    Ok(Outcome::Done)
}

fn publish_version(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&["CodeSha256", "Description", "FunctionName"]);
    let answer = call.call("lambda", "PublishVersion", input.into())?;
    call.identify(answer["FunctionArn"].as_str().unwrap_or_default());
    call.attribute("Version", answer["Version"].clone());
    call.attribute("FunctionArn", answer["FunctionArn"].clone());
    version_stands(call)
}

fn version_stands(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let state = on_function(call, "GetFunctionConfiguration", json!({}))?;
    Ok(if state["State"] == "Pending" {
        Outcome::AskAgain { after_ms: POLL_MS }
    } else {
        Outcome::Done
    })
}

fn delete_version(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({
        "FunctionName": call.text("FunctionName"),
        "Qualifier": call.attributes.get("Version"),
    });
    call.call_unless_absent("lambda", "DeleteFunction", input)?;
    Ok(Outcome::Done)
}

fn alias_input(call: &ResourceCall<'_, '_>) -> Value {
    let mut input = call.pick(&["Description", "FunctionName", "FunctionVersion", "Name"]);
    let weights = call
        .properties
        .pointer("/RoutingConfig/AdditionalVersionWeights");
    let weights = weights.and_then(Value::as_array).into_iter().flatten();
    let weights: Map<String, Value> = weights
        .filter_map(|one| {
            let version = one["FunctionVersion"].as_str()?;
            Some((version.to_owned(), one["FunctionWeight"].clone()))
        })
        .collect();
    let was_routed = call.old_properties.get("RoutingConfig").is_some();
    if !weights.is_empty() || was_routed {
        let routing = json!({ "AdditionalVersionWeights": weights });
        input.insert("RoutingConfig".into(), routing);
    }
    input.into()
}

fn create_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = alias_input(call);
    let answer = call.call("lambda", "CreateAlias", input)?;
    call.identify(answer["AliasArn"].as_str().unwrap_or_default());
    call.attribute("AliasArn", answer["AliasArn"].clone());
    Ok(Outcome::Done)
}

fn update_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = alias_input(call);
    call.call("lambda", "UpdateAlias", input)?;
    Ok(Outcome::Done)
}

fn delete_alias(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = call.pick(&["FunctionName", "Name"]);
    call.call_unless_absent("lambda", "DeleteAlias", input.into())?;
    Ok(Outcome::Done)
}
