//! Conditions on an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::number::Number;
use super::super::value::{AttributeValue, Item};
use super::{Comparator, Condition, Operand};

impl Condition {
    pub(in super::super) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::Compare(comparator, left, right) => {
                let (left, right) = (left.evaluate(item), right.evaluate(item));
                match (left, right) {
                    (Some(left), Some(right)) => compare(*comparator, &left, &right),
                    // What is missing is unlike everything.
                    _ => *comparator == Comparator::NotEqual,
                }
            }
            Self::Between(value, low, high) => {
                let bounds = (
                    value.evaluate(item),
                    low.evaluate(item),
                    high.evaluate(item),
                );
                let (Some(value), Some(low), Some(high)) = bounds else {
                    return false;
                };
                compare(Comparator::GreaterOrEqual, &value, &low)
                    && compare(Comparator::LessOrEqual, &value, &high)
            }
            Self::In(value, members) => value.evaluate(item).is_some_and(|value| {
                members
                    .iter()
                    .any(|member| member.evaluate(item).is_some_and(|member| member == value))
            }),
            Self::Exists(path) => path.find(item).is_some(),
            Self::NotExists(path) => path.find(item).is_none(),
            Self::HasType(path, name) => path
                .find(item)
                .is_some_and(|value| value.type_name() == name),
            Self::BeginsWith(text, beginning) => both(item, text, beginning, begins_with),
            Self::Contains(container, member) => both(item, container, member, contains),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(item)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(item)),
            Self::Not(condition) => !condition.holds(item),
        }
    }

    /// Calls `visit` with every path in the condition.
    pub(in super::super) fn visit_paths(&self, visit: &mut impl FnMut(&super::Path)) {
        match self {
            Self::Compare(_, left, right)
            | Self::BeginsWith(left, right)
            | Self::Contains(left, right) => {
                left.visit_paths(visit);
                right.visit_paths(visit);
            }
            Self::Between(value, low, high) => [value, low, high]
                .iter()
                .for_each(|operand| operand.visit_paths(visit)),
            Self::In(value, members) => {
                value.visit_paths(visit);
                members.iter().for_each(|member| member.visit_paths(visit));
            }
            Self::Exists(path) | Self::NotExists(path) | Self::HasType(path, _) => visit(path),
            Self::All(conditions) | Self::Any(conditions) => {
                conditions
                    .iter()
                    .for_each(|condition| condition.visit_paths(visit));
            }
            Self::Not(condition) => condition.visit_paths(visit),
        }
    }
}

impl Operand {
    /// The operand's value in a condition.
    fn evaluate<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, AttributeValue>> {
        match self {
            Self::Path(path) => path.find(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(path) => size(path.find(item)?).map(Cow::Owned),
            // The parser lets these stand in SET only.
            Self::IfNotExists(..) | Self::ListAppend(..) | Self::Plus(..) | Self::Minus(..) => None,
        }
    }

    pub(super) fn visit_paths(&self, visit: &mut impl FnMut(&super::Path)) {
        match self {
            Self::Path(path) | Self::Size(path) => visit(path),
            Self::Value(_) => {}
            Self::IfNotExists(path, otherwise) => {
                visit(path);
                otherwise.visit_paths(visit);
            }
            Self::ListAppend(left, right) | Self::Plus(left, right) | Self::Minus(left, right) => {
                left.visit_paths(visit);
                right.visit_paths(visit);
            }
        }
    }
}

fn both(
    item: &Item,
    left: &Operand,
    right: &Operand,
    test: fn(&AttributeValue, &AttributeValue) -> bool,
) -> bool {
    match (left.evaluate(item), right.evaluate(item)) {
        (Some(left), Some(right)) => test(&left, &right),
        _ => false,
    }
}

/// `size()`: bytes of text and binary, members of everything else; scalars of other types have none.
fn size(value: &AttributeValue) -> Option<AttributeValue> {
    let size = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(items) => items.len(),
        AttributeValue::M(entries) => entries.len(),
        AttributeValue::Ss(members) => members.len(),
        AttributeValue::Ns(members) => members.len(),
        AttributeValue::Bs(members) => members.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => return None,
    };
    Some(AttributeValue::N(Number::from_i64(
        i64::try_from(size).ok()?,
    )))
}

/// The order of two values of one ordered type.
pub(in super::super) fn order(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    match (left, right) {
        (AttributeValue::S(left), AttributeValue::S(right)) => {
            Some(left.as_bytes().cmp(right.as_bytes()))
        }
        (AttributeValue::N(left), AttributeValue::N(right)) => Some(left.cmp(right)),
        (AttributeValue::B(left), AttributeValue::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Compares as DynamoDB does: values of different types are unequal and have no order.
pub(in super::super) fn compare(
    comparator: Comparator,
    left: &AttributeValue,
    right: &AttributeValue,
) -> bool {
    match comparator {
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
        Comparator::Less => order(left, right) == Some(Ordering::Less),
        Comparator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Comparator::Greater => order(left, right) == Some(Ordering::Greater),
        Comparator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
    }
}

pub(in super::super) fn begins_with(value: &AttributeValue, beginning: &AttributeValue) -> bool {
    match (value, beginning) {
        (AttributeValue::S(text), AttributeValue::S(beginning)) => {
            text.starts_with(beginning.as_str())
        }
        (AttributeValue::B(bytes), AttributeValue::B(beginning)) => bytes.starts_with(beginning),
        _ => false,
    }
}

pub(in super::super) fn contains(container: &AttributeValue, member: &AttributeValue) -> bool {
    match (container, member) {
        (AttributeValue::S(text), AttributeValue::S(part)) => text.contains(part.as_str()),
        (AttributeValue::B(bytes), AttributeValue::B(part)) => {
            memchr::memmem::find(bytes, part).is_some()
        }
        (AttributeValue::Ss(members), AttributeValue::S(member)) => members.contains(member),
        (AttributeValue::Ns(members), AttributeValue::N(member)) => members.contains(member),
        (AttributeValue::Bs(members), AttributeValue::B(member)) => members.contains(member),
        (AttributeValue::L(items), member) => items.contains(member),
        _ => false,
    }
}
