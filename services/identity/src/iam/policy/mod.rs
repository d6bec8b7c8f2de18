//! The policy language: documents, and what they say about a question.
//!
//! Pure functions over data. Nothing here knows the store, a service or the time; the facts of a
//! request come in through [`Facts`], so the simulator, the tests and every real call ask alike.

pub(crate) mod condition;
pub(crate) mod evaluate;
pub(crate) mod glob;
pub(crate) mod parse;
pub(crate) mod principal;
pub(crate) mod template;
pub(crate) mod validate;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

use condition::Condition;
use principal::PrincipalElement;
use template::Template;

/// What is known about a request, by condition key in lower case.
pub(crate) trait Facts {
    fn values(&self, key: &str) -> Option<Vec<Cow<'_, str>>>;
}

/// A policy document, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    pub(crate) principal: Option<PrincipalElement>,
    pub(crate) action: Element,
    /// Absent in trust policies.
    pub(crate) resource: Option<Element>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

impl Effect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<Template>,
}

impl Element {
    /// The patterns as they were written.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.patterns.iter().map(Template::source).collect()
    }
}

/// Documents are few and asked again and again; past this many the memory of them starts anew.
const PARSED_LIMIT: usize = 2048;

static PARSED: LazyLock<RwLock<HashMap<Box<str>, Arc<Policy>>>> = LazyLock::new(RwLock::default);

/// The parsed document, from memory where it was asked before. A document that cannot be read denies
/// everything: it was checked when it was stored, so something is badly wrong.
pub(crate) fn parsed(document: &str) -> Arc<Policy> {
    if let Some(policy) = PARSED
        .read()
        .ok()
        .and_then(|parsed| parsed.get(document).cloned())
    {
        return policy;
    }
    let policy = Arc::new(parse::parse(document).unwrap_or_else(|_| parse::deny_all()));
    if let Ok(mut parsed) = PARSED.write() {
        if parsed.len() >= PARSED_LIMIT {
            parsed.clear();
        }
        parsed.insert(document.into(), policy.clone());
    }
    policy
}
