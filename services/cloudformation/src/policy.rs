//! Stack policies: which resources an update may touch.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;
use serde_json::{Value, json};

use super::api::StackInput;
use super::stacks::existing;
use super::state::{self, Stack};
use super::template::refusal;

/// A policy body that was given, checked.
pub(super) fn given(body: Option<String>, url: Option<String>) -> Result<Option<String>> {
    match (body, url) {
        (Some(_), Some(_)) => Err(refusal(
            "You cannot specify both StackPolicyURL and StackPolicyBody",
        )),
        (None, Some(_)) => Err(Error::not_implemented("StackPolicyURL")),
        (Some(body), None) => {
            let document: Option<Value> = serde_json::from_str(&body).ok();
            let statements = document.as_ref().map(|document| &document["Statement"]);
            if !statements.is_some_and(|statements| statements.is_array() || statements.is_object())
            {
                return Err(refusal(
                    "Error validating stack policy: Invalid stack policy",
                ));
            }
            Ok(Some(body))
        }
        (None, None) => Ok(None),
    }
}

/// Refuses changes that the stack's policy denies. With a policy, what it does not allow is denied.
pub(super) fn permits(stack: &Stack, changes: &[Value]) -> Result<()> {
    let Some(policy) = &stack.policy else {
        return Ok(());
    };
    let policy: Value = serde_json::from_str(policy).unwrap_or(Value::Null);
    let changed = changes.iter().map(|change| &change["ResourceChange"]);
    for change in changed.filter(|change| change["Action"] != "Add") {
        let action = match (&change["Action"], &change["Replacement"]) {
            (action, _) if *action == "Remove" => "Update:Delete",
            (_, replacement) if *replacement == "True" => "Update:Replace",
            _ => "Update:Modify",
        };
        let id = change["LogicalResourceId"].as_str().unwrap_or_default();
        if !allowed(&policy["Statement"], action, id) {
            return Err(refusal(format!(
                "Action denied by stack policy: Statement does not allow the action {action} for resource {id}"
            )));
        }
    }
    Ok(())
}

fn allowed(statements: &Value, action: &str, logical_id: &str) -> bool {
    let statements = match statements {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let resource = format!("LogicalResourceId/{logical_id}");
    let applies = |statement: &&Value| {
        matches_any(&statement["Action"], action)
            && (matches_any(&statement["Resource"], &resource)
                || (statement["NotResource"] != Value::Null
                    && !matches_any(&statement["NotResource"], &resource)))
    };
    let applying: Vec<&Value> = statements.iter().filter(applies).collect();
    let has = |effect: &str| applying.iter().any(|one| one["Effect"] == effect);
    has("Allow") && !has("Deny")
}

fn matches_any(patterns: &Value, text: &str) -> bool {
    let patterns = match patterns {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut patterns = patterns.iter().filter_map(Value::as_str);
    patterns.any(|pattern| {
        pattern
            .strip_suffix('*')
            .map_or(pattern == text, |prefix| text.starts_with(prefix))
    })
}

/// [SetStackPolicy](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SetStackPolicy.html)
pub(super) fn set(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let mut stack = existing(tx, context, &name)?;
    let policy = given(input.stack_policy_body, input.stack_policy_url)?;
    stack.policy = policy.or(stack.policy);
    state::save_stack(tx, &stack)?;
    Ok(json!({}))
}

/// [GetStackPolicy](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetStackPolicy.html)
pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: StackInput) -> Result<Value> {
    let name = input.stack_name.unwrap_or_default();
    let stack = existing(tx, context, &name)?;
    Ok(super::answer::present(
        json!({ "StackPolicyBody": stack.policy }),
    ))
}
