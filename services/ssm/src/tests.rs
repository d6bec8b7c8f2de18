use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service(), crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

async fn put(installation: &Installation, input: Value) -> Value {
    let put = installation.call("ssm", "PutParameter", input).await;
    put.expect("put")
}

async fn get(installation: &Installation, name: &str) -> Value {
    let input = json!({ "Name": name, "WithDecryption": true });
    let got = installation.call("ssm", "GetParameter", input).await;
    got.expect("got")["Parameter"].take()
}

#[tokio::test]
async fn versions_are_kept_and_selected_by_number_and_label() {
    let installation = Installation::new(registry());
    let first = json!({ "Name": "/app/url", "Value": "one", "Type": "String" });
    let output = put(&installation, first.clone()).await;
    assert_eq!(output, json!({ "Version": 1, "Tier": "Standard" }));
    let refused = installation.refused("ssm", "PutParameter", first).await;
    assert!(refused.starts_with("400 ParameterAlreadyExists The parameter already exists."));
    put(
        &installation,
        json!({ "Name": "/app/url", "Value": "two", "Overwrite": true }),
    )
    .await;
    let label = json!({ "Name": "/app/url", "ParameterVersion": 1, "Labels": ["live", "1x"] });
    let labelled = installation
        .call("ssm", "LabelParameterVersion", label)
        .await
        .expect("labelled");
    assert_eq!(
        labelled,
        json!({ "InvalidLabels": ["1x"], "ParameterVersion": 1 })
    );

    assert_eq!(get(&installation, "/app/url").await["Value"], "two");
    let live = get(&installation, "/app/url:live").await;
    assert_eq!(
        live,
        json!({
            "Name": "/app/url", "Type": "String", "Value": "one", "Version": 1, "Selector": ":live",
            "LastModifiedDate": 1_790_000_000.0, "DataType": "text",
            "ARN": "arn:aws:ssm:eu-west-1:111122223333:parameter/app/url",
        })
    );
    let by_arn = get(
        &installation,
        "arn:aws:ssm:eu-west-1:111122223333:parameter/app/url:1",
    )
    .await;
    assert_eq!(by_arn["Value"], "one");
    let absent = |name: &str| json!({ "Name": name });
    let refused = installation
        .refused("ssm", "GetParameter", absent("app/url"))
        .await;
    assert_eq!(refused, "400 ParameterNotFound ");
    let refused = installation
        .refused("ssm", "GetParameter", absent("/app/url:7"))
        .await;
    assert!(
        refused
            .starts_with("400 ParameterVersionNotFound Systems Manager could not find version 7")
    );
}

#[tokio::test]
async fn a_hundred_versions_are_kept_and_a_labelled_one_never_goes() {
    let installation = Installation::new(registry());
    let first = json!({ "Name": "/app/url", "Value": "one", "Type": "String" });
    put(&installation, first).await;
    let label = json!({ "Name": "/app/url", "ParameterVersion": 1, "Labels": ["live"] });
    installation
        .call("ssm", "LabelParameterVersion", label)
        .await
        .expect("labelled");
    for version in 2..=100 {
        let next = json!({ "Name": "/app/url", "Value": version.to_string(), "Overwrite": true });
        put(&installation, next).await;
    }
    let next = json!({ "Name": "/app/url", "Value": "last", "Overwrite": true });
    let refused = installation
        .refused("ssm", "PutParameter", next.clone())
        .await;
    assert!(refused.starts_with("400 ParameterMaxVersionLimitExceeded"));
    let label = json!({ "Name": "/app/url", "ParameterVersion": 2, "Labels": ["live"] });
    installation
        .call("ssm", "LabelParameterVersion", label)
        .await
        .expect("moved");
    put(&installation, next).await;
    let history = json!({ "Name": "/app/url", "MaxResults": 2 });
    let history = installation
        .call("ssm", "GetParameterHistory", history)
        .await
        .expect("history");
    assert_eq!(history["Parameters"][0]["Version"], 2);
    assert_eq!(history["Parameters"][0]["Labels"], json!(["live"]));
    assert!(history["NextToken"].is_string());
}

#[tokio::test]
async fn paths_are_read_in_pages_and_slashes_count() {
    let installation = Installation::new(registry());
    for name in ["/a/b/c", "/a/b", "/a/z", "a", "/ab"] {
        put(
            &installation,
            json!({ "Name": name, "Value": name, "Type": "String" }),
        )
        .await;
    }
    let names = |page: &Value| -> Vec<String> {
        let parameters = page["Parameters"].as_array().cloned().unwrap_or_default();
        parameters
            .iter()
            .map(|parameter| parameter["Name"].as_str().unwrap().to_owned())
            .collect()
    };
    let by_path = |input| installation.call("ssm", "GetParametersByPath", input);
    let flat = by_path(json!({ "Path": "/a" })).await.expect("read");
    assert_eq!(names(&flat), ["/a/b", "/a/z"]);
    let page = by_path(json!({ "Path": "/a/", "Recursive": true, "MaxResults": 2 }))
        .await
        .expect("read");
    assert_eq!(names(&page), ["/a/b", "/a/b/c"]);
    let next = json!({ "Path": "/a/", "Recursive": true, "MaxResults": 2, "NextToken": page["NextToken"] });
    let page = by_path(next).await.expect("read");
    assert_eq!(
        (names(&page), page.get("NextToken")),
        (vec!["/a/z".to_owned()], None)
    );

    let asked = json!({ "Names": ["a", "/a", "/ab"] });
    let read = installation
        .call("ssm", "GetParameters", asked)
        .await
        .expect("read");
    assert_eq!(
        (names(&read), &read["InvalidParameters"]),
        (vec!["a".into(), "/ab".into()], &json!(["/a"]))
    );
    let filter = json!({ "ParameterFilters": [{ "Key": "Name", "Option": "BeginsWith", "Values": ["/a/"] }] });
    let described = installation
        .call("ssm", "DescribeParameters", filter)
        .await
        .expect("described");
    assert_eq!(names(&described), ["/a/b", "/a/b/c", "/a/z"]);
    let deleted = installation
        .call("ssm", "DeleteParameters", json!({ "Names": ["a", "x"] }))
        .await;
    assert_eq!(
        deleted.expect("deleted"),
        json!({ "DeletedParameters": ["a"], "InvalidParameters": ["x"] })
    );
    let public = json!({ "Name": "/aws/service/ami-amazon-linux-latest/x" });
    assert!(
        installation
            .refused("ssm", "GetParameter", public)
            .await
            .starts_with("501 NotImplemented")
    );
}

#[tokio::test]
async fn a_secure_string_opens_only_with_its_key() {
    let installation = Installation::new(registry());
    let key = installation
        .call("kms", "CreateKey", json!({}))
        .await
        .expect("a key");
    let key = key["KeyMetadata"]["KeyId"].clone();
    for (name, tier, length) in [("/s", "Standard", 9), ("/l", "Advanced", 8000)] {
        let value = "s".repeat(length);
        let input = json!({ "Name": name, "Value": value, "Type": "SecureString", "KeyId": key, "Tier": tier });
        put(&installation, input).await;
        assert_eq!(get(&installation, name).await["Value"], value.as_str());
        let closed = installation
            .call("ssm", "GetParameter", json!({ "Name": name }))
            .await
            .expect("read");
        assert_ne!(closed["Parameter"]["Value"], value.as_str());
    }
    installation
        .call("kms", "DisableKey", json!({ "KeyId": key }))
        .await
        .expect("disabled");
    let read = json!({ "Name": "/s", "WithDecryption": true });
    let refused = installation.refused("ssm", "GetParameter", read).await;
    assert!(
        refused.contains("InvalidKeyId") && refused.contains("Error Code: DisabledException"),
        "{refused}"
    );
    put(
        &installation,
        json!({ "Name": "/own", "Value": "v", "Type": "SecureString" }),
    )
    .await;
    assert_eq!(get(&installation, "/own").await["Value"], "v");
}
