//! The metadata pipeline: what is known of every file that comes, in a table.

mod index;
mod infrastructure;

use cumulet_stack::{Application, Handler, Setting, serve};

pub use infrastructure::{Indexing, add_indexer, stack};

pub const HANDLER: Handler = Handler {
    name: "index",
    serve: || serve(index::Index::start, index::index),
};

#[must_use]
pub fn application() -> Application {
    Application {
        name: "metadata-pipeline",
        handlers: vec![HANDLER],
        settings: vec![Setting::suffix(
            "ends the names of bucket, table and function",
        )],
        stack,
    }
}
