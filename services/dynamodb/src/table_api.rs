//! Inputs of the control plane, with their wire names.

use serde::Deserialize;
use serde_json::Value;

use super::state::WarmThroughput;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AttributeDefinition {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct KeySchemaElement {
    pub(super) attribute_name: String,
    pub(super) key_type: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ProjectionInput {
    pub(super) projection_type: Option<String>,
    pub(super) non_key_attributes: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ThroughputInput {
    pub(super) read_capacity_units: i64,
    pub(super) write_capacity_units: i64,
}

/// A local or global index to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct IndexInput {
    pub(super) index_name: String,
    pub(super) key_schema: Vec<KeySchemaElement>,
    pub(super) projection: ProjectionInput,
    pub(super) provisioned_throughput: Option<ThroughputInput>,
    pub(super) on_demand_throughput: Option<Value>,
    pub(super) warm_throughput: Option<WarmThroughput>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StreamInput {
    pub(super) stream_enabled: bool,
    pub(super) stream_view_type: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct EncryptionInput {
    #[serde(rename = "Enabled")]
    pub(super) enabled: Option<bool>,
    #[serde(rename = "KMSMasterKeyId")]
    pub(super) kms_key_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// CreateTable and UpdateTable share most of their members.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TableInput {
    pub(super) table_name: String,
    pub(super) attribute_definitions: Option<Vec<AttributeDefinition>>,
    pub(super) key_schema: Vec<KeySchemaElement>,
    pub(super) local_secondary_indexes: Option<Vec<IndexInput>>,
    pub(super) global_secondary_indexes: Option<Vec<IndexInput>>,
    pub(super) billing_mode: Option<String>,
    pub(super) provisioned_throughput: Option<ThroughputInput>,
    pub(super) on_demand_throughput: Option<Value>,
    pub(super) warm_throughput: Option<WarmThroughput>,
    pub(super) stream_specification: Option<StreamInput>,
    #[serde(rename = "SSESpecification")]
    pub(super) encryption: Option<EncryptionInput>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) table_class: Option<String>,
    pub(super) deletion_protection_enabled: Option<bool>,
    pub(super) resource_policy: Option<String>,
    /// UpdateTable.
    pub(super) global_secondary_index_updates: Option<Vec<IndexUpdate>>,
    pub(super) replica_updates: Option<Vec<Value>>,
    pub(super) global_table_witness_updates: Option<Vec<Value>>,
    pub(super) multi_region_consistency: Option<String>,
}

/// One of these is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct IndexUpdate {
    pub(super) create: Option<IndexInput>,
    pub(super) update: Option<IndexInput>,
    pub(super) delete: Option<IndexInput>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NamedTableInput {
    pub(super) table_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListTablesInput {
    pub(super) exclusive_start_table_name: Option<String>,
    pub(super) limit: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateTimeToLiveInput {
    pub(super) table_name: String,
    pub(super) time_to_live_specification: TimeToLiveInput,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TimeToLiveInput {
    pub(super) enabled: bool,
    pub(super) attribute_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TagsInput {
    pub(super) resource_arn: String,
    pub(super) tags: Vec<Tag>,
    pub(super) tag_keys: Vec<String>,
    pub(super) next_token: Option<String>,
}

/// Of all operations on resource policies.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PolicyInput {
    pub(super) resource_arn: String,
    pub(super) policy: String,
    pub(super) expected_revision_id: Option<String>,
    pub(super) confirm_remove_self_resource_access: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateRecoveryInput {
    pub(super) table_name: String,
    pub(super) point_in_time_recovery_specification: RecoveryInput,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RecoveryInput {
    pub(super) point_in_time_recovery_enabled: bool,
    pub(super) recovery_period_in_days: Option<i64>,
}
