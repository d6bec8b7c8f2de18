//! A document read into an API.

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Ids;
use serde_json::Value;

use super::super::super::errors::bad_request;
use super::super::super::state::{
    Api, Authorizer, Definition, GatewayResponse, Model, RequestValidator, Resource,
};
use super::super::{api_id, part_id};
use super::document::{Document, text_map, text_of, texts_of};

/// What becomes of the document's base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BasePath {
    Ignore,
    Prepend,
    Split,
}

impl BasePath {
    pub(super) fn named(name: Option<&str>) -> Result<Self> {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "ignore") => Ok(Self::Ignore),
            Some("prepend") => Ok(Self::Prepend),
            Some("split") => Ok(Self::Split),
            Some(other) => Err(bad_request(format!("Invalid basepath value: {other}"))),
        }
    }

    /// What stands before every path.
    fn prefix(self, base_path: &str) -> String {
        match self {
            Self::Ignore => String::new(),
            Self::Prepend => base_path.to_owned(),
            // The first part is what a domain name's mapping would take.
            Self::Split => {
                let rest = base_path.trim_start_matches('/').split_once('/');
                rest.map_or(String::new(), |(_, rest)| format!("/{rest}"))
            }
        }
    }
}

pub(super) struct Importer<'a> {
    pub(super) document: &'a Document,
    pub(super) api: &'a mut Api,
    pub(super) ids: &'a Ids,
    pub(super) warnings: Vec<String>,
}

const METHODS: [&str; 8] = [
    "get",
    "put",
    "post",
    "delete",
    "patch",
    "options",
    "head",
    "x-amazon-apigateway-any-method",
];

impl Importer<'_> {
    /// Reads everything; what was there before and is named anew is replaced.
    pub(super) fn import(&mut self, base_path: BasePath) -> Result<()> {
        self.settings()?;
        let document = self.document;
        for (name, schema) in document.schemas() {
            self.add_model(name, schema);
        }
        for (name, described) in document.members("/x-amazon-apigateway-request-validators") {
            self.add_validator(name, described);
        }
        for (name, scheme) in document.security_schemes() {
            self.add_authorizer(name, scheme)?;
        }
        for (kind, described) in document.members("/x-amazon-apigateway-gateway-responses") {
            self.add_gateway_response(kind, described);
        }
        if document.get("x-amazon-apigateway-documentation").is_some() {
            self.warnings.push(
                "x-amazon-apigateway-documentation is not implemented by Cumulet and was left out"
                    .to_owned(),
            );
        }
        let prefix = base_path.prefix(&document.base_path());
        for (path, item) in document.members("/paths") {
            self.add_path(&format!("{prefix}{path}"), item)?;
        }
        Ok(())
    }

    fn settings(&mut self) -> Result<()> {
        let (document, settings) = (self.document, &mut self.api.settings);
        if let Some(title) = document
            .text("/info/title")
            .filter(|title| !title.is_empty())
        {
            settings.name = title;
        }
        let description = document.text("/info/description");
        settings.description = description.or(settings.description.take());
        settings.version = document.text("/info/version").or(settings.version.take());
        for kind in texts_of(document.get("x-amazon-apigateway-binary-media-types")) {
            if !settings.binary_media_types.contains(&kind) {
                settings.binary_media_types.push(kind);
            }
        }
        if let Some(source) = document.get("x-amazon-apigateway-api-key-source") {
            settings.api_key_source = text_of(source).to_ascii_uppercase();
        }
        if let Some(size) = document.get("x-amazon-apigateway-minimum-compression-size") {
            settings.minimum_compression_size = size.as_i64();
        }
        if let Some(policy) = document.get("x-amazon-apigateway-policy") {
            super::super::rest_apis::check_policy(Some(&policy.to_string()))?;
            settings.policy = Some(policy.to_string());
        }
        let disabled = "/x-amazon-apigateway-endpoint-configuration/disableExecuteApiEndpoint";
        if let Some(disabled) = document.text(disabled) {
            settings.disable_execute_api_endpoint = disabled == "true";
        }
        Ok(())
    }

    fn add_model(&mut self, name: &str, schema: &Value) {
        let known = self.api.definition.models.get(name);
        let id = known.map_or_else(|| part_id(self.ids), |known| known.id.clone());
        let schema = self.with_model_urls(schema);
        let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        let made = Model {
            id,
            name: name.to_owned(),
            description: schema.get("description").map(text_of),
            schema: Some(text),
            content_type: "application/json".to_owned(),
        };
        self.api.definition.models.insert(name.to_owned(), made);
    }

    /// References between schemas, as references between models: by URL.
    fn with_model_urls(&self, schema: &Value) -> Value {
        match schema {
            Value::Object(members) => {
                let turned = members.iter().map(|(name, value)| {
                    let url = value
                        .as_str()
                        .filter(|_| name == "$ref")
                        .and_then(schema_name)
                        .map(|model| self.model_url(model));
                    let value = url.map_or_else(|| self.with_model_urls(value), Value::String);
                    (name.clone(), value)
                });
                Value::Object(turned.collect())
            }
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.with_model_urls(item))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    fn model_url(&self, name: &str) -> String {
        let id = &self.api.settings.id;
        format!("https://apigateway.amazonaws.com/restapis/{id}/models/{name}")
    }

    /// The model of a schema: the one it refers to, or one made of it.
    pub(super) fn model_of(&mut self, schema: &Value) -> Option<String> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = schema_name(reference).unwrap_or_default();
            if self.api.definition.models.contains_key(name) {
                return Some(name.to_owned());
            }
            self.warnings
                .push(format!("Unable to resolve the reference {reference}"));
            return None;
        }
        if schema.as_object().is_none_or(serde_json::Map::is_empty) {
            return None;
        }
        let name = format!("MODEL{}", part_id(self.ids));
        self.add_model(&name, schema);
        Some(name)
    }

    fn add_validator(&mut self, name: &str, described: &Value) {
        let validators = &mut self.api.definition.validators;
        let known = validators
            .values()
            .find(|known| known.name.as_deref() == Some(name));
        let id = known.map_or_else(|| part_id(self.ids), |known| known.id.clone());
        let flag = |name: &str| described.get(name) == Some(&Value::Bool(true));
        let made = RequestValidator {
            id: id.clone(),
            name: Some(name.to_owned()),
            validate_request_body: flag("validateRequestBody"),
            validate_request_parameters: flag("validateRequestParameters"),
        };
        validators.insert(id, made);
    }

    pub(super) fn validator_id(&self, name: &str) -> Result<String> {
        let mut validators = self.api.definition.validators.values();
        let found = validators.find(|known| known.name.as_deref() == Some(name));
        let unknown = || bad_request(format!("Invalid Request Validator name specified: {name}"));
        found.map(|known| known.id.clone()).ok_or_else(unknown)
    }

    fn add_authorizer(&mut self, name: &str, scheme: &Value) -> Result<()> {
        let Some(described) = scheme.get("x-amazon-apigateway-authorizer") else {
            return Ok(());
        };
        let text = |member: &str| {
            described
                .get(member)
                .map(text_of)
                .filter(|text| !text.is_empty())
        };
        let kind = text("type").unwrap_or_default().to_ascii_uppercase();
        if kind != "TOKEN" && kind != "REQUEST" {
            let what = format!("apigateway:PutRestApi with an authorizer of type {kind}");
            return Err(Error::not_implemented(what));
        }
        let header = scheme.get("name").map(text_of);
        let own_header = header.map(|name| format!("method.request.header.{name}"));
        let identity = text("identitySource").or(own_header.filter(|_| kind == "TOKEN"));
        let ttl = described.get("authorizerResultTtlInSeconds");
        let authorizers = &mut self.api.definition.authorizers;
        let known = authorizers.values().find(|known| known.name == name);
        let id = known.map_or_else(|| part_id(self.ids), |known| known.id.clone());
        let made = Authorizer {
            id: id.clone(),
            name: name.to_owned(),
            kind,
            auth_type: scheme.get("x-amazon-apigateway-authtype").map(text_of),
            authorizer_uri: text("authorizerUri"),
            authorizer_credentials: text("authorizerCredentials"),
            identity_source: identity,
            identity_validation_expression: text("identityValidationExpression"),
            authorizer_result_ttl_in_seconds: ttl.and_then(Value::as_i64),
        };
        super::super::authorizers::check(&made)?;
        authorizers.insert(id, made);
        Ok(())
    }

    fn add_gateway_response(&mut self, kind: &str, described: &Value) {
        let parameters = text_map(described.get("responseParameters"));
        let made = GatewayResponse {
            response_type: kind.to_owned(),
            status_code: described.get("statusCode").map(text_of),
            response_parameters: parameters,
            response_templates: text_map(described.get("responseTemplates")),
            default_response: false,
        };
        self.api
            .definition
            .gateway_responses
            .insert(kind.to_owned(), made);
    }

    fn add_path(&mut self, path: &str, item: &Value) -> Result<()> {
        let document = self.document;
        let item = document.resolved(item);
        let id = self.resource_at(path)?;
        let common = item.get("parameters").and_then(Value::as_array);
        let common = common.cloned().unwrap_or_default();
        for name in METHODS {
            let Some(operation) = item.get(name) else {
                continue;
            };
            let verb = match name {
                "x-amazon-apigateway-any-method" => "ANY".to_owned(),
                name => name.to_ascii_uppercase(),
            };
            let mut method = self.method((&verb, path), operation, &common)?;
            if let Some(integration) = &mut method.method_integration
                && integration.cache_namespace.is_empty()
            {
                integration.cache_namespace.clone_from(&id);
            }
            if let Some(resource) = self.api.definition.resources.get_mut(&id) {
                resource.resource_methods.insert(verb, method);
            }
        }
        Ok(())
    }

    /// The resource at a path, made with all above it where it is missing.
    fn resource_at(&mut self, path: &str) -> Result<String> {
        let mut id = self.api.settings.root_resource_id.clone();
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            let mut resources = self.api.definition.resources.values();
            if let Some(known) = resources.find(|known| known.path == at) {
                id.clone_from(&known.id);
                continue;
            }
            let parent = self
                .api
                .definition
                .resources
                .get(&id)
                .cloned()
                .unwrap_or_default();
            super::super::resources::check_place(self.api, &parent, part, None)?;
            let made = Resource {
                id: part_id(self.ids),
                parent_id: Some(id),
                path_part: Some(part.to_owned()),
                path: at.clone(),
                resource_methods: BTreeMap::new(),
            };
            id = made.id.clone();
            self.api.definition.resources.insert(id.clone(), made);
        }
        Ok(id)
    }
}

/// The schema that a reference names, in either version.
fn schema_name(reference: &str) -> Option<&str> {
    let name = reference
        .strip_prefix("#/definitions/")
        .or_else(|| reference.strip_prefix("#/components/schemas/"));
    name.or_else(|| {
        Some(
            reference
                .strip_prefix("https://apigateway.amazonaws.com/restapis/")?
                .split_once("/models/")?
                .1,
        )
    })
}

/// An API with a root and nothing else.
pub(super) fn blank(api: &mut Api, ids: &Ids) {
    if api.settings.root_resource_id.is_empty() {
        api.settings.root_resource_id = api_id(ids);
    }
    let root = Resource {
        id: api.settings.root_resource_id.clone(),
        path: "/".to_owned(),
        ..Resource::default()
    };
    api.definition = Definition {
        resources: BTreeMap::from([(root.id.clone(), root)]),
        ..Definition::default()
    };
}
