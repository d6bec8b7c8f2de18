//! Inputs and outputs of the item operations, with their wire names.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html>
//!
//! Attribute values stay JSON here: the order in which DynamoDB refuses things decides when they are
//! read, and [`super::value`] words the refusals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::capacity::ConsumedCapacity;
use super::value::Item;

pub(super) type JsonItem = Map<String, Value>;
pub(super) type Names = BTreeMap<String, String>;

/// A condition of the older interface.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ExpectedAttribute {
    pub(super) value: Option<Value>,
    pub(super) exists: Option<bool>,
    pub(super) comparison_operator: Option<String>,
    pub(super) attribute_value_list: Option<Vec<Value>>,
}

/// A comparison of the older interface: KeyConditions, QueryFilter, ScanFilter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LegacyCondition {
    pub(super) attribute_value_list: Option<Vec<Value>>,
    pub(super) comparison_operator: String,
}

/// A change of the older interface.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AttributeUpdate {
    pub(super) value: Option<Value>,
    pub(super) action: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetItemInput {
    pub(super) table_name: String,
    pub(super) key: JsonItem,
    pub(super) attributes_to_get: Option<Vec<String>>,
    pub(super) consistent_read: Option<bool>,
    pub(super) return_consumed_capacity: Option<String>,
    pub(super) projection_expression: Option<String>,
    pub(super) expression_attribute_names: Option<Names>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetItemOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<ConsumedCapacity>,
}

/// PutItem, DeleteItem and UpdateItem differ in what they write; all else they share.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct WriteItemInput {
    pub(super) table_name: String,
    /// PutItem.
    pub(super) item: JsonItem,
    /// DeleteItem, UpdateItem.
    pub(super) key: JsonItem,
    pub(super) update_expression: Option<String>,
    pub(super) attribute_updates: Option<BTreeMap<String, AttributeUpdate>>,
    pub(super) expected: Option<BTreeMap<String, ExpectedAttribute>>,
    pub(super) conditional_operator: Option<String>,
    pub(super) condition_expression: Option<String>,
    pub(super) expression_attribute_names: Option<Names>,
    pub(super) expression_attribute_values: Option<JsonItem>,
    pub(super) return_values: Option<String>,
    pub(super) return_consumed_capacity: Option<String>,
    pub(super) return_item_collection_metrics: Option<String>,
    pub(super) return_values_on_condition_check_failure: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WriteItemOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<ConsumedCapacity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_collection_metrics: Option<ItemCollectionMetrics>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ItemCollectionMetrics {
    pub(super) item_collection_key: Item,
    #[serde(rename = "SizeEstimateRangeGB")]
    pub(super) size_estimate_range_gb: [f64; 2],
}

/// Query and Scan share most of their members.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ReadPageInput {
    pub(super) table_name: String,
    pub(super) index_name: Option<String>,
    pub(super) select: Option<String>,
    pub(super) attributes_to_get: Option<Vec<String>>,
    pub(super) limit: Option<u64>,
    pub(super) consistent_read: Option<bool>,
    pub(super) conditional_operator: Option<String>,
    pub(super) exclusive_start_key: Option<JsonItem>,
    pub(super) return_consumed_capacity: Option<String>,
    pub(super) projection_expression: Option<String>,
    pub(super) filter_expression: Option<String>,
    pub(super) expression_attribute_names: Option<Names>,
    pub(super) expression_attribute_values: Option<JsonItem>,
    /// Query.
    pub(super) key_conditions: Option<BTreeMap<String, LegacyCondition>>,
    pub(super) query_filter: Option<BTreeMap<String, LegacyCondition>>,
    pub(super) scan_index_forward: Option<bool>,
    pub(super) key_condition_expression: Option<String>,
    /// Scan.
    pub(super) scan_filter: Option<BTreeMap<String, LegacyCondition>>,
    pub(super) total_segments: Option<u64>,
    pub(super) segment: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReadPageOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Vec<Item>>,
    pub(super) count: u64,
    pub(super) scanned_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_evaluated_key: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<ConsumedCapacity>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct KeysAndAttributes {
    pub(super) keys: Vec<JsonItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes_to_get: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) projection_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expression_attribute_names: Option<Names>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct BatchGetItemInput {
    pub(super) request_items: BTreeMap<String, KeysAndAttributes>,
    pub(super) return_consumed_capacity: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItemOutput {
    pub(super) responses: BTreeMap<String, Vec<Item>>,
    pub(super) unprocessed_keys: BTreeMap<String, KeysAndAttributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct WriteRequest {
    pub(super) put_request: Option<PutRequest>,
    pub(super) delete_request: Option<DeleteRequest>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutRequest {
    pub(super) item: JsonItem,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeleteRequest {
    pub(super) key: JsonItem,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct BatchWriteItemInput {
    pub(super) request_items: BTreeMap<String, Vec<WriteRequest>>,
    pub(super) return_consumed_capacity: Option<String>,
    pub(super) return_item_collection_metrics: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchWriteItemOutput {
    pub(super) unprocessed_items: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_collection_metrics: Option<BTreeMap<String, Vec<ItemCollectionMetrics>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

/// One of these is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TransactWriteItem {
    pub(super) condition_check: Option<WriteItemInput>,
    pub(super) put: Option<WriteItemInput>,
    pub(super) delete: Option<WriteItemInput>,
    pub(super) update: Option<WriteItemInput>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TransactWriteItemsInput {
    /// Kept as it came: the idempotency token stands for exactly this content.
    pub(super) transact_items: Vec<Value>,
    pub(super) client_request_token: Option<String>,
    pub(super) return_consumed_capacity: Option<String>,
    pub(super) return_item_collection_metrics: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactWriteItemsOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<Vec<ConsumedCapacity>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_collection_metrics: Option<BTreeMap<String, Vec<ItemCollectionMetrics>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TransactGetItem {
    pub(super) get: GetItemInput,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TransactGetItemsInput {
    pub(super) transact_items: Vec<TransactGetItem>,
    pub(super) return_consumed_capacity: Option<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactGetItemsOutput {
    pub(super) responses: Vec<ItemResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ItemResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<Item>,
}
