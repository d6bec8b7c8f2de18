//! The OPERATIONS table of S3.

use cumulet_engine::operation::Operation;

use super::authorise::bucket_rule;
use super::configuration::{
    cors, encryption, lifecycle, logging, metrics, notification, ownership, policy, public_access,
    recorded, versioning,
};
use super::tagging::object_tagging_rule;
use super::{
    acl, bucket, configuration as config, copy, delete, get, list, list_versions, lock, multipart,
    object_attributes, put, tagging,
};

/// A row for an operation whose one permission is an action on the bucket.
macro_rules! on_bucket {
    ($kind:ident, $name:literal, $action:literal, $operation:path) => {
        Operation::$kind(
            $name,
            |tx, context, input| bucket_rule(tx, context, input, $action),
            $operation,
        )
    };
}

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    let mut operations = buckets();
    operations.extend(objects());
    operations.extend(uploads());
    operations.extend(locks());
    operations.extend(keeping());
    operations.extend(policies());
    operations.extend(lists_of_grants());
    operations.extend(tags_and_rules());
    operations.extend(notifications());
    operations.extend(telling());
    operations.extend(recorded_configurations());
    operations
}

fn buckets() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateBucket",
            bucket::create_bucket_rule,
            bucket::create_bucket,
        ),
        on_bucket!(
            write,
            "DeleteBucket",
            "s3:DeleteBucket",
            bucket::delete_bucket
        ),
        on_bucket!(read, "HeadBucket", "s3:ListBucket", bucket::head_bucket),
        on_bucket!(
            read,
            "GetBucketLocation",
            "s3:GetBucketLocation",
            bucket::get_bucket_location
        ),
        Operation::read(
            "ListBuckets",
            bucket::list_buckets_rule,
            bucket::list_buckets,
        ),
        Operation::read("ListObjects", list::list_objects_rule, list::list_objects),
        Operation::read(
            "ListObjectsV2",
            list::list_objects_v2_rule,
            list::list_objects_v2,
        ),
        Operation::read(
            "ListObjectVersions",
            list_versions::list_object_versions_rule,
            list_versions::list_object_versions,
        ),
    ]
}

fn objects() -> Vec<Operation> {
    vec![
        Operation::edge("PutObject", put::put_object),
        Operation::edge("GetObject", get::get_object),
        Operation::edge("HeadObject", get::head_object),
        Operation::edge("CopyObject", copy::copy_object),
        Operation::write(
            "DeleteObject",
            delete::delete_object_rule,
            delete::delete_object,
        ),
        Operation::write(
            "DeleteObjects",
            delete::delete_objects_rule,
            delete::delete_objects,
        ),
        Operation::read(
            "GetObjectAttributes",
            object_attributes::rule,
            object_attributes::get_object_attributes,
        ),
        Operation::read(
            "GetObjectTagging",
            |tx, context, input| {
                let actions = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
                object_tagging_rule(tx, context, input, actions, &[])
            },
            tagging::get_object_tagging,
        ),
        Operation::write(
            "PutObjectTagging",
            |tx, context, input| {
                let actions = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging");
                object_tagging_rule(tx, context, input, actions, &input.rest.tagging.tag_set)
            },
            tagging::put_object_tagging,
        ),
        Operation::write(
            "DeleteObjectTagging",
            |tx, context, input| {
                let actions = ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging");
                object_tagging_rule(tx, context, input, actions, &[])
            },
            tagging::delete_object_tagging,
        ),
    ]
}

fn uploads() -> Vec<Operation> {
    vec![
        Operation::write(
            "CreateMultipartUpload",
            multipart::create_upload_rule,
            multipart::create_upload,
        ),
        Operation::edge("UploadPart", multipart::upload_part),
        Operation::edge("UploadPartCopy", multipart::upload_part_copy),
        Operation::write(
            "CompleteMultipartUpload",
            multipart::complete_upload_rule,
            multipart::complete_upload,
        ),
        Operation::write(
            "AbortMultipartUpload",
            multipart::abort_upload_rule,
            multipart::abort_upload,
        ),
        Operation::read(
            "ListParts",
            multipart::list_parts_rule,
            multipart::list_parts,
        ),
        Operation::read(
            "ListMultipartUploads",
            multipart::list_uploads_rule,
            multipart::list_uploads,
        ),
    ]
}

fn locks() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetObjectLockConfiguration",
            "s3:GetBucketObjectLockConfiguration",
            lock::get_configuration
        ),
        on_bucket!(
            write,
            "PutObjectLockConfiguration",
            "s3:PutBucketObjectLockConfiguration",
            lock::put_configuration
        ),
        Operation::read(
            "GetObjectRetention",
            |tx, context, input| lock::rule(tx, context, input, "s3:GetObjectRetention"),
            lock::get_retention,
        ),
        Operation::write(
            "PutObjectRetention",
            lock::put_retention_rule,
            lock::put_retention,
        ),
        Operation::read(
            "GetObjectLegalHold",
            |tx, context, input| lock::rule(tx, context, input, "s3:GetObjectLegalHold"),
            lock::get_legal_hold,
        ),
        Operation::write(
            "PutObjectLegalHold",
            |tx, context, input| lock::rule(tx, context, input, "s3:PutObjectLegalHold"),
            lock::put_legal_hold,
        ),
    ]
}

/// How a bucket keeps its objects.
fn keeping() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetBucketVersioning",
            "s3:GetBucketVersioning",
            versioning::get
        ),
        on_bucket!(
            write,
            "PutBucketVersioning",
            "s3:PutBucketVersioning",
            versioning::put
        ),
        on_bucket!(
            read,
            "GetBucketEncryption",
            "s3:GetEncryptionConfiguration",
            encryption::get
        ),
        on_bucket!(
            write,
            "PutBucketEncryption",
            "s3:PutEncryptionConfiguration",
            encryption::put
        ),
        on_bucket!(
            write,
            "DeleteBucketEncryption",
            "s3:PutEncryptionConfiguration",
            encryption::delete
        ),
    ]
}

/// What still has access control lists.
fn lists_of_grants() -> Vec<Operation> {
    vec![
        on_bucket!(read, "GetBucketAcl", "s3:GetBucketAcl", acl::get_bucket_acl),
        on_bucket!(
            write,
            "PutBucketAcl",
            "s3:PutBucketAcl",
            acl::put_bucket_acl
        ),
        Operation::read(
            "GetObjectAcl",
            |tx, context, input| {
                acl::object_acl_rule(
                    tx,
                    context,
                    input,
                    ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
                )
            },
            acl::get_object_acl,
        ),
        Operation::write(
            "PutObjectAcl",
            |tx, context, input| {
                acl::object_acl_rule(
                    tx,
                    context,
                    input,
                    ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
                )
            },
            acl::put_object_acl,
        ),
    ]
}

/// Who may do what with a bucket.
fn policies() -> Vec<Operation> {
    vec![
        Operation::read(
            "GetBucketPolicy",
            |tx, context, input| policy::rule(tx, context, input, "s3:GetBucketPolicy"),
            policy::get,
        ),
        Operation::write(
            "PutBucketPolicy",
            |tx, context, input| policy::rule(tx, context, input, "s3:PutBucketPolicy"),
            policy::put,
        ),
        Operation::write(
            "DeleteBucketPolicy",
            |tx, context, input| policy::rule(tx, context, input, "s3:DeleteBucketPolicy"),
            policy::delete,
        ),
        on_bucket!(
            read,
            "GetBucketPolicyStatus",
            "s3:GetBucketPolicyStatus",
            policy::get_status
        ),
        on_bucket!(
            read,
            "GetPublicAccessBlock",
            "s3:GetBucketPublicAccessBlock",
            public_access::get
        ),
        on_bucket!(
            write,
            "PutPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            public_access::put
        ),
        on_bucket!(
            write,
            "DeletePublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
            public_access::delete
        ),
        on_bucket!(
            read,
            "GetBucketOwnershipControls",
            "s3:GetBucketOwnershipControls",
            ownership::get
        ),
        on_bucket!(
            write,
            "PutBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            ownership::put
        ),
        on_bucket!(
            write,
            "DeleteBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            ownership::delete
        ),
    ]
}

fn tags_and_rules() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetBucketTagging",
            "s3:GetBucketTagging",
            tagging::get_bucket_tagging
        ),
        on_bucket!(
            write,
            "PutBucketTagging",
            "s3:PutBucketTagging",
            tagging::put_bucket_tagging
        ),
        on_bucket!(
            write,
            "DeleteBucketTagging",
            "s3:PutBucketTagging",
            tagging::delete_bucket_tagging
        ),
        on_bucket!(read, "GetBucketCors", "s3:GetBucketCORS", cors::get),
        on_bucket!(write, "PutBucketCors", "s3:PutBucketCORS", cors::put),
        on_bucket!(
            write,
            "DeleteBucketCors",
            "s3:PutBucketCORS",
            config::delete_cors
        ),
        on_bucket!(
            read,
            "GetBucketLifecycleConfiguration",
            "s3:GetLifecycleConfiguration",
            lifecycle::get
        ),
        on_bucket!(
            write,
            "PutBucketLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            lifecycle::put
        ),
        on_bucket!(
            write,
            "DeleteBucketLifecycle",
            "s3:PutLifecycleConfiguration",
            config::delete_lifecycle
        ),
    ]
}

fn notifications() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetBucketNotificationConfiguration",
            "s3:GetBucketNotification",
            notification::get
        ),
        on_bucket!(
            write,
            "PutBucketNotificationConfiguration",
            "s3:PutBucketNotification",
            notification::put
        ),
    ]
}

/// What is told about the requests of a bucket.
fn telling() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetBucketLogging",
            "s3:GetBucketLogging",
            logging::get
        ),
        on_bucket!(
            write,
            "PutBucketLogging",
            "s3:PutBucketLogging",
            logging::put
        ),
        on_bucket!(
            read,
            "GetBucketMetricsConfiguration",
            "s3:GetMetricsConfiguration",
            metrics::get
        ),
        on_bucket!(
            read,
            "ListBucketMetricsConfigurations",
            "s3:GetMetricsConfiguration",
            metrics::list
        ),
        on_bucket!(
            write,
            "PutBucketMetricsConfiguration",
            "s3:PutMetricsConfiguration",
            metrics::put
        ),
        on_bucket!(
            write,
            "DeleteBucketMetricsConfiguration",
            "s3:PutMetricsConfiguration",
            metrics::delete
        ),
    ]
}

fn recorded_configurations() -> Vec<Operation> {
    vec![
        on_bucket!(
            read,
            "GetBucketAccelerateConfiguration",
            "s3:GetAccelerateConfiguration",
            recorded::get_accelerate
        ),
        on_bucket!(
            write,
            "PutBucketAccelerateConfiguration",
            "s3:PutAccelerateConfiguration",
            recorded::put_accelerate
        ),
        on_bucket!(
            read,
            "GetBucketRequestPayment",
            "s3:GetBucketRequestPayment",
            recorded::get_payment
        ),
        on_bucket!(
            write,
            "PutBucketRequestPayment",
            "s3:PutBucketRequestPayment",
            recorded::put_payment
        ),
        on_bucket!(
            read,
            "GetBucketWebsite",
            "s3:GetBucketWebsite",
            recorded::get_website
        ),
        on_bucket!(
            write,
            "PutBucketWebsite",
            "s3:PutBucketWebsite",
            recorded::put_website
        ),
        on_bucket!(
            write,
            "DeleteBucketWebsite",
            "s3:DeleteBucketWebsite",
            config::delete_website
        ),
    ]
}
