use http::{Response, request};
use serde_json::json;

use super::*;
use crate::model::service;

fn operation(service_name: &str, name: &str) -> &'static Operation {
    service(service_name)
        .and_then(|service| service.operation(name))
        .expect(name)
}

fn head(uri: &str, headers: &[(&str, &str)]) -> request::Parts {
    let builder = http::Request::builder().method("POST").uri(uri);
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    builder.body(()).unwrap().into_parts().0
}

fn body(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn refuse(service_name: &str, protocol: Protocol, error: &Error) -> Response<Bytes> {
    encode_error(service(service_name).unwrap(), protocol, error, "id")
}

#[test]
fn dynamodb_round_trip() {
    let put = operation("dynamodb", "PutItem");
    let sent = br#"{"TableName":"t","Item":{"k":{"S":"v"},"b":{"B":"AAE="},"n":null},"Unknown":1,"ReturnValues":null}"#;
    let input = decode(
        put,
        Protocol::Json,
        &head("/", &[]),
        &Labels::default(),
        sent,
    )
    .unwrap();
    assert_eq!(input["Item"]["k"], json!({"S": "v"}));
    assert!(input.get("Unknown").is_none() && input.get("ReturnValues").is_none());
    let response = encode(
        put,
        Protocol::Json,
        &json!({"Attributes": {"k": {"S": "v"}}}),
        "id",
    );
    assert_eq!(body(&response), r#"{"Attributes":{"k":{"S":"v"}}}"#);
    assert_eq!(
        response.headers()["content-type"],
        "application/x-amz-json-1.0"
    );
    assert_eq!(
        response.headers()["x-amz-crc32"],
        crate::checksum::crc32(response.body()).to_string()
    );
    assert_eq!(response.headers()["x-amzn-requestid"], "id");
}

#[test]
fn wrong_json_types() {
    let wrong = |service, name, protocol, sent: &str| {
        let refused = decode(
            operation(service, name),
            protocol,
            &head("/", &[]),
            &Labels::default(),
            sent.as_bytes(),
        );
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        wrong(
            "apigateway",
            "CreateRestApi",
            Protocol::RestJson,
            r#"{"name":true}"#
        ),
        "SerializationException: class java.lang.Boolean can not be converted to an String"
    );
    assert_eq!(
        wrong("dynamodb", "GetItem", Protocol::Json, r#"{"TableName":1}"#),
        "SerializationException: NUMBER_VALUE cannot be converted to String"
    );
    assert_eq!(
        wrong("dynamodb", "GetItem", Protocol::Json, "{"),
        "SerializationException: "
    );
}

#[test]
fn json_errors() {
    let not_found = Error::sender("ResourceNotFoundException", "Requested resource not found");
    let response = refuse("dynamodb", Protocol::Json, &not_found);
    let expected = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#;
    assert_eq!(body(&response), expected);
    let response = refuse(
        "dynamodb",
        Protocol::Json,
        &Error::sender("ValidationException", "no"),
    );
    assert_eq!(
        body(&response),
        r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#
    );
    let response = refuse("secretsmanager", Protocol::Json, &not_found);
    assert_eq!(
        body(&response),
        r#"{"__type":"ResourceNotFoundException","Message":"Requested resource not found"}"#
    );
    let response = refuse(
        "kms",
        Protocol::Json,
        &Error::modelled("kms", "KMSInternalException", "x"),
    );
    assert_eq!(
        (response.status().as_u16(), body(&response)),
        (500, r#"{"__type":"KMSInternalException","message":"x"}"#)
    );
}

/// One error, by either of its names, in both protocols of SQS.
#[test]
fn query_compatible_errors() {
    for code in [
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ] {
        let error = Error::modelled("sqs", code, "The specified queue does not exist.");
        let response = refuse("sqs", Protocol::Json, &error);
        let query_error = &response.headers()["x-amzn-query-error"];
        assert_eq!(
            query_error,
            "AWS.SimpleQueueService.NonExistentQueue;Sender"
        );
        let expected = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#;
        assert_eq!(body(&response), expected);
        let response = refuse("sqs", Protocol::Query, &error);
        assert!(body(&response).ends_with(
            "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
             <Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message>\
             <Detail/></Error><RequestId>id</RequestId></ErrorResponse>"
        ));
    }
}

#[test]
fn sqs_speaks_query_with_its_old_names() {
    let form = "Action=SendMessage&MessageBody=a+b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String\
                &MessageAttribute.1.Value.StringValue=v&Unknown=1";
    let mut labels = Labels::default();
    labels.insert("QueueUrl", "http://h/000000000000/q");
    let send = operation("sqs", "SendMessage");
    let input = decode(
        send,
        Protocol::Query,
        &head("/000000000000/q", &[]),
        &labels,
        form.as_bytes(),
    )
    .unwrap();
    let attributes = json!({"n": {"DataType": "String", "StringValue": "v"}});
    let expected = json!({"QueueUrl": "http://h/000000000000/q", "MessageBody": "a b", "MessageAttributes": attributes});
    assert_eq!(input, expected);
    let messages = json!({"Messages": [{"MessageId": "1", "Attributes": {"SenderId": "s"}}]});
    let response = encode(
        operation("sqs", "ReceiveMessage"),
        Protocol::Query,
        &messages,
        "id",
    );
    assert!(body(&response).contains(
        "<ReceiveMessageResult><Message><MessageId>1</MessageId><Attribute><Name>SenderId</Name><Value>s</Value></Attribute>\
         </Message></ReceiveMessageResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>"
    ));
}

#[test]
fn query_lists_and_times() {
    let form = "Action=CreateStack&Version=2010-05-15&StackName=s&Parameters.member.1.ParameterKey=k&Parameters.member.10.\
                ParameterKey=z&Parameters.member.2.ParameterKey=l&Tags=&DisableRollback=true&TimeoutInMinutes=5";
    let create = operation("cloudformation", "CreateStack");
    let input = decode(
        create,
        Protocol::Query,
        &head("/", &[]),
        &Labels::default(),
        form.as_bytes(),
    )
    .unwrap();
    let keys = json!([{"ParameterKey": "k"}, {"ParameterKey": "l"}, {"ParameterKey": "z"}]);
    assert_eq!(
        (
            &input["Parameters"],
            &input["Tags"],
            &input["TimeoutInMinutes"]
        ),
        (&keys, &json!([]), &json!(5))
    );
    let user = json!({"User": {"UserName": "a<b", "CreateDate": 1_440_938_160}});
    let response = encode(operation("iam", "GetUser"), Protocol::Query, &user, "id");
    assert!(body(&response).contains(
        "<GetUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetUserResult><User>\
         <UserName>a&lt;b</UserName><CreateDate>2015-08-30T12:36:00Z</CreateDate></User></GetUserResult>"
    ));
}

#[test]
fn s3_answers() {
    let contents = json!([{"Key": "k", "LastModified": 1_440_938_160, "ETag": "\"e\""}]);
    let listing = json!({"Name": "b", "KeyCount": 1, "IsTruncated": false, "Contents": contents});
    let response = encode(
        operation("s3", "ListObjectsV2"),
        Protocol::RestXml,
        &listing,
        "id",
    );
    assert_eq!(
        body(&response),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>b</Name><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>k</Key>\
         <LastModified>2015-08-30T12:36:00.000Z</LastModified><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>"
    );
    let location = encode(
        operation("s3", "GetBucketLocation"),
        Protocol::RestXml,
        &json!({"LocationConstraint": "eu-west-1"}),
        "id",
    );
    assert!(
        body(&location).ends_with(
            "\"http://s3.amazonaws.com/doc/2006-03-01/\">eu-west-1</LocationConstraint>"
        )
    );
    let get = operation("s3", "GetObject");
    assert!(get.streaming_output().is_some());
    let output = json!({"ContentType": "text/plain", "Metadata": {"colour": "red"}, "LastModified": 1_440_938_160});
    let response = encode(get, Protocol::RestXml, &output, "id");
    assert!(response.body().is_empty());
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.headers()["x-amz-meta-colour"], "red");
    assert_eq!(
        response.headers()["last-modified"],
        "Sun, 30 Aug 2015 12:36:00 GMT"
    );
    assert_eq!(response.headers()["x-amz-request-id"], "id");
}

#[test]
fn s3_errors_have_no_wrapper() {
    let error = Error::sender("NoSuchKey", "The specified key does not exist.")
        .with_status(404)
        .with_member("Key", "k");
    let response = refuse("s3", Protocol::RestXml, &error);
    let host_id = response.headers()["x-amz-id-2"].to_str().unwrap();
    assert_eq!(
        body(&response),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not \
             exist.</Message><Key>k</Key><RequestId>id</RequestId><HostId>{host_id}</HostId></Error>"
        )
    );
}

#[test]
fn s3_requests() {
    let mut labels = Labels::default();
    labels.insert("Bucket", "b");
    let xml = br#"<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant>
        <Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee>
        <Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"#;
    let head = head("/b?acl", &[("x-amz-expected-bucket-owner", "000000000000")]);
    let input = decode(
        operation("s3", "PutBucketAcl"),
        Protocol::RestXml,
        &head,
        &labels,
        xml,
    )
    .unwrap();
    let grants = json!([{"Grantee": {"ID": "i", "Type": "CanonicalUser"}, "Permission": "READ"}]);
    let expected = json!({"Bucket": "b", "ExpectedBucketOwner": "000000000000", "AccessControlPolicy": {"Grants": grants}});
    assert_eq!(input, expected);
    let refused = decode(
        operation("s3", "PutBucketAcl"),
        Protocol::RestXml,
        &head,
        &labels,
        b"<a>",
    )
    .unwrap_err();
    assert_eq!(refused.code, "MalformedXML");
}

#[test]
fn s3_names_the_argument() {
    let head = head("/b?list-type=2&max-keys=many", &[]);
    let list = operation("s3", "ListObjectsV2");
    let error = decode(list, Protocol::RestXml, &head, &Labels::default(), b"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "InvalidArgument: Provided max-keys not an integer or within integer range"
    );
    assert_eq!(error.members["ArgumentValue"], "many");
}

#[test]
fn lambda_and_its_errors() {
    let invoke = operation("lambda", "Invoke");
    let mut labels = Labels::default();
    labels.insert("FunctionName", "f");
    let head = head(
        "/2015-03-31/functions/f/invocations?Qualifier=1",
        &[("x-amz-invocation-type", "Event")],
    );
    let input = decode(invoke, Protocol::RestJson, &head, &labels, b"{}").unwrap();
    let expected = json!({"FunctionName": "f", "InvocationType": "Event", "Qualifier": "1", "Payload": "e30="});
    assert_eq!(input, expected);
    let output = json!({"StatusCode": 202, "ExecutedVersion": "1", "Payload": "MQ=="});
    let response = encode(invoke, Protocol::RestJson, &output, "id");
    assert_eq!((response.status().as_u16(), body(&response)), (202, "1"));
    assert_eq!(response.headers()["x-amz-executed-version"], "1");
    let error = Error::modelled("lambda", "TooManyRequestsException", "Rate exceeded")
        .with_member("retryAfterSeconds", "1");
    let response = refuse("lambda", Protocol::RestJson, &error);
    assert_eq!(response.status().as_u16(), 429);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "TooManyRequestsException"
    );
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(
        body(&response),
        r#"{"message":"Rate exceeded","Type":"User"}"#
    );
}

#[test]
fn cloudwatch_in_three_protocols() {
    let list = operation("cloudwatch", "ListMetrics");
    let query = decode(
        list,
        Protocol::Query,
        &head("/", &[]),
        &Labels::default(),
        b"Dimensions.member.1.Name=n",
    )
    .unwrap();
    let json = decode(
        list,
        Protocol::Json,
        &head("/", &[]),
        &Labels::default(),
        br#"{"Dimensions":[{"Name":"n"}]}"#,
    )
    .unwrap();
    let sent = b"\xbf\x6aDimensions\x81\xa1\x64Name\x61n\xff";
    let cbor = decode(
        list,
        Protocol::Cbor,
        &head("/", &[]),
        &Labels::default(),
        sent,
    )
    .unwrap();
    assert_eq!(query, json);
    assert_eq!(cbor, json);
    let response = refuse(
        "cloudwatch",
        Protocol::Cbor,
        &Error::modelled("cloudwatch", "ResourceNotFound", "no"),
    );
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    assert_eq!(response.headers()["content-type"], "application/cbor");
    let broken = decode(
        list,
        Protocol::Cbor,
        &head("/", &[]),
        &Labels::default(),
        b"\xbf\x9f\x9f",
    );
    assert_eq!(broken.unwrap_err().code, "SerializationException");
}

#[test]
fn compressed_metrics() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"Namespace":"n"}"#).unwrap();
    let packed = encoder.finish().unwrap();
    let put = operation("cloudwatch", "PutMetricData");
    let gzip = head("/", &[("content-encoding", "gzip")]);
    let input = decode(put, Protocol::Json, &gzip, &Labels::default(), &packed).unwrap();
    assert_eq!(input, json!({"Namespace": "n"}));
}

/// Foreign services are refused in the envelope their client reads.
#[test]
fn services_we_do_not_have() {
    let response = encode_refusal(
        Protocol::Json,
        &Error::not_implemented("states", "StartExecution"),
        "id",
    );
    assert_eq!(response.status().as_u16(), 501);
    assert_eq!(
        body(&response),
        r#"{"__type":"NotImplemented","message":"states:StartExecution is not implemented."}"#
    );
}
