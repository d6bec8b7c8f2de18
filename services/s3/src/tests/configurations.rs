//! Buckets and what is configured on them.

use serde_json::json;

use super::World;
use crate::{cors_headers, preflight};

#[tokio::test]
async fn a_new_bucket_has_the_defaults_of_today() {
    let world = World::new();
    let created = world.ok("CreateBucket", json!({"Bucket": "docs"})).await;
    assert_eq!(
        created,
        json!({"Location": "/docs", "BucketArn": "arn:aws:s3:::docs"})
    );
    let bucket = json!({"Bucket": "docs"});
    let block = world.ok("GetPublicAccessBlock", bucket.clone()).await;
    assert_eq!(
        block["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"],
        true
    );
    let controls = world.ok("GetBucketOwnershipControls", bucket.clone()).await;
    assert_eq!(
        controls["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "BucketOwnerEnforced"
    );
    let encryption = world.ok("GetBucketEncryption", bucket.clone()).await;
    let rule = &encryption["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(
        rule["ApplyServerSideEncryptionByDefault"],
        json!({"SSEAlgorithm": "AES256"})
    );
    assert_eq!(
        world.ok("GetBucketVersioning", bucket.clone()).await,
        json!({})
    );
    assert_eq!(
        world.ok("GetBucketLocation", bucket.clone()).await,
        json!({})
    );
    for (operation, code) in [
        ("GetBucketTagging", "NoSuchTagSet"),
        ("GetBucketCors", "NoSuchCORSConfiguration"),
        (
            "GetBucketLifecycleConfiguration",
            "NoSuchLifecycleConfiguration",
        ),
        ("GetBucketWebsite", "NoSuchWebsiteConfiguration"),
    ] {
        assert_eq!(world.code(operation, bucket.clone()).await, code);
    }
    world.ok("DeleteBucket", bucket.clone()).await;
    assert_eq!(world.code("HeadBucket", bucket).await, "NoSuchBucket");
}

#[tokio::test]
async fn names_and_locations_are_checked() {
    let world = World::new();
    for name in [
        "ab",
        "Docs",
        "-docs",
        "docs-",
        "a..b",
        "192.168.1.1",
        "xn--docs",
        "docs-s3alias",
        "do_cs",
    ] {
        assert_eq!(
            world.code("CreateBucket", json!({"Bucket": name})).await,
            "InvalidBucketName",
            "{name}"
        );
    }
    let located = |location: &str| json!({"Bucket": "docs", "CreateBucketConfiguration": {"LocationConstraint": location}});
    let elsewhere = world
        .call("CreateBucket", located("eu-west-1"))
        .await
        .expect_err("another region");
    assert_eq!(&*elsewhere.code, "IllegalLocationConstraintException");
    assert_eq!(
        world.code("CreateBucket", located("bar")).await,
        "InvalidLocationConstraint"
    );
}

#[tokio::test]
async fn tags_are_kept_and_checked() {
    let world = World::new();
    world.bucket("docs").await;
    let put = |tags: serde_json::Value| json!({"Bucket": "docs", "Tagging": {"TagSet": tags}});
    world
        .ok("PutBucketTagging", put(json!([{"Key": "a", "Value": "1"}])))
        .await;
    let tags = world
        .ok("GetBucketTagging", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(tags["TagSet"], json!([{"Key": "a", "Value": "1"}]));
    let twice = put(json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]));
    let twice = world
        .call("PutBucketTagging", twice)
        .await
        .expect_err("the same key twice");
    assert_eq!(
        twice.message,
        "Cannot provide multiple Tags with the same key"
    );
    let system = put(json!([{"Key": "aws:x", "Value": "1"}]));
    let system = world
        .call("PutBucketTagging", system)
        .await
        .expect_err("a system tag");
    assert_eq!(
        system.message,
        "System tags cannot be added/updated by requester"
    );
    world.put("docs", "k", "x").await;
    let tagging =
        json!({"Bucket": "docs", "Key": "k", "Tagging": {"TagSet": [{"Key": "b", "Value": ""}]}});
    world.ok("PutObjectTagging", tagging).await;
    let target = json!({"Bucket": "docs", "Key": "k"});
    assert_eq!(
        world.ok("GetObjectTagging", target.clone()).await,
        json!({"TagSet": [{"Key": "b", "Value": ""}]})
    );
    world.ok("DeleteObjectTagging", target.clone()).await;
    assert!(
        world
            .ok("HeadObject", target)
            .await
            .get("TagCount")
            .is_none()
    );
}

#[tokio::test]
async fn an_expiring_object_says_when_and_why() {
    let world = World::new();
    world.bucket("docs").await;
    let rule = |prefix: &str, days: i64| {
        json!({
            "ID": format!("rule {prefix}"), "Status": "Enabled", "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days}
        })
    };
    let configuration = json!({"Bucket": "docs", "LifecycleConfiguration": {"Rules": [rule("a", 1), rule("b", 2)]}});
    let put = world
        .ok("PutBucketLifecycleConfiguration", configuration)
        .await;
    assert_eq!(
        put["TransitionDefaultMinimumObjectSize"],
        "all_storage_classes_128K"
    );
    let put = world.put("docs", "a.txt", "x").await;
    let expected = "expiry-date=\"Thu, 16 Nov 2023 00:00:00 GMT\", rule-id=\"rule+a\"";
    assert_eq!(put["Expiration"], expected);
    let head = world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "a.txt"}))
        .await;
    assert_eq!(head["Expiration"], expected);
    assert!(
        world
            .put("docs", "c", "x")
            .await
            .get("Expiration")
            .is_none()
    );
    for broken in [
        json!([]),
        json!([{"Status": "Enabled", "Expiration": {"Days": 1}}]),
        json!([{"Status": "On", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]),
        json!([{"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1, "Date": 0}}]),
    ] {
        let input = json!({"Bucket": "docs", "LifecycleConfiguration": {"Rules": broken}});
        assert_eq!(
            world.code("PutBucketLifecycleConfiguration", input).await,
            "MalformedXML",
            "{broken}"
        );
    }
    world
        .ok("DeleteBucketLifecycle", json!({"Bucket": "docs"}))
        .await;
    assert!(
        world
            .put("docs", "a.txt", "x")
            .await
            .get("Expiration")
            .is_none()
    );
}

#[tokio::test]
async fn cross_origin_rules_answer_preflights() {
    let world = World::new();
    world.bucket("docs").await;
    let ask =
        |origin, headers| preflight(&world.engine, "docs", Some(origin), Some("PUT"), headers);
    let off = ask("http://a.example.com", None).expect_err("no rules yet");
    assert_eq!(
        off.message,
        "CORSResponse: CORS is not enabled for this bucket."
    );
    let rule = json!({
        "AllowedOrigins": ["http://*.example.com"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["x-amz-*"],
        "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60
    });
    let put = json!({"Bucket": "docs", "CORSConfiguration": {"CORSRules": [rule]}});
    world.ok("PutBucketCors", put).await;
    let headers =
        ask("http://a.example.com", Some("X-Amz-Date, x-amz-acl")).expect("a matching rule");
    let value = |name: &str| {
        headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        value("Access-Control-Allow-Origin"),
        Some("http://a.example.com")
    );
    assert_eq!(
        value("Access-Control-Allow-Headers"),
        Some("x-amz-date, x-amz-acl")
    );
    assert_eq!(value("Access-Control-Max-Age"), Some("60"));
    assert_eq!(
        ask("http://a.example.com", Some("content-type"))
            .expect_err("a header")
            .status,
        403
    );
    assert_eq!(
        ask("http://example.org", None)
            .expect_err("an origin")
            .status,
        403
    );
    let on_answer = world
        .engine
        .read(|tx| cors_headers(tx, "docs", "http://a.example.com", "GET"));
    assert_eq!(on_answer, Ok(Vec::new()));
    let unknown = json!({"AllowedOrigins": ["*"], "AllowedMethods": ["MYMETHOD"]});
    let put = json!({"Bucket": "docs", "CORSConfiguration": {"CORSRules": [unknown]}});
    let unknown = world
        .call("PutBucketCors", put)
        .await
        .expect_err("no such method");
    assert_eq!(
        unknown.message,
        "Found unsupported HTTP method in CORS config. Unsupported method is MYMETHOD"
    );
}
