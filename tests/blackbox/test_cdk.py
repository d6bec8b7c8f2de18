"""The stock CDK CLI against the engine, with nothing but an endpoint and credentials in its environment.

Six apps, unmodified: what people write for uploads, events, sites, custom resources, nested stacks, in JavaScript and in
Python. CDK's own providers run as they are. The CLI and the library are installed into .tools/cdk, the SDKs that AWS's
runtimes carry into .tools/runtimes. An app is synthesised as the CLI would run it, once for several commands.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import requests

from conftest import REGION, ROOT, Engine, eventually

APPS = pathlib.Path(__file__).parent / "cdk"
TOOLS = ROOT / ".tools"
PYTHON = f"python3.{sys.version_info.minor}"
FLAGS = ["--no-notices", "--ci", "--no-version-reporting"]


def run(command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


@pytest.fixture(scope="session")
def tools():
    """The CLI and library, and a Python with the library, installed when their list has changed."""
    if not shutil.which("npm"):
        pytest.skip("the CDK CLI needs Node.js with npm")
    folder = TOOLS / "cdk"
    wanted = (APPS / "package.json").read_text()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(wanted)
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder)
        run([sys.executable, "-m", "venv", folder / "venv"])
        version = json.loads(wanted)["dependencies"]["aws-cdk-lib"]
        run([folder / "venv/bin/pip", "install", "--quiet", f"aws-cdk-lib=={version}"])
        stamp.write_text(wanted)
    return folder


@pytest.fixture(scope="module")
def engine(tools, tmp_path_factory):
    """An engine whose functions find the SDKs that AWS's runtimes carry; another release may run them."""
    os.environ["CUMULET_RUNTIMES"] = str(TOOLS / "runtimes")
    engine = Engine(tmp_path_factory.mktemp("cdk"), ["--allow-runtime-substitution"])
    runtimes = [PYTHON, "python3.13", "nodejs24.x"]
    installed = engine.cumulet("runtime", "install", "--allow-runtime-substitution", *runtimes)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    engine.start()
    yield engine
    engine.stop()


class Cdk:
    """The CLI, as a person calls it."""

    def __init__(self, engine, tools, home):
        self.engine, self.tools, self.home = engine, tools, home
        self.environment = {
            "PATH": f"{tools}/node_modules/.bin:{os.environ['PATH']}",
            "HOME": str(home),
            "CDK_HOME": str(home),
            "NODE_PATH": str(tools / "node_modules"),
            "NODE_NO_WARNINGS": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "JSII_SILENCE_WARNING_DEPRECATED": "1",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "AWS_ENDPOINT_URL": engine.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
        }

    def synthesise(self, app, **context):
        """The app's cloud assembly, made by the command that a cdk.json would hold."""
        out = self.home / f"{app}-{len(list(self.home.iterdir()))}.out"
        context = {"python": PYTHON, "aws:cdk:disable-stack-trace": True, **context}
        environment = {**self.environment, "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
        python = self.tools / "venv/bin/python"
        command = [python, APPS / app / "app.py"] if app == "counter" else ["node", APPS / app / "app.js"]
        run(command, env=environment)
        return out

    def __call__(self, verb, app=None, *arguments, succeeds=True):
        command = ["cdk", verb, *(["--app", str(app)] if app else []), *arguments, *FLAGS]
        ended = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment,
            text=True,
            timeout=900,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert (ended.returncode == 0) == succeeds, ended.stdout
        return ended.stdout

    def deploy(self, app, *arguments, **options):
        return self("deploy", app, "--require-approval", "never", "--all", *arguments, **options)

    def destroy(self, app):
        return self("destroy", app, "--all", "--force")

    def outputs(self, stack):
        described = self.engine.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


@pytest.fixture(scope="module")
def cdk(engine, tools, tmp_path_factory):
    cdk = Cdk(engine, tools, tmp_path_factory.mktemp("home"))
    assert "bootstrapped" in cdk("bootstrap", None, f"aws://000000000000/{REGION}")
    return cdk


def resources(engine, stack):
    listed = engine.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {each["LogicalResourceId"]: each for each in listed}


def test_an_upload_stack_is_deployed_used_changed_broken_and_destroyed(cdk, engine):
    first = cdk.synthesise("upload")
    cdk.deploy(first)
    outputs = cdk.outputs("Upload")
    bucket, function = outputs["Bucket"], outputs["Function"]
    s3, lambda_ = engine.client("s3"), engine.client("lambda")

    s3.put_object(Bucket=bucket, Key="in/one.txt", Body=b"one")
    table = engine.resource("dynamodb").Table(outputs["TableName"])
    indexed = eventually(lambda: table.scan()["Items"], "the upload is indexed")
    assert indexed == [{"pk": "in/one.txt", "size": 3}]
    api = next(value for key, value in outputs.items() if key.startswith("ApiEndpoint"))
    local = engine.url + "/_aws/execute-api/" + api.removeprefix("https://").replace(
        f".execute-api.{REGION}.amazonaws.com", ""
    )
    assert requests.get(local, timeout=30).json() == {"user": "admin", "message": "hello"}
    assert requests.post(f"{local}items", json={}, timeout=30).status_code == 403
    plan = engine.client("apigateway").get_usage_plans()["items"][0]
    key = engine.client("apigateway").get_usage_plan_keys(usagePlanId=plan["id"])["items"][0]["value"]
    answer = requests.post(f"{local}items", json={}, headers={"x-api-key": key}, timeout=30)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request body")

    assert "(no changes)" in cdk.deploy(first)
    assert "There were no differences" in cdk("diff", first)

    second = cdk.synthesise("upload", message="swapped")
    shown = cdk("diff", second)
    assert "[~] .MESSAGE" in shown and "[+] swapped" in shown
    assert "hotswapped!" in cdk.deploy(second, "--hotswap")
    assert requests.get(local, timeout=30).json()["message"] == "swapped"

    broken = cdk.synthesise("upload", message="broken", broken=True)
    told = cdk.deploy(broken, succeeds=False)
    assert "The parameter already exists." in told, told
    stack = engine.client("cloudformation").describe_stacks(StackName="Upload")["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    configuration = lambda_.get_function_configuration(FunctionName=function)
    assert configuration["Environment"]["Variables"]["MESSAGE"] == "hello"

    third = cdk.synthesise("upload", message="third", tableName="renamed")
    assert "requires replacement" in cdk("diff", third)
    cdk.deploy(third)
    assert cdk.outputs("Upload")["TableName"] == "renamed"
    assert outputs["TableName"] not in engine.client("dynamodb").list_tables()["TableNames"]

    cdk.destroy(third)
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert engine.client("dynamodb").list_tables()["TableNames"] == []


def test_custom_resources_run_unmodified_and_failures_come_at_once(cdk, engine):
    app = cdk.synthesise("providers")
    cdk.deploy(app)
    assert cdk.outputs("Providers") == {"Answer": "1 after none", "BootstrapVersion": "33", "InlineValue": "inline"}
    cdk.deploy(cdk.synthesise("providers", number=2))
    assert cdk.outputs("Providers")["Answer"] == "2 after 1"
    assert resources(engine, "Providers")["Thing"]["PhysicalResourceId"] == "thing-2"
    # Within the hour that CloudFormation would wait: the CLI's own time limit here is minutes.
    told = cdk.deploy(cdk.synthesise("providers", number=2, fail=True), succeeds=False)
    assert "as the template asks" in told
    cdk.destroy(app)


def test_files_are_deployed_into_a_bucket(cdk, engine):
    app = cdk.synthesise("site")
    cdk.deploy(app)
    bucket = cdk.outputs("Site")["Bucket"]
    s3 = engine.client("s3")
    assert b"Cumulet" in s3.get_object(Bucket=bucket, Key="index.html")["Body"].read()
    told = json.loads(s3.get_object(Bucket=bucket, Key="config.json")["Body"].read())
    assert told == {"bucket": f"arn:aws:s3:::{bucket}"}
    cdk.destroy(app)
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_events_flow_through_queues_streams_and_urls(cdk, engine):
    app = cdk.synthesise("events")
    cdk.deploy(app)
    outputs = cdk.outputs("Events")
    engine.client("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody="first")
    table = engine.resource("dynamodb").Table(outputs["TableName"])
    wanted = {"copy of first", "first"}
    eventually(lambda: {item["pk"] for item in table.scan()["Items"]} == wanted, "the message is stored and copied")
    assert outputs["KeyId"].startswith("AKIA")
    host = outputs["Url"].removeprefix("https://").rstrip("/")
    answer = requests.get(engine.url, headers={"Host": host}, timeout=30)
    assert (answer.status_code, answer.text) == (200, "written by a URL")
    cdk.destroy(app)


def test_nested_stacks_and_imports_between_stacks(cdk, engine):
    app = cdk.synthesise("nested")
    cdk.deploy(app)
    assert cdk.outputs("First")["QueueArn"].startswith("arn:aws:sqs:")
    cloudformation = engine.client("cloudformation")
    refused = "cannot be deleted as it is in use by Second"
    with pytest.raises(cloudformation.exceptions.ClientError, match=refused):
        cloudformation.delete_stack(StackName="First")
    longer = cdk.synthesise("nested", seconds=45)
    assert "TemplateURL" in cdk("diff", longer, "First")
    cdk.deploy(longer)
    queue = engine.client("sqs").list_queues()["QueueUrls"][0]
    attributes = engine.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "45"
    cdk.destroy(app)
    left = cloudformation.describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in left] == ["CDKToolkit"]


def test_an_app_in_python_with_a_handler_in_python(cdk, engine):
    app = cdk.synthesise("counter")
    cdk.deploy(app)
    function = cdk.outputs("Counter")["Function"]
    lambda_ = engine.client("lambda")
    counts = [json.loads(lambda_.invoke(FunctionName=function)["Payload"].read()) for _ in range(2)]
    assert counts == [1, 2]
    cdk.destroy(app)
