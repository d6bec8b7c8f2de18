//! Operations as access logs name them: `REST.GET.OBJECT`.

/// What an operation is about, where it is neither a plain object nor a plain bucket.
const RESOURCES: &[(&str, &str)] = &[
    ("AbortMultipartUpload", "UPLOAD"),
    ("CompleteMultipartUpload", "UPLOAD"),
    ("CreateMultipartUpload", "UPLOADS"),
    ("DeleteBucketCors", "CORS"),
    ("DeleteBucketEncryption", "ENCRYPTION"),
    ("DeleteBucketLifecycle", "LIFECYCLE"),
    ("DeleteBucketMetricsConfiguration", "METRICS"),
    ("DeleteBucketOwnershipControls", "OWNERSHIP_CONTROLS"),
    ("DeleteBucketPolicy", "BUCKETPOLICY"),
    ("DeleteBucketTagging", "TAGGING"),
    ("DeleteBucketWebsite", "WEBSITE"),
    ("DeleteObjectTagging", "OBJECT_TAGGING"),
    ("DeleteObjects", "MULTI_OBJECT_DELETE"),
    ("DeletePublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("GetBucketAccelerateConfiguration", "ACCELERATE"),
    ("GetBucketAcl", "ACL"),
    ("GetBucketCors", "CORS"),
    ("GetBucketEncryption", "ENCRYPTION"),
    ("GetBucketLifecycleConfiguration", "LIFECYCLE"),
    ("GetBucketLocation", "LOCATION"),
    ("GetBucketLogging", "LOGGING_STATUS"),
    ("GetBucketMetricsConfiguration", "METRICS"),
    ("GetBucketNotificationConfiguration", "NOTIFICATION"),
    ("GetBucketOwnershipControls", "OWNERSHIP_CONTROLS"),
    ("GetBucketPolicy", "BUCKETPOLICY"),
    ("GetBucketPolicyStatus", "POLICY_STATUS"),
    ("GetBucketRequestPayment", "REQUEST_PAYMENT"),
    ("GetBucketTagging", "TAGGING"),
    ("GetBucketVersioning", "VERSIONING"),
    ("GetBucketWebsite", "WEBSITE"),
    ("GetObjectAcl", "ACL"),
    ("GetObjectAttributes", "OBJECT_ATTRIBUTES"),
    ("GetObjectLegalHold", "OBJECT_LOCK_LEGALHOLD"),
    ("GetObjectLockConfiguration", "OBJECT_LOCK_CONFIGURATION"),
    ("GetObjectRetention", "OBJECT_LOCK_RETENTION"),
    ("GetObjectTagging", "OBJECT_TAGGING"),
    ("GetPublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("ListBucketMetricsConfigurations", "METRICS"),
    ("ListMultipartUploads", "UPLOADS"),
    ("ListObjectVersions", "BUCKETVERSIONS"),
    ("ListParts", "UPLOAD"),
    ("Preflight", "PREFLIGHT"),
    ("PutBucketAccelerateConfiguration", "ACCELERATE"),
    ("PutBucketAcl", "ACL"),
    ("PutBucketCors", "CORS"),
    ("PutBucketEncryption", "ENCRYPTION"),
    ("PutBucketLifecycleConfiguration", "LIFECYCLE"),
    ("PutBucketLogging", "LOGGING_STATUS"),
    ("PutBucketMetricsConfiguration", "METRICS"),
    ("PutBucketNotificationConfiguration", "NOTIFICATION"),
    ("PutBucketOwnershipControls", "OWNERSHIP_CONTROLS"),
    ("PutBucketPolicy", "BUCKETPOLICY"),
    ("PutBucketRequestPayment", "REQUEST_PAYMENT"),
    ("PutBucketTagging", "TAGGING"),
    ("PutBucketVersioning", "VERSIONING"),
    ("PutBucketWebsite", "WEBSITE"),
    ("PutObjectAcl", "ACL"),
    ("PutObjectLegalHold", "OBJECT_LOCK_LEGALHOLD"),
    ("PutObjectLockConfiguration", "OBJECT_LOCK_CONFIGURATION"),
    ("PutObjectRetention", "OBJECT_LOCK_RETENTION"),
    ("PutObjectTagging", "OBJECT_TAGGING"),
    ("PutPublicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("UploadPart", "PART"),
];

pub(super) fn of_request(operation: &str, method: &str, has_key: bool) -> String {
    match operation {
        "CopyObject" => return "REST.COPY.OBJECT".to_owned(),
        "UploadPartCopy" => return "REST.COPY.PART".to_owned(),
        _ => {}
    }
    let resource = RESOURCES
        .binary_search_by_key(&operation, |(name, _)| name)
        .ok()
        .map(|at| RESOURCES[at].1);
    let plain = if has_key { "OBJECT" } else { "BUCKET" };
    format!("REST.{method}.{}", resource.unwrap_or(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_what_it_should() {
        assert!(RESOURCES.is_sorted());
        assert_eq!(of_request("GetObject", "GET", true), "REST.GET.OBJECT");
        assert_eq!(of_request("ListObjectsV2", "GET", false), "REST.GET.BUCKET");
        assert_eq!(of_request("UploadPart", "PUT", true), "REST.PUT.PART");
        assert_eq!(of_request("PostObject", "POST", true), "REST.POST.OBJECT");
        assert_eq!(
            of_request("GetBucketLogging", "GET", false),
            "REST.GET.LOGGING_STATUS"
        );
    }
}
