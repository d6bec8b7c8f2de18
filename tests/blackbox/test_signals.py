"""Signals through the real clients: what logs become (metrics, events for functions, answers to queries),
and how long they stay."""

import base64
import datetime
import gzip
import io
import json
import time
import uuid
import zipfile

import botocore.exceptions
import pytest
from conftest import ACCOUNT, REGION

HANDLER = '''
import base64, gzip, json, os, time

def subscriber(event, context):
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    print("RECEIVED " + json.dumps(data))

def embedded(event, context):
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
            "Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "latency", "Unit": "Milliseconds"}]}]},
        "service": "checkout", "latency": event["latency"], "requestId": context.aws_request_id}))
'''


def zipped():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("app.py", HANDLER)
    return archive.getvalue()


@pytest.fixture(scope="module")
def function(shared_engine):
    """Makes functions by the name of their handler."""
    iam = shared_engine.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    may_log = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    role = iam.create_role(RoleName="signals", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="signals", PolicyName="logs", PolicyDocument=json.dumps(may_log))
    client = shared_engine.client("lambda", read_timeout=120)

    def make(handler):
        arn = client.create_function(FunctionName=handler, Runtime="python3.11", Role=role, Handler=f"app.{handler}",
                                     Code={"ZipFile": zipped()}, Timeout=20)["FunctionArn"]
        client.get_waiter("function_active_v2").wait(FunctionName=handler)
        return arn

    return make


def now_ms():
    return int(time.time() * 1000)


def put(logs, group, messages, at=None, stream="s"):
    at = at or now_ms()
    events = [{"timestamp": at + place, "message": message} for place, message in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def group(engine, name):
    logs = engine.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return logs


def statistics(engine, namespace, metric, dimensions=(), **more):
    cloudwatch = engine.client("cloudwatch")
    now = datetime.datetime.now(datetime.timezone.utc)
    wanted = {"Statistics": ["Sum", "SampleCount"], **more}
    points = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=metric, Period=3600, StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1), Dimensions=[{"Name": name, "Value": value} for name, value in dimensions], **wanted,
    )["Datapoints"]
    return sum(point["Sum"] for point in points), sum(point["SampleCount"] for point in points)


def eventually(check, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def test_metric_filters_take_values_out_of_events(shared_engine):
    logs = group(shared_engine, "orders")
    count = {"metricName": "errors", "metricNamespace": "orders", "metricValue": "1", "defaultValue": 0}
    logs.put_metric_filter(logGroupName="orders", filterName="errors", filterPattern="ERROR", metricTransformations=[count])
    sized = {"metricName": "bytes", "metricNamespace": "orders", "metricValue": "$.size", "unit": "Bytes", "dimensions": {"Path": "$.path"}}
    logs.put_metric_filter(logGroupName="orders", filterName="sizes", filterPattern="{ $.size > 10 }", metricTransformations=[sized])
    fields = {"metricName": "took", "metricNamespace": "orders", "metricValue": "$ms"}
    logs.put_metric_filter(logGroupName="orders", filterName="took", filterPattern="[word=took, ms, ...]", metricTransformations=[fields])
    put(logs, "orders", ["all is well"], at=now_ms() - 120_000)
    put(logs, "orders", ["an ERROR", "ERROR again", "fine"])
    put(logs, "orders", [json.dumps({"size": 20, "path": "/a"}), json.dumps({"size": 5, "path": "/a"}), json.dumps({"size": 30, "path": "/b"}),
                         "took 7 ms", "took x ms", json.dumps({"size": 40})])
    assert statistics(shared_engine, "orders", "errors") == (2.0, 3.0)
    assert statistics(shared_engine, "orders", "bytes", [("Path", "/a")], Unit="Bytes") == (20.0, 1.0)
    assert statistics(shared_engine, "orders", "bytes", [("Path", "/b")]) == (30.0, 1.0)
    assert statistics(shared_engine, "orders", "took") == (7.0, 1.0)
    told = logs.describe_metric_filters(logGroupName="orders", filterNamePrefix="s")["metricFilters"]
    assert [(each["filterName"], each["metricTransformations"]) for each in told] == [("sizes", [sized])]
    assert logs.describe_metric_filters(metricName="took", metricNamespace="orders")["metricFilters"][0]["filterName"] == "took"
    assert logs.describe_log_groups(logGroupNamePrefix="orders")["logGroups"][0]["metricFilterCount"] == 3
    logs.delete_metric_filter(logGroupName="orders", filterName="errors")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.delete_metric_filter(logGroupName="orders", filterName="errors")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="mutually exclusive"):
        both = {**sized, "defaultValue": 1}
        logs.put_metric_filter(logGroupName="orders", filterName="x", filterPattern="{ $.a = 1 }", metricTransformations=[both])


def test_an_alarm_watches_what_a_filter_counts(engine):
    logs = group(engine, "g")
    count = {"metricName": "errors", "metricNamespace": "app", "metricValue": "1", "defaultValue": 0}
    logs.put_metric_filter(logGroupName="g", filterName="errors", filterPattern="ERROR", metricTransformations=[count])
    cloudwatch = engine.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="errors", Namespace="app", MetricName="errors", Statistic="Sum", Period=60,
                                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold")
    put(logs, "g", ["ERROR"])
    moved = engine.cumulet("clock", "advance", "2m")
    assert moved.returncode == 0, moved.stderr
    shown = engine.cumulet("alarms", "errors")
    assert "ALARM" in shown.stdout and "Threshold Crossed" in shown.stdout, shown.stdout
    history = json.loads(engine.cumulet("alarms", "errors", "--json").stdout)["history"]
    assert history[-1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    values = json.loads(engine.cumulet("metrics", "app", "errors", "--json").stdout)
    assert [value for _, value in values[0]["points"]] == [1.0]
    assert "app  errors" in engine.cumulet("metrics", "app").stdout


def test_functions_subscribe_to_groups_that_they_let_in(shared_engine, function):
    arn = function("subscriber")
    logs = group(shared_engine, "source")
    subscription = dict(logGroupName="source", filterName="to-function", filterPattern="{ $.level = error }", destinationArn=arn)
    with pytest.raises(logs.exceptions.InvalidParameterException, match="given CloudWatch Logs permission"):
        logs.put_subscription_filter(**subscription)
    source = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:source:*"
    shared_engine.client("lambda").add_permission(FunctionName="subscriber", StatementId="logs", Action="lambda:InvokeFunction",
                                                  Principal="logs.amazonaws.com", SourceArn=source, SourceAccount=ACCOUNT)
    logs.put_subscription_filter(**subscription)
    told = logs.describe_subscription_filters(logGroupName="source")["subscriptionFilters"][0]
    assert (told["destinationArn"], told["distribution"]) == (arn, "ByLogStream")
    wanted = [json.dumps({"level": "error", "at": place}) for place in range(2)]
    put(logs, "source", [wanted[0], json.dumps({"level": "info"}), wanted[1], "no document"])

    def received():
        try:
            found = logs.filter_log_events(logGroupName="/aws/lambda/subscriber", filterPattern="RECEIVED")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return found and json.loads(found[0]["message"].split("RECEIVED ", 1)[1])

    data = eventually(received, timeout_s=60)
    assert data["messageType"] == "DATA_MESSAGE" and data["owner"] == ACCOUNT
    assert (data["logGroup"], data["logStream"], data["subscriptionFilters"]) == ("source", "s", ["to-function"])
    assert [event["message"] for event in data["logEvents"]] == wanted
    ids = [event["eventId"] for event in logs.filter_log_events(logGroupName="source", filterPattern="{ $.level = error }")["events"]]
    assert [event["id"] for event in data["logEvents"]] == ids
    for name in ["second", "third"]:
        more = {**subscription, "filterName": name}
        if name == "third":
            with pytest.raises(logs.exceptions.LimitExceededException):
                logs.put_subscription_filter(**more)
        else:
            logs.put_subscription_filter(**more)
    logs.delete_subscription_filter(logGroupName="source", filterName="second")


def test_what_a_function_prints_becomes_metrics(shared_engine, function):
    function("embedded")
    client = shared_engine.client("lambda", read_timeout=120)
    for latency in [10, [20, 30.5]]:
        client.invoke(FunctionName="embedded", Payload=json.dumps({"latency": latency}))
    published = eventually(lambda: (lambda found: found if found[1] == 3.0 else None)(statistics(shared_engine, "shop", "latency", [("service", "checkout")])))
    assert published == (60.5, 3.0)
    followed = shared_engine.cumulet("logs", "embedded", "--filter", "{ $.service = checkout }", "--json")
    events = [json.loads(line) for line in followed.stdout.splitlines()]
    assert len(events) == 2 and json.loads(events[0]["message"])["latency"] == 10


def test_logs_count_what_comes_in(shared_engine):
    logs = group(shared_engine, "counted")
    put(logs, "counted", ["abc", "de"])
    dimension = [("LogGroupName", "counted")]
    events = eventually(lambda: (lambda found: found if found[0] else None)(statistics(shared_engine, "AWS/Logs", "IncomingLogEvents", dimension)))
    assert events == (2.0, 1.0)
    assert statistics(shared_engine, "AWS/Logs", "IncomingBytes", dimension) == (57.0, 1.0)


def query(logs, text, **more):
    wanted = dict(startTime=int(time.time()) - 3600, endTime=int(time.time()) + 60, queryString=text, **more)
    started = logs.start_query(**wanted)["queryId"]
    answer = logs.get_query_results(queryId=started)
    assert answer["status"] == "Complete"
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]], answer["statistics"]


def test_insights_answers_over_groups(shared_engine):
    logs = group(shared_engine, "web-a")
    group(shared_engine, "web-b")
    for name, base in [("web-a", 100), ("web-b", 200)]:
        put(logs, name, [json.dumps({"status": base + place * 100, "path": f"/p{place % 2}", "ms": place * 1.5}) for place in range(4)])
    groups = dict(logGroupNames=["web-a", "web-b"])
    rows, scanned = query(logs, "filter status >= 300 | stats count(*) as n, avg(ms), max(status) by path | sort path", **groups)
    assert rows == [{"path": "/p0", "n": "2", "avg(ms)": "3", "max(status)": "400"},
                    {"path": "/p1", "n": "3", "avg(ms)": "3.5", "max(status)": "500"}]
    assert (scanned["recordsMatched"], scanned["recordsScanned"]) == (5.0, 8.0)
    rows, _ = query(logs, "fields @timestamp, status | sort status desc | limit 2", **groups)
    assert [row["status"] for row in rows] == ["500", "400"]
    record = logs.get_log_record(logRecordPointer=rows[0]["@ptr"])["logRecord"]
    assert (record["status"], record["path"], record["@logStream"]) == ("500", "/p1", "s")
    with pytest.raises(logs.exceptions.MalformedQueryException):
        query(logs, "fields @message | nonsense", **groups)
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="Log group 'absent' does not exist"):
        query(logs, "fields @message", logGroupName="absent")
    listed = logs.describe_queries(logGroupName="web-a", status="Complete")["queries"]
    assert listed[0]["queryString"].startswith("fields @timestamp, status")
    fields = {field["name"]: field["percent"] for field in logs.get_log_group_fields(logGroupName="web-a")["logGroupFields"]}
    assert fields["status"] == 100 and fields["@message"] == 100
    saved = logs.put_query_definition(name="slow", queryString="filter ms > 100", logGroupNames=["web-a"])["queryDefinitionId"]
    assert logs.describe_query_definitions(queryDefinitionNamePrefix="sl")["queryDefinitions"][0]["queryDefinitionId"] == saved
    assert logs.delete_query_definition(queryDefinitionId=saved)["success"] is True


def test_retention_follows_the_clock(engine):
    logs = group(engine, "short")
    logs.put_retention_policy(logGroupName="short", retentionInDays=1)
    put(logs, "short", ["old"])
    assert engine.cumulet("clock", "advance", "12h").returncode == 0
    logs.put_log_events(logGroupName="short", logStreamName="s",
                        logEvents=[{"timestamp": now_ms() + 12 * 3_600_000, "message": "new"}])

    def messages():
        return [event["message"] for event in logs.filter_log_events(logGroupName="short")["events"]]

    assert messages() == ["old", "new"]
    before = logs.describe_log_groups()["logGroups"][0]["storedBytes"]
    assert engine.cumulet("clock", "advance", "13h").returncode == 0
    assert messages() == ["new"]
    assert engine.cumulet("clock", "advance", "1d").returncode == 0
    assert messages() == []
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] < before


def test_a_template_brings_filters_and_subscriptions(shared_engine):
    logs = group(shared_engine, "templated")
    template = {"Resources": {
        "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": {
            "LogGroupName": "templated", "FilterPattern": "{ $.code = * }",
            "MetricTransformations": [{"MetricName": "codes", "MetricNamespace": "templated", "MetricValue": "1",
                                       "Dimensions": [{"Key": "Code", "Value": "$.code"}]}]}},
        "Stream": {"Type": "AWS::Logs::LogStream", "Properties": {"LogGroupName": "templated", "LogStreamName": "made"}},
        "Saved": {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "saved", "QueryString": "limit 5"}},
    }}
    cloudformation = shared_engine.client("cloudformation")
    cloudformation.create_stack(StackName="signals", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="signals", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    put(logs, "templated", [json.dumps({"code": "E1"})], stream="made")
    assert statistics(shared_engine, "templated", "codes", [("Code", "E1")]) == (1.0, 1.0)
    cloudformation.delete_stack(StackName="signals")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="signals", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert logs.describe_metric_filters(logGroupName="templated")["metricFilters"] == []
