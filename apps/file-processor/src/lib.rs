//! The file processor: files that come are read, sealed and measured; what fails is tried again, then kept and told.
//!
//! `infrastructure.rs` is what it runs on, `process.rs` what happens to a file, `secret.rs` and `metrics.rs` what it
//! needs for that.

mod infrastructure;
mod metrics;
mod process;
mod secret;

use cumulet_stack::{Application, Handler, Setting, SettingKind, serve};

pub use infrastructure::{Processing, add_processor, stack};

pub const HANDLER: Handler = Handler {
    name: "process",
    serve: || serve(process::Processor::start, process::process),
};

const OWNER: Setting = Setting {
    name: "owner",
    default: "serverless-team",
    meaning: "the tag Owner of every resource",
    kind: SettingKind::Text,
};

#[must_use]
pub fn application() -> Application {
    Application {
        name: "file-processor",
        handlers: vec![HANDLER],
        settings: vec![
            Setting::suffix("ends the names, and is the tag Environment"),
            OWNER,
        ],
        stack,
    }
}
