//! Inputs and outputs of STS operations.

use serde::{Deserialize, Serialize};

use super::session::SessionCredentials;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeRoleInput {
    pub(super) role_arn: String,
    pub(super) role_session_name: String,
    #[serde(default)]
    pub(super) policy_arns: Vec<PolicyDescriptor>,
    pub(super) policy: Option<String>,
    pub(super) duration_seconds: Option<u32>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    #[serde(default)]
    pub(super) transitive_tag_keys: Vec<String>,
    pub(super) external_id: Option<String>,
    pub(super) serial_number: Option<String>,
    pub(super) token_code: Option<String>,
    pub(super) source_identity: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PolicyDescriptor {
    #[serde(default)]
    pub(super) arn: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: i64,
}

impl From<SessionCredentials> for Credentials {
    fn from(credentials: SessionCredentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
            expiration: credentials.expiration.seconds(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumeRoleOutput {
    pub(super) credentials: Credentials,
    pub(super) assumed_role_user: AssumedRoleUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packed_policy_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_identity: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumedRoleUser {
    pub(super) assumed_role_id: String,
    pub(super) arn: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct GetCallerIdentityInput {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetCallerIdentityOutput {
    pub(super) user_id: String,
    pub(super) account: String,
    pub(super) arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAccessKeyInfoInput {
    pub(super) access_key_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAccessKeyInfoOutput {
    pub(super) account: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSessionTokenInput {
    pub(super) duration_seconds: Option<u32>,
    pub(super) serial_number: Option<String>,
    pub(super) token_code: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSessionTokenOutput {
    pub(super) credentials: Credentials,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetFederationTokenInput {
    pub(super) name: String,
    pub(super) policy: Option<String>,
    #[serde(default)]
    pub(super) policy_arns: Vec<PolicyDescriptor>,
    pub(super) duration_seconds: Option<u32>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetFederationTokenOutput {
    pub(super) credentials: Credentials,
    pub(super) federated_user: FederatedUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packed_policy_size: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FederatedUser {
    pub(super) federated_user_id: String,
    pub(super) arn: String,
}
