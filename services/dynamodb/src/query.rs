//! Query and Scan: pages of rows out of a table or an index.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;

use super::api::{ReadPageInput, ReadPageOutput};
use super::errors::{invalid_parameter, validation};
use super::expression::{self, Condition, Kind, Placeholders, Projection};
use super::key::{rows_prefix, segment};
use super::key_condition::{KeyCondition, Rows};
use super::legacy;
use super::page::{Page, Source};
use super::request::{check_combination, check_distinct};
use super::table::OpenTable;

const SEGMENTS_MAX: u64 = 1_000_000;

/// What both operations ask, before any table is looked at.
struct Question {
    projection: Option<Projection>,
    filter: Option<Condition>,
    key_condition: Option<KeyCondition>,
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
pub(super) fn query(
    tx: &mut Tx<'_>,
    context: &Context,
    mut input: ReadPageInput,
) -> Result<ReadPageOutput> {
    check_select(&input, true)?;
    let question = query_question(&mut input)?;
    let table = OpenTable::open(tx, context, &input.table_name)?;
    let source = Source::new(&table, input.index_name.as_deref())?;
    source.check_read(&input, question.projection.as_ref())?;
    let condition = question.key_condition.as_ref();
    let condition = condition.ok_or_else(|| validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."))?;
    refuse_keys_in_filter(
        &source,
        question.filter.as_ref(),
        input.query_filter.is_some(),
    )?;
    let rows = condition.rows(
        &table.record,
        source.keys(),
        rows_prefix(&table.record, source.number()),
    )?;
    let start = input
        .exclusive_start_key
        .take()
        .map(|key| source.start(key, "The provided starting key is invalid"))
        .transpose()?;
    check_start(start.as_deref(), &rows)?;
    let direction = if input.scan_index_forward == Some(false) {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let page = Page {
        rows,
        start,
        direction,
        filter: question.filter,
        projection: question.projection,
    };
    page.read(tx, context, &source, &input)
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html>
pub(super) fn scan(
    tx: &mut Tx<'_>,
    context: &Context,
    mut input: ReadPageInput,
) -> Result<ReadPageOutput> {
    check_select(&input, false)?;
    let segments = check_segments(&input)?;
    let question = scan_question(&mut input)?;
    let table = OpenTable::open(tx, context, &input.table_name)?;
    let source = Source::new(&table, input.index_name.as_deref())?;
    source.check_read(&input, question.projection.as_ref())?;
    let prefix = rows_prefix(&table.record, source.number());
    let (from, to) = segment(&prefix, segments.0, segments.1);
    let rows = Rows {
        partition: prefix,
        from,
        to,
    };
    let mismatch =
        "The provided starting key is invalid: The provided key element does not match the schema";
    let start = input
        .exclusive_start_key
        .take()
        .map(|key| source.start(key, mismatch))
        .transpose()?;
    let outside =
        |start: &Vec<u8>| *start < rows.from || rows.to.as_ref().is_some_and(|to| start >= to);
    if start.as_ref().is_some_and(outside) {
        return Err(validation(
            "The provided Exclusive start key does not map to the provided Segment and TotalSegments values.",
        ));
    }
    let page = Page {
        rows,
        start,
        direction: Direction::Forward,
        filter: question.filter,
        projection: question.projection,
    };
    page.read(tx, context, &source, &input)
}

fn check_start(start: Option<&[u8]>, rows: &Rows) -> Result<()> {
    let Some(start) = start else { return Ok(()) };
    if !start.starts_with(&rows.partition) {
        return Err(validation(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    if start < rows.from.as_slice() || rows.to.as_deref().is_some_and(|to| start >= to) {
        return Err(validation(
            "The provided starting key does not match the range key predicate",
        ));
    }
    Ok(())
}

fn query_question(input: &mut ReadPageInput) -> Result<Question> {
    check_combination(
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("QueryFilter", input.query_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
            ("KeyConditions", input.key_conditions.is_some()),
        ],
        &[
            (
                "ProjectionExpression",
                input.projection_expression.is_some(),
            ),
            ("FilterExpression", input.filter_expression.is_some()),
            (
                "KeyConditionExpression",
                input.key_condition_expression.is_some(),
            ),
        ],
        input.expression_attribute_names.is_some(),
        Some(input.expression_attribute_values.is_some()),
    )?;
    let mut placeholders = placeholders(input)?;
    let key_condition = match (&input.key_condition_expression, input.key_conditions.take()) {
        (Some(text), _) => Some(expression::condition(
            Kind::KeyCondition,
            text,
            &mut placeholders,
        )?),
        (None, Some(conditions)) => Some(legacy::conditions(conditions, None)?),
        (None, None) => None,
    };
    let key_condition = key_condition.map(KeyCondition::new).transpose()?;
    let filter = match input.query_filter.clone() {
        Some(conditions) => Some(legacy::conditions(
            conditions,
            input.conditional_operator.as_deref(),
        )?),
        None => expression_filter(input, &mut placeholders)?,
    };
    let projection = projection(input, &mut placeholders)?;
    placeholders.refuse_unused()?;
    Ok(Question {
        projection,
        filter,
        key_condition,
    })
}

fn scan_question(input: &mut ReadPageInput) -> Result<Question> {
    check_combination(
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.scan_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        &[
            (
                "ProjectionExpression",
                input.projection_expression.is_some(),
            ),
            ("FilterExpression", input.filter_expression.is_some()),
        ],
        input.expression_attribute_names.is_some(),
        Some(input.expression_attribute_values.is_some()),
    )?;
    let mut placeholders = placeholders(input)?;
    let filter = match input.scan_filter.take() {
        Some(conditions) => Some(legacy::conditions(
            conditions,
            input.conditional_operator.as_deref(),
        )?),
        None => expression_filter(input, &mut placeholders)?,
    };
    let projection = projection(input, &mut placeholders)?;
    placeholders.refuse_unused()?;
    Ok(Question {
        projection,
        filter,
        key_condition: None,
    })
}

fn placeholders(input: &mut ReadPageInput) -> Result<Placeholders> {
    Placeholders::new(
        input.expression_attribute_names.take(),
        input.expression_attribute_values.take(),
    )
}

fn expression_filter(
    input: &ReadPageInput,
    placeholders: &mut Placeholders,
) -> Result<Option<Condition>> {
    let text = input.filter_expression.as_deref();
    text.map(|text| expression::condition(Kind::Filter, text, placeholders))
        .transpose()
}

fn projection(
    input: &ReadPageInput,
    placeholders: &mut Placeholders,
) -> Result<Option<Projection>> {
    if let Some(names) = &input.attributes_to_get {
        check_distinct(names)?;
        return Ok(Some(Projection::attributes(names)));
    }
    let text = input.projection_expression.as_deref();
    text.map(|text| expression::projection(text, placeholders))
        .transpose()
}

/// Query wraps these refusals, Scan leaves them bare.
fn check_select(input: &ReadPageInput, wrapped: bool) -> Result<()> {
    let refuse = |text: String| {
        Err(if wrapped {
            invalid_parameter(text)
        } else {
            validation(text)
        })
    };
    let given = match (&input.projection_expression, &input.attributes_to_get) {
        (Some(_), _) => Some("ProjectionExpression"),
        (None, Some(_)) => Some("AttributesToGet"),
        (None, None) => None,
    };
    match (input.select.as_deref(), given) {
        (Some("COUNT"), Some(given)) => refuse(format!("Cannot specify the {given} when choosing to get only the Count")),
        (Some(select @ ("ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES")), Some(given)) => {
            refuse(format!("Cannot specify the {given} when choosing to get {select}"))
        }
        (Some("SPECIFIC_ATTRIBUTES"), None) => {
            refuse("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES".to_owned())
        }
        (Some("ALL_PROJECTED_ATTRIBUTES"), None) if input.index_name.is_none() => {
            let doing = if wrapped { "Querying" } else { "Scanning" };
            refuse(format!("ALL_PROJECTED_ATTRIBUTES can be used only when {doing} using an IndexName"))
        }
        _ => Ok(()),
    }
}

/// The segment and how many there are.
fn check_segments(input: &ReadPageInput) -> Result<(u64, u64)> {
    match (input.segment, input.total_segments) {
        (None, None) => Ok((0, 1)),
        (None, Some(_)) => Err(validation(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        )),
        (Some(_), None) => Err(validation(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        )),
        (Some(segment), Some(total)) if segment >= total || total > SEGMENTS_MAX => {
            Err(validation(format!(
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not less than TotalSegments: {total}"
            )))
        }
        (Some(segment), Some(total)) => Ok((segment, total)),
    }
}

/// A filter looks at what the key condition has left: key attributes have no place in it.
fn refuse_keys_in_filter(
    source: &Source<'_>,
    filter: Option<&Condition>,
    older: bool,
) -> Result<()> {
    let mut found = None;
    if let Some(filter) = filter {
        filter.visit_paths(&mut |path| {
            if source.keys().contains(&path.root) {
                found.get_or_insert_with(|| path.root.clone());
            }
        });
    }
    match found {
        Some(name) => {
            let parameter = if older {
                "QueryFilter"
            } else {
                "Filter Expression"
            };
            Err(validation(format!(
                "{parameter} can only contain non-primary key attributes: Primary key attribute: {name}"
            )))
        }
        None => Ok(()),
    }
}
