//! Listings: what rolls up, and how pages join.

use serde_json::{Value, json};

use super::{World, text};

fn names(list: &Value, member: &str) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .map(|entry| text(&entry[member]).to_owned())
        .collect()
}

#[tokio::test]
async fn pages_join_to_the_whole_and_prefixes_count_once() {
    let world = World::new();
    world.bucket("docs").await;
    let keys = [
        "a",
        "a/1",
        "a/2",
        "a/b/3",
        "b",
        "b c",
        "c/",
        "c/d",
        "z\u{1F600}",
        "é",
    ];
    for key in keys {
        world.put("docs", key, "x").await;
    }
    for delimiter in [None, Some("/")] {
        let mut whole = json!({"Bucket": "docs"});
        whole["Delimiter"] = delimiter.into();
        let listed = world.ok("ListObjectsV2", whole.clone()).await;
        let whole_keys = names(&listed["Contents"], "Key");
        let whole_prefixes = names(&listed["CommonPrefixes"], "Prefix");
        match delimiter {
            None => assert_eq!(whole_keys, keys),
            Some(_) => {
                assert_eq!(whole_keys, ["a", "b", "b c", "z\u{1F600}", "é"]);
                assert_eq!(whole_prefixes, ["a/", "c/"]);
            }
        }
        let (mut paged_keys, mut paged_prefixes, mut token) = (Vec::new(), Vec::new(), Value::Null);
        loop {
            let mut page = whole.clone();
            page["MaxKeys"] = 1.into();
            page["ContinuationToken"] = token;
            let listed = world.ok("ListObjectsV2", page).await;
            assert_eq!(listed["KeyCount"], 1);
            paged_keys.extend(names(&listed["Contents"], "Key"));
            paged_prefixes.extend(names(&listed["CommonPrefixes"], "Prefix"));
            token = listed["NextContinuationToken"].clone();
            if listed["IsTruncated"] == false {
                break;
            }
        }
        assert_eq!((paged_keys, paged_prefixes), (whole_keys, whole_prefixes));
    }
}

#[tokio::test]
async fn both_versions_of_the_operation_answer_their_own_members() {
    let world = World::new();
    world.bucket("docs").await;
    world.put("docs", "a b", "x").await;
    let listed = world
        .ok(
            "ListObjects",
            json!({"Bucket": "docs", "EncodingType": "url", "Delimiter": ""}),
        )
        .await;
    let owner = listed["Contents"][0]["Owner"]["ID"].clone();
    assert_eq!(text(&owner).len(), 64);
    assert_eq!(
        listed,
        json!({
            "Name": "docs", "Prefix": "", "Marker": "", "MaxKeys": 1000, "EncodingType": "url",
            "IsTruncated": false, "Contents": [{
                "Key": "a+b", "LastModified": super::START_S, "ETag": "\"9dd4e461268c8034f5c8564e155c67a6\"",
                "ChecksumAlgorithm": ["CRC64NVME"], "ChecksumType": "FULL_OBJECT", "Size": 1,
                "StorageClass": "STANDARD", "Owner": {"ID": owner}
            }]
        })
    );
    let listed = world
        .ok("ListObjectsV2", json!({"Bucket": "docs", "MaxKeys": 0}))
        .await;
    assert_eq!(listed["KeyCount"], 0);
    assert_eq!(
        (listed["IsTruncated"].clone(), listed.get("Contents")),
        (json!(false), None)
    );
    let bad = json!({"Bucket": "docs", "ContinuationToken": "%%"});
    assert_eq!(world.code("ListObjectsV2", bad).await, "InvalidArgument");
    let bad = json!({"Bucket": "docs", "EncodingType": "hex"});
    assert_eq!(world.code("ListObjects", bad).await, "InvalidArgument");
}

#[tokio::test]
async fn versions_are_paged_in_one_order_even_when_the_marker_is_gone() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    let mut ids = Vec::new();
    for body in ["1", "2", "3"] {
        ids.push(world.put("docs", "k", body).await["VersionId"].clone());
    }
    world
        .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    world.put("docs", "l/m", "4").await;
    let first = world
        .ok(
            "ListObjectVersions",
            json!({"Bucket": "docs", "MaxKeys": 2, "Delimiter": "/"}),
        )
        .await;
    assert_eq!(first["NextVersionIdMarker"], ids[2]);
    assert_eq!(first["DeleteMarkers"][0]["IsLatest"], true);
    world
        .ok(
            "DeleteObject",
            json!({"Bucket": "docs", "Key": "k", "VersionId": ids[2]}),
        )
        .await;
    let rest = json!({
        "Bucket": "docs", "Delimiter": "/", "KeyMarker": first["NextKeyMarker"],
        "VersionIdMarker": first["NextVersionIdMarker"]
    });
    let rest = world.ok("ListObjectVersions", rest).await;
    assert_eq!(
        names(&rest["Versions"], "VersionId"),
        [text(&ids[1]), text(&ids[0])]
    );
    assert_eq!(names(&rest["CommonPrefixes"], "Prefix"), ["l/"]);
    assert!(
        rest["Versions"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|version| version["IsLatest"] == false)
    );
    let alone = json!({"Bucket": "docs", "VersionIdMarker": ids[0]});
    assert_eq!(
        world.code("ListObjectVersions", alone).await,
        "InvalidArgument"
    );
}

#[tokio::test]
async fn buckets_are_listed_by_name_and_in_pages() {
    let world = World::new();
    for name in ["bbb", "aaa", "ccc"] {
        world.bucket(name).await;
    }
    let first = world.ok("ListBuckets", json!({"MaxBuckets": 2})).await;
    assert_eq!(names(&first["Buckets"], "Name"), ["aaa", "bbb"]);
    let rest = json!({"MaxBuckets": 2, "ContinuationToken": first["ContinuationToken"]});
    let rest = world.ok("ListBuckets", rest).await;
    assert_eq!(
        (
            names(&rest["Buckets"], "Name"),
            rest.get("ContinuationToken")
        ),
        (vec!["ccc".to_owned()], None)
    );
}
