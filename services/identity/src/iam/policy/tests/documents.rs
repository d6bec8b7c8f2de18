//! Documents that AWS refuses, and its words for it.

use serde_json::{Value, json};

use super::super::validate::{PolicyUse, validate};
use super::{document, rows};

/// Changes to a good identity statement (null takes a member out) -> refusal
const IDENTITY: &str = r#"
    {} ->
    {"Action": null} -> Policy statement must contain actions.
    {"Resource": null} -> Policy statement must contain resources.
    {"Effect": null} -> Missing required field Effect
    {"Effect": "allow"} -> Syntax errors in policy.
    {"Effect": 1} -> Syntax errors in policy.
    {"Action": "GetObject"} -> Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.
    {"Action": "a b:c"} -> Vendor a b is not valid
    {"Action": "s3:a:b"} -> Actions/Condition can contain only one colon.
    {"Action": []} -> Policy statement must contain actions.
    {"Action": [1]} -> Syntax errors in policy.
    {"Action": {}} -> Syntax errors in policy.
    {"NotAction": "s3:*"} -> Syntax errors in policy.
    {"Action": null, "NotAction": "s3:*"} ->
    {"Resource": "bucket"} -> Resource bucket must be in ARN format or "*".
    {"Resource": "arn:x:s3:::b"} -> Partition "x" is not valid for resource "arn:x:s3:::b".
    {"Resource": "arn:*:s3:::b"} ->
    {"Principal": "*"} -> Policy document should not specify a principal.
    {"Sid": "a b"} -> Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*
    {"Sid": 1} -> Syntax errors in policy.
    {"Sid": ""} ->
    {"Conditions": {}} -> Syntax errors in policy. Unknown field Conditions
    {"Condition": []} -> Syntax errors in policy.
    {"Condition": {"StringIs": {"a": "b"}}} -> Invalid Condition type : StringIs.
    {"Condition": {"NullIfExists": {"a": "b"}}} -> Invalid Condition type : NullIfExists.
    {"Condition": {"Bool": {"a": true}}} ->
    {"Condition": {"NumericLessThan": {"a": 10}}} ->
    {"Condition": {"Bool": {"a": {}}}} -> Syntax errors in policy.
"#;

/// The same for a good trust statement.
const TRUST: &str = r#"
    {} ->
    {"Resource": "*"} -> Has prohibited field Resource
    {"NotResource": "*"} -> Has prohibited field NotResource
    {"Principal": null} -> Missing required field Principal
    {"Action": null} -> Missing required field Action
    {"Action": "s3:*"} -> AssumeRole policy may only specify STS AssumeRole actions.
    {"Action": ["sts:AssumeRole", "sts:TagSession"]} ->
    {"Principal": {"AWS": "bob"}} -> Invalid principal in policy: "AWS":"bob"
    {"Principal": "bob"} -> Invalid principal in policy: "AWS":"bob"
    {"Principal": {"Service": "*"}} -> Invalid principal in policy: "Service":"*"
    {"Principal": {"Aws": "*"}} -> Invalid principal in policy: "Aws":"*"
    {"Principal": {"AWS": "arn:aws:s3:::b"}} -> Invalid principal in policy: "AWS":"arn:aws:s3:::b"
    {"Principal": {"AWS": "111122223333"}} ->
    {"Principal": {}} -> Syntax errors in policy.
"#;

/// Whole documents -> refusal
const WHOLE: &str = r#"
    { -> This policy contains invalid Json
    [] -> This policy contains invalid Json
    "x" -> This policy contains invalid Json
    {"Version": "2012-10-17"} -> Syntax errors in policy.
    {"Version": "2012-10-17", "Statement": []} -> Syntax errors in policy.
    {"Version": "2012-10-17", "Statement": [[]]} -> Syntax errors in policy.
    {"Version": "2020-01-01", "Statement": {}} -> Policy document must be version 2012-10-17 or greater.
    {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}} -> Policy document must be version 2012-10-17 or greater.
    {"Version": "2012-10-17", "Statements": []} -> Syntax errors in policy. Unknown field Statements
    {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}]} -> Statement IDs (SID) in a single policy must be unique.
"#;

fn refusal(document: &str, policy_use: PolicyUse) -> String {
    validate(document, policy_use).map_or_else(|error| error.message, |()| String::new())
}

fn check_changes(table: &str, good: &Value, policy_use: PolicyUse) {
    for row in rows(table) {
        let (changes, expected) = row.split_once(" ->").unwrap();
        let changes: Value = serde_json::from_str(changes).unwrap();
        let mut statement = good.clone();
        let members = statement.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        let found = refusal(&document(&statement).to_string(), policy_use);
        assert_eq!(found, expected.trim(), "{row}");
    }
}

#[test]
fn malformed_statements_are_refused_in_awss_words() {
    let identity = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    check_changes(IDENTITY, &identity, PolicyUse::Identity);
    let trusted = json!({"Service": "lambda.amazonaws.com"});
    let trust = json!({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"});
    check_changes(TRUST, &trust, PolicyUse::Trust);
}

#[test]
fn malformed_documents_are_refused_in_awss_words() {
    for row in rows(WHOLE) {
        let (document, expected) = row.split_once(" -> ").unwrap();
        assert_eq!(refusal(document, PolicyUse::Identity), expected, "{row}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        refusal(&deep, PolicyUse::Identity),
        "This policy contains invalid Json"
    );
}
