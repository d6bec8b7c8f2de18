//! Integrations with mappings on both sides: MOCK, custom Lambda and AWS services.

use bytes::Bytes;
use cumulet_engine::http::HttpReply;
use serde_json::Value;

use super::super::state::{Integration, IntegrationResponse};
use super::log::ExecutionLog;
use super::mapping::{self, Answered};
use super::{Call, Failure, backend, content, http_backend, variables, vtl};

/// A request as the integration gets it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) path: Vec<(String, String)>,
    pub(super) body: Bytes,
}

pub(super) async fn answer(
    call: &Call<'_>,
    integration: &Integration,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    let mut context = variables::of(call);
    let outgoing = request(call, integration, &mut context, log)?;
    if integration.kind == "HTTP_PROXY" {
        return http_backend::pass(call, integration, outgoing, log).await;
    }
    let answered = backend::send(call, integration, outgoing, log).await?;
    let selected = select(integration, &answered).ok_or_else(|| {
        log.line("Execution failed due to configuration error: No match for output mapping and no default endpoint response mapping configured. Endpoint Response Status Code: ".to_owned() + &answered.status.to_string());
        Failure::internal()
    })?;
    if !call
        .method
        .method_responses
        .contains_key(&selected.status_code)
    {
        let status = &selected.status_code;
        log.line(format!("Execution failed due to configuration error: Output mapping refers to an invalid method response: {status}"));
        return Err(Failure::internal());
    }
    respond(call, integration, selected, answered, &mut context, log)
}

fn request(
    call: &Call<'_>,
    integration: &Integration,
    context: &mut Value,
    log: &mut ExecutionLog,
) -> Result<Outgoing, Failure> {
    let source = |expression: &str| mapping::of_request(call, &variables::of(call), expression);
    let mapped = |place: &str| {
        let prefix = format!("integration.request.{place}.");
        mapping::apply(&integration.request_parameters, &prefix, source)
    };
    let body = request_body(call, integration, context, log)?;
    let mut outgoing = Outgoing {
        headers: mapped("header"),
        query: mapped("querystring"),
        path: mapped("path"),
        body,
    };
    outgoing.headers.extend(mapped("multivalueheader"));
    outgoing.query.extend(mapped("multivaluequerystring"));
    let overridden = &context["requestOverride"];
    override_with(&mut outgoing.headers, &overridden["header"]);
    override_with(&mut outgoing.query, &overridden["querystring"]);
    override_with(&mut outgoing.path, &overridden["path"]);
    Ok(outgoing)
}

fn override_with(pairs: &mut Vec<(String, String)>, values: &Value) {
    for (name, value) in values.as_object().into_iter().flatten() {
        pairs.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        let values = match value {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        let texts = values.into_iter().map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        });
        pairs.extend(texts.map(|text| (name.clone(), text)));
    }
}

/// The body through the template of its content type, or as it is where that is allowed.
fn request_body(
    call: &Call<'_>,
    integration: &Integration,
    context: &mut Value,
    log: &mut ExecutionLog,
) -> Result<Bytes, Failure> {
    let binary = content::is_binary(&call.definition.binary_media_types, call.content_type());
    let handling = integration.content_handling.as_deref();
    let body = content::of_request(call.body(), binary, handling).ok_or_else(Failure::internal)?;
    let templates = &integration.request_templates;
    let given = call.request.header("content-type").unwrap_or_default();
    let template = templates
        .get(given)
        .or_else(|| templates.get(call.content_type()));
    let Some(template) = template else {
        let passes = match integration.passthrough_behavior.as_str() {
            "NEVER" => false,
            "WHEN_NO_TEMPLATES" => templates.is_empty(),
            _ => true,
        };
        let refused = || Failure::of("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type");
        return passes.then_some(body).ok_or_else(refused);
    };
    let input = variables::input(call).with_body(&body);
    render(call, template, &input, context, log)
}

fn render(
    call: &Call<'_>,
    template: &str,
    input: &vtl::Input,
    context: &mut Value,
    log: &mut ExecutionLog,
) -> Result<Bytes, Failure> {
    let rendered = vtl::render(template, input, context, &variables::of_stage(call));
    rendered.map(Bytes::from).map_err(|fault| {
        log.line(format!(
            "Execution failed due to configuration error: Unable to transform: {fault}"
        ));
        Failure::internal()
    })
}

/// The first response whose pattern is the whole of the error message, or of the status; else the default.
fn select<'a>(
    integration: &'a Integration,
    answered: &Answered,
) -> Option<&'a IntegrationResponse> {
    let responses = || integration.integration_responses.values();
    let is_function = integration.kind == "AWS" && is_invocation(integration);
    let subject = match (&answered.error_message, is_function) {
        (Some(message), true) => Some(message.clone()),
        (None, true) => None,
        _ => Some(answered.status.to_string()),
    };
    let pattern_of = |response: &'a IntegrationResponse| {
        let pattern = response.selection_pattern.as_deref();
        pattern.filter(|pattern| !pattern.is_empty())
    };
    let matches = |response: &&IntegrationResponse| {
        let (Some(pattern), Some(subject)) = (pattern_of_any(response), &subject) else {
            return false;
        };
        regex::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(subject))
    };
    responses()
        .find(matches)
        .or_else(|| responses().find(|response| pattern_of(response).is_none()))
}

fn pattern_of_any(response: &IntegrationResponse) -> Option<&str> {
    let pattern = response.selection_pattern.as_deref();
    pattern.filter(|pattern| !pattern.is_empty())
}

fn is_invocation(integration: &Integration) -> bool {
    let uri = integration.uri.as_deref().unwrap_or_default();
    super::lambda_backend::function_of(uri).is_some()
}

fn respond(
    call: &Call<'_>,
    integration: &Integration,
    selected: &IntegrationResponse,
    answered: Answered,
    context: &mut Value,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    let mut headers = mapping::apply(
        &selected.response_parameters,
        "method.response.header.",
        |expression| mapping::of_answer(call, context, &answered, expression),
    );
    let (media_type, body) = response_body(call, integration, selected, &answered, context, log)?;
    let overridden = &context["responseOverride"];
    override_with(&mut headers, &overridden["header"]);
    let status = match &overridden["status"] {
        Value::Null => selected.status_code.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|status| status.try_into().ok()),
        other => other.as_str().and_then(|status| status.parse().ok()),
    };
    let has_type = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !has_type {
        headers.push(("Content-Type".to_owned(), media_type));
    }
    Ok(HttpReply {
        status: status.ok_or_else(Failure::internal)?,
        headers,
        body,
    })
}

/// The answer's body through the template of what the client accepts, and its media type.
fn response_body(
    call: &Call<'_>,
    integration: &Integration,
    selected: &IntegrationResponse,
    answered: &Answered,
    context: &mut Value,
    log: &mut ExecutionLog,
) -> Result<(String, Bytes), Failure> {
    const JSON: &str = "application/json";
    let templates = &selected.response_templates;
    let accept = call.request.header("accept").unwrap_or(JSON);
    let chosen = templates
        .get_key_value(accept)
        .or_else(|| templates.get_key_value(JSON))
        .or_else(|| templates.first_key_value());
    let named = mapping_header(&answered.headers, "content-type");
    let binary =
        named.is_some_and(|kind| content::is_binary(&call.definition.binary_media_types, kind));
    let body = match chosen {
        Some((_, template)) if !template.is_empty() => {
            let input = variables::input(call).with_body(&answered.body);
            render(call, template, &input, context, log)?
        }
        _ if integration.kind == "MOCK" => Bytes::new(),
        _ => answered.body.clone(),
    };
    let handling = selected.content_handling.as_deref();
    let wanted = content::wants_binary(call);
    let media_type = chosen.map_or(JSON, |(media_type, _)| media_type).to_owned();
    let body = content::of_answer(body, binary, wanted, handling);
    Ok((media_type, body.ok_or_else(Failure::internal)?))
}

pub(super) fn mapping_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut named = headers.iter().rev();
    let found = named.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
