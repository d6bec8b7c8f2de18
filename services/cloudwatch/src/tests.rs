//! Metrics and alarms the way of a real call, with a clock that stands still.

use cumulet_engine::registry::Registry;
use cumulet_fixture::Installation;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [
        cumulet_kms::service(),
        cumulet_lambda::service(),
        cumulet_logs::service(),
        crate::service(),
    ];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

async fn put(house: &Installation, data: Value) {
    let input = json!({ "Namespace": "shop", "MetricData": data });
    house
        .call("cloudwatch", "PutMetricData", input)
        .await
        .expect("put");
}

async fn statistics(house: &Installation, from_s: i64, to_s: i64, period_s: u32) -> Vec<Value> {
    let input = json!({
        "Namespace": "shop", "MetricName": "m", "StartTime": from_s, "EndTime": to_s, "Period": period_s,
        "Statistics": ["Sum", "SampleCount"], "ExtendedStatistics": ["p50"],
    });
    let answer = house
        .call("cloudwatch", "GetMetricStatistics", input)
        .await
        .expect("got");
    answer["Datapoints"].as_array().expect("datapoints").clone()
}

fn now_s(house: &Installation) -> i64 {
    house.engine.clock.now().seconds()
}

#[tokio::test]
async fn what_is_put_is_checked_as_a_whole_in_awss_words() {
    let house = Installation::new(registry());
    let refused = async |datum: Value| {
        let good = json!({ "MetricName": "m", "Value": 1 });
        let input = json!({ "Namespace": "shop", "MetricData": [good, datum] });
        house.refused("cloudwatch", "PutMetricData", input).await
    };
    let set = json!({ "SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1 });
    assert_eq!(
        refused(json!({ "MetricName": "m", "Value": 1, "Values": [1] })).await,
        "400 InvalidParameterCombination The parameters MetricData.member.2.Value and MetricData.member.2.Values are mutually exclusive and you have specified both."
    );
    assert_eq!(
        refused(json!({ "MetricName": "m", "Value": 1, "StatisticValues": set })).await,
        "400 InvalidParameterCombination The parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues are mutually exclusive and you have specified both."
    );
    assert_eq!(
        refused(json!({ "MetricName": "m", "Values": [1], "Counts": [1, 2] })).await,
        "400 InvalidParameterValue The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the same size."
    );
    for (datum, code) in [
        (
            json!({ "MetricName": "m", "Value": "NaN" }),
            "InvalidParameterValue",
        ),
        (json!({ "MetricName": "m" }), "MissingParameter"),
        (
            json!({ "MetricName": "m", "Value": 1, "Timestamp": 0 }),
            "InvalidParameterValue",
        ),
        (
            json!({ "MetricName": "m", "Value": 1, "StorageResolution": 5 }),
            "InvalidParameterValue",
        ),
    ] {
        assert!(refused(datum.clone()).await.contains(code), "{datum}");
    }
    // The good datum went with the bad one.
    let listed = house
        .call("cloudwatch", "ListMetrics", json!({}))
        .await
        .expect("listed");
    assert_eq!(listed["Metrics"], json!([]));
    let range = |start: i64, end: i64| json!({ "Namespace": "shop", "MetricName": "m", "StartTime": start, "EndTime": end, "Period": 1, "Statistics": ["Sum"] });
    assert_eq!(
        house
            .refused("cloudwatch", "GetMetricStatistics", range(86_400, 0))
            .await,
        "400 InvalidParameterValue The parameter StartTime must be less than the parameter EndTime."
    );
    assert_eq!(
        house
            .refused("cloudwatch", "GetMetricStatistics", range(0, 86_400))
            .await,
        "400 InvalidParameterCombination You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
    );
}

#[tokio::test]
async fn points_grow_coarser_with_age_and_then_go_without_changing_what_they_add_up_to() {
    let house = Installation::new(registry());
    let start_s = now_s(&house).div_euclid(3600) * 3600;
    house.engine.clock.advance_ms(3_600_000);
    let data: Vec<Value> = (0..120)
        .map(|at| json!({ "MetricName": "m", "Value": at, "Timestamp": start_s + at * 30, "StorageResolution": 1 }))
        .collect();
    put(&house, data.into()).await;
    let total = |points: &[Value]| {
        let sum = |name: &str| {
            points
                .iter()
                .filter_map(|point| point[name].as_f64())
                .sum::<f64>()
        };
        (sum("Sum"), sum("SampleCount"))
    };
    let whole = (7140.0, 120.0);
    let asked = async |period_s: u32| statistics(&house, start_s, start_s + 3600, period_s).await;
    // Within three hours by the second (here half a minute), beyond by the minute.
    assert_eq!(
        (asked(30).await.len(), total(&asked(30).await)),
        (120, whole)
    );
    for (advance_s, period_s, too_fine_s) in [
        (4 * 3600, 60, 30),
        (16 * 86_400, 300, 60),
        (64 * 86_400, 3600, 300),
    ] {
        house.advance_s(advance_s).await;
        let points = asked(period_s).await;
        assert_eq!(total(&points), whole, "by {period_s} s");
        assert_eq!(points.len(), 3600 / period_s as usize);
        assert_eq!(asked(too_fine_s).await.len(), 0, "by {too_fine_s} s");
    }
    let median = asked(3600).await[0]["ExtendedStatistics"]["p50"]
        .as_f64()
        .expect("known");
    assert!((median - 59.0).abs() <= 59.0 * 0.005, "{median}");
    house.advance_s(456 * 86_400).await;
    assert_eq!(asked(3600).await.len(), 0);
    let listed = house
        .call("cloudwatch", "ListMetrics", json!({}))
        .await
        .expect("listed");
    assert_eq!(listed["Metrics"], json!([]));
}

#[tokio::test]
async fn data_come_in_pages_with_labels_and_expressions() {
    let house = Installation::new(registry());
    let start_s = now_s(&house).div_euclid(60) * 60 - 300;
    let data: Vec<Value> = (0..5)
        .map(|at| json!({ "MetricName": "m", "Values": [at, at + 1], "Counts": [1, 3], "Timestamp": start_s + at * 60 }))
        .collect();
    put(&house, data.into()).await;
    let stat = |stat: &str| json!({ "Metric": { "Namespace": "shop", "MetricName": "m" }, "Period": 60, "Stat": stat });
    let query = |token: Option<&str>| {
        let mut input = json!({
            "StartTime": start_s, "EndTime": start_s + 300, "ScanBy": "TimestampAscending", "MaxDatapoints": 8,
            "MetricDataQueries": [
                { "Id": "a", "MetricStat": stat("Sum") },
                { "Id": "n", "MetricStat": stat("SampleCount"), "ReturnData": false },
                { "Id": "mean", "Expression": "a / n", "Label": "mean, at last ${LAST}" },
            ],
        });
        if let Some(token) = token {
            input["NextToken"] = token.into();
        }
        input
    };
    let first = house
        .call("cloudwatch", "GetMetricData", query(None))
        .await
        .expect("got");
    let results = first["MetricDataResults"].as_array().expect("results");
    assert_eq!(results[0]["Values"], json!([3.0, 7.0, 11.0, 15.0, 19.0]));
    assert_eq!(results[0]["Label"], "m Sum");
    assert_eq!(
        (&results[1]["Values"], &results[1]["StatusCode"]),
        (&json!([0.75, 1.75, 2.75]), &json!("PartialData"))
    );
    assert_eq!(results[1]["Label"], "mean, at last 4.75");
    let second = house
        .call(
            "cloudwatch",
            "GetMetricData",
            query(first["NextToken"].as_str()),
        )
        .await
        .expect("got");
    assert_eq!(
        second["MetricDataResults"][0]["Values"],
        json!([3.75, 4.75])
    );
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test]
async fn a_composite_alarm_follows_its_children() {
    let house = Installation::new(registry());
    for name in ["a", "b"] {
        let input = json!({
            "AlarmName": name, "Namespace": "shop", "MetricName": "m", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "ignore",
        });
        house
            .call("cloudwatch", "PutMetricAlarm", input)
            .await
            .expect("put");
    }
    let missing = json!({ "AlarmName": "both", "AlarmRule": "ALARM(a) AND ALARM(c)" });
    assert!(
        house
            .refused("cloudwatch", "PutCompositeAlarm", missing)
            .await
            .contains("alarms [c]")
    );
    let rule = json!({ "AlarmName": "both", "AlarmRule": "ALARM(a) AND ALARM(b)" });
    house
        .call("cloudwatch", "PutCompositeAlarm", rule)
        .await
        .expect("put");
    let state = async || {
        let input = json!({ "AlarmTypes": ["CompositeAlarm"] });
        let answer = house
            .call("cloudwatch", "DescribeAlarms", input)
            .await
            .expect("described");
        answer["CompositeAlarms"][0]["StateValue"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    let set = async |name: &str, value: &str| {
        let input = json!({ "AlarmName": name, "StateValue": value, "StateReason": "test" });
        house
            .call("cloudwatch", "SetAlarmState", input)
            .await
            .expect("set");
    };
    assert_eq!(state().await, "OK");
    set("a", "ALARM").await;
    assert_eq!(state().await, "OK");
    set("b", "ALARM").await;
    assert_eq!(state().await, "ALARM");
    set("a", "OK").await;
    assert_eq!(state().await, "OK");
    let delete = json!({ "AlarmNames": ["a"] });
    assert!(
        house
            .refused("cloudwatch", "DeleteAlarms", delete)
            .await
            .contains("depending on it")
    );
    assert_eq!(
        house
            .refused(
                "cloudwatch",
                "SetAlarmState",
                json!({ "AlarmName": "x", "StateValue": "OK", "StateReason": "y" })
            )
            .await,
        "404 ResourceNotFound "
    );
}
