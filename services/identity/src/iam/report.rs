//! The credential report: every user of the account with the state of its credentials, as a table.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::{Timestamp, Tx};

use super::api::credentials::{CredentialReportOutput, GenerateReportOutput};
use super::api::{HolderInput, seconds};
use super::policy::condition::iso_time;
use super::state::{AccessKeyRecord, CredentialReportRecord, UserRecord};
use super::{access_key, account, mfa, observed, user};

const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                      password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                      access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                      access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                      access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,\
                      cert_2_active,cert_2_last_rotated";
/// A report younger than this is given again instead of made anew.
const FRESH_S: i64 = 4 * 3600;

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateCredentialReport.html>
pub(super) fn generate(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<GenerateReportOutput> {
    let mut record = account::load(tx, context)?;
    if fresh(context, record.credential_report.as_ref()).is_some() {
        return Ok(GenerateReportOutput {
            state: "COMPLETE",
            description: None,
        });
    }
    record.credential_report = Some(CredentialReportRecord {
        made: context.now,
        text: made(tx, context)?,
    });
    account::save(tx, context, &record)?;
    Ok(GenerateReportOutput {
        state: "STARTED",
        description: Some("No report exists. Starting a new report generation task"),
    })
}

fn fresh<'a>(
    context: &Context,
    report: Option<&'a CredentialReportRecord>,
) -> Option<&'a CredentialReportRecord> {
    report.filter(|report| context.now < report.made.plus_s(FRESH_S))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html>
pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: HolderInput,
) -> Result<CredentialReportOutput> {
    let record = account::load(tx, context)?.credential_report;
    if record.is_some() && fresh(context, record.as_ref()).is_none() {
        let text = "The most recent credential report has expired. Generate a new one.";
        return Err(Error::new("ReportExpired", text).status(410));
    }
    let missing = || {
        let text = "No report exists. Please generate a report and try again.";
        Error::new("ReportNotPresent", text).status(410)
    };
    let report = record.ok_or_else(missing)?;
    Ok(CredentialReportOutput {
        content: STANDARD.encode(report.text),
        report_format: "text/csv",
        generated_time: seconds(report.made),
    })
}

fn made(tx: &Tx<'_>, context: &Context) -> Result<String> {
    let mut lines = vec![HEADER.to_owned(), root_line(context)];
    for user in user::all(tx, &context.account)? {
        lines.push(line(tx, &user)?);
    }
    Ok(lines.join("\n"))
}

/// The root user has no password and no keys here.
fn root_line(context: &Context) -> String {
    let account = &context.account;
    let mut cells = vec![
        "<root_account>".to_owned(),
        format!("arn:aws:iam::{account}:root"),
        "not_supported".into(),
        "not_supported".into(),
        "no_information".into(),
        "not_supported".into(),
        "not_supported".into(),
        "false".into(),
    ];
    cells.extend(key_cells(None, None));
    cells.extend(key_cells(None, None));
    cells.extend(certificate_cells());
    cells.join(",")
}

fn line(tx: &Tx<'_>, user: &UserRecord) -> Result<String> {
    let login = user.login.as_ref();
    let mut cells = vec![
        user.name.clone(),
        user.arn(),
        time(user.created),
        login.is_some().to_string(),
        login.map_or("N/A", |_| "no_information").to_owned(),
        login.map_or_else(|| "N/A".into(), |login| time(login.changed)),
        "N/A".into(),
        (!mfa::of_user(tx, user)?.is_empty()).to_string(),
    ];
    let keys = access_key::of_user(tx, user)?;
    for place in 0..2 {
        let key = keys.get(place);
        let used = match key {
            Some(key) => observed::last_used(tx, &key.id)?,
            None => None,
        };
        let used = used.map(|used| [time(used.at), used.region, used.service]);
        cells.extend(key_cells(key, used));
    }
    cells.extend(certificate_cells());
    Ok(cells.join(","))
}

fn key_cells(key: Option<&AccessKeyRecord>, used: Option<[String; 3]>) -> Vec<String> {
    let mut cells = vec![
        key.is_some_and(|key| key.active).to_string(),
        key.map_or_else(|| "N/A".into(), |key| time(key.created)),
    ];
    cells.extend(used.unwrap_or_else(|| ["N/A".into(), "N/A".into(), "N/A".into()]));
    cells
}

fn certificate_cells() -> [String; 4] {
    ["false".into(), "N/A".into(), "false".into(), "N/A".into()]
}

fn time(at: Timestamp) -> String {
    iso_time(at.seconds()).replace('Z', "+00:00")
}
