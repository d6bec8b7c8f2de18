//! Event source mappings by the clock: batches, partial failures, windows, filters, and what a crash repeats.

use bytes::Bytes;
use cumulet_engine::runner::Outcome;
use cumulet_fixture::{ACCOUNT, Installation};
use serde_json::{Value, json};

use super::{arn, create_input};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:jobs";
const URL: &str = "http://127.0.0.1:4566/111122223333/jobs";

/// An active function whose role may read queues and streams, and a queue.
async fn house() -> Installation {
    let house = Installation::new(super::registry());
    let everything = json!([
        { "Effect": "Allow", "Action": ["logs:*", "lambda:*", "sqs:*", "dynamodb:*"], "Resource": "*" }
    ]);
    let role = house
        .role("worker", "lambda.amazonaws.com", everything)
        .await;
    for function in ["f", "sink"] {
        let created = house.call("lambda", "CreateFunction", create_input(function, &role));
        created.await.expect("created");
    }
    let queue = json!({ "QueueName": "jobs", "Attributes": { "VisibilityTimeout": "30" } });
    house
        .call("sqs", "CreateQueue", queue)
        .await
        .expect("a queue");
    house.deliver_due().await;
    house
}

async fn map(house: &Installation, input: Value) -> Value {
    let mut input = input;
    input["FunctionName"] = json!("f");
    let made = house.call("lambda", "CreateEventSourceMapping", input);
    let made = made.await.expect("a mapping");
    assert_eq!(made["State"], "Creating");
    house.deliver_due().await;
    made
}

async fn send(house: &Installation, bodies: &[&str]) {
    for body in bodies {
        let message = json!({ "QueueUrl": URL, "MessageBody": body });
        house
            .call("sqs", "SendMessage", message)
            .await
            .expect("sent");
    }
}

/// The bodies of each batch that the function saw.
fn batches(house: &Installation) -> Vec<Vec<String>> {
    let asked = house.runner.asked().into_iter();
    let seen = asked.filter(|asked| asked.invoked_function_arn == arn("f"));
    seen.map(|asked| {
        let records = asked.payload["Records"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let shown = |record: &Value| match record.get("body") {
            Some(body) => body.as_str().unwrap_or_default().to_owned(),
            None => record
                .pointer("/dynamodb/Keys/k/S")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        };
        records.iter().map(shown).collect()
    })
    .collect()
}

fn answer(house: &Installation, payload: &Value) {
    let outcome = Outcome {
        payload: Bytes::from(payload.to_string()),
        log_stream_name: "stream".into(),
        ..Outcome::default()
    };
    house
        .runner
        .answers
        .lock()
        .expect("answers")
        .push_back(Ok(outcome));
}

async fn left(house: &Installation) -> (String, String) {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let input = json!({ "QueueUrl": URL, "AttributeNames": names });
    let answer = house
        .call("sqs", "GetQueueAttributes", input)
        .await
        .expect("attributes");
    let count = |name: &str| {
        answer["Attributes"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (count(names[0]), count(names[1]))
}

#[tokio::test]
async fn messages_come_in_batches_and_only_what_failed_comes_again() {
    let house = house().await;
    let made = map(
        &house,
        json!({ "EventSourceArn": QUEUE, "FunctionResponseTypes": ["ReportBatchItemFailures"] }),
    )
    .await;
    let id = json!({ "UUID": made["UUID"] });
    let got = house
        .call("lambda", "GetEventSourceMapping", id.clone())
        .await
        .expect("it");
    assert_eq!(
        (&got["State"], &got["BatchSize"]),
        (&json!("Enabled"), &json!(10))
    );
    let again = json!({ "EventSourceArn": QUEUE, "FunctionName": "f" });
    let refused = house
        .refused("lambda", "CreateEventSourceMapping", again)
        .await;
    assert!(
        refused.starts_with("409 ResourceConflictException An event source mapping with SQS arn"),
        "{refused}"
    );

    send(&house, &["a", "b", "c"]).await;
    let received = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
    let seen = house
        .call("sqs", "ReceiveMessage", received)
        .await
        .expect("seen");
    let messages = seen["Messages"].as_array().cloned().unwrap_or_default();
    let b = messages
        .iter()
        .find(|message| message["Body"] == "b")
        .expect("b");
    answer(
        &house,
        &json!({ "batchItemFailures": [{ "itemIdentifier": b["MessageId"] }] }),
    );
    house.deliver_due().await;
    assert_eq!(batches(&house), [["a", "b", "c"]]);
    assert_eq!(left(&house).await, ("0".into(), "1".into()));
    house.advance_s(29).await;
    assert_eq!(batches(&house).len(), 1);
    house.advance_s(1).await;
    assert_eq!(batches(&house)[1..], [["b"]]);
    assert_eq!(left(&house).await, ("0".into(), "0".into()));

    // A failed batch comes back whole; a crash while it runs repeats it too.
    house.runner.fail_next(1);
    send(&house, &["d"]).await;
    house.deliver_due().await;
    let house = house.reopen();
    house.advance_s(30).await;
    assert_eq!(batches(&house)[2..], [["d"], ["d"]]);
    house
        .call("lambda", "DeleteEventSourceMapping", id.clone())
        .await
        .expect("deleted");
    send(&house, &["e"]).await;
    house.deliver_due().await;
    assert_eq!(batches(&house).len(), 4);
    let gone = house.refused("lambda", "GetEventSourceMapping", id).await;
    assert_eq!(
        gone,
        "404 ResourceNotFoundException The resource you requested does not exist."
    );
}

#[tokio::test]
async fn a_window_gathers_until_it_ends_or_the_batch_is_full_and_filters_pick() {
    let house = house().await;
    let pattern = json!({ "body": { "n": [{ "numeric": [">", 1] }] } }).to_string();
    map(
        &house,
        json!({
            "EventSourceArn": QUEUE, "MaximumBatchingWindowInSeconds": 20, "BatchSize": 3,
            "FilterCriteria": { "Filters": [{ "Pattern": pattern }] },
        }),
    )
    .await;
    send(&house, &[r#"{"n":1}"#, r#"{"n":2}"#]).await;
    house.deliver_due().await;
    house.advance_s(19).await;
    assert_eq!(batches(&house).len(), 0);
    house.advance_s(1).await;
    assert_eq!(batches(&house), [[r#"{"n":2}"#]]);
    // What no filter wants is removed.
    assert_eq!(left(&house).await, ("0".into(), "0".into()));
    send(&house, &[r#"{"n":3}"#, r#"{"n":4}"#, r#"{"n":5}"#]).await;
    house.deliver_due().await;
    assert_eq!(batches(&house)[1].len(), 3);
}

#[tokio::test]
async fn mappings_are_refused_for_what_cannot_work() {
    let house = house().await;
    let refused = async |change: Value| {
        let mut input = json!({ "EventSourceArn": QUEUE, "FunctionName": "f" });
        for (name, value) in change.as_object().expect("members") {
            input[name] = value.clone();
        }
        house
            .refused("lambda", "CreateEventSourceMapping", input)
            .await
    };
    let invalid = "400 InvalidParameterValueException ";
    for (change, words) in [
        (
            json!({ "EventSourceArn": "arn:aws:sns:eu-west-1:111122223333:t" }),
            "Unrecognized event source.",
        ),
        (
            json!({ "BatchSize": 11 }),
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        (
            json!({ "FilterCriteria": { "Filters": [{ "Pattern": "{" }] } }),
            "Invalid filter pattern definition.",
        ),
        (
            json!({ "EventSourceArn": format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:none") }),
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
        ),
    ] {
        assert_eq!(refused(change).await, format!("{invalid}{words}"));
    }
    let slow = json!({ "FunctionName": "f", "Timeout": 60 });
    house
        .call("lambda", "UpdateFunctionConfiguration", slow)
        .await
        .expect("slower");
    house.deliver_due().await;
    assert_eq!(
        refused(json!({})).await,
        format!(
            "{invalid}Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
        )
    );
}

/// A table with a stream, and its ARN.
async fn table(house: &Installation) -> String {
    let input = json!({
        "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
    });
    let made = house
        .call("dynamodb", "CreateTable", input)
        .await
        .expect("a table");
    house.advance_s(60).await;
    made["TableDescription"]["LatestStreamArn"]
        .as_str()
        .expect("a stream")
        .to_owned()
}

async fn put(house: &Installation, keys: &[&str]) {
    for key in keys {
        let item = json!({ "TableName": "things", "Item": { "k": { "S": key } } });
        house.call("dynamodb", "PutItem", item).await.expect("put");
    }
}

#[tokio::test]
async fn a_stream_is_followed_in_order_and_a_poisoned_record_is_halved_out_and_told() {
    let house = house().await;
    let stream = table(&house).await;
    put(&house, &["before"]).await;
    map(
        &house,
        json!({
            "EventSourceArn": stream, "StartingPosition": "LATEST", "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": 0,
            "DestinationConfig": { "OnFailure": { "Destination": arn("sink") } },
        }),
    )
    .await;
    put(&house, &["a", "bad", "c"]).await;
    // [a bad c], [a bad], then a alone succeeds, and bad alone does not.
    house.runner.fail_next(2);
    answer(&house, &json!(null));
    house.runner.fail_next(1);
    house.deliver_due().await;
    house.advance_s(10).await;
    let seen = batches(&house);
    assert_eq!(
        seen,
        [
            vec!["a", "bad", "c"],
            vec!["a", "bad"],
            vec!["a"],
            vec!["bad"],
            vec!["c"]
        ]
    );
    let asked = house.runner.asked();
    let told = asked
        .iter()
        .find(|asked| asked.invoked_function_arn == arn("sink"))
        .expect("told");
    assert_eq!(
        told.payload["requestContext"]["condition"],
        "RetryAttemptsExhausted"
    );
    assert_eq!(told.payload["DDBStreamBatchInfo"]["batchSize"], 1);
    put(&house, &["d"]).await;
    house.deliver_due().await;
    assert_eq!(batches(&house)[5..], [["d"]]);
}

#[tokio::test]
async fn a_stream_stops_at_what_fails_and_goes_on_from_the_first_failed_record() {
    let house = house().await;
    let stream = table(&house).await;
    put(&house, &["a", "b", "c"]).await;
    answer(&house, &json!(null));
    map(
        &house,
        json!({
            "EventSourceArn": stream, "StartingPosition": "TRIM_HORIZON", "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }),
    )
    .await;
    assert_eq!(batches(&house), [["a"], ["b"], ["c"]]);
    house.runner.fail_next(2);
    put(&house, &["d", "e"]).await;
    house.deliver_due().await;
    assert_eq!(batches(&house)[3..], [["d"]]);
    let house = house.reopen();
    house.advance_s(1).await;
    assert_eq!(batches(&house)[4..], [["d"]]);
    house.advance_s(2).await;
    assert_eq!(batches(&house)[5..], [["d"], ["e"]]);
}
