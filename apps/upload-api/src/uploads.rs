//! The order of things: file first, then metadata; if the metadata fails, the file goes again, so nothing is left
//! half-made.

use std::collections::HashMap;
use std::env;
use std::fmt::Display;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::DisplayErrorContext;
use cumulet_stack::{SdkConfig, log};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::Problem;
use crate::item::Stored;
use crate::request::Upload;
use crate::store::Store;

/// Takes uploads, as one function does.
#[derive(Clone, Debug)]
pub struct Uploads {
    store: Store,
    places: Arc<Option<Places>>,
    form: Form,
}

/// In which form an application keeps an upload.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What stands beside the file in its bucket: names and values.
    pub metadata: fn(&Stored) -> Vec<(&'static str, String)>,
    /// What the table keeps.
    pub item: fn(&Stored) -> HashMap<String, AttributeValue>,
}

/// Where things are, as the stack told the function.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) bucket: String,
    pub(crate) table: String,
}

impl Places {
    fn from_environment() -> Option<Self> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            bucket: set("BUCKET_NAME")?,
            table: set("TABLE_NAME")?,
        })
    }
}

impl Uploads {
    /// A function that was not told its places still answers: it says so to every caller.
    #[must_use]
    pub fn from_environment(config: &SdkConfig, form: Form) -> Self {
        Self {
            store: Store::new(config),
            places: Arc::new(Places::from_environment()),
            form,
        }
    }

    /// The same for places that are known.
    #[must_use]
    pub fn at(config: &SdkConfig, form: Form, bucket: &str, table: &str) -> Self {
        let places = Places {
            bucket: bucket.to_owned(),
            table: table.to_owned(),
        };
        Self {
            store: Store::new(config),
            places: Arc::new(Some(places)),
            form,
        }
    }

    /// Takes the upload that an API Gateway event carries, in a task of its own: if that panics, the caller still gets
    /// an answer.
    pub async fn take(&self, event: Value) -> Result<Stored, Problem> {
        let uploads = self.clone();
        let task = tokio::spawn(async move { uploads.keep(&event).await });
        task.await.unwrap_or_else(|error| {
            note("INTERNAL_ERROR", &error);
            Err(Problem::internal())
        })
    }

    async fn keep(&self, event: &Value) -> Result<Stored, Problem> {
        let upload = Upload::from_event(event)?;
        let places = (*self.places).as_ref().ok_or_else(Problem::config)?;
        let stored = self.put_file(places, upload).await?;
        let put = self.store.put_item(places, (self.form.item)(&stored)).await;
        if let Err(error) = put {
            note("METADATA_ERROR", &DisplayErrorContext(error));
            return Err(self.take_back(places, &stored).await);
        }
        Ok(stored)
    }

    async fn put_file(&self, places: &Places, upload: Upload) -> Result<Stored, Problem> {
        let mut stored = Stored {
            upload,
            version_id: None,
            time: Timestamp::now(),
        };
        let metadata = (self.form.metadata)(&stored);
        let put = self.store.put_file(places, &stored.upload, metadata).await;
        stored.version_id = put.map_err(|error| {
            note("UPLOAD_ERROR", &DisplayErrorContext(error));
            Problem::upload()
        })?;
        Ok(stored)
    }

    /// A put that timed out may still land after this. Then an item names a version that is gone: a reader finds
    /// nothing under it, which is better than a file that nobody knows of.
    async fn take_back(&self, places: &Places, stored: &Stored) -> Problem {
        match self.store.remove_file(places, stored).await {
            Ok(()) => Problem::metadata(),
            Err(error) => {
                note(
                    "METADATA_ERROR: a file without metadata is left",
                    &DisplayErrorContext(error),
                );
                Problem::metadata_with_file_left()
            }
        }
    }
}

/// Why it failed is for the log of the function; the caller is told that it did.
fn note(code: &str, cause: &dyn Display) {
    log(&json!({ "level": "ERROR", "code": code, "cause": cause.to_string() }));
}
