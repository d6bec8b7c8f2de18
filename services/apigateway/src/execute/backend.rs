//! What stands behind an integration with mappings.

use super::super::state::Integration;
use super::integrate::Outgoing;
use super::log::ExecutionLog;
use super::mapping::Answered;
use super::{Call, Failure, http_backend, lambda_backend, service_backend};

pub(super) async fn send(
    call: &Call<'_>,
    integration: &Integration,
    outgoing: Outgoing,
    log: &mut ExecutionLog,
) -> Result<Answered, Failure> {
    match integration.kind.as_str() {
        "MOCK" => mock(&outgoing),
        "HTTP" => http_backend::send(call, integration, outgoing, log).await,
        "AWS" => {
            let uri = with_stage_variables(call, integration.uri.as_deref().unwrap_or_default());
            match lambda_backend::function_of(&uri) {
                Some(_) => lambda_backend::send(call, integration, &uri, outgoing, log).await,
                None => service_backend::send(call, integration, &uri, outgoing, log).await,
            }
        }
        other => Err(Failure::not_built(other)),
    }
}

/// A variable that the stage has not stands for nothing.
pub(super) fn with_stage_variables(call: &Call<'_>, uri: &str) -> String {
    let mut filled = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((before, after)) = rest.split_once("${stageVariables.") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        filled.push_str(before);
        filled.push_str(call.stage.variables.get(name).map_or("", String::as_str));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// MOCK answers the status that its request template names; which need not be JSON: `{ statusCode: 200 }`.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>
fn mock(outgoing: &Outgoing) -> Result<Answered, Failure> {
    let template = String::from_utf8_lossy(&outgoing.body);
    let after = template
        .split_once("statusCode")
        .map(|(_, after)| after.trim_start_matches(['"', '\'', ' ', ':', '\t', '\n', '\r']));
    let digits: String = after
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let status = digits.parse().ok().filter(|_| digits.len() == 3);
    Ok(Answered {
        status: status.ok_or_else(Failure::internal)?,
        ..Answered::default()
    })
}
