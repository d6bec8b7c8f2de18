//! `cumulet diff`: what a deployment would change, by a change set that is never executed.

use serde_json::{Value, json};

use super::assembly::Stack;
use super::deploy::order;
use super::{Failure, Target};
use crate::cli::Diff;
use crate::console::{Colour, paint, print};

pub(crate) async fn run(arguments: &Diff) -> Result<(), Failure> {
    let target = Target::of(&arguments.target).await?;
    let assembly = target.assembly(&arguments.app, &arguments.suffix).await?;
    let mut shown = Vec::new();
    for stack in assembly.stacks(&target.account, &target.region)? {
        let changes = changes(&target, &stack).await?;
        if arguments.json {
            shown.push(json!({ "stack": stack.name, "changes": changes }));
        } else {
            show(&stack.name, &changes);
        }
    }
    if arguments.json {
        print(&Value::Array(shown).to_string());
    }
    Ok(())
}

async fn changes(target: &Target, stack: &Stack) -> Result<Vec<Value>, Failure> {
    let client = &target.client;
    let name = json!({ "StackName": stack.name });
    let exists = client
        .call("cloudformation", "DescribeStacks", name.clone())
        .await
        .is_ok();
    let mut input = order(client, stack, &target.account, &target.region).await?;
    input["ChangeSetName"] = "cumulet-diff".into();
    input["ChangeSetType"] = if exists { "UPDATE" } else { "CREATE" }.into();
    let made = client
        .call("cloudformation", "CreateChangeSet", input)
        .await?;
    let set = json!({ "ChangeSetName": made["Id"], "IncludePropertyValues": true });
    let described = client
        .call("cloudformation", "DescribeChangeSet", set.clone())
        .await;
    let forgotten = json!({ "ChangeSetName": made["Id"] });
    client
        .call("cloudformation", "DeleteChangeSet", forgotten)
        .await?;
    if !exists {
        client.call("cloudformation", "DeleteStack", name).await?;
    }
    let described = described?;
    Ok(described["Changes"].as_array().cloned().unwrap_or_default())
}

fn show(stack: &str, changes: &[Value]) {
    print(&paint(stack, Colour::Bold));
    if changes.is_empty() {
        print("  no differences in its resources");
    }
    for change in changes {
        let change = &change["ResourceChange"];
        let text = |name: &str| change[name].as_str().unwrap_or_default();
        let (sign, colour) = match text("Action") {
            "Add" => ("+", Colour::Green),
            "Remove" => ("-", Colour::Red),
            _ => ("~", Colour::Yellow),
        };
        let replaced = match text("Replacement") {
            "True" => "  (replaced)",
            "Conditional" => "  (may be replaced)",
            _ => "",
        };
        print(&format!(
            "  {} {:<32} {}{replaced}",
            paint(sign, colour),
            text("LogicalResourceId"),
            text("ResourceType")
        ));
        for detail in change["Details"].as_array().into_iter().flatten() {
            let target = &detail["Target"];
            let value = |name: &str| target[name].as_str().unwrap_or("-").to_owned();
            let (before, after) = (value("BeforeValue"), value("AfterValue"));
            print(&format!("      {}: {before} -> {after}", value("Name")));
        }
    }
}
