//! CloudFormation's types of API Gateway's REST APIs.
//!
//! The service writes its members with a small first letter and updates by patches; maps whose keys are
//! the user's own (models, parameters, templates) keep them.

mod authorizers;
mod plans;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::{Map, Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    let mut types = api_types();
    types.extend(plans::plan_types());
    types.push(authorizers::authorizer_type());
    types
}

fn api_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::ApiGateway::RestApi",
            &[
                "ApiKeySourceType",
                "BinaryMediaTypes",
                "Body",
                "Description",
                "DisableExecuteApiEndpoint",
                "EndpointConfiguration",
                "FailOnWarnings",
                "MinimumCompressionSize",
                "Mode",
                "Name",
                "Parameters",
                "Policy",
                "Tags",
            ],
            create_api,
            update_api,
            delete_api,
        ),
        Provider::new(
            "AWS::ApiGateway::Resource",
            &["ParentId", "PathPart", "RestApiId"],
            create_resource,
            unchanging,
            delete_resource,
        ),
        Provider::new(
            "AWS::ApiGateway::Method",
            &[
                "ApiKeyRequired",
                "AuthorizationScopes",
                "AuthorizationType",
                "AuthorizerId",
                "HttpMethod",
                "Integration",
                "MethodResponses",
                "OperationName",
                "RequestModels",
                "RequestParameters",
                "RequestValidatorId",
                "ResourceId",
                "RestApiId",
            ],
            create_method,
            update_method,
            delete_method,
        ),
        Provider::new(
            "AWS::ApiGateway::Model",
            &["ContentType", "Description", "Name", "RestApiId", "Schema"],
            create_model,
            update_model,
            delete_model,
        ),
        Provider::new(
            "AWS::ApiGateway::RequestValidator",
            &[
                "Name",
                "RestApiId",
                "ValidateRequestBody",
                "ValidateRequestParameters",
            ],
            create_validator,
            update_validator,
            delete_validator,
        ),
        Provider::new(
            "AWS::ApiGateway::Deployment",
            &["Description", "RestApiId", "StageName"],
            create_deployment,
            update_deployment,
            delete_deployment,
        ),
        Provider::new(
            "AWS::ApiGateway::Stage",
            &[
                "AccessLogSetting",
                "CanarySetting",
                "DeploymentId",
                "Description",
                "MethodSettings",
                "RestApiId",
                "StageName",
                "Tags",
                "TracingEnabled",
                "Variables",
            ],
            create_stage,
            update_stage,
            delete_stage,
        ),
        Provider::new(
            "AWS::ApiGateway::GatewayResponse",
            &[
                "ResponseParameters",
                "ResponseTemplates",
                "ResponseType",
                "RestApiId",
                "StatusCode",
            ],
            create_gateway_response,
            put_gateway_response,
            delete_gateway_response,
        ),
    ]
}

/// All properties of the type replace it.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn unchanging(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}

/// `RestApiId` is `restApiId`.
fn small(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The members of an object with small first letters, values as they are.
fn members(value: &Value, names: &[&str]) -> Map<String, Value> {
    let given = names
        .iter()
        .filter_map(|name| Some((small(name), value.get(name)?.clone())));
    given.collect()
}

/// A whole tree with small first letters, where no key is the user's own.
fn tree(value: &Value) -> Value {
    match value {
        Value::Object(inner) => {
            let turned = inner
                .iter()
                .map(|(name, member)| (small(name), tree(member)));
            Value::Object(turned.collect())
        }
        Value::Array(items) => items.iter().map(tree).collect(),
        other => other.clone(),
    }
}

fn call_api(call: &mut ResourceCall<'_, '_>, operation: &str, input: Value) -> Result<Value> {
    call.call("apigateway", operation, input)
}

fn remove(call: &mut ResourceCall<'_, '_>, operation: &str, input: Value) -> Result<Outcome> {
    call.call_unless_absent("apigateway", operation, input)?;
    Ok(Outcome::Done)
}

fn own_tags(call: &ResourceCall<'_, '_>) -> Value {
    let tags = call.own_tags().into_iter();
    Value::Object(tags.map(|(key, value)| (key, value.into())).collect())
}

fn retag(call: &mut ResourceCall<'_, '_>, path: &str) -> Result<()> {
    let (set, gone) = call.tag_changes();
    let arn = format!("arn:aws:apigateway:{}::{path}", call.stack.region);
    if !gone.is_empty() {
        call_api(
            call,
            "UntagResource",
            json!({ "resourceArn": arn, "tagKeys": gone }),
        )?;
    }
    if !set.is_empty() {
        let tags: Map<String, Value> = set
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        call_api(
            call,
            "TagResource",
            json!({ "resourceArn": arn, "tags": tags }),
        )?;
    }
    Ok(())
}

fn replace(path: impl Into<String>, value: &Value) -> Value {
    let value = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    json!({ "op": "replace", "path": path.into(), "value": value })
}

/// Patches of the plain properties that changed.
fn plain_patches(call: &ResourceCall<'_, '_>, names: &[(&str, &str)]) -> Vec<Value> {
    let changed = names.iter().filter(|(name, _)| call.changed(name));
    changed
        .map(|(name, path)| replace(*path, call.property(name).unwrap_or(&Value::Null)))
        .collect()
}

fn patch(
    call: &mut ResourceCall<'_, '_>,
    operation: &str,
    mut target: Value,
    patches: Vec<Value>,
) -> Result<()> {
    if patches.is_empty() {
        return Ok(());
    }
    target["patchOperations"] = patches.into();
    call_api(call, operation, target).map(drop)
}

/// One segment of a patch's path.
fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

fn create_api(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let names = [
        "BinaryMediaTypes",
        "Description",
        "DisableExecuteApiEndpoint",
        "MinimumCompressionSize",
    ];
    let mut input = members(call.properties, &names);
    let title = call.properties.pointer("/Body/info/title");
    let title = title.filter(|_| call.property("Name").is_none()).cloned();
    let name = title.unwrap_or_else(|| call.name("Name", 1024).into());
    input.insert("name".into(), name);
    if let Some(endpoints) = call.property("EndpointConfiguration") {
        input.insert("endpointConfiguration".into(), tree(endpoints));
    }
    if let Some(source) = call.property("ApiKeySourceType") {
        input.insert("apiKeySource".into(), source.clone());
    }
    if let Some(policy) = call.document("Policy") {
        input.insert("policy".into(), policy.into());
    }
    input.insert("tags".into(), own_tags(call));
    let answer = call_api(call, "CreateRestApi", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("RestApiId", answer["id"].clone());
    call.attribute("RootResourceId", answer["rootResourceId"].clone());
    put_body(call)?;
    Ok(Outcome::Done)
}

/// Reads the document in `Body` into the API; what other properties say wins over it.
fn put_body(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let Some(body) = call.document("Body") else {
        return Ok(());
    };
    let mut input = members(call.properties, &["FailOnWarnings", "Parameters"]);
    let mode = call.property("Mode").cloned();
    input.insert("mode".into(), mode.unwrap_or_else(|| "overwrite".into()));
    input.insert("restApiId".into(), call.physical_id.as_str().into());
    input.insert("body".into(), STANDARD.encode(body).into());
    call_api(call, "PutRestApi", input.into())?;
    let mut patches = Vec::new();
    for (name, path) in [("Name", "/name"), ("Description", "/description")] {
        patches.extend(call.property(name).map(|value| replace(path, value)));
    }
    for media in list(call.properties, "BinaryMediaTypes") {
        let media = escaped(media.as_str().unwrap_or_default());
        patches.push(json!({ "op": "add", "path": format!("/binaryMediaTypes/{media}") }));
    }
    let target = json!({ "restApiId": call.physical_id });
    patch(call, "UpdateRestApi", target, patches)
}

fn update_api(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    if call.any_changed(&["Body", "Mode", "Parameters"]) {
        put_body(call)?;
    }
    let mut patches = plain_patches(
        call,
        &[
            ("Name", "/name"),
            ("Description", "/description"),
            ("ApiKeySourceType", "/apiKeySource"),
            ("MinimumCompressionSize", "/minimumCompressionSize"),
            ("DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint"),
        ],
    );
    if call.changed("Policy") {
        let policy = call.document("Policy").unwrap_or_default();
        patches.push(replace("/policy", &policy.into()));
    }
    let kind = "/EndpointConfiguration/Types/0";
    if call.properties.pointer(kind) != call.old_properties.pointer(kind) {
        let wanted = call.properties.pointer(kind).cloned();
        let wanted = wanted.unwrap_or_else(|| "EDGE".into());
        patches.push(replace("/endpointConfiguration/types/0", &wanted));
    }
    let (new, old) = (
        list(call.properties, "BinaryMediaTypes"),
        list(call.old_properties, "BinaryMediaTypes"),
    );
    for (op, here, there) in [("add", &new, &old), ("remove", &old, &new)] {
        for media in here.iter().filter(|media| !there.contains(media)) {
            let media = escaped(media.as_str().unwrap_or_default());
            patches.push(json!({ "op": op, "path": format!("/binaryMediaTypes/{media}") }));
        }
    }
    let target = json!({ "restApiId": call.physical_id });
    patch(call, "UpdateRestApi", target, patches)?;
    retag(call, &format!("/restapis/{}", call.physical_id.clone()))?;
    Ok(Outcome::Done)
}

fn list(properties: &Value, name: &str) -> Vec<Value> {
    properties[name].as_array().cloned().unwrap_or_default()
}

fn delete_api(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "restApiId": call.physical_id });
    remove(call, "DeleteRestApi", input)
}

fn create_resource(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &["RestApiId", "ParentId", "PathPart"]);
    let answer = call_api(call, "CreateResource", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("ResourceId", answer["id"].clone());
    Ok(Outcome::Done)
}

/// `restApiId` and the resource's own id under `name`.
fn part(call: &ResourceCall<'_, '_>, name: &str) -> Value {
    let mut target = json!({ "restApiId": call.text("RestApiId") });
    target[name] = call.physical_id.as_str().into();
    target
}

fn delete_resource(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = part(call, "resourceId");
    remove(call, "DeleteResource", input)
}

fn create_method(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    call.identify(id);
    put_method(call)
}

fn put_method(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let target = members(call.properties, &["RestApiId", "ResourceId", "HttpMethod"]);
    let names = [
        "ApiKeyRequired",
        "AuthorizationScopes",
        "AuthorizerId",
        "OperationName",
        "RequestModels",
        "RequestParameters",
        "RequestValidatorId",
    ];
    let mut input = members(call.properties, &names);
    input.extend(target.clone());
    let authorization = call.property("AuthorizationType").cloned();
    let authorization = authorization.unwrap_or_else(|| "NONE".into());
    input.insert("authorizationType".into(), authorization);
    call_api(call, "PutMethod", input.into())?;
    for response in list(call.properties, "MethodResponses") {
        let names = ["StatusCode", "ResponseModels", "ResponseParameters"];
        let mut input = members(&response, &names);
        input.extend(target.clone());
        call_api(call, "PutMethodResponse", input.into())?;
    }
    if let Some(integration) = call.property("Integration").cloned() {
        put_integration(call, &target, &integration)?;
    }
    Ok(Outcome::Done)
}

fn put_integration(
    call: &mut ResourceCall<'_, '_>,
    target: &Map<String, Value>,
    integration: &Value,
) -> Result<()> {
    let names = [
        "CacheKeyParameters",
        "CacheNamespace",
        "ConnectionId",
        "ConnectionType",
        "ContentHandling",
        "Credentials",
        "IntegrationHttpMethod",
        "IntegrationTarget",
        "PassthroughBehavior",
        "RequestParameters",
        "RequestTemplates",
        "ResponseTransferMode",
        "TimeoutInMillis",
        "Type",
        "Uri",
    ];
    let mut input = members(integration, &names);
    input.extend(target.clone());
    call_api(call, "PutIntegration", input.into())?;
    for response in list(integration, "IntegrationResponses") {
        let names = [
            "ContentHandling",
            "ResponseParameters",
            "ResponseTemplates",
            "SelectionPattern",
            "StatusCode",
        ];
        let mut input = members(&response, &names);
        input.extend(target.clone());
        call_api(call, "PutIntegrationResponse", input.into())?;
    }
    Ok(())
}

/// Puts the method anew: in one transaction nobody sees it missing.
fn update_method(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    delete_method(call)?;
    put_method(call)
}

fn delete_method(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let target = members(call.properties, &["RestApiId", "ResourceId", "HttpMethod"]);
    remove(call, "DeleteMethod", target.into())
}

fn create_model(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = members(
        call.properties,
        &["RestApiId", "Description", "ContentType"],
    );
    // A model's name is letters and digits alone.
    let name = call.name("Name", 100).replace('-', "");
    input.insert("name".into(), name.as_str().into());
    input
        .entry("contentType")
        .or_insert_with(|| "application/json".into());
    let schema = call.document("Schema").unwrap_or_else(|| "{}".to_owned());
    input.insert("schema".into(), schema.into());
    call_api(call, "CreateModel", input.into())?;
    call.identify(name);
    Ok(Outcome::Done)
}

fn update_model(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut patches = plain_patches(call, &[("Description", "/description")]);
    if call.changed("Schema") {
        let schema = call.document("Schema").unwrap_or_else(|| "{}".to_owned());
        patches.push(replace("/schema", &schema.into()));
    }
    let target = part(call, "modelName");
    patch(call, "UpdateModel", target, patches)?;
    Ok(Outcome::Done)
}

fn delete_model(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = part(call, "modelName");
    remove(call, "DeleteModel", input)
}

fn create_validator(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let names = [
        "RestApiId",
        "Name",
        "ValidateRequestBody",
        "ValidateRequestParameters",
    ];
    let input = members(call.properties, &names);
    let answer = call_api(call, "CreateRequestValidator", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("RequestValidatorId", answer["id"].clone());
    Ok(Outcome::Done)
}

fn update_validator(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let flag = |name: &str| call.property(name).cloned().unwrap_or_else(|| false.into());
    let patches = vec![
        replace("/validateRequestBody", &flag("ValidateRequestBody")),
        replace(
            "/validateRequestParameters",
            &flag("ValidateRequestParameters"),
        ),
    ];
    let target = part(call, "requestValidatorId");
    patch(call, "UpdateRequestValidator", target, patches)?;
    Ok(Outcome::Done)
}

fn delete_validator(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = part(call, "requestValidatorId");
    remove(call, "DeleteRequestValidator", input)
}

fn create_deployment(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &["RestApiId", "Description", "StageName"]);
    let answer = call_api(call, "CreateDeployment", input.into())?;
    call.identify(answer["id"].as_str().unwrap_or_default());
    call.attribute("DeploymentId", answer["id"].clone());
    Ok(Outcome::Done)
}

fn update_deployment(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let patches = plain_patches(call, &[("Description", "/description")]);
    let target = part(call, "deploymentId");
    patch(call, "UpdateDeployment", target, patches)?;
    Ok(Outcome::Done)
}

fn delete_deployment(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = part(call, "deploymentId");
    remove(call, "DeleteDeployment", input)
}

fn create_stage(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let names = [
        "RestApiId",
        "DeploymentId",
        "Description",
        "DocumentationVersion",
        "TracingEnabled",
        "Variables",
    ];
    let mut input = members(call.properties, &names);
    let name = call.name("StageName", 128);
    input.insert("stageName".into(), name.as_str().into());
    if let Some(canary) = call.property("CanarySetting") {
        input.insert("canarySettings".into(), canary_of(canary));
    }
    input.insert("tags".into(), own_tags(call));
    call_api(call, "CreateStage", input.into())?;
    call.identify(name);
    let mut patches = settings(call.properties);
    patches.extend(access_log(call));
    patch_stage(call, patches)?;
    Ok(Outcome::Done)
}

fn patch_stage(call: &mut ResourceCall<'_, '_>, patches: Vec<Value>) -> Result<()> {
    let target = part(call, "stageName");
    patch(call, "UpdateStage", target, patches)
}

/// The patches that one property of MethodSettings stands for.
const SETTINGS: [(&str, &str); 8] = [
    ("CacheDataEncrypted", "caching/dataEncrypted"),
    ("CacheTtlInSeconds", "caching/ttlInSeconds"),
    ("CachingEnabled", "caching/enabled"),
    ("DataTraceEnabled", "logging/dataTrace"),
    ("LoggingLevel", "logging/loglevel"),
    ("MetricsEnabled", "metrics/enabled"),
    ("ThrottlingBurstLimit", "throttling/burstLimit"),
    ("ThrottlingRateLimit", "throttling/rateLimit"),
];

/// `/*` with method `*` is the path `/*/*`, `/upload` is `/~1upload`.
fn setting_path(setting: &Value) -> String {
    let resource = match setting["ResourcePath"].as_str() {
        None | Some("/*" | "*") => "*".to_owned(),
        Some(path) => escaped(path),
    };
    let method = setting["HttpMethod"].as_str().unwrap_or("*");
    format!("/{resource}/{method}")
}

fn settings(properties: &Value) -> Vec<Value> {
    let mut patches = Vec::new();
    for setting in list(properties, "MethodSettings") {
        let place = setting_path(&setting);
        let given = SETTINGS
            .iter()
            .filter_map(|(name, path)| Some((setting.get(name)?, path)));
        patches.extend(given.map(|(value, path)| replace(format!("{place}/{path}"), value)));
    }
    patches
}

fn access_log(call: &ResourceCall<'_, '_>) -> Vec<Value> {
    let Some(wanted) = call.property("AccessLogSetting") else {
        let was = call.old_properties.get("AccessLogSetting").is_some();
        let gone = json!({ "op": "remove", "path": "/accessLogSettings" });
        return if was { vec![gone] } else { vec![] };
    };
    let members = [
        ("DestinationArn", "/accessLogSettings/destinationArn"),
        ("Format", "/accessLogSettings/format"),
    ];
    let given = members
        .iter()
        .filter_map(|(name, path)| Some(replace(*path, wanted.get(name)?)));
    given.collect()
}

fn update_stage(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut patches = plain_patches(
        call,
        &[
            ("DeploymentId", "/deploymentId"),
            ("Description", "/description"),
        ],
    );
    if call.changed("TracingEnabled") {
        let traced = call.property("TracingEnabled") == Some(&true.into());
        patches.push(replace("/tracingEnabled", &traced.into()));
    }
    patches.extend(variables(call));
    if call.changed("MethodSettings") {
        let kept: Vec<String> = list(call.properties, "MethodSettings")
            .iter()
            .map(setting_path)
            .collect();
        for old in list(call.old_properties, "MethodSettings") {
            let path = setting_path(&old);
            if !kept.contains(&path) {
                patches.push(json!({ "op": "remove", "path": path }));
            }
        }
        patches.extend(settings(call.properties));
    }
    if call.changed("AccessLogSetting") {
        patches.extend(access_log(call));
    }
    if call.changed("CanarySetting") {
        patches.extend(canary_patches(call));
    }
    patch_stage(call, patches)?;
    let path = format!(
        "/restapis/{}/stages/{}",
        call.text("RestApiId"),
        call.physical_id
    );
    retag(call, &path)?;
    Ok(Outcome::Done)
}

/// A canary's settings; the names of its variables are the user's own.
fn canary_of(canary: &Value) -> Value {
    let names = [
        "DeploymentId",
        "PercentTraffic",
        "StageVariableOverrides",
        "UseStageCache",
    ];
    Value::Object(members(canary, &names))
}

fn canary_patches(call: &ResourceCall<'_, '_>) -> Vec<Value> {
    let gone = json!({ "op": "remove", "path": "/canarySettings" });
    let Some(Value::Object(wanted)) = call.property("CanarySetting").map(canary_of) else {
        return vec![gone];
    };
    let mut patches = vec![gone];
    for (name, value) in wanted {
        match value {
            Value::Object(variables) => patches.extend(variables.iter().map(|(key, value)| {
                replace(format!("/canarySettings/{name}/{}", escaped(key)), value)
            })),
            value => patches.push(replace(format!("/canarySettings/{name}"), &value)),
        }
    }
    patches
}

fn variables(call: &ResourceCall<'_, '_>) -> Vec<Value> {
    let map = |properties: &Value| {
        properties["Variables"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    };
    let (new, old) = (map(call.properties), map(call.old_properties));
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let gone =
        gone.map(|name| json!({ "op": "remove", "path": format!("/variables/{}", escaped(name)) }));
    let set = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value));
    let set = set.map(|(name, value)| replace(format!("/variables/{}", escaped(name)), value));
    gone.chain(set).collect()
}

fn delete_stage(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = part(call, "stageName");
    remove(call, "DeleteStage", input)
}

fn create_gateway_response(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.generated_name(100);
    call.attribute("Id", id.as_str());
    call.identify(id);
    put_gateway_response(call)
}

fn put_gateway_response(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let names = [
        "ResponseParameters",
        "ResponseTemplates",
        "ResponseType",
        "RestApiId",
        "StatusCode",
    ];
    let input = members(call.properties, &names);
    call_api(call, "PutGatewayResponse", input.into())?;
    Ok(Outcome::Done)
}

fn delete_gateway_response(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = members(call.properties, &["ResponseType", "RestApiId"]);
    remove(call, "DeleteGatewayResponse", input.into())
}
