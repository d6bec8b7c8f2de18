//! `cumulet check`: what would bite later, said before anything is deployed.
//!
//! A look at templates and at this machine. What it finds is legal, and mostly the same on AWS; what the engine would
//! refuse is found too, by asking it to validate each template.

use cumulet_functions::Runtimes;
use serde_json::{Map, Value, json};

use super::deploy::order;
use super::runtime::library_roots;
use super::{Failure, Target};
use crate::cli::Check;
use crate::console::{Colour, paint, print};
use crate::services::registry;

/// The integration timeout of a REST API.
const API_TIMEOUT_S: i64 = 29;
/// So much concurrency stays for functions that reserve none.
const UNRESERVED_MIN: i64 = 100;

/// One thing worth knowing, at a resource or at the whole stack.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    resource: String,
    text: String,
}

pub(crate) async fn run(arguments: &Check) -> Result<(), Failure> {
    let target = Target::of(&arguments.target).await?;
    let assembly = target.assembly(&arguments.app, &arguments.suffix).await?;
    let mut all = Vec::new();
    for stack in assembly.stacks(&target.account, &target.region)? {
        let template: Value = serde_json::from_str(&stack.template).unwrap_or_default();
        let mut found = in_template(&template);
        found.extend(missing_runtimes(&template));
        let concurrency = available_concurrency(&target).await;
        found.extend(concurrency.and_then(|available| reserved(&template, available)));
        let input = order(&target.client, &stack, &target.account, &target.region).await?;
        found.extend(refused(&target, &input).await);
        all.extend(found.into_iter().map(|one| (stack.name.clone(), one)));
    }
    report(&all, arguments.json)
}

fn report(all: &[(String, Finding)], json: bool) -> Result<(), Failure> {
    if json {
        let shown = all.iter().map(|(stack, finding)| {
            json!({ "stack": stack, "resource": finding.resource, "finding": finding.text })
        });
        print(&Value::Array(shown.collect()).to_string());
    } else {
        for (stack, finding) in all {
            let place = format!("{stack}/{}", finding.resource);
            print(&format!(
                "{}: {}",
                paint(&place, Colour::Bold),
                finding.text
            ));
        }
    }
    match all.len() {
        0 => Ok(()),
        1 => Err(Failure::Preflight("1 finding".to_owned())),
        count => Err(Failure::Preflight(format!("{count} findings"))),
    }
}

type Resource<'a> = (&'a String, &'a str, &'a Value);

fn resources(template: &Value) -> impl Iterator<Item = Resource<'_>> {
    let members = template["Resources"].as_object().into_iter().flatten();
    members.map(|(id, one)| {
        (
            id,
            one["Type"].as_str().unwrap_or_default(),
            &one["Properties"],
        )
    })
}

fn of_kind<'a>(
    template: &'a Value,
    kind: &'a str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let all = resources(template).filter(move |one| one.1 == kind);
    all.map(|(id, _, properties)| (id, properties))
}

fn finding(resource: &str, text: impl Into<String>) -> Finding {
    Finding {
        resource: resource.to_owned(),
        text: text.into(),
    }
}

/// What the template alone tells.
fn in_template(template: &Value) -> Vec<Finding> {
    let mut found: Vec<Finding> = plans_without_keys(template).into_iter().collect();
    found.extend(slow_behind_an_api(template));
    found.extend(without_effect(template));
    found
}

fn plans_without_keys(template: &Value) -> Option<Finding> {
    let (plan, _) = of_kind(template, "AWS::ApiGateway::UsagePlan").next()?;
    let mut methods = of_kind(template, "AWS::ApiGateway::Method");
    let asked = methods.any(|(_, method)| method["ApiKeyRequired"] == true);
    (!asked).then(|| {
        finding(plan, "no method requires an API key, so this usage plan never bites; only the stage's throttle does")
    })
}

fn slow_behind_an_api(template: &Value) -> Vec<Finding> {
    let uris: Vec<String> = of_kind(template, "AWS::ApiGateway::Method")
        .map(|(_, method)| method["Integration"]["Uri"].to_string())
        .collect();
    let slow = of_kind(template, "AWS::Lambda::Function").filter(|(id, function)| {
        let behind = uris.iter().any(|uri| uri.contains(&format!("\"{id}\"")));
        behind && function["Timeout"].as_i64().unwrap_or(3) > API_TIMEOUT_S
    });
    let text = "it may run longer than the 29 seconds that its API waits: the caller gets 504 while it goes on";
    slow.map(|(id, _)| finding(id, text)).collect()
}

/// Properties that the engine takes and does nothing with.
fn without_effect(template: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, kind, properties) in resources(template) {
        let Some(provider) = registry().resource_type(kind) else {
            continue;
        };
        let ignored = provider.ignored(properties);
        if !ignored.is_empty() {
            let ignored = ignored.join(", ");
            found.push(finding(
                id,
                format!("without effect here: {ignored} of {kind}"),
            ));
        }
    }
    found
}

fn missing_runtimes(template: &Value) -> Vec<Finding> {
    let runtimes = Runtimes::new(library_roots(None));
    let mut found = Vec::new();
    for (id, function) in of_kind(template, "AWS::Lambda::Function") {
        let runtime = function["Runtime"].as_str().unwrap_or_default();
        if runtime.is_empty() {
            continue;
        }
        if let Err(why) = runtimes.check(runtime) {
            found.push(finding(id, format!("{why}; see: cumulet runtime list")));
        }
    }
    found
}

async fn available_concurrency(target: &Target) -> Option<i64> {
    let answer = target
        .client
        .call("lambda", "GetAccountSettings", json!({}))
        .await;
    answer
        .ok()?
        .pointer("/AccountLimit/ConcurrentExecutions")?
        .as_i64()
}

fn reserved(template: &Value, available: i64) -> Option<Finding> {
    let functions = of_kind(template, "AWS::Lambda::Function");
    let wanted = functions.filter_map(|(_, one)| one["ReservedConcurrentExecutions"].as_i64());
    let wanted: i64 = wanted.sum();
    (available - wanted < UNRESERVED_MIN).then(|| {
        let text = format!("its functions reserve {wanted} of the account's {available} concurrent executions; {UNRESERVED_MIN} must stay unreserved");
        finding("", text)
    })
}

/// What the engine says against the template.
async fn refused(target: &Target, order: &Value) -> Option<Finding> {
    let members = ["TemplateBody", "TemplateURL"];
    let given = members
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), order.get(name)?.clone())));
    let input = Value::Object(given.collect::<Map<_, _>>());
    let answer = target
        .client
        .call("cloudformation", "ValidateTemplate", input)
        .await;
    answer.err().map(|error| finding("", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_nobody_needs_a_key_for_and_a_function_slower_than_its_api_are_found() {
        let mut template = json!({ "Resources": {
            "Plan": { "Type": "AWS::ApiGateway::UsagePlan", "Properties": {} },
            "Slow": { "Type": "AWS::Lambda::Function", "Properties": { "Timeout": 60 } },
            "Get": { "Type": "AWS::ApiGateway::Method", "Properties": {
                "Integration": { "Uri": { "Fn::GetAtt": ["Slow", "Arn"] } } } },
        } });
        let names = |template: &Value| -> Vec<String> {
            let found = in_template(template).into_iter();
            found.map(|one| one.resource).collect()
        };
        assert_eq!(names(&template), ["Plan", "Slow"]);
        template["Resources"]["Get"]["Properties"]["ApiKeyRequired"] = true.into();
        template["Resources"]["Slow"]["Properties"]["Timeout"] = 29.into();
        assert!(names(&template).is_empty());
        assert!(reserved(&template, 1000).is_none());
        template["Resources"]["Slow"]["Properties"]["ReservedConcurrentExecutions"] = 950.into();
        assert!(reserved(&template, 1000).is_some());
    }
}
