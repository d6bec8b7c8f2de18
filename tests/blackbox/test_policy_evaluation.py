"""The evaluation rules, through SimulateCustomPolicy: the same evaluator that decides every call."""

import json

import botocore.exceptions
import pytest

from policy_cases import CASES, YES, policy, statement


def ask(iam, identity, action, resource, boundary, attached, caller, owner, keys):
    entries = [
        {
            "ContextKeyName": key,
            "ContextKeyValues": value if isinstance(value, list) else [value],
            "ContextKeyType": "stringList" if isinstance(value, list) else "string",
        }
        for key, value in keys.items()
    ]
    more = {
        "ResourcePolicy": attached and json.dumps(attached),
        "ResourceOwner": owner,
        "PermissionsBoundaryPolicyInputList": boundary and [json.dumps(boundary)],
    }
    answer = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(document) for document in identity],
        ActionNames=[action],
        ResourceArns=[resource],
        CallerArn=caller,
        ContextEntries=entries,
        **{name: value for name, value in more.items() if value},
    )
    return answer["EvaluationResults"][0]


def test_there_are_enough_cases():
    assert len(CASES) >= 300
    assert len({name for name, _, _ in CASES}) == len(CASES)


def test_every_rule(shared_engine):
    """One after the other over one connection: a case each would spend its time on fixtures."""
    iam = shared_engine.client("iam")
    wrong = []
    for name, arguments, expected in CASES:
        decided = ask(iam, **arguments)["EvalDecision"]
        if decided != expected:
            wrong.append(f"{name}: {decided}, not {expected}")
    assert not wrong, "\n".join(wrong)


def test_matched_statements_and_missing_keys_are_named(shared_engine):
    iam = shared_engine.client("iam")
    document = '{"Version": "2012-10-17",\n "Statement": [\n  {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},\n  '
    document += '{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}\n]}'
    asked = dict(PolicyInputList=[document], ActionNames=["s3:GetObject", "iam:ListUsers"], ResourceArns=["arn:aws:s3:::b/k"])
    allowed, other = iam.simulate_custom_policy(**asked)["EvaluationResults"]
    assert (allowed["EvalDecision"], other["EvalDecision"]) == ("allowed", "implicitDeny")
    assert allowed["MissingContextValues"] == ["aws:SecureTransport"]
    matched = allowed["MatchedStatements"]
    assert [(found["SourcePolicyId"], found["StartPosition"]) for found in matched] == [
        ("PolicyInputList.1", {"Line": 3, "Column": 3})
    ]
    entry = {"ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean", "ContextKeyValues": ["false"]}
    denied = iam.simulate_custom_policy(**asked, ContextEntries=[entry])["EvaluationResults"][0]
    assert denied["EvalDecision"] == "explicitDeny"
    assert denied["MatchedStatements"][0]["StartPosition"]["Line"] == 4


@pytest.mark.parametrize(
    "document, text",
    [
        ("{", "This policy contains invalid Json"),
        ('{"Version": "2012-10-17"}', "Syntax errors in policy."),
        ('{"Version": "2026-01-01", "Statement": []}', "must be version 2012-10-17 or greater"),
        (json.dumps(policy({"Action": "s3:*", "Resource": "*"})), "Missing required field Effect"),
        (json.dumps(policy(statement(Condition={"StringEqual": {"a:b": "c"}}))), "Invalid Condition type : StringEqual."),
        (json.dumps(policy(statement(Principal="*"))), "should not specify a principal"),
        (json.dumps(policy(statement(action="GetObject"))), "must be prefaced by a vendor"),
        (json.dumps(policy(statement(resource="bucket"))), 'must be in ARN format or "*"'),
        (json.dumps(policy(statement(Sid="a b"))), "must be alpha-numeric"),
    ],
)
def test_documents_that_aws_would_not_store(shared_engine, document, text):
    iam = shared_engine.client("iam")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.create_policy(PolicyName="refused", PolicyDocument=document)
    error = refused.value.response["Error"]
    assert error["Code"] == "MalformedPolicyDocument" and text in error["Message"], error


def test_allowed_is_what_a_call_then_gets(shared_engine):
    """The simulator and the door agree: the same user, policy and action."""
    iam = shared_engine.client("iam")
    iam.create_user(UserName="agreeing")
    key = iam.create_access_key(UserName="agreeing")["AccessKey"]
    own = shared_engine.client("sqs", key["AccessKeyId"], key["SecretAccessKey"])
    arn = iam.get_user(UserName="agreeing")["User"]["Arn"]

    def simulated():
        asked = dict(PolicySourceArn=arn, ActionNames=["sqs:ListQueues"])
        return iam.simulate_principal_policy(**asked)["EvaluationResults"][0]["EvalDecision"]

    def called():
        try:
            own.list_queues()
            return YES
        except botocore.exceptions.ClientError as error:
            text = error.response["Error"]["Message"]
            return "explicitDeny" if "explicit deny" in text else "implicitDeny"

    assert simulated() == called() == "implicitDeny"
    for effect, expected in [("Allow", YES), ("Deny", "explicitDeny")]:
        document = json.dumps(policy(statement(effect, "sqs:ListQueues")))
        iam.put_user_policy(UserName="agreeing", PolicyName="p", PolicyDocument=document)
        assert simulated() == called() == expected
