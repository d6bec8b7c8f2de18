//! Action and Resource elements: element | values | what is asked | whether an Allow with it allows.

use serde_json::{Value, json};

use super::super::evaluate::{Policies, Question, decide};
use super::super::parse;
use super::super::principal::Caller;
use super::{document, given, principal, rows, sourced};

const ACTIONS: &str = r#"
    Action | "s3:GetObject" | "s3:GetObject" | true
    Action | "S3:getobject" | "s3:GetObject" | true
    Action | "s3:GetObject" | "s3:GetObjectAcl" | false
    Action | "s3:Get*" | "s3:GetObjectAcl" | true
    Action | "s3:*Object" | "s3:PutObject" | true
    Action | "s3:?etObject" | "s3:GetObject" | true
    Action | "s3:?etObject" | "s3:etObject" | false
    Action | "*" | "sqs:SendMessage" | true
    Action | "s3:*" | "sqs:SendMessage" | false
    Action | ["sqs:*", "s3:GetObject"] | "s3:GetObject" | true
    NotAction | "iam:*" | "s3:GetObject" | true
    NotAction | "s3:*" | "s3:GetObject" | false
    NotAction | ["iam:*", "s3:Get*"] | "s3:PutObject" | true
    Action | "s3:${aws:username}" | "s3:u" | false
"#;

const RESOURCES: &str = r#"
    Resource | "*" | "arn:aws:s3:::b/k" | true
    Resource | "arn:aws:s3:::b/k" | "arn:aws:s3:::b/k" | true
    Resource | "arn:aws:s3:::B/k" | "arn:aws:s3:::b/k" | false
    Resource | "arn:aws:s3:::b/*" | "arn:aws:s3:::b/a/b/c" | true
    Resource | "arn:aws:s3:::b/*" | "arn:aws:s3:::b" | false
    Resource | "arn:aws:s3:::b*" | "arn:aws:s3:::bb/k" | true
    Resource | "arn:aws:s3:::b/?" | "arn:aws:s3:::b/kk" | false
    Resource | "arn:aws:sqs:*:111122223333:q" | "arn:aws:sqs:eu-west-1:111122223333:q" | true
    Resource | "arn:aws:sqs:*:q" | "arn:aws:sqs:eu-west-1:111122223333:q" | false
    Resource | "arn:aws:sqs:*" | "arn:aws:sqs:eu-west-1:111122223333:q" | true
    Resource | "arn:aws:s3:::b/${aws:username}/*" | "arn:aws:s3:::b/u/k" | true
    Resource | "arn:aws:s3:::b/${aws:username}/*" | "arn:aws:s3:::b/v/k" | false
    Resource | "arn:aws:s3:::b/${AWS:UserName}/*" | "arn:aws:s3:::b/u/k" | true
    Resource | "arn:aws:s3:::b/${aws:userid}/*" | "arn:aws:s3:::b/AROA:s/k" | true
    Resource | "arn:aws:s3:::b/${aws:PrincipalTag/team}" | "arn:aws:s3:::b/blue" | true
    Resource | "arn:aws:s3:::b/${aws:PrincipalTag/x, 'all'}" | "arn:aws:s3:::b/all" | true
    Resource | "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}" | "arn:aws:s3:::b/all" | false
    Resource | "arn:aws:s3:::b/${aws:PrincipalTag/x}" | "arn:aws:s3:::b/" | false
    Resource | "arn:aws:s3:::b/${two}" | "arn:aws:s3:::b/a" | false
    Resource | "arn:aws:s3:::b/${s3:prefix}" | "arn:aws:s3:::b/k" | false
    Resource | "arn:aws:s3:::b/${s3:prefix}" | "arn:aws:s3:::b/*" | true
    Resource | "arn:aws:s3:::b/${*}" | "arn:aws:s3:::b/*" | true
    Resource | "arn:aws:s3:::b/${*}" | "arn:aws:s3:::b/k" | false
    Resource | "arn:aws:s3:::b/${?}" | "arn:aws:s3:::b/k" | false
    Resource | "arn:aws:s3:::b/${$}x" | "arn:aws:s3:::b/$x" | true
    NotResource | "arn:aws:s3:::b/*" | "arn:aws:s3:::b/k" | false
    NotResource | "arn:aws:s3:::b/*" | "arn:aws:s3:::c/k" | true
    NotResource | "arn:aws:s3:::b/${aws:PrincipalTag/x}" | "arn:aws:s3:::c/k" | false
"#;

/// Whether one identity statement allows a user the action on the resource.
fn statement_allows(statement: &Value, action: &str, resource: &str) -> bool {
    let facts = json!({
        "aws:username": "u", "aws:PrincipalTag/team": "blue", "aws:userid": "AROA:s", "s3:prefix": "*",
        "two": ["a", "b"],
    });
    let policies = Policies {
        identity: vec![sourced("p", &document(statement))],
        ..Policies::default()
    };
    let principal = principal("user");
    let question = Question {
        action,
        resource,
        caller: Caller {
            principal: &principal,
            region: "eu-west-1",
        },
        resource_account: "",
        resource_policy_decides: false,
        facts: &given(&facts),
    };
    decide(&question, &policies).is_allowed()
}

fn check(table: &str, fixed: &str, asks_action: bool) {
    for row in rows(table) {
        let fields: Vec<&str> = row.split(" | ").collect();
        let [element, values, asked, expected] = fields.as_slice() else {
            panic!("{row}")
        };
        let asked: String = serde_json::from_str(asked).unwrap();
        let mut statement = json!({"Effect": "Allow", fixed: "*"});
        statement[*element] = serde_json::from_str(values).unwrap();
        let (action, resource) = match asks_action {
            true => (asked.as_str(), "*"),
            false => ("s3:GetObject", asked.as_str()),
        };
        assert_eq!(
            statement_allows(&statement, action, resource).to_string(),
            *expected,
            "{row}"
        );
    }
}

#[test]
fn actions_match_without_case_and_with_wildcards() {
    check(ACTIONS, "Resource", true);
}

/// What a variable brings is text, never a wildcard.
#[test]
fn resources_match_field_by_field_with_variables_filled_in() {
    check(RESOURCES, "Action", false);
}

#[test]
fn variables_are_text_in_documents_of_the_old_version() {
    let old = json!({"Version": "2008-10-17", "Statement":
        {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}});
    let policy = parse::parse(&old.to_string()).unwrap();
    let patterns = &policy.statements[0].resource.as_ref().unwrap().patterns;
    assert!(patterns[0].fixed().is_some());
}
