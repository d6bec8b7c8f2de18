//! Access control lists, for the buckets that still have them.
//!
//! Since 2023 a bucket has none unless its ownership controls say so. Where it has, a list grants beside
//! the policies: what it grants to the caller is put into the question that IAM answers as one more
//! statement of the resource's policy, so a Deny anywhere still wins and there is one evaluator.

use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::{Context, PrincipalKind};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::api::{
    AclRequest, GetAclOutput, Grant, Grantee, Nothing, OnBucket, OnObject, Owner, PutAcl,
};
use super::authorise::{existing_tags, on_object, open, open_for_object, with};
use super::encoding::canonical_id;
use super::errors::{access_denied, invalid_argument, invalid_request};
use super::get::find_object;
use super::state::{Bucket, Object};
use super::{bucket, notify, versions};

const FULL_CONTROL: &str = "FULL_CONTROL";
const PERMISSIONS: [&str; 5] = ["READ", "WRITE", "READ_ACP", "WRITE_ACP", FULL_CONTROL];
const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
/// The principal that stands behind that group.
const LOG_SERVICE: &str = "logging.s3.amazonaws.com";

fn has_acls(bucket: &Bucket) -> bool {
    bucket.ownership.as_deref() != Some("BucketOwnerEnforced")
}

fn to_account(id: &str, permission: &str) -> Grant {
    Grant {
        grantee: Grantee {
            id: Some(id.to_owned()),
            kind: "CanonicalUser".to_owned(),
            ..Grantee::default()
        },
        permission: permission.to_owned(),
    }
}

fn to_group(uri: &str, permission: &str) -> Grant {
    Grant {
        grantee: Grantee {
            uri: Some(uri.to_owned()),
            kind: "Group".to_owned(),
            ..Grantee::default()
        },
        permission: permission.to_owned(),
    }
}

/// The list of a new object; empty where nobody but its owner has a part in it.
pub(crate) fn of_new_object(
    context: &Context,
    bucket: &Bucket,
    request: &AclRequest,
) -> Result<Vec<Grant>> {
    let owner = canonical_id(&context.principal.account);
    let grants = requested(request, &owner, &canonical_id(&bucket.account))?;
    check(bucket, request, grants.as_deref())?;
    let kept = grants.filter(|_| has_acls(bucket)).unwrap_or_default();
    let is_private = kept.as_slice() == [to_account(&owner, FULL_CONTROL)];
    Ok(if is_private { Vec::new() } else { kept })
}

/// The list of a new bucket; empty where its owner is alone. Nothing public: a new bucket blocks that.
pub(crate) fn of_new_bucket(
    context: &Context,
    ownership: &str,
    request: &AclRequest,
) -> Result<Vec<Grant>> {
    let owner = canonical_id(&context.account);
    let grants = requested(request, &owner, &owner)?.unwrap_or_default();
    let is_private = grants.is_empty() || grants.as_slice() == [to_account(&owner, FULL_CONTROL)];
    if is_private {
        return Ok(Vec::new());
    }
    if ownership == bucket::OWNERSHIPS[0] {
        return Err(Error::new(
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ));
    }
    if grants.iter().any(is_public) {
        return Err(Error::new(
            "InvalidBucketAclWithBlockPublicAccessError",
            "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
        ));
    }
    Ok(grants)
}

/// The list of a log that is delivered into a bucket: the owner's, and whoever the configuration names.
pub(crate) fn of_log(target: &Bucket, grants: &[Grant]) -> Result<Vec<Grant>> {
    if grants.is_empty() {
        return Ok(Vec::new());
    }
    if !has_acls(target) {
        let message = "The target bucket has the bucket owner enforced setting for Object Ownership, so target \
                       grants cannot be used.";
        return Err(Error::new("InvalidTargetBucketForLogging", message)
            .member("TargetBucket", target.name.as_str()));
    }
    let owner = to_account(&canonical_id(&target.account), FULL_CONTROL);
    let grants = grants.iter().cloned().map(check_grant);
    std::iter::once(Ok(owner)).chain(grants).collect()
}

/// Refuses a list that the bucket does not take.
fn check(bucket: &Bucket, request: &AclRequest, grants: Option<&[Grant]>) -> Result<()> {
    let Some(grants) = grants else {
        return Ok(());
    };
    if !has_acls(bucket) {
        return match request.canned.as_deref() {
            Some("bucket-owner-full-control") => Ok(()),
            _ => Err(Error::new(
                "AccessControlListNotSupported",
                "The bucket does not allow ACLs",
            )),
        };
    }
    let blocks = bucket
        .public_access_block
        .as_ref()
        .is_some_and(|block| block.block_public_acls);
    if blocks && grants.iter().any(is_public) {
        return Err(access_denied());
    }
    Ok(())
}

fn is_public(grant: &Grant) -> bool {
    matches!(
        grant.grantee.uri.as_deref(),
        Some(EVERYBODY | AUTHENTICATED)
    )
}

/// The grants that headers ask for; `None` where they say nothing.
fn requested(request: &AclRequest, owner: &str, bucket_owner: &str) -> Result<Option<Vec<Grant>>> {
    let headers = [
        (&request.grant_full_control, FULL_CONTROL),
        (&request.grant_read, "READ"),
        (&request.grant_read_acp, "READ_ACP"),
        (&request.grant_write, "WRITE"),
        (&request.grant_write_acp, "WRITE_ACP"),
    ];
    let has_headers = headers.iter().any(|(header, _)| header.is_some());
    let Some(canned) = &request.canned else {
        if !has_headers {
            return Ok(None);
        }
        let mut grants = Vec::new();
        for (header, permission) in headers {
            grants.extend(parse_header(
                header.as_deref().unwrap_or_default(),
                permission,
            )?);
        }
        return Ok(Some(grants));
    };
    if has_headers {
        let message = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(invalid_request(message));
    }
    canned_grants(canned, owner, bucket_owner).map(Some)
}

fn canned_grants(canned: &str, owner: &str, bucket_owner: &str) -> Result<Vec<Grant>> {
    let mut grants = vec![to_account(owner, FULL_CONTROL)];
    match canned {
        "private" => {}
        "public-read" => grants.push(to_group(EVERYBODY, "READ")),
        "public-read-write" => {
            grants.push(to_group(EVERYBODY, "READ"));
            grants.push(to_group(EVERYBODY, "WRITE"));
        }
        "authenticated-read" => grants.push(to_group(AUTHENTICATED, "READ")),
        "log-delivery-write" => {
            grants.push(to_group(LOG_DELIVERY, "WRITE"));
            grants.push(to_group(LOG_DELIVERY, "READ_ACP"));
        }
        "bucket-owner-read" | "bucket-owner-full-control" if owner == bucket_owner => {}
        "bucket-owner-read" => grants.push(to_account(bucket_owner, "READ")),
        "bucket-owner-full-control" => grants.push(to_account(bucket_owner, FULL_CONTROL)),
        other => return Err(invalid_argument("", "x-amz-acl", other)),
    }
    Ok(grants)
}

/// Reads `id="...", uri="..."`.
fn parse_header(header: &str, permission: &str) -> Result<Vec<Grant>> {
    let grantees = header
        .split(',')
        .map(str::trim)
        .filter(|grantee| !grantee.is_empty());
    grantees
        .map(|grantee| {
            let (kind, value) = grantee.split_once('=').unwrap_or((grantee, ""));
            let value = value.trim_matches('"');
            match kind {
                "id" => check_grant(to_account(value, permission)),
                "uri" => check_grant(to_group(value, permission)),
                "emailAddress" => Err(unresolvable(value)),
                _ => Err(invalid_argument(
                    "Argument format not recognized",
                    "x-amz-grant",
                    grantee,
                )),
            }
        })
        .collect()
}

fn unresolvable(email: &str) -> Error {
    let message = "The e-mail address you provided does not match any account on record.";
    Error::new("UnresolvableGrantByEmailAddress", message)
        .member("Name", "emailAddress")
        .member("Value", email)
}

/// Refuses a grant to nobody, or of nothing.
fn check_grant(mut grant: Grant) -> Result<Grant> {
    if !PERMISSIONS.contains(&grant.permission.as_str()) {
        return Err(malformed());
    }
    if let Some(email) = &grant.grantee.email_address {
        return Err(unresolvable(email));
    }
    match (&grant.grantee.id, &grant.grantee.uri) {
        (Some(id), None) => {
            let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_id {
                return Err(invalid_argument("Invalid id", "CanonicalUser/ID", id));
            }
            grant.grantee.kind = "CanonicalUser".to_owned();
        }
        (None, Some(uri)) => {
            if ![EVERYBODY, AUTHENTICATED, LOG_DELIVERY].contains(&uri.as_str()) {
                return Err(invalid_argument("Invalid group uri", "Group/URI", uri));
            }
            grant.grantee.kind = "Group".to_owned();
        }
        _ => return Err(malformed()),
    }
    Ok(grant)
}

fn malformed() -> Error {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema";
    Error::new("MalformedACLError", message)
}

/// The conditions that the list of a request is, on everything the request needs.
pub(crate) fn conditions(needed: Vec<Access>, request: &AclRequest) -> Vec<Access> {
    let said = [
        ("s3:x-amz-acl", &request.canned),
        ("s3:x-amz-grant-full-control", &request.grant_full_control),
        ("s3:x-amz-grant-read", &request.grant_read),
        ("s3:x-amz-grant-read-acp", &request.grant_read_acp),
        ("s3:x-amz-grant-write", &request.grant_write),
        ("s3:x-amz-grant-write-acp", &request.grant_write_acp),
    ];
    let with_all = |access: Access| {
        said.iter().fold(access, |access, (key, value)| {
            with(access, key, value.as_deref())
        })
    };
    needed.into_iter().map(with_all).collect()
}

/// Whether a bucket's list lets anybody in besides the owner.
pub(crate) fn grants_others(bucket: &Bucket) -> bool {
    let owner = canonical_id(&bucket.account);
    bucket
        .acl
        .iter()
        .any(|grant| grant.grantee.id.as_deref() != Some(&owner))
}

/// What a bucket's list grants the caller of an action on the bucket or, for writing, on its objects.
pub(crate) fn grant_on_bucket(context: &Context, bucket: &Bucket, access: Access) -> Access {
    let permission = match access.action.as_str() {
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => "READ",
        "s3:PutObject" | "s3:DeleteObject" | "s3:DeleteObjectVersion" => "WRITE",
        "s3:GetBucketAcl" => "READ_ACP",
        "s3:PutBucketAcl" => "WRITE_ACP",
        _ => return access,
    };
    grant(context, bucket, &bucket.acl, permission, access)
}

/// What an object's list grants the caller.
pub(crate) fn grant_on_object(
    context: &Context,
    bucket: &Bucket,
    object: &Object,
    access: Access,
) -> Access {
    let permission = match access.action.as_str() {
        "s3:GetObject" | "s3:GetObjectVersion" => "READ",
        "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => "READ_ACP",
        "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => "WRITE_ACP",
        _ => return access,
    };
    if !has_acls(bucket) {
        return access;
    }
    let owner = owner_of(bucket, object);
    let access = if owner == bucket.account {
        access
    } else {
        of_another(access, owner)
    };
    if object.attributes.acl.is_empty() {
        let alone = [to_account(&canonical_id(owner), FULL_CONTROL)];
        return grant(context, bucket, &alone, permission, access);
    }
    grant(context, bucket, &object.attributes.acl, permission, access)
}

/// An object that another account wrote and kept is that account's to give: the bucket's policy can only deny.
fn of_another(mut access: Access, owner: &str) -> Access {
    owner.clone_into(&mut access.resource_account);
    let policy = access.resource_policy.as_deref();
    let policy = policy.and_then(|policy| serde_json::from_str::<Value>(policy).ok());
    access.resource_policy = policy.map(|mut policy| {
        let statements = policy["Statement"].take();
        let statements = match statements {
            Value::Array(statements) => statements,
            single => vec![single],
        };
        let denials = statements.into_iter();
        policy["Statement"] = denials
            .filter(|statement| statement["Effect"] == "Deny")
            .collect();
        policy.to_string().into()
    });
    access
}

fn grant(
    context: &Context,
    bucket: &Bucket,
    grants: &[Grant],
    permission: &str,
    access: Access,
) -> Access {
    if grants.is_empty() || !has_acls(bucket) {
        return access;
    }
    let ignores = bucket
        .public_access_block
        .as_ref()
        .is_some_and(|block| block.ignore_public_acls);
    let is_anonymous = context.principal.kind == PrincipalKind::Anonymous;
    let delivers_logs =
        matches!(&context.principal.kind, PrincipalKind::Service { name } if name == LOG_SERVICE);
    let caller = canonical_id(&context.principal.account);
    let is_for_caller = |grant: &Grant| match grant.grantee.uri.as_deref() {
        Some(LOG_DELIVERY) => delivers_logs,
        Some(EVERYBODY) => !ignores,
        Some(AUTHENTICATED) => !ignores && !is_anonymous,
        Some(_) => false,
        None => !is_anonymous && !delivers_logs && grant.grantee.id.as_deref() == Some(&caller),
    };
    let gives = |grant: &Grant| grant.permission == permission || grant.permission == FULL_CONTROL;
    if grants
        .iter()
        .any(|grant| gives(grant) && is_for_caller(grant))
    {
        allow(access)
    } else {
        access
    }
}

/// Adds a statement that allows just this.
pub(crate) fn allow(mut access: Access) -> Access {
    let statement = json!({
        "Effect": "Allow", "Principal": "*", "Action": access.action, "Resource": access.resource
    });
    let policy = access
        .resource_policy
        .as_deref()
        .and_then(|policy| serde_json::from_str(policy).ok());
    let mut policy = policy.unwrap_or_else(|| json!({"Version": "2012-10-17", "Statement": []}));
    let statements = &mut policy["Statement"];
    match statements {
        Value::Array(statements) => statements.push(statement),
        single => *single = json!([single.take(), statement]),
    }
    access.resource_policy = Some(policy.to_string().into());
    access
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html>
pub(crate) fn get_bucket_acl(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<GetAclOutput> {
    let bucket = open(tx, &input)?;
    Ok(shown(&bucket.account, &bucket.acl))
}

fn shown(owner: &str, grants: &[Grant]) -> GetAclOutput {
    let owner = canonical_id(owner);
    let grants = if grants.is_empty() {
        vec![to_account(&owner, FULL_CONTROL)]
    } else {
        grants.to_vec()
    };
    GetAclOutput {
        owner: Owner { id: Some(owner) },
        grants,
    }
}

/// The list that a PUT of one asks for.
fn asked(bucket: &Bucket, owner: &str, put: PutAcl) -> Result<Vec<Grant>> {
    let from_headers = requested(&put.acl, owner, &canonical_id(&bucket.account))?;
    let grants = match (from_headers, put.access_control_policy) {
        (Some(grants), None) => grants,
        (None, Some(policy)) => {
            let named = policy.owner.and_then(|owner| owner.id);
            if named.is_none() {
                return Err(malformed());
            }
            if named.as_deref() != Some(owner) {
                return Err(access_denied());
            }
            policy
                .grants
                .into_iter()
                .map(check_grant)
                .collect::<Result<_>>()?
        }
        (None, None) => {
            let message = "Your request was missing a required header";
            return Err(Error::new("MissingSecurityHeader", message)
                .member("MissingHeaderName", "x-amz-acl"));
        }
        (Some(_), Some(_)) => {
            return Err(Error::new(
                "UnexpectedContent",
                "This request does not support content",
            ));
        }
    };
    check(bucket, &put.acl, Some(&grants))?;
    Ok(grants)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html>
pub(crate) fn put_bucket_acl(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<PutAcl>,
) -> Result<Nothing> {
    let mut bucket = open(tx, &input)?;
    let grants = asked(&bucket, &canonical_id(&bucket.account), input.rest)?;
    if has_acls(&bucket) {
        bucket.acl = grants;
        bucket::save(tx, &bucket)?;
    }
    Ok(Nothing {})
}

/// The access rule of the operations on an object's list.
pub(crate) fn object_acl_rule<I>(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<I>,
    actions: (&str, &str),
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let target = &input.target;
    let version = match &target.version_id {
        Some(id) => versions::find(tx, &bucket.name, &target.key, id)?,
        None => versions::current(tx, &bucket.name, &target.key)?,
    };
    let action = if target.version_id.is_some() {
        actions.1
    } else {
        actions.0
    };
    let access = on_object(context, &bucket, &target.key, action);
    let access = with(access, "s3:VersionId", target.version_id.as_deref());
    Ok(vec![match version.and_then(|version| version.object) {
        Some(object) => {
            let access = grant_on_object(context, &bucket, &object, access);
            existing_tags(access, &object.attributes.tags)
        }
        None => access,
    }])
}

/// The account an object belongs to: its writer's, unless the bucket's owner takes all, or takes what was
/// handed over.
fn owner_of<'a>(bucket: &'a Bucket, object: &'a Object) -> &'a str {
    let writer = object.attributes.writer.as_str();
    let is_taken = match bucket.ownership.as_deref() {
        Some("BucketOwnerEnforced") => true,
        Some("BucketOwnerPreferred") => {
            let owner = canonical_id(&bucket.account);
            let hands_over = |grant: &Grant| {
                grant.permission == FULL_CONTROL && grant.grantee.id.as_deref() == Some(&owner)
            };
            object.attributes.acl.iter().any(hands_over)
        }
        _ => false,
    };
    if is_taken || writer.is_empty() {
        &bucket.account
    } else {
        writer
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>
pub(crate) fn get_object_acl(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<Nothing>,
) -> Result<GetAclOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (_, object) = find_object(tx, context, &bucket, &input.target, "GET")?;
    let grants = if has_acls(&bucket) {
        object.attributes.acl.as_slice()
    } else {
        &[]
    };
    Ok(shown(owner_of(&bucket, &object), grants))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html>
pub(crate) fn put_object_acl(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<PutAcl>,
) -> Result<Nothing> {
    let bucket = open_for_object(tx, &input)?;
    let (mut version, mut object) = find_object(tx, context, &bucket, &input.target, "PUT")?;
    let grants = asked(
        &bucket,
        &canonical_id(owner_of(&bucket, &object)),
        input.rest,
    )?;
    if has_acls(&bucket) {
        object.attributes.acl = grants;
        version.object = Some(object);
        versions::update(tx, &bucket.name, &input.target.key, &version)?;
    }
    notify::object_event(
        tx,
        context,
        &bucket,
        &input.target.key,
        &version,
        "ObjectAcl:Put",
    )
    .map(|()| Nothing {})
}
