"""Functions really run: Python, Node.js and binaries with AWS's own SDKs and clients, fed by queues and streams."""

import io
import json
import pathlib
import shutil
import stat
import subprocess
import sys
import time
import uuid
import zipfile

import botocore.exceptions
import pytest
import requests

from conftest import ACCOUNT, REGION, Engine

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def package(files):
    """A zip; what has no extension is a program."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            facts = zipfile.ZipInfo(name)
            mode = 0o644 if "." in pathlib.PurePath(name).name else 0o755
            facts.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(facts, text)
    return buffer.getvalue()


def eventually(check, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """The names of a Python and a Node.js runtime of this machine, with their SDKs installed from the registries."""
    engine = Engine(tmp_path_factory.mktemp("runtimes"))
    found = json.loads(engine.cumulet("runtime", "list", "--json").stdout)
    here = [status["runtime"] for status in found if status["interpreter"]]
    python = [name for name in here if name.startswith("python")]
    node = [name for name in here if name.startswith("nodejs")]
    assert python and node, f"install Python 3.10+ and Node.js 20+ to run these tests: {here}"
    installed = engine.cumulet("runtime", "install", python[-1], node[-1])
    assert installed.returncode == 0, installed.stderr
    return python[-1], node[-1]


class House:
    """An engine with a role that may do everything but is no operator."""

    def __init__(self, engine):
        self.engine = engine
        self.functions = engine.client("lambda", read_timeout=60)
        self.queues = engine.client("sqs")
        iam = engine.client("iam")
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=document)
        self.role = f"arn:aws:iam::{ACCOUNT}:role/worker"

    def function(self, runtime, handler, files, **settings):
        name = settings.pop("name", None) or f"f-{uuid.uuid4().hex[:8]}"
        settings.setdefault("Timeout", 20)
        settings.setdefault("MemorySize", 256)
        self.functions.create_function(
            FunctionName=name, Runtime=runtime, Role=self.role, Handler=handler, Code={"ZipFile": package(files)}, **settings
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return name

    def invoke(self, name, event=None, **options):
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
        return answer, json.loads(answer["Payload"].read() or b"null")

    def queue(self, **attributes):
        url = self.queues.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}", Attributes=attributes)["QueueUrl"]
        arn = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def received(self, url, count, timeout_s=20):
        """This many messages, taken out."""
        found = []

        def look():
            answer = self.queues.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                found.append(message)
                self.queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        eventually(look, timeout_s)
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory, runtimes):
    engine = Engine(tmp_path_factory.mktemp("engine"))
    engine.start()
    yield House(engine)
    engine.stop()


PYTHON = """
import boto3, os, sys
table = None

def handler(event, context):
    who = boto3.client("sts").get_caller_identity()["Arn"]
    return {"who": who, "boto3": boto3.__version__, "from": boto3.__file__, "memory": context.memory_limit_in_mb}

def to_queue(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=str(event["n"]))

def fails(event, context):
    raise ValueError("no " + str(event["n"]))
"""


def test_python_functions_have_boto3_and_their_role(house, runtimes):
    name = house.function(runtimes[0], "app.handler", {"app.py": PYTHON})
    answer, result = house.invoke(name, LogType="Tail")
    assert answer.get("FunctionError") is None, result
    assert result["who"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/{name}"
    assert result["from"].startswith("/var/runtime/boto3/") and result["memory"] == "256"


COMMON = """
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
exports.handler = async (event) => ({ who: (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn, event });
"""
MODULE = """
import { S3Client, ListBucketsCommand } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
export const handler = async () => {
  const answer = await new S3Client({}).send(new ListBucketsCommand({}));
  return { buckets: answer.Buckets ?? [], document: typeof DynamoDBDocumentClient.from };
};
"""


def test_node_functions_have_the_sdk_in_both_kinds_of_modules(house, runtimes):
    common = house.function(runtimes[1], "index.handler", {"index.js": COMMON}, Architectures=["x86_64"])
    _, result = house.invoke(common, {"a": 1})
    assert result == {"who": f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/{common}", "event": {"a": 1}}
    module = house.function(runtimes[1], "index.handler", {"index.mjs": MODULE})
    assert house.invoke(module)[1] == {"buckets": [], "document": "function"}


def test_another_release_runs_only_where_it_is_allowed_and_getfunction_says_so(tmp_path, house):
    missing = "nodejs24.x"
    if any(s["runtime"] == missing and s["interpreter"] for s in json.loads(house.engine.cumulet("runtime", "list", "--json").stdout)):
        pytest.skip(f"this machine has {missing}")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        house.function(missing, "index.handler", {"index.js": COMMON})
    assert "--allow-runtime-substitution" in str(refused.value)
    engine = Engine(tmp_path, ["--allow-runtime-substitution"])
    engine.start()
    other = House(engine)
    name = other.function(missing, "index.handler", {"index.js": COMMON})
    assert other.invoke(name)[0].get("FunctionError") is None
    told = other.functions.get_function(FunctionName=name)["Configuration"]["RuntimeVersionConfig"]["Error"]
    assert told["ErrorCode"] == "RuntimeSubstituted" and "Node.js" in told["Message"]
    engine.stop()


RAW = """#!/usr/bin/python3
import http.client, os
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
connection = http.client.HTTPConnection(api)
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    body, request_id = event.read(), event.headers["Lambda-Runtime-Aws-Request-Id"]
    connection.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", body)
    connection.getresponse().read()
"""


def test_provided_runtimes_run_their_bootstrap(house):
    name = house.function("provided.al2023", "x", {"bootstrap": RAW})
    assert house.invoke(name, {"echo": [1, 2]})[1] == {"echo": [1, 2]}


def test_cumulet_invoke_prints_answer_and_log(house):
    name = house.function("provided.al2023", "x", {"bootstrap": RAW})
    ran = house.engine.cumulet("invoke", name, "-e", "sample:sqs", "--tail")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Records"][0]["eventSource"] == "aws:sqs" and "REPORT RequestId" in ran.stderr
    assert house.engine.cumulet("invoke", "nobody").returncode == 1


def test_aws_s_own_python_client_runs_unmodified(house, tmp_path):
    python = shutil.which("python3.11", path="/usr/bin") or shutil.which("python3", path="/usr/bin")
    if not python:
        pytest.skip("no python3 in /usr/bin, which sandboxes see")
    pip = [python, "-m", "pip", "install", "--quiet", "--target", tmp_path / "code", "awslambdaric==4.2.2"]
    installed = subprocess.run(pip, capture_output=True, text=True)
    if installed.returncode != 0:
        pytest.skip(f"awslambdaric cannot be installed: {installed.stderr[-300:]}")
    files = {
        str(path.relative_to(tmp_path / "code")): path.read_bytes()
        for path in (tmp_path / "code").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files["app.py"] = "def handler(event, context):\n    return {'id': context.aws_request_id, **event}\n"
    files["bootstrap"] = f'#!/bin/sh\nexport PYTHONPATH=/var/task\nexec {python} -m awslambdaric app.handler\n'
    name = house.function("provided.al2023", "app.handler", files)
    answer, result = house.invoke(name, {"a": 1})
    assert answer.get("FunctionError") is None, result
    assert result == {"a": 1, "id": answer["ResponseMetadata"]["RequestId"]}


STREAM = """
const prelude = { statusCode: 201, headers: { 'x-made': 'here', 'content-type': 'text/plain' } };
exports.parts = awslambda.streamifyResponse(async (event, stream) => {
  for (const part of ['one ', 'two ', 'three']) { stream.write(part); await new Promise((go) => setTimeout(go, 20)); }
  stream.end();
});
exports.breaks = awslambda.streamifyResponse(async (event, stream) => { stream.write('half'); throw new TypeError('broken'); });
exports.refuses = awslambda.streamifyResponse(async () => { throw new TypeError('at once'); });
exports.web = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, prelude);
  stream.write('hello ' + event.rawPath);
  stream.end();
});
exports.plain = async () => ({ whole: true });
"""


def test_answers_are_streamed_and_failures_told_at_their_end(house, runtimes):
    files = {"index.js": STREAM}
    names = {handler: house.function(runtimes[1], f"index.{handler}", files) for handler in ["parts", "breaks", "refuses", "plain"]}

    def stream(handler, **options):
        answer = house.functions.invoke_with_response_stream(FunctionName=names[handler], **options)
        events = list(answer["EventStream"])
        text = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
        return text, events[-1]["InvokeComplete"]

    text, end = stream("parts", LogType="Tail")
    assert text == b"one two three" and "ErrorCode" not in end and end["LogResult"]
    text, end = stream("breaks")
    assert text == b"half" and json.loads(end["ErrorDetails"])["errorMessage"] == "broken"
    text, end = stream("refuses")
    assert text == b"" and json.loads(end["ErrorDetails"])["errorType"] == "TypeError"
    assert json.loads(stream("plain")[0]) == {"whole": True}
    # A plain Invoke of a streaming function has the whole answer.
    assert house.functions.invoke(FunctionName=names["parts"])["Payload"].read() == b"one two three"


def test_function_urls_stream_too(house, runtimes):
    name = house.function(runtimes[1], "index.web", {"index.js": STREAM})
    made = house.functions.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    for action, extra in [("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("lambda:InvokeFunction", {})]:
        house.functions.add_permission(
            FunctionName=name, StatementId=action.replace(":", "-"), Action=action, Principal="*", **extra
        )
    host = made["FunctionUrl"].split("/")[2]
    answer = requests.get(f"{house.engine.url}/there", headers={"Host": host}, timeout=20)
    assert (answer.status_code, answer.headers["x-made"], answer.text) == (201, "here", "hello /there")


LOGS = """
import logging
log = logging.getLogger()

def handler(event, context):
    log.debug("hidden"); log.warning("seen", extra={"order": 7})
"""


def test_json_logs_have_levels_and_records(house, runtimes):
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    name = house.function(runtimes[0], "app.handler", {"app.py": LOGS}, LoggingConfig=logging)
    told = house.functions.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert told == {**logging, "SystemLogLevel": "INFO", "LogGroup": f"/aws/lambda/{name}"}
    answer, _ = house.invoke(name)
    logs = house.engine.client("logs")

    def lines():
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [json.loads(event["message"]) for event in events]

    found = eventually(lines)
    types = [line.get("type") for line in found]
    assert [kind for kind in types if kind] == ["platform.initStart", "platform.start", "platform.report"]
    (own,) = [line for line in found if "level" in line]
    assert (own["level"], own["message"], own["order"]) == ("WARNING", "seen", 7)
    assert own["requestId"] == answer["ResponseMetadata"]["RequestId"]


SORTS = """
def handler(event, context):
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in bad]}
"""


def test_a_queue_feeds_a_function_and_what_fails_ends_in_the_dead_letter_queue(house, runtimes):
    dead_url, dead_arn = house.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = house.queue(VisibilityTimeout="2", RedrivePolicy=redrive)
    name = house.function(runtimes[0], "app.handler", {"app.py": SORTS}, Timeout=2)
    mapping = house.functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=5, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    assert mapping["State"] == "Creating"
    for body in ["a", "bad", "b", "c"]:
        house.queues.send_message(QueueUrl=url, MessageBody=body)
    assert [message["Body"] for message in house.received(dead_url, 1)] == ["bad"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def empty():
        counts = house.queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return set(counts.values()) == {"0"}

    assert eventually(empty)
    assert house.functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled"
    house.functions.delete_event_source_mapping(UUID=mapping["UUID"])


CHANGES = """
import boto3, json, os

def handler(event, context):
    for record in event["Records"]:
        body = json.dumps([record["eventName"], record["dynamodb"]["Keys"]["k"]["S"]])
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
"""


def test_a_table_s_stream_feeds_a_function_in_order(house, runtimes):
    url, _ = house.queue()
    tables = house.engine.client("dynamodb")
    tables.create_table(
        TableName="followed",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    tables.get_waiter("table_exists").wait(TableName="followed", WaiterConfig={"Delay": 1})
    stream = tables.describe_table(TableName="followed")["Table"]["LatestStreamArn"]
    name = house.function(runtimes[0], "app.handler", {"app.py": CHANGES}, Environment={"Variables": {"QUEUE": url}})
    pattern = json.dumps({"eventName": ["INSERT", "REMOVE"]})
    house.functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream, StartingPosition="LATEST", FilterCriteria={"Filters": [{"Pattern": pattern}]}
    )
    tables.put_item(TableName="followed", Item={"k": {"S": "a"}})
    tables.put_item(TableName="followed", Item={"k": {"S": "a"}, "more": {"N": "1"}})
    tables.put_item(TableName="followed", Item={"k": {"S": "b"}})
    tables.delete_item(TableName="followed", Key={"k": {"S": "a"}})
    told = [json.loads(message["Body"]) for message in house.received(url, 3)]
    assert sorted(told) == [["INSERT", "a"], ["INSERT", "b"], ["REMOVE", "a"]]


def test_dead_letters_and_destinations_of_events_carry_aws_s_records(house, runtimes):
    dead_url, dead_arn = house.queue()
    told_url, told_arn = house.queue()
    name = house.function(
        runtimes[0], "app.fails", {"app.py": PYTHON}, DeadLetterConfig={"TargetArn": dead_arn}
    )
    house.functions.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": told_arn}}
    )
    assert house.invoke(name, {"n": 7}, InvocationType="Event")[0]["StatusCode"] == 202
    (dead,) = house.received(dead_url, 1)
    assert json.loads(dead["Body"]) == {"n": 7}
    attributes = dead["MessageAttributes"]
    assert attributes["ErrorCode"]["StringValue"] == "200" and attributes["ErrorMessage"]["StringValue"] == "no 7"
    (told,) = house.received(told_url, 1)
    record = json.loads(told["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["requestId"] == attributes["RequestID"]["StringValue"]
    assert (record["requestPayload"], record["responsePayload"]["errorType"]) == ({"n": 7}, "ValueError")


def test_queued_invocations_survive_kill_9(tmp_path):
    """Each accepted event is told to its destination, however often the engine dies meanwhile."""
    engine = Engine(tmp_path)
    engine.start()
    house = House(engine)
    url, arn = house.queue()
    name = house.function("provided.al2023", "x", {"bootstrap": RAW})
    house.functions.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    count = 100
    for n in range(count):
        house.invoke(name, {"n": n}, InvocationType="Event")
        if n in (30, 60):
            engine.kill()
            engine.start()
    engine.kill()
    engine.start()
    seen = set()

    def all_seen():
        records = [json.loads(message["Body"]) for message in house.received(url, 10, 1)]
        seen.update(record["requestPayload"]["n"] for record in records)
        return len(seen) == count

    assert eventually(all_seen, 90), f"{count - len(seen)} were forgotten"
    engine.stop()
