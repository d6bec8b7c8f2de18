//! The invocation log: every invocation that a file causes leaves an item, one for each record of its event.

mod infrastructure;
mod record;

use cumulet_stack::{Application, Handler, Setting, serve};

pub use infrastructure::{Logging, add_logger, stack};

pub const HANDLER: Handler = Handler {
    name: "record",
    serve: || serve(record::Log::start, record::record),
};

#[must_use]
pub fn application() -> Application {
    Application {
        name: "invocation-log",
        handlers: vec![HANDLER],
        settings: vec![Setting::suffix(
            "ends the names of table, bucket and function",
        )],
        stack,
    }
}
