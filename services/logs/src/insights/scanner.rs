//! Reads a query from left to right, and knows where it is.

use regex::Regex;

use super::Refusal;

/// Compiled expressions stay below this; matching is linear in any case.
const REGEX_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut scanner = Self { text, at: 0 };
        scanner.skip();
        scanner
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// What was read since a place, for the name of an unnamed column.
    pub(super) fn since(&self, place: usize) -> &'t str {
        self.text[place..self.at].trim()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn wrong(&self, message: impl Into<String>) -> Refusal {
        Refusal::Malformed {
            at: self.at,
            message: message.into(),
        }
    }

    /// Skips white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip();
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.advance(symbol.len());
        }
        found
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Refusal> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(self.wrong(format!("unexpected symbol found, expected '{symbol}'")))
    }

    /// The word that comes next, not taken yet.
    pub(super) fn word(&self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|character| !is_word(character));
        &rest[..end.unwrap_or(rest.len())]
    }

    /// Takes `word`, of any case, if it comes next and ends there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.word().eq_ignore_ascii_case(word);
        if found {
            self.advance(word.len());
        }
        found
    }

    /// A field's name: a word, or anything between backticks.
    pub(super) fn name(&mut self) -> Result<String, Refusal> {
        if let Some(inner) = self.rest().strip_prefix('`') {
            let end = inner
                .find('`')
                .ok_or_else(|| self.wrong("a backtick is not closed"))?;
            let name = inner[..end].to_owned();
            self.advance(end + 2);
            return Ok(name);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.wrong("unexpected symbol found, expected a field"));
        }
        self.advance(word.len());
        Ok(word.to_owned())
    }

    /// A text in single or double quotes, if one comes next.
    pub(super) fn quoted(&mut self) -> Result<Option<String>, Refusal> {
        let rest = self.rest();
        let Some(quote) = rest
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''))
        else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.advance(at + 1);
                    return Ok(Some(text));
                }
                '\\' => match characters.next() {
                    Some((_, escaped)) if escaped == quote || escaped == '\\' => text.push(escaped),
                    Some((_, escaped)) => text.extend(['\\', escaped]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.wrong("a quotation mark is not closed"))
    }

    /// A regular expression between slashes, if one comes next.
    pub(super) fn regex(&mut self) -> Result<Option<Regex>, Refusal> {
        let Some(inner) = self.rest().strip_prefix('/') else {
            return Ok(None);
        };
        let mut escaped = false;
        let end = inner.find(|character| {
            let ends = character == '/' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let end = end.ok_or_else(|| self.wrong("a regular expression is not closed"))?;
        let regex = compile(&inner[..end].replace("\\/", "/"));
        let regex = regex.ok_or_else(|| self.wrong("not a regular expression"))?;
        self.advance(end + 2);
        Ok(Some(regex))
    }

    /// A number, if one comes next, and the letters that follow it.
    pub(super) fn number(&mut self) -> Option<(f64, &'t str)> {
        let rest = self.rest();
        let is_digit = |character: char| character.is_ascii_digit() || character == '.';
        let end = rest
            .find(|character| !is_digit(character))
            .unwrap_or(rest.len());
        let number = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let letters = after.find(|character: char| !character.is_ascii_alphabetic());
        let unit = &after[..letters.unwrap_or(after.len())];
        self.advance(end + unit.len());
        Some((number, unit))
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '.' | '$')
}

/// Named groups are written `(?<name>...)` there.
pub(super) fn compile(text: &str) -> Option<Regex> {
    regex::RegexBuilder::new(text)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(32)
        .build()
        .ok()
}
