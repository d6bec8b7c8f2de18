import json
import os

import boto3


def handler(event, context):
    if "Records" in event:
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        for record in event["Records"]:
            item = record["s3"]["object"]
            table.put_item(Item={"pk": item["key"], "size": item["size"]})
        return
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    body = {"user": json.loads(secret)["username"], "message": os.environ["MESSAGE"]}
    return {"statusCode": 200, "body": json.dumps(body)}
