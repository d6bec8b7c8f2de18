//! Expressions: one grammar, one tree and one evaluator for conditions, filters, key conditions,
//! updates and projections.
//!
//! A text becomes a tree of bounded depth in which names and values are already resolved; syntax is
//! refused first, then names and values that are undefined, then what is unused. The parameters of the
//! older interface become the same trees, so both compare alike.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>

mod evaluate;
#[cfg(test)]
mod hostile_tests;
mod lexer;
mod parser;
mod path;
mod placeholder;
mod projection;
mod reserved;
#[cfg(test)]
mod tests;
mod update;
mod update_parser;

use cumulet_engine::error::Result;
pub(super) use evaluate::compare;
use parser::Parser;
pub(super) use path::{Path, Step};
pub(super) use placeholder::Placeholders;
pub(super) use projection::Projection;
pub(super) use update::Update;

use super::value::AttributeValue;

/// Which parameter an expression came in: its refusals name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Condition,
    Filter,
    KeyCondition,
    Projection,
    Update,
}

impl Kind {
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Projection => "ProjectionExpression",
            Self::Update => "UpdateExpression",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something that is true or false of an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Compare(Comparator, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    /// The attribute's type is the one of this name.
    HasType(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// Something that has a value in an item, or none.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Path(Path),
    Value(AttributeValue),
    Size(Path),
    IfNotExists(Path, Box<Operand>),
    ListAppend(Box<Operand>, Box<Operand>),
    Plus(Box<Operand>, Box<Operand>),
    Minus(Box<Operand>, Box<Operand>),
}

/// Parses a condition, a filter or a key condition.
pub(super) fn condition(
    kind: Kind,
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Condition> {
    let mut parser = Parser::new(kind, text, placeholders)?;
    let condition = parser.whole_condition()?;
    parser.finish()?;
    Ok(condition)
}

/// Parses an update expression.
pub(super) fn update(text: &str, placeholders: &mut Placeholders) -> Result<Update> {
    let mut parser = Parser::new(Kind::Update, text, placeholders)?;
    let update = parser.whole_update()?;
    parser.finish()?;
    update.check_overlaps()?;
    Ok(update)
}

/// Parses a projection expression.
pub(super) fn projection(text: &str, placeholders: &mut Placeholders) -> Result<Projection> {
    let mut parser = Parser::new(Kind::Projection, text, placeholders)?;
    let paths = parser.paths()?;
    parser.finish()?;
    Projection::new(paths)
}
