//! S3's inputs and outputs, with their wire names.

mod acl;
mod bucket;
mod configuration;
mod list;
mod lock;
mod multipart;
mod object;
mod shared;

pub(crate) use acl::{GetAclOutput, Grant, Grantee, PutAcl};
pub(crate) use bucket::{
    BucketEntry, CreateBucketInput, CreateBucketOutput, GetBucketLocationOutput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput,
};
pub(crate) use configuration::{
    AccelerateConfiguration, BlockedEncryptionTypes, CorsConfiguration, CorsRule,
    EncryptionByDefault, EncryptionRule, Filter, GetBucketLoggingOutput, GetBucketPolicyOutput,
    GetBucketPolicyStatusOutput, GetMetricsOutput, GetObjectTaggingOutput, LifecycleAnd,
    LifecycleConfiguration, LifecycleExpiration, LifecycleFilter, LifecycleRule, ListMetricsInput,
    ListMetricsOutput, LoggingEnabled, MetricsConfiguration, MetricsInput,
    NotificationConfiguration, OwnershipControls, OwnershipControlsRule, PolicyStatus,
    PublicAccessBlockConfiguration, PutAccelerate, PutCors, PutEncryption, PutLifecycle,
    PutLogging, PutMetrics, PutNotification, PutObjectTaggingOutput, PutOwnershipControls,
    PutPolicy, PutPublicAccessBlock, PutRequestPayment, PutTagging, PutVersioning,
    RequestPaymentConfiguration, RuleSet, ServerSideEncryptionConfiguration, TagSet,
    VersioningConfiguration,
};
pub(crate) use list::{
    CommonPrefix, DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ObjectEntry,
    VersionEntry,
};
pub(crate) use lock::{
    DefaultRetention, LegalHold, ObjectLockConfiguration, PutLegalHold, PutObjectLock,
    PutRetention, Retention,
};
pub(crate) use multipart::{
    AbortInput, CompleteInput, CompleteOutput, CompletedPart, CopyPartResult, CreateUploadInput,
    CreateUploadOutput, Initiator, ListPartsInput, ListPartsOutput, ListUploadsInput,
    ListUploadsOutput, PartEntry, UploadEntry, UploadPartCopyInput, UploadPartCopyOutput,
    UploadPartInput, UploadPartOutput,
};
pub(crate) use object::{
    AclRequest, AttributesChecksum, AttributesPart, AttributesParts, CopyObjectInput,
    CopyObjectOutput, CopyObjectResult, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, DeletionError, GetObjectAttributesInput,
    GetObjectAttributesOutput, ObjectHeaders, ObjectIdentifier, PutObjectInput, PutObjectOutput,
    ReadObjectInput, ReadObjectOutput,
};
pub(crate) use shared::{
    Checksums, CopySourceConditions, CustomerKey, EncryptionAnswer, EncryptionRequest, LockRequest,
    Nothing, ObjectTarget, OnBucket, OnObject, Owner, Tag,
};
