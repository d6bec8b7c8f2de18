//! Functions measured by CloudWatch, watched by an alarm, and called by one: the whole circle, by the clock.

use cumulet_fixture::Installation;
use serde_json::{Value, json};

use super::{house_with, invoke_input};

const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";

async fn alarm(house: &Installation) -> (String, String) {
    let answer = house
        .call("cloudwatch", "DescribeAlarms", json!({}))
        .await
        .expect("described");
    let alarm = &answer["MetricAlarms"][0];
    let text = |name: &str| alarm[name].as_str().unwrap_or_default().to_owned();
    (text("StateValue"), text("StateReason"))
}

async fn history(house: &Installation, item_type: &str) -> Vec<Value> {
    let input = json!({ "AlarmName": "errors", "HistoryItemType": item_type });
    let answer = house
        .call("cloudwatch", "DescribeAlarmHistory", input)
        .await
        .expect("described");
    answer["AlarmHistoryItems"]
        .as_array()
        .expect("items")
        .clone()
}

#[tokio::test]
async fn errors_raise_an_alarm_that_calls_a_function_and_success_lowers_it() {
    let mut house = house_with(&["f"]).await;
    house.engine.metrics = std::sync::Arc::new(cumulet_cloudwatch::Metrics::default());
    house.advance_s(60).await;
    let alarm_input = json!({
        "AlarmName": "errors", "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum",
        "Dimensions": [{ "Name": "FunctionName", "Value": "f" }], "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 0.0, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [FUNCTION_ARN, "arn:aws:sns:eu-west-1:111122223333:t"],
    });
    house
        .call("cloudwatch", "PutMetricAlarm", alarm_input)
        .await
        .expect("put");
    assert_eq!(
        alarm(&house).await,
        (
            "INSUFFICIENT_DATA".into(),
            "Unchecked: Initial alarm creation".into()
        )
    );

    house.runner.fail_next(1);
    house
        .reply("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect("invoked");
    house.advance_s(60).await;
    let (state, reason) = alarm(&house).await;
    assert_eq!(state, "ALARM");
    let ends = reason.ends_with(")] was greater than the threshold (0.0).");
    assert!(
        reason.starts_with("Threshold Crossed: 1 datapoint [1.0 (") && ends,
        "{reason}"
    );
    // Without the function's permission the action fails, and the history says so.
    let actions = history(&house, "Action").await;
    let summaries: Vec<&str> = actions
        .iter()
        .filter_map(|item| item["HistorySummary"].as_str())
        .collect();
    assert_eq!(summaries.len(), 2, "{summaries:?}");
    assert!(
        summaries
            .iter()
            .all(|summary| summary.starts_with("Failed to execute action ")),
        "{summaries:?}"
    );
    assert!(
        summaries
            .iter()
            .any(|summary| summary.contains("sns actions are not implemented")),
        "{summaries:?}"
    );

    house
        .reply("lambda", "Invoke", invoke_input("f", &json!({})))
        .await
        .expect("invoked");
    house.advance_s(60).await;
    let (state, reason) = alarm(&house).await;
    assert_eq!(state, "OK", "{reason}");
    assert!(
        reason.contains("[0.0 (") && reason.contains("was not greater than the threshold (0.0)"),
        "{reason}"
    );

    let permission = json!({
        "FunctionName": "f", "StatementId": "alarms", "Action": "lambda:InvokeFunction",
        "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
    });
    house
        .call("lambda", "AddPermission", permission)
        .await
        .expect("permitted");
    let by_hand = json!({ "AlarmName": "errors", "StateValue": "ALARM", "StateReason": "by hand" });
    house
        .call("cloudwatch", "SetAlarmState", by_hand)
        .await
        .expect("set");
    house.deliver_due().await;
    let called = house.runner.asked().pop().expect("a call").payload;
    assert_eq!(called["source"], "aws.cloudwatch");
    assert_eq!(called["alarmData"]["state"]["reason"], "by hand");
    assert_eq!(called["alarmData"]["previousState"]["value"], "OK");
    let states: Vec<Value> = history(&house, "StateUpdate")
        .await
        .into_iter()
        .map(|item| item["HistorySummary"].clone())
        .collect();
    let expected = [
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ];
    assert_eq!(states, expected);
}
