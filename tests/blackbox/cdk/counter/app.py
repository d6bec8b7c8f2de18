"""An app in Python with a handler in Python: a function behind a URL that keeps count in a table."""

import pathlib

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_

app = cdk.App()
stack = cdk.Stack(app, "Counter")
table = dynamodb.Table(
    stack,
    "Table",
    partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
function = lambda_.Function(
    stack,
    "Count",
    runtime=lambda_.Runtime(app.node.try_get_context("python") or "python3.11", lambda_.RuntimeFamily.PYTHON),
    handler="index.handler",
    code=lambda_.Code.from_asset(str(pathlib.Path(__file__).parent / "fn")),
    environment={"TABLE": table.table_name},
    timeout=cdk.Duration.seconds(20),
)
table.grant_read_write_data(function)
cdk.CfnOutput(stack, "Function", value=function.function_name)
app.synth()
