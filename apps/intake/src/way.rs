//! The way of a file, read where each step leaves its trace: the bucket, the processor's log, the metadata table, the
//! alarms.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cumulet_stack::{Failure, SdkConfig, variable};
use serde_json::{Value, json};

use crate::page::Query;

#[derive(Debug)]
pub(crate) struct Way {
    files: aws_sdk_s3::Client,
    items: aws_sdk_dynamodb::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    alarms: aws_sdk_cloudwatch::Client,
    places: Places,
}

/// Where to look.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) bucket: String,
    pub(crate) metadata_table: String,
    pub(crate) processor_logs: String,
    pub(crate) alarms: Vec<String>,
}

impl Way {
    pub(crate) async fn start(config: SdkConfig) -> Result<Self, Failure> {
        let places = Places {
            bucket: variable("BUCKET_NAME")?,
            metadata_table: variable("METADATA_TABLE")?,
            processor_logs: variable("PROCESSOR_LOGS")?,
            alarms: vec![variable("ERRORS_ALARM")?, variable("DURATION_ALARM")?],
        };
        Ok(Self::new(&config, places))
    }

    pub(crate) fn new(config: &SdkConfig, places: Places) -> Self {
        Self {
            files: aws_sdk_s3::Client::new(config),
            items: aws_sdk_dynamodb::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            alarms: aws_sdk_cloudwatch::Client::new(config),
            places,
        }
    }

    /// Every step that the file has behind it; one that is ahead is null.
    pub(crate) async fn of(&self, file: &Query) -> Result<Value, Failure> {
        let (stored, processed, indexed, alarms) = tokio::try_join!(
            self.stored(file),
            self.processed(file),
            self.indexed(file),
            self.alarm_states(),
        )?;
        Ok(
            json!({ "stored": stored, "processed": processed, "indexed": indexed, "alarms": alarms }),
        )
    }

    async fn stored(&self, file: &Query) -> Result<Option<Value>, Failure> {
        let request = self
            .files
            .head_object()
            .bucket(&self.places.bucket)
            .key(&file.key);
        match request.version_id(&file.version_id).send().await {
            Ok(head) => Ok(Some(json!({
                "versionId": head.version_id(), "sizeBytes": head.content_length(),
                "at": head.last_modified().map(ToString::to_string), "key": head.ssekms_key_id(),
            }))),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Version ids are letters, digits and a few signs, so one can stand in a pattern; a key could not.
    async fn processed(&self, file: &Query) -> Result<Option<Value>, Failure> {
        let version = file.version_id.replace(['"', '\\'], "");
        let pattern = format!(r#"{{ $.event = "processed" && $.versionId = "{version}" }}"#);
        let request = self
            .logs
            .filter_log_events()
            .log_group_name(&self.places.processor_logs);
        let found = request.filter_pattern(pattern).send().await?;
        let message = found.events().first().and_then(|event| event.message());
        Ok(message.and_then(|message| serde_json::from_str(message).ok()))
    }

    async fn indexed(&self, file: &Query) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let request = self
            .items
            .get_item()
            .table_name(&self.places.metadata_table);
        let request = request.key("file_key", AttributeValue::S(file.key.clone()));
        let item = request.consistent_read(true).send().await?.item;
        let text = |value: AttributeValue| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
            _ => None,
        };
        let plain = |item: std::collections::HashMap<String, AttributeValue>| {
            item.into_iter()
                .filter_map(|(name, value)| Some((name, text(value)?)))
                .collect()
        };
        Ok(item.map(plain))
    }

    async fn alarm_states(&self) -> Result<Vec<Value>, Failure> {
        let request = self.alarms.describe_alarms();
        let names = self.places.alarms.clone();
        let described = request.set_alarm_names(Some(names)).send().await?;
        let state = |alarm: &aws_sdk_cloudwatch::types::MetricAlarm| json!({ "name": alarm.alarm_name(), "state": alarm.state_value().map(|state| state.as_str()) });
        Ok(described.metric_alarms().iter().map(state).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Places;

    pub(crate) fn places() -> Places {
        Places {
            bucket: "files".to_owned(),
            metadata_table: "metadata".to_owned(),
            processor_logs: "/aws/lambda/processor".to_owned(),
            alarms: vec!["errors".to_owned()],
        }
    }
}
