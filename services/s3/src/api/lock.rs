//! Object lock.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectLockConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_lock_enabled: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<ObjectLockRule>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectLockRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_retention: Option<DefaultRetention>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DefaultRetention {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) years: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutObjectLock {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object_lock_configuration: Option<ObjectLockConfiguration>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Retention {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retain_until_date: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRetention {
    pub(crate) retention: Option<Retention>,
    #[serde(default, skip_serializing)]
    pub(crate) bypass_governance_retention: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LegalHold {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutLegalHold {
    pub(crate) legal_hold: Option<LegalHold>,
}
