//! PartiQL: statements in the manner of SQL over the same items, conditions and updates.
//!
//! A statement becomes the trees that expressions become, so types and comparisons agree.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html>

mod execute;
mod lexer;
mod parser;
mod value_parser;

use cumulet_engine::error::Result;
pub(super) use execute::{batch_execute_statement, execute_statement, execute_transaction};

use super::expression::{Condition, Path, Update};
use super::value::{AttributeValue, Item};

/// A statement, its parameters filled in.
#[derive(Clone, Debug, PartialEq)]
enum Statement {
    Select(Select),
    Insert {
        table: String,
        item: Item,
    },
    Update {
        table: String,
        update: Update,
        condition: Option<Condition>,
        returning: Option<&'static str>,
    },
    Delete {
        table: String,
        condition: Option<Condition>,
        returning: Option<&'static str>,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Select {
    table: String,
    index: Option<String>,
    /// `None`: the whole item.
    paths: Option<Vec<Path>>,
    condition: Option<Condition>,
    backward: bool,
}

impl Statement {
    fn parse(text: &str, parameters: Vec<AttributeValue>) -> Result<Self> {
        parser::parse(text, parameters)
    }

    fn table(&self) -> &str {
        match self {
            Self::Select(select) => &select.table,
            Self::Insert { table, .. }
            | Self::Update { table, .. }
            | Self::Delete { table, .. } => table,
        }
    }

    fn is_read(&self) -> bool {
        matches!(self, Self::Select(_))
    }
}
