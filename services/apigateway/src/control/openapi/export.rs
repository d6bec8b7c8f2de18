//! A deployment as a document.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-export-api.html>

use cumulet_engine::error::{Error, Result};
use serde_json::{Map, Value, json};

use super::super::super::state::{
    Authorizer, Definition, Deployment, Integration, Method, MethodResponse, RestApi, Texts,
};
use super::super::integrations::TIMEOUT_MS_DEFAULT;

/// Which of AWS's extensions the document shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extensions {
    integrations: bool,
    authorizers: bool,
    /// Validators, gateway responses, binary types: everything else.
    rest: bool,
}

impl Extensions {
    /// From the parameter `extensions`, a list of names; `apigateway` is all.
    pub(super) fn of(parameters: &Texts) -> Result<Self> {
        let mut extensions = Self::default();
        let names = parameters.get("extensions").map_or("", String::as_str);
        for name in names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name {
                "integrations" => extensions.integrations = true,
                "authorizers" => extensions.authorizers = true,
                "apigateway" => {
                    extensions = Self {
                        integrations: true,
                        authorizers: true,
                        rest: true,
                    };
                }
                other => {
                    let what = format!("apigateway:GetExport with the extensions {other}");
                    return Err(Error::not_implemented(what));
                }
            }
        }
        Ok(extensions)
    }
}

pub(super) struct Source<'a> {
    pub(super) api: &'a RestApi,
    pub(super) stage: &'a str,
    pub(super) region: &'a str,
    pub(super) deployment: &'a Deployment,
    pub(super) extensions: Extensions,
}

const SECURITY: [&str; 2] = ["api_key", "sigv4"];

impl Source<'_> {
    pub(super) fn swagger(&self) -> Value {
        let mut document = json!({
            "swagger": "2.0",
            "info": self.info(),
            "host": self.host(),
            "basePath": format!("/{}", self.stage),
            "schemes": ["https"],
            "paths": self.paths(swagger_operation),
        });
        let schemes = self.security_schemes();
        if !schemes.is_empty() {
            document["securityDefinitions"] = schemes.into();
        }
        let definitions = self.schemas("#/definitions/");
        if !definitions.is_empty() {
            document["definitions"] = definitions.into();
        }
        self.extend(&mut document);
        document
    }

    pub(super) fn openapi(&self) -> Value {
        let mut components = Map::new();
        let schemas = self.schemas("#/components/schemas/");
        if !schemas.is_empty() {
            components.insert("schemas".to_owned(), schemas.into());
        }
        let schemes = self.security_schemes();
        if !schemes.is_empty() {
            components.insert("securitySchemes".to_owned(), schemes.into());
        }
        let server = json!({
            "url": format!("https://{}/{{basePath}}", self.host()),
            "variables": { "basePath": { "default": self.stage } },
        });
        let mut document = json!({
            "openapi": "3.0.1",
            "info": self.info(),
            "servers": [server],
            "paths": self.paths(openapi_operation),
            "components": components,
        });
        self.extend(&mut document);
        document
    }

    fn definition(&self) -> &Definition {
        &self.deployment.definition
    }

    fn host(&self) -> String {
        format!("{}.execute-api.{}.amazonaws.com", self.api.id, self.region)
    }

    /// An API without a version has its deployment's time for one.
    fn info(&self) -> Value {
        let seconds = self.deployment.created_date.seconds();
        let made = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        let version = self.api.version.clone().unwrap_or_else(|| made.to_string());
        let mut info = json!({ "title": self.definition().name, "version": version });
        if let Some(description) = &self.api.description {
            info["description"] = description.as_str().into();
        }
        info
    }

    fn paths(&self, describe: fn(&Method) -> Value) -> Map<String, Value> {
        let mut paths = Map::new();
        for resource in self.definition().resources.values() {
            let mut item = Map::new();
            for (verb, method) in &resource.resource_methods {
                let name = match verb.as_str() {
                    "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                    verb => verb.to_ascii_lowercase(),
                };
                let mut operation = describe(method);
                self.add_extensions(method, &mut operation);
                item.insert(name, operation);
            }
            if !item.is_empty() {
                paths.insert(resource.path.clone(), item.into());
            }
        }
        paths
    }

    fn add_extensions(&self, method: &Method, operation: &mut Value) {
        let security = self.security(method);
        if !security.is_empty() {
            operation["security"] = security.into();
        }
        if let Some(integration) = &method.method_integration
            && self.extensions.integrations
        {
            operation["x-amazon-apigateway-integration"] = integration_of(integration);
        }
        let validator = method.request_validator_id.as_ref();
        let validator = validator.and_then(|id| self.definition().validators.get(id));
        if let Some(name) = validator.and_then(|validator| validator.name.as_deref())
            && self.extensions.rest
        {
            operation["x-amazon-apigateway-request-validator"] = name.into();
        }
    }

    /// The schemes that a method asks for.
    fn security(&self, method: &Method) -> Vec<Value> {
        let mut names = Vec::new();
        if method.api_key_required {
            names.push(SECURITY[0].to_owned());
        }
        match method.authorization_type.as_str() {
            "AWS_IAM" => names.push(SECURITY[1].to_owned()),
            "CUSTOM" => names.extend(self.authorizer(method).map(|known| known.name.clone())),
            _ => {}
        }
        names.into_iter().map(|name| json!({ name: [] })).collect()
    }

    fn authorizer(&self, method: &Method) -> Option<&Authorizer> {
        self.definition()
            .authorizers
            .get(method.authorizer_id.as_ref()?)
    }

    fn security_schemes(&self) -> Map<String, Value> {
        let methods = || {
            let resources = self.definition().resources.values();
            resources.flat_map(|resource| resource.resource_methods.values())
        };
        let mut schemes = Map::new();
        for method in methods() {
            if method.api_key_required {
                let scheme = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
                schemes.insert(SECURITY[0].to_owned(), scheme);
            }
            if method.authorization_type == "AWS_IAM" {
                let scheme = json!({ "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4" });
                schemes.insert(SECURITY[1].to_owned(), scheme);
            }
            if let Some(authorizer) = self.authorizer(method) {
                schemes.insert(authorizer.name.clone(), self.scheme_of(authorizer));
            }
        }
        schemes
    }

    fn scheme_of(&self, authorizer: &Authorizer) -> Value {
        let source = authorizer.identity_source.as_deref().unwrap_or_default();
        let header = source.strip_prefix("method.request.header.");
        let header = header
            .filter(|header| !header.contains(','))
            .unwrap_or("Unused");
        let mut scheme = json!({ "type": "apiKey", "name": header, "in": "header" });
        if let Some(kind) = &authorizer.auth_type {
            scheme["x-amazon-apigateway-authtype"] = kind.as_str().into();
        }
        if self.extensions.authorizers {
            let mut described = json!({ "type": authorizer.kind.to_ascii_lowercase() });
            for (name, value) in [
                ("authorizerUri", &authorizer.authorizer_uri),
                ("authorizerCredentials", &authorizer.authorizer_credentials),
                ("identitySource", &authorizer.identity_source),
                (
                    "identityValidationExpression",
                    &authorizer.identity_validation_expression,
                ),
            ] {
                if let Some(value) = value {
                    described[name] = value.as_str().into();
                }
            }
            if let Some(ttl_s) = authorizer.authorizer_result_ttl_in_seconds {
                described["authorizerResultTtlInSeconds"] = ttl_s.into();
            }
            scheme["x-amazon-apigateway-authorizer"] = described;
        }
        scheme
    }

    /// The models that methods use, and those they refer to.
    fn schemas(&self, prefix: &str) -> Map<String, Value> {
        let mut wanted: Vec<String> = Vec::new();
        for resource in self.definition().resources.values() {
            for method in resource.resource_methods.values() {
                let responses = method.method_responses.values();
                let answered =
                    responses.flat_map(|response| response.models().map(|(_, model)| model));
                wanted.extend(method.request_models.values().chain(answered).cloned());
            }
        }
        let mut schemas = Map::new();
        while let Some(name) = wanted.pop() {
            let model = self.definition().models.get(&name);
            if schemas.contains_key(&name) {
                continue;
            }
            let schema = model.and_then(|model| model.schema.as_deref());
            let Some(mut schema) = schema.and_then(|text| serde_json::from_str(text).ok()) else {
                continue;
            };
            localise(&mut schema, prefix, &mut wanted);
            if let Value::Object(members) = &mut schema {
                members.shift_remove("$schema");
            }
            schemas.insert(name, schema);
        }
        schemas
    }

    fn extend(&self, document: &mut Value) {
        if !self.extensions.rest {
            return;
        }
        let definition = self.definition();
        let validators: Map<String, Value> = definition
            .validators
            .values()
            .filter_map(|validator| {
                let shown = json!({
                    "validateRequestParameters": validator.validate_request_parameters,
                    "validateRequestBody": validator.validate_request_body,
                });
                Some((validator.name.clone()?, shown))
            })
            .collect();
        let responses: Map<String, Value> = definition
            .gateway_responses
            .iter()
            .map(|(kind, response)| (kind.clone(), gateway_response(response)))
            .collect();
        for (name, members) in [
            ("x-amazon-apigateway-request-validators", validators),
            ("x-amazon-apigateway-gateway-responses", responses),
        ] {
            if !members.is_empty() {
                document[name] = members.into();
            }
        }
        if !definition.binary_media_types.is_empty() {
            document["x-amazon-apigateway-binary-media-types"] =
                json!(definition.binary_media_types);
        }
        let policy = definition.policy.as_deref();
        if let Some(policy) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            document["x-amazon-apigateway-policy"] = policy;
        }
        if definition.api_key_source == "AUTHORIZER" {
            document["x-amazon-apigateway-api-key-source"] = "AUTHORIZER".into();
        }
    }
}

fn gateway_response(response: &super::super::super::state::GatewayResponse) -> Value {
    let mut shown = Map::new();
    if let Some(status) = response
        .status_code
        .as_ref()
        .and_then(|code| code.parse::<u16>().ok())
    {
        shown.insert("statusCode".to_owned(), status.into());
    }
    insert_texts(
        &mut shown,
        "responseParameters",
        &response.response_parameters,
    );
    insert_texts(
        &mut shown,
        "responseTemplates",
        &response.response_templates,
    );
    shown.into()
}

fn insert_texts(shown: &mut Map<String, Value>, name: &str, texts: &Texts) {
    if !texts.is_empty() {
        shown.insert(name.to_owned(), json!(texts));
    }
}

/// References between models, as references within the document; names of models met on the way.
fn localise(schema: &mut Value, prefix: &str, met: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                let model = value
                    .as_str()
                    .filter(|_| name == "$ref")
                    .and_then(|url| url.split_once("/models/"));
                if let Some(model) = model.map(|(_, model)| model.to_owned()) {
                    *value = format!("{prefix}{model}").into();
                    met.push(model);
                } else {
                    localise(value, prefix, met);
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| localise(item, prefix, met)),
        _ => {}
    }
}

/// `(place, name, required)` of each parameter: `method.request.querystring.page`.
fn parameters(method: &Method) -> Vec<(&'static str, &str, bool)> {
    let known = method
        .request_parameters
        .iter()
        .filter_map(|(target, required)| {
            let (place, name) = target.strip_prefix("method.request.")?.split_once('.')?;
            let place = match place {
                "querystring" | "multivaluequerystring" => "query",
                "path" => "path",
                _ => "header",
            };
            Some((place, name, *required))
        });
    known.collect()
}

fn response_headers(response: &MethodResponse, shown: &Value) -> Map<String, Value> {
    let names = response.parameters();
    let names = names.filter_map(|name| name.strip_prefix("method.response.header."));
    names.map(|name| (name.to_owned(), shown.clone())).collect()
}

/// What the client may send: what the method has models or its integration has templates for.
fn consumed(method: &Method) -> Vec<String> {
    let templates = method
        .method_integration
        .iter()
        .flat_map(|known| known.request_templates.keys());
    let mut types: Vec<String> = method
        .request_models
        .keys()
        .chain(templates)
        .cloned()
        .collect();
    types.sort();
    types.dedup();
    types
}

fn produced(method: &Method) -> Vec<String> {
    let models = method.method_responses.values();
    let models = models.flat_map(|response| response.models().map(|(media_type, _)| media_type));
    let integration = method.method_integration.iter();
    let templates = integration
        .flat_map(|known| known.integration_responses.values())
        .flat_map(|response| response.response_templates.keys());
    let mut types: Vec<String> = models.chain(templates).cloned().collect();
    types.sort();
    types.dedup();
    types
}

fn swagger_operation(method: &Method) -> Value {
    let mut operation = Map::new();
    if let Some(name) = &method.operation_name {
        operation.insert("operationId".to_owned(), name.as_str().into());
    }
    for (name, types) in [
        ("consumes", consumed(method)),
        ("produces", produced(method)),
    ] {
        if !types.is_empty() {
            operation.insert(name.to_owned(), types.into());
        }
    }
    let mut shown: Vec<Value> = parameters(method)
        .into_iter()
        .map(|(place, name, required)| {
            json!({ "name": name, "in": place, "required": required, "type": "string" })
        })
        .collect();
    shown.extend(method.request_models.values().next().map(|model| {
        let schema = json!({ "$ref": format!("#/definitions/{model}") });
        json!({ "in": "body", "name": model, "required": true, "schema": schema })
    }));
    if !shown.is_empty() {
        operation.insert("parameters".to_owned(), shown.into());
    }
    let responses: Map<String, Value> = method
        .method_responses
        .iter()
        .map(|(status, response)| (status.clone(), swagger_response(status, response)))
        .collect();
    operation.insert("responses".to_owned(), responses.into());
    operation.into()
}

fn swagger_response(status: &str, response: &MethodResponse) -> Value {
    let mut shown = json!({ "description": format!("{status} response") });
    if let Some((_, model)) = response.models().next() {
        shown["schema"] = json!({ "$ref": format!("#/definitions/{model}") });
    }
    let headers = response_headers(response, &json!({ "type": "string" }));
    if !headers.is_empty() {
        shown["headers"] = headers.into();
    }
    shown
}

fn openapi_operation(method: &Method) -> Value {
    let mut operation = Map::new();
    if let Some(name) = &method.operation_name {
        operation.insert("operationId".to_owned(), name.as_str().into());
    }
    let shown: Vec<Value> = parameters(method)
        .into_iter()
        .map(|(place, name, required)| {
            let mut parameter = json!({ "name": name, "in": place });
            if required {
                parameter["required"] = true.into();
            }
            parameter["schema"] = json!({ "type": "string" });
            parameter
        })
        .collect();
    if !shown.is_empty() {
        operation.insert("parameters".to_owned(), shown.into());
    }
    if !method.request_models.is_empty() {
        let body = json!({ "content": content(method.request_models.iter()), "required": true });
        operation.insert("requestBody".to_owned(), body);
    }
    let responses: Map<String, Value> = method
        .method_responses
        .iter()
        .map(|(status, response)| (status.clone(), openapi_response(status, response)))
        .collect();
    operation.insert("responses".to_owned(), responses.into());
    operation.into()
}

fn openapi_response(status: &str, response: &MethodResponse) -> Value {
    let mut shown = json!({ "description": format!("{status} response") });
    let headers = response_headers(response, &json!({ "schema": { "type": "string" } }));
    if !headers.is_empty() {
        shown["headers"] = headers.into();
    }
    shown["content"] = content(response.models());
    shown
}

fn content<'a>(models: impl Iterator<Item = (&'a String, &'a String)>) -> Value {
    let shown = models.map(|(media_type, model)| {
        let reference = format!("#/components/schemas/{model}");
        (
            media_type.clone(),
            json!({ "schema": { "$ref": reference } }),
        )
    });
    Value::Object(shown.collect())
}

fn integration_of(integration: &Integration) -> Value {
    let mut shown = Map::new();
    shown.insert(
        "type".to_owned(),
        integration.kind.to_ascii_lowercase().into(),
    );
    for (name, value) in [
        ("httpMethod", &integration.http_method),
        ("uri", &integration.uri),
        ("credentials", &integration.credentials),
        ("contentHandling", &integration.content_handling),
    ] {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value.as_str().into());
        }
    }
    insert_texts(
        &mut shown,
        "requestParameters",
        &integration.request_parameters,
    );
    insert_texts(
        &mut shown,
        "requestTemplates",
        &integration.request_templates,
    );
    let passthrough = integration.passthrough_behavior.to_ascii_lowercase();
    shown.insert("passthroughBehavior".to_owned(), passthrough.into());
    if integration.timeout_in_millis != TIMEOUT_MS_DEFAULT {
        shown.insert(
            "timeoutInMillis".to_owned(),
            integration.timeout_in_millis.into(),
        );
    }
    let mut responses = Map::new();
    for response in integration.integration_responses.values() {
        let pattern = response.selection_pattern.as_deref();
        let pattern = pattern
            .filter(|pattern| !pattern.is_empty())
            .unwrap_or("default");
        let mut described = Map::new();
        described.insert(
            "statusCode".to_owned(),
            response.status_code.as_str().into(),
        );
        insert_texts(
            &mut described,
            "responseParameters",
            &response.response_parameters,
        );
        insert_texts(
            &mut described,
            "responseTemplates",
            &response.response_templates,
        );
        if let Some(handling) = &response.content_handling {
            described.insert("contentHandling".to_owned(), handling.as_str().into());
        }
        responses.insert(pattern.to_owned(), described.into());
    }
    if !responses.is_empty() {
        shown.insert("responses".to_owned(), responses.into());
    }
    shown.into()
}
