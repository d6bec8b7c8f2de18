//! A whole application on the real services: the upload API's own template, as its program writes it.

use std::io::Write;

use serde_json::{Value, json};

use crate::body::Body;
use crate::fixture::Installation;
use crate::operation::Request;

const TEMPLATE: &str = include_str!("upload-api.template.json");
const ASSETS: &str = "cdk-hnb659fds-assets-111122223333-eu-west-1";

fn bootstrap() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    archive.start_file("bootstrap", options).expect("a file");
    archive.write_all(b"#!/bin/sh\n").expect("written");
    archive.finish().expect("an archive").into_inner()
}

async fn put(installation: &Installation, bucket: &str, key: &str, bytes: Vec<u8>) {
    let mut request = Request::new(json!({ "Bucket": bucket, "Key": key }));
    request.body = Body::Bytes(bytes.into());
    let engine = &installation.engine;
    let put = engine.call(installation.root(), "s3", "PutObject", request);
    put.await.expect("the object is put");
}

/// Lets time pass until the stack is at rest.
async fn settle(installation: &Installation) -> Value {
    for _ in 0..2000 {
        installation.deliver_due().await;
        let input = json!({});
        let answer = installation.call("cloudformation", "ListStacks", input).await;
        let stack = answer.expect("the list")["StackSummaries"][0].clone();
        let status = stack["StackStatus"].as_str().unwrap_or_default();
        if !status.ends_with("_IN_PROGRESS") {
            return stack;
        }
        installation.engine.clock.advance_ms(10);
    }
    panic!("the stack never rests");
}

/// What failed, and why: the text of a failing test.
async fn failures(installation: &Installation, stack: &Value) -> Vec<String> {
    let input = json!({ "StackName": stack["StackId"] });
    let answer = installation.call("cloudformation", "DescribeStackEvents", input).await;
    let answer = answer.expect("the events");
    let events = answer["StackEvents"].as_array().expect("a list").iter();
    let failed = events.filter(|event| {
        let status = event["ResourceStatus"].as_str().unwrap_or_default();
        status.ends_with("_FAILED")
    });
    failed
        .map(|event| format!("{} {}", event["LogicalResourceId"], event["ResourceStatusReason"]))
        .collect()
}

async fn rests_in(installation: &Installation, status: &str) -> Value {
    let stack = settle(installation).await;
    let failures = failures(installation, &stack).await;
    assert_eq!(stack["StackStatus"], status, "{failures:#?}");
    stack
}

#[tokio::test]
async fn the_upload_api_is_deployed_updated_and_taken_down() {
    let installation = Installation::new();
    let location = json!({ "LocationConstraint": "eu-west-1" });
    let bucket = json!({ "Bucket": ASSETS, "CreateBucketConfiguration": location });
    installation.call("s3", "CreateBucket", bucket).await.expect("a bucket");
    let mut template: Value = serde_json::from_str(TEMPLATE).expect("JSON");
    let key = template["Resources"]["Upload"]["Properties"]["Code"]["S3Key"].clone();
    put(&installation, ASSETS, key.as_str().expect("a key"), bootstrap()).await;
    let order = |template: &Value| {
        json!({
            "StackName": "UploadApi",
            "TemplateBody": template.to_string(),
            "Capabilities": ["CAPABILITY_IAM"],
        })
    };
    let create = order(&template);
    installation.call("cloudformation", "CreateStack", create).await.expect("taken");
    rests_in(&installation, "CREATE_COMPLETE").await;

    let function = json!({ "FunctionName": "file-upload-dev" });
    let before = installation.call("lambda", "GetFunctionConfiguration", function.clone()).await;
    assert_eq!(before.expect("it is there")["MemorySize"], 512);
    template["Resources"]["Upload"]["Properties"]["MemorySize"] = "256".into();
    template["Resources"]["UploadLogs"]["Properties"]["RetentionInDays"] = 14.into();
    installation.call("cloudformation", "UpdateStack", order(&template)).await.expect("taken");
    rests_in(&installation, "UPDATE_COMPLETE").await;
    let after = installation.call("lambda", "GetFunctionConfiguration", function.clone()).await;
    assert_eq!(after.expect("it is there")["MemorySize"], 256);

    let files = "file-upload-111122223333-eu-west-1-dev";
    put(&installation, files, "uploads/a", b"hello".to_vec()).await;
    put(&installation, files, "uploads/a", b"again".to_vec()).await;
    let name = json!({ "StackName": "UploadApi" });
    installation.call("cloudformation", "DeleteStack", name).await.expect("taken");
    rests_in(&installation, "DELETE_COMPLETE").await;
    let gone = installation.refused("lambda", "GetFunctionConfiguration", function).await;
    assert!(gone.starts_with("404 ResourceNotFoundException"), "{gone}");
    let buckets = installation.call("s3", "ListBuckets", json!({})).await.expect("the list");
    assert_eq!(buckets["Buckets"].as_array().map(Vec::len), Some(1));
}
