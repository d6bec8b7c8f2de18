//! Canaries: a share of a stage's traffic tries another deployment, until it is promoted or given up.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/canary-release.html>

use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::super::errors::bad_request;
use super::super::state::{self, CanarySettings, Stage};
use super::patch::{Change, Op};
use super::stages::{no_setting, unknown_setting};

/// A canary runs a deployment that there is.
pub(super) fn check(tx: &Tx<'_>, api_id: &str, stage: &Stage) -> Result<()> {
    let Some(canary) = &stage.canary_settings else {
        return Ok(());
    };
    if state::deployment(tx, api_id, &canary.deployment_id)?.is_none() {
        return Err(bad_request("Deployment id does not exist"));
    }
    if !(0.0..=100.0).contains(&canary.percent_traffic) {
        return Err(bad_request(
            "Invalid canary percentTraffic, must be between 0.0 and 100.0",
        ));
    }
    Ok(())
}

/// The stage of a canary deployment, which must be there before it.
pub(super) fn stage(tx: &Tx<'_>, api_id: &str, name: Option<&str>) -> Result<Stage> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        let given = name.unwrap_or("null");
        return Err(bad_request(format!(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is {given}"
        )));
    };
    state::stage(tx, api_id, name)?.ok_or_else(|| {
        bad_request(format!(
            "Invalid deployment content specified.Stage {name} must already be created before making a canary release deployment"
        ))
    })
}

/// `copy` from the canary to its stage, which is the only copy there is.
pub(super) fn promote(stage: &mut Stage, change: &Change<'_>) -> Result<()> {
    const FROM: [&str; 2] = [
        "/canarySettings/deploymentId",
        "/canarySettings/stageVariableOverrides",
    ];
    let from = change.from.unwrap_or("null");
    if !matches!(change.path, "/deploymentId" | "/variables") || !FROM.contains(&from) {
        return Err(bad_request(format!(
            "Invalid copy operation with path: {} and from {from}. Valid copy:path are [/deploymentId, /variables] and valid copy:from are [{}]",
            change.path,
            FROM.join(", ")
        )));
    }
    let Some(canary) = &stage.canary_settings else {
        return Err(bad_request(
            "Promotion not available. Canary does not exist.",
        ));
    };
    match change.path {
        "/deploymentId" => stage.deployment_id.clone_from(&canary.deployment_id),
        _ => stage
            .variables
            .extend(canary.stage_variable_overrides.clone()),
    }
    Ok(())
}

/// A change below `/canarySettings`. Setting anything makes a canary of the stage's own deployment.
pub(super) fn patch(stage: &mut Stage, rest: &[&str], change: &Change<'_>) -> Result<()> {
    let known = matches!(
        rest,
        ["percentTraffic" | "deploymentId" | "useStageCache"] | ["stageVariableOverrides", _]
    );
    match (change.op, rest) {
        (Op::Remove, []) => {
            stage.canary_settings = None;
            return Ok(());
        }
        (Op::Replace, _) if !known => return Err(unknown_setting(change)),
        (Op::Replace, _) => {}
        (op, _) if known => {
            let (op, path) = (op.name(), change.path);
            return Err(bad_request(format!(
                "Invalid {op} operation with path: {path}"
            )));
        }
        _ => return Err(no_setting(change, change.path.trim_start_matches('/'))),
    }
    let canary = stage.canary_settings.get_or_insert_with(|| CanarySettings {
        deployment_id: stage.deployment_id.clone(),
        ..CanarySettings::default()
    });
    match rest {
        ["percentTraffic"] => canary.percent_traffic = change.number()?,
        ["useStageCache"] => canary.use_stage_cache = change.flag()?,
        ["stageVariableOverrides", name] => {
            let value = change.text().unwrap_or_default();
            canary
                .stage_variable_overrides
                .insert((*name).to_owned(), value);
        }
        _ => canary.deployment_id = change.text().unwrap_or_default(),
    }
    Ok(())
}
