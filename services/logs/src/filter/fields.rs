//! Conditions on fields between spaces: `[ip, user, ..., request = *.html*, status = 4* && status != 404]`.
//!
//! A message is cut at spaces, but what stands in quotes or brackets is one field.

use std::collections::BTreeMap;

use super::value::{Operand, Operator, Scanner};

#[derive(Debug)]
pub(crate) struct Fields {
    before: Vec<Field>,
    /// The fields after `...`, which stands for any number of fields; none where it is absent.
    after: Option<Vec<Field>>,
}

#[derive(Debug)]
struct Field {
    name: String,
    /// Of any group all must hold.
    alternatives: Vec<Vec<(Operator, Operand)>>,
}

pub(super) fn parse(text: &str) -> Option<Fields> {
    let mut scanner = Scanner::new(text);
    let mut fields = Fields {
        before: Vec::new(),
        after: None,
    };
    loop {
        if scanner.take("...") {
            if fields.after.replace(Vec::new()).is_some() {
                return None;
            }
        } else {
            let field = field(&mut scanner)?;
            fields
                .after
                .as_mut()
                .unwrap_or(&mut fields.before)
                .push(field);
        }
        if !scanner.take(",") {
            break;
        }
    }
    scanner.rest.is_empty().then_some(fields)
}

/// A name, or conditions on it, which name it each time.
fn field(scanner: &mut Scanner<'_>) -> Option<Field> {
    let parenthesised = scanner.take("(");
    let name = name(scanner);
    let mut alternatives = Vec::new();
    if let Some(operator) = scanner.operator() {
        let mut group = vec![(operator, operand(scanner)?)];
        loop {
            if scanner.take("&&") {
                group.push(condition(scanner, &name)?);
            } else if scanner.take("||") {
                alternatives.push(std::mem::take(&mut group));
                group.push(condition(scanner, &name)?);
            } else {
                break;
            }
        }
        alternatives.push(group);
    }
    if parenthesised && !scanner.take(")") {
        return None;
    }
    Some(Field { name, alternatives })
}

fn condition(scanner: &mut Scanner<'_>, expected: &str) -> Option<(Operator, Operand)> {
    if name(scanner) != expected {
        return None;
    }
    Some((scanner.operator()?, operand(scanner)?))
}

fn operand(scanner: &mut Scanner<'_>) -> Option<Operand> {
    scanner.operand(&[',', ')', '&', '|'])
}

fn name(scanner: &mut Scanner<'_>) -> String {
    let is_name =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '$');
    let end = scanner
        .rest
        .find(|character| !is_name(character))
        .unwrap_or(scanner.rest.len());
    let (name, after) = scanner.rest.split_at(end);
    scanner.rest = after.trim_start();
    name.to_owned()
}

impl Field {
    fn accepts(&self, found: &str) -> bool {
        let holds = |(operator, operand): &(Operator, Operand)| operand.compare(*operator, found);
        self.alternatives.is_empty()
            || self
                .alternatives
                .iter()
                .any(|group| group.iter().all(holds))
    }
}

impl Fields {
    pub(super) fn matches(&self, message: &str) -> bool {
        let found = cut(message);
        let Some(paired) = self.paired(&found) else {
            return false;
        };
        paired.into_iter().all(|(field, text)| field.accepts(text))
    }

    pub(super) fn extracted(&self, message: &str) -> BTreeMap<String, String> {
        let found = cut(message);
        let paired = self
            .paired(&found)
            .unwrap_or_default()
            .into_iter()
            .enumerate();
        paired
            .map(|(position, (field, text))| {
                let name = match field.name.as_str() {
                    "" => format!("${}", position + 1),
                    name => format!("${}", name.trim_start_matches('$')),
                };
                (name, text.to_owned())
            })
            .collect()
    }

    /// Each field with the text it stands for; none where their numbers do not fit.
    fn paired<'p>(&'p self, found: &[&'p str]) -> Option<Vec<(&'p Field, &'p str)>> {
        let after = self.after.as_deref().unwrap_or_default();
        let enough = found.len() >= self.before.len() + after.len();
        let exact = found.len() == self.before.len();
        if !enough || (self.after.is_none() && !exact) {
            return None;
        }
        let tail = &found[found.len() - after.len()..];
        let head = self.before.iter().zip(found.iter().copied());
        Some(head.chain(after.iter().zip(tail.iter().copied())).collect())
    }
}

/// Cuts a message into its fields.
fn cut(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim();
    while !rest.is_empty() {
        let closed = match rest.as_bytes().first() {
            Some(b'[') => rest.find(']'),
            Some(b'"') => rest[1..].find('"').map(|at| at + 1),
            _ => None,
        };
        let (field, after) = match closed {
            Some(end) => (&rest[1..end], &rest[end + 1..]),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}
