//! What CreateTable and UpdateTable refuse about keys, indexes and capacity.

use cumulet_engine::error::Result;

use super::errors::{invalid_parameter, validation};
use super::state::{IndexProjection, IndexRecord, KeySchema, ScalarType, Status, Throughput};
use super::table_api::{
    AttributeDefinition, IndexInput, KeySchemaElement, ProjectionInput, TableInput, ThroughputInput,
};

const LOCAL_INDEXES_MAX: usize = 5;
const GLOBAL_INDEXES_MAX: usize = 20;
const INDEX_KEY_PARTS_MAX: usize = 4;
const KEY_NAME_MAX_BYTES: usize = 255;
const PROJECTED_ATTRIBUTES_MAX: usize = 100;

pub(super) type Attributes = Vec<(String, ScalarType)>;

pub(super) fn attributes(definitions: &[AttributeDefinition]) -> Result<Attributes> {
    let mut attributes = Attributes::new();
    for definition in definitions {
        let kind = ScalarType::parse(&definition.attribute_type)
            .ok_or_else(|| invalid_parameter("Unknown attribute type"))?;
        if attributes
            .iter()
            .any(|(name, _)| *name == definition.attribute_name)
        {
            return Err(invalid_parameter(format!(
                "Duplicate attribute definitions found for attribute: {}",
                definition.attribute_name
            )));
        }
        if definition.attribute_name.len() > KEY_NAME_MAX_BYTES {
            return Err(invalid_parameter(
                "Attribute name is too long, must be less than or equal to 255 bytes",
            ));
        }
        attributes.push((definition.attribute_name.clone(), kind));
    }
    Ok(attributes)
}

/// The key schema of a table or a local index: one partition attribute, at most one sort attribute.
pub(super) fn simple_keys(elements: &[KeySchemaElement]) -> Result<KeySchema> {
    match elements {
        [_, _, _, ..] => Err(too_many_keys(elements)),
        // In the framework's words, but only after the table's name was looked at.
        [] => Err(validation(
            "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1",
        )),
        [first, ..] if first.key_type != "HASH" => Err(validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        )),
        [_, second, ..] if second.key_type != "RANGE" => Err(validation(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        )),
        [hash, range @ ..] => Ok(KeySchema {
            hash: vec![hash.attribute_name.clone()],
            range: range
                .iter()
                .map(|element| element.attribute_name.clone())
                .collect(),
        }),
    }
}

fn too_many_keys(elements: &[KeySchemaElement]) -> cumulet_engine::error::Error {
    let shown: Vec<String> = elements
        .iter()
        .map(|element| {
            format!(
                "KeySchemaElement(attributeName={}, keyType={})",
                element.attribute_name, element.key_type
            )
        })
        .collect();
    validation(format!(
        "1 validation error detected: Value '[{}]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2",
        shown.join(", ")
    ))
}

/// The key schema of a global index: up to four attributes each.
pub(super) fn global_keys(elements: &[KeySchemaElement]) -> Result<KeySchema> {
    if elements.len() <= 2 {
        return simple_keys(elements);
    }
    let of_type = |kind: &str| -> Vec<String> {
        let elements = elements.iter().filter(|element| element.key_type == kind);
        elements
            .map(|element| element.attribute_name.clone())
            .collect()
    };
    let keys = KeySchema {
        hash: of_type("HASH"),
        range: of_type("RANGE"),
    };
    let ordered = elements
        .iter()
        .take(keys.hash.len())
        .all(|element| element.key_type == "HASH");
    if keys.hash.is_empty() || !ordered {
        return Err(validation(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ));
    }
    if keys.hash.len() > INDEX_KEY_PARTS_MAX || keys.range.len() > INDEX_KEY_PARTS_MAX {
        return Err(invalid_parameter(
            "An index key takes at most four partition and four sort attributes",
        ));
    }
    Ok(keys)
}

/// Refuses keys without definition, and a name used twice.
pub(super) fn check_defined(keys: &KeySchema, attributes: &Attributes) -> Result<()> {
    let mut names: Vec<&String> = keys.names().collect();
    let undefined = names
        .iter()
        .any(|name| !attributes.iter().any(|(known, _)| known == *name));
    names.sort();
    let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
    if undefined || twice {
        return Err(validation(
            "Invalid KeySchema: Some index key attribute have no definition",
        ));
    }
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    format!("[{}]", names.join(", "))
}

/// Refuses definitions that no key uses.
pub(super) fn check_all_used(
    attributes: &Attributes,
    keys: &KeySchema,
    indexes: &[IndexRecord],
) -> Result<()> {
    let used = |name: &String| {
        keys.contains(name) || indexes.iter().any(|index| index.keys.contains(name))
    };
    if attributes.iter().all(|(name, _)| used(name)) {
        return Ok(());
    }
    if indexes.is_empty() {
        return Err(invalid_parameter(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ));
    }
    let defined = listed(attributes.iter().map(|(name, _)| name));
    let keys_used = listed(
        attributes
            .iter()
            .map(|(name, _)| name)
            .filter(|name| used(name)),
    );
    Err(invalid_parameter(format!(
        "Some AttributeDefinitions are not used. AttributeDefinitions: {defined}, keys used: {keys_used}"
    )))
}

fn projection(input: &ProjectionInput) -> Result<IndexProjection> {
    let refuse_attributes = |kind: &str| match &input.non_key_attributes {
        Some(_) => Err(invalid_parameter(format!(
            "ProjectionType is {kind}, but NonKeyAttributes is specified"
        ))),
        None => Ok(()),
    };
    match input.projection_type.as_deref() {
        None => Err(invalid_parameter("Unknown ProjectionType: null")),
        Some("ALL") => refuse_attributes("ALL").map(|()| IndexProjection::All),
        Some("KEYS_ONLY") => refuse_attributes("KEYS_ONLY").map(|()| IndexProjection::KeysOnly),
        Some(_) => {
            let names = input.non_key_attributes.clone().unwrap_or_default();
            if names.is_empty() {
                return Err(invalid_parameter(
                    "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
                ));
            }
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(invalid_parameter(format!(
                    "Duplicate projected attribute: {}",
                    pair[0]
                )));
            }
            if names.iter().any(|name| name.len() > KEY_NAME_MAX_BYTES) {
                return Err(invalid_parameter(
                    "Projected attribute name is too long, must be less than or equal to 255 bytes",
                ));
            }
            Ok(IndexProjection::Include(names))
        }
    }
}

/// A new index out of its specification.
pub(super) fn index(
    input: &IndexInput,
    local: bool,
    number: u32,
    attributes: &Attributes,
) -> Result<IndexRecord> {
    let keys = if local {
        simple_keys(&input.key_schema)?
    } else {
        global_keys(&input.key_schema)?
    };
    check_defined(&keys, attributes)?;
    let given = input.provisioned_throughput.unwrap_or_default();
    Ok(IndexRecord {
        name: input.index_name.clone(),
        number,
        local,
        keys,
        projection: projection(&input.projection)?,
        status: Status::Creating,
        backfill: None,
        throughput: Throughput {
            read: given.read_capacity_units,
            write: given.write_capacity_units,
            ..Throughput::default()
        },
        on_demand: input.on_demand_throughput.clone(),
        warm_throughput: input.warm_throughput,
    })
}

/// All indexes of a new table, numbered from 1.
pub(super) fn indexes(
    input: &TableInput,
    keys: &KeySchema,
    attributes: &Attributes,
) -> Result<Vec<IndexRecord>> {
    let local = input.local_secondary_indexes.as_deref().unwrap_or_default();
    let global = input
        .global_secondary_indexes
        .as_deref()
        .unwrap_or_default();
    check_given(input)?;
    if !local.is_empty() && keys.range.is_empty() {
        return Err(invalid_parameter(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ));
    }
    let mut indexes: Vec<IndexRecord> = Vec::new();
    let inputs = local
        .iter()
        .map(|input| (input, true))
        .chain(global.iter().map(|input| (input, false)));
    for (number, (input, local)) in (1..).zip(inputs) {
        let index = index(input, local, number, attributes)?;
        if local {
            check_local_keys(&index, keys)?;
        }
        if indexes.iter().any(|known| known.name == index.name) {
            return Err(invalid_parameter(format!(
                "Duplicate index name: {}",
                index.name
            )));
        }
        indexes.push(index);
    }
    check_counts(&indexes)?;
    Ok(indexes)
}

fn check_given(input: &TableInput) -> Result<()> {
    let empty = |given: &Option<Vec<IndexInput>>| given.as_ref().is_some_and(Vec::is_empty);
    if empty(&input.local_secondary_indexes) {
        return Err(invalid_parameter("List of LocalSecondaryIndexes is empty"));
    }
    if empty(&input.global_secondary_indexes) {
        return Err(invalid_parameter("List of GlobalSecondaryIndexes is empty"));
    }
    Ok(())
}

fn check_local_keys(index: &IndexRecord, keys: &KeySchema) -> Result<()> {
    if index.keys.range.is_empty() {
        return Err(invalid_parameter(format!(
            "Index KeySchema does not have a range key for index: {}",
            index.name
        )));
    }
    if index.keys.hash != keys.hash {
        return Err(invalid_parameter(format!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index hash key: {}, table hash key: {}",
            index.name,
            index.keys.hash.join(", "),
            keys.hash.join(", ")
        )));
    }
    Ok(())
}

pub(super) fn check_counts(indexes: &[IndexRecord]) -> Result<()> {
    let local = indexes.iter().filter(|index| index.local).count();
    if local > LOCAL_INDEXES_MAX {
        return Err(invalid_parameter(
            "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ));
    }
    if indexes.len() - local > GLOBAL_INDEXES_MAX {
        return Err(invalid_parameter(
            "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ));
    }
    let projected: usize = indexes
        .iter()
        .map(|index| match &index.projection {
            IndexProjection::Include(names) => names.len(),
            _ => 0,
        })
        .sum();
    if projected > PROJECTED_ATTRIBUTES_MAX {
        return Err(invalid_parameter(
            "Number of NonKeyAttributes exceeds per-table limit of 100",
        ));
    }
    Ok(())
}

/// Refuses capacity on demand tables, and provisioned ones without.
pub(super) fn check_billing(
    on_demand: bool,
    table: Option<ThroughputInput>,
    global: &[IndexInput],
) -> Result<()> {
    if on_demand {
        if table.is_some() {
            return Err(invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
            ));
        }
        return match global
            .iter()
            .find(|index| index.provisioned_throughput.is_some())
        {
            Some(index) => Err(invalid_parameter(format!(
                "ProvisionedThroughput should not be specified for index: {} when BillingMode is PAY_PER_REQUEST",
                index.index_name
            ))),
            None => Ok(()),
        };
    }
    if table.is_none() {
        return Err(invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ));
    }
    match global
        .iter()
        .find(|index| index.provisioned_throughput.is_none())
    {
        Some(index) => Err(invalid_parameter(format!(
            "ProvisionedThroughput must be specified for index: {}",
            index.index_name
        ))),
        None => Ok(()),
    }
}
