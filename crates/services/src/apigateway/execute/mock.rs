//! MOCK integrations: answers out of the configuration, as CORS preflights are made.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>

use bytes::Bytes;

use crate::http::HttpReply;

use super::super::state::{Integration, IntegrationResponse};
use super::{Call, Failure};

pub(super) fn answer(call: &Call<'_>, integration: &Integration) -> Result<HttpReply, Failure> {
    let status = requested_status(call, integration)?;
    let responses = &integration.integration_responses;
    let selected = responses
        .values()
        .find(|response| {
            response
                .selection_pattern
                .as_deref()
                .is_some_and(|pattern| pattern == status)
        })
        .or_else(|| responses.values().find(|response| is_default(response)))
        .ok_or_else(Failure::internal)?;
    render(selected)
}

fn is_default(response: &IntegrationResponse) -> bool {
    response
        .selection_pattern
        .as_deref()
        .is_none_or(str::is_empty)
}

/// The status code in the request template, which need not be JSON: `{ statusCode: 200 }`.
fn requested_status(call: &Call<'_>, integration: &Integration) -> Result<String, Failure> {
    let templates = &integration.request_templates;
    let template = templates
        .get(call.content_type())
        .or_else(|| templates.get("application/json"));
    let Some(template) = template else {
        return match integration.passthrough_behavior.as_str() {
            "NEVER" => Err(Failure::of(
                "UNSUPPORTED_MEDIA_TYPE",
                "Unsupported Media Type",
            )),
            _ => Err(Failure::internal()),
        };
    };
    let after = template
        .split_once("statusCode")
        .map(|(_, after)| after.trim_start_matches(['"', '\'', ' ', ':']));
    let digits: String = after
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    if digits.len() == 3 {
        Ok(digits)
    } else {
        Err(Failure::internal())
    }
}

fn render(response: &IntegrationResponse) -> Result<HttpReply, Failure> {
    let template = response
        .response_templates
        .values()
        .next()
        .map(String::as_str)
        .unwrap_or_default();
    if template.contains('$') || template.contains('#') {
        return Err(Failure::not_built("mapping templates in MOCK"));
    }
    let status = response
        .status_code
        .parse()
        .map_err(|_| Failure::internal())?;
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    for (name, value) in &response.response_parameters {
        let header = name.strip_prefix("method.response.header.");
        let literal = value
            .strip_prefix('\'')
            .and_then(|value| value.strip_suffix('\''));
        match (header, literal) {
            (Some(header), Some(literal)) => headers.push((header.to_owned(), literal.to_owned())),
            _ => {
                return Err(Failure::not_built(
                    "parameter mappings other than literals in MOCK",
                ));
            }
        }
    }
    Ok(HttpReply {
        status,
        headers,
        body: Bytes::copy_from_slice(template.as_bytes()),
    })
}
