//! What S3 tells a function of the objects that changed.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// An event notification of S3: one or several objects.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct S3Event {
    #[serde(rename = "Records")]
    pub records: Vec<ObjectRecord>,
}

/// One object of an event, with its key as the object has it: on the wire a key is encoded like a form's field.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "Record")]
pub struct ObjectRecord {
    /// `ObjectCreated:Put`
    pub event_name: String,
    /// RFC 3339
    pub event_time: String,
    pub region: String,
    pub bucket: String,
    pub key: String,
    pub size_bytes: u64,
    pub e_tag: Option<String>,
    pub version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    event_time: String,
    aws_region: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    e_tag: Option<String>,
    version_id: Option<String>,
}

impl From<Record> for ObjectRecord {
    fn from(record: Record) -> Self {
        let object = record.s3.object;
        let spaced = object.key.replace('+', " ");
        Self {
            event_name: record.event_name,
            event_time: record.event_time,
            region: record.aws_region,
            bucket: record.s3.bucket.name,
            key: percent_decode_str(&spaced).decode_utf8_lossy().into_owned(),
            size_bytes: object.size,
            e_tag: object.e_tag,
            version_id: object.version_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::S3Event;

    #[test]
    fn a_record_is_flat_and_its_key_is_decoded() {
        let event = json!({ "Records": [{
            "eventVersion": "2.5", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-21T08:00:00.000Z",
            "awsRegion": "eu-west-1",
            "s3": { "bucket": { "name": "files" }, "object": { "key": "uploads/a+b%2Bc%C3%BC.txt", "size": 3 } },
        }] });
        let event: S3Event = serde_json::from_value(event).expect("an event");
        let [record] = event.records.as_slice() else {
            panic!("one record")
        };
        assert_eq!(record.key, "uploads/a b+cü.txt");
        assert_eq!((record.bucket.as_str(), record.size_bytes), ("files", 3));
        assert_eq!((&record.e_tag, &record.version_id), (&None, &None));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for event in [
            json!({}),
            json!({ "Records": [{}] }),
            json!({ "Event": "s3:TestEvent" }),
        ] {
            assert!(serde_json::from_value::<S3Event>(event).is_err());
        }
    }
}
