//! SQS as it was before it spoke JSON.
//!
//! The present model of SQS lost the names that its query protocol still has on the wire: elements of flattened lists,
//! entries of attribute maps, and error codes with their `AWS.SimpleQueueService.` prefix. They are restated here from the
//! API reference's query examples, and applied when the model is loaded.

/// Members of any structure that are called otherwise in a query: singular names of lists and maps.
const MEMBERS: [(&str, &str); 24] = [
    ("AWSAccountIds", "AWSAccountId"),
    ("Actions", "ActionName"),
    ("AttributeNames", "AttributeName"),
    ("Attributes", "Attribute"),
    ("BinaryListValues", "BinaryListValue"),
    (
        "ChangeMessageVisibilityBatchRequestEntryList",
        "ChangeMessageVisibilityBatchRequestEntry",
    ),
    (
        "ChangeMessageVisibilityBatchResultEntryList",
        "ChangeMessageVisibilityBatchResultEntry",
    ),
    (
        "DeleteMessageBatchRequestEntryList",
        "DeleteMessageBatchRequestEntry",
    ),
    (
        "DeleteMessageBatchResultEntryList",
        "DeleteMessageBatchResultEntry",
    ),
    ("BatchResultErrorEntryList", "BatchResultErrorEntry"),
    ("MessageAttributeNames", "MessageAttributeName"),
    ("MessageAttributes", "MessageAttribute"),
    ("MessageSystemAttributeNames", "MessageSystemAttributeName"),
    ("MessageSystemAttributes", "MessageSystemAttribute"),
    ("Messages", "Message"),
    ("QueueUrls", "QueueUrl"),
    ("queueUrls", "QueueUrl"),
    ("Results", "ListMessageMoveTasksResultEntry"),
    (
        "SendMessageBatchRequestEntryList",
        "SendMessageBatchRequestEntry",
    ),
    (
        "SendMessageBatchResultEntryList",
        "SendMessageBatchResultEntry",
    ),
    ("StringListValues", "StringListValue"),
    ("TagKeys", "TagKey"),
    ("Tags", "Tag"),
    ("tags", "Tag"),
];

const ERRORS: [(&str, &str); 17] = [
    (
        "BatchEntryIdsNotDistinct",
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    ),
    (
        "BatchRequestTooLong",
        "AWS.SimpleQueueService.BatchRequestTooLong",
    ),
    (
        "EmptyBatchRequest",
        "AWS.SimpleQueueService.EmptyBatchRequest",
    ),
    (
        "InvalidBatchEntryId",
        "AWS.SimpleQueueService.InvalidBatchEntryId",
    ),
    ("KmsAccessDenied", "KMS.AccessDeniedException"),
    ("KmsDisabled", "KMS.DisabledException"),
    ("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException"),
    ("KmsInvalidState", "KMS.InvalidStateException"),
    ("KmsNotFound", "KMS.NotFoundException"),
    ("KmsOptInRequired", "KMS.OptInRequired"),
    ("KmsThrottled", "KMS.ThrottlingException"),
    (
        "PurgeQueueInProgress",
        "AWS.SimpleQueueService.PurgeQueueInProgress",
    ),
    (
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
    ),
    (
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ),
    ("QueueNameExists", "QueueAlreadyExists"),
    (
        "TooManyEntriesInBatchRequest",
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    ),
    (
        "UnsupportedOperation",
        "AWS.SimpleQueueService.UnsupportedOperation",
    ),
];

/// Results of the three batch calls that the JSON protocol calls `Successful` and `Failed`.
const BATCH_RESULTS: [(&str, &str); 3] = [
    (
        "ChangeMessageVisibilityBatchResult",
        "ChangeMessageVisibilityBatchResultEntry",
    ),
    ("DeleteMessageBatchResult", "DeleteMessageBatchResultEntry"),
    ("SendMessageBatchResult", "SendMessageBatchResultEntry"),
];

const BATCH_REQUESTS: [(&str, &str); 3] = [
    (
        "ChangeMessageVisibilityBatchRequest",
        "ChangeMessageVisibilityBatchRequestEntry",
    ),
    (
        "DeleteMessageBatchRequest",
        "DeleteMessageBatchRequestEntry",
    ),
    ("SendMessageBatchRequest", "SendMessageBatchRequestEntry"),
];

pub(super) fn member_name(structure: &str, member: &str) -> Option<&'static str> {
    match member {
        "Entries" => find(&BATCH_REQUESTS, structure),
        "Successful" => find(&BATCH_RESULTS, structure),
        "Failed" => Some("BatchResultErrorEntry"),
        _ => find(&MEMBERS, member),
    }
}

pub(super) fn error_code(shape: &str) -> Option<&'static str> {
    find(&ERRORS, shape)
}

/// Names of keys and values in SQS's maps.
pub(super) fn map_names(shape: &str) -> (&'static str, &'static str) {
    if shape == "TagMap" {
        ("Key", "Value")
    } else {
        ("Name", "Value")
    }
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(from, _)| *from == name)
        .map(|(_, to)| *to)
}
