//! The Principal element: whom a resource's policy speaks to, and how directly.

use cumulet_engine::arn::Arn;
use cumulet_engine::{Principal, PrincipalKind};
use sha2::{Digest, Sha256};

use super::Effect;

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrincipalElement {
    pub(crate) negated: bool,
    pub(crate) names: Vec<PrincipalName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalName {
    /// `"*"`
    Anyone,
    /// `{"AWS": "*"}`: everyone but services.
    AnyAws,
    /// An account id, or the ARN of its root.
    Account(String),
    /// A user, role, role session or federated user.
    Arn(String),
    /// `AIDA...`, `AROA...`: what an ARN turned into when its entity was deleted.
    EntityId(String),
    Service(String),
    Federated(String),
    CanonicalUser(String),
}

/// The id that S3 knows an account by: 64 hexadecimal digits.
pub fn canonical_user_id(account: &str) -> String {
    hex::encode(Sha256::digest(format!("canonical user of {account}")))
}

/// How directly a resource's policy gives something to a caller: what else may cut it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// To the caller's account, whose own policies then decide.
    Delegated,
    /// To the caller's role: boundaries and session policies still cut.
    Role,
    /// To the very user or session, or to everyone.
    Direct,
}

impl PrincipalName {
    /// One value under the key `AWS`, `Service`, `Federated` or `CanonicalUser`.
    pub(crate) fn read(kind: &str, value: &str) -> Option<Self> {
        match kind {
            "AWS" => Self::aws(value),
            "Service" if value == "*" => None,
            "Service" => Some(Self::Service(value.into())),
            "Federated" => Some(Self::Federated(value.into())),
            "CanonicalUser" => Some(Self::CanonicalUser(value.into())),
            _ => None,
        }
    }

    fn aws(value: &str) -> Option<Self> {
        let is_account =
            |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if value == "*" {
            return Some(Self::AnyAws);
        }
        if is_account(value) {
            return Some(Self::Account(value.into()));
        }
        if let Some(arn) = Arn::parse(value) {
            let known = matches!(arn.service, "iam" | "sts") && is_account(arn.account);
            return known.then(|| match arn.resource {
                "root" => Self::Account(arn.account.into()),
                _ => Self::Arn(value.into()),
            });
        }
        let is_id = value.len() >= 16 && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then(|| Self::EntityId(value.into()))
    }

    /// How directly this names the caller; `None` where it does not.
    fn names(&self, caller: &Caller<'_>) -> Option<Grant> {
        let named = |condition: bool, grant| condition.then_some(grant);
        match self {
            Self::Anyone => Some(Grant::Direct),
            Self::AnyAws => named(!caller.is_service(), Grant::Direct),
            Self::Account(account) => {
                let grant = if caller.is_root() {
                    Grant::Direct
                } else {
                    Grant::Delegated
                };
                named(!account.is_empty() && caller.account() == account, grant)
            }
            Self::Arn(arn) if caller.role_arn() == Some(arn) => Some(Grant::Role),
            Self::Arn(arn) => named(
                !arn.is_empty() && caller.principal.arn == *arn,
                Grant::Direct,
            ),
            Self::EntityId(id) => {
                let grant = if caller.role_arn().is_some() {
                    Grant::Role
                } else {
                    Grant::Direct
                };
                named(!id.is_empty() && caller.entity_id() == id, grant)
            }
            Self::Service(name) => named(caller.is_called(name), Grant::Direct),
            // Nobody comes in through an identity provider: AssumeRoleWithWebIdentity and -WithSAML are not built.
            Self::Federated(_) => None,
            Self::CanonicalUser(id) => {
                let account = caller.account();
                named(
                    !account.is_empty() && canonical_user_id(account) == *id,
                    Grant::Delegated,
                )
            }
        }
    }
}

impl PrincipalElement {
    /// Whether, and how directly, a statement with this element and effect speaks to the caller.
    pub(crate) fn reaches(&self, caller: &Caller<'_>, effect: Effect) -> Option<Grant> {
        let named = self
            .names
            .iter()
            .filter_map(|name| name.names(caller))
            .max();
        match (self.negated, effect) {
            (false, _) => named,
            (true, Effect::Allow) => named.is_none().then_some(Grant::Direct),
            (true, Effect::Deny) => (!self.exempts(caller)).then_some(Grant::Direct),
        }
    }

    /// A Deny with NotPrincipal spares only those it names in full: a user or role with its account, a
    /// session with its role and account.
    fn exempts(&self, caller: &Caller<'_>) -> bool {
        let lists = |grant| {
            self.names
                .iter()
                .any(|name| name.names(caller) == Some(grant))
        };
        if caller.is_service() || caller.is_root() || caller.account().is_empty() {
            return lists(Grant::Direct);
        }
        let everyone = [PrincipalName::Anyone, PrincipalName::AnyAws];
        if self.names.iter().any(|name| everyone.contains(name)) {
            return true;
        }
        let role_listed = caller.role_arn().is_none() || lists(Grant::Role);
        lists(Grant::Direct) && role_listed && lists(Grant::Delegated)
    }
}

/// Who asks, as policies see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) principal: &'a Principal,
    /// Services may be named with the region they act in.
    pub(crate) region: &'a str,
}

impl<'a> Caller<'a> {
    pub(crate) fn account(&self) -> &'a str {
        &self.principal.account
    }

    pub(crate) fn is_root(&self) -> bool {
        self.principal.kind == PrincipalKind::Root
    }

    pub(crate) fn is_service(&self) -> bool {
        matches!(self.principal.kind, PrincipalKind::Service { .. })
    }

    pub(crate) fn role_arn(&self) -> Option<&'a str> {
        match &self.principal.kind {
            PrincipalKind::Role { role_arn, .. } => Some(role_arn),
            _ => None,
        }
    }

    fn entity_id(&self) -> &'a str {
        let user_id = self.principal.user_id.as_str();
        user_id.split_once(':').map_or(user_id, |(id, _)| id)
    }

    /// Whether the caller is the service of this name, plain or with the region in it.
    fn is_called(&self, name: &str) -> bool {
        let PrincipalKind::Service { name: own } = &self.principal.kind else {
            return false;
        };
        let regional = || {
            let (service, domain) = name.split_once('.')?;
            let domain = domain.strip_prefix(self.region)?;
            own.strip_prefix(service)
                .map(|own_domain| own_domain == domain)
        };
        own == name || regional().unwrap_or(false)
    }
}
