import datetime
import os
import urllib.parse

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        table.put_item(
            Item={
                "requestId": context.aws_request_id,
                "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                "functionName": context.function_name,
                "bucket": record["s3"]["bucket"]["name"],
                "key": urllib.parse.unquote_plus(record["s3"]["object"]["key"]),
                "eventName": record["eventName"],
            }
        )
    return {"records": len(event["Records"])}
