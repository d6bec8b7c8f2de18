//! Layers: archives that functions share, each version with a policy of its own.
//!
//! A function keeps the code of the layers it uses, also after their versions are deleted, as on AWS.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html>

use std::sync::Arc;

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::Result;
use cumulet_engine::provider::StoredCode;
use cumulet_identity::iam;
use cumulet_kernel::key::KeyReader;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx};
use serde_json::{Map, Value, json};

use super::api::{
    AddPermissionOutput, LayerContent, LayerInput, LayerItem, LayerPermissionInput,
    LayerVersionInput, LayerVersionOutput, ListLayerVersionsOutput, ListLayersInput,
    ListLayersOutput, PublishLayerVersionInput,
};
use super::configuration::iso_with_offset;
use super::state::{LAYER_NUMBERS, LAYERS, LayerRecord, LayerUse, PolicyRecord, region_prefix};
use super::{archive, code, errors, page, policy, resolve};

const LAYERS_MAX: usize = 5;

/// A layer, or one of its versions, by where it is and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LayerName {
    account: String,
    region: String,
    name: String,
    version: Option<u64>,
}

impl LayerName {
    /// Reads a `LayerName` member: a name, or the layer's ARN, with or without version.
    pub(super) fn parse(context: &Context, text: &str, version: Option<u64>) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, _, region, account, "layer", name, rest @ ..] => Self {
                account: (*account).to_owned(),
                region: (*region).to_owned(),
                name: (*name).to_owned(),
                version: version.or_else(|| rest.first().and_then(|number| number.parse().ok())),
            },
            _ => Self {
                account: context.account.to_string(),
                region: context.region.to_string(),
                name: text.to_owned(),
                version,
            },
        }
    }

    fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{}:{}:layer:{}",
            self.region, self.account, self.name
        )
    }

    fn version_arn(&self) -> String {
        match self.version {
            Some(version) => format!("{}:{version}", self.arn()),
            None => self.arn(),
        }
    }

    fn key(&self) -> Key {
        region_prefix(&self.account, &self.region).text(&self.name)
    }

    fn version_key(&self) -> Key {
        self.key().number(self.version.unwrap_or(0))
    }

    fn load(&self, tx: &Tx<'_>) -> Result<Option<LayerRecord>> {
        Ok(tx.load(LAYERS, self.version_key())?)
    }

    fn existing(&self, tx: &Tx<'_>) -> Result<LayerRecord> {
        if self.version == Some(0) {
            return Err(errors::invalid("Layer Version Cannot be less than 1"));
        }
        let missing = || errors::missing("The resource you requested does not exist.");
        self.load(tx)?.ok_or_else(missing)
    }
}

/// The permission for an action on a layer or layer version.
pub(super) fn access(tx: &Tx<'_>, action: &str, name: &LayerName) -> Result<Vec<Access>> {
    let policy = name.load(tx)?.map(|record| record.policy);
    let policy = policy.filter(|policy| !policy.statements.is_empty());
    let document = policy.map(|policy| Arc::from(resolve::policy_document(&policy)));
    let access = Access::new(action, name.version_arn()).governed_by(document, &name.account);
    Ok(vec![access])
}

/// PublishLayerVersion, with its content already in the store.
pub(super) fn publish(
    tx: &mut Tx<'_>,
    context: &Context,
    input: PublishLayerVersionInput,
    content: &StoredCode,
) -> Result<LayerVersionOutput> {
    let mut name = LayerName::parse(context, &input.layer_name, None);
    let number = tx.load::<u64>(LAYER_NUMBERS, name.key())?.unwrap_or(0) + 1;
    name.version = Some(number);
    let record = LayerRecord {
        version: number,
        description: input.description.unwrap_or_default(),
        license: input.license_info,
        runtimes: input.compatible_runtimes,
        architectures: input.compatible_architectures,
        created: context.now,
        content: content.clone(),
        policy: PolicyRecord::default(),
        policy_revision_id: context.ids.uuid(),
    };
    code::hold(tx, &name.account, content)?;
    tx.save(LAYER_NUMBERS, name.key(), &number)?;
    tx.save(LAYERS, name.version_key(), &record)?;
    Ok(answer(&name, &record))
}

fn answer(name: &LayerName, record: &LayerRecord) -> LayerVersionOutput {
    LayerVersionOutput {
        content: LayerContent {
            code_sha256: record.content.sha256_base64.clone(),
            code_size: record.content.size_bytes,
        },
        layer_arn: name.arn(),
        item: item(name, record),
    }
}

fn item(name: &LayerName, record: &LayerRecord) -> LayerItem {
    LayerItem {
        layer_version_arn: format!("{}:{}", name.arn(), record.version),
        version: record.version,
        description: record.description.clone(),
        created_date: iso_with_offset(record.created),
        compatible_runtimes: record.runtimes.clone(),
        compatible_architectures: record.architectures.clone(),
        license_info: record.license.clone(),
    }
}

pub(super) fn get(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerVersionInput,
) -> Result<LayerVersionOutput> {
    let name = input.name(context);
    Ok(answer(&name, &name.existing(tx)?))
}

impl LayerVersionInput {
    pub(super) fn name(&self, context: &Context) -> LayerName {
        let text = self.arn.as_deref().or(self.layer_name.as_deref());
        LayerName::parse(context, text.unwrap_or_default(), self.version_number)
    }
}

/// Deleting an absent version is no error; functions keep what they use of it.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerVersionInput,
) -> Result<Value> {
    let name = input.name(context);
    if let Some(record) = name.load(tx)? {
        tx.delete(LAYERS, name.version_key())?;
        code::release(
            tx,
            &context.located(&name.account, &name.region),
            &record.content,
        )?;
    }
    Ok(Value::Object(Map::new()))
}

/// The versions of a layer, the newest first.
fn versions(tx: &Tx<'_>, name: &LayerName) -> Result<Vec<LayerRecord>> {
    let mut keys = Vec::new();
    for pair in tx.prefix(LAYERS, name.key(), Direction::Backward)? {
        keys.push(pair?.0);
    }
    let mut versions = Vec::with_capacity(keys.len());
    for key in keys {
        versions.extend(tx.load::<LayerRecord>(LAYERS, key)?);
    }
    Ok(versions)
}

fn fits(record: &LayerRecord, runtime: Option<&str>, architecture: Option<&str>) -> bool {
    let names = |list: &Option<Vec<String>>, wanted: Option<&str>| {
        let Some(wanted) = wanted else { return true };
        list.as_ref()
            .is_some_and(|list| list.iter().any(|name| name == wanted))
    };
    names(&record.runtimes, runtime) && names(&record.architectures, architecture)
}

pub(super) fn list_versions(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerInput,
) -> Result<ListLayerVersionsOutput> {
    let name = LayerName::parse(context, &input.layer_name, None);
    let (runtime, architecture) = (
        input.compatible_runtime.as_deref(),
        input.compatible_architecture.as_deref(),
    );
    let before: u64 = match &input.marker {
        None => u64::MAX,
        Some(marker) => marker
            .parse()
            .map_err(|_| errors::invalid("Invalid pagination token"))?,
    };
    let mut found = versions(tx, &name)?;
    found.retain(|record| record.version < before && fits(record, runtime, architecture));
    let limit = input.max_items.unwrap_or(50).clamp(1, 50);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found
        .last()
        .filter(|_| more)
        .map(|record| record.version.to_string());
    Ok(ListLayerVersionsOutput {
        next_marker: last,
        layer_versions: found.iter().map(|record| item(&name, record)).collect(),
    })
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListLayersInput,
) -> Result<ListLayersOutput> {
    let prefix = region_prefix(&context.account, &context.region);
    let page = page::of::<u64>(
        tx,
        LAYER_NUMBERS,
        &prefix,
        input.marker.as_deref(),
        input.max_items,
    )?;
    let mut layers = Vec::new();
    for (key, _) in page.records {
        let text = KeyReader::new(&key[prefix.as_slice().len()..]).text();
        let name = LayerName::parse(context, &text.unwrap_or_default(), None);
        let (runtime, architecture) = (
            input.compatible_runtime.as_deref(),
            input.compatible_architecture.as_deref(),
        );
        let newest = versions(tx, &name)?
            .into_iter()
            .find(|record| fits(record, runtime, architecture));
        layers.extend(newest.map(|record| {
            json!({
                "LayerName": name.name,
                "LayerArn": name.arn(),
                "LatestMatchingVersion": item(&name, &record),
            })
        }));
    }
    Ok(ListLayersOutput {
        next_marker: page.next,
        layers,
    })
}

/// The layers a function asks for, checked and read as the caller.
pub(super) fn chosen(tx: &Tx<'_>, context: &Context, arns: &[String]) -> Result<Vec<LayerUse>> {
    if arns.len() > LAYERS_MAX {
        return Err(errors::invalid("Cannot reference more than 5 layers."));
    }
    let mut chosen: Vec<(LayerName, LayerUse)> = Vec::new();
    for arn in arns {
        let name = LayerName::parse(context, arn, None);
        if *name.region != *context.region {
            return Err(errors::invalid(format!(
                "Layers are not in the same region as the function. Layers are expected to be in region {}.",
                context.region
            )));
        }
        iam::authorise(tx, context, &access(tx, "lambda:GetLayerVersion", &name)?)?;
        let record = name
            .load(tx)?
            .ok_or_else(|| errors::invalid(format!("Layer version {arn} does not exist.")))?;
        if let Some((_, other)) = chosen.iter().find(|(other, _)| other.arn() == name.arn()) {
            return Err(errors::invalid(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same \
                 function. {} and {arn} are versions of the same layer.",
                other.arn
            )));
        }
        let layer = LayerUse {
            arn: arn.clone(),
            account: name.account.clone(),
            content: record.content,
        };
        chosen.push((name, layer));
    }
    Ok(chosen.into_iter().map(|(_, layer)| layer).collect())
}

/// A function and its layers together must not be too large unpacked.
pub(super) fn check_size(code: &StoredCode, layers: &[LayerUse]) -> Result<()> {
    let layers = layers.iter().map(|layer| layer.content.unpacked_bytes);
    let total = code.unpacked_bytes.saturating_add(layers.sum());
    if total < archive::UNZIPPED_BYTES_MAX {
        return Ok(());
    }
    Err(errors::unzipped_too_large())
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddLayerVersionPermission.html>
pub(super) fn add_permission(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerPermissionInput,
) -> Result<AddPermissionOutput> {
    let name = LayerName::parse(context, &input.layer_name, Some(input.version_number));
    let mut record = existing_for_policy(tx, &name)?;
    check_revision(input.revision_id.as_deref(), &record)?;
    let principal = policy::principal(input.principal.as_deref().unwrap_or_default())?;
    let sid = &input.statement_id;
    if policy::position(&record.policy, sid).is_some() {
        return Err(errors::conflict(format!(
            "The statement id ({sid}) provided already exists. \
             Please provide a new statement id, or remove the existing statement."
        )));
    }
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal,
        "Action": input.action.unwrap_or_default(), "Resource": name.version_arn(),
    });
    if let Some(organization) = input.organization_id {
        statement["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": organization } });
    }
    record.policy.statements.push(statement.clone());
    record.policy_revision_id = context.ids.uuid();
    tx.save(LAYERS, name.version_key(), &record)?;
    Ok(AddPermissionOutput {
        statement: statement.to_string(),
        revision_id: Some(record.policy_revision_id),
    })
}

fn existing_for_policy(tx: &Tx<'_>, name: &LayerName) -> Result<LayerRecord> {
    let arn = name.version_arn();
    name.load(tx)?
        .ok_or_else(|| errors::missing(format!("Layer version {arn} does not exist.")))
}

fn check_revision(given: Option<&str>, record: &LayerRecord) -> Result<()> {
    match given {
        Some(given) if given != record.policy_revision_id => {
            Err(errors::stale_revision("GetLayerPolicy"))
        }
        _ => Ok(()),
    }
}

pub(super) fn get_policy(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerVersionInput,
) -> Result<Value> {
    let name = input.name(context);
    let record = existing_for_policy(tx, &name)?;
    if record.policy.statements.is_empty() {
        return Err(errors::missing(
            "No policy is associated with the given resource.",
        ));
    }
    Ok(json!({
        "Policy": resolve::policy_document(&record.policy),
        "RevisionId": record.policy_revision_id,
    }))
}

pub(super) fn remove_permission(
    tx: &mut Tx<'_>,
    context: &Context,
    input: LayerPermissionInput,
) -> Result<Value> {
    let name = LayerName::parse(context, &input.layer_name, Some(input.version_number));
    let mut record = existing_for_policy(tx, &name)?;
    if record.policy.statements.is_empty() {
        return Err(errors::missing(
            "No policy is associated with the given resource.",
        ));
    }
    let sid = &input.statement_id;
    let position = policy::position(&record.policy, sid).ok_or_else(|| {
        errors::missing(format!("Statement {sid} is not found in resource policy."))
    })?;
    check_revision(input.revision_id.as_deref(), &record)?;
    record.policy.statements.remove(position);
    record.policy_revision_id = context.ids.uuid();
    tx.save(LAYERS, name.version_key(), &record)?;
    Ok(Value::Object(Map::new()))
}
