//! One item a record, keyed by the invocation and the time of the record's event.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cumulet_stack::{Failure, LambdaEvent, ObjectRecord, S3Event, SdkConfig, variable};
use jiff::Timestamp;

#[derive(Debug)]
pub(crate) struct Log {
    items: Client,
    table: String,
}

impl Log {
    pub(crate) async fn start(config: SdkConfig) -> Result<Self, Failure> {
        Ok(Self::new(&config, variable("TABLE_NAME")?))
    }

    pub(crate) fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            items: Client::new(config),
            table,
        }
    }
}

/// Records of one event may have one time. The first stands under it, each further one under the time and its number,
/// so all are kept, and an invocation that is tried again writes the same items.
fn timestamp(record: &ObjectRecord, number: usize) -> String {
    match number {
        0 => record.event_time.clone(),
        _ => format!("{}#{number}", record.event_time),
    }
}

fn item(
    record: &ObjectRecord,
    number: usize,
    invocation: &cumulet_stack::LambdaContext,
) -> Vec<(&'static str, AttributeValue)> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    vec![
        ("requestId", text(&invocation.request_id)),
        ("timestamp", text(&timestamp(record, number))),
        ("functionName", text(&invocation.env_config.function_name)),
        ("eventName", text(&record.event_name)),
        ("bucket", text(&record.bucket)),
        ("key", text(&record.key)),
        ("size", AttributeValue::N(record.size_bytes.to_string())),
        ("region", text(&record.region)),
        ("loggedAt", text(&format!("{:.3}", Timestamp::now()))),
    ]
}

/// One invocation.
pub(crate) async fn record(log: &Log, event: LambdaEvent<S3Event>) -> Result<(), Failure> {
    for (number, record) in event.payload.records.iter().enumerate() {
        let item = item(record, number, &event.context);
        let item = item
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let request = log.items.put_item().table_name(&log.table);
        request.set_item(Some(item.collect())).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cumulet_stack::{LambdaContext, Rehearsal, Reply};
    use serde_json::{Value, json};

    use super::{Failure, LambdaEvent, Log, S3Event, record};

    fn event(times: &[&str]) -> S3Event {
        let record = |time: &&str| {
            json!({
                "eventName": "ObjectCreated:Put", "eventTime": time, "awsRegion": "us-east-1",
                "s3": { "bucket": { "name": "trigger" }, "object": { "key": "a+b", "size": 4 } },
            })
        };
        let records: Vec<Value> = times.iter().map(record).collect();
        serde_json::from_value(json!({ "Records": records })).expect("an event")
    }

    async fn run(rehearsal: &Rehearsal, event: S3Event) -> Result<(), Failure> {
        let mut context = LambdaContext::default();
        context.request_id = "r-1".to_owned();
        let log = Log::new(rehearsal.config(), "logs".to_owned());
        record(&log, LambdaEvent::new(event, context)).await
    }

    fn items(rehearsal: &Rehearsal) -> Vec<Value> {
        let calls = rehearsal.calls();
        let bodies = calls
            .iter()
            .map(|call| serde_json::from_str::<Value>(&call.body));
        bodies
            .map(|body| body.expect("JSON")["Item"].clone())
            .collect()
    }

    #[tokio::test]
    async fn several_records_of_one_event_are_all_kept() {
        let rehearsal = Rehearsal::new(|_| Reply::ok("{}"));
        run(&rehearsal, event(&["T1", "T1", "T2"]))
            .await
            .expect("logged");
        let keys: Vec<Value> = items(&rehearsal)
            .iter()
            .map(|item| item["timestamp"]["S"].clone())
            .collect();
        assert_eq!(keys, [json!("T1"), json!("T1#1"), json!("T2#2")]);
        let item = &items(&rehearsal)[0];
        assert_eq!(item["requestId"], json!({ "S": "r-1" }));
        assert_eq!(item["key"], json!({ "S": "a b" }));
        assert_eq!(item["size"], json!({ "N": "4" }));
    }

    #[tokio::test]
    async fn an_invocation_that_is_tried_again_writes_the_same_items() {
        let rehearsal = Rehearsal::new(|_| Reply::ok("{}"));
        for _ in 0..2 {
            run(&rehearsal, event(&["T1", "T2"])).await.expect("logged");
        }
        let items = items(&rehearsal);
        assert_eq!(items[0]["timestamp"], items[2]["timestamp"]);
        assert_eq!(items[1]["timestamp"], items[3]["timestamp"]);
    }

    #[tokio::test]
    async fn what_is_denied_fails_at_once() {
        let rehearsal = Rehearsal::new(|_| Reply::refusal(400, "AccessDeniedException"));
        let failure = run(&rehearsal, event(&["T1", "T2"]))
            .await
            .expect_err("denied");
        assert!(
            failure.message.contains("AccessDeniedException"),
            "{}",
            failure.message
        );
        assert_eq!(rehearsal.calls().len(), 1);
    }
}
