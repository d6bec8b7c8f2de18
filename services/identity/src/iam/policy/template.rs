//! Texts of a policy with wildcards and variables in them: `arn:aws:s3:::home/${aws:username}/*`.
//!
//! What a variable brings in is text, never a wildcard: a user named `*` does not reach every home.

use std::borrow::Cow;

use super::Facts;
use super::glob::Token;

/// A text with holes, ready to be filled from the facts of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
    /// The tokens, where no variable occurs.
    fixed: Option<Vec<Token>>,
    source: Box<str>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Token(Token),
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// Which characters of a text mean more than themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    /// Only documents of version 2012-10-17 have variables.
    pub(crate) variables: bool,
}

impl Template {
    pub(crate) fn new(text: &str, syntax: Syntax) -> Self {
        let mut parts = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.bytes().next() {
            if let Some((part, after)) = variable(rest).filter(|_| syntax.variables) {
                parts.push(part);
                rest = after;
                continue;
            }
            let character = rest.chars().next().map_or(1, char::len_utf8);
            match first {
                b'*' if syntax.wildcards => parts.push(Part::Token(Token::Many)),
                b'?' if syntax.wildcards => parts.push(Part::Token(Token::One)),
                _ => parts.extend(rest.bytes().take(character).map(byte)),
            }
            rest = &rest[character..];
        }
        let fixed = parts.iter().map(Part::token).collect();
        Self {
            parts,
            fixed,
            source: text.into(),
        }
    }

    /// The same, for comparison with lower-case text.
    #[must_use]
    pub(crate) fn lower_case(text: &str, syntax: Syntax) -> Self {
        let mut template = Self::new(text, syntax);
        for part in &mut template.parts {
            if let Part::Token(Token::Byte(byte)) = part {
                byte.make_ascii_lowercase();
            }
        }
        template.fixed = template.parts.iter().map(Part::token).collect();
        template
    }

    /// The text it was made of.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The keys of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = String> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key.clone()),
            Part::Token(_) => None,
        })
    }

    /// The tokens of a text without variables.
    pub(crate) fn fixed(&self) -> Option<&[Token]> {
        self.fixed.as_deref()
    }

    /// The tokens with every variable filled in; `None` where one has no value.
    pub(crate) fn fill(&self, facts: &dyn Facts) -> Option<Cow<'_, [Token]>> {
        if let Some(fixed) = &self.fixed {
            return Some(Cow::Borrowed(fixed));
        }
        let mut tokens = Vec::with_capacity(self.parts.len() + 32);
        for part in &self.parts {
            match part {
                Part::Token(token) => tokens.push(*token),
                Part::Variable { key, default } => {
                    let value = single_value(facts, key).or_else(|| default.clone())?;
                    tokens.extend(value.bytes().map(Token::Byte));
                }
            }
        }
        Some(Cow::Owned(tokens))
    }

    /// The text with every variable filled in, for what is no pattern: numbers, dates, networks.
    pub(crate) fn text(&self, facts: &dyn Facts) -> Option<String> {
        let tokens = self.fill(facts)?;
        let bytes = tokens.iter().map(|token| match token {
            Token::Byte(byte) => *byte,
            Token::One => b'?',
            Token::Many => b'*',
        });
        String::from_utf8(bytes.collect()).ok()
    }
}

impl Part {
    fn token(&self) -> Option<Token> {
        match self {
            Self::Token(token) => Some(*token),
            Self::Variable { .. } => None,
        }
    }
}

fn byte(byte: u8) -> Part {
    Part::Token(Token::Byte(byte))
}

/// Variables stand for keys with one value; several values fill no hole.
fn single_value(facts: &dyn Facts, key: &str) -> Option<String> {
    match facts.values(key)?.as_slice() {
        [value] => Some(value.to_string()),
        _ => None,
    }
}

/// The variable or escape at the beginning of `text`, and what follows it.
fn variable(text: &str) -> Option<(Part, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    if let "*" | "?" | "$" = inside {
        return Some((byte(inside.as_bytes()[0]), after));
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => (key, Some(default.trim().trim_matches('\'').to_owned())),
        None => (inside, None),
    };
    let key = key.trim().to_ascii_lowercase();
    Some((Part::Variable { key, default }, after))
}
