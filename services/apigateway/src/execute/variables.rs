//! `$context`, as templates, parameter mappings, gateway responses and access logs see it.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html#context-variable-reference>

use serde_json::{Value, json};

use super::vtl::Input;
use super::{Call, event};

pub(super) fn of(call: &Call<'_>) -> Value {
    let mut variables = event::request_context(call);
    variables["awsEndpointRequestId"] = call.context.request_id.as_ref().into();
    variables["xrayTraceId"] = event::trace_id(call).into();
    if let Some(is_canary) = call.is_canary {
        variables["isCanaryRequest"] = is_canary.into();
    }
    variables
}

pub(super) fn of_stage(call: &Call<'_>) -> Value {
    json!(call.stage.variables)
}

/// What `$input` is for the request.
pub(super) fn input(call: &Call<'_>) -> Input {
    Input::new(
        call.body(),
        call.path_parameters.clone(),
        event::query_pairs(&call.request),
        call.request.headers.clone(),
    )
}

/// The variable at a dotted path, as text; `None` where it is missing or null.
pub(super) fn lookup(tree: &Value, path: &str) -> Option<String> {
    let found = path
        .split('.')
        .try_fold(tree, |value, name| value.get(name))?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Puts values in the place of `$context.x` and `$stageVariables.x`, which is all that access logs and
/// gateway responses know.
pub(super) fn fill(template: &str, context: &Value, stage: &Value, missing: &str) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let braced = after.strip_prefix('{');
        let name = braced.unwrap_or(after);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = name.find(|c: char| !is_part(c)).unwrap_or(name.len());
        let path = name[..end].trim_end_matches('.');
        let found = match path.split_once('.') {
            Some(("context", path)) => Some(lookup(context, path)),
            Some(("stageVariables", path)) => Some(lookup(stage, path)),
            _ => None,
        };
        let Some(value) = found else {
            filled.push('$');
            rest = after;
            continue;
        };
        filled.push_str(value.as_deref().unwrap_or(missing));
        rest = &name[path.len()..];
        if braced.is_some() {
            rest = rest.strip_prefix('}').unwrap_or(rest);
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_filled_and_what_is_missing_shows_as_a_dash() {
        let context = json!({ "requestId": "r", "status": 200, "identity": { "caller": null } });
        let stage = json!({ "colour": "red" });
        let filled = |template| fill(template, &context, &stage, "-");
        assert_eq!(
            filled(
                r#"{"id":"$context.requestId","s":$context.status,"c":"$context.identity.caller"}"#
            ),
            r#"{"id":"r","s":200,"c":"-"}"#
        );
        assert_eq!(
            filled("$context.status. ${stageVariables.colour}s $5 $"),
            "200. reds $5 $"
        );
    }
}
