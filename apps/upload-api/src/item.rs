//! What the table keeps about a file, and what the caller is told about it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::request::Upload;

const YEAR_S: i64 = 365 * 24 * 3600;

/// An upload whose file is in the bucket.
#[derive(Clone, Debug)]
pub struct Stored {
    pub upload: Upload,
    pub version_id: Option<String>,
    pub time: Timestamp,
}

impl Stored {
    /// RFC 3339 with milliseconds: `2026-11-21T08:00:00.000Z`.
    #[must_use]
    pub fn uploaded_at(&self) -> String {
        format!("{:.3}", self.time)
    }

    /// The attributes that every form of the item has.
    #[must_use]
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let attributes = [
            ("productId", Some(text(&self.upload.product_id))),
            ("productName", Some(text(&self.upload.product_name))),
            ("price", Some(AttributeValue::N(self.upload.price.clone()))),
            ("fileName", Some(text(&self.upload.file_name))),
            ("s3Key", Some(text(&self.upload.key()))),
            ("uploadTimestamp", Some(text(&self.uploaded_at()))),
            ("versionId", self.version_id.as_deref().map(text)),
        ];
        let present = attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        present.collect()
    }

    /// What the caller is told.
    #[must_use]
    pub fn body(&self) -> Value {
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
}

/// The item of this application: it knows the file's size, and goes after a year.
pub(crate) fn item(stored: &Stored) -> HashMap<String, AttributeValue> {
    let number = |value: String| AttributeValue::N(value);
    let expires = stored.time.as_second() + YEAR_S;
    let mut item = stored.attributes();
    item.insert(
        "fileSize".to_owned(),
        number(stored.upload.content.len().to_string()),
    );
    item.insert("ttl".to_owned(), number(expires.to_string()));
    item
}
