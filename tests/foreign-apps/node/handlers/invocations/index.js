const { DynamoDBClient, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const dynamodb = new DynamoDBClient();

exports.handler = async (event, context) => {
  for (const [index, record] of event.Records.entries()) {
    await dynamodb.send(new PutItemCommand({
      TableName: process.env.TABLE_NAME,
      Item: {
        requestId: { S: context.awsRequestId },
        timestamp: { S: `${new Date().toISOString()}#${index}` },
        bucket: { S: record.s3.bucket.name },
        key: { S: decodeURIComponent(record.s3.object.key.replace(/\+/g, " ")) },
      },
    }));
  }
};
