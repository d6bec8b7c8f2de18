//! SQS queues.

use serde_json::json;

use crate::Expression;
use crate::grant::{Grant, Statement};
use crate::key::{Encryption, KeyHandle};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A standard queue (`AWS::SQS::Queue`).
#[derive(Clone, Debug, Default)]
pub struct Queue<'a> {
    pub name: Option<Expression>,
    pub retention_s: Option<u32>,
    pub visibility_timeout_s: Option<u32>,
    pub encryption: Encryption<'a>,
    /// Where a message goes that was received this often and never deleted.
    pub dead_letter: Option<(&'a QueueHandle, u32)>,
}

impl Queue<'_> {
    /// A queue that keeps what failed for two weeks, the longest that SQS offers.
    #[must_use]
    pub fn dead_letters() -> Self {
        Self {
            retention_s: Some(14 * 24 * 3600),
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
pub struct QueueHandle {
    id: String,
    key: Option<KeyHandle>,
}

impl QueueHandle {
    #[must_use]
    pub fn name(&self) -> Expression {
        Expression::attribute(&self.id, "QueueName")
    }

    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }

    #[must_use]
    pub fn url(&self) -> Expression {
        Expression::reference(&self.id)
    }

    #[must_use]
    pub fn send(&self) -> Grant {
        self.grant(
            &["sqs:SendMessage"],
            &["kms:GenerateDataKey", "kms:Decrypt"],
        )
    }

    #[must_use]
    pub fn receive(&self) -> Grant {
        let actions = [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
        ];
        self.grant(&actions, &["kms:Decrypt"])
    }

    fn grant(&self, actions: &[&str], key_actions: &[&str]) -> Grant {
        let key = self.key.as_ref().map(|key| key.through("sqs", key_actions));
        let own = Statement::allow(actions, vec![self.arn()]);
        Grant {
            statements: std::iter::once(own).chain(key).collect(),
        }
    }
}

impl Resource for Queue<'_> {
    type Handle = QueueHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> QueueHandle {
        let key = self.encryption.key();
        let redrive = self.dead_letter.map(|(queue, receives)| {
            json!({ "deadLetterTargetArn": queue.arn(), "maxReceiveCount": receives })
        });
        let properties = Properties::new()
            .with_some("QueueName", self.name.as_ref())
            .with_some("MessageRetentionPeriod", self.retention_s)
            .with_some("VisibilityTimeout", self.visibility_timeout_s)
            .with_some("RedrivePolicy", redrive)
            .with_some(
                "KmsMasterKeyId",
                key.as_ref().map(|key| key.arn().to_value()),
            )
            .with_some("SqsManagedSseEnabled", key.is_none().then_some(true));
        stack.insert(id, "AWS::SQS::Queue", properties);
        stack.delete(id);
        QueueHandle {
            id: id.to_owned(),
            key,
        }
    }
}
