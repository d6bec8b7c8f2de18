import base64
import datetime
import json
import os
from decimal import Decimal

import boto3

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    try:
        product = json.loads(event["body"], parse_float=Decimal)
        key = f"uploads/{product['productId']}/{product['fileName']}"
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        stored = s3.put_object(
            Bucket=os.environ["BUCKET_NAME"],
            Key=key,
            Body=base64.b64decode(product["fileContent"]),
            Metadata={
                "productId": product["productId"],
                "productName": product["productName"],
                "uploadTimestamp": now,
            },
        )
        item = {name: product[name] for name in ("productId", "productName", "price")}
        table.put_item(Item={**item, "s3Key": key, "versionId": stored["VersionId"], "uploadTimestamp": now})
    except (KeyError, ValueError, TypeError) as error:
        return {"statusCode": 400, "body": json.dumps({"error": f"Invalid request: {error}"})}
    return {"statusCode": 200, "body": json.dumps({"s3Key": key, "versionId": stored["VersionId"]})}
