"""What S3 tells of its requests and takes from browsers, through boto3 and plain HTTP."""

import base64
import datetime
import hashlib
import json
import re
import time

import boto3
import botocore.exceptions
import pytest
import requests

from conftest import ACCOUNT, REGION

pytestmark = pytest.mark.timeout(120)
LINE = re.compile(r'(?:"[^"]*"|\[[^\]]*\]|\S+)')


@pytest.fixture(scope="module")
def s3(shared_engine):
    return shared_engine.client("s3")


def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


def let_logs_in(s3, target, source):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
    }
    s3.put_bucket_policy(Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def advance(engine, by):
    done = engine.cumulet("clock", "advance", by)
    assert done.returncode == 0, done.stderr


def delivered(s3, target, prefix):
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=target, Prefix=prefix).get("Contents", [])]
    texts = [s3.get_object(Bucket=target, Key=key)["Body"].read().decode() for key in keys]
    return keys, [LINE.findall(line) for text in texts for line in text.splitlines()]


def test_access_logs_are_delivered_as_aws_writes_them(shared_engine, s3):
    source, target = bucket(s3, "logged"), bucket(s3, "logs")
    let_logs_in(s3, target, source)
    status = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "access/"}}
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus=status)
    assert s3.get_bucket_logging(Bucket=source)["LoggingEnabled"] == status["LoggingEnabled"]
    s3.put_object(Bucket=source, Key="a b.txt", Body=b"hello")
    s3.get_object(Bucket=source, Key="a b.txt", Range="bytes=1-3")["Body"].read()
    with pytest.raises(botocore.exceptions.ClientError):
        s3.get_object(Bucket=source, Key="absent")
    s3.copy_object(Bucket=target, Key="copy", CopySource={"Bucket": source, "Key": "a b.txt"})
    s3.delete_objects(Bucket=source, Delete={"Objects": [{"Key": "a b.txt"}]})
    requests.get(f"{shared_engine.url}/{source}/absent", headers={"User-Agent": "curl/8"}, timeout=10)
    advance(shared_engine, "2m")
    keys, lines = delivered(s3, target, "access/")
    assert all(re.fullmatch(r"access/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", key) for key in keys)
    assert keys and all(len(line) == 27 for line in lines), lines
    by_operation = {line[6]: line for line in lines}
    owner = s3.list_buckets()["Owner"]["ID"]
    put = by_operation["REST.PUT.OBJECT"]
    assert put[0] == owner and put[1] == source and put[3] == "127.0.0.1"
    assert put[4] == f"arn:aws:iam::{ACCOUNT}:user/operator"
    assert put[7] == "a%2520b.txt" and put[8].startswith('"PUT /logged/a%20b.txt')
    assert (put[9], put[10], put[11], put[12]) == ("200", "-", "-", "5")
    assert put[19:22] == ["SigV4", "-", "AuthHeader"] and put[26] == REGION
    gets = [line for line in lines if line[6] == "REST.GET.OBJECT"]
    ranged = next(line for line in gets if line[9] == "206")
    assert (ranged[11], ranged[12]) == ("3", "5")
    assert next(line for line in gets if line[9] == "404")[10] == "NoSuchKey"
    anonymous = next(line for line in gets if line[4] == "-")
    assert (anonymous[9], anonymous[10], anonymous[16]) == ("403", "AccessDenied", '"curl/8"')
    assert {"REST.COPY.OBJECT_GET", "REST.POST.MULTI_OBJECT_DELETE", "BATCH.DELETE.OBJECT"} <= by_operation.keys()
    assert by_operation["BATCH.DELETE.OBJECT"][7] == "a%2520b.txt"


def test_access_logs_wait_until_they_are_let_in(shared_engine, s3):
    source, target = bucket(s3, "logged-later"), bucket(s3, "logs-later")
    form = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    enabled = {"TargetBucket": target, "TargetPrefix": "p/", "TargetObjectKeyFormat": form}
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={"LoggingEnabled": enabled})
    s3.head_bucket(Bucket=source)
    advance(shared_engine, "2m")
    assert delivered(s3, target, "p/")[0] == []
    let_logs_in(s3, target, source)
    advance(shared_engine, "16m")
    keys, lines = delivered(s3, target, "p/")
    assert re.fullmatch(rf"p/{ACCOUNT}/{REGION}/logged-later/\d{{4}}/\d\d/\d\d/\S+-00-00-00-[0-9A-F]{{16}}", keys[0]), keys
    assert [line for line in lines if line[6] == "REST.HEAD.BUCKET"]


def test_requests_are_counted_where_a_configuration_asks(shared_engine, s3):
    name = bucket(s3, "counted")
    s3.put_bucket_metrics_configuration(
        Bucket=name, Id="in", MetricsConfiguration={"Id": "in", "Filter": {"Prefix": "in/"}}
    )
    assert [one["Id"] for one in s3.list_bucket_metrics_configurations(Bucket=name)["MetricsConfigurationList"]] == ["in"]
    s3.put_object(Bucket=name, Key="in/a", Body=b"12345")
    s3.put_object(Bucket=name, Key="out/a", Body=b"12345")
    cloudwatch = shared_engine.client("cloudwatch")
    dimensions = [{"Name": "BucketName", "Value": name}, {"Name": "FilterId", "Value": "in"}]

    def total(metric):
        now = datetime.datetime.now(datetime.timezone.utc)
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/S3", MetricName=metric, Dimensions=dimensions, Period=3600, Statistics=["Sum"],
            StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(hours=2),
        )  # fmt: skip
        return sum(point["Sum"] for point in answer["Datapoints"])

    deadline = time.monotonic() + 20
    while total("AllRequests") == 0 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert (total("AllRequests"), total("PutRequests"), total("BytesUploaded")) == (1, 1, 5)
    assert total("4xxErrors") == 0


def test_a_form_is_posted_as_boto3_signs_it(shared_engine, s3):
    name = bucket(s3, "forms")
    fields = {"success_action_status": "201", "x-amz-meta-who": "me"}
    conditions = [{"success_action_status": "201"}, {"x-amz-meta-who": "me"}, ["content-length-range", 1, 1 << 20]]
    for version in ("s3v4", "s3"):
        signer = shared_engine.client("s3", signature_version=version)
        key = f"{version}/${{filename}}"
        form = signer.generate_presigned_post(name, key, Fields=dict(fields), Conditions=list(conditions))
        big = bytes(300_000)
        answer = requests.post(form["url"], data=form["fields"], files={"file": ("f.bin", big)}, timeout=20)
        assert answer.status_code == 201, answer.text
        assert f"<Key>{version}/f.bin</Key>" in answer.text and answer.headers["x-amz-request-id"]
        stored = s3.get_object(Bucket=name, Key=f"{version}/f.bin")
        assert stored["Body"].read() == big and stored["Metadata"] == {"who": "me"}
        bent = {**form["fields"], "x-amz-meta-who": "you"}
        answer = requests.post(form["url"], data=bent, files={"file": ("f.bin", b"x")}, timeout=20)
        assert answer.status_code == 403 and "Policy Condition failed" in answer.text
        field = "x-amz-signature" if version == "s3v4" else "signature"
        forged = {**form["fields"], field: "0" * 64}
        answer = requests.post(form["url"], data=forged, files={"file": ("f.bin", b"x")}, timeout=20)
        assert answer.status_code == 403 and "SignatureDoesNotMatch" in answer.text
    anonymous = requests.post(f"{shared_engine.url}/{name}", data={"key": "k"}, files={"file": b"x"}, timeout=20)
    assert anonymous.status_code == 403


def test_a_queue_hears_of_objects_and_is_tested_first(shared_engine, s3):
    name = bucket(s3, "queued")
    sqs = shared_engine.client("sqs")
    url = sqs.create_queue(QueueName="from-s3")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:from-s3"
    wish = {"QueueConfigurations": [{"Id": "q", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=wish)
    error = refused.value.response["Error"]
    assert error["Message"] == "Unable to validate the following destination configurations"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{name}"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=wish)
    s3.put_object(Bucket=name, Key="a b+ü", Body=b"x")
    bodies = []
    while len(bodies) < 2:
        messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MaxNumberOfMessages=10).get("Messages", [])
        assert messages, bodies
        bodies += [json.loads(message["Body"]) for message in messages]
    test, event = sorted(bodies, key=lambda body: "Records" in body)
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", name)
    record = event["Records"][0]
    assert record["eventName"] == "ObjectCreated:Put" and record["s3"]["object"]["key"] == "a+b%2B%C3%BC"


def signed(engine, method, path, body=b"", headers=()):
    """A request as a library signs it, with headers of one's own that are not signed."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method, engine.url + path, data=body)
    S3SigV4Auth(boto3.Session("test", "test").get_credentials(), "s3", REGION).add_auth(request)
    return requests.request(method, request.url, data=body, headers={**dict(request.headers), **dict(headers)}, timeout=20)


def test_documents_are_held_against_their_sums(shared_engine, s3):
    name = bucket(s3, "summed")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    path = f"/{name}?delete="
    assert "Missing required header" in signed(shared_engine, "POST", path, document).text
    wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"another").digest()).decode()}
    assert "<Code>BadDigest</Code>" in signed(shared_engine, "POST", path, document, wrong).text
    assert s3.head_object(Bucket=name, Key="k")
    right = {"Content-MD5": base64.b64encode(hashlib.md5(document).digest()).decode()}
    assert "<Deleted><Key>k</Key></Deleted>" in signed(shared_engine, "POST", path, document, right).text


def test_what_is_not_built_says_so(s3):
    name = bucket(s3, "unbuilt")
    website = {"IndexDocument": {"Suffix": "index.html"}}
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::other"}}
    calls = [
        lambda: s3.put_bucket_website(Bucket=name, WebsiteConfiguration=website),
        lambda: s3.put_bucket_replication(Bucket=name, ReplicationConfiguration={"Role": role, "Rules": [rule]}),
        lambda: s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}, MFA="serial 123456"
        ),
        lambda: s3.select_object_content(
            Bucket=name, Key="k", Expression="SELECT * FROM s3object", ExpressionType="SQL",
            InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}},
        ),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        response = refused.value.response
        assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (501, "NotImplemented")
