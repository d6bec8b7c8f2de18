//! Service-linked roles: made for a service, and nobody else's to change.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::json;

use super::api::{
    CreateServiceLinkedRoleInput, DeleteServiceLinkedRoleOutput, DeletionStatusInput,
    DeletionStatusOutput, HolderInput, Role, RoleOutput,
};
use super::attach::note_attachment;
use super::error::{invalid_input, no_entity, no_such};
use super::holder::{Holder, find, save};
use super::role::{DEFAULT_SESSION_S, remove, view};
use super::state::{ROLES, RoleRecord, arn, named};
use super::{keys, managed};

/// Services whose roles are linked here: service, name behind `AWSServiceRoleFor`, AWS's policy where the
/// table of managed policies has it, and whether several roles may be told apart by a suffix.
const SERVICES: [(&str, &str, &str, bool); 18] = [
    ("autoscaling.amazonaws.com", "AutoScaling", "", true),
    ("batch.amazonaws.com", "Batch", "", false),
    (
        "cloudtrail.amazonaws.com",
        "CloudTrail",
        "CloudTrailServiceRolePolicy",
        false,
    ),
    ("config.amazonaws.com", "Config", "", false),
    ("connect.amazonaws.com", "AmazonConnect", "", true),
    (
        "dynamodb.application-autoscaling.amazonaws.com",
        "ApplicationAutoScaling_DynamoDBTable",
        "AWSApplicationAutoscalingDynamoDBTablePolicy",
        false,
    ),
    (
        "ecs.amazonaws.com",
        "ECS",
        "AmazonECSServiceRolePolicy",
        false,
    ),
    ("eks.amazonaws.com", "AmazonEKS", "", false),
    ("elasticache.amazonaws.com", "ElastiCache", "", false),
    (
        "elasticbeanstalk.amazonaws.com",
        "ElasticBeanstalk",
        "",
        false,
    ),
    (
        "elasticloadbalancing.amazonaws.com",
        "ElasticLoadBalancing",
        "",
        false,
    ),
    (
        "events.amazonaws.com",
        "CloudWatchEvents",
        "CloudWatchEventsServiceRolePolicy",
        false,
    ),
    (
        "lambda.application-autoscaling.amazonaws.com",
        "ApplicationAutoScaling_LambdaConcurrency",
        "AWSApplicationAutoscalingLambdaConcurrencyPolicy",
        false,
    ),
    ("lex.amazonaws.com", "LexBots", "", false),
    (
        "ops.apigateway.amazonaws.com",
        "APIGateway",
        "APIGatewayServiceRolePolicy",
        false,
    ),
    ("rds.amazonaws.com", "RDS", "", false),
    (
        "replication.dynamodb.amazonaws.com",
        "DynamoDBReplication",
        "DynamoDBReplicationServiceRolePolicy",
        false,
    ),
    ("ssm.amazonaws.com", "AmazonSSM", "", false),
];

fn path(service: &str) -> String {
    format!("/aws-service-role/{service}/")
}

pub(super) fn create_access(
    _: &Tx<'_>,
    context: &Context,
    input: &CreateServiceLinkedRoleInput,
) -> Result<Vec<Access>> {
    let service = &input.aws_service_name;
    let resource = arn(&context.account, "role", &path(service), "*");
    let access = Access::new("iam:CreateServiceLinkedRole", resource);
    Ok(vec![
        access.condition("iam:AWSServiceName", service.as_str()),
    ])
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html>
pub(super) fn create(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateServiceLinkedRoleInput,
) -> Result<RoleOutput> {
    let service = input.aws_service_name;
    let known = SERVICES.iter().find(|(known, ..)| *known == service);
    let Some((_, word, policy, takes_suffix)) = known else {
        return Err(Error::not_implemented(format!(
            "the service-linked role of {service}"
        )));
    };
    if input.custom_suffix.is_some() && !takes_suffix {
        return Err(invalid_input(format!(
            "Custom suffix is not allowed for {service}"
        )));
    }
    let suffix = input
        .custom_suffix
        .map(|suffix| format!("_{suffix}"))
        .unwrap_or_default();
    let name = format!("AWSServiceRoleFor{word}{suffix}");
    if tx.get(ROLES, named(&context.account, &name))?.is_some() {
        return Err(invalid_input(format!(
            "Service role name {name} has been taken in this account, please try a different suffix."
        )));
    }
    let mut role = record(context, service, name, input.description);
    let policy_arn = format!("arn:aws:iam::aws:policy/aws-service-role/{policy}");
    if managed::by_arn(&policy_arn).is_some() {
        note_attachment(
            tx,
            &context.account,
            &policy_arn,
            RoleRecord::NOUN,
            &role.name,
        )?;
        role.held.attached.push(policy_arn);
    }
    save(tx, context, &role)?;
    let role = Role {
        max_session_duration: None,
        role_last_used: None,
        ..view(&role)
    };
    Ok(RoleOutput { role })
}

fn record(
    context: &Context,
    service: String,
    name: String,
    description: Option<String>,
) -> RoleRecord {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]},
    }]});
    RoleRecord {
        name,
        path: path(&service),
        id: keys::unique_id(&context.ids, "AROA"),
        account: context.account.to_string(),
        created: context.now,
        trust: trust.to_string(),
        description,
        max_session_duration_s: DEFAULT_SESSION_S,
        tags: Default::default(),
        held: Default::default(),
        linked_to: Some(service),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceLinkedRole.html>
///
/// Nothing here uses the resources that AWS would look for first, so it is done at once.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    context: &Context,
    input: HolderInput,
) -> Result<DeleteServiceLinkedRoleOutput> {
    let name = input.name.unwrap_or_default();
    let role: Option<RoleRecord> = find(tx, context, &name)?;
    let role = role.ok_or_else(|| no_entity("role", &name))?;
    let Some(service) = &role.linked_to else {
        return Err(invalid_input(format!(
            "Role {name} is not a service-linked role."
        )));
    };
    for policy in &role.held.attached {
        super::attach::forget_attachment(
            tx,
            &context.account,
            policy,
            RoleRecord::NOUN,
            &role.name,
        )?;
    }
    remove(tx, &role)?;
    let task = format!("task{}{}/{}", path(service), role.name, context.ids.uuid());
    Ok(DeleteServiceLinkedRoleOutput {
        deletion_task_id: task,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLinkedRoleDeletionStatus.html>
pub(super) fn deletion_status(
    _tx: &mut Tx<'_>,
    _context: &Context,
    input: DeletionStatusInput,
) -> Result<DeletionStatusOutput> {
    let mut parts = input.deletion_task_id.rsplit('/');
    let name = parts
        .nth(1)
        .filter(|_| input.deletion_task_id.starts_with("task/aws-service-role/"));
    let missing = || {
        no_such(format!(
            "Deletion task {} cannot be found.",
            input.deletion_task_id
        ))
    };
    // Deletions never wait here.
    name.ok_or_else(missing)?;
    Ok(DeletionStatusOutput {
        status: "SUCCEEDED",
    })
}
