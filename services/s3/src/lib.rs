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
mod md5_lane;
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
mod resource;
mod scan;
mod send;
mod state;
mod tagging;
#[cfg(test)]
mod tests;
mod versions;

pub use access_log::{AccessLog, AccessRecord, Authentication};
pub use cors::{cors_headers, preflight};
use cumulet_engine::Context;
use cumulet_engine::body::Body;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::registry::{Denial, Service};
use cumulet_kernel::Event;
use cumulet_kernel::outbox::Entry;
pub use operations::operations;
pub use post::post_object;
pub use post_form::{Form, read_form};
use state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("s3", Denial::Xml, operations())
        .with_tables(1000, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::Timer { .. } => deliver_timer(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

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
        Event::Timer { kind, .. } if kind == multipart::FORGET => {
            multipart::forget_completed(engine, entry).await
        }
        _ => lifecycle_run::deliver(engine, context, entry).await,
    }
}
