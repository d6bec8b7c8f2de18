//! Key Management Service: keys that never leave, and the data keys sealed under them.
//!
//! Other services call in here as the caller, through themselves (`context.through("s3")`), so the key
//! policy decides and the decision is on the trace.
//!
//! Key material is stored in the key's record, under the store's own encryption: every page on disk is
//! encrypted under the installation's root key. So there is no second sealing here, and a key whose
//! record is deleted is shredded, as far as the store no longer keeps the page it lay on.

mod alias;
mod api;
mod ciphertext;
mod data_key;
mod encrypt;
mod error;
mod grant;
mod grants;
mod import;
mod key;
mod key_policy;
mod keys;
mod lifecycle;
mod page;
mod pair;
mod policies;
mod private_key;
mod resource;
mod rotation;
mod sign;
mod spec;
mod state;
mod tags;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use cumulet_engine::access::Access;
use cumulet_engine::delivery::unhandled;
use cumulet_engine::error::Result;
use cumulet_engine::operation::Operation;
use cumulet_engine::registry::{Denial, Service};
use cumulet_engine::{Context, Engine};
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::seal::SealKey;
use cumulet_kernel::{Event, Table, Tx};
pub use data_key::{decrypt, decrypt_data_key, encrypt, generate_data_key};
pub use lifecycle::{aws_managed_key, deliver_deletion};
pub use rotation::deliver_rotation;

const TABLES: &[Table] = state::TABLES;

/// All that the rest of the house knows of this service.
pub fn service() -> Service {
    Service::new("kms", Denial::Json, operations())
        .with_tables(300, TABLES)
        .with_resource_types(resource::resource_types())
        .taking_events(|engine, context, entry| Box::pin(take(engine, context, entry)))
}

async fn take(engine: Engine, context: Context, entry: Entry) -> Result<()> {
    match &entry.event {
        Event::KeyDeletion { .. } => deliver_deletion(&engine, context, entry).await,
        Event::Timer { .. } => deliver_rotation(&engine, context, entry).await,
        other => Err(unhandled(other)),
    }
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = key_operations();
    operations.extend(cryptographic_operations());
    operations.extend(grant_and_tag_operations());
    operations
}

// Grants allow beside policies, so operations on a key ask for themselves once they have found it.
fn on_key<I>(_: &Tx<'_>, _: &Context, _: &I) -> Result<Vec<Access>> {
    Ok(Vec::new())
}

fn key_operations() -> Vec<Operation> {
    vec![
        Operation::write("CreateKey", keys::create_access, keys::create_key),
        // A write: it makes the AWS managed key whose alias it is the first to name.
        Operation::write("DescribeKey", on_key, keys::describe_key),
        Operation::read(
            "ListKeys",
            |_, _, _| on_all("kms:ListKeys"),
            keys::list_keys,
        ),
        Operation::write("EnableKey", on_key, keys::enable_key),
        Operation::write("DisableKey", on_key, keys::disable_key),
        Operation::write("UpdateKeyDescription", on_key, keys::update_key_description),
        Operation::write("ScheduleKeyDeletion", on_key, keys::schedule_key_deletion),
        Operation::write("CancelKeyDeletion", on_key, keys::cancel_key_deletion),
        Operation::read("GetKeyPolicy", on_key, key_policy::get_key_policy),
        Operation::write("PutKeyPolicy", on_key, key_policy::put_key_policy),
        Operation::read("ListKeyPolicies", on_key, key_policy::list_key_policies),
        Operation::write("CreateAlias", on_key, alias::create_alias),
        Operation::write("UpdateAlias", on_key, alias::update_alias),
        Operation::write("DeleteAlias", on_key, alias::delete_alias),
        Operation::read("ListAliases", alias::list_access, alias::list_aliases),
        Operation::write("EnableKeyRotation", on_key, rotation::enable_key_rotation),
        Operation::write("DisableKeyRotation", on_key, rotation::disable_key_rotation),
        Operation::read(
            "GetKeyRotationStatus",
            on_key,
            rotation::get_key_rotation_status,
        ),
        Operation::write("RotateKeyOnDemand", on_key, rotation::rotate_key_on_demand),
        Operation::read("ListKeyRotations", on_key, rotation::list_key_rotations),
    ]
}

fn cryptographic_operations() -> Vec<Operation> {
    vec![
        Operation::read("Encrypt", on_key, encrypt::encrypt),
        Operation::read("Decrypt", on_key, encrypt::decrypt),
        Operation::read("ReEncrypt", on_key, encrypt::re_encrypt),
        Operation::read("GenerateDataKey", on_key, encrypt::generate_data_key),
        Operation::read(
            "GenerateDataKeyWithoutPlaintext",
            on_key,
            encrypt::generate_data_key_without_plaintext,
        ),
        Operation::read("GenerateDataKeyPair", on_key, pair::generate),
        Operation::read(
            "GenerateDataKeyPairWithoutPlaintext",
            on_key,
            pair::generate_without_plaintext,
        ),
        Operation::read("GetPublicKey", on_key, sign::get_public_key),
        Operation::read("Sign", on_key, sign::sign),
        Operation::read("Verify", on_key, sign::verify),
        Operation::read("GenerateMac", on_key, sign::generate_mac),
        Operation::read("VerifyMac", on_key, sign::verify_mac),
        Operation::read("DeriveSharedSecret", on_key, sign::derive_shared_secret),
        Operation::write("GetParametersForImport", on_key, import::get_parameters),
        Operation::write("ImportKeyMaterial", on_key, import::import),
        Operation::write("DeleteImportedKeyMaterial", on_key, import::delete),
        Operation::read(
            "GenerateRandom",
            |_, _, _| on_all("kms:GenerateRandom"),
            encrypt::generate_random,
        ),
    ]
}

fn grant_and_tag_operations() -> Vec<Operation> {
    vec![
        Operation::write("CreateGrant", on_key, grants::create_grant),
        Operation::read("ListGrants", on_key, grants::list_grants),
        Operation::read(
            "ListRetirableGrants",
            |_, _, _| on_all("kms:ListRetirableGrants"),
            grants::list_retirable_grants,
        ),
        Operation::write("RetireGrant", on_key, grants::retire_grant),
        Operation::write("RevokeGrant", on_key, grants::revoke_grant),
        Operation::write("TagResource", on_key, tags::tag_resource),
        Operation::write("UntagResource", on_key, tags::untag_resource),
        Operation::read("ListResourceTags", on_key, tags::list_resource_tags),
    ]
}

fn on_all(action: &str) -> Result<Vec<Access>> {
    Ok(vec![Access::new(action, "*")])
}

/// Additional data that must be given again to decrypt.
pub type EncryptionContext = BTreeMap<String, String>;

/// A data key in the clear and sealed under its KMS key.
#[derive(Clone, Debug)]
pub struct DataKey {
    pub plaintext: SealKey,
    pub ciphertext: Vec<u8>,
    pub key_arn: String,
}

/// Lets `service` (`dynamodb.amazonaws.com`) use the key on its own later, for work that no caller waits
/// for: a grant, which the caller makes through the service. Making it again changes nothing.
pub fn grant_to_service(
    tx: &mut Tx<'_>,
    context: &Context,
    key_id: &str,
    service: &str,
    operations: &[&str],
) -> Result<()> {
    let input = api::CreateGrantInput {
        key_id: resolve_key_arn(tx, context, key_id)?,
        grantee_principal: service.to_owned(),
        retiring_principal: None,
        operations: operations
            .iter()
            .map(|&operation| operation.to_owned())
            .collect(),
        constraints: None,
        name: Some(service.to_owned()),
        dry_run: false,
    };
    grants::create_grant(tx, context, input).map(drop)
}

/// The ARN of the key that an id, ARN or alias names; not authorised.
pub fn resolve_key_arn(tx: &Tx<'_>, context: &Context, key_id: &str) -> Result<String> {
    Ok(key::find(tx, context, key_id)?.key.arn())
}
