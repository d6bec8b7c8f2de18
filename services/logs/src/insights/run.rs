//! A query that runs: rows go through its stages.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::aggregate::Groups;
use super::command::{Column, Command, Query};
use super::evaluate::{Scope, rows};
use super::expression::Expression;
use super::extract::Extract;
use super::row::{Event, Row};
use super::value::Value;

#[derive(Debug)]
enum Stage {
    Fields(Vec<Column>),
    Filter(Expression),
    Parse(Extract),
    Stats(Groups),
    Sort(Sort),
    /// How many more may pass.
    Limit(usize),
    Dedup(Vec<Column>, HashSet<Vec<String>>),
}

#[derive(Debug)]
struct Sort {
    keys: Vec<(Expression, bool)>,
    /// The keys' values and the row.
    rows: Vec<(Vec<Value>, Row)>,
    /// No more than so many rows are wanted of it.
    wanted: Option<usize>,
}

/// A query between its first event and its results.
#[derive(Debug)]
pub(in super::super) struct Run {
    stages: Vec<Stage>,
    shown: Vec<String>,
    /// Rows of events can be asked for again.
    with_pointer: bool,
    limit: usize,
    now_ms: i64,
    output: Vec<Row>,
    /// Events that passed all filters before something was made of them.
    pub(in super::super) matched: u64,
}

impl Run {
    /// At most `limit` rows come out.
    pub(in super::super) fn begin(query: Query, limit: usize, now_ms: i64) -> Self {
        let has_stats = query
            .commands
            .iter()
            .any(|command| matches!(command, Command::Stats(_)));
        let shown = shown(&query.commands);
        Self {
            stages: stages(query.commands, limit),
            shown,
            with_pointer: !has_stats,
            limit,
            now_ms,
            output: Vec::new(),
            matched: 0,
        }
    }

    pub(in super::super) fn take(&mut self, event: Event) {
        self.push(0, Row::event(event), true);
    }

    /// Sends a row on from a stage; `is_event`: nothing has been made of it yet.
    fn push(&mut self, from: usize, mut row: Row, is_event: bool) {
        let now_ms = self.now_ms;
        for stage in self.stages.iter_mut().skip(from) {
            match stage {
                Stage::Fields(columns) => define(columns, &mut row, now_ms),
                Stage::Parse(extract) => extract.apply(&mut row),
                Stage::Filter(condition) => {
                    if !Scope::of(&row, now_ms).holds(condition) {
                        return;
                    }
                }
                Stage::Dedup(columns, seen) => {
                    let scope = Scope::of(&row, now_ms);
                    let value = |column: &Column| scope.evaluate(&column.expression).text();
                    if !seen.insert(columns.iter().map(value).collect()) {
                        return;
                    }
                }
                Stage::Limit(left) => match left.checked_sub(1) {
                    Some(less) => *left = less,
                    None => return,
                },
                Stage::Stats(groups) => {
                    self.matched += u64::from(is_event);
                    groups.take(&row, now_ms);
                    return;
                }
                Stage::Sort(sort) => {
                    self.matched += u64::from(is_event);
                    sort.take(row, now_ms);
                    return;
                }
            }
        }
        self.output.push(row);
    }

    /// The rows, as names and values; what is missing is left out.
    pub(in super::super) fn finish(mut self) -> Vec<Vec<(String, String)>> {
        for at in 0..self.stages.len() {
            let gathered = match &mut self.stages[at] {
                Stage::Stats(groups) => rows(groups.clone(), self.now_ms),
                Stage::Sort(sort) => sort.sorted(),
                _ => continue,
            };
            for row in gathered {
                self.push(at + 1, row, false);
            }
        }
        self.output.truncate(self.limit);
        let pointer = self.with_pointer.then(|| "@ptr".to_owned());
        let shown: Vec<String> = self.shown.into_iter().chain(pointer).collect();
        let told = |row: &Row| {
            let pair = |name: &String| Some((name.clone(), row.field(name).shown()?));
            shown.iter().filter_map(pair).collect()
        };
        self.output.iter().map(told).collect()
    }
}

fn define(columns: &[Column], row: &mut Row, now_ms: i64) {
    for column in columns {
        let is_itself =
            matches!(&column.expression, Expression::Field(name) if *name == column.name);
        if !is_itself {
            let value = Scope::of(row, now_ms).evaluate(&column.expression);
            row.set(&column.name, value);
        }
    }
}

impl Sort {
    fn take(&mut self, row: Row, now_ms: i64) {
        let scope = Scope::of(&row, now_ms);
        let values = self
            .keys
            .iter()
            .map(|(key, _)| scope.evaluate(key))
            .collect();
        self.rows.push((values, row));
        // Sorting now and then keeps no more than twice what is wanted.
        if let Some(wanted) = self.wanted
            && self.rows.len() >= 2 * wanted.max(1)
        {
            self.order();
            self.rows.truncate(wanted);
        }
    }

    fn order(&mut self) {
        let keys = &self.keys;
        self.rows.sort_by(|(one, _), (other, _)| {
            let each = keys.iter().zip(one.iter().zip(other));
            each.map(|((_, descending), (one, other))| match descending {
                true => other.order(one),
                false => one.order(other),
            })
            .find(|order| *order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
        });
    }

    fn sorted(&mut self) -> Vec<Row> {
        self.order();
        std::mem::take(&mut self.rows)
            .into_iter()
            .map(|(_, row)| row)
            .collect()
    }
}

/// The names of the columns that come out.
fn shown(commands: &[Command]) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    let mut displayed = false;
    let show = |shown: &mut Vec<String>, names: Vec<String>| {
        for name in names {
            if !shown.contains(&name) {
                shown.push(name);
            }
        }
    };
    let names = |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect();
    for command in commands {
        match command {
            Command::Display(columns) => {
                shown = names(columns);
                displayed = true;
            }
            Command::Stats(stats) => {
                shown = names(&stats.by);
                show(&mut shown, names(&stats.columns));
            }
            Command::Fields(columns) if !displayed => show(&mut shown, names(columns)),
            Command::Parse(extract) if !displayed => show(&mut shown, extract.names.clone()),
            _ => {}
        }
    }
    if shown.is_empty() {
        shown = vec!["@timestamp".into(), "@message".into()];
    }
    shown
}

/// Rows that nobody sorts come out newest first: a stage for that stands before the first command that
/// depends on the order, or at the end.
fn stages(commands: Vec<Command>, limit: usize) -> Vec<Stage> {
    let is_ordering = |command: &Command| matches!(command, Command::Sort(_) | Command::Stats(_));
    let depends = |command: &Command| matches!(command, Command::Limit(_) | Command::Dedup(_));
    let first = commands
        .iter()
        .position(|command| is_ordering(command) || depends(command));
    let implicit = match first {
        None => Some(commands.len()),
        Some(at) => commands
            .get(at)
            .filter(|command| depends(command))
            .map(|_| at),
    };
    let mut stages: Vec<Stage> = commands.into_iter().map(stage).collect();
    if let Some(at) = implicit {
        let newest = vec![
            (Expression::Field("@timestamp".into()), true),
            (Expression::Field("@ptr".into()), true),
        ];
        stages.insert(at, stage(Command::Sort(newest)));
    }
    for at in 0..stages.len() {
        let wanted = wanted(&stages[at + 1..], limit);
        if let Stage::Sort(sort) = &mut stages[at] {
            sort.wanted = wanted;
        }
    }
    stages
}

/// How many rows the stages behind a sort can use; all where some of them choose.
fn wanted(behind: &[Stage], limit: usize) -> Option<usize> {
    for stage in behind {
        match stage {
            Stage::Limit(wanted) => return Some(*wanted),
            Stage::Fields(_) | Stage::Parse(_) => {}
            _ => return None,
        }
    }
    Some(limit)
}

fn stage(command: Command) -> Stage {
    match command {
        Command::Fields(columns) | Command::Display(columns) => Stage::Fields(columns),
        Command::Filter(condition) => Stage::Filter(condition),
        Command::Parse(extract) => Stage::Parse(extract),
        Command::Stats(stats) => Stage::Stats(Groups::of(stats)),
        Command::Limit(limit) => Stage::Limit(limit),
        Command::Dedup(columns) => Stage::Dedup(columns, HashSet::new()),
        Command::Sort(keys) => Stage::Sort(Sort {
            keys,
            rows: Vec::new(),
            wanted: None,
        }),
    }
}
