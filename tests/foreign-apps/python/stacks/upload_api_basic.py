from aws_cdk import (
    CfnOutput,
    Duration,
    RemovalPolicy,
    Stack,
    aws_apigateway as apigateway,
    aws_dynamodb as dynamodb,
    aws_lambda as lambda_,
    aws_s3 as s3,
)
from constructs import Construct


class UploadApiBasicStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, suffix: str, **kwargs) -> None:
        super().__init__(scope, construct_id, **kwargs)

        bucket = s3.Bucket(
            self, "Files", versioned=True, removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True
        )
        table = dynamodb.Table(
            self,
            "Products",
            partition_key=dynamodb.Attribute(name="productId", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="productName", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            "Upload",
            function_name=f"py-upload-basic-{suffix}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.handler",
            code=lambda_.Code.from_asset("handlers/basic"),
            timeout=Duration.seconds(29),
            reserved_concurrent_executions=int(self.node.try_get_context("concurrency") or 5),
            environment={"BUCKET_NAME": bucket.bucket_name, "TABLE_NAME": table.table_name},
        )
        bucket.grant_read_write(function)
        table.grant_read_write_data(function)
        api = apigateway.LambdaRestApi(self, "Api", handler=function, proxy=False)
        api.root.add_resource("upload").add_method("POST")

        CfnOutput(self, "ApiGatewayUrl", value=api.url_for_path("/upload"))
        CfnOutput(self, "S3BucketName", value=bucket.bucket_name)
        CfnOutput(self, "DynamoDBTableName", value=table.table_name)
