//! What a deployment takes a snapshot of: resources, models, validators, methods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::properties::Properties;
use crate::rest_api::{Cors, RestApi, Route};
use crate::stack::Stack;
use crate::{Expression, FunctionHandle};

/// Adds them and returns their logical ids.
pub(super) fn add(api: &RestApi<'_>, stack: &mut Stack, id: &str) -> Vec<String> {
    let mut methods = Methods {
        stack,
        id,
        ids: Vec::new(),
        paths: BTreeMap::new(),
    };
    for route in &api.routes {
        let resource = methods.resource(route.path);
        methods.route(api, route, &resource);
    }
    if let Some(cors) = &api.cors {
        for (path, resource) in methods.paths.clone() {
            if api
                .routes
                .iter()
                .any(|route| route.path.trim_matches('/') == path)
            {
                methods.preflight(cors, &path, &resource);
            }
        }
    }
    methods.ids
}

struct Methods<'a> {
    stack: &'a mut Stack,
    id: &'a str,
    ids: Vec<String>,
    /// Path without outer slashes -> value of `ResourceId`.
    paths: BTreeMap<String, Value>,
}

impl Methods<'_> {
    fn insert(&mut self, id: String, kind: &str, properties: impl Into<Value>) {
        self.stack.insert(&id, kind, properties);
        self.ids.push(id);
    }

    /// The resource of a path, made with those above it when it is new.
    fn resource(&mut self, path: &str) -> Value {
        let path = path.trim_matches('/');
        if let Some(known) = self.paths.get(path) {
            return known.clone();
        }
        let resource = match path.rsplit_once('/') {
            _ if path.is_empty() => json!({ "Fn::GetAtt": [self.id, "RootResourceId"] }),
            Some((parent, part)) => self.child(path, parent, part),
            None => self.child(path, "", path),
        };
        self.paths.insert(path.to_owned(), resource.clone());
        resource
    }

    fn child(&mut self, path: &str, parent: &str, part: &str) -> Value {
        let parent = self.resource(parent);
        let id = format!("{}{}", self.id, camel_case(path));
        let properties =
            json!({ "RestApiId": { "Ref": self.id }, "ParentId": parent, "PathPart": part });
        self.insert(id.clone(), "AWS::ApiGateway::Resource", properties);
        json!({ "Ref": id })
    }

    fn route(&mut self, api: &RestApi<'_>, route: &Route<'_>, resource: &Value) {
        let id = format!(
            "{}{}{}",
            self.id,
            camel_case(route.path),
            camel_case(&route.method.to_lowercase())
        );
        let models = self.model(route);
        let validator = models.is_some().then(|| self.validator());
        let properties = Properties::new()
            .with("RestApiId", json!({ "Ref": self.id }))
            .with("ResourceId", resource.clone())
            .with("HttpMethod", route.method)
            .with("AuthorizationType", "NONE")
            .with("ApiKeyRequired", route.api_key_required)
            .with_some("RequestModels", models)
            .with_some("RequestValidatorId", validator)
            .with("Integration", proxy(route.function));
        self.permission(api, route, &format!("{id}Permission"));
        self.insert(id, "AWS::ApiGateway::Method", properties);
    }

    fn model(&mut self, route: &Route<'_>) -> Option<Value> {
        let model = route.model.as_ref()?;
        let id = format!("{}{}Model", self.id, camel_case(model.name));
        let properties = json!({
            "RestApiId": { "Ref": self.id }, "Name": model.name, "ContentType": "application/json",
            "Schema": model.schema,
        });
        if !self.ids.contains(&id) {
            self.insert(id.clone(), "AWS::ApiGateway::Model", properties);
        }
        Some(json!({ "application/json": { "Ref": id } }))
    }

    fn validator(&mut self) -> Value {
        let id = format!("{}BodyValidator", self.id);
        let properties = json!({
            "RestApiId": { "Ref": self.id }, "Name": "body", "ValidateRequestBody": true,
            "ValidateRequestParameters": false,
        });
        if !self.ids.contains(&id) {
            self.insert(id.clone(), "AWS::ApiGateway::RequestValidator", properties);
        }
        json!({ "Ref": id })
    }

    /// The function lets in this method of this stage of this API.
    fn permission(&mut self, api: &RestApi<'_>, route: &Route<'_>, id: &str) {
        let method = if route.method == "ANY" {
            "*"
        } else {
            route.method
        };
        let path = pattern(route.path);
        let source = Expression::reference(self.id).within(
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:",
            &format!("/{}/{method}/{path}", api.stage),
        );
        let properties = json!({
            "Action": "lambda:InvokeFunction", "FunctionName": route.function.arn(),
            "Principal": "apigateway.amazonaws.com", "SourceArn": source,
        });
        self.stack.insert(id, "AWS::Lambda::Permission", properties);
    }

    fn preflight(&mut self, cors: &Cors<'_>, path: &str, resource: &Value) {
        let headers = [
            ("Access-Control-Allow-Headers", cors.headers.join(",")),
            (
                "Access-Control-Allow-Methods",
                [&["OPTIONS"], cors.methods.as_slice()].concat().join(","),
            ),
            ("Access-Control-Allow-Origin", cors.origin.to_owned()),
        ];
        let named = |name: &str| format!("method.response.header.{name}");
        let values = headers
            .iter()
            .map(|(name, value)| (named(name), json!(format!("'{value}'"))));
        let declared = headers.iter().map(|(name, _)| (named(name), json!(true)));
        let response =
            json!({ "StatusCode": "204", "ResponseParameters": Value::Object(values.collect()) });
        let properties = json!({
            "RestApiId": { "Ref": self.id }, "ResourceId": resource, "HttpMethod": "OPTIONS",
            "AuthorizationType": "NONE", "ApiKeyRequired": false,
            "Integration": {
                "Type": "MOCK", "RequestTemplates": { "application/json": "{\"statusCode\": 200}" },
                "IntegrationResponses": [response],
            },
            "MethodResponses": [{ "StatusCode": "204", "ResponseParameters": Value::Object(declared.collect()) }],
        });
        self.insert(
            format!("{}{}Options", self.id, camel_case(path)),
            "AWS::ApiGateway::Method",
            properties,
        );
    }
}

fn proxy(function: &FunctionHandle) -> Value {
    let uri = function.arn().within(
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/",
        "/invocations",
    );
    json!({ "Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri })
}

/// `/files/{id}` as a permission names it: `files/*`.
fn pattern(path: &str) -> String {
    let part = |part: &'_ str| {
        if part.starts_with('{') {
            "*".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.trim_matches('/')
        .split('/')
        .map(part)
        .collect::<Vec<_>>()
        .join("/")
}

/// `/files/{id}` -> `FilesId`
fn camel_case(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    let capitalised = |word: &str| {
        let mut characters = word.chars();
        characters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + characters.as_str())
    };
    words.filter_map(capitalised).collect()
}
