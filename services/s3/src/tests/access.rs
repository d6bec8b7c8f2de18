//! Who may: policies, public access, owners.

use cumulet_engine::Principal;
use cumulet_engine::body::Body;
use cumulet_engine::error::Error;
use serde_json::{Value, json};

use super::{ACCOUNT, World, root};

impl World {
    async fn as_other(
        &self,
        principal: &Principal,
        operation: &str,
        input: Value,
    ) -> Result<Value, Error> {
        let answer = self
            .call_as(principal, "s3", operation, input, Body::Empty)
            .await;
        answer.map(|answer| answer.output)
    }

    async fn policy(&self, bucket: &str, statement: Value) -> Result<Value, Error> {
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        self.call(
            "PutBucketPolicy",
            json!({"Bucket": bucket, "Policy": policy}),
        )
        .await
    }
}

fn allow(principal: Value, action: &str) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "arn:aws:s3:::docs/*"})
}

#[tokio::test]
async fn a_public_policy_is_refused_until_it_is_not_blocked() {
    let world = World::new();
    world.bucket("docs").await;
    world.put("docs", "k", "x").await;
    let target = json!({"Bucket": "docs", "Key": "k"});
    let anonymous = Principal::anonymous();
    let everybody = allow(json!("*"), "s3:GetObject");
    assert_eq!(
        world
            .policy("docs", everybody.clone())
            .await
            .expect_err("blocked")
            .status,
        403
    );
    let mut block = json!({
        "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": false, "RestrictPublicBuckets": true
    });
    let put = json!({"Bucket": "docs", "PublicAccessBlockConfiguration": block});
    world.ok("PutPublicAccessBlock", put).await;
    world
        .policy("docs", everybody)
        .await
        .expect("no longer blocked");
    let status = world
        .ok("GetBucketPolicyStatus", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(status["PolicyStatus"]["IsPublic"], true);
    let restricted = world
        .as_other(&anonymous, "HeadObject", target.clone())
        .await;
    assert_eq!(restricted.expect_err("restricted at read time").status, 403);
    block["RestrictPublicBuckets"] = false.into();
    let put = json!({"Bucket": "docs", "PublicAccessBlockConfiguration": block});
    world.ok("PutPublicAccessBlock", put).await;
    world
        .as_other(&anonymous, "HeadObject", target)
        .await
        .expect("public at last");
    let missing = json!({"Bucket": "docs", "Key": "none"});
    let untold = world
        .as_other(&anonymous, "HeadObject", missing.clone())
        .await;
    assert_eq!(untold.expect_err("absence is not told").status, 403);
    assert_eq!(world.code("HeadObject", missing).await, "NoSuchKey");
}

#[tokio::test]
async fn another_account_needs_the_policy_and_a_deny_binds_the_owner() {
    let world = World::new();
    world.bucket("docs").await;
    world.put("docs", "k", "x").await;
    let other = root("444455556666");
    let target = json!({"Bucket": "docs", "Key": "k"});
    assert_eq!(
        world
            .as_other(&other, "HeadObject", target.clone())
            .await
            .expect_err("a stranger")
            .status,
        403
    );
    world
        .policy(
            "docs",
            allow(json!({"AWS": "444455556666"}), "s3:GetObject"),
        )
        .await
        .expect("a policy");
    world
        .as_other(&other, "HeadObject", target.clone())
        .await
        .expect("let in");
    let taken = world
        .as_other(&other, "CreateBucket", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(
        &*taken.expect_err("names are global").code,
        "BucketAlreadyExists"
    );
    let insecure = json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::docs", "arn:aws:s3:::docs/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}
    });
    world.policy("docs", insecure).await.expect("enforceSSL");
    assert_eq!(world.code("HeadObject", target).await, "AccessDenied");
    world
        .ok("DeleteBucketPolicy", json!({"Bucket": "docs"}))
        .await;
}

#[tokio::test]
async fn policies_and_owners_are_checked() {
    let world = World::new();
    world.bucket("docs").await;
    for (policy, message) in [
        (
            "x",
            "Policies must be valid JSON and the first byte must be '{'",
        ),
        ("{}", "Missing required field Statement"),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other"}}"#,
            "Policy has invalid resource",
        ),
    ] {
        let input = json!({"Bucket": "docs", "Policy": policy});
        let error = world
            .call("PutBucketPolicy", input)
            .await
            .expect_err("a malformed policy");
        assert_eq!(
            (&*error.code, error.message.as_str()),
            ("MalformedPolicy", message)
        );
    }
    assert_eq!(
        world
            .code("GetBucketPolicy", json!({"Bucket": "docs"}))
            .await,
        "NoSuchBucketPolicy"
    );
    world
        .ok(
            "HeadBucket",
            json!({"Bucket": "docs", "ExpectedBucketOwner": ACCOUNT}),
        )
        .await;
    let other = json!({"Bucket": "docs", "ExpectedBucketOwner": "444455556666"});
    assert_eq!(world.code("HeadBucket", other).await, "AccessDenied");
    let odd = json!({"Bucket": "docs", "ExpectedBucketOwner": "me"});
    assert_eq!(
        world.code("HeadBucket", odd).await,
        "InvalidBucketOwnerAWSAccountID"
    );
}
