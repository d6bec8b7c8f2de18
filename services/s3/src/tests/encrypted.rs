//! Encryption: whose key, what answers say, and what happens when the key is closed.

use cumulet_engine::body::Body;
use serde_json::{Value, json};

use super::{World, base64, pattern, text};

impl World {
    async fn kms(&self, operation: &str, input: Value) -> Value {
        let answer = self
            .call_as(&self.principal, "kms", operation, input, Body::Empty)
            .await;
        answer.expect("KMS answers").output
    }
}

#[tokio::test]
async fn a_disabled_key_closes_what_it_protects() {
    let world = World::new();
    world.bucket("docs").await;
    let key = world.kms("CreateKey", json!({})).await;
    let (id, arn) = (&key["KeyMetadata"]["KeyId"], &key["KeyMetadata"]["Arn"]);
    let by_default = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": id});
    let rule = json!({"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": true});
    let configuration =
        json!({"Bucket": "docs", "ServerSideEncryptionConfiguration": {"Rules": [rule]}});
    world.ok("PutBucketEncryption", configuration).await;
    for (name, size) in [("small", 10), ("large", 100_000)] {
        let body = pattern(size);
        let put = world.put("docs", name, body.clone()).await;
        assert_eq!(
            (&put["ServerSideEncryption"], &put["SSEKMSKeyId"]),
            (&json!("aws:kms"), arn)
        );
        assert_eq!(put["BucketKeyEnabled"], true);
        let md5 = hex::encode(<md5::Md5 as md5::Digest>::digest(&body));
        assert_ne!(
            text(&put["ETag"]).trim_matches('"'),
            md5,
            "the ETag must not tell the body"
        );
        assert_eq!(world.get("docs", name).await, body);
    }
    world.kms("DisableKey", json!({"KeyId": id})).await;
    for name in ["small", "large"] {
        let closed = world
            .get_with(json!({"Bucket": "docs", "Key": name}))
            .await
            .expect_err("a closed key");
        assert_eq!(
            (&*closed.code, closed.status),
            ("KMS.DisabledException", 400)
        );
    }
    let target = json!({"Bucket": "docs", "Key": "new"});
    let refused = world.put_with(target, "x").await.expect_err("a closed key");
    assert_eq!(refused.message, format!("{} is disabled.", text(arn)));
    world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "small"}))
        .await;
    let plain = json!({"Bucket": "docs", "Key": "plain", "ServerSideEncryption": "AES256"});
    world.put_with(plain, "x").await.expect("another key");
    assert_eq!(&world.get("docs", "plain").await[..], b"x");
}

#[tokio::test]
async fn the_service_s_own_kms_key_is_made_on_first_use() {
    let world = World::new();
    world.bucket("docs").await;
    let input = json!({"Bucket": "docs", "Key": "k", "ServerSideEncryption": "aws:kms"});
    let put = world.put_with(input, "x").await.expect("a put");
    assert!(text(&put["SSEKMSKeyId"]).starts_with("arn:aws:kms:us-east-1:111122223333:key/"));
    assert!(put.get("BucketKeyEnabled").is_none());
    assert_eq!(&world.get("docs", "k").await[..], b"x");
    let mixed =
        json!({"Bucket": "docs", "Key": "k", "ServerSideEncryption": "AES256", "SSEKMSKeyId": "x"});
    assert_eq!(
        &*world
            .put_with(mixed, "x")
            .await
            .expect_err("a key for nothing")
            .code,
        "InvalidArgument"
    );
    let unknown = json!({"Bucket": "docs", "Key": "k", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "fake-key-id"});
    assert_eq!(
        &*world.put_with(unknown, "x").await.expect_err("no key").code,
        "KMS.NotFoundException"
    );
}

#[tokio::test]
async fn a_customer_s_key_opens_only_its_own() {
    let world = World::new();
    world.bucket("docs").await;
    let with_key = |mut input: Value, key: [u8; 32]| {
        input["SSECustomerAlgorithm"] = "AES256".into();
        input["SSECustomerKey"] = base64(key).into();
        input["SSECustomerKeyMD5"] = base64(<md5::Md5 as md5::Digest>::digest(key)).into();
        input
    };
    let target = json!({"Bucket": "docs", "Key": "k"});
    let blocked = world.put_with(with_key(target.clone(), [1; 32]), "x").await;
    assert_eq!(blocked.expect_err("blocked by default").status, 403);
    let rule = json!({"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}});
    let allow = json!({"Bucket": "docs", "ServerSideEncryptionConfiguration": {"Rules": [rule]}});
    world.ok("PutBucketEncryption", allow).await;
    let body = pattern(100_000);
    let put = world
        .put_with(with_key(target.clone(), [1; 32]), body.clone())
        .await
        .expect("a put");
    assert_eq!(put["SSECustomerAlgorithm"], "AES256");
    assert!(put.get("ServerSideEncryption").is_none());
    let got = world
        .get_with(with_key(target.clone(), [1; 32]))
        .await
        .expect("the right key");
    assert_eq!(got.body, body);
    let wrong = world
        .get_with(with_key(target.clone(), [2; 32]))
        .await
        .expect_err("another key");
    assert_eq!(wrong.status, 403);
    assert_eq!(
        &*world.get_with(target).await.expect_err("no key").code,
        "InvalidRequest"
    );
}
