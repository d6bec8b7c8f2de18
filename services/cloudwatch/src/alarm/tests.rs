//! AWS's two tables of missing data, as they stand in its guide, and rules of composite alarms.

use super::rule::Rule;
use super::verdict::{Treatment, judge};
use crate::state::StateValue;

const TREATMENTS: [Treatment; 4] = [
    Treatment::Missing,
    Treatment::Ignore,
    Treatment::Breaching,
    Treatment::NotBreaching,
];

/// `0` is fine, `X` breaches, `-` is missing; `keep` retains the current state.
fn check(datapoints_to_alarm: usize, evaluation_periods: usize, row: &str, expected: [&str; 4]) {
    let datapoints: Vec<Option<bool>> = row
        .chars()
        .map(|each| match each {
            '0' => Some(false),
            'X' => Some(true),
            _ => None,
        })
        .collect();
    for (treatment, expected) in TREATMENTS.into_iter().zip(expected) {
        let verdict = judge(
            &datapoints,
            evaluation_periods,
            datapoints_to_alarm,
            treatment,
        );
        let state = verdict.state.map_or("keep", |state| match state {
            StateValue::InsufficientData => "unknown",
            other => other.text(),
        });
        assert_eq!(
            state, expected,
            "{row}, {datapoints_to_alarm} of {evaluation_periods}, {treatment:?}"
        );
    }
}

#[test]
fn missing_data_of_three_out_of_three() {
    check(3, 3, "0-X-X", ["OK", "OK", "OK", "OK"]);
    check(3, 3, "0----", ["OK", "OK", "OK", "OK"]);
    check(3, 3, "-----", ["unknown", "keep", "ALARM", "OK"]);
    check(3, 3, "0XX-X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
    check(3, 3, "----X", ["unknown", "keep", "ALARM", "OK"]);
    check(3, 3, "X----", ["ALARM", "keep", "ALARM", "OK"]);
}

#[test]
fn missing_data_of_two_out_of_three() {
    check(2, 3, "0-X-X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
    check(2, 3, "00X0X", ["ALARM", "ALARM", "ALARM", "ALARM"]);
    check(2, 3, "0-X--", ["OK", "OK", "ALARM", "OK"]);
    check(2, 3, "----0", ["OK", "OK", "ALARM", "OK"]);
    check(2, 3, "----X", ["unknown", "keep", "ALARM", "OK"]);
}

#[test]
fn rules_are_read_with_their_precedence_and_misspelt_ones_refused() {
    let holds = |text: &str| {
        let state = |name: &str| match name {
            "a" | "with space" => Some(StateValue::Alarm),
            "b" => Some(StateValue::Ok),
            _ => None,
        };
        Rule::parse(text).map(|rule| rule.holds(&state)).ok()
    };
    assert_eq!(holds("ALARM(a)"), Some(true));
    assert_eq!(holds("ALARM(\"with space\") AND OK(b)"), Some(true));
    assert_eq!(
        holds("ALARM(arn:aws:cloudwatch:us-east-1:111122223333:alarm:a)"),
        Some(true)
    );
    assert_eq!(holds("ALARM(b) AND ALARM(b) OR TRUE"), Some(true));
    assert_eq!(holds("ALARM(b) AND (ALARM(b) OR TRUE)"), Some(false));
    assert_eq!(holds("NOT ALARM(b) AND NOT FALSE"), Some(true));
    assert_eq!(holds("INSUFFICIENT_DATA(a)"), Some(false));
    for text in [
        "",
        "ALARM",
        "ALARM(",
        "ALARM(a) OK(b)",
        "FOO(a)",
        "AND",
        "ALARM()",
    ] {
        assert_eq!(holds(text), None, "{text}");
    }
    let rule = Rule::parse("ALARM(a) AND (OK(b) OR NOT ALARM(a))").expect("a rule");
    assert_eq!(rule.children(), ["a", "b"]);
}
