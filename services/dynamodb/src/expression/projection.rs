//! Projections: the part of an item that was asked for.
//!
//! The paths form a tree; the answer is the item cut along it. Elements of lists close up, in the order
//! of their indexes.

use std::collections::BTreeMap;

use cumulet_engine::error::Result;

use super::super::errors::validation;
use super::super::value::{AttributeValue, Item};
use super::path::{Clash, Path, Step, first_clash};

#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Projection {
    root: BTreeMap<String, Node>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    attributes: BTreeMap<String, Node>,
    elements: BTreeMap<usize, Node>,
}

impl Projection {
    /// Refuses paths that overlap.
    pub(super) fn new(paths: Vec<Path>) -> Result<Self> {
        let references: Vec<&Path> = paths.iter().collect();
        if let Some((clash, one, two)) = first_clash(&references) {
            let how = match clash {
                Clash::Overlap => "overlap",
                Clash::Conflict => "conflict",
            };
            return Err(validation(format!(
                "Invalid ProjectionExpression: Two document paths {how} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
            )));
        }
        Ok(Self::of(&references))
    }

    /// Whole attributes: the older `AttributesToGet`, or an index's projection.
    pub(in super::super) fn attributes<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        Self {
            root: names
                .into_iter()
                .map(|name| (name.clone(), Node::default()))
                .collect(),
        }
    }

    pub(in super::super) fn of(paths: &[&Path]) -> Self {
        let mut projection = Self::default();
        for path in paths {
            let mut node = projection.root.entry(path.root.clone()).or_default();
            for step in &path.steps {
                node = match step {
                    Step::Attribute(name) => node.attributes.entry(name.clone()).or_default(),
                    Step::Element(index) => node.elements.entry(*index).or_default(),
                };
            }
        }
        projection
    }

    /// The names of the attributes that the projection touches.
    pub(in super::super) fn roots(&self) -> impl Iterator<Item = &String> {
        self.root.keys()
    }

    pub(in super::super) fn apply(&self, item: &Item) -> Item {
        cut_entries(&self.root, item)
    }
}

fn cut_entries(nodes: &BTreeMap<String, Node>, entries: &Item) -> Item {
    nodes
        .iter()
        .filter_map(|(name, node)| Some((name.clone(), node.cut(entries.get(name)?)?)))
        .collect()
}

impl Node {
    fn cut(&self, value: &AttributeValue) -> Option<AttributeValue> {
        if self.attributes.is_empty() && self.elements.is_empty() {
            return Some(value.clone());
        }
        match value {
            AttributeValue::M(entries) => {
                let cut = cut_entries(&self.attributes, entries);
                (!cut.is_empty()).then_some(AttributeValue::M(cut))
            }
            AttributeValue::L(items) => {
                let elements = self.elements.iter();
                let cut: Vec<_> = elements
                    .filter_map(|(index, node)| node.cut(items.get(*index)?))
                    .collect();
                (!cut.is_empty()).then_some(AttributeValue::L(cut))
            }
            _ => None,
        }
    }
}
