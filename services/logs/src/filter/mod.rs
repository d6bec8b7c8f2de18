//! Filter patterns: the language in which FilterLogEvents and metric filters say which events they want.
//!
//! A pattern is one of three: terms (`ERROR -health "exact phrase" ?either %regex%`), a JSON condition
//! (`{ $.status >= 500 && $.path = "/api/*" }`), or fields between spaces (`[ip, user, ..., status=4*]`).
//! Parsing never fails halfway: a text that is no pattern is no pattern. Matching never backtracks.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

mod fields;
mod json;
mod terms;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::api::{MetricFilterMatch, TestMetricFilterInput, TestMetricFilterOutput};
use super::errors;

/// A pattern, ready to match.
#[derive(Debug)]
pub(super) enum Pattern {
    Everything,
    Terms(terms::Terms),
    Json(json::Condition),
    Fields(fields::Fields),
}

impl Pattern {
    /// `None` where the text is no pattern.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self::Everything);
        }
        if let Some(inner) = text.strip_prefix('{') {
            return json::parse(inner.strip_suffix('}')?).map(Self::Json);
        }
        if let Some(inner) = text.strip_prefix('[') {
            return fields::parse(inner.strip_suffix(']')?).map(Self::Fields);
        }
        terms::parse(text).map(Self::Terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Terms(terms) => terms.matches(message),
            Self::Json(condition) => {
                serde_json::from_str(message).is_ok_and(|document| condition.matches(&document))
            }
            Self::Fields(fields) => fields.matches(message),
        }
    }

    /// What `$name` or `$.member` stands for in a message.
    pub(super) fn value(&self, message: &str, reference: &str) -> Option<String> {
        match self {
            Self::Everything | Self::Terms(_) => None,
            Self::Json(_) => {
                let document = serde_json::from_str(message).ok()?;
                json::value_at(reference, &document)
            }
            Self::Fields(fields) => fields.extracted(message).remove(reference),
        }
    }

    /// Whether its fields are named by position, so that a subscriber is told them.
    pub(super) fn names_fields(&self) -> bool {
        matches!(self, Self::Fields(_))
    }

    /// The named parts of a matching message.
    pub(super) fn extracted(&self, message: &str) -> BTreeMap<String, String> {
        match self {
            Self::Everything | Self::Terms(_) => BTreeMap::new(),
            Self::Json(condition) => serde_json::from_str(message)
                .map(|document| condition.extracted(&document))
                .unwrap_or_default(),
            Self::Fields(fields) => fields.extracted(message),
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html>
pub(super) fn test(
    _tx: &mut Tx<'_>,
    _context: &Context,
    input: TestMetricFilterInput,
) -> Result<TestMetricFilterOutput> {
    let pattern = Pattern::parse(&input.filter_pattern).ok_or_else(errors::bad_pattern)?;
    let numbered = input.log_event_messages.into_iter().enumerate();
    let matches = numbered
        .filter(|(_, message)| pattern.matches(message))
        .map(|(position, message)| MetricFilterMatch {
            event_number: position + 1,
            extracted_values: pattern.extracted(&message),
            event_message: message,
        });
    Ok(TestMetricFilterOutput {
        matches: matches.collect(),
    })
}
