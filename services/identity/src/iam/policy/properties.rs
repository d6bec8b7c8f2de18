//! What must be true of every set of policies: a Deny never opens, an Allow never closes, and order
//! means nothing. Nor does any text bring the parser down.

use std::collections::BTreeMap;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};

use super::evaluate::{Policies, Question, Sourced, decide};
use super::parse;
use super::principal::Caller;
use super::tests::{ACCOUNT, Given, principal};

const ACTIONS: [&str; 4] = ["s3:GetObject", "s3:Get*", "s3:PutObject", "*"];
const RESOURCES: [&str; 4] = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::c/*",
];

fn effect() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("Allow"), 1 => Just("Deny")]
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({"StringEquals": {"k": "a"}})),
        Just(json!({"StringNotEquals": {"k": "a"}})),
        Just(json!({"StringEqualsIfExists": {"absent": "a"}})),
        Just(json!({"Null": {"k": "true"}})),
    ]
}

fn named() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("*")),
        Just(json!({"AWS": ACCOUNT})),
        Just(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:user/u")})),
        Just(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/p/r")})),
        Just(json!({"Service": "s3.amazonaws.com"})),
    ]
}

fn statement(effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    let parts = (effect, 0..ACTIONS.len(), 0..RESOURCES.len(), condition());
    parts.prop_map(|(effect, action, resource, condition)| {
        let mut statement =
            json!({"Effect": effect, "Action": ACTIONS[action], "Resource": RESOURCES[resource]});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        statement
    })
}

fn resource_statement(effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    (statement(effect), named()).prop_map(|(mut statement, named)| {
        statement["Principal"] = named;
        statement
    })
}

/// Statements by kind of policy: identity, resource, boundary.
#[derive(Clone, Debug)]
struct World {
    who: &'static str,
    foreign: bool,
    decides: bool,
    identity: Vec<Value>,
    resource: Vec<Value>,
    boundary: Vec<Value>,
}

fn world() -> impl Strategy<Value = World> {
    let who = prop_oneof![
        Just("user"),
        Just("session"),
        Just("root"),
        Just("service"),
        Just("anonymous")
    ];
    let lists = (
        proptest::collection::vec(statement(effect()), 0..4),
        proptest::collection::vec(resource_statement(effect()), 0..4),
        proptest::collection::vec(statement(effect()), 0..3),
    );
    (who, any::<bool>(), any::<bool>(), lists).prop_map(
        |(who, foreign, decides, (identity, resource, boundary))| World {
            who,
            foreign,
            decides,
            identity,
            resource,
            boundary,
        },
    )
}

fn policy(statements: &[Value]) -> Option<Sourced> {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let policy = parse::parse(&document.to_string()).unwrap();
    (!statements.is_empty()).then(|| Sourced {
        name: "p".into(),
        policy: policy.into(),
    })
}

impl World {
    fn allows(&self) -> bool {
        let policies = Policies {
            identity: policy(&self.identity).into_iter().collect(),
            boundary: policy(&self.boundary),
            session: Vec::new(),
            resource: policy(&self.resource),
        };
        let principal = principal(self.who);
        let facts = Given(BTreeMap::from([("k".to_owned(), vec!["a".to_owned()])]));
        let question = Question {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            caller: Caller {
                principal: &principal,
                region: "us-east-1",
            },
            resource_account: if self.foreign {
                "999999999999"
            } else {
                ACCOUNT
            },
            resource_policy_decides: self.decides,
            facts: &facts,
        };
        decide(&question, &policies).is_allowed()
    }
}

proptest! {
    #[test]
    fn adding_a_deny_never_allows(world in world(), deny in statement(Just("Deny")), to_resource in resource_statement(Just("Deny"))) {
        // A first boundary is a new bound, not an added statement; an added one joins those there are.
        let before = world.allows();
        let mut identity = world.clone();
        identity.identity.push(deny.clone());
        prop_assert!(before || !identity.allows());
        let mut resource = world.clone();
        resource.resource.push(to_resource);
        prop_assert!(before || !resource.allows());
        let mut boundary = world;
        boundary.boundary.push(deny);
        prop_assert!(before || !boundary.allows());
    }

    #[test]
    fn adding_an_allow_never_denies(world in world(), allow in statement(Just("Allow")), to_resource in resource_statement(Just("Allow"))) {
        let before = world.allows();
        let mut identity = world.clone();
        identity.identity.push(allow.clone());
        prop_assert!(!before || identity.allows());
        let mut resource = world.clone();
        resource.resource.push(to_resource);
        prop_assert!(!before || resource.allows());
        if !world.boundary.is_empty() {
            let mut boundary = world;
            boundary.boundary.push(allow);
            prop_assert!(!before || boundary.allows());
        }
    }

    #[test]
    fn order_never_matters(world in world()) {
        let mut turned = world.clone();
        turned.identity.reverse();
        turned.resource.reverse();
        turned.boundary.reverse();
        prop_assert_eq!(world.allows(), turned.allows());
    }

    #[test]
    fn no_text_brings_the_parser_down(text in ".{0,200}", value in "[-${}*?:a-z0-9, ']{0,60}") {
        drop(parse::parse(&text));
        let document = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": value, "Resource": value,
            "Condition": {"StringLike": {"k": value}, "DateLessThan": {"k": value}, "IpAddress": {"k": value}, "NumericLessThan": {"k": value}},
        }});
        let policy = policy(std::slice::from_ref(&document["Statement"]));
        let principal = principal("user");
        let facts = Given(BTreeMap::from([("k".to_owned(), vec![value.clone()])]));
        let question = Question {
            action: &value,
            resource: &value,
            caller: Caller { principal: &principal, region: "" },
            resource_account: "",
            resource_policy_decides: false,
            facts: &facts,
        };
        let policies = Policies { identity: policy.into_iter().collect(), ..Policies::default() };
        decide(&question, &policies);
    }
}
