//! The one door: every access of every call is decided here, and the decision is kept on the trace.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, IamMode, PrincipalKind};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::facts::RequestFacts;
use super::policy::evaluate::{
    Decision, Finding, Policies, PolicyType, Question, Reason, Sourced, decide,
};
use super::policy::principal::Caller;
use super::remedy;
use super::standing::{self, Standing};

/// Never denied: it tells callers only who they are.
const ALWAYS_ALLOWED: &str = "sts:GetCallerIdentity";

/// Refuses unless every access in `needed` is allowed to the context's principal; notes each decision
/// on the trace, with the policies looked at and the statements that made it. In report mode a denial is
/// noted and the call goes on.
pub fn authorise(tx: &Tx<'_>, context: &Context, needed: &[Access]) -> Result<()> {
    if needed.is_empty() {
        return Ok(());
    }
    refuse_tokens(context, needed)?;
    let standing = standing::of(tx, &context.principal)?;
    for access in needed
        .iter()
        .filter(|access| access.action != ALWAYS_ALLOWED)
    {
        let (decision, policies) = decide_one(context, &standing, access);
        note(context, access, &decision, &policies);
        if !decision.is_allowed() && context.iam_mode == IamMode::Enforce {
            let message = denial(context, access, &decision.reason);
            return Err(Error::access_denied(message));
        }
    }
    Ok(())
}

/// What GetSessionToken and GetFederationToken give without MFA opens nothing of IAM, and of STS only
/// AssumeRole, and that not to federated users.
fn refuse_tokens(context: &Context, needed: &[Access]) -> Result<()> {
    let principal = &context.principal;
    let is_session = principal
        .access_key_id
        .as_deref()
        .is_some_and(|key| key.starts_with("ASIA"));
    let closed: &[&str] = match principal.kind {
        PrincipalKind::User { .. } | PrincipalKind::Root
            if is_session && principal.session.mfa_at.is_none() =>
        {
            &["iam:"]
        }
        PrincipalKind::FederatedUser { .. } => &["iam:", "sts:"],
        _ => return Ok(()),
    };
    let is_closed = |access: &Access| {
        closed
            .iter()
            .any(|service| access.action.starts_with(service))
    };
    if context.via.is_none() && needed.iter().any(is_closed) {
        let message = "The security token included in the request is invalid";
        return Err(Error::new("InvalidClientTokenId", message).status(403));
    }
    Ok(())
}

/// Whether one access is allowed (in report mode: always); the decision is noted like any other.
pub fn is_allowed(tx: &Tx<'_>, context: &Context, access: &Access) -> Result<bool> {
    let standing = standing::of(tx, &context.principal)?;
    let (decision, policies) = decide_one(context, &standing, access);
    note(context, access, &decision, &policies);
    Ok(decision.is_allowed() || context.iam_mode == IamMode::Report)
}

/// The refusal of an access to something that does not exist, worded as if a policy had refused it.
pub fn denial_of(context: &Context, access: &Access) -> Error {
    let by = PolicyType::Resource;
    Error::access_denied(denial(context, access, &Reason::NotAllowed { by }))
}

/// For what a grant already allows (KMS): refuses only where a policy denies it outright.
pub fn is_denied_outright(tx: &Tx<'_>, context: &Context, access: &Access) -> Result<bool> {
    let standing = standing::of(tx, &context.principal)?;
    let (decision, policies) = decide_one(context, &standing, access);
    let denied = matches!(decision.reason, Reason::ExplicitDeny { .. });
    if denied {
        note(context, access, &decision, &policies);
    }
    Ok(denied && context.iam_mode == IamMode::Enforce)
}

fn decide_one(context: &Context, standing: &Standing, access: &Access) -> (Decision, Policies) {
    let facts = RequestFacts {
        context,
        access,
        principal_tags: &standing.tags,
    };
    let question = Question {
        action: &access.action,
        resource: &access.resource,
        caller: Caller {
            principal: &context.principal,
            region: &context.region,
        },
        resource_account: owner(context, access),
        resource_policy_decides: access.resource_policy_decides,
        facts: &facts,
    };
    let resource = access.resource_policy.as_deref();
    let policies = Policies {
        identity: standing.identity.clone(),
        boundary: standing.boundary.clone(),
        session: standing.session.clone(),
        resource: resource.map(|document| standing::sourced("resource policy", document)),
    };
    (decide(&question, &policies), policies)
}

/// A resource whose owner is not named lies in the account that the call is about.
pub(super) fn owner<'a>(context: &'a Context, access: &'a Access) -> &'a str {
    match access.resource_account.as_str() {
        "" => &context.account,
        account => account,
    }
}

/// Keeps the decision where `cumulet why` finds it.
fn note(context: &Context, access: &Access, decision: &Decision, policies: &Policies) {
    let (matched, near): (Vec<_>, Vec<_>) = decision
        .findings
        .iter()
        .partition(|finding| finding.lacking.is_none());
    let mut entry = json!({
        "principal": principal_name(context),
        "action": access.action,
        "resource": access.resource,
        "region": &*context.region,
        "at_s": context.now.seconds(),
        "verdict": if decision.is_allowed() { "allow" } else { "deny" },
        "reason": reason_text(&decision.reason),
        "matched": matched.into_iter().map(finding_entry).collect::<Vec<_>>(),
        "looked_at": looked_at(policies),
    });
    if !near.is_empty() {
        entry["nearly_matched"] = near.into_iter().map(finding_entry).collect();
    }
    if !access.conditions.is_empty() {
        let conditions = access.conditions.iter();
        entry["conditions"] = conditions
            .map(|(key, values)| (key.clone(), Value::from(values.clone())))
            .collect();
    }
    note_caller(context, &mut entry);
    if !decision.is_allowed() {
        entry["remedy"] = remedy::of(context, access, decision);
        if context.iam_mode == IamMode::Report {
            entry["reported"] = true.into();
            let message = denial(context, access, &decision.reason);
            context.trace.note("iam.would_deny", message);
        }
    }
    context.trace.note_one_more("decisions", entry);
}

/// By which key and, for a session, as which role: what "last used" and suggestions go by.
fn note_caller(context: &Context, entry: &mut Value) {
    let principal = &context.principal;
    if let PrincipalKind::Role { role_arn, .. } = &principal.kind {
        entry["role"] = role_arn.as_str().into();
    }
    if let Some(key) = &principal.access_key_id {
        entry["key"] = key.as_str().into();
    }
    if let Some(via) = context.via.as_deref() {
        entry["via"] = via.into();
    }
}

fn looked_at(policies: &Policies) -> Value {
    let shown = |policy_type: PolicyType, sourced: &Sourced| {
        format!("{}: {}", policy_type.name(), sourced.name)
    };
    let of = |policy_type, list: &[Sourced]| {
        let shown: Vec<_> = list
            .iter()
            .map(|sourced| shown(policy_type, sourced))
            .collect();
        shown
    };
    let all = [
        of(PolicyType::Identity, &policies.identity),
        of(PolicyType::Resource, policies.resource.as_slice()),
        of(PolicyType::Session, &policies.session),
        of(PolicyType::Boundary, policies.boundary.as_slice()),
    ];
    all.concat().into()
}

fn finding_entry(finding: &Finding) -> Value {
    let mut entry = json!({
        "type": finding.policy_type.name(),
        "policy": &*finding.policy,
        "statement": finding.statement,
        "effect": finding.effect.name(),
    });
    if let Some(sid) = &finding.sid {
        entry["sid"] = sid.as_str().into();
    }
    if let Some(lacking) = &finding.lacking {
        entry["lacking"] = lacking.as_str().into();
    }
    entry
}

fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::Allowed => "allowed".into(),
        Reason::ExplicitDeny {
            policy_type,
            policy,
        } => {
            format!("explicit deny in {policy} ({})", policy_type.name())
        }
        Reason::NotAllowed { by } => format!("no {} policy allows it", by.name()),
    }
}

pub(crate) fn principal_name(context: &Context) -> &str {
    match &context.principal.kind {
        PrincipalKind::Anonymous => "anonymous",
        PrincipalKind::Service { name } => name,
        _ => &context.principal.arn,
    }
}

/// The refusal in AWS's words of January 2026, which name the policy that denies.
pub(crate) fn denial(context: &Context, access: &Access, reason: &Reason) -> String {
    let is_s3 = access.action.starts_with("s3:");
    let foreign = owner(context, access) != context.principal.account;
    // S3 tells its reasons only to callers of the bucket's own account.
    if is_s3 && (foreign || context.principal.account.is_empty()) {
        return "Access Denied".into();
    }
    let resource = match is_s3 {
        true => format!("\"{}\"", access.resource),
        false => access.resource.clone(),
    };
    let action = &access.action;
    let refusal = format!(
        "User: {} is not authorized to perform: {action} on resource: {resource}",
        principal_name(context)
    );
    // STS never says why a role may not be assumed.
    if action.starts_with("sts:AssumeRole") || action == "sts:TagSession" {
        return refusal;
    }
    match reason {
        Reason::Allowed => refusal,
        Reason::ExplicitDeny {
            policy_type,
            policy,
        } => {
            let place = place(*policy_type);
            match policy.starts_with("arn:") {
                true => format!("{refusal} with an explicit deny in {place}: {policy}"),
                false => format!("{refusal} with an explicit deny in {place}"),
            }
        }
        Reason::NotAllowed { by } => {
            format!(
                "{refusal} because no {} allows the {action} action",
                policy_noun(*by)
            )
        }
    }
}

pub(super) fn policy_noun(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Resource => "resource-based policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Session => "session policy",
    }
}

fn place(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::Identity => "an identity-based policy",
        PolicyType::Resource => "a resource-based policy",
        PolicyType::Boundary => "a permissions boundary",
        PolicyType::Session => "a session policy",
    }
}
