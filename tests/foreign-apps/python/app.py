#!/usr/bin/env python3
import os

import aws_cdk as cdk

from stacks.file_processor import FileProcessorStack
from stacks.invocation_log import InvocationLogStack
from stacks.metadata_pipeline import MetadataPipelineStack
from stacks.upload_api import UploadApiStack
from stacks.upload_api_basic import UploadApiBasicStack

app = cdk.App()
suffix = app.node.try_get_context("suffix") or "py"
env = cdk.Environment(
    account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")
)

UploadApiStack(app, f"PyUploadApi-{suffix}", suffix=suffix, env=env)
UploadApiBasicStack(app, f"PyUploadApiBasic-{suffix}", suffix=suffix, env=env)
FileProcessorStack(app, f"PyFileProcessor-{suffix}", suffix=suffix, env=env)
MetadataPipelineStack(app, f"PyMetadataPipeline-{suffix}", suffix=suffix, env=env)
InvocationLogStack(app, f"PyInvocationLog-{suffix}", suffix=suffix, env=env)

app.synth()
