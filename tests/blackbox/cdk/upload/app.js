// An upload stack as people write it: a private versioned bucket under its own key, a table, a function that indexes
// what is uploaded, an API in front, an alarm. Context varies it: message, broken, tableName.
const cdk = require('aws-cdk-lib');
const {
  aws_apigateway: api, aws_cloudwatch: cloudwatch, aws_dynamodb: dynamodb, aws_kms: kms, aws_lambda: lambda,
  aws_logs: logs, aws_s3: s3, aws_s3_notifications: notifications, aws_secretsmanager: secrets, aws_sqs: sqs, aws_ssm: ssm,
} = cdk;

const app = new cdk.App();
const given = (name) => app.node.tryGetContext(name);
const stack = new cdk.Stack(app, 'Upload', { tags: { team: 'files' } });
const DESTROY = cdk.RemovalPolicy.DESTROY;

const key = new kms.Key(stack, 'Key', { enableKeyRotation: true, removalPolicy: DESTROY });
const bucket = new s3.Bucket(stack, 'Files', {
  versioned: true, encryption: s3.BucketEncryption.KMS, encryptionKey: key, enforceSSL: true, autoDeleteObjects: true,
  removalPolicy: DESTROY, blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  lifecycleRules: [{ noncurrentVersionExpiration: cdk.Duration.days(30) }],
  cors: [{ allowedMethods: [s3.HttpMethods.GET], allowedOrigins: ['*'] }],
});
const table = new dynamodb.Table(stack, 'Table', {
  tableName: given('tableName'), partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
  billingMode: dynamodb.BillingMode.PAY_PER_REQUEST, removalPolicy: DESTROY, timeToLiveAttribute: 'ttl',
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED, encryptionKey: key,
});
table.addGlobalSecondaryIndex({ indexName: 'bySize', partitionKey: { name: 'size', type: dynamodb.AttributeType.NUMBER } });
const secret = new secrets.Secret(stack, 'Secret', {
  generateSecretString: { secretStringTemplate: JSON.stringify({ username: 'admin' }), generateStringKey: 'password' },
});
const dead = new sqs.Queue(stack, 'Dead', { retentionPeriod: cdk.Duration.days(14), enforceSSL: true });
const index = new lambda.Function(stack, 'Index', {
  runtime: new lambda.Runtime(given('python') ?? 'python3.11', lambda.RuntimeFamily.PYTHON), handler: 'index.handler',
  code: lambda.Code.fromAsset(`${__dirname}/fn`), timeout: cdk.Duration.seconds(20), memorySize: 256, retryAttempts: 1,
  deadLetterQueue: dead, tracing: lambda.Tracing.ACTIVE, reservedConcurrentExecutions: 5,
  logGroup: new logs.LogGroup(stack, 'IndexLogs', { retention: logs.RetentionDays.ONE_WEEK, removalPolicy: DESTROY }),
  environment: { TABLE: table.tableName, SECRET: secret.secretArn, MESSAGE: given('message') ?? 'hello' },
});
table.grantReadWriteData(index);
secret.grantRead(index);
bucket.grantRead(index);
bucket.addEventNotification(s3.EventType.OBJECT_CREATED, new notifications.LambdaDestination(index), { prefix: 'in/' });

const rest = new api.RestApi(stack, 'Api', {
  deployOptions: {
    stageName: 'prod', loggingLevel: api.MethodLoggingLevel.INFO, tracingEnabled: true, throttlingRateLimit: 100,
    throttlingBurstLimit: 50,
  },
  cloudWatchRole: true, defaultCorsPreflightOptions: { allowOrigins: api.Cors.ALL_ORIGINS },
});
const model = rest.addModel('Model', {
  contentType: 'application/json',
  schema: { type: api.JsonSchemaType.OBJECT, required: ['name'], properties: { name: { type: api.JsonSchemaType.STRING } } },
});
const validator = rest.addRequestValidator('Validator', { validateRequestBody: true });
rest.root.addMethod('GET', new api.LambdaIntegration(index));
rest.root.addResource('items').addMethod('POST', new api.LambdaIntegration(index), {
  requestModels: { 'application/json': model }, requestValidator: validator, apiKeyRequired: true,
});
const plan = rest.addUsagePlan('Plan', {
  throttle: { rateLimit: 10, burstLimit: 5 }, quota: { limit: 1000, period: api.Period.DAY },
  apiStages: [{ stage: rest.deploymentStage }],
});
plan.addApiKey(rest.addApiKey('ApiKey'));
index.metricErrors().createAlarm(stack, 'Errors', { threshold: 1, evaluationPeriods: 1 });
new ssm.StringParameter(stack, 'BucketName', { parameterName: '/upload/bucket', stringValue: bucket.bucketName });
// A name that is taken already: the update fails after other resources were changed, and is rolled back.
if (given('broken')) {
  const twin = new ssm.StringParameter(stack, 'Twin', { parameterName: '/upload/bucket', stringValue: 'twin' });
  twin.node.addDependency(index);
}
new cdk.CfnOutput(stack, 'Bucket', { value: bucket.bucketName, exportName: 'UploadBucket' });
new cdk.CfnOutput(stack, 'TableName', { value: table.tableName });
new cdk.CfnOutput(stack, 'Function', { value: index.functionName });
