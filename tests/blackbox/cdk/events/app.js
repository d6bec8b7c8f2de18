// Event processing with Node.js handlers: a queue with its dead-letter queue, a table's stream, a function URL, an alias.
const cdk = require('aws-cdk-lib');
const {
  aws_dynamodb: dynamodb, aws_iam: iam, aws_lambda: lambda, aws_lambda_event_sources: sources, aws_sqs: sqs,
} = cdk;

const app = new cdk.App();
const stack = new cdk.Stack(app, 'Events');
const DESTROY = cdk.RemovalPolicy.DESTROY;
const dead = new sqs.Queue(stack, 'Dead', { removalPolicy: DESTROY });
const queue = new sqs.Queue(stack, 'Queue', {
  removalPolicy: DESTROY, visibilityTimeout: cdk.Duration.seconds(60), deadLetterQueue: { queue: dead, maxReceiveCount: 3 },
});
const table = new dynamodb.Table(stack, 'Table', {
  partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING }, billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
  stream: dynamodb.StreamViewType.NEW_AND_OLD_IMAGES, removalPolicy: DESTROY,
});
const write = new lambda.Function(stack, 'Write', {
  runtime: new lambda.Runtime('nodejs24.x', lambda.RuntimeFamily.NODEJS), handler: 'index.write',
  code: lambda.Code.fromAsset(`${__dirname}/fn`), environment: { TABLE: table.tableName }, timeout: cdk.Duration.seconds(20),
});
const copy = new lambda.Function(stack, 'Copy', {
  runtime: new lambda.Runtime('nodejs24.x', lambda.RuntimeFamily.NODEJS), handler: 'index.copy',
  code: lambda.Code.fromAsset(`${__dirname}/fn`), environment: { TABLE: table.tableName }, timeout: cdk.Duration.seconds(20),
});
table.grantWriteData(write);
table.grantWriteData(copy);
write.addEventSource(new sources.SqsEventSource(queue, { batchSize: 5, reportBatchItemFailures: true }));
copy.addEventSource(new sources.DynamoEventSource(table, { startingPosition: lambda.StartingPosition.TRIM_HORIZON, retryAttempts: 2 }));
const live = new lambda.Alias(stack, 'Live', { aliasName: 'live', version: write.currentVersion });
const url = live.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.NONE });
const reader = new iam.User(stack, 'Reader');
table.grantReadData(reader);
new iam.Group(stack, 'Readers').addUser(reader);
const accessKey = new iam.AccessKey(stack, 'ReaderKey', { user: reader });
new cdk.CfnOutput(stack, 'QueueUrl', { value: queue.queueUrl });
new cdk.CfnOutput(stack, 'TableName', { value: table.tableName });
new cdk.CfnOutput(stack, 'Url', { value: url.url });
new cdk.CfnOutput(stack, 'KeyId', { value: accessKey.accessKeyId });
