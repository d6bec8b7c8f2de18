//! API Gateway REST APIs: the control plane that edits them, and the front door that runs them.
//!
//! An API is edited as one record. A deployment is a copy of its definition, a stage points at one; the
//! data plane sees nothing but that copy. What is not built (Cognito, VPC links, response caches) is
//! refused when it is configured, so no request is ever answered by half an API.

mod api;
mod control;
mod errors;
mod execute;
mod resource;
mod state;

use cumulet_engine::operation::Operation;
use cumulet_engine::registry::{Denial, Service};
pub use execute::{execute, too_large};
use state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("apigateway", Denial::RestJson, operations())
        .with_tables(1300, TABLES)
        .with_resource_types(resource::resource_types())
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let families = [
        control::rest_apis::operations(),
        control::openapi::operations(),
        control::resources::operations(),
        control::methods::operations(),
        control::integrations::operations(),
        control::models::operations(),
        control::authorizers::operations(),
        control::deployments::operations(),
        control::stages::operations(),
        control::usage::operations(),
        control::usage_plans::operations(),
        control::api_keys::operations(),
        control::gateway_responses::operations(),
        control::tags::operations(),
    ];
    families.into_iter().flatten().collect()
}
