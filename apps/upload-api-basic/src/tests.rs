//! What differs from `upload-api`: the rest is tested there.

use cumulet_stack::{LambdaContext, LambdaEvent, Rehearsal, Reply};
use serde_json::{Value, json};
use upload_api::Uploads;

use crate::{FORM, application, header, upload};

async fn ask(rehearsal: &Rehearsal, body: &str) -> (u64, Value) {
    let uploads = Uploads::at(rehearsal.config(), FORM, "files", "Products");
    let event = LambdaEvent::new(json!({ "body": body }), LambdaContext::default());
    let answer = upload(&uploads, event).await.expect("always an answer");
    let body = answer["body"].as_str().expect("text");
    let status = answer["statusCode"].as_u64().expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

fn product(price: &str) -> String {
    format!(
        r#"{{"productId":"p","productName":"Käse","price":{price},"fileName":"a.txt","fileContent":"YQ=="}}"#
    )
}

#[tokio::test]
async fn prices_are_kept_as_integers_and_as_decimals() {
    for price in ["19", "0", "99.99", "12345678901234567890.5"] {
        let rehearsal = Rehearsal::new(|_| Reply::ok("{}").with("x-amz-version-id", "v1"));
        let (status, told) = ask(&rehearsal, &product(price)).await;
        assert_eq!((status, &told["versionId"]), (200, &json!("v1")), "{told}");
        let item: Value = serde_json::from_str(&rehearsal.calls()[1].body).expect("JSON");
        assert_eq!(item["Item"]["price"], json!({ "N": price }));
        assert_eq!(item["Item"]["versionId"], json!({ "S": "v1" }));
        assert!(item["Item"]["ttl"].is_null(), "its items stay");
    }
}

#[tokio::test]
async fn the_file_carries_what_describes_it() {
    let rehearsal = Rehearsal::new(|_| Reply::ok("{}"));
    let (_, told) = ask(&rehearsal, &product("1")).await;
    let headers = &rehearsal.calls()[0].headers;
    let time = told["uploadTimestamp"].as_str().expect("text");
    for line in [
        "x-amz-meta-productid: p".to_owned(),
        "x-amz-meta-productname: =?UTF-8?B?S8Okc2U=?=".to_owned(),
        format!("x-amz-meta-uploadtimestamp: {time}"),
    ] {
        assert!(headers.contains(&line), "{line} is not in\n{headers}");
    }
}

#[tokio::test]
async fn every_refusal_is_an_error_and_nothing_else() {
    let bodies = ["", "{", "{}", &product("-1"), &product("\"x\"")];
    for body in bodies {
        let rehearsal = Rehearsal::new(|_| Reply::ok("{}"));
        let (status, told) = ask(&rehearsal, body).await;
        assert_eq!(status, 400);
        let members: Vec<&String> = told.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["error"], "{body}");
        assert!(rehearsal.calls().is_empty());
    }
}

#[tokio::test]
async fn a_failure_takes_the_file_back() {
    let rehearsal = Rehearsal::new(|call| match call.is("PutItem") {
        true => Reply::refusal(400, "AccessDeniedException"),
        false => Reply::ok("{}").with("x-amz-version-id", "v1"),
    });
    let (status, told) = ask(&rehearsal, &product("1")).await;
    assert_eq!(status, 500);
    assert!(told.get("code").is_none(), "{told}");
    let calls = rehearsal.calls();
    assert!(calls[2].is("DELETE /files/uploads/p/a.txt?"), "{calls:?}");
}

#[test]
fn plain_text_stands_as_it_is() {
    assert_eq!(header("Test Product ~"), "Test Product ~");
    assert_eq!(header("a\tb"), "=?UTF-8?B?YQli?=");
}

#[test]
fn the_concurrency_is_chosen_at_synthesis() {
    let concurrency = |chosen: &[(&str, &str)]| {
        let template = application().template(chosen).expect("valid");
        template["Resources"]["Upload"]["Properties"]["ReservedConcurrentExecutions"].clone()
    };
    assert_eq!(concurrency(&[]), 5);
    assert_eq!(concurrency(&[("concurrency", "40")]), 40);
    assert!(application().template(&[("concurrency", "901")]).is_err());
}
