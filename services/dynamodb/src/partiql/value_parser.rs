//! Literals: text, numbers, lists, maps, sets, parameters.

use std::collections::BTreeSet;

use cumulet_engine::error::Result;

use super::super::errors::validation;
use super::super::number::Number;
use super::super::value::{AttributeValue, Item};
use super::lexer::Token;
use super::parser::Parser;

impl Parser {
    pub(super) fn value(&mut self) -> Result<AttributeValue> {
        self.nested(|parser| match parser.take_value()? {
            Some(value) => Ok(value),
            None => Err(parser.unexpected()),
        })
    }

    /// A literal or a parameter, if one comes next.
    pub(super) fn take_value(&mut self) -> Result<Option<AttributeValue>> {
        let Some(token) = self.peek().cloned() else {
            return Ok(None);
        };
        let value = match token {
            Token::Text(text) => AttributeValue::S(text),
            Token::Number(text) => number(&text)?,
            Token::Symbol("-") => {
                let Some(Token::Number(text)) = self.peek_second().cloned() else {
                    return Ok(None);
                };
                self.advance();
                number(&format!("-{text}"))?
            }
            Token::Symbol("?") => self.parameter()?,
            Token::Symbol("[") => return self.list().map(Some),
            Token::Symbol("{") => return self.map().map(AttributeValue::M).map(Some),
            Token::Symbol("<<") => return self.set().map(Some),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => AttributeValue::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => AttributeValue::Bool(false),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => AttributeValue::Null,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(value))
    }

    fn elements(&mut self, end: &str) -> Result<Vec<AttributeValue>> {
        self.advance();
        let mut elements = Vec::new();
        while !self.take_symbol(end) {
            elements.push(self.value()?);
            if !self.take_symbol(",") {
                self.expect_symbol(end)?;
                break;
            }
        }
        Ok(elements)
    }

    fn list(&mut self) -> Result<AttributeValue> {
        self.elements("]").map(AttributeValue::L)
    }

    pub(super) fn map(&mut self) -> Result<Item> {
        self.expect_symbol("{")?;
        let mut map = Item::new();
        while !self.take_symbol("}") {
            let name = match self.advance() {
                Some(Token::Text(name) | Token::Name(name)) => name,
                _ => return Err(self.unexpected()),
            };
            self.expect_symbol(":")?;
            map.insert(name, self.value()?);
            if !self.take_symbol(",") {
                self.expect_symbol("}")?;
                break;
            }
        }
        Ok(map)
    }

    fn set(&mut self) -> Result<AttributeValue> {
        let elements = self.elements(">>")?;
        let count = elements.len();
        let (mut texts, mut numbers, mut bytes) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for element in elements {
            match element {
                AttributeValue::S(text) => texts.insert(text),
                AttributeValue::N(number) => numbers.insert(number),
                AttributeValue::B(binary) => bytes.insert(binary),
                _ => {
                    return Err(validation(
                        "Sets may only contain strings, numbers or binary values",
                    ));
                }
            };
        }
        let set = match (texts.len(), numbers.len(), bytes.len()) {
            (1.., 0, 0) => AttributeValue::Ss(texts),
            (0, 1.., 0) => AttributeValue::Ns(numbers),
            (0, 0, 1..) => AttributeValue::Bs(bytes),
            (0, 0, 0) => {
                return Err(validation(
                    "One or more parameter values were invalid: An string set  may not be empty",
                ));
            }
            _ => return Err(validation("Sets may only contain values of one type")),
        };
        let members = match &set {
            AttributeValue::Ss(members) => members.len(),
            AttributeValue::Ns(members) => members.len(),
            AttributeValue::Bs(members) => members.len(),
            _ => 0,
        };
        if members < count {
            return Err(validation("Input collection contains duplicates"));
        }
        Ok(set)
    }
}

fn number(text: &str) -> Result<AttributeValue> {
    Number::parse(text)
        .map(AttributeValue::N)
        .map_err(|error| validation(error.to_string()))
}
