//! What the table keeps about a file, and what the caller is told about it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::request::Upload;

const YEAR_S: i64 = 365 * 24 * 3600;

/// A file that is in the bucket.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) upload: &'a Upload,
    pub(crate) version_id: Option<String>,
    pub(crate) time: Timestamp,
}

impl Stored<'_> {
    pub(crate) fn item(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: String| AttributeValue::N(value);
        let attributes = [
            ("productId", Some(text(&self.upload.product_id))),
            ("productName", Some(text(&self.upload.product_name))),
            ("price", Some(number(self.upload.price.clone()))),
            ("fileName", Some(text(&self.upload.file_name))),
            ("s3Key", Some(text(&self.upload.key()))),
            ("uploadTimestamp", Some(text(&self.uploaded_at()))),
            (
                "fileSize",
                Some(number(self.upload.content.len().to_string())),
            ),
            ("versionId", self.version_id.as_deref().map(text)),
            (
                "ttl",
                Some(number((self.time.as_second() + YEAR_S).to_string())),
            ),
        ];
        let present = attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        present.collect()
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "message": "File uploaded",
            "productId": self.upload.product_id,
            "fileName": self.upload.file_name,
            "s3Key": self.upload.key(),
            "fileSize": self.upload.content.len(),
            "uploadTimestamp": self.uploaded_at(),
        });
        if let Some(version_id) = &self.version_id {
            body["versionId"] = json!(version_id);
        }
        body
    }

    /// RFC 3339 with milliseconds: `2026-11-21T08:00:00.000Z`.
    fn uploaded_at(&self) -> String {
        format!("{:.3}", self.time)
    }
}
