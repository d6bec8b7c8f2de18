//! How an API is served: its deployment, its stage, the account's logging role, its usage plan.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::grant::trust;
use crate::properties::Properties;
use crate::rest_api::{RestApi, Throttle, UsagePlan};
use crate::stack::Stack;

const PUSH_TO_LOGS: &str =
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs";

pub(super) fn add(api: &RestApi<'_>, stack: &mut Stack, id: &str, snapshot: &[String]) {
    let deployment = add_deployment(stack, id, snapshot);
    let stage = format!("{id}Stage");
    let properties = Properties::new()
        .with("RestApiId", json!({ "Ref": id }))
        .with("DeploymentId", json!({ "Ref": deployment }))
        .with("StageName", api.stage)
        .with_list("MethodSettings", method_settings(api))
        .with("TracingEnabled", api.tracing);
    stack.insert(&stage, "AWS::ApiGateway::Stage", properties);
    if api.execution_logs {
        let account = add_account(stack, id);
        stack.depends_on(&stage, &[account]);
    }
    if let Some(plan) = &api.usage_plan {
        add_usage_plan(stack, id, &stage, plan);
    }
}

/// The logical id says what is deployed, so a change of the API is a new deployment.
fn add_deployment(stack: &mut Stack, id: &str, snapshot: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(id).chain(snapshot.iter().map(String::as_str)) {
        hash.update(part);
        hash.update(stack.resources[part].to_string());
    }
    let digest = hex::encode_upper(hash.finalize());
    let deployment = format!("{id}Deployment{}", &digest[..10]);
    stack.insert(
        &deployment,
        "AWS::ApiGateway::Deployment",
        json!({ "RestApiId": { "Ref": id } }),
    );
    stack.depends_on(&deployment, snapshot);
    deployment
}

/// One setting for every method of the stage.
fn method_settings(api: &RestApi<'_>) -> Vec<Value> {
    let mut settings = Map::new();
    if api.execution_logs {
        settings.insert("LoggingLevel".to_owned(), json!("INFO"));
        settings.insert("DataTraceEnabled".to_owned(), json!(api.data_trace));
    }
    if api.metrics {
        settings.insert("MetricsEnabled".to_owned(), json!(true));
    }
    if let Some(throttle) = api.throttle {
        settings.insert("ThrottlingRateLimit".to_owned(), json!(throttle.rate_per_s));
        settings.insert("ThrottlingBurstLimit".to_owned(), json!(throttle.burst));
    }
    if settings.is_empty() {
        return vec![];
    }
    settings.insert("HttpMethod".to_owned(), json!("*"));
    settings.insert("ResourcePath".to_owned(), json!("/*"));
    vec![Value::Object(settings)]
}

/// API Gateway logs as one role per account and region. Both stay when the stack goes, because the setting serves
/// every other API of the region too, and would point to a role that is gone.
fn add_account(stack: &mut Stack, id: &str) -> String {
    let (role, account) = (format!("{id}LogsRole"), format!("{id}Account"));
    let properties = Properties::new()
        .with(
            "AssumeRolePolicyDocument",
            trust("apigateway.amazonaws.com"),
        )
        .with("ManagedPolicyArns", json!([{ "Fn::Sub": PUSH_TO_LOGS }]));
    stack.insert(&role, "AWS::IAM::Role", properties);
    stack.retain(&role);
    let arn = json!({ "Fn::GetAtt": [role, "Arn"] });
    stack.insert(
        &account,
        "AWS::ApiGateway::Account",
        json!({ "CloudWatchRoleArn": arn }),
    );
    stack.retain(&account);
    account
}

fn add_usage_plan(stack: &mut Stack, id: &str, stage: &str, plan: &UsagePlan<'_>) {
    let plan_id = format!("{id}UsagePlan");
    let quota = plan
        .quota_per_day
        .map(|limit| json!({ "Limit": limit, "Period": "DAY" }));
    let properties = Properties::new()
        .with_some("UsagePlanName", plan.name.as_ref())
        .with_text("Description", plan.description)
        .with(
            "ApiStages",
            json!([{ "ApiId": { "Ref": id }, "Stage": { "Ref": stage } }]),
        )
        .with_some("Quota", quota)
        .with_some("Throttle", plan.throttle.map(throttle));
    stack.insert(&plan_id, "AWS::ApiGateway::UsagePlan", properties);
    if plan.with_key {
        let key = format!("{id}Key");
        stack.insert(&key, "AWS::ApiGateway::ApiKey", json!({ "Enabled": true }));
        stack.depends_on(&key, &[stage.to_owned()]);
        let member = json!({ "KeyId": { "Ref": key }, "KeyType": "API_KEY", "UsagePlanId": { "Ref": plan_id } });
        stack.insert(
            &format!("{id}UsagePlanKey"),
            "AWS::ApiGateway::UsagePlanKey",
            member,
        );
    }
}

fn throttle(throttle: Throttle) -> Value {
    json!({ "RateLimit": throttle.rate_per_s, "BurstLimit": throttle.burst })
}
