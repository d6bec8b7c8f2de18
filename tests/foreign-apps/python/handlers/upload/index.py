import base64
import binascii
import datetime
import json
import logging
import os
from decimal import Decimal

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
BUCKET = os.environ["BUCKET_NAME"]


def respond(status, body):
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
        "body": json.dumps(body),
    }


def handler(event, context):
    try:
        product = json.loads(event["body"], parse_float=Decimal)
        content = base64.b64decode(product["fileContent"], validate=True)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        return respond(400, {"error": str(error), "code": "VALUE_ERROR"})

    now = datetime.datetime.now(datetime.timezone.utc)
    key = f"uploads/{product['productId']}/{product.get('fileName', 'upload.bin')}"
    try:
        version = s3.put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]
    except ClientError:
        logger.exception("upload failed")
        return respond(500, {"error": "The file could not be stored", "code": "UPLOAD_ERROR"})
    try:
        table.put_item(
            Item={
                "productId": product["productId"],
                "productName": product["productName"],
                "price": product["price"],
                "s3Key": key,
                "versionId": version,
                "fileSize": len(content),
                "uploadTimestamp": now.isoformat(),
                "ttl": int(now.timestamp()) + 365 * 24 * 3600,
            }
        )
    except ClientError:
        logger.exception("metadata failed")
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
        return respond(500, {"error": "The metadata could not be stored", "code": "METADATA_ERROR"})
    logger.info("stored %s", key)
    return respond(200, {"productId": product["productId"], "s3Key": key, "versionId": version})
