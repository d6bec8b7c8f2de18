"""IAM and STS as people use them, and the reason for every decision."""

import base64
import csv
import hmac
import io
import json
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest
import requests

from conftest import ACCOUNT, REGION, Engine

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def trust(principal, action="sts:AssumeRole", **more):
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, **more})


def refusal(call, *arguments, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(*arguments, **keywords)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def request_id_of_refusal(call, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**keywords)
    return refused.value.response["ResponseMetadata"]["RequestId"]


@pytest.fixture
def iam(shared_engine):
    return shared_engine.client("iam")


@pytest.fixture
def sts(shared_engine):
    return shared_engine.client("sts")


class User:
    """A user with a key and, perhaps, a policy."""

    def __init__(self, engine, name, *statements):
        self.engine, self.name = engine, name
        iam = engine.client("iam")
        self.arn = iam.create_user(UserName=name)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.key, self.secret = key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, service):
        return self.engine.client(service, self.key, self.secret)


def with_session(engine, service, credentials):
    return boto3.client(
        service,
        endpoint_url=engine.url,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )


def why(engine, request_id):
    # Spans are stored a moment after the answer.
    for _ in range(50):
        told = engine.cumulet("why", request_id, "--json")
        if told.returncode == 0 and json.loads(told.stdout):
            return json.loads(told.stdout)
        time.sleep(0.1)
    raise AssertionError(told.stderr or told.stdout)


def test_why_names_policies_statements_and_a_remedy(shared_engine, iam):
    ann = User(shared_engine, "why-ann", allow("sqs:ListQueues"), allow("s3:GetObject", "arn:aws:s3:::elsewhere/*", Sid="Near"))
    shared_engine.client("s3").create_bucket(Bucket="why-bucket")
    request_id = request_id_of_refusal(ann.client("s3").get_object, Bucket="why-bucket", Key="k")
    decisions = {decision["action"]: decision for decision in why(shared_engine, request_id)}
    decision = decisions["s3:GetObject"]
    assert decision["verdict"] == "deny"
    assert decision["looked_at"] == ["identity-based: own"]
    assert decision["nearly_matched"][0]["sid"] == "Near" and decision["nearly_matched"][0]["lacking"] == "Resource"
    assert decision["remedy"]["statement"] == allow("s3:GetObject", "arn:aws:s3:::why-bucket/k")
    # The remedy works.
    remedied = policy(decision["remedy"]["statement"], allow("s3:ListBucket"))
    iam.put_user_policy(UserName=ann.name, PolicyName="remedy", PolicyDocument=remedied)
    assert refusal(ann.client("s3").get_object, Bucket="why-bucket", Key="k")[0] == "NoSuchKey"
    # An explicit deny is named with its statement.
    iam.put_user_policy(UserName=ann.name, PolicyName="no", PolicyDocument=policy(allow("s3:*", effect="Deny", Sid="Never")))
    request_id = request_id_of_refusal(ann.client("s3").get_object, Bucket="why-bucket", Key="k")
    why(shared_engine, request_id)
    told = shared_engine.cumulet("why", request_id).stdout
    assert "denied s3:GetObject" in told and "Deny by statement Never of no" in told
    assert "remove or narrow the statement Never" in told


def test_a_suggestion_is_the_least_that_was_used(shared_engine, iam):
    bob = User(shared_engine, "suggest-bob", allow("sqs:*", Sid="Queues"), allow("kms:*", Sid="Keys"))
    sqs = bob.client("sqs")
    queue = sqs.create_queue(QueueName="suggested")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    refusal(bob.client("s3").list_buckets)
    for _ in range(50):
        told = shared_engine.cumulet("policy", "suggest", bob.arn, "--json")
        suggestion = json.loads(told.stdout)
        if len(suggestion["policy"]["Statement"]) and suggestion["denied"]:
            break
        time.sleep(0.1)
    resource = f"arn:aws:sqs:{REGION}:{ACCOUNT}:suggested"
    assert suggestion["policy"]["Statement"] == [
        {"Effect": "Allow", "Action": ["sqs:CreateQueue", "sqs:SendMessage"], "Resource": [resource]}
    ]
    assert suggestion["denied"] == [{"action": "s3:ListAllMyBuckets", "resources": ["*"]}]
    verdicts = {grant["sid"]: grant["verdict"] for grant in suggestion["grants"]}
    assert verdicts == {"Queues": "too wide", "Keys": "unused"}
    # With nothing but the suggestion the same calls go through, and others do not.
    document = json.dumps(suggestion["policy"])
    iam.put_user_policy(UserName=bob.name, PolicyName="own", PolicyDocument=document)
    sqs.send_message(QueueUrl=queue, MessageBody="y")
    assert refusal(sqs.delete_queue, QueueUrl=queue)[0] == "AccessDenied"
    assert shared_engine.cumulet("policy", "suggest", "nobody").returncode == 1


def test_last_use_is_told(shared_engine, iam, sts):
    cid = User(shared_engine, "used-cid", allow("sts:AssumeRole"))
    unused = iam.get_access_key_last_used(AccessKeyId=cid.key)
    assert unused["AccessKeyLastUsed"] == {"Region": "N/A", "ServiceName": "N/A"}
    role = iam.create_role(RoleName="used-role", AssumeRolePolicyDocument=trust({"AWS": cid.arn}))["Role"]
    assert "RoleLastUsed" not in role
    iam.put_role_policy(RoleName="used-role", PolicyName="p", PolicyDocument=policy(allow("sqs:ListQueues")))
    assert iam.get_role(RoleName="used-role")["Role"]["RoleLastUsed"] == {}
    session = cid.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="sss")["Credentials"]
    with_session(shared_engine, "sqs", session).list_queues()
    for _ in range(50):
        key = iam.get_access_key_last_used(AccessKeyId=cid.key)["AccessKeyLastUsed"]
        last = iam.get_role(RoleName="used-role")["Role"]["RoleLastUsed"]
        if last and "LastUsedDate" in key:
            break
        time.sleep(0.1)
    assert (key["ServiceName"], last["Region"]) == ("sts", REGION)


def test_sessions_narrow_and_end_with_their_role(shared_engine, iam, sts):
    arn = iam.create_role(RoleName="narrow", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="narrow", PolicyArn=ADMINISTRATOR)
    plain = sts.assume_role(RoleArn=arn, RoleSessionName="plain")
    assert plain["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/narrow/plain"
    narrowed = sts.assume_role(RoleArn=arn, RoleSessionName="narrowed", Policy=policy(allow("sqs:ListQueues")))
    sqs = with_session(shared_engine, "sqs", narrowed["Credentials"])
    sqs.list_queues()
    code, text = refusal(sqs.create_queue, QueueName="q")
    assert (code, "because no session policy allows the sqs:createqueue action" in text.lower()) == ("AccessDenied", True), text
    # A deny by time of issue revokes what was given before.
    revoke = allow("*", effect="Deny", Condition={"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}})
    iam.put_role_policy(RoleName="narrow", PolicyName="revoked", PolicyDocument=policy(revoke))
    assert refusal(with_session(shared_engine, "sqs", plain["Credentials"]).list_queues)[0] == "AccessDenied"
    iam.delete_role_policy(RoleName="narrow", PolicyName="revoked")
    with_session(shared_engine, "sqs", plain["Credentials"]).list_queues()
    # A role made anew under the same name is another.
    iam.detach_role_policy(RoleName="narrow", PolicyArn=ADMINISTRATOR)
    iam.delete_role(RoleName="narrow")
    iam.create_role(RoleName="narrow", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    iam.attach_role_policy(RoleName="narrow", PolicyArn=ADMINISTRATOR)
    assert refusal(with_session(shared_engine, "sqs", plain["Credentials"]).list_queues)[0] == "AccessDenied"


def test_trust_decides_who_takes_a_role_on(shared_engine, iam):
    dan = User(shared_engine, "trust-dan", allow("sts:AssumeRole"))
    external = {"Condition": {"StringEquals": {"sts:ExternalId": "secret-word"}}}
    roles = {
        "not-dan": trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Condition={"StringNotEquals": {"aws:username": "trust-dan"}}),
        "dan": trust({"AWS": dan.arn}),
        "external": trust({"AWS": dan.arn}, **external),
        "lambda": trust({"Service": "lambda.amazonaws.com"}),
    }
    sts = dan.client("sts")
    for name, document in roles.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    arn = f"arn:aws:iam::{ACCOUNT}:role/"
    sts.assume_role(RoleArn=arn + "dan", RoleSessionName="sss")
    sts.assume_role(RoleArn=arn + "external", RoleSessionName="sss", ExternalId="secret-word")
    for name in ("not-dan", "lambda", "external", "absent"):
        code, text = refusal(sts.assume_role, RoleArn=arn + name, RoleSessionName="sss")
        assert code == "AccessDenied"
        assert text == f"User: {dan.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}{name}"
    missing = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"})
    code, text = refusal(iam.create_role, RoleName="x", AssumeRolePolicyDocument=missing)
    assert (code, "Invalid principal in policy" in text) == ("MalformedPolicyDocument", True)


def test_chains_tags_and_source_identity(shared_engine, iam, sts):
    for name, principal in [("first", {"AWS": ACCOUNT}), ("second", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/first"})]:
        document = trust(principal, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow(["sts:*", "sqs:ListQueues"])))
    arn = f"arn:aws:iam::{ACCOUNT}:role/"
    first = sts.assume_role(
        RoleArn=arn + "first", RoleSessionName="one", SourceIdentity="ann",
        Tags=[{"Key": "team", "Value": "red"}], TransitiveTagKeys=["team"],
    )
    assert first["SourceIdentity"] == "ann" and 0 < first["PackedPolicySize"] <= 100
    chained = with_session(shared_engine, "sts", first["Credentials"])
    take = dict(RoleArn=arn + "second", RoleSessionName="two")
    assert refusal(chained.assume_role, **take, DurationSeconds=7200)[0] == "ValidationError"
    assert refusal(chained.assume_role, **take, Tags=[{"Key": "Team", "Value": "blue"}])[0] == "InvalidParameterValue"
    assert refusal(chained.assume_role, **take, SourceIdentity="bob")[0] == "AccessDenied"
    second = chained.assume_role(**take)
    assert second["SourceIdentity"] == "ann"
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red", "aws:SourceIdentity": "ann"}}
    iam.put_role_policy(RoleName="second", PolicyName="p", PolicyDocument=policy(allow("sqs:ListQueues", Condition=condition)))
    with_session(shared_engine, "sqs", second["Credentials"]).list_queues()


def code_of(seed, at=None):
    """RFC 6238, as an authenticator does it."""
    key = base64.b32decode(seed)
    digest = hmac.new(key, int((at or time.time()) // 30).to_bytes(8, "big"), "sha1").digest()
    offset = digest[19] & 0xF
    return f"{int.from_bytes(digest[offset : offset + 4], 'big') % (1 << 31) % 1_000_000:06}"


def test_a_second_device_counts(shared_engine, iam):
    eve = User(shared_engine, "mfa-eve", allow("iam:ListUsers", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    seed, serial = device["Base32StringSeed"].decode(), device["SerialNumber"]
    wrong = dict(UserName=eve.name, SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000001")
    assert refusal(iam.enable_mfa_device, **wrong)[0] == "InvalidAuthenticationCode"
    now = time.time()
    right = dict(AuthenticationCode1=code_of(seed, now - 90), AuthenticationCode2=code_of(seed, now - 60))
    iam.enable_mfa_device(**{**wrong, **right})
    assert [found["SerialNumber"] for found in iam.list_mfa_devices(UserName=eve.name)["MFADevices"]] == [serial]
    sts = eve.client("sts")
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode="000000")[0] == "AccessDenied"
    code = code_of(seed)
    session = sts.get_session_token(SerialNumber=serial, TokenCode=code)["Credentials"]
    assert refusal(sts.get_session_token, SerialNumber=serial, TokenCode=code)[0] == "AccessDenied", "used twice"
    with_session(shared_engine, "iam", session).list_users()
    assert refusal(eve.client("iam").list_users)[0] == "AccessDenied"
    iam.deactivate_mfa_device(UserName=eve.name, SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)


def test_passwords_follow_the_accounts_rules(shared_engine, iam):
    fay = User(shared_engine, "password-fay", allow("iam:ChangePassword"))
    assert refusal(iam.get_account_password_policy)[0] == "NoSuchEntity"
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireNumbers=True, PasswordReusePrevention=2)
    kept = iam.get_account_password_policy()["PasswordPolicy"]
    assert (kept["MinimumPasswordLength"], kept["RequireSymbols"], kept["ExpirePasswords"]) == (10, False, False)
    assert refusal(iam.create_login_profile, UserName=fay.name, Password="short1")[0] == "PasswordPolicyViolation"
    assert refusal(iam.create_login_profile, UserName=fay.name, Password="longenough")[0] == "PasswordPolicyViolation"
    made = iam.create_login_profile(UserName=fay.name, Password="long enough 1", PasswordResetRequired=True)
    assert made["LoginProfile"]["PasswordResetRequired"] is True
    own = fay.client("iam")
    assert refusal(own.change_password, OldPassword="wrong", NewPassword="long enough 2")[0] == "AccessDenied"
    own.change_password(OldPassword="long enough 1", NewPassword="long enough 2")
    again = refusal(own.change_password, OldPassword="long enough 2", NewPassword="long enough 1")
    assert again[0] == "PasswordPolicyViolation"
    iam.delete_login_profile(UserName=fay.name)
    iam.delete_account_password_policy()


def test_the_credential_report_lists_users(shared_engine, iam):
    User(shared_engine, "report-gil")
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(report["Content"].decode()))}
    assert rows["report-gil"]["access_key_1_active"] == "true" and rows["report-gil"]["mfa_active"] == "false"
    assert "<root_account>" in rows


def test_identity_providers_are_kept(iam):
    made = iam.create_open_id_connect_provider(
        Url="https://token.example.com/x", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )
    arn = made["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.example.com/x"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"]) == ("token.example.com/x", ["sts.amazonaws.com", "other"])
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust({"Federated": arn}, "sts:AssumeRoleWithWebIdentity"))
    assert refusal(iam.create_open_id_connect_provider, Url="https://token.example.com/x")[0] == "EntityAlreadyExists"
    assert arn in [each["Arn"] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refusal(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)[0] == "NoSuchEntity"


def test_denials_are_worded_as_aws_words_them(shared_engine, iam):
    hal = User(shared_engine, "words-hal")
    keys = hal.client("kms")
    arn = hal.arn
    code, text = refusal(keys.list_keys)
    assert (code, text) == (
        "AccessDeniedException",
        f"User: {arn} is not authorized to perform: kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action",
    )
    denying = iam.create_policy(PolicyName="words-deny", PolicyDocument=policy(allow("kms:*", effect="Deny")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=hal.name, PolicyArn=denying)
    assert refusal(keys.list_keys)[1].endswith(f"with an explicit deny in an identity-based policy: {denying}")
    iam.detach_user_policy(UserName=hal.name, PolicyArn=denying)
    iam.put_user_policy(UserName=hal.name, PolicyName="p", PolicyDocument=policy(allow("kms:*")))
    boundary = iam.create_policy(PolicyName="words-bound", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=hal.name, PermissionsBoundary=boundary)
    assert refusal(keys.list_keys)[1].endswith("because no permissions boundary allows the kms:ListKeys action")


def test_accounts_are_apart_and_meet_by_policy(tmp_path):
    other = "111122223333"
    engine = Engine(tmp_path, extra=["--operator", f"AKIAOTHERACCOUNT:other-secret:{other}"])
    engine.start()
    try:
        there = engine.client("sts", "AKIAOTHERACCOUNT", "other-secret")
        assert there.get_caller_identity()["Account"] == other
        s3, s3_there = engine.client("s3"), engine.client("s3", "AKIAOTHERACCOUNT", "other-secret")
        s3.create_bucket(Bucket="between-accounts")
        s3.put_object(Bucket="between-accounts", Key="k", Body=b"x")
        assert refusal(s3_there.get_object, Bucket="between-accounts", Key="k") == ("AccessDenied", "Access Denied")
        statement = allow("s3:GetObject", "arn:aws:s3:::between-accounts/*", Principal={"AWS": other})
        s3.put_bucket_policy(Bucket="between-accounts", Policy=policy(statement))
        assert s3_there.get_object(Bucket="between-accounts", Key="k")["Body"].read() == b"x"
        iam = engine.client("iam")
        role = iam.create_role(RoleName="visitors", AssumeRolePolicyDocument=trust({"AWS": other}))["Role"]["Arn"]
        session = there.assume_role(RoleArn=role, RoleSessionName="visit")["Credentials"]
        assert with_session(engine, "sts", session).get_caller_identity()["Account"] == ACCOUNT
        # Roles are per account; names do not meet.
        engine.client("iam", "AKIAOTHERACCOUNT", "other-secret").create_role(
            RoleName="visitors", AssumeRolePolicyDocument=trust({"AWS": other})
        )
    finally:
        engine.stop()


def test_report_mode_allows_and_says_so(tmp_path):
    engine = Engine(tmp_path, extra=["--iam", "report"])
    engine.start()
    try:
        assert requests.get(f"{engine.url}/_cumulet/health", timeout=5).json()["iam"] == "report"
        engine.wait_log("IAM only reports")
        ida = User(engine, "ida")
        answer = ida.client("sqs").list_queues()
        decision = why(engine, answer["ResponseMetadata"]["RequestId"])[0]
        assert (decision["verdict"], decision["reported"]) == ("deny", True)
        engine.wait_log("would be denied: User: " + ida.arn)
        # Signatures are verified all the same.
        code, _ = refusal(engine.client("iam", ida.key, "wrong").list_users)
        assert code == "SignatureDoesNotMatch"
    finally:
        engine.stop()


@pytest.mark.parametrize("flags", [["--iam", "off"], ["--iam", "Report"], ["--iam"], ["--enforce-iam"], ["--tls-cert", "x"]])
def test_misspelt_modes_are_refused(tmp_path, flags):
    engine = Engine(tmp_path)
    told = engine.cumulet("up", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"), *flags)
    assert told.returncode == 2 and not (tmp_path / "d").exists(), told


def test_https_under_the_installations_own_authority(shared_engine, tmp_path):
    certificate = shared_engine.cumulet("ca").stdout
    assert certificate.startswith("-----BEGIN CERTIFICATE-----")
    bundle = tmp_path / "ca.pem"
    bundle.write_text(certificate)
    port = shared_engine.port
    for host in ("127.0.0.1", "localhost"):
        secure = boto3.client(
            "sts", endpoint_url=f"https://{host}:{port}", region_name=REGION, verify=str(bundle),
            aws_access_key_id="test", aws_secret_access_key="test",
        )
        assert secure.get_caller_identity()["Account"] == ACCOUNT
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://127.0.0.1:{port}/_cumulet/health", timeout=5)
    exports = shared_engine.cumulet("ca", "--env").stdout
    assert "export AWS_CA_BUNDLE=" in exports and "export NODE_EXTRA_CA_CERTS=" in exports
    health = requests.get(f"https://127.0.0.1:{port}/_cumulet/health", verify=str(bundle), timeout=5)
    assert health.status_code == 200


def test_secure_transport_is_what_policies_see(tmp_path):
    engine = Engine(tmp_path, extra=["--secure-transport", "strict"])
    engine.start()
    try:
        insecure = allow("*", effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
        jon = User(engine, "jon", allow("sqs:*"), insecure)
        assert refusal(jon.client("sqs").list_queues)[0] == "AccessDenied"
        bundle = tmp_path / "ca.pem"
        bundle.write_text(engine.cumulet("ca").stdout)
        secure = boto3.client(
            "sqs", endpoint_url=f"https://127.0.0.1:{engine.port}", region_name=REGION, verify=str(bundle),
            aws_access_key_id=jon.key, aws_secret_access_key=jon.secret,
        )
        secure.list_queues()
    finally:
        engine.stop()


def test_web_pages_reach_no_management_path(shared_engine):
    url = f"{shared_engine.url}/_cumulet/health"
    assert requests.get(url, timeout=5).status_code == 200
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=5).status_code == 403
    assert requests.get(url, headers={"Origin": "https://evil.example"}, timeout=5).status_code == 403
    preflight = requests.options(url, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}, timeout=5)
    assert "access-control-allow-origin" not in {name.lower() for name in preflight.headers}
    for path in ("/_cumulet/policy/x", "/_cumulet/traces/last"):
        assert requests.get(shared_engine.url + path, headers={"Host": "evil.example"}, timeout=5).status_code == 403


def test_environment_settings_work(shared_engine):
    settings = json.loads(shared_engine.cumulet("env", "--json").stdout)
    assert settings["AWS_ENDPOINT_URL"] == shared_engine.url
    who = shared_engine.aws("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    assert who.stdout.strip() == f"arn:aws:iam::{ACCOUNT}:user/operator", who
    unset = shared_engine.cumulet("env", "--unset").stdout
    assert unset.startswith("unset ") and all(name in unset for name in settings)


def test_account_details_hold_everything(shared_engine, iam):
    User(shared_engine, "details-kim", allow("sqs:ListQueues"))
    details = iam.get_account_authorization_details(Filter=["User", "LocalManagedPolicy"])
    kim = next(user for user in details["UserDetailList"] if user["UserName"] == "details-kim")
    assert kim["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "sqs:ListQueues"
    assert details["RoleDetailList"] == []
