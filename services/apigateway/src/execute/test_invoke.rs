//! TestInvokeMethod and TestInvokeAuthorizer: a method as it is being edited, with its log.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-test-method.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_engine::Access;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::super::api::TestInvokeInput;
use super::super::errors::{no_authorizer, no_method, no_resource};
use super::super::state::{self, Api, Method, Place, Resource, Stage};
use super::log::ExecutionLog;
use super::{Call, authorizer, extended_id, failure, route};

const STAGE: &str = "test-invoke-stage";

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_TestInvokeMethod.html>
pub(in super::super) fn test_invoke_method(
    engine: Engine,
    context: cumulet_engine::Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: TestInvokeInput = request.decode()?;
        let TestInvokeInput {
            rest_api_id,
            resource_id,
            http_method,
            ..
        } = &input;
        let path = format!("/restapis/{rest_api_id}/resources/{resource_id}/methods/{http_method}");
        let api = load(&engine, &context, &input, &path)?;
        let resource = api.definition.resources.get(resource_id).cloned();
        let resource = resource.ok_or_else(no_resource)?;
        let methods = &resource.resource_methods;
        let method = methods.get(http_method).or_else(|| methods.get("ANY"));
        let method = method.cloned();
        let method = method.ok_or_else(no_method)?;
        let mut call = call(&engine, &context, api, &input, (resource, method));
        let mut log = ExecutionLog::begin(&call);
        let reply = call.reply(&mut log, None).await;
        let (log, latency) = log.into_text(&call, &reply);
        Reply::of(&shown(&reply, &log, latency))
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_TestInvokeAuthorizer.html>
pub(in super::super) fn test_invoke_authorizer(
    engine: Engine,
    context: cumulet_engine::Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: TestInvokeInput = request.decode()?;
        let id = &input.authorizer_id;
        let path = format!("/restapis/{}/authorizers/{id}", input.rest_api_id);
        let api = load(&engine, &context, &input, &path)?;
        let authorizer = api.definition.authorizers.get(id).cloned();
        let authorizer = authorizer.ok_or_else(no_authorizer)?;
        let nowhere = (Resource::default(), Method::default());
        let call = call(&engine, &context, api, &input, nowhere);
        let mut log = ExecutionLog::begin(&call);
        let outcome = authorizer::identify(&call, &authorizer, &mut log).await;
        let mut answer = json!({ "clientStatus": 200 });
        let reply = match outcome {
            Ok(authorized) => {
                answer["principalId"] = authorized.principal_id.into();
                answer["policy"] = authorized.policy.to_string().into();
                let claims = authorized.context;
                answer["authorization"] = json!({});
                answer["claims"] = Value::Object(claims);
                HttpReply::json(200, "")
            }
            Err(failure) => {
                log.failed(&failure);
                failure.reply(&call)
            }
        };
        answer["clientStatus"] = reply.status.into();
        let (log, latency) = log.into_text(&call, &reply);
        answer["log"] = log.into();
        answer["latency"] = latency.into();
        Reply::of(&answer)
    })
}

fn load(
    engine: &Engine,
    context: &cumulet_engine::Context,
    input: &TestInvokeInput,
    path: &str,
) -> Result<Api> {
    engine.read(|tx| {
        let resource = format!("arn:aws:apigateway:{}::{path}", context.region);
        iam::authorise(tx, context, &[Access::new("apigateway:POST", resource)])?;
        let found = state::api(tx, Place::of(context), &input.rest_api_id);
        // As recorded: without the API it is the resource that is not found.
        found.map_err(|error| match (error.status, input.resource_id.is_empty()) {
            (404, false) => no_resource(),
            _ => error,
        })
    })
}

fn call<'a>(
    engine: &'a Engine,
    context: &cumulet_engine::Context,
    api: Api,
    input: &'a TestInvokeInput,
    (resource, method): (Resource, Method),
) -> Call<'a> {
    let target = input.path_with_query_string.as_deref();
    let target = target
        .filter(|target| !target.is_empty())
        .unwrap_or(&resource.path);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target.to_owned(), None),
    };
    let request = HttpRequest {
        method: match input.http_method.as_str() {
            "ANY" | "" => "GET".to_owned(),
            method => method.to_owned(),
        },
        path: format!("/{STAGE}{path}"),
        query,
        headers: headers(input),
        body: input.body.clone().unwrap_or_default().into(),
        source_ip: "test-invoke-source-ip".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        host: String::new(),
        unproven: None,
    };
    let path_parameters = route::match_path(&resource.path, &path).unwrap_or_default();
    let definition = super::super::control::frozen(api);
    Call {
        engine,
        context: context.clone(),
        api_id: &input.rest_api_id,
        stage: Stage {
            stage_name: STAGE.to_owned(),
            variables: input.stage_variables.clone(),
            ..Stage::default()
        },
        definition: Arc::new(definition),
        resource,
        method,
        path_parameters,
        path,
        request,
        extended_request_id: extended_id(context),
        api_key: None,
        authorized: None,
        is_canary: None,
        is_test: true,
    }
}

fn headers(input: &TestInvokeInput) -> Vec<(String, String)> {
    let several = input.multi_value_headers.iter().flat_map(|(name, values)| {
        let values = values.iter();
        values.map(move |value| (name.clone(), value.clone()))
    });
    let single = input.headers.iter();
    let single = single.filter(|(name, _)| !input.multi_value_headers.contains_key(*name));
    single
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(several)
        .collect()
}

fn shown(reply: &HttpReply, log: &str, latency: i64) -> Value {
    let mut single: BTreeMap<&str, &str> = BTreeMap::new();
    let mut multiple: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let names = || reply.headers.iter().map(|(name, _)| name.as_str());
    let failed = names().any(|name| name == "x-amzn-ErrorType");
    for (name, value) in &reply.headers {
        if failure::is_identification(name) || (failed && name == "Content-Type") {
            continue;
        }
        single.insert(name, value);
        multiple.entry(name).or_default().push(value);
    }
    json!({
        "status": reply.status,
        "body": String::from_utf8_lossy(&reply.body),
        "headers": single,
        "multiValueHeaders": multiple,
        "log": log,
        "latency": latency,
    })
}
