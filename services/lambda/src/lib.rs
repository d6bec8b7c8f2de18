//! Lambda: functions, their code, and their invocation.
//!
//! What runs a function is not here: the binary's runner is handed a [`FunctionVersion`] and answers with
//! an outcome. Here is everything around that: who may invoke and change what, which version a name
//! means, how many may run at once, what becomes of asynchronous events, and where logs go.
//!
//! [`FunctionVersion`]: cumulet_engine::runner::FunctionVersion

mod account;
mod alarm_action;
mod alias;
mod api;
mod archive;
mod asynchronous;
mod code;
mod concurrency;
mod configuration;
mod destination;
mod errors;
mod event_source;
mod function;
mod inline_code;
mod invoke;
mod invoke_config;
mod layer;
mod metrics;
mod name;
mod page;
mod policy;
mod resolve;
mod resource;
mod run;
mod running;
mod state;
mod subscription;
mod streaming;
#[cfg(test)]
mod tests;
mod transition;
mod unpacked;
mod url;
mod url_event;
mod version;

use api::{
    AddPermissionInput, AliasInput, CreateFunctionInput, FunctionInput, InvokeConfigInput,
    LayerInput, LayerPermissionInput, LayerVersionInput, ListFunctionsInput, ListLayersInput,
    ListPartsInput, NoInput,
    PublishLayerVersionInput, PublishVersionInput, PutAliasInput, PutConcurrencyInput,
    RemovePermissionInput, TagInput, UpdateFunctionCodeInput, UpdateFunctionConfigurationInput,
    UrlConfigInput,
};
use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::body::Body;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::operation::{AccessRule, Operation, Reply, Request};
use cumulet_engine::provider::StoredCode;
use cumulet_engine::registry::{Denial, Service};
use cumulet_identity::iam;
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Tx};
use futures_util::future::BoxFuture;
use layer::LayerName;
use name::FunctionName;
use resolve::{access, access_to_whole};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("lambda", Denial::RestJson, operations())
        .with_tables(1200, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
        .admitting_events(lets_in)
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::ObjectChanged { .. } => deliver_object_change(&engine, context, entry).await,
        Event::FunctionInvocation { .. } => deliver_invocation(&engine, context, entry).await,
        Event::FunctionReady { .. } => deliver_ready(&engine, context, entry).await,
        Event::AlarmAction { .. } => alarm_action::deliver(&engine, context, entry).await,
        Event::LogsArrived { .. } => subscription::deliver(&engine, context, entry).await,
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = function_operations();
    operations.extend(version_operations());
    operations.extend(policy_operations());
    operations.extend(invocation_operations());
    operations.extend(account_operations());
    operations.extend(layer_operations());
    operations.extend(url_operations());
    operations.extend(event_source::mapping::operations());
    operations
}

fn function_operations() -> Vec<Operation> {
    vec![
        Operation::edge("CreateFunction", create_function),
        Operation::edge("UpdateFunctionCode", update_function_code),
        Operation::read::<FunctionInput, _>(
            "GetFunction",
            |tx, context, input| {
                let qualifier = input.qualifier.as_deref();
                access(
                    tx,
                    context,
                    "lambda:GetFunction",
                    &input.function_name,
                    qualifier,
                )
            },
            function::get,
        ),
        Operation::read::<FunctionInput, _>(
            "GetFunctionConfiguration",
            |tx, context, input| {
                let qualifier = input.qualifier.as_deref();
                access(
                    tx,
                    context,
                    "lambda:GetFunctionConfiguration",
                    &input.function_name,
                    qualifier,
                )
            },
            function::get_configuration,
        ),
        Operation::read::<ListFunctionsInput, _>(
            "ListFunctions",
            |_, _, _| Ok(vec![Access::new("lambda:ListFunctions", "*")]),
            function::list,
        ),
        Operation::write::<UpdateFunctionConfigurationInput, _>(
            "UpdateFunctionConfiguration",
            function::update_access,
            function::update_configuration,
        ),
        Operation::write::<FunctionInput, _>(
            "DeleteFunction",
            |tx, context, input| {
                let qualifier = input.qualifier.as_deref();
                access(
                    tx,
                    context,
                    "lambda:DeleteFunction",
                    &input.function_name,
                    qualifier,
                )
            },
            function::delete,
        ),
    ]
}

fn version_operations() -> Vec<Operation> {
    vec![
        Operation::write::<PublishVersionInput, _>(
            "PublishVersion",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:PublishVersion", &input.function_name)
            },
            version::publish,
        ),
        Operation::read::<ListPartsInput, _>(
            "ListVersionsByFunction",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:ListVersionsByFunction",
                    &input.function_name,
                )
            },
            version::list,
        ),
        Operation::write::<PutAliasInput, _>(
            "CreateAlias",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:CreateAlias", &input.function_name)
            },
            alias::create,
        ),
        Operation::write::<PutAliasInput, _>(
            "UpdateAlias",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:UpdateAlias", &input.function_name)
            },
            alias::update,
        ),
        Operation::read::<AliasInput, _>(
            "GetAlias",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:GetAlias", &input.function_name)
            },
            alias::get,
        ),
        Operation::write::<AliasInput, _>(
            "DeleteAlias",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:DeleteAlias", &input.function_name)
            },
            alias::delete,
        ),
        Operation::read::<ListPartsInput, _>(
            "ListAliases",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:ListAliases", &input.function_name)
            },
            alias::list,
        ),
    ]
}

fn policy_operations() -> Vec<Operation> {
    vec![
        Operation::write::<AddPermissionInput, _>(
            "AddPermission",
            |tx, context, input| {
                let needed =
                    access_to_whole(tx, context, "lambda:AddPermission", &input.function_name)?;
                let principal =
                    |access: Access| access.condition("lambda:Principal", &input.principal);
                Ok(needed.into_iter().map(principal).collect())
            },
            policy::add,
        ),
        Operation::write::<RemovePermissionInput, _>(
            "RemovePermission",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:RemovePermission", &input.function_name)
            },
            policy::remove,
        ),
        Operation::read::<FunctionInput, _>(
            "GetPolicy",
            |tx, context, input| {
                access_to_whole(tx, context, "lambda:GetPolicy", &input.function_name)
            },
            policy::get,
        ),
        Operation::write::<PutConcurrencyInput, _>(
            "PutFunctionConcurrency",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:PutFunctionConcurrency",
                    &input.function_name,
                )
            },
            concurrency::put,
        ),
        Operation::read::<FunctionInput, _>(
            "GetFunctionConcurrency",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:GetFunctionConcurrency",
                    &input.function_name,
                )
            },
            concurrency::get,
        ),
        Operation::write::<FunctionInput, _>(
            "DeleteFunctionConcurrency",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:DeleteFunctionConcurrency",
                    &input.function_name,
                )
            },
            concurrency::delete,
        ),
    ]
}

fn invocation_operations() -> Vec<Operation> {
    vec![
        Operation::edge("Invoke", invoke::operation),
        Operation::edge("InvokeWithResponseStream", streaming::operation),
        Operation::write::<InvokeConfigInput, _>(
            "PutFunctionEventInvokeConfig",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:PutFunctionEventInvokeConfig",
                    &input.function_name,
                )
            },
            invoke_config::put,
        ),
        Operation::write::<InvokeConfigInput, _>(
            "UpdateFunctionEventInvokeConfig",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:UpdateFunctionEventInvokeConfig",
                    &input.function_name,
                )
            },
            invoke_config::update,
        ),
        Operation::read::<FunctionInput, _>(
            "GetFunctionEventInvokeConfig",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:GetFunctionEventInvokeConfig",
                    &input.function_name,
                )
            },
            invoke_config::get,
        ),
        Operation::write::<FunctionInput, _>(
            "DeleteFunctionEventInvokeConfig",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:DeleteFunctionEventInvokeConfig",
                    &input.function_name,
                )
            },
            invoke_config::delete,
        ),
        Operation::read::<ListPartsInput, _>(
            "ListFunctionEventInvokeConfigs",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:ListFunctionEventInvokeConfigs",
                    &input.function_name,
                )
            },
            invoke_config::list,
        ),
    ]
}

fn account_operations() -> Vec<Operation> {
    let tag: AccessRule<TagInput> =
        |tx, context, input| account::tag_access(tx, context, "lambda:TagResource", input);
    let untag: AccessRule<TagInput> =
        |tx, context, input| account::tag_access(tx, context, "lambda:UntagResource", input);
    let list: AccessRule<TagInput> =
        |tx, context, input| account::tag_access(tx, context, "lambda:ListTags", input);
    vec![
        Operation::write("TagResource", tag, account::tag),
        Operation::write("UntagResource", untag, account::untag),
        Operation::read("ListTags", list, account::list_tags),
        Operation::read::<NoInput, _>(
            "GetAccountSettings",
            |_, _, _| Ok(vec![Access::new("lambda:GetAccountSettings", "*")]),
            account::settings,
        ),
    ]
}

fn layer_operations() -> Vec<Operation> {
    /// On a version that the input names.
    macro_rules! on_version {
        ($action:literal) => {{
            let rule: AccessRule<LayerVersionInput> = |tx, context, input| {
                layer::access(tx, concat!("lambda:", $action), &input.name(context))
            };
            rule
        }};
    }
    macro_rules! on_permission {
        ($action:literal) => {{
            let rule: AccessRule<LayerPermissionInput> = |tx, context, input| {
                let version = Some(input.version_number);
                let name = LayerName::parse(context, &input.layer_name, version);
                layer::access(tx, concat!("lambda:", $action), &name)
            };
            rule
        }};
    }
    vec![
        Operation::edge("PublishLayerVersion", publish_layer_version),
        Operation::read(
            "GetLayerVersion",
            on_version!("GetLayerVersion"),
            layer::get,
        ),
        Operation::read(
            "GetLayerVersionByArn",
            on_version!("GetLayerVersion"),
            layer::get,
        ),
        Operation::write(
            "DeleteLayerVersion",
            on_version!("DeleteLayerVersion"),
            layer::delete,
        ),
        Operation::read::<LayerInput, _>(
            "ListLayerVersions",
            |_, _, _| Ok(vec![Access::new("lambda:ListLayerVersions", "*")]),
            layer::list_versions,
        ),
        Operation::read::<ListLayersInput, _>(
            "ListLayers",
            |_, _, _| Ok(vec![Access::new("lambda:ListLayers", "*")]),
            layer::list,
        ),
        Operation::write(
            "AddLayerVersionPermission",
            on_permission!("AddLayerVersionPermission"),
            layer::add_permission,
        ),
        Operation::write(
            "RemoveLayerVersionPermission",
            on_permission!("RemoveLayerVersionPermission"),
            layer::remove_permission,
        ),
        Operation::read(
            "GetLayerVersionPolicy",
            on_version!("GetLayerVersionPolicy"),
            layer::get_policy,
        ),
    ]
}

fn url_operations() -> Vec<Operation> {
    macro_rules! on_url {
        ($input:ty, $action:literal) => {{
            let rule: AccessRule<$input> = |tx, context, input| {
                let qualifier = input.qualifier.as_deref();
                let action = concat!("lambda:", $action);
                access(tx, context, action, &input.function_name, qualifier)
            };
            rule
        }};
    }
    vec![
        Operation::write::<UrlConfigInput, _>(
            "CreateFunctionUrlConfig",
            |tx, context, input| {
                url::change_access(tx, context, "lambda:CreateFunctionUrlConfig", input)
            },
            url::create,
        ),
        Operation::write::<UrlConfigInput, _>(
            "UpdateFunctionUrlConfig",
            |tx, context, input| {
                url::change_access(tx, context, "lambda:UpdateFunctionUrlConfig", input)
            },
            url::update,
        ),
        Operation::read(
            "GetFunctionUrlConfig",
            on_url!(FunctionInput, "GetFunctionUrlConfig"),
            url::get,
        ),
        Operation::write(
            "DeleteFunctionUrlConfig",
            on_url!(FunctionInput, "DeleteFunctionUrlConfig"),
            url::delete,
        ),
        Operation::read::<ListPartsInput, _>(
            "ListFunctionUrlConfigs",
            |tx, context, input| {
                access_to_whole(
                    tx,
                    context,
                    "lambda:ListFunctionUrlConfigs",
                    &input.function_name,
                )
            },
            url::list,
        ),
    ]
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>
fn publish_layer_version(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: PublishLayerVersionInput = typed(request.input)?;
        engine.read(|tx| authorise_layer(tx, &context, &input))?;
        let content = code::fetch(&engine, &context, &input.content).await?;
        let published = engine.write(move |tx| layer::publish(tx, &context, input, &content));
        Reply::of(&published.await?)
    })
}

fn authorise_layer(tx: &Tx<'_>, context: &Context, input: &PublishLayerVersionInput) -> Result<()> {
    let name = LayerName::parse(context, &input.layer_name, None);
    let needed = layer::access(tx, "lambda:PublishLayerVersion", &name)?;
    iam::authorise(tx, context, &needed)
}

/// PublishLayerVersion in an open transaction, its `Content` fetched with [`fetch_code`], authorised as
/// the context's principal; the answer's members.
pub fn publish_layer_version_in(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Value,
    content: &StoredCode,
) -> Result<Value> {
    let input: PublishLayerVersionInput = typed(input)?;
    authorise_layer(tx, context, &input).map_err(name_denial)?;
    members(&layer::publish(tx, context, input, content).map_err(name_denial)?)
}

/// Answers a request to a function URL; `caller` is anonymous where the request was not signed. A body beside the reply
/// is streamed in place of the reply's own.
pub async fn answer_url(
    engine: &Engine,
    caller: Context,
    url_id: &str,
    request: HttpRequest,
) -> (HttpReply, Body) {
    url::answer(engine, caller, url_id, request).await
}

/// Whether the context's service may invoke the function, which S3 asks before it takes a notification
/// configuration.
pub fn lets_in(tx: &Tx<'_>, context: &Context, function: &str) -> Result<bool> {
    let name = FunctionName::parse(context, function)?;
    if resolve::qualified(tx, &name).is_err() {
        return Ok(false);
    }
    match invoke::authorise(tx, context, &name) {
        Ok(()) => Ok(true),
        Err(error) if error.is_access_denied() => Ok(false),
        Err(error) => Err(error),
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
fn create_function(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: CreateFunctionInput = typed(request.input)?;
        engine.read(|tx| {
            let needed = function::create_access(tx, &context, &input)?;
            iam::authorise(tx, &context, &needed)
        })?;
        if let Some(runtime) = &input.configuration.runtime {
            engine
                .functions
                .runtime_available(runtime)
                .map_err(errors::invalid)?;
        }
        let code = code::fetch(&engine, &context, &input.code).await?;
        let created = engine.write(move |tx| function::create(tx, &context, input, &code));
        Reply::of(&created.await?)
    })
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>
fn update_function_code(
    engine: Engine,
    context: Context,
    request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let input: UpdateFunctionCodeInput = typed(request.input.clone())?;
        engine.read(|tx| authorise_update(tx, &context, &input))?;
        let code = code::fetch(&engine, &context, &request.input).await?;
        let updated = engine.write(move |tx| function::update_code(tx, &context, input, &code));
        Reply::of(&updated.await?)
    })
}

fn authorise_update(tx: &Tx<'_>, context: &Context, input: &UpdateFunctionCodeInput) -> Result<()> {
    let needed = access_to_whole(
        tx,
        context,
        "lambda:UpdateFunctionCode",
        &input.function_name,
    )?;
    iam::authorise(tx, context, &needed)
}

fn typed<I: DeserializeOwned>(input: Value) -> Result<I> {
    serde_json::from_value(input)
        .map_err(|error| Error::new("SerializationException", error.to_string()))
}

/// What an invocation answered, for the service that made it.
#[derive(Clone, Debug)]
pub struct Invoked {
    pub payload: Bytes,
    pub function_error: Option<String>,
    pub executed_version: String,
}

/// Invokes a function synchronously as the context's principal (API Gateway calls with
/// `context.as_service("apigateway.amazonaws.com", method_arn, account)`), through its policy, limits,
/// logs and metrics. `function` is a name or ARN, with or without qualifier.
pub async fn invoke(
    engine: &Engine,
    context: &Context,
    function: &str,
    payload: Bytes,
) -> Result<Invoked> {
    invoke::for_service(engine, context, function, payload)
        .await
        .map_err(name_denial)
}

/// Queues an asynchronous invocation as the context's principal; durable when the transaction commits.
/// Answers the invocation's request id.
pub fn invoke_later(
    tx: &mut Tx<'_>,
    context: &Context,
    function: &str,
    payload: &[u8],
) -> Result<String> {
    queue_invocation(tx, context, function, payload, None)
}

/// The same, and the first failure of the function is told to CloudFormation under the name `watcher`.
pub fn invoke_watched(
    tx: &mut Tx<'_>,
    context: &Context,
    function: &str,
    payload: &[u8],
    watcher: &str,
) -> Result<String> {
    queue_invocation(tx, context, function, payload, Some(watcher.to_owned()))
}

fn queue_invocation(
    tx: &mut Tx<'_>,
    context: &Context,
    function: &str,
    payload: &[u8],
    watcher: Option<String>,
) -> Result<String> {
    let name = FunctionName::parse(context, function)?;
    let request_id = context.ids.uuid();
    let order = asynchronous::Order {
        payload,
        request_id: request_id.clone(),
        client_context: None,
        watcher,
    };
    asynchronous::accept(tx, context, &name, order).map_err(name_denial)?;
    Ok(request_id)
}

/// Fetches a `Code` member (ZipFile, or S3Bucket/S3Key/S3ObjectVersion read as the caller), checks the
/// archive and stores it.
pub async fn fetch_code(engine: &Engine, context: &Context, code: &Value) -> Result<StoredCode> {
    code::fetch(engine, context, code)
        .await
        .map_err(name_denial)
}

/// CreateFunction in an open transaction, authorised as the context's principal; the answer's members.
pub fn create_function_in(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Value,
    code: &StoredCode,
) -> Result<Value> {
    let input: CreateFunctionInput = typed(input)?;
    let needed = function::create_access(tx, context, &input)?;
    iam::authorise(tx, context, &needed).map_err(name_denial)?;
    members(&function::create(tx, context, input, code).map_err(name_denial)?)
}

/// UpdateFunctionCode in an open transaction, likewise.
pub fn update_function_code_in(
    tx: &mut Tx<'_>,
    context: &Context,
    input: Value,
    code: &StoredCode,
) -> Result<Value> {
    let input: UpdateFunctionCodeInput = typed(input)?;
    authorise_update(tx, context, &input).map_err(name_denial)?;
    members(&function::update_code(tx, context, input, code).map_err(name_denial)?)
}

fn members(answer: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(answer).map_err(|error| Error::internal(error.to_string()))
}

/// Denials carry Lambda's code also where no wire names them.
fn name_denial(error: Error) -> Error {
    Denial::RestJson.name(error)
}

/// Invokes a function for a bucket notification. Where the function's policy does not let S3, the
/// notification is dropped and the trace says so, as S3 does.
pub async fn deliver_object_change(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::ObjectChanged {
        bucket,
        account,
        destination_arn,
        record,
        ..
    } = entry.event.clone()
    else {
        return Err(Error::internal("not an object's change"));
    };
    let target = Arn::parse(&destination_arn).filter(|arn| arn.service == "lambda");
    let target =
        target.ok_or_else(|| Error::not_implemented("notifications to other than functions"))?;
    let context = context
        .as_service(
            "s3.amazonaws.com",
            &format!("arn:aws:s3:::{bucket}"),
            &account,
        )
        .located(target.account, target.region);
    let payload = json!({ "Records": [record] }).to_string();
    engine
        .write(move |tx| {
            outbox::finish(tx, entry.id)?;
            match invoke_later(tx, &context, &destination_arn, payload.as_bytes()) {
                Err(error) if error.status < 500 => {
                    tracing::warn!(%error, function = destination_arn, "a bucket notification was refused");
                    context.trace.note("dropped", error.to_string());
                    Ok(())
                }
                accepted => accepted.map(drop),
            }
        })
        .await
}

/// Makes the next attempt of an asynchronous invocation.
pub async fn deliver_invocation(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    asynchronous::deliver(engine, context, entry).await
}

/// Turns a created or updated function active.
pub async fn deliver_ready(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    transition::deliver_ready(engine, context, entry).await
}

/// Does what only time sets off: unused code goes, replaced execution environments stop.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    let Event::Timer { kind, .. } = entry.event.clone() else {
        return Err(Error::internal("not a timer"));
    };
    if kind == event_source::POLL_TIMER {
        return event_source::deliver(engine, context, entry).await;
    }
    transition::deliver_timer(engine, entry, &kind).await
}
