//! What is fixed while an operation runs: its template, parameters and graph.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::error::Result;
use cumulet_engine::provider::StackIdentity;
use cumulet_identity::iam;
use cumulet_kernel::{Timestamp, Tx};
use serde_json::Value;

use crate::state::{self, Phase, Stack, StackOperation};
use crate::template::functions::{KnownResource, Scope};
use crate::template::{self, Template, conditions, parameters, references};

/// An operation as a delivery sees it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(super) context: Context,
    pub(super) stack_id: String,
    pub(super) operation_id: String,
    pub(super) template: Template,
    pub(super) identity: StackIdentity,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) conditions: BTreeMap<String, bool>,
    /// The resources that the template makes, in its order, with what each waits for.
    pub(super) dependencies: Vec<(String, Vec<String>)>,
    /// Values of NoEcho parameters: events do not show them.
    pub(super) secrets: Vec<String>,
}

impl Run {
    /// `None` where the operation is over or superseded.
    pub(super) fn load(
        tx: &Tx<'_>,
        context: Context,
        stack_id: &str,
        operation_id: &str,
    ) -> Result<Option<Self>> {
        let stack = state::stack_by_id(tx, stack_id)?;
        let operation = state::operation(tx, operation_id)?;
        let (Some(stack), Some(operation)) = (stack, operation) else {
            return Ok(None);
        };
        if operation.phase == Phase::Over || stack.operation_id.as_deref() != Some(operation_id) {
            return Ok(None);
        }
        Self::new(context, &stack, &operation).map(Some)
    }

    fn new(context: Context, stack: &Stack, operation: &StackOperation) -> Result<Self> {
        let template = operation.settings.template()?;
        let settled = &operation.settings.parameters;
        let hidden = settled.iter().filter(|parameter| parameter.no_echo);
        let mut run = Self {
            context: context.located(&stack.account, &stack.region),
            stack_id: stack.id.clone(),
            operation_id: operation.id.clone(),
            identity: identity(stack, &operation.settings.notification_arns),
            parameters: parameters::values(settled),
            conditions: BTreeMap::new(),
            dependencies: Vec::new(),
            secrets: hidden.map(|parameter| parameter.value.clone()).collect(),
            template,
        };
        run.conditions = {
            let mut scope = run.empty_scope();
            conditions::decide(&mut scope)?;
            scope.conditions
        };
        run.dependencies = live_dependencies(&run.template, &run.conditions);
        Ok(run)
    }

    /// The same operation at another moment.
    pub(super) fn at(&self, now: Timestamp) -> Self {
        let mut run = self.clone();
        run.context.now = now;
        run
    }

    fn empty_scope(&self) -> Scope<'_> {
        Scope {
            template: &self.template,
            stack: &self.identity,
            parameters: &self.parameters,
            conditions: self.conditions.clone(),
            resources: BTreeMap::new(),
            exports: BTreeMap::new(),
            imported: Default::default(),
        }
    }

    /// What expressions mean at this point of the operation.
    pub(super) fn scope(&self, tx: &Tx<'_>) -> Result<Scope<'_>> {
        let mut scope = self.empty_scope();
        scope.exports = state::export_values(tx, &self.identity.account, &self.identity.region)?;
        for resource in state::resources(tx, &self.stack_id)? {
            if let Some(deployed) = resource.now {
                let known = KnownResource {
                    kind: deployed.kind,
                    physical_id: deployed.physical_id,
                    attributes: deployed.attributes,
                    pending: false,
                };
                scope.resources.insert(resource.logical_id, known);
            }
        }
        Ok(scope)
    }

    pub(super) fn dependencies_of(&self, logical_id: &str) -> &[String] {
        let found = self.dependencies.iter().find(|(id, _)| id == logical_id);
        found.map_or(&[], |(_, needed)| needed.as_slice())
    }

    /// The context that resources are touched in: the stack's role, else whoever asked.
    pub(super) fn deployment_context(
        &self,
        tx: &Tx<'_>,
        operation: &StackOperation,
    ) -> Result<Context> {
        let principal = match &operation.settings.role_arn {
            Some(role_arn) => iam::role_session(tx, role_arn, "AWSCloudFormation")?,
            None => operation.principal.clone(),
        };
        let context = self.context.acting_as(principal);
        Ok(context
            .located(&self.identity.account, &self.identity.region)
            .through("cloudformation"))
    }
}

pub(crate) fn identity(stack: &Stack, arns: &[String]) -> StackIdentity {
    StackIdentity {
        account: stack.account.clone(),
        region: stack.region.clone(),
        name: stack.name.clone(),
        id: stack.id.clone(),
        notification_arns: arns.to_vec(),
    }
}

/// The resources whose conditions hold, and the ones among them that each waits for.
fn live_dependencies(
    template: &Template,
    conditions: &BTreeMap<String, bool>,
) -> Vec<(String, Vec<String>)> {
    let lives = |definition: &template::Definition<'_>| {
        let condition = definition.condition();
        condition.is_none_or(|name| conditions.get(name) == Some(&true))
    };
    let live: Vec<template::Definition<'_>> = template.resources().filter(lives).collect();
    let needed = |definition: &template::Definition<'_>| {
        let mut names = references::dependencies(template, *definition, Some(conditions));
        names.retain(|name| live.iter().any(|other| other.logical_id == name));
        (definition.logical_id.to_owned(), names)
    };
    live.iter().map(needed).collect()
}
