from aws_cdk import (
    CfnOutput,
    Duration,
    RemovalPolicy,
    Stack,
    aws_apigateway as apigateway,
    aws_dynamodb as dynamodb,
    aws_iam as iam,
    aws_kms as kms,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_s3 as s3,
)
from constructs import Construct


class UploadApiStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, suffix: str, **kwargs) -> None:
        super().__init__(scope, construct_id, **kwargs)

        bucket_key = kms.Key(
            self, "BucketKey", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY
        )
        table_key = kms.Key(
            self, "TableKey", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY
        )

        bucket = s3.Bucket(
            self,
            "UploadBucket",
            bucket_name=f"py-file-upload-{self.account}-{self.region}-{suffix}",
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=bucket_key,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(enabled=True, noncurrent_version_expiration=Duration.days(30))
            ],
            cors=[
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT],
                    allowed_origins=["*"],
                    allowed_headers=["*"],
                )
            ],
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )

        table = dynamodb.Table(
            self,
            "ProductTable",
            table_name=f"PyProductMetadata-{suffix}",
            partition_key=dynamodb.Attribute(name="productId", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="productName", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=table_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="ttl",
            removal_policy=RemovalPolicy.DESTROY,
        )
        table.add_global_secondary_index(
            index_name="PriceIndex",
            partition_key=dynamodb.Attribute(name="price", type=dynamodb.AttributeType.NUMBER),
            sort_key=dynamodb.Attribute(name="productName", type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.ALL,
        )

        log_group = logs.LogGroup(
            self,
            "UploadLogs",
            log_group_name=f"/aws/lambda/py-file-upload-{suffix}",
            retention=logs.RetentionDays.ONE_WEEK,
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            "UploadFunction",
            function_name=f"py-file-upload-{suffix}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.handler",
            code=lambda_.Code.from_asset("handlers/upload"),
            memory_size=512,
            timeout=Duration.minutes(5),
            reserved_concurrent_executions=10,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            environment={"BUCKET_NAME": bucket.bucket_name, "TABLE_NAME": table.table_name},
        )
        bucket.grant_put(function)
        bucket.grant_delete(function)
        table.grant_write_data(function)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[bucket_key.key_arn, table_key.key_arn],
            )
        )

        api = apigateway.RestApi(
            self,
            "UploadApi",
            rest_api_name=f"py-file-upload-api-{suffix}",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            deploy_options=apigateway.StageOptions(
                stage_name="prod",
                logging_level=apigateway.MethodLoggingLevel.INFO,
                data_trace_enabled=True,
                metrics_enabled=True,
                throttling_rate_limit=1000,
                throttling_burst_limit=2000,
            ),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=apigateway.Cors.ALL_ORIGINS, allow_methods=["POST", "OPTIONS"]
            ),
        )
        model = api.add_model(
            "ProductModel",
            content_type="application/json",
            model_name="Product",
            schema=apigateway.JsonSchema(
                schema=apigateway.JsonSchemaVersion.DRAFT4,
                type=apigateway.JsonSchemaType.OBJECT,
                required=["productId", "productName", "price", "fileContent"],
                properties={
                    "productId": text(1, 128),
                    "productName": text(1, 256),
                    "price": apigateway.JsonSchema(type=apigateway.JsonSchemaType.NUMBER, minimum=0),
                    "fileName": text(1, 256),
                    "fileContent": apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING),
                },
            ),
        )
        validator = api.add_request_validator("BodyValidator", validate_request_body=True)
        api.root.add_resource("upload").add_method(
            "POST",
            apigateway.LambdaIntegration(function),
            request_models={"application/json": model},
            request_validator=validator,
        )
        plan = api.add_usage_plan(
            "UsagePlan",
            name=f"py-file-upload-plan-{suffix}",
            quota=apigateway.QuotaSettings(limit=1_000_000, period=apigateway.Period.DAY),
            throttle=apigateway.ThrottleSettings(rate_limit=1000, burst_limit=2000),
        )
        plan.add_api_stage(stage=api.deployment_stage)

        CfnOutput(self, "ApiGatewayUrl", value=f"{api.url}upload")
        CfnOutput(self, "LambdaFunctionArn", value=function.function_arn)
        CfnOutput(self, "S3BucketName", value=bucket.bucket_name)
        CfnOutput(self, "DynamoDBTableName", value=table.table_name)


def text(shortest: int, longest: int) -> apigateway.JsonSchema:
    return apigateway.JsonSchema(
        type=apigateway.JsonSchemaType.STRING, min_length=shortest, max_length=longest
    )
