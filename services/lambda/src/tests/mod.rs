//! Lambda through its operations: states, permissions, limits, retries, and what a crash leaves.
#![expect(
    clippy::disallowed_methods,
    reason = "tests look at the unpacked files"
)]

mod alarms;
mod asynchronous;
mod event_sources;
mod hostile_zips;
mod urls_and_layers;
mod versions;

use std::io::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::registry::Registry;
use cumulet_fixture::{ACCOUNT, Installation};
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [
        cumulet_kms::service(),
        cumulet_logs::service(),
        cumulet_s3::service(),
        cumulet_sqs::service(),
        cumulet_cloudwatch::service(),
        crate::service(),
    ];
    let all = cumulet_identity::services()
        .into_iter()
        .chain(cumulet_dynamodb::services())
        .chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

/// A zip of plain files.
pub(super) fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file(*name, options).expect("a file");
        writer.write_all(content.as_bytes()).expect("its content");
    }
    writer.finish().expect("a zip").into_inner()
}

pub(super) fn code(content: &str) -> Value {
    json!({ "ZipFile": BASE64_STANDARD.encode(zip_of(&[("bootstrap", content)])) })
}

pub(super) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{function}")
}

/// A role that may log and invoke.
pub(super) async fn working_role(house: &Installation) -> String {
    let everything =
        json!([{ "Effect": "Allow", "Action": ["logs:*", "lambda:*"], "Resource": "*" }]);
    house
        .role("worker", "lambda.amazonaws.com", everything)
        .await
}

pub(super) fn create_input(name: &str, role: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "h", "Role": role,
        "Code": code(name),
        "Architectures": [if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }],
    })
}

/// An installation with active functions.
pub(super) async fn house_with(functions: &[&str]) -> Installation {
    let house = Installation::new(registry());
    let role = working_role(&house).await;
    for function in functions {
        house
            .call("lambda", "CreateFunction", create_input(function, &role))
            .await
            .expect("created");
    }
    house.deliver_due().await;
    house
}

pub(super) fn payload(output: &Value) -> Value {
    let bytes = BASE64_STANDARD
        .decode(output["Payload"].as_str().unwrap_or_default())
        .expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(super) fn invoke_input(function: &str, payload: &Value) -> Value {
    json!({ "FunctionName": function, "Payload": BASE64_STANDARD.encode(payload.to_string()) })
}

#[tokio::test]
async fn a_function_becomes_active_and_answers_and_logs() {
    let house = Installation::new(registry());
    let role = working_role(&house).await;
    let created = house
        .call("lambda", "CreateFunction", create_input("f", &role))
        .await
        .expect("created");
    assert_eq!(created["State"], "Pending");
    assert_eq!(created["StateReasonCode"], "Creating");
    assert_eq!(created.get("LastUpdateStatus"), None);
    assert_eq!(
        house
            .refused("lambda", "Invoke", invoke_input("f", &json!({})))
            .await,
        "409 ResourceConflictException The operation cannot be performed at this time. \
         The function is currently in the following state: Pending"
    );
    house.deliver_due().await;
    let mut input = invoke_input("f", &json!({ "a": 1 }));
    input["LogType"] = json!("Tail");
    let answer = house
        .call("lambda", "Invoke", input)
        .await
        .expect("answered");
    assert_eq!(
        (payload(&answer), &answer["ExecutedVersion"]),
        (json!({ "a": 1 }), &json!("$LATEST"))
    );
    let tail = BASE64_STANDARD
        .decode(answer["LogResult"].as_str().expect("a tail"))
        .expect("base64");
    assert!(String::from_utf8_lossy(&tail).contains("END RequestId"));
    let asked = &house.runner.asked()[0];
    let unpacked = std::fs::read_to_string(asked.code_directory.join("bootstrap"));
    assert_eq!(unpacked.expect("the code is there"), "f");
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ];
    assert_eq!(
        asked.credentials.as_deref(),
        Ok(names.map(String::from).as_slice())
    );
    assert!(
        asked
            .trace_header
            .as_deref()
            .is_some_and(|header| header.starts_with("Root=1-"))
    );
    house.settled().await;
    let filter = json!({ "logGroupName": "/aws/lambda/f", "filterPattern": "START" });
    let events = house
        .call("logs", "FilterLogEvents", filter)
        .await
        .expect("events");
    assert_eq!(events["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_configuration_is_told_as_aws_tells_it() {
    let house = house_with(&["f"]).await;
    let mut told = house
        .call(
            "lambda",
            "GetFunctionConfiguration",
            json!({ "FunctionName": "f" }),
        )
        .await
        .expect("told");
    for varying in [
        "CodeSha256",
        "RevisionId",
        "CodeSize",
        "RuntimeVersionConfig",
        "Architectures",
    ] {
        assert!(!told[varying].is_null(), "{varying}");
        told[varying] = json!("...");
    }
    expect_test::expect![[r#"
        {
          "FunctionName": "f",
          "FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:f",
          "Runtime": "provided.al2023",
          "Role": "arn:aws:iam::111122223333:role/worker",
          "Handler": "h",
          "CodeSize": "...",
          "Description": "",
          "Timeout": 3,
          "MemorySize": 128,
          "LastModified": "2026-09-21T14:13:20.000+0000",
          "CodeSha256": "...",
          "Version": "$LATEST",
          "TracingConfig": {
            "Mode": "PassThrough"
          },
          "RevisionId": "...",
          "State": "Active",
          "LastUpdateStatus": "Successful",
          "PackageType": "Zip",
          "Architectures": "...",
          "EphemeralStorage": {
            "Size": 512
          },
          "SnapStart": {
            "ApplyOn": "None",
            "OptimizationStatus": "Off"
          },
          "RuntimeVersionConfig": "...",
          "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": "/aws/lambda/f"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&told).expect("JSON"));
}

#[tokio::test]
async fn updates_come_one_at_a_time_and_retire_what_they_replace() {
    let house = house_with(&["f"]).await;
    let invoke = || house.call("lambda", "Invoke", invoke_input("f", &json!({})));
    invoke().await.expect("answered");
    let update = json!({ "FunctionName": "f", "Timeout": 10 });
    let updated = house
        .call("lambda", "UpdateFunctionConfiguration", update.clone())
        .await
        .expect("updated");
    assert_eq!(
        (&updated["LastUpdateStatus"], &updated["State"]),
        (&json!("InProgress"), &json!("Active"))
    );
    assert_eq!(
        house
            .refused("lambda", "UpdateFunctionConfiguration", update.clone())
            .await,
        format!(
            "409 ResourceConflictException The operation cannot be performed at this time. \
             An update is in progress for resource: {}",
            arn("f")
        )
    );
    house.deliver_due().await;
    let mut stale = update;
    stale["RevisionId"] = updated["RevisionId"].clone();
    let refused = house
        .refused("lambda", "UpdateFunctionConfiguration", stale)
        .await;
    assert!(
        refused.starts_with("412 PreconditionFailedException"),
        "{refused}"
    );
    let code = json!({ "FunctionName": "f", "ZipFile": code("new")["ZipFile"] });
    house
        .call("lambda", "UpdateFunctionCode", code)
        .await
        .expect("updated");
    house.deliver_due().await;
    invoke().await.expect("answered");
    let asked = house.runner.asked();
    assert_ne!(asked[0].key, asked[1].key);
    let unpacked = std::fs::read_to_string(asked[1].code_directory.join("bootstrap"));
    assert_eq!(unpacked.expect("the code is there"), "new");
    assert!(
        house
            .runner
            .retired
            .lock()
            .expect("a list")
            .contains(&asked[0].key)
    );
}

#[tokio::test]
async fn a_missing_runtime_is_told_before_and_after_the_function_exists() {
    let house = Installation::new(registry());
    let role = working_role(&house).await;
    *house.runner.missing_runtime.lock().expect("a slot") =
        Some("run `cumulet runtime install`".into());
    assert_eq!(
        house
            .refused("lambda", "CreateFunction", create_input("f", &role))
            .await,
        "400 InvalidParameterValueException run `cumulet runtime install`"
    );
    *house.runner.missing_runtime.lock().expect("a slot") = None;
    house
        .call("lambda", "CreateFunction", create_input("f", &role))
        .await
        .expect("created");
    *house.runner.missing_runtime.lock().expect("a slot") = Some("gone".into());
    house.deliver_due().await;
    let told = house
        .call("lambda", "GetFunction", json!({ "FunctionName": "f" }))
        .await
        .expect("told");
    assert_eq!(told["Configuration"]["State"], "Failed");
    assert_eq!(told["Configuration"]["StateReason"], "gone");
}

#[tokio::test]
async fn refusals_are_in_awss_words() {
    let house = house_with(&["f"]).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/worker");
    let with = |member: &str, value: Value| {
        let mut input = create_input("g", &role);
        input[member] = value;
        input
    };
    let table = [
        (
            create_input("f", &role),
            "409 ResourceConflictException Function already exist: f",
        ),
        (
            with("Runtime", json!("go1.x")),
            "400 InvalidParameterValueException The runtime parameter of go1.x is no longer supported for \
             creating or updating AWS Lambda functions. We recommend you use a supported runtime while \
             creating or updating functions.",
        ),
        (
            with("Role", json!(format!("arn:aws:iam::{ACCOUNT}:role/nobody"))),
            "400 InvalidParameterValueException The role defined for the function cannot be assumed by Lambda.",
        ),
        (
            with("Code", json!({ "ZipFile": "aGVsbG8=" })),
            "400 InvalidParameterValueException Could not unzip uploaded file. \
             Please check your file, then try to upload again.",
        ),
        (
            with(
                "VpcConfig",
                json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": [] }),
            ),
            "501 NotImplemented lambda: VpcConfig is not implemented by Cumulet",
        ),
        (
            with(
                "Environment",
                json!({ "Variables": { "A": "1", "AWS_REGION": "x" } }),
            ),
            "400 InvalidParameterValueException Lambda was unable to configure your environment variables \
             because the environment variables you have provided contains reserved keys that are currently not \
             supported for modification. Reserved keys used in this request: AWS_REGION",
        ),
        (
            with("MemorySize", json!(10_241)),
            "400 ValidationException 1 validation error detected: Value '10241' at 'memorySize' failed to \
             satisfy constraint: Member must have value less than or equal to 10240",
        ),
        (
            with(
                "FunctionName",
                json!("arn:aws:lambda:us-east-1:111122223333:function:g"),
            ),
            "404 ResourceNotFoundException Functions from 'us-east-1' are not reachable in this region \
             ('eu-west-1')",
        ),
    ];
    for (input, words) in table {
        assert_eq!(
            house.refused("lambda", "CreateFunction", input).await,
            words
        );
    }
    let not_found = format!(
        "404 ResourceNotFoundException Function not found: {}",
        arn("nope")
    );
    assert_eq!(
        house
            .refused("lambda", "Invoke", invoke_input("nope", &json!({})))
            .await,
        not_found
    );
    let clash = json!({ "FunctionName": "f:1", "Qualifier": "2" });
    assert_eq!(
        house.refused("lambda", "GetFunction", clash).await,
        "400 InvalidParameterValueException The derived qualifier from the function name does not match the \
         specified qualifier."
    );
    let garbage = json!({ "FunctionName": "f", "Payload": BASE64_STANDARD.encode([0x87]) });
    assert!(house.refused("lambda", "Invoke", garbage).await.starts_with(
        "400 InvalidRequestContentException Could not parse request body into json: Could not parse payload \
         into json: Invalid UTF-8 start byte 0x87\n at [Source: REDACTED"
    ));
}

#[tokio::test]
async fn a_deleted_function_is_gone_with_all_that_belongs_to_it() {
    let house = house_with(&["f"]).await;
    let f = || json!({ "FunctionName": "f" });
    house
        .call("lambda", "PublishVersion", f())
        .await
        .expect("published");
    let alias = json!({ "FunctionName": "f", "Name": "live", "FunctionVersion": "1" });
    house
        .call("lambda", "CreateAlias", alias)
        .await
        .expect("an alias");
    let reserve = json!({ "FunctionName": "f", "ReservedConcurrentExecutions": 5 });
    house
        .call("lambda", "PutFunctionConcurrency", reserve)
        .await
        .expect("reserved");
    house
        .call("lambda", "DeleteFunction", f())
        .await
        .expect("deleted");
    for (operation, input) in [
        ("GetFunction", json!({ "FunctionName": "f" })),
        ("GetAlias", json!({ "FunctionName": "f", "Name": "live" })),
        ("GetFunction", json!({ "FunctionName": "f:1" })),
    ] {
        assert!(
            house
                .refused("lambda", operation, input)
                .await
                .starts_with("404"),
            "{operation}"
        );
    }
    let settings = house
        .call("lambda", "GetAccountSettings", json!({}))
        .await
        .expect("settings");
    assert_eq!(
        settings["AccountLimit"]["UnreservedConcurrentExecutions"],
        1000
    );
    assert_eq!(
        settings["AccountUsage"],
        json!({ "TotalCodeSize": 0, "FunctionCount": 0 })
    );
    // The zip goes an hour later.
    house.advance_s(3700).await;
    let left = house.engine.read(|tx| {
        let mut left = tx.prefix(
            super::state::CODE,
            [],
            cumulet_kernel::store::Direction::Forward,
        )?;
        Ok(left.next().is_some())
    });
    assert_eq!(left, Ok(false));
}
