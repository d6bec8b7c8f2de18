//! The policy simulator: questions to the evaluator without a call behind them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_kernel::Tx;
use serde_json::value::RawValue;

use super::api::{
    BoundaryDetail, ContextEntry, ContextKeysOutput, EvaluationResult, MatchedStatement, Position,
    SimulateInput, SimulateOutput,
};
use super::error::{invalid_input, no_entity};
use super::holder::{self, Holder};
use super::managed_policy_document;
use super::page::page;
use super::policy::evaluate::{
    Decision, Finding, Policies, PolicyType, Question, RESOURCE, Reason, Sourced, decide,
};
use super::policy::principal::Caller;
use super::policy::{Effect, Facts, Policy, parse};
use super::state::{GroupRecord, Held, RoleRecord, UserRecord};

/// A document with the name that answers give it.
struct Named {
    id: String,
    text: String,
}

/// Everything a simulation asks.
struct Simulation {
    identity: Vec<Named>,
    boundary: Vec<Named>,
    resource: Option<Named>,
    caller: Principal,
    resource_account: String,
    facts: GivenFacts,
}

/// The context entries of the request, keys in lower case.
struct GivenFacts(BTreeMap<String, Vec<String>>);

impl Facts for GivenFacts {
    fn values(&self, key: &str) -> Option<Vec<Cow<'_, str>>> {
        let values = self.0.get(key)?.iter();
        Some(values.map(|value| Cow::Borrowed(value.as_str())).collect())
    }
}

impl GivenFacts {
    /// What the caller's ARN says needs no entry.
    fn of(entries: &[ContextEntry], caller: &Principal) -> Self {
        let entry = |entry: &ContextEntry| {
            (
                entry.context_key_name.to_ascii_lowercase(),
                entry.context_key_values.clone(),
            )
        };
        let mut facts: BTreeMap<String, Vec<String>> = entries.iter().map(entry).collect();
        let mut add = |key: &str, value: &str| {
            if !value.is_empty() {
                facts
                    .entry(key.to_owned())
                    .or_insert_with(|| vec![value.to_owned()]);
            }
        };
        add("aws:principalarn", &caller.arn);
        add("aws:principalaccount", &caller.account);
        add("aws:userid", &caller.user_id);
        if let PrincipalKind::User { name } = &caller.kind {
            add("aws:username", name);
        }
        Self(facts)
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>
pub(super) fn simulate_custom(
    _tx: &mut Tx<'_>,
    context: &Context,
    input: SimulateInput,
) -> Result<SimulateOutput> {
    let caller = caller(context, input.caller_arn.as_deref())?;
    run(&input, caller, Vec::new(), Vec::new())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
pub(super) fn simulate_principal(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SimulateInput,
) -> Result<SimulateOutput> {
    let source = input.policy_source_arn.as_deref().unwrap_or_default();
    let entity = entity(tx, context, source)?;
    let caller_arn = input
        .caller_arn
        .as_deref()
        .or(entity.is_principal.then_some(source));
    let mut caller = caller(context, caller_arn)?;
    caller.user_id.clone_from(&entity.id);
    run(&input, caller, entity.identity, entity.boundary)
}

fn run(
    input: &SimulateInput,
    caller: Principal,
    mut identity: Vec<Named>,
    mut boundary: Vec<Named>,
) -> Result<SimulateOutput> {
    if !input.ordered_organization_policy_input_list.is_empty() {
        return Err(Error::not_implemented(
            "simulation of organization policies",
        ));
    }
    identity.append(&mut numbered("PolicyInputList", &input.policy_input_list));
    let given = numbered(
        "PermissionsBoundaryPolicyInputList",
        &input.permissions_boundary_policy_input_list,
    );
    // A boundary given in the request stands in place of the entity's own.
    if !given.is_empty() {
        boundary = given;
    }
    let resource = |text: &String| Named {
        id: "ResourcePolicy".into(),
        text: text.clone(),
    };
    let simulation = Simulation {
        identity,
        boundary,
        resource: input.resource_policy.as_ref().map(resource),
        resource_account: owner_account(input.resource_owner.as_deref())?,
        facts: GivenFacts::of(&input.context_entries, &caller),
        caller,
    };
    let policies = simulation.policies()?;
    let everything = ["*".to_owned()];
    let resources = if input.resource_arns.is_empty() {
        &everything[..]
    } else {
        &input.resource_arns
    };
    let mut results = Vec::new();
    for action in &input.action_names {
        for resource in resources {
            results.push(simulation.evaluate(&policies, action, resource)?);
        }
    }
    let number = |(place, _): &(usize, EvaluationResult)| format!("{place:08}");
    let (results, more) = page(results.into_iter().enumerate(), number, &input.page)?;
    Ok(SimulateOutput {
        evaluation_results: results.into_iter().map(|(_, result)| result).collect(),
        more,
    })
}

fn numbered(list: &str, texts: &[String]) -> Vec<Named> {
    let named = |(place, text): (usize, &String)| Named {
        id: format!("{list}.{}", place + 1),
        text: text.clone(),
    };
    texts.iter().enumerate().map(named).collect()
}

fn owner_account(owner: Option<&str>) -> Result<String> {
    let Some(owner) = owner else {
        return Ok(String::new());
    };
    let account = Arn::parse(owner).map(|parts| parts.account.to_owned());
    account.ok_or_else(|| invalid_input(format!("Invalid Resource Owner: {owner}")))
}

fn read(text: &str) -> Result<Policy> {
    parse::parse(text)
        .map_err(|message| invalid_input(format!("Invalid Entity PolicyDocument: {message}")))
}

fn sourced(named: &Named) -> Result<Sourced> {
    Ok(Sourced {
        name: named.id.as_str().into(),
        policy: read(&named.text)?.into(),
    })
}

impl Simulation {
    fn policies(&self) -> Result<Policies> {
        let all = |list: &[Named]| list.iter().map(sourced).collect::<Result<Vec<_>>>();
        Ok(Policies {
            identity: all(&self.identity)?,
            boundary: all(&self.boundary)?.pop(),
            session: Vec::new(),
            resource: self.resource.as_ref().map(sourced).transpose()?,
        })
    }

    fn evaluate(
        &self,
        policies: &Policies,
        action: &str,
        resource: &str,
    ) -> Result<EvaluationResult> {
        if action != "*" && !action.contains(':') {
            return Err(invalid_input(format!("Invalid Action Name: {action}")));
        }
        let decision = decide(
            &Question {
                action,
                resource,
                caller: Caller {
                    principal: &self.caller,
                    region: "us-east-1",
                },
                resource_account: &self.resource_account,
                resource_policy_decides: false,
                facts: &self.facts,
            },
            policies,
        );
        let eval_decision = verdict(&decision);
        let boundary = policies.boundary.as_ref().map(|_| BoundaryDetail {
            allowed_by_permissions_boundary: self.boundary_allows(&decision),
        });
        Ok(EvaluationResult {
            eval_action_name: action.into(),
            eval_resource_name: resource.into(),
            eval_decision,
            matched_statements: self.matched(&decision),
            missing_context_values: self.missing(policies, &decision),
            permissions_boundary_decision_detail: boundary,
            eval_decision_details: self.details(&decision),
        })
    }

    fn boundary_allows(&self, decision: &Decision) -> bool {
        effects(decision, PolicyType::Boundary).eq([Effect::Allow])
    }

    /// Between accounts each side's own decision is told.
    fn details(&self, decision: &Decision) -> BTreeMap<&'static str, &'static str> {
        let foreign = !["", self.caller.account.as_str()].contains(&self.resource_account.as_str());
        if !foreign || self.resource.is_none() {
            return BTreeMap::new();
        }
        let side = |policy_type| match effects(decision, policy_type).max() {
            Some(Effect::Deny) => "explicitDeny",
            Some(Effect::Allow) => "allowed",
            None => "implicitDeny",
        };
        BTreeMap::from([
            ("IAM Policy", side(PolicyType::Identity)),
            ("Resource Policy", side(PolicyType::Resource)),
        ])
    }

    /// The statements that made the decision: those that deny, or else those that allow.
    fn matched(&self, decision: &Decision) -> Vec<MatchedStatement> {
        let decisive = match decision.reason {
            Reason::ExplicitDeny { .. } => Effect::Deny,
            Reason::Allowed | Reason::NotAllowed { .. } => Effect::Allow,
        };
        let findings = decision
            .findings
            .iter()
            .filter(|finding| finding.lacking.is_none() && finding.effect == decisive);
        findings
            .filter_map(|finding| self.position(finding))
            .collect()
    }

    fn position(&self, finding: &Finding) -> Option<MatchedStatement> {
        let mut named = self
            .identity
            .iter()
            .chain(&self.boundary)
            .chain(&self.resource);
        let named = named.find(|named| named.id == *finding.policy)?;
        let (start_position, end_position) = positions(&named.text, finding.statement)?;
        Some(MatchedStatement {
            source_policy_id: named.id.clone(),
            source_policy_type: match finding.policy_type {
                PolicyType::Resource => "Resource Policy",
                PolicyType::Boundary => "Permissions Boundary Policy",
                PolicyType::Identity | PolicyType::Session => "IAM Policy",
            },
            start_position,
            end_position,
        })
    }

    /// Condition keys that statements about this action and resource ask for and nobody gave.
    fn missing(&self, policies: &Policies, decision: &Decision) -> Vec<String> {
        let all = policies
            .identity
            .iter()
            .chain(&policies.boundary)
            .chain(&policies.resource);
        let by_name: BTreeMap<&str, &Policy> = all
            .map(|sourced| (&*sourced.name, &*sourced.policy))
            .collect();
        let mut missing = BTreeSet::new();
        let about_this = |finding: &&Finding| finding.lacking.as_deref() != Some(RESOURCE);
        for finding in decision.findings.iter().filter(about_this) {
            let statement = by_name
                .get(&*finding.policy)
                .and_then(|policy| policy.statements.get(finding.statement));
            for condition in statement
                .into_iter()
                .flat_map(|statement| &statement.conditions)
            {
                if self.facts.values(condition.key()).is_none() {
                    missing.insert(condition.key_name.clone());
                }
            }
        }
        missing.into_iter().collect()
    }
}

/// The effects of the statements of one type of policy that matched, without repetition.
fn effects(decision: &Decision, policy_type: PolicyType) -> impl Iterator<Item = Effect> {
    let matched = decision
        .findings
        .iter()
        .filter(move |finding| finding.policy_type == policy_type && finding.lacking.is_none());
    matched
        .map(|finding| finding.effect)
        .collect::<BTreeSet<_>>()
        .into_iter()
}

fn verdict(decision: &Decision) -> &'static str {
    match decision.reason {
        Reason::Allowed => "allowed",
        Reason::ExplicitDeny { .. } => "explicitDeny",
        Reason::NotAllowed { .. } => "implicitDeny",
    }
}

/// Where a statement begins and ends, in lines and columns from 1. AWS counts a lone statement as if it
/// stood in a list.
fn positions(document: &str, statement: usize) -> Option<(Position, Position)> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(document).ok()?;
    let value = members.get("Statement")?.get();
    let list: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
    let (text, bracket) = match list.get(statement) {
        Some(text) => (text.get(), 0),
        None if statement == 0 && list.is_empty() => (value, 1),
        None => return None,
    };
    let start = text.as_ptr().addr() - document.as_ptr().addr();
    let first = position(document, start);
    let mut last = position(document, start + text.len() - 1);
    if last.line == first.line {
        last.column += bracket;
    }
    let first = Position {
        column: first.column + bracket,
        ..first
    };
    Some((first, last))
}

fn position(document: &str, at: usize) -> Position {
    let before = &document.as_bytes()[..at];
    let line_start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Position {
        line,
        column: at - line_start + 1,
    }
}

/// Who asks in the simulation: the ARN given, or some user of the account.
fn caller(context: &Context, arn: Option<&str>) -> Result<Principal> {
    let Some(arn) = arn else {
        return Ok(Principal {
            kind: PrincipalKind::User {
                name: String::new(),
            },
            account: context.account.to_string(),
            ..Principal::anonymous()
        });
    };
    let invalid = || invalid_input(format!("Invalid Caller ARN: {arn}"));
    let parts = Arn::parse(arn).ok_or_else(invalid)?;
    let (kind, rest) = parts
        .resource
        .split_once('/')
        .unwrap_or((parts.resource, ""));
    let name = rest.rsplit('/').next().unwrap_or_default();
    let kind = match kind {
        "user" => PrincipalKind::User { name: name.into() },
        "role" => PrincipalKind::Role {
            role_arn: arn.into(),
            session_name: String::new(),
        },
        "federated-user" => PrincipalKind::FederatedUser { name: name.into() },
        "assumed-role" => {
            let role = rest.split('/').next().unwrap_or_default();
            let role_arn = format!("arn:aws:iam::{}:role/{role}", parts.account);
            PrincipalKind::Role {
                role_arn,
                session_name: name.into(),
            }
        }
        _ => return Err(invalid()),
    };
    Ok(Principal {
        kind,
        arn: arn.into(),
        account: parts.account.into(),
        ..Principal::anonymous()
    })
}

/// A user, group or role whose policies are simulated.
struct Entity {
    id: String,
    /// Groups never call.
    is_principal: bool,
    identity: Vec<Named>,
    boundary: Vec<Named>,
}

fn entity(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<Entity> {
    let parts = Arn::parse(arn)
        .filter(|parts| parts.service == "iam" && parts.account == &*context.account);
    let parts = parts.ok_or_else(|| invalid_input(format!("Invalid Entity Arn: {arn}")))?;
    let (kind, rest) = parts
        .resource
        .split_once('/')
        .unwrap_or((parts.resource, ""));
    let name = rest.rsplit('/').next().unwrap_or_default();
    match kind {
        "user" => user_entity(tx, context, name),
        "group" => {
            let group = existing::<GroupRecord>(tx, context, name)?;
            of_holder(tx, context, &group, &group.id, false)
        }
        "role" => {
            let role = existing::<RoleRecord>(tx, context, name)?;
            of_holder(tx, context, &role, &role.id, true)
        }
        _ => Err(invalid_input(format!("Invalid Entity Arn: {arn}"))),
    }
}

fn existing<H: Holder>(tx: &Tx<'_>, context: &Context, name: &str) -> Result<H> {
    holder::find(tx, context, name)?.ok_or_else(|| no_entity(H::NOUN, name))
}

fn user_entity(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Entity> {
    let user = existing::<UserRecord>(tx, context, name)?;
    let mut entity = of_holder(tx, context, &user, &user.id, true)?;
    for group in &user.groups {
        let group = existing::<GroupRecord>(tx, context, group)?;
        entity.identity.append(&mut documents(
            tx,
            context,
            GroupRecord::NOUN,
            &group.name,
            &group.held,
        )?);
    }
    Ok(entity)
}

fn of_holder<H: Holder>(
    tx: &Tx<'_>,
    context: &Context,
    holder: &H,
    id: &str,
    is_principal: bool,
) -> Result<Entity> {
    let mut boundary = Vec::new();
    if let Some(arn) = &holder.held().boundary {
        boundary.extend(managed(tx, context, arn)?);
    }
    Ok(Entity {
        id: id.to_owned(),
        is_principal,
        identity: documents(tx, context, H::NOUN, holder.name(), holder.held())?,
        boundary,
    })
}

fn managed(tx: &Tx<'_>, context: &Context, arn: &str) -> Result<Option<Named>> {
    let text = managed_policy_document(tx, &context.account, arn)?;
    let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(text.map(|text| Named { id, text }))
}

fn documents(
    tx: &Tx<'_>,
    context: &Context,
    noun: &str,
    holder: &str,
    held: &Held,
) -> Result<Vec<Named>> {
    let inline = held.inline.iter().map(|(name, text)| Named {
        id: format!("{noun}_{holder}_{name}"),
        text: text.clone(),
    });
    let mut documents: Vec<Named> = inline.collect();
    for arn in &held.attached {
        documents.extend(managed(tx, context, arn)?);
    }
    Ok(documents)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html>
pub(super) fn context_keys_custom(
    _tx: &mut Tx<'_>,
    _context: &Context,
    input: SimulateInput,
) -> Result<ContextKeysOutput> {
    context_keys(&input.policy_input_list)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForPrincipalPolicy.html>
pub(super) fn context_keys_principal(
    tx: &mut Tx<'_>,
    context: &Context,
    input: SimulateInput,
) -> Result<ContextKeysOutput> {
    let entity = entity(
        tx,
        context,
        input.policy_source_arn.as_deref().unwrap_or_default(),
    )?;
    let own = entity.identity.into_iter().map(|named| named.text);
    context_keys(&own.chain(input.policy_input_list).collect::<Vec<_>>())
}

fn context_keys(documents: &[String]) -> Result<ContextKeysOutput> {
    let mut keys = BTreeSet::new();
    for document in documents {
        for statement in read(document)?.statements {
            keys.extend(
                statement
                    .conditions
                    .iter()
                    .map(|condition| condition.key_name.clone()),
            );
            keys.extend(
                statement
                    .conditions
                    .iter()
                    .flat_map(|condition| condition.variables()),
            );
            let resources = statement
                .resource
                .iter()
                .flat_map(|element| &element.patterns);
            keys.extend(resources.flat_map(|pattern| pattern.variables()));
        }
    }
    Ok(ContextKeysOutput {
        context_key_names: keys.into_iter().collect(),
    })
}
