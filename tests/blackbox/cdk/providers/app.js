// Custom resources in all their forms: CDK's provider framework, a single SDK call, log retention, inline code.
const cdk = require('aws-cdk-lib');
const { aws_lambda: lambda, aws_logs: logs, custom_resources: custom } = cdk;

const app = new cdk.App();
const given = (name) => app.node.tryGetContext(name);
const stack = new cdk.Stack(app, 'Providers');
const python = new lambda.Runtime(given('python') ?? 'python3.11', lambda.RuntimeFamily.PYTHON, { supportsInlineCode: true });

const onEvent = new lambda.Function(stack, 'OnEvent', {
  runtime: python, handler: 'index.handler', logRetention: logs.RetentionDays.ONE_WEEK,
  code: lambda.Code.fromInline(`
def handler(event, context):
    properties = event["ResourceProperties"]
    if properties["Flag"] != "true":
        raise Exception("Flag is no text: %r" % properties["Flag"])
    old = event.get("OldResourceProperties", {}).get("Number", "none")
    data = {"Answer": "%s after %s" % (properties["Number"], old)}
    return {"PhysicalResourceId": "thing-" + properties["Number"], "Data": data}
`),
});
const provider = new custom.Provider(stack, 'Provider', { onEventHandler: onEvent });
const thing = new cdk.CustomResource(stack, 'Thing', {
  serviceToken: provider.serviceToken, resourceType: 'Custom::Thing',
  properties: { Number: Number(given('number') ?? 1), Flag: true },
});
const call = new custom.AwsCustomResource(stack, 'Call', {
  onUpdate: {
    service: 'SSM', action: 'getParameter', parameters: { Name: '/cdk-bootstrap/hnb659fds/version' },
    physicalResourceId: custom.PhysicalResourceId.of('call'),
  },
  policy: custom.AwsCustomResourcePolicy.fromSdkCalls({ resources: custom.AwsCustomResourcePolicy.ANY_RESOURCE }),
  installLatestAwsSdk: false,
});
const inline = new lambda.Function(stack, 'Inline', {
  runtime: python, handler: 'index.handler',
  code: lambda.Code.fromInline(`
import cfnresponse

def handler(event, context):
    if event["ResourceProperties"].get("Fail") and event["RequestType"] != "Delete":
        raise Exception("as the template asks")
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Value": "inline"}, "inline-1")
`),
});
const simple = new cdk.CustomResource(stack, 'Simple', {
  serviceToken: inline.functionArn, properties: given('fail') ? { Fail: true } : {},
});
new cdk.CfnOutput(stack, 'Answer', { value: thing.getAttString('Answer') });
new cdk.CfnOutput(stack, 'BootstrapVersion', { value: call.getResponseField('Parameter.Value') });
new cdk.CfnOutput(stack, 'InlineValue', { value: simple.getAttString('Value') });
