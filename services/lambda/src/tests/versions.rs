//! Versions, aliases, resource policies and limits.

use cumulet_engine::{Principal, PrincipalKind};
use cumulet_fixture::{ACCOUNT, Installation};
use serde_json::json;

use super::{arn, house_with, invoke_input};

#[tokio::test]
async fn a_version_is_published_only_when_something_changed() {
    let house = house_with(&["f"]).await;
    let publish = || house.call("lambda", "PublishVersion", json!({ "FunctionName": "f" }));
    let first = publish().await.expect("published");
    assert_eq!(
        (&first["Version"], &first["FunctionArn"]),
        (&json!("1"), &json!(arn("f:1")))
    );
    house.deliver_due().await;
    assert_eq!(publish().await.expect("the same")["Version"], "1");
    let update = json!({ "FunctionName": "f", "Environment": { "Variables": { "A": "1" } } });
    house
        .call("lambda", "UpdateFunctionConfiguration", update)
        .await
        .expect("updated");
    house.deliver_due().await;
    assert_eq!(publish().await.expect("published")["Version"], "2");
    let old = house
        .call("lambda", "GetFunction", json!({ "FunctionName": "f:1" }))
        .await
        .expect("told");
    assert_eq!(old["Configuration"].get("Environment"), None);
    let versions = json!({ "FunctionName": "f" });
    let versions = house
        .call("lambda", "ListVersionsByFunction", versions)
        .await
        .expect("listed");
    let numbers: Vec<_> = versions["Versions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| &v["Version"])
        .collect();
    assert_eq!(numbers, ["$LATEST", "1", "2"]);
}

async fn house_with_two_versions() -> Installation {
    let house = house_with(&["f"]).await;
    for timeout_s in [4, 5] {
        let update = json!({ "FunctionName": "f", "Timeout": timeout_s });
        house
            .call("lambda", "UpdateFunctionConfiguration", update)
            .await
            .expect("updated");
        house.deliver_due().await;
        house
            .call("lambda", "PublishVersion", json!({ "FunctionName": "f" }))
            .await
            .expect("published");
        house.deliver_due().await;
    }
    house
}

#[tokio::test]
async fn an_alias_shares_its_invocations_out_by_weight() {
    let house = house_with_two_versions().await;
    let alias = json!({
        "FunctionName": "f", "Name": "live", "FunctionVersion": "1",
        "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.25 } },
    });
    house
        .call("lambda", "CreateAlias", alias.clone())
        .await
        .expect("an alias");
    for _ in 0..200 {
        house
            .call("lambda", "Invoke", invoke_input("f:live", &json!({})))
            .await
            .expect("answered");
    }
    let asked = house.runner.asked();
    let second = asked.iter().filter(|asked| asked.version == "2").count();
    assert!((25..=75).contains(&second), "{second} of 200");
    assert_eq!(asked[0].invoked_function_arn, arn("f:live"));
    assert_eq!(
        house.refused("lambda", "CreateAlias", alias.clone()).await,
        format!(
            "409 ResourceConflictException Alias already exists: {}",
            arn("f:live")
        )
    );
    let delete = json!({ "FunctionName": "f", "Qualifier": "2" });
    assert!(
        house
            .refused("lambda", "DeleteFunction", delete)
            .await
            .starts_with("409 ResourceConflictException")
    );
    let refusals = [
        (
            json!({ "2": 0.1, "3": 0.1 }),
            "1",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            json!({ "1": 0.1 }),
            "1",
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            json!({ "1": 0.1 }),
            "$LATEST",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
    ];
    for (weights, version, words) in refusals {
        let update = json!({
            "FunctionName": "f", "Name": "live", "FunctionVersion": version,
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        });
        let refused = house.refused("lambda", "UpdateAlias", update).await;
        assert_eq!(
            refused,
            format!("400 InvalidParameterValueException {words}")
        );
    }
}

#[tokio::test]
async fn a_service_gets_in_by_the_functions_policy_and_only_as_it_says() {
    let house = house_with(&["f"]).await;
    let as_bucket = |bucket: &str| {
        house.root().as_service(
            "s3.amazonaws.com",
            &format!("arn:aws:s3:::{bucket}"),
            ACCOUNT,
        )
    };
    let invoke = |context| {
        let engine = house.engine.clone();
        async move { crate::invoke(&engine, &context, "f", bytes::Bytes::new()).await }
    };
    let denied = invoke(as_bucket("files")).await.expect_err("denied");
    assert_eq!(denied.code, "AccessDeniedException");
    let grant = json!({
        "FunctionName": "f", "StatementId": "s3", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::files", "SourceAccount": ACCOUNT,
    });
    let added = house
        .call("lambda", "AddPermission", grant.clone())
        .await
        .expect("added");
    let statement: serde_json::Value =
        serde_json::from_str(added["Statement"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        statement,
        json!({
            "Sid": "s3", "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": arn("f"),
            "Condition": {
                "StringEquals": { "AWS:SourceAccount": ACCOUNT },
                "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::files" },
            },
        })
    );
    invoke(as_bucket("files")).await.expect("let in");
    invoke(as_bucket("other")).await.expect_err("denied");
    assert_eq!(
        house.refused("lambda", "AddPermission", grant).await,
        "409 ResourceConflictException The statement id (s3) provided already exists. \
         Please provide a new statement id, or remove the existing statement."
    );
    let remove = json!({ "FunctionName": "f", "StatementId": "s3" });
    house
        .call("lambda", "RemovePermission", remove)
        .await
        .expect("removed");
    invoke(as_bucket("files")).await.expect_err("denied again");
    assert_eq!(
        house
            .refused("lambda", "GetPolicy", json!({ "FunctionName": "f" }))
            .await,
        "404 ResourceNotFoundException The resource you requested does not exist."
    );
}

#[tokio::test]
async fn a_caller_without_permission_learns_nothing() {
    let house = house_with(&["f"]).await;
    let nobody = Principal {
        kind: PrincipalKind::User {
            name: "nobody".into(),
        },
        arn: format!("arn:aws:iam::{ACCOUNT}:user/nobody"),
        account: ACCOUNT.into(),
        user_id: "AIDA".into(),
        ..Principal::anonymous()
    };
    for function in ["f", "absent"] {
        let context = house.principal(nobody.clone());
        let denied = crate::invoke(&house.engine, &context, function, bytes::Bytes::new()).await;
        assert_eq!(
            denied.expect_err("denied").code,
            "AccessDeniedException",
            "{function}"
        );
    }
    assert!(house.runner.asked().is_empty());
}

#[tokio::test]
async fn reservations_bound_what_runs_and_nothing_outlives_its_run() {
    let house = house_with(&["f", "g"]).await;
    let reserve =
        |count: u32| json!({ "FunctionName": "f", "ReservedConcurrentExecutions": count });
    assert!(
        house
            .refused("lambda", "PutFunctionConcurrency", reserve(901))
            .await
            .contains("below its minimum value of [100]")
    );
    house
        .call("lambda", "PutFunctionConcurrency", reserve(1))
        .await
        .expect("reserved");
    let held = house.runner.gate.lock().await;
    let engine = house.engine.clone();
    let context = house.root();
    let running =
        tokio::spawn(
            async move { crate::invoke(&engine, &context, "f", bytes::Bytes::new()).await },
        );
    while house.runner.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = house
        .call("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect_err("throttled");
    assert_eq!(
        (refused.status, &*refused.code, &*refused.message),
        (429, "TooManyRequestsException", "Rate Exceeded.")
    );
    assert_eq!(
        refused.members["Reason"],
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    );
    drop(held);
    running.await.expect("no panic").expect("answered");
    house
        .call("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect("answered");
    house
        .call("lambda", "Invoke", invoke_input("g", &json!({})))
        .await
        .expect("answered");
}

#[tokio::test]
async fn a_role_that_may_not_log_gets_answers_and_no_logs() {
    let house = Installation::new(super::registry());
    let nothing = json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]);
    let role = house.role("mute", "lambda.amazonaws.com", nothing).await;
    house
        .call("lambda", "CreateFunction", super::create_input("f", &role))
        .await
        .expect("created");
    house.deliver_due().await;
    let context = house.root();
    let request_id = context.request_id.to_string();
    let request = cumulet_engine::operation::Request::new(invoke_input("f", &json!({})));
    let reply = house
        .engine
        .call(context, "lambda", "Invoke", request)
        .await;
    reply.expect("answered");
    house.settled().await;
    let groups = house
        .call("logs", "DescribeLogGroups", json!({}))
        .await
        .expect("listed");
    assert_eq!(groups["logGroups"], json!([]));
    let spans = house
        .engine
        .read(|tx| Ok(cumulet_kernel::trace::load(tx, &request_id)?));
    let spans = spans.expect("read");
    let told = spans
        .iter()
        .find(|span| span.name == "function logs")
        .expect("the trace tells it");
    assert!(
        told.attributes["logs.not_written"]
            .as_str()
            .is_some_and(|text| text.contains("logs:CreateLogGroup"))
    );
}
