"""Apps that know nothing of Cumulet: the five systems as people write them with aws-cdk-lib in Python and in JavaScript,
synthesised and deployed by the stock CDK CLI, and used."""

import base64
import json
import os
import shutil
import subprocess
import sys

import pytest
import requests
from conftest import ACCOUNT, REGION, ROOT, Engine, eventually

APPS = ROOT / "tests" / "foreign-apps"
TOOLS = ROOT / ".tools" / "foreign-apps"
CLI = "aws-cdk@2.1148.1"
CONTENT = b"from abroad"
BODY = {
    "productId": "PROD-001",
    "productName": "Test Product",
    "price": 99.99,
    "fileName": "a.txt",
    "fileContent": base64.b64encode(CONTENT).decode(),
}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def installed(name, wanted, install):
    """A folder of tools, installed when what is wanted has changed."""
    folder, stamp = TOOLS / name, TOOLS / name / "wanted"
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        stamp.write_text(wanted)
    return folder


@pytest.fixture(scope="module")
def node():
    """node_modules with the CDK CLI and the library of the JavaScript app."""
    if not shutil.which("npm"):
        pytest.skip("no npm on this machine")
    package = (APPS / "node" / "package.json").read_text()

    def install(folder):
        (folder / "package.json").write_text(package)
        run("npm", "install", "--no-audit", "--no-fund", CLI, cwd=folder)

    return installed("node", package + CLI, install) / "node_modules"


@pytest.fixture(scope="module")
def python():
    requirements = (APPS / "python" / "requirements.txt").read_text()

    def install(folder):
        run(sys.executable, "-m", "venv", folder / "venv")
        pip = folder / "venv" / "bin" / "pip"
        run(pip, "install", "--quiet", "--requirement", APPS / "python" / "requirements.txt")

    return installed("python", requirements, install) / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def abroad(tmp_path_factory, node):
    """An engine with the SDKs of the managed runtimes, bootstrapped by the CLI."""
    engine = Engine(tmp_path_factory.mktemp("abroad"), ["--allow-runtime-substitution"])
    engine.start()
    runtimes = engine.cumulet("runtime", "install", "--allow-runtime-substitution", "python3.12", "nodejs20.x")
    assert runtimes.returncode == 0, runtimes.stderr
    cdk(engine, node, "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    yield engine
    engine.stop()


def cdk(engine, node, *arguments, cwd=ROOT, **environment):
    settings = {
        "AWS_ENDPOINT_URL": engine.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CI": "1",
        **environment,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return run(node / ".bin" / "cdk", *arguments, cwd=cwd, env={**inherited, **settings})


def deployed(engine, node, command, language, out, **environment):
    """Every stack of an app, deployed by one command; its outputs by stack."""
    told = out / "outputs.json"
    cdk(
        engine, node, "deploy", "--all", "--require-approval", "never", "--concurrency", "5",
        "--app", command, "--output", out / "cdk.out", "--outputs-file", told,
        cwd=APPS / language, **environment,
    )
    return json.loads(told.read_text())


@pytest.fixture(scope="module", params=["python", "node"])
def app(request, abroad, node, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    if request.param == "python":
        interpreter = request.getfixturevalue("python")
        outputs = deployed(abroad, node, f"{interpreter} app.py", "python", out)
    else:
        outputs = deployed(abroad, node, "node app.js", "node", out, NODE_PATH=str(node))
    prefix, suffix = ("Py", "py") if request.param == "python" else ("Js", "js")
    return App(abroad, prefix, suffix, outputs, out / "cdk.out")


class App:
    def __init__(self, engine, prefix, suffix, outputs, assembly):
        self.engine, self.prefix, self.suffix, self.outputs, self.assembly = engine, prefix, suffix, outputs, assembly

    def of(self, system):
        return self.outputs[f"{self.prefix}{system}-{self.suffix}"]

    def url(self, system, path=""):
        """The local form of the URL that the stack gave: API and stage are in it."""
        given = self.of(system)["ApiGatewayUrl"].removeprefix("https://")
        host, stage = given.split("/")[:2]
        return f"{self.engine.url}/_aws/execute-api/{host.split('.')[0]}/{stage}/{path}"


def test_upload_api(app):
    names, headers = app.of("UploadApi"), {"content-type": "application/json"}
    url = app.url("UploadApi", "upload")
    if "ApiKeyId" in names:
        refused = requests.post(url, json=BODY, timeout=40)
        assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})
        key = app.engine.client("apigateway").get_api_key(apiKey=names["ApiKeyId"], includeValue=True)
        headers["x-api-key"] = key["value"]
    told = requests.post(url, json=BODY, headers=headers, timeout=40)
    assert told.status_code == 200, told.text
    told = told.json()
    stored = app.engine.client("s3").get_object(Bucket=names["S3BucketName"], Key=told["s3Key"])
    assert stored["Body"].read() == CONTENT
    assert (stored["VersionId"], stored["ServerSideEncryption"]) == (told["versionId"], "aws:kms")
    item = app.engine.client("dynamodb").get_item(
        TableName=names["DynamoDBTableName"],
        Key={"productId": {"S": "PROD-001"}, "productName": {"S": "Test Product"}},
    )["Item"]
    assert item["price"] == {"N": "99.99"}
    invalid = requests.post(url, json={**BODY, "price": -1}, headers=headers, timeout=40)
    assert (invalid.status_code, invalid.json()) == (400, {"message": "Invalid request body"})


def test_upload_api_basic(app):
    names = app.of("UploadApiBasic")
    told = requests.post(app.url("UploadApiBasic", "upload"), json=BODY, timeout=40)
    assert told.status_code == 200, told.text
    head = app.engine.client("s3").head_object(Bucket=names["S3BucketName"], Key=told.json()["s3Key"])
    assert head["Metadata"]["productid"] == "PROD-001"
    refused = requests.post(app.url("UploadApiBasic", "upload"), json={}, timeout=40)
    assert (refused.status_code, list(refused.json())) == (400, ["error"])


def test_file_processor(app):
    names = app.of("FileProcessor")
    app.engine.client("s3").put_object(Bucket=names["BucketName"], Key="uploads/a b.txt", Body=CONTENT)
    logs = app.engine.client("logs")

    def processed():
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{names['FunctionName']}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []  # the first invocation makes the group
        return [event for event in found if '"processed": "uploads/a b.txt"' in event["message"].replace('":"', '": "')]

    eventually(processed, "processing")
    exports = app.engine.client("cloudformation").list_exports()["Exports"]
    assert f"{app.prefix.lower()}-{app.suffix}-bucket" in [export["Name"] for export in exports]


def test_metadata_pipeline(app):
    names = app.of("MetadataPipeline")
    app.engine.client("s3").put_object(Bucket=names["BucketName"], Key="a b", Body=CONTENT, ContentType="text/plain")
    table = app.engine.resource("dynamodb").Table(names["TableName"])
    item = eventually(lambda: table.get_item(Key={"file_key": "a b"}).get("Item"), "the item")
    assert (item["size"], item["content_type"], item["status"]) == (len(CONTENT), "text/plain", "processed")


def test_invocation_log(app):
    names = app.of("InvocationLog")
    app.engine.client("s3").put_object(Bucket=names["BucketName"], Key="one", Body=CONTENT)
    table = app.engine.resource("dynamodb").Table(names["TableName"])
    (item,) = eventually(lambda: table.scan()["Items"], "the item")
    assert item["key"] == "one"


def test_a_second_deployment_changes_nothing_and_a_destroyed_app_leaves_no_bucket(app, node):
    again = cdk(app.engine, node, "deploy", "--all", "--app", app.assembly, "--require-approval", "never")
    assert "UPDATE_COMPLETE" not in again
    cdk(app.engine, node, "destroy", "--all", "--force", "--app", app.assembly)
    left = [bucket["Name"] for bucket in app.engine.client("s3").list_buckets()["Buckets"]]
    assert [name for name in left if not name.startswith("cdk-")] == []
