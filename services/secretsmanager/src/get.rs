//! Reading values. That a secret was read is kept to the day, so only the first reading of a day writes.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::page::page_by_name;
use cumulet_identity::iam;
use cumulet_kernel::{Timestamp, Tx};

use super::api::{BatchError, BatchInput, BatchOutput, GetInput, ValueOutput, seconds};
use super::error::{invalid_parameter, invalid_request, invalid_token, no_value};
use super::sealing::{self, Value};
use super::state::{SECRETS, SecretRecord, VERSIONS, VersionRecord};
use super::version::CURRENT;
use super::{describe, secret};

const DAY_MS: i64 = 86_400_000;
const BATCH_PAGE: usize = 20;

/// A version found and opened.
pub(super) struct Read {
    pub(super) secret: SecretRecord,
    pub(super) version: VersionRecord,
    pub(super) value: Value,
}

impl Read {
    fn output(&self) -> ValueOutput {
        let (text, binary) = match &self.value {
            Value::Text(text) => (Some(text.clone()), None),
            Value::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
        };
        ValueOutput {
            arn: self.secret.arn(),
            name: self.secret.name.clone(),
            version_id: self.version.id.clone(),
            secret_binary: binary,
            secret_string: text,
            version_stages: self.secret.stages_of(&self.version.id),
            created_date: seconds(self.version.created),
        }
    }

    fn first_today(&self, today: Timestamp) -> bool {
        self.secret.accessed_day != Some(today) || self.version.accessed_day != Some(today)
    }
}

fn day(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(DAY_MS))
}

fn access(tx: &Tx<'_>, context: &Context, input: &GetInput) -> Result<Access> {
    let mut access = secret::access(tx, context, "GetSecretValue", &input.secret_id)?;
    let stage = input.version_stage.as_deref();
    if let Some(version) = &input.version_id {
        access = access.condition("secretsmanager:VersionId", version);
    }
    let stage = stage.or((input.version_id.is_none()).then_some(CURRENT));
    Ok(match stage {
        Some(stage) => access.condition("secretsmanager:VersionStage", stage),
        None => access,
    })
}

/// Reads one version, authorised as the context's principal.
pub(super) fn read(tx: &Tx<'_>, context: &Context, input: &GetInput) -> Result<Read> {
    iam::authorise(tx, context, &[access(tx, context, input)?])?;
    let secret = secret::living(tx, context, &input.secret_id)?;
    let id = version_id(&secret, input)?;
    let missing = || match (&input.version_id, &input.version_stage) {
        (Some(id), _) => no_value(format_args!("VersionId: {id}")),
        (None, stage) => {
            let stage = stage.as_deref().unwrap_or(CURRENT);
            no_value(format_args!("staging label: {stage}"))
        }
    };
    let version = match id {
        Some(id) => tx.load::<VersionRecord>(VERSIONS, secret.version_key(&id))?,
        None => None,
    };
    let version = version.ok_or_else(missing)?;
    let sealed = version.value.as_ref().ok_or_else(missing)?;
    let value = sealing::open(tx, context, &secret, &version.id, sealed)?;
    Ok(Read {
        secret,
        version,
        value,
    })
}

fn version_id(secret: &SecretRecord, input: &GetInput) -> Result<Option<String>> {
    let stage = input.version_stage.as_deref();
    let Some(id) = &input.version_id else {
        return Ok(secret.stages.get(stage.unwrap_or(CURRENT)).cloned());
    };
    match stage {
        Some(stage) if secret.stages.get(stage) != Some(id) => Err(invalid_request(
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )),
        _ => Ok(Some(id.clone())),
    }
}

pub(super) fn get_secret_value(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetInput,
) -> Result<ValueOutput> {
    let read = read(tx, context, &input)?;
    note_reading(tx, context, &read)?;
    Ok(read.output())
}

/// Nothing is written where the day is known already: then the reading costs no flush.
fn note_reading(tx: &mut Tx<'_>, context: &Context, read: &Read) -> Result<()> {
    let today = day(context.now);
    if !tx.is_writable() || !read.first_today(today) {
        return Ok(());
    }
    note_day(tx, read, today)
}

fn note_day(tx: &mut Tx<'_>, read: &Read, today: Timestamp) -> Result<()> {
    if let Some(mut secret) = tx.load::<SecretRecord>(SECRETS, read.secret.key())? {
        secret.accessed_day = Some(today);
        tx.save(SECRETS, secret.key(), &secret)?;
    }
    let at = read.secret.version_key(&read.version.id);
    if let Some(mut version) = tx.load::<VersionRecord>(VERSIONS, &at)? {
        version.accessed_day = Some(today);
        tx.save(VERSIONS, at, &version)?;
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
pub(super) fn batch_get_secret_value(
    tx: &mut Tx<'_>,
    context: &Context,
    input: BatchInput,
) -> Result<BatchOutput> {
    let (read, output) = batch(tx, context, input)?;
    for read in &read {
        note_reading(tx, context, read)?;
    }
    Ok(output)
}

fn batch(tx: &Tx<'_>, context: &Context, input: BatchInput) -> Result<(Vec<Read>, BatchOutput)> {
    let (ids, next_token) = asked(tx, context, input)?;
    let mut read_values = Vec::new();
    let mut errors = Vec::new();
    for secret_id in ids {
        let input = GetInput {
            secret_id,
            version_id: None,
            version_stage: None,
        };
        match read(tx, context, &input) {
            Ok(read) => read_values.push(read),
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => errors.push(BatchError {
                error_code: match error.is_access_denied() {
                    true => "AccessDeniedException".into(),
                    false => error.code.into_owned(),
                },
                message: error.message,
                secret_id: input.secret_id,
            }),
        }
    }
    let secret_values = read_values.iter().map(Read::output).collect();
    Ok((
        read_values,
        BatchOutput {
            secret_values,
            next_token,
            errors,
        },
    ))
}

fn asked(
    tx: &Tx<'_>,
    context: &Context,
    input: BatchInput,
) -> Result<(Vec<String>, Option<String>)> {
    match (input.secret_id_list.is_empty(), input.filters.is_empty()) {
        (false, true) => return Ok((input.secret_id_list, None)),
        (true, false) => {}
        _ => {
            return Err(invalid_parameter(
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ));
        }
    }
    iam::authorise(
        tx,
        context,
        &[Access::new("secretsmanager:ListSecrets", "*")],
    )?;
    let matching = describe::matching(tx, context, &input.filters, false)?;
    let name = |secret: &SecretRecord| secret.name.clone();
    let limit = input.max_results.unwrap_or(BATCH_PAGE);
    let page = page_by_name(matching, name, input.next_token.as_deref(), limit);
    let page = page.ok_or_else(invalid_token)?;
    Ok((
        page.items.iter().map(SecretRecord::arn).collect(),
        page.next_token,
    ))
}
