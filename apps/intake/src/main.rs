//! The five systems as one: what the upload API takes is processed, indexed and logged, and a page shows the way of
//! each file.
//!
//! Upload, processor, indexer and logger come from the applications of those names, infrastructure and handlers alike.
//! What is new here: `spread` tells one event to all three, `page` shows what became of it.

mod infrastructure;
mod page;
mod spread;
mod way;

use std::process::ExitCode;

use cumulet_stack::{Application, Handler, Setting, serve};

fn main() -> ExitCode {
    application().run()
}

fn application() -> Application {
    Application {
        name: "intake",
        handlers: vec![
            upload_api::HANDLER,
            file_processor::HANDLER,
            metadata_pipeline::HANDLER,
            invocation_log::HANDLER,
            Handler {
                name: "spread",
                serve: || serve(spread::Spread::start, spread::spread),
            },
            Handler {
                name: "page",
                serve: || serve(way::Way::start, page::page),
            },
        ],
        settings: vec![Setting::suffix("ends all names, after `intake-`")],
        stack: infrastructure::stack,
    }
}
