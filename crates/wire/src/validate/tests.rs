use serde_json::{Value, json};

use super::validate;
use crate::model::service;

fn refusal(service_name: &str, operation: &str, input: Value) -> String {
    let operation = service(service_name)
        .and_then(|service| service.operation(operation))
        .expect(operation);
    match validate(operation, &input) {
        Ok(()) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Each of these texts is recorded on AWS.
#[test]
fn recorded_texts() {
    assert_eq!(
        refusal("kms", "GenerateRandom", json!({"NumberOfBytes": 1025})),
        "ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: \
         Member must have value less than or equal to 1024"
    );
    assert_eq!(
        refusal(
            "lambda",
            "UntagResource",
            json!({"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"})
        ),
        "ValidationException: 1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must \
         not be null"
    );
    assert_eq!(
        refusal(
            "cloudwatch",
            "SetAlarmState",
            json!({"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"})
        ),
        "ValidationError: 1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member \
         must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    );
    assert_eq!(
        refusal(
            "logs",
            "DescribeLogStreams",
            json!({"logGroupName": "g", "limit": 51})
        ),
        "InvalidParameterException: 1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member \
         must have value less than or equal to 50"
    );
    assert_eq!(
        refusal(
            "cloudformation",
            "CreateChangeSet",
            json!({"StackName": "*@da591fa3_$", "ChangeSetName": "c"})
        ),
        "ValidationError: 1 validation error detected: Value '*@da591fa3_$' at 'stackName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
    );
    assert_eq!(
        refusal(
            "sts",
            "AssumeRole",
            json!({"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "Session1:2"})
        ),
        "ValidationError: 1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w+=,.@-]*"
    );
}

#[test]
fn lists_and_maps_are_judged_as_a_whole() {
    let create = json!({"name": "a", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": "wrong"}});
    assert_eq!(
        refusal("apigateway", "CreateRestApi", create),
        "ValidationException: 2 validation errors detected: Value '[wrong]' at \
         'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]; Value 'wrong' at \
         'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy constraint: Member must satisfy enum \
         value set: [ipv4, dualstack]"
    );
    let weights = json!({"FunctionName": "f", "Name": "a", "RoutingConfig": {"AdditionalVersionWeights": {"2": 2}}});
    assert_eq!(
        refusal("lambda", "UpdateAlias", weights),
        "ValidationException: 1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed \
         to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member \
         must have value greater than or equal to 0.0, Member must not be null]"
    );
}

#[test]
fn elements_are_numbered_and_prefixed() {
    let operations = json!([{"op": "wrong-op"}]);
    let input =
        json!({"restApiId": "a", "responseType": "DEFAULT_4XX", "patchOperations": operations});
    assert_eq!(
        refusal("apigateway", "UpdateGatewayResponse", input),
        "ValidationException: 1 validation error detected: Value 'wrong-op' at \
         'updateGatewayResponseInput.patchOperations.1.member.op' failed to satisfy constraint: Member must satisfy enum \
         value set: [add, remove, move, test, replace, copy]"
    );
    let entry = json!({"Id": "1", "Message": "m", "MessageAttributes": {"attr1": {}}});
    assert_eq!(
        refusal(
            "sns",
            "PublishBatch",
            json!({"TopicArn": "t", "PublishBatchRequestEntries": [entry]})
        ),
        "ValidationError: 1 validation error detected: Value null at \
         'publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType' failed to satisfy constraint: Member \
         must not be null"
    );
}

#[test]
fn secrets_are_not_shown() {
    let plaintext = "A".repeat(5464 + 4);
    assert_eq!(
        refusal(
            "kms",
            "Encrypt",
            json!({"KeyId": "k", "Plaintext": plaintext})
        ),
        "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must \
         have length less than or equal to 4096"
    );
}

#[test]
fn dynamodb_makes_exceptions_by_operation_and_member() {
    let enumeration = "Value 'X' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy \
                       enum value set: [INDEXES, TOTAL, NONE]";
    let key = json!({"k": {"S": "v"}});
    let keys = vec![key.clone(); 101];
    let cases = [
        (
            "GetItem",
            json!({"TableName": "", "Key": key, "ReturnConsumedCapacity": "X"}),
            "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "GetItem",
            json!({"TableName": "t", "Key": key, "ReturnConsumedCapacity": "X"}),
            &format!("1 validation error detected: {enumeration}"),
        ),
        (
            "PutItem",
            json!({"Item": key}),
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateTable",
            json!({"AttributeDefinitions": [], "KeySchema": []}),
            "The parameter 'TableName' is required but was not present in the request",
        ),
        (
            "Query",
            json!({"TableName": "t", "Limit": 0}),
            "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "Scan",
            json!({"TableName": "t", "Limit": 0}),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"a.table": {"Keys": keys}}}),
            "1 validation error detected: Value at 'RequestItems.a.table.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100",
        ),
    ];
    for (operation, input, expected) in cases {
        let expected = format!("ValidationException: {expected}");
        assert_eq!(refusal("dynamodb", operation, input), expected);
    }
    for operation in ["BatchGetItem", "BatchWriteItem"] {
        let empty = json!({"RequestItems": {}});
        assert_eq!(refusal("dynamodb", operation, empty), "accepted");
    }
    assert_eq!(refusal("s3", "PutObject", json!({})), "accepted");
}
