//! Which requests are traced: rules, and each client's share of their reservoirs.
//!
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html>

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::arn::{self, Arn};
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::store::{Direction, decode};
use cumulet_kernel::{Timestamp, Tx};

use super::api::{
    CreateSamplingRuleInput, GetSamplingTargetsInput, GetSamplingTargetsOutput, PageInput,
    RuleNameInput, SamplingRule, SamplingRuleOutput, SamplingRuleRecord, SamplingRulesOutput,
    SamplingTarget, UnprocessedStatistics, UpdateSamplingRuleInput,
};
use super::state::{CLIENTS, RULES, RuleRecord, region_key};
use super::{invalid, not_built_tags};

const DEFAULT: &str = "Default";
const RULES_MAX: usize = 25;
/// How often clients ask; and how long one counts that has asked.
const INTERVAL_S: u32 = 10;
const CLIENT_S: i64 = 30;

pub(super) fn list(
    tx: &mut Tx<'_>,
    context: &Context,
    _input: PageInput,
) -> Result<SamplingRulesOutput> {
    let mut rules = stored(tx, context)?;
    if !rules
        .iter()
        .any(|rule| rule.rule.rule_name.as_deref() == Some(DEFAULT))
    {
        rules.push(default_rule(context));
    }
    rules.sort_by_key(|rule| rule.rule.priority);
    Ok(SamplingRulesOutput {
        sampling_rule_records: rules.into_iter().map(shown).collect(),
    })
}

fn stored(tx: &Tx<'_>, context: &Context) -> Result<Vec<RuleRecord>> {
    let rules = tx.prefix(RULES, region_key(context), Direction::Forward)?;
    rules.map(|pair| Ok(decode(&pair?.1)?)).collect()
}

fn rule_arn(context: &Context, name: &str) -> String {
    arn::regional(context, "xray", format_args!("sampling-rule/{name}"))
}

/// One request a second, and five in a hundred of the others.
fn default_rule(context: &Context) -> RuleRecord {
    let any = || "*".to_owned();
    let rule = SamplingRule {
        rule_name: Some(DEFAULT.to_owned()),
        rule_arn: Some(rule_arn(context, DEFAULT)),
        resource_arn: any(),
        priority: 10_000,
        fixed_rate: 0.05,
        reservoir_size: 1,
        service_name: any(),
        service_type: any(),
        host: any(),
        http_method: any(),
        url_path: any(),
        version: 1,
        attributes: BTreeMap::new(),
    };
    RuleRecord {
        rule,
        created: Timestamp(0),
        modified: Timestamp(0),
    }
}

fn shown(record: RuleRecord) -> SamplingRuleRecord {
    let seconds = |at: Timestamp| at.milliseconds() as f64 / 1000.0;
    SamplingRuleRecord {
        created_at: seconds(record.created),
        modified_at: seconds(record.modified),
        sampling_rule: record.rule,
    }
}

fn output(record: RuleRecord) -> SamplingRuleOutput {
    SamplingRuleOutput {
        sampling_rule_record: shown(record),
    }
}

pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateSamplingRuleInput,
) -> Result<SamplingRuleOutput> {
    not_built_tags(input.tags.as_deref())?;
    let mut rule = input.sampling_rule;
    let name = rule
        .rule_name
        .clone()
        .ok_or_else(|| invalid("RuleName is required."))?;
    if name == DEFAULT || find(tx, context, &name)?.is_some() {
        return Err(invalid(format!(
            "Cannot create rule {name} because it already exists."
        )));
    }
    if rule.version != 1 {
        return Err(invalid("Version must be 1."));
    }
    if stored(tx, context)?.len() >= RULES_MAX {
        return Err(Error::new(
            "RuleLimitExceededException",
            "You have reached the maximum number of sampling rules.",
        ));
    }
    rule.rule_arn = Some(rule_arn(context, &name));
    let record = RuleRecord {
        rule,
        created: context.now,
        modified: context.now,
    };
    tx.save(RULES, region_key(context).text(&name), &record)?;
    Ok(output(record))
}

fn find(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<RuleRecord>> {
    let found = tx.load(RULES, region_key(context).text(name))?;
    Ok(found.or_else(|| (name == DEFAULT).then(|| default_rule(context))))
}

fn named(
    tx: &Tx<'_>,
    context: &Context,
    name: Option<&str>,
    rule_arn: Option<&str>,
) -> Result<(String, RuleRecord)> {
    let of_arn = |text: &str| {
        Some(
            Arn::parse(text)?
                .resource
                .strip_prefix("sampling-rule/")?
                .to_owned(),
        )
    };
    let name = match (name, rule_arn) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("Exactly one of RuleName and RuleARN is required."));
        }
        (Some(name), None) => name.to_owned(),
        (None, Some(rule_arn)) => of_arn(rule_arn).unwrap_or_default(),
    };
    let record =
        find(tx, context, &name)?.ok_or_else(|| invalid("Sampling rule does not exist."))?;
    Ok((name, record))
}

pub(super) fn update(
    tx: &mut Tx<'_>,
    context: &Context,
    input: UpdateSamplingRuleInput,
) -> Result<SamplingRuleOutput> {
    let change = input.sampling_rule_update;
    let (name, mut record) = named(
        tx,
        context,
        change.rule_name.as_deref(),
        change.rule_arn.as_deref(),
    )?;
    let matches_change =
        change.priority.is_some() || change.host.is_some() || change.service_name.is_some();
    if name == DEFAULT && matches_change {
        return Err(invalid(
            "Only the fixed rate and reservoir size of the default rule can be changed.",
        ));
    }
    let rule = &mut record.rule;
    replace(&mut rule.resource_arn, change.resource_arn);
    replace(&mut rule.priority, change.priority);
    replace(&mut rule.fixed_rate, change.fixed_rate);
    replace(&mut rule.reservoir_size, change.reservoir_size);
    replace(&mut rule.service_name, change.service_name);
    replace(&mut rule.service_type, change.service_type);
    replace(&mut rule.host, change.host);
    replace(&mut rule.http_method, change.http_method);
    replace(&mut rule.url_path, change.url_path);
    replace(&mut rule.attributes, change.attributes);
    record.modified = context.now;
    tx.save(RULES, region_key(context).text(&name), &record)?;
    Ok(output(record))
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: RuleNameInput,
) -> Result<SamplingRuleOutput> {
    let (name, record) = named(
        tx,
        context,
        input.rule_name.as_deref(),
        input.rule_arn.as_deref(),
    )?;
    if name == DEFAULT {
        return Err(invalid("The default sampling rule cannot be deleted."));
    }
    tx.delete(RULES, region_key(context).text(&name))?;
    Ok(output(record))
}

/// A rule's reservoir is shared by the clients that have asked lately.
///
/// <https://docs.aws.amazon.com/xray/latest/api/API_GetSamplingTargets.html>
pub(super) fn targets(
    tx: &mut Tx<'_>,
    context: &Context,
    input: GetSamplingTargetsInput,
) -> Result<GetSamplingTargetsOutput> {
    let last = stored(tx, context)?
        .iter()
        .map(|rule| rule.modified.seconds())
        .max()
        .unwrap_or_default();
    let mut answer = GetSamplingTargetsOutput {
        sampling_target_documents: Vec::new(),
        last_rule_modification: last as f64,
        unprocessed_statistics: Vec::new(),
    };
    for statistics in input.sampling_statistics_documents {
        let Some(record) = find(tx, context, &statistics.rule_name)? else {
            answer.unprocessed_statistics.push(UnprocessedStatistics {
                error_code: "404".to_owned(),
                message: "Sampling rule does not exist.".to_owned(),
                rule_name: statistics.rule_name,
            });
            continue;
        };
        let clients = clients(tx, context, &statistics.rule_name, &statistics.client_id)?;
        answer.sampling_target_documents.push(SamplingTarget {
            rule_name: statistics.rule_name,
            fixed_rate: record.rule.fixed_rate,
            reservoir_quota: record.rule.reservoir_size.div_ceil(clients.max(1)),
            reservoir_quota_ttl: context.now.seconds() + CLIENT_S,
            interval: INTERVAL_S,
        });
    }
    Ok(answer)
}

/// Notes that a client asked, forgets those that no longer do, and counts the rest.
fn clients(tx: &mut Tx<'_>, context: &Context, rule: &str, client: &str) -> Result<u32> {
    let prefix = region_key(context).text(rule);
    tx.save(CLIENTS, prefix.clone().text(client), &context.now)?;
    let known = tx.prefix(CLIENTS, prefix, Direction::Forward)?;
    let known: Vec<(Vec<u8>, Vec<u8>)> = known.collect::<Result<_, _>>()?;
    let mut count = 0;
    for (key, value) in known {
        let seen: Timestamp = decode(&value)?;
        if seen < context.now.plus_s(-CLIENT_S) {
            tx.delete(CLIENTS, key)?;
        } else {
            count += 1;
        }
    }
    Ok(count)
}
