//! Document paths: `a.b[3].c`, and what they lead to.

use std::fmt;

use super::super::value::{AttributeValue, Item};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Step {
    Attribute(String),
    Element(usize),
}

/// Where a value lies in an item; the first step is an attribute of the item itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Path {
    pub(in super::super) root: String,
    pub(in super::super) steps: Vec<Step>,
}

/// How two paths of one request get in each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clash {
    /// One is the other or leads through it.
    Overlap,
    /// One takes for a list what the other takes for a map.
    Conflict,
}

impl Path {
    pub(in super::super) fn attribute(name: &str) -> Self {
        Self {
            root: name.to_owned(),
            steps: Vec::new(),
        }
    }

    /// What lies there, if anything does.
    pub(in super::super) fn find<'a>(&self, item: &'a Item) -> Option<&'a AttributeValue> {
        self.steps
            .iter()
            .try_fold(item.get(&self.root)?, |value, step| match (value, step) {
                (AttributeValue::M(entries), Step::Attribute(name)) => entries.get(name),
                (AttributeValue::L(items), Step::Element(index)) => items.get(*index),
                _ => None,
            })
    }

    /// What lies one step before the end; the item itself where there is one step only.
    pub(super) fn find_parent<'a>(&self, item: &'a mut Item) -> Option<Parent<'a>> {
        let Some((_, before)) = self.steps.split_last() else {
            return Some(Parent::Entries(item));
        };
        let mut value = item.get_mut(&self.root)?;
        for step in before {
            value = match (value, step) {
                (AttributeValue::M(entries), Step::Attribute(name)) => entries.get_mut(name)?,
                (AttributeValue::L(items), Step::Element(index)) => items.get_mut(*index)?,
                _ => return None,
            };
        }
        match value {
            AttributeValue::M(entries) => Some(Parent::Entries(entries)),
            AttributeValue::L(items) => Some(Parent::Elements(items)),
            _ => None,
        }
    }

    pub(super) fn last_step(&self) -> Step {
        self.steps
            .last()
            .cloned()
            .unwrap_or_else(|| Step::Attribute(self.root.clone()))
    }

    pub(super) fn clash(&self, other: &Self) -> Option<Clash> {
        if self.root != other.root {
            return None;
        }
        for pair in self.steps.iter().zip(&other.steps) {
            match pair {
                (one, two) if one == two => {}
                (Step::Attribute(_), Step::Element(_)) | (Step::Element(_), Step::Attribute(_)) => {
                    return Some(Clash::Conflict);
                }
                _ => return None,
            }
        }
        Some(Clash::Overlap)
    }

    /// How many levels deep the path goes.
    pub(super) fn depth(&self) -> usize {
        self.steps.len() + 1
    }
}

/// What a path's last step is a part of.
pub(super) enum Parent<'a> {
    Entries(&'a mut Item),
    Elements(&'a mut Vec<AttributeValue>),
}

/// `[a, b, [3]]`, as refusals show paths.
impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}", self.root)?;
        for step in &self.steps {
            match step {
                Step::Attribute(name) => write!(formatter, ", {name}")?,
                Step::Element(index) => write!(formatter, ", [{index}]")?,
            }
        }
        formatter.write_str("]")
    }
}

/// The first two paths that clash. Sorted, a path stands next to what leads through it, so this is not
/// quadratic in the number of paths.
pub(super) fn first_clash<'a>(paths: &[&'a Path]) -> Option<(Clash, &'a Path, &'a Path)> {
    let mut sorted = paths.to_vec();
    sorted.sort();
    sorted.iter().enumerate().find_map(|(at, path)| {
        sorted[at + 1..]
            .iter()
            .take_while(|other| other.root == path.root)
            .find_map(|other| Some((path.clash(other)?, *path, *other)))
    })
}
