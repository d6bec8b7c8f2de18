//! API Gateway REST APIs, described as one: routes, models, CORS, limits.
//!
//! API Gateway has a dozen resource types for what is one thing to its user, and a trap: a deployment is a snapshot, so
//! a method that changes is served only when a *new* deployment is made. Here an API is one struct, and the logical id
//! of its deployment carries a hash of everything in it: whatever changes, the change is served.

mod methods;
mod serving;

use serde_json::{Value, json};

use crate::properties::Properties;
use crate::stack::{Resource, Stack};
use crate::{Expression, FunctionHandle};

/// A regional REST API (`AWS::ApiGateway::RestApi`) with one stage.
#[derive(Clone, Debug)]
pub struct RestApi<'a> {
    pub name: Option<Expression>,
    pub description: &'a str,
    pub stage: &'a str,
    pub routes: Vec<Route<'a>>,
    /// Answers preflight requests of browsers on every path.
    pub cors: Option<Cors<'a>>,
    /// The limit of the whole stage.
    pub throttle: Option<Throttle>,
    /// Execution logs of level INFO, with the account-wide role they need.
    pub execution_logs: bool,
    /// Whole requests and answers go to the execution logs. They hold what users sent.
    pub data_trace: bool,
    pub metrics: bool,
    pub tracing: bool,
    pub usage_plan: Option<UsagePlan<'a>>,
}

/// A method on a path, answered by a function.
#[derive(Clone, Debug)]
pub struct Route<'a> {
    pub method: &'a str,
    /// `/upload`, `/files/{id}`
    pub path: &'a str,
    pub function: &'a FunctionHandle,
    /// JSON bodies that do not match are refused before the function runs.
    pub model: Option<Model<'a>>,
    /// Only requests with a key of the usage plan are served, and only they count against it.
    pub api_key_required: bool,
}

/// What a JSON body must look like, as a JSON schema of draft 4.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    pub name: &'a str,
    pub schema: Value,
}

/// What pages of other origins may send.
#[derive(Clone, Debug)]
pub struct Cors<'a> {
    pub origin: &'a str,
    pub methods: Vec<&'a str>,
    pub headers: Vec<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    pub rate_per_s: u32,
    pub burst: u32,
}

/// Limits for those who use the API with a key.
///
/// API Gateway applies a usage plan only to methods that require an API key: without `Route::api_key_required` the
/// plan stands in the account and counts nothing.
#[derive(Clone, Debug, Default)]
pub struct UsagePlan<'a> {
    pub name: Option<Expression>,
    pub description: &'a str,
    pub quota_per_day: Option<u32>,
    pub throttle: Option<Throttle>,
    /// Makes one key and adds it to the plan. Its value is made by API Gateway.
    pub with_key: bool,
}

impl RestApi<'_> {
    /// A regional API with a stage `prod`.
    #[must_use]
    pub fn regional() -> Self {
        Self {
            name: None,
            description: "",
            stage: "prod",
            routes: vec![],
            cors: None,
            throttle: None,
            execution_logs: false,
            data_trace: false,
            metrics: false,
            tracing: false,
            usage_plan: None,
        }
    }
}

impl<'a> Route<'a> {
    #[must_use]
    pub fn new(method: &'a str, path: &'a str, function: &'a FunctionHandle) -> Self {
        Self {
            method,
            path,
            function,
            model: None,
            api_key_required: false,
        }
    }
}

impl<'a> Cors<'a> {
    /// Any page may use these methods, with the headers that SDKs and signed requests send.
    #[must_use]
    pub fn any_origin(methods: Vec<&'a str>) -> Self {
        let headers = vec![
            "Content-Type",
            "X-Amz-Date",
            "Authorization",
            "X-Api-Key",
            "X-Amz-Security-Token",
        ];
        Self {
            origin: "*",
            methods,
            headers,
        }
    }
}

#[derive(Clone, Debug)]
pub struct RestApiHandle {
    id: String,
    stage: String,
}

impl RestApiHandle {
    #[must_use]
    pub fn id(&self) -> Expression {
        Expression::reference(&self.id)
    }

    /// `https://{api}.execute-api.{region}.amazonaws.com/{stage}/`
    #[must_use]
    pub fn url(&self) -> Expression {
        let host = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}/";
        Expression::sub(
            &host
                .replace("${Api}", &format!("${{{}}}", self.id))
                .replace("${Stage}", &self.stage),
        )
    }
}

impl Resource for RestApi<'_> {
    type Handle = RestApiHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> RestApiHandle {
        if self.routes.is_empty() {
            stack
                .problems
                .push(format!("{id}: an API without routes cannot be deployed"));
        }
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| Expression::sub("${AWS::StackName}").within("", id));
        let properties = Properties::new()
            .with("Name", &name)
            .with_text("Description", self.description)
            .with("EndpointConfiguration", json!({ "Types": ["REGIONAL"] }));
        stack.insert(id, "AWS::ApiGateway::RestApi", properties);
        let snapshot = methods::add(&self, stack, id);
        serving::add(&self, stack, id, &snapshot);
        RestApiHandle {
            id: id.to_owned(),
            stage: self.stage.to_owned(),
        }
    }
}
