//! From text to an expression: precedence climbing over a handful of tokens.

use super::{Expression, Fault, Operator, wrong};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

const SIGNS: [&str; 19] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",",
    "!",
];
/// So that no expression can exhaust the stack.
const DEPTH_MAX: usize = 64;

pub(crate) fn parse(text: &str) -> Result<Expression, Fault> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expression = parser.binary(0)?;
    match parser.next() {
        None => Ok(expression),
        Some(token) => Err(wrong(format!("Syntax error at {token:?}."))),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '0'..='9' | '.' => number(rest)?,
            '"' | '\'' => quoted(rest, first)?,
            _ if first.is_ascii_alphabetic() || first == '_' => word(rest),
            _ => sign(rest)?,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn number(rest: &str) -> Result<(Token, usize), Fault> {
    let is_part = |character: char| character.is_ascii_digit() || character == '.';
    let mut length = rest
        .find(|character| !is_part(character))
        .unwrap_or(rest.len());
    let exponent = rest[length..].strip_prefix(['e', 'E']);
    if let Some(exponent) = exponent {
        let digits = exponent.trim_start_matches(['+', '-']);
        let count = digits
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(digits.len());
        if count > 0 {
            length += 1 + (exponent.len() - digits.len()) + count;
        }
    }
    let parsed = rest[..length]
        .parse()
        .map_err(|_| wrong(format!("'{}' is no number.", &rest[..length])))?;
    Ok((Token::Number(parsed), length))
}

fn quoted(rest: &str, quote: char) -> Result<(Token, usize), Fault> {
    let inner = &rest[1..];
    let end = inner
        .find(quote)
        .ok_or_else(|| wrong("A text has no end."))?;
    Ok((Token::Text(inner[..end].to_owned()), end + 2))
}

fn word(rest: &str) -> (Token, usize) {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let length = rest
        .find(|character| !is_part(character))
        .unwrap_or(rest.len());
    (Token::Word(rest[..length].to_owned()), length)
}

fn sign(rest: &str) -> Result<(Token, usize), Fault> {
    let found = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    found
        .map(|sign| (Token::Sign(sign), sign.len()))
        .ok_or_else(|| {
            wrong(format!(
                "Unexpected '{}'.",
                rest.chars().next().unwrap_or_default()
            ))
        })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(wrong(format!("Expected '{sign}'.")))
        }
    }

    fn binary(&mut self, weakest: u8) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong("The expression is nested too deeply."));
        }
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.peek().and_then(operator) {
            if strength < weakest {
                break;
            }
            self.at += 1;
            // Powers bind to the right, all others to the left.
            let right = self.binary(strength + u8::from(operator != Operator::Power))?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        if self.take("-") {
            // `-a^2` is `-(a^2)`, `-a*b` is `(-a)*b`.
            return Ok(Expression::Negative(Box::new(self.binary(POWER)?)));
        }
        let is_not = self.take("!") || self.take_word("NOT");
        if is_not {
            return Ok(Expression::Not(Box::new(self.binary(COMPARISON)?)));
        }
        self.primary()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(is_it);
        is_it
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Expression::Number(number)),
            Some(Token::Text(text)) => Ok(Expression::Text(text)),
            Some(Token::Word(word)) if self.take("(") => {
                Ok(Expression::Call(word, self.list(")")?))
            }
            Some(Token::Word(word)) => Ok(Expression::Name(word)),
            Some(Token::Sign("(")) => {
                let inner = self.binary(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => Ok(Expression::Array(self.list("]")?)),
            Some(token) => Err(wrong(format!("Syntax error at {token:?}."))),
            None => Err(wrong("The expression ends too early.")),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, Fault> {
        let mut all = Vec::new();
        if self.take(end) {
            return Ok(all);
        }
        loop {
            all.push(self.binary(0)?);
            if self.take(end) {
                return Ok(all);
            }
            self.expect(",")?;
        }
    }
}

const COMPARISON: u8 = 3;
const POWER: u8 = 6;

fn operator(token: &Token) -> Option<(Operator, u8)> {
    let sign = match token {
        Token::Sign(sign) => sign,
        Token::Word(word) if word == "AND" => "&&",
        Token::Word(word) if word == "OR" => "||",
        _ => return None,
    };
    Some(match sign {
        "||" => (Operator::Or, 1),
        "&&" => (Operator::And, 2),
        "==" => (Operator::Equal, COMPARISON),
        "!=" => (Operator::NotEqual, COMPARISON),
        "<" => (Operator::Less, COMPARISON),
        "<=" => (Operator::LessOrEqual, COMPARISON),
        ">" => (Operator::Greater, COMPARISON),
        ">=" => (Operator::GreaterOrEqual, COMPARISON),
        "+" => (Operator::Add, 4),
        "-" => (Operator::Subtract, 4),
        "*" => (Operator::Multiply, 5),
        "/" => (Operator::Divide, 5),
        "^" => (Operator::Power, POWER),
        _ => return None,
    })
}
