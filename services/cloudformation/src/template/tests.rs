//! The language, case by case: what an expression becomes, and AWS's words for what is wrong.

use std::collections::BTreeMap;

use cumulet_engine::error::Result;
use cumulet_engine::provider::StackIdentity;
use serde_json::{Value, json};

use super::functions::{KnownResource, Scope};
use super::parameters::{self, Given};
use super::{Template, conditions};

fn evaluate(extra: Value, expression: Value) -> Result<Option<Value>> {
    let mut document = json!({ "Resources": { "Topic": { "Type": "AWS::SNS::Topic" } } });
    for (name, section) in extra.as_object().into_iter().flatten() {
        document[name] = section.clone();
    }
    let template = Template::parse(&document.to_string())?;
    let stack = StackIdentity {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        name: "app".into(),
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/1".into(),
        notification_arns: vec![],
    };
    let settled = parameters::settle(&template, &BTreeMap::new(), &[])?;
    let values = parameters::values(&settled);
    let mut scope = Scope {
        template: &template,
        stack: &stack,
        parameters: &values,
        conditions: BTreeMap::new(),
        resources: BTreeMap::new(),
        exports: [("shared".to_owned(), "value".to_owned())].into(),
        imported: Default::default(),
    };
    conditions::decide(&mut scope)?;
    conditions::assert_rules(&scope)?;
    let topic = KnownResource {
        kind: "AWS::SNS::Topic".into(),
        physical_id: "arn:topic".into(),
        attributes: [("TopicName".to_owned(), json!("topic"))]
            .into_iter()
            .collect(),
        pending: false,
    };
    scope.resources.insert("Topic".into(), topic);
    scope.resolve(&expression)
}

#[test]
fn functions_give_what_aws_gives() {
    let extra = json!({
        "Parameters": {
            "Names": { "Type": "CommaDelimitedList", "Default": "a, b" },
            "Stage": { "Type": "String", "Default": "prod" },
            "Count": { "Type": "Number", "Default": 3 },
        },
        "Mappings": { "Sizes": { "prod": { "Memory": 512, "Zones": ["x", "y"] } } },
        "Conditions": {
            "Both": { "Fn::And": [{ "Condition": "IsProd" }, { "Fn::Not": [{ "Fn::Equals": ["a", "b"] }] }] },
            "IsProd": { "Fn::Equals": [{ "Ref": "Stage" }, "prod"] },
            "Never": { "Fn::Or": [{ "Fn::Equals": ["1", "2"] }, { "Fn::Not": [{ "Condition": "Both" }] }] },
        },
    });
    for (expression, expected) in [
        (json!({ "Ref": "Topic" }), json!("arn:topic")),
        (
            json!({ "Fn::GetAtt": ["Topic", "TopicName"] }),
            json!("topic"),
        ),
        (json!({ "Fn::GetAtt": "Topic.TopicName" }), json!("topic")),
        (json!({ "Ref": "AWS::AccountId" }), json!("111122223333")),
        (
            json!({ "Fn::Join": ["-", ["a", { "Ref": "Stage" }, 1]] }),
            json!("a-prod-1"),
        ),
        (json!({ "Fn::Join": ["", { "Ref": "Names" }] }), json!("ab")),
        (
            json!({ "Fn::Sub": "${Topic.TopicName}/${AWS::Region}/${!Kept}/${Count}" }),
            json!("topic/eu-west-1/${Kept}/3"),
        ),
        (
            json!({ "Fn::Sub": ["${x}-${Stage}", { "x": { "Ref": "Topic" } }] }),
            json!("arn:topic-prod"),
        ),
        (
            json!({ "Fn::Select": ["1", { "Ref": "Names" }] }),
            json!("b"),
        ),
        (
            json!({ "Fn::Select": [0, { "Fn::Split": ["/", "x/y"] }] }),
            json!("x"),
        ),
        (
            json!({ "Fn::FindInMap": ["Sizes", { "Ref": "Stage" }, "Memory"] }),
            json!(512),
        ),
        (
            json!({ "Fn::FindInMap": ["Sizes", "none", "Memory", { "DefaultValue": 1 }] }),
            json!(1),
        ),
        (json!({ "Fn::Base64": "hi" }), json!("aGk=")),
        (
            json!({ "Fn::GetAZs": "" }),
            json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ),
        (json!({ "Fn::ImportValue": "shared" }), json!("value")),
        (
            json!({ "Fn::Cidr": ["10.0.0.0/16", 2, 8] }),
            json!(["10.0.0.0/24", "10.0.1.0/24"]),
        ),
        (json!({ "Fn::If": ["Both", "yes", "no"] }), json!("yes")),
        (
            json!({ "a": { "Fn::If": ["Never", 1, { "Ref": "AWS::NoValue" }] }, "b": [{ "Ref": "AWS::NoValue" }, 2] }),
            json!({ "b": [2] }),
        ),
    ] {
        assert_eq!(
            evaluate(extra.clone(), expression.clone()),
            Ok(Some(expected)),
            "{expression}"
        );
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_aws_words() {
    for (expression, expected) in [
        (
            json!({ "Fn::GetAtt": ["Topic", "Nonsense"] }),
            "Requested attribute Nonsense does not exist in schema for AWS::SNS::Topic",
        ),
        (
            json!({ "Fn::FindInMap": ["Map", "Key", "Name"] }),
            "Template error: Unable to get mapping for Map::Key::Name",
        ),
        (
            json!({ "Fn::Select": ["x", ["a"]] }),
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        (
            json!({ "Fn::Select": [3, ["a"]] }),
            "Template error: Fn::Select cannot select nonexistent value at index 3",
        ),
        (
            json!({ "Fn::Split": ["", "x"] }),
            "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
        ),
        (
            json!({ "Fn::ImportValue": "absent" }),
            "No export named absent found.",
        ),
        (
            json!({ "Ref": "Disabled" }),
            "Template format error: Unresolved resource dependencies [Disabled] in the Resources block of the template",
        ),
    ] {
        let message = evaluate(json!({}), expression.clone()).map_err(|error| error.message);
        assert_eq!(message, Err(expected.to_owned()), "{expression}");
    }
}

fn refusal(body: &str) -> String {
    let checked = Template::parse(body).and_then(|template| template.check());
    checked.map_or_else(|error| error.message, |()| "accepted".to_owned())
}

#[test]
fn ill_formed_templates_are_refused_in_aws_words() {
    let resources = |resources: Value| json!({ "Resources": resources }).to_string();
    let topic = |properties: Value| {
        resources(json!({ "A": { "Type": "T::T::T", "Properties": properties } }))
    };
    let output = |output: Value| {
        json!({ "Resources": { "A": { "Type": "T::T::T" } }, "Outputs": { "X": output } })
            .to_string()
    };
    for (body, expected) in [
        ("{\"Resources\": {\"A\": nope}}".to_owned(), "Template format error: JSON not well-formed. (line 1, column 22)"),
        ("{}".to_owned(), "Template format error: At least one Resources member must be defined."),
        (resources(json!({ "A": 1 })), "Template format error: Any Resources member must be an object."),
        (resources(json!({ "A": {} })), "Template format error: [/Resources/A] Every Resources object must contain a Type member."),
        (resources(json!({ "A-b": { "Type": "T" } })), "Template format error: Resource name A-b is non alphanumeric."),
        (resources(json!({ "A": { "Type": "T", "Invalid": 1 } })), "Invalid template resource property 'Invalid'"),
        (topic(json!({ "p": { "Ref": "B" } })), "Template format error: Unresolved resource dependencies [B] in the Resources block of the template"),
        (topic(json!({ "p": { "Fn::GetAtt": ["B", "c"] } })), "Template error: instance of Fn::GetAtt references undefined resource B"),
        (topic(json!({ "p": { "Fn::GetAtt": ["", "c"] } })), "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"),
        (topic(json!({ "p": { "Fn::Equals": ["c"] } })), "Template error: every Fn::Equals object requires a list of 2 string parameters."),
        (topic(json!({ "p": { "Fn::If": ["No", 1, 2] } })), "Template error: unresolved condition dependency No in Fn::If"),
        (output(json!({})), "Template format error: Every Outputs member must contain a Value object"),
        (output(json!({ "Value": null })), "[/Outputs/X/Value] 'null' values are not allowed in templates"),
        (output(json!({ "Value": { "Ref": "B" } })), "Unresolved resource dependencies [B] in the Outputs block of the template"),
        (
            resources(json!({
                "A": { "Type": "T", "Properties": { "p": { "Ref": "B" } } },
                "B": { "Type": "T", "DependsOn": "A" },
                "C": { "Type": "T", "DependsOn": ["A"] },
                "D": { "Type": "T" },
            })),
            "Circular dependency between resources: [A, B]",
        ),
        (json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": { "A": { "Type": "T" } } }).to_string(), "Transform AWS::Serverless-2016-10-31 is not implemented by Cumulet"),
        (topic(json!({ "p": { "Fn::Sub": "${A.B.C} ${AWS::Region}" }, "q": "x" })).replace("A.B.C", "Z.b"), "Template error: instance of Fn::Sub references invalid resource attribute Z.b"),
    ] {
        assert_eq!(refusal(&body), expected, "{body}");
    }
}

#[test]
fn parameters_are_checked_before_anything_is_made() {
    let settle = |declaration: Value, given: Option<&str>| {
        let body = json!({ "Parameters": { "Value": declaration }, "Resources": { "A": { "Type": "T" } } });
        let template = Template::parse(&body.to_string())?;
        let given = given.map(|value| ("Value".to_owned(), Given::Value(value.to_owned())));
        let settled = parameters::settle(&template, &given.into_iter().collect(), &[])?;
        Ok::<_, cumulet_engine::error::Error>(settled[0].value.clone())
    };
    for (declaration, given, expected) in [
        (
            json!({ "Type": "Number" }),
            Some("x"),
            Err("Parameter 'Value' must be a number."),
        ),
        (
            json!({ "Type": "String" }),
            None,
            Err("Parameters: [Value] must have values"),
        ),
        (
            json!({ "Type": "String", "AllowedValues": ["a"] }),
            Some("b"),
            Err("Parameter 'Value' must be one of AllowedValues"),
        ),
        (
            json!({ "Type": "String", "MinLength": "2" }),
            Some("b"),
            Err("Parameter 'Value' must contain at least 2 characters"),
        ),
        (
            json!({ "Type": "String", "AllowedPattern": "[a-z]+" }),
            Some("B"),
            Err("Parameter 'Value' must match pattern [a-z]+"),
        ),
        (
            json!({ "Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "small" }),
            Some("B"),
            Err("Parameter 'Value' failed to satisfy constraint: small"),
        ),
        (
            json!({ "Type": "Number", "MaxValue": 5 }),
            Some("6"),
            Err("Parameter 'Value' must be a number not greater than 5"),
        ),
        (
            json!({ "Type": "Nonsense" }),
            Some("6"),
            Err("Template format error: Unrecognized parameter type: Nonsense for parameter Value"),
        ),
        (
            json!({ "Type": "List<Number>", "Default": "1,2" }),
            None,
            Ok("1,2"),
        ),
    ] {
        let settled = settle(declaration.clone(), given).map_err(|error| error.message);
        assert_eq!(
            settled.as_deref().map_err(String::as_str),
            expected,
            "{declaration}"
        );
    }
}

#[test]
fn a_failed_rule_refuses_the_operation() {
    let rules = json!({
        "Parameters": { "Version": { "Type": "String", "Default": "5" } },
        "Rules": { "Check": { "Assertions": [{
            "Assert": { "Fn::Not": [{ "Fn::Contains": [["1", "5"], { "Ref": "Version" }] }] },
            "AssertDescription": "version 6 required",
        }] } },
    });
    let message = evaluate(rules, json!({})).map_err(|error| error.message);
    let expected =
        "Template validation error: Rule Check failed to satisfy assertion: version 6 required";
    assert_eq!(message, Err(expected.to_owned()));
}
