//! The page and what it asks for.

use cumulet_stack::{Failure, LambdaEvent, log};
use serde::Deserialize;
use serde_json::{Value, json};
use upload_api::response;

use crate::way::Way;

const HTML: &str = include_str!("page.html");
/// The page brings everything with it and talks to its own API only.
const SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    #[serde(default)]
    path: String,
    query_string_parameters: Option<Query>,
}

/// Which file is asked for: what the upload answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Query {
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) version_id: String,
}

/// One invocation: the page, or the way of a file.
pub(crate) async fn page(way: &Way, event: LambdaEvent<Request>) -> Result<Value, Failure> {
    let request = event.payload;
    if !request.path.ends_with("/way") {
        return Ok(html());
    }
    let query = request.query_string_parameters.unwrap_or_default();
    if !query.key.starts_with("uploads/") || query.version_id.is_empty() {
        let error = "key and versionId are those that the upload answered";
        return Ok(response(400, &json!({ "error": error })));
    }
    Ok(match way.of(&query).await {
        Ok(told) => response(200, &told),
        Err(failure) => {
            log(&json!({ "level": "ERROR", "event": "blind", "cause": failure.message }));
            response(
                500,
                &json!({ "error": "The way of the file cannot be seen" }),
            )
        }
    })
}

fn html() -> Value {
    json!({
        "statusCode": 200,
        "headers": {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
        "body": HTML,
        "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests {
    use cumulet_stack::{Call, LambdaContext, Rehearsal, Reply};
    use serde_json::{Value, json};

    use super::{LambdaEvent, Way, page};

    async fn ask(rehearsal: &Rehearsal, path: &str, query: Value) -> Value {
        let request = json!({ "path": path, "queryStringParameters": query });
        let request = serde_json::from_value(request).expect("a request");
        let way = Way::new(rehearsal.config(), crate::way::tests::places());
        page(&way, LambdaEvent::new(request, LambdaContext::default()))
            .await
            .expect("always an answer")
    }

    fn told(answer: &Value) -> Value {
        serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON")
    }

    fn nothing_yet(call: &Call) -> Reply {
        match () {
            () if call.is("HEAD ") => Reply::refusal(404, "NotFound"),
            () if call.is("FilterLogEvents") => Reply::ok(r#"{"events":[]}"#),
            () if call.is("GetItem") => Reply::ok("{}"),
            () => Reply::empty_cbor(),
        }
    }

    #[tokio::test]
    async fn the_page_is_served_where_no_way_is_asked_for() {
        let rehearsal = Rehearsal::new(nothing_yet);
        let answer = ask(&rehearsal, "/", Value::Null).await;
        assert_eq!(
            answer["headers"]["Content-Type"],
            "text/html; charset=utf-8"
        );
        assert!(
            answer["body"]
                .as_str()
                .expect("text")
                .starts_with("<!doctype html>")
        );
        assert!(rehearsal.calls().is_empty());
    }

    #[tokio::test]
    async fn only_uploads_can_be_asked_for() {
        for query in [
            Value::Null,
            json!({}),
            json!({ "key": "access-logs/x", "versionId": "v" }),
            json!({ "key": "uploads/x" }),
        ] {
            let answer = ask(&Rehearsal::new(nothing_yet), "/way", query).await;
            assert_eq!(answer["statusCode"], 400);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_seen_is_said_without_details() {
        let denied = Rehearsal::new(|_| Reply::refusal(403, "AccessDeniedException"));
        let answer = ask(
            &denied,
            "/way",
            json!({ "key": "uploads/x", "versionId": "v" }),
        )
        .await;
        assert_eq!(answer["statusCode"], 500);
        assert!(!answer.to_string().contains("AccessDenied"), "{answer}");
    }

    #[tokio::test]
    async fn a_file_on_its_way_is_told_step_by_step() {
        let query = json!({ "key": "uploads/p/a", "versionId": "v" });
        let way = told(&ask(&Rehearsal::new(nothing_yet), "/way", query.clone()).await);
        assert_eq!(
            [&way["stored"], &way["processed"], &way["indexed"]],
            [&Value::Null; 3]
        );
        let arrived = Rehearsal::new(|call| match () {
            () if call.is("HEAD ") => Reply::ok("").with("x-amz-version-id", "v"),
            () if call.is("FilterLogEvents") => {
                let message =
                    json!({ "event": "processed", "sha256": "00", "seal": "11" }).to_string();
                Reply::ok(json!({ "events": [{ "message": message, "timestamp": 1 }] }).to_string())
            }
            () if call.is("GetItem") => {
                Reply::ok(r#"{"Item":{"status":{"S":"processed"},"size":{"N":"3"}}}"#)
            }
            () => nothing_yet(call),
        });
        let way = told(&ask(&arrived, "/way", query).await);
        assert_eq!(way["stored"]["versionId"], "v");
        assert_eq!(way["processed"]["sha256"], "00");
        assert_eq!(
            way["indexed"],
            json!({ "size": "3", "status": "processed" })
        );
    }
}
