//! Buckets themselves.

use serde::{Deserialize, Serialize};

use super::{AclRequest, Owner, Tag};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateBucketInput {
    pub(crate) bucket: String,
    #[serde(flatten)]
    pub(crate) acl: AclRequest,
    pub(crate) create_bucket_configuration: Option<CreateBucketConfiguration>,
    pub(crate) object_ownership: Option<String>,
    #[serde(default)]
    pub(crate) object_lock_enabled_for_bucket: bool,
    pub(crate) bucket_namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateBucketConfiguration {
    pub(crate) location_constraint: Option<String>,
    pub(crate) location: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateBucketOutput {
    pub(crate) location: String,
    pub(crate) bucket_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HeadBucketOutput {
    pub(crate) bucket_arn: String,
    pub(crate) bucket_region: String,
    pub(crate) access_point_alias: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListBucketsInput {
    pub(crate) max_buckets: Option<usize>,
    pub(crate) continuation_token: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) bucket_region: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListBucketsOutput {
    pub(crate) owner: Owner,
    pub(crate) buckets: Vec<BucketEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BucketEntry {
    pub(crate) name: String,
    pub(crate) creation_date: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_region: Option<String>,
    pub(crate) bucket_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetBucketLocationOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location_constraint: Option<String>,
}
