//! Simple Storage Service: buckets and the objects in them.
//!
//! An object is a record and a body. The record lies in the store, ordered so that a listing reads what
//! it shows ([`state`]); a small body lies beside it, a large one in a blob, either sealed under a data
//! key of its own ([`encryption`]). Body and record become visible in one commit, with the events that
//! tell of it ([`notify`]).
//!
//! S3 asks IAM whether a caller may, and KMS for keys as that caller. It knows nothing of who listens to
//! its events.

mod access_log;
mod acl;
mod api;
mod attributes;
mod authorise;
mod bucket;
mod checksum;
mod conditions;
mod configuration;
mod copy;
mod cors;
mod delete;
mod encoding;
mod encryption;
mod errors;
mod get;
mod lifecycle;
mod lifecycle_run;
mod list;
mod list_versions;
mod lock;
mod multipart;
mod notify;
mod object_attributes;
mod operations;
mod policy_status;
mod post;
mod post_form;
mod post_policy;
mod put;
mod receive;
mod request_metrics;
pub(crate) mod resource;
mod scan;
mod send;
mod state;
mod tagging;
#[cfg(test)]
mod tests;
mod versions;

use cumulet_kernel::{Context, Event};
use cumulet_kernel::outbox::Entry;

use crate::body::Body;
use crate::engine::Engine;
use crate::error::Result;

pub use access_log::{AccessLog, AccessRecord, Authentication};
pub use cors::{cors_headers, preflight};
pub use operations::operations;
pub use post::post_object;
pub use post_form::{Form, read_form};
pub(crate) use state::TABLES;

/// An object's body, for a service that was pointed at it (a function's code, a template); read and
/// authorised as the context's principal.
pub async fn read_object(
    engine: &Engine,
    context: &Context,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> Result<Body> {
    let input = api::ReadObjectInput {
        target: api::ObjectTarget {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
            expected_bucket_owner: None,
        },
        ..api::ReadObjectInput::default()
    };
    Ok(get::read_object(engine, context, &input, true)?.body)
}

/// Does what only time sets off: the daily runs of lifecycle rules, the delivery of access logs.
pub async fn deliver_timer(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { kind, .. } if kind == access_log::TIMER => {
            access_log::deliver(engine, context, entry).await
        }
        _ => lifecycle_run::deliver(engine, context, entry).await,
    }
}
