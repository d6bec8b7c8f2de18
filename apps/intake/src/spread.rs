//! Tells one event to several functions, asynchronously: each then has its own retries, and none waits for another.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use cumulet_stack::{Failure, LambdaEvent, SdkConfig, variable};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Spread {
    functions: Client,
    followers: [String; 3],
}

impl Spread {
    pub(crate) async fn start(config: SdkConfig) -> Result<Self, Failure> {
        let followers = [
            variable("PROCESSOR")?,
            variable("INDEXER")?,
            variable("LOGGER")?,
        ];
        Ok(Self::new(&config, followers))
    }

    pub(crate) fn new(config: &SdkConfig, followers: [String; 3]) -> Self {
        Self {
            functions: Client::new(config),
            followers,
        }
    }
}

/// One invocation. If it fails in the midst, Lambda tries all again; all three bear to be told twice.
pub(crate) async fn spread(spread: &Spread, event: LambdaEvent<Value>) -> Result<(), Failure> {
    let event = event.payload.to_string();
    for follower in &spread.followers {
        let request = spread.functions.invoke().function_name(follower);
        let request = request.invocation_type(InvocationType::Event);
        request.payload(Blob::new(event.clone())).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cumulet_stack::{LambdaContext, Rehearsal, Reply};
    use serde_json::json;

    use super::{LambdaEvent, Spread, spread};

    async fn run(rehearsal: &Rehearsal) -> bool {
        let followers = ["one", "two", "three"].map(str::to_owned);
        let spreader = Spread::new(rehearsal.config(), followers);
        let event = json!({ "Records": [{ "s3": { "object": { "key": "a+b" } } }] });
        spread(&spreader, LambdaEvent::new(event, LambdaContext::default()))
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn each_follower_is_told_the_event_as_it_came() {
        let rehearsal = Rehearsal::new(|_| Reply::ok(""));
        assert!(run(&rehearsal).await);
        let calls = rehearsal.calls();
        let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
        assert_eq!(
            paths,
            ["one", "two", "three"].map(|name| format!("/2015-03-31/functions/{name}/invocations"))
        );
        for call in calls {
            assert_eq!(
                call.body,
                r#"{"Records":[{"s3":{"object":{"key":"a+b"}}}]}"#
            );
            assert!(
                call.headers
                    .to_lowercase()
                    .contains("x-amz-invocation-type: event")
            );
        }
    }

    #[tokio::test]
    async fn a_follower_that_cannot_be_told_fails_the_whole() {
        let rehearsal = Rehearsal::new(|call| match call.path.contains("/two/") {
            true => Reply::refusal(403, "AccessDeniedException"),
            false => Reply::ok(""),
        });
        assert!(!run(&rehearsal).await);
    }
}
