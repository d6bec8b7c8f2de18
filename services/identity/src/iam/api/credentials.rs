//! Inputs and outputs of what users prove themselves with: passwords, MFA devices, identity providers.

use serde::{Deserialize, Serialize};

use super::{PageInput, Tag};
use crate::iam::page::More;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct KeyUseInput {
    pub(in crate::iam) access_key_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct KeyUseOutput {
    pub(in crate::iam) user_name: String,
    pub(in crate::iam) access_key_last_used: KeyUse,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct KeyUse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) last_used_date: Option<i64>,
    pub(in crate::iam) service_name: String,
    pub(in crate::iam) region: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct PasswordPolicyInput {
    pub(in crate::iam) minimum_password_length: Option<u32>,
    #[serde(default)]
    pub(in crate::iam) require_symbols: bool,
    #[serde(default)]
    pub(in crate::iam) require_numbers: bool,
    #[serde(default)]
    pub(in crate::iam) require_uppercase_characters: bool,
    #[serde(default)]
    pub(in crate::iam) require_lowercase_characters: bool,
    #[serde(default)]
    pub(in crate::iam) allow_users_to_change_password: bool,
    pub(in crate::iam) max_password_age: Option<u32>,
    pub(in crate::iam) password_reuse_prevention: Option<u32>,
    pub(in crate::iam) hard_expiry: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct PasswordPolicyOutput {
    pub(in crate::iam) password_policy: PasswordPolicy,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct PasswordPolicy {
    pub(in crate::iam) minimum_password_length: u32,
    pub(in crate::iam) require_symbols: bool,
    pub(in crate::iam) require_numbers: bool,
    pub(in crate::iam) require_uppercase_characters: bool,
    pub(in crate::iam) require_lowercase_characters: bool,
    pub(in crate::iam) allow_users_to_change_password: bool,
    pub(in crate::iam) expire_passwords: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) max_password_age: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) password_reuse_prevention: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) hard_expiry: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct LoginProfileInput {
    pub(in crate::iam) user_name: Option<String>,
    pub(in crate::iam) password: Option<String>,
    pub(in crate::iam) password_reset_required: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct LoginProfileOutput {
    pub(in crate::iam) login_profile: LoginProfile,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct LoginProfile {
    pub(in crate::iam) user_name: String,
    pub(in crate::iam) create_date: i64,
    pub(in crate::iam) password_reset_required: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct ChangePasswordInput {
    pub(in crate::iam) old_password: String,
    pub(in crate::iam) new_password: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct CreateMfaInput {
    pub(in crate::iam) path: Option<String>,
    #[serde(rename = "VirtualMFADeviceName")]
    pub(in crate::iam) name: String,
    #[serde(default)]
    pub(in crate::iam) tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct CreateMfaOutput {
    #[serde(rename = "VirtualMFADevice")]
    pub(in crate::iam) device: NewMfaDevice,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct NewMfaDevice {
    pub(in crate::iam) serial_number: String,
    /// Base64 of the seed in base 32.
    #[serde(rename = "Base32StringSeed")]
    pub(in crate::iam) seed: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::iam) tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct MfaInput {
    pub(in crate::iam) user_name: Option<String>,
    #[serde(default)]
    pub(in crate::iam) serial_number: String,
    #[serde(rename = "AuthenticationCode1", default)]
    pub(in crate::iam) first_code: String,
    #[serde(rename = "AuthenticationCode2", default)]
    pub(in crate::iam) second_code: String,
    pub(in crate::iam) assignment_status: Option<String>,
    #[serde(default)]
    pub(in crate::iam) tags: Vec<Tag>,
    #[serde(default)]
    pub(in crate::iam) tag_keys: Vec<String>,
    #[serde(flatten)]
    pub(in crate::iam) page: PageInput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct MfaDevice {
    pub(in crate::iam) user_name: String,
    pub(in crate::iam) serial_number: String,
    pub(in crate::iam) enable_date: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct ListMfaOutput {
    #[serde(rename = "MFADevices")]
    pub(in crate::iam) devices: Vec<MfaDevice>,
    #[serde(flatten)]
    pub(in crate::iam) more: More,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct VirtualMfaDevice {
    pub(in crate::iam) serial_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) user: Option<super::User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) enable_date: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct ListVirtualMfaOutput {
    #[serde(rename = "VirtualMFADevices")]
    pub(in crate::iam) devices: Vec<VirtualMfaDevice>,
    #[serde(flatten)]
    pub(in crate::iam) more: More,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct OidcInput {
    #[serde(rename = "OpenIDConnectProviderArn", default)]
    pub(in crate::iam) arn: String,
    #[serde(default)]
    pub(in crate::iam) url: String,
    #[serde(rename = "ClientIDList", default)]
    pub(in crate::iam) client_ids: Vec<String>,
    #[serde(rename = "ClientID", default)]
    pub(in crate::iam) client_id: String,
    #[serde(rename = "ThumbprintList", default)]
    pub(in crate::iam) thumbprints: Vec<String>,
    #[serde(default)]
    pub(in crate::iam) tags: Vec<Tag>,
    #[serde(default)]
    pub(in crate::iam) tag_keys: Vec<String>,
    #[serde(flatten)]
    pub(in crate::iam) page: PageInput,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct CreateOidcOutput {
    #[serde(rename = "OpenIDConnectProviderArn")]
    pub(in crate::iam) arn: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::iam) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct OidcOutput {
    pub(in crate::iam) url: String,
    #[serde(rename = "ClientIDList")]
    pub(in crate::iam) client_ids: Vec<String>,
    #[serde(rename = "ThumbprintList")]
    pub(in crate::iam) thumbprints: Vec<String>,
    pub(in crate::iam) create_date: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::iam) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct ListOidcOutput {
    #[serde(rename = "OpenIDConnectProviderList")]
    pub(in crate::iam) providers: Vec<OidcArn>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct OidcArn {
    pub(in crate::iam) arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct GenerateReportOutput {
    pub(in crate::iam) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::iam) description: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::iam) struct CredentialReportOutput {
    /// Base64 of comma-separated values.
    pub(in crate::iam) content: String,
    pub(in crate::iam) report_format: &'static str,
    pub(in crate::iam) generated_time: i64,
}
