//! Dashboards: documents that consoles draw; they are checked to be JSON objects, kept and told.
//!
//! They are the account's and of no region, as on AWS.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, operation::AccessRule};
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Key, Tx};
use serde_json::{Value, json};

use super::api::{
    DashboardEntry, DashboardNameInput, DashboardNamesInput, GetDashboardOutput,
    ListDashboardsInput, ListDashboardsOutput, Nothing, PutDashboardInput, PutDashboardOutput,
};
use super::errors::invalid_token;
use super::state::{DASHBOARDS, DashboardRecord};

const LISTED_MAX: usize = 1000;

pub(super) fn dashboard_arn(context: &Context, name: &str) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", context.account)
}

fn key(context: &Context, name: &str) -> Key {
    Key::new().text(&context.account).text(name)
}

/// The permission for an action on one dashboard.
pub(super) fn put_access() -> AccessRule<PutDashboardInput> {
    |_, context, input| {
        let arn = dashboard_arn(context, &input.dashboard_name);
        Ok(vec![Access::new("cloudwatch:PutDashboard", arn)])
    }
}

pub(super) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PutDashboardInput,
) -> Result<PutDashboardOutput> {
    if !input.tags.is_empty() {
        return Err(Error::not_implemented("cloudwatch: tags of dashboards"));
    }
    if let Err(message) = check(&input.dashboard_body) {
        let messages = json!([{ "Message": message }]);
        return Err(Error::new(
            "InvalidParameterInput",
            format!("The dashboard body is invalid, there are 1 validation errors: {messages}"),
        )
        .member("dashboardValidationMessages", messages));
    }
    let record = DashboardRecord {
        body: input.dashboard_body,
        modified: context.now,
    };
    tx.save(DASHBOARDS, key(context, &input.dashboard_name), &record)?;
    Ok(PutDashboardOutput {
        dashboard_validation_messages: Vec::new(),
    })
}

fn check(body: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(body)
        .map_err(|_| "The field DashboardBody must be a valid JSON object".to_owned())?;
    let widgets = document
        .as_object()
        .ok_or("The field DashboardBody must be a valid JSON object")?
        .get("widgets");
    let listed = widgets
        .and_then(Value::as_array)
        .ok_or("The \"widgets\" field is required and must be an array")?;
    match listed.iter().all(|widget| widget["type"].is_string()) {
        true => Ok(()),
        false => Err("The \"type\" field of a widget is required".to_owned()),
    }
}

fn missing(name: &str) -> Error {
    Error::new(
        "ResourceNotFound",
        format!("Dashboard {name} does not exist"),
    )
    .status(404)
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DashboardNameInput,
) -> Result<GetDashboardOutput> {
    let name = input.dashboard_name;
    let record: Option<DashboardRecord> = tx.load(DASHBOARDS, key(context, &name))?;
    Ok(GetDashboardOutput {
        dashboard_body: record.ok_or_else(|| missing(&name))?.body,
        dashboard_arn: dashboard_arn(context, &name),
        dashboard_name: name,
    })
}

/// All of them are there, or none is deleted.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: DashboardNamesInput,
) -> Result<Nothing> {
    for name in &input.dashboard_names {
        if tx.get(DASHBOARDS, key(context, name))?.is_none() {
            return Err(missing(name));
        }
    }
    for name in &input.dashboard_names {
        tx.delete(DASHBOARDS, key(context, name))?;
    }
    Ok(Nothing {})
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListDashboardsInput,
) -> Result<ListDashboardsOutput> {
    let beginning = input.dashboard_name_prefix.unwrap_or_default();
    let prefix = Key::new().text(&context.account);
    let mut entries = Vec::new();
    for pair in tx.prefix(DASHBOARDS, &prefix, Direction::Forward)? {
        let (key, value) = pair?;
        let name = KeyReader::new(&key[prefix.as_slice().len()..]).text();
        let name = name.ok_or_else(invalid_token)?;
        let is_after = input.next_token.as_ref().is_none_or(|last| name > *last);
        if is_after && name.starts_with(&beginning) {
            let record: DashboardRecord = decode(&value)?;
            entries.push(DashboardEntry {
                dashboard_arn: dashboard_arn(context, &name),
                dashboard_name: name,
                last_modified: record.modified.milliseconds() as f64 / 1000.0,
                size: record.body.len(),
            });
        }
    }
    let more = entries.len() > LISTED_MAX;
    entries.truncate(LISTED_MAX);
    Ok(ListDashboardsOutput {
        next_token: entries
            .last()
            .filter(|_| more)
            .map(|last| last.dashboard_name.clone()),
        dashboard_entries: entries,
    })
}
