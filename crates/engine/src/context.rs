//! Who asks, when, from where, and on whose behalf.
//!
//! An operation sees the world through its [`Context`]: no other clock, no other source of ids. A
//! service that calls another one hands on a context derived from its own, so the caller's principal,
//! the request id and the trace go along.

use std::net::IpAddr;
use std::sync::Arc;

use cumulet_kernel::trace::{SpanGuard, Trace};
use cumulet_kernel::{Ids, Timestamp};
use serde::{Deserialize, Serialize};

use crate::meter::Meter;
use crate::registry::Registry;

/// Who is making a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub kind: PrincipalKind,
    /// `arn:aws:iam::111122223333:user/x`, `arn:aws:sts::...:assumed-role/role/session`, or empty.
    pub arn: String,
    /// The 12-digit account the principal belongs to; empty for services and anonymous callers.
    pub account: String,
    /// `AIDA...`, `AROA...:session`, or the account id for the root user.
    pub user_id: String,
    pub access_key_id: Option<String>,
    /// Policies that narrow this session, as JSON documents.
    pub session_policies: Vec<String>,
    /// Session tags, in effect as `aws:PrincipalTag/key`.
    pub session_tags: Vec<(String, String)>,
    #[serde(default)]
    pub session: SessionFacts,
}

/// What is known of a session from its beginning on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// `aws:TokenIssueTime`.
    pub issued: Option<Timestamp>,
    /// When its maker showed a code of a second device; absent where none was shown.
    pub mfa_at: Option<Timestamp>,
    /// `aws:SourceIdentity`, the same along a chain of roles.
    pub source_identity: Option<String>,
}

/// What a denial does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IamMode {
    /// It refuses the call.
    #[default]
    Enforce,
    /// It is kept with the call's decisions, and the call goes on.
    Report,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    Anonymous,
    /// The account itself.
    Root,
    User {
        name: String,
    },
    /// A session of a role.
    Role {
        role_arn: String,
        session_name: String,
    },
    FederatedUser {
        name: String,
    },
    /// An AWS service acting for itself: `s3.amazonaws.com`.
    Service {
        name: String,
    },
}

impl Principal {
    pub fn anonymous() -> Self {
        Self::plain(PrincipalKind::Anonymous)
    }

    /// A service acting for itself, e.g. `apigateway.amazonaws.com`.
    pub fn service(name: &str) -> Self {
        Self::plain(PrincipalKind::Service { name: name.into() })
    }

    fn plain(kind: PrincipalKind) -> Self {
        Self {
            kind,
            arn: String::new(),
            account: String::new(),
            user_id: String::new(),
            access_key_id: None,
            session_policies: Vec::new(),
            session_tags: Vec::new(),
            session: SessionFacts::default(),
        }
    }
}

/// Everything an operation may know besides its input and the store.
#[derive(Clone, Debug)]
pub struct Context {
    pub request_id: Arc<str>,
    pub now: Timestamp,
    /// The account whose resources a call without an ARN means: the caller's.
    pub account: Arc<str>,
    pub region: Arc<str>,
    pub principal: Arc<Principal>,
    pub ids: Ids,
    pub source_ip: Option<IpAddr>,
    pub user_agent: Option<Arc<str>>,
    pub iam_mode: IamMode,
    /// The value of `aws:SecureTransport`, decided by the listener.
    pub secure_transport: bool,
    /// The service through which the principal's call comes, e.g. `s3`: kms:ViaService, aws:CalledVia.
    pub via: Option<Arc<str>>,
    /// On calls by a service principal: the resource it acts for (aws:SourceArn) and that one's account.
    pub source_arn: Option<Arc<str>>,
    pub source_account: Option<Arc<str>>,
    /// `http://127.0.0.1:4566`: for URLs in answers.
    pub endpoint: Arc<str>,
    pub trace: Trace,
    /// For calls from one service to another.
    pub services: Arc<Registry>,
    /// Takes what operations measure; a transaction that fails afterwards does not take it back.
    pub meter: Arc<dyn Meter>,
}

impl Context {
    /// The same call one service further down: the principal stays, `service` becomes the way.
    #[must_use]
    pub fn through(&self, service: &str) -> Self {
        Self {
            via: Some(service.into()),
            ..self.clone()
        }
    }

    /// A call by `principal` instead, in its own account.
    #[must_use]
    pub fn acting_as(&self, principal: Principal) -> Self {
        let account = if principal.account.is_empty() {
            self.account.clone()
        } else {
            principal.account.as_str().into()
        };
        Self {
            account,
            principal: Arc::new(principal),
            via: None,
            source_arn: None,
            source_account: None,
            ..self.clone()
        }
    }

    /// A call by an AWS service for one of its resources.
    #[must_use]
    pub fn as_service(&self, service: &str, source_arn: &str, source_account: &str) -> Self {
        let mut context = self.acting_as(Principal::service(service));
        context.source_arn = Some(source_arn.into());
        context.source_account = Some(source_account.into());
        context
    }

    /// The same call in another account and region: that of the resource it is about.
    #[must_use]
    pub fn located(&self, account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            ..self.clone()
        }
    }

    /// Opens a span under the present one; it ends when the guard is dropped.
    pub fn span(&self, name: &str) -> (Self, SpanGuard) {
        let (trace, guard) = self.trace.child(name);
        (
            Self {
                trace,
                ..self.clone()
            },
            guard,
        )
    }
}
