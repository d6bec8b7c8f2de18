// Files deployed into a bucket by CDK's own function, which runs the aws CLI out of a layer.
const cdk = require('aws-cdk-lib');
const { aws_s3: s3, aws_s3_deployment: deployment } = cdk;

const app = new cdk.App();
const stack = new cdk.Stack(app, 'Site');
const bucket = new s3.Bucket(stack, 'Pages', { removalPolicy: cdk.RemovalPolicy.DESTROY, autoDeleteObjects: true });
new deployment.BucketDeployment(stack, 'Deploy', {
  sources: [
    deployment.Source.asset(`${__dirname}/www`),
    deployment.Source.jsonData('config.json', { bucket: bucket.bucketArn }),
  ],
  destinationBucket: bucket,
});
new cdk.CfnOutput(stack, 'Bucket', { value: bucket.bucketName });
