//! AssumeRole: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_kernel::Tx;

use super::api::{AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser, PolicyDescriptor, Tag};
use super::mfa;
use super::session::{self, NewSession, SessionCredentials};
use crate::iam::{self, PolicyUse, RoleRecord};

/// A role assumed with the credentials of another role lasts no longer.
const CHAINED_LIMIT_S: u32 = 3600;
const DEFAULT_DURATION_S: u32 = 3600;
/// What policies and tags of one session may come to, packed, in bytes.
const PACKED_LIMIT_BYTES: usize = 4096;

/// The trust policy decides; passing tags is a permission of its own.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    input: &AssumeRoleInput,
) -> Result<Vec<Access>> {
    check_arn(&input.role_arn)?;
    let Some(role) = iam::find_role(tx, &input.role_arn)? else {
        let access = Access::new("sts:AssumeRole", &input.role_arn);
        return Err(iam::denial_of(context, &access));
    };
    if context.principal.kind == PrincipalKind::Root {
        return Err(Error::access_denied(
            "Roles may not be assumed by root accounts.",
        ));
    }
    let mfa = mfa::shown(tx, context, &input.serial_number, &input.token_code)?;
    let source_identity = source_identity(context, input)?;
    let mut actions = vec!["sts:AssumeRole"];
    if !input.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    let access = |action: &str| {
        let mut access = with_request(iam::assume_access(&role, action), input);
        if let Some(source_identity) = &source_identity {
            access = access.condition("sts:SourceIdentity", source_identity.as_str());
        }
        match mfa {
            true => access
                .condition("aws:MultiFactorAuthPresent", "true")
                .condition("aws:MultiFactorAuthAge", "0"),
            false => access,
        }
    };
    Ok(actions.into_iter().map(access).collect())
}

/// Set once, it stays along a chain of roles.
fn source_identity(context: &Context, input: &AssumeRoleInput) -> Result<Option<String>> {
    let inherited = &context.principal.session.source_identity;
    match (inherited, &input.source_identity) {
        (Some(inherited), Some(asked)) if inherited != asked => Err(Error::access_denied(
            "Unable to set source identity: it has been set in an earlier session of the chain.",
        )),
        (inherited, asked) => Ok(inherited.clone().or_else(|| asked.clone())),
    }
}

fn with_request(access: Access, input: &AssumeRoleInput) -> Access {
    let mut access = access.condition("sts:RoleSessionName", &*input.role_session_name);
    if let Some(external_id) = &input.external_id {
        access = access.condition("sts:ExternalId", external_id.as_str());
    }
    if !input.transitive_tag_keys.is_empty() {
        access =
            access.condition_values("sts:TransitiveTagKeys", input.transitive_tag_keys.clone());
    }
    with_tags(access, &input.tags)
}

pub(super) fn with_tags(mut access: Access, tags: &[Tag]) -> Access {
    for tag in tags {
        access = access.condition(format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    if !tags.is_empty() {
        let keys = tags.iter().map(|tag| tag.key.clone()).collect();
        access = access.condition_values("aws:TagKeys", keys);
    }
    access
}

fn check_arn(arn: &str) -> Result<()> {
    let is_account =
        |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match Arn::parse(arn) {
        Some(parts) if parts.service == "iam" && is_account(parts.account) => Ok(()),
        _ => Err(invalid(format!("{arn} is invalid"))),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new("ValidationError", message)
}

fn invalid_parameter(message: &str) -> Error {
    Error::new("InvalidParameterValue", message)
}

/// Opens a session of a role.
pub(super) fn assume_role(
    tx: &mut Tx<'_>,
    context: &Context,
    input: AssumeRoleInput,
) -> Result<AssumeRoleOutput> {
    let role = iam::find_role(tx, &input.role_arn)?
        .ok_or_else(|| iam::denial_of(context, &Access::new("sts:AssumeRole", &input.role_arn)))?;
    let duration_s = duration(context, &role, input.duration_seconds)?;
    let tags = SessionTags::gather(tx, context, &input.tags, &input.transitive_tag_keys)?;
    let mut principal = iam::principal_of_session(&role, &input.role_session_name);
    principal.session_policies = session_policies(
        tx,
        &role.account,
        input.policy.as_deref(),
        &input.policy_arns,
    )?;
    principal.session_tags = tags.all;
    principal.session.mfa_at = mfa::redeem(tx, context, &input.serial_number, &input.token_code)?;
    principal.session.source_identity = source_identity(context, &input)?;
    let packed_policy_size = packed_size(&principal)?;
    let new = NewSession {
        principal,
        duration_s,
        maker: None,
        transitive_tag_keys: tags.transitive_keys,
        held_by_engine: false,
    };
    let credentials = session::open(tx, context, new)?;
    Ok(AssumeRoleOutput {
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: credentials.principal.user_id.clone(),
            arn: credentials.principal.arn.clone(),
        },
        source_identity: credentials.principal.session.source_identity.clone(),
        credentials: credentials.into(),
        packed_policy_size,
    })
}

fn duration(context: &Context, role: &RoleRecord, asked_s: Option<u32>) -> Result<u32> {
    let duration_s = asked_s.unwrap_or(DEFAULT_DURATION_S);
    if duration_s > role.max_session_duration_s {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let chained = matches!(context.principal.kind, PrincipalKind::Role { .. });
    if chained && duration_s > CHAINED_LIMIT_S {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    Ok(duration_s)
}

/// Tags of a new session: those asked for, and those the calling session passes on.
struct SessionTags {
    all: Vec<(String, String)>,
    transitive_keys: Vec<String>,
}

impl SessionTags {
    fn gather(tx: &Tx<'_>, context: &Context, tags: &[Tag], transitive: &[String]) -> Result<Self> {
        let asked = unique_tags(tags)?;
        let is_asked = |key: &String| {
            asked
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(key))
        };
        if !transitive.iter().all(is_asked) {
            return Err(invalid_parameter(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        let inherited = inherited_tags(tx, context)?;
        if inherited.iter().any(|(key, _)| is_asked(key)) {
            return Err(invalid_parameter(
                "One of the specified transitive tag keys can't be set because it conflicts with a \
                 transitive tag key from the calling session.",
            ));
        }
        let transitive_keys = inherited.iter().map(|(key, _)| key).chain(transitive);
        Ok(Self {
            transitive_keys: transitive_keys.cloned().collect(),
            all: inherited.into_iter().chain(asked).collect(),
        })
    }
}

pub(super) fn unique_tags(tags: &[Tag]) -> Result<Vec<(String, String)>> {
    let mut seen = std::collections::BTreeSet::new();
    for tag in tags {
        if !seen.insert(tag.key.to_lowercase()) {
            return Err(invalid_parameter(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    Ok(tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect())
}

fn inherited_tags(tx: &Tx<'_>, context: &Context) -> Result<Vec<(String, String)>> {
    let key = context
        .principal
        .access_key_id
        .as_deref()
        .unwrap_or_default();
    let keys = session::load(tx, key)?.map(|session| session.transitive_tag_keys);
    let keys = keys.unwrap_or_default();
    let is_transitive = |tag: &&(String, String)| keys.contains(&tag.0);
    Ok(context
        .principal
        .session_tags
        .iter()
        .filter(is_transitive)
        .cloned()
        .collect())
}

/// The documents that narrow a session: the one given, and those of the managed policies named.
pub(super) fn session_policies(
    tx: &Tx<'_>,
    account: &str,
    policy: Option<&str>,
    arns: &[PolicyDescriptor],
) -> Result<Vec<String>> {
    let mut documents = Vec::new();
    if let Some(policy) = policy {
        iam::validate_policy(policy, PolicyUse::Identity)?;
        documents.push(policy.to_owned());
    }
    for PolicyDescriptor { arn } in arns {
        let document = iam::managed_policy_document(tx, account, arn)?;
        documents.push(document.ok_or_else(|| invalid(format!("Invalid policy ARN: {arn}")))?);
    }
    Ok(documents)
}

/// How much of the allotted space policies and tags take, in percent; absent where there are none.
pub(super) fn packed_size(principal: &Principal) -> Result<Option<u32>> {
    let tags = principal
        .session_tags
        .iter()
        .map(|(key, value)| key.len() + value.len());
    let policies = principal.session_policies.iter().map(String::len);
    let bytes: usize = tags.chain(policies).sum();
    let percent = u32::try_from((bytes * 100).div_ceil(PACKED_LIMIT_BYTES)).unwrap_or(u32::MAX);
    if percent > 100 {
        return Err(Error::new(
            "PackedPolicyTooLarge",
            format!(
                "Packed size of session policies and session tags consumes {percent}% of allotted space."
            ),
        ));
    }
    Ok((bytes > 0).then_some(percent))
}

/// Credentials that a service (`lambda.amazonaws.com`) obtains for the role it was given; the role's
/// trust policy must let it.
pub fn assume_role_as_service(
    tx: &mut Tx<'_>,
    context: &Context,
    role_arn: &str,
    service: &str,
    session_name: &str,
    duration_s: u32,
) -> Result<SessionCredentials> {
    let role = iam::find_role(tx, role_arn)?;
    let Some(role) =
        role.filter(|_| iam::service_may_assume(tx, context, role_arn, service) == Ok(true))
    else {
        return Err(Error::access_denied(format!(
            "{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        )));
    };
    let new = NewSession {
        principal: iam::principal_of_session(&role, session_name),
        duration_s,
        maker: None,
        transitive_tag_keys: Vec::new(),
        held_by_engine: true,
    };
    session::open(tx, context, new)
}
