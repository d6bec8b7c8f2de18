//! Text to tokens: words, quoted names, quoted text, numbers, symbols.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    /// `"name"`
    Name(String),
    /// `'text'`
    Text(String),
    Number(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 23] = [
    "<<", ">>", "<>", "!=", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":",
    "?", "*", "+", "-", ";",
];

/// The tokens, or where the text stops making sense.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, usize> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(&source[at..], first).ok_or(at)?;
        tokens.push(token);
        at += length;
    }
    Ok(tokens)
}

fn token(rest: &str, first: char) -> Option<(Token, usize)> {
    match first {
        '\'' => quoted(rest, '\'').map(|(text, length)| (Token::Text(text), length)),
        '"' => quoted(rest, '"').map(|(text, length)| (Token::Name(text), length)),
        '0'..='9' => {
            let length = number_length(rest);
            Some((Token::Number(rest[..length].to_owned()), length))
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let length = rest
                .bytes()
                .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                .count();
            Some((Token::Word(rest[..length].to_owned()), length))
        }
        _ => SYMBOLS
            .iter()
            .find(|symbol| rest.starts_with(*symbol))
            .map(|symbol| (Token::Symbol(symbol), symbol.len())),
    }
}

/// Text up to the closing quote; a doubled quote stands for itself.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Some((text, at + quote.len_utf8()));
        }
    }
    None
}

/// Digits, a point among them, an exponent behind them.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let digits = bytes[at + 1 + sign..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > 0 {
            at += 1 + sign + digits;
        }
    }
    at
}
