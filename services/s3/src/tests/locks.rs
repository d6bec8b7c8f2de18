//! Object lock.

use serde_json::json;

use super::{START_S, World, text};

#[tokio::test]
async fn a_locked_version_stays_until_its_time() {
    let world = World::new();
    world
        .ok(
            "CreateBucket",
            json!({"Bucket": "docs", "ObjectLockEnabledForBucket": true}),
        )
        .await;
    let rule = json!({"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}});
    let configuration = json!({
        "Bucket": "docs", "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}
    });
    world
        .ok("PutObjectLockConfiguration", configuration.clone())
        .await;
    let kept = world
        .ok("GetObjectLockConfiguration", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(
        kept["ObjectLockConfiguration"],
        configuration["ObjectLockConfiguration"]
    );
    let suspend = json!({"Bucket": "docs", "VersioningConfiguration": {"Status": "Suspended"}});
    assert_eq!(
        world.code("PutBucketVersioning", suspend).await,
        "InvalidBucketState"
    );
    let put = world.put("docs", "k", "x").await;
    let target = json!({"Bucket": "docs", "Key": "k", "VersionId": put["VersionId"]});
    let retention = world.ok("GetObjectRetention", target.clone()).await;
    assert_eq!(
        retention["Retention"],
        json!({"Mode": "GOVERNANCE", "RetainUntilDate": (START_S + 86_400) as f64})
    );
    let refused = world
        .call("DeleteObject", target.clone())
        .await
        .expect_err("retained");
    assert_eq!(
        refused.message,
        "Access Denied because object protected by object lock."
    );
    let marker = world
        .ok("DeleteObject", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    assert_eq!(marker["DeleteMarker"], true);
    let mut hold = target.clone();
    hold["LegalHold"] = json!({"Status": "ON"});
    world.ok("PutObjectLegalHold", hold.clone()).await;
    let mut bypass = target.clone();
    bypass["BypassGovernanceRetention"] = true.into();
    assert_eq!(
        world.code("DeleteObject", bypass.clone()).await,
        "AccessDenied"
    );
    hold["LegalHold"] = json!({"Status": "OFF"});
    world.ok("PutObjectLegalHold", hold).await;
    let mut strict = target.clone();
    strict["Retention"] = json!({"Mode": "COMPLIANCE", "RetainUntilDate": START_S + 100});
    assert_eq!(
        world.code("PutObjectRetention", strict.clone()).await,
        "AccessDenied",
        "shorter without bypass"
    );
    strict["BypassGovernanceRetention"] = true.into();
    world.ok("PutObjectRetention", strict).await;
    assert_eq!(
        world.code("DeleteObject", bypass).await,
        "AccessDenied",
        "compliance has no bypass"
    );
    world.engine.clock.advance_ms(101_000);
    world.ok("DeleteObject", target).await;
}

#[tokio::test]
async fn a_bucket_without_lock_has_none_to_give() {
    let world = World::new();
    world.bucket("docs").await;
    world.put("docs", "k", "x").await;
    let missing = world
        .call("GetObjectLockConfiguration", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(
        &*missing.expect_err("no lock").code,
        "ObjectLockConfigurationNotFoundError"
    );
    let retention = world
        .call("GetObjectRetention", json!({"Bucket": "docs", "Key": "k"}))
        .await;
    assert_eq!(
        retention.expect_err("no lock").message,
        "Bucket is missing Object Lock Configuration"
    );
    let configuration =
        json!({"Bucket": "docs", "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}});
    assert_eq!(
        world
            .code("PutObjectLockConfiguration", configuration.clone())
            .await,
        "InvalidBucketState"
    );
    world.version("docs", "Enabled").await;
    world.ok("PutObjectLockConfiguration", configuration).await;
    let put = json!({
        "Bucket": "docs", "Key": "l", "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": START_S - 1
    });
    let past = world
        .put_with(put, "x")
        .await
        .expect_err("a date in the past");
    assert_eq!(
        text(&json!(past.message)),
        "The retain until date must be in the future!"
    );
}
