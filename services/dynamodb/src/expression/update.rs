//! Updates: from the item as it was to the item as it shall be.
//!
//! Every right-hand side sees the item before the update, and list indexes mean the list before it: so
//! all values are computed first, then set, then elements are removed from the back.

use cumulet_engine::error::{Error, Result};

use super::super::errors::validation;
use super::super::value::{AttributeValue, Item};
use super::path::{Clash, Parent, Path, Step, first_clash};
use super::{Operand, Projection};

#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Update {
    pub(in super::super) sets: Vec<(Path, Operand)>,
    pub(in super::super) removes: Vec<Path>,
    pub(in super::super) adds: Vec<(Path, AttributeValue)>,
    pub(in super::super) deletes: Vec<(Path, AttributeValue)>,
}

impl Update {
    /// Every path that the update changes.
    pub(in super::super) fn paths(&self) -> Vec<&Path> {
        let sets = self.sets.iter().map(|(path, _)| path);
        let valued = self.adds.iter().chain(&self.deletes).map(|(path, _)| path);
        sets.chain(&self.removes).chain(valued).collect()
    }

    /// The changed part of an item, for `UPDATED_OLD` and `UPDATED_NEW`.
    pub(in super::super) fn touched(&self, item: &Item) -> Item {
        Projection::of(&self.paths()).apply(item)
    }

    /// Whether the update makes an item where there is none: removals alone do not.
    pub(in super::super) fn creates(&self) -> bool {
        !self.sets.is_empty()
            || !self.adds.is_empty()
            || self.removes.is_empty() && self.deletes.is_empty()
    }

    pub(in super::super) fn check_overlaps(&self) -> Result<()> {
        let Some((clash, one, two)) = first_clash(&self.paths()) else {
            return Ok(());
        };
        let how = match clash {
            Clash::Overlap => "overlap",
            Clash::Conflict => "conflict",
        };
        Err(validation(format!(
            "Invalid UpdateExpression: Two document paths {how} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )))
    }

    /// The item after the update; `item` is the one before, or the bare key.
    pub(in super::super) fn apply(&self, item: &Item) -> Result<Item> {
        let mut updated = item.clone();
        let mut assignments = Vec::with_capacity(self.sets.len());
        for (path, operand) in &self.sets {
            assignments.push((path, operand.compute(item)?));
        }
        // Appended elements take their places in the order of the indexes that were named.
        assignments.sort_by_key(|(one, _)| *one);
        for (path, value) in assignments {
            assign(&mut updated, path, value)?;
        }
        for (path, value) in &self.adds {
            let sum = add(path.find(item), value)?;
            assign(&mut updated, path, sum)?;
        }
        for (path, value) in &self.deletes {
            self.delete_members(item, &mut updated, path, value)?;
        }
        let mut removes: Vec<&Path> = self.removes.iter().collect();
        removes.sort();
        for path in removes.into_iter().rev() {
            remove(&mut updated, path)?;
        }
        Ok(updated)
    }

    fn delete_members(
        &self,
        item: &Item,
        updated: &mut Item,
        path: &Path,
        members: &AttributeValue,
    ) -> Result<()> {
        let Some(present) = path.find(item) else {
            return Ok(());
        };
        match subtract(present, members)? {
            Some(rest) => assign(updated, path, rest),
            None => remove(updated, path),
        }
    }
}

fn invalid_path() -> Error {
    validation("The document path provided in the update expression is invalid for update")
}

fn incorrect_type() -> Error {
    validation("An operand in the update expression has an incorrect data type")
}

fn assign(item: &mut Item, path: &Path, value: AttributeValue) -> Result<()> {
    match (path.find_parent(item), path.last_step()) {
        (Some(Parent::Entries(entries)), Step::Attribute(name)) => {
            entries.insert(name, value);
        }
        (Some(Parent::Elements(items)), Step::Element(index)) => match items.get_mut(index) {
            Some(place) => *place = value,
            None => items.push(value),
        },
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<()> {
    match (path.find_parent(item), path.last_step()) {
        (Some(Parent::Entries(entries)), Step::Attribute(name)) => {
            entries.remove(&name);
        }
        (Some(Parent::Elements(items)), Step::Element(index)) => {
            if index < items.len() {
                items.remove(index);
            }
        }
        _ => return Err(invalid_path()),
    }
    Ok(())
}

/// ADD: a number to a number, members to a set; what is missing counts as nothing.
pub(in super::super) fn add(
    present: Option<&AttributeValue>,
    value: &AttributeValue,
) -> Result<AttributeValue> {
    let Some(present) = present else {
        return Ok(value.clone());
    };
    Ok(match (present, value) {
        (AttributeValue::N(one), AttributeValue::N(two)) => AttributeValue::N(
            one.plus(*two)
                .map_err(|error| validation(error.to_string()))?,
        ),
        (AttributeValue::Ss(one), AttributeValue::Ss(two)) => AttributeValue::Ss(one | two),
        (AttributeValue::Ns(one), AttributeValue::Ns(two)) => AttributeValue::Ns(one | two),
        (AttributeValue::Bs(one), AttributeValue::Bs(two)) => AttributeValue::Bs(one | two),
        _ => return Err(incorrect_type()),
    })
}

/// DELETE: a set without members; `None` where nothing is left.
fn subtract(present: &AttributeValue, members: &AttributeValue) -> Result<Option<AttributeValue>> {
    Ok(match (present, members) {
        (AttributeValue::Ss(one), AttributeValue::Ss(two)) => Some(one - two)
            .filter(|rest| !rest.is_empty())
            .map(AttributeValue::Ss),
        (AttributeValue::Ns(one), AttributeValue::Ns(two)) => Some(one - two)
            .filter(|rest| !rest.is_empty())
            .map(AttributeValue::Ns),
        (AttributeValue::Bs(one), AttributeValue::Bs(two)) => Some(one - two)
            .filter(|rest| !rest.is_empty())
            .map(AttributeValue::Bs),
        _ => return Err(incorrect_type()),
    })
}

impl Operand {
    /// The operand's value in SET.
    fn compute(&self, item: &Item) -> Result<AttributeValue> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => path.find(item).cloned().ok_or_else(|| {
                validation("The provided expression refers to an attribute that does not exist in the item")
            }),
            Self::IfNotExists(path, otherwise) => match path.find(item) {
                Some(value) => Ok(value.clone()),
                None => otherwise.compute(item),
            },
            Self::ListAppend(first, second) => match (first.compute(item)?, second.compute(item)?) {
                (AttributeValue::L(mut items), AttributeValue::L(more)) => {
                    items.extend(more);
                    Ok(AttributeValue::L(items))
                }
                _ => Err(incorrect_type()),
            },
            Self::Plus(left, right) => arithmetic(item, left, right, false),
            Self::Minus(left, right) => arithmetic(item, left, right, true),
            Self::Size(_) => Err(incorrect_type()),
        }
    }
}

fn arithmetic(item: &Item, left: &Operand, right: &Operand, minus: bool) -> Result<AttributeValue> {
    match (left.compute(item)?, right.compute(item)?) {
        (AttributeValue::N(left), AttributeValue::N(right)) => {
            let result = if minus {
                left.minus(right)
            } else {
                left.plus(right)
            };
            result
                .map(AttributeValue::N)
                .map_err(|error| validation(error.to_string()))
        }
        _ => Err(incorrect_type()),
    }
}

impl Update {
    /// Calls `visit` with every path that the update reads or writes.
    pub(in super::super) fn visit_paths(&self, visit: &mut impl FnMut(&Path)) {
        self.paths().into_iter().for_each(&mut *visit);
        self.sets
            .iter()
            .for_each(|(_, operand)| operand.visit_paths(visit));
    }
}
