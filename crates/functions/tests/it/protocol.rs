//! The Runtime API as a client sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cumulet_functions::Invocation;

use crate::host::{TestHost, invocation, payload};

#[tokio::test(flavor = "multi_thread")]
async fn next_carries_the_invocation_in_its_headers() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    let invocation = Invocation {
        trace_id: Some("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1".to_owned()),
        client_context: Some(r#"{"custom":{"a":"b"}}"#.to_owned()),
        cognito_identity: Some(r#"{"cognitoIdentityId":"i"}"#.to_owned()),
        ..invocation("headers")
    };
    let outcome = host
        .functions
        .invoke(&function, invocation.clone())
        .await
        .expect("the function ran");
    let headers: BTreeMap<String, String> = serde_json::from_slice(&outcome.payload).expect("JSON");
    assert_eq!(
        headers["lambda-runtime-aws-request-id"],
        invocation.request_id
    );
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        invocation.invoked_function_arn
    );
    assert_eq!(
        headers.get("lambda-runtime-trace-id"),
        invocation.trace_id.as_ref()
    );
    assert_eq!(
        headers.get("lambda-runtime-client-context"),
        invocation.client_context.as_ref()
    );
    assert_eq!(
        headers.get("lambda-runtime-cognito-identity"),
        invocation.cognito_identity.as_ref()
    );
    assert_eq!(headers["content-type"], "application/json");
    let deadline_ms: u64 = headers["lambda-runtime-deadline-ms"]
        .parse()
        .expect("milliseconds");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let now_ms = u64::try_from(now.as_millis()).expect("this century");
    assert!((now_ms..=now_ms + 10_000).contains(&deadline_ms));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_uses_are_refused_as_by_aws() {
    let host = TestHost::start().await;
    let outcome = host.invoke(&Arc::new(host.function()), "protocol").await;
    let answers: BTreeMap<String, String> = serde_json::from_slice(&outcome.payload).expect("JSON");
    let transition = |from: &str, to: &str| {
        format!(
            r#"403 {{"errorMessage":"Transition from {from} to {to} is not allowed.","errorType":"InvalidStateTransition"}}"#
        )
    };
    assert_eq!(
        answers["next while running"],
        transition("Running", "Ready")
    );
    assert_eq!(
        answers["other id"],
        r#"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#
    );
    assert_eq!(
        answers["late init error"],
        transition("Running", "InitError")
    );
    assert_eq!(answers["ping"], "200 pong");
    assert!(
        answers["odd mode"].starts_with("400 ")
            && answers["odd mode"].contains("InvalidFunctionResponseMode")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_may_be_anything_up_to_the_limit() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    assert_eq!(
        payload(&host.invoke(&function, "invalid").await),
        "this is no JSON"
    );
    let largest = host.invoke(&function, "big 6291556").await;
    assert_eq!(
        (largest.payload.len(), largest.function_error.as_deref()),
        (6_291_556, None)
    );
    let larger = host.invoke(&function, "big 6291557").await;
    assert_eq!(
        larger.error_type.as_deref(),
        Some("Function.ResponseSizeTooLarge")
    );
    assert!(payload(&larger).contains("exceeded maximum allowed payload size (6291556 bytes)."));
    assert_eq!(payload(&host.invoke(&function, "stream").await), "one,two");
    let broken = host.invoke(&function, "stream fails").await;
    assert_eq!(
        (payload(&broken), broken.error_type.as_deref()),
        (r#"{"errorMessage":"broke"}"#, Some("Function.Broke"))
    );
    assert_eq!(
        payload(&host.invoke(&function, "count").await),
        "6",
        "one process served them all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reported_error_keeps_its_payload_and_its_type_only_in_aws_s_form() {
    let host = TestHost::start().await;
    let function = Arc::new(host.function());
    for (given, kept) in [
        ("Function.Mine", "Function.Mine"),
        ("ValueError", "Function.Unknown"),
    ] {
        let outcome = host.invoke(&function, &format!("error {given}")).await;
        assert_eq!(
            payload(&outcome),
            r#"{"errorMessage":"no","errorType":"Mine"}"#
        );
        assert_eq!(outcome.function_error.as_deref(), Some("Unhandled"));
        assert_eq!(outcome.error_type.as_deref(), Some(kept));
    }
}
