import datetime
import os
import urllib.parse

import boto3

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        head = s3.head_object(Bucket=bucket, Key=key)
        table.put_item(
            Item={
                "file_key": key,
                "bucket": bucket,
                "size": head["ContentLength"],
                "content_type": head["ContentType"],
                "event_name": record["eventName"],
                "event_time": record["eventTime"],
                "last_modified": head["LastModified"].isoformat(),
                "etag": head["ETag"].strip('"'),
                "processed_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                "status": "processed",
                "region": os.environ["AWS_REGION"],
            }
        )
