//! `cumulet destroy`: stacks away, those first that others need no more.

use serde_json::json;

use super::deploy::watch;
use super::{Failure, Target};
use crate::cli::Destroy;
use crate::console::say;

pub(crate) async fn run(arguments: &Destroy) -> Result<(), Failure> {
    let target = Target::of(&arguments.target).await?;
    for name in target.stack_names(&arguments.what).await?.iter().rev() {
        let input = json!({ "StackName": name });
        let described = target
            .client
            .call("cloudformation", "DescribeStacks", input.clone())
            .await;
        let Ok(described) = described else {
            say(&format!("{name} is not there"));
            continue;
        };
        target
            .client
            .call("cloudformation", "DeleteStack", input)
            .await?;
        // A deleted stack is found by its id alone.
        let id = described["Stacks"][0]["StackId"].as_str().unwrap_or(name);
        watch(&target.client, id).await?;
    }
    Ok(())
}
