#!/usr/bin/env node
const cdk = require("aws-cdk-lib");
const { UploadApiStack } = require("./stacks/upload-api");
const { UploadApiBasicStack } = require("./stacks/upload-api-basic");
const { FileProcessorStack } = require("./stacks/file-processor");
const { MetadataPipelineStack } = require("./stacks/metadata-pipeline");
const { InvocationLogStack } = require("./stacks/invocation-log");

const app = new cdk.App();
const suffix = app.node.tryGetContext("suffix") ?? "js";
const props = { suffix };

new UploadApiStack(app, `JsUploadApi-${suffix}`, props);
new UploadApiBasicStack(app, `JsUploadApiBasic-${suffix}`, props);
new FileProcessorStack(app, `JsFileProcessor-${suffix}`, props);
new MetadataPipelineStack(app, `JsMetadataPipeline-${suffix}`, props);
new InvocationLogStack(app, `JsInvocationLog-${suffix}`, props);
