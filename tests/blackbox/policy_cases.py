"""What AWS's policy evaluation must say, case by case: derived from the pages on evaluation logic, on condition operators, on
policy variables, and on the elements of policies. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html

A case is (name, arguments of SimulateCustomPolicy, the decision). Helpers only shorten; nothing here computes an expectation.
"""

ACCOUNT, OTHER = "000000000000", "444455556666"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1"
STRANGER = f"arn:aws:iam::{OTHER}:user/eve"
OBJECT = "arn:aws:s3:::bucket/home/ann/file.txt"
GET = "s3:GetObject"
YES, NO, DENY = "allowed", "implicitDeny", "explicitDeny"

CASES = []


def statement(effect="Allow", action=GET, resource="*", **more):
    made = {"Effect": effect}
    if "NotAction" not in more:
        made["Action"] = action
    if "NotResource" not in more:
        made["Resource"] = resource
    return {**made, **more}


def policy(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


def case(name, expected, *identity, action=GET, resource=OBJECT, boundary=None, attached=None, caller=USER, owner=None, **keys):
    CASES.append(
        (name, dict(identity=identity, action=action, resource=resource, boundary=boundary, attached=attached, caller=caller,
                    owner=owner, keys=keys.get("keys", {})), expected)
    )


ALLOW, DENYING, SILENT = statement(), statement("Deny"), statement(action="s3:PutObject")

# --- Explicit deny, implicit deny, several statements and policies -------------------------------------------------------
case("nothing says nothing", NO, policy(SILENT))
case("an allow allows", YES, policy(ALLOW))
case("a deny denies", DENY, policy(DENYING))
case("deny beats allow in one policy", DENY, policy(ALLOW, DENYING))
case("whatever the order", DENY, policy(DENYING, ALLOW))
case("deny beats allow across policies", DENY, policy(ALLOW), policy(DENYING))
case("whatever the order of policies", DENY, policy(DENYING), policy(ALLOW))
case("an allow in a second policy", YES, policy(SILENT), policy(ALLOW))
case("an allow in a second statement", YES, policy(SILENT, ALLOW))
case("a deny of something else", YES, policy(ALLOW, statement("Deny", "s3:PutObject")))
case("a deny of another resource", YES, policy(ALLOW, statement("Deny", resource="arn:aws:s3:::other/*")))
case("a deny whose condition fails", YES, policy(ALLOW, statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})), keys={"aws:SecureTransport": "true"})
case("a deny whose condition holds", DENY, policy(ALLOW, statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})), keys={"aws:SecureTransport": "false"})
case("an allow whose condition fails", NO, policy(statement(Condition={"Bool": {"aws:SecureTransport": "true"}})), keys={"aws:SecureTransport": "false"})
case("a lone statement without a list", YES, {"Version": "2012-10-17", "Statement": ALLOW})

# --- Boundaries -----------------------------------------------------------------------------------------------------------
for name, identity, boundary, expected in [
    ("allow and allow", ALLOW, ALLOW, YES),
    ("allow and silence", ALLOW, SILENT, NO),
    ("allow and deny", ALLOW, DENYING, DENY),
    ("silence and allow", SILENT, ALLOW, NO),
    ("silence and silence", SILENT, SILENT, NO),
    ("silence and deny", SILENT, DENYING, DENY),
    ("deny and allow", DENYING, ALLOW, DENY),
    ("deny and silence", DENYING, SILENT, DENY),
    ("deny and deny", DENYING, DENYING, DENY),
]:
    case(f"boundary: {name}", expected, policy(identity), boundary=policy(boundary))
case("boundary of another action", NO, policy(statement(action="iam:CreateUser")), action="iam:CreateUser", resource="*", boundary=policy(statement(action="s3:*")))
case("boundary by wildcard", YES, policy(ALLOW), boundary=policy(statement(action="s3:*")))
case("boundary of another resource", NO, policy(ALLOW), boundary=policy(statement(resource="arn:aws:s3:::other/*")))

# --- Resource policies: same account ---------------------------------------------------------------------------------------
def grant(effect="Allow", principal=USER, **more):
    return policy(statement(effect, Principal={"AWS": principal}, **more))


for name, identity, attached, expected in [
    ("identity alone", ALLOW, policy(statement(action="s3:PutObject", Principal="*")), YES),
    ("resource alone, to the user", SILENT, grant(), YES),
    ("resource alone, to everyone", SILENT, policy(statement(Principal="*")), YES),
    ("resource alone, to all of AWS", SILENT, grant(principal="*"), YES),
    ("resource alone, to the account: identity must allow too", SILENT, grant(principal=ACCOUNT), NO),
    ("resource to the account's root: identity must allow too", SILENT, grant(principal=f"arn:aws:iam::{ACCOUNT}:root"), NO),
    ("resource to the account and identity", ALLOW, grant(principal=ACCOUNT), YES),
    ("resource to another user", SILENT, grant(principal=f"arn:aws:iam::{ACCOUNT}:user/bob"), NO),
    ("resource to another user, identity allows", ALLOW, grant(principal=f"arn:aws:iam::{ACCOUNT}:user/bob"), YES),
    ("resource denies the user", ALLOW, grant("Deny"), DENY),
    ("resource denies everyone", ALLOW, policy(statement("Deny", Principal="*")), DENY),
    ("resource denies the account", ALLOW, grant("Deny", ACCOUNT), DENY),
    ("resource denies another user", ALLOW, grant("Deny", f"arn:aws:iam::{ACCOUNT}:user/bob"), YES),
    ("resource denies another account", ALLOW, grant("Deny", OTHER), YES),
    ("identity denies what resource gives", DENYING, grant(), DENY),
    ("resource to a service only", SILENT, policy(statement(Principal={"Service": "s3.amazonaws.com"})), NO),
    ("resource to a list with the user in it", SILENT, grant(principal=[f"arn:aws:iam::{ACCOUNT}:user/bob", USER]), YES),
    ("resource denies all but the user and its account", ALLOW, policy(statement("Deny", NotPrincipal={"AWS": [USER, f"arn:aws:iam::{ACCOUNT}:root"]})), YES),
    ("resource denies all but another user", ALLOW, policy(statement("Deny", NotPrincipal={"AWS": [f"arn:aws:iam::{ACCOUNT}:user/bob", f"arn:aws:iam::{ACCOUNT}:root"]})), DENY),
    ("resource gives on condition that holds", SILENT, grant(Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}), YES),
    ("resource gives on condition that fails", SILENT, grant(Condition={"StringEquals": {"aws:PrincipalAccount": OTHER}}), NO),
    ("resource gives another object", SILENT, grant(resource="arn:aws:s3:::bucket/other"), NO),
]:
    case(f"same account: {name}", expected, policy(identity), attached=attached)

# A boundary does not cut what a resource's policy gives to the user itself, and does cut what it gives to a role.
case("boundary does not cut a grant to the user", YES, policy(SILENT), attached=grant(), boundary=policy(SILENT))
case("boundary cuts a grant to the account", NO, policy(ALLOW), attached=grant(principal=ACCOUNT), boundary=policy(SILENT))
case("boundary cuts a grant to the role", NO, policy(SILENT), attached=grant(principal=ROLE), boundary=policy(SILENT), caller=SESSION)
case("boundary does not cut a grant to the session", YES, policy(SILENT), attached=grant(principal=SESSION), boundary=policy(SILENT), caller=SESSION)
case("a boundary's deny cuts every grant", DENY, policy(SILENT), attached=grant(), boundary=policy(DENYING))
case("a grant to the role reaches its session", YES, policy(SILENT), attached=grant(principal=ROLE), caller=SESSION)
case("a grant to another session", NO, policy(SILENT), attached=grant(principal=SESSION + "x"), caller=SESSION)
case("a deny of the role reaches its session", DENY, policy(ALLOW), attached=grant("Deny", ROLE), caller=SESSION)
case("a deny of the session", DENY, policy(ALLOW), attached=grant("Deny", SESSION), caller=SESSION)
case("a deny of another session", YES, policy(ALLOW), attached=grant("Deny", SESSION + "x"), caller=SESSION)

# --- Resource policies: between accounts -----------------------------------------------------------------------------------
OWNER = f"arn:aws:iam::{OTHER}:root"
for name, identity, attached, expected in [
    ("identity alone", ALLOW, policy(statement(action="s3:PutObject", Principal="*")), NO),
    ("resource alone", SILENT, grant(), NO),
    ("both", ALLOW, grant(), YES),
    ("both, to the account", ALLOW, grant(principal=ACCOUNT), YES),
    ("both, to everyone", ALLOW, policy(statement(Principal="*")), YES),
    ("everyone, identity silent", SILENT, policy(statement(Principal="*")), NO),
    ("identity denies", DENYING, grant(), DENY),
    ("resource denies", ALLOW, grant("Deny"), DENY),
    ("to a third account", ALLOW, grant(principal="777788889999"), NO),
    ("to the owner only", ALLOW, grant(principal=OTHER), NO),
]:
    case(f"cross account: {name}", expected, policy(identity), attached=attached, owner=OWNER)
case("cross account: boundary cuts", NO, policy(ALLOW), attached=grant(), owner=OWNER, boundary=policy(SILENT))
case("cross account: boundary allows", YES, policy(ALLOW), attached=grant(), owner=OWNER, boundary=policy(ALLOW))
case("cross account: boundary denies", DENY, policy(ALLOW), attached=grant(), owner=OWNER, boundary=policy(DENYING))

# --- Action and NotAction --------------------------------------------------------------------------------------------------
for pattern, action, expected in [
    ("*", GET, YES),
    ("s3:*", GET, YES),
    ("s3:Get*", GET, YES),
    ("s3:Get*", "s3:PutObject", NO),
    ("s3:GetObject", "s3:GetObjectAcl", NO),
    ("s3:GetObject*", "s3:GetObjectAcl", YES),
    ("s3:*Object", GET, YES),
    ("s3:*Object", "s3:GetObjectAcl", NO),
    ("s3:G?tObject", GET, YES),
    ("s3:G?tObject", "s3:GtObject", NO),
    ("S3:GETOBJECT", GET, YES),
    ("s3:getobject", GET, YES),
    ("s3:GetObject", "S3:getObject", YES),
    ("dynamodb:*", GET, NO),
    ("s3:*Acl", GET, NO),
    ("iam:*AccessKey*", "iam:CreateAccessKey", YES),
    ("iam:*AccessKey*", "iam:ListAccessKeys", YES),
    ("iam:*AccessKey*", "iam:CreateUser", NO),
]:
    case(f"Action {pattern} on {action}", expected, policy(statement(action=pattern)), action=action)
case("Action list, first", YES, policy(statement(action=[GET, "s3:PutObject"])))
case("Action list, last", YES, policy(statement(action=["s3:PutObject", GET])))
case("Action list, none", NO, policy(statement(action=["s3:PutObject", "s3:DeleteObject"])))
for listed, expected in [("s3:PutObject", YES), (GET, NO), ("s3:*", NO), ("iam:*", YES), (["iam:*", GET], NO), (["iam:*", "sts:*"], YES), ("*", NO)]:
    case(f"allow NotAction {listed}", expected, policy(statement(NotAction=listed)))
    case(f"deny NotAction {listed}", DENY if expected == YES else YES, policy(ALLOW, statement("Deny", NotAction=listed)))

# --- Resource and NotResource -----------------------------------------------------------------------------------------------
for pattern, resource, expected in [
    ("*", OBJECT, YES),
    ("arn:aws:s3:::bucket/*", OBJECT, YES),
    ("arn:aws:s3:::bucket", OBJECT, NO),
    ("arn:aws:s3:::bucket*", OBJECT, YES),
    ("arn:aws:s3:::bucke?/home/*", OBJECT, YES),
    ("arn:aws:s3:::*/file.txt", OBJECT, YES),
    ("arn:aws:s3:::*/file.doc", OBJECT, NO),
    ("arn:aws:s3:::bucket/home/*/file.txt", OBJECT, YES),
    ("arn:aws:s3:::bucket/HOME/*", OBJECT, NO),
    ("arn:aws:s3:::bucket/home/ann/file.txt", OBJECT, YES),
    ("arn:aws:s3:::bucket/home/ann/file.tx", OBJECT, NO),
    ("arn:aws:s3:::bucket/home/ann/file.tx?", OBJECT, YES),
    ("arn:aws:s3:::bucket/home/ann/file.txt?", OBJECT, NO),
    ("arn:aws:s3:::other/*", OBJECT, NO),
    ("arn:*:s3:::bucket/*", OBJECT, YES),
    ("arn:aws:*:::bucket/*", OBJECT, YES),
    ("arn:aws:dynamodb:*:*:table/t", "arn:aws:dynamodb:eu-west-1:000000000000:table/t", YES),
    ("arn:aws:dynamodb:*:*:table/t", "arn:aws:dynamodb:eu-west-1:000000000000:table/t/index/i", NO),
    ("arn:aws:dynamodb:*:*:table/t*", "arn:aws:dynamodb:eu-west-1:000000000000:table/t/index/i", YES),
    ("arn:aws:dynamodb:us-*:*:table/t", "arn:aws:dynamodb:eu-west-1:000000000000:table/t", NO),
    ("arn:aws:dynamodb:eu-west-1:111111111111:table/t", "arn:aws:dynamodb:eu-west-1:000000000000:table/t", NO),
    ("arn:aws:dynamodb:eu-west-1:*:table/*", "arn:aws:dynamodb:eu-west-1:000000000000:table/t", YES),
    ("arn:aws:sqs:*:000000000000:*", "arn:aws:sqs:us-east-1:000000000000:queue", YES),
    ("arn:aws:sqs:*:000000000000:q", "arn:aws:sqs:us-east-1:000000000000:queue", NO),
    ("arn:aws:lambda:us-east-1:000000000000:function:f:*", "arn:aws:lambda:us-east-1:000000000000:function:f:prod", YES),
    ("arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:lambda:us-east-1:000000000000:function:f:prod", NO),
    ("arn:aws:logs:*:*:log-group:/aws/lambda/*", "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:log-stream:x", YES),
]:
    case(f"Resource {pattern} on {resource}", expected, policy(statement(action="*", resource=pattern)), resource=resource)
case("Resource list", YES, policy(statement(resource=["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/*"])))
case("Resource list, none", NO, policy(statement(resource=["arn:aws:s3:::other/*", "arn:aws:s3:::bucket2/*"])))
for listed, expected in [("arn:aws:s3:::other/*", YES), ("arn:aws:s3:::bucket/*", NO), ("*", NO), (["arn:aws:s3:::a", "arn:aws:s3:::b"], YES), (["arn:aws:s3:::a", OBJECT], NO)]:
    case(f"allow NotResource {listed}", expected, policy(statement(NotResource=listed)))
    case(f"deny NotResource {listed}", DENY if expected == YES else YES, policy(ALLOW, statement("Deny", NotResource=listed)))

# --- Condition operators ----------------------------------------------------------------------------------------------------
def condition(operator, key, wanted, found, expected, also=""):
    keys = {} if found is None else {key: found}
    case(f"{operator} {key} {wanted!r} against {found}{also}", expected, policy(statement(Condition={operator: {key: wanted}})), keys=keys)


KEY = "s3:prefix"
for operator, wanted, found, expected in [
    ("StringEquals", "a", "a", YES),
    ("StringEquals", "a", "A", NO),
    ("StringEquals", "a*", "abc", NO),
    ("StringEquals", ["a", "b"], "b", YES),
    ("StringEquals", ["a", "b"], "c", NO),
    ("StringEquals", "a", None, NO),
    ("StringEquals", "", "", YES),
    ("StringNotEquals", "a", "a", NO),
    ("StringNotEquals", "a", "b", YES),
    ("StringNotEquals", ["a", "b"], "b", NO),
    ("StringNotEquals", ["a", "b"], "c", YES),
    ("StringNotEquals", "a", None, YES),
    ("StringEqualsIgnoreCase", "a", "A", YES),
    ("StringEqualsIgnoreCase", "a", "b", NO),
    ("StringEqualsIgnoreCase", "Äb", "äB", YES),
    ("StringNotEqualsIgnoreCase", "a", "A", NO),
    ("StringNotEqualsIgnoreCase", "a", "b", YES),
    ("StringNotEqualsIgnoreCase", "a", None, YES),
    ("StringLike", "a*", "abc", YES),
    ("StringLike", "a*", "bc", NO),
    ("StringLike", "a?c", "abc", YES),
    ("StringLike", "a?c", "ac", NO),
    ("StringLike", "*", "", YES),
    ("StringLike", "home/*", "home/a/b", YES),
    ("StringLike", ["x*", "a*"], "abc", YES),
    ("StringLike", "A*", "abc", NO),
    ("StringLike", "a*", None, NO),
    ("StringNotLike", "a*", "abc", NO),
    ("StringNotLike", "a*", "bc", YES),
    ("StringNotLike", "a*", None, YES),
    ("stringequals", "a", "a", YES),
    ("STRINGLIKE", "a*", "abc", YES),
]:
    condition(operator, KEY, wanted, found, expected)

for operator, wanted, found, expected in [
    ("NumericEquals", "10", "10", YES),
    ("NumericEquals", "10", "10.0", YES),
    ("NumericEquals", 10, "10", YES),
    ("NumericEquals", "10", "11", NO),
    ("NumericEquals", "10", "ten", NO),
    ("NumericEquals", "10", None, NO),
    ("NumericNotEquals", "10", "11", YES),
    ("NumericNotEquals", "10", "10", NO),
    ("NumericNotEquals", "10", None, YES),
    ("NumericLessThan", "10", "9", YES),
    ("NumericLessThan", "10", "10", NO),
    ("NumericLessThan", "10", "9.99", YES),
    ("NumericLessThanEquals", "10", "10", YES),
    ("NumericLessThanEquals", "10", "11", NO),
    ("NumericGreaterThan", "10", "11", YES),
    ("NumericGreaterThan", "10", "10", NO),
    ("NumericGreaterThan", "-5", "-4", YES),
    ("NumericGreaterThanEquals", "10", "10", YES),
    ("NumericGreaterThanEquals", "10", "9", NO),
    ("NumericLessThan", ["5", "10"], "7", YES),
]:
    condition(operator, "s3:max-keys", wanted, found, expected)

for operator, wanted, found, expected in [
    ("DateEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", YES),
    ("DateEquals", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", YES),
    ("DateEquals", "2026-01-31", "2026-01-31T00:00:00Z", YES),
    ("DateNotEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z", YES),
    ("DateNotEquals", "2026-01-31T12:00:00Z", None, YES),
    ("DateLessThan", "2026-01-31T12:00:00Z", "2026-01-31T11:59:59Z", YES),
    ("DateLessThan", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", NO),
    ("DateLessThanEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", YES),
    ("DateGreaterThan", "2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z", YES),
    ("DateGreaterThan", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", NO),
    ("DateGreaterThanEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", YES),
    ("DateGreaterThan", "1769860800", "2026-02-01T00:00:00Z", YES),
    ("DateGreaterThan", "2026-01-31T12:00:00Z", None, NO),
    ("DateLessThan", "tomorrow", "2026-01-31T11:59:59Z", NO),
]:
    condition(operator, "aws:CurrentTime", wanted, found, expected)

for operator, wanted, found, expected in [
    ("Bool", "true", "true", YES),
    ("Bool", "true", "false", NO),
    ("Bool", "false", "false", YES),
    ("Bool", True, "true", YES),
    ("Bool", "True", "true", YES),
    ("Bool", "true", None, NO),
    ("Bool", ["true", "false"], "false", YES),
    ("BoolIfExists", "true", None, YES),
    ("BoolIfExists", "true", "false", NO),
]:
    condition(operator, "aws:SecureTransport", wanted, found, expected)

for operator, wanted, found, expected in [
    ("IpAddress", "203.0.113.0/24", "203.0.113.7", YES),
    ("IpAddress", "203.0.113.0/24", "203.0.114.7", NO),
    ("IpAddress", "203.0.113.7", "203.0.113.7", YES),
    ("IpAddress", "203.0.113.7/32", "203.0.113.8", NO),
    ("IpAddress", "0.0.0.0/0", "198.51.100.1", YES),
    ("IpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.4.4", YES),
    ("IpAddress", "2001:db8::/32", "2001:db8:1234::1", YES),
    ("IpAddress", "2001:db8::/32", "2001:db9::1", NO),
    ("IpAddress", "2001:db8::/32", "203.0.113.7", NO),
    ("IpAddress", "203.0.113.0/24", None, NO),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", NO),
    ("NotIpAddress", "203.0.113.0/24", "203.0.114.7", YES),
    ("NotIpAddress", ["10.0.0.0/8", "203.0.113.0/24"], "203.0.113.7", NO),
    ("NotIpAddress", "203.0.113.0/24", None, YES),
]:
    condition(operator, "aws:SourceIp", wanted, found, expected)

BUCKET_ARN = "arn:aws:s3:::bucket"
for operator, wanted, found, expected in [
    ("ArnEquals", BUCKET_ARN, BUCKET_ARN, YES),
    ("ArnEquals", "arn:aws:s3:::buc*", BUCKET_ARN, YES),
    ("ArnEquals", "arn:aws:s3:::other", BUCKET_ARN, NO),
    ("ArnLike", "arn:aws:s3:::b?cket", BUCKET_ARN, YES),
    ("ArnLike", "arn:aws:s3:*:*:bucket", BUCKET_ARN, YES),
    ("ArnLike", "arn:aws:*", BUCKET_ARN, NO),
    ("ArnLike", "arn:aws:execute-api:us-east-1:*:api/*/POST/*", "arn:aws:execute-api:us-east-1:000000000000:api/dev/POST/a/b", YES),
    ("ArnLike", "arn:aws:execute-api:us-east-1:*:api/*/GET/*", "arn:aws:execute-api:us-east-1:000000000000:api/dev/POST/a/b", NO),
    ("ArnLike", BUCKET_ARN, None, NO),
    ("ArnNotEquals", BUCKET_ARN, BUCKET_ARN, NO),
    ("ArnNotEquals", BUCKET_ARN, "arn:aws:s3:::other", YES),
    ("ArnNotEquals", BUCKET_ARN, None, YES),
    ("ArnNotLike", "arn:aws:s3:::b*", BUCKET_ARN, NO),
    ("ArnNotLike", "arn:aws:s3:::c*", BUCKET_ARN, YES),
    ("ArnLikeIfExists", BUCKET_ARN, None, YES),
    ("ArnLikeIfExists", BUCKET_ARN, "arn:aws:s3:::other", NO),
]:
    condition(operator, "aws:SourceArn", wanted, found, expected)

for operator, wanted, found, expected in [
    ("BinaryEquals", "aGVsbG8=", "aGVsbG8=", YES),
    ("BinaryEquals", "aGVsbG8=", "d29ybGQ=", NO),
    ("BinaryEquals", "aGVsbG8=", None, NO),
    ("Null", "true", None, YES),
    ("Null", "true", "x", NO),
    ("Null", "false", "x", YES),
    ("Null", "false", None, NO),
    ("Null", True, None, YES),
    ("Null", False, "x", YES),
    ("StringEqualsIfExists", "a", None, YES),
    ("StringEqualsIfExists", "a", "a", YES),
    ("StringEqualsIfExists", "a", "b", NO),
    ("StringLikeIfExists", "a*", None, YES),
    ("StringLikeIfExists", "a*", "b", NO),
    ("StringNotEqualsIfExists", "a", None, YES),
    ("StringNotEqualsIfExists", "a", "a", NO),
    ("NumericLessThanIfExists", "5", None, YES),
    ("NumericLessThanIfExists", "5", "6", NO),
    ("DateLessThanIfExists", "2026-01-01T00:00:00Z", None, YES),
    ("IpAddressIfExists", "10.0.0.0/8", None, YES),
    ("BinaryEqualsIfExists", "aGVsbG8=", None, YES),
]:
    condition(operator, "sts:ExternalId", wanted, found, expected)

# --- Several values in the request ------------------------------------------------------------------------------------------
for operator, wanted, found, expected in [
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], YES),
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], YES),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], NO),
    ("ForAllValues:StringEquals", ["a", "b"], None, YES),
    ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], YES),
    ("ForAllValues:StringLike", ["a*"], ["ab", "bc"], NO),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], YES),
    ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], NO),
    ("ForAllValues:StringEqualsIgnoreCase", ["A"], ["a"], YES),
    ("ForAnyValue:StringEquals", ["a", "b"], ["b", "c"], YES),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], NO),
    ("ForAnyValue:StringEquals", ["a", "b"], None, NO),
    ("ForAnyValue:StringLike", ["a*"], ["x", "ab"], YES),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], YES),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], NO),
    ("ForAnyValue:StringEqualsIfExists", ["a"], None, YES),
    ("ForAllValues:NumericLessThan", ["10"], ["1", "2"], YES),
    ("ForAllValues:NumericLessThan", ["10"], ["1", "20"], NO),
    ("ForAnyValue:ArnLike", ["arn:aws:s3:::b*"], ["arn:aws:s3:::a", "arn:aws:s3:::b"], YES),
    ("forallvalues:stringequals", ["a"], ["a"], YES),
]:
    condition(operator, "aws:TagKeys", wanted, found, expected)

# --- Conditions together -----------------------------------------------------------------------------------------------------
BOTH = {"StringEquals": {"s3:prefix": "a"}, "Bool": {"aws:SecureTransport": "true"}}
case("two operators must both hold", YES, policy(statement(Condition=BOTH)), keys={"s3:prefix": "a", "aws:SecureTransport": "true"})
case("two operators, one fails", NO, policy(statement(Condition=BOTH)), keys={"s3:prefix": "a", "aws:SecureTransport": "false"})
TWO = {"StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"}}
case("two keys must both hold", YES, policy(statement(Condition=TWO)), keys={"s3:prefix": "a", "s3:delimiter": "/"})
case("two keys, one is missing", NO, policy(statement(Condition=TWO)), keys={"s3:prefix": "a"})
case("keys are told apart without case", YES, policy(statement(Condition={"StringEquals": {"S3:PREFIX": "a"}})), keys={"s3:prefix": "a"})
case("an empty condition", YES, policy(statement(Condition={})))
case("the external id of CDK's roles", YES, policy(statement(Condition={"Null": {"sts:ExternalId": "true"}})))

# --- Policy variables ---------------------------------------------------------------------------------------------------------
HOME = "arn:aws:s3:::bucket/home/${aws:username}/*"
case("a variable in Resource", YES, policy(statement(resource=HOME)))
case("a variable of another user", NO, policy(statement(resource=HOME)), caller=f"arn:aws:iam::{ACCOUNT}:user/bob")
case("a variable without a value", NO, policy(statement(resource=HOME)), caller=SESSION)
case("old documents have no variables", NO, policy(statement(resource=HOME), version="2008-10-17"))
case("a variable in a deny without a value", YES, policy(ALLOW, statement("Deny", resource=HOME)), caller=SESSION)
case("a default", YES, policy(statement(resource="arn:aws:s3:::bucket/home/${aws:PrincipalTag/team, 'ann'}/*")))
case("a default that is not needed", NO, policy(statement(resource="arn:aws:s3:::bucket/home/${aws:PrincipalTag/team, 'ann'}/*")), keys={"aws:PrincipalTag/team": "red"})
case("a tag", YES, policy(statement(resource="arn:aws:s3:::bucket/home/${aws:PrincipalTag/team}/*")), keys={"aws:PrincipalTag/team": "ann"})
case("a value with a wildcard is text", NO, policy(statement(resource="arn:aws:s3:::bucket/home/${aws:PrincipalTag/team}/*")), keys={"aws:PrincipalTag/team": "*"})
case("a variable in a condition", YES, policy(statement(Condition={"StringLike": {"s3:prefix": "home/${aws:username}/*"}})), keys={"s3:prefix": "home/ann/x"})
case("a variable in a condition, another's", NO, policy(statement(Condition={"StringLike": {"s3:prefix": "home/${aws:username}/*"}})), keys={"s3:prefix": "home/bob/x"})
case("a variable in StringEquals", YES, policy(statement(Condition={"StringEquals": {"s3:prefix": "${aws:username}"}})), keys={"s3:prefix": "ann"})
case("tags of principal and resource agree", YES, policy(statement(Condition={"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}})), keys={"aws:ResourceTag/team": "red", "aws:PrincipalTag/team": "red"})
case("tags of principal and resource differ", NO, policy(statement(Condition={"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}})), keys={"aws:ResourceTag/team": "red", "aws:PrincipalTag/team": "blue"})
case("a literal star", YES, policy(statement(resource="arn:aws:s3:::bucket/${*}")), resource="arn:aws:s3:::bucket/*")
case("a literal star is no wildcard", NO, policy(statement(resource="arn:aws:s3:::bucket/${*}")), resource="arn:aws:s3:::bucket/a")
case("a literal question mark", NO, policy(statement(resource="arn:aws:s3:::bucket/${?}")), resource="arn:aws:s3:::bucket/a")
case("a literal dollar", YES, policy(statement(resource="arn:aws:s3:::bucket/${$}a")), resource="arn:aws:s3:::bucket/$a")
case("the user id", YES, policy(statement(resource="arn:aws:s3:::bucket/${aws:userid}")), resource="arn:aws:s3:::bucket/AIDAX", keys={"aws:userid": "AIDAX"})

# --- Keys of services -----------------------------------------------------------------------------------------------------------
for action, resource, operator, key, wanted, right, wrong in [
    ("kms:Decrypt", "arn:aws:kms:us-east-1:000000000000:key/k", "StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com", "sqs.us-east-1.amazonaws.com"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:000000000000:key/k", "StringEquals", "kms:EncryptionContext:app", "shop", "shop", "bank"),
    ("kms:CreateGrant", "arn:aws:kms:us-east-1:000000000000:key/k", "Bool", "kms:GrantIsForAWSResource", "true", "true", "false"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:000000000000:key/k", "StringEquals", "kms:CallerAccount", ACCOUNT, ACCOUNT, OTHER),
    ("cloudwatch:PutMetricData", "*", "StringEquals", "cloudwatch:namespace", "Shop", "Shop", "AWS/Lambda"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t", "ForAllValues:StringEquals", "dynamodb:LeadingKeys", "${aws:username}", "ann", "bob"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t", "ForAllValues:StringEquals", "dynamodb:Attributes", ["id", "name"], "id", "salary"),
    ("lambda:CreateEventSourceMapping", "*", "ArnLike", "lambda:FunctionArn", "arn:aws:lambda:*:*:function:f", "arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:lambda:us-east-1:000000000000:function:g"),
    ("s3:ListBucket", "arn:aws:s3:::bucket", "StringLike", "s3:prefix", "home/*", "home/a", "etc/a"),
    ("s3:ListBucket", "arn:aws:s3:::bucket", "StringEquals", "s3:delimiter", "/", "/", "#"),
    ("s3:ListBucket", "arn:aws:s3:::bucket", "NumericLessThanEquals", "s3:max-keys", "100", "100", "101"),
    ("s3:PutObject", OBJECT, "StringEquals", "s3:x-amz-server-side-encryption", "aws:kms", "aws:kms", "AES256"),
    ("s3:GetObject", OBJECT, "StringEquals", "s3:ExistingObjectTag/class", "public", "public", "secret"),
    ("s3:GetObjectVersion", OBJECT, "StringEquals", "s3:VersionId", "v1", "v1", "v2"),
    ("s3:GetObject", OBJECT, "StringEquals", "s3:ResourceAccount", ACCOUNT, ACCOUNT, OTHER),
    ("iam:PassRole", ROLE, "StringEquals", "iam:PassedToService", "lambda.amazonaws.com", "lambda.amazonaws.com", "ec2.amazonaws.com"),
    ("iam:CreateUser", USER, "ArnEquals", "iam:PermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:policy/b", f"arn:aws:iam::{ACCOUNT}:policy/b", f"arn:aws:iam::{ACCOUNT}:policy/c"),
    ("sts:AssumeRole", ROLE, "StringEquals", "sts:RoleSessionName", "${aws:username}", "ann", "bob"),
    ("secretsmanager:GetSecretValue", "*", "StringLike", "secretsmanager:SecretId", "*:secret:db-*", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-x", "arn:aws:secretsmanager:us-east-1:000000000000:secret:api-x"),
    ("s3:CreateBucket", "arn:aws:s3:::bucket", "StringEquals", "aws:RequestedRegion", ["eu-west-1", "eu-central-1"], "eu-central-1", "us-east-1"),
    ("sqs:CreateQueue", "*", "StringEquals", "aws:RequestTag/team", "red", "red", "blue"),
    ("sqs:SendMessage", "*", "StringEquals", "aws:SourceAccount", ACCOUNT, ACCOUNT, OTHER),
    ("sqs:SendMessage", "*", "Bool", "aws:ViaAWSService", "true", "true", "false"),
    ("sqs:SendMessage", "*", "ForAnyValue:StringEquals", "aws:CalledVia", "cloudformation.amazonaws.com", "cloudformation.amazonaws.com", "dynamodb.amazonaws.com"),
    ("sqs:SendMessage", "*", "NumericLessThan", "aws:MultiFactorAuthAge", "3600", "60", "7200"),
    ("sqs:SendMessage", "*", "DateGreaterThan", "aws:TokenIssueTime", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2025-02-01T00:00:00Z"),
    ("sqs:SendMessage", "*", "StringLike", "aws:UserAgent", "*Boto3*", "x Boto3/1.9", "curl"),
]:
    made = policy(statement(action=action, resource=resource, Condition={operator: {key: wanted}}))
    case(f"{key} as it must be for {action}", YES, made, action=action, resource=resource, keys={key: right})
    case(f"{key} otherwise for {action}", NO, made, action=action, resource=resource, keys={key: wrong})
