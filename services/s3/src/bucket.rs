//! Buckets themselves: making, finding, listing and removing them.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Timestamp, Tx};

use super::api::{
    BucketEntry, CreateBucketInput, CreateBucketOutput, GetBucketLocationOutput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, Nothing, OnBucket, Owner, PublicAccessBlockConfiguration,
};
use super::authorise::{open, with};
use super::encoding::canonical_id;
use super::errors::{invalid_argument, invalid_request};
use super::state::{
    ACCESS_LINES, BUCKETS, Bucket, CONFIGURATIONS, CURRENT, DefaultEncryption, OLDER, OWNED,
    UPLOADS, Versioning, bucket_key, owned_key,
};
use super::{acl, multipart, tagging};

const BUCKETS_MAX: usize = 10_000;
pub(crate) const OWNERSHIPS: [&str; 3] = [
    "BucketOwnerEnforced",
    "BucketOwnerPreferred",
    "ObjectWriter",
];
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "EU",
];

pub(crate) fn create_bucket_rule(
    _tx: &Tx<'_>,
    _context: &Context,
    input: &CreateBucketInput,
) -> Result<Vec<Access>> {
    let arn = format!("arn:aws:s3:::{}", input.bucket);
    let location = input
        .create_bucket_configuration
        .as_ref()
        .and_then(|configuration| configuration.location_constraint.as_deref());
    let access = with(
        Access::new("s3:CreateBucket", &arn),
        "s3:LocationConstraint",
        location,
    );
    let access = with(
        access,
        "s3:x-amz-object-ownership",
        input.object_ownership.as_deref(),
    );
    let mut needed = acl::conditions(vec![access], &input.acl);
    let mut also = |action: &str, is_needed: bool| {
        if is_needed {
            needed.push(Access::new(action, &arn));
        }
    };
    also("s3:PutBucketAcl", !input.acl.is_empty());
    also(
        "s3:PutBucketOwnershipControls",
        input.object_ownership.is_some(),
    );
    also(
        "s3:PutBucketObjectLockConfiguration",
        input.object_lock_enabled_for_bucket,
    );
    also(
        "s3:PutBucketVersioning",
        input.object_lock_enabled_for_bucket,
    );
    Ok(needed)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
pub(crate) fn create_bucket(
    tx: &mut Tx<'_>,
    context: &Context,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput> {
    check_name(&input.bucket)?;
    refuse_unbuilt(&input)?;
    let configuration = input.create_bucket_configuration.unwrap_or_default();
    check_location(context, configuration.location_constraint.as_deref())?;
    let ownership = input
        .object_ownership
        .unwrap_or_else(|| OWNERSHIPS[0].to_owned());
    if !OWNERSHIPS.contains(&ownership.as_str()) {
        let message = format!("Invalid x-amz-object-ownership header: {ownership}");
        return Err(invalid_argument(
            message,
            "x-amz-object-ownership",
            ownership,
        ));
    }
    let grants = acl::of_new_bucket(context, &ownership, &input.acl)?;
    let output = CreateBucketOutput {
        location: location_header(context, &input.bucket),
        bucket_arn: format!("arn:aws:s3:::{}", input.bucket),
    };
    if let Some(existing) = tx.load::<Bucket>(BUCKETS, bucket_key(&input.bucket))? {
        return taken(context, &existing).map(|()| output);
    }
    let bucket = Bucket {
        name: input.bucket,
        account: context.account.to_string(),
        region: context.region.to_string(),
        created: Timestamp::from_seconds(context.now.seconds()),
        versioning: if input.object_lock_enabled_for_bucket {
            Versioning::Enabled
        } else {
            Versioning::Never
        },
        ownership: Some(ownership),
        public_access_block: Some(everything_blocked()),
        encryption: DefaultEncryption::default(),
        policy: None,
        object_lock: input.object_lock_enabled_for_bucket,
        acl: grants,
    };
    save(tx, &bucket)?;
    tx.put(OWNED, owned_key(&bucket.account, &bucket.name), Vec::new())?;
    tagging::tag_new_bucket(tx, &bucket.name, configuration.tags)?;
    Ok(output)
}

pub(crate) fn save(tx: &mut Tx<'_>, bucket: &Bucket) -> Result<()> {
    Ok(tx.save(BUCKETS, bucket_key(&bucket.name), bucket)?)
}

/// What new buckets have since 2023.
fn everything_blocked() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    }
}

fn location_header(context: &Context, bucket: &str) -> String {
    if &*context.region == "us-east-1" {
        return format!("/{bucket}");
    }
    let endpoint = context.endpoint.trim_end_matches('/');
    format!("{endpoint}/{bucket}/")
}

/// In us-east-1 the owner may make a bucket again; elsewhere nobody may.
fn taken(context: &Context, existing: &Bucket) -> Result<()> {
    if existing.account != *context.account {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users \
                       of the system. Please select a different name and try again.";
        return Err(Error::new("BucketAlreadyExists", message)
            .status(409)
            .member("BucketName", existing.name.as_str()));
    }
    if &*context.region == "us-east-1" && existing.region == "us-east-1" {
        return Ok(());
    }
    let message =
        "Your previous request to create the named bucket succeeded and you already own it.";
    Err(Error::new("BucketAlreadyOwnedByYou", message)
        .status(409)
        .member("BucketName", existing.name.as_str()))
}

fn refuse_unbuilt(input: &CreateBucketInput) -> Result<()> {
    if input
        .bucket_namespace
        .as_deref()
        .is_some_and(|namespace| namespace != "global")
    {
        return Err(Error::not_implemented("account regional bucket namespaces"));
    }
    let configuration = input.create_bucket_configuration.as_ref();
    if configuration.is_some_and(|configuration| configuration.location.is_some()) {
        return Err(Error::not_implemented("directory buckets"));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_name(name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let begins_and_ends_plain =
        bytes.first().copied().is_some_and(is_plain) && bytes.last().copied().is_some_and(is_plain);
    let valid = (3..=63).contains(&bytes.len())
        && bytes
            .iter()
            .all(|&byte| is_plain(byte) || byte == b'-' || byte == b'.')
        && begins_and_ends_plain
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    if valid {
        return Ok(());
    }
    Err(
        Error::new("InvalidBucketName", "The specified bucket is not valid.")
            .member("BucketName", name),
    )
}

/// A bucket is made in the region of the endpoint; the constraint must say so.
fn check_location(context: &Context, constraint: Option<&str>) -> Result<()> {
    let region: &str = &context.region;
    let incompatible = |constraint: &str| {
        Error::new(
            "IllegalLocationConstraintException",
            format!(
                "The {constraint} location constraint is incompatible for the region specific endpoint this \
                 request was sent to."
            ),
        )
    };
    match constraint {
        None if region == "us-east-1" => Ok(()),
        None => Err(incompatible("unspecified")),
        Some(constraint) if region == "us-east-1" && !REGIONS.contains(&constraint) => {
            Err(Error::new(
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
            )
            .member("LocationConstraint", constraint))
        }
        Some(constraint)
            if constraint == region || (constraint == "EU" && region == "eu-west-1") =>
        {
            Ok(())
        }
        Some(constraint) => Err(incompatible(constraint)),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
pub(crate) fn head_bucket(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<HeadBucketOutput> {
    let bucket = open(tx, &input)?;
    Ok(HeadBucketOutput {
        bucket_arn: bucket.arn(),
        bucket_region: bucket.region,
        access_point_alias: false,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>
pub(crate) fn get_bucket_location(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<GetBucketLocationOutput> {
    let bucket = open(tx, &input)?;
    let location_constraint = (bucket.region != "us-east-1").then_some(bucket.region);
    Ok(GetBucketLocationOutput {
        location_constraint,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>
pub(crate) fn delete_bucket(
    tx: &mut Tx<'_>,
    _context: &Context,
    input: OnBucket<Nothing>,
) -> Result<Nothing> {
    let bucket = open(tx, &input)?;
    check_empty(tx, &bucket)?;
    let uploads = keys_of(tx, UPLOADS, &bucket.name)?;
    for stored in uploads {
        multipart::discard(tx, &stored)?;
    }
    for configuration in keys_of(tx, CONFIGURATIONS, &bucket.name)? {
        tx.delete(CONFIGURATIONS, configuration)?;
    }
    for line in keys_of(tx, ACCESS_LINES, &bucket.name)? {
        tx.delete(ACCESS_LINES, line)?;
    }
    tx.delete(OWNED, owned_key(&bucket.account, &bucket.name))?;
    tx.delete(BUCKETS, bucket_key(&bucket.name))?;
    Ok(Nothing {})
}

fn keys_of(tx: &Tx<'_>, table: cumulet_kernel::Table, bucket: &str) -> Result<Vec<Vec<u8>>> {
    let scan = tx.prefix(table, bucket_key(bucket), Direction::Forward)?;
    scan.map(|pair| Ok(pair?.0)).collect()
}

fn check_empty(tx: &Tx<'_>, bucket: &Bucket) -> Result<()> {
    let holds = |table| -> Result<bool> {
        let mut scan = tx.prefix(table, bucket_key(&bucket.name), Direction::Forward)?;
        Ok(scan.next().transpose()?.is_some())
    };
    if !holds(CURRENT)? && !holds(OLDER)? {
        return Ok(());
    }
    let message = match bucket.versioning {
        Versioning::Never => "The bucket you tried to delete is not empty",
        Versioning::Enabled | Versioning::Suspended => {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        }
    };
    Err(Error::new("BucketNotEmpty", message)
        .status(409)
        .member("BucketName", bucket.name.as_str()))
}

pub(crate) fn list_buckets_rule(
    _tx: &Tx<'_>,
    _context: &Context,
    _input: &ListBucketsInput,
) -> Result<Vec<Access>> {
    Ok(vec![Access::new("s3:ListAllMyBuckets", "*")])
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
pub(crate) fn list_buckets(
    tx: &mut Tx<'_>,
    context: &Context,
    input: ListBucketsInput,
) -> Result<ListBucketsOutput> {
    let limit = input.max_buckets.unwrap_or(BUCKETS_MAX);
    if !(1..=BUCKETS_MAX).contains(&limit) {
        return Err(invalid_request("MaxBuckets must be between 1 and 10000"));
    }
    let is_paged = input.max_buckets.is_some() || input.continuation_token.is_some();
    let names = owned_after(tx, &context.account, input.continuation_token.as_deref())?;
    let mut buckets = Vec::new();
    let mut last = None;
    for name in names {
        if !input
            .prefix
            .as_deref()
            .is_none_or(|prefix| name.starts_with(prefix))
        {
            continue;
        }
        let Some(bucket) = tx.load::<Bucket>(BUCKETS, bucket_key(&name))? else {
            continue;
        };
        if input
            .bucket_region
            .as_deref()
            .is_some_and(|region| region != bucket.region)
        {
            continue;
        }
        if buckets.len() == limit {
            last = buckets
                .last()
                .map(|bucket: &BucketEntry| bucket.name.clone());
            break;
        }
        buckets.push(BucketEntry {
            creation_date: bucket.created.seconds(),
            bucket_arn: bucket.arn(),
            bucket_region: is_paged_or_filtered(is_paged, &input).then_some(bucket.region),
            name: bucket.name,
        });
    }
    Ok(ListBucketsOutput {
        owner: Owner {
            id: Some(canonical_id(&context.account)),
        },
        buckets,
        continuation_token: last.map(|name| base64_text(&name)),
        prefix: input.prefix,
    })
}

fn is_paged_or_filtered(is_paged: bool, input: &ListBucketsInput) -> bool {
    is_paged || input.prefix.is_some() || input.bucket_region.is_some()
}

fn base64_text(name: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(name)
}

/// The names of an account's buckets behind a token.
fn owned_after(tx: &Tx<'_>, account: &str, token: Option<&str>) -> Result<Vec<String>> {
    use base64::Engine as _;
    let prefix = Key::new().text(account);
    let from = match token {
        None => prefix.as_slice().to_vec(),
        Some(token) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(token).ok();
            let name = decoded
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| {
                    let message = "The continuation token provided is incorrect";
                    invalid_argument(message, "continuation-token", token)
                })?;
            super::scan::after_key(account, &name)
        }
    };
    let end = cumulet_kernel::key::end_of_prefix(prefix.as_slice());
    let scan = tx.range(OWNED, &from, end.as_deref(), Direction::Forward)?;
    scan.map(|pair| super::scan::object_key_of(&pair?.0))
        .collect()
}
