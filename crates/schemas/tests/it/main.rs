//! The facts that deployments stand on, and the words of a refusal.

use cumulet_schemas::{Replacement, resource_type, resource_types};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn check(name: &str, properties: &Value, expected: &Expect) {
    let kind = resource_type(name).expect("the type is in the data");
    let lines: Vec<String> = kind
        .check(properties)
        .iter()
        .map(ToString::to_string)
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_valid_resource_breaks_nothing() {
    let function = json!({
        "Code": { "S3Bucket": { "Fn::Sub": "cdk-assets-${AWS::AccountId}" }, "S3Key": "a.zip" },
        "Role": { "Fn::GetAtt": ["Role", "Arn"] },
        "Runtime": "provided.al2023", "Handler": "bootstrap", "MemorySize": "512", "Timeout": 300,
        "Environment": { "Variables": { "TABLE_NAME": { "Ref": "Table" } } },
    });
    check("AWS::Lambda::Function", &function, &expect![[""]]);
}

#[test]
fn misspelt_missing_and_ill_typed_are_named_where_they_stand() {
    let function = json!({
        "Code": { "S3Buckt": "b" }, "MemorySize": "much", "Timeout": 0, "TracingConfig": { "Mode": "Sometimes" },
        "Tags": [{ "Value": "x" }], "Description": "x".repeat(300), "Layers": { "a": 1 }, "Arn": "arn:aws:lambda:x",
    });
    check(
        "AWS::Lambda::Function",
        &function,
        &expect![[r#"
        #: read-only key [Arn] is not permitted
        #: required key [Role] not found
        #/Code: extraneous key [S3Buckt] is not permitted
        #/MemorySize: expected type: Integer, found: String
        #/Timeout: failed validation constraint for keyword [minimum]
        #/TracingConfig/Mode: failed validation constraint for keyword [enum]
        #/Tags/0: required key [Key] not found
        #/Description: expected maxLength: 256, actual: 300
        #/Layers: expected type: JSONArray, found: JSONObject"#]],
    );
}

#[test]
fn branches_of_a_condition_are_checked_and_no_value_is_absence() {
    let bucket = json!({
        "BucketName": { "Fn::If": ["Named", "UPPER", { "Ref": "AWS::NoValue" }] },
        "Nonsense": { "Ref": "AWS::NoValue" },
        "VersioningConfiguration": { "Fn::If": ["Kept", { "Status": "On" }, { "Status": "Enabled" }] },
    });
    check(
        "AWS::S3::Bucket",
        &bucket,
        &expect![[r#"
        #/BucketName: failed validation constraint for keyword [pattern]
        #/VersioningConfiguration/Status: failed validation constraint for keyword [enum]"#]],
    );
    let policy = json!({ "Bucket": { "Ref": "AWS::NoValue" }, "PolicyDocument": {} });
    check(
        "AWS::S3::BucketPolicy",
        &policy,
        &expect!["#: required key [Bucket] not found"],
    );
}

#[test]
fn rules_between_properties_are_kept() {
    let alarm = json!({
        "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
        "Statistic": "Sum", "ExtendedStatistic": "p99",
    });
    check(
        "AWS::CloudWatch::Alarm",
        &alarm,
        &expect![[r#"
        #: property [Statistic] is not permitted with [ExtendedStatistic]
        #: property [ExtendedStatistic] is not permitted with [Statistic]
        #: exactly one key of [Metrics, MetricName, EvaluationCriteria] is required"#]],
    );
    let policy = json!({ "PolicyName": "p", "PolicyDocument": {} });
    check(
        "AWS::IAM::Policy",
        &policy,
        &expect!["#: #: no subschema matched out of the total 3 subschemas"],
    );
    let table = json!({ "KeySchema": [
        { "AttributeName": "id", "KeyType": "RANGE" }, { "AttributeName": "id", "KeyType": "RANGE" },
    ] });
    check(
        "AWS::DynamoDB::Table",
        &table,
        &expect!["#/KeySchema: #: 0 subschemas matched instead of one"],
    );
}

#[test]
fn custom_resources_take_any_property() {
    let custom = json!({ "ServiceToken": { "Fn::GetAtt": ["Provider", "Arn"] }, "Anything": { "at": ["all"] } });
    check("Custom::Whatever", &custom, &expect![[""]]);
    check(
        "AWS::CloudFormation::CustomResource",
        &json!({}),
        &expect!["#: required key [ServiceToken] not found"],
    );
}

#[test]
fn updates_replace_what_aws_replaces() {
    let recreation = |name: &str, property: &str| {
        resource_type(name).map(|kind| kind.requires_recreation(property))
    };
    assert_eq!(
        recreation("AWS::Lambda::Function", "FunctionName"),
        Some(Replacement::Always)
    );
    assert_eq!(
        recreation("AWS::Lambda::Function", "MemorySize"),
        Some(Replacement::Never)
    );
    assert_eq!(
        recreation("AWS::DynamoDB::Table", "KeySchema"),
        Some(Replacement::Conditionally)
    );
    let table = resource_type("AWS::DynamoDB::Table").expect("in the data");
    let named = |name: &str| json!({ "TableName": name, "KeySchema": [{ "AttributeName": "a" }] });
    assert_eq!(
        table.replacement(&named("a"), &named("b")),
        Replacement::Always
    );
    assert_eq!(
        table.replacement(&named("a"), &named("a")),
        Replacement::Never
    );
}

#[test]
fn identity_attributes_and_tags_are_answered() {
    let names =
        |name: &str| resource_type(name).map(|kind| kind.primary_identifier().collect::<Vec<_>>());
    assert_eq!(names("AWS::SQS::Queue"), Some(vec!["QueueUrl"]));
    assert_eq!(
        names("AWS::Lambda::Permission"),
        Some(vec!["FunctionName", "Id"])
    );
    let function = resource_type("AWS::Lambda::Function").expect("in the data");
    assert!(function.has_attribute("Arn") && function.has_attribute("SnapStartResponse.ApplyOn"));
    assert!(!function.has_attribute("FunctionName"));
    assert!(function.write_only().any(|path| path == "Code.S3Key"));
    assert_eq!(function.tag_property(), Some("Tags"));
    assert_eq!(
        resource_type("AWS::Lambda::Permission").and_then(|kind| kind.tag_property()),
        None
    );
    assert!(resource_type("AWS::EC2::Instance").is_none());
}

/// A keyword that the checker does not read would be a constraint silently not applied.
#[test]
fn every_keyword_of_the_data_is_read_or_carries_no_constraint() {
    const READ: &str = "$ref additionalProperties allOf anyOf conditionalCreateOnlyProperties const \
        createOnlyProperties definitions dependencies dependentExcluded dependentRequired enum if items maxItems \
        maxLength maxProperties maxUniqueItems maximum minItems minLength minProperties minimum oneOf pattern \
        patternProperties prefixItems primaryIdentifier properties readOnlyProperties replacementStrategy required \
        requiredOr requiredXor tagging then type uniqueItems uniqueKeys writeOnlyProperties";
    const FREE: &str = "default format taggable";
    let known: Vec<&str> = READ
        .split_whitespace()
        .chain(FREE.split_whitespace())
        .collect();
    let mut strange = Vec::new();
    resource_types().for_each(|kind| keywords(kind.schema(), &known, &mut strange));
    assert_eq!(strange, Vec::<String>::new());
    assert!(resource_types().count() > 70);
}

fn keywords(schema: &Value, known: &[&str], strange: &mut Vec<String>) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        if !known.contains(&keyword.as_str()) {
            strange.push(keyword.clone());
        }
        match keyword.as_str() {
            "properties" | "patternProperties" | "definitions" => {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .for_each(|(_, inner)| keywords(inner, known, strange));
            }
            "items" | "if" | "then" | "additionalProperties" => keywords(value, known, strange),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .for_each(|inner| keywords(inner, known, strange));
            }
            _ => {}
        }
    }
}
