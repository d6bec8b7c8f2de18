//! `cumulet policy suggest`: the least a role or user needs, from what it was seen to do, and how that
//! differs from what it was given.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_engine::arn::Arn;
use cumulet_engine::error::Result;
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::error::no_entity;
use super::observed::{self, Observed, folder};
use super::policy::{Effect, Element, Statement};
use super::standing::{self, Standing};
use super::state::{ROLES, RoleRecord, USERS, UserRecord, named};

/// So many resources in one folder are named by the folder.
const FOLDER_FROM: usize = 5;

/// The suggestion for a role (by name or ARN) or user (by ARN) of an account.
pub fn suggest(tx: &Tx<'_>, account: &str, who: &str) -> Result<Value> {
    let (arn, standing) = find(tx, account, who)?;
    let observed = observed::of(tx, &arn)?;
    let allowed = needs(&observed, |allowed, _| allowed > 0);
    let denied = needs(&observed, |_, denied| denied > 0);
    Ok(json!({
        "principal": arn,
        "policy": { "Version": "2012-10-17", "Statement": statements(&allowed) },
        "grants": grants(&standing, &allowed),
        "denied": denied.iter().map(|(action, resources)| json!({
            "action": action,
            "resources": resources,
        })).collect::<Vec<_>>(),
    }))
}

fn find(tx: &Tx<'_>, account: &str, who: &str) -> Result<(String, Standing)> {
    let arn = Arn::parse(who);
    let account = arn.map_or(account, |arn| arn.account);
    let (kind, path) = match arn {
        Some(arn) => arn
            .resource
            .split_once('/')
            .unwrap_or(("role", arn.resource)),
        None => ("role", who),
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    if kind == "user" {
        let user: Option<UserRecord> = tx.load(USERS, named(account, name))?;
        let user = user.ok_or_else(|| no_entity("user", name))?;
        return Ok((user.arn(), standing::of_user(tx, &user)?));
    }
    let role: Option<RoleRecord> = tx.load(ROLES, named(account, name))?;
    let role = role.ok_or_else(|| no_entity("role", name))?;
    Ok((role.arn(), standing::of_role(tx, &role)?))
}

type Needs<'a> = BTreeMap<&'a str, BTreeSet<String>>;

/// Resources by action, many of one folder named by it.
fn needs<'a>(observed: &'a [Observed], wanted: impl Fn(u64, u64) -> bool) -> Needs<'a> {
    let mut needs = Needs::new();
    for Observed { action, record } in observed {
        let seen = record.resources.iter();
        let seen = seen.filter(|(_, seen)| wanted(seen.allowed, seen.denied));
        let resources: Vec<&str> = seen.map(|(resource, _)| resource.as_str()).collect();
        if !resources.is_empty() {
            needs.insert(action, gathered(&resources));
        }
    }
    needs
}

fn gathered(resources: &[&str]) -> BTreeSet<String> {
    let mut folders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for resource in resources {
        folders.entry(folder(resource)).or_default().push(resource);
    }
    let named =
        folders
            .into_iter()
            .flat_map(|(folder, inside)| match inside.len() >= FOLDER_FROM {
                true => vec![folder],
                false => inside.into_iter().map(str::to_owned).collect(),
            });
    named.collect()
}

/// A statement for all actions that need the same resources.
fn statements(needs: &Needs<'_>) -> Vec<Value> {
    let mut by_resources: BTreeMap<&BTreeSet<String>, Vec<&str>> = BTreeMap::new();
    for (action, resources) in needs {
        by_resources.entry(resources).or_default().push(action);
    }
    let statement = |(resources, actions): (&BTreeSet<String>, Vec<&str>)| json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    by_resources.into_iter().map(statement).collect()
}

/// What each statement that allows something was used for.
fn grants(standing: &Standing, needs: &Needs<'_>) -> Vec<Value> {
    let mut grants = Vec::new();
    for sourced in &standing.identity {
        let statements = sourced.policy.statements.iter().enumerate();
        for (index, statement) in
            statements.filter(|(_, statement)| statement.effect == Effect::Allow)
        {
            let mut grant = grant(statement, needs);
            grant["policy"] = (*sourced.name).into();
            grant["statement"] = json!(index);
            if let Some(sid) = &statement.sid {
                grant["sid"] = sid.as_str().into();
            }
            grants.push(grant);
        }
    }
    grants
}

fn grant(statement: &Statement, needs: &Needs<'_>) -> Value {
    let used: Vec<(&str, &BTreeSet<String>)> = needs
        .iter()
        .filter(|(action, _)| matches(&statement.action, &action.to_ascii_lowercase()))
        .map(|(action, resources)| (*action, resources))
        .filter(|(_, resources)| resources.iter().any(|resource| covers(statement, resource)))
        .collect();
    let actions: Vec<&str> = used.iter().map(|(action, _)| *action).collect();
    let resources: BTreeSet<&String> = used.iter().flat_map(|(_, resources)| *resources).collect();
    let unused = |pattern: &&str| !actions.iter().any(|action| one_matches(pattern, action));
    let asked = statement.action.texts();
    json!({
        "verdict": verdict(statement, &actions, &resources),
        "used_actions": actions,
        "unused_actions": asked.iter().filter(|pattern| unused(pattern)).collect::<Vec<_>>(),
        "used_resources": resources,
        "granted_resources": statement.resource.as_ref().map(Element::texts),
    })
}

fn verdict(statement: &Statement, actions: &[&str], resources: &BTreeSet<&String>) -> &'static str {
    let has_wildcard = |element: &Element| {
        element.negated || element.texts().iter().any(|text| text.contains(['*', '?']))
    };
    let wide_resource = statement.resource.as_ref().is_some_and(has_wildcard)
        && !resources.iter().all(|resource| resource.contains('*'));
    if actions.is_empty() {
        "unused"
    } else if has_wildcard(&statement.action) || wide_resource {
        "too wide"
    } else if statement.action.texts().len() > actions.len() {
        "partly unused"
    } else {
        "used"
    }
}

fn one_matches(pattern: &str, action: &str) -> bool {
    let syntax = super::policy::template::Syntax {
        wildcards: true,
        variables: false,
    };
    let template = super::policy::template::Template::lower_case(pattern, syntax);
    let tokens = template.fixed().unwrap_or_default();
    super::policy::glob::matches(tokens, &action.to_ascii_lowercase())
}

fn matches(element: &Element, action: &str) -> bool {
    let texts = element.texts();
    texts.iter().any(|pattern| one_matches(pattern, action)) != element.negated
}

/// Variables stand for what nobody knows here, so a resource with one counts as covered.
fn covers(statement: &Statement, resource: &str) -> bool {
    let Some(element) = &statement.resource else {
        return true;
    };
    let covered = element
        .patterns
        .iter()
        .any(|pattern| match pattern.fixed() {
            Some(tokens) => super::policy::glob::matches_arn(
                tokens,
                resource,
                super::policy::glob::MissingFields::MatchAnything,
            ),
            None => true,
        });
    covered != element.negated
}
