const crypto = require("node:crypto");
const { S3Client, GetObjectCommand } = require("@aws-sdk/client-s3");
const { SecretsManagerClient, GetSecretValueCommand } = require("@aws-sdk/client-secrets-manager");
const { CloudWatchClient, PutMetricDataCommand } = require("@aws-sdk/client-cloudwatch");

const s3 = new S3Client();
const secrets = new SecretsManagerClient();
const cloudwatch = new CloudWatchClient();

const metric = (MetricName, Value, Unit) => cloudwatch.send(new PutMetricDataCommand({
  Namespace: "ServerlessApp/Lambda",
  MetricData: [{ MetricName, Value, Unit }],
}));

exports.handler = async (event) => {
  await metric("InvocationCount", 1, "Count");
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.SECRET_ARN }));
  const { username } = JSON.parse(SecretString);
  for (const record of event.Records) {
    const Key = decodeURIComponent(record.s3.object.key.replace(/\+/g, " "));
    const object = await s3.send(new GetObjectCommand({ Bucket: record.s3.bucket.name, Key }));
    const body = await object.Body.transformToByteArray();
    await metric("ProcessedFileSize", body.length, "Bytes");
    const sha256 = crypto.createHash("sha256").update(body).digest("hex");
    console.log(JSON.stringify({ processed: Key, sha256, by: username }));
  }
};
