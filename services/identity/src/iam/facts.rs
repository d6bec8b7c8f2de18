//! The condition keys of a real request: global ones from the context, the rest from the access asked.

use std::borrow::Cow;

use cumulet_engine::access::Access;
use cumulet_engine::{Context, PrincipalKind};

use super::policy::Facts;
use super::policy::condition::iso_time;

/// Answers for condition keys, worked out only when a policy asks.
pub(crate) struct RequestFacts<'a> {
    pub(crate) context: &'a Context,
    pub(crate) access: &'a Access,
    pub(crate) principal_tags: &'a [(String, String)],
}

type Values<'a> = Option<Vec<Cow<'a, str>>>;

impl Facts for RequestFacts<'_> {
    fn values(&self, key: &str) -> Option<Vec<Cow<'_, str>>> {
        self.given(key).or_else(|| match key.strip_prefix("aws:") {
            Some(key) => self.global(key),
            None => None,
        })
    }
}

impl RequestFacts<'_> {
    /// Keys that the operation itself gave.
    fn given(&self, key: &str) -> Values<'_> {
        let mut conditions = self.access.conditions.iter();
        let (_, values) = conditions.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        Some(
            values
                .iter()
                .map(|value| Cow::Borrowed(value.as_str()))
                .collect(),
        )
    }

    fn global(&self, key: &str) -> Values<'_> {
        if let Some(tag) = key.strip_prefix("principaltag/") {
            let mut tags = self.principal_tags.iter();
            return one(tags
                .find(|(name, _)| name.eq_ignore_ascii_case(tag))?
                .1
                .as_str());
        }
        self.of_principal(key)
            .or_else(|| self.of_network(key))
            .or_else(|| self.of_request(key))
    }

    fn of_principal(&self, key: &str) -> Values<'_> {
        let principal = &*self.context.principal;
        match key {
            "principalarn" => match &principal.kind {
                PrincipalKind::Role { role_arn, .. } => one(role_arn.as_str()),
                _ => known(&principal.arn),
            },
            "principalaccount" => known(&principal.account),
            "principaltype" => one(principal_type(&principal.kind)?),
            "userid" => known(&principal.user_id),
            "username" => match &principal.kind {
                PrincipalKind::User { name } => one(name.as_str()),
                _ => None,
            },
            "principalisawsservice" => one(truth(self.service_name().is_some())),
            "principalservicename" => one(self.service_name()?),
            "principalservicenameslist" => one(self.service_name()?),
            _ => self.of_session(key),
        }
    }

    /// Keys that only temporary credentials have.
    fn of_session(&self, key: &str) -> Values<'_> {
        let session = &self.context.principal.session;
        match key {
            "multifactorauthpresent" if self.is_session() => one(truth(session.mfa_at.is_some())),
            "multifactorauthage" => {
                let age_s = self.context.now.seconds() - session.mfa_at?.seconds();
                one(age_s.to_string())
            }
            "tokenissuetime" => one(iso_time(session.issued?.seconds())),
            "sourceidentity" => one(session.source_identity.as_deref()?),
            _ => None,
        }
    }

    /// A service in between hides where the call first came from.
    fn of_network(&self, key: &str) -> Values<'_> {
        let context = self.context;
        let direct = context.via.is_none() && self.service_name().is_none();
        match key {
            "securetransport" => one(truth(context.secure_transport)),
            "sourceip" if direct => one(context.source_ip?.to_canonical().to_string()),
            "useragent" => one(context.user_agent.as_deref()?),
            "viaawsservice" => one(truth(context.via.is_some())),
            "calledvia" | "calledviafirst" | "calledvialast" => self.called_via(),
            _ => None,
        }
    }

    fn of_request(&self, key: &str) -> Values<'_> {
        let context = self.context;
        match key {
            "currenttime" => one(iso_time(context.now.seconds())),
            "epochtime" => one(context.now.seconds().to_string()),
            "requestedregion" => one(&*context.region),
            "sourcearn" => one(context.source_arn.as_deref()?),
            "sourceaccount" => one(context.source_account.as_deref()?),
            "resourceaccount" if self.access.resource_account.is_empty() => known(&context.account),
            "resourceaccount" => one(self.access.resource_account.as_str()),
            _ => None,
        }
    }

    /// Only some services show in aws:CalledVia; of ours these.
    fn called_via(&self) -> Values<'_> {
        let via = self.context.via.as_deref()?;
        let shown = ["cloudformation", "dynamodb", "kms"].contains(&via);
        shown.then(|| vec![Cow::Owned(format!("{via}.amazonaws.com"))])
    }

    fn service_name(&self) -> Option<&str> {
        match &self.context.principal.kind {
            PrincipalKind::Service { name } => Some(name),
            _ => None,
        }
    }

    fn is_session(&self) -> bool {
        let key = self.context.principal.access_key_id.as_deref();
        key.is_some_and(|key| key.starts_with("ASIA"))
    }
}

fn one<'a>(value: impl Into<Cow<'a, str>>) -> Values<'a> {
    Some(vec![value.into()])
}

fn known(value: &str) -> Values<'_> {
    (!value.is_empty()).then(|| vec![Cow::Borrowed(value)])
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn principal_type(kind: &PrincipalKind) -> Option<&'static str> {
    match kind {
        PrincipalKind::Anonymous => Some("Anonymous"),
        PrincipalKind::Root => Some("Account"),
        PrincipalKind::User { .. } => Some("User"),
        PrincipalKind::Role { .. } => Some("AssumedRole"),
        PrincipalKind::FederatedUser { .. } => Some("FederatedUser"),
        PrincipalKind::Service { .. } => None,
    }
}
