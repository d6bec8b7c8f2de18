//! Copies.

use serde_json::json;

use super::{World, pattern, text};

#[tokio::test]
async fn a_copy_takes_body_metadata_and_tags_unless_told_otherwise() {
    let world = World::new();
    world.bucket("docs").await;
    let body = pattern(150_000);
    let source = json!({
        "Bucket": "docs", "Key": "a b", "ContentType": "text/x", "Metadata": {"m": "1"}, "Tagging": "t=1",
        "ChecksumAlgorithm": "CRC32", "StorageClass": "STANDARD_IA"
    });
    let source = world
        .put_with(source, body.clone())
        .await
        .expect("a source");
    let copied = world
        .ok(
            "CopyObject",
            json!({"Bucket": "docs", "Key": "c", "CopySource": "/docs/a%20b"}),
        )
        .await;
    assert_eq!(copied["CopyObjectResult"]["ETag"], source["ETag"]);
    assert_eq!(
        copied["CopyObjectResult"]["ChecksumCRC32"],
        source["ChecksumCRC32"]
    );
    assert_eq!(world.get("docs", "c").await, body);
    let head = world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "c"}))
        .await;
    assert_eq!(
        (
            text(&head["ContentType"]),
            text(&head["Metadata"]["m"]),
            &head["TagCount"]
        ),
        ("text/x", "1", &json!(1))
    );
    assert!(
        head.get("StorageClass").is_none(),
        "the storage class is never copied"
    );
    let replaced = json!({
        "Bucket": "docs", "Key": "c", "CopySource": "docs/a b", "MetadataDirective": "REPLACE",
        "Metadata": {"n": "2"}, "TaggingDirective": "REPLACE", "Tagging": "u=1&v=2"
    });
    world.ok("CopyObject", replaced).await;
    let head = world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "c"}))
        .await;
    assert_eq!(head["Metadata"], json!({"n": "2"}));
    assert_eq!(
        (text(&head["ContentType"]), &head["TagCount"]),
        ("binary/octet-stream", &json!(2))
    );
}

#[tokio::test]
async fn a_copy_is_refused_where_aws_refuses() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    let put = world.put("docs", "k", "old").await;
    let itself = json!({"Bucket": "docs", "Key": "k", "CopySource": "docs/k"});
    assert_eq!(world.code("CopyObject", itself).await, "InvalidRequest");
    world.put("docs", "k", "new").await;
    let source = format!("docs/k?versionId={}", text(&put["VersionId"]));
    let back = world
        .ok(
            "CopyObject",
            json!({"Bucket": "docs", "Key": "k", "CopySource": source}),
        )
        .await;
    assert_eq!(back["CopySourceVersionId"], put["VersionId"]);
    assert_eq!(&world.get("docs", "k").await[..], b"old");
    let marker = world
        .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    let hidden = json!({"Bucket": "docs", "Key": "l", "CopySource": "docs/k"});
    assert_eq!(world.code("CopyObject", hidden).await, "NoSuchKey");
    let source = format!("docs/k?versionId={}", text(&marker["VersionId"]));
    let of_marker = world
        .call(
            "CopyObject",
            json!({"Bucket": "docs", "Key": "l", "CopySource": source}),
        )
        .await;
    let message = of_marker.expect_err("a marker has no body").message;
    assert_eq!(
        message,
        "The source of a copy request may not specifically refer to a delete marker by version id."
    );
    let source = format!("docs/k?versionId={}", text(&put["VersionId"]));
    let conditional = json!({"Bucket": "docs", "Key": "l", "CopySource": source, "CopySourceIfNoneMatch": put["ETag"]});
    let failed = world
        .call("CopyObject", conditional)
        .await
        .expect_err("it matches");
    assert_eq!(
        (failed.status, &failed.members["Condition"]),
        (412, &json!("x-amz-copy-source-If-None-Match"))
    );
}
