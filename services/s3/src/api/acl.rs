//! Access control lists.

use serde::{Deserialize, Serialize};

use super::Owner;
use super::object::AclRequest;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Grantee {
    #[serde(rename = "ID", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(rename = "Type", default)]
    pub(crate) kind: String,
    #[serde(rename = "URI", default, skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) email_address: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Grant {
    #[serde(default)]
    pub(crate) grantee: Grantee,
    #[serde(default)]
    pub(crate) permission: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetAclOutput {
    pub(crate) owner: Owner,
    pub(crate) grants: Vec<Grant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutAcl {
    #[serde(flatten)]
    pub(crate) acl: AclRequest,
    pub(crate) access_control_policy: Option<AccessControlPolicy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccessControlPolicy {
    #[serde(default)]
    pub(crate) grants: Vec<Grant>,
    pub(crate) owner: Option<Owner>,
}
