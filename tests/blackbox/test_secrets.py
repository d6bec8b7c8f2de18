"""What can be seen of secrets: in the data folder, the engine's log at its most talkative, traces, and refusals. Nothing."""

import base64
import json
import re
import stat
import time

import botocore.exceptions
import pytest
import requests

from conftest import Engine
from raw_signature import Request

WORD = "hush-7f3a9c1e5b2d-do-not-tell"
# Files that hold a secret by their nature and are their owner's alone.
OWNERS_ONLY = {"root.key", "operator.json"}


def spellings(secret):
    """The secret as itself, in base64 at each of three offsets, in hexadecimal, and percent-encoded."""
    data = secret.encode()
    yield data
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + data + b"\0" * 3)
        # Without the ends, which depend on the neighbours.
        yield whole[4 : len(data) * 4 // 3 - 4]
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield re.sub(rb"[/+=]", lambda found: b"%%%02X" % found.group()[0], data)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """An engine that was told many secrets, with those secrets and all it said about them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUMULET_LOG", "trace")
        engine = Engine(tmp_path_factory.mktemp("secrets"), extra=["--json"]).start()
    secrets, heard = {"the word": WORD}, []
    ids = tell(engine, secrets, heard)
    time.sleep(0.6)
    for request_id in ids:
        heard.append(("trace", requests.get(f"{engine.url}/_cumulet/traces/{request_id}", timeout=5).content))
    yield engine, secrets, heard
    engine.stop()


def tell(engine, secrets, heard):
    ids = []

    def call(method, **arguments):
        try:
            answer = method(**arguments)
            ids.append(answer["ResponseMetadata"]["RequestId"])
            return answer
        except botocore.exceptions.ClientError as error:
            ids.append(error.response["ResponseMetadata"]["RequestId"])
            heard.append((f"refusal of {method.__name__}", json.dumps(error.response, default=str).encode()))

    iam, sts, ssm = engine.client("iam"), engine.client("sts"), engine.client("ssm")
    keeper, s3, kms = engine.client("secretsmanager"), engine.client("s3"), engine.client("kms")
    table, queue = engine.client("dynamodb"), engine.client("sqs")
    call(iam.create_user, UserName="ann")
    secrets["a secret key"] = call(iam.create_access_key, UserName="ann")["AccessKey"]["SecretAccessKey"]
    call(iam.create_login_profile, UserName="ann", Password=WORD)
    call(iam.update_login_profile, UserName="bob", Password=WORD)
    device = call(iam.create_virtual_mfa_device, VirtualMFADeviceName="phone")["VirtualMFADevice"]
    secrets["a seed"] = device["Base32StringSeed"].decode()
    session = call(sts.get_session_token)["Credentials"]
    secrets["a session's key"], secrets["a token"] = session["SecretAccessKey"], session["SessionToken"]
    call(keeper.create_secret, Name="db", SecretString=WORD)
    call(keeper.create_secret, Name="db", SecretString=WORD)
    call(keeper.put_secret_value, SecretId="absent", SecretString=WORD)
    call(ssm.put_parameter, Name="/db", Value=WORD, Type="SecureString")
    call(ssm.put_parameter, Name="/db", Value=WORD, Type="SecureString")
    key = call(kms.create_key)["KeyMetadata"]["KeyId"]
    call(kms.encrypt, KeyId=key, Plaintext=WORD.encode())
    call(kms.encrypt, KeyId="absent", Plaintext=WORD.encode())
    call(s3.create_bucket, Bucket="vault")
    call(s3.put_object, Bucket="vault", Key="small", Body=WORD.encode())
    call(s3.put_object, Bucket="vault", Key="large", Body=WORD.encode() * 40_000)
    call(s3.put_object, Bucket="vault", Key="sse", Body=WORD.encode(), ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    call(s3.put_object, Bucket="absent-vault", Key="small", Body=WORD.encode())
    call(
        table.create_table,
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    call(table.put_item, TableName="t", Item={"id": {"S": "1"}, "secret": {"S": WORD}})
    url = call(queue.create_queue, QueueName="q")["QueueUrl"]
    call(queue.send_message, QueueUrl=url, MessageBody=WORD)
    logs = engine.client("logs")
    call(logs.create_log_group, logGroupName="g")
    call(logs.create_log_stream, logGroupName="g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": WORD}
    call(logs.put_log_events, logGroupName="g", logStreamName="s", logEvents=[event])
    # A presigned URL is a credential too: its signature is nowhere kept.
    host = f"127.0.0.1:{engine.port}"
    presigned = Request("s3", "GET", "/vault/small").presign(host)
    assert presigned.send(host).status == 200
    secrets["a signature"] = presigned.seed
    wrong = Request("s3", "GET", "/vault/small").with_key("AKIAX", "x").sign(host).send(host)
    heard.append(("refusal of a stranger", wrong.body))
    return ids


def found_in(data, secrets, named=()):
    return [name for name, secret in secrets.items() if name not in named and any(each in data for each in spellings(secret))]


def test_refusals_and_traces_tell_nothing(spoken):
    _, secrets, heard = spoken
    assert sum(name == "trace" for name, _ in heard) > 20
    leaks = [(name, found) for name, data in heard if (found := found_in(data, secrets))]
    assert not leaks


def test_the_log_tells_nothing(spoken):
    engine, secrets, _ = spoken
    log = engine.log.read_bytes()
    assert b"s3:GetObject" in log and b"secretsmanager:CreateSecret" in log, "the log names what was done"
    assert not found_in(log, secrets)


def test_the_data_folder_tells_nothing(spoken):
    engine, secrets, _ = spoken
    assert engine.stop() == 0
    assert stat.S_IMODE(engine.data.stat().st_mode) == 0o700
    looked = 0
    for path in engine.data.rglob("*"):
        if not path.is_file():
            continue
        if path.name in OWNERS_ONLY:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            continue
        looked += 1
        assert not found_in(path.read_bytes(), secrets), path
    assert looked >= 3


def test_the_search_would_find_them():
    """So that an empty result means something."""
    secrets = {"the word": WORD}
    for text in (WORD, f"x{WORD}", f"xy{WORD}"):
        assert found_in(text.encode(), secrets)
        assert found_in(base64.b64encode(text.encode() + b"more"), secrets)
        assert found_in(text.encode().hex().encode(), secrets)
