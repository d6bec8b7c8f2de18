//! Request validation: required parameters, and the body against the model of its content type.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html>

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use super::super::state::Definition;
use super::log::ExecutionLog;
use super::{Call, Failure};

/// Refuses a request that the method's validator refuses.
pub(super) fn check(call: &Call<'_>, log: &mut ExecutionLog) -> Result<(), Failure> {
    let validator = call
        .method
        .request_validator_id
        .as_ref()
        .and_then(|id| call.definition.validators.get(id));
    let Some(validator) = validator else {
        return Ok(());
    };
    if validator.validate_request_parameters {
        check_parameters(call)?;
    }
    if validator.validate_request_body {
        check_body(call, log)?;
    }
    Ok(())
}

fn check_parameters(call: &Call<'_>) -> Result<(), Failure> {
    let required = call
        .method
        .request_parameters
        .iter()
        .filter(|(_, required)| **required);
    let missing: Vec<&str> = required
        .filter_map(|(name, _)| {
            let (place, leaf) = name.strip_prefix("method.request.")?.split_once('.')?;
            (!is_given(call, place, leaf)).then_some(leaf)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Missing required request parameters: [{}]",
        missing.join(", ")
    );
    Err(Failure::of("BAD_REQUEST_PARAMETERS", message))
}

fn is_given(call: &Call<'_>, place: &str, name: &str) -> bool {
    let non_empty = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    match place {
        "header" | "multivalueheader" => non_empty(call.request.header(name)),
        "path" => call
            .path_parameters
            .iter()
            .any(|(known, value)| known == name && !value.is_empty()),
        _ => super::event::query_pairs(&call.request)
            .iter()
            .any(|(known, value)| known == name && !value.is_empty()),
    }
}

/// Only a content type that has a model is validated; any other passes as it is.
fn check_body(call: &Call<'_>, log: &mut ExecutionLog) -> Result<(), Failure> {
    let models = &call.method.request_models;
    let content_type = call.content_type();
    let Some(name) = models.get(content_type).or_else(|| models.get("$default")) else {
        return Ok(());
    };
    let validator = validator(call, name).ok_or_else(Failure::internal)?;
    let found = match serde_json::from_slice::<Value>(call.body()) {
        Ok(body) => violations_or_panic(&validator, &body),
        Err(_) => vec!["Unknown error parsing request body".to_owned()],
    };
    if found.is_empty() {
        return Ok(());
    }
    let detail = format!("[{}]", found.join(", "));
    log.line(format!(
        "Request body does not match model schema for content type {content_type}: {detail}"
    ));
    Err(Failure::of("BAD_REQUEST_BODY", "Invalid request body").with_detail(detail))
}

/// Validators of frozen models, by deployment and model: compiled once.
#[derive(Debug, Default)]
struct Validators(Mutex<HashMap<String, Arc<Validator>>>);
const CACHED_MAX: usize = 1_000;

fn validator(call: &Call<'_>, model: &str) -> Option<Arc<Validator>> {
    // What TestInvokeMethod runs is not deployed, and may change.
    if call.is_test {
        return compile(&call.definition, model).map(Arc::new);
    }
    let key = format!("{}/{}/{model}", call.api_id, call.stage.deployment_id);
    let validators = call.engine.memory.of::<Validators>();
    let kept = || validators.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept().get(&key) {
        return Some(known.clone());
    }
    let compiled = Arc::new(compile(&call.definition, model)?);
    let mut cache = kept();
    if cache.len() >= CACHED_MAX {
        cache.clear();
    }
    cache.insert(key, compiled.clone());
    Some(compiled)
}

fn compile(definition: &Definition, model: &str) -> Option<Validator> {
    let schemas: HashMap<String, Value> = definition
        .models
        .values()
        .filter_map(|model| {
            Some((
                model.name.clone(),
                serde_json::from_str(model.schema.as_deref()?).ok()?,
            ))
        })
        .collect();
    let schema = schemas.get(model)?.clone();
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .with_retriever(Models(schemas))
        .build(&schema)
        .ok()
}

/// `https://apigateway.amazonaws.com/restapis/{id}/models/{name}` in a `$ref`.
struct Models(HashMap<String, Value>);

impl Retrieve for Models {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri
            .as_str()
            .split_once("/models/")
            .map(|(_, name)| name.trim_end_matches('#'));
        let schema = name.and_then(|name| self.0.get(name)).cloned();
        schema.ok_or_else(|| format!("no model stands at {uri}").into())
    }
}

/// The validator panics on numbers beyond its arithmetic (1e308 as a multiple of 0.123456789); such a
/// body is refused, and no connection breaks.
fn violations_or_panic(validator: &Validator, body: &Value) -> Vec<String> {
    let checked = std::panic::catch_unwind(AssertUnwindSafe(|| violations(validator, body)));
    checked.unwrap_or_else(|_| vec!["Unknown error validating request body".to_owned()])
}

/// What is wrong, as AWS's validator words it.
fn violations(validator: &Validator, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut missing: Vec<(String, Vec<String>)> = Vec::new();
    for error in validator.iter_errors(body) {
        match error.kind() {
            // One sentence names all the properties that an object misses.
            ValidationErrorKind::Required { property } => {
                let place = error.instance_path().to_string();
                let property = property.to_string();
                match missing.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, properties)) => properties.push(property),
                    None => missing.push((place, vec![property])),
                }
            }
            _ => found.push(words(&error)),
        }
    }
    let missing = missing.into_iter().map(|(_, mut properties)| {
        properties.sort();
        format!(
            "object has missing required properties ([{}])",
            properties.join(",")
        )
    });
    missing.chain(found).collect()
}

fn words(error: &ValidationError<'_>) -> String {
    let instance = error.instance();
    let length = instance.as_str().map_or(0, |text| text.chars().count());
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let allowed = allowed_types(kind);
            let found = type_name(instance);
            format!(
                "instance type ({found}) does not match any allowed primitive type (allowed: [{allowed}])"
            )
        }
        ValidationErrorKind::MinLength { limit } => {
            format!("string {instance} is too short (length: {length}, required minimum: {limit})")
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("string {instance} is too long (length: {length}, maximum allowed: {limit})")
        }
        ValidationErrorKind::Minimum { limit } => {
            format!(
                "numeric instance is lower than the required minimum (minimum: {limit}, found: {instance})"
            )
        }
        ValidationErrorKind::Maximum { limit } => {
            format!(
                "numeric instance is greater than the required maximum (maximum: {limit}, found: {instance})"
            )
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let options: Vec<String> = options.iter().map(Value::to_string).collect();
            format!(
                "instance value ({instance}) not found in enum (possible values: [{}])",
                options.join(",")
            )
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unexpected: Vec<String> =
                unexpected.iter().map(|name| format!("{name:?}")).collect();
            let unexpected = unexpected.join(",");
            format!(
                "object instance has properties which are not allowed by the schema: [{unexpected}]"
            )
        }
        ValidationErrorKind::Pattern { pattern } => {
            format!("ECMA 262 regex {pattern:?} does not match input string {instance}")
        }
        _ => error.to_string(),
    }
}

fn allowed_types(kind: &TypeKind) -> String {
    let mut allowed: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect(),
    };
    if allowed.iter().any(|name| name == "number") {
        allowed.push("integer".to_owned());
    }
    allowed.sort();
    allowed.dedup();
    allowed
        .iter()
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn type_name(instance: &Value) -> &'static str {
    match instance {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::state::Model;
    use super::*;

    fn check(schema: &str, body: &str) -> String {
        let model = |name: &str, schema: &str| Model {
            name: name.to_owned(),
            schema: Some(schema.to_owned()),
            ..Model::default()
        };
        let models = [
            ("Note".to_owned(), model("Note", schema)),
            ("Text".to_owned(), model("Text", r#"{"type":"string"}"#)),
        ];
        let definition = Definition {
            models: models.into(),
            ..Definition::default()
        };
        let validator = compile(&definition, "Note").expect("the schema compiles");
        violations(&validator, &serde_json::from_str(body).expect("JSON")).join("; ")
    }

    #[test]
    fn violations_read_as_awss_validator_words_them() {
        let schema = r#"{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","required":["id","price"],
            "properties":{"id":{"type":"string","minLength":1,"maxLength":3},"price":{"type":"number","minimum":0}}}"#;
        assert_eq!(check(schema, r#"{"id":"a","price":0}"#), "");
        assert_eq!(
            check(schema, "{}"),
            r#"object has missing required properties (["id","price"])"#
        );
        assert_eq!(
            check(schema, r#"{"id":"","price":-1}"#),
            r#"string "" is too short (length: 0, required minimum: 1); numeric instance is lower than the required minimum (minimum: 0, found: -1)"#
        );
        assert_eq!(
            check(schema, r#"{"id":"a","price":"1"}"#),
            r#"instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])"#
        );
    }

    #[test]
    fn a_model_may_refer_to_another() {
        let schema = r#"{"properties":{"text":{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/Text"}}}"#;
        assert_eq!(check(schema, r#"{"text":"x"}"#), "");
        assert!(check(schema, r#"{"text":1}"#).contains("instance type (integer)"));
    }

    #[test]
    fn a_number_beyond_the_validators_arithmetic_is_a_violation() {
        let schema = serde_json::json!({ "type": "integer", "multipleOf": 0.123456789 });
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .build(&schema)
            .expect("the schema compiles");
        let found = violations_or_panic(&validator, &serde_json::json!(1e308));
        assert_eq!(found.len(), 1);
    }
}
