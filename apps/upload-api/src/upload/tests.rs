//! The handler against AWS's protocols on loopback: a server that answers S3 and DynamoDB as told, and remembers.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::invoke;
use crate::store::{Places, Store};

/// What the fake answers, and what it was asked: (method and target, body).
#[derive(Clone, Copy)]
struct Script {
    put_object: u16,
    put_item: u16,
    delete_object: u16,
}

const WELL: Script = Script {
    put_object: 200,
    put_item: 200,
    delete_object: 204,
};

type Calls = Arc<Mutex<Vec<(String, String)>>>;

async fn start(script: Script) -> (String, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let calls = Calls::default();
    let recorded = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, script, Arc::clone(&recorded)));
        }
    });
    (url, calls)
}

/// One request a connection, as `connection: close` tells the client.
async fn serve(mut connection: TcpStream, script: Script, calls: Calls) {
    let (head, body) = read(&mut connection).await;
    let line = head
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1")
        .to_owned();
    let status = match line.split(' ').next() {
        Some("PUT") => script.put_object,
        Some("DELETE") => script.delete_object,
        _ => script.put_item,
    };
    calls.lock().expect("not poisoned").push((line, body));
    let body = if status < 300 {
        "{}"
    } else {
        r#"{"__type":"x#AccessDeniedException","message":"denied"}"#
    };
    let body = if status == 204 { "" } else { body };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nx-amz-version-id: v1\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    connection
        .write_all(answer.as_bytes())
        .await
        .expect("the client listens");
}

async fn read(connection: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (text[..head.len()].to_owned(), body.to_owned());
            }
        }
        connection
            .read_buf(&mut bytes)
            .await
            .expect("the client writes");
    }
}

fn config(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(
            Credentials::for_tests(),
        ))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .build()
}

fn event() -> Value {
    let body = json!({
        "productId": "PROD-001", "productName": "Test Product", "price": 99.99, "fileName": "a.txt",
        "fileContent": "VGhpcyBpcyBhIHRlc3QgZmlsZQ==",
    });
    json!({ "body": body.to_string(), "isBase64Encoded": false })
}

async fn upload(script: Script, event: Value) -> (Value, Value, Vec<(String, String)>) {
    let (url, calls) = start(script).await;
    let places = Places {
        bucket: "files".to_owned(),
        table: "Products".to_owned(),
    };
    let answer = invoke(
        Arc::new(Store::new(&config(&url))),
        Arc::new(Some(places)),
        event,
    )
    .await;
    let body = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    let calls = calls.lock().expect("not poisoned").clone();
    (answer, body, calls)
}

#[tokio::test]
async fn a_file_and_its_metadata_are_stored() {
    let (answer, body, calls) = upload(WELL, event()).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["headers"]["Access-Control-Allow-Origin"], "*");
    assert_eq!(body["productId"], "PROD-001");
    assert_eq!(body["s3Key"], "uploads/PROD-001/a.txt");
    assert_eq!(body["fileSize"], 19);
    assert_eq!(body["versionId"], "v1");
    let [(put, content), (_, item)] = calls.as_slice() else {
        panic!("two calls: {calls:?}")
    };
    assert!(
        put.starts_with("PUT /files/uploads/PROD-001/a.txt"),
        "{put}"
    );
    assert!(content.contains("This is a test file"));
    let item: Value = serde_json::from_str(item).expect("JSON");
    assert_eq!(item["TableName"], "Products");
    assert_eq!(item["Item"]["price"], json!({ "N": "99.99" }));
    assert_eq!(item["Item"]["versionId"], json!({ "S": "v1" }));
    assert_eq!(
        item["Item"]["uploadTimestamp"]["S"],
        body["uploadTimestamp"]
    );
    let time: jiff::Timestamp = body["uploadTimestamp"]
        .as_str()
        .expect("text")
        .parse()
        .expect("RFC 3339");
    let ttl: i64 = item["Item"]["ttl"]["N"]
        .as_str()
        .expect("a number")
        .parse()
        .expect("an integer");
    assert_eq!(ttl - time.as_second(), 365 * 24 * 3600);
}

#[tokio::test]
async fn a_refusal_reaches_no_store_and_can_be_read_by_pages() {
    let (answer, body, calls) = upload(WELL, json!({ "body": "{}" })).await;
    assert_eq!(answer["statusCode"], 400);
    assert_eq!(
        body,
        json!({ "error": "Missing required field: productId", "code": "MISSING_FIELD" })
    );
    assert_eq!(answer["headers"]["Access-Control-Allow-Origin"], "*");
    assert!(calls.is_empty(), "{calls:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_stored_leaves_no_metadata() {
    let (answer, body, calls) = upload(
        Script {
            put_object: 403,
            ..WELL
        },
        event(),
    )
    .await;
    assert_eq!(
        (&answer["statusCode"], &body["code"]),
        (&json!(500), &json!("UPLOAD_ERROR"))
    );
    assert!(
        calls.iter().all(|(line, _)| line.starts_with("PUT ")),
        "{calls:?}"
    );
}

#[tokio::test]
async fn metadata_that_cannot_be_stored_takes_its_file_back() {
    let (answer, body, calls) = upload(
        Script {
            put_item: 400,
            ..WELL
        },
        event(),
    )
    .await;
    assert_eq!(
        (&answer["statusCode"], &body["code"]),
        (&json!(500), &json!("METADATA_ERROR"))
    );
    let (removal, _) = calls.last().expect("the removal");
    assert!(
        removal.starts_with("DELETE /files/uploads/PROD-001/a.txt?"),
        "{removal}"
    );
    assert!(
        removal.contains("versionId=v1"),
        "exactly this version goes: {removal}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_back_is_admitted() {
    let (_, body, _) = upload(
        Script {
            put_item: 400,
            delete_object: 403,
            ..WELL
        },
        event(),
    )
    .await;
    assert_eq!(body["code"], "METADATA_ERROR");
    assert!(
        body["error"]
            .as_str()
            .is_some_and(|text| text.contains("could not be removed")),
        "{body}"
    );
}

#[tokio::test]
async fn a_function_that_was_not_told_its_places_says_so() {
    let store = Arc::new(Store::new(&config("http://127.0.0.1:9")));
    let answer = invoke(store, Arc::new(None), event()).await;
    assert_eq!(answer["statusCode"], 500);
    assert!(
        answer["body"]
            .as_str()
            .is_some_and(|body| body.contains("CONFIG_ERROR")),
        "{answer}"
    );
}
