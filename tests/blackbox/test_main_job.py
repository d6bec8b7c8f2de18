"""`cumulet up apps/upload-api`, as a person would use it."""

import base64
import decimal
import json
import time

import pytest
import requests

BODY = {
    "productId": "PROD-001",
    "productName": "Test Product",
    "price": 99.99,
    "fileName": "a.txt",
    "fileContent": base64.b64encode(b"This is a test file").decode(),
}


def outputs(engine):
    done = engine.cumulet("outputs", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def post(engine, body, **options):
    url = outputs(engine)["ApiGatewayUrlLocal"].rstrip("/")
    url = url if url.endswith("/upload") else f"{url}/upload"
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"content-type": "application/json", **options.pop("headers", {})}
    return requests.post(url, data=data, headers=headers, timeout=40, **options)


def test_an_upload_is_stored_and_read_back_through_boto3_and_the_cli(upload_api):
    answer = post(upload_api, BODY)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["productId"] == "PROD-001"
    assert told["s3Key"] == "uploads/PROD-001/a.txt"
    assert told["fileSize"] == 19
    assert told["versionId"] and told["uploadTimestamp"]
    names = outputs(upload_api)
    found = upload_api.client("s3").get_object(Bucket=names["S3BucketName"], Key=told["s3Key"])
    assert found["Body"].read() == b"This is a test file"
    assert found["VersionId"] == told["versionId"]
    assert found["ServerSideEncryption"] == "aws:kms"
    table = upload_api.resource("dynamodb").Table(names["DynamoDBTableName"])
    item = table.get_item(Key={"productId": "PROD-001", "productName": "Test Product"})["Item"]
    assert item["price"] == decimal.Decimal("99.99")
    assert item["versionId"] == told["versionId"]
    assert item["s3Key"] == told["s3Key"]
    assert int(item["ttl"]) > time.time() + 364 * 86400
    listed = upload_api.aws("s3", "ls", "--recursive", f"s3://{names['S3BucketName']}")
    assert "uploads/PROD-001/a.txt" in listed.stdout, listed.stderr
    scanned = upload_api.aws("dynamodb", "scan", "--table-name", names["DynamoDBTableName"], "--output", "json")
    assert '"99.99"' in scanned.stdout, scanned.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": -1}, "INVALID_PRICE"),
        ({"fileContent": "???"}, "INVALID_FILE_CONTENT"),
    ],
)
def test_a_refusal_is_a_400_with_error_and_code(upload_api, change, code):
    answer = post(upload_api, {**BODY, **change})
    assert answer.status_code == 400, answer.text
    told = answer.json()
    # The API's own validator refuses what its model can see; the handler refuses the rest.
    assert told == {"message": "Invalid request body"} or (told["code"] == code and told["error"])


def test_malformed_json_and_a_missing_field_never_reach_the_store(upload_api):
    for body in ("{", {key: value for key, value in BODY.items() if key != "productId"}):
        answer = post(upload_api, body)
        assert answer.status_code == 400, answer.text


def test_a_body_over_ten_megabytes_and_an_unknown_route_get_awss_answers(upload_api):
    large = post(upload_api, {**BODY, "fileContent": "A" * (10 * 1024 * 1024 + 1)})
    assert large.status_code == 413
    url = outputs(upload_api)["ApiGatewayUrlLocal"].rstrip("/").removesuffix("/upload")
    unknown = requests.get(f"{url}/nowhere", timeout=10)
    assert (unknown.status_code, unknown.json()) == (403, {"message": "Missing Authentication Token"})


def test_a_request_leaves_a_trace_with_its_decisions(upload_api):
    answer = post(upload_api, BODY)
    request_id = answer.headers["x-amzn-RequestId"]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        shown = upload_api.cumulet("trace", request_id)
        if "s3:PutObject" in shown.stdout and "dynamodb:PutItem" in shown.stdout:
            break
        time.sleep(0.2)
    for step in ("lambda", "s3:PutObject", "dynamodb:PutItem", "kms:GenerateDataKey", "allow"):
        assert step in shown.stdout, shown.stdout


def test_everything_survives_kill_9_and_the_next_up_changes_nothing(upload_api):
    told = post(upload_api, BODY).json()
    before = outputs(upload_api)
    upload_api.kill()
    upload_api.log.write_text("")
    upload_api.start("apps/upload-api", timeout_s=300)
    upload_api.wait_log("is up to date")
    assert outputs(upload_api) == before
    found = upload_api.client("s3").get_object(
        Bucket=before["S3BucketName"], Key=told["s3Key"], VersionId=told["versionId"]
    )
    assert found["Body"].read() == b"This is a test file"
    assert post(upload_api, BODY).status_code == 200
