import hashlib
import json
import os
import urllib.parse

import boto3

s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")
cloudwatch = boto3.client("cloudwatch")


def metric(name, value, unit):
    cloudwatch.put_metric_data(
        Namespace="ServerlessApp/Lambda",
        MetricData=[{"MetricName": name, "Value": value, "Unit": unit}],
    )


def handler(event, context):
    metric("InvocationCount", 1, "Count")
    try:
        secret = json.loads(secrets.get_secret_value(SecretId=os.environ["SECRET_ARN"])["SecretString"])
        for record in event["Records"]:
            bucket = record["s3"]["bucket"]["name"]
            key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            metric("ProcessedFileSize", len(body), "Bytes")
            print(json.dumps({"processed": key, "sha256": hashlib.sha256(body).hexdigest(), "by": secret["username"]}))
    except Exception:
        metric("ProcessingErrors", 1, "Count")
        raise
