//! Keys: from key attributes to ordered bytes in the store.
//!
//! ```text
//!   row  := table number:8 [index number:4] hash:4 part* [base part*]      part := escaped bytes, 00 01
//! ```
//!
//! The hash of the partition key stands in front, as on AWS: so a scan runs in hash order, a segment of
//! a parallel scan is a range of hashes, and neighbours in time do not all meet at one edge of the tree.

use cumulet_engine::error::Result;
use cumulet_kernel::key::end_of_prefix;

use super::errors::{invalid_parameter, key_mismatch, validation};
use super::state::{KeySchema, ScalarType, TableRecord};
use super::value::{AttributeValue, Item};

const PARTITION_KEY_MAX_BYTES: usize = 2048;
const SORT_KEY_MAX_BYTES: usize = 1024;
const TERMINATOR: [u8; 2] = [0x00, 0x01];

/// Bytes that sort as the value does among values of its type.
fn sortable(value: &AttributeValue) -> Option<Vec<u8>> {
    match value {
        AttributeValue::S(text) => Some(text.as_bytes().to_vec()),
        AttributeValue::B(bytes) => Some(bytes.clone()),
        AttributeValue::N(number) => Some(number.sortable()),
        _ => None,
    }
}

fn push_escaped(bytes: &[u8], key: &mut Vec<u8>) {
    for &byte in bytes {
        key.push(byte);
        if byte == 0 {
            key.push(0xFF);
        }
    }
}

/// Appends a whole key value.
pub(super) fn push_value(value: &AttributeValue, key: &mut Vec<u8>) -> Result<()> {
    push_escaped(&sortable(value).ok_or_else(key_mismatch)?, key);
    key.extend_from_slice(&TERMINATOR);
    Ok(())
}

/// Appends the beginning of a key value: everything that begins so lies behind it.
pub(super) fn push_beginning(value: &AttributeValue, key: &mut Vec<u8>) -> Result<()> {
    push_escaped(&sortable(value).ok_or_else(key_mismatch)?, key);
    Ok(())
}

/// The prefix of all rows of a table (index 0) or of one of its indexes.
pub(super) fn rows_prefix(table: &TableRecord, index_number: u32) -> Vec<u8> {
    let mut key = table.number.to_be_bytes().to_vec();
    if index_number != 0 {
        key.extend_from_slice(&index_number.to_be_bytes());
    }
    key
}

/// Appends hash and partition values.
pub(super) fn push_partition<'a>(
    values: impl Iterator<Item = &'a AttributeValue>,
    key: &mut Vec<u8>,
) -> Result<()> {
    let mut partition = Vec::with_capacity(64);
    for value in values {
        push_value(value, &mut partition)?;
    }
    key.extend_from_slice(&hash(&partition).to_be_bytes());
    key.extend_from_slice(&partition);
    Ok(())
}

/// FNV-1a with a finishing mix. It is on disk: never change it.
fn hash(bytes: &[u8]) -> u32 {
    let mut hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let [_, _, _, _, high @ ..] = (hash ^ (hash >> 29)).to_be_bytes();
    u32::from_be_bytes(high)
}

/// The rows of one segment of a parallel scan: from, and up to but not including.
pub(super) fn segment(prefix: &[u8], segment: u64, total: u64) -> (Vec<u8>, Option<Vec<u8>>) {
    let bound = |at: u64| (at << 32).div_ceil(total);
    let from = [
        prefix,
        &u32::try_from(bound(segment))
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    ]
    .concat();
    let to = match u32::try_from(bound(segment + 1)) {
        Ok(hash) => Some([prefix, &hash.to_be_bytes()].concat()),
        Err(_) => end_of_prefix(prefix),
    };
    (from, to)
}

/// The store key of the item that has these key attributes; they must be checked before.
pub(super) fn item_key(table: &TableRecord, item: &Item) -> Result<Vec<u8>> {
    let mut key = rows_prefix(table, 0);
    push_schema(&table.keys, item, &mut key)?;
    Ok(key)
}

/// The store key of an index row.
pub(super) fn index_key(
    table: &TableRecord,
    number: u32,
    keys: &KeySchema,
    item: &Item,
) -> Result<Vec<u8>> {
    let mut key = rows_prefix(table, number);
    push_schema(keys, item, &mut key)?;
    for name in table.keys.names() {
        push_value(item.get(name).ok_or_else(key_mismatch)?, &mut key)?;
    }
    Ok(key)
}

fn push_schema(schema: &KeySchema, item: &Item, key: &mut Vec<u8>) -> Result<()> {
    let values: Option<Vec<_>> = schema.hash.iter().map(|name| item.get(name)).collect();
    push_partition(values.ok_or_else(key_mismatch)?.into_iter(), key)?;
    for name in &schema.range {
        push_value(item.get(name).ok_or_else(key_mismatch)?, key)?;
    }
    Ok(())
}

pub(super) fn is_of_type(value: &AttributeValue, kind: ScalarType) -> bool {
    value.type_name() == kind.name()
}

/// Checks the `Key` parameter: exactly the key attributes, of their types.
pub(super) fn check_key(table: &TableRecord, key: &Item) -> Result<()> {
    if key.len() != table.keys.names().count() {
        return Err(key_mismatch());
    }
    for name in table.keys.names() {
        let value = key.get(name).ok_or_else(key_mismatch)?;
        if table
            .attribute_type(name)
            .is_none_or(|kind| !is_of_type(value, kind))
        {
            return Err(key_mismatch());
        }
    }
    check_key_values(table, key)
}

/// Checks the key attributes of a whole item: the table's, then those of its indexes.
pub(super) fn check_item(table: &TableRecord, item: &Item) -> Result<()> {
    for name in table.keys.names() {
        let value = item
            .get(name)
            .ok_or_else(|| invalid_parameter(format!("Missing the key {name} in the item")))?;
        let expected = table.attribute_type(name);
        if let Some(expected) = expected.filter(|kind| !is_of_type(value, *kind)) {
            return Err(invalid_parameter(format!(
                "Type mismatch for key {name} expected: {} actual: {}",
                expected.name(),
                value.type_name()
            )));
        }
    }
    check_key_values(table, item)?;
    check_index_keys(table, item)
}

/// Checks what an item gives for the keys of indexes; absent is fine: indexes are sparse.
pub(super) fn check_index_keys(table: &TableRecord, item: &Item) -> Result<()> {
    for index in &table.indexes {
        for name in index.keys.names().filter(|name| !table.keys.contains(name)) {
            let Some(value) = item.get(name) else {
                continue;
            };
            let expected = table.attribute_type(name);
            if let Some(expected) = expected.filter(|kind| !is_of_type(value, *kind)) {
                return Err(invalid_parameter(format!(
                    "Type mismatch for Index Key {name} Expected: {} Actual: {} IndexName: {}",
                    expected.name(),
                    value.type_name(),
                    index.name
                )));
            }
            if let Some(kind) = empty_kind(value) {
                return Err(validation(format!(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty {kind} value. IndexName: {}, IndexKey: {name}",
                    index.name
                )));
            }
        }
        check_sizes(&index.keys, item)?;
    }
    Ok(())
}

fn empty_kind(value: &AttributeValue) -> Option<&'static str> {
    match value {
        AttributeValue::S(text) if text.is_empty() => Some("string"),
        AttributeValue::B(bytes) if bytes.is_empty() => Some("binary"),
        _ => None,
    }
}

fn check_key_values(table: &TableRecord, item: &Item) -> Result<()> {
    for name in table.keys.names() {
        if let Some(kind) = item.get(name).and_then(empty_kind) {
            return Err(empty_key(name, kind));
        }
    }
    check_sizes(&table.keys, item)
}

fn empty_key(name: &str, kind: &str) -> cumulet_engine::error::Error {
    validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"
    ))
}

fn check_sizes(keys: &KeySchema, item: &Item) -> Result<()> {
    let longest = |names: &[String]| {
        names
            .iter()
            .filter_map(|name| item.get(name))
            .map(key_length)
            .max()
            .unwrap_or(0)
    };
    if longest(&keys.hash) > PARTITION_KEY_MAX_BYTES {
        return Err(invalid_parameter(
            "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ));
    }
    if longest(&keys.range) > SORT_KEY_MAX_BYTES {
        return Err(invalid_parameter(
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ));
    }
    Ok(())
}

fn key_length(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Only the attributes of `keys`.
pub(super) fn key_of(keys: &KeySchema, item: &Item) -> Item {
    keys.names()
        .filter_map(|name| Some((name.clone(), item.get(name)?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cover_all_hashes_once() {
        for total in [1_u64, 2, 3, 7, 1_000_000] {
            let mut next = Some([7, 0, 0, 0, 0].to_vec());
            for at in 0..total.min(10) {
                let (from, to) = segment(&[7], at, total);
                assert_eq!(Some(from), next);
                next = to;
            }
            if total <= 10 {
                assert_eq!(next, Some(vec![8]));
            }
        }
    }

    #[test]
    fn key_values_sort_in_place_and_zeros_do_not_run_over() {
        let mut keys = Vec::new();
        for text in ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "aa", "b"] {
            let mut key = Vec::new();
            assert_eq!(
                push_value(&AttributeValue::S(text.into()), &mut key),
                Ok(())
            );
            key.extend_from_slice(b"\xFFbehind");
            keys.push(key);
        }
        assert!(keys.is_sorted());
    }
}
