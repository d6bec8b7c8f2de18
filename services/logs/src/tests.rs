//! Logs through their operations: order, paging, time, keys.

use cumulet_engine::registry::Registry;
use cumulet_fixture::{ACCOUNT, Installation};
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service(), crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

async fn house_with_stream() -> Installation {
    let house = Installation::new(registry());
    house
        .call("logs", "CreateLogGroup", json!({ "logGroupName": "g" }))
        .await
        .expect("a group");
    stream(&house, "s").await;
    house
}

async fn stream(house: &Installation, name: &str) {
    let input = json!({ "logGroupName": "g", "logStreamName": name });
    house
        .call("logs", "CreateLogStream", input)
        .await
        .expect("a stream");
}

/// Puts events so many milliseconds from now.
async fn put(house: &Installation, stream: &str, events: &[(i64, &str)]) -> Value {
    let now = house.engine.clock.now().0;
    let events: Vec<_> = events
        .iter()
        .map(|(offset_ms, message)| json!({ "timestamp": now + offset_ms, "message": message }))
        .collect();
    let input = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events });
    house
        .call("logs", "PutLogEvents", input)
        .await
        .expect("taken")
}

fn messages(output: &Value) -> Vec<&str> {
    let events = output["events"].as_array().expect("a list");
    events
        .iter()
        .map(|event| event["message"].as_str().expect("text"))
        .collect()
}

async fn get(house: &Installation, more: Value) -> Value {
    let mut input = json!({ "logGroupName": "g", "logStreamName": "s" });
    input
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().cloned().unwrap_or_default());
    house
        .call("logs", "GetLogEvents", input)
        .await
        .expect("events")
}

async fn filter(house: &Installation, more: Value) -> Value {
    let mut input = json!({ "logGroupName": "g" });
    input
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().cloned().unwrap_or_default());
    house
        .call("logs", "FilterLogEvents", input)
        .await
        .expect("events")
}

#[tokio::test]
async fn a_stream_is_read_from_either_end_and_its_tokens_come_back_at_the_end() {
    let house = house_with_stream().await;
    put(
        &house,
        "s",
        &[(-5, "1"), (-4, "2"), (-4, "3"), (-3, "4"), (-2, "5")],
    )
    .await;
    assert_eq!(
        messages(&get(&house, json!({})).await),
        ["1", "2", "3", "4", "5"]
    );
    let newest = get(&house, json!({ "limit": 2 })).await;
    assert_eq!(messages(&newest), ["4", "5"]);
    let older = get(
        &house,
        json!({ "limit": 2, "nextToken": newest["nextBackwardToken"] }),
    )
    .await;
    assert_eq!(messages(&older), ["2", "3"]);
    let first = get(&house, json!({ "limit": 3, "startFromHead": true })).await;
    assert_eq!(messages(&first), ["1", "2", "3"]);
    let second = get(&house, json!({ "nextToken": first["nextForwardToken"] })).await;
    assert_eq!(messages(&second), ["4", "5"]);
    let end = get(&house, json!({ "nextToken": second["nextForwardToken"] })).await;
    assert_eq!(
        (messages(&end), &end["nextForwardToken"]),
        (vec![], &second["nextForwardToken"])
    );
    put(&house, "s", &[(-2, "6")]).await;
    let more = get(&house, json!({ "nextToken": end["nextForwardToken"] })).await;
    assert_eq!(messages(&more), ["6"]);
    let back = get(
        &house,
        json!({ "nextToken": end["nextBackwardToken"], "limit": 1 }),
    )
    .await;
    assert_eq!(messages(&back), ["5"]);
    let now = house.engine.clock.now().0;
    let between = get(&house, json!({ "startTime": now - 4, "endTime": now - 3 })).await;
    assert_eq!(messages(&between), ["2", "3"]);
    let bad = json!({ "logGroupName": "g", "logStreamName": "s", "nextToken": "x" });
    assert_eq!(
        house.refused("logs", "GetLogEvents", bad).await,
        "400 InvalidParameterException The specified nextToken is invalid."
    );
}

#[tokio::test]
async fn streams_are_merged_and_filtered_page_by_page() {
    let house = house_with_stream().await;
    stream(&house, "t").await;
    put(
        &house,
        "s",
        &[(-9, "a ERROR"), (-7, "b"), (-5, "c ERROR"), (-3, "d ERROR")],
    )
    .await;
    put(&house, "t", &[(-8, "e ERROR"), (-6, "f"), (-5, "g ERROR")]).await;
    assert_eq!(
        messages(&filter(&house, json!({})).await),
        [
            "a ERROR", "e ERROR", "b", "f", "c ERROR", "g ERROR", "d ERROR"
        ]
    );
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut more = json!({ "filterPattern": "ERROR", "limit": 2 });
        if !token.is_null() {
            more["nextToken"] = token;
        }
        let page = filter(&house, more).await;
        found.extend(messages(&page).into_iter().map(str::to_owned));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(
        found,
        ["a ERROR", "e ERROR", "c ERROR", "g ERROR", "d ERROR"]
    );
    let only = filter(&house, json!({ "logStreamNames": ["t"] })).await;
    assert_eq!(messages(&only), ["e ERROR", "f", "g ERROR"]);
    let id = only["events"][0]["eventId"].as_str().expect("an id");
    assert_eq!(id.len(), 56);
}

#[tokio::test]
async fn a_batch_is_in_order_of_one_day_and_not_from_afar() {
    let house = house_with_stream().await;
    let now = house.engine.clock.now().0;
    let input =
        |events: Value| json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
    let unordered =
        json!([{ "timestamp": now, "message": "a" }, { "timestamp": now - 1, "message": "b" }]);
    assert_eq!(
        house
            .refused("logs", "PutLogEvents", input(unordered))
            .await,
        "400 InvalidParameterException Log events in a single PutLogEvents request must be in chronological order."
    );
    let large = json!([{ "timestamp": now, "message": "x".repeat(1_048_576) }]);
    assert_eq!(
        house.refused("logs", "PutLogEvents", input(large)).await,
        "400 InvalidParameterException Upload too large: 1048602 bytes exceeds limit of 1048576"
    );
    let hour_ms = 3_600_000;
    let future = put(
        &house,
        "s",
        &[(0, "a"), (3 * hour_ms, "b"), (4 * hour_ms, "c")],
    )
    .await;
    assert_eq!(
        future["rejectedLogEventsInfo"],
        json!({ "tooNewLogEventStartIndex": 1 })
    );
    let past = put(
        &house,
        "s",
        &[(-14 * 24 * hour_ms - 1, "d"), (-14 * 24 * hour_ms, "e")],
    )
    .await;
    assert_eq!(
        past["rejectedLogEventsInfo"],
        json!({ "tooOldLogEventEndIndex": 1 })
    );
    let fine = put(&house, "s", &[(0, "f")]).await;
    assert_eq!(fine.get("rejectedLogEventsInfo"), None);
    assert_eq!(messages(&get(&house, json!({})).await), ["e", "a", "f"]);
}

#[tokio::test]
async fn events_go_when_their_time_has_come() {
    let house = house_with_stream().await;
    let retention = json!({ "logGroupName": "g", "retentionInDays": 3 });
    house
        .call("logs", "PutRetentionPolicy", retention)
        .await
        .expect("kept for three days");
    house.deliver_due().await;
    put(&house, "s", &[(0, "old")]).await;
    house.advance_s(2 * 86_400).await;
    put(&house, "s", &[(0, "new")]).await;
    house.advance_s(86_400 + 60).await;
    assert_eq!(
        messages(&get(&house, json!({})).await),
        ["new"],
        "not told, even before it is removed"
    );
    house.advance_s(86_400).await;
    assert_eq!(stored_events(&house), 1);
    house
        .call(
            "logs",
            "DeleteRetentionPolicy",
            json!({ "logGroupName": "g" }),
        )
        .await
        .expect("kept");
    house.advance_s(100 * 86_400).await;
    assert_eq!(
        house.advance_s(100 * 86_400).await,
        0,
        "its timer has ended"
    );
    assert_eq!(messages(&get(&house, json!({})).await), ["new"]);
}

fn stored_events(house: &Installation) -> usize {
    let stored = house.engine.read(|tx| {
        let stored = tx.prefix(
            super::state::EVENTS,
            [],
            cumulet_kernel::store::Direction::Forward,
        )?;
        Ok(stored.count())
    });
    stored.expect("counted")
}

#[tokio::test]
async fn a_group_made_anew_is_empty_and_the_old_one_leaves_nothing() {
    let house = house_with_stream().await;
    for _ in 0..3 {
        put(&house, "s", &vec![(0, "x"); 1500]).await;
    }
    let group = || json!({ "logGroupName": "g" });
    house
        .call("logs", "DeleteLogGroup", group())
        .await
        .expect("deleted");
    assert_eq!(
        house.refused("logs", "DescribeLogStreams", group()).await,
        "400 ResourceNotFoundException The specified log group does not exist."
    );
    house
        .call("logs", "CreateLogGroup", group())
        .await
        .expect("made anew");
    let streams = house
        .call("logs", "DescribeLogStreams", group())
        .await
        .expect("listed");
    assert_eq!(streams["logStreams"], json!([]));
    assert_eq!(stored_events(&house), 4500);
    house.deliver_due().await;
    assert_eq!(stored_events(&house), 0);
}

#[tokio::test]
async fn groups_are_described_page_by_page_with_both_arns() {
    let house = Installation::new(registry());
    for number in 0..60 {
        let group = json!({ "logGroupName": format!("/app/{number:02}"), "tags": { "n": "1" } });
        house
            .call("logs", "CreateLogGroup", group)
            .await
            .expect("a group");
    }
    let first = house
        .call(
            "logs",
            "DescribeLogGroups",
            json!({ "logGroupNamePrefix": "/app" }),
        )
        .await;
    let first = first.expect("listed");
    assert_eq!(first["logGroups"].as_array().map(Vec::len), Some(50));
    let rest = json!({ "logGroupNamePrefix": "/app", "nextToken": first["nextToken"] });
    let rest = house
        .call("logs", "DescribeLogGroups", rest)
        .await
        .expect("listed");
    assert_eq!(rest["logGroups"].as_array().map(Vec::len), Some(10));
    assert_eq!(rest.get("nextToken"), None);
    let arn = format!("arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/app/50");
    assert_eq!(
        rest["logGroups"][0],
        json!({
            "logGroupName": "/app/50", "creationTime": house.engine.clock.now().0, "metricFilterCount": 0,
            "arn": format!("{arn}:*"), "storedBytes": 0, "logGroupClass": "STANDARD", "logGroupArn": arn,
            "deletionProtectionEnabled": false,
        })
    );
    let both = json!({ "logGroupNamePrefix": "a", "logGroupNamePattern": "b" });
    assert_eq!(
        house.refused("logs", "DescribeLogGroups", both).await,
        "400 InvalidParameterException LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    );
    let tags = house
        .call("logs", "ListTagsForResource", json!({ "resourceArn": arn }))
        .await;
    assert_eq!(tags.expect("told"), json!({ "tags": { "n": "1" } }));
}

#[tokio::test]
async fn events_under_a_kms_key_are_closed_with_it() {
    let house = house_with_stream().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
          "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "Service": "logs.eu-west-1.amazonaws.com" },
          "Action": ["kms:GenerateDataKey*", "kms:Decrypt*"], "Resource": "*",
          "Condition": { "ArnEquals": {
              "kms:EncryptionContext:aws:logs:arn": format!("arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:g") } } },
    ] });
    let key = house
        .call("kms", "CreateKey", json!({ "Policy": policy.to_string() }))
        .await
        .expect("a key");
    let key = key["KeyMetadata"]["Arn"].clone();
    put(&house, "s", &[(0, "plain")]).await;
    let other = json!({ "logGroupName": "h", "kmsKeyId": key });
    let refused = house.refused("logs", "CreateLogGroup", other).await;
    assert!(
        refused.contains("is not allowed to be used with Arn"),
        "{refused}"
    );
    let associate = json!({ "logGroupName": "g", "kmsKeyId": key });
    house
        .call("logs", "AssociateKmsKey", associate)
        .await
        .expect("associated");
    put(&house, "s", &[(0, "a secret line")]).await;
    assert_eq!(
        messages(&get(&house, json!({})).await),
        ["plain", "a secret line"]
    );
    assert_eq!(
        messages(&filter(&house, json!({ "filterPattern": "secret" })).await),
        ["a secret line"]
    );
    let sealed = house.engine.read(|tx| {
        let events = tx.prefix(
            super::state::EVENTS,
            [],
            cumulet_kernel::store::Direction::Forward,
        )?;
        let mut all = Vec::new();
        for pair in events {
            all.extend(pair?.1);
        }
        Ok(!all.windows(6).any(|window| window == b"secret"))
    });
    assert_eq!(sealed, Ok(true));
    house
        .call("kms", "DisableKey", json!({ "KeyId": key }))
        .await
        .expect("disabled");
    let read = json!({ "logGroupName": "g", "logStreamName": "s" });
    house
        .call("logs", "GetLogEvents", read)
        .await
        .expect_err("closed");
}
