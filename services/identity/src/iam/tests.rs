//! Entities and decisions through the registry.

use cumulet_engine::Principal;
use cumulet_engine::access::Access;
use cumulet_fixture::house::{ACCOUNT, House, OTHER, allow, root};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn lambda_trust() -> String {
    let statement = json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn create_role(house: &House, name: &str, extra: Value) -> Value {
    let mut input = json!({"RoleName": name, "AssumeRolePolicyDocument": lambda_trust()});
    input
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    house
        .call(&root(ACCOUNT), "iam", "CreateRole", input)
        .unwrap()["Role"]
        .take()
}

fn members(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn refused(house: &House, operation: &'static str, input: Value, expected: Expect) {
    expected.assert_eq(&house.refusal(&root(ACCOUNT), "iam", operation, input));
}

#[test]
fn create_omits_what_was_not_given_and_get_has_it() {
    let house = crate::testing_house();
    let plain = create_role(&house, "plain", json!({}));
    assert_eq!(
        members(&plain),
        [
            "Path",
            "RoleName",
            "RoleId",
            "Arn",
            "CreateDate",
            "AssumeRolePolicyDocument"
        ]
    );
    assert!(
        plain["AssumeRolePolicyDocument"]
            .as_str()
            .unwrap()
            .starts_with("%7B%22Version%22%3A%222012-10-17%22")
    );
    assert_eq!(plain["RoleId"].as_str().unwrap().len(), 21);
    let given = create_role(
        &house,
        "given",
        json!({"MaxSessionDuration": 7200, "Description": "d", "Path": "/a/", "Tags": [{"Key": "k", "Value": "v"}]}),
    );
    assert_eq!(
        (&given["MaxSessionDuration"], &given["Tags"]),
        (&json!(7200), &json!([{"Key": "k", "Value": "v"}]))
    );
    assert_eq!(given["Arn"], format!("arn:aws:iam::{ACCOUNT}:role/a/given"));
    let got = house
        .call(
            &root(ACCOUNT),
            "iam",
            "GetRole",
            json!({"RoleName": "PLAIN"}),
        )
        .unwrap();
    assert_eq!(
        (
            &got["Role"]["MaxSessionDuration"],
            &got["Role"]["RoleLastUsed"]
        ),
        (&json!(3600), &json!({}))
    );
    assert!(got["Role"].get("Tags").is_none());
}

#[test]
fn refusals_have_awss_texts() {
    let house = crate::testing_house();
    create_role(&house, "r", json!({}));
    refused(
        &house,
        "GetRole",
        json!({"RoleName": "x"}),
        expect!["404 NoSuchEntity: The role with name x cannot be found."],
    );
    refused(
        &house,
        "GetUser",
        json!({"UserName": "x"}),
        expect!["404 NoSuchEntity: The user with name x cannot be found."],
    );
    refused(
        &house,
        "CreateRole",
        json!({"RoleName": "R", "AssumeRolePolicyDocument": lambda_trust()}),
        expect!["409 EntityAlreadyExists: Role with name R already exists."],
    );
    refused(
        &house,
        "CreateRole",
        json!({"RoleName": "s", "AssumeRolePolicyDocument": "{"}),
        expect!["400 MalformedPolicyDocument: This policy contains invalid Json"],
    );
    let absent = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:role/absent")}, "Action": "sts:AssumeRole"}]});
    refused(
        &house,
        "CreateRole",
        json!({"RoleName": "s", "AssumeRolePolicyDocument": absent.to_string()}),
        expect![[
            r#"400 MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/absent""#
        ]],
    );
    refused(
        &house,
        "GetRolePolicy",
        json!({"RoleName": "r", "PolicyName": "p"}),
        expect!["404 NoSuchEntity: The role policy with name p cannot be found."],
    );
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/p");
    refused(
        &house,
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": policy}),
        expect![
            "404 NoSuchEntity: Policy arn:aws:iam::111122223333:policy/p does not exist or is not attachable."
        ],
    );
    refused(
        &house,
        "DetachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": policy}),
        expect!["404 NoSuchEntity: Policy arn:aws:iam::111122223333:policy/p was not found."],
    );
    refused(
        &house,
        "GetPolicy",
        json!({"PolicyArn": policy}),
        expect!["404 NoSuchEntity: Policy arn:aws:iam::111122223333:policy/p was not found."],
    );
    refused(
        &house,
        "GetPolicy",
        json!({"PolicyArn": "x"}),
        expect!["400 ValidationError: Invalid ARN:  Could not be parsed!"],
    );
    refused(
        &house,
        "TagRole",
        json!({"RoleName": "r", "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]}),
        expect![
            "400 InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive."
        ],
    );
    refused(
        &house,
        "CreateServiceLinkedRole",
        json!({"AWSServiceName": "batch.amazonaws.com", "CustomSuffix": "x"}),
        expect!["400 InvalidInput: Custom suffix is not allowed for batch.amazonaws.com"],
    );
    house
        .call(
            &root(ACCOUNT),
            "iam",
            "CreateServiceLinkedRole",
            json!({"AWSServiceName": "batch.amazonaws.com"}),
        )
        .unwrap();
    refused(
        &house,
        "CreateServiceLinkedRole",
        json!({"AWSServiceName": "batch.amazonaws.com"}),
        expect![
            "400 InvalidInput: Service role name AWSServiceRoleForBatch has been taken in this account, please try a different suffix."
        ],
    );
    refused(
        &house,
        "DeleteRole",
        json!({"RoleName": "AWSServiceRoleForBatch"}),
        expect![
            "400 UnmodifiableEntity: Cannot perform the operation on the protected role 'AWSServiceRoleForBatch' - this role is only modifiable by AWS"
        ],
    );
}

#[test]
fn managed_policies_have_versions_counts_and_conflicts() {
    let (house, me) = (crate::testing_house(), root(ACCOUNT));
    let call = |operation, input| house.call(&me, "iam", operation, input).unwrap();
    create_role(&house, "r", json!({}));
    let document = allow("s3:*", "*").to_string();
    let policy = call(
        "CreatePolicy",
        json!({"PolicyName": "p", "PolicyDocument": document}),
    )["Policy"]
        .take();
    let arn = policy["Arn"].clone();
    for _ in 0..4 {
        call(
            "CreatePolicyVersion",
            json!({"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": true}),
        );
    }
    refused(
        &house,
        "CreatePolicyVersion",
        json!({"PolicyArn": arn, "PolicyDocument": document}),
        expect![
            "409 LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."
        ],
    );
    refused(
        &house,
        "DeletePolicyVersion",
        json!({"PolicyArn": arn, "VersionId": "v5"}),
        expect!["409 DeleteConflict: Cannot delete the default version of a policy."],
    );
    let listed = call(
        "ListPolicyVersions",
        json!({"PolicyArn": arn, "MaxItems": 2}),
    );
    assert_eq!(
        (&listed["Versions"][0]["VersionId"], &listed["IsTruncated"]),
        (&json!("v5"), &json!(true))
    );
    let rest = call(
        "ListPolicyVersions",
        json!({"PolicyArn": arn, "Marker": listed["Marker"]}),
    );
    assert_eq!(
        (
            rest["Versions"].as_array().unwrap().len(),
            &rest["IsTruncated"]
        ),
        (3, &json!(false))
    );
    call(
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": arn}),
    );
    call(
        "PutRolePermissionsBoundary",
        json!({"RoleName": "r", "PermissionsBoundary": arn}),
    );
    let got = call("GetPolicy", json!({"PolicyArn": arn}))["Policy"].take();
    assert_eq!(
        (
            &got["AttachmentCount"],
            &got["PermissionsBoundaryUsageCount"]
        ),
        (&json!(1), &json!(1))
    );
    let entities = call("ListEntitiesForPolicy", json!({"PolicyArn": arn}));
    assert_eq!(entities["PolicyRoles"][0]["RoleName"], "r");
    refused(
        &house,
        "DeletePolicy",
        json!({"PolicyArn": arn}),
        expect!["409 DeleteConflict: Cannot delete a policy attached to entities."],
    );
    refused(
        &house,
        "DeleteRole",
        json!({"RoleName": "r"}),
        expect!["409 DeleteConflict: Cannot delete entity, must detach all policies first."],
    );
    call(
        "DetachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": arn}),
    );
    call("DeleteRole", json!({"RoleName": "r"}));
    assert_eq!(
        call("GetPolicy", json!({"PolicyArn": arn}))["Policy"]["PermissionsBoundaryUsageCount"],
        0
    );
    let aws = call(
        "GetPolicyVersion",
        json!({"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess", "VersionId": "v1"}),
    );
    assert!(
        aws["PolicyVersion"]["Document"]
            .as_str()
            .unwrap()
            .contains("%22Allow%22")
    );
}

#[test]
fn users_groups_and_keys_live_together() {
    let (house, me) = (crate::testing_house(), root(ACCOUNT));
    let call = |operation, input| house.call(&me, "iam", operation, input).unwrap();
    call("CreateUser", json!({"UserName": "ann"}));
    call("CreateGroup", json!({"GroupName": "readers"}));
    call(
        "PutGroupPolicy",
        json!({"GroupName": "readers", "PolicyName": "p", "PolicyDocument": allow("kms:ListKeys", "*").to_string()}),
    );
    let key = call("CreateAccessKey", json!({"UserName": "ann"}))["AccessKey"].take();
    let id = key["AccessKeyId"].as_str().unwrap().to_owned();
    let found = |house: &House| {
        house
            .store
            .read(|tx| {
                crate::sts::identify(
                    tx,
                    crate::sts::Times {
                        now: house.now.get(),
                        wall: house.now.get(),
                    },
                    &id,
                    None,
                    false,
                )
            })
            .unwrap()
    };
    let ann = found(&house).unwrap();
    assert_eq!(
        ann.secret_access_key,
        key["SecretAccessKey"].as_str().unwrap()
    );
    let list = |who: &Principal| house.refusal(who, "kms", "ListKeys", json!({}));
    assert!(list(&ann.principal).starts_with("400 AccessDeniedException"));
    call(
        "AddUserToGroup",
        json!({"GroupName": "readers", "UserName": "ann"}),
    );
    assert!(list(&ann.principal).starts_with("allowed"));
    assert!(house.refusal(&ann.principal, "iam", "GetUser", json!({})).starts_with("403 AccessDenied: User: arn:aws:iam::111122223333:user/ann is not authorized to perform: iam:GetUser on resource: arn:aws:iam::111122223333:user/ann because no identity-based policy allows"));
    call(
        "UpdateUser",
        json!({"UserName": "ann", "NewUserName": "anna"}),
    );
    let anna = found(&house).unwrap().principal;
    assert_eq!(anna.arn, format!("arn:aws:iam::{ACCOUNT}:user/anna"));
    assert!(list(&anna).starts_with("allowed"));
    let group = call("GetGroup", json!({"GroupName": "readers"}));
    assert_eq!(group["Users"][0]["UserName"], "anna");
    call(
        "UpdateAccessKey",
        json!({"UserName": "anna", "AccessKeyId": id, "Status": "Inactive"}),
    );
    assert!(found(&house).is_err());
    refused(
        &house,
        "DeleteUser",
        json!({"UserName": "anna"}),
        expect!["409 DeleteConflict: Cannot delete entity, must delete access keys first."],
    );
    refused(
        &house,
        "DeleteGroup",
        json!({"GroupName": "readers"}),
        expect!["409 DeleteConflict: Cannot delete entity, must remove users from group first."],
    );
    call(
        "DeleteAccessKey",
        json!({"UserName": "anna", "AccessKeyId": id}),
    );
    call(
        "RemoveUserFromGroup",
        json!({"GroupName": "readers", "UserName": "anna"}),
    );
    call("DeleteUser", json!({"UserName": "anna"}));
    assert!(list(&anna).starts_with("400 AccessDeniedException"));
}

#[test]
fn passing_a_role_is_asked_with_the_service_it_goes_to() {
    let house = crate::testing_house();
    let statement = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
        "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}});
    let who = house.role(
        "deployer",
        Some(json!({"Version": "2012-10-17", "Statement": [statement]})),
    );
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/deployer");
    let pass = |service: &str| {
        house
            .store
            .read(|tx| super::authorise_pass_role(tx, &house.context(&who), &arn, service))
            .is_ok()
    };
    assert!(pass("lambda.amazonaws.com"));
    assert!(!pass("ec2.amazonaws.com"));
}

#[test]
fn a_denial_names_the_managed_policy_that_denies() {
    let (house, me) = (crate::testing_house(), root(ACCOUNT));
    let who = house.role("r", Some(allow("*", "*")));
    let deny = json!({"Version": "2012-10-17", "Statement": [{"Sid": "No", "Effect": "Deny", "Action": "kms:*", "Resource": "*"}]});
    let policy = house
        .call(
            &me,
            "iam",
            "CreatePolicy",
            json!({"PolicyName": "deny", "PolicyDocument": deny.to_string()}),
        )
        .unwrap();
    let arn = policy["Policy"]["Arn"].clone();
    house
        .call(
            &me,
            "iam",
            "AttachRolePolicy",
            json!({"RoleName": "r", "PolicyArn": arn}),
        )
        .unwrap();
    assert_eq!(
        house.refusal(&who, "kms", "ListKeys", json!({})),
        format!(
            "400 AccessDeniedException: User: arn:aws:sts::{ACCOUNT}:assumed-role/r/session is not authorized to perform: kms:ListKeys on resource: * with an explicit deny in an identity-based policy: arn:aws:iam::{ACCOUNT}:policy/deny"
        )
    );
}

#[test]
fn decisions_are_kept_with_what_matched_and_what_nearly_did() {
    let house = crate::testing_house();
    let statements = json!([
        {"Sid": "Wide", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"},
        {"Sid": "Tls", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]);
    let who = house.role(
        "r",
        Some(json!({"Version": "2012-10-17", "Statement": statements})),
    );
    let context = house.context(&who);
    let (inner, span) = context.span("authorise");
    let access = Access::new("s3:GetObject", "arn:aws:s3:::b/k");
    house
        .store
        .read(|tx| super::authorise(tx, &inner, std::slice::from_ref(&access)))
        .unwrap();
    let mut plain = inner;
    plain.secure_transport = false;
    let refusal = house
        .store
        .read(|tx| super::authorise(tx, &plain, &[access]))
        .unwrap_err();
    assert!(
        refusal
            .message
            .ends_with("with an explicit deny in an identity-based policy"),
        "{refusal}"
    );
    drop(span);
    let spans = context.trace.take_finished();
    let decisions = &spans
        .iter()
        .find(|span| span.name == "authorise")
        .unwrap()
        .attributes["decisions"];
    expect![[r#"
        [{"action":"s3:GetObject","at_s":1790000000,"looked_at":["identity-based: p"],"matched":[{"effect":"Allow","policy":"p","sid":"Wide","statement":0,"type":"identity-based"}],"nearly_matched":[{"effect":"Deny","lacking":"Bool aws:SecureTransport","policy":"p","sid":"Tls","statement":1,"type":"identity-based"}],"principal":"arn:aws:sts::111122223333:assumed-role/r/session","reason":"allowed","region":"us-east-1","resource":"arn:aws:s3:::b/k","role":"arn:aws:iam::111122223333:role/r","verdict":"allow"},{"action":"s3:GetObject","at_s":1790000000,"looked_at":["identity-based: p"],"matched":[{"effect":"Allow","policy":"p","sid":"Wide","statement":0,"type":"identity-based"},{"effect":"Deny","policy":"p","sid":"Tls","statement":1,"type":"identity-based"}],"principal":"arn:aws:sts::111122223333:assumed-role/r/session","reason":"explicit deny in p (identity-based)","region":"us-east-1","remedy":{"text":"no Allow can outweigh a Deny: remove or narrow the statement Tls of p (identity-based policy)"},"resource":"arn:aws:s3:::b/k","role":"arn:aws:iam::111122223333:role/r","verdict":"deny"}]
    "#]].assert_eq(&format!("{}\n", sorted(decisions)));
}

/// With members in order, whatever order they were put in.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().collect())
        }
        value => value.clone(),
    }
}

#[test]
fn services_reach_resources_by_source_arn_only() {
    let house = crate::testing_house();
    let policy = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }});
    let invoke = |source: &str, account: &str| {
        let context = house
            .context(&root(ACCOUNT))
            .as_service("s3.amazonaws.com", source, account);
        let access = Access::new(
            "lambda:InvokeFunction",
            "arn:aws:lambda:us-east-1:111122223333:function:f",
        );
        let access = access.governed_by(Some(policy.to_string().into()), ACCOUNT);
        house
            .store
            .read(|tx| super::authorise(tx, &context, &[access]))
            .map_err(|error| error.message)
    };
    assert_eq!(invoke("arn:aws:s3:::b", ACCOUNT), Ok(()));
    assert!(invoke("arn:aws:s3:::c", ACCOUNT).is_err());
    assert_eq!(
        invoke("arn:aws:s3:::b", OTHER),
        Err("User: s3.amazonaws.com is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:111122223333:function:f because no resource-based policy allows the lambda:InvokeFunction action".into())
    );
}

#[test]
fn the_simulator_answers_with_positions() {
    let (house, me) = (crate::testing_house(), root(ACCOUNT));
    // The example of the CLI's manual.
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
    let simulate = |time: &str| {
        let input = json!({"PolicyInputList": [policy], "ActionNames": ["dynamodb:CreateBackup"],
            "ContextEntries": [{"ContextKeyName": "aws:CurrentTime", "ContextKeyValues": [time], "ContextKeyType": "date"}]});
        house
            .call(&me, "iam", "SimulateCustomPolicy", input)
            .unwrap()["EvaluationResults"][0]
            .take()
    };
    assert_eq!(
        simulate("2019-04-25T11:00:00Z"),
        json!({
            "EvalActionName": "dynamodb:CreateBackup", "EvalResourceName": "*", "EvalDecision": "allowed",
            "MatchedStatements": [{"SourcePolicyId": "PolicyInputList.1", "SourcePolicyType": "IAM Policy",
                "StartPosition": {"Line": 1, "Column": 38}, "EndPosition": {"Line": 1, "Column": 167}}],
            "MissingContextValues": [],
        })
    );
    assert_eq!(
        simulate("2014-04-25T11:00:00Z")["EvalDecision"],
        "implicitDeny"
    );
    let keys = house
        .call(
            &me,
            "iam",
            "GetContextKeysForCustomPolicy",
            json!({"PolicyInputList": [policy]}),
        )
        .unwrap();
    assert_eq!(keys, json!({"ContextKeyNames": ["aws:CurrentTime"]}));
    house.role("r", Some(allow("s3:Get*", "arn:aws:s3:::b/*")));
    let input = json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:role/r"), "ActionNames": ["s3:GetObject", "s3:PutObject"], "ResourceArns": ["arn:aws:s3:::b/k"]});
    let results = house
        .call(&me, "iam", "SimulatePrincipalPolicy", input)
        .unwrap();
    let decisions: Vec<&Value> = results["EvaluationResults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["EvalDecision"])
        .collect();
    assert_eq!(decisions, ["allowed", "implicitDeny"]);
    assert_eq!(
        results["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"],
        "role_r_p"
    );
}

#[test]
fn the_whole_account_is_told_in_pages() {
    let (house, me) = (crate::testing_house(), root(ACCOUNT));
    for place in 0..5 {
        create_role(&house, &format!("r{place}"), json!({}));
    }
    house
        .call(
            &me,
            "iam",
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "i"}),
        )
        .unwrap();
    house
        .call(
            &me,
            "iam",
            "AddRoleToInstanceProfile",
            json!({"InstanceProfileName": "i", "RoleName": "r0"}),
        )
        .unwrap();
    refused(
        &house,
        "DeleteRole",
        json!({"RoleName": "r0"}),
        expect![
            "409 DeleteConflict: Cannot delete entity, must remove roles from instance profile first."
        ],
    );
    let mut seen = Vec::new();
    let mut marker = Value::Null;
    loop {
        let mut input = json!({"MaxItems": 2, "Filter": ["Role"]});
        if !marker.is_null() {
            input["Marker"] = marker;
        }
        let mut page = house
            .call(&me, "iam", "GetAccountAuthorizationDetails", input)
            .unwrap();
        seen.extend(
            page["RoleDetailList"]
                .as_array()
                .unwrap()
                .iter()
                .map(|role| role["RoleName"].as_str().unwrap().to_owned()),
        );
        if page["IsTruncated"] == false {
            break;
        }
        marker = page["Marker"].take();
    }
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
    let summary = house
        .call(&me, "iam", "GetAccountSummary", json!({}))
        .unwrap();
    assert_eq!(summary["SummaryMap"]["Roles"], 5);
    assert!(
        house
            .call(&root(OTHER), "iam", "ListRoles", json!({}))
            .unwrap()["Roles"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn secrets_are_not_printed() {
    let operator = super::Operator {
        access_key_id: "k".into(),
        secret_access_key: "very secret".into(),
        account: ACCOUNT.into(),
        loopback_only: false,
    };
    assert!(
        !format!("{operator:?} {:?}", super::Secret("very secret".into())).contains("very secret")
    );
}
