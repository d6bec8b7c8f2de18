//! CloudWatch log groups.

use crate::Expression;
use crate::grant::{Grant, Statement};
use crate::properties::Properties;
use crate::stack::{Resource, Stack};

/// A log group (`AWS::Logs::LogGroup`).
#[derive(Clone, Debug, Default)]
pub struct LogGroup {
    pub name: Option<Expression>,
    /// How long events are kept: one of the numbers that CloudWatch offers.
    pub retention_days: u32,
    pub retained: bool,
}

impl LogGroup {
    #[must_use]
    pub fn one_week() -> Self {
        Self {
            retention_days: 7,
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
pub struct LogGroupHandle {
    id: String,
}

impl LogGroupHandle {
    #[must_use]
    pub fn name(&self) -> Expression {
        Expression::reference(&self.id)
    }

    /// Ends in `:*`, as CloudFormation has it: it names the streams of the group.
    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }

    /// May write events into the group.
    #[must_use]
    pub fn write(&self) -> Grant {
        Statement::allow(
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            vec![self.arn()],
        )
        .into()
    }

    /// May search the events of the group.
    #[must_use]
    pub fn search(&self) -> Grant {
        Statement::allow(&["logs:FilterLogEvents"], vec![self.arn()]).into()
    }
}

impl Resource for LogGroup {
    type Handle = LogGroupHandle;

    fn add_to(self, stack: &mut Stack, id: &str) -> LogGroupHandle {
        let retention = Some(self.retention_days).filter(|days| *days > 0);
        let properties = Properties::new()
            .with_some("LogGroupName", self.name.as_ref())
            .with_some("RetentionInDays", retention);
        stack.insert(id, "AWS::Logs::LogGroup", properties);
        if self.retained {
            stack.retain(id)
        } else {
            stack.delete(id)
        }
        LogGroupHandle { id: id.to_owned() }
    }
}
