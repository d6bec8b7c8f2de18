//! The forerunner of `upload-api`: the same upload, with less around it. A bucket, a table, a function and an API
//! under keys of the services, no validation before the function, and answers without codes.
//!
//! What may be uploaded, and the order of things, it takes from `upload-api`; here is what differs.

mod infrastructure;

use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cumulet_stack::{
    Application, Failure, Handler, LambdaEvent, SdkConfig, Setting, SettingKind, serve,
};
use serde_json::{Value, json};
use upload_api::{Form, Stored, Uploads, response};

const FORM: Form = Form {
    metadata,
    item: Stored::attributes,
};

fn main() -> ExitCode {
    application().run()
}

fn application() -> Application {
    Application {
        name: "upload-api-basic",
        handlers: vec![Handler {
            name: "upload",
            serve: || serve(start, upload),
        }],
        settings: vec![
            Setting::suffix("ends the names of bucket, table and API"),
            Setting {
                name: "concurrency",
                default: "5",
                meaning: "as many uploads run at once and no more",
                kind: SettingKind::Number(900),
            },
        ],
        stack: infrastructure::stack,
    }
}

async fn start(config: SdkConfig) -> Result<Uploads, Failure> {
    Ok(Uploads::from_environment(&config, FORM))
}

async fn upload(uploads: &Uploads, event: LambdaEvent<Value>) -> Result<Value, Failure> {
    Ok(match uploads.take(event.payload).await {
        Ok(stored) => response(200, &stored.body()),
        Err(problem) => response(problem.status, &json!({ "error": problem.error })),
    })
}

/// What stands beside the file, for whoever finds it without the table.
fn metadata(stored: &Stored) -> Vec<(&'static str, String)> {
    vec![
        ("productId", header(&stored.upload.product_id)),
        ("productName", header(&stored.upload.product_name)),
        ("uploadTimestamp", stored.uploaded_at()),
    ]
}

/// Metadata travels in HTTP headers, which are ASCII. Other text is written as RFC 2047 has it, the form in which S3
/// itself tells such values.
fn header(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    format!("=?UTF-8?B?{}?=", STANDARD.encode(text))
}

#[cfg(test)]
mod tests;
