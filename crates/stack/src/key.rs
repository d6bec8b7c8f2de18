//! KMS keys.

use serde_json::json;

use crate::Expression;
use crate::grant::{Condition, Statement, document};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A customer managed key (`AWS::KMS::Key`), with an alias if it has a name.
///
/// Its policy delegates to the account, so that the policies of roles decide who uses it, as IAM's guide advises.
#[derive(Clone, Debug, Default)]
pub struct Key {
    pub description: &'static str,
    /// `alias/..`
    pub alias: Option<Expression>,
    pub rotating: bool,
    /// Days between the deletion of the stack and the loss of the key, 7 to 30.
    pub pending_window_days: u8,
    /// The key stays when the stack goes.
    pub retained: bool,
}

impl Key {
    /// A key whose material is renewed every year.
    #[must_use]
    pub fn rotating() -> Self {
        Self {
            rotating: true,
            pending_window_days: 7,
            ..Self::default()
        }
    }
}

/// How the data of a bucket, table, queue, secret or log group is encrypted.
#[derive(Clone, Copy, Debug, Default)]
pub enum Encryption<'a> {
    /// Under a key that the service owns.
    #[default]
    Service,
    /// Under a key of this stack, which whoever uses the data must be allowed to use.
    Kms(&'a KeyHandle),
}

impl Encryption<'_> {
    pub(crate) fn key(self) -> Option<KeyHandle> {
        match self {
            Self::Service => None,
            Self::Kms(key) => Some(key.clone()),
        }
    }
}

#[derive(Clone, Debug)]
pub struct KeyHandle {
    id: String,
}

impl KeyHandle {
    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }

    #[must_use]
    pub fn key_id(&self) -> Expression {
        Expression::reference(&self.id)
    }

    /// Use of the key through one service only: the same role calling KMS itself is refused.
    pub(crate) fn through(&self, service: &str, actions: &[&str]) -> Statement {
        let value = Expression::sub(&format!("{service}.${{AWS::Region}}.amazonaws.com"));
        let condition = Condition {
            operator: "StringEquals",
            key: "kms:ViaService",
            value,
        };
        Statement {
            conditions: vec![condition],
            ..Statement::allow(actions, vec![self.arn()])
        }
    }
}

impl Resource for Key {
    type Handle = KeyHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> KeyHandle {
        let root = Expression::sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root");
        let delegation = Statement::allow(&["kms:*"], vec!["*".into()]);
        let policy = document(&[Statement {
            principal: Some(json!({ "AWS": root })),
            ..delegation
        }]);
        let window = Some(self.pending_window_days).filter(|days| *days > 0);
        let properties = Properties::new()
            .with_text("Description", self.description)
            .with("EnableKeyRotation", self.rotating)
            .with("KeyPolicy", policy)
            .with_some("PendingWindowInDays", window);
        stack.insert(id, "AWS::KMS::Key", properties);
        if self.retained {
            stack.retain(id)
        } else {
            stack.delete(id)
        }
        if let Some(alias) = &self.alias {
            let properties = json!({ "AliasName": alias, "TargetKeyId": { "Ref": id } });
            stack.insert(&format!("{id}Alias"), "AWS::KMS::Alias", properties);
        }
        KeyHandle { id: id.to_owned() }
    }
}
