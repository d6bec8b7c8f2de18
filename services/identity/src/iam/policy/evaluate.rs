//! The decision: what all policies that apply say together.
//!
//! AWS's order: an explicit Deny anywhere ends it; then, within an account, the identity's policies or
//! the resource's own suffice and boundaries and session policies cut; between accounts both must allow.
//! Where the resource's policy decides (KMS keys, role trust) identity policies count only once that
//! policy has delegated to the account.

use std::borrow::Cow;
use std::sync::Arc;

use super::glob::{self, MissingFields};
use super::principal::{Caller, Grant};
use super::{Effect, Element, Facts, Policy, Statement};

/// A policy and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Sourced {
    /// A managed policy's ARN, or the name of an inline one.
    pub(crate) name: Arc<str>,
    pub(crate) policy: Arc<Policy>,
}

/// Everything that has a say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub(crate) identity: Vec<Sourced>,
    pub(crate) boundary: Option<Sourced>,
    /// Absent where the session has none; any of several suffices.
    pub(crate) session: Vec<Sourced>,
    pub(crate) resource: Option<Sourced>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyType {
    Identity,
    Resource,
    Boundary,
    Session,
}

impl PolicyType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based",
            Self::Resource => "resource-based",
            Self::Boundary => "permissions boundary",
            Self::Session => "session",
        }
    }
}

/// What is asked, by whom.
pub(crate) struct Question<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) caller: Caller<'a>,
    /// The resource's owner; empty: the caller's account.
    pub(crate) resource_account: &'a str,
    /// Without a word from the resource's policy identity policies do not count.
    pub(crate) resource_policy_decides: bool,
    pub(crate) facts: &'a dyn Facts,
}

/// The answer, and what made it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) reason: Reason,
    /// Statements that matched, and those about the action that lacked the resource, a principal or a condition.
    pub(crate) findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Allowed,
    ExplicitDeny {
        policy_type: PolicyType,
        policy: Arc<str>,
    },
    NotAllowed {
        by: PolicyType,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) policy_type: PolicyType,
    pub(crate) policy: Arc<str>,
    pub(crate) statement: usize,
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    /// What kept the statement from matching; absent where it did.
    pub(crate) lacking: Option<String>,
}

impl Decision {
    pub(crate) fn is_allowed(&self) -> bool {
        self.reason == Reason::Allowed
    }
}

/// More statements that nearly matched than this say no more to a reader.
const NEAR_FINDINGS_LIMIT: usize = 32;
/// What a statement lacks that is about the action, but not about this resource.
pub(crate) const RESOURCE: &str = "Resource";

/// Decides.
pub(crate) fn decide(question: &Question<'_>, policies: &Policies) -> Decision {
    let mut inquiry = Inquiry::new(question);
    let identity = inquiry.ask_all(PolicyType::Identity, &policies.identity);
    let resource = inquiry.ask_all(PolicyType::Resource, policies.resource.as_slice());
    let session = inquiry.ask_all(PolicyType::Session, &policies.session);
    let boundary = inquiry.ask_all(PolicyType::Boundary, policies.boundary.as_slice());
    let reason = match inquiry.denied.take() {
        Some((policy_type, policy)) => Reason::ExplicitDeny {
            policy_type,
            policy,
        },
        None => Answers {
            identity: question.caller.is_root() || identity.is_some(),
            resource,
            boundary: policies.boundary.is_none() || boundary.is_some(),
            session: policies.session.is_empty() || session.is_some(),
        }
        .weigh(question),
    };
    Decision {
        reason,
        findings: inquiry.findings,
    }
}

/// Which types of policy allow.
struct Answers {
    identity: bool,
    resource: Option<Grant>,
    boundary: bool,
    session: bool,
}

impl Answers {
    fn weigh(&self, question: &Question<'_>) -> Reason {
        let caller = question.caller;
        let not_allowed = |by| Reason::NotAllowed { by };
        // Services and the anonymous have no account behind them.
        if caller.is_service() || caller.account().is_empty() {
            return match self.resource {
                Some(Grant::Direct) => Reason::Allowed,
                _ => not_allowed(PolicyType::Resource),
            };
        }
        let foreign = ![caller.account(), ""].contains(&question.resource_account);
        match self.resource {
            Some(Grant::Direct) if !foreign => Reason::Allowed,
            Some(Grant::Role) if !foreign => self.uncut().unwrap_or(Reason::Allowed),
            None if question.resource_policy_decides => not_allowed(PolicyType::Resource),
            _ if !self.identity => not_allowed(PolicyType::Identity),
            None if foreign => not_allowed(PolicyType::Resource),
            _ => self.uncut().unwrap_or(Reason::Allowed),
        }
    }

    /// The boundary or session policy that cuts, if one does.
    fn uncut(&self) -> Option<Reason> {
        let cuts = [
            (self.boundary, PolicyType::Boundary),
            (self.session, PolicyType::Session),
        ];
        let cut = cuts.into_iter().find(|(allows, _)| !allows);
        cut.map(|(_, by)| Reason::NotAllowed { by })
    }
}

/// Goes through the policies, keeping what it finds.
struct Inquiry<'a> {
    question: &'a Question<'a>,
    action: Cow<'a, str>,
    denied: Option<(PolicyType, Arc<str>)>,
    findings: Vec<Finding>,
}

impl<'a> Inquiry<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        Self {
            question,
            action: question.action.to_ascii_lowercase().into(),
            denied: None,
            findings: Vec::new(),
        }
    }

    /// The most direct grant that any of `policies` makes.
    fn ask_all(&mut self, policy_type: PolicyType, policies: &[Sourced]) -> Option<Grant> {
        let mut granted = None;
        for sourced in policies {
            for (index, statement) in sourced.policy.statements.iter().enumerate() {
                let grant = self.ask(policy_type, &sourced.name, index, statement);
                granted = granted.max(grant);
            }
        }
        granted
    }

    fn ask(
        &mut self,
        policy_type: PolicyType,
        policy: &Arc<str>,
        index: usize,
        statement: &Statement,
    ) -> Option<Grant> {
        let facts = self.question.facts;
        if !covers_action(&statement.action, &self.action) {
            return None;
        }
        let outcome = match covers_resource(statement, self.question.resource, facts) {
            true => self.meets(statement),
            false => Err(RESOURCE.to_owned()),
        };
        self.keep(Finding {
            policy_type,
            policy: policy.clone(),
            statement: index,
            sid: statement.sid.clone(),
            effect: statement.effect,
            lacking: outcome.as_ref().err().cloned(),
        });
        let grant = outcome.ok()?;
        if statement.effect == Effect::Deny {
            self.denied
                .get_or_insert_with(|| (policy_type, policy.clone()));
            return None;
        }
        Some(grant)
    }

    /// How the statement reaches the caller, or what it lacks.
    fn meets(&self, statement: &Statement) -> Result<Grant, String> {
        let grant = match &statement.principal {
            None => Grant::Direct,
            Some(element) => element
                .reaches(&self.question.caller, statement.effect)
                .ok_or("Principal")?,
        };
        let failing = statement
            .conditions
            .iter()
            .find(|condition| !condition.holds(self.question.facts));
        match failing {
            None => Ok(grant),
            Some(condition) => Err(format!(
                "{} {}",
                condition.operator_name, condition.key_name
            )),
        }
    }

    /// Statements that matched are all kept: they made the decision.
    fn keep(&mut self, finding: Finding) {
        if finding.lacking.is_none() || self.findings.len() < NEAR_FINDINGS_LIMIT {
            self.findings.push(finding);
        }
    }
}

fn covers_action(element: &Element, action: &str) -> bool {
    let matches = element.patterns.iter().any(|pattern| {
        let tokens = pattern.fixed();
        tokens.is_some_and(|tokens| glob::matches(tokens, action))
    });
    matches != element.negated
}

/// A statement without a Resource element is about the resource it is attached to. Where a variable of
/// NotResource has no value nobody knows what it leaves out: then it denies everything and allows nothing.
fn covers_resource(statement: &Statement, resource: &str, facts: &dyn Facts) -> bool {
    let Some(element) = &statement.resource else {
        return true;
    };
    let mut unknown = false;
    let matches = element
        .patterns
        .iter()
        .any(|pattern| match pattern.fill(facts) {
            Some(tokens) => glob::matches_arn(&tokens, resource, MissingFields::MatchAnything),
            None => {
                unknown = true;
                false
            }
        });
    match element.negated {
        true if unknown && statement.effect == Effect::Allow => false,
        negated => matches != negated,
    }
}
