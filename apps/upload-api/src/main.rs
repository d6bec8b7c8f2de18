//! The upload API: a product's file is stored in S3, what describes it in DynamoDB.
//!
//! One program in two roles (see `cumulet_stack::Application`): `upload-api synth` writes the cloud assembly of
//! `stack.rs`; under Lambda the same program answers `POST /upload` with `upload.rs`.

mod answer;
mod item;
mod price;
mod request;
mod stack;
mod store;
mod upload;

use std::process::ExitCode;

use cumulet_stack::{Application, Handler, Setting};

const SUFFIX: Setting = Setting {
    name: "suffix",
    default: "dev",
    meaning: "ends the names of bucket, table and API",
};
const API_KEY: Setting = Setting {
    name: "api-key",
    default: "off",
    meaning: "on: uploads need a key of the usage plan, and count against it",
};

fn main() -> ExitCode {
    let application = Application {
        name: "upload-api",
        handlers: vec![Handler {
            name: "upload",
            serve: upload::serve,
        }],
        settings: vec![SUFFIX, API_KEY],
        stack: stack::upload_api,
    };
    application.run()
}
