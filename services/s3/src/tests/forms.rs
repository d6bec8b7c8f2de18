//! Browser uploads.

use cumulet_engine::body::Body;
use cumulet_engine::error::Error;
use cumulet_engine::http::HttpReply;
use serde_json::{Value, json};

use super::{World, base64};
use crate::{Form, post_object};

impl World {
    async fn post(
        &self,
        conditions: Value,
        extra: &[(&str, &str)],
        file: &'static str,
    ) -> Result<HttpReply, Error> {
        let policy = json!({"expiration": "2023-11-15T00:00:00Z", "conditions": conditions});
        let fields = [
            ("key", "in/${filename}"),
            ("policy", &base64(policy.to_string())),
            ("x-amz-signature", "s"),
        ];
        let fields = fields.iter().chain(extra);
        let form = Form {
            fields: fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            file_name: Some("a.txt".to_owned()),
            file: Body::from(bytes::Bytes::from_static(file.as_bytes())),
        };
        post_object(&self.engine, &self.context(&self.principal), "docs", form).await
    }
}

#[tokio::test]
async fn a_form_is_taken_as_its_policy_says() {
    let world = World::new();
    world.bucket("docs").await;
    let conditions = json!([
        {"bucket": "docs"}, ["starts-with", "$key", "in/"], ["content-length-range", 2, 5],
        ["eq", "$success_action_status", "201"], {"x-amz-meta-a": "1"}
    ]);
    let extra = [("success_action_status", "201"), ("x-amz-meta-a", "1")];
    let reply = world
        .post(conditions.clone(), &extra, "hello")
        .await
        .expect("a reply");
    assert_eq!(reply.status, 201);
    assert!(
        String::from_utf8_lossy(&reply.body).contains("<Key>in/a.txt</Key>"),
        "{reply:?}"
    );
    assert_eq!(&world.get("docs", "in/a.txt").await[..], b"hello");
    let head = world
        .ok("HeadObject", json!({"Bucket": "docs", "Key": "in/a.txt"}))
        .await;
    assert_eq!(head["Metadata"], json!({"a": "1"}));
    let code = async |extra: &[(&str, &str)], file| {
        let error = world
            .post(conditions.clone(), extra, file)
            .await
            .expect_err("a refusal");
        (error.code.into_owned(), error.message)
    };
    assert_eq!(code(&extra, "too long").await.0, "EntityTooLarge");
    assert_eq!(code(&extra, "x").await.0, "EntityTooSmall");
    let wrong = [("success_action_status", "200"), ("x-amz-meta-a", "1")];
    assert_eq!(
        code(&wrong, "abc").await.1,
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$success_action_status\", \"201\"]"
    );
    let more = [extra[0], extra[1], ("x-amz-meta-b", "2")];
    assert_eq!(
        code(&more, "abc").await.1,
        "Invalid according to Policy: Extra input fields: x-amz-meta-b"
    );
    world.engine.clock.advance_ms(86_400_000);
    assert_eq!(
        code(&extra, "abc").await.1,
        "Invalid according to Policy: Policy expired."
    );
}
