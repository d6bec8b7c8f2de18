use super::*;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut builder = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "127.0.0.1:4566");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn operation(head: &request::Parts, form: Option<&[u8]>) -> String {
    match route(head, form, &Hosts::default()) {
        Route::Api(api) => {
            let labels: Vec<_> = api
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!(
                "{}.{} {:?} {}",
                api.service.name(),
                api.operation.name,
                api.protocol,
                labels.join(" ")
            )
        }
        Route::Refused { error, .. } => format!("{} {}", error.status, error.code),
        other => format!("{other:?}"),
    }
}

fn s3(method: &str, uri: &str) -> String {
    let authorization = scope("s3");
    operation(
        &head(method, uri, &[("authorization", &authorization)]),
        None,
    )
    .replace(" RestXml", "")
}

#[test]
fn s3_operations_by_what_they_demand() {
    assert_eq!(s3("GET", "/"), "s3.ListBuckets ");
    assert_eq!(s3("GET", "/b"), "s3.ListObjects Bucket=b");
    assert_eq!(
        s3("GET", "/b/?list-type=2&prefix=x"),
        "s3.ListObjectsV2 Bucket=b"
    );
    assert_eq!(s3("GET", "/b?versions"), "s3.ListObjectVersions Bucket=b");
    assert_eq!(
        s3("GET", "/b?versioning="),
        "s3.GetBucketVersioning Bucket=b"
    );
    assert_eq!(
        s3("GET", "/b?lifecycle"),
        "s3.GetBucketLifecycleConfiguration Bucket=b"
    );
    assert_eq!(
        s3("PUT", "/b?notification"),
        "s3.PutBucketNotificationConfiguration Bucket=b"
    );
    assert_eq!(
        s3("GET", "/b?analytics"),
        "s3.ListBucketAnalyticsConfigurations Bucket=b"
    );
    assert_eq!(
        s3("GET", "/b?analytics&id=1"),
        "s3.GetBucketAnalyticsConfiguration Bucket=b"
    );
    assert_eq!(s3("GET", "/b?uploads"), "s3.ListMultipartUploads Bucket=b");
    assert_eq!(
        s3("GET", "/b/a/b%20c?x-id=GetObject"),
        "s3.GetObject Bucket=b Key=a/b c"
    );
    assert_eq!(s3("GET", "/b//a//"), "s3.GetObject Bucket=b Key=/a//");
    assert_eq!(s3("GET", "/b/k?uploadId=u"), "s3.ListParts Bucket=b Key=k");
    assert_eq!(
        s3("GET", "/b/k?attributes"),
        "s3.GetObjectAttributes Bucket=b Key=k"
    );
    assert_eq!(
        s3("POST", "/b/k?uploads"),
        "s3.CreateMultipartUpload Bucket=b Key=k"
    );
    assert_eq!(
        s3("POST", "/b/k?uploadId=u"),
        "s3.CompleteMultipartUpload Bucket=b Key=k"
    );
    assert_eq!(s3("POST", "/b?delete"), "s3.DeleteObjects Bucket=b");
    assert_eq!(s3("PUT", "/b/k"), "s3.PutObject Bucket=b Key=k");
    assert_eq!(
        s3("PUT", "/b/k?partNumber=1&uploadId=u"),
        "s3.UploadPart Bucket=b Key=k"
    );
    assert_eq!(
        s3("DELETE", "/b/k?uploadId=u"),
        "s3.AbortMultipartUpload Bucket=b Key=k"
    );
    assert_eq!(
        s3("DELETE", "/b/k?versionId=v"),
        "s3.DeleteObject Bucket=b Key=k"
    );
    assert_eq!(s3("HEAD", "/b"), "s3.HeadBucket Bucket=b");
    assert_eq!(s3("POST", "/b/k"), "405 MethodNotAllowed");
}

#[test]
fn copies_are_told_by_their_source() {
    let copy = |uri| operation(&head("PUT", uri, &[("x-amz-copy-source", "/a/b")]), None);
    assert_eq!(copy("/b/k"), "s3.CopyObject RestXml Bucket=b Key=k");
    assert_eq!(
        copy("/b/k?partNumber=1&uploadId=u"),
        "s3.UploadPartCopy RestXml Bucket=b Key=k"
    );
}

#[test]
fn virtual_hosts_and_browsers() {
    let virtual_host = |method: &str, uri: &str, headers: &[(&str, &str)]| {
        let mut head = head(method, uri, headers);
        head.headers
            .insert("host", "b.s3.localhost:4566".parse().unwrap());
        operation(&head, None)
    };
    assert_eq!(
        virtual_host("GET", "/", &[]),
        "s3.ListObjects RestXml Bucket=b"
    );
    assert_eq!(
        virtual_host("GET", "/k/l", &[]),
        "s3.GetObject RestXml Bucket=b Key=k/l"
    );
    assert_eq!(
        virtual_host("OPTIONS", "/k", &[]),
        r#"S3Preflight { bucket: Some("b"), key: Some("k") }"#
    );
    let form = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(
        virtual_host("POST", "/", &form),
        r#"S3PostForm { bucket: "b" }"#
    );
}

#[test]
fn targets_and_cbor() {
    let target = |target: &str| operation(&head("POST", "/", &[("x-amz-target", target)]), None);
    assert_eq!(
        target("DynamoDB_20120810.GetItem"),
        "dynamodb.GetItem Json "
    );
    assert_eq!(
        target("DynamoDBStreams_20120810.GetRecords"),
        "dynamodbstreams.GetRecords Json "
    );
    assert_eq!(
        target("DynamoDB_20120810.Nothing"),
        "400 UnknownOperationException"
    );
    assert_eq!(
        target("AWSStepFunctions.StartExecution"),
        "501 NotImplemented"
    );
    let uri = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    let cbor = head("POST", uri, &[("smithy-protocol", "rpc-v2-cbor")]);
    assert_eq!(operation(&cbor, None), "cloudwatch.PutMetricData Cbor ");
    let both = head(
        "POST",
        uri,
        &[
            ("smithy-protocol", "rpc-v2-cbor"),
            ("x-amz-target", "AmazonSQS.SendMessage"),
        ],
    );
    assert_eq!(operation(&both, None), "400 UnknownOperationException");
}

#[test]
fn forms() {
    let content_type = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    let form = |uri: &str, body: &str| {
        let head = head("POST", uri, &[content_type]);
        assert!(needs_form(&head));
        operation(&head, Some(body.as_bytes()))
    };
    assert_eq!(
        form("/", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"),
        "sts.AssumeRoleWithWebIdentity Query "
    );
    assert_eq!(
        form("/000000000000/q", "Action=SendMessage&MessageBody=a"),
        "sqs.SendMessage Query QueueUrl=http://127.0.0.1:4566/000000000000/q"
    );
    let signed = head(
        "POST",
        "/",
        &[content_type, ("authorization", &scope("iam"))],
    );
    assert_eq!(
        operation(&signed, Some(b"Action=GetUser&Version=2010-05-08")),
        "iam.GetUser Query "
    );
    assert_eq!(
        operation(&signed, Some(b"Action=Nope&Version=2010-05-08")),
        "400 InvalidAction"
    );
    assert_eq!(
        operation(&head("GET", "/000000000000/q", &[]), None),
        "404 UnknownOperationException"
    );
}

#[test]
fn rest_services() {
    let rest = |service: &str, method: &str, uri: &str| {
        operation(
            &head(method, uri, &[("authorization", &scope(service))]),
            None,
        )
        .replace(" RestJson", "")
    };
    assert_eq!(
        rest("lambda", "GET", "/2015-03-31/functions/"),
        "lambda.ListFunctions "
    );
    assert_eq!(
        rest("lambda", "GET", "/2015-03-31/functions"),
        "lambda.ListFunctions "
    );
    assert_eq!(
        rest(
            "lambda",
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations"
        ),
        "lambda.Invoke FunctionName=arn:aws:lambda:x"
    );
    assert_eq!(
        rest("apigateway", "GET", "/restapis/a/resources/b"),
        "apigateway.GetResource restapi_id=a resource_id=b"
    );
    assert_eq!(
        rest("apigateway", "POST", "/restapis?mode=import"),
        "apigateway.ImportRestApi "
    );
    assert_eq!(
        rest("apigateway", "POST", "/restapis"),
        "apigateway.CreateRestApi "
    );
    assert_eq!(rest("states", "GET", "/"), "501 NotImplemented");
    assert_eq!(
        operation(&head("GET", "/2015-03-31/functions/f", &[]), None),
        "lambda.GetFunction RestJson FunctionName=f"
    );
}

#[test]
fn other_doors() {
    let door = |uri: &str| {
        format!(
            "{:?}",
            route(&head("PUT", uri, &[]), None, &Hosts::default())
        )
    };
    assert_eq!(door("/_cumulet/health"), r#"Management { path: "health" }"#);
    let execute = r#"ExecuteApi { api_id: "a", stage: Some("prod"), path: "/x/y" }"#;
    assert_eq!(door("/_aws/execute-api/a/prod/x/y"), execute);
    assert_eq!(door("/restapis/a/prod/_user_request_/x/y"), execute);
    let answer = r#"CustomResourceResponse { bucket: "cloudformation-custom-resource-response-useast1", key: "k/1" }"#;
    assert_eq!(
        door("/cloudformation-custom-resource-response-useast1/k/1?x=y"),
        answer
    );
}
