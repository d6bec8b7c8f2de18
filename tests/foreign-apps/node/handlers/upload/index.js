const { S3Client, PutObjectCommand, DeleteObjectCommand } = require("@aws-sdk/client-s3");
const { DynamoDBClient, PutItemCommand } = require("@aws-sdk/client-dynamodb");

const s3 = new S3Client({});
const dynamodb = new DynamoDBClient({});
const Bucket = process.env.BUCKET_NAME;
const YEAR_S = 365 * 24 * 3600;

const respond = (statusCode, body) => ({
  statusCode,
  headers: { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" },
  body: JSON.stringify(body),
});

exports.handler = async (event) => {
  const product = JSON.parse(event.body);
  const content = Buffer.from(product.fileContent, "base64");
  if (content.length === 0) return respond(400, { error: "fileContent is empty", code: "INVALID_FILE_CONTENT" });
  const Key = `uploads/${product.productId}/${product.fileName ?? "upload.bin"}`;
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: content }));
  try {
    await dynamodb.send(new PutItemCommand({
      TableName: process.env.TABLE_NAME,
      Item: {
        productId: { S: product.productId },
        productName: { S: product.productName },
        price: { N: String(product.price) },
        s3Key: { S: Key },
        versionId: { S: VersionId },
        uploadTimestamp: { S: new Date().toISOString() },
        ttl: { N: String(Math.floor(Date.now() / 1000) + YEAR_S) },
      },
    }));
  } catch (error) {
    console.error("metadata failed", error);
    await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
    return respond(500, { error: "The metadata could not be stored", code: "METADATA_ERROR" });
  }
  return respond(200, { productId: product.productId, s3Key: Key, versionId: VersionId });
};
