//! A whole application on the real services: the upload API's own template, as its program writes it.

use std::io::Write;

use cumulet_engine::body::Body;
use cumulet_engine::delivery;
use cumulet_engine::operation::Request;
use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use cumulet_kernel::outbox;
use serde_json::{Value, json};

use crate::custom;

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [
        cumulet_kms::service(),
        cumulet_logs::service(),
        cumulet_s3::service(),
        cumulet_sqs::service(),
        cumulet_ssm::service(),
        cumulet_secretsmanager::service(),
        cumulet_lambda::service(),
        cumulet_apigateway::service(),
        cumulet_cloudwatch::service(),
        cumulet_xray::service(),
        crate::service(),
    ];
    let all = cumulet_identity::services()
        .into_iter()
        .chain(others)
        .chain(cumulet_dynamodb::services());
    Registry::new(all, cumulet_identity::iam::authorise)
}

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

/// Delivers what is due as the worker does: what fails is put back for later.
async fn deliver_due(installation: &Installation) {
    let engine = &installation.engine;
    for _ in 0..1000 {
        let now = engine.clock.now();
        let due = engine
            .read(|tx| Ok(outbox::due(tx, now, 1)?))
            .expect("the outbox");
        let Some(entry) = due.into_iter().next() else {
            return;
        };
        let delivered = delivery::deliver(engine, installation.root(), entry.clone()).await;
        if delivered.is_err() {
            let later = now.plus_s(60);
            let retry = engine.write(move |tx| Ok(outbox::retry(tx, entry, later)?));
            retry.await.expect("put back");
        }
    }
    panic!("the outbox never runs dry");
}

/// Lets time pass until the stack is at rest.
async fn settle(installation: &Installation) -> Value {
    for _ in 0..2000 {
        deliver_due(installation).await;
        let input = json!({});
        let answer = installation
            .call("cloudformation", "ListStacks", input)
            .await;
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
    let answer = installation
        .call("cloudformation", "DescribeStackEvents", input)
        .await;
    let answer = answer.expect("the events");
    let events = answer["StackEvents"].as_array().expect("a list").iter();
    let failed = events.filter(|event| {
        let status = event["ResourceStatus"].as_str().unwrap_or_default();
        status.ends_with("_FAILED")
    });
    failed
        .map(|event| {
            format!(
                "{} {}",
                event["LogicalResourceId"], event["ResourceStatusReason"]
            )
        })
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
    let installation = Installation::new(registry());
    let location = json!({ "LocationConstraint": "eu-west-1" });
    let bucket = json!({ "Bucket": ASSETS, "CreateBucketConfiguration": location });
    installation
        .call("s3", "CreateBucket", bucket)
        .await
        .expect("a bucket");
    let mut template: Value = serde_json::from_str(TEMPLATE).expect("JSON");
    if registry().operation("dynamodb", "CreateTable").is_err() {
        template["Resources"]["Products"] = json!({ "Type": "AWS::SQS::Queue" });
    }
    let key = template["Resources"]["Upload"]["Properties"]["Code"]["S3Key"].clone();
    put(
        &installation,
        ASSETS,
        key.as_str().expect("a key"),
        bootstrap(),
    )
    .await;
    let order = |template: &Value| {
        json!({
            "StackName": "UploadApi",
            "TemplateBody": template.to_string(),
            "Capabilities": ["CAPABILITY_IAM"],
        })
    };
    let create = order(&template);
    installation
        .call("cloudformation", "CreateStack", create)
        .await
        .expect("taken");
    rests_in(&installation, "CREATE_COMPLETE").await;

    let function = json!({ "FunctionName": "file-upload-dev" });
    let before = installation
        .call("lambda", "GetFunctionConfiguration", function.clone())
        .await;
    assert_eq!(before.expect("it is there")["MemorySize"], 512);
    template["Resources"]["Upload"]["Properties"]["MemorySize"] = "256".into();
    template["Resources"]["UploadLogs"]["Properties"]["RetentionInDays"] = 14.into();
    installation
        .call("cloudformation", "UpdateStack", order(&template))
        .await
        .expect("taken");
    rests_in(&installation, "UPDATE_COMPLETE").await;
    let after = installation
        .call("lambda", "GetFunctionConfiguration", function.clone())
        .await;
    assert_eq!(after.expect("it is there")["MemorySize"], 256);

    let files = "file-upload-111122223333-eu-west-1-dev";
    put(&installation, files, "uploads/a", b"hello".to_vec()).await;
    put(&installation, files, "uploads/a", b"again".to_vec()).await;
    let name = json!({ "StackName": "UploadApi" });
    installation
        .call("cloudformation", "DeleteStack", name)
        .await
        .expect("taken");
    rests_in(&installation, "DELETE_COMPLETE").await;
    let gone = installation
        .refused("lambda", "GetFunctionConfiguration", function)
        .await;
    assert!(gone.starts_with("404 ResourceNotFoundException"), "{gone}");
    let buckets = installation
        .call("s3", "ListBuckets", json!({}))
        .await
        .expect("the list");
    assert_eq!(buckets["Buckets"].as_array().map(Vec::len), Some(1));
}

const CUSTOM: &str = r#"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{ Effect: Allow, Action: "sts:AssumeRole", Principal: { Service: lambda.amazonaws.com } }]
  Handler:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: { ZipFile: "def handler(event, context): pass" }
  Answer:
    Type: Custom::Answer
    Properties:
      ServiceToken: !GetAtt Handler.Arn
      Managed: true
      Count: VERSION
Outputs:
  Value: { Value: !GetAtt Answer.Value }
"#;

/// Lets the function be asked, and answers as it would: the request it was sent.
async fn answer(installation: &Installation, answer: Value) -> Value {
    deliver_due(installation).await;
    let asked = installation.runner.asked();
    let request = asked.last().expect("the function is asked").payload.clone();
    let url = request["ResponseURL"].as_str().expect("an address");
    let token = url.rsplit('/').next().expect("a token");
    let body = answer.to_string();
    let (engine, context) = (&installation.engine, installation.root());
    let reply = custom::response(engine, context, token, body.as_bytes()).await;
    assert_eq!(reply.status, 200);
    let again = custom::response(engine, installation.root(), token, body.as_bytes()).await;
    assert_eq!(again.status, 403, "a second answer is refused");
    request
}

#[tokio::test]
async fn a_custom_resource_is_asked_answered_replaced_and_deleted() {
    let installation = Installation::new(registry());
    let order = |version: &str| {
        json!({
            "StackName": "custom",
            "TemplateBody": CUSTOM.replace("VERSION", version),
            "Capabilities": ["CAPABILITY_IAM"],
        })
    };
    let call = |operation: &'static str, input: Value| {
        installation.call("cloudformation", operation, input)
    };
    call("CreateStack", order("1")).await.expect("taken");
    for _ in 0..20 {
        deliver_due(&installation).await;
        installation.engine.clock.advance_ms(100);
    }
    let good = |id: &str| json!({ "Status": "SUCCESS", "PhysicalResourceId": id, "Data": { "Value": id } });
    let asked = answer(&installation, good("one")).await;
    assert_eq!(asked["RequestType"], "Create");
    assert_eq!(asked["ResourceProperties"]["Managed"], "true");
    assert_eq!(asked["ResourceProperties"]["Count"], "1");
    rests_in(&installation, "CREATE_COMPLETE").await;
    let stacks = call("DescribeStacks", json!({ "StackName": "custom" }))
        .await
        .expect("described");
    assert_eq!(stacks["Stacks"][0]["Outputs"][0]["OutputValue"], "one");

    call("UpdateStack", order("2")).await.expect("taken");
    let asked = answer(&installation, good("two")).await;
    assert_eq!(
        (&asked["RequestType"], &asked["PhysicalResourceId"]),
        (&json!("Update"), &json!("one"))
    );
    assert_eq!(asked["OldResourceProperties"]["Count"], "1");
    let asked = answer(&installation, good("one")).await;
    assert_eq!(
        (&asked["RequestType"], &asked["PhysicalResourceId"]),
        (&json!("Delete"), &json!("one"))
    );
    rests_in(&installation, "UPDATE_COMPLETE").await;

    call("UpdateStack", order("3")).await.expect("taken");
    let bad = json!({ "Status": "FAILED", "Reason": "no", "PhysicalResourceId": "two" });
    answer(&installation, bad).await;
    let asked = answer(&installation, good("two")).await;
    assert_eq!(asked["ResourceProperties"]["Count"], "2", "it is put back");
    let stack = settle(&installation).await;
    assert_eq!(stack["StackStatus"], "UPDATE_ROLLBACK_COMPLETE");
    let reasons = failures(&installation, &stack).await;
    assert!(reasons[0].contains("Message returned: no"), "{reasons:?}");
}

#[tokio::test]
async fn a_deployment_may_do_what_its_role_may_and_no_more() {
    let installation = Installation::new(registry());
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "cloudformation.amazonaws.com" } }] });
    let role = json!({ "RoleName": "deployer", "AssumeRolePolicyDocument": trust.to_string() });
    installation
        .call("iam", "CreateRole", role)
        .await
        .expect("a role");
    let allowed = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:TagResource", "logs:DeleteLogGroup"], "Resource": "*" }] });
    let policy = json!({ "RoleName": "deployer", "PolicyName": "logs", "PolicyDocument": allowed.to_string() });
    installation
        .call("iam", "PutRolePolicy", policy)
        .await
        .expect("a policy");
    let template = json!({ "Resources": {
        "Group": { "Type": "AWS::Logs::LogGroup", "Properties": {} },
        "Kept": { "Type": "AWS::Logs::LogGroup", "Properties": { "RetentionInDays": 1 } },
    } });
    let order = json!({
        "StackName": "narrow",
        "TemplateBody": template.to_string(),
        "RoleARN": "arn:aws:iam::111122223333:role/deployer",
    });
    installation
        .call("cloudformation", "CreateStack", order)
        .await
        .expect("taken");
    let stack = settle(&installation).await;
    assert_eq!(stack["StackStatus"], "ROLLBACK_COMPLETE");
    let failures = failures(&installation, &stack).await;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0].contains("is not authorized to perform: logs:PutRetentionPolicy"),
        "{failures:?}"
    );
    assert!(
        failures[0].contains("HandlerErrorCode: AccessDenied"),
        "{failures:?}"
    );
    let groups = installation
        .call("logs", "DescribeLogGroups", json!({}))
        .await
        .expect("the list");
    assert_eq!(groups["logGroups"], json!([]));
}
