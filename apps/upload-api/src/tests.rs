//! The handler against an AWS that answers as told.

use cumulet_stack::{Call, LambdaContext, LambdaEvent, Rehearsal, Reply};
use serde_json::{Value, json};

use super::{FORM, Form, Uploads, upload};

fn event() -> Value {
    let body = json!({
        "productId": "PROD-001", "productName": "Test Product", "price": 99.99, "fileName": "a.txt",
        "fileContent": "VGhpcyBpcyBhIHRlc3QgZmlsZQ==",
    });
    json!({ "body": body.to_string(), "isBase64Encoded": false })
}

/// Everything works, except the calls that are refused: `("PUT /files/", 403)`.
fn answering(refusals: &'static [(&str, u16)]) -> Rehearsal {
    Rehearsal::new(move |call| {
        let refusal = refusals.iter().find(|(what, _)| call.is(what));
        match refusal {
            Some((_, status)) => Reply::refusal(*status, "AccessDeniedException"),
            None if call.is("PUT /files/") => Reply::ok("").with("x-amz-version-id", "v1"),
            None => Reply::ok("{}"),
        }
    })
}

async fn ask(uploads: &Uploads, event: Value) -> (Value, Value) {
    let event = LambdaEvent::new(event, LambdaContext::default());
    let answer = upload(uploads, event).await.expect("always an answer");
    let body = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    (answer, body)
}

async fn upload_with(rehearsal: &Rehearsal, event: Value) -> (Value, Value, Vec<Call>) {
    let uploads = Uploads::at(rehearsal.config(), FORM, "files", "Products");
    let (answer, body) = ask(&uploads, event).await;
    (answer, body, rehearsal.calls())
}

#[tokio::test]
async fn a_file_and_its_metadata_are_stored() {
    let (answer, body, calls) = upload_with(&answering(&[]), event()).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["headers"]["Access-Control-Allow-Origin"], "*");
    assert_eq!(body["productId"], "PROD-001");
    assert_eq!(body["s3Key"], "uploads/PROD-001/a.txt");
    assert_eq!(body["fileSize"], 19);
    assert_eq!(body["versionId"], "v1");
    let [put, item] = calls.as_slice() else {
        panic!("two calls: {calls:?}")
    };
    assert!(put.is("PUT /files/uploads/PROD-001/a.txt"), "{put:?}");
    assert!(put.body.contains("This is a test file"), "{put:?}");
    assert!(!put.headers.contains("x-amz-meta-"), "{}", put.headers);
    let item: Value = serde_json::from_str(&item.body).expect("JSON");
    assert_eq!(item["TableName"], "Products");
    assert_eq!(item["Item"]["price"], json!({ "N": "99.99" }));
    assert_eq!(item["Item"]["fileSize"], json!({ "N": "19" }));
    assert_eq!(item["Item"]["versionId"], json!({ "S": "v1" }));
}

#[tokio::test]
async fn an_item_goes_a_year_after_its_upload() {
    let (_, body, calls) = upload_with(&answering(&[]), event()).await;
    let item: Value = serde_json::from_str(&calls[1].body).expect("JSON");
    let told = &body["uploadTimestamp"];
    assert_eq!(&item["Item"]["uploadTimestamp"]["S"], told);
    let time: jiff::Timestamp = told.as_str().expect("text").parse().expect("RFC 3339");
    let ttl: i64 = item["Item"]["ttl"]["N"]
        .as_str()
        .expect("a number")
        .parse()
        .expect("an integer");
    assert_eq!(ttl - time.as_second(), 365 * 24 * 3600);
}

#[tokio::test]
async fn a_bucket_without_versions_is_answered_without_one() {
    let rehearsal = Rehearsal::new(|_| Reply::ok("{}"));
    let (answer, body, calls) = upload_with(&rehearsal, event()).await;
    assert_eq!(answer["statusCode"], 200);
    assert!(body.get("versionId").is_none(), "{body}");
    assert!(!calls[1].body.contains("versionId"), "{}", calls[1].body);
}

#[tokio::test]
async fn a_refusal_reaches_no_store_and_can_be_read_by_pages() {
    let (answer, body, calls) = upload_with(&answering(&[]), json!({ "body": "{}" })).await;
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
    for status in [403, 500] {
        let refusals: &'static [(&str, u16)] = match status {
            403 => &[("PUT /files/", 403)],
            _ => &[("PUT /files/", 500)],
        };
        let (answer, body, calls) = upload_with(&answering(refusals), event()).await;
        assert_eq!(answer["statusCode"], 500);
        assert_eq!(body["code"], "UPLOAD_ERROR");
        assert!(calls.iter().all(|call| call.method == "PUT"), "{calls:?}");
    }
}

#[tokio::test]
async fn metadata_that_cannot_be_stored_takes_its_file_back() {
    let rehearsal = answering(&[("PutItem", 400)]);
    let (answer, body, calls) = upload_with(&rehearsal, event()).await;
    assert_eq!(answer["statusCode"], 500);
    assert_eq!(body["code"], "METADATA_ERROR");
    let removal = calls.last().expect("the removal");
    assert!(
        removal.is("DELETE /files/uploads/PROD-001/a.txt?"),
        "{removal:?}"
    );
    assert!(
        removal.path.contains("versionId=v1"),
        "exactly this version goes: {removal:?}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_back_is_admitted() {
    let rehearsal = answering(&[("PutItem", 400), ("DELETE ", 403)]);
    let (_, body, _) = upload_with(&rehearsal, event()).await;
    assert_eq!(body["code"], "METADATA_ERROR");
    let error = body["error"].as_str().expect("text");
    assert!(error.contains("could not be removed"), "{body}");
}

#[tokio::test]
async fn a_function_that_was_not_told_its_places_says_so() {
    let rehearsal = answering(&[]);
    let uploads = Uploads::from_environment(rehearsal.config(), FORM);
    let (answer, body) = ask(&uploads, event()).await;
    assert_eq!(answer["statusCode"], 500);
    assert_eq!(body["code"], "CONFIG_ERROR");
    assert!(rehearsal.calls().is_empty());
}

#[tokio::test]
async fn a_panic_is_answered_too() {
    let rehearsal = answering(&[]);
    let form = Form {
        metadata: |_| panic!("the form is on fire"),
        ..FORM
    };
    let uploads = Uploads::at(rehearsal.config(), form, "files", "Products");
    let (answer, body) = ask(&uploads, event()).await;
    assert_eq!(answer["statusCode"], 500);
    assert_eq!(
        body,
        json!({ "error": "Internal error", "code": "INTERNAL_ERROR" })
    );
}
