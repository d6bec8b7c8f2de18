const { S3 } = require("@aws-sdk/client-s3");
const { DynamoDB } = require("@aws-sdk/client-dynamodb");

const s3 = new S3();
const dynamodb = new DynamoDB();

exports.handler = async (event) => {
  try {
    const { productId, productName, price, fileName, fileContent } = JSON.parse(event.body);
    const Key = `uploads/${productId}/${fileName}`;
    const stored = await s3.putObject({
      Bucket: process.env.BUCKET_NAME,
      Key,
      Body: Buffer.from(fileContent, "base64"),
      Metadata: { productid: productId, productname: productName, uploadtimestamp: new Date().toISOString() },
    });
    await dynamodb.putItem({
      TableName: process.env.TABLE_NAME,
      Item: {
        productId: { S: productId }, productName: { S: productName }, price: { N: `${price}` },
        s3Key: { S: Key }, versionId: { S: stored.VersionId },
      },
    });
    return { statusCode: 200, body: JSON.stringify({ s3Key: Key, versionId: stored.VersionId }) };
  } catch (error) {
    console.error(error);
    return { statusCode: 400, body: JSON.stringify({ error: error.message }) };
  }
};
