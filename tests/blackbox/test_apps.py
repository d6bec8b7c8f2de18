"""The applications in apps/, deployed by `cumulet up` and used as their users would: what works, what is refused, what
fails and how it is cleaned up, what comes later by the clock, and that a destroyed stack leaves nothing."""

import base64
import contextlib
import datetime
import decimal
import hashlib
import json
import subprocess
import time

import pytest
import requests
from conftest import ACCOUNT, TARGET, Engine, eventually

CONTENT = b"This is a test file"
BODY = {
    "productId": "PROD-001",
    "productName": "Test Product",
    "price": 99.99,
    "fileName": "a.txt",
    "fileContent": base64.b64encode(CONTENT).decode(),
}


@contextlib.contextmanager
def deployed(directory, app):
    engine = Engine(directory)
    engine.start(app, timeout_s=1800)
    engine.wait_log("try it:", timeout_s=180)
    try:
        yield engine
    finally:
        engine.stop()


def app_fixture(name):
    @pytest.fixture(scope="module", name=name.replace("-", "_"))
    def start(tmp_path_factory):
        with deployed(tmp_path_factory.mktemp(name), f"apps/{name}") as engine:
            yield engine

    return start


upload_api_app = app_fixture("upload-api")
basic_app = app_fixture("upload-api-basic")
processor_app = app_fixture("file-processor")
pipeline_app = app_fixture("metadata-pipeline")
log_app = app_fixture("invocation-log")
intake_app = app_fixture("intake")


def outputs(engine):
    done = engine.cumulet("outputs", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def advance(engine, by):
    moved = engine.cumulet("clock", "advance", by)
    assert moved.returncode == 0, moved.stderr


def post(engine, body, content_type="application/json", **options):
    """The API validates only what says that it is JSON; as plain text, a body reaches the handler whatever it is."""
    url = options.pop("url", None) or outputs(engine)["ApiGatewayUrlLocal"]
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"content-type": content_type, **options.pop("headers", {})}
    return requests.post(url, data=data, headers=headers, timeout=40, **options)


def resource(engine, stack, logical_id):
    described = engine.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=logical_id
    )
    return described["StackResourceDetail"]["PhysicalResourceId"]


def role_of(engine, function):
    return engine.client("lambda").get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[1]


@contextlib.contextmanager
def denied(engine, function, action):
    """The function's role loses one action for a while."""
    iam, role = engine.client("iam"), role_of(engine, function)
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": action, "Resource": "*"},
    }
    iam.put_role_policy(RoleName=role, PolicyName="Denied", PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="Denied")


def may(engine, function, action, resource_arn, **context):
    """What IAM says of the function's role, by its own simulator."""
    iam = engine.client("iam")
    role = iam.get_role(RoleName=role_of(engine, function))["Role"]["Arn"]
    entries = [
        {"ContextKeyName": key.replace("__", ":"), "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    told = iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource_arn], ContextEntries=entries
    )
    return told["EvaluationResults"][0]["EvalDecision"] == "allowed"


def log_lines(engine, function):
    found = engine.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")
    return [event["message"] for event in found["events"]]


def states(engine, prefix):
    described = engine.client("cloudwatch").describe_alarms(AlarmNamePrefix=prefix)
    return {alarm["AlarmName"].rsplit("-", 1)[1]: alarm["StateValue"] for alarm in described["MetricAlarms"]}


def put(engine, bucket, key, body=CONTENT, **options):
    return engine.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **options)


def item_of(engine, table, **key):
    return engine.resource("dynamodb").Table(table).get_item(Key=key).get("Item")


def destroy(engine, stack):
    cloudformation = engine.client("cloudformation")
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def what_is_left(engine):
    """Everything that an application could leave behind, except what says that it stays."""
    names = {
        "buckets": [b["Name"] for b in engine.client("s3").list_buckets()["Buckets"] if "cdk-" not in b["Name"]],
        "tables": engine.client("dynamodb").list_tables()["TableNames"],
        "functions": [f["FunctionName"] for f in engine.client("lambda").list_functions()["Functions"]],
        "apis": [api["name"] for api in engine.client("apigateway").get_rest_apis()["items"]],
        "plans": [plan["name"] for plan in engine.client("apigateway").get_usage_plans()["items"]],
        "queues": engine.client("sqs").list_queues().get("QueueUrls", []),
        "secrets": [secret["Name"] for secret in engine.client("secretsmanager").list_secrets()["SecretList"]],
        "alarms": [a["AlarmName"] for a in engine.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "roles": [
            role["RoleName"]
            for role in engine.client("iam").list_roles()["Roles"]
            if not role["Path"].startswith("/aws-service-role/") and "LogsRole" not in role["RoleName"]
        ],
        "logs": [
            group["logGroupName"]
            for group in engine.client("logs").describe_log_groups()["logGroups"]
            if not group["logGroupName"].startswith("API-Gateway-Execution-Logs_")
        ],
    }
    return {kind: found for kind, found in names.items() if found}


# ---- upload-api


def test_an_upload_is_found_by_its_price(upload_api):
    told = post(upload_api, {**BODY, "price": 12.5})
    assert told.status_code == 200, told.text
    found = upload_api.client("dynamodb").query(
        TableName=outputs(upload_api)["DynamoDBTableName"],
        IndexName="PriceIndex",
        KeyConditionExpression="price = :price",
        ExpressionAttributeValues={":price": {"N": "12.5"}},
    )
    assert [item["versionId"]["S"] for item in found["Items"]] == [told.json()["versionId"]]


@pytest.mark.parametrize(
    "price",
    ["0", "19", "0.1", "99.99", "1e-7", "12345678901234567890.123456789", "0.1000000000000000055511151231257827"],
)
def test_a_price_is_kept_exactly(upload_api, price):
    body = json.dumps({**BODY, "productId": f"price {price}"}).replace("99.99", price)
    told = post(upload_api, body)
    assert told.status_code == 200, told.text
    key = {"productId": f"price {price}", "productName": "Test Product"}
    item = item_of(upload_api, outputs(upload_api)["DynamoDBTableName"], **key)
    assert item["price"] == decimal.Decimal(price)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("{", "INVALID_JSON"),
        ("[]", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ({"productId": None}, "MISSING_FIELD"),
        ({"productName": None}, "MISSING_FIELD"),
        ({"price": None}, "MISSING_FIELD"),
        ({"fileContent": None}, "MISSING_FIELD"),
        ({"price": -1}, "INVALID_PRICE"),
        ({"price": "99.99"}, "INVALID_PRICE"),
        ({"price": True}, "INVALID_PRICE"),
        ({"productId": " "}, "INVALID_PRODUCT_INFO"),
        ({"productId": "x" * 129}, "INVALID_PRODUCT_INFO"),
        ({"productId": "../secrets"}, "INVALID_PRODUCT_INFO"),
        ({"productName": ""}, "INVALID_PRODUCT_INFO"),
        ({"productName": "x" * 257}, "INVALID_PRODUCT_INFO"),
        ({"fileContent": "???"}, "INVALID_FILE_CONTENT"),
        ({"fileContent": ""}, "INVALID_FILE_CONTENT"),
        ({"fileName": "../a"}, "VALUE_ERROR"),
        ({"fileName": "x" * 257}, "VALUE_ERROR"),
    ],
)
def test_the_handler_refuses_what_reaches_it(upload_api, change, code):
    body = change if isinstance(change, str) else {**BODY, **change}
    told = post(upload_api, body, content_type="text/plain")
    assert (told.status_code, told.json()["code"]) == (400, code), told.text
    assert told.json()["error"]
    assert told.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "change",
    [
        {"productId": 7},
        {"productId": ""},
        {"productId": "x" * 129},
        {"productName": ["x"]},
        {"productName": "x" * 257},
        {"price": -0.01},
        {"price": "1"},
        {"fileName": "x" * 257},
        {"fileContent": 1},
    ],
)
def test_the_model_refuses_before_the_function_runs(upload_api, change):
    before = len(log_lines(upload_api, "file-upload-dev"))
    told = post(upload_api, {**BODY, **change})
    assert (told.status_code, told.json()) == (400, {"message": "Invalid request body"})
    assert len(log_lines(upload_api, "file-upload-dev")) == before


def test_a_page_of_another_origin_may_upload(upload_api):
    asked = requests.options(
        outputs(upload_api)["ApiGatewayUrlLocal"],
        headers={"origin": "https://shop.example", "access-control-request-method": "POST"},
        timeout=10,
    )
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert "X-Api-Key" in asked.headers["Access-Control-Allow-Headers"]


def versions(engine, key):
    found = engine.client("s3").list_object_versions(Bucket=outputs(engine)["S3BucketName"], Prefix=key)
    return found.get("Versions", []) + found.get("DeleteMarkers", [])


def test_a_table_that_refuses_takes_the_file_back(upload_api):
    with denied(upload_api, "file-upload-dev", "dynamodb:PutItem"):
        told = post(upload_api, {**BODY, "productId": "taken-back"})
    assert (told.status_code, told.json()["code"]) == (500, "METADATA_ERROR"), told.text
    assert versions(upload_api, "uploads/taken-back/") == []


def test_a_file_that_stays_behind_is_admitted(upload_api):
    with denied(upload_api, "file-upload-dev", ["dynamodb:PutItem", "s3:DeleteObject*"]):
        told = post(upload_api, {**BODY, "productId": "left"})
    assert (told.status_code, told.json()["code"]) == (500, "METADATA_ERROR"), told.text
    assert "could not be removed" in told.json()["error"]
    assert len(versions(upload_api, "uploads/left/")) == 1


def test_a_bucket_that_refuses_leaves_no_metadata(upload_api):
    with denied(upload_api, "file-upload-dev", "s3:PutObject"):
        told = post(upload_api, {**BODY, "productId": "refused"})
    assert (told.status_code, told.json()["code"]) == (500, "UPLOAD_ERROR"), told.text
    table = outputs(upload_api)["DynamoDBTableName"]
    assert item_of(upload_api, table, productId="refused", productName="Test Product") is None


@pytest.mark.parametrize(("key", "code"), [("FilesKey", "UPLOAD_ERROR"), ("ProductsKey", "METADATA_ERROR")])
def test_a_key_that_is_disabled_closes_what_it_protects(upload_api, key, code):
    kms, key_id = upload_api.client("kms"), resource(upload_api, "UploadApi-dev", key)
    kms.disable_key(KeyId=key_id)
    try:
        told = post(upload_api, {**BODY, "productId": f"closed-{key}"})
        assert (told.status_code, told.json()["code"]) == (500, code), told.text
        assert versions(upload_api, f"uploads/closed-{key}/") == []
    finally:
        kms.enable_key(KeyId=key_id)
    assert post(upload_api, BODY).status_code == 200


def test_a_function_without_its_settings_says_so(upload_api):
    functions = upload_api.client("lambda")
    before = functions.get_function_configuration(FunctionName="file-upload-dev")["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName="file-upload-dev", Environment={"Variables": {}})
    functions.get_waiter("function_updated_v2").wait(FunctionName="file-upload-dev")
    told = post(upload_api, BODY)
    assert (told.status_code, told.json()["code"]) == (500, "CONFIG_ERROR"), told.text
    functions.update_function_configuration(FunctionName="file-upload-dev", Environment={"Variables": before})
    functions.get_waiter("function_updated_v2").wait(FunctionName="file-upload-dev")
    assert post(upload_api, BODY).status_code == 200


def test_the_function_cannot_leave_its_prefix_its_bucket_or_its_table(upload_api):
    names = outputs(upload_api)
    files = f"arn:aws:s3:::{names['S3BucketName']}"
    table = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{names['DynamoDBTableName']}"
    assert may(upload_api, "file-upload-dev", "s3:PutObject", f"{files}/uploads/x")
    assert may(upload_api, "file-upload-dev", "dynamodb:PutItem", table)
    for action, target in [
        ("s3:PutObject", f"{files}/elsewhere/x"),
        ("s3:GetObject", f"{files}/uploads/x"),
        ("s3:PutObject", "arn:aws:s3:::another/uploads/x"),
        ("dynamodb:GetItem", table),
        ("dynamodb:DeleteTable", table),
        ("iam:CreateUser", "*"),
    ]:
        assert not may(upload_api, "file-upload-dev", action, target), (action, target)


def test_a_denied_call_is_denied_and_its_trace_says_so(upload_api):
    """Not simulated: the function is sent to another bucket, and the trace of its request holds the decision."""
    functions, s3 = upload_api.client("lambda"), upload_api.client("s3")
    s3.create_bucket(Bucket="somebody-elses")
    before = functions.get_function_configuration(FunctionName="file-upload-dev")["Environment"]["Variables"]
    astray = {**before, "BUCKET_NAME": "somebody-elses"}
    functions.update_function_configuration(FunctionName="file-upload-dev", Environment={"Variables": astray})
    functions.get_waiter("function_updated_v2").wait(FunctionName="file-upload-dev")
    told = post(upload_api, BODY)
    functions.update_function_configuration(FunctionName="file-upload-dev", Environment={"Variables": before})
    functions.get_waiter("function_updated_v2").wait(FunctionName="file-upload-dev")
    assert (told.status_code, told.json()["code"]) == (500, "UPLOAD_ERROR"), told.text
    assert s3.list_objects_v2(Bucket="somebody-elses")["KeyCount"] == 0
    s3.delete_bucket(Bucket="somebody-elses")
    request_id = told.headers["x-amzn-RequestId"]

    def shown():
        trace = upload_api.cumulet("trace", request_id).stdout
        return trace if "s3:PutObject" in trace and "deny" in trace.lower() else None

    eventually(shown, "the denial in the trace", 15)
    assert any("AccessDenied" in line for line in log_lines(upload_api, "file-upload-dev"))


def test_requests_leave_execution_logs_metrics_and_a_trace(upload_api):
    api = resource(upload_api, "UploadApi-dev", "Api")
    post(upload_api, BODY)
    logs = upload_api.client("logs")

    def logged():
        found = logs.filter_log_events(logGroupName=f"API-Gateway-Execution-Logs_{api}/prod")
        return [event for event in found["events"] if "PROD-001" in event["message"]]

    eventually(logged, "the data trace")
    cloudwatch = upload_api.client("cloudwatch")

    def measured():
        listed = cloudwatch.list_metrics(Namespace="AWS/ApiGateway")["Metrics"]
        return {"Count", "Latency", "4XXError", "5XXError"} <= {metric["MetricName"] for metric in listed}

    eventually(measured, "the API's metrics")
    now = datetime.datetime.now(datetime.timezone.utc)
    traces = upload_api.client("xray").get_trace_summaries(
        StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1)
    )
    assert traces["TraceSummaries"]


def test_quota_and_key_really_count(tmp_path):
    """`--api-key on`, with a quota of three instead of a million in the assembly."""
    assembly = tmp_path / "assembly"
    subprocess.run(
        [TARGET / "release" / "upload-api", "synth", "--api-key", "on", "--suffix", "quota", "--out", assembly],
        check=True,
        capture_output=True,
    )
    template = assembly / "UploadApi-quota.template.json"
    text = template.read_text()
    assert '"Limit": 1000000' in text
    template.write_text(text.replace('"Limit": 1000000', '"Limit": 3'))
    with deployed(tmp_path, assembly) as engine:
        url = outputs(engine)["ApiGatewayUrlLocal"]
        gateway = engine.client("apigateway")
        (key,) = gateway.get_api_keys(includeValues=True)["items"]
        keyed = {"x-api-key": key["value"]}
        without = post(engine, BODY, url=url)
        assert (without.status_code, without.json()) == (403, {"message": "Forbidden"})
        assert [post(engine, BODY, url=url, headers=keyed).status_code for _ in range(3)] == [200] * 3
        over = post(engine, BODY, url=url, headers=keyed)
        assert (over.status_code, over.json()) == (429, {"message": "Limit Exceeded"})
        advance(engine, "24h")
        assert post(engine, BODY, url=url, headers=keyed).status_code == 200
        # The stage's own limit, for everybody.
        api, stage = resource(engine, "UploadApi-quota", "Api"), "prod"
        limits = [("/*/*/throttling/rateLimit", "1"), ("/*/*/throttling/burstLimit", "1")]
        patches = [{"op": "replace", "path": path, "value": value} for path, value in limits]
        gateway.update_stage(restApiId=api, stageName=stage, patchOperations=patches)
        answers = [post(engine, BODY, url=url, headers=keyed) for _ in range(4)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused, [answer.text for answer in answers]


def test_what_is_kept_goes_when_its_time_has_come(upload_api):
    """Logs after a week, old versions after a month, items after a year. Nothing of it needs anybody."""
    names = outputs(upload_api)
    table, key = names["DynamoDBTableName"], {"productId": "aging", "productName": "Test Product"}
    first = post(upload_api, {**BODY, "productId": "aging"}).json()["versionId"]
    second = post(upload_api, {**BODY, "productId": "aging"}).json()["versionId"]
    assert {version["VersionId"] for version in versions(upload_api, "uploads/aging/")} == {first, second}
    (group,) = upload_api.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/file-upload-dev")["logGroups"]
    assert group["retentionInDays"] == 7
    assert log_lines(upload_api, "file-upload-dev")
    advance(upload_api, "8d")
    assert log_lines(upload_api, "file-upload-dev") == []
    assert len(versions(upload_api, "uploads/aging/")) == 2
    advance(upload_api, "25d")
    assert [version["VersionId"] for version in versions(upload_api, "uploads/aging/")] == [second]
    assert item_of(upload_api, table, **key)
    advance(upload_api, "340d")
    assert item_of(upload_api, table, **key) is None


def test_a_destroyed_upload_api_leaves_nothing(upload_api):
    keys = [resource(upload_api, "UploadApi-dev", key) for key in ("FilesKey", "ProductsKey")]
    destroy(upload_api, "UploadApi-dev")
    assert what_is_left(upload_api) == {}
    states = [upload_api.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]
    assert states == ["PendingDeletion"] * 2


# ---- upload-api-basic


def test_the_basic_api_keeps_metadata_beside_the_file(upload_api_basic):
    engine = upload_api_basic
    for price in ("19", "19.5"):
        told = post(engine, json.dumps({**BODY, "productName": "Käse"}).replace("99.99", price))
        assert told.status_code == 200, told.text
        told, names = told.json(), outputs(engine)
        head = engine.client("s3").head_object(Bucket=names["S3BucketName"], Key=told["s3Key"])
        assert head["VersionId"] == told["versionId"]
        assert head["Metadata"]["productid"] == "PROD-001"
        assert head["Metadata"]["uploadtimestamp"] == told["uploadTimestamp"]
        assert head["Metadata"]["productname"]
        item = item_of(engine, names["DynamoDBTableName"], productId="PROD-001", productName="Käse")
        assert item["price"] == decimal.Decimal(price)
        assert item["versionId"] == told["versionId"]


@pytest.mark.parametrize("body", ["", "{", "{}", {**BODY, "price": -1}, {**BODY, "fileContent": "?"}])
def test_the_basic_api_refuses_with_an_error_and_nothing_else(upload_api_basic, body):
    told = post(upload_api_basic, body)
    assert told.status_code == 400
    assert list(told.json()) == ["error"]


def test_the_basic_api_takes_its_file_back_and_leaves_nothing(upload_api_basic):
    engine = upload_api_basic
    with denied(engine, "upload-basic-dev", "dynamodb:*"):
        told = post(engine, {**BODY, "productId": "taken-back"})
    assert (told.status_code, list(told.json())) == (500, ["error"])
    assert versions(engine, "uploads/taken-back/") == []
    functions = engine.client("lambda")
    assert functions.get_function_concurrency(FunctionName="upload-basic-dev")["ReservedConcurrentExecutions"] == 5
    destroy(engine, "UploadApiBasic-dev")
    assert what_is_left(engine) == {}


# ---- file-processor

PROCESSOR = "serverlessapp-processor-dev"


def processed(engine, key):
    for line in log_lines(engine, PROCESSOR):
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if told.get("event") == "processed" and told["key"] == key:
                return told
    return None


def metric_sum(engine, name, namespace="ServerlessApp/Lambda"):
    clock = json.loads(engine.cumulet("clock", "show", "--json").stdout)["nowMs"] / 1000
    now = datetime.datetime.fromtimestamp(clock, datetime.timezone.utc)
    points = engine.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=name, Period=3600, Statistics=["Sum"],
        StartTime=now - datetime.timedelta(hours=3), EndTime=now + datetime.timedelta(hours=1),
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def test_a_file_is_processed_and_measured(file_processor):
    bucket = outputs(file_processor)["BucketName"]
    stored = put(file_processor, bucket, "uploads/naïve name+1.txt")
    told = eventually(lambda: processed(file_processor, "uploads/naïve name+1.txt"), "processing")
    assert told["sizeBytes"] == len(CONTENT)
    assert told["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert told["versionId"] == stored["VersionId"]
    assert told["sealedBy"] == "admin"
    eventually(lambda: metric_sum(file_processor, "ProcessedFileSize") == len(CONTENT), "the size's metric")
    assert metric_sum(file_processor, "InvocationCount") == 1
    assert metric_sum(file_processor, "ProcessingErrors") == 0


def test_only_uploads_are_processed(file_processor):
    bucket = outputs(file_processor)["BucketName"]
    put(file_processor, bucket, "elsewhere/a.txt")
    put(file_processor, bucket, "uploads/after.txt")
    eventually(lambda: processed(file_processor, "uploads/after.txt"), "processing")
    assert not any("elsewhere" in line for line in log_lines(file_processor, PROCESSOR))


def test_the_password_is_generated_and_never_logged(file_processor):
    arn = outputs(file_processor)["SecretArn"]
    secret = json.loads(file_processor.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    assert secret["username"] == "admin"
    assert len(secret["password"]) == 32
    put(file_processor, outputs(file_processor)["BucketName"], "uploads/secret.txt")
    eventually(lambda: processed(file_processor, "uploads/secret.txt"), "processing")
    assert secret["password"] not in "\n".join(log_lines(file_processor, PROCESSOR))


def test_the_processor_publishes_in_its_namespace_only(file_processor):
    allowed = dict(cloudwatch__namespace="ServerlessApp/Lambda")
    other = dict(cloudwatch__namespace="AWS/Lambda")
    assert may(file_processor, PROCESSOR, "cloudwatch:PutMetricData", "*", **allowed)
    assert not may(file_processor, PROCESSOR, "cloudwatch:PutMetricData", "*", **other)
    bucket = f"arn:aws:s3:::{outputs(file_processor)['BucketName']}"
    assert may(file_processor, PROCESSOR, "s3:GetObject", f"{bucket}/uploads/x")
    for action, target in [
        ("s3:GetObject", f"{bucket}/elsewhere/x"),
        ("s3:PutObject", f"{bucket}/uploads/x"),
        ("secretsmanager:PutSecretValue", outputs(file_processor)["SecretArn"]),
        ("sqs:ReceiveMessage", "*"),
    ]:
        assert not may(file_processor, PROCESSOR, action, target), (action, target)


def test_a_failing_file_is_tried_three_times_then_kept_and_told(file_processor):
    """The secret is gone, so every attempt fails: two retries by the clock, the dead letter, the alarm, and back."""
    engine, names = file_processor, outputs(file_processor)
    sqs, secrets = engine.client("sqs"), engine.client("secretsmanager")
    assert states(engine, "serverlessapp-dev-")["errors"] != "ALARM"
    failures_before = metric_sum(engine, "LambdaErrors")
    secrets.delete_secret(SecretId=names["SecretArn"], RecoveryWindowInDays=7)
    put(engine, names["BucketName"], "uploads/doomed.txt")

    def failures():
        return sum('"event":"failed"' in line for line in log_lines(engine, PROCESSOR))

    eventually(lambda: failures() == 1, "the first attempt")
    assert sqs.receive_message(QueueUrl=names["DeadLettersUrl"]).get("Messages") is None
    advance(engine, "1m")
    eventually(lambda: failures() == 2, "the second attempt")
    advance(engine, "2m")
    eventually(lambda: failures() == 3, "the third attempt")
    (letter,) = eventually(
        lambda: sqs.receive_message(QueueUrl=names["DeadLettersUrl"], MessageAttributeNames=["All"]).get("Messages"),
        "the dead letter",
    )
    event = json.loads(letter["Body"])
    assert event["Records"][0]["s3"]["object"]["key"] == "uploads/doomed.txt"
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert metric_sum(engine, "LambdaErrors") == failures_before + 3
    advance(engine, "2m")
    eventually(lambda: states(engine, "serverlessapp-dev-")["errors"] == "ALARM", "the alarm")
    secrets.restore_secret(SecretId=names["SecretArn"])
    put(engine, names["BucketName"], "uploads/well.txt")
    eventually(lambda: processed(engine, "uploads/well.txt"), "processing again")
    advance(engine, "15m")
    eventually(lambda: states(engine, "serverlessapp-dev-")["errors"] == "OK", "the end of the alarm")


def test_a_file_that_is_gone_before_its_turn_becomes_a_dead_letter(file_processor):
    engine, names = file_processor, outputs(file_processor)
    with denied(engine, PROCESSOR, "s3:GetObject*"):
        put(engine, names["BucketName"], "uploads/denied.txt")
        eventually(lambda: any("uploads/denied.txt" in line for line in log_lines(engine, PROCESSOR)), "the failure")
    advance(engine, "1m")
    eventually(lambda: processed(engine, "uploads/denied.txt"), "the retry, allowed again")


def test_tags_exports_and_duration_alarm(file_processor):
    engine, names = file_processor, outputs(file_processor)
    tags = engine.client("s3").get_bucket_tagging(Bucket=names["BucketName"])["TagSet"]
    tags = {tag["Key"]: tag["Value"] for tag in tags}
    assert (tags["Project"], tags["Environment"], tags["Owner"]) == ("ServerlessApp", "dev", "serverless-team")
    function = engine.client("lambda").list_tags(Resource=names["FunctionArn"])["Tags"]
    assert function["Project"] == "ServerlessApp"
    exports = {each["Name"]: each["Value"] for each in engine.client("cloudformation").list_exports()["Exports"]}
    assert exports["ServerlessApp-dev-BucketName"] == names["BucketName"]
    now = datetime.datetime.now(datetime.timezone.utc)
    assert states(engine, "serverlessapp-dev-")["duration"] in ("OK", "INSUFFICIENT_DATA"), now


def test_access_logs_arrive_under_their_prefix(file_processor):
    engine, bucket = file_processor, outputs(file_processor)["BucketName"]
    put(engine, bucket, "uploads/seen.txt")
    s3 = engine.client("s3")
    advance(engine, "2h")

    def lines():
        found = s3.list_objects_v2(Bucket=bucket, Prefix="access-logs/").get("Contents", [])
        texts = [s3.get_object(Bucket=bucket, Key=log["Key"])["Body"].read().decode() for log in found]
        return [line for text in texts for line in text.splitlines() if "uploads/seen.txt" in line]

    (line, *_) = eventually(lines, "the access log")
    assert "REST.PUT.OBJECT" in line and bucket in line and " 200 " in line


def test_a_destroyed_processor_leaves_nothing(file_processor):
    destroy(file_processor, "FileProcessor-dev")
    assert what_is_left(file_processor) == {}


# ---- metadata-pipeline


def test_every_file_has_one_item(metadata_pipeline):
    engine, names = metadata_pipeline, outputs(metadata_pipeline)
    stored = put(engine, names["BucketName"], "in/a b+ü.txt", ContentType="text/plain")
    item = eventually(lambda: item_of(engine, names["TableName"], file_key="in/a b+ü.txt"), "the item")
    assert item["bucket"] == names["BucketName"]
    assert item["size"] == len(CONTENT)
    assert item["content_type"] == "text/plain"
    assert item["event_name"] == "ObjectCreated:Put"
    assert item["etag"] == stored["ETag"].strip('"')
    assert (item["status"], item["region"]) == ("processed", "us-east-1")
    for name in ("event_time", "last_modified", "processed_at"):
        assert datetime.datetime.fromisoformat(item[name]).tzinfo
    put(engine, names["BucketName"], "in/a b+ü.txt", b"longer than before", ContentType="text/csv")
    eventually(
        lambda: item_of(engine, names["TableName"], file_key="in/a b+ü.txt")["content_type"] == "text/csv",
        "the newer item",
    )


def test_a_large_file_in_parts_is_indexed_as_one(metadata_pipeline):
    engine, names = metadata_pipeline, outputs(metadata_pipeline)
    s3, bucket = engine.client("s3"), names["BucketName"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="large")["UploadId"]
    bodies = [b"x" * (5 * 1024 * 1024), b"y"]
    parts = [
        {"PartNumber": at, "ETag": s3.upload_part(Bucket=bucket, Key="large", UploadId=upload, PartNumber=at, Body=body)["ETag"]}
        for at, body in enumerate(bodies, 1)
    ]
    s3.complete_multipart_upload(Bucket=bucket, Key="large", UploadId=upload, MultipartUpload={"Parts": parts})
    item = eventually(lambda: item_of(engine, names["TableName"], file_key="large"), "the item")
    assert item["event_name"] == "ObjectCreated:CompleteMultipartUpload"
    assert item["size"] == 5 * 1024 * 1024 + 1


def test_a_table_that_refuses_is_tried_again(metadata_pipeline):
    engine, names = metadata_pipeline, outputs(metadata_pipeline)
    with denied(engine, names["FunctionName"], "dynamodb:PutItem"):
        put(engine, names["BucketName"], "later")
        eventually(lambda: any("AccessDenied" in line for line in log_lines(engine, names["FunctionName"])), "the denial")
        assert item_of(engine, names["TableName"], file_key="later") is None
    advance(engine, "1m")
    eventually(lambda: item_of(engine, names["TableName"], file_key="later"), "the item of the retry")


def test_a_destroyed_pipeline_leaves_nothing(metadata_pipeline):
    tags = metadata_pipeline.client("dynamodb").list_tags_of_resource(
        ResourceArn=f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{outputs(metadata_pipeline)['TableName']}"
    )["Tags"]
    assert {"Key": "Project", "Value": "MetadataPipeline"} in tags
    destroy(metadata_pipeline, "MetadataPipeline-dev")
    assert what_is_left(metadata_pipeline) == {}


# ---- invocation-log


def scan(engine, table):
    return engine.resource("dynamodb").Table(table).scan()["Items"]


def test_every_record_of_an_event_is_kept(invocation_log):
    engine, names = invocation_log, outputs(invocation_log)
    put(engine, names["BucketName"], "one")
    (item,) = eventually(lambda: scan(engine, names["TableName"]), "the item")
    assert (item["key"], item["eventName"], item["size"]) == ("one", "ObjectCreated:Put", len(CONTENT))
    record = {
        "eventName": "ObjectCreated:Put", "eventTime": "2026-01-01T00:00:00.000Z", "awsRegion": "us-east-1",
        "s3": {"bucket": {"name": names["BucketName"]}, "object": {"key": "x", "size": 1}},
    }
    answer = engine.client("lambda").invoke(
        FunctionName=names["FunctionName"], Payload=json.dumps({"Records": [record] * 3})
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    times = [item["timestamp"] for item in scan(engine, names["TableName"]) if item["key"] == "x"]
    time_of = record["eventTime"]
    assert sorted(times) == [time_of, f"{time_of}#1", f"{time_of}#2"]


def test_the_trigger_bucket_is_tls_only_and_encrypted(invocation_log):
    engine, bucket = invocation_log, outputs(invocation_log)["BucketName"]
    s3 = engine.client("s3")
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_an_event_that_is_none_fails_and_is_not_swallowed(invocation_log):
    answer = invocation_log.client("lambda").invoke(
        FunctionName=outputs(invocation_log)["FunctionName"], Payload=b'{"no": "event"}'
    )
    assert answer["FunctionError"] == "Unhandled"
    assert "Records" in json.loads(answer["Payload"].read())["errorMessage"]


def test_a_destroyed_log_leaves_nothing(invocation_log):
    destroy(invocation_log, "InvocationLog-dev")
    assert what_is_left(invocation_log) == {}


# ---- intake


def way(engine, told):
    page = outputs(engine)["PageUrlLocal"].rstrip("/")
    query = {"key": told["s3Key"], "versionId": told["versionId"]}
    answer = requests.get(f"{page}/way", params=query, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_is_served_and_needs_nothing_else(intake):
    page = requests.get(outputs(intake)["PageUrlLocal"], timeout=40)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text and "https://" not in page.text


def test_a_file_goes_its_whole_way(intake):
    names = outputs(intake)
    answer = post(intake, BODY)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    seen = eventually(
        lambda: (lambda seen: seen if all(seen[step] for step in ("stored", "processed", "indexed")) else None)(
            way(intake, told)
        ),
        "the whole way",
    )
    assert seen["stored"]["sizeBytes"] == len(CONTENT)
    assert seen["processed"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert seen["indexed"]["etag"]
    assert {alarm["name"].rsplit("-", 1)[1] for alarm in seen["alarms"]} == {"errors", "duration"}
    logged = eventually(lambda: scan(intake, names["InvocationsTableName"]), "the invocation's item")
    assert logged[0]["key"] == told["s3Key"]
    product = item_of(intake, names["DynamoDBTableName"], productId="PROD-001", productName="Test Product")
    assert product["versionId"] == told["versionId"]


def test_one_follower_that_fails_keeps_no_other_back(intake):
    names = outputs(intake)
    secrets = intake.client("secretsmanager")
    secrets.delete_secret(SecretId=names["SecretArn"], RecoveryWindowInDays=7)
    told = post(intake, {**BODY, "productId": "half"}).json()
    eventually(lambda: way(intake, told)["indexed"], "the index")
    assert way(intake, told)["processed"] is None
    for by in ("1m", "2m"):
        time.sleep(1)
        advance(intake, by)
    sqs = intake.client("sqs")
    eventually(lambda: sqs.receive_message(QueueUrl=names["DeadLettersUrl"]).get("Messages"), "the dead letter")
    advance(intake, "2m")
    alarm = eventually(
        lambda: [a for a in way(intake, told)["alarms"] if a["state"] == "ALARM"], "the alarm on the page"
    )
    assert alarm[0]["name"] == "serverlessapp-intake-dev-errors"


@pytest.mark.parametrize("query", [{}, {"key": "uploads/x"}, {"key": "other", "versionId": "v"}])
def test_only_uploads_can_be_followed(intake, query):
    answer = requests.get(f"{outputs(intake)['PageUrlLocal']}way", params=query, timeout=40)
    assert answer.status_code == 400


def test_intake_survives_kill_9_and_a_destroyed_one_leaves_nothing(intake):
    told = post(intake, {**BODY, "productId": "survivor"}).json()
    intake.kill()
    intake.start("apps/intake", timeout_s=600)
    intake.wait_log("is up to date")
    found = intake.client("s3").get_object(Bucket=outputs(intake)["S3BucketName"], Key=told["s3Key"])
    assert found["Body"].read() == CONTENT
    destroy(intake, "Intake-dev")
    assert what_is_left(intake) == {}
