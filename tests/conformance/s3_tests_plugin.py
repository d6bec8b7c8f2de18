"""What ceph/s3-tests needs to hold of AWS today, and of an engine whose clock can be moved; a pytest plugin.

* The suite was written before April 2023, when S3 began to switch access control lists off, block public access and, in
  2026, refuse customers' keys on every new bucket. With S3_TESTS_DEFAULTS=2022 each bucket it makes is given the old
  settings by the calls that one makes on AWS for it.
  Owners are given the display names that S3 answered until November 2025.
* A test may leave a policy behind that denies everything, so that its own user cannot clean up: on AWS the root user can.
* Its lifecycle tests sleep ten seconds for a day: here the engine's clock moves a day instead.
"""

import json
import os
import sys

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.client
import pytest
import requests

INTERVAL_S = 10
DAY_MS = 24 * 60 * 60 * 1000
ACL_MEMBERS = ["ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"]
LISTING = ["Owner", "Grants", "Contents", "Versions", "DeleteMarkers", "Uploads", "Initiator"]
NO_BLOCKS = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
        }
    ]
}

call = botocore.client.BaseClient._make_api_call


def with_names(answer):
    """Owners had display names until November 2025."""
    if isinstance(answer, list):
        return [with_names(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    named = {name: with_names(each) for name, each in answer.items()}
    for owner in (named.get("Owner"), named.get("Grantee"), named.get("Initiator")):
        if isinstance(owner, dict) and "ID" in owner:
            owner["DisplayName"] = ""
    return named


def as_before_2023(client, operation, parameters):
    if operation != "CreateBucket" or client.meta.service_model.service_name != "s3":
        answer = call(client, operation, parameters)
        return {**answer, **{name: with_names(answer)[name] for name in LISTING if name in answer}}
    lists = {name: parameters[name] for name in ACL_MEMBERS if name in parameters}
    rest = {name: value for name, value in parameters.items() if name not in lists}
    answer = call(client, operation, {"ObjectOwnership": "ObjectWriter", **rest})
    bucket = {"Bucket": parameters["Bucket"]}
    call(client, "DeletePublicAccessBlock", bucket)
    call(client, "PutBucketEncryption", {**bucket, "ServerSideEncryptionConfiguration": NO_BLOCKS})
    if lists:
        call(client, "PutBucketAcl", {**bucket, **lists})
    return answer


if os.environ.get("S3_TESTS_DEFAULTS") == "2022":
    botocore.client.BaseClient._make_api_call = as_before_2023


def advance(days):
    body = json.dumps({"action": "advance", "byMs": int(days * DAY_MS)})
    request = botocore.awsrequest.AWSRequest("POST", os.environ["CUMULET_URL"] + "/_cumulet/clock", data=body)
    credentials = boto3.Session("test", "test").get_credentials()
    botocore.auth.SigV4Auth(credentials, "cumulet", "us-east-1").add_auth(request)
    answer = requests.post(request.url, data=body, headers=dict(request.headers), timeout=300)
    answer.raise_for_status()


def unordered(check):
    """The suite's check of grants says that it takes any order, and sorts by the display names."""

    def in_order(grants):
        return sorted(grants, key=lambda grant: str(grant.get("Grantee", grant).get("URI")) + grant["Permission"])

    return lambda got, want: check(in_order(got), in_order(want))


@pytest.fixture(autouse=True)
def grants_in_any_order(request, monkeypatch):
    if hasattr(request.module, "check_grants"):
        monkeypatch.setattr(request.module, "check_grants", unordered(request.module.check_grants))


@pytest.fixture(autouse=True)
def virtual_clock(request, monkeypatch):
    if request.node.get_closest_marker("lifecycle_expiration"):
        monkeypatch.setattr(request.module.time, "sleep", lambda seconds: advance(seconds / INTERVAL_S))


def pytest_runtest_teardown(item):
    for account in os.environ["S3_TESTS_ACCOUNTS"].split(","):
        root = boto3.client(
            "s3",
            endpoint_url=os.environ["CUMULET_URL"],
            region_name="us-east-1",
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )
        # Each worker has a prefix of its own.
        prefix = sys.modules["s3tests.functional"].get_prefix()
        for bucket in root.list_buckets(Prefix=prefix)["Buckets"]:
            root.delete_bucket_policy(Bucket=bucket["Name"])
