//! Material that the customer brings: wrapped under a key made for the purpose, unwrapped here, and gone
//! again when its time is over or its owner takes it away.
//!
//! What was encrypted under it opens again once the same material is brought back, and under no other.
//!
//! <https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html>

use aes_kw::{KeyInit, KwpAes256};
use cumulet_engine::Context;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_bytes::ByteBuf;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::api::{
    DeleteImportedKeyMaterialOutput, GetParametersForImportInput, GetParametersForImportOutput,
    ImportKeyMaterialInput, ImportKeyMaterialOutput, KeyIdInput, from_base64, seconds, to_base64,
};
use super::error::invalid_state;
use super::key::{Asked, authorise, find_without_alias};
use super::private_key::PrivateKey;
use super::spec;
use super::state::{
    IMPORTS, ImportRecord, Imported, KEYS, KeyRecord, KeyState, Material, MaterialSecret, key_of,
};

const VALID_S: i64 = 86_400;
const MATERIAL_BYTES: usize = 32;
const TOKEN_BYTES: usize = 32;

fn to_import(tx: &Tx<'_>, context: &Context, named: &str, action: &str) -> Result<KeyRecord> {
    let key = find_without_alias(tx, context, named)?.key;
    authorise(tx, context, &key, action, &Asked::default())?;
    if key.origin != "EXTERNAL" {
        return Err(origin_not_valid(&key));
    }
    match key.state {
        KeyState::PendingDeletion { .. } => Err(super::error::pending_deletion(&key.arn())),
        _ => Ok(key),
    }
}

/// Refuses what a key's origin does not allow.
pub(super) fn origin_not_valid(key: &KeyRecord) -> Error {
    let message = format!(
        "{} origin is {} which is not valid for this operation.",
        key.arn(),
        key.origin
    );
    Error::new("UnsupportedOperationException", message)
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html>
pub(super) fn get_parameters(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetParametersForImportInput,
) -> Result<GetParametersForImportOutput> {
    let key = to_import(tx, context, &input.key_id, "kms:GetParametersForImport")?;
    let known = [
        "RSAES_OAEP_SHA_1",
        "RSAES_OAEP_SHA_256",
        "RSA_AES_KEY_WRAP_SHA_1",
        "RSA_AES_KEY_WRAP_SHA_256",
    ];
    if !known.contains(&input.wrapping_algorithm.as_str()) {
        return Err(Error::not_implemented(format!(
            "kms: wrapping by {}",
            input.wrapping_algorithm
        )));
    }
    let wrapping = PrivateKey::generate(&input.wrapping_key_spec, &context.ids)?;
    let token: [u8; TOKEN_BYTES] = context.ids.bytes();
    let until = context.now.plus_s(VALID_S);
    let record = ImportRecord {
        token: ByteBuf::from(token),
        algorithm: input.wrapping_algorithm,
        spec: input.wrapping_key_spec,
        private_key: ByteBuf::from(wrapping.to_der()?),
        until,
    };
    tx.save(IMPORTS, key.key(), &record)?;
    Ok(GetParametersForImportOutput {
        key_id: key.arn(),
        import_token: to_base64(&token),
        public_key: to_base64(&wrapping.public_der()?),
        parameters_valid_to: seconds(until),
    })
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html>
pub(super) fn import(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ImportKeyMaterialInput,
) -> Result<ImportKeyMaterialOutput> {
    let mut key = to_import(tx, context, &input.key_id, "kms:ImportKeyMaterial")?;
    if input.import_type.as_deref() == Some("NEW_KEY_MATERIAL") && !key.materials.is_empty() {
        return Err(Error::not_implemented(
            "kms:ImportKeyMaterial of a second material",
        ));
    }
    let until = expiry(context, &input)?;
    let given = unwrapped(tx, context, &key, &input)?;
    let id = hex(&Sha256::digest([key.id.as_bytes(), &given].concat()));
    if let Some(imported) = &key.imported
        && imported.material_id != id
    {
        return Err(Error::new(
            "IncorrectKeyMaterialException",
            "The key material in the request is not the same as the key material that was previously imported \
             into this KMS key.",
        ));
    }
    cancel_expiry(tx, &key)?;
    key.materials = vec![Material {
        version: 1,
        id: id.clone(),
        secret: MaterialSecret::given(given),
        created: context.now,
        on_demand: false,
        long_secret: None,
    }];
    if key.state == KeyState::PendingImport {
        key.state = KeyState::Enabled;
    }
    key.imported = Some(Imported {
        material_id: id.clone(),
        description: input.key_material_description,
        until,
        entry: until
            .map(|until| outbox::emit(tx, until, expiry_event(&key)))
            .transpose()?,
    });
    tx.save(KEYS, key.key(), &key)?;
    Ok(ImportKeyMaterialOutput {
        key_id: key.arn(),
        key_material_id: id,
    })
}

/// When the material goes, `None` for never. Materials expire unless it is said that they do not.
fn expiry(context: &Context, input: &ImportKeyMaterialInput) -> Result<Option<Timestamp>> {
    if input.expiration_model.as_deref() == Some("KEY_MATERIAL_DOES_NOT_EXPIRE") {
        return match input.valid_to {
            None => Ok(None),
            Some(_) => Err(Error::validation(
                "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            )),
        };
    }
    let valid_to = input.valid_to.ok_or_else(|| {
        Error::validation(
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
        )
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "a time of our era")]
    let until = Timestamp((valid_to * 1000.0) as i64);
    if until <= context.now {
        return Err(Error::validation("The validTo date must be in the future."));
    }
    Ok(Some(until))
}

fn unwrapped(
    tx: &Tx<'_>,
    context: &Context,
    key: &KeyRecord,
    input: &ImportKeyMaterialInput,
) -> Result<[u8; MATERIAL_BYTES]> {
    let wrapped = from_base64(&input.encrypted_key_material)?;
    let token = from_base64(&input.import_token)?;
    let invalid_token = || Error::new("InvalidImportTokenException", "");
    let record: Option<ImportRecord> = tx.load(IMPORTS, key.key())?;
    let record = record.filter(|record| record.token.as_slice() == token);
    let record = record.ok_or_else(invalid_token)?;
    if record.until <= context.now {
        return Err(Error::new("ExpiredImportTokenException", ""));
    }
    let wrapping = PrivateKey::from_der(&record.spec, &record.private_key)?;
    let opened = open(context, &wrapping, &record, &wrapped);
    let opened = opened.ok_or_else(super::error::invalid_ciphertext)?;
    opened.try_into().map_err(|_| {
        Error::new(
            "IncorrectKeyMaterialException",
            format!("Key material must be {MATERIAL_BYTES} bytes for a symmetric encryption key."),
        )
    })
}

/// Straight under the RSA key, or under an AES key that lies before it under the RSA key.
fn open(
    context: &Context,
    wrapping: &PrivateKey,
    record: &ImportRecord,
    wrapped: &[u8],
) -> Option<Vec<u8>> {
    let Some(hash) = record.algorithm.strip_prefix("RSA_AES_KEY_WRAP_") else {
        return wrapping.decrypt(&context.ids, &record.algorithm, wrapped);
    };
    let bits: usize = record.spec.strip_prefix("RSA_")?.parse().ok()?;
    let (aes_key, wrapped) = wrapped.split_at_checked(bits / 8)?;
    let aes_key = wrapping.decrypt(&context.ids, &format!("RSAES_OAEP_{hash}"), aes_key)?;
    let mut buffer = vec![0; wrapped.len()];
    let unwrapping = KwpAes256::new_from_slice(&aes_key).ok()?;
    let opened = unwrapping.unwrap_key(wrapped, &mut buffer).ok()?;
    Some(opened.to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn expiry_event(key: &KeyRecord) -> Event {
    Event::Timer {
        service: "kms".into(),
        kind: "material-expiry".into(),
        subject: key.arn(),
        detail: json!(null),
    }
}

/// Takes the expiry of the present material out of the outbox.
pub(super) fn cancel_expiry(tx: &mut Tx<'_>, key: &KeyRecord) -> Result<()> {
    match key.imported.as_ref().and_then(|imported| imported.entry) {
        Some(entry) => Ok(outbox::finish(tx, entry)?),
        None => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DeleteImportedKeyMaterial.html>
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: KeyIdInput,
) -> Result<DeleteImportedKeyMaterialOutput> {
    let key = to_import(tx, context, &input.key_id, "kms:DeleteImportedKeyMaterial")?;
    cancel_expiry(tx, &key)?;
    let material_id = key
        .imported
        .as_ref()
        .map(|imported| imported.material_id.clone());
    let arn = key.arn();
    forget(tx, key)?;
    Ok(DeleteImportedKeyMaterialOutput {
        key_id: arn,
        key_material_id: material_id,
    })
}

fn forget(tx: &mut Tx<'_>, mut key: KeyRecord) -> Result<()> {
    key.materials.clear();
    key.state = KeyState::PendingImport;
    if let Some(imported) = &mut key.imported {
        imported.entry = None;
        imported.until = None;
    }
    Ok(tx.save(KEYS, key.key(), &key)?)
}

/// Takes material away whose time is over.
pub(super) fn expire_due(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let Event::Timer { subject, .. } = &entry.event else {
        return Err(invalid_state("Not an expiry."));
    };
    let parts = Arn::parse(subject);
    let parts = parts.and_then(|parts| Some((parts.region, parts.resource.strip_prefix("key/")?)));
    let Some((region, id)) = parts else {
        return Ok(());
    };
    let key: Option<KeyRecord> = tx.load(KEYS, key_of(region, id))?;
    let is_meant = |key: &KeyRecord| {
        let imported = key.imported.as_ref();
        imported.is_some_and(|imported| imported.entry == Some(entry.id))
    };
    match key.filter(is_meant) {
        // A key that is being deleted keeps that state.
        Some(mut key) if matches!(key.state, KeyState::PendingDeletion { .. }) => {
            key.materials.clear();
            Ok(tx.save(KEYS, key.key(), &key)?)
        }
        Some(key) => forget(tx, key),
        None => Ok(()),
    }
}

/// What a new key of this origin begins with.
pub(super) fn check_origin(origin: &str, spec: &str) -> Result<()> {
    match origin {
        "AWS_KMS" => Ok(()),
        "EXTERNAL" if spec == spec::SYMMETRIC => Ok(()),
        "EXTERNAL" => Err(Error::not_implemented(format!(
            "kms:CreateKey with Origin EXTERNAL and KeySpec {spec}"
        ))),
        other => Err(Error::not_implemented(format!(
            "kms:CreateKey with Origin {other}"
        ))),
    }
}
