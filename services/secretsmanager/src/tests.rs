use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [
        cumulet_kms::service(),
        cumulet_lambda::service(),
        crate::service(),
    ];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

const DAY_S: u32 = 86_400;
const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";

async fn call(installation: &Installation, operation: &str, input: Value) -> Value {
    let called = installation.call("secretsmanager", operation, input).await;
    called.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(installation: &Installation, operation: &str, input: Value) -> String {
    installation
        .refused("secretsmanager", operation, input)
        .await
}

async fn create(installation: &Installation) -> String {
    let input = json!({ "Name": "app/db", "SecretString": "one", "ClientRequestToken": FIRST });
    let created = call(installation, "CreateSecret", input).await;
    assert_eq!(
        (&created["Name"], &created["VersionId"]),
        (&json!("app/db"), &json!(FIRST))
    );
    created["ARN"].as_str().expect("an ARN").to_owned()
}

fn put(token: &str, value: &str) -> Value {
    json!({ "SecretId": "app/db", "SecretString": value, "ClientRequestToken": token })
}

#[tokio::test]
async fn labels_follow_the_current_version_and_tokens_are_idempotent() {
    let installation = Installation::new(registry());
    let arn = create(&installation).await;
    assert!(arn.starts_with("arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/db-"));
    create(&installation).await;
    let other = json!({ "Name": "app/db", "SecretString": "x", "ClientRequestToken": SECOND });
    assert_eq!(
        refused(&installation, "CreateSecret", other).await,
        "400 ResourceExistsException The operation failed because the secret app/db already exists."
    );
    call(&installation, "PutSecretValue", put(SECOND, "two")).await;
    call(&installation, "PutSecretValue", put(SECOND, "two")).await;
    let changed = refused(&installation, "PutSecretValue", put(SECOND, "three")).await;
    assert!(changed.starts_with("400 ResourceExistsException You can't use ClientRequestToken"));

    for id in ["app/db", &arn, &arn[..arn.len() - 7]] {
        let read = call(&installation, "GetSecretValue", json!({ "SecretId": id })).await;
        assert_eq!(
            (&read["SecretString"], &read["VersionStages"]),
            (&json!("two"), &json!(["AWSCURRENT"]))
        );
    }
    let previous = json!({ "SecretId": "app/db", "VersionStage": "AWSPREVIOUS" });
    assert_eq!(
        call(&installation, "GetSecretValue", previous).await["SecretString"],
        "one"
    );
    let both = json!({ "SecretId": "app/db", "VersionStage": "AWSCURRENT", "VersionId": FIRST });
    assert_eq!(
        refused(&installation, "GetSecretValue", both).await,
        "400 InvalidRequestException You provided a VersionStage that is not associated to the provided \
         VersionId."
    );
    let back = json!({
        "SecretId": "app/db", "VersionStage": "AWSCURRENT",
        "RemoveFromVersionId": SECOND, "MoveToVersionId": FIRST,
    });
    call(&installation, "UpdateSecretVersionStage", back).await;
    let described = call(
        &installation,
        "DescribeSecret",
        json!({ "SecretId": "app/db" }),
    )
    .await;
    assert_eq!(
        described["VersionIdsToStages"],
        json!({ FIRST: ["AWSCURRENT"], SECOND: ["AWSPREVIOUS"] })
    );
    assert_eq!(described["LastAccessedDate"], 1_789_948_800.0);
    assert_eq!(described.get("RotationEnabled"), None);
}

#[tokio::test]
async fn a_secret_goes_when_its_window_has_passed_unless_it_is_restored() {
    let installation = Installation::new(registry());
    create(&installation).await;
    let id = json!({ "SecretId": "app/db" });
    let short = json!({ "SecretId": "app/db", "RecoveryWindowInDays": 6 });
    assert!(
        refused(&installation, "DeleteSecret", short)
            .await
            .starts_with("400 InvalidParameterException")
    );
    let window = json!({ "SecretId": "app/db", "RecoveryWindowInDays": 7 });
    call(&installation, "DeleteSecret", window.clone()).await;
    assert_eq!(
        refused(&installation, "GetSecretValue", id.clone()).await,
        "400 InvalidRequestException You can't perform this operation on the secret because it was marked for \
         deletion."
    );
    assert_eq!(
        refused(&installation, "CreateSecret", json!({ "Name": "app/db" })).await,
        "400 InvalidRequestException You can't create this secret because a secret with this name is already \
         scheduled for deletion."
    );
    call(&installation, "RestoreSecret", id.clone()).await;
    installation.advance_s(8 * DAY_S).await;
    assert_eq!(
        call(&installation, "GetSecretValue", id.clone()).await["SecretString"],
        "one"
    );
    call(&installation, "DeleteSecret", window).await;
    installation.advance_s(7 * DAY_S).await;
    assert_eq!(
        refused(&installation, "DescribeSecret", id).await,
        "400 ResourceNotFoundException Secrets Manager can't find the specified secret."
    );
    create(&installation).await;
    let force = json!({ "SecretId": "app/db", "ForceDeleteWithoutRecovery": true });
    call(&installation, "DeleteSecret", force).await;
    create(&installation).await;
}

#[tokio::test]
async fn a_disabled_key_closes_the_secret_and_its_lists_stay_open() {
    let installation = Installation::new(registry());
    let key = installation
        .call("kms", "CreateKey", json!({}))
        .await
        .expect("a key");
    let key = key["KeyMetadata"]["Arn"].clone();
    let input = json!({ "Name": "locked", "SecretString": "s", "KmsKeyId": key, "Description": "The Lock" });
    call(&installation, "CreateSecret", input).await;
    create(&installation).await;
    installation
        .call("kms", "DisableKey", json!({ "KeyId": key }))
        .await
        .expect("disabled");
    let read = refused(
        &installation,
        "GetSecretValue",
        json!({ "SecretId": "locked" }),
    )
    .await;
    assert!(read.starts_with("400 DecryptionFailure"), "{read}");
    let filter = json!({ "Filters": [{ "Key": "description", "Values": ["the l"] }] });
    let listed = call(&installation, "ListSecrets", filter).await;
    assert_eq!(listed["SecretList"].as_array().map(Vec::len), Some(1));
    let batch = json!({ "SecretIdList": ["app/db", "locked", "absent"] });
    let batch = call(&installation, "BatchGetSecretValue", batch).await;
    assert_eq!(batch["SecretValues"][0]["SecretString"], "one");
    let codes: Vec<&Value> = batch["Errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["ErrorCode"])
        .collect();
    assert_eq!(codes, ["DecryptionFailure", "ResourceNotFoundException"]);
    let versions = call(
        &installation,
        "ListSecretVersionIds",
        json!({ "SecretId": "app/db" }),
    )
    .await;
    assert_eq!(
        versions["Versions"][0]["KmsKeyIds"],
        json!(["DefaultEncryptionKey"])
    );
}

#[tokio::test]
async fn rotation_needs_a_function_that_may_be_invoked() {
    let installation = Installation::new(registry());
    create(&installation).await;
    let id = json!({ "SecretId": "app/db" });
    assert_eq!(
        refused(&installation, "RotateSecret", id.clone()).await,
        "400 InvalidRequestException No Lambda rotation function ARN is associated with this secret."
    );
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:rotate";
    let absent = json!({ "SecretId": "app/db", "RotationLambdaARN": function });
    let answer = refused(&installation, "RotateSecret", absent).await;
    assert!(
        answer.starts_with("400 AccessDeniedException Secrets Manager cannot invoke"),
        "{answer}"
    );
    let described = call(&installation, "DescribeSecret", id).await;
    assert_eq!(described.get("RotationEnabled"), None);
}
