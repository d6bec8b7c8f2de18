//! The evaluation rules as tables, a row a rule, after AWS's pages on policy evaluation logic and on
//! condition operators.

mod conditions;
mod documents;
mod elements;

use std::borrow::Cow;
use std::collections::BTreeMap;

use cumulet_engine::{Principal, PrincipalKind};
use serde_json::{Value, json};

use super::evaluate::{Policies, PolicyType, Question, Reason, Sourced, decide};
use super::principal::Caller;
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

/// The rows of a table in text, comments left out.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    let rows = table.lines().map(str::trim);
    rows.filter(|row| !row.is_empty() && !row.starts_with('#'))
}

fn check_decisions(table: &str, resource_policy_decides: bool) -> usize {
    rows(table)
        .map(|row| {
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
