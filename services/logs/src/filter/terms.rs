//! Terms: all plain ones must be there, none of the `-` ones may, and of the `?` ones one must.

use regex::Regex;

use super::value;

#[derive(Debug, Default)]
pub(crate) struct Terms {
    required: Vec<Term>,
    excluded: Vec<Term>,
    /// Count only where nothing is required or excluded, as AWS has it.
    optional: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    pub(super) fn matches(&self, message: &str) -> bool {
        let is_in = |term: &Term| term.is_in(message);
        if self.required.is_empty() && self.excluded.is_empty() {
            return self.optional.iter().any(is_in);
        }
        self.required.iter().all(is_in) && !self.excluded.iter().any(is_in)
    }
}

pub(super) fn parse(text: &str) -> Option<Terms> {
    let mut terms = Terms::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (list, term) = if let Some(after) = rest.strip_prefix('?') {
            (&mut terms.optional, after)
        } else if let Some(after) = rest.strip_prefix('-') {
            (&mut terms.excluded, after)
        } else {
            (&mut terms.required, rest)
        };
        let (term, after) = one(term)?;
        list.push(term);
        rest = after.trim_start();
    }
    Some(terms)
}

/// The term that the text begins with, and what follows it.
fn one(text: &str) -> Option<(Term, &str)> {
    if text.starts_with('"') {
        let (phrase, after) = value::quoted(text)?;
        return Some((Term::Text(phrase), after));
    }
    if let Some(inner) = text.strip_prefix('%') {
        let (regex, after) = inner.split_once('%')?;
        return Some((Term::Regex(value::regex(regex)?), after));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, after) = text.split_at(end);
    (!term.is_empty()).then(|| (Term::Text(term.to_owned()), after))
}
