//! Logs Insights' query language: commands between pipes, run over events one by one.
//!
//! A query is parsed as a whole before anything runs: a text that is no query, or that asks for what is
//! not built, is refused at the start. Running it is a line of stages; rows go through those that look at
//! one row alone as they come, and wait in those that need all of them (`stats`, `sort`). It knows
//! nothing of the store: events are handed to it, and rows taken out.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>

mod aggregate;
mod command;
mod evaluate;
mod expression;
mod extract;
mod function;
mod row;
mod run;
mod scanner;
#[cfg(test)]
mod tests;
mod value;

pub(super) use command::Query;
pub(super) use row::{Event, described};
pub(super) use run::Run;

/// Why a text is not a query that runs here.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// What is wrong, and at which character.
    Malformed { at: usize, message: String },
    /// A command or function that AWS has and Cumulet has not.
    NotBuilt(String),
}
