"""Bad input: AWS's own answer, or an error that names the next command; nothing lost, nothing half-made."""

import json
import shutil
import subprocess

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import conftest
import pytest
import requests


def refusal(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def signed(engine, service, method, path, body, headers=None, secret="test"):
    """A request signed by botocore, to be altered before it is sent."""
    request = botocore.awsrequest.AWSRequest(method, engine.url + path, data=body, headers=headers or {})
    credentials = botocore.credentials.Credentials("test", secret)
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer(credentials, service, conftest.REGION).add_auth(request)
    return request.prepare()


def send(prepared, body=None):
    return requests.request(
        prepared.method, prepared.url, headers=dict(prepared.headers), data=body or prepared.body, timeout=10
    )


def test_unsigned_and_wrongly_signed_calls_are_refused_in_each_protocol(shared_engine):
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    unsigned = requests.post(shared_engine.url, headers=target, data="{}", timeout=10)
    assert unsigned.status_code == 400
    assert unsigned.json()["__type"].endswith("MissingAuthenticationTokenException")
    assert requests.get(shared_engine.url, timeout=10).status_code == 403
    wrong = {"key": "test", "secret": "wrong"}
    assert refusal(shared_engine.client("dynamodb", **wrong).list_tables) == ("InvalidSignatureException", 400)
    assert refusal(shared_engine.client("sts", **wrong).get_caller_identity) == ("SignatureDoesNotMatch", 403)
    assert refusal(shared_engine.client("s3", **wrong).list_buckets) == ("SignatureDoesNotMatch", 403)
    unknown = {"key": "AKIAIOSFODNN7EXAMPLE"}
    assert refusal(shared_engine.client("s3", **unknown).list_buckets) == ("InvalidAccessKeyId", 403)
    assert refusal(shared_engine.client("iam", **unknown).list_roles) == ("InvalidClientTokenId", 403)


def test_a_captured_request_cannot_be_sent_with_another_body(shared_engine):
    shared_engine.client("s3").create_bucket(Bucket="replayed")
    put = signed(shared_engine, "s3", "PUT", "/replayed/key", b"first")
    assert send(put).status_code == 200
    altered = send(put, b"other")
    assert altered.status_code == 400 and "XAmzContentSHA256Mismatch" in altered.text
    found = shared_engine.client("s3").get_object(Bucket="replayed", Key="key")
    assert found["Body"].read() == b"first"
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    call = signed(shared_engine, "dynamodb", "POST", "/", b"{}", headers)
    assert send(call).status_code == 200
    replayed = send(call, b'{"Limit":1}')
    assert replayed.json()["__type"].endswith("InvalidSignatureException")


def test_malformed_json_and_unknown_operations_have_awss_answers(shared_engine):
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    malformed = send(signed(shared_engine, "dynamodb", "POST", "/", b"{", headers))
    assert malformed.status_code == 400 and "SerializationException" in malformed.json()["__type"]
    headers["X-Amz-Target"] = "DynamoDB_20120810.Dance"
    unknown = send(signed(shared_engine, "dynamodb", "POST", "/", b"{}", headers))
    assert unknown.status_code == 400 and "UnknownOperationException" in unknown.json()["__type"]
    query = b"Action=Dance&Version=2010-05-08"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    unknown = send(signed(shared_engine, "iam", "POST", "/", query, form))
    assert unknown.status_code == 400 and "<Code>InvalidAction</Code>" in unknown.text


def test_what_is_not_built_says_so(shared_engine):
    code, status = refusal(shared_engine.client("s3").get_bucket_replication, Bucket="any")
    assert (code, status) == ("NotImplemented", 501)
    code, status = refusal(shared_engine.client("dynamodb").list_imports)
    assert (code, status) == ("NotImplemented", 501)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ({"Resources": {"A": {"Type": "AWS::Made::Up"}}}, "Unrecognized resource types: [AWS::Made::Up]"),
        (
            {
                "Resources": {
                    "A": {"Type": "AWS::Logs::LogGroup", "DependsOn": "B"},
                    "B": {"Type": "AWS::Logs::LogGroup", "DependsOn": "A"},
                }
            },
            "Circular dependency between resources: [A, B]",
        ),
        ({"Resources": {}}, "At least one Resources member must be defined"),
    ],
)
def test_a_template_that_cannot_be_is_refused_before_anything_is_made(shared_engine, template, text):
    client = shared_engine.client("cloudformation")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.create_stack(StackName="impossible", TemplateBody=json.dumps(template))
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert text in caught.value.response["Error"]["Message"]
    with pytest.raises(botocore.exceptions.ClientError, match="does not exist"):
        client.describe_stacks(StackName="impossible")


def start_second(engine, *options):
    command = [conftest.BINARY, "up", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_a_folder_and_a_port_in_use_are_told_with_the_next_command(shared_engine, tmp_path):
    port = f"127.0.0.1:{conftest.free_port()}"
    folder = start_second(shared_engine, "--listen", port, "--data-dir", str(shared_engine.data))
    assert folder.returncode == 1 and "in use by another process" in folder.stderr and "--data-dir" in folder.stderr
    taken = f"127.0.0.1:{shared_engine.port}"
    port = start_second(shared_engine, "--listen", taken, "--data-dir", str(tmp_path / "other"))
    assert port.returncode == 1 and "--listen" in port.stderr
    assert shared_engine.client("sts").get_caller_identity()["Account"] == conftest.ACCOUNT


def test_usage_errors_and_a_stopped_engine_have_exit_codes_of_their_own(tmp_path):
    nowhere = f"http://127.0.0.1:{conftest.free_port()}"
    stopped = subprocess.run([conftest.BINARY, "outputs", "--endpoint", nowhere], capture_output=True, text=True)
    assert stopped.returncode == 3 and "cumulet up" in stopped.stderr
    assert start_second(None, "--no-such-flag").returncode == 2
    assert start_second(None, "--operator", "no-colon").returncode == 2
    assert start_second(None, str(tmp_path)).returncode == 2


def test_a_corrupt_store_and_a_lost_key_are_told_and_nothing_is_overwritten(tmp_path):
    engine = conftest.Engine(tmp_path)
    engine.start()
    engine.client("s3").create_bucket(Bucket="kept")
    engine.stop()
    store = engine.data / "store.redb"
    whole = store.read_bytes()
    listen = f"127.0.0.1:{engine.port}"
    store.write_bytes(b"\0" * 4096 + bytes(255 - byte for byte in whole[4096:8192]) + whole[8192:])
    corrupt = start_second(engine, "--listen", listen, "--data-dir", str(engine.data))
    assert corrupt.returncode == 1 and "cannot be read" in corrupt.stderr and "backup" in corrupt.stderr
    store.write_bytes(whole)
    key = engine.data / "root.key"
    shutil.move(key, tmp_path / "root.key")
    lost = start_second(engine, "--listen", listen, "--data-dir", str(engine.data))
    assert lost.returncode == 1 and "root.key" in lost.stderr
    shutil.move(tmp_path / "root.key", key)
    engine.start()
    assert [bucket["Name"] for bucket in engine.client("s3").list_buckets()["Buckets"]] == ["kept"]
    engine.stop()


def test_management_paths_answer_no_web_page(shared_engine):
    url = f"{shared_engine.url}/_cumulet/health"
    assert requests.get(url, timeout=10).status_code == 200
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=10).status_code == 403
    assert requests.get(url, headers={"Origin": "http://evil.example"}, timeout=10).status_code == 403


def test_further_operators_are_seeded_in_their_own_accounts(tmp_path):
    engine = conftest.Engine(tmp_path, extra=["--operator", "AKFIXED:secret/with+signs:111122223333"])
    engine.start()
    identity = engine.client("sts", key="AKFIXED", secret="secret/with+signs").get_caller_identity()
    assert identity["Account"] == "111122223333"
    engine.stop()
