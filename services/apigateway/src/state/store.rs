//! Where the records lie, and reading and writing them.

use cumulet_engine::error::Result;
use cumulet_kernel::{Key, Table, Tx};
use serde::{Deserialize, Serialize};

use super::super::errors;
use super::{Account, Api, ApiKey, ApiStage, Deployment, Stage, StoredPlan};

/// (account, region, api id) -> [`Api`]
const APIS: Table = Table::new(1301, "apigateway.apis");
/// (api id) -> [`Owner`]
const OWNERS: Table = Table::new(1302, "apigateway.owners");
/// (api id, deployment id) -> [`Deployment`]
const DEPLOYMENTS: Table = Table::new(1303, "apigateway.deployments");
/// (api id, stage name) -> [`Stage`]
const STAGES: Table = Table::new(1304, "apigateway.stages");
/// (account, region, plan id) -> [`UsagePlan`]
const USAGE_PLANS: Table = Table::new(1305, "apigateway.usage_plans");
/// (account, region, key id) -> [`ApiKey`]
const API_KEYS: Table = Table::new(1306, "apigateway.api_keys");
/// (account, region) -> [`Account`]
const ACCOUNTS: Table = Table::new(1307, "apigateway.accounts");
/// (account, region, plan id, key id, `2026-11-21`) -> requests made, big-endian
pub(in super::super) const USAGE: Table = Table::new(1308, "apigateway.usage");
/// (account, region, plan id, key id, first day of the period) -> requests granted beyond the quota
pub(in super::super) const USAGE_EXTENSIONS: Table =
    Table::new(1309, "apigateway.usage_extensions");

/// (api id, stage name) -> how often the answers of its authorizers were flushed, big-endian
const AUTHORIZER_FLUSHES: Table = Table::new(1310, "apigateway.authorizer_flushes");

pub(crate) const TABLES: &[Table] = &[
    APIS,
    OWNERS,
    DEPLOYMENTS,
    STAGES,
    USAGE_PLANS,
    API_KEYS,
    ACCOUNTS,
    USAGE,
    USAGE_EXTENSIONS,
    AUTHORIZER_FLUSHES,
];

/// Where an API lives: requests name only its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct Owner {
    pub(in super::super) account: String,
    pub(in super::super) region: String,
}

/// Records of an account in a region.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Place<'a> {
    pub(in super::super) account: &'a str,
    pub(in super::super) region: &'a str,
}

impl<'a> Place<'a> {
    pub(in super::super) fn of(context: &'a cumulet_engine::Context) -> Self {
        Self {
            account: &context.account,
            region: &context.region,
        }
    }

    fn key(self) -> Key {
        Key::new().text(self.account).text(self.region)
    }
}

pub(in super::super) fn api(tx: &Tx<'_>, place: Place<'_>, id: &str) -> Result<Api> {
    tx.load(APIS, place.key().text(id))?
        .ok_or_else(|| errors::no_api(place.account, id))
}

pub(in super::super) fn save_api(tx: &mut Tx<'_>, place: Place<'_>, api: &Api) -> Result<()> {
    let owner = Owner {
        account: place.account.to_owned(),
        region: place.region.to_owned(),
    };
    tx.save(OWNERS, Key::new().text(&api.settings.id), &owner)?;
    Ok(tx.save(APIS, place.key().text(&api.settings.id), api)?)
}

pub(in super::super) fn delete_api(tx: &mut Tx<'_>, place: Place<'_>, id: &str) -> Result<()> {
    let of_api = Key::new().text(id);
    for table in [DEPLOYMENTS, STAGES, AUTHORIZER_FLUSHES] {
        for key in keys(tx, table, &of_api)? {
            tx.delete(table, key)?;
        }
    }
    forget_stages(tx, place, |stage| stage.api_id == id)?;
    tx.delete(OWNERS, &of_api)?;
    Ok(tx.delete(APIS, place.key().text(id))?)
}

/// Takes stages that are gone out of the usage plans.
pub(in super::super) fn forget_stages(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    is_gone: impl Fn(&ApiStage) -> bool,
) -> Result<()> {
    for mut stored in usage_plans(tx, place)? {
        let before = stored.plan.api_stages.len();
        stored.plan.api_stages.retain(|stage| !is_gone(stage));
        if stored.plan.api_stages.len() != before {
            save_usage_plan(tx, place, &stored)?;
        }
    }
    Ok(())
}

pub(in super::super) fn apis(tx: &Tx<'_>, place: Place<'_>) -> Result<Vec<Api>> {
    all(tx, APIS, &place.key())
}

pub(in super::super) fn owner(tx: &Tx<'_>, api_id: &str) -> Result<Option<Owner>> {
    Ok(tx.load(OWNERS, Key::new().text(api_id))?)
}

pub(in super::super) fn deployment(
    tx: &Tx<'_>,
    api_id: &str,
    id: &str,
) -> Result<Option<Deployment>> {
    Ok(tx.load(DEPLOYMENTS, Key::new().text(api_id).text(id))?)
}

pub(in super::super) fn save_deployment(
    tx: &mut Tx<'_>,
    api_id: &str,
    deployment: &Deployment,
) -> Result<()> {
    Ok(tx.save(
        DEPLOYMENTS,
        Key::new().text(api_id).text(&deployment.id),
        deployment,
    )?)
}

pub(in super::super) fn delete_deployment(tx: &mut Tx<'_>, api_id: &str, id: &str) -> Result<()> {
    Ok(tx.delete(DEPLOYMENTS, Key::new().text(api_id).text(id))?)
}

pub(in super::super) fn deployments(tx: &Tx<'_>, api_id: &str) -> Result<Vec<Deployment>> {
    all(tx, DEPLOYMENTS, &Key::new().text(api_id))
}

pub(in super::super) fn stage(tx: &Tx<'_>, api_id: &str, name: &str) -> Result<Option<Stage>> {
    Ok(tx.load(STAGES, Key::new().text(api_id).text(name))?)
}

pub(in super::super) fn save_stage(tx: &mut Tx<'_>, api_id: &str, stage: &Stage) -> Result<()> {
    Ok(tx.save(
        STAGES,
        Key::new().text(api_id).text(&stage.stage_name),
        stage,
    )?)
}

pub(in super::super) fn delete_stage(tx: &mut Tx<'_>, api_id: &str, name: &str) -> Result<()> {
    Ok(tx.delete(STAGES, Key::new().text(api_id).text(name))?)
}

pub(in super::super) fn stages(tx: &Tx<'_>, api_id: &str) -> Result<Vec<Stage>> {
    all(tx, STAGES, &Key::new().text(api_id))
}

pub(in super::super) fn authorizer_flushes(tx: &Tx<'_>, api_id: &str, stage: &str) -> Result<u64> {
    let stored = tx.get(AUTHORIZER_FLUSHES, &Key::new().text(api_id).text(stage))?;
    let number = stored.and_then(|bytes| bytes.try_into().ok());
    Ok(number.map_or(0, u64::from_be_bytes))
}

pub(in super::super) fn count_authorizer_flush(
    tx: &mut Tx<'_>,
    api_id: &str,
    stage: &str,
) -> Result<()> {
    let next = authorizer_flushes(tx, api_id, stage)? + 1;
    let key = Key::new().text(api_id).text(stage);
    Ok(tx.put(AUTHORIZER_FLUSHES, &key, next.to_be_bytes().to_vec())?)
}

pub(in super::super) fn usage_plan(tx: &Tx<'_>, place: Place<'_>, id: &str) -> Result<StoredPlan> {
    tx.load(USAGE_PLANS, place.key().text(id))?
        .ok_or_else(|| errors::not_found("Invalid Usage Plan ID specified"))
}

pub(in super::super) fn save_usage_plan(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    stored: &StoredPlan,
) -> Result<()> {
    Ok(tx.save(USAGE_PLANS, place.key().text(&stored.plan.id), stored)?)
}

pub(in super::super) fn delete_usage_plan(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    id: &str,
) -> Result<()> {
    Ok(tx.delete(USAGE_PLANS, place.key().text(id))?)
}

pub(in super::super) fn usage_plans(tx: &Tx<'_>, place: Place<'_>) -> Result<Vec<StoredPlan>> {
    all(tx, USAGE_PLANS, &place.key())
}

pub(in super::super) fn api_key(tx: &Tx<'_>, place: Place<'_>, id: &str) -> Result<ApiKey> {
    tx.load(API_KEYS, place.key().text(id))?
        .ok_or_else(|| errors::not_found("Invalid API Key identifier specified"))
}

pub(in super::super) fn save_api_key(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    key: &ApiKey,
) -> Result<()> {
    Ok(tx.save(API_KEYS, place.key().text(&key.id), key)?)
}

pub(in super::super) fn delete_api_key(tx: &mut Tx<'_>, place: Place<'_>, id: &str) -> Result<()> {
    Ok(tx.delete(API_KEYS, place.key().text(id))?)
}

pub(in super::super) fn api_keys(tx: &Tx<'_>, place: Place<'_>) -> Result<Vec<ApiKey>> {
    all(tx, API_KEYS, &place.key())
}

pub(in super::super) fn account(tx: &Tx<'_>, place: Place<'_>) -> Result<Account> {
    Ok(tx.load(ACCOUNTS, place.key())?.unwrap_or_default())
}

pub(in super::super) fn save_account(
    tx: &mut Tx<'_>,
    place: Place<'_>,
    account: &Account,
) -> Result<()> {
    Ok(tx.save(ACCOUNTS, place.key(), account)?)
}

fn all<T: serde::de::DeserializeOwned>(tx: &Tx<'_>, table: Table, prefix: &Key) -> Result<Vec<T>> {
    keys(tx, table, prefix)?
        .into_iter()
        .filter_map(|key| tx.load(table, key).transpose())
        .map(|found| Ok(found?))
        .collect()
}

fn keys(tx: &Tx<'_>, table: Table, prefix: &Key) -> Result<Vec<Vec<u8>>> {
    let pairs = tx.prefix(table, prefix, cumulet_kernel::store::Direction::Forward)?;
    pairs.map(|pair| Ok(pair?.0)).collect()
}
