//! `cumulet invoke`: runs a function once, with an event from a file, from the command line, or a sample.

use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::Failure;
use crate::cli::Invoke;
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};

const SAMPLE: &str = "sample:";
const SAMPLES: [&str; 4] = ["s3-put", "apigw", "sqs", "dynamodb"];

pub(crate) async fn run(arguments: &Invoke) -> Result<(), Failure> {
    let client = Client::new(
        &arguments.endpoint.endpoint,
        Credentials::from_environment(),
        &arguments.region,
    );
    let event = event(arguments)?;
    let mut input = json!({
        "FunctionName": arguments.function,
        "Payload": BASE64_STANDARD.encode(event),
    });
    if arguments.r#async {
        input["InvocationType"] = "Event".into();
    } else if arguments.tail {
        input["LogType"] = "Tail".into();
    }
    let answer = client.call("lambda", "Invoke", input).await?;
    if let Some(log) = decoded(&answer["LogResult"]) {
        log.lines()
            .for_each(|line| say(&paint(line, Colour::Faint)));
    }
    if arguments.r#async {
        say("accepted");
        return Ok(());
    }
    print(&decoded(&answer["Payload"]).unwrap_or_default());
    match answer["FunctionError"].as_str() {
        Some(error) => Err(Failure::Failed(format!("the function failed: {error}"))),
        None => Ok(()),
    }
}

fn decoded(member: &Value) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(member.as_str()?).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn event(arguments: &Invoke) -> Result<Vec<u8>, Failure> {
    let Some(given) = arguments.event.as_deref() else {
        return Ok(b"{}".to_vec());
    };
    if let Some(name) = given.strip_prefix(SAMPLE) {
        let made = sample(name, &arguments.region).ok_or_else(|| {
            let known = SAMPLES.join(", ");
            Failure::Usage(format!("there is no sample {name}; there are: {known}"))
        })?;
        return Ok(made.to_string().into_bytes());
    }
    if given.trim_start().starts_with(['{', '[', '"']) {
        return Ok(given.as_bytes().to_vec());
    }
    let failed =
        |error: std::io::Error| Failure::Failed(format!("{given} cannot be read: {error}"));
    if given == "-" {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read(given).map_err(failed)
}

/// An event as the service would send it, of things that do not exist.
fn sample(name: &str, region: &str) -> Option<Value> {
    Some(match name {
        "s3-put" => json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": region,
            "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
            "userIdentity": { "principalId": "AWS:AIDAEXAMPLE" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": "EXAMPLE", "x-amz-id-2": "EXAMPLE" },
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "sample",
                "bucket": { "name": "sample-bucket", "ownerIdentity": { "principalId": "EXAMPLE" }, "arn": "arn:aws:s3:::sample-bucket" },
                "object": { "key": "folder/file.txt", "size": 5, "eTag": "5d41402abc4b2a76b9719d911017c592", "sequencer": "0A1B2C3D4E5F678901" },
            },
        }] }),
        "apigw" => json!({
            "resource": "/{proxy+}", "path": "/things/1", "httpMethod": "GET",
            "headers": { "accept": "*/*" }, "multiValueHeaders": { "accept": ["*/*"] },
            "queryStringParameters": { "page": "1" }, "multiValueQueryStringParameters": { "page": ["1"] },
            "pathParameters": { "proxy": "things/1" }, "stageVariables": null,
            "requestContext": {
                "resourcePath": "/{proxy+}", "httpMethod": "GET", "path": "/prod/things/1", "stage": "prod",
                "accountId": "000000000000", "apiId": "sample", "requestId": "00000000-0000-4000-8000-000000000000",
                "identity": { "sourceIp": "127.0.0.1", "userAgent": "sample" }, "protocol": "HTTP/1.1",
            },
            "body": null, "isBase64Encoded": false,
        }),
        "sqs" => json!({ "Records": [{
            "messageId": "00000000-0000-4000-8000-000000000000", "receiptHandle": "sample", "body": "hello",
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000",
                "SenderId": "AIDAEXAMPLE", "ApproximateFirstReceiveTimestamp": "1767225600001",
            },
            "messageAttributes": {}, "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
            "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:{region}:000000000000:sample"),
            "awsRegion": region,
        }] }),
        "dynamodb" => json!({ "Records": [{
            "eventID": "00000000000000000000000000000000", "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": region,
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600, "Keys": { "id": { "S": "1" } },
                "NewImage": { "id": { "S": "1" }, "name": { "S": "sample" } },
                "SequenceNumber": "100000000000000000000001", "SizeBytes": 20, "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": format!("arn:aws:dynamodb:{region}:000000000000:table/sample/stream/2026-01-01T00:00:00.000"),
        }] }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_that_is_named_exists() {
        for name in SAMPLES {
            assert!(sample(name, "eu-west-1").is_some(), "{name}");
        }
        assert_eq!(sample("nothing", "eu-west-1"), None);
    }
}
