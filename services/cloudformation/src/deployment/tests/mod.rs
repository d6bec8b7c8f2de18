//! Whole operations on fake resource types: their events, their ways back, and power cuts at every step.

pub(crate) mod fakes;
mod real;

use expect_test::{Expect, expect};
use fakes::Machine;
use serde_json::{Value, json};

use crate::{change_sets, describe, stacks};

/// Two queues and a slow parameter: `After` needs both of the others.
fn template(delay: i64, extra: Option<(&str, Value)>) -> String {
    let mut resources = json!({
        "First": { "Type": "AWS::SQS::Queue", "Properties": { "DelaySeconds": 1 } },
        "Slow": { "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": { "Ref": "First" } } },
        "After": { "Type": "AWS::SQS::Queue", "DependsOn": "Slow", "Properties": { "DelaySeconds": delay } },
    });
    if let Some((name, resource)) = extra {
        resources[name] = resource;
    }
    json!({
        "Resources": resources,
        "Outputs": { "Arn": { "Value": { "Fn::GetAtt": ["After", "Arn"] }, "Export": { "Name": "the-arn" } } },
    })
    .to_string()
}

fn queue(name: &str) -> Value {
    json!({ "Type": "AWS::SQS::Queue", "Properties": { "QueueName": name } })
}

async fn status(machine: &Machine) -> Value {
    let stacks = machine
        .ask(describe::list, json!({}))
        .await
        .expect("the list");
    stacks["StackSummaries"][0]["StackStatus"].clone()
}

/// The events from the oldest, as `id STATUS reason`.
async fn events(machine: &Machine) -> Vec<String> {
    let stacks = machine
        .ask(describe::list, json!({}))
        .await
        .expect("the list");
    let input = json!({ "StackName": stacks["StackSummaries"][0]["StackId"] });
    let answer = machine
        .ask(describe::events, input)
        .await
        .expect("the events");
    let events = answer["StackEvents"]
        .as_array()
        .expect("a list")
        .iter()
        .rev();
    let line = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let reason = text("ResourceStatusReason");
        let reason = reason
            .split(" (Service")
            .next()
            .unwrap_or_default()
            .to_owned();
        format!(
            "{} {} {reason}",
            text("LogicalResourceId"),
            text("ResourceStatus")
        )
        .trim_end()
        .to_owned()
    };
    events.map(line).collect()
}

async fn check_events(machine: &Machine, expected: Expect) {
    expected.assert_eq(&events(machine).await.join("\n"));
}

async fn create(machine: &Machine, template: String) {
    let input = json!({ "StackName": "app", "TemplateBody": template });
    machine
        .ask(stacks::create_stack, input)
        .await
        .expect("the order is taken");
}

async fn update(machine: &Machine, template: String) {
    let input = json!({ "StackName": "app", "TemplateBody": template });
    machine
        .ask(stacks::update_stack, input)
        .await
        .expect("the order is taken");
}

#[tokio::test]
async fn a_created_stack_tells_its_story_and_has_its_outputs() {
    let machine = Machine::new();
    create(&machine, template(2, None)).await;
    machine.settle().await.expect("settled");
    check_events(
        &machine,
        expect![[r#"
            app CREATE_IN_PROGRESS User Initiated
            First CREATE_IN_PROGRESS
            First CREATE_IN_PROGRESS Resource creation Initiated
            First CREATE_COMPLETE
            Slow CREATE_IN_PROGRESS
            Slow CREATE_IN_PROGRESS Resource creation Initiated
            Slow CREATE_COMPLETE
            After CREATE_IN_PROGRESS
            After CREATE_IN_PROGRESS Resource creation Initiated
            After CREATE_COMPLETE
            app CREATE_COMPLETE"#]],
    )
    .await;
    let stacks = machine
        .ask(describe::stacks, json!({ "StackName": "app" }))
        .await;
    let output = &stacks.expect("described")["Stacks"][0]["Outputs"][0];
    let value = output["OutputValue"].as_str().unwrap_or_default();
    assert!(
        value.starts_with("arn:aws:sqs:eu-central-1:111122223333:app-After-"),
        "{value}"
    );
    assert_eq!(output["ExportName"], "the-arn");
}

#[tokio::test]
async fn a_failed_creation_is_undone_and_stays_to_be_seen() {
    let machine = Machine::new();
    create(&machine, template(13, None)).await;
    machine.settle().await.expect("settled");
    check_events(
        &machine,
        expect![[r#"
            app CREATE_IN_PROGRESS User Initiated
            First CREATE_IN_PROGRESS
            First CREATE_IN_PROGRESS Resource creation Initiated
            First CREATE_COMPLETE
            Slow CREATE_IN_PROGRESS
            Slow CREATE_IN_PROGRESS Resource creation Initiated
            Slow CREATE_COMPLETE
            After CREATE_IN_PROGRESS
            After CREATE_FAILED Resource handler returned message: "13 brings no luck
            app ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [After]. Rollback requested by user.
            After DELETE_COMPLETE
            Slow DELETE_IN_PROGRESS
            Slow DELETE_COMPLETE
            First DELETE_IN_PROGRESS
            First DELETE_COMPLETE
            app ROLLBACK_COMPLETE"#]],
    )
    .await;
    assert_eq!(machine.things(), Vec::<String>::new());
    let input = json!({ "StackName": "app", "TemplateBody": template(2, None) });
    let refused = machine
        .ask(stacks::update_stack, input)
        .await
        .map_err(|error| error.message);
    let refused = refused.expect_err("it cannot be updated");
    assert!(
        refused.ends_with("is in ROLLBACK_COMPLETE state and can not be updated."),
        "{refused}"
    );
}

#[tokio::test]
async fn an_update_makes_the_new_before_it_deletes_the_old() {
    let machine = Machine::new();
    create(&machine, template(2, Some(("Extra", queue("one"))))).await;
    machine.settle().await.expect("settled");
    let before = events(&machine).await.len();
    update(&machine, template(3, Some(("Extra", queue("two"))))).await;
    machine.settle().await.expect("settled");
    let story = events(&machine).await.split_off(before).join("\n");
    expect![[r#"
        app UPDATE_IN_PROGRESS User Initiated
        Extra UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.
        Extra UPDATE_IN_PROGRESS Resource creation Initiated
        Extra UPDATE_COMPLETE
        After UPDATE_IN_PROGRESS
        After UPDATE_COMPLETE
        app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
        Extra DELETE_IN_PROGRESS
        Extra DELETE_COMPLETE
        app UPDATE_COMPLETE"#]]
    .assert_eq(&story);
    let input = json!({ "StackName": "app", "UsePreviousTemplate": true });
    let refused = machine
        .ask(stacks::update_stack, input)
        .await
        .map_err(|error| error.message);
    assert_eq!(refused, Err("No updates are to be performed.".to_owned()));
}

#[tokio::test]
async fn a_failed_update_puts_everything_back() {
    let machine = Machine::new();
    create(&machine, template(2, Some(("Extra", queue("one"))))).await;
    machine.settle().await.expect("settled");
    let (before, things) = (events(&machine).await.len(), machine.things());
    let mut changed: Value =
        serde_json::from_str(&template(13, Some(("Extra", queue("two"))))).expect("JSON");
    changed["Resources"]["First"]["Properties"]["DelaySeconds"] = json!(7);
    changed["Resources"]["New"] = queue("new");
    changed["Resources"]["After"]["DependsOn"] = json!(["Slow", "Extra", "New", "First"]);
    update(&machine, changed.to_string()).await;
    machine.settle().await.expect("settled");
    let story = events(&machine).await.split_off(before);
    assert_eq!(status(&machine).await, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(machine.things(), things);
    let rollback = story
        .iter()
        .position(|line| line.starts_with("app UPDATE_ROLLBACK_IN"));
    let mut back = story[rollback.expect("it rolls back")..].to_vec();
    let last = back.pop();
    back[1..].sort();
    expect![[r#"
        app UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [After].
        After UPDATE_COMPLETE
        After UPDATE_IN_PROGRESS
        Extra DELETE_COMPLETE
        Extra DELETE_IN_PROGRESS
        Extra UPDATE_COMPLETE
        Extra UPDATE_IN_PROGRESS
        First UPDATE_COMPLETE
        First UPDATE_IN_PROGRESS
        New DELETE_COMPLETE
        New DELETE_IN_PROGRESS
        app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"#]]
    .assert_eq(&back.join("\n"));
    assert_eq!(last.as_deref(), Some("app UPDATE_ROLLBACK_COMPLETE"));
}

#[tokio::test]
async fn a_deletion_that_fails_can_be_finished_by_leaving_the_rest() {
    let machine = Machine::new();
    let sticky = json!({ "Type": "AWS::SSM::Parameter", "Properties": { "Type": "String", "Value": "sticky" } });
    let mut kept = queue("kept");
    kept["DeletionPolicy"] = "Retain".into();
    let mut body: Value =
        serde_json::from_str(&template(2, Some(("Sticky", sticky)))).expect("JSON");
    body["Resources"]["Kept"] = kept;
    create(&machine, body.to_string()).await;
    machine.settle().await.expect("settled");
    let before = events(&machine).await.len();
    let id = machine
        .ask(describe::stacks, json!({}))
        .await
        .expect("described")["Stacks"][0]["StackId"]
        .clone();
    machine
        .ask(stacks::delete_stack, json!({ "StackName": "app" }))
        .await
        .expect("taken");
    machine.settle().await.expect("settled");
    assert_eq!(status(&machine).await, "DELETE_FAILED");
    let again = json!({ "StackName": "app", "RetainResources": ["Sticky"] });
    machine
        .ask(stacks::delete_stack, again)
        .await
        .expect("taken");
    machine.settle().await.expect("settled");
    let story = events(&machine).await.split_off(before);
    let last: Vec<&str> = story.iter().rev().take(4).map(String::as_str).collect();
    assert_eq!(
        last,
        [
            "app DELETE_COMPLETE",
            "Sticky DELETE_SKIPPED",
            "app DELETE_IN_PROGRESS User Initiated",
            "app DELETE_FAILED The following resource(s) failed to delete: [Sticky].",
        ]
    );
    assert!(story.contains(&"Kept DELETE_SKIPPED".to_owned()));
    let gone = machine
        .ask(describe::stacks, json!({ "StackName": "app" }))
        .await
        .map_err(|error| error.message);
    assert_eq!(gone, Err("Stack with id app does not exist".to_owned()));
    let by_id = machine
        .ask(describe::stacks, json!({ "StackName": id }))
        .await
        .expect("described");
    assert_eq!(by_id["Stacks"][0]["StackStatus"], "DELETE_COMPLETE");
}

#[tokio::test]
async fn a_change_set_says_what_its_execution_then_does() {
    let machine = Machine::new();
    let order = |name: &str, kind: &str, body: String| json!({ "StackName": "app", "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": body });
    let named = |name: &str| json!({ "StackName": "app", "ChangeSetName": name, "IncludePropertyValues": true });
    let created = order("new", "CREATE", template(2, Some(("Extra", queue("one")))));
    machine
        .ask(change_sets::create, created)
        .await
        .expect("created");
    assert_eq!(status(&machine).await, "REVIEW_IN_PROGRESS");
    machine
        .ask(change_sets::execute, named("new"))
        .await
        .expect("executed");
    machine.settle().await.expect("settled");
    assert_eq!(status(&machine).await, "CREATE_COMPLETE");
    let mut body: Value =
        serde_json::from_str(&template(2, Some(("Extra", queue("two"))))).expect("JSON");
    body["Resources"]["Slow"]["Properties"]["Value"] = json!({ "Ref": "Extra" });
    body["Resources"]
        .as_object_mut()
        .expect("a map")
        .remove("First");
    let changed = order("next", "UPDATE", body.to_string());
    machine
        .ask(change_sets::create, changed)
        .await
        .expect("created");
    let described = machine
        .ask(change_sets::describe, named("next"))
        .await
        .expect("described");
    let mut changes = described["Changes"].clone();
    for change in changes.as_array_mut().expect("a list") {
        let change = change["ResourceChange"].as_object_mut().expect("a change");
        change.shift_remove("PhysicalResourceId");
        change.shift_remove("BeforeContext");
        if let Some(details) = change["Details"].as_array_mut() {
            details.iter_mut().for_each(|detail| {
                let before = detail["Target"]["BeforeValue"].as_str().unwrap_or_default();
                let before = before.split("First-").next().unwrap_or_default().to_owned();
                detail["Target"]["BeforeValue"] = before.into();
            });
        }
    }
    expect![[r#"
        [
          {
            "Type": "Resource",
            "ResourceChange": {
              "PolicyAction": "ReplaceAndDelete",
              "Action": "Modify",
              "LogicalResourceId": "Extra",
              "ResourceType": "AWS::SQS::Queue",
              "Replacement": "True",
              "Scope": [
                "Properties"
              ],
              "Details": [
                {
                  "Target": {
                    "Attribute": "Properties",
                    "Name": "QueueName",
                    "RequiresRecreation": "Always",
                    "Path": "/Properties/QueueName",
                    "BeforeValue": "one",
                    "AfterValue": "two",
                    "AttributeChangeType": "Modify"
                  },
                  "Evaluation": "Static",
                  "ChangeSource": "DirectModification"
                }
              ],
              "AfterContext": "{\"Properties\":{\"QueueName\":\"two\"}}"
            }
          },
          {
            "Type": "Resource",
            "ResourceChange": {
              "Action": "Modify",
              "LogicalResourceId": "Slow",
              "ResourceType": "AWS::SSM::Parameter",
              "Replacement": "False",
              "Scope": [
                "Properties"
              ],
              "Details": [
                {
                  "Target": {
                    "Attribute": "Properties",
                    "Name": "Value",
                    "RequiresRecreation": "Never",
                    "Path": "/Properties/Value",
                    "BeforeValue": "app-",
                    "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}",
                    "AttributeChangeType": "Modify"
                  },
                  "Evaluation": "Dynamic",
                  "ChangeSource": "ResourceReference",
                  "CausingEntity": "Extra"
                }
              ],
              "AfterContext": "{\"Properties\":{\"Type\":\"String\",\"Value\":\"{{changeSet:KNOWN_AFTER_APPLY}}\"}}"
            }
          },
          {
            "Type": "Resource",
            "ResourceChange": {
              "PolicyAction": "Delete",
              "Action": "Remove",
              "LogicalResourceId": "First",
              "ResourceType": "AWS::SQS::Queue",
              "Scope": [],
              "Details": []
            }
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&changes).expect("JSON"));
    machine
        .ask(change_sets::delete, named("next"))
        .await
        .expect("deleted");
    machine
        .ask(change_sets::delete, named("next"))
        .await
        .expect("deleted already");
    let gone = machine
        .ask(change_sets::describe, named("next"))
        .await
        .expect_err("gone");
    assert_eq!(
        (gone.code.as_ref(), gone.message.as_str()),
        ("ChangeSetNotFound", "ChangeSet [next] does not exist")
    );
    let same = order("same", "UPDATE", template(2, Some(("Extra", queue("one")))));
    machine
        .ask(change_sets::create, same)
        .await
        .expect("created");
    let described = machine
        .ask(change_sets::describe, named("same"))
        .await
        .expect("described");
    assert_eq!(described["Status"], "FAILED");
    let reason = described["StatusReason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("The submitted information didn't contain changes."));
}

#[derive(Clone, Copy, Debug)]
enum Story {
    Creation,
    FailedCreation,
    Update,
    FailedUpdate,
    Deletion,
}

/// Brings the machine to where the story begins, and gives the order.
async fn begin(machine: &Machine, story: Story) {
    let first = if matches!(story, Story::FailedCreation) {
        13
    } else {
        2
    };
    create(machine, template(first, Some(("Extra", queue("one"))))).await;
    if matches!(story, Story::Creation | Story::FailedCreation) {
        return;
    }
    machine.settle().await.expect("settled");
    let delay = if matches!(story, Story::FailedUpdate) {
        13
    } else {
        3
    };
    let mut changed: Value =
        serde_json::from_str(&template(delay, Some(("Extra", queue("two"))))).expect("JSON");
    changed["Resources"]["New"] = queue("new");
    changed["Resources"]["Slow"]["Properties"]["Value"] = "changed".into();
    changed["Resources"]["After"]["DependsOn"] = json!(["Slow", "Extra", "New"]);
    if matches!(story, Story::Deletion) {
        let input = json!({ "StackName": "app" });
        machine
            .ask(stacks::delete_stack, input)
            .await
            .expect("taken");
    } else {
        update(machine, changed.to_string()).await;
    }
}

/// How it ended: status, what stands, every effect, every event.
async fn ending(machine: &Machine) -> (Value, Vec<String>, Vec<String>, Vec<String>) {
    let mut events = events(machine).await;
    events.sort();
    let nameless = |text: String| match text.split_once("\"Value\":\"app-First-") {
        Some((front, _)) => front.to_owned(),
        None => text,
    };
    let things = machine.things().into_iter().map(nameless).collect();
    (status(machine).await, things, machine.effects(), events)
}

/// The power is cut after the first flush, after the second, and so on to the last: each time the machine
/// starts over, and each time it ends the same, with every effect once.
async fn survives_every_power_cut(story: Story) {
    let undisturbed = Machine::new();
    begin(&undisturbed, story).await;
    undisturbed.settle().await.expect("settled");
    let expected = ending(&undisturbed).await;
    for flushes in 0..400 {
        let mut machine = Machine::new();
        begin(&machine, story).await;
        machine.cut_power_after(flushes);
        let survived = machine.settle().await.is_ok();
        machine.start();
        machine.settle().await.expect("settled after the power cut");
        assert_eq!(
            ending(&machine).await,
            expected,
            "{story:?}, power cut after {flushes} flushes"
        );
        if survived {
            assert!(flushes >= 5, "the power was cut at {flushes} steps only");
            return;
        }
    }
    panic!("the operation never ends");
}

#[tokio::test]
async fn a_creation_survives_every_power_cut() {
    survives_every_power_cut(Story::Creation).await;
}

#[tokio::test]
async fn a_failed_creation_survives_every_power_cut() {
    survives_every_power_cut(Story::FailedCreation).await;
}

#[tokio::test]
async fn an_update_survives_every_power_cut() {
    survives_every_power_cut(Story::Update).await;
}

#[tokio::test]
async fn a_failed_update_survives_every_power_cut() {
    survives_every_power_cut(Story::FailedUpdate).await;
}

#[tokio::test]
async fn a_deletion_survives_every_power_cut() {
    survives_every_power_cut(Story::Deletion).await;
}
