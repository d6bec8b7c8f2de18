const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_dynamodb: dynamodb, aws_lambda: lambda, aws_s3: s3, aws_s3_notifications: notifications } = cdk;

class MetadataPipelineStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const gone = { removalPolicy: cdk.RemovalPolicy.DESTROY };
    const bucket = new s3.Bucket(this, "Files", { autoDeleteObjects: true, ...gone });
    const table = new dynamodb.Table(this, "Metadata", {
      tableName: `js-file-metadata-table-${props.suffix}`,
      partitionKey: { name: "file_key", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      ...gone,
    });
    const indexer = new lambda.Function(this, "Indexer", {
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "../handlers/metadata")),
      memorySize: 256,
      timeout: cdk.Duration.seconds(15),
      environment: { TABLE_NAME: table.tableName },
    });
    bucket.grantRead(indexer);
    table.grantWriteData(indexer);
    bucket.addObjectCreatedNotification(new notifications.LambdaDestination(indexer));
    cdk.Tags.of(this).add("Project", "MetadataPipeline");

    new cdk.CfnOutput(this, "BucketName", { value: bucket.bucketName });
    new cdk.CfnOutput(this, "TableName", { value: table.tableName });
  }
}

module.exports = { MetadataPipelineStack };
