const { S3Client, HeadObjectCommand } = require("@aws-sdk/client-s3");
const { DynamoDBClient, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const s3 = new S3Client();
const dynamodb = new DynamoDBClient();

exports.handler = async (event) => {
  await Promise.all(event.Records.map(async (record) => {
    const key = decodeURIComponent(record.s3.object.key.replace(/\+/g, " "));
    const head = await s3.send(new HeadObjectCommand({ Bucket: record.s3.bucket.name, Key: key }));
    await dynamodb.send(new PutItemCommand({
      TableName: process.env.TABLE_NAME,
      Item: {
        file_key: { S: key },
        bucket: { S: record.s3.bucket.name },
        size: { N: `${head.ContentLength}` },
        content_type: { S: head.ContentType },
        event_name: { S: record.eventName },
        event_time: { S: record.eventTime },
        last_modified: { S: head.LastModified.toISOString() },
        etag: { S: head.ETag.replaceAll('"', "") },
        processed_at: { S: new Date().toISOString() },
        status: { S: "processed" },
        region: { S: process.env.AWS_REGION },
      },
    }));
  }));
};
