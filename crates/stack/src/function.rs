//! Lambda functions whose code is this very program.

use serde_json::{Value, json};

use crate::grant::{Grant, Statement, document, trust};
use crate::log_group::{LogGroup, LogGroupHandle};
use crate::properties::Properties;
use crate::queue::QueueHandle;
use crate::stack::{Resource, Stack};
use crate::{Expression, Metric};

/// A function (`AWS::Lambda::Function`), with its role and its log group.
#[derive(Clone, Debug, Default)]
pub struct Function<'a> {
    /// Which handler of the application it runs.
    pub handler: &'a str,
    pub name: Option<Expression>,
    pub description: &'a str,
    pub memory_mb: u32,
    pub timeout_s: u32,
    /// Reserved concurrency: as many run at once and no more.
    pub concurrency: Option<u32>,
    pub environment: Vec<(&'a str, Expression)>,
    /// What its role may do, besides writing its own logs.
    pub allow: Vec<Grant>,
    /// Traces go to X-Ray.
    pub tracing: bool,
    pub logs: LogGroup,
    /// How often an asynchronous invocation that failed is tried again, 0 to 2.
    pub retries: Option<u8>,
    /// Where an asynchronous invocation goes that failed for good.
    pub dead_letter: Option<&'a QueueHandle>,
}

impl Function<'_> {
    /// A Rust function with 128 MB, three seconds and a week of logs.
    #[must_use]
    pub fn rust() -> Self {
        Self {
            memory_mb: 128,
            timeout_s: 3,
            logs: LogGroup::one_week(),
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
pub struct FunctionHandle {
    id: String,
    logs: LogGroupHandle,
}

impl FunctionHandle {
    #[must_use]
    pub fn name(&self) -> Expression {
        Expression::reference(&self.id)
    }

    #[must_use]
    pub fn arn(&self) -> Expression {
        Expression::attribute(&self.id, "Arn")
    }

    /// The group it writes its log into.
    #[must_use]
    pub fn logs(&self) -> &LogGroupHandle {
        &self.logs
    }

    #[must_use]
    pub fn invoke(&self) -> Grant {
        Statement::allow(&["lambda:InvokeFunction"], vec![self.arn()]).into()
    }

    /// A metric that Lambda publishes about it: `Errors`, `Duration`, `Invocations`, `Throttles`.
    #[must_use]
    pub fn metric(&self, name: &'static str) -> Metric {
        let dimensions = vec![("FunctionName", self.name())];
        Metric {
            namespace: "AWS/Lambda".into(),
            name,
            dimensions,
        }
    }
}

impl Resource for Function<'_> {
    type Handle = FunctionHandle;

    fn add_to(mut self, stack: &mut Stack, id: &str) -> FunctionHandle {
        if self.logs.name.is_none() {
            self.logs.name = self
                .name
                .as_ref()
                .map(|name| name.within("/aws/lambda/", ""));
        }
        let logs = stack.add(&format!("{id}Logs"), self.logs.clone());
        self.allow.push(logs.write());
        let role = format!("{id}Role");
        stack.insert(&role, "AWS::IAM::Role", self.role());
        let properties = self.properties(&Expression::attribute(&role, "Arn"), &logs.name());
        stack.insert(id, "AWS::Lambda::Function", properties);
        if let Some(retries) = self.retries {
            let properties = json!({
                "FunctionName": { "Ref": id }, "Qualifier": "$LATEST", "MaximumRetryAttempts": retries,
            });
            stack.insert(
                &format!("{id}Retries"),
                "AWS::Lambda::EventInvokeConfig",
                properties,
            );
        }
        stack
            .functions
            .push((id.to_owned(), self.handler.to_owned()));
        FunctionHandle {
            id: id.to_owned(),
            logs,
        }
    }
}

impl Function<'_> {
    fn role(&self) -> Properties {
        let mut statements: Vec<Statement> = self
            .allow
            .iter()
            .flat_map(|grant| grant.statements.clone())
            .collect();
        if self.tracing {
            let actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
            statements.push(Statement::allow(&actions, vec!["*".into()]));
        }
        statements.extend(
            self.dead_letter
                .iter()
                .flat_map(|queue| queue.send().statements),
        );
        let policy = json!({ "PolicyName": "Allow", "PolicyDocument": document(&statements) });
        Properties::new()
            .with("AssumeRolePolicyDocument", trust("lambda.amazonaws.com"))
            .with("Policies", json!([policy]))
    }

    fn properties(&self, role: &Expression, log_group: &Expression) -> Properties {
        let tracing = self.tracing.then(|| json!({ "Mode": "Active" }));
        let dead_letter = self
            .dead_letter
            .map(|queue| json!({ "TargetArn": queue.arn() }));
        Properties::new()
            .with_some("FunctionName", self.name.as_ref())
            .with_text("Description", self.description)
            .with("Runtime", "provided.al2023")
            .with("Handler", self.handler)
            .with("Role", role)
            .with("MemorySize", self.memory_mb)
            .with("Timeout", self.timeout_s)
            .with_some("ReservedConcurrentExecutions", self.concurrency)
            .with_some("Environment", self.variables())
            .with_some("TracingConfig", tracing)
            .with_some("DeadLetterConfig", dead_letter)
            .with("LoggingConfig", json!({ "LogGroup": log_group }))
    }

    fn variables(&self) -> Option<Value> {
        let mut variables = json!({});
        for (name, value) in &self.environment {
            variables[*name] = value.to_value();
        }
        (!self.environment.is_empty()).then(|| json!({ "Variables": variables }))
    }
}
