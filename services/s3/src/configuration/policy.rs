//! Bucket policies.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::Tx;
use serde_json::Value;

use super::super::api::{
    GetBucketPolicyOutput, GetBucketPolicyStatusOutput, Nothing, OnBucket, PolicyStatus, PutPolicy,
};
use super::super::authorise::{bucket_rule, open};
use super::super::errors::not_found;
use super::super::state::Bucket;
use super::super::{bucket, policy_status};

const POLICY_BYTES_MAX: usize = 20 * 1024;

/// The owner's root user can always mend a policy that shuts everybody out.
pub(crate) fn rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnBucket<I>,
    action: &str,
) -> Result<Vec<Access>> {
    let bucket = open(tx, input)?;
    let is_owning_root = context.principal.kind == PrincipalKind::Root
        && context.principal.account == bucket.account;
    let mut needed = bucket_rule(tx, context, input, action)?;
    if is_owning_root {
        needed
            .iter_mut()
            .for_each(|access| access.resource_policy = None);
    }
    Ok(needed)
}

fn missing(bucket: &Bucket) -> Error {
    not_found("NoSuchBucketPolicy", "The bucket policy does not exist")
        .member("BucketName", bucket.name.as_str())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html>
pub(crate) fn get(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<GetBucketPolicyOutput> {
    let bucket = open(tx, &input)?;
    match &bucket.policy {
        Some(policy) => Ok(GetBucketPolicyOutput {
            policy: policy.to_string(),
        }),
        None => Err(missing(&bucket)),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html>
pub(crate) fn get_status(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<GetBucketPolicyStatusOutput> {
    let bucket = open(tx, &input)?;
    let policy = bucket.policy.as_deref().ok_or_else(|| missing(&bucket))?;
    Ok(GetBucketPolicyStatusOutput {
        policy_status: PolicyStatus {
            is_public: policy_status::is_public(policy),
        },
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
pub(crate) fn put(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnBucket<PutPolicy>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let policy = input.rest.policy;
    check(&bucket, &policy)?;
    let blocks = bucket
        .public_access_block
        .as_ref()
        .is_some_and(|block| block.block_public_policy);
    if blocks && policy_status::is_public(&policy) {
        return Err(Error::access_denied(format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public \
             policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            context.principal.arn,
            bucket.arn()
        )));
    }
    bucket.policy = Some(policy.into());
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}

fn malformed(message: &str) -> Error {
    Error::new("MalformedPolicy", message)
}

/// What S3 checks of a policy before it is taken.
fn check(bucket: &Bucket, policy: &str) -> Result<()> {
    let not_json = || malformed("Policies must be valid JSON and the first byte must be '{'");
    if !policy.starts_with('{') {
        return Err(not_json());
    }
    let document: Value = serde_json::from_str(policy).map_err(|_| not_json())?;
    if policy.len() > POLICY_BYTES_MAX {
        let message = "Normalized policy document exceeds the maximum allowed size";
        return Err(malformed(message));
    }
    let statements = match document.get("Statement") {
        None => return Err(malformed("Missing required field Statement")),
        Some(Value::Array(statements)) if statements.is_empty() => {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
    };
    statements
        .into_iter()
        .try_for_each(|statement| check_statement(bucket, statement))
}

fn check_statement(bucket: &Bucket, statement: &Value) -> Result<()> {
    let Some(statement) = statement.as_object() else {
        return Err(malformed("Statement is not valid JSON object"));
    };
    let has = |name: &str| statement.contains_key(name);
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => return Err(malformed(&format!("Invalid effect: {other}"))),
        None => return Err(malformed("Missing required field Effect")),
    }
    if has("NotPrincipal") && statement.get("Effect") == Some(&Value::from("Allow")) {
        return Err(malformed("Allow with NotPrincipal is not allowed."));
    }
    if !has("Principal") && !has("NotPrincipal") {
        return Err(malformed("Missing required field Principal"));
    }
    if !has("Action") && !has("NotAction") {
        return Err(malformed("Missing required field Action"));
    }
    if !has("Resource") && !has("NotResource") {
        return Err(malformed("Missing required field Resource"));
    }
    let actions = texts(
        statement
            .get("Action")
            .or_else(|| statement.get("NotAction")),
    );
    if !actions
        .iter()
        .all(|action| *action == "*" || action.to_ascii_lowercase().starts_with("s3:"))
    {
        return Err(malformed("Policy has invalid action"));
    }
    let resources = texts(
        statement
            .get("Resource")
            .or_else(|| statement.get("NotResource")),
    );
    if resources.is_empty() || !resources.iter().all(|resource| is_of(bucket, resource)) {
        return Err(malformed("Policy has invalid resource"));
    }
    Ok(())
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

/// Whether a resource is this bucket or lies in it, wildcards in its name allowed for.
fn is_of(bucket: &Bucket, resource: &str) -> bool {
    let Some(path) = resource.strip_prefix("arn:aws:s3:::") else {
        return resource == "*";
    };
    let name = path.split('/').next().unwrap_or(path);
    wildcard_matches(name, &bucket.name)
}

fn wildcard_matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter()
                .any(|at| wildcard_matches(rest, &text[at..]))
        }
        Some(wanted) => match text.chars().next() {
            Some(found) if wanted == '?' || wanted == found => {
                wildcard_matches(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
            }
            _ => false,
        },
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html>
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    bucket.policy = None;
    bucket::save(tx, &bucket)?;
    Ok(Nothing {})
}
