//! One item a file. Events may come twice and out of order, so an item is written only over an older one.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use cumulet_stack::{Failure, LambdaEvent, ObjectRecord, S3Event, SdkConfig, log, variable};
use jiff::Timestamp;
use serde_json::json;

#[derive(Debug)]
pub(crate) struct Index {
    files: aws_sdk_s3::Client,
    items: aws_sdk_dynamodb::Client,
    table: String,
}

impl Index {
    pub(crate) async fn start(config: SdkConfig) -> Result<Self, Failure> {
        Ok(Self::new(&config, variable("TABLE_NAME")?))
    }

    pub(crate) fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            files: aws_sdk_s3::Client::new(config),
            items: aws_sdk_dynamodb::Client::new(config),
            table,
        }
    }

    async fn index_file(&self, record: &ObjectRecord) -> Result<(), Failure> {
        let request = self
            .files
            .head_object()
            .bucket(&record.bucket)
            .key(&record.key);
        let version = record.version_id.clone();
        let head = match request.set_version_id(version).send().await {
            Ok(head) => head,
            // It was deleted before its turn came: there is nothing left to know of it.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                log(&json!({ "level": "INFO", "event": "gone", "key": record.key }));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.put_item(record, &head).await
    }

    async fn put_item(
        &self,
        record: &ObjectRecord,
        head: &HeadObjectOutput,
    ) -> Result<(), Failure> {
        let mut request = self
            .items
            .put_item()
            .table_name(&self.table)
            .condition_expression("attribute_not_exists(file_key) OR event_time <= :time")
            .expression_attribute_values(":time", AttributeValue::S(record.event_time.clone()));
        for (name, value) in item(record, head) {
            request = request.item(name, value);
        }
        match request.send().await {
            Ok(_) => log(&json!({ "level": "INFO", "event": "indexed", "key": record.key })),
            Err(error) if is_older(&error) => {
                log(&json!({ "level": "INFO", "event": "older", "key": record.key }));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

type PutItemFailure =
    aws_sdk_dynamodb::error::SdkError<aws_sdk_dynamodb::operation::put_item::PutItemError>;

/// The table knows a newer event of that file.
fn is_older(error: &PutItemFailure) -> bool {
    let service = error.as_service_error();
    service.is_some_and(|error| error.is_conditional_check_failed_exception())
}

fn item(record: &ObjectRecord, head: &HeadObjectOutput) -> Vec<(&'static str, AttributeValue)> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let modified = head
        .last_modified
        .map(|time| time.to_string())
        .unwrap_or_default();
    vec![
        ("file_key", text(&record.key)),
        ("bucket", text(&record.bucket)),
        ("size", AttributeValue::N(record.size_bytes.to_string())),
        (
            "content_type",
            text(head.content_type().unwrap_or("binary/octet-stream")),
        ),
        ("event_name", text(&record.event_name)),
        ("event_time", text(&record.event_time)),
        ("last_modified", text(&modified)),
        (
            "etag",
            text(head.e_tag().unwrap_or_default().trim_matches('"')),
        ),
        ("processed_at", text(&format!("{:.3}", Timestamp::now()))),
        ("status", text("processed")),
        ("region", text(&record.region)),
    ]
}

/// One invocation. It stops at the first file that fails: Lambda tries it again from the start, and what was written
/// is written again.
pub(crate) async fn index(index: &Index, event: LambdaEvent<S3Event>) -> Result<(), Failure> {
    for record in &event.payload.records {
        index.index_file(record).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cumulet_stack::{LambdaContext, Rehearsal, Reply};
    use serde_json::{Value, json};

    use super::{Failure, Index, LambdaEvent, S3Event, index};

    async fn run(rehearsal: &Rehearsal, keys: &[&str]) -> Result<(), Failure> {
        let record = |key: &&str| {
            json!({
                "eventName": "ObjectCreated:Put", "eventTime": "2026-11-21T08:00:00.000Z", "awsRegion": "eu-west-1",
                "s3": { "bucket": { "name": "files" }, "object": { "key": key, "size": 5, "versionId": "v7" } },
            })
        };
        let records: Vec<Value> = keys.iter().map(record).collect();
        let event: S3Event =
            serde_json::from_value(json!({ "Records": records })).expect("an event");
        let indexer = Index::new(rehearsal.config(), "metadata".to_owned());
        index(&indexer, LambdaEvent::new(event, LambdaContext::default())).await
    }

    fn head() -> Reply {
        let modified = "Sat, 21 Nov 2026 08:00:00 GMT";
        let reply = Reply::ok("").with("content-type", "text/plain");
        reply
            .with("etag", "\"abc\"")
            .with("last-modified", modified)
    }

    #[tokio::test]
    async fn an_item_says_what_is_known_of_the_file() {
        let rehearsal = Rehearsal::new(|call| {
            if call.is("HEAD ") {
                head()
            } else {
                Reply::ok("{}")
            }
        });
        run(&rehearsal, &["in/a+b.txt"]).await.expect("indexed");
        let calls = rehearsal.calls();
        assert!(calls[0].path.contains("versionId=v7"), "{calls:?}");
        let put: Value = serde_json::from_str(&calls[1].body).expect("JSON");
        let told = |name: &str| {
            put["Item"][name]["S"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(told("file_key"), "in/a b.txt");
        assert_eq!(put["Item"]["size"], json!({ "N": "5" }));
        let told = [
            "bucket",
            "content_type",
            "event_name",
            "last_modified",
            "etag",
            "status",
            "region",
        ]
        .map(told);
        let expected = [
            "files",
            "text/plain",
            "ObjectCreated:Put",
            "2026-11-21T08:00:00Z",
            "abc",
            "processed",
            "eu-west-1",
        ];
        assert_eq!(told, expected);
        assert!(put["Item"]["processed_at"]["S"].is_string());
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_no_failure() {
        let rehearsal = Rehearsal::new(|_| Reply::refusal(404, "NotFound"));
        run(&rehearsal, &["in/a"]).await.expect("nothing to do");
        assert_eq!(rehearsal.calls().len(), 1);
    }

    #[tokio::test]
    async fn an_older_event_leaves_the_newer_item() {
        let rehearsal = Rehearsal::new(|call| match call.is("HEAD ") {
            true => head(),
            false => Reply::refusal(400, "ConditionalCheckFailedException"),
        });
        run(&rehearsal, &["in/a", "in/b"])
            .await
            .expect("both had their turn");
        assert_eq!(rehearsal.calls().len(), 4);
    }

    #[tokio::test]
    async fn what_is_denied_fails_and_is_tried_again() {
        let files = Rehearsal::new(|_| Reply::refusal(403, "AccessDenied"));
        assert!(run(&files, &["in/a"]).await.is_err());
        let table = Rehearsal::new(|call| match call.is("HEAD ") {
            true => head(),
            false => Reply::refusal(400, "AccessDeniedException"),
        });
        let failure = run(&table, &["in/a"]).await.expect_err("denied");
        assert!(
            failure.message.contains("AccessDeniedException"),
            "{}",
            failure.message
        );
    }
}
