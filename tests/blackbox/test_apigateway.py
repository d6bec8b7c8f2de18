"""API Gateway through its own clients: the exact answers of a deployed API, over raw HTTP."""

import http.client
import http.server
import io
import json
import re
import threading
import time
import zipfile

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import requests

ACCOUNT = "000000000000"
REGION = "us-east-1"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}

FUNCTION = '''
import json, time
def handler(event, context):
    mode = (event.get("queryStringParameters") or {}).get("mode", "echo") if "queryStringParameters" in event else event.get("mode", "custom")
    answers = {
        "only-headers": {"headers": {"x-test": "value"}},
        "no-body": {"statusCode": 201},
        "text-status": {"statusCode": "200", "body": "ok"},
        "empty": {},
        "list": [1],
        "string": "hello",
        "number": 5,
        "unknown-key": {"statusCode": 200, "nonsense": 1},
        "number-header": {"statusCode": 200, "headers": {"x": 1}},
        "bad-status": {"statusCode": "abc"},
        "object-body": {"statusCode": 200, "body": {"a": 1}},
        "multi": {"statusCode": 200, "headers": {"set-cookie": "c=3", "Date": "never"}, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "body": "x"},
        "binary": {"statusCode": 200, "isBase64Encoded": True, "headers": {"Content-Type": "image/png"}, "body": "iVBORw=="},
        "custom": {"got": event},
    }
    if mode == "raise":
        raise ValueError("Bad thing: no")
    if mode == "slow":
        time.sleep(3)
    if mode == "echo":
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}
    return answers[mode]

def authorizer(event, context):
    token = event.get("authorizationToken") or event["headers"].get("X-Who")
    if token == "nobody":
        raise Exception("Unauthorized")
    if token == "broken":
        return {"principalId": 5}
    effect = "Allow" if token.startswith("good") else "Deny"
    return {"principalId": token, "context": {"n": 1, "who": token, "at": str(time.time())}, "usageIdentifierKey": "key-of-the-authorizer-12345",
            "policyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"].split("/")[0] + "/*"}]}}
'''


class Api:
    """A REST API under construction."""

    def __init__(self, engine, **settings):
        self.engine = engine
        self.gateway = engine.client("apigateway")
        self.made = self.gateway.create_rest_api(name="test", endpointConfiguration={"types": ["REGIONAL"]}, **settings)
        self.id = self.made["id"]
        self.resources = {"/": self.made["rootResourceId"]}

    def resource(self, path):
        if path not in self.resources:
            parent, part = path.rsplit("/", 1)
            parent = self.resource(parent or "/")
            self.resources[path] = self.gateway.create_resource(restApiId=self.id, parentId=parent, pathPart=part)["id"]
        return self.resources[path]

    def method(self, path, verb="GET", **settings):
        self.at = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        return self.gateway.put_method(**self.at, **{"authorizationType": "NONE", **settings})

    def mock(self, path, verb="GET", request=None, responses=None, **settings):
        """`responses`: status -> (pattern, headers, template)."""
        self.method(path, verb, **settings)
        templates = {"application/json": '{"statusCode": 200}'} if request is None else request
        self.gateway.put_integration(**self.at, type="MOCK", requestTemplates=templates)
        for status, (pattern, headers, template) in (responses or {"200": ("", {}, '{"ok":true}')}).items():
            self.respond(status, pattern, headers, template)
        return self

    def respond(self, status, pattern="", headers=None, template=None):
        names = {f"method.response.header.{name}": value for name, value in (headers or {}).items()}
        self.gateway.put_method_response(**self.at, statusCode=status, responseParameters={name: False for name in names})
        extra = {"responseTemplates": {"application/json": template}} if template is not None else {}
        if pattern:
            extra["selectionPattern"] = pattern
        self.gateway.put_integration_response(**self.at, statusCode=status, responseParameters=names, **extra)

    def function(self, path, arn, kind="AWS_PROXY", verb="POST", templates=None, credentials=None, **settings):
        self.method(path, verb, **settings)
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        extra = {"requestTemplates": templates} if templates else {}
        if credentials:
            extra["credentials"] = credentials
        self.gateway.put_integration(**self.at, type=kind, integrationHttpMethod="POST", uri=uri, **extra)
        return self

    def deploy(self, stage="prod", **settings):
        return self.gateway.create_deployment(restApiId=self.id, stageName=stage, **settings)["id"]

    def stage(self, *changes, stage="prod"):
        operations = [{"op": "replace", "path": path, "value": value} for path, value in changes]
        return self.gateway.update_stage(restApiId=self.id, stageName=stage, patchOperations=operations)

    def url(self, path="/", stage="prod"):
        return f"{self.engine.url}/_aws/execute-api/{self.id}/{stage}{path}"

    def get(self, path="/", verb="GET", stage="prod", **options):
        return requests.request(verb, self.url(path, stage), **options)


def refused(call, code, message, status=None):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response
    assert (error["Error"]["Code"], error["Error"]["Message"]) == (code, message)
    if status:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status


def answer(reply):
    return reply.status_code, reply.text, reply.headers.get("x-amzn-ErrorType")


def role(engine, name, policy):
    iam = engine.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": policy}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(document))
    return arn


def allow(*actions):
    return [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]


@pytest.fixture(scope="module")
def functions(shared_engine):
    """ARNs of the function and of the authorizer, for any API of the account to invoke."""
    engine = shared_engine
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("app.py", FUNCTION)
    client = engine.client("lambda", read_timeout=120)
    arns = {}
    try:
        runner = role(engine, "function-role", allow("logs:*"))
    except botocore.exceptions.ClientError as error:
        pytest.skip(f"IAM's API is not built here: {error}")
    for name in ["handler", "authorizer"]:
        arns[name] = client.create_function(
            FunctionName=name, Runtime="python3.11", Role=runner, Handler=f"app.{name}", Code={"ZipFile": archive.getvalue()}, Timeout=20
        )["FunctionArn"]
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        client.add_permission(FunctionName=name, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    return arns


def test_unknown_paths_methods_stages_and_apis(shared_engine):
    api = Api(shared_engine).mock("/pets/{id}", "GET")
    api.deploy()
    missing = (403, '{"message":"Missing Authentication Token"}', "MissingAuthenticationTokenException")
    assert answer(api.get("/pets/1")) == (200, '{"ok":true}', None)
    assert answer(api.get("/nothing")) == missing
    assert answer(api.get("/pets/1", "POST")) == missing
    forbidden = (403, '{"message":"Forbidden"}', "ForbiddenException")
    assert answer(api.get("/pets/1", stage="dev")) == forbidden
    assert answer(requests.get(f"{shared_engine.url}/_aws/execute-api/aaaaaaaaaa/prod/")) == forbidden
    reply = api.get("/pets/1")
    assert re.fullmatch("[0-9a-f-]{36}", reply.headers["x-amzn-RequestId"]) and reply.headers["x-amz-apigw-id"]
    assert "X-Amzn-Trace-Id" not in reply.headers
    host = {"Host": f"{api.id}.execute-api.{REGION}.amazonaws.com"}
    assert requests.get(f"{shared_engine.url}/prod/pets/1", headers=host).json() == {"ok": True}


def test_the_preflight_that_cdk_makes(shared_engine):
    api = Api(shared_engine)
    headers = {"Access-Control-Allow-Headers": "'Content-Type,X-Amz-Date'", "Access-Control-Allow-Origin": "'*'"}
    api.mock("/", "OPTIONS", {"application/json": "{ statusCode: 200 }"}, {"204": ("", headers, None)})
    api.deploy()
    reply = api.get("/", "OPTIONS", headers={"Origin": "https://x", "Access-Control-Request-Method": "POST"})
    assert (reply.status_code, reply.text) == (204, "")
    assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type,X-Amz-Date"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_deployments_are_snapshots(shared_engine):
    api = Api(shared_engine)
    refused(api.deploy, "BadRequestException", "The REST API doesn't contain any methods", 400)
    first = api.mock("/a").deploy()
    api.mock("/b")
    assert api.get("/b").status_code == 403
    second = api.deploy()
    assert api.get("/b").status_code == 200
    busy = "Active stages pointing to this deployment must be moved or deleted"
    refused(lambda: api.gateway.delete_deployment(restApiId=api.id, deploymentId=second), "BadRequestException", busy, 400)
    api.gateway.delete_deployment(restApiId=api.id, deploymentId=first)
    summary = api.gateway.get_deployment(restApiId=api.id, deploymentId=second, embed=["apisummary"])["apiSummary"]
    assert summary["/b"]["GET"] == {"authorizationType": "NONE", "apiKeyRequired": False}


def test_validation_is_by_content_type_and_in_awss_words(shared_engine):
    api = Api(shared_engine)
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "required": ["id", "price"],
              "properties": {"id": {"type": "string", "minLength": 1}, "price": {"type": "number", "minimum": 0}}}
    api.gateway.create_model(restApiId=api.id, name="Item", contentType="application/json", schema=json.dumps(schema))
    validator = api.gateway.create_request_validator(restApiId=api.id, name="all", validateRequestBody=True, validateRequestParameters=True)["id"]
    api.mock("/", "POST", {"application/json": '{"statusCode": 200}', "text/plain": '{"statusCode": 200}'},
             requestValidatorId=validator, requestModels={"application/json": "Item"},
             requestParameters={"method.request.querystring.q": True, "method.request.header.x-h": True, "method.request.header.x-o": False})
    api.deploy()
    given = {"params": {"q": "1"}, "headers": {"x-h": "1"}}
    bad = (400, '{"message": "Invalid request body"}', "BadRequestException")
    assert api.get("/", "POST", json={"id": "a", "price": 0}, **given).status_code == 200
    for body in ['{"id":"a"}', '{"id":"","price":1}', '{"id":"a","price":-1}', "not json", "", "[]"]:
        assert answer(api.get("/", "POST", data=body, **given)) == bad, body
    plain = {"x-h": "1", "Content-Type": "text/plain"}
    assert api.get("/", "POST", data="not json", params={"q": "1"}, headers=plain).status_code == 200
    text = '{"message": "Missing required request parameters: [x-h, q]"}'
    assert answer(api.get("/", "POST", json={})) == (400, text, "BadRequestException")
    tested = api.gateway.test_invoke_method(**api.at, body='{"price": "1"}', pathWithQueryString="/?q=1", headers={"x-h": "1"})
    words = 'Request body does not match model schema for content type application/json: [object has missing required properties (["id"]), instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]'
    assert tested["status"] == 400 and words in tested["log"]


def test_keys_throttles_and_quotas(shared_engine):
    api = Api(shared_engine).mock("/keyed", apiKeyRequired=True).mock("/open")
    api.deploy()
    gateway = api.gateway
    forbidden = (403, '{"message":"Forbidden"}', "ForbiddenException")
    key = gateway.create_api_key(name="k", enabled=True)
    value = gateway.get_api_key(apiKey=key["id"], includeValue=True)["value"]
    call = lambda path="/keyed": answer(api.get(path, headers={"x-api-key": value}))
    assert answer(api.get("/keyed")) == forbidden and call() == forbidden
    plan = gateway.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}], quota={"limit": 3, "period": "DAY"}, throttle={"burstLimit": 100, "rateLimit": 100})["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    exceeded = (429, '{"message":"Limit Exceeded"}', "LimitExceededException")
    assert [call()[0] for _ in range(3)] == [200] * 3
    assert call() == exceeded and call("/open")[0] == 200
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = lambda: gateway.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"]
    assert usage() == {key["id"]: [[3, 0]]}
    change = [{"op": "replace", "path": "/remaining", "value": "1"}]
    assert gateway.update_usage(usagePlanId=plan, keyId=key["id"], patchOperations=change)["items"] == {key["id"]: [[3, 1]]}
    assert [call()[0] for _ in range(2)] == [200, 429] and usage() == {key["id"]: [[4, 0]]}
    gateway.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert call() == forbidden
    api.stage(("/~1open/GET/throttling/burstLimit", "2"), ("/~1open/GET/throttling/rateLimit", "0.01"))
    throttled = (429, '{"message":"Too Many Requests"}', "TooManyRequestsException")
    assert [answer(api.get("/open")) for _ in range(3)][1:] == [(200, '{"ok":true}', None), throttled]


def test_a_method_is_found_behind_a_closer_path_that_lacks_it(shared_engine):
    api = Api(shared_engine).mock("/test", "POST").mock("/{proxy+}", "OPTIONS", responses={"200": ("", {}, "greedy")}).mock("/test/any", "ANY", responses={"200": ("", {}, "any")})
    api.deploy()
    asked = [api.get(path, verb).text for path, verb in [("/test", "POST"), ("/test", "OPTIONS"), ("/test/any", "OPTIONS"), ("/other", "OPTIONS")]]
    assert asked == ['{"ok":true}', "greedy", "any", "greedy"] and api.get("/test", "PUT").status_code == 403


def test_an_answer_mapped_to_a_status_that_the_method_lacks_is_an_error(shared_engine):
    api = Api(shared_engine)
    api.method("/")
    api.gateway.put_integration(**api.at, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.gateway.put_integration_response(**api.at, statusCode="200", responseTemplates={"application/json": "never"})
    api.deploy()
    assert answer(api.get("/")) == (500, '{"message": "Internal server error"}', "InternalServerErrorException")
    tested = api.gateway.test_invoke_method(**api.at)
    assert "Output mapping refers to an invalid method response: 200" in tested["log"] and tested["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}


def test_gateway_responses_as_deployed(shared_engine):
    api = Api(shared_engine).mock("/")
    template = '{"m":$context.error.messageString,"t":"$context.error.responseType","s":"$context.stage"}'
    api.gateway.put_gateway_response(
        restApiId=api.id, responseType="MISSING_AUTHENTICATION_TOKEN", statusCode="404",
        responseParameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'", "gatewayresponse.header.x-from": "method.request.header.x-to"},
        responseTemplates={"application/json": template},
    )
    api.gateway.put_gateway_response(restApiId=api.id, responseType="DEFAULT_4XX", responseParameters={"gatewayresponse.header.x-default": "'yes'"})
    api.deploy()
    reply = api.get("/missing", headers={"x-to": "back"})
    assert reply.json() == {"m": "Missing Authentication Token", "t": "MISSING_AUTHENTICATION_TOKEN", "s": "prod"}
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"], reply.headers["x-from"]) == (404, "*", "back")
    large = api.get("/", "POST", data=b"x" * (10 * 1024 * 1024 + 1))
    assert (*answer(large), large.headers["x-default"]) == (413, '{"message":"Request Too Long"}', "RequestTooLargeException", "yes")
    listed = api.gateway.get_gateway_responses(restApiId=api.id)["items"]
    assert len(listed) == 21 and sum(not one["defaultResponse"] for one in listed) == 2
    refused(lambda: api.gateway.delete_gateway_response(restApiId=api.id, responseType="THROTTLED"), "NotFoundException", "Gateway response type not defined on api", 404)


def test_templates_and_parameter_mappings(shared_engine):
    api = Api(shared_engine)
    request = {"application/json": '#set($n = $input.path("$.n"))#if($n > 5){"statusCode": 418}#else{"statusCode": 200}#end'}
    body = '{"q":"$input.params(\'q\')","stage":"$context.stage","v":"$stageVariables.v"}'
    override = "#set($context.responseOverride.status = 409)#set($context.responseOverride.header.x-late = 'yes')late"
    headers = {"x-literal": "'literal'", "x-id": "context.resourcePath", "x-v": "stageVariables.v"}
    api.mock("/{id}", "POST", request, {"200": ("", headers, body), "418": ("418", {}, override)})
    api.deploy(variables={"v": "one"})
    reply = api.get("/7?q=a%20b", "POST", json={"n": 1})
    assert reply.json() == {"q": "a b", "stage": "prod", "v": "one"}
    assert [reply.headers[name] for name in ["x-literal", "x-id", "x-v"]] == ["literal", "/{id}", "one"]
    late = api.get("/7", "POST", json={"n": 9})
    assert (late.status_code, late.headers["x-late"], late.text) == (409, "yes", "late")
    api.gateway.update_integration(**api.at, patchOperations=[{"op": "replace", "path": "/passthroughBehavior", "value": "NEVER"}])
    api.deploy()
    unsupported = (415, '{"message":"Unsupported Media Type"}', "BadRequestException")
    assert answer(api.get("/7", "POST", data="x", headers={"Content-Type": "text/csv"})) == unsupported


def sign(engine, api, path, key="test", secret="test", region=REGION, service="execute-api", verb="GET"):
    request = botocore.awsrequest.AWSRequest(verb, api.url(path))
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), service, region).add_auth(request)
    return requests.request(verb, api.url(path), headers=dict(request.headers))


def test_iam_authorization_and_resource_policies(shared_engine):
    api = Api(shared_engine).mock("/mine", authorizationType="AWS_IAM", responses={"200": ("", {"x-arn": "context.identity.userArn"}, "{}")})
    api.mock("/open").mock("/closed")
    api.deploy()
    missing = (403, '{"message":"Missing Authentication Token"}', "MissingAuthenticationTokenException")
    assert answer(api.get("/mine")) == missing
    reply = sign(shared_engine, api, "/mine")
    assert reply.status_code == 200 and reply.headers["x-arn"].startswith(f"arn:aws:iam::{ACCOUNT}:")
    wrong = sign(shared_engine, api, "/mine", secret="wrong")
    assert wrong.status_code == 403 and wrong.headers["x-amzn-ErrorType"] == "InvalidSignatureException"
    assert wrong.json()["message"].startswith("The request signature we calculated does not match")
    assert sign(shared_engine, api, "/open", secret="wrong").status_code == 200
    assert sign(shared_engine, api, "/mine", service="s3").status_code == 403
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/*/closed"}]}
    change = [{"op": "replace", "path": "/policy", "value": json.dumps(policy)}]
    shown = api.gateway.update_rest_api(restApiId=api.id, patchOperations=change)["policy"]
    assert json.loads(f'"{shown}"') == json.dumps(policy)
    assert api.get("/closed").status_code == 200
    api.deploy()
    assert api.get("/open").status_code == 200 and sign(shared_engine, api, "/mine").status_code == 200
    closed = api.get("/closed")
    assert closed.status_code == 403 and closed.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert closed.json()["Message"].startswith(f"User: anonymous is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:{REGION}:********0000:{api.id}/prod/GET/closed with an explicit deny")


def test_what_the_control_plane_shows(shared_engine):
    api = Api(shared_engine).mock("/a")
    gateway = api.gateway
    assert set(api.made) - {"ResponseMetadata"} == {"id", "name", "createdDate", "apiKeySource", "endpointConfiguration", "disableExecuteApiEndpoint", "rootResourceId"}
    shown = gateway.get_rest_api(restApiId=api.id)
    assert shown["tags"] == {} and "tags" not in gateway.get_rest_apis(limit=500)["items"][0], "tags are shown where one thing is asked for"
    empty = gateway.put_method_response(**api.at, statusCode="201", responseModels={}, responseParameters={})
    bare = gateway.put_method_response(**api.at, statusCode="202")
    assert (empty["responseModels"], empty["responseParameters"]) == ({}, {}) and "responseModels" not in bare, "what was given empty is shown empty"
    integration = gateway.get_integration(**api.at)
    assert not {"uri", "httpMethod", "connectionType"} & set(integration)
    assert integration["timeoutInMillis"] == 29000 and integration["cacheNamespace"] == api.resources["/a"] and integration["cacheKeyParameters"] == []
    plain = {one["path"]: one for one in gateway.get_resources(restApiId=api.id)["items"]}
    assert plain["/a"]["resourceMethods"] == {"GET": {}} and "resourceMethods" not in plain["/"]
    full = {one["path"]: one for one in gateway.get_resources(restApiId=api.id, embed=["methods"])["items"]}
    assert full["/a"]["resourceMethods"]["GET"]["methodIntegration"]["type"] == "MOCK"
    pages = [[one["path"] for one in page["items"]] for page in gateway.get_paginator("get_resources").paginate(restApiId=api.id, PaginationConfig={"PageSize": 1})]
    assert sorted(sum(pages, [])) == ["/", "/a"] and len(pages) == 2


def test_refusals_in_awss_words(shared_engine):
    api = Api(shared_engine).mock("/a")
    gateway, bad = api.gateway, "BadRequestException"
    patch = lambda op, path, value=None: [{"op": op, "path": path, **({"value": value} if value else {})}]
    refused(lambda: gateway.get_rest_api(restApiId="id"), "NotFoundException", f"Invalid API identifier specified {ACCOUNT}:id", 404)
    refused(lambda: gateway.create_resource(restApiId=api.id, parentId=api.resources["/"], pathPart="a"), "ConflictException", "Another resource with the same parent already has this name: a", 409)
    api.resource("/a/{proxy+}")
    refused(lambda: api.resource("/a/{id}"), bad, "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed")
    refused(lambda: api.resource("/a/{proxy+}/x"), bad, "Cannot create a child of a resource with a greedy path variable: {proxy+}")
    key = gateway.create_api_key(name="patched")["id"]
    refused(lambda: gateway.update_api_key(apiKey=key, patchOperations=patch("replace", "/id", "x")), bad, "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]")
    refused(lambda: gateway.update_resource(restApiId=api.id, resourceId=api.resources["/a"], patchOperations=patch("add", "/pathPart", "x")), bad, "Invalid patch path  '/pathPart' specified for op 'add'. Please choose supported operations")
    refused(lambda: gateway.create_api_key(value="short"), bad, "API Key value should be at least 20 characters")
    refused(lambda: gateway.update_integration_response(**api.at, statusCode="200", patchOperations=patch("replace", "/statusCode", "1")), bad, "Invalid patch path /statusCode")
    undeclared = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: method.response.header.x]"
    refused(lambda: gateway.put_integration_response(**api.at, statusCode="500", responseParameters={"method.response.header.x": "'1'"}), bad, undeclared)
    refused(lambda: gateway.get_method(restApiId="id", resourceId="r", httpMethod="GET"), "NotFoundException", "Invalid Resource identifier specified", 404)
    refused(lambda: gateway.get_model(restApiId="id", modelName="Mine"), "NotFoundException", "Invalid model name specified: Mine", 404)
    refused(lambda: gateway.create_rest_api(name="x", description=""), bad, "Description cannot be an empty string")
    refused(lambda: gateway.update_rest_api(restApiId=api.id, patchOperations=patch("add", "/minimumCompressionSize", "1")), bad, "Invalid patch operation specified. Must be one of: [replace]")
    api.deploy()
    needs_role = "CloudWatch Logs role ARN must be set in account settings to enable logging"
    refused(lambda: api.stage(("/*/*/logging/loglevel", "INFO")), bad, needs_role)
    refused(lambda: gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=patch("remove", "/*/*")), bad, "Cannot remove method setting */* because there is no method setting for this method ")
    authorizer = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."
    refused(lambda: api.method("/custom", authorizationType="CUSTOM"), bad, authorizer)


def test_the_proxy_event(shared_engine, functions):
    api = Api(shared_engine).function("/upload/{id}", functions["handler"])
    api.deploy(variables={"colour": "red"})
    connection = http.client.HTTPConnection("127.0.0.1", shared_engine.port)
    connection.putrequest("POST", f"/_aws/execute-api/{api.id}/prod/upload/a%2Fb?x=1&x=2&y=a+b%21")
    for name, value in [("Content-Type", "text/plain"), ("x-MiXeD", "kept"), ("user-agent", "me"), ("X-Twice", "1"), ("X-Twice", "2"), ("Content-Length", "5"), ("TE", "trailers")]:
        connection.putheader(name, value)
    connection.endheaders(b"hello")
    reply = connection.getresponse()
    event = json.loads(reply.read())
    assert reply.status == 200 and reply.getheader("X-Amzn-Trace-Id").startswith("Root=1-")
    assert list(event) == ["resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body", "isBase64Encoded"]
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/upload/{id}", "/upload/a%2Fb", "POST")
    assert event["queryStringParameters"] == {"x": "2", "y": "a b!"} and event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["a b!"]}
    assert event["stageVariables"] == {"colour": "red"} and (event["body"], event["isBase64Encoded"]) == ("hello", False)
    headers = event["headers"]
    assert headers["Content-Type"] == "text/plain" and headers["x-MiXeD"] == "kept" and headers["User-Agent"] == "me" and headers["X-Twice"] == "2"
    assert event["multiValueHeaders"]["X-Twice"] == ["1", "2"] and headers["Host"] == f"{api.id}.execute-api.{REGION}.amazonaws.com"
    assert not {name.lower() for name in headers} & {"content-length", "te", "connection"}
    context = event["requestContext"]
    assert set(context) == {"accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "identity", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage"}
    assert set(context["identity"]) == {"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent", "userArn"}
    assert context["requestId"] == reply.getheader("x-amzn-RequestId") and context["extendedRequestId"] == reply.getheader("x-amz-apigw-id")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["requestTime"]) and context["path"] == "/prod/upload/a%2Fb"
    empty = api.get("/upload/1", "POST").json()
    assert empty["body"] is None and empty["queryStringParameters"] is None


BROKEN = (502, '{"message": "Internal server error"}', "InternalServerErrorException")


@pytest.mark.parametrize("mode, expected", [
    ("only-headers", (200, "", None)), ("no-body", (201, "", None)), ("text-status", (200, "ok", None)), ("empty", (200, "", None)),
    ("list", BROKEN), ("string", BROKEN), ("number", BROKEN), ("unknown-key", BROKEN), ("number-header", BROKEN),
    ("bad-status", BROKEN), ("object-body", BROKEN), ("raise", BROKEN), ("binary", (200, "iVBORw==", None)),
])
def test_what_a_function_may_answer(proxy_api, mode, expected):
    assert answer(proxy_api.get(f"/f?mode={mode}", "POST")) == expected


@pytest.fixture(scope="module")
def proxy_api(shared_engine, functions):
    api = Api(shared_engine, binaryMediaTypes=["image/png"]).function("/f", functions["handler"]).function("/slow", functions["handler"])
    api.gateway.update_integration(**api.at, patchOperations=[{"op": "replace", "path": "/timeoutInMillis", "value": "1000"}])
    api.deploy()
    return api


def test_headers_binary_and_timeouts_of_a_proxy(proxy_api):
    connection = http.client.HTTPConnection("127.0.0.1", proxy_api.engine.port)
    connection.request("POST", proxy_api.url("/f?mode=multi")[len(proxy_api.engine.url):])
    reply = connection.getresponse()
    assert sorted(reply.headers.get_all("set-cookie")) == ["a=1", "b=2", "c=3"] and reply.headers["x-amzn-Remapped-Date"] == "never"
    reply.read()
    binary = proxy_api.get("/f?mode=binary", "POST", headers={"Accept": "image/png"})
    assert binary.content == b"\x89PNG"
    sent = proxy_api.get("/f", "POST", data=b"\xff\x00", headers={"Content-Type": "image/png"}).json()
    assert (sent["body"], sent["isBase64Encoded"]) == ("/wA=", True)
    assert answer(proxy_api.get("/slow?mode=slow", "POST")) == (504, '{"message": "Endpoint request timed out"}', "InternalServerErrorException")


def test_a_function_that_may_not_be_invoked(shared_engine, functions):
    client = shared_engine.client("lambda")
    other = client.get_function(FunctionName="handler")["Configuration"]
    name = functions["handler"].replace(":handler", ":absent")
    api = Api(shared_engine).function("/x", name)
    api.deploy()
    assert other and answer(api.get("/x", "POST")) == (500, '{"message": "Internal server error"}', "InternalServerErrorException")


def test_custom_lambda_integrations_select_by_error_message(shared_engine, functions):
    template = '{"mode": "$input.params(\'mode\')", "body": $input.json(\'$\'), "by": "$context.httpMethod"}'
    api = Api(shared_engine).function("/c", functions["handler"], kind="AWS", templates={"application/json": template})
    api.respond("200", template='{"n": $input.path(\'$.got.body.n\'), "by": "$input.path(\'$.got.by\')"}')
    api.respond("400", "Bad thing: .*", {"x-why": "integration.response.body.errorMessage"}, "#set($e = $input.path('$'))$e.errorType")
    api.deploy()
    good = api.get("/c?mode=custom", "POST", json={"n": 5})
    assert (good.status_code, good.json()) == (200, {"n": 5, "by": "POST"})
    bad = api.get("/c?mode=raise", "POST", json={})
    assert (bad.status_code, bad.text, bad.headers["x-why"]) == (400, "ValueError", "Bad thing: no")


def test_lambda_authorizers(shared_engine, functions):
    api = Api(shared_engine)
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{functions['authorizer']}/invocations"
    make = lambda **settings: api.gateway.create_authorizer(restApiId=api.id, authorizerUri=uri, **settings)["id"]
    token = make(name="t", type="TOKEN", identitySource="method.request.header.Authorization", identityValidationExpression="[a-z-]+")
    request = make(name="r", type="REQUEST", identitySource="method.request.header.X-Who", authorizerResultTtlInSeconds=0)
    shows = {"200": ("", {"x-who": "context.authorizer.who", "x-at": "context.authorizer.at", "x-id": "context.authorizer.principalId"}, "{}")}
    api.mock("/t", authorizationType="CUSTOM", authorizerId=token, responses=shows)
    api.mock("/r", authorizationType="CUSTOM", authorizerId=request, responses=shows)
    api.deploy()
    call = lambda who, path="/t", name="Authorization": api.get(path, headers={name: who})
    first, again = call("good"), call("good")
    assert (first.status_code, first.headers["x-who"], first.headers["x-id"]) == (200, "good", "good")
    assert first.headers["x-at"] == again.headers["x-at"], "the first answer is kept"
    live = [call("good", "/r", "X-Who").headers["x-at"] for _ in range(2)]
    assert live[0] != live[1], "nothing is kept for zero seconds"
    unauthorized = (401, '{"message":"Unauthorized"}', "UnauthorizedException")
    assert answer(api.get("/t")) == unauthorized and answer(call("NOT-MATCHING")) == unauthorized and answer(call("nobody")) == unauthorized
    assert answer(call("bad")) == (403, '{"Message":"User is not authorized to access this resource with an explicit deny"}', "AccessDeniedException")
    assert answer(call("broken")) == (500, '{"message":null}', "AuthorizerConfigurationException")
    tested = api.gateway.test_invoke_authorizer(restApiId=api.id, authorizerId=token, headers={"Authorization": "good"})
    assert tested["clientStatus"] == 200 and tested["principalId"] == "good" and "execute-api:Invoke" in tested["policy"]


def test_test_invoke_runs_what_is_not_deployed(shared_engine):
    api = Api(shared_engine).mock("/t/{id}", responses={"200": ("", {"x-a": "'b'"}, '{"id":"$input.params(\'id\')","v":"$stageVariables.v"}')}, apiKeyRequired=True)
    tested = api.gateway.test_invoke_method(**api.at, pathWithQueryString="/t/5?q=1", stageVariables={"v": "w"})
    assert (tested["status"], json.loads(tested["body"])) == (200, {"id": "5", "v": "w"})
    assert tested["headers"]["x-a"] == "b" and tested["multiValueHeaders"]["x-a"] == ["b"]
    for line in ["Execution log for request ", "HTTP Method: GET, Resource Path: /t/5", "Method request path: {id=5}", "Method request query string: {q=1}", "Successfully completed execution", "Method completed with status: 200"]:
        assert line in tested["log"], line


def test_execution_and_access_logs(engine):
    logs, gateway = engine.client("logs"), engine.client("apigateway")
    writer = role(engine, "gateway-logs", allow("logs:*"))
    gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": writer}])
    logs.create_log_group(logGroupName="access")
    api = Api(engine).mock("/")
    api.deploy()
    api.stage(("/*/*/logging/loglevel", "INFO"), ("/*/*/logging/dataTrace", "true"),
              ("/accessLogSettings/destinationArn", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:access"),
              ("/accessLogSettings/format", '{"id":"$context.requestId","s":$context.status,"k":"$context.identity.apiKeyId","e":"$context.error.message"}'))
    good, bad = api.get("/"), api.get("/missing")

    def lines(group):
        for _ in range(50):
            found = [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]]
            if len(found) > 1:
                return found
            time.sleep(0.1)
        raise AssertionError(f"nothing in {group}")

    access = {one["id"]: one for one in map(json.loads, lines("access"))}
    assert access[good.headers["x-amzn-RequestId"]]["s"] == 200 and access[good.headers["x-amzn-RequestId"]]["k"] == "-"
    assert access[bad.headers["x-amzn-RequestId"]]["e"] == "Missing Authentication Token"
    execution = lines(f"API-Gateway-Execution-Logs_{api.id}/prod")
    assert f"({good.headers['x-amzn-RequestId']}) Method completed with status: 200" in execution


def test_dynamodb_and_s3_behind_an_api(shared_engine):
    engine = shared_engine
    engine.client("dynamodb").create_table(TableName="table", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    engine.client("s3").create_bucket(Bucket="behind-an-api")
    writer = role(engine, "items-role", allow("dynamodb:PutItem", "s3:PutObject"))
    api = Api(engine)
    api.method("/items", "POST")
    put = '{"TableName": "table", "Item": {"k": {"S": "$input.path(\'$.k\')"}}}'
    api.gateway.put_integration(**api.at, type="AWS", integrationHttpMethod="POST", credentials=writer, uri=f"arn:aws:apigateway:{REGION}:dynamodb:action/PutItem", requestTemplates={"application/json": put})
    api.respond("200")
    api.method("/files/{name}", "PUT")
    mapped = {"integration.request.path.name": "method.request.path.name"}
    api.gateway.put_integration(**api.at, type="AWS", integrationHttpMethod="PUT", credentials=writer, requestParameters=mapped,
                                uri=f"arn:aws:apigateway:{REGION}:s3:path/behind-an-api/{{name}}")
    api.respond("200", headers={"x-etag": "integration.response.header.ETag"})
    api.respond("403", pattern="403")
    api.method("/files/{name}", "GET")
    api.gateway.put_integration(**api.at, type="AWS", integrationHttpMethod="GET", credentials=writer, requestParameters=mapped,
                                uri=f"arn:aws:apigateway:{REGION}:s3:path/behind-an-api/{{name}}")
    api.respond("200")
    api.respond("403", pattern="403")
    api.deploy()
    assert api.get("/items", "POST", json={"k": "one"}).status_code == 200
    assert engine.client("dynamodb").scan(TableName="table")["Items"] == [{"k": {"S": "one"}}]
    put = api.get("/files/a.txt", "PUT", data="hello", headers={"Content-Type": "text/plain"})
    assert put.status_code == 200 and put.headers["x-etag"].strip('"') == "5d41402abc4b2a76b9719d911017c592"
    assert engine.client("s3").get_object(Bucket="behind-an-api", Key="a.txt")["Body"].read() == b"hello"
    assert api.get("/files/a.txt").status_code == 403, "the role may write and not read"


def test_sqs_behind_an_api(shared_engine):
    engine = shared_engine
    try:
        url = engine.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    except botocore.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 501:
            pytest.skip("SQS is not built here")
        raise
    api = Api(engine)
    api.method("/queue", "POST")
    api.gateway.put_integration(**api.at, type="AWS", integrationHttpMethod="POST", uri=f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/q",
                                credentials=role(engine, "queue-role", allow("sqs:SendMessage")),
                                requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
                                requestTemplates={"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"})
    api.respond("200")
    api.deploy()
    assert "MessageId" in api.get("/queue", "POST", data='{"a": 1}').text
    assert engine.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == '{"a": 1}'


@pytest.fixture
def endpoint():
    """An HTTP server on this machine that says what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            said = json.dumps({"path": self.path, "body": body, "agent": self.headers["User-Agent"], "x": self.headers.get("X-Sent")}).encode()
            self.send_response(503 if "fail" in self.path else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_http_endpoints_of_this_machine_and_no_other(shared_engine, endpoint):
    api = Api(shared_engine)
    api.method("/proxy/{all+}", "POST", requestParameters={"method.request.path.all": True})
    api.gateway.put_integration(**api.at, type="HTTP_PROXY", integrationHttpMethod="ANY", uri=endpoint + "/to/{all}", requestParameters={"integration.request.path.all": "method.request.path.all"})
    api.method("/mapped", "POST")
    api.gateway.put_integration(**api.at, type="HTTP", integrationHttpMethod="POST", uri=endpoint + "/${stageVariables.at}",
                                requestTemplates={"application/json": '{"n": $input.json("$.n")}'}, requestParameters={"integration.request.header.X-Sent": "'yes'"})
    api.respond("200", template="$input.path('$.body') $input.path('$.x') $input.path('$.agent')")
    api.respond("502", pattern="5\\d{2}", template="sorry")
    api.method("/out", "POST")
    api.gateway.put_integration(**api.at, type="HTTP_PROXY", integrationHttpMethod="POST", uri="http://192.0.2.1/")
    api.deploy(variables={"at": "well"})
    passed = api.get("/proxy/a/b?q=1", "POST", data="hey", headers={"X-Sent": "me"})
    assert passed.status_code == 200 and passed.headers["x-amzn-Remapped-Date"]
    assert passed.json() == {"path": "/to/a/b?q=1", "body": "hey", "agent": "python-requests/" + requests.__version__, "x": "me"}
    assert api.get("/mapped", "POST", json={"n": 5, "m": 6}).text == f'{{"n": 5}} yes AmazonAPIGateway_{api.id}'
    api.deploy(variables={"at": "fail"})
    assert answer(api.get("/mapped", "POST", json={"n": 5}))[:2] == (502, "sorry")
    assert api.get("/out", "POST").status_code == 501
