//! Objects written and read, alone and in versions.

use serde_json::json;

use super::{World, base64, chunked, pattern, text};

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let world = World::new();
    world.bucket("docs").await;
    let input = json!({
        "Bucket": "docs", "Key": "a/ü.txt", "ContentType": "text/plain", "CacheControl": "no-store",
        "ContentEncoding": "aws-chunked,gzip", "Metadata": {"owner": "me"}, "Tagging": "a=1&b=x%20y",
        "StorageClass": "STANDARD_IA"
    });
    let put = world.put_with(input, "hello").await.expect("a put");
    assert_eq!(
        put,
        json!({
            "ETag": "\"5d41402abc4b2a76b9719d911017c592\"", "ChecksumCRC64NVME": "M3eFcAZSQlc=",
            "ChecksumType": "FULL_OBJECT", "ServerSideEncryption": "AES256"
        })
    );
    let got = world
        .get_with(json!({"Bucket": "docs", "Key": "a/ü.txt", "ChecksumMode": "ENABLED"}))
        .await;
    let got = got.expect("a get");
    assert_eq!(&got.body[..], b"hello");
    assert_eq!(
        got.output,
        json!({
            "AcceptRanges": "bytes", "LastModified": super::START_S, "ContentLength": 5,
            "ETag": "\"5d41402abc4b2a76b9719d911017c592\"", "ChecksumCRC64NVME": "M3eFcAZSQlc=",
            "ChecksumType": "FULL_OBJECT", "CacheControl": "no-store", "ContentEncoding": "gzip",
            "ContentType": "text/plain", "ServerSideEncryption": "AES256", "Metadata": {"owner": "me"},
            "StorageClass": "STANDARD_IA", "TagCount": 2
        })
    );
    let head = world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "a/ü.txt"}))
        .await;
    assert_eq!(
        (&head["ContentLength"], head.get("ChecksumType")),
        (&json!(5), None)
    );
}

#[tokio::test]
async fn bodies_of_every_size_stream_whole_and_in_ranges() {
    let world = World::new();
    world.bucket("docs").await;
    for size in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let body = pattern(size);
        let target = json!({"Bucket": "docs", "Key": "k"});
        let put = world
            .call_as(&world.principal, "s3", "PutObject", target, chunked(&body))
            .await;
        put.expect("a put");
        assert_eq!(world.get("docs", "k").await, body, "{size}");
        for (first, last) in [(0, 0), (1, 65_600), (65_000, 200_000)] {
            if size == 0 || first >= size {
                continue;
            }
            let range = format!("bytes={first}-{last}");
            let got = world
                .get_with(json!({"Bucket": "docs", "Key": "k", "Range": range}))
                .await;
            let got = got.expect("a range");
            let end = (last + 1).min(size);
            assert_eq!(got.body, body.slice(first..end), "{range} of {size}");
            let shown = format!("bytes {first}-{}/{size}", end - 1);
            assert_eq!(
                (got.status, text(&got.output["ContentRange"])),
                (Some(206), shown.as_str())
            );
        }
    }
    let input = json!({"Bucket": "docs", "Key": "k", "Range": "bytes=300000-"});
    let error = world
        .get_with(input)
        .await
        .expect_err("a range beyond the end");
    assert_eq!((&*error.code, error.status), ("InvalidRange", 416));
    assert_eq!(error.members["ActualObjectSize"], 300_000);
}

#[tokio::test]
async fn a_body_that_is_not_what_the_client_said_is_not_kept() {
    let world = World::new();
    world.bucket("docs").await;
    let put = |extra: (&'static str, String), body: &'static str| {
        let mut input = json!({"Bucket": "docs", "Key": "k"});
        input[extra.0] = extra.1.into();
        world.put_with(input, body)
    };
    let wrong = put(("ChecksumCRC32", base64([0; 4])), "x")
        .await
        .expect_err("a wrong CRC");
    assert_eq!(
        wrong.message,
        "The CRC32 you specified did not match the calculated checksum."
    );
    let short = put(("ChecksumSHA256", base64([0; 4])), "x")
        .await
        .expect_err("no SHA-256");
    assert_eq!(
        short.message,
        "Value for x-amz-checksum-sha256 header is invalid."
    );
    let digest = put(("ContentMD5", base64([0; 16])), "x")
        .await
        .expect_err("a wrong MD5");
    assert_eq!(&*digest.code, "BadDigest");
    let digest = put(("ContentMD5", "x".into()), "x")
        .await
        .expect_err("no MD5");
    assert_eq!(&*digest.code, "InvalidDigest");
    let unbuilt = put(("ChecksumXXHASH64", base64([0; 8])), "x")
        .await
        .expect_err("not built");
    assert_eq!(unbuilt.status, 501);
    assert_eq!(
        world
            .code("GetObject", json!({"Bucket": "docs", "Key": "k"}))
            .await,
        "NoSuchKey"
    );
    let right = put(("ChecksumCRC32", "jNwWgw==".into()), "x").await;
    let right = right.map(|output| output["ChecksumCRC32"].clone());
    assert_eq!(
        right.unwrap_or_else(|error| json!(error.message)),
        "jNwWgw=="
    );
}

#[tokio::test]
async fn conditional_writes_let_one_win() {
    let world = World::new();
    world.bucket("docs").await;
    let once = json!({"Bucket": "docs", "Key": "k", "IfNoneMatch": "*"});
    let etag = world.put_with(once.clone(), "1").await.expect("the first")["ETag"].clone();
    let lost = world.put_with(once, "2").await.expect_err("the second");
    assert_eq!((&*lost.code, lost.status), ("PreconditionFailed", 412));
    assert_eq!(lost.members["Condition"], "If-None-Match");
    let swap = json!({"Bucket": "docs", "Key": "k", "IfMatch": etag});
    world
        .put_with(swap.clone(), "3")
        .await
        .expect("the right ETag");
    assert_eq!(
        &*world
            .put_with(swap, "4")
            .await
            .expect_err("a stale ETag")
            .code,
        "PreconditionFailed"
    );
    let absent = json!({"Bucket": "docs", "Key": "none", "IfMatch": "\"x\""});
    assert_eq!(
        &*world
            .put_with(absent, "5")
            .await
            .expect_err("no object")
            .code,
        "NoSuchKey"
    );
    let odd = json!({"Bucket": "docs", "Key": "k", "IfNoneMatch": "\"x\""});
    assert_eq!(
        world.put_with(odd, "6").await.expect_err("only *").status,
        501
    );
    assert_eq!(&world.get("docs", "k").await[..], b"3");
}

#[tokio::test]
async fn versions_hide_return_and_go() {
    let world = World::new();
    world.bucket("docs").await;
    let before = world.put("docs", "k", "before").await;
    assert!(before.get("VersionId").is_none());
    world.version("docs", "Enabled").await;
    let first = world.put("docs", "k", "first").await;
    let id = text(&first["VersionId"]).to_owned();
    assert_eq!(id.len(), 32);
    let null = world
        .get_with(json!({"Bucket": "docs", "Key": "k", "VersionId": "null"}))
        .await;
    assert_eq!(&null.expect("the null version").body[..], b"before");
    let marker = world
        .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    assert_eq!(marker["DeleteMarker"], true);
    let hidden = world
        .get_with(json!({"Bucket": "docs", "Key": "k"}))
        .await
        .expect_err("a marker");
    assert_eq!((&*hidden.code, hidden.status), ("NoSuchKey", 404));
    assert!(
        hidden
            .headers
            .contains(&("x-amz-delete-marker", "true".to_owned()))
    );
    let input = json!({"Bucket": "docs", "Key": "k", "VersionId": marker["VersionId"]});
    let refused = world
        .get_with(input.clone())
        .await
        .expect_err("a marker has no body");
    assert_eq!((&*refused.code, refused.status), ("MethodNotAllowed", 405));
    let listed = world
        .ok("ListObjectVersions", json!({"Bucket": "docs"}))
        .await;
    let latest = |list: &str| {
        listed[list]
            .as_array()
            .map(|all| all.iter().map(|one| one["IsLatest"].clone()).collect())
    };
    assert_eq!(latest("DeleteMarkers"), Some(vec![json!(true)]));
    assert_eq!(latest("Versions"), Some(vec![json!(false), json!(false)]));
    let removed = world.ok("DeleteObject", input).await;
    assert_eq!(
        removed,
        json!({"DeleteMarker": true, "VersionId": marker["VersionId"]})
    );
    assert_eq!(&world.get("docs", "k").await[..], b"first");
    world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "k", "VersionId": id}),
        )
        .await;
    assert_eq!(&world.get("docs", "k").await[..], b"before");
    let full = world
        .call("DeleteBucket", json!({"Bucket": "docs"}))
        .await
        .expect_err("not empty");
    assert_eq!(
        full.message,
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
    );
    world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "k", "VersionId": "null"}),
        )
        .await;
    world.ok("DeleteBucket", json!({"Bucket": "docs"})).await;
}

#[tokio::test]
async fn a_suspended_bucket_replaces_its_null_version() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    world.put("docs", "k", "kept").await;
    world.version("docs", "Suspended").await;
    for body in ["a", "b"] {
        assert!(
            world
                .put("docs", "k", body)
                .await
                .get("VersionId")
                .is_none()
        );
    }
    let versions = async || {
        let listed = world
            .ok("ListObjectVersions", json!({"Bucket": "docs"}))
            .await;
        let count = |list: &str| listed[list].as_array().map_or(0, Vec::len);
        (count("Versions"), count("DeleteMarkers"))
    };
    assert_eq!(versions().await, (2, 0));
    for _ in 0..2 {
        let marker = world
            .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
            .await;
        assert_eq!(marker, json!({"DeleteMarker": true, "VersionId": "null"}));
    }
    assert_eq!(versions().await, (1, 1));
    world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "k", "VersionId": "null"}),
        )
        .await;
    assert_eq!(&world.get("docs", "k").await[..], b"kept");
}

#[tokio::test]
async fn many_objects_go_at_once_and_each_says_how() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    let put = world.put("docs", "a", "1").await;
    let delete = json!({"Objects": [
        {"Key": "a", "VersionId": put["VersionId"]}, {"Key": "never"}, {"Key": "a", "VersionId": "not-an-id"}
    ]});
    let output = world
        .ok("DeleteObjects", json!({"Bucket": "docs", "Delete": delete}))
        .await;
    assert_eq!(
        output["Deleted"][0],
        json!({"Key": "a", "VersionId": put["VersionId"]})
    );
    assert_eq!(output["Deleted"][1]["DeleteMarker"], true);
    assert_eq!(
        text(&output["Deleted"][1]["DeleteMarkerVersionId"]).len(),
        32
    );
    assert_eq!(output["Errors"][0]["Code"], "InvalidArgument");
    let none = json!({"Bucket": "docs", "Delete": {"Objects": []}});
    assert_eq!(world.code("DeleteObjects", none).await, "MalformedXML");
}

#[tokio::test]
async fn reads_keep_their_conditions() {
    let world = World::new();
    world.bucket("docs").await;
    let etag = world.put("docs", "k", "x").await["ETag"].clone();
    let unchanged = world
        .get_with(json!({"Bucket": "docs", "Key": "k", "IfNoneMatch": etag}))
        .await;
    let unchanged = unchanged.expect("a 304");
    assert_eq!((unchanged.status, unchanged.body.len()), (Some(304), 0));
    assert_eq!(
        unchanged.output,
        json!({"ETag": etag, "LastModified": super::START_S})
    );
    let since = json!({"Bucket": "docs", "Key": "k", "IfUnmodifiedSince": super::START_S - 1});
    let failed = world.get_with(since).await.expect_err("modified since");
    assert_eq!(failed.members["Condition"], "If-Unmodified-Since");
}
