//! The handler: file first, then metadata; if the metadata fails, the file goes again, so nothing is left half-made.

use std::error::Error;
use std::sync::Arc;

use aws_sdk_s3::error::DisplayErrorContext;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::answer::{Problem, answer};
use crate::item::Stored;
use crate::request::Upload;
use crate::store::{Places, Store};

/// Serves invocations until the Runtime API is gone.
pub(crate) fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Arc::new(Store::from_environment().await);
        let places = Arc::new(Places::from_environment());
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
            let (store, places) = (Arc::clone(&store), Arc::clone(&places));
            async move { Ok::<Value, lambda_runtime::Error>(invoke(store, places, event.payload).await) }
        }))
        .await
    })
}

/// One invocation, in a task of its own: if it panics, the caller still gets an answer.
async fn invoke(store: Arc<Store>, places: Arc<Option<Places>>, event: Value) -> Value {
    let task = tokio::spawn(async move { handle(&store, places.as_ref().as_ref(), &event).await });
    let outcome = task.await.unwrap_or_else(|error| {
        log("INTERNAL_ERROR", &error);
        Err(Problem::internal())
    });
    answer(&outcome)
}

async fn handle(store: &Store, places: Option<&Places>, event: &Value) -> Result<Value, Problem> {
    let upload = Upload::from_event(event)?;
    let places = places.ok_or_else(Problem::config)?;
    let stored = put_file(store, places, &upload).await?;
    if let Err(error) = store.put_item(places, &stored).await {
        log("METADATA_ERROR", &DisplayErrorContext(error));
        return Err(take_back(store, places, &stored).await);
    }
    Ok(stored.body())
}

async fn put_file<'a>(
    store: &Store,
    places: &Places,
    upload: &'a Upload,
) -> Result<Stored<'a>, Problem> {
    match store.put_file(places, upload).await {
        Ok(version_id) => Ok(Stored {
            upload,
            version_id,
            time: Timestamp::now(),
        }),
        Err(error) => {
            log("UPLOAD_ERROR", &DisplayErrorContext(error));
            Err(Problem::upload())
        }
    }
}

/// A put that timed out may still land after this. Then an item names a version that is gone: a reader finds nothing
/// under it, which is better than a file that nobody knows of.
async fn take_back(store: &Store, places: &Places, stored: &Stored<'_>) -> Problem {
    match store.remove_file(places, stored).await {
        Ok(()) => Problem::metadata(),
        Err(error) => {
            log(
                "METADATA_ERROR: a file without metadata is left",
                &DisplayErrorContext(error),
            );
            Problem::metadata_with_file_left()
        }
    }
}

/// Why it failed is for the log of the function; the caller is told that it did.
#[expect(
    clippy::print_stderr,
    reason = "Lambda takes standard error as the function's log"
)]
fn log(code: &str, error: &dyn std::fmt::Display) {
    eprintln!("{code}: {error}");
}

#[cfg(test)]
mod tests;
