//! The data plane: a request against a deployed API, in API Gateway's order.
//!
//! Parse, route, resource policy, API key, authorizer, throttle and quota, validation, integration
//! request, integration, integration response, method response; a failure at any point becomes a
//! gateway response, as the deployment froze it.

mod authorization;
mod authorizer;
mod backend;
mod canary;
mod content;
mod event;
mod failure;
mod http_backend;
mod integrate;
mod keys;
mod lambda_backend;
mod log;
mod mapping;
mod metrics;
mod proxy;
mod route;
mod service_backend;
mod test_invoke;
mod throttle;
mod validate;
mod variables;
mod vtl;

use std::sync::Arc;

use authorizer::Authorized;
use bytes::Bytes;
use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_kernel::Timestamp;
use failure::Failure;
pub(super) use failure::builtin_status;
pub(super) use keys::{Day, extend_usage, usage_by_day};
use log::ExecutionLog;
pub(super) use test_invoke::{test_invoke_authorizer, test_invoke_method};

use super::state::{self, Definition, Method, MethodSetting, Resource, Stage};

/// Everything known about a request once it is routed; one that leads nowhere has an empty resource.
struct Call<'a> {
    engine: &'a Engine,
    /// In the API's account and region; its principal is whoever signed the request.
    context: Context,
    api_id: &'a str,
    stage: Stage,
    definition: Arc<Definition>,
    resource: Resource,
    method: Method,
    path_parameters: Vec<(String, String)>,
    /// The path below the stage.
    path: String,
    request: HttpRequest,
    /// `x-amz-apigw-id` and `requestContext.extendedRequestId`.
    extended_request_id: String,
    api_key: Option<keys::AcceptedKey>,
    authorized: Option<Authorized>,
    /// Whether the stage's canary answers, where it has one.
    is_canary: Option<bool>,
    /// TestInvokeMethod: nobody is asked for keys or permissions.
    is_test: bool,
}

/// An API's stage, as a request finds it.
struct Deployed {
    account: String,
    region: String,
    stage: Stage,
    definition: Arc<Definition>,
    is_canary: Option<bool>,
}

/// Answers a request to a deployed API. `request.path` begins with the stage.
pub async fn execute(
    engine: &Engine,
    context: Context,
    api_id: &str,
    request: HttpRequest,
) -> HttpReply {
    answer(engine, context, api_id, request, None).await
}

/// The answer to a request whose body is over 10 MB; its body is not in it.
pub async fn too_large(
    engine: &Engine,
    context: Context,
    api_id: &str,
    request: HttpRequest,
) -> HttpReply {
    let failure = Failure::of("REQUEST_TOO_LARGE", "Request Too Long");
    answer(engine, context, api_id, request, Some(failure)).await
}

async fn answer(
    engine: &Engine,
    context: Context,
    api_id: &str,
    request: HttpRequest,
    refused: Option<Failure>,
) -> HttpReply {
    let (context, _span) = context.span(&format!("apigateway {} {}", request.method, request.path));
    let extended_request_id = extended_id(&context);
    let found = match find(engine, &context, api_id, &request) {
        Ok(Some(found)) if !found.definition.disable_execute_api_endpoint => found,
        Ok(_) => return failure::forbidden(&context, &extended_request_id),
        Err(error) => return failure::broken(&context, &extended_request_id, &error),
    };
    let path = below_stage(&request.path);
    let routed = route::find(&found.definition, &request.method, &path);
    let failure = refused.or_else(|| {
        let missing = || {
            Failure::of(
                "MISSING_AUTHENTICATION_TOKEN",
                "Missing Authentication Token",
            )
        };
        routed.is_none().then(missing)
    });
    let routed = routed.unwrap_or_default();
    let call = Call {
        engine,
        context: context.located(&found.account, &found.region),
        api_id,
        stage: found.stage,
        definition: found.definition,
        resource: routed.resource,
        method: routed.method,
        path_parameters: routed.path_parameters,
        path,
        request,
        extended_request_id,
        api_key: None,
        authorized: None,
        is_canary: found.is_canary,
        is_test: false,
    };
    call.answer(failure).await
}

fn find(
    engine: &Engine,
    context: &Context,
    api_id: &str,
    request: &HttpRequest,
) -> Result<Option<Deployed>> {
    let definitions = engine.memory.of::<route::Definitions>();
    let stage_name = request
        .path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    engine.read(|tx| {
        let Some(owner) = state::owner(tx, api_id)? else {
            return Ok(None);
        };
        let Some(mut stage) = state::stage(tx, api_id, stage_name)? else {
            return Ok(None);
        };
        let is_canary = canary::choose(&mut stage, &context.ids);
        let definition = definitions.find(tx, api_id, &stage.deployment_id)?;
        let deployed = |definition| Deployed {
            account: owner.account,
            region: owner.region,
            stage,
            definition,
            is_canary,
        };
        Ok(definition.map(deployed))
    })
}

/// `/prod//upload` is `//upload` below its stage; a bare stage is `/`.
fn below_stage(path: &str) -> String {
    let rest = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, rest)| rest);
    format!("/{rest}")
}

fn extended_id(context: &Context) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    format!("{}=", context.ids.text(15, ALPHABET))
}

impl Call<'_> {
    /// Answers, with `refused` at once where it is given.
    async fn answer(mut self, refused: Option<Failure>) -> HttpReply {
        let mut log = ExecutionLog::begin(&self);
        let reply = self.reply(&mut log, refused).await;
        log.finish(&self, &reply);
        reply
    }

    async fn reply(&mut self, log: &mut ExecutionLog, refused: Option<Failure>) -> HttpReply {
        let outcome = match refused {
            Some(failure) => Err(failure),
            None => self.run(log).await,
        };
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(failure) => {
                log.failed(&failure);
                self.context.trace.fail(failure.kind());
                failure.reply(self)
            }
        };
        failure::identify(&mut reply, &self.context, &self.extended_request_id);
        reply
    }

    async fn run(&mut self, log: &mut ExecutionLog) -> Result<HttpReply, Failure> {
        if !self.is_test {
            self.admit(log).await?;
        }
        validate::check(self, log)?;
        let integration = self.method.method_integration.clone();
        let integration = integration.ok_or_else(Failure::internal)?;
        match integration.kind.as_str() {
            "AWS_PROXY" => proxy::answer(self, &integration, log).await,
            _ => integrate::answer(self, &integration, log).await,
        }
    }

    /// Who may come in, and how often. A key given by an authorizer is known only after it has spoken.
    async fn admit(&mut self, log: &mut ExecutionLog) -> Result<(), Failure> {
        let from_authorizer = self.definition.api_key_source == "AUTHORIZER";
        if !from_authorizer {
            self.api_key = keys::find(self, log)?;
        }
        self.authorized = authorization::check(self, log).await?;
        if from_authorizer {
            self.api_key = keys::find(self, log)?;
        }
        throttle::take(self)?;
        keys::count(self).await
    }

    /// The stage's settings for this method: its own, or those for all.
    fn setting(&self) -> MethodSetting {
        let own = format!(
            "{}/{}",
            self.resource.path.trim_start_matches('/'),
            self.method.http_method
        );
        let settings = &self.stage.method_settings;
        settings
            .get(&own)
            .or_else(|| settings.get("*/*"))
            .cloned()
            .unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.context.now
    }

    /// `arn:aws:execute-api:region:account:api/stage/METHOD/path`
    fn method_arn(&self) -> String {
        let Context {
            region, account, ..
        } = &self.context;
        let path = self.path.trim_start_matches('/');
        format!(
            "arn:aws:execute-api:{region}:{account}:{}/{}/{}/{path}",
            self.api_id, self.stage.stage_name, self.request.method
        )
    }

    fn body(&self) -> &Bytes {
        &self.request.body
    }

    /// The request's content type without parameters; JSON where there is none.
    fn content_type(&self) -> &str {
        let given = self
            .request
            .header("content-type")
            .unwrap_or("application/json");
        given.split(';').next().unwrap_or(given).trim()
    }
}
