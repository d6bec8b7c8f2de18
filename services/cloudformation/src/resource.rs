//! The resource types that are CloudFormation's own.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::CDK::Metadata",
            &["Analytics"],
            create_marker,
            nothing,
            nothing,
        ),
        Provider::new(
            "AWS::CloudFormation::WaitConditionHandle",
            &[],
            create_handle,
            nothing,
            nothing,
        ),
    ]
}

/// CDK's note of what an application is made of: it stands for nothing, on AWS too.
fn create_marker(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let id = call.context.ids.uuid();
    call.identify(id);
    Ok(Outcome::Done)
}

fn create_handle(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let region = &call.stack.region;
    let unique = call.context.ids.uuid();
    let url =
        format!("https://cloudformation-waitcondition-{region}.s3.{region}.amazonaws.com/{unique}");
    call.identify(url);
    Ok(Outcome::Done)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler answers as all handlers do"
)]
fn nothing(_call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    Ok(Outcome::Done)
}
