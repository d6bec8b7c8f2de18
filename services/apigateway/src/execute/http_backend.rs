//! HTTP endpoints behind an integration, with mappings or passed through as they are.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html>

use std::time::Duration;

use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::outbound::FetchError;

use super::super::state::Integration;
use super::integrate::{Outgoing, mapping_header};
use super::log::ExecutionLog;
use super::mapping::Answered;
use super::{Call, Failure, backend, event, proxy, service_backend};

/// HTTP: what the mappings made of the request.
pub(super) async fn send(
    call: &Call<'_>,
    integration: &Integration,
    outgoing: Outgoing,
    log: &mut ExecutionLog,
) -> Result<Answered, Failure> {
    let mut headers = outgoing.headers;
    for (name, value) in [
        ("User-Agent", format!("AmazonAPIGateway_{}", call.api_id)),
        ("Content-Type", call.content_type().to_owned()),
        ("Accept", "application/json".to_owned()),
    ] {
        if mapping_header(&headers, name).is_none() {
            headers.push((name.to_owned(), value));
        }
    }
    let url = url(call, integration, &outgoing.path, &outgoing.query);
    let request = HttpRequest {
        method: method(call, integration),
        headers,
        body: outgoing.body,
        ..HttpRequest::default()
    };
    let reply = fetch(call, integration, url, request, log).await?;
    Ok(Answered {
        status: reply.status,
        headers: reply.headers,
        body: reply.body,
        error_message: None,
    })
}

/// HTTP_PROXY: the client's own request, and the endpoint's own answer.
pub(super) async fn pass(
    call: &Call<'_>,
    integration: &Integration,
    mapped: Outgoing,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    let mut headers = event::headers(call);
    headers.retain(|(name, _)| name != "Host" && mapping_header(&mapped.headers, name).is_none());
    headers.extend(mapped.headers);
    headers.push((
        "x-amzn-apigateway-api-id".to_owned(),
        call.api_id.to_owned(),
    ));
    let mut query = event::query_pairs(&call.request);
    query.retain(|(name, _)| !mapped.query.iter().any(|(mapped, _)| mapped == name));
    query.extend(mapped.query);
    let url = url(call, integration, &mapped.path, &query);
    let request = HttpRequest {
        method: method(call, integration),
        headers,
        body: call.body().clone(),
        ..HttpRequest::default()
    };
    let mut reply = fetch(call, integration, url, request, log).await?;
    for (name, _) in &mut reply.headers {
        *name = proxy::shown_name(name);
    }
    // The framing of one connection says nothing about another.
    let framing = [
        "x-amzn-Remapped-transfer-encoding",
        "x-amzn-Remapped-connection",
    ];
    reply
        .headers
        .retain(|(name, _)| !framing.contains(&name.as_str()));
    Ok(reply)
}

fn method(call: &Call<'_>, integration: &Integration) -> String {
    match integration.http_method.as_deref() {
        None | Some("ANY" | "") => call.request.method.clone(),
        Some(method) => method.to_owned(),
    }
}

fn url(
    call: &Call<'_>,
    integration: &Integration,
    path: &[(String, String)],
    query: &[(String, String)],
) -> String {
    let uri = backend::with_stage_variables(call, integration.uri.as_deref().unwrap_or_default());
    let uri = path.iter().fold(uri, |uri, (name, value)| {
        uri.replace(&format!("{{{name}}}"), value)
            .replace(&format!("{{{name}+}}"), value)
    });
    if query.is_empty() {
        return uri;
    }
    let pairs = query.iter().map(|(name, value)| {
        let part = service_backend::encode_part;
        format!("{}={}", part(name), part(value))
    });
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", pairs.collect::<Vec<_>>().join("&"))
}

async fn fetch(
    call: &Call<'_>,
    integration: &Integration,
    url: String,
    request: HttpRequest,
    log: &mut ExecutionLog,
) -> Result<HttpReply, Failure> {
    log.sending(&url, &String::from_utf8_lossy(&request.body));
    let patience = Duration::from_millis(integration.timeout_in_millis.max(0).unsigned_abs());
    let fetching = call.engine.outbound.fetch(url, request);
    let Ok(fetched) = tokio::time::timeout(patience, fetching).await else {
        log.line("Execution failed due to a timeout error".to_owned());
        return Err(Failure::timed_out());
    };
    let reply = fetched.map_err(|error| {
        log.line(format!(
            "Execution failed due to configuration error: {error}"
        ));
        match error {
            FetchError::NotLetOut(why) => Failure::not_built(&why),
            FetchError::Unreachable => Failure::internal(),
        }
    })?;
    log.received(reply.status, &reply.body, false);
    Ok(reply)
}
