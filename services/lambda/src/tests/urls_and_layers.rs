//! Function URLs and layers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use cumulet_engine::Principal;
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::runner::Outcome;
use cumulet_fixture::{ACCOUNT, Installation};
use serde_json::{Value, json};

use super::{code, create_input, house_with, invoke_input, zip_of};

async fn url_of(house: &Installation, auth_type: &str) -> String {
    let create = json!({
        "FunctionName": "f", "AuthType": auth_type,
        "Cors": { "AllowOrigins": ["https://app.example"], "AllowMethods": ["GET"], "MaxAge": 60 },
    });
    let created = house
        .call("lambda", "CreateFunctionUrlConfig", create)
        .await
        .expect("a URL");
    let url = created["FunctionUrl"].as_str().expect("text");
    let id = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split('.').next());
    id.expect("an id").to_owned()
}

async fn ask(house: &Installation, id: &str, headers: &[(&str, &str)], method: &str) -> HttpReply {
    let request = HttpRequest {
        method: method.into(),
        path: "/a%20b".into(),
        query: Some("x=1&x=2&y=a%26b+c".into()),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        body: Bytes::from_static(b"{}"),
        source_ip: "127.0.0.1".into(),
        protocol: "HTTP/1.1".into(),
        host: format!("{id}.lambda-url.eu-west-1.on.aws:4566"),
        unproven: None,
    };
    let caller = house.principal(Principal::anonymous());
    let (reply, _body) = crate::answer_url(&house.engine, caller, id, request).await;
    reply
}

async fn open_to_all(house: &Installation) {
    for (sid, action, extra) in [
        (
            "url",
            "lambda:InvokeFunctionUrl",
            ("FunctionUrlAuthType", json!("NONE")),
        ),
        (
            "function",
            "lambda:InvokeFunction",
            ("InvokedViaFunctionUrl", json!(true)),
        ),
    ] {
        let mut grant =
            json!({ "FunctionName": "f", "StatementId": sid, "Action": action, "Principal": "*" });
        grant[extra.0] = extra.1;
        house
            .call("lambda", "AddPermission", grant)
            .await
            .expect("added");
    }
}

fn answer_next(house: &Installation, payload: &Value) {
    let outcome = Outcome {
        payload: payload.to_string().into(),
        log_stream_name: "s".into(),
        ..Outcome::default()
    };
    house
        .runner
        .answers
        .lock()
        .expect("a list")
        .push_back(Ok(outcome));
}

#[tokio::test]
async fn a_url_answers_those_its_policy_lets_in() {
    let house = house_with(&["f"]).await;
    let id = url_of(&house, "NONE").await;
    assert_eq!(ask(&house, &id, &[], "POST").await.status, 403);
    assert_eq!(ask(&house, "unknown", &[], "POST").await.status, 403);
    open_to_all(&house).await;
    answer_next(
        &house,
        &json!({ "statusCode": 201, "headers": { "X-Y": "z" }, "cookies": ["a=b"], "body": "hello" }),
    );
    let reply = ask(
        &house,
        &id,
        &[("Cookie", "c=1; d=2"), ("X-A", "1"), ("x-a", "2")],
        "POST",
    )
    .await;
    assert_eq!((reply.status, &reply.body[..]), (201, &b"hello"[..]));
    let headers = [
        ("x-y", "z"),
        ("content-type", "application/json"),
        ("set-cookie", "a=b"),
    ];
    assert_eq!(
        reply.headers,
        headers.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let event = &house.runner.asked()[0].payload;
    assert_eq!(event["rawPath"], "/a%20b");
    assert_eq!(
        event["queryStringParameters"],
        json!({ "x": "1,2", "y": "a&b c" })
    );
    assert_eq!(event["cookies"], json!(["c=1", "d=2"]));
    assert_eq!(event["headers"], json!({ "x-a": "1,2" }));
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("{}"), &json!(false))
    );
    assert_eq!(event["requestContext"]["accountId"], "anonymous");
    answer_next(&house, &json!(["plain"]));
    assert_eq!(&ask(&house, &id, &[], "GET").await.body[..], b"[\"plain\"]");
    house.runner.fail_next(1);
    assert_eq!(ask(&house, &id, &[], "GET").await.status, 502);
    let closed = json!({ "FunctionName": "f", "AuthType": "AWS_IAM" });
    house
        .call("lambda", "UpdateFunctionUrlConfig", closed)
        .await
        .expect("closed");
    assert_eq!(
        ask(&house, &id, &[], "GET").await.status,
        403,
        "the policy speaks of NONE"
    );
}

#[tokio::test]
async fn a_preflight_is_answered_without_the_function() {
    let house = house_with(&["f"]).await;
    let id = url_of(&house, "NONE").await;
    open_to_all(&house).await;
    let from = |origin| [("Origin", origin), ("Access-Control-Request-Method", "GET")];
    let reply = ask(&house, &id, &from("https://app.example"), "OPTIONS").await;
    assert!(
        reply
            .headers
            .contains(&("access-control-max-age".into(), "60".into()))
    );
    assert_eq!(house.runner.asked().len(), 0);
    let other = ask(&house, &id, &from("https://evil.example"), "GET").await;
    assert!(
        other
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("access-control"))
    );
}

async fn publish(house: &Installation, name: &str, content: &str) -> Value {
    let zip = BASE64_STANDARD.encode(zip_of(&[("python/lib.py", content)]));
    let input = json!({ "LayerName": name, "Content": { "ZipFile": zip }, "CompatibleRuntimes": ["python3.13"] });
    house
        .call("lambda", "PublishLayerVersion", input)
        .await
        .expect("published")
}

#[tokio::test]
async fn a_function_keeps_the_layers_it_was_given() {
    let house = house_with(&["f"]).await;
    let layer = publish(&house, "lib", "one").await;
    let layer_arn = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:lib:1");
    assert_eq!(
        (&layer["LayerVersionArn"], &layer["Version"]),
        (&json!(layer_arn), &json!(1))
    );
    let update = json!({ "FunctionName": "f", "Layers": [layer_arn] });
    let updated = house
        .call("lambda", "UpdateFunctionConfiguration", update)
        .await
        .expect("updated");
    assert_eq!(updated["Layers"][0]["Arn"], layer_arn);
    house.deliver_due().await;
    let delete = json!({ "LayerName": "lib", "VersionNumber": 1 });
    house
        .call("lambda", "DeleteLayerVersion", delete.clone())
        .await
        .expect("deleted");
    assert!(
        house
            .refused("lambda", "GetLayerVersion", delete)
            .await
            .starts_with("404")
    );
    house.advance_s(7200).await;
    std::fs::remove_dir_all(&house.engine.cache_directory).expect("removed");
    house
        .call("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect("answered");
    assert_eq!(
        publish(&house, "lib", "two").await["Version"],
        2,
        "numbers are not used again"
    );
    let gone = json!({ "FunctionName": "f", "Layers": [] });
    house
        .call("lambda", "UpdateFunctionConfiguration", gone)
        .await
        .expect("updated");
    house
        .call("lambda", "DeleteFunction", json!({ "FunctionName": "f" }))
        .await
        .expect("deleted");
    house
        .call(
            "lambda",
            "DeleteLayerVersion",
            json!({ "LayerName": "lib", "VersionNumber": 2 }),
        )
        .await
        .expect("deleted");
    house.advance_s(7200).await;
    let left = house.engine.read(|tx| {
        let left = tx.prefix(
            super::super::state::CODE,
            [],
            cumulet_kernel::store::Direction::Forward,
        )?;
        Ok(left.count())
    });
    assert_eq!(left, Ok(0), "no code is left behind");
}

#[tokio::test]
async fn layers_are_refused_in_awss_words() {
    let house = house_with(&["f"]).await;
    publish(&house, "lib", "one").await;
    publish(&house, "lib", "two").await;
    let layer = |rest: &str| format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:{rest}");
    let table = [
        (
            vec![layer("none:1")],
            format!("Layer version {} does not exist.", layer("none:1")),
        ),
        (
            vec![layer("lib:1"), layer("lib:2")],
            format!(
                "Two different versions of the same layer are not allowed to be referenced in the same \
                 function. {} and {} are versions of the same layer.",
                layer("lib:1"),
                layer("lib:2")
            ),
        ),
        (
            vec![layer("lib:1"); 6],
            "Cannot reference more than 5 layers.".to_owned(),
        ),
        (
            vec![layer("lib:1").replace("eu-west-1", "us-east-1")],
            "Layers are not in the same region as the function. \
             Layers are expected to be in region eu-west-1."
                .to_owned(),
        ),
    ];
    for (layers, words) in table {
        let update = json!({ "FunctionName": "f", "Layers": layers });
        let refused = house
            .refused("lambda", "UpdateFunctionConfiguration", update)
            .await;
        assert_eq!(
            refused,
            format!("400 InvalidParameterValueException {words}")
        );
    }
    let mut create = create_input("g", &format!("arn:aws:iam::{ACCOUNT}:role/worker"));
    create["Layers"] = json!([layer("lib:2")]);
    create["Code"] = code("g");
    house
        .call("lambda", "CreateFunction", create)
        .await
        .expect("created");
    let policy = json!({ "LayerName": "lib", "VersionNumber": 1 });
    assert_eq!(
        house
            .refused("lambda", "GetLayerVersionPolicy", policy)
            .await,
        "404 ResourceNotFoundException No policy is associated with the given resource."
    );
    let url = json!({ "FunctionName": "f" });
    assert!(
        house
            .refused("lambda", "GetFunctionUrlConfig", url)
            .await
            .starts_with("404")
    );
}
