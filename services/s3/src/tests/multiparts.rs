//! Multipart uploads.

use bytes::Bytes;
use cumulet_engine::error::Error;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::{World, chunked, pattern, text};

const PART: usize = 5 << 20;

impl World {
    async fn part(
        &self,
        upload: &Value,
        number: u32,
        body: &Bytes,
        extra: Value,
    ) -> Result<Value, Error> {
        let mut input = extra;
        input["Bucket"] = upload["Bucket"].clone();
        input["Key"] = upload["Key"].clone();
        input["UploadId"] = upload["UploadId"].clone();
        input["PartNumber"] = number.into();
        let answer = self
            .call_as(&self.principal, "s3", "UploadPart", input, chunked(body))
            .await;
        answer.map(|answer| answer.output)
    }
}

fn complete(upload: &Value, parts: Value) -> Value {
    json!({
        "Bucket": upload["Bucket"], "Key": upload["Key"], "UploadId": upload["UploadId"],
        "MultipartUpload": {"Parts": parts}
    })
}

#[tokio::test]
async fn parts_become_one_object() {
    let world = World::new();
    world.bucket("docs").await;
    let create =
        json!({"Bucket": "docs", "Key": "big", "ContentType": "text/x", "Metadata": {"a": "b"}});
    let upload = world.ok("CreateMultipartUpload", create).await;
    let (first, last) = (pattern(PART), pattern(100));
    let one = world
        .part(&upload, 2, &first, json!({}))
        .await
        .expect("a part");
    let replaced = world
        .part(&upload, 7, &pattern(10), json!({}))
        .await
        .expect("a part");
    let two = world
        .part(&upload, 7, &last, json!({}))
        .await
        .expect("the part again");
    let listed = world
        .ok(
            "ListParts",
            json!({
                "Bucket": "docs", "Key": "big", "UploadId": upload["UploadId"], "MaxParts": 1
            }),
        )
        .await;
    assert_eq!(
        (&listed["IsTruncated"], &listed["NextPartNumberMarker"]),
        (&json!(true), &json!(2))
    );
    let stale = complete(
        &upload,
        json!([
            {"PartNumber": 2, "ETag": one["ETag"]}, {"PartNumber": 7, "ETag": replaced["ETag"]}
        ]),
    );
    let stale = world
        .call("CompleteMultipartUpload", stale)
        .await
        .expect_err("a replaced part");
    assert_eq!(
        (&*stale.code, &stale.members["PartNumber"]),
        ("InvalidPart", &json!(7))
    );
    let disordered = complete(
        &upload,
        json!([
            {"PartNumber": 7, "ETag": two["ETag"]}, {"PartNumber": 2, "ETag": one["ETag"]}
        ]),
    );
    assert_eq!(
        world.code("CompleteMultipartUpload", disordered).await,
        "InvalidPartOrder"
    );
    let right = complete(
        &upload,
        json!([
            {"PartNumber": 2, "ETag": one["ETag"]}, {"PartNumber": 7, "ETag": two["ETag"]}
        ]),
    );
    let completed = world.ok("CompleteMultipartUpload", right.clone()).await;
    let of_parts = Md5::digest([Md5::digest(&first), Md5::digest(&last)].concat());
    assert_eq!(
        text(&completed["ETag"]),
        format!("\"{}-2\"", hex::encode(of_parts))
    );
    assert_eq!(
        world.ok("CompleteMultipartUpload", right).await,
        completed,
        "asked again"
    );
    let whole: Bytes = [first.as_ref(), last.as_ref()].concat().into();
    assert_eq!(world.get("docs", "big").await, whole);
    let crossing = json!({"Bucket": "docs", "Key": "big", "Range": format!("bytes={}-{}", PART - 3, PART + 2)});
    assert_eq!(
        world.get_with(crossing).await.expect("a range").body,
        whole.slice(PART - 3..PART + 3)
    );
    let part = world
        .get_with(json!({"Bucket": "docs", "Key": "big", "PartNumber": 7}))
        .await
        .expect("a part");
    assert_eq!((part.body, &part.output["PartsCount"]), (last, &json!(2)));
    assert_eq!(
        (&part.output["Metadata"]["a"], part.status),
        (&json!("b"), Some(206))
    );
    let beyond = world
        .get_with(json!({"Bucket": "docs", "Key": "big", "PartNumber": 3}))
        .await;
    assert_eq!(
        &*beyond.expect_err("no such part").code,
        "InvalidPartNumber"
    );
    let single = world.put("docs", "single", whole.clone()).await;
    assert_eq!(
        single["ChecksumCRC64NVME"], completed["ChecksumCRC64NVME"],
        "parts combine to the whole"
    );
}

#[tokio::test]
async fn checksums_of_parts_are_asked_for_and_composed() {
    let world = World::new();
    world.bucket("docs").await;
    let create = json!({"Bucket": "docs", "Key": "k", "ChecksumAlgorithm": "SHA256"});
    let upload = world.ok("CreateMultipartUpload", create).await;
    assert_eq!(upload["ChecksumType"], "COMPOSITE");
    let body = pattern(1000);
    let wrong = world
        .part(&upload, 1, &body, json!({"ChecksumAlgorithm": "CRC32"}))
        .await;
    let wrong = wrong.expect_err("another algorithm");
    assert_eq!(
        wrong.message,
        "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32"
    );
    let part = world
        .part(&upload, 1, &body, json!({"ChecksumAlgorithm": "SHA256"}))
        .await
        .expect("a part");
    let missing = complete(&upload, json!([{"PartNumber": 1, "ETag": part["ETag"]}]));
    let missing = world
        .call("CompleteMultipartUpload", missing)
        .await
        .expect_err("no checksum");
    assert!(
        missing
            .message
            .ends_with("It was missing for part 1 in the request."),
        "{missing}"
    );
    let right =
        json!([{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]);
    let done = world
        .ok("CompleteMultipartUpload", complete(&upload, right))
        .await;
    assert!(text(&done["ChecksumSHA256"]).ends_with("-1"));
    assert_eq!(done["ChecksumType"], "COMPOSITE");
    let asked = json!({"Bucket": "docs", "Key": "k", "ObjectAttributes": ["Checksum", "ObjectParts", "ObjectSize"]});
    let attributes = world.ok("GetObjectAttributes", asked).await;
    let shown = text(&attributes["Checksum"]["ChecksumSHA256"]);
    assert!(!shown.contains('-'));
    assert_eq!(
        attributes["ObjectParts"]["Parts"][0]["ChecksumSHA256"],
        part["ChecksumSHA256"]
    );
    assert_eq!(attributes["ObjectSize"], 1000);
    let impossible = json!({"Bucket": "docs", "Key": "k", "ChecksumAlgorithm": "SHA1", "ChecksumType": "FULL_OBJECT"});
    let impossible = world
        .call("CreateMultipartUpload", impossible)
        .await
        .expect_err("no such type");
    assert_eq!(
        impossible.message,
        "The FULL_OBJECT checksum type cannot be used with the sha1 checksum algorithm."
    );
}

#[tokio::test]
async fn an_upload_is_refused_where_aws_refuses_and_leaves_nothing_when_aborted() {
    let world = World::new();
    world.bucket("docs").await;
    let upload = world
        .ok(
            "CreateMultipartUpload",
            json!({"Bucket": "docs", "Key": "a/k"}),
        )
        .await;
    let other = world
        .ok(
            "CreateMultipartUpload",
            json!({"Bucket": "docs", "Key": "b"}),
        )
        .await;
    let small = pattern(70_000);
    let mut parts = Vec::new();
    for number in [1, 2] {
        let part = world
            .part(&upload, number, &small, json!({}))
            .await
            .expect("a part");
        parts.push(json!({"PartNumber": number, "ETag": part["ETag"]}));
    }
    let error = world
        .call("CompleteMultipartUpload", complete(&upload, parts.into()))
        .await;
    let error = error.expect_err("small parts");
    assert_eq!(
        (&*error.code, &error.members["ProposedSize"]),
        ("EntityTooSmall", &json!(70_000))
    );
    let none = complete(&upload, json!([]));
    assert_eq!(
        world.code("CompleteMultipartUpload", none).await,
        "InvalidRequest"
    );
    let number = world
        .part(&upload, 10_001, &small, json!({}))
        .await
        .expect_err("beyond 10,000");
    assert_eq!(&*number.code, "InvalidArgument");
    let listed = world
        .ok(
            "ListMultipartUploads",
            json!({"Bucket": "docs", "Delimiter": "/"}),
        )
        .await;
    assert_eq!(listed["CommonPrefixes"], json!([{"Prefix": "a/"}]));
    assert_eq!(listed["Uploads"][0]["UploadId"], other["UploadId"]);
    let used = world.engine.blobs.usage().used_bytes;
    assert!(used > 0);
    let abort = json!({"Bucket": "docs", "Key": "a/k", "UploadId": upload["UploadId"]});
    world.ok("AbortMultipartUpload", abort.clone()).await;
    assert_eq!(
        world.code("AbortMultipartUpload", abort).await,
        "NoSuchUpload"
    );
    assert_eq!(
        world
            .part(&upload, 1, &small, json!({}))
            .await
            .expect_err("aborted")
            .status,
        404
    );
    world.ok("DeleteBucket", json!({"Bucket": "docs"})).await;
}

#[tokio::test]
async fn completion_is_conditional_too() {
    let world = World::new();
    world.bucket("docs").await;
    let begin = async || {
        let upload = world
            .ok(
                "CreateMultipartUpload",
                json!({"Bucket": "docs", "Key": "k"}),
            )
            .await;
        let part = world
            .part(&upload, 1, &pattern(10), json!({}))
            .await
            .expect("a part");
        let mut request = complete(&upload, json!([{"PartNumber": 1, "ETag": part["ETag"]}]));
        request["IfNoneMatch"] = "*".into();
        request
    };
    let early = begin().await;
    world.put("docs", "k", "x").await;
    assert_eq!(
        world.code("CompleteMultipartUpload", early).await,
        "PreconditionFailed"
    );
    let late = begin().await;
    world
        .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    assert_eq!(
        world.code("CompleteMultipartUpload", late).await,
        "ConditionalRequestConflict"
    );
    let fresh = begin().await;
    world.ok("CompleteMultipartUpload", fresh).await;
}

#[tokio::test]
async fn parts_are_copied_from_ranges() {
    let world = World::new();
    world.bucket("docs").await;
    let body = pattern(200_000);
    world.put("docs", "source", body.clone()).await;
    let upload = world
        .ok(
            "CreateMultipartUpload",
            json!({"Bucket": "docs", "Key": "k"}),
        )
        .await;
    let copy = |range: &str| {
        let range = range.to_owned();
        let upload = &upload;
        let world = &world;
        async move {
            let input = json!({
                "Bucket": "docs", "Key": "k", "UploadId": upload["UploadId"], "PartNumber": 1,
                "CopySource": "docs/source", "CopySourceRange": range
            });
            world.call("UploadPartCopy", input).await
        }
    };
    assert_eq!(
        &*copy("bytes=5").await.expect_err("a malformed range").code,
        "InvalidArgument"
    );
    let beyond = copy("bytes=0-200000")
        .await
        .expect_err("a range beyond the end");
    assert_eq!(
        beyond.message,
        "Range specified is not valid for source object of size: 200000"
    );
    let part = copy("bytes=10-150009").await.expect("a part");
    let parts = json!([{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]);
    world
        .ok("CompleteMultipartUpload", complete(&upload, parts))
        .await;
    assert_eq!(world.get("docs", "k").await, body.slice(10..150_010));
}
