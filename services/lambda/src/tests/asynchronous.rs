//! Asynchronous invocations by the clock: retries, limits, destinations, and crashes in between.

use cumulet_fixture::{ACCOUNT, Installation};
use cumulet_kernel::{Event, outbox};
use serde_json::{Value, json};

use super::{arn, house_with, invoke_input};

async fn accept(house: &Installation, function: &str, payload: Value) {
    let mut input = invoke_input(function, &payload);
    input["InvocationType"] = json!("Event");
    let reply = house
        .reply("lambda", "Invoke", input)
        .await
        .expect("accepted");
    assert_eq!(reply.status, Some(202));
}

async fn tell(house: &Installation, function: &str, config: Value) {
    let mut input = config;
    input["FunctionName"] = json!(function);
    house
        .call("lambda", "PutFunctionEventInvokeConfig", input)
        .await
        .expect("configured");
}

/// Requests the function saw, as (request id, payload).
fn seen(house: &Installation, function: &str) -> Vec<(String, Value)> {
    let asked = house.runner.asked().into_iter();
    asked
        .filter(|asked| asked.invoked_function_arn == arn(function))
        .map(|asked| (asked.request_id, asked.payload))
        .collect()
}

#[tokio::test]
async fn a_failing_event_is_tried_three_times_and_then_told() {
    let house = house_with(&["f", "sink"]).await;
    let sink = json!({ "DestinationConfig": { "OnFailure": { "Destination": arn("sink") } } });
    tell(&house, "f", sink).await;
    house.runner.fail_next(3);
    accept(&house, "f", json!({ "n": 1 })).await;
    assert_eq!(house.deliver_due().await, 1);
    assert_eq!(house.advance_s(59).await, 0);
    assert_eq!(house.advance_s(1).await, 1);
    assert_eq!(house.advance_s(119).await, 0);
    assert_eq!(seen(&house, "sink"), []);
    // The third attempt, and the destination's invocation.
    assert_eq!(house.advance_s(1).await, 2);
    let attempts = seen(&house, "f");
    assert_eq!(attempts.len(), 3);
    assert!(
        attempts.windows(2).all(|pair| pair[0] == pair[1]),
        "the same request each time"
    );
    let told = seen(&house, "sink");
    assert_eq!(
        told[0].1,
        json!({
            "version": "1.0",
            "timestamp": "2026-09-21T14:16:20.000Z",
            "requestContext": {
                "requestId": attempts[0].0, "functionArn": arn("f:$LATEST"),
                "condition": "RetriesExhausted", "approximateInvokeCount": 3,
            },
            "requestPayload": { "n": 1 },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorMessage": "boom", "errorType": "Error" },
        })
    );
    // Nothing more but the sweeps that follow the two uploads.
    assert_eq!(house.advance_s(100_000).await, 2);
}

#[tokio::test]
async fn success_is_told_once() {
    let house = house_with(&["f", "sink"]).await;
    let sink = json!({ "DestinationConfig": { "OnSuccess": { "Destination": arn("sink") } }, "MaximumRetryAttempts": 1 });
    tell(&house, "f", sink).await;
    house.runner.fail_next(1);
    accept(&house, "f", json!({})).await;
    house.deliver_due().await;
    house.advance_s(60).await;
    let told = seen(&house, "sink");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["requestContext"]["condition"], "Success");
    assert_eq!(told[0].1["requestContext"]["approximateInvokeCount"], 2);
}

#[tokio::test]
async fn an_event_that_would_be_too_old_is_given_up() {
    let house = house_with(&["f", "sink"]).await;
    let config = json!({
        "MaximumEventAgeInSeconds": 100,
        "DestinationConfig": { "OnFailure": { "Destination": arn("sink") } },
    });
    tell(&house, "f", config).await;
    house.runner.fail_next(3);
    accept(&house, "f", json!({})).await;
    house.deliver_due().await;
    house.advance_s(60).await;
    assert_eq!(
        seen(&house, "f").len(),
        2,
        "the third would come 180 s after the event"
    );
    assert_eq!(
        seen(&house, "sink")[0].1["requestContext"]["condition"],
        "EventAgeExceeded"
    );
}

#[tokio::test]
async fn what_is_throttled_waits_and_does_not_count() {
    let house = house_with(&["f", "sink"]).await;
    let sink = json!({ "DestinationConfig": { "OnFailure": { "Destination": arn("sink") } } });
    tell(&house, "f", sink).await;
    for _ in 0..2 {
        let busy = Err(cumulet_engine::runner::RunError::Busy);
        house.runner.answers.lock().expect("a list").push_back(busy);
    }
    accept(&house, "f", json!({})).await;
    house.deliver_due().await;
    assert_eq!(house.advance_s(1).await, 1);
    assert_eq!(house.advance_s(1).await, 0);
    assert_eq!(house.advance_s(1).await, 1, "two seconds after the second");
    assert_eq!(seen(&house, "sink"), []);
    let off = json!({ "FunctionName": "f", "ReservedConcurrentExecutions": 0 });
    house
        .call("lambda", "PutFunctionConcurrency", off)
        .await
        .expect("off");
    accept(&house, "f", json!({ "n": 2 })).await;
    house.deliver_due().await;
    let told = &seen(&house, "sink")[0].1;
    assert_eq!(
        told["requestContext"]["condition"],
        "ZeroReservedConcurrency"
    );
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(
        (told.get("responseContext"), told.get("responsePayload")),
        (None, None)
    );
}

#[tokio::test]
async fn no_event_is_lost_or_forgotten_in_a_crash() {
    let mut house = house_with(&["f"]).await;
    for number in 0..20 {
        accept(&house, "f", json!({ "n": number })).await;
    }
    house = house.reopen();
    house.runner.fail_next(20);
    assert_eq!(house.deliver_due().await, 20);
    house = house.reopen();
    assert_eq!(house.advance_s(60).await, 20, "retries count on");
    let mut numbers: Vec<_> = seen(&house, "f")
        .into_iter()
        .map(|(_, payload)| payload["n"].as_u64())
        .collect();
    assert_eq!(numbers.len(), 40);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
    assert_eq!(house.deliver_due().await, 0);
}

#[tokio::test]
async fn code_is_unpacked_again_where_its_folder_is_gone() {
    let mut house = house_with(&["f"]).await;
    std::fs::remove_dir_all(&house.engine.cache_directory).expect("removed");
    house = house.reopen();
    house
        .call("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect("answered");
    assert!(
        house.runner.asked()[0]
            .code_directory
            .join("bootstrap")
            .is_file()
    );
}

#[tokio::test]
async fn a_bucket_notification_invokes_where_the_policy_lets_it() {
    let house = house_with(&["f"]).await;
    let leave = async || {
        let event = Event::ObjectChanged {
            bucket: "files".into(),
            account: ACCOUNT.into(),
            region: "eu-west-1".into(),
            destination_arn: arn("f"),
            configuration_id: "c".into(),
            record: json!({ "eventName": "ObjectCreated:Put" }),
        };
        let now = house.engine.clock.now();
        house
            .engine
            .write(move |tx| Ok(outbox::emit(tx, now, event).map(drop)?))
            .await
            .expect("left");
    };
    leave().await;
    house.deliver_due().await;
    assert_eq!(seen(&house, "f"), [], "S3 has no permission");
    let grant = json!({
        "FunctionName": "f", "StatementId": "s3", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::files",
    });
    house
        .call("lambda", "AddPermission", grant)
        .await
        .expect("added");
    leave().await;
    house.deliver_due().await;
    assert_eq!(
        seen(&house, "f")[0].1,
        json!({ "Records": [{ "eventName": "ObjectCreated:Put" }] })
    );
}

#[tokio::test]
async fn destinations_that_do_not_exist_here_are_refused() {
    let house = house_with(&["f"]).await;
    let destination = |arn: &str| json!({ "FunctionName": "f", "DestinationConfig": { "OnFailure": { "Destination": arn } } });
    let table = [
        (
            "arn:aws:sns:eu-west-1:111122223333:t",
            "501 NotImplemented lambda: sending events to sns is not implemented by Cumulet",
        ),
        (
            &arn("f"),
            "400 InvalidParameterValueException You can't specify the function as a destination for itself.",
        ),
        (
            &arn("absent"),
            "400 InvalidParameterValueException The destination ARN arn:aws:lambda:eu-west-1:111122223333:function:absent is invalid.",
        ),
    ];
    for (target, words) in table {
        let refused = house
            .refused(
                "lambda",
                "PutFunctionEventInvokeConfig",
                destination(target),
            )
            .await;
        assert_eq!(refused, words);
    }
}
