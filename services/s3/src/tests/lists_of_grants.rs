//! Access control lists.

use cumulet_engine::Principal;
use cumulet_engine::body::Body;
use serde_json::{Value, json};

use super::{World, root};

impl World {
    async fn status(&self, principal: &Principal, operation: &str, input: Value) -> u16 {
        let answer = self
            .call_as(principal, "s3", operation, input, Body::Empty)
            .await;
        answer.map_or_else(|error| error.status, |_| 200)
    }
}

#[tokio::test]
async fn lists_grant_only_where_a_bucket_has_them() {
    let world = World::new();
    world.bucket("docs").await;
    world.put("docs", "k", "x").await;
    let public = json!({"Bucket": "docs", "Key": "k", "ACL": "public-read"});
    assert_eq!(
        world.code("PutObjectAcl", public.clone()).await,
        "AccessControlListNotSupported"
    );
    let owned = json!({"Bucket": "docs", "Key": "k", "ACL": "bucket-owner-full-control"});
    world.ok("PutObjectAcl", owned).await;
    let writer = json!({"Bucket": "docs", "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}});
    world.ok("PutBucketOwnershipControls", writer).await;
    assert_eq!(
        world.code("PutObjectAcl", public.clone()).await,
        "AccessDenied",
        "public lists are blocked"
    );
    world
        .ok("DeletePublicAccessBlock", json!({"Bucket": "docs"}))
        .await;
    let target = json!({"Bucket": "docs", "Key": "k"});
    let (nobody, other) = (Principal::anonymous(), root("444455556666"));
    assert_eq!(
        world.status(&nobody, "HeadObject", target.clone()).await,
        403
    );
    world.ok("PutObjectAcl", public).await;
    assert_eq!(
        world.status(&nobody, "HeadObject", target.clone()).await,
        200
    );
    let shown = world.ok("GetObjectAcl", target.clone()).await;
    assert_eq!(
        shown["Grants"][1]["Grantee"]["URI"],
        "http://acs.amazonaws.com/groups/global/AllUsers"
    );
    assert_eq!(shown["Grants"][0]["Grantee"]["ID"], shown["Owner"]["ID"]);
    world
        .ok(
            "PutObjectAcl",
            json!({"Bucket": "docs", "Key": "k", "ACL": "authenticated-read"}),
        )
        .await;
    assert_eq!(
        world.status(&nobody, "HeadObject", target.clone()).await,
        403
    );
    assert_eq!(
        world.status(&other, "HeadObject", target.clone()).await,
        200
    );
    let id = super::super::encoding::canonical_id("444455556666");
    let listed = json!({"Bucket": "docs"});
    assert_eq!(
        world.status(&other, "ListObjects", listed.clone()).await,
        403
    );
    world
        .ok(
            "PutBucketAcl",
            json!({"Bucket": "docs", "GrantRead": format!("id=\"{id}\"")}),
        )
        .await;
    assert_eq!(
        world.status(&other, "ListObjects", listed.clone()).await,
        200
    );
    assert_eq!(world.status(&nobody, "ListObjects", listed).await, 403);
    let odd = json!({"Bucket": "docs", "GrantRead": "id=\"x\""});
    assert_eq!(world.code("PutBucketAcl", odd).await, "InvalidArgument");
}
