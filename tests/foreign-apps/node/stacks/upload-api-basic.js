const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_apigateway: apigateway, aws_dynamodb: dynamodb, aws_lambda: lambda, aws_s3: s3 } = cdk;

class UploadApiBasicStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const gone = { removalPolicy: cdk.RemovalPolicy.DESTROY };
    const bucket = new s3.Bucket(this, "Files", { versioned: true, autoDeleteObjects: true, ...gone });
    const table = new dynamodb.Table(this, "Products", {
      partitionKey: { name: "productId", type: dynamodb.AttributeType.STRING },
      sortKey: { name: "productName", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      ...gone,
    });
    const upload = new lambda.Function(this, "Upload", {
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "../handlers/basic")),
      timeout: cdk.Duration.seconds(29),
      environment: { BUCKET_NAME: bucket.bucketName, TABLE_NAME: table.tableName },
    });
    bucket.grantReadWrite(upload);
    table.grantReadWriteData(upload);
    const api = new apigateway.LambdaRestApi(this, "Api", { handler: upload });

    new cdk.CfnOutput(this, "ApiGatewayUrl", { value: api.url });
    new cdk.CfnOutput(this, "S3BucketName", { value: bucket.bucketName });
    new cdk.CfnOutput(this, "DynamoDBTableName", { value: table.tableName });
  }
}

module.exports = { UploadApiBasicStack };
