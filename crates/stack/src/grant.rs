//! What a function may do. A grant is a value made by the handle of a resource; listed in `allow`, it becomes
//! statements of the function's role, so a role can do what is written beside the function and nothing else.

use serde_json::{Map, Value, json};

use crate::Expression;

/// Permission on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub statements: Vec<Statement>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    #[default]
    Allow,
    Deny,
}

/// One statement of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub effect: Effect,
    pub actions: Vec<String>,
    pub resources: Vec<Expression>,
    pub conditions: Vec<Condition>,
    /// Who, in the policy of a resource; a policy of a role has none.
    pub principal: Option<Value>,
}

/// `{operator: {key: value}}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub operator: &'static str,
    pub key: &'static str,
    pub value: Expression,
}

impl Statement {
    #[must_use]
    pub fn allow(actions: &[&str], resources: Vec<Expression>) -> Self {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        Self {
            actions,
            resources,
            ..Self::default()
        }
    }

    fn to_value(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Action".to_owned(), one_or_all(&self.actions));
        if !self.conditions.is_empty() {
            statement.insert("Condition".to_owned(), conditions(&self.conditions));
        }
        let effect = if self.effect == Effect::Deny {
            "Deny"
        } else {
            "Allow"
        };
        statement.insert("Effect".to_owned(), json!(effect));
        if let Some(principal) = &self.principal {
            statement.insert("Principal".to_owned(), principal.clone());
        }
        if !self.resources.is_empty() {
            statement.insert("Resource".to_owned(), one_or_all(&self.resources));
        }
        Value::Object(statement)
    }
}

impl Grant {
    /// The grants of several values as one: `Grant::all([files.read(), files.delete()])`.
    #[must_use]
    pub fn all<const N: usize>(grants: [Self; N]) -> Self {
        Self {
            statements: grants
                .into_iter()
                .flat_map(|grant| grant.statements)
                .collect(),
        }
    }
}

impl From<Statement> for Grant {
    fn from(statement: Statement) -> Self {
        Self {
            statements: vec![statement],
        }
    }
}

/// May publish metrics, in that namespace only.
#[must_use]
pub fn put_metrics(namespace: &str) -> Grant {
    let condition = Condition {
        operator: "StringEquals",
        key: "cloudwatch:namespace",
        value: namespace.into(),
    };
    let statement = Statement::allow(&["cloudwatch:PutMetricData"], vec!["*".into()]);
    Statement {
        conditions: vec![condition],
        ..statement
    }
    .into()
}

/// A policy document. Statements that differ only in their actions are joined, as a person would write them.
pub(crate) fn document(statements: &[Statement]) -> Value {
    let statements: Vec<Value> = merged(statements).iter().map(Statement::to_value).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Who may assume a role: one AWS service.
pub(crate) fn trust(service: &str) -> Value {
    let statement = Statement::allow(&["sts:AssumeRole"], vec![]);
    document(&[Statement {
        principal: Some(json!({ "Service": service })),
        ..statement
    }])
}

fn merged(statements: &[Statement]) -> Vec<Statement> {
    let mut merged: Vec<Statement> = Vec::new();
    for statement in statements {
        match merged
            .iter_mut()
            .find(|other| differ_in_actions_only(other, statement))
        {
            Some(other) => {
                let new = statement
                    .actions
                    .iter()
                    .filter(|action| !other.actions.contains(action));
                let new: Vec<String> = new.cloned().collect();
                other.actions.extend(new);
            }
            None => merged.push(statement.clone()),
        }
    }
    merged
}

fn differ_in_actions_only(one: &Statement, other: &Statement) -> bool {
    (one.effect, &one.resources, &one.conditions, &one.principal)
        == (
            other.effect,
            &other.resources,
            &other.conditions,
            &other.principal,
        )
}

fn conditions(conditions: &[Condition]) -> Value {
    let mut operators = json!({});
    for condition in conditions {
        operators[condition.operator][condition.key] = condition.value.to_value();
    }
    operators
}

fn one_or_all<T: serde::Serialize>(values: &[T]) -> Value {
    match values {
        [only] => json!(only),
        all => json!(all),
    }
}
