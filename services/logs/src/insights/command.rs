//! The commands of a query, and reading them.

use super::Refusal;
use super::aggregate::Aggregate;
use super::expression::{Expression, Reader};
use super::extract::Extract;
use super::scanner::Scanner;

const STATS_MAX: usize = 2;
const NOT_BUILT: [&str; 11] = [
    "pattern",
    "diff",
    "unmask",
    "anomaly",
    "source",
    "filterindex",
    "lookup",
    "join",
    "subquery",
    "unnest",
    "addtotals",
];

/// A query, ready to run.
#[derive(Clone, Debug)]
pub(in super::super) struct Query {
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Fields(Vec<Column>),
    Display(Vec<Column>),
    Filter(Expression),
    Parse(Extract),
    Stats(Stats),
    /// Expressions, and whether the greatest comes first.
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<Column>),
}

/// An expression and what its column is called.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) expression: Expression,
}

#[derive(Clone, Debug)]
pub(super) struct Stats {
    pub(super) aggregates: Vec<Aggregate>,
    /// May look at the aggregates' results.
    pub(super) columns: Vec<Column>,
    pub(super) by: Vec<Column>,
}

impl Query {
    pub(in super::super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut scanner = Scanner::new(text);
        let mut commands = Vec::new();
        scanner.take("|");
        loop {
            commands.push(command(&mut scanner)?);
            if !scanner.take("|") {
                break;
            }
        }
        if !scanner.is_at_end() {
            return Err(scanner.wrong("unexpected symbol found, expected '|'"));
        }
        let stats = commands
            .iter()
            .filter(|command| matches!(command, Command::Stats(_)));
        if stats.count() > STATS_MAX {
            return Err(scanner.wrong("a query has at most two stats commands"));
        }
        Ok(Self { commands })
    }
}

fn command(scanner: &mut Scanner<'_>) -> Result<Command, Refusal> {
    let word = scanner.word().to_ascii_lowercase();
    if NOT_BUILT.contains(&word.as_str()) {
        return Err(Refusal::NotBuilt(format!("the command {word}")));
    }
    let known = [
        "fields", "display", "filter", "parse", "stats", "sort", "limit", "dedup",
    ];
    if !known.contains(&word.as_str()) {
        return Err(scanner.wrong("unexpected symbol found, expected a command"));
    }
    scanner.take_word(&word);
    match word.as_str() {
        "fields" => columns(scanner).map(Command::Fields),
        "display" => columns(scanner).map(Command::Display),
        "dedup" => columns(scanner).map(Command::Dedup),
        "filter" => Reader::new(scanner).expression().map(Command::Filter),
        "parse" => parse(scanner).map(Command::Parse),
        "stats" => stats(scanner).map(Command::Stats),
        "sort" => sort(scanner).map(Command::Sort),
        _ => limit(scanner).map(Command::Limit),
    }
}

fn columns(scanner: &mut Scanner<'_>) -> Result<Vec<Column>, Refusal> {
    let mut columns = Vec::new();
    loop {
        let begin = scanner.place();
        let expression = Reader::new(scanner).expression()?;
        columns.push(column(scanner, begin, expression)?);
        if !scanner.take(",") {
            return Ok(columns);
        }
    }
}

/// Names the expression that was read since `begin`.
fn column(
    scanner: &mut Scanner<'_>,
    begin: usize,
    expression: Expression,
) -> Result<Column, Refusal> {
    let own = match &expression {
        Expression::Field(name) => name.clone(),
        _ => scanner.since(begin).to_owned(),
    };
    let name = match scanner.take_word("as") {
        true => scanner.name()?,
        false => own,
    };
    Ok(Column { name, expression })
}

fn stats(scanner: &mut Scanner<'_>) -> Result<Stats, Refusal> {
    let mut aggregates = Vec::new();
    let mut found = Vec::new();
    loop {
        let begin = scanner.place();
        let mut reader = Reader::new(scanner);
        reader.aggregates = Some(aggregates);
        let expression = reader.expression()?;
        aggregates = reader.aggregates.take().unwrap_or_default();
        found.push(column(scanner, begin, expression)?);
        if !scanner.take(",") {
            break;
        }
    }
    let by = match scanner.take_word("by") {
        true => columns(scanner)?,
        false => Vec::new(),
    };
    if aggregates.is_empty() {
        return Err(scanner.wrong("stats needs an aggregation"));
    }
    Ok(Stats {
        aggregates,
        columns: found,
        by,
    })
}

fn sort(scanner: &mut Scanner<'_>) -> Result<Vec<(Expression, bool)>, Refusal> {
    let mut keys = Vec::new();
    loop {
        let key = sort_key(scanner)?;
        let descending = scanner.take_word("desc");
        if !descending {
            scanner.take_word("asc");
        }
        keys.push((key, descending));
        if !scanner.take(",") {
            return Ok(keys);
        }
    }
}

/// A column of `stats` may be named by the text that made it: `sort count(*) desc`.
fn sort_key(scanner: &mut Scanner<'_>) -> Result<Expression, Refusal> {
    let begin = scanner.place();
    let mut reader = Reader::new(scanner);
    reader.aggregates = Some(Vec::new());
    let expression = reader.expression()?;
    let has_aggregates = reader.aggregates.is_some_and(|found| !found.is_empty());
    let name = scanner.since(begin).to_owned();
    Ok(match has_aggregates {
        true => Expression::Field(name),
        false => Expression::Named(name, Box::new(expression)),
    })
}

fn limit(scanner: &mut Scanner<'_>) -> Result<usize, Refusal> {
    let (number, unit) = scanner
        .number()
        .ok_or_else(|| scanner.wrong("expected a number"))?;
    let is_whole = number.fract() == 0.0 && (1.0..=10_000.0).contains(&number);
    if !is_whole || !unit.is_empty() {
        return Err(scanner.wrong("limit is a number from 1 to 10000"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and between 1 and 10,000"
    )]
    Ok(number as usize)
}

fn parse(scanner: &mut Scanner<'_>) -> Result<Extract, Refusal> {
    let begins_with_pattern = scanner.rest().starts_with(['"', '\'', '/']);
    let from = match begins_with_pattern {
        true => "@message".to_owned(),
        false => scanner.name()?,
    };
    if let Some(regex) = scanner.regex()? {
        return Extract::regex(from, regex)
            .ok_or_else(|| scanner.wrong("parse needs named groups: (?<name>...)"));
    }
    let glob = scanner
        .quoted()?
        .ok_or_else(|| scanner.wrong("parse needs a text or /expression/"))?;
    if !scanner.take_word("as") {
        return Err(scanner.wrong("unexpected symbol found, expected 'as'"));
    }
    let mut names = vec![scanner.name()?];
    while scanner.take(",") {
        names.push(scanner.name()?);
    }
    Extract::glob(from, &glob, names)
        .ok_or_else(|| scanner.wrong("parse needs as many names as asterisks"))
}
