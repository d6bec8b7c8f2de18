//! Lifecycle rules, by a clock that is moved.

use cumulet_engine::delivery;
use cumulet_kernel::outbox;
use serde_json::{Value, json};

use super::World;

const DAY_MS: u64 = 86_400_000;

impl World {
    /// Moves the clock a day at a time and delivers what falls due.
    async fn days(&self, count: u32) {
        for _ in 0..count {
            self.engine.clock.advance_ms(DAY_MS);
            loop {
                let now = self.engine.clock.now();
                let due = self.engine.read(|tx| Ok(outbox::due(tx, now, 10)?));
                let due = due.expect("the outbox can be read");
                if due.is_empty() {
                    break;
                }
                for entry in due {
                    let context = self.context(&self.principal);
                    delivery::deliver(&self.engine, context, entry)
                        .await
                        .expect("delivered");
                }
            }
        }
    }

    async fn rules(&self, rules: Value) {
        let input = json!({"Bucket": "docs", "LifecycleConfiguration": {"Rules": rules}});
        self.ok("PutBucketLifecycleConfiguration", input).await;
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self.ok("ListObjects", json!({"Bucket": "docs"})).await;
        let contents = listed["Contents"].as_array().into_iter().flatten();
        contents
            .map(|entry| super::text(&entry["Key"]).to_owned())
            .collect()
    }

    async fn versions(&self) -> (usize, usize) {
        let listed = self
            .ok("ListObjectVersions", json!({"Bucket": "docs"}))
            .await;
        let count = |list: &str| listed[list].as_array().map_or(0, Vec::len);
        (count("Versions"), count("DeleteMarkers"))
    }
}

#[tokio::test]
async fn objects_expire_by_prefix_tag_and_size() {
    let world = World::new();
    world.bucket("docs").await;
    for index in 0..300 {
        world.put("docs", &format!("many/{index:03}"), "x").await;
    }
    world.put("docs", "keep", "x").await;
    world.put("docs", "large", vec![0; 2000]).await;
    world
        .put_with(
            json!({"Bucket": "docs", "Key": "tagged", "Tagging": "t=1"}),
            "x",
        )
        .await
        .expect("a put");
    world.rules(json!([
        {"ID": "p", "Status": "Enabled", "Filter": {"Prefix": "many/"}, "Expiration": {"Days": 1}},
        {"ID": "t", "Status": "Enabled", "Filter": {"Tag": {"Key": "t", "Value": "1"}}, "Expiration": {"Days": 3}},
        {"ID": "s", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 1000}, "Expiration": {"Days": 3}},
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    ])).await;
    world.days(1).await;
    assert_eq!(
        world.keys().await.len(),
        303,
        "a day is rounded up to the next midnight"
    );
    world.days(1).await;
    assert_eq!(world.keys().await, ["keep", "large", "tagged"]);
    world.days(2).await;
    assert_eq!(world.keys().await, ["keep"]);
}

#[tokio::test]
async fn old_versions_go_and_lone_markers_after_them() {
    let world = World::new();
    world.bucket("docs").await;
    world.version("docs", "Enabled").await;
    for body in ["1", "2", "3", "4"] {
        world.put("docs", "k", body).await;
    }
    world.rules(json!([
        {
            "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": true},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}
        }
    ])).await;
    world.days(2).await;
    assert_eq!(
        world.versions().await,
        (2, 0),
        "the newest noncurrent version is spared"
    );
    world.rules(json!([
        {
            "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": true},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1}
        },
        {"Status": "Enabled", "Filter": {"Prefix": "k"}, "Expiration": {"Days": 1}}
    ])).await;
    world.days(1).await;
    assert_eq!(
        world.versions().await,
        (1, 1),
        "the current version is hidden"
    );
    world.days(2).await;
    assert_eq!(
        world.versions().await,
        (0, 0),
        "the hidden version went, and the marker with it"
    );
}

#[tokio::test]
async fn forgotten_uploads_are_given_up() {
    let world = World::new();
    world.bucket("docs").await;
    let rule = json!({
        "ID": "r", "Status": "Enabled", "Filter": {"Prefix": "a"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}
    });
    world.rules(json!([rule])).await;
    let upload = world
        .ok(
            "CreateMultipartUpload",
            json!({"Bucket": "docs", "Key": "a"}),
        )
        .await;
    assert_eq!(upload["AbortRuleId"], "r");
    world
        .ok(
            "CreateMultipartUpload",
            json!({"Bucket": "docs", "Key": "b"}),
        )
        .await;
    world.days(2).await;
    let listed = world
        .ok("ListMultipartUploads", json!({"Bucket": "docs"}))
        .await;
    assert_eq!(listed["Uploads"].as_array().map(Vec::len), Some(1));
}
