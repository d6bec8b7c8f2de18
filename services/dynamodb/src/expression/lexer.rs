//! Text to tokens.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A bare name, keyword or function.
    Word,
    /// `#name`
    Name,
    /// `:value`
    Value,
    Digits,
    /// `( ) , . [ ] = <> < <= > >= + -`
    Symbol,
    /// Anything that has no place in an expression.
    Unknown,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of `source`, an [`TokenKind::End`] last.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (kind, length) = token(&source[at..], first);
        tokens.push(Token {
            kind,
            start: at,
            end: at + length,
        });
        at += length;
    }
    tokens.push(Token {
        kind: TokenKind::End,
        start: source.len(),
        end: source.len(),
    });
    tokens
}

fn token(rest: &str, first: char) -> (TokenKind, usize) {
    let word = |from: usize| from + word_length(&rest[from..]);
    match first {
        'a'..='z' | 'A'..='Z' | '_' => (TokenKind::Word, word(0)),
        '0'..='9' => digits_or_word(rest),
        '#' if word(1) > 1 => (TokenKind::Name, word(1)),
        ':' if word(1) > 1 => (TokenKind::Value, word(1)),
        '<' if rest.starts_with("<>") || rest.starts_with("<=") => (TokenKind::Symbol, 2),
        '>' if rest.starts_with(">=") => (TokenKind::Symbol, 2),
        '(' | ')' | ',' | '.' | '[' | ']' | '=' | '<' | '>' | '+' | '-' => (TokenKind::Symbol, 1),
        other => (TokenKind::Unknown, other.len_utf8()),
    }
}

fn word_length(text: &str) -> usize {
    text.bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count()
}

/// `12` is a list index; `12abc` is no token that any rule takes.
fn digits_or_word(rest: &str) -> (TokenKind, usize) {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let word = word_length(rest);
    if word == digits {
        (TokenKind::Digits, digits)
    } else {
        (TokenKind::Unknown, word)
    }
}
