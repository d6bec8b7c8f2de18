//! Inputs of backups and restores, with their wire names.

use serde::Deserialize;

use super::table_api::{EncryptionInput, IndexInput, ThroughputInput};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateBackupInput {
    pub(super) table_name: String,
    pub(super) backup_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct BackupInput {
    pub(super) backup_arn: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListBackupsInput {
    pub(super) table_name: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) time_range_lower_bound: Option<f64>,
    pub(super) time_range_upper_bound: Option<f64>,
    pub(super) exclusive_start_backup_arn: Option<String>,
    pub(super) backup_type: Option<String>,
}

/// RestoreTableFromBackup and RestoreTableToPointInTime.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RestoreInput {
    pub(super) target_table_name: String,
    pub(super) backup_arn: String,
    pub(super) source_table_arn: Option<String>,
    pub(super) source_table_name: Option<String>,
    pub(super) use_latest_restorable_time: Option<bool>,
    pub(super) restore_date_time: Option<f64>,
    pub(super) billing_mode_override: Option<String>,
    pub(super) global_secondary_index_override: Option<Vec<IndexInput>>,
    pub(super) local_secondary_index_override: Option<Vec<IndexInput>>,
    pub(super) provisioned_throughput_override: Option<ThroughputInput>,
    #[serde(rename = "SSESpecificationOverride")]
    pub(super) encryption_override: Option<EncryptionInput>,
}

impl RestoreInput {
    /// The table to go back in, by name or ARN.
    pub(super) fn source(&self) -> &str {
        let named = self.source_table_name.as_ref();
        named
            .or(self.source_table_arn.as_ref())
            .map_or("", |name| name)
    }
}
