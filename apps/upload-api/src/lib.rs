//! The upload API: a product's file is stored in S3, what describes it in DynamoDB.
//!
//! One program in two roles (see `cumulet_stack::Application`): `upload-api synth` writes the cloud assembly of
//! `infrastructure.rs`; under Lambda the same program answers `POST /upload` with `uploads.rs`. It is a library too, so
//! that other applications build on the same upload.

mod answer;
mod infrastructure;
mod item;
mod price;
mod request;
mod store;
mod uploads;

use cumulet_stack::{Application, Handler, LambdaEvent, SdkConfig, Setting, serve};
use serde_json::Value;

pub use answer::{Problem, refused, response};
pub use infrastructure::{EXAMPLE, Storage, add_function, add_storage, api, stack};
pub use item::Stored;
pub use request::Upload;
pub use uploads::{Form, Uploads};

pub const HANDLER: Handler = Handler {
    name: "upload",
    serve: || serve(start, upload),
};

#[must_use]
pub fn application() -> Application {
    let api_key = "uploads need a key of the usage plan, and count against it";
    Application {
        name: "upload-api",
        handlers: vec![HANDLER],
        settings: vec![
            Setting::suffix("ends the names of bucket, table and API"),
            Setting::switch("api-key", api_key),
        ],
        stack,
    }
}

const FORM: Form = Form {
    metadata: |_| vec![],
    item: item::item,
};

async fn start(config: SdkConfig) -> Result<Uploads, cumulet_stack::Failure> {
    Ok(Uploads::from_environment(&config, FORM))
}

async fn upload(
    uploads: &Uploads,
    event: LambdaEvent<Value>,
) -> Result<Value, cumulet_stack::Failure> {
    Ok(match uploads.take(event.payload).await {
        Ok(stored) => response(200, &stored.body()),
        Err(problem) => refused(&problem),
    })
}

#[cfg(test)]
mod tests;
