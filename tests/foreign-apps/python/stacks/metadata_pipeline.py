from aws_cdk import (
    CfnOutput,
    Duration,
    RemovalPolicy,
    Stack,
    Tags,
    aws_dynamodb as dynamodb,
    aws_lambda as lambda_,
    aws_lambda_event_sources as sources,
    aws_s3 as s3,
)
from constructs import Construct


class MetadataPipelineStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, suffix: str, **kwargs) -> None:
        super().__init__(scope, construct_id, **kwargs)

        bucket = s3.Bucket(
            self,
            "Files",
            encryption=s3.BucketEncryption.S3_MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        table = dynamodb.Table(
            self,
            "Metadata",
            table_name=f"py-file-metadata-table-{suffix}",
            partition_key=dynamodb.Attribute(name="file_key", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            "Indexer",
            function_name=f"py-file-metadata-{suffix}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.handler",
            code=lambda_.Code.from_asset("handlers/metadata"),
            memory_size=256,
            timeout=Duration.seconds(15),
            environment={"TABLE_NAME": table.table_name},
        )
        bucket.grant_read(function)
        table.grant_write_data(function)
        function.add_event_source(sources.S3EventSource(bucket, events=[s3.EventType.OBJECT_CREATED]))
        Tags.of(self).add("Project", "MetadataPipeline")

        CfnOutput(self, "BucketName", value=bucket.bucket_name)
        CfnOutput(self, "TableName", value=table.table_name)
