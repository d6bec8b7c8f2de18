//! What would turn a denial into an allowance: for the person who asks why.
//!
//! A remedy names one change, the narrowest: a statement to add, or the one to take away. Several may be
//! needed in turn; each denial names the next.

use cumulet_engine::access::Access;
use cumulet_engine::{Context, PrincipalKind};
use serde_json::{Value, json};

use super::authorise::{owner, policy_noun};
use super::policy::Effect;
use super::policy::evaluate::{Decision, Finding, PolicyType, Reason};

pub(super) fn of(context: &Context, access: &Access, decision: &Decision) -> Value {
    match &decision.reason {
        Reason::Allowed => Value::Null,
        Reason::ExplicitDeny {
            policy_type,
            policy,
        } => {
            let denying = decision.findings.iter().find(|finding| {
                finding.lacking.is_none()
                    && finding.effect == Effect::Deny
                    && finding.policy == *policy
            });
            json!({
                "text": format!(
                    "no Allow can outweigh a Deny: remove or narrow {} of {policy} ({})",
                    statement_name(denying),
                    policy_noun(*policy_type),
                ),
            })
        }
        Reason::NotAllowed { by } => lacking(context, access, *by),
    }
}

fn statement_name(finding: Option<&Finding>) -> String {
    match finding {
        Some(Finding { sid: Some(sid), .. }) => format!("the statement {sid}"),
        Some(finding) => format!("statement {}", finding.statement + 1),
        None => "the statement".into(),
    }
}

fn lacking(context: &Context, access: &Access, by: PolicyType) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Action": access.action,
        "Resource": access.resource,
    });
    if by == PolicyType::Resource {
        statement["Principal"] = named_principal(context);
        if let Some(arn) = context.source_arn.as_deref() {
            statement["Condition"] = json!({ "ArnLike": { "aws:SourceArn": arn } });
        }
        if access.action.starts_with("sts:") {
            statement
                .as_object_mut()
                .and_then(|statement| statement.remove("Resource"));
        }
    }
    json!({ "text": format!("add {}", place(context, access, by)), "statement": statement })
}

fn place(context: &Context, access: &Access, by: PolicyType) -> String {
    match by {
        PolicyType::Identity => format!("to a policy of {}", entity(context)),
        PolicyType::Resource if access.action.starts_with("sts:") => {
            format!("to the trust policy of {}", access.resource)
        }
        PolicyType::Resource => format!(
            "to the policy of {} (in account {})",
            access.resource,
            owner(context, access)
        ),
        PolicyType::Boundary => format!("to the permissions boundary of {}", entity(context)),
        PolicyType::Session => {
            "to the session policy that the credentials were asked for with".into()
        }
    }
}

fn entity(context: &Context) -> &str {
    match &context.principal.kind {
        PrincipalKind::Role { role_arn, .. } => role_arn,
        _ => &context.principal.arn,
    }
}

fn named_principal(context: &Context) -> Value {
    match &context.principal.kind {
        PrincipalKind::Anonymous => json!("*"),
        PrincipalKind::Service { name } => json!({ "Service": name }),
        _ => json!({ "AWS": entity(context) }),
    }
}
