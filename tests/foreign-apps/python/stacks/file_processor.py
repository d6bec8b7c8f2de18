from aws_cdk import (
    CfnOutput,
    Duration,
    RemovalPolicy,
    Stack,
    Tags,
    aws_cloudwatch as cloudwatch,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_s3 as s3,
    aws_s3_notifications as s3n,
    aws_secretsmanager as secretsmanager,
    aws_sqs as sqs,
)
from constructs import Construct


class FileProcessorStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, suffix: str, **kwargs) -> None:
        super().__init__(scope, construct_id, **kwargs)

        bucket = s3.Bucket(
            self,
            "Files",
            bucket_name=f"py-serverlessapp-files-{suffix}-{self.account}",
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            server_access_logs_prefix="access-logs/",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        secret = secretsmanager.Secret(
            self,
            "Credentials",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"username": "admin"}',
                generate_string_key="password",
                password_length=32,
                exclude_characters="\"@/\\",
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        dead_letters = sqs.Queue(self, "DeadLetters", retention_period=Duration.days(14))
        function = lambda_.Function(
            self,
            "Processor",
            function_name=f"py-processor-{suffix}",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.handler",
            code=lambda_.Code.from_asset("handlers/processor"),
            memory_size=256,
            timeout=Duration.seconds(60),
            retry_attempts=2,
            dead_letter_queue=dead_letters,
            environment={"SECRET_ARN": secret.secret_arn},
        )
        bucket.grant_read(function, "uploads/*")
        secret.grant_read(function)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": "ServerlessApp/Lambda"}},
            )
        )
        bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED,
            s3n.LambdaDestination(function),
            s3.NotificationKeyFilter(prefix="uploads/"),
        )
        cloudwatch.Alarm(
            self,
            "ErrorsAlarm",
            alarm_name=f"py-{suffix}-errors",
            metric=function.metric_errors(period=Duration.minutes(5)),
            threshold=1,
            evaluation_periods=1,
        )
        cloudwatch.Alarm(
            self,
            "DurationAlarm",
            alarm_name=f"py-{suffix}-duration",
            metric=function.metric_duration(period=Duration.minutes(5)),
            threshold=30_000,
            evaluation_periods=2,
        )
        Tags.of(self).add("Project", "ServerlessApp")
        Tags.of(self).add("Environment", suffix)
        Tags.of(self).add("Owner", "somebody")

        CfnOutput(self, "BucketName", value=bucket.bucket_name, export_name=f"py-{suffix}-bucket")
        CfnOutput(self, "FunctionName", value=function.function_name, export_name=f"py-{suffix}-function")
        CfnOutput(self, "SecretArn", value=secret.secret_arn)
        CfnOutput(self, "DeadLettersUrl", value=dead_letters.queue_url)
