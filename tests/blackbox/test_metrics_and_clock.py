"""Metrics over all three protocols that CloudWatch speaks, and alarms moved by the clock."""

import datetime
import json
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.parsers
import botocore.serialize
import pytest
import requests
from conftest import REGION

PROTOCOLS = ["json", "query", "smithy-rpc-v2-cbor"]


def call(engine, protocol, operation, **members):
    """One call in a protocol of our choosing, serialised and parsed by botocore."""
    client = engine.client("cloudwatch")
    model = client.meta.service_model.operation_model(operation)
    made = botocore.serialize.create_serializer(protocol).serialize_to_request(members, model)
    url = engine.url + made["url_path"]
    request = botocore.awsrequest.AWSRequest(
        made["method"], url, headers=made["headers"], data=made["body"]
    )
    credentials = botocore.credentials.Credentials("test", "test")
    botocore.auth.SigV4Auth(credentials, "monitoring", REGION).add_auth(request)
    request = request.prepare()
    reply = requests.request(request.method, request.url, headers=dict(request.headers), data=request.body)
    answer = {"status_code": reply.status_code, "headers": reply.headers, "body": reply.content}
    return botocore.parsers.create_parser(protocol).parse(answer, model.output_shape)


def without_metadata(answer):
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_three_protocols_agree(engine):
    minute = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    for at, protocol in enumerate(PROTOCOLS):
        data = [{"MetricName": "orders", "Value": float(at + 1), "Unit": "Count", "Timestamp": minute,
                 "Dimensions": [{"Name": "shop", "Value": "a b"}]}]
        call(engine, protocol, "PutMetricData", Namespace="shop", MetricData=data)
    asked = dict(
        Namespace="shop", MetricName="orders", Dimensions=[{"Name": "shop", "Value": "a b"}], Period=60,
        StartTime=minute - datetime.timedelta(minutes=5), EndTime=minute + datetime.timedelta(minutes=5),
        Statistics=["Sum", "Maximum", "SampleCount"], ExtendedStatistics=["p50"],
    )
    answers = [without_metadata(call(engine, protocol, "GetMetricStatistics", **asked)) for protocol in PROTOCOLS]
    expected = {"Timestamp": minute, "Sum": 6.0, "Maximum": 3.0, "SampleCount": 3.0, "Unit": "Count",
                "ExtendedStatistics": {"p50": 2.0}}
    for answer in answers:
        assert answer == {"Label": "orders", "Datapoints": [expected]}
    listed = [without_metadata(call(engine, protocol, "ListMetrics", Namespace="shop")) for protocol in PROTOCOLS]
    assert listed[0]["Metrics"][0]["Dimensions"] == [{"Name": "shop", "Value": "a b"}]
    assert listed[0] == listed[1] == listed[2]


def test_refusals_have_the_querys_code_in_boto3(engine):
    cloudwatch = engine.client("cloudwatch")
    datum = {"MetricName": "m", "Value": 1.0, "Values": [1.0]}
    with pytest.raises(cloudwatch.exceptions.InvalidParameterCombinationException) as refused:
        cloudwatch.put_metric_data(Namespace="n", MetricData=[datum])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"


def test_the_clock_moves_an_alarm_and_outlives_a_restart(engine):
    cloudwatch = engine.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="quiet", Namespace="shop", MetricName="orders", Statistic="Sum", Period=60,
        EvaluationPeriods=2, Threshold=1.0, ComparisonOperator="LessThanThreshold", TreatMissingData="breaching",
    )

    def state():
        alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
        return alarm["StateValue"], alarm["StateReason"]

    assert state() == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    moved = engine.cumulet("clock", "advance", "5m", "--json")
    assert moved.returncode == 0, moved.stderr
    fired = json.loads(moved.stdout)["fired"]
    dues = [each["dueMs"] for each in fired if "alarm quiet" in each["subject"]]
    assert len(dues) >= 4 and dues == sorted(dues)
    assert state() == (
        "ALARM",
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
    )
    history = cloudwatch.describe_alarm_history(AlarmName="quiet", HistoryItemType="StateUpdate")
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == [
        "Alarm updated from INSUFFICIENT_DATA to ALARM"
    ]
    backwards = engine.cumulet("clock", "set", "2020-01-01T00:00:00Z")
    assert backwards.returncode == 1 and "never runs backwards" in backwards.stderr
    engine.cumulet("clock", "freeze", check=True)
    shown = json.loads(engine.cumulet("clock", "show", "--json").stdout)
    assert shown["frozen"] and 290_000 < shown["aheadMs"] < 310_000
    engine.kill()
    engine.start()
    again = json.loads(engine.cumulet("clock", "show", "--json").stdout)
    assert again["frozen"] and again["nowMs"] == shown["nowMs"]
    unsigned = requests.post(f"{engine.url}/_cumulet/clock", json={"action": "resume"})
    assert unsigned.status_code == 403


def test_what_the_engine_saw_is_a_trace(engine):
    began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5)
    with pytest.raises(Exception):
        engine.client("logs").get_log_events(logGroupName="none", logStreamName="none")
    time.sleep(1)
    xray = engine.client("xray")
    end = began + datetime.timedelta(minutes=1)
    failed = xray.get_trace_summaries(StartTime=began, EndTime=end, FilterExpression="error")["TraceSummaries"]
    assert [summary["Http"]["HttpStatus"] for summary in failed] == [400]
    traces = xray.batch_get_traces(TraceIds=[failed[0]["Id"]])["Traces"]
    document = json.loads(traces[0]["Segments"][0]["Document"])
    assert document["subsegments"][0]["name"] == "logs:GetLogEvents"
