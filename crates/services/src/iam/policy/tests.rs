//! The evaluation rules as tables, a row a rule, after AWS's pages on policy evaluation logic and on
//! condition operators.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cumulet_kernel::{Principal, PrincipalKind};
use serde_json::{Value, json};

use super::condition::Condition;
use super::evaluate::{Policies, PolicyType, Question, Reason, Sourced, decide};
use super::principal::Caller;
use super::validate::{PolicyUse, validate};
use super::{Facts, parse};

pub(super) const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

pub(super) struct Given(pub(super) BTreeMap<String, Vec<String>>);

impl Facts for Given {
    fn values(&self, key: &str) -> Option<Vec<Cow<'_, str>>> {
        Some(
            self.0
                .get(key)?
                .iter()
                .map(|value| value.as_str().into())
                .collect(),
        )
    }
}

fn given(facts: &Value) -> Given {
    let facts = facts.as_object().into_iter().flatten();
    let values = |value: &Value| match value {
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect(),
        value => vec![value.as_str().unwrap().to_owned()],
    };
    Given(
        facts
            .map(|(key, value)| (key.to_ascii_lowercase(), values(value)))
            .collect(),
    )
}

pub(super) fn principal(who: &str) -> Principal {
    let (kind, arn) = match who {
        "user" => (
            PrincipalKind::User { name: "u".into() },
            format!("arn:aws:iam::{ACCOUNT}:user/u"),
        ),
        "session" => {
            let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/p/r");
            let kind = PrincipalKind::Role {
                role_arn,
                session_name: "s".into(),
            };
            (kind, format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s"))
        }
        "root" => (PrincipalKind::Root, format!("arn:aws:iam::{ACCOUNT}:root")),
        "service" => return Principal::service("s3.amazonaws.com"),
        "logs" => return Principal::service("logs.amazonaws.com"),
        _ => return Principal::anonymous(),
    };
    let user_id = if who == "session" {
        "AROAROLEROLEROLEROLE1:s"
    } else {
        "AIDAUSERUSERUSERUSER1"
    };
    Principal {
        kind,
        arn,
        account: ACCOUNT.into(),
        user_id: user_id.into(),
        ..Principal::anonymous()
    }
}

fn sourced(name: &str, document: &Value) -> Sourced {
    let policy = parse::parse(&document.to_string()).unwrap();
    Sourced {
        name: name.into(),
        policy: policy.into(),
    }
}

fn document(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn verdict(reason: &Reason) -> String {
    let short = |policy_type: &PolicyType| match policy_type {
        PolicyType::Identity => "identity",
        PolicyType::Resource => "resource",
        PolicyType::Boundary => "boundary",
        PolicyType::Session => "session",
    };
    match reason {
        Reason::Allowed => "allowed".into(),
        Reason::ExplicitDeny { policy_type, .. } => format!("denied by {}", short(policy_type)),
        Reason::NotAllowed { by } => format!("no {}", short(by)),
    }
}

/// `A`: a policy that allows, `D`: one that denies, `0`: one that says nothing, `-`: no policy.
fn plain(name: &str, letter: &str) -> Option<Sourced> {
    let statement = match letter {
        "A" => json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}),
        "D" => json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}),
        "0" => json!({"Effect": "Allow", "Action": "s3:Other", "Resource": "*"}),
        _ => return None,
    };
    Some(sourced(name, &document(&statement)))
}

/// Whom a resource policy names; `D` before it makes it a denial.
fn resource_policy(word: &str) -> Option<Sourced> {
    let (effect, who) = match word.strip_prefix("D ") {
        Some(who) => ("Deny", who),
        None => ("Allow", word),
    };
    let principal = match who {
        "-" => return None,
        "user" => json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:user/u")}),
        "user-id" => json!({"AWS": "AIDAUSERUSERUSERUSER1"}),
        "old-user-id" => json!({"AWS": "AIDAUSERUSERUSERUSER0"}),
        "role" => json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/p/r")}),
        "role-id" => json!({"AWS": "AROAROLEROLEROLEROLE1"}),
        "role-without-path" => json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/r")}),
        "session" => json!({"AWS": format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s")}),
        "other-session" => json!({"AWS": format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/t")}),
        "account" => json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}),
        "account-id" => json!({"AWS": ACCOUNT}),
        "other-account" => json!({"AWS": OTHER}),
        "aws-all" => json!({"AWS": "*"}),
        "service" => json!({"Service": "s3.amazonaws.com"}),
        "other-service" => json!({"Service": "sns.amazonaws.com"}),
        "regional" => json!({"Service": "logs.eu-west-1.amazonaws.com"}),
        "elsewhere" => json!({"Service": "logs.us-east-1.amazonaws.com"}),
        _ => json!("*"),
    };
    let statement = json!({"Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": "*"});
    Some(sourced("resource", &document(&statement)))
}

/// caller | owner | identity | resource | boundary | session -> verdict
const DECISIONS: &str = "
    # Within an account identity or resource policy suffices.
    user      own   -  -                 -  -  -> no identity
    user      own   A  -                 -  -  -> allowed
    user      own   0  -                 -  -  -> no identity
    user      own   D  -                 -  -  -> denied by identity
    user      own   -  user              -  -  -> allowed
    user      own   -  user-id           -  -  -> allowed
    user      own   -  old-user-id       -  -  -> no identity
    user      own   -  *                 -  -  -> allowed
    user      own   -  aws-all           -  -  -> allowed
    user      own   -  account           -  -  -> no identity
    user      own   -  account-id        -  -  -> no identity
    user      own   A  account           -  -  -> allowed
    user      own   -  other-account     -  -  -> no identity
    user      own   -  session           -  -  -> no identity
    user      own   -  service           -  -  -> no identity
    user      own   A  D user            -  -  -> denied by resource
    user      own   A  D account         -  -  -> denied by resource
    user      own   A  D *               -  -  -> denied by resource
    user      own   A  D other-account   -  -  -> allowed
    user      own   A  D role            -  -  -> allowed
    user      own   D  user              -  -  -> denied by identity
    session   own   -  -                 -  -  -> no identity
    session   own   A  -                 -  -  -> allowed
    session   own   -  role              -  -  -> allowed
    session   own   -  role-id           -  -  -> allowed
    session   own   -  role-without-path -  -  -> no identity
    session   own   -  session           -  -  -> allowed
    session   own   -  other-session     -  -  -> no identity
    session   own   -  account           -  -  -> no identity
    session   own   A  D role            -  -  -> denied by resource
    session   own   A  D session         -  -  -> denied by resource
    session   own   A  D other-session   -  -  -> allowed
    # Boundaries cut identity policies; not what a resource gives to the very user or session.
    user      own   A  -                 A  -  -> allowed
    user      own   A  -                 0  -  -> no boundary
    user      own   A  -                 D  -  -> denied by boundary
    user      own   -  -                 A  -  -> no identity
    user      own   -  user              0  -  -> allowed
    user      own   -  user              D  -  -> denied by boundary
    user      own   -  *                 0  -  -> allowed
    session   own   A  -                 0  -  -> no boundary
    session   own   -  role              0  -  -> no boundary
    session   own   -  role              A  -  -> allowed
    session   own   -  session           0  -  -> allowed
    session   own   -  session           D  -  -> denied by boundary
    # Session policies likewise.
    session   own   A  -                 -  A  -> allowed
    session   own   A  -                 -  0  -> no session
    session   own   A  -                 -  D  -> denied by session
    session   own   -  role              -  0  -> no session
    session   own   -  role              -  A  -> allowed
    session   own   -  session           -  0  -> allowed
    session   own   -  session           -  D  -> denied by session
    session   own   A  -                 0  0  -> no boundary
    session   own   A  role              A  A  -> allowed
    session   own   0  role              A  0  -> no session
    # Between accounts both sides must allow.
    user      other -  -                 -  -  -> no identity
    user      other A  -                 -  -  -> no resource
    user      other A  user              -  -  -> allowed
    user      other A  account           -  -  -> allowed
    user      other A  *                 -  -  -> allowed
    user      other -  user              -  -  -> no identity
    user      other -  account           -  -  -> no identity
    user      other -  *                 -  -  -> no identity
    user      other A  other-account     -  -  -> no resource
    user      other A  user              0  -  -> no boundary
    user      other A  D account         -  -  -> denied by resource
    session   other A  role              -  -  -> allowed
    session   other A  role              -  0  -> no session
    session   other A  session           0  -  -> no boundary
    session   other -  session           -  -  -> no identity
    # The root user: everything of its own account that no resource denies.
    root      own   -  -                 -  -  -> allowed
    root      own   -  D account         -  -  -> denied by resource
    root      own   -  D *               -  -  -> denied by resource
    root      own   -  D user            -  -  -> allowed
    root      other -  -                 -  -  -> no resource
    root      other -  account           -  -  -> allowed
    # Services and strangers have only what the resource says.
    service   own   -  -                 -  -  -> no resource
    service   own   -  service           -  -  -> allowed
    service   own   -  other-service     -  -  -> no resource
    service   own   -  account           -  -  -> no resource
    service   own   -  aws-all           -  -  -> no resource
    service   own   -  *                 -  -  -> allowed
    service   own   -  D service         -  -  -> denied by resource
    logs      own   -  regional          -  -  -> allowed
    logs      own   -  elsewhere         -  -  -> no resource
    anonymous own   -  -                 -  -  -> no resource
    anonymous own   -  *                 -  -  -> allowed
    anonymous own   -  aws-all           -  -  -> allowed
    anonymous own   -  account           -  -  -> no resource
    anonymous own   -  D *               -  -  -> denied by resource
";

/// As above, for resources whose own policy decides: KMS keys and roles to assume.
const DECIDING: &str = "
    user      own   A  -                 -  -  -> no resource
    user      own   A  other-account     -  -  -> no resource
    user      own   A  account           -  -  -> allowed
    user      own   -  account           -  -  -> no identity
    user      own   -  user              -  -  -> allowed
    user      own   A  account           0  -  -> no boundary
    session   own   A  account           -  0  -> no session
    session   own   -  role              -  -  -> allowed
    session   own   -  role              0  -  -> no boundary
    session   own   -  session           0  -  -> allowed
    root      own   -  -                 -  -  -> no resource
    root      own   -  account           -  -  -> allowed
    root      own   -  user              -  -  -> no resource
    user      other A  -                 -  -  -> no resource
    user      other A  account           -  -  -> allowed
    user      other -  account           -  -  -> no identity
    user      other -  user              -  -  -> no identity
    user      own   D  user              -  -  -> denied by identity
    service   own   -  service           -  -  -> allowed
    service   own   -  account           -  -  -> no resource
";

fn check_decisions(table: &str, resource_policy_decides: bool) -> usize {
    let rows = table
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| {
        let (asked, expected) = row.split_once(" -> ").unwrap();
        let words: Vec<&str> = asked.split_whitespace().collect();
        let [who, owner, identity, resource @ .., boundary, session] = words.as_slice() else {
            panic!("{row}")
        };
        let policies = Policies {
            identity: plain("identity", identity).into_iter().collect(),
            boundary: plain("boundary", boundary),
            session: plain("session", session).into_iter().collect(),
            resource: resource_policy(&resource.join(" ")),
        };
        let principal = principal(who);
        let question = Question {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            caller: Caller {
                principal: &principal,
                region: "eu-west-1",
            },
            resource_account: if *owner == "own" { ACCOUNT } else { OTHER },
            resource_policy_decides,
            facts: &given(&json!({})),
        };
        assert_eq!(
            verdict(&decide(&question, &policies).reason),
            expected,
            "{row}"
        );
    })
    .count()
}

#[test]
fn the_decision_follows_from_all_policies_together() {
    assert!(check_decisions(DECISIONS, false) + check_decisions(DECIDING, true) > 100);
}

/// Whether one identity statement allows a user the action on the resource.
fn statement_allows(statement: &Value, action: &str, resource: &str, facts: &Value) -> bool {
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
        facts: &given(facts),
    };
    decide(&question, &policies).is_allowed()
}

#[test]
fn actions_match_without_case_and_with_wildcards() {
    for (element, value, action, expected) in [
        ("Action", json!("s3:GetObject"), "s3:GetObject", true),
        ("Action", json!("S3:getobject"), "s3:GetObject", true),
        ("Action", json!("s3:GetObject"), "s3:GetObjectAcl", false),
        ("Action", json!("s3:Get*"), "s3:GetObjectAcl", true),
        ("Action", json!("s3:*Object"), "s3:PutObject", true),
        ("Action", json!("s3:?etObject"), "s3:GetObject", true),
        ("Action", json!("s3:?etObject"), "s3:etObject", false),
        ("Action", json!("*"), "sqs:SendMessage", true),
        ("Action", json!("s3:*"), "sqs:SendMessage", false),
        (
            "Action",
            json!(["sqs:*", "s3:GetObject"]),
            "s3:GetObject",
            true,
        ),
        ("NotAction", json!("iam:*"), "s3:GetObject", true),
        ("NotAction", json!("s3:*"), "s3:GetObject", false),
        (
            "NotAction",
            json!(["iam:*", "s3:Get*"]),
            "s3:PutObject",
            true,
        ),
        ("Action", json!("s3:${aws:username}"), "s3:u", false),
    ] {
        let statement = json!({"Effect": "Allow", element: value, "Resource": "*"});
        let facts = json!({"aws:username": "u"});
        assert_eq!(
            statement_allows(&statement, action, "*", &facts),
            expected,
            "{statement} {action}"
        );
    }
}

#[test]
fn resources_match_field_by_field_with_variables_filled_in() {
    let facts = json!({
        "aws:username": "u", "aws:PrincipalTag/team": "blue", "aws:userid": "AROA:s", "s3:prefix": "*", "two": ["a", "b"],
    });
    for (element, value, resource, expected) in [
        ("Resource", "*", "arn:aws:s3:::b/k", true),
        ("Resource", "arn:aws:s3:::b/k", "arn:aws:s3:::b/k", true),
        ("Resource", "arn:aws:s3:::B/k", "arn:aws:s3:::b/k", false),
        ("Resource", "arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b/c", true),
        ("Resource", "arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
        ("Resource", "arn:aws:s3:::b*", "arn:aws:s3:::bb/k", true),
        ("Resource", "arn:aws:s3:::b/?", "arn:aws:s3:::b/kk", false),
        (
            "Resource",
            "arn:aws:sqs:*:111122223333:q",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            true,
        ),
        (
            "Resource",
            "arn:aws:sqs:*:q",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            false,
        ),
        (
            "Resource",
            "arn:aws:sqs:*",
            "arn:aws:sqs:eu-west-1:111122223333:q",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/u/k",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/v/k",
            false,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${AWS:UserName}/*",
            "arn:aws:s3:::b/u/k",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:userid}/*",
            "arn:aws:s3:::b/AROA:s/k",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:PrincipalTag/team}",
            "arn:aws:s3:::b/blue",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:PrincipalTag/x, 'all'}",
            "arn:aws:s3:::b/all",
            true,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}",
            "arn:aws:s3:::b/all",
            false,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${aws:PrincipalTag/x}",
            "arn:aws:s3:::b/",
            false,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${two}",
            "arn:aws:s3:::b/a",
            false,
        ),
        // What a variable brings is never a wildcard.
        (
            "Resource",
            "arn:aws:s3:::b/${s3:prefix}",
            "arn:aws:s3:::b/k",
            false,
        ),
        (
            "Resource",
            "arn:aws:s3:::b/${s3:prefix}",
            "arn:aws:s3:::b/*",
            true,
        ),
        ("Resource", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true),
        ("Resource", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/k", false),
        ("Resource", "arn:aws:s3:::b/${?}", "arn:aws:s3:::b/k", false),
        (
            "Resource",
            "arn:aws:s3:::b/${$}x",
            "arn:aws:s3:::b/$x",
            true,
        ),
        ("NotResource", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", false),
        ("NotResource", "arn:aws:s3:::b/*", "arn:aws:s3:::c/k", true),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", element: value});
        assert_eq!(
            statement_allows(&statement, "s3:GetObject", resource, &facts),
            expected,
            "{value} {resource}"
        );
    }
}

#[test]
fn variables_are_text_in_documents_of_the_old_version() {
    let old = json!({"Version": "2008-10-17", "Statement":
        {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}});
    let policy = parse::parse(&old.to_string()).unwrap();
    let patterns = &policy.statements[0].resource.as_ref().unwrap().patterns;
    assert!(patterns[0].fixed().is_some());
}

fn holds(operator: &str, key: &str, values: &Value, facts: &Value) -> bool {
    let values = match values {
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect(),
        value => vec![value.as_str().unwrap().to_owned()],
    };
    Condition::new(operator, key, &values, true)
        .unwrap()
        .holds(&given(facts))
}

#[test]
fn string_operators_hold_as_documented() {
    for (operator, value, fact, expected) in [
        ("StringEquals", json!("a"), json!({"k": "a"}), true),
        ("StringEquals", json!("a"), json!({"k": "A"}), false),
        ("StringEquals", json!("a*"), json!({"k": "ab"}), false),
        ("StringEquals", json!(["a", "b"]), json!({"k": "b"}), true),
        ("StringEquals", json!("a"), json!({}), false),
        (
            "StringEquals",
            json!("${v}"),
            json!({"k": "x", "v": "x"}),
            true,
        ),
        ("StringEquals", json!("${v}"), json!({"k": "x"}), false),
        ("StringNotEquals", json!("a"), json!({"k": "b"}), true),
        (
            "StringNotEquals",
            json!(["a", "b"]),
            json!({"k": "b"}),
            false,
        ),
        ("StringNotEquals", json!("a"), json!({}), true),
        ("StringNotEquals", json!("${v}"), json!({"k": "x"}), true),
        (
            "StringEqualsIgnoreCase",
            json!("ABC"),
            json!({"k": "abc"}),
            true,
        ),
        (
            "StringEqualsIgnoreCase",
            json!("${v}"),
            json!({"k": "abc", "v": "ABC"}),
            true,
        ),
        (
            "StringNotEqualsIgnoreCase",
            json!("ABC"),
            json!({"k": "abc"}),
            false,
        ),
        ("StringLike", json!("a*c"), json!({"k": "abc"}), true),
        ("StringLike", json!("a?c"), json!({"k": "abbc"}), false),
        (
            "StringLike",
            json!("home/${v}/*"),
            json!({"k": "home/u/x", "v": "u"}),
            true,
        ),
        ("StringLike", json!("A*"), json!({"k": "abc"}), false),
        ("StringNotLike", json!("a*"), json!({"k": "abc"}), false),
        ("StringNotLike", json!("a*"), json!({}), true),
        ("stringequals", json!("a"), json!({"K": "a"}), true),
        ("StringEqualsIfExists", json!("a"), json!({}), true),
        ("StringEqualsIfExists", json!("a"), json!({"k": "b"}), false),
        ("StringNotEqualsIfExists", json!("a"), json!({}), true),
        (
            "StringNotEqualsIfExists",
            json!("a"),
            json!({"k": "a"}),
            false,
        ),
        ("StringEquals", json!("a"), json!({"k": []}), false),
        ("StringEquals", json!("a"), json!({"k": ["a", "b"]}), true),
        (
            "StringNotEquals",
            json!("a"),
            json!({"k": ["a", "b"]}),
            false,
        ),
    ] {
        assert_eq!(
            holds(operator, "k", &value, &fact),
            expected,
            "{operator} {value} {fact}"
        );
    }
}

#[test]
fn quantifiers_and_null_hold_as_documented() {
    for (operator, value, fact, expected) in [
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!({"k": ["a"]}),
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!({"k": ["a", "c"]}),
            false,
        ),
        ("ForAllValues:StringEquals", json!(["a"]), json!({}), true),
        (
            "ForAllValues:StringEquals",
            json!(["a"]),
            json!({"k": []}),
            true,
        ),
        (
            "ForAllValues:StringLike",
            json!(["a*"]),
            json!({"k": ["ab", "ac"]}),
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a"]),
            json!({"k": ["b", "c"]}),
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a"]),
            json!({"k": ["a", "c"]}),
            false,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            json!({"k": ["c", "b"]}),
            true,
        ),
        (
            "ForAnyValue:StringEquals",
            json!(["a"]),
            json!({"k": ["c", "b"]}),
            false,
        ),
        ("ForAnyValue:StringEquals", json!(["a"]), json!({}), false),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a"]),
            json!({"k": ["a", "b"]}),
            true,
        ),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a"]),
            json!({"k": ["a"]}),
            false,
        ),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a"]),
            json!({}),
            false,
        ),
        (
            "ForAnyValue:StringEqualsIfExists",
            json!(["a"]),
            json!({}),
            true,
        ),
        (
            "ForAllValues:ArnLike",
            json!(["arn:aws:s3:::b/*"]),
            json!({"k": ["arn:aws:s3:::b/x"]}),
            true,
        ),
        ("Null", json!("true"), json!({}), true),
        ("Null", json!("true"), json!({"k": "x"}), false),
        ("Null", json!("false"), json!({"k": "x"}), true),
        ("Null", json!("false"), json!({}), false),
        ("Null", json!("true"), json!({"k": []}), true),
    ] {
        assert_eq!(
            holds(operator, "k", &value, &fact),
            expected,
            "{operator} {value} {fact}"
        );
    }
}

#[test]
fn numbers_dates_booleans_addresses_and_arns_compare_as_such() {
    for (operator, value, fact, expected) in [
        ("NumericEquals", "10", "10.0", true),
        ("NumericNotEquals", "10", "11", true),
        ("NumericLessThan", "10", "9", true),
        ("NumericLessThan", "10", "10", false),
        ("NumericLessThanEquals", "10", "10", true),
        ("NumericGreaterThan", "9", "10", true),
        ("NumericGreaterThanEquals", "10", "9", false),
        ("NumericLessThan", "10", "x", false),
        ("NumericEquals", "x", "10", false),
        ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", true),
        (
            "DateGreaterThan",
            "2026-01-01",
            "2026-01-02T00:00:00Z",
            true,
        ),
        (
            "DateLessThan",
            "2026-01-01T12:00:00Z",
            "2026-01-01T11:59:59Z",
            true,
        ),
        (
            "DateLessThanEquals",
            "2026-01-01T12:00:00+02:00",
            "2026-01-01T10:00:00Z",
            true,
        ),
        (
            "DateGreaterThanEquals",
            "2024-02-29T00:00:00.5Z",
            "2024-02-29T00:00:00Z",
            false,
        ),
        (
            "DateNotEquals",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:01Z",
            true,
        ),
        ("DateLessThan", "yesterday", "2026-01-01T00:00:00Z", false),
        ("Bool", "true", "true", true),
        ("Bool", "True", "true", true),
        ("Bool", "false", "true", false),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ4", false),
        ("IpAddress", "203.0.113.0/24", "203.0.113.9", true),
        ("IpAddress", "203.0.113.0/24", "203.0.114.9", false),
        ("IpAddress", "203.0.113.9", "203.0.113.9", true),
        ("IpAddress", "0.0.0.0/0", "8.8.8.8", true),
        ("IpAddress", "2001:db8::/32", "2001:db8:1::1", true),
        ("IpAddress", "2001:db8::/32", "203.0.113.9", false),
        ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", false),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", true),
        ("IpAddress", "203.0.113.0/x", "203.0.113.9", false),
        (
            "ArnEquals",
            "arn:aws:sns:*:111122223333:t",
            "arn:aws:sns:eu-west-1:111122223333:t",
            true,
        ),
        (
            "ArnLike",
            "arn:aws:sns:*:t",
            "arn:aws:sns:eu-west-1:111122223333:t",
            false,
        ),
        ("ArnLike", "arn:aws:s3:::b", "arn:aws:s3:::b", true),
        ("ArnLike", "arn:aws:s3:*", "arn:aws:s3:::b", false),
        ("ArnNotLike", "arn:aws:s3:::b*", "arn:aws:s3:::bb", false),
        ("ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::c", true),
    ] {
        let found = holds(operator, "k", &json!(value), &json!({"k": fact}));
        assert_eq!(found, expected, "{operator} {value} {fact}");
    }
}

#[test]
fn not_principal_reaches_everyone_else() {
    let element = |effect: &str, names: Value| {
        let statement = json!({"Effect": effect, "NotPrincipal": {"AWS": names}, "Action": "*", "Resource": "*"});
        let policy = parse::parse(&document(&statement).to_string()).unwrap();
        policy.statements[0].clone()
    };
    let user = format!("arn:aws:iam::{ACCOUNT}:user/u");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/p/r");
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s");
    for (effect, names, who, expected) in [
        ("Allow", json!([user]), "user", false),
        ("Allow", json!([user]), "session", true),
        ("Allow", json!([user]), "anonymous", true),
        ("Deny", json!([user]), "session", true),
        // The account belongs to an exemption.
        ("Deny", json!([user]), "user", true),
        ("Deny", json!([user, ACCOUNT]), "user", false),
        ("Deny", json!([session, role, ACCOUNT]), "session", false),
        ("Deny", json!([session, ACCOUNT]), "session", true),
        ("Deny", json!([ACCOUNT]), "root", false),
        ("Deny", json!([OTHER]), "root", true),
    ] {
        let statement = element(effect, names.clone());
        let principal = principal(who);
        let caller = Caller {
            principal: &principal,
            region: "eu-west-1",
        };
        let reached = statement
            .principal
            .unwrap()
            .reaches(&caller, statement.effect)
            .is_some();
        assert_eq!(reached, expected, "{effect} {names} {who}");
    }
}

#[test]
fn malformed_documents_are_refused_in_awss_words() {
    let identity = |statement: Value| document(&statement).to_string();
    let fine = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let with = |name: &str, value: Value| {
        let mut statement = fine.clone();
        statement[name] = value;
        document(&statement).to_string()
    };
    let without = |name: &str| {
        let mut statement = fine.clone();
        statement.as_object_mut().unwrap().remove(name);
        document(&statement).to_string()
    };
    let trust = |extra: Value| {
        let mut statement = json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
        statement
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        document(&statement).to_string()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (document, policy_use, expected) in [
        (identity(fine.clone()), PolicyUse::Identity, ""),
        (identity(json!([fine])), PolicyUse::Identity, ""),
        (
            "{".to_owned(),
            PolicyUse::Identity,
            "This policy contains invalid Json",
        ),
        (
            "[]".to_owned(),
            PolicyUse::Identity,
            "This policy contains invalid Json",
        ),
        (
            deep,
            PolicyUse::Identity,
            "This policy contains invalid Json",
        ),
        (
            identity(json!([])),
            PolicyUse::Identity,
            "Syntax errors in policy.",
        ),
        (
            json!({"Statement": fine}).to_string(),
            PolicyUse::Identity,
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            json!({"Version": "2020-01-01", "Statement": fine}).to_string(),
            PolicyUse::Identity,
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            without("Action"),
            PolicyUse::Identity,
            "Policy statement must contain actions.",
        ),
        (
            without("Resource"),
            PolicyUse::Identity,
            "Policy statement must contain resources.",
        ),
        (
            without("Effect"),
            PolicyUse::Identity,
            "Missing required field Effect",
        ),
        (
            with("Effect", json!("allow")),
            PolicyUse::Identity,
            "Syntax errors in policy.",
        ),
        (
            with("Action", json!("GetObject")),
            PolicyUse::Identity,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            with("Action", json!("a b:c")),
            PolicyUse::Identity,
            "Vendor a b is not valid",
        ),
        (
            with("Action", json!("s3:a:b")),
            PolicyUse::Identity,
            "Actions/Condition can contain only one colon.",
        ),
        (
            with("Action", json!([])),
            PolicyUse::Identity,
            "Policy statement must contain actions.",
        ),
        (
            with("NotAction", json!("s3:*")),
            PolicyUse::Identity,
            "Syntax errors in policy.",
        ),
        (
            with("Resource", json!("bucket")),
            PolicyUse::Identity,
            "Resource bucket must be in ARN format or \"*\".",
        ),
        (
            with("Resource", json!("arn:x:s3:::b")),
            PolicyUse::Identity,
            "Partition \"x\" is not valid for resource \"arn:x:s3:::b\".",
        ),
        (
            with("Principal", json!("*")),
            PolicyUse::Identity,
            "Policy document should not specify a principal.",
        ),
        (
            with("Sid", json!("a b")),
            PolicyUse::Identity,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            identity(json!([with_sid(&fine), with_sid(&fine)])),
            PolicyUse::Identity,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            with("Condition", json!({"StringIs": {"a": "b"}})),
            PolicyUse::Identity,
            "Invalid Condition type : StringIs.",
        ),
        (trust(json!({})), PolicyUse::Trust, ""),
        (
            trust(json!({"Resource": "*"})),
            PolicyUse::Trust,
            "Has prohibited field Resource",
        ),
        (
            trust(json!({"Action": "s3:*"})),
            PolicyUse::Trust,
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            trust(json!({"Principal": {"AWS": "bob"}})),
            PolicyUse::Trust,
            "Invalid principal in policy: \"AWS\":\"bob\"",
        ),
        (
            identity(fine.clone()),
            PolicyUse::Trust,
            "Has prohibited field Resource",
        ),
    ] {
        let found =
            validate(&document, policy_use).map_or_else(|error| error.message, |()| String::new());
        let shown: String = document.chars().take(200).collect();
        assert_eq!(found, expected, "{shown}");
    }
}

fn with_sid(statement: &Value) -> Value {
    let mut statement = statement.clone();
    statement["Sid"] = "one".into();
    statement
}
