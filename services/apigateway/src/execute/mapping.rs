//! Parameter mappings: where a header, query or path value of one side comes from on the other.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html>

use bytes::Bytes;
use serde_json::Value;

use super::super::state::Texts;
use super::{Call, event, variables, vtl};

/// What an integration answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// A function's error message: what selection patterns are held against.
    pub(super) error_message: Option<String>,
}

/// The values that a mapping expression of the request side stands for; none where it is missing.
pub(super) fn of_request(call: &Call<'_>, context: &Value, expression: &str) -> Vec<String> {
    let Some(rest) = expression.strip_prefix("method.request.") else {
        return shared(call, context, expression);
    };
    let (place, name) = rest.split_once('.').unwrap_or((rest, ""));
    match place {
        "body" => of_body(call.body(), name),
        "header" => last(headers(&call.request.headers, name)),
        "multivalueheader" => headers(&call.request.headers, name),
        "path" => last(values(&call.path_parameters, name)),
        "querystring" => last(values(&event::query_pairs(&call.request), name)),
        "multivaluequerystring" => values(&event::query_pairs(&call.request), name),
        _ => Vec::new(),
    }
}

/// The values that a mapping expression of the response side stands for.
pub(super) fn of_answer(
    call: &Call<'_>,
    context: &Value,
    answered: &Answered,
    expression: &str,
) -> Vec<String> {
    let Some(rest) = expression.strip_prefix("integration.response.") else {
        return shared(call, context, expression);
    };
    let (place, name) = rest.split_once('.').unwrap_or((rest, ""));
    match place {
        "body" => of_body(&answered.body, name),
        "header" => last(headers(&answered.headers, name)),
        "multivalueheader" => headers(&answered.headers, name),
        _ => Vec::new(),
    }
}

/// Literals and variables, which both sides have.
fn shared(call: &Call<'_>, context: &Value, expression: &str) -> Vec<String> {
    let literal = expression.strip_prefix('\'');
    if let Some(literal) = literal.and_then(|literal| literal.strip_suffix('\'')) {
        return vec![literal.to_owned()];
    }
    let found = match expression.split_once('.') {
        Some(("context", path)) => variables::lookup(context, path),
        Some(("stageVariables", name)) => call.stage.variables.get(name).cloned(),
        _ => None,
    };
    found.into_iter().collect()
}

fn of_body(body: &[u8], path: &str) -> Vec<String> {
    if path.is_empty() {
        return vec![String::from_utf8_lossy(body).into_owned()];
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let path = match path.starts_with('$') {
        true => path.to_owned(),
        false => format!("$.{path}"),
    };
    match vtl::select(&body, &path) {
        Err(_) | Ok(Value::Null) => Vec::new(),
        Ok(Value::String(text)) => vec![text],
        Ok(other) => vec![other.to_string()],
    }
}

fn headers(all: &[(String, String)], name: &str) -> Vec<String> {
    let named = all
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.clone()).collect()
}

fn values(all: &[(String, String)], name: &str) -> Vec<String> {
    let named = all.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.clone()).collect()
}

fn last(values: Vec<String>) -> Vec<String> {
    values.into_iter().last().into_iter().collect()
}

/// Applies mappings whose target begins with `prefix`: names without it, with their values.
pub(super) fn apply(
    mappings: &Texts,
    prefix: &str,
    source: impl Fn(&str) -> Vec<String>,
) -> Vec<(String, String)> {
    let targeted = mappings
        .iter()
        .filter_map(|(target, expression)| Some((target.strip_prefix(prefix)?, expression)));
    targeted
        .flat_map(|(name, expression)| {
            let values = source(expression).into_iter();
            values.map(|value| (name.to_owned(), value))
        })
        .collect()
}
