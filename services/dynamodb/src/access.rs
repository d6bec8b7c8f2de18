//! What each operation needs to be allowed: action, table or index, and the facts that policies ask about.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::Value;

use super::api::{
    BatchGetItemInput, BatchWriteItemInput, GetItemInput, JsonItem, Names, ReadPageInput,
    TransactGetItemsInput, TransactWriteItem, TransactWriteItemsInput, WriteItemInput,
};
use super::expression::{self, Kind, Placeholders};
use super::key_condition::KeyCondition;
use super::legacy;
use super::state::TableRecord;
use super::table::{self, Location};
use super::table_api::{
    NamedTableInput, TableInput, TagsInput, UpdateRecoveryInput, UpdateTimeToLiveInput,
};
use super::value::AttributeValue;

/// A table about to be accessed: its place, and its record where it exists.
struct Target {
    location: Location,
    record: Option<Arc<TableRecord>>,
}

impl Target {
    fn new(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Self> {
        let location = Location::new(context, name);
        let record = table::load(tx, &location)?;
        Ok(Self { location, record })
    }

    fn access(&self, action: &str, index: Option<&str>) -> Access {
        let mut resource = self.location.arn();
        if let Some(index) = index {
            resource.push_str("/index/");
            resource.push_str(index);
        }
        let policy = self
            .record
            .as_ref()
            .and_then(|record| record.policy.as_ref());
        let policy = policy.map(|policy| Arc::from(policy.document.as_str()));
        Access::new(&format!("dynamodb:{action}"), resource)
            .governed_by(policy, &self.location.account)
    }

    fn hash_name(&self) -> Option<&str> {
        self.record.as_ref()?.keys.hash.first().map(String::as_str)
    }

    /// The partition keys among these items, as policies see them.
    fn leading_keys<'a>(&self, items: impl Iterator<Item = &'a JsonItem>) -> Vec<String> {
        let Some(name) = self.hash_name() else {
            return Vec::new();
        };
        let keys: BTreeSet<String> = items
            .filter_map(|item| scalar_text(item.get(name)?))
            .collect();
        keys.into_iter().collect()
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    let (_, text) = value.as_object()?.iter().next()?;
    text.as_str().map(str::to_owned)
}

fn value_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::S(text) => Some(text.clone()),
        AttributeValue::N(number) => Some(number.to_string()),
        AttributeValue::B(bytes) => Some(base64::engine::general_purpose::STANDARD.encode(bytes)),
        _ => None,
    }
}

/// The attributes a request names anywhere.
#[derive(Default)]
struct Named(BTreeSet<String>);

impl Named {
    /// A faulty expression names nothing here; the operation itself refuses it.
    fn expressions(
        &mut self,
        names: &Option<Names>,
        values: &Option<JsonItem>,
        texts: &[(Kind, &Option<String>)],
    ) {
        if texts.iter().all(|(_, text)| text.is_none()) {
            return;
        }
        let Ok(mut placeholders) = Placeholders::new(names.clone(), values.clone()) else {
            return;
        };
        for (kind, text) in texts {
            if let Some(text) = text {
                self.expression(*kind, text, &mut placeholders);
            }
        }
    }

    fn expression(&mut self, kind: Kind, text: &str, placeholders: &mut Placeholders) {
        match kind {
            Kind::Projection => {
                let parsed = expression::projection(text, placeholders);
                self.0.extend(
                    parsed
                        .iter()
                        .flat_map(|projection| projection.roots().cloned()),
                );
            }
            Kind::Update => {
                let parsed = expression::update(text, placeholders);
                parsed.iter().for_each(|update| {
                    update.visit_paths(&mut |path| {
                        self.0.insert(path.root.clone());
                    })
                });
            }
            Kind::Condition | Kind::Filter | Kind::KeyCondition => {
                let parsed = expression::condition(kind, text, placeholders);
                parsed.iter().for_each(|condition| {
                    condition.visit_paths(&mut |path| {
                        self.0.insert(path.root.clone());
                    })
                });
            }
        }
    }

    fn on(self, access: Access) -> Access {
        if self.0.is_empty() {
            access
        } else {
            access.condition_values("dynamodb:Attributes", self.0.into_iter().collect())
        }
    }
}

fn with_keys(access: Access, keys: Vec<String>) -> Access {
    if keys.is_empty() {
        access
    } else {
        access.condition_values("dynamodb:LeadingKeys", keys)
    }
}

fn with(access: Access, key: &str, value: Option<&String>) -> Access {
    match value {
        Some(value) => access.condition(key, value.clone()),
        None => access,
    }
}

pub(super) fn get_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &GetItemInput,
) -> Result<Vec<Access>> {
    get(tx, context, "GetItem", input).map(|access| vec![access])
}

fn get(tx: &Tx<'_>, context: &Context, action: &str, input: &GetItemInput) -> Result<Access> {
    let target = Target::new(tx, context, &input.table_name)?;
    let mut named = Named(input.key.keys().cloned().collect());
    named
        .0
        .extend(input.attributes_to_get.iter().flatten().cloned());
    named.expressions(
        &input.expression_attribute_names,
        &None,
        &[(Kind::Projection, &input.projection_expression)],
    );
    let specific = input.projection_expression.is_some() || input.attributes_to_get.is_some();
    let select = if specific {
        "SPECIFIC_ATTRIBUTES"
    } else {
        "ALL_ATTRIBUTES"
    };
    let access = target
        .access(action, None)
        .condition("dynamodb:Select", select);
    let access = with(
        access,
        "dynamodb:ReturnConsumedCapacity",
        input.return_consumed_capacity.as_ref(),
    );
    let access = with_keys(access, target.leading_keys(std::iter::once(&input.key)));
    Ok(named.on(access))
}

fn write(tx: &Tx<'_>, context: &Context, action: &str, input: &WriteItemInput) -> Result<Access> {
    let target = Target::new(tx, context, &input.table_name)?;
    let subject = if input.item.is_empty() {
        &input.key
    } else {
        &input.item
    };
    let mut named = Named(subject.keys().cloned().collect());
    named.0.extend(
        input
            .attribute_updates
            .iter()
            .flatten()
            .map(|(name, _)| name.clone()),
    );
    named.0.extend(
        input
            .expected
            .iter()
            .flatten()
            .map(|(name, _)| name.clone()),
    );
    named.expressions(
        &input.expression_attribute_names,
        &input.expression_attribute_values,
        &[
            (Kind::Condition, &input.condition_expression),
            (Kind::Update, &input.update_expression),
        ],
    );
    let access = with(
        target.access(action, None),
        "dynamodb:ReturnValues",
        input.return_values.as_ref(),
    );
    let access = with(
        access,
        "dynamodb:ReturnConsumedCapacity",
        input.return_consumed_capacity.as_ref(),
    );
    let access = with_keys(access, target.leading_keys(std::iter::once(subject)));
    Ok(named.on(access))
}

pub(super) fn put_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &WriteItemInput,
) -> Result<Vec<Access>> {
    write(tx, context, "PutItem", input).map(|access| vec![access])
}

pub(super) fn update_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &WriteItemInput,
) -> Result<Vec<Access>> {
    write(tx, context, "UpdateItem", input).map(|access| vec![access])
}

pub(super) fn delete_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &WriteItemInput,
) -> Result<Vec<Access>> {
    write(tx, context, "DeleteItem", input).map(|access| vec![access])
}

pub(super) fn query(tx: &Tx<'_>, context: &Context, input: &ReadPageInput) -> Result<Vec<Access>> {
    let target = Target::new(tx, context, &input.table_name)?;
    let key = query_leading_key(&target, input);
    Ok(vec![with_keys(
        page(&target, "Query", input),
        key.into_iter().collect(),
    )])
}

pub(super) fn scan(tx: &Tx<'_>, context: &Context, input: &ReadPageInput) -> Result<Vec<Access>> {
    let target = Target::new(tx, context, &input.table_name)?;
    Ok(vec![page(&target, "Scan", input)])
}

fn page(target: &Target, action: &str, input: &ReadPageInput) -> Access {
    let mut named = Named::default();
    named
        .0
        .extend(input.attributes_to_get.iter().flatten().cloned());
    for older in [
        &input.key_conditions,
        &input.query_filter,
        &input.scan_filter,
    ] {
        named
            .0
            .extend(older.iter().flatten().map(|(name, _)| name.clone()));
    }
    named.expressions(
        &input.expression_attribute_names,
        &input.expression_attribute_values,
        &[
            (Kind::Projection, &input.projection_expression),
            (Kind::Filter, &input.filter_expression),
            (Kind::KeyCondition, &input.key_condition_expression),
        ],
    );
    let specific = input.projection_expression.is_some() || input.attributes_to_get.is_some();
    let select = match (&input.select, specific, &input.index_name) {
        (Some(select), _, _) => select.as_str(),
        (None, true, _) => "SPECIFIC_ATTRIBUTES",
        (None, false, Some(_)) => "ALL_PROJECTED_ATTRIBUTES",
        (None, false, None) => "ALL_ATTRIBUTES",
    };
    let access = target
        .access(action, input.index_name.as_deref())
        .condition("dynamodb:Select", select);
    named.on(with(
        access,
        "dynamodb:ReturnConsumedCapacity",
        input.return_consumed_capacity.as_ref(),
    ))
}

fn query_leading_key(target: &Target, input: &ReadPageInput) -> Option<String> {
    let record = target.record.as_ref()?;
    let keys = match &input.index_name {
        Some(name) => &record.index(name)?.keys,
        None => &record.keys,
    };
    let condition = match (&input.key_condition_expression, &input.key_conditions) {
        (Some(text), _) => {
            let names = input.expression_attribute_names.clone();
            let mut placeholders =
                Placeholders::new(names, input.expression_attribute_values.clone()).ok()?;
            expression::condition(Kind::KeyCondition, text, &mut placeholders).ok()?
        }
        (None, Some(conditions)) => legacy::conditions(conditions.clone(), None).ok()?,
        (None, None) => return None,
    };
    let condition = KeyCondition::new(condition).ok()?;
    value_text(condition.equal_value(keys.hash.first()?)?)
}

pub(super) fn batch_get_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &BatchGetItemInput,
) -> Result<Vec<Access>> {
    let each = input.request_items.iter().map(|(name, wanted)| {
        let target = Target::new(tx, context, name)?;
        let mut named = Named(
            wanted
                .keys
                .iter()
                .flat_map(|key| key.keys().cloned())
                .collect(),
        );
        named
            .0
            .extend(wanted.attributes_to_get.iter().flatten().cloned());
        named.expressions(
            &wanted.expression_attribute_names,
            &None,
            &[(Kind::Projection, &wanted.projection_expression)],
        );
        let access = with_keys(
            target.access("BatchGetItem", None),
            target.leading_keys(wanted.keys.iter()),
        );
        Ok(named.on(access))
    });
    each.collect()
}

pub(super) fn batch_write_item(
    tx: &Tx<'_>,
    context: &Context,
    input: &BatchWriteItemInput,
) -> Result<Vec<Access>> {
    let each = input.request_items.iter().map(|(name, requests)| {
        let target = Target::new(tx, context, name)?;
        let puts = requests
            .iter()
            .filter_map(|request| Some(&request.put_request.as_ref()?.item));
        let deletes = requests
            .iter()
            .filter_map(|request| Some(&request.delete_request.as_ref()?.key));
        let subjects: Vec<&JsonItem> = puts.chain(deletes).collect();
        let named = Named(
            subjects
                .iter()
                .flat_map(|item| item.keys().cloned())
                .collect(),
        );
        let keys = target.leading_keys(subjects.into_iter());
        Ok(named.on(with_keys(target.access("BatchWriteItem", None), keys)))
    });
    each.collect()
}

/// A transaction needs the permission of each of its actions.
pub(super) fn transact_write_items(
    tx: &Tx<'_>,
    context: &Context,
    input: &TransactWriteItemsInput,
) -> Result<Vec<Access>> {
    let mut needed = Vec::new();
    for item in &input.transact_items {
        // What cannot be read here is refused by the operation itself.
        let item: TransactWriteItem = serde_json::from_value(item.clone()).unwrap_or_default();
        let actions = [
            ("ConditionCheckItem", item.condition_check),
            ("PutItem", item.put),
            ("DeleteItem", item.delete),
            ("UpdateItem", item.update),
        ];
        for (action, input) in actions {
            if let Some(input) = input {
                let access = write(tx, context, action, &input)?;
                needed.push(access.condition("dynamodb:EnclosingOperation", "TransactWriteItems"));
            }
        }
    }
    Ok(needed)
}

pub(super) fn transact_get_items(
    tx: &Tx<'_>,
    context: &Context,
    input: &TransactGetItemsInput,
) -> Result<Vec<Access>> {
    let each = input.transact_items.iter().map(|item| {
        let access = get(tx, context, "GetItem", &item.get)?;
        Ok(access.condition("dynamodb:EnclosingOperation", "TransactGetItems"))
    });
    each.collect()
}

/// One action on one table, named by its name or ARN.
pub(super) fn table(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    name: &str,
) -> Result<Vec<Access>> {
    let target = Target::new(tx, context, name)?;
    let tags = target.record.iter().flat_map(|record| record.tags.iter());
    let access = tags.fold(target.access(action, None), |access, (key, value)| {
        access.condition(format!("aws:ResourceTag/{key}"), value.clone())
    });
    Ok(vec![access])
}

pub(super) fn create_table(
    tx: &Tx<'_>,
    context: &Context,
    input: &TableInput,
) -> Result<Vec<Access>> {
    let mut needed = table(tx, context, "CreateTable", &input.table_name)?;
    let tags = input.tags.as_deref().unwrap_or_default();
    if !tags.is_empty() {
        let mut tagging = table(tx, context, "TagResource", &input.table_name)?;
        needed.append(&mut tagging);
    }
    for access in &mut needed {
        for tag in tags {
            *access = access
                .clone()
                .condition(format!("aws:RequestTag/{}", tag.key), tag.value.clone());
        }
    }
    Ok(needed)
}

pub(super) fn update_table(
    tx: &Tx<'_>,
    context: &Context,
    input: &TableInput,
) -> Result<Vec<Access>> {
    table(tx, context, "UpdateTable", &input.table_name)
}

pub(super) fn describe_table(
    tx: &Tx<'_>,
    context: &Context,
    input: &NamedTableInput,
) -> Result<Vec<Access>> {
    table(tx, context, "DescribeTable", &input.table_name)
}

pub(super) fn delete_table(
    tx: &Tx<'_>,
    context: &Context,
    input: &NamedTableInput,
) -> Result<Vec<Access>> {
    table(tx, context, "DeleteTable", &input.table_name)
}

pub(super) fn describe_time_to_live(
    tx: &Tx<'_>,
    context: &Context,
    input: &NamedTableInput,
) -> Result<Vec<Access>> {
    table(tx, context, "DescribeTimeToLive", &input.table_name)
}

pub(super) fn update_time_to_live(
    tx: &Tx<'_>,
    context: &Context,
    input: &UpdateTimeToLiveInput,
) -> Result<Vec<Access>> {
    table(tx, context, "UpdateTimeToLive", &input.table_name)
}

pub(super) fn describe_continuous_backups(
    tx: &Tx<'_>,
    context: &Context,
    input: &NamedTableInput,
) -> Result<Vec<Access>> {
    table(tx, context, "DescribeContinuousBackups", &input.table_name)
}

pub(super) fn update_continuous_backups(
    tx: &Tx<'_>,
    context: &Context,
    input: &UpdateRecoveryInput,
) -> Result<Vec<Access>> {
    table(tx, context, "UpdateContinuousBackups", &input.table_name)
}

pub(super) fn tag_resource(
    tx: &Tx<'_>,
    context: &Context,
    input: &TagsInput,
) -> Result<Vec<Access>> {
    let mut needed = table(tx, context, "TagResource", &input.resource_arn)?;
    for access in &mut needed {
        for tag in &input.tags {
            *access = access
                .clone()
                .condition(format!("aws:RequestTag/{}", tag.key), tag.value.clone());
        }
    }
    Ok(needed)
}

pub(super) fn untag_resource(
    tx: &Tx<'_>,
    context: &Context,
    input: &TagsInput,
) -> Result<Vec<Access>> {
    table(tx, context, "UntagResource", &input.resource_arn)
}

pub(super) fn list_tags(tx: &Tx<'_>, context: &Context, input: &TagsInput) -> Result<Vec<Access>> {
    table(tx, context, "ListTagsOfResource", &input.resource_arn)
}

/// An action on no table in particular.
pub(super) fn list_tables<I>(_tx: &Tx<'_>, _context: &Context, _input: &I) -> Result<Vec<Access>> {
    Ok(vec![Access::new("dynamodb:ListTables", "*")])
}

pub(super) fn describe_limits<I>(
    _tx: &Tx<'_>,
    _context: &Context,
    _input: &I,
) -> Result<Vec<Access>> {
    Ok(vec![Access::new("dynamodb:DescribeLimits", "*")])
}

/// What a PartiQL statement needs; `find` gives the value of a key attribute that the statement names.
pub(super) fn statement_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    name: &str,
    index: Option<&str>,
    find: impl Fn(&str) -> Option<AttributeValue>,
) -> Result<Access> {
    let target = Target::new(tx, context, name)?;
    let leading = target.hash_name().and_then(find);
    let full_scan = action == "PartiQLSelect" && leading.is_none();
    let access = with_keys(
        target.access(action, index),
        leading.as_ref().and_then(value_text).into_iter().collect(),
    );
    Ok(if action == "PartiQLSelect" {
        access.condition("dynamodb:FullTableScan", full_scan.to_string())
    } else {
        access
    })
}
