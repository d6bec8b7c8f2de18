//! The data plane: a request against a deployed API, in API Gateway's order.
//!
//! Parse, route, API key and usage plan, throttle, validation, integration, response; a failure at any
//! point becomes a gateway response, as the deployment froze it.

mod event;
mod failure;
mod keys;
mod log;
mod mock;
mod proxy;
mod route;
mod throttle;
mod validate;

use std::sync::Arc;

use bytes::Bytes;
use cumulet_kernel::{Context, Timestamp};

use crate::engine::Engine;
use crate::error::Result;
use crate::http::{HttpReply, HttpRequest};

use super::state::{self, Definition, Method, MethodSetting, Resource, Stage};

pub(super) use failure::builtin_status;

use failure::Failure;
use log::ExecutionLog;

/// Everything known about a request once it is routed.
struct Call<'a> {
    engine: &'a Engine,
    /// In the API's account and region.
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
}

/// An API's stage, as a request finds it.
struct Deployed {
    account: String,
    region: String,
    stage: Stage,
    definition: Arc<Definition>,
}

/// Answers a request to a deployed API. `request.path` begins with the stage.
pub async fn execute(
    engine: &Engine,
    context: Context,
    api_id: &str,
    request: HttpRequest,
) -> HttpReply {
    let (context, _span) = context.span(&format!("apigateway {} {}", request.method, request.path));
    let extended_request_id = extended_id(&context);
    let found = match find(engine, api_id, &request) {
        Ok(Some(found)) => found,
        Ok(None) => return failure::forbidden(&context, &extended_request_id),
        Err(error) => return failure::broken(&context, &extended_request_id, &error),
    };
    let context = context.located(&found.account, &found.region);
    let path = below_stage(&request.path);
    let Some(routed) = route::find(&found.definition, &request.method, &path) else {
        let failure = Failure::of(
            "MISSING_AUTHENTICATION_TOKEN",
            "Missing Authentication Token",
        );
        return failure.reply(&found.definition, &context, &extended_request_id);
    };
    let call = Call {
        engine,
        context,
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
    };
    call.answer().await
}

/// The answer to a body over 10 MB.
pub fn too_large() -> HttpReply {
    HttpReply::json(413, r#"{"message":"Request Too Long"}"#)
}

fn find(engine: &Engine, api_id: &str, request: &HttpRequest) -> Result<Option<Deployed>> {
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
        let Some(stage) = state::stage(tx, api_id, stage_name)? else {
            return Ok(None);
        };
        let definition = route::definition(tx, api_id, &stage.deployment_id)?;
        let deployed = |definition| Deployed {
            account: owner.account,
            region: owner.region,
            stage,
            definition,
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
    async fn answer(mut self) -> HttpReply {
        let mut log = ExecutionLog::begin(&self);
        let outcome = self.run(&mut log).await;
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(failure) => {
                log.failed(&failure);
                self.context.trace.fail(failure.kind());
                failure.reply(&self.definition, &self.context, &self.extended_request_id)
            }
        };
        failure::identify(&mut reply, &self.context, &self.extended_request_id);
        log.finish(&self, &reply);
        reply
    }

    async fn run(&mut self, log: &mut ExecutionLog) -> Result<HttpReply, Failure> {
        self.api_key = keys::check(self, log).await?;
        throttle::take(self)?;
        validate::check(self, log)?;
        let integration = self
            .method
            .method_integration
            .as_ref()
            .ok_or_else(Failure::internal)?;
        match integration.kind.as_str() {
            "MOCK" => mock::answer(self, integration),
            "AWS_PROXY" => proxy::answer(self, integration, log).await,
            other => Err(Failure::not_built(other)),
        }
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
