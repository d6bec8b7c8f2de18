//! Inputs and outputs of KMS operations.

use std::collections::BTreeMap;

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// Bytes on their way as base64 text.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    decoded.map_err(|_| Error::new("SerializationException", "a blob is not base64"))
}

pub(super) fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Seconds with milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of our era are exact in an f64"
)]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1000.0
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKeyInput {
    pub(super) policy: Option<String>,
    pub(super) description: Option<String>,
    pub(super) key_usage: Option<String>,
    pub(super) customer_master_key_spec: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) custom_key_store_id: Option<String>,
    #[serde(default)]
    pub(super) bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) multi_region: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) tag_key: String,
    pub(super) tag_value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadataOutput {
    pub(super) key_metadata: KeyMetadata,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    pub(super) aws_account_id: String,
    pub(super) key_id: String,
    pub(super) arn: String,
    pub(super) creation_date: f64,
    pub(super) enabled: bool,
    pub(super) description: String,
    pub(super) key_usage: String,
    pub(super) key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_to: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expiration_model: Option<&'static str>,
    pub(super) origin: String,
    pub(super) key_manager: &'static str,
    pub(super) customer_master_key_spec: String,
    pub(super) key_spec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signing_algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mac_algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_agreement_algorithms: Option<Vec<&'static str>>,
    pub(super) multi_region: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current_key_material_id: Option<String>,
}

/// Operations about one key and nothing else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyIdInput {
    pub(super) key_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct NothingOutput {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PageInput {
    pub(super) limit: Option<usize>,
    pub(super) marker: Option<String>,
    /// Where the list is of one key's things.
    pub(super) key_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeysOutput {
    pub(super) keys: Vec<KeyListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyListEntry {
    pub(super) key_id: String,
    pub(super) key_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasInput {
    pub(super) alias_name: String,
    #[serde(default)]
    pub(super) target_key_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesOutput {
    pub(super) aliases: Vec<AliasListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasListEntry {
    pub(super) alias_name: String,
    pub(super) alias_arn: String,
    pub(super) target_key_id: String,
    pub(super) creation_date: f64,
    pub(super) last_updated_date: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateKeyDescriptionInput {
    pub(super) key_id: String,
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionInput {
    pub(super) key_id: String,
    pub(super) pending_window_in_days: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionOutput {
    pub(super) key_id: String,
    pub(super) deletion_date: f64,
    pub(super) key_state: &'static str,
    pub(super) pending_window_in_days: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyIdOutput {
    pub(super) key_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyInput {
    pub(super) key_id: String,
    pub(super) policy_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyOutput {
    pub(super) policy: String,
    pub(super) policy_name: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutKeyPolicyInput {
    pub(super) key_id: String,
    pub(super) policy_name: Option<String>,
    pub(super) policy: String,
    #[serde(default)]
    pub(super) bypass_policy_lockout_safety_check: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyPoliciesOutput {
    pub(super) policy_names: [&'static str; 1],
    pub(super) truncated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptInput {
    pub(super) key_id: String,
    pub(super) plaintext: String,
    #[serde(default)]
    pub(super) encryption_context: BTreeMap<String, String>,
    pub(super) encryption_algorithm: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptOutput {
    pub(super) ciphertext_blob: String,
    pub(super) key_id: String,
    pub(super) encryption_algorithm: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptInput {
    #[serde(default)]
    pub(super) ciphertext_blob: String,
    #[serde(default)]
    pub(super) encryption_context: BTreeMap<String, String>,
    pub(super) key_id: Option<String>,
    pub(super) encryption_algorithm: Option<String>,
    pub(super) recipient: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptOutput {
    pub(super) key_id: String,
    pub(super) plaintext: String,
    pub(super) encryption_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_material_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptInput {
    #[serde(default)]
    pub(super) ciphertext_blob: String,
    #[serde(default)]
    pub(super) source_encryption_context: BTreeMap<String, String>,
    pub(super) source_key_id: Option<String>,
    pub(super) source_encryption_algorithm: Option<String>,
    pub(super) destination_encryption_algorithm: Option<String>,
    pub(super) destination_key_id: String,
    #[serde(default)]
    pub(super) destination_encryption_context: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptOutput {
    pub(super) ciphertext_blob: String,
    pub(super) source_key_id: String,
    pub(super) key_id: String,
    pub(super) source_encryption_algorithm: String,
    pub(super) destination_encryption_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_key_material_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_key_material_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyInput {
    pub(super) key_id: String,
    #[serde(default)]
    pub(super) encryption_context: BTreeMap<String, String>,
    pub(super) number_of_bytes: Option<usize>,
    pub(super) key_spec: Option<String>,
    pub(super) recipient: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyOutput {
    pub(super) ciphertext_blob: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plaintext: Option<String>,
    pub(super) key_id: String,
    pub(super) key_material_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomInput {
    pub(super) number_of_bytes: Option<usize>,
    pub(super) custom_key_store_id: Option<String>,
    pub(super) recipient: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomOutput {
    pub(super) plaintext: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnableKeyRotationInput {
    pub(super) key_id: String,
    pub(super) rotation_period_in_days: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyRotationStatusOutput {
    pub(super) key_rotation_enabled: bool,
    pub(super) key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotation_period_in_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_rotation_date: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotationsOutput {
    pub(super) rotations: Vec<RotationListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotationListEntry {
    pub(super) key_id: String,
    pub(super) key_material_id: String,
    pub(super) rotation_date: f64,
    pub(super) rotation_type: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResourceInput {
    pub(super) key_id: String,
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResourceInput {
    pub(super) key_id: String,
    pub(super) tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourceTagsOutput {
    pub(super) tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGrantInput {
    pub(super) key_id: String,
    pub(super) grantee_principal: String,
    pub(super) retiring_principal: Option<String>,
    pub(super) operations: Vec<String>,
    pub(super) constraints: Option<Constraints>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Constraints {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_context_subset: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_context_equals: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGrantOutput {
    pub(super) grant_token: String,
    pub(super) grant_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGrantsInput {
    pub(super) limit: Option<usize>,
    pub(super) marker: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) grant_id: Option<String>,
    pub(super) grantee_principal: Option<String>,
    pub(super) retiring_principal: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGrantsOutput {
    pub(super) grants: Vec<GrantListEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GrantListEntry {
    pub(super) key_id: String,
    pub(super) grant_id: String,
    pub(super) name: String,
    pub(super) creation_date: f64,
    pub(super) grantee_principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retiring_principal: Option<String>,
    pub(super) issuing_account: String,
    pub(super) operations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) constraints: Option<Constraints>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EndGrantInput {
    pub(super) grant_token: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) grant_id: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetPublicKeyOutput {
    pub(super) key_id: String,
    pub(super) public_key: String,
    pub(super) customer_master_key_spec: String,
    pub(super) key_spec: String,
    pub(super) key_usage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signing_algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_agreement_algorithms: Option<Vec<&'static str>>,
}

/// Sign and Verify.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SignInput {
    pub(super) key_id: String,
    pub(super) message: String,
    pub(super) message_type: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) signing_algorithm: String,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SignOutput {
    pub(super) key_id: String,
    pub(super) signature: String,
    pub(super) signing_algorithm: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyOutput {
    pub(super) key_id: String,
    pub(super) signature_valid: bool,
    pub(super) signing_algorithm: String,
}

/// GenerateMac and VerifyMac.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MacInput {
    pub(super) key_id: String,
    pub(super) message: String,
    pub(super) mac_algorithm: String,
    pub(super) mac: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MacOutput {
    pub(super) mac: String,
    pub(super) mac_algorithm: String,
    pub(super) key_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VerifyMacOutput {
    pub(super) key_id: String,
    pub(super) mac_valid: bool,
    pub(super) mac_algorithm: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeriveSharedSecretInput {
    pub(super) key_id: String,
    pub(super) key_agreement_algorithm: String,
    pub(super) public_key: String,
    #[serde(default)]
    pub(super) dry_run: bool,
    pub(super) recipient: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeriveSharedSecretOutput {
    pub(super) key_id: String,
    pub(super) shared_secret: String,
    pub(super) key_agreement_algorithm: String,
    pub(super) key_origin: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyPairInput {
    pub(super) key_id: String,
    pub(super) key_pair_spec: String,
    #[serde(default)]
    pub(super) encryption_context: BTreeMap<String, String>,
    pub(super) recipient: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyPairOutput {
    pub(super) private_key_ciphertext_blob: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private_key_plaintext: Option<String>,
    pub(super) public_key: String,
    pub(super) key_id: String,
    pub(super) key_pair_spec: String,
    pub(super) key_material_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetParametersForImportInput {
    pub(super) key_id: String,
    pub(super) wrapping_algorithm: String,
    pub(super) wrapping_key_spec: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetParametersForImportOutput {
    pub(super) key_id: String,
    pub(super) import_token: String,
    pub(super) public_key: String,
    pub(super) parameters_valid_to: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ImportKeyMaterialInput {
    pub(super) key_id: String,
    pub(super) import_token: String,
    pub(super) encrypted_key_material: String,
    pub(super) valid_to: Option<f64>,
    pub(super) expiration_model: Option<String>,
    pub(super) import_type: Option<String>,
    pub(super) key_material_description: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ImportKeyMaterialOutput {
    pub(super) key_id: String,
    pub(super) key_material_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteImportedKeyMaterialOutput {
    pub(super) key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_material_id: Option<String>,
}
