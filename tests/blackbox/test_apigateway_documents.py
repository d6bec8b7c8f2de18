"""APIs as OpenAPI documents, canaries, metrics, quotas: through boto3 and raw HTTP."""

import base64
import json
import time

import botocore.exceptions
import pytest
import requests

from test_apigateway import ACCOUNT, REGION, Api, answer, refused

JSON = "application/json"
MOCK = {"type": "mock", "requestTemplates": {JSON: '{"statusCode": 200}'}, "passthroughBehavior": "when_no_match"}


def mock(template, **more):
    return {**MOCK, "responses": {"default": {"statusCode": "200", "responseTemplates": {JSON: template}}}, **more}


def swagger():
    """A document with something of everything that is read."""
    pet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "kind": {"$ref": "#/definitions/Kind"}}}
    return {
        "swagger": "2.0",
        "info": {"title": "Pets", "version": "1.2", "description": "All of them"},
        "basePath": "/zoo/v1",
        "definitions": {"Pet": pet, "Kind": {"type": "string", "enum": ["cat", "dog"]}},
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}, "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}},
        "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}},
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-gateway-responses": {"MISSING_AUTHENTICATION_TOKEN": {"statusCode": 404, "responseTemplates": {JSON: '{"gone":true}'}}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "paths": {
            "/pets": {
                "post": {
                    "operationId": "AddPet",
                    "parameters": [{"in": "body", "name": "Pet", "schema": {"$ref": "#/definitions/Pet"}}, {"in": "query", "name": "q", "required": True, "type": "string"}],
                    "responses": {"200": {"description": "made", "schema": {"$ref": "#/definitions/Pet"}, "headers": {"x-by": {"type": "string"}}}},
                    "x-amazon-apigateway-integration": {**MOCK, "responses": {"default": {"statusCode": "200", "responseParameters": {"method.response.header.x-by": "'import'"}, "responseTemplates": {JSON: "made"}}}},
                },
                "get": {"security": [{"api_key": []}, {"sigv4": []}], "responses": {"200": {"description": "all"}}, "x-amazon-apigateway-integration": mock("all")},
            },
            "/pets/{id}": {"x-amazon-apigateway-any-method": {"responses": {"200": {"description": "one"}}, "x-amazon-apigateway-integration": mock("$input.params('id')")}},
        },
    }


def import_api(engine, document, **parameters):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return engine.client("apigateway").import_rest_api(body=body, parameters=parameters, failOnWarnings=True)


def resources(gateway, api_id):
    return {one["path"]: one for one in gateway.get_resources(restApiId=api_id, embed=["methods"], limit=500)["items"]}


def url(engine, api_id, path, stage="prod"):
    return f"{engine.url}/_aws/execute-api/{api_id}/{stage}{path}"


def test_a_swagger_document_becomes_an_api_that_answers(shared_engine):
    gateway = shared_engine.client("apigateway")
    made = import_api(shared_engine, swagger())
    assert {name: made[name] for name in ["name", "version", "description", "binaryMediaTypes", "apiKeySource"]} == {"name": "Pets", "version": "1.2", "description": "All of them", "binaryMediaTypes": ["image/png"], "apiKeySource": "HEADER"}
    assert made["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"} and "tags" not in made and "warnings" not in made
    models = {one["name"]: json.loads(one["schema"]) for one in gateway.get_models(restApiId=made["id"])["items"]}
    assert set(models) == {"Pet", "Kind"}, "nothing but what the document has"
    assert models["Pet"]["properties"]["kind"] == {"$ref": f"https://apigateway.amazonaws.com/restapis/{made['id']}/models/Kind"}
    found = resources(gateway, made["id"])
    assert set(found) == {"/", "/pets", "/pets/{id}"}, "a base path is ignored unless asked for"
    post = found["/pets"]["resourceMethods"]["POST"]
    assert post["requestModels"] == {JSON: "Pet"} and post["requestParameters"] == {"method.request.querystring.q": True} and post["operationName"] == "AddPet"
    assert post["methodResponses"]["200"] == {"statusCode": "200", "responseModels": {JSON: "Pet"}, "responseParameters": {"method.response.header.x-by": False}}
    get = found["/pets"]["resourceMethods"]["GET"]
    assert (get["apiKeyRequired"], get["authorizationType"]) == (True, "AWS_IAM")
    assert found["/pets/{id}"]["resourceMethods"]["ANY"]["requestParameters"] == {"method.request.path.id": True}
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    post = lambda body, query="?q=1": requests.post(url(shared_engine, made["id"], "/pets" + query), json=body)
    good = post({"name": "x", "kind": "cat"})
    assert (good.status_code, good.text, good.headers["x-by"]) == (200, "made", "import")
    assert answer(post({"name": "x", "kind": "cow"})) == (400, '{"message": "Invalid request body"}', "BadRequestException"), "models refer to models"
    assert answer(post({"name": "x"}, "")) == (400, '{"message": "Missing required request parameters: [q]"}', "BadRequestException")
    assert requests.delete(url(shared_engine, made["id"], "/pets/7")).text == "7"
    gone = requests.get(url(shared_engine, made["id"], "/nowhere"))
    assert (gone.status_code, gone.text) == (404, '{"gone":true}')


@pytest.mark.parametrize("basepath, paths", [("ignore", {"/", "/pets", "/pets/{id}"}), ("prepend", {"/", "/zoo", "/zoo/v1", "/zoo/v1/pets", "/zoo/v1/pets/{id}"}), ("split", {"/", "/v1", "/v1/pets", "/v1/pets/{id}"})])
def test_base_paths(shared_engine, basepath, paths):
    made = import_api(shared_engine, swagger(), basepath=basepath)
    assert set(resources(shared_engine.client("apigateway"), made["id"])) == paths


def test_yaml_and_openapi_3(shared_engine):
    text = """
openapi: 3.0.1
info: {title: Yaml, version: 1.0.0}
components:
  schemas:
    Note: {type: object, required: [text], properties: {text: {type: string}}}
paths:
  /notes:
    parameters:
      - {name: lang, in: header, schema: {type: string}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}}
      responses: {200: {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: 200, responseTemplates: {application/json: noted}}}
"""
    gateway = shared_engine.client("apigateway")
    made = import_api(shared_engine, text.encode())
    method = resources(gateway, made["id"])["/notes"]["resourceMethods"]["POST"]
    assert method["requestModels"] == {JSON: "Note"} and method["requestParameters"] == {"method.request.header.lang": False}
    assert method["methodResponses"]["200"]["responseModels"] == {JSON: "Note"}
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    assert requests.post(url(shared_engine, made["id"], "/notes"), json={}).text == "noted"


def test_put_merges_or_overwrites_and_keeps_ids(shared_engine):
    gateway = shared_engine.client("apigateway")
    made = import_api(shared_engine, swagger())
    before = resources(gateway, made["id"])
    change = {"swagger": "2.0", "info": {"title": "Renamed"}, "x-amazon-apigateway-binary-media-types": ["image/gif"],
              "paths": {"/pets": {"put": {"responses": {"200": {}}, "x-amazon-apigateway-integration": mock("put")}}, "/new": {}}}
    put = lambda mode: gateway.put_rest_api(restApiId=made["id"], mode=mode, body=json.dumps(change).encode())
    merged = put("merge")
    assert (merged["name"], merged["binaryMediaTypes"], merged["tags"]) == ("Renamed", ["image/png", "image/gif"], {})
    after = resources(gateway, made["id"])
    assert set(after) == set(before) | {"/new"} and set(after["/pets"]["resourceMethods"]) == {"GET", "POST", "PUT"}
    overwritten = put("overwrite")
    assert overwritten["binaryMediaTypes"] == ["image/gif"] and overwritten["rootResourceId"] == made["rootResourceId"]
    last = resources(gateway, made["id"])
    assert set(last) == {"/", "/pets", "/new"} and set(last["/pets"]["resourceMethods"]) == {"PUT"}
    assert last["/pets"]["id"] == before["/pets"]["id"] and gateway.get_models(restApiId=made["id"])["items"] == []


def test_what_is_no_document_is_refused_and_what_is_not_built_is_named(shared_engine):
    gateway = shared_engine.client("apigateway")
    for body in [b"{", b"a: [1", b"[]", b'{"openapi": "9"}']:
        refused(lambda: gateway.import_rest_api(body=body), "BadRequestException", "Invalid OpenAPI input.", 400)
    refused(lambda: gateway.put_rest_api(restApiId="missing", body=b"{"), "BadRequestException", "Invalid OpenAPI input.", 400)
    document = swagger()
    document["x-amazon-apigateway-documentation"] = {"version": "1"}
    assert gateway.import_rest_api(body=json.dumps(document).encode())["warnings"] == ["x-amazon-apigateway-documentation is not implemented by Cumulet and was left out"]
    with pytest.raises(botocore.exceptions.ClientError, match="Warnings found during import"):
        import_api(shared_engine, document)
    cognito = {"swagger": "2.0", "info": {"title": "c"}, "paths": {}, "securityDefinitions": {"pool": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "cognito_user_pools", "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": ["arn:aws:cognito-idp:us-east-1:1:userpool/x"]}}}}
    refused(lambda: import_api(shared_engine, cognito), "NotImplemented", "apigateway:PutRestApi with an authorizer of type COGNITO_USER_POOLS is not implemented by Cumulet", 501)
    broken = swagger()
    broken["paths"]["/pets"]["get"]["x-amazon-apigateway-integration"]["requestParameters"] = {"integration.request.header.n": True}
    warned = gateway.import_rest_api(body=json.dumps(broken).encode())["warnings"]
    assert warned == ["Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.n' of resource '/pets' and method 'GET' but got 'true'"]


def test_what_is_exported_imports_again(shared_engine):
    gateway = shared_engine.client("apigateway")
    made = import_api(shared_engine, swagger())
    gateway.create_deployment(restApiId=made["id"], stageName="prod")
    methods = lambda api_id: {path: {verb: {name: value for name, value in method.items() if name not in ("requestValidatorId", "methodIntegration")} for verb, method in one.get("resourceMethods", {}).items()} for path, one in resources(gateway, api_id).items()}
    for kind, name in [("swagger", "swagger"), ("oas30", "openapi")]:
        export = lambda **parameters: gateway.get_export(restApiId=made["id"], stageName="prod", exportType=kind, parameters=parameters)
        reply = export(extensions="apigateway")
        assert (reply["contentType"], reply["contentDisposition"]) == ("application/octet-stream", f'attachment; filename="{kind}_1.2.json"')
        whole = reply["body"].read()
        plain = json.loads(export()["body"].read())
        assert name in plain and not [key for key in plain["paths"]["/pets"]["post"] if key.startswith("x-")]
        assert json.loads(whole)["paths"]["/pets/{id}"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["type"] == "mock"
        again = import_api(shared_engine, whole)
        assert methods(again["id"]) == methods(made["id"]), kind
        gateway.create_deployment(restApiId=again["id"], stageName="prod")
        assert requests.put(url(shared_engine, again["id"], "/pets/8")).text == "8"
    refused(lambda: gateway.get_export(restApiId=made["id"], stageName="dev", exportType="swagger"), "NotFoundException", "Invalid stage identifier specified", 404)


def test_cloudformation_takes_a_body(shared_engine):
    stacks = shared_engine.client("cloudformation")
    template = {"Resources": {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": swagger(), "EndpointConfiguration": {"Types": ["REGIONAL"]}}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}},
        "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Deployment"}, "StageName": "prod"}},
    }, "Outputs": {"Id": {"Value": {"Ref": "Api"}}}}
    stacks.create_stack(StackName="document", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="document", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    api_id = stacks.describe_stacks(StackName="document")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert shared_engine.client("apigateway").get_rest_api(restApiId=api_id)["name"] == "Pets"
    assert requests.get(url(shared_engine, api_id, "/pets/9")).text == "9"
    template["Resources"]["Api"]["Properties"]["Body"]["paths"]["/more"] = {}
    stacks.update_stack(StackName="document", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_update_complete").wait(StackName="document", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert "/more" in resources(shared_engine.client("apigateway"), api_id)


def test_a_canary_takes_its_share_and_is_promoted(shared_engine):
    api = Api(shared_engine)
    api.mock("/", responses={"200": ("", {}, '{"m":"old","v":"$stageVariables.v","c":"$context.isCanaryRequest"}')})
    first = api.deploy(variables={"v": "one", "w": "kept"})
    ask = lambda: api.get("/").json()
    assert ask() == {"m": "old", "v": "one", "c": ""}
    patch = lambda **change: api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=[change])
    copy = {"op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId"}
    refused(lambda: patch(**copy), "BadRequestException", "Promotion not available. Canary does not exist.", 400)
    api.gateway.update_integration_response(**api.at, statusCode="200", patchOperations=[{"op": "replace", "path": "/responseTemplates/application~1json", "value": '{"m":"new","v":"$stageVariables.v","c":"$context.isCanaryRequest"}'}])
    second = api.gateway.create_deployment(restApiId=api.id, stageName="prod", canarySettings={"percentTraffic": 0, "stageVariableOverrides": {"v": "two"}})["id"]
    stage = api.gateway.get_stage(restApiId=api.id, stageName="prod")
    assert stage["deploymentId"] == first and stage["canarySettings"] == {"deploymentId": second, "percentTraffic": 0.0, "stageVariableOverrides": {"v": "two"}, "useStageCache": False}
    assert ask() == {"m": "old", "v": "one", "c": "false"}
    patch(op="replace", path="/canarySettings/percentTraffic", value="100.0")
    assert ask() == {"m": "new", "v": "two", "c": "true"}
    patch(op="replace", path="/canarySettings/percentTraffic", value="50")
    shares = [ask()["m"] for _ in range(60)]
    assert 10 < shares.count("new") < 50
    busy = "Active stages pointing to this deployment must be moved or deleted"
    refused(lambda: api.gateway.delete_deployment(restApiId=api.id, deploymentId=second), "BadRequestException", busy, 400)
    copies = [copy, {"op": "copy", "path": "/variables", "from": "/canarySettings/stageVariableOverrides"}, {"op": "remove", "path": "/canarySettings"}]
    promoted = api.gateway.update_stage(restApiId=api.id, stageName="prod", patchOperations=copies)
    assert promoted["deploymentId"] == second and promoted["variables"] == {"v": "two", "w": "kept"} and "canarySettings" not in promoted
    assert ask() == {"m": "new", "v": "two", "c": ""}
    refused(lambda: api.gateway.create_deployment(restApiId=api.id, canarySettings={"percentTraffic": 1}), "BadRequestException", "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null", 400)


def test_metrics_of_an_api_a_stage_and_a_method(shared_engine):
    api = Api(shared_engine)
    name = f"measured-{api.id}"
    api.gateway.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/name", "value": name}])
    api.mock("/a/{x}").mock("/b")
    api.deploy()
    api.stage(("/~1a~1{x}/GET/metrics/enabled", "true"))
    assert [api.get(path).status_code for path in ["/a/1", "/a/2", "/b", "/nowhere"]] == [200, 200, 200, 403]
    watch = shared_engine.client("cloudwatch")

    def total(metric, statistic="Sum", **dimensions):
        now = time.time()
        points = watch.get_metric_statistics(Namespace="AWS/ApiGateway", MetricName=metric, StartTime=now - 600, EndTime=now + 600, Period=3600, Statistics=[statistic],
                                             Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()])["Datapoints"]
        return sum(point[statistic] for point in points)

    for _ in range(40):
        if total("Count", ApiName=name) == 4:
            break
        time.sleep(0.25)
    assert total("Count", ApiName=name) == total("Count", ApiName=name, Stage="prod") == 4
    assert (total("4XXError", ApiName=name), total("5XXError", ApiName=name)) == (1, 0)
    assert total("Latency", "SampleCount", ApiName=name) == 4 and total("IntegrationLatency", "SampleCount", ApiName=name) == 0, "MOCK asks nobody"
    assert total("Count", ApiName=name, Stage="prod", Resource="/a/{x}", Method="GET") == 2
    assert total("Count", ApiName=name, Stage="prod", Resource="/b", Method="GET") == 0, "detail only where it is asked for"


def test_the_first_period_of_a_quota_is_smaller_by_its_offset(engine):
    api = Api(engine).mock("/", apiKeyRequired=True)
    api.deploy()
    gateway = api.gateway
    plan = lambda **quota: gateway.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}], quota=quota)
    refused(lambda: plan(limit=5, period="DAY", offset=1), "BadRequestException", "Usage Plan quota offset must be zero in the DAY period", 400)
    key = gateway.create_api_key(enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan(limit=5, period="MONTH", offset=3)["id"], keyId=key["id"], keyType="API_KEY")
    ask = lambda: api.get("/", headers={"x-api-key": key["value"]}).status_code
    assert [ask() for _ in range(3)] == [200, 200, 429]
    assert engine.cumulet("clock", "advance", "32d").returncode == 0
    assert [ask() for _ in range(6)] == [200] * 5 + [429], "from the second period on it is whole"


def test_a_load_that_crosses_throttle_and_quota_is_counted_to_the_last(shared_engine):
    from concurrent.futures import ThreadPoolExecutor

    api = Api(shared_engine).mock("/", apiKeyRequired=True)
    api.deploy()
    gateway = api.gateway
    key = gateway.create_api_key(enabled=True)
    plan = gateway.create_usage_plan(name="load", apiStages=[{"apiId": api.id, "stage": "prod"}], throttle={"burstLimit": 30, "rateLimit": 0.001}, quota={"limit": 20, "period": "DAY"})["id"]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    ask = lambda _: answer(api.get("/", headers={"x-api-key": key["value"]}))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(100)))
    counted = {text: sum(one[:2] == text for one in answers) for text in {one[:2] for one in answers}}
    assert counted == {(200, '{"ok":true}'): 20, (429, '{"message":"Limit Exceeded"}'): 10, (429, '{"message":"Too Many Requests"}'): 70}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert gateway.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"] == {key["id"]: [[20, 0]]}
