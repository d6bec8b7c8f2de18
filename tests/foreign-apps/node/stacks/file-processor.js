const path = require("node:path");
const cdk = require("aws-cdk-lib");
const { aws_cloudwatch: cloudwatch, aws_iam: iam, aws_lambda: lambda, aws_s3: s3, aws_sqs: sqs } = cdk;
const { aws_s3_notifications: notifications, aws_secretsmanager: secretsmanager } = cdk;

class FileProcessorStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const { suffix } = props;
    const gone = { removalPolicy: cdk.RemovalPolicy.DESTROY };

    const bucket = new s3.Bucket(this, "Files", {
      bucketName: `js-serverlessapp-files-${suffix}-${this.account}`,
      versioned: true,
      serverAccessLogsPrefix: "access-logs/",
      autoDeleteObjects: true,
      ...gone,
    });
    const secret = new secretsmanager.Secret(this, "Credentials", {
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: "admin" }),
        generateStringKey: "password",
        passwordLength: 32,
      },
      ...gone,
    });
    const deadLetters = new sqs.Queue(this, "DeadLetters");
    const processor = new lambda.Function(this, "Processor", {
      functionName: `js-processor-${suffix}`,
      runtime: lambda.Runtime.NODEJS_20_X,
      handler: "index.handler",
      code: lambda.Code.fromAsset(path.join(__dirname, "../handlers/processor")),
      memorySize: 256,
      timeout: cdk.Duration.seconds(60),
      retryAttempts: 2,
      deadLetterQueue: deadLetters,
      environment: { SECRET_ARN: secret.secretArn },
    });
    bucket.grantRead(processor);
    secret.grantRead(processor);
    processor.addToRolePolicy(new iam.PolicyStatement({
      actions: ["cloudwatch:PutMetricData"],
      resources: ["*"],
      conditions: { StringEquals: { "cloudwatch:namespace": "ServerlessApp/Lambda" } },
    }));
    bucket.addEventNotification(
      s3.EventType.OBJECT_CREATED, new notifications.LambdaDestination(processor), { prefix: "uploads/" });
    new cloudwatch.Alarm(this, "ErrorsAlarm", {
      alarmName: `js-${suffix}-errors`,
      metric: processor.metricErrors({ period: cdk.Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
    });
    cdk.Tags.of(this).add("Project", "ServerlessApp");

    new cdk.CfnOutput(this, "BucketName", { value: bucket.bucketName, exportName: `js-${suffix}-bucket` });
    new cdk.CfnOutput(this, "FunctionName", { value: processor.functionName });
    new cdk.CfnOutput(this, "SecretArn", { value: secret.secretArn });
    new cdk.CfnOutput(this, "DeadLettersUrl", { value: deadLetters.queueUrl });
  }
}

module.exports = { FileProcessorStack };
