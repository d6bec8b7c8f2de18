//! The resource types that are CloudFormation's own.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};

use super::{nested, repository, wait};

pub(crate) fn resource_types() -> Vec<Provider> {
    let metadata = Provider::new(
        "AWS::CDK::Metadata",
        &["Analytics"],
        create_marker,
        nothing,
        nothing,
    );
    let mut types = wait::wait_types();
    types.extend([
        metadata,
        nested::nested_type(),
        repository::repository_type(),
    ]);
    types
}

/// CDK's note of what an application is made of: it stands for nothing, on AWS too.
fn create_marker(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.context.ids.uuid();
    call.identify(id);
    Ok(Outcome::Done)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn nothing(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}
