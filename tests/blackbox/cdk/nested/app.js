// A nested stack, and two stacks of which one imports what the other exports.
const cdk = require('aws-cdk-lib');
const { aws_sqs: sqs, aws_ssm: ssm } = cdk;

const app = new cdk.App();
const seconds = Number(app.node.tryGetContext('seconds') ?? 30);
const first = new cdk.Stack(app, 'First');
const inner = new cdk.NestedStack(first, 'Inner');
const queue = new sqs.Queue(inner, 'Queue', { visibilityTimeout: cdk.Duration.seconds(seconds) });
const parameter = new ssm.StringParameter(first, 'Parameter', { stringValue: queue.queueArn });
const second = new cdk.Stack(app, 'Second');
new ssm.StringParameter(second, 'Copy', { parameterName: '/second/copy', stringValue: parameter.parameterName });
new cdk.CfnOutput(first, 'QueueArn', { value: queue.queueArn });
