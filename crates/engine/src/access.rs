//! What a call needs to be allowed: the question that IAM answers.

use std::sync::Arc;

/// One action on one resource, with all that policies may ask about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// `s3:PutObject`.
    pub action: String,
    /// The resource's ARN; `*` where the action has none.
    pub resource: String,
    /// The account that owns the resource; empty: the caller's.
    pub resource_account: String,
    /// Service-specific condition keys: `s3:prefix`, `kms:ViaService`, `aws:ResourceTag/x`.
    pub conditions: Vec<(String, Vec<String>)>,
    /// The resource's own policy, where it has one.
    pub resource_policy: Option<Arc<str>>,
    /// KMS keys: without a word from the key's own policy identity policies do not count.
    pub resource_policy_decides: bool,
}

impl Access {
    pub fn new(action: &str, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn condition(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.conditions.push((key.into(), vec![value.into()]));
        self
    }

    #[must_use]
    pub fn condition_values(mut self, key: impl Into<String>, values: Vec<String>) -> Self {
        self.conditions.push((key.into(), values));
        self
    }

    /// The policy attached to the resource, and the account that owns it.
    #[must_use]
    pub fn governed_by(mut self, policy: Option<Arc<str>>, owner_account: &str) -> Self {
        self.resource_policy = policy;
        self.resource_account = owner_account.into();
        self
    }
}
