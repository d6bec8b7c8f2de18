//! Key conditions: which rows of one partition a Query means.

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::end_of_prefix;

use super::errors::{invalid_parameter, validation};
use super::expression::{Comparator, Condition, Operand, Path};
use super::key::{is_of_type, push_beginning, push_partition, push_value};
use super::state::{KeySchema, TableRecord};
use super::value::AttributeValue;

/// What a condition asks of one key attribute.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Compare(Comparator, AttributeValue),
    Between(AttributeValue, AttributeValue),
    BeginsWith(AttributeValue),
}

/// The tests of a key condition, by attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct KeyCondition {
    tests: Vec<(String, Test)>,
}

/// Rows from a store key up to another, and the partition they lie in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) partition: Vec<u8>,
    pub(super) from: Vec<u8>,
    pub(super) to: Option<Vec<u8>>,
}

impl KeyCondition {
    pub(super) fn new(condition: Condition) -> Result<Self> {
        let mut key_condition = Self::default();
        key_condition.take(condition)?;
        Ok(key_condition)
    }

    fn take(&mut self, condition: Condition) -> Result<()> {
        let (attribute, test) = match condition {
            Condition::All(conditions) => {
                return conditions
                    .into_iter()
                    .try_for_each(|condition| self.take(condition));
            }
            Condition::Compare(Comparator::NotEqual, ..) => return Err(invalid_operator("<>")),
            Condition::Compare(comparator, attribute, value) => {
                (attribute, Test::Compare(comparator, constant(value)?))
            }
            Condition::Between(attribute, low, high) => {
                (attribute, Test::Between(constant(low)?, constant(high)?))
            }
            Condition::BeginsWith(attribute, beginning) => {
                (attribute, Test::BeginsWith(constant(beginning)?))
            }
            Condition::Any(_) => return Err(invalid_operator("OR")),
            Condition::Not(_) => return Err(invalid_operator("NOT")),
            Condition::In(..) => return Err(invalid_operator("IN")),
            Condition::Exists(_) => return Err(invalid_operator("attribute_exists")),
            Condition::NotExists(_) => return Err(invalid_operator("attribute_not_exists")),
            Condition::HasType(..) => return Err(invalid_operator("attribute_type")),
            Condition::Contains(..) => return Err(invalid_operator("contains")),
        };
        let name = match attribute {
            Operand::Path(Path { root, steps }) if steps.is_empty() => root,
            Operand::Path(_) => {
                return Err(validation(
                    "Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes",
                ));
            }
            Operand::Size(_) => return Err(invalid_operator("size")),
            _ => {
                return Err(validation(
                    "Invalid condition in KeyConditionExpression: No key attribute specified",
                ));
            }
        };
        if self.tests.iter().any(|(known, _)| *known == name) {
            return Err(validation(
                "KeyConditionExpressions must only contain one condition per key",
            ));
        }
        self.tests.push((name, test));
        Ok(())
    }

    fn test(&self, name: &str) -> Option<&Test> {
        self.tests
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, test)| test)
    }

    /// The value that the partition attribute must equal: for policies.
    pub(super) fn equal_value(&self, name: &str) -> Option<&AttributeValue> {
        match self.test(name)? {
            Test::Compare(Comparator::Equal, value) => Some(value),
            _ => None,
        }
    }

    /// The rows behind `prefix` that the condition means.
    pub(super) fn rows(
        &self,
        table: &TableRecord,
        keys: &KeySchema,
        prefix: Vec<u8>,
    ) -> Result<Rows> {
        let mut partition_values = Vec::new();
        for name in &keys.hash {
            let test = self.test(name).ok_or_else(|| missed(name))?;
            let Test::Compare(Comparator::Equal, value) = test else {
                return Err(validation("Query key condition not supported"));
            };
            partition_values.push(value);
        }
        self.check_sort_attributes(keys)?;
        self.check_types(table)?;
        let mut partition = prefix;
        push_partition(partition_values.into_iter(), &mut partition)?;
        let (from, to) = self.sort_range(keys, &partition)?;
        Ok(Rows {
            partition,
            from,
            to,
        })
    }

    /// Sort conditions bind from left to right, and nothing else may be conditioned.
    fn check_sort_attributes(&self, keys: &KeySchema) -> Result<()> {
        let bound = keys
            .range
            .iter()
            .take_while(|name| self.test(name).is_some())
            .count();
        if keys.hash.len() + bound == self.tests.len() {
            return Ok(());
        }
        match keys.range.get(bound) {
            Some(name) => Err(missed(name)),
            None => Err(validation("Query key condition not supported")),
        }
    }

    fn check_types(&self, table: &TableRecord) -> Result<()> {
        let fits = |name: &str, value: &AttributeValue| {
            table
                .attribute_type(name)
                .is_some_and(|kind| is_of_type(value, kind))
        };
        for (name, test) in &self.tests {
            let fit = match test {
                Test::Compare(_, value) | Test::BeginsWith(value) => fits(name, value),
                Test::Between(low, high) => fits(name, low) && fits(name, high),
            };
            if !fit {
                return Err(invalid_parameter(
                    "Condition parameter type does not match schema type",
                ));
            }
            let empty = match test {
                Test::Compare(_, value) => is_empty(value),
                _ => false,
            };
            if empty {
                return Err(validation(format!(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
                )));
            }
        }
        Ok(())
    }

    fn sort_range(&self, keys: &KeySchema, partition: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let mut prefix = partition.to_vec();
        for name in &keys.range {
            match self.test(name) {
                None => break,
                Some(Test::Compare(Comparator::Equal, value)) => push_value(value, &mut prefix)?,
                Some(test) => return test.range(&prefix),
            }
        }
        let to = end_of_prefix(&prefix);
        Ok((prefix, to))
    }
}

impl Test {
    /// The range behind `prefix` in which the test holds.
    fn range(&self, prefix: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let at = |value: &AttributeValue| -> Result<Vec<u8>> {
            let mut key = prefix.to_vec();
            push_value(value, &mut key)?;
            Ok(key)
        };
        let after = |value: &AttributeValue| Ok::<_, Error>(end_of_prefix(&at(value)?));
        let end = end_of_prefix(prefix);
        Ok(match self {
            Self::Compare(Comparator::Less, value) => (prefix.to_vec(), Some(at(value)?)),
            Self::Compare(Comparator::LessOrEqual, value) => (prefix.to_vec(), after(value)?),
            Self::Compare(Comparator::Greater, value) => (after(value)?.unwrap_or_default(), end),
            Self::Compare(Comparator::GreaterOrEqual, value) => (at(value)?, end),
            Self::Compare(_, value) => (at(value)?, after(value)?),
            Self::Between(low, high) => (at(low)?, after(high)?),
            Self::BeginsWith(beginning) => {
                let mut key = prefix.to_vec();
                push_beginning(beginning, &mut key)?;
                let to = end_of_prefix(&key);
                (key, to)
            }
        })
    }
}

fn is_empty(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::S(text) if text.is_empty())
}

fn missed(name: &str) -> Error {
    validation(format!("Query condition missed key schema element: {name}"))
}

fn invalid_operator(operator: &str) -> Error {
    validation(format!(
        "Invalid operator used in KeyConditionExpression: {operator}"
    ))
}

fn constant(operand: Operand) -> Result<AttributeValue> {
    match operand {
        Operand::Value(value) => Ok(value),
        _ => Err(validation(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
        )),
    }
}
