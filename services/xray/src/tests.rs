use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service(), crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

const TRACE: &str = "1-6ab0ec80-0123456789abcdef01234567";

async fn put(installation: &Installation, documents: &[Value]) -> Value {
    let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
    let input = json!({ "TraceSegmentDocuments": documents });
    installation
        .call("xray", "PutTraceSegments", input)
        .await
        .expect("put")
}

#[tokio::test]
async fn segments_come_back_whole_and_bad_ones_are_named() {
    let installation = Installation::new(registry());
    let begun = json!({ "trace_id": TRACE, "id": "aaaaaaaaaaaaaaaa", "name": "api",
                        "start_time": 1_790_000_000.0, "in_progress": true });
    let ended = json!({ "trace_id": TRACE, "id": "aaaaaaaaaaaaaaaa", "name": "api",
                        "start_time": 1_790_000_000.0, "end_time": 1_790_000_002.0,
                        "annotations": { "tier": "gold" }, "fault": true });
    let below = json!({ "trace_id": TRACE, "id": "bbbbbbbbbbbbbbbb", "name": "db", "type": "subsegment",
                        "parent_id": "aaaaaaaaaaaaaaaa", "start_time": 1_790_000_000.5, "end_time": 1_790_000_001.0 });
    let bad = json!({ "id": "cccccccccccccccc", "name": "x" });
    // The end arrives before the beginning, the child before the parent.
    let answer = put(&installation, &[below, ended, begun, bad]).await;
    assert_eq!(
        answer["UnprocessedTraceSegments"][0]["ErrorCode"],
        "MissingTraceId"
    );
    assert_eq!(
        answer["UnprocessedTraceSegments"][0]["Id"],
        "cccccccccccccccc"
    );

    let input = json!({ "TraceIds": [TRACE, "1-00000000-000000000000000000000000"] });
    let traces = installation
        .call("xray", "BatchGetTraces", input)
        .await
        .expect("got");
    assert_eq!(
        traces["UnprocessedTraceIds"],
        json!(["1-00000000-000000000000000000000000"])
    );
    assert_eq!(traces["Traces"][0]["Duration"], 2.0);
    let segments = traces["Traces"][0]["Segments"]
        .as_array()
        .expect("segments");
    assert_eq!(segments.len(), 1);
    let document: Value =
        serde_json::from_str(segments[0]["Document"].as_str().expect("text")).expect("JSON");
    assert_eq!(document["subsegments"][0]["name"], "db");
    assert_eq!(document["in_progress"], Value::Null);

    let second = i64::from_str_radix("6ab0ec80", 16).expect("hexadecimal");
    let summaries = async |filter: &str| {
        let input =
            json!({ "StartTime": second - 10, "EndTime": second + 10, "FilterExpression": filter });
        let answer = installation
            .call("xray", "GetTraceSummaries", input)
            .await
            .expect("got");
        answer["TraceSummaries"].as_array().expect("a list").clone()
    };
    assert_eq!(
        summaries("fault AND annotation.tier = \"gold\"").await[0]["Id"],
        TRACE
    );
    assert_eq!(summaries("ok").await.len(), 0);
}

#[tokio::test]
async fn clients_share_a_reservoir_and_the_default_rule_stays() {
    let installation = Installation::new(registry());
    let rules = installation
        .call("xray", "GetSamplingRules", json!({}))
        .await
        .expect("got");
    let default = &rules["SamplingRuleRecords"][0]["SamplingRule"];
    assert_eq!(
        (&default["RuleName"], &default["FixedRate"]),
        (&json!("Default"), &json!(0.05))
    );
    let rule = json!({ "SamplingRule": {
        "RuleName": "busy", "ResourceARN": "*", "Priority": 10, "FixedRate": 0.5, "ReservoirSize": 10,
        "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1,
    }});
    installation
        .call("xray", "CreateSamplingRule", rule)
        .await
        .expect("made");
    let ask = async |client: &str, rule: &str| {
        let statistics = json!([{ "RuleName": rule, "ClientID": client, "Timestamp": 1, "RequestCount": 1, "SampledCount": 1 }]);
        let input = json!({ "SamplingStatisticsDocuments": statistics });
        installation
            .call("xray", "GetSamplingTargets", input)
            .await
            .expect("asked")
    };
    let quota = |answer: &Value| answer["SamplingTargetDocuments"][0]["ReservoirQuota"].clone();
    assert_eq!(quota(&ask("a", "busy").await), 10);
    assert_eq!(quota(&ask("b", "busy").await), 5);
    assert_eq!(
        ask("a", "gone").await["UnprocessedStatistics"][0]["RuleName"],
        "gone"
    );
    let delete = installation
        .call(
            "xray",
            "DeleteSamplingRule",
            json!({ "RuleName": "Default" }),
        )
        .await;
    assert_eq!(
        delete.map_err(|error| error.code),
        Err("InvalidRequestException".into())
    );
}
