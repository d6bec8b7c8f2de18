//! Sessions: who may open them, what they carry, when they end.

use cumulet_engine::Principal;
use cumulet_fixture::house::{ACCOUNT, House, OTHER, allow, root};
use cumulet_kernel::Timestamp;
use serde_json::{Value, json};

use super::{Times, UnknownIdentity, identify};
use crate::iam::{Operator, seed_operator};

fn seed(house: &House, key: &str) -> Principal {
    let context = house.context(&root(ACCOUNT));
    let operator = Operator {
        access_key_id: key.into(),
        secret_access_key: "test".into(),
        account: ACCOUNT.into(),
        loopback_only: true,
    };
    house
        .write(move |tx| seed_operator(tx, &context, &operator))
        .unwrap();
    found(house, house.now.get(), key, None).unwrap().principal
}

fn found(
    house: &House,
    now: Timestamp,
    key: &str,
    token: Option<&str>,
) -> Result<super::Identity, UnknownIdentity> {
    house
        .store
        .read(|tx| identify(tx, Times { now, wall: now }, key, token, true))
        .unwrap()
}

fn trusting(house: &House, name: &str, principal: Value) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    ]});
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
    let role = house
        .call(&root(ACCOUNT), "iam", "CreateRole", input)
        .unwrap();
    role["Role"]["Arn"].as_str().unwrap().to_owned()
}

fn session_of(house: &House, output: &Value) -> Principal {
    let credentials = &output["Credentials"];
    let (id, token) = (
        credentials["AccessKeyId"].as_str().unwrap(),
        credentials["SessionToken"].as_str(),
    );
    found(house, house.now.get(), id, token).unwrap().principal
}

#[test]
fn the_operator_may_do_everything_and_only_from_loopback() {
    let house = crate::testing_house();
    let operator = seed(&house, "test");
    assert_eq!(
        operator.arn,
        format!("arn:aws:iam::{ACCOUNT}:user/operator")
    );
    assert!(house.call(&operator, "kms", "CreateKey", json!({})).is_ok());
    let identity = house
        .call(&operator, "sts", "GetCallerIdentity", json!({}))
        .unwrap();
    assert_eq!(
        identity,
        json!({"UserId": operator.user_id, "Account": ACCOUNT, "Arn": operator.arn})
    );
    let far = house
        .store
        .read(|tx| {
            identify(
                tx,
                Times {
                    now: house.now.get(),
                    wall: house.now.get(),
                },
                "test",
                None,
                false,
            )
        })
        .unwrap();
    assert_eq!(far.map(|_| ()), Err(UnknownIdentity::UnknownKey));
    assert_eq!(
        found(&house, house.now.get(), "nobody", None).map(|_| ()),
        Err(UnknownIdentity::UnknownKey)
    );
    let other = found(&house, house.now.get(), OTHER, None)
        .unwrap()
        .principal;
    assert_eq!(other.arn, format!("arn:aws:iam::{OTHER}:root"));
}

#[test]
fn a_session_token_belongs_to_its_key_and_ends() {
    let house = crate::testing_house();
    let operator = seed(&house, "test");
    let role = trusting(&house, "r", json!({"AWS": ACCOUNT}));
    let input = json!({"RoleArn": role, "RoleSessionName": "s", "DurationSeconds": 900});
    let output = house
        .call(&operator, "sts", "AssumeRole", input.clone())
        .unwrap();
    let second = house.call(&operator, "sts", "AssumeRole", input).unwrap();
    let id = output["Credentials"]["AccessKeyId"].as_str().unwrap();
    let token = output["Credentials"]["SessionToken"].as_str();
    let foreign = second["Credentials"]["SessionToken"].as_str();
    let now = house.now.get();
    let outcome = |now, token| found(&house, now, id, token).map(|identity| identity.principal.arn);
    assert_eq!(
        outcome(now, token),
        Ok(format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s"))
    );
    assert_eq!(outcome(now, None), Err(UnknownIdentity::UnknownKey));
    assert_eq!(outcome(now, foreign), Err(UnknownIdentity::InvalidToken));
    assert_eq!(
        outcome(now.plus_s(900), token),
        Err(UnknownIdentity::ExpiredToken)
    );
    assert_eq!(
        super::iam::account_of_access_key(id).as_deref(),
        Some(ACCOUNT)
    );
    let user = &output["AssumedRoleUser"];
    assert!(user["AssumedRoleId"].as_str().unwrap().starts_with("AROA"));
    assert!(user["AssumedRoleId"].as_str().unwrap().ends_with(":s"));
}

#[test]
fn what_a_process_of_the_engine_holds_does_not_end_when_the_clock_is_moved() {
    let house = crate::testing_house();
    let role = trusting(&house, "f", json!({"Service": "lambda.amazonaws.com"}));
    let context = house.context(&root(ACCOUNT));
    let session = house.write(move |tx| {
        let service = "lambda.amazonaws.com";
        super::assume_role_as_service(tx, &context, &role, service, "function", 900)
    });
    let session = session.unwrap();
    let wall = house.now.get();
    let outcome = |now, wall| {
        let (id, token) = (&session.access_key_id, &session.session_token);
        let found = house
            .store
            .read(|tx| identify(tx, Times { now, wall }, id, Some(token), true));
        found.unwrap().map(drop)
    };
    let moved = wall.plus_s(31 * 86_400);
    assert_eq!(outcome(moved, wall), Ok(()));
    assert_eq!(
        outcome(moved, wall.plus_s(900)),
        Err(UnknownIdentity::ExpiredToken)
    );
    // Nor does the sweep of a session opened long after take it away.
    house.now.set(moved);
    let state = cumulet_kernel::clock::ClockState::default().advanced_ms(31 * 86_400_000);
    house
        .write(move |tx| Ok(cumulet_kernel::clock::save(tx, state)?))
        .unwrap();
    let (operator, other) = (
        seed(&house, "test"),
        trusting(&house, "g", json!({"AWS": ACCOUNT})),
    );
    let input = json!({"RoleArn": other, "RoleSessionName": "ss"});
    house.call(&operator, "sts", "AssumeRole", input).unwrap();
    assert_eq!(outcome(moved, wall), Ok(()));
}

#[test]
fn the_trust_policy_decides_who_may_assume() {
    let house = crate::testing_house();
    let operator = seed(&house, "test");
    let with_rights = house.role("with-rights", Some(allow("sts:AssumeRole", "*")));
    let without = house.role("without", None);
    let account = trusting(
        &house,
        "account",
        json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}),
    );
    let named = trusting(
        &house,
        "named",
        json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/without")}),
    );
    let assume = |who: &Principal, role: &str| {
        house.refusal(
            who,
            "sts",
            "AssumeRole",
            json!({"RoleArn": role, "RoleSessionName": "s"}),
        )
    };
    assert!(assume(&operator, &account).starts_with("allowed"));
    assert!(assume(&with_rights, &account).starts_with("allowed"));
    assert_eq!(
        assume(&without, &account),
        format!(
            "403 AccessDenied: User: arn:aws:sts::{ACCOUNT}:assumed-role/without/session is not authorized to perform: sts:AssumeRole on resource: {account}"
        )
    );
    assert!(assume(&without, &named).starts_with("allowed"));
    assert!(assume(&with_rights, &named).starts_with("403 AccessDenied"));
    assert!(
        assume(&operator, &format!("arn:aws:iam::{ACCOUNT}:role/absent"))
            .starts_with("403 AccessDenied")
    );
    assert_eq!(
        assume(&operator, "nothing-valid-in-here"),
        "400 ValidationError: nothing-valid-in-here is invalid"
    );
    assert_eq!(
        assume(&root(ACCOUNT), &account),
        "403 AccessDenied: Roles may not be assumed by root accounts."
    );
}

#[test]
fn services_assume_only_roles_that_trust_them() {
    let house = crate::testing_house();
    let role = house.role("function", None);
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/function");
    let assume = |service: &'static str| {
        let (context, arn) = (house.context(&root(ACCOUNT)), arn.clone());
        house.write(move |tx| super::assume_role_as_service(tx, &context, &arn, service, "f", 3600))
    };
    let credentials = assume("lambda.amazonaws.com").unwrap();
    assert_eq!(
        credentials.principal.user_id.split(':').next(),
        role.user_id.split(':').next()
    );
    assert!(!format!("{credentials:?}").contains(&credentials.secret_access_key));
    assert!(assume("s3.amazonaws.com").is_err_and(|error| error.is_access_denied()));
}

#[test]
fn session_policies_and_tags_narrow_and_travel() {
    let house = crate::testing_house();
    let operator = seed(&house, "test");
    let role = trusting(&house, "r", json!({"AWS": ACCOUNT}));
    let input =
        json!({"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    house
        .call(&root(ACCOUNT), "iam", "AttachRolePolicy", input)
        .unwrap();
    let next = trusting(&house, "next", json!({"AWS": ACCOUNT}));
    let output = house.call(&operator, "sts", "AssumeRole", json!({
        "RoleArn": role, "RoleSessionName": "s", "Policy": allow("sts:*", "*").to_string(),
        "Tags": [{"Key": "Team", "Value": "blue"}, {"Key": "x", "Value": "y"}], "TransitiveTagKeys": ["Team"],
    })).unwrap();
    let session = session_of(&house, &output);
    let denied = house.refusal(&session, "kms", "CreateKey", json!({}));
    assert!(
        denied.ends_with("because no session policy allows the kms:CreateKey action"),
        "{denied}"
    );
    let chained = house
        .call(
            &session,
            "sts",
            "AssumeRole",
            json!({"RoleArn": next, "RoleSessionName": "s"}),
        )
        .unwrap();
    assert_eq!(
        session_of(&house, &chained).session_tags,
        vec![("Team".to_owned(), "blue".to_owned())]
    );
    let refused = |extra: Value| {
        let mut input = json!({"RoleArn": next, "RoleSessionName": "s"});
        input
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        house.refusal(&session, "sts", "AssumeRole", input)
    };
    assert_eq!(
        refused(json!({"Tags": [{"Key": "team", "Value": "red"}]})),
        "400 InvalidParameterValue: One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."
    );
    assert_eq!(
        refused(json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]})),
        "400 InvalidParameterValue: Duplicate tag keys found. Please note that Tag keys are case insensitive."
    );
    assert_eq!(
        refused(json!({"TransitiveTagKeys": ["z"]})),
        "400 InvalidParameterValue: The specified transitive tag key must be included in the requested tags."
    );
    assert!(
        refused(json!({"DurationSeconds": 7200}))
            .contains("exceeds the MaxSessionDuration set for this role")
    );
}

#[test]
fn tokens_of_users_carry_what_the_user_has() {
    let house = crate::testing_house();
    let operator = seed(&house, "test");
    let output = house
        .call(&operator, "sts", "GetSessionToken", json!({}))
        .unwrap();
    let session = session_of(&house, &output);
    assert_eq!(session.arn, operator.arn);
    assert!(house.call(&session, "kms", "ListKeys", json!({})).is_ok());
    assert!(
        house
            .refusal(&session, "sts", "GetSessionToken", json!({}))
            .contains("Cannot call GetSessionToken with session credentials")
    );
    assert_eq!(
        house.refusal(&session, "iam", "ListUsers", json!({})),
        "403 InvalidClientTokenId: The security token included in the request is invalid"
    );
    let federate = |input: Value| {
        session_of(
            &house,
            &house
                .call(&operator, "sts", "GetFederationToken", input)
                .unwrap(),
        )
    };
    let narrow = federate(json!({"Name": "bob", "Policy": allow("kms:ListKeys", "*").to_string()}));
    assert_eq!(
        narrow.arn,
        format!("arn:aws:sts::{ACCOUNT}:federated-user/bob")
    );
    assert!(house.call(&narrow, "kms", "ListKeys", json!({})).is_ok());
    assert!(house.call(&narrow, "kms", "CreateKey", json!({})).is_err());
    assert!(
        house
            .call(
                &federate(json!({"Name": "none"})),
                "kms",
                "ListKeys",
                json!({})
            )
            .is_err()
    );
}

#[test]
fn a_role_made_anew_is_another_role() {
    let house = crate::testing_house();
    let before = house.role("r", Some(allow("kms:ListKeys", "*")));
    let trusting_role = trusting(
        &house,
        "t",
        json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/r")}),
    );
    let assume = |who: &Principal| {
        house.refusal(
            who,
            "sts",
            "AssumeRole",
            json!({"RoleArn": trusting_role, "RoleSessionName": "s"}),
        )
    };
    assert!(assume(&before).starts_with("allowed"));
    house
        .call(
            &root(ACCOUNT),
            "iam",
            "DeleteRolePolicy",
            json!({"RoleName": "r", "PolicyName": "p"}),
        )
        .unwrap();
    house
        .call(
            &root(ACCOUNT),
            "iam",
            "DeleteRole",
            json!({"RoleName": "r"}),
        )
        .unwrap();
    let after = house.role("r", Some(allow("kms:ListKeys", "*")));
    assert!(house.call(&before, "kms", "ListKeys", json!({})).is_err());
    assert!(house.call(&after, "kms", "ListKeys", json!({})).is_ok());
    assert!(assume(&after).starts_with("403 AccessDenied"));
    let shown = house
        .call(&root(ACCOUNT), "iam", "GetRole", json!({"RoleName": "t"}))
        .unwrap();
    let trust = shown["Role"]["AssumeRolePolicyDocument"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        trust.contains(before.user_id.split(':').next().unwrap()),
        "{trust}"
    );
}
