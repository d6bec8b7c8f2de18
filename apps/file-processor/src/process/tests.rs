//! The handler against an AWS that answers as told.

use cumulet_stack::{Call, Failure, LambdaContext, LambdaEvent, Rehearsal, Reply, S3Event};
use serde_json::{Value, json};

use super::{Processor, process};

const PASSWORD: &str = "correct horse battery staple 1234";

fn event(keys: &[&str]) -> S3Event {
    let record = |key: &&str| {
        json!({
            "eventName": "ObjectCreated:Put", "eventTime": "2026-11-21T08:00:00.000Z", "awsRegion": "us-east-1",
            "s3": { "bucket": { "name": "files" }, "object": { "key": key, "size": 3, "versionId": "v1" } },
        })
    };
    let records: Vec<Value> = keys.iter().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).expect("an event")
}

/// Secrets are readable and files are `abc`, except where `unusual` says otherwise.
fn aws(unusual: fn(&Call) -> Option<Reply>) -> Rehearsal {
    Rehearsal::new(move |call| {
        let secret = json!({ "username": "admin", "password": PASSWORD }).to_string();
        unusual(call).unwrap_or_else(|| match () {
            () if call.is("GetSecretValue") => {
                Reply::ok(json!({ "SecretString": secret }).to_string())
            }
            () if call.is("GET /files/") => Reply::ok("abc"),
            () => Reply::empty_cbor(),
        })
    })
}

async fn run(rehearsal: &Rehearsal, keys: &[&str]) -> Result<(), Failure> {
    let processor = Processor::new(rehearsal.config(), "arn:secret".to_owned());
    let event = LambdaEvent::new(event(keys), LambdaContext::default());
    process(&processor, event).await
}

fn paths(rehearsal: &Rehearsal) -> Vec<String> {
    let calls = rehearsal.calls();
    let reads = calls.iter().filter(|call| call.method == "GET");
    reads.map(|call| call.path.clone()).collect()
}

/// The call of PutMetricData is CBOR, in which short texts stand as they are.
fn published(rehearsal: &Rehearsal) -> String {
    rehearsal.calls().last().expect("metrics").body.clone()
}

#[tokio::test]
async fn a_file_is_read_in_the_version_of_its_event() {
    let rehearsal = aws(|_| None);
    run(&rehearsal, &["uploads/a+b.txt"])
        .await
        .expect("processed");
    let paths = paths(&rehearsal);
    assert!(
        paths[0].starts_with("/files/uploads/a%20b.txt?"),
        "{paths:?}"
    );
    assert!(paths[0].contains("versionId=v1"), "{paths:?}");
    let metrics = published(&rehearsal);
    for name in [
        "InvocationCount",
        "ProcessedFileSize",
        "ProcessingErrors",
        "LambdaErrors",
        "ServerlessApp/Lambda",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics:?}");
    }
}

#[tokio::test]
async fn one_broken_file_keeps_no_other_back_and_fails_the_invocation() {
    let rehearsal = aws(|call| {
        call.path
            .contains("/bad")
            .then(|| Reply::refusal(404, "NoSuchKey"))
    });
    let failure = run(&rehearsal, &["uploads/bad", "uploads/good"]).await;
    let failure = failure.expect_err("tried again");
    assert_eq!(failure.kind, "ProcessingError");
    assert!(
        failure.message.starts_with("uploads/bad: "),
        "{}",
        failure.message
    );
    assert!(
        !failure.message.contains("uploads/good"),
        "{}",
        failure.message
    );
    assert_eq!(paths(&rehearsal).len(), 2);
    assert!(published(&rehearsal).contains("ProcessedFileSize"));
}

#[tokio::test]
async fn without_its_secret_nothing_is_read() {
    let rehearsal = aws(|call| {
        call.is("GetSecretValue")
            .then(|| Reply::refusal(400, "ResourceNotFoundException"))
    });
    let failure = run(&rehearsal, &["uploads/a"]).await.expect_err("fails");
    assert!(
        failure.message.contains("ResourceNotFoundException"),
        "{}",
        failure.message
    );
    assert!(paths(&rehearsal).is_empty());
    assert!(
        published(&rehearsal).contains("LambdaErrors"),
        "the failure is counted"
    );
}

#[tokio::test]
async fn a_secret_of_another_shape_is_refused_without_quoting_it() {
    let rehearsal = aws(|call| {
        let answer = json!({ "SecretString": "hunter2" }).to_string();
        call.is("GetSecretValue").then(|| Reply::ok(answer))
    });
    let failure = run(&rehearsal, &["uploads/a"]).await.expect_err("fails");
    assert!(!failure.message.contains("hunter2"), "{}", failure.message);
}

#[tokio::test]
async fn a_metric_that_is_refused_fails_nothing() {
    let rehearsal = aws(|call| {
        call.path
            .contains("PutMetricData")
            .then(|| Reply::refusal(403, "AccessDenied"))
    });
    run(&rehearsal, &["uploads/a"]).await.expect("processed");
}

#[tokio::test]
async fn an_event_without_records_is_counted_and_nothing_else() {
    let rehearsal = aws(|_| None);
    run(&rehearsal, &[]).await.expect("nothing to do");
    assert!(!published(&rehearsal).contains("ProcessedFileSize"));
}
