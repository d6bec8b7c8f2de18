const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_dynamodb: dynamodb, aws_lambda: lambda, aws_s3: s3, aws_s3_notifications: notifications } = cdk;

class InvocationLogStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const { suffix } = props;
    const gone = { removalPolicy: cdk.RemovalPolicy.DESTROY };
    const table = new dynamodb.Table(this, "Invocations", {
      tableName: `js-lambda-invocation-logs-${suffix}`,
      partitionKey: { name: "requestId", type: dynamodb.AttributeType.STRING },
      sortKey: { name: "timestamp", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      ...gone,
    });
    const bucket = new s3.Bucket(this, "Trigger", {
      bucketName: `js-lambda-trigger-bucket-${suffix}-${this.account}`,
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      autoDeleteObjects: true,
      ...gone,
    });
    const logger = new lambda.Function(this, "Logger", {
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "../handlers/invocations")),
      timeout: cdk.Duration.seconds(30),
      environment: { TABLE_NAME: table.tableName },
    });
    table.grantWriteData(logger);
    bucket.addEventNotification(s3.EventType.OBJECT_CREATED, new notifications.LambdaDestination(logger));

    new cdk.CfnOutput(this, "BucketName", { value: bucket.bucketName });
    new cdk.CfnOutput(this, "TableName", { value: table.tableName });
  }
}

module.exports = { InvocationLogStack };
