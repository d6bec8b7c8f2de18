//! One operation of a document, as a method.

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use serde_json::Value;

use super::super::super::state::{Integration, IntegrationResponse, Method, MethodResponse, Texts};
use super::super::integrations::TIMEOUT_MS_DEFAULT;
use super::document::{Document, Version, text_map, text_of, texts_of};
use super::import::Importer;

const JSON: &str = "application/json";

impl Importer<'_> {
    /// The method that `operation` describes, under a path item's common parameters.
    pub(super) fn method(
        &mut self,
        (http_method, path): (&str, &str),
        operation: &Value,
        common: &[Value],
    ) -> Result<Method> {
        let mut method = Method {
            http_method: http_method.to_owned(),
            authorization_type: "NONE".to_owned(),
            operation_name: operation.get("operationId").map(text_of),
            ..Method::default()
        };
        self.secure(&mut method, operation)?;
        let validator = operation
            .get("x-amazon-apigateway-request-validator")
            .or_else(|| self.document.get("x-amazon-apigateway-request-validator"));
        if let Some(name) = validator.map(text_of) {
            method.request_validator_id = Some(self.validator_id(&name)?);
        }
        // A variable of the path is a parameter, whether the document says so or not.
        for variable in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = variable.trim_end_matches('}').trim_end_matches('+');
            let target = format!("method.request.path.{name}");
            method.request_parameters.insert(target, true);
        }
        self.parameters(&mut method, operation, common);
        self.responses(&mut method, operation);
        if let Some(described) = operation.get("x-amazon-apigateway-integration") {
            let mut described = described.clone();
            self.drop_non_texts(&mut described, (http_method, path));
            method.method_integration = Some(integration(&described)?);
        }
        Ok(method)
    }

    /// Mappings are texts; AWS leaves out others, with a warning.
    fn drop_non_texts(&mut self, described: &mut Value, (http_method, path): (&str, &str)) {
        let Some(mappings) = described.get_mut("requestParameters") else {
            return;
        };
        let Some(mappings) = mappings.as_object_mut() else {
            return;
        };
        mappings.retain(|name, value| {
            if !value.is_string() {
                self.warnings.push(format!("Invalid format for 'requestParameters'. Expected type string for property '{name}' of resource '{path}' and method '{http_method}' but got '{value}'"));
            }
            value.is_string()
        });
    }

    /// Who may call: the operation's own security, or the document's.
    fn secure(&self, method: &mut Method, operation: &Value) -> Result<()> {
        let named = operation.get("x-amazon-apigateway-auth");
        if named
            .and_then(|auth| auth.get("type"))
            .map(text_of)
            .as_deref()
            == Some("AWS_IAM")
        {
            method.authorization_type = "AWS_IAM".to_owned();
        }
        let security = operation
            .get("security")
            .or_else(|| self.document.get("security"));
        let schemes = security.and_then(Value::as_array).into_iter().flatten();
        for name in schemes
            .filter_map(Value::as_object)
            .flat_map(|one| one.keys())
        {
            let found = self
                .document
                .security_schemes()
                .find(|(known, _)| *known == name);
            let Some((_, scheme)) = found else {
                continue;
            };
            self.apply_scheme(method, name, scheme)?;
        }
        Ok(())
    }

    fn apply_scheme(&self, method: &mut Method, name: &str, scheme: &Value) -> Result<()> {
        let auth_type = scheme.get("x-amazon-apigateway-authtype").map(text_of);
        if auth_type.as_deref() == Some("awsSigv4") {
            method.authorization_type = "AWS_IAM".to_owned();
        } else if scheme.get("x-amazon-apigateway-authorizer").is_some() {
            let known = self.api.definition.authorizers.values();
            let known = known.filter(|authorizer| authorizer.name == name).last();
            let authorizer = known.ok_or_else(|| {
                Error::not_implemented("apigateway:PutRestApi with this authorizer")
            })?;
            method.authorization_type = "CUSTOM".to_owned();
            method.authorizer_id = Some(authorizer.id.clone());
        } else if scheme.get("type").map(text_of).as_deref() == Some("apiKey")
            && scheme
                .get("name")
                .map(text_of)
                .is_some_and(|name| name.eq_ignore_ascii_case("x-api-key"))
        {
            method.api_key_required = true;
        }
        Ok(())
    }

    fn parameters(&mut self, method: &mut Method, operation: &Value, common: &[Value]) {
        let own = operation.get("parameters").and_then(Value::as_array);
        let document = self.document;
        for parameter in common.iter().chain(own.into_iter().flatten()) {
            let parameter = document.resolved(parameter);
            let name = parameter.get("name").map(text_of).unwrap_or_default();
            let required = parameter.get("required") == Some(&Value::Bool(true));
            let place = match parameter.get("in").map(text_of).as_deref() {
                Some("query") => "querystring",
                Some("header") => "header",
                Some("path") => "path",
                Some("body") => {
                    let types = consumed(document, operation);
                    self.request_models(method, &types, parameter.get("schema"));
                    continue;
                }
                _ => continue,
            };
            let target = format!("method.request.{place}.{name}");
            method.request_parameters.insert(target, required);
        }
        let body = operation
            .get("requestBody")
            .map(|body| document.resolved(body));
        let content = body
            .and_then(|body| body.get("content"))
            .and_then(Value::as_object);
        for (media_type, described) in content.into_iter().flatten() {
            self.request_models(
                method,
                std::slice::from_ref(media_type),
                described.get("schema"),
            );
        }
    }

    fn request_models(&mut self, method: &mut Method, types: &[String], schema: Option<&Value>) {
        let Some(model) = schema.and_then(|schema| self.model_of(schema)) else {
            return;
        };
        for media_type in types {
            method
                .request_models
                .insert(media_type.clone(), model.clone());
        }
    }

    fn responses(&mut self, method: &mut Method, operation: &Value) {
        let document = self.document;
        let responses = operation.get("responses").and_then(Value::as_object);
        for (status, response) in responses.into_iter().flatten() {
            if status.parse::<u16>().is_err() {
                continue;
            }
            let response = document.resolved(response);
            let made = MethodResponse {
                status_code: status.clone(),
                response_parameters: Some(response_headers(response))
                    .filter(|headers| !headers.is_empty()),
                response_models: Some(self.response_models(operation, response))
                    .filter(|models| !models.is_empty()),
            };
            method.method_responses.insert(status.clone(), made);
        }
    }

    fn response_models(&mut self, operation: &Value, response: &Value) -> Texts {
        let mut models = Texts::new();
        if let Some(model) = response
            .get("schema")
            .and_then(|schema| self.model_of(schema))
        {
            for media_type in produced(self.document, operation) {
                models.insert(media_type, model.clone());
            }
        }
        let content = response.get("content").and_then(Value::as_object);
        for (media_type, described) in content.into_iter().flatten() {
            let model = described
                .get("schema")
                .and_then(|schema| self.model_of(schema));
            if let Some(model) = model {
                models.insert(media_type.clone(), model);
            }
        }
        models
    }
}

fn media_types(document: &Document, operation: &Value, member: &str) -> Vec<String> {
    let own = texts_of(operation.get(member));
    let types = if own.is_empty() {
        texts_of(document.get(member))
    } else {
        own
    };
    if types.is_empty() {
        vec![JSON.to_owned()]
    } else {
        types
    }
}

fn consumed(document: &Document, operation: &Value) -> Vec<String> {
    debug_assert_eq!(document.version, Version::Swagger2);
    media_types(document, operation, "consumes")
}

fn produced(document: &Document, operation: &Value) -> Vec<String> {
    media_types(document, operation, "produces")
}

fn response_headers(response: &Value) -> BTreeMap<String, bool> {
    let headers = response.get("headers").and_then(Value::as_object);
    let names = headers.into_iter().flat_map(|headers| headers.keys());
    names
        .map(|name| (format!("method.response.header.{name}"), false))
        .collect()
}

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html>
fn integration(described: &Value) -> Result<Integration> {
    let text = |name: &str| described.get(name).map(text_of);
    let kind = match text("type").map(|kind| kind.to_ascii_uppercase()) {
        Some(kind) if kind == "LAMBDA" => "AWS_PROXY".to_owned(),
        Some(kind) => kind,
        None => "HTTP".to_owned(),
    };
    let is_http = kind.starts_with("HTTP");
    let connection_type = text("connectionType").or_else(|| is_http.then(|| "INTERNET".to_owned()));
    let http_method = text("httpMethod").filter(|_| kind != "MOCK");
    let mut made = Integration {
        http_method,
        uri: text("uri").filter(|_| kind != "MOCK"),
        connection_type,
        connection_id: text("connectionId"),
        credentials: text("credentials").filter(|role| !role.is_empty()),
        request_parameters: text_map(described.get("requestParameters")),
        request_templates: text_map(described.get("requestTemplates")),
        passthrough_behavior: text("passthroughBehavior").map_or_else(
            || "WHEN_NO_MATCH".to_owned(),
            |text| text.to_ascii_uppercase(),
        ),
        content_handling: text("contentHandling"),
        timeout_in_millis: described
            .get("timeoutInMillis")
            .and_then(Value::as_i64)
            .unwrap_or(TIMEOUT_MS_DEFAULT),
        cache_namespace: text("cacheNamespace").unwrap_or_default(),
        cache_key_parameters: texts_of(described.get("cacheKeyParameters")),
        kind,
        ..Integration::default()
    };
    let responses = described.get("responses").and_then(Value::as_object);
    for (pattern, response) in responses.into_iter().flatten() {
        let response = integration_response(pattern, response);
        made.integration_responses
            .insert(response.status_code.clone(), response);
    }
    super::super::integrations::check_whole(&made)?;
    Ok(made)
}

fn integration_response(pattern: &str, described: &Value) -> IntegrationResponse {
    let text = |name: &str| described.get(name).map(text_of);
    IntegrationResponse {
        status_code: text("statusCode").unwrap_or_else(|| "200".to_owned()),
        selection_pattern: (pattern != "default").then(|| pattern.to_owned()),
        response_parameters: text_map(described.get("responseParameters")),
        response_templates: text_map(described.get("responseTemplates")),
        content_handling: text("contentHandling"),
    }
}
