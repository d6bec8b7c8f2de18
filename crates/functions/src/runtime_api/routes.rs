//! Requests to answers: the paths, the headers, the limits and the exact error documents.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::sync::mpsc;

use super::PAYLOAD_BYTES_MAX;
use super::exchange::{ErrorReport, Event, Exchange, Refusal, RuntimeEvent};
use crate::StreamPart;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
/// The most a streamed response may hold.
const STREAM_BYTES_MAX: usize = 200 * 1024 * 1024;

type Answer = Response<Full<Bytes>>;

/// The version part of the path is checked, so that a client of a later API does not half work.
pub(super) async fn answer(
    exchange: &Exchange,
    generation: u64,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let method = request.method().clone();
    Ok(match (&method, segments.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => {
            next(exchange, generation).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            response(exchange, generation, id, request).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            error(exchange, generation, id, request).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => {
            init_error(exchange, generation, request).await
        }
        (&Method::GET, ["2018-06-01", "ping"]) => plain(StatusCode::OK, "pong"),
        (_, ["2020-01-01" | "2022-07-01" | "2020-08-15", ..]) => not_implemented(&path),
        _ => plain(StatusCode::NOT_FOUND, "404 page not found\n"),
    })
}

async fn next(exchange: &Exchange, generation: u64) -> Answer {
    match exchange.next(generation) {
        Err(refusal) => refuse(&refusal),
        Ok(receiver) => match receiver.await {
            Ok(event) => deliver(event),
            // Another `next` took this one's place.
            Err(_) => refuse(&Refusal::Stale),
        },
    }
}

fn deliver(event: Event) -> Answer {
    let mut answer = Response::new(Full::new(event.payload));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let deadline = event.deadline_ms.to_string();
    let optional = [
        ("lambda-runtime-aws-request-id", Some(&event.request_id)),
        ("lambda-runtime-deadline-ms", Some(&deadline)),
        (
            "lambda-runtime-invoked-function-arn",
            Some(&event.invoked_function_arn),
        ),
        ("lambda-runtime-trace-id", event.trace_id.as_ref()),
        (
            "lambda-runtime-client-context",
            event.client_context.as_ref(),
        ),
        (
            "lambda-runtime-cognito-identity",
            event.cognito_identity.as_ref(),
        ),
    ];
    for (name, value) in optional {
        // A header cannot carry every text a caller may send; then the runtime goes without.
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok())
        {
            headers.insert(name, value);
        }
    }
    answer
}

async fn response(
    exchange: &Exchange,
    generation: u64,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    const TO: &str = "InvocationResponse";
    if let Err(refusal) = exchange.may_answer(generation, id, TO) {
        return refuse(&refusal);
    }
    let streaming = match request
        .headers()
        .get(RESPONSE_MODE)
        .map(HeaderValue::as_bytes)
    {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case(b"streaming") => true,
        Some(_) => {
            return document(
                StatusCode::BAD_REQUEST,
                "InvalidFunctionResponseMode",
                "Invalid response mode",
            );
        }
    };
    if streaming && let Some(stream) = exchange.stream() {
        return pass_on(exchange, generation, id, request, stream).await;
    }
    let bytes_max = if streaming {
        STREAM_BYTES_MAX
    } else {
        PAYLOAD_BYTES_MAX
    };
    let (event, answer) = match read(request.into_body(), bytes_max).await {
        Err(()) => return truncated(),
        Ok(Read::TooLarge) => (RuntimeEvent::ResponseTooLarge, too_large(bytes_max)),
        Ok(Read::All(body, trailers)) => (response_event(body, &trailers), accepted()),
    };
    match exchange.finish(generation, id, TO, event) {
        Ok(()) => answer,
        Err(refusal) => refuse(&refusal),
    }
}

/// Passes a streamed answer on as it comes, as fast as its receiver takes it.
async fn pass_on(
    exchange: &Exchange,
    generation: u64,
    id: &str,
    request: Request<Incoming>,
    stream: mpsc::Sender<StreamPart>,
) -> Answer {
    const TO: &str = "InvocationResponse";
    let content_type = request.headers().get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type
        .unwrap_or("application/octet-stream")
        .to_owned();
    // Where nobody listens any more the function still runs to its end.
    drop(stream.send(StreamPart::ContentType(content_type)).await);
    let (mut body, mut trailers, mut passed_bytes) =
        (request.into_body(), HeaderMap::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return truncated();
        };
        match frame.into_data() {
            Ok(data) if passed_bytes + data.len() <= STREAM_BYTES_MAX => {
                passed_bytes += data.len();
                drop(stream.send(StreamPart::Bytes(data)).await);
            }
            Ok(_) => {}
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    drop(stream);
    let event = match response_event(Bytes::new(), &trailers) {
        RuntimeEvent::Response(_) => RuntimeEvent::Streamed,
        failed => failed,
    };
    match exchange.finish(generation, id, TO, event) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(&refusal),
    }
}

/// A stream that failed half-way says so in its trailers.
fn response_event(body: Bytes, trailers: &HeaderMap) -> RuntimeEvent {
    if !trailers.contains_key(ERROR_TYPE) {
        return RuntimeEvent::Response(body);
    }
    let payload = trailers
        .get(ERROR_BODY)
        .and_then(|value| STANDARD.decode(value.as_bytes()).ok());
    let error_type = error_type(trailers, "Function.Unknown");
    RuntimeEvent::Error(ErrorReport {
        error_type,
        payload: payload.unwrap_or_default().into(),
    })
}

async fn error(
    exchange: &Exchange,
    generation: u64,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    const TO: &str = "InvocationErrorResponse";
    if let Err(refusal) = exchange.may_answer(generation, id, TO) {
        return refuse(&refusal);
    }
    let error_type = error_type(request.headers(), "Function.Unknown");
    let (event, answer) = match read(request.into_body(), PAYLOAD_BYTES_MAX).await {
        Err(()) => return truncated(),
        Ok(Read::TooLarge) => (RuntimeEvent::ResponseTooLarge, too_large(PAYLOAD_BYTES_MAX)),
        Ok(Read::All(payload, _)) => (
            RuntimeEvent::Error(ErrorReport {
                error_type,
                payload,
            }),
            accepted(),
        ),
    };
    match exchange.finish(generation, id, TO, event) {
        Ok(()) => answer,
        Err(refusal) => refuse(&refusal),
    }
}

async fn init_error(exchange: &Exchange, generation: u64, request: Request<Incoming>) -> Answer {
    let error_type = error_type(request.headers(), "Runtime.Unknown");
    let payload = match read(request.into_body(), PAYLOAD_BYTES_MAX).await {
        Err(()) => return truncated(),
        Ok(Read::TooLarge) => return too_large(PAYLOAD_BYTES_MAX),
        Ok(Read::All(payload, _)) => payload,
    };
    match exchange.init_error(
        generation,
        ErrorReport {
            error_type,
            payload,
        },
    ) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(&refusal),
    }
}

/// AWS accepts `Function.` or `Runtime.` and one capitalised word; all else becomes the fallback.
fn error_type(headers: &HeaderMap, fallback: &str) -> String {
    let given = headers
        .get(ERROR_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let word = given
        .strip_prefix("Function.")
        .or_else(|| given.strip_prefix("Runtime."));
    let valid = word.is_some_and(|word| {
        word.len() > 1
            && word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.chars().all(|letter| letter.is_ascii_alphabetic())
    });
    if valid {
        given.to_owned()
    } else {
        fallback.to_owned()
    }
}

enum Read {
    All(Bytes, HeaderMap),
    TooLarge,
}

/// Reads to the end even when it is too large: an answer given earlier would reach nobody who is still sending.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<Read, ()> {
    let expected = usize::try_from(body.size_hint().lower())
        .unwrap_or(0)
        .min(bytes_max);
    let mut bytes = BytesMut::with_capacity(expected);
    let mut trailers = HeaderMap::new();
    let mut too_large = false;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(drop)?;
        match frame.into_data() {
            Ok(data) if bytes.len() + data.len() > bytes_max => too_large = true,
            Ok(data) if !too_large => bytes.extend_from_slice(&data),
            Ok(_) => {}
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    Ok(if too_large {
        Read::TooLarge
    } else {
        Read::All(bytes.freeze(), trailers)
    })
}

fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n".to_owned())
}

fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::InvalidRequestId => document(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        ),
        Refusal::Transition { from, to } => {
            let message = format!("Transition from {from} to {to} is not allowed.");
            document(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
        }
        Refusal::Stale => document(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "This runtime has been replaced.",
        ),
    }
}

fn too_large(bytes_max: usize) -> Answer {
    let message = format!("Exceeded maximum allowed payload size ({bytes_max} bytes).");
    document(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &message,
    )
}

fn truncated() -> Answer {
    document(
        StatusCode::BAD_REQUEST,
        "TruncatedHTTPRequest",
        "HTTP request detected as truncated",
    )
}

fn not_implemented(path: &str) -> Answer {
    let message = format!("Extensions, telemetry and logs APIs are not built yet: {path}");
    document(StatusCode::NOT_IMPLEMENTED, "NotImplemented", &message)
}

fn document(status: StatusCode, error_type: &str, message: &str) -> Answer {
    let body = serde_json::json!({"errorMessage": message, "errorType": error_type});
    json(status, format!("{body}\n"))
}

fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = plain(status, body);
    answer
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    answer
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aws_s_form_of_error_types_is_kept() {
        let check = |given: &'static str| {
            error_type(
                &HeaderMap::from_iter([(
                    ERROR_TYPE.parse().expect("name"),
                    HeaderValue::from_static(given),
                )]),
                "F",
            )
        };
        assert_eq!(check("Runtime.ExitError"), "Runtime.ExitError");
        assert_eq!(check("Function.MyFailure"), "Function.MyFailure");
        for odd in [
            "Function.lower",
            "Other.Thing",
            "Function.With1",
            "Function.",
            "ValueError",
        ] {
            assert_eq!(check(odd), "F", "{odd}");
        }
    }
}
