//! Stages: a deployment under a name, with settings of its own.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::operation::Operation;
use cumulet_kernel::Tx;
use cumulet_wire::Timestamp;
use serde::Serialize;

use super::super::api::{CreateStageInput, Nothing, Patch, Target};
use super::super::errors::{bad_request, conflict, no_stage};
use super::super::state::{self, AccessLogSettings, MethodSetting, Place, Stage};
use super::patch::{self, Change, Op};
use super::{canary, manage};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateStage",
            |_, context, input: &CreateStageInput| {
                manage(
                    context,
                    "POST",
                    &format!("/restapis/{}/stages", input.rest_api_id),
                )
            },
            create_stage,
        ),
        Operation::read(
            "GetStage",
            |_, context, input| on_stage(context, "GET", input),
            get_stage,
        ),
        Operation::read(
            "GetStages",
            |_, context, input: &Target| {
                manage(
                    context,
                    "GET",
                    &format!("/restapis/{}/stages", input.rest_api_id),
                )
            },
            get_stages,
        ),
        Operation::write(
            "UpdateStage",
            |_, context, input: &Patch| on_stage(context, "PATCH", &input.target),
            update_stage,
        ),
        Operation::write(
            "DeleteStage",
            |_, context, input| on_stage(context, "DELETE", input),
            delete_stage,
        ),
    ]
}

/// `GetStages` is not paged.
#[derive(Debug, Serialize)]
struct Stages {
    item: Vec<Stage>,
}

fn on_stage(
    context: &Context,
    method: &str,
    target: &Target,
) -> Result<Vec<cumulet_engine::Access>> {
    manage(
        context,
        method,
        &format!(
            "/restapis/{}/stages/{}",
            target.rest_api_id, target.stage_name
        ),
    )
}

/// A stage before anything is set.
pub(super) fn new_stage(
    context: &Context,
    name: &str,
    description: Option<String>,
) -> Result<Stage> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    let now = Timestamp::from_seconds(context.now.seconds());
    Ok(Stage {
        stage_name: name.to_owned(),
        description,
        cache_cluster_status: "NOT_AVAILABLE".to_owned(),
        created_date: now,
        last_updated_date: now,
        ..Stage::default()
    })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html>
fn create_stage(tx: &mut Tx<'_>, context: &Context, input: CreateStageInput) -> Result<Stage> {
    if input.cache_cluster_enabled {
        return Err(Error::not_implemented(
            "apigateway:CreateStage with a cache",
        ));
    }
    state::api(tx, Place::of(context), &input.rest_api_id)?;
    if state::deployment(tx, &input.rest_api_id, &input.deployment_id)?.is_none() {
        return Err(bad_request("Deployment id does not exist"));
    }
    if state::stage(tx, &input.rest_api_id, &input.stage_name)?.is_some() {
        return Err(conflict("Stage already exists"));
    }
    let stage = Stage {
        deployment_id: input.deployment_id,
        variables: input.variables,
        documentation_version: input.documentation_version,
        tracing_enabled: input.tracing_enabled,
        tags: input.tags,
        canary_settings: input.canary_settings,
        ..new_stage(context, &input.stage_name, input.description)?
    };
    canary::check(tx, &input.rest_api_id, &stage)?;
    state::save_stage(tx, &input.rest_api_id, &stage)?;
    Ok(stage)
}

fn load(tx: &Tx<'_>, context: &Context, target: &Target) -> Result<Stage> {
    state::api(tx, Place::of(context), &target.rest_api_id)?;
    state::stage(tx, &target.rest_api_id, &target.stage_name)?.ok_or_else(no_stage)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetStage.html>
fn get_stage(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Stage> {
    load(tx, context, &input)
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetStages.html>
fn get_stages(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Stages> {
    state::api(tx, Place::of(context), &input.rest_api_id)?;
    let mut item = state::stages(tx, &input.rest_api_id)?;
    item.retain(|stage| {
        input.deployment_id.is_empty() || stage.deployment_id == input.deployment_id
    });
    Ok(Stages { item })
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteStage.html>
fn delete_stage(tx: &mut Tx<'_>, context: &Context, input: Target) -> Result<Nothing> {
    load(tx, context, &input)?;
    state::forget_stages(tx, Place::of(context), |known| {
        known.api_id == input.rest_api_id && known.stage == input.stage_name
    })?;
    state::delete_stage(tx, &input.rest_api_id, &input.stage_name)?;
    Ok(Nothing {})
}

/// <https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateStage.html>
fn update_stage(tx: &mut Tx<'_>, context: &Context, input: Patch) -> Result<Stage> {
    let mut stage = load(tx, context, &input.target)?;
    patch::each_with_copy(&input.patch_operations, |change| {
        patch_stage(&mut stage, change)
    })?;
    check_logging(tx, context, &stage)?;
    if state::deployment(tx, &input.target.rest_api_id, &stage.deployment_id)?.is_none() {
        return Err(bad_request("Deployment id does not exist"));
    }
    canary::check(tx, &input.target.rest_api_id, &stage)?;
    stage.last_updated_date = Timestamp::from_seconds(context.now.seconds());
    state::save_stage(tx, &input.target.rest_api_id, &stage)?;
    Ok(stage)
}

/// Logs of executions are written as the account's role, so there must be one.
fn check_logging(tx: &Tx<'_>, context: &Context, stage: &Stage) -> Result<()> {
    let logs = |setting: &MethodSetting| {
        !matches!(setting.logging_level.as_deref(), None | Some("OFF" | ""))
    };
    let wanted = stage.method_settings.values().any(logs) || stage.access_log_settings.is_some();
    let account = state::account(tx, Place::of(context))?;
    if wanted && account.cloudwatch_role_arn.is_none() {
        return Err(bad_request(
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
        ));
    }
    Ok(())
}

fn patch_stage(stage: &mut Stage, change: &Change<'_>) -> Result<()> {
    let segments = change.segments();
    match segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        _ if change.op == Op::Copy => canary::promote(stage, change)?,
        ["canarySettings", rest @ ..] => canary::patch(stage, rest, change)?,
        ["deploymentId"] => stage.deployment_id = change.text().unwrap_or_default(),
        ["description"] => stage.description = change.text(),
        ["documentationVersion"] => stage.documentation_version = change.text(),
        ["tracingEnabled"] => stage.tracing_enabled = change.flag()?,
        ["variables", name] => match change.text() {
            Some(value) => drop(stage.variables.insert((*name).to_owned(), value)),
            None => drop(stage.variables.remove(*name)),
        },
        ["accessLogSettings"] if change.op == Op::Remove => stage.access_log_settings = None,
        ["accessLogSettings", member] => patch_access_log(stage, member, change)?,
        [
            "cacheClusterEnabled" | "cacheClusterSize" | "clientCertificateId",
            ..,
        ] => {
            return Err(Error::not_implemented(format!(
                "apigateway:UpdateStage of {}",
                change.path
            )));
        }
        [resource, method] if change.op == Op::Remove => {
            let key = setting_key(resource, method);
            if stage.method_settings.remove(&key).is_none() {
                return Err(no_setting(change, &key));
            }
        }
        [resource, method, group, setting] => {
            let setting_of = stage
                .method_settings
                .entry(setting_key(resource, method))
                .or_default();
            patch_setting(setting_of, &format!("{group}/{setting}"), change)?;
        }
        _ => return Err(unknown_setting(change)),
    }
    Ok(())
}

/// `~1upload` and `POST` become `upload/POST`; `*` stands for all.
fn setting_key(resource: &str, method: &str) -> String {
    format!("{}/{method}", resource.trim_start_matches('/'))
}

fn patch_access_log(stage: &mut Stage, member: &str, change: &Change<'_>) -> Result<()> {
    let settings = stage
        .access_log_settings
        .get_or_insert_with(AccessLogSettings::default);
    let value = change.text().filter(|value| !value.is_empty());
    match member {
        "destinationArn" | "format" if value.is_none() => {
            Err(bad_request("Access Log value must not be empty"))
        }
        "destinationArn" => {
            settings.destination_arn = value;
            Ok(())
        }
        "format" => {
            settings.format = value;
            Ok(())
        }
        _ => Err(bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        )),
    }
}

fn patch_setting(setting: &mut MethodSetting, path: &str, change: &Change<'_>) -> Result<()> {
    match path {
        "metrics/enabled" => setting.metrics_enabled = change.flag()?,
        "logging/dataTrace" => setting.data_trace_enabled = change.flag()?,
        "logging/loglevel" => match change.value {
            Some("OFF" | "ERROR" | "INFO") => setting.logging_level = change.text(),
            _ => {
                return Err(bad_request(
                    "Invalid log level specified. Valid values are OFF, ERROR, INFO",
                ));
            }
        },
        "throttling/burstLimit" => setting.throttling_burst_limit = change.number()?,
        "throttling/rateLimit" => setting.throttling_rate_limit = change.number()?,
        "caching/enabled" if change.flag()? => {
            return Err(Error::not_implemented(
                "apigateway:UpdateStage with a cache",
            ));
        }
        "caching/enabled" => setting.caching_enabled = false,
        "caching/ttlInSeconds" => setting.cache_ttl_in_seconds = change.number()?,
        "caching/dataEncrypted" => setting.cache_data_encrypted = change.flag()?,
        "caching/requireAuthorizationForCacheControl" => {
            setting.require_authorization_for_cache_control = change.flag()?;
        }
        "caching/unauthorizedCacheControlHeaderStrategy" => {
            setting.unauthorized_cache_control_header_strategy = change.text().unwrap_or_default();
        }
        _ => return Err(unknown_setting(change)),
    }
    Ok(())
}

const SETTING_PATHS: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled]";

/// What is said of a setting that is not there.
pub(super) fn no_setting(change: &Change<'_>, key: &str) -> Error {
    let op = change.op.name();
    bad_request(format!(
        "Cannot {op} method setting {key} because there is no method setting for this method "
    ))
}

pub(super) fn unknown_setting(change: &Change<'_>) -> Error {
    bad_request(format!(
        "Invalid method setting path: {}. Must be one of: {SETTING_PATHS}",
        change.path
    ))
}
