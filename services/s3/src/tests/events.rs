//! Event notifications.

use cumulet_kernel::{Event, outbox};
use serde_json::{Value, json};

use super::World;

impl World {
    /// The records that wait for delivery.
    fn records(&self) -> Vec<Value> {
        let due = self
            .engine
            .read(|tx| Ok(outbox::due(tx, self.engine.clock.now(), 100)?));
        let due = due.expect("the outbox can be read").into_iter();
        due.filter_map(|entry| match entry.event {
            Event::ObjectChanged { record, .. } => Some(record),
            _ => None,
        })
        .collect()
    }

    async fn notify(&self, configurations: Value) -> Result<Value, cumulet_engine::error::Error> {
        let configuration = json!({"LambdaFunctionConfigurations": configurations});
        let input = json!({
            "Bucket": "docs", "NotificationConfiguration": configuration, "SkipDestinationValidation": true
        });
        self.call("PutBucketNotificationConfiguration", input).await
    }
}

fn wish(id: &str, events: Value, prefix: &str, suffix: &str) -> Value {
    json!({
        "Id": id, "LambdaFunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:f", "Events": events,
        "Filter": {"Key": {"FilterRules": [
            {"Name": "prefix", "Value": prefix}, {"Name": "SUFFIX", "Value": suffix}
        ]}}
    })
}

#[tokio::test]
async fn a_change_tells_whoever_asked_for_it() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    let wishes = json!([wish(
        "w",
        json!(["s3:ObjectCreated:*", "s3:ObjectRemoved:DeleteMarkerCreated"]),
        "in/",
        ".txt"
    )]);
    world.notify(wishes).await.expect("a configuration");
    let kept = world
        .ok(
            "GetBucketNotificationConfiguration",
            json!({"Bucket": "docs"}),
        )
        .await;
    let rules = &kept["LambdaFunctionConfigurations"][0]["Filter"]["Key"]["FilterRules"];
    assert_eq!(
        (&rules[0]["Name"], &rules[1]["Name"]),
        (&json!("Prefix"), &json!("Suffix"))
    );
    world.put("docs", "out/a.txt", "x").await;
    let put = world.put("docs", "in/a b.txt", "x").await;
    let marker = world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "in/a b.txt"}),
        )
        .await;
    world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "in/a b.txt", "VersionId": put["VersionId"]}),
        )
        .await;
    let records = world.records();
    assert_eq!(records.len(), 2, "{records:#?}");
    let (created, hidden) = (&records[0], &records[1]);
    assert_eq!(created["eventName"], "ObjectCreated:Put");
    assert_eq!(created["eventTime"], "2023-11-14T22:13:20.000Z");
    assert_eq!(created["s3"]["configurationId"], "w");
    let object = &created["s3"]["object"];
    assert_eq!(
        (&object["key"], &object["size"]),
        (&json!("in/a+b.txt"), &json!(1))
    );
    assert_eq!(
        (&object["eTag"], &object["versionId"]),
        (
            &json!("9dd4e461268c8034f5c8564e155c67a6"),
            &put["VersionId"]
        )
    );
    assert_eq!(hidden["eventName"], "ObjectRemoved:DeleteMarkerCreated");
    assert_eq!(hidden["s3"]["object"]["versionId"], marker["VersionId"]);
    assert!(hidden["s3"]["object"].get("size").is_none());
    assert!(hidden["s3"]["object"]["sequencer"].as_str() > object["sequencer"].as_str());
}

#[tokio::test]
async fn configurations_that_cannot_be_kept_are_refused() {
    let world = World::new();
    world.bucket("docs").await;
    let created = json!(["s3:ObjectCreated:*"]);
    let overlapping = json!([
        wish("a", created.clone(), "in/", ""),
        wish("b", json!(["s3:ObjectCreated:Put"]), "in/x", "")
    ]);
    let error = world
        .notify(overlapping)
        .await
        .expect_err("overlapping filters");
    assert!(
        error
            .message
            .starts_with("Configuration is ambiguously defined."),
        "{error}"
    );
    let unknown = json!([wish("a", json!(["s3:Nothing"]), "", "")]);
    assert_eq!(
        &*world.notify(unknown).await.expect_err("no such event").code,
        "InvalidArgument"
    );
    let mut odd = wish("a", created, "", "");
    odd["LambdaFunctionArn"] = "arn:aws:sqs:us-east-1:111122223333:q".into();
    let odd = world
        .notify(json!([odd]))
        .await
        .expect_err("not a function");
    assert_eq!(odd.message, "The ARN could not be parsed");
}
