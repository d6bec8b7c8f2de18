//! Container repositories, as the record that CDK's bootstrap stack wants to find.
//!
//! A repository of ours has a name that is taken, an address and a policy text, and holds no images: there is no
//! registry to push to, and the operations of ECR say so. It is here because nothing else of the service is.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall};
use serde_json::json;

use super::state;

pub(super) fn repository_type() -> Provider {
    Provider::new(
        "AWS::ECR::Repository",
        &[
            "EmptyOnDelete",
            "EncryptionConfiguration",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryName",
            "RepositoryPolicyText",
            "Tags",
        ],
        create,
        update,
        delete,
    )
}

fn authorise(call: &ResourceCall<'_, '_>, action: &str, name: &str) -> Result<()> {
    let resource = arn_of(call.context, name);
    let needed = Access::new(&format!("ecr:{action}"), resource);
    call.context.authorise(call.tx, &[needed])
}

fn arn_of(context: &Context, name: &str) -> String {
    arn::regional(context, "ecr", format!("repository/{name}"))
}

fn create(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("RepositoryName", 256).to_ascii_lowercase();
    authorise(call, "CreateRepository", &name)?;
    if state::repository(call.tx, call.context, &name)?.is_some() {
        let account = &call.context.account;
        return Err(Error::new(
            "RepositoryAlreadyExistsException",
            format!(
                "The repository with name '{name}' already exists in the registry with id '{account}'"
            ),
        ));
    }
    state::save_repository(call.tx, call.context, &name, call.properties)?;
    let (account, region) = (&call.context.account, &call.context.region);
    let uri = format!("{account}.dkr.ecr.{region}.amazonaws.com/{name}");
    call.attribute("RepositoryUri", uri);
    call.attribute("Arn", arn_of(call.context, &name));
    call.identify(name);
    Ok(Outcome::Done)
}

fn update(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    for (property, action) in [
        ("RepositoryPolicyText", "SetRepositoryPolicy"),
        ("LifecyclePolicy", "PutLifecyclePolicy"),
        ("ImageTagMutability", "PutImageTagMutability"),
        (
            "ImageScanningConfiguration",
            "PutImageScanningConfiguration",
        ),
        ("Tags", "TagResource"),
    ] {
        if call.changed(property) {
            authorise(call, action, &call.physical_id)?;
        }
    }
    state::save_repository(call.tx, call.context, &call.physical_id, call.properties)?;
    Ok(Outcome::Done)
}

fn delete(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    authorise(call, "DeleteRepository", &call.physical_id)?;
    state::save_repository(call.tx, call.context, &call.physical_id, &json!(null))?;
    Ok(Outcome::Done)
}
