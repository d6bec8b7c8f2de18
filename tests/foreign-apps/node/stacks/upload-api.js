const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_apigateway: apigateway, aws_dynamodb: dynamodb, aws_kms: kms } = cdk;
const { aws_lambda: lambda, aws_logs: logs, aws_s3: s3 } = cdk;

class UploadApiStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const { suffix } = props;
    const gone = { removalPolicy: cdk.RemovalPolicy.DESTROY };

    const bucket = new s3.Bucket(this, "Files", {
      versioned: true,
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: new kms.Key(this, "FilesKey", { enableKeyRotation: true, ...gone }),
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [{ noncurrentVersionExpiration: cdk.Duration.days(30) }],
      cors: [{ allowedMethods: [s3.HttpMethods.POST, s3.HttpMethods.PUT], allowedOrigins: ["*"] }],
      autoDeleteObjects: true,
      ...gone,
    });
    const table = new dynamodb.Table(this, "Products", {
      tableName: `JsProductMetadata-${suffix}`,
      partitionKey: { name: "productId", type: dynamodb.AttributeType.STRING },
      sortKey: { name: "productName", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: "ttl",
      ...gone,
    });
    table.addGlobalSecondaryIndex({
      indexName: "PriceIndex",
      partitionKey: { name: "price", type: dynamodb.AttributeType.NUMBER },
      sortKey: { name: "productName", type: dynamodb.AttributeType.STRING },
    });
    const upload = new lambda.Function(this, "Upload", {
      functionName: `js-file-upload-${suffix}`,
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "../handlers/upload")),
      memorySize: 512,
      timeout: cdk.Duration.minutes(5),
      reservedConcurrentExecutions: 10,
      tracing: lambda.Tracing.ACTIVE,
      logGroup: new logs.LogGroup(this, "UploadLogs", { retention: logs.RetentionDays.ONE_WEEK, ...gone }),
      environment: { BUCKET_NAME: bucket.bucketName, TABLE_NAME: table.tableName },
    });
    bucket.grantPut(upload, "uploads/*");
    bucket.grantDelete(upload, "uploads/*");
    table.grantWriteData(upload);

    const api = new apigateway.RestApi(this, "Api", {
      restApiName: `js-file-upload-api-${suffix}`,
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      cloudWatchRole: true,
      deployOptions: {
        stageName: "prod",
        loggingLevel: apigateway.MethodLoggingLevel.INFO,
        dataTraceEnabled: true,
        metricsEnabled: true,
        tracingEnabled: true,
        throttlingRateLimit: 1000,
        throttlingBurstLimit: 2000,
      },
      defaultCorsPreflightOptions: { allowOrigins: apigateway.Cors.ALL_ORIGINS },
    });
    const text = (maxLength) => ({ type: apigateway.JsonSchemaType.STRING, minLength: 1, maxLength });
    const model = api.addModel("Product", {
      contentType: "application/json",
      schema: {
        type: apigateway.JsonSchemaType.OBJECT,
        required: ["productId", "productName", "price", "fileContent"],
        properties: {
          productId: text(128),
          productName: text(256),
          price: { type: apigateway.JsonSchemaType.NUMBER, minimum: 0 },
          fileName: text(256),
          fileContent: { type: apigateway.JsonSchemaType.STRING },
        },
      },
    });
    api.root.addResource("upload").addMethod("POST", new apigateway.LambdaIntegration(upload), {
      requestModels: { "application/json": model },
      requestValidatorOptions: { validateRequestBody: true },
      apiKeyRequired: true,
    });
    const key = api.addApiKey("Key");
    const plan = api.addUsagePlan("Plan", { quota: { limit: 1000000, period: apigateway.Period.DAY } });
    plan.addApiKey(key);
    plan.addApiStage({ stage: api.deploymentStage });

    new cdk.CfnOutput(this, "ApiGatewayUrl", { value: api.urlForPath("/upload") });
    new cdk.CfnOutput(this, "ApiKeyId", { value: key.keyId });
    new cdk.CfnOutput(this, "S3BucketName", { value: bucket.bucketName });
    new cdk.CfnOutput(this, "DynamoDBTableName", { value: table.tableName });
  }
}

module.exports = { UploadApiStack };
