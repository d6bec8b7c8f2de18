//! What fields and JSON members are compared with, and the scanner both kinds of condition share.

use regex::{Regex, RegexBuilder};

/// Compiled expressions stay below this; matching is linear in any case.
const REGEX_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right side of a comparison.
#[derive(Debug)]
pub(crate) enum Operand {
    Number(f64),
    /// Pieces between asterisks.
    Text(Vec<String>),
    Regex(Regex),
}

impl Operand {
    /// A number only where it was not quoted.
    fn unquoted(text: &str) -> Self {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::text(text),
        }
    }

    fn text(text: &str) -> Self {
        Self::Text(text.split('*').map(str::to_owned).collect())
    }

    /// Whether `found` stands to this operand as the operator says. Only numbers have an order.
    pub(super) fn compare(&self, operator: Operator, found: &str) -> bool {
        match (self, operator) {
            (Self::Number(wanted), _) => {
                found
                    .parse()
                    .is_ok_and(|found: f64| compare_numbers(found, operator, *wanted))
                    || (operator == Operator::NotEqual && found.parse::<f64>().is_err())
            }
            (Self::Text(pieces), Operator::Equal) => matches_wildcards(pieces, found),
            (Self::Text(pieces), Operator::NotEqual) => !matches_wildcards(pieces, found),
            (Self::Regex(regex), Operator::Equal) => regex.is_match(found),
            (Self::Regex(regex), Operator::NotEqual) => !regex.is_match(found),
            (Self::Text(_) | Self::Regex(_), _) => false,
        }
    }
}

#[expect(
    clippy::float_cmp,
    reason = "the pattern asks for equality of the numbers as written"
)]
fn compare_numbers(found: f64, operator: Operator, wanted: f64) -> bool {
    match operator {
        Operator::Equal => found == wanted,
        Operator::NotEqual => found != wanted,
        Operator::Less => found < wanted,
        Operator::LessOrEqual => found <= wanted,
        Operator::Greater => found > wanted,
        Operator::GreaterOrEqual => found >= wanted,
    }
}

/// `a*b*c`: begins, goes on, ends. The earliest place for each middle piece is always good enough.
fn matches_wildcards(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

/// AWS takes a small subset; what it does not take at all is refused.
pub(super) fn regex(text: &str) -> Option<Regex> {
    if text.is_empty() || text.contains("(?") {
        return None;
    }
    RegexBuilder::new(text)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(32)
        .build()
        .ok()
}

/// The text between the quotes that `text` begins with, and what follows them.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut unescaped = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((unescaped, &inner[at + 1..])),
            '\\' => unescaped.push(characters.next()?.1),
            other => unescaped.push(other),
        }
    }
    None
}

/// Reads a condition from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.trim_start(),
        }
    }

    /// Takes `symbol` if it comes next.
    pub(super) fn take(&mut self, symbol: &str) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }

    /// Takes a word, of any case, if it comes next and ends there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let Some((begin, after)) = self.rest.split_at_checked(word.len()) else {
            return false;
        };
        if !begin.eq_ignore_ascii_case(word)
            || after.starts_with(|next: char| next.is_alphanumeric())
        {
            return false;
        }
        self.rest = after.trim_start();
        true
    }

    pub(super) fn operator(&mut self) -> Option<Operator> {
        const OPERATORS: [(&str, Operator); 6] = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let found = OPERATORS.into_iter().find(|(symbol, _)| self.take(symbol));
        found.map(|(_, operator)| operator)
    }

    /// A quoted text, a regular expression, a number or a bare word.
    pub(super) fn operand(&mut self, ends: &[char]) -> Option<Operand> {
        if self.rest.starts_with('"') {
            let (text, after) = quoted(self.rest)?;
            self.rest = after.trim_start();
            return Some(Operand::text(&text));
        }
        if let Some(inner) = self.rest.strip_prefix('%') {
            let (expression, after) = inner.split_once('%')?;
            self.rest = after.trim_start();
            return regex(expression).map(Operand::Regex);
        }
        let is_end = |character: char| character.is_whitespace() || ends.contains(&character);
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after.trim_start();
        (!word.is_empty()).then(|| Operand::unquoted(word))
    }
}
