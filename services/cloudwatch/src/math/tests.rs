use super::*;

/// Three periods of a minute; `b` has a gap, `c` is empty.
fn check(text: &str, expected: &[(i64, f64)]) {
    let series = |points: &[(i64, f64)]| {
        Value::Series(Series {
            period_s: 60,
            points: points.iter().copied().collect(),
        })
    };
    let known = BTreeMap::from([
        ("a".to_owned(), series(&[(0, 1.0), (60, 4.0), (120, 9.0)])),
        ("b".to_owned(), series(&[(0, 10.0), (120, 30.0)])),
        ("c".to_owned(), series(&[])),
    ]);
    let window = Window {
        start_s: 0,
        end_s: 180,
        origin_s: 0,
    };
    let scope = Scope {
        known: &known,
        metric_ids: &["a", "b", "c"],
        period_s: 60,
        window,
    };
    let value = parse(text).and_then(|expression| expression.evaluate(&scope));
    let got: Vec<(i64, f64)> = match value {
        Ok(Value::Series(series)) => series.points.into_iter().collect(),
        Ok(Value::Number(number)) => vec![(-1, number)],
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(got, expected, "{text}");
}

#[test]
fn operators_work_point_by_point_and_bind_as_in_arithmetic() {
    check("a + b * 2", &[(0, 21.0), (120, 69.0)]);
    check("-a ^ 2", &[(0, -1.0), (60, -16.0), (120, -81.0)]);
    check("2 ^ 3 ^ 2", &[(-1, 512.0)]);
    check("10 - 4 - 3", &[(-1, 3.0)]);
    check("a > 3 AND a < 9", &[(0, 0.0), (60, 1.0), (120, 0.0)]);
    check("!(a == 1)", &[(0, 0.0), (60, 1.0), (120, 1.0)]);
    // Where a divisor is zero there is no point.
    check("a / (a - 4)", &[(0, -1.0 / 3.0), (120, 9.0 / 5.0)]);
    check("1e2 + .5", &[(-1, 100.5)]);
}

#[test]
fn functions_do_what_their_page_says() {
    check("SUM(METRICS())", &[(0, 11.0), (60, 4.0), (120, 39.0)]);
    check("SUM([a, b])", &[(0, 11.0), (60, 4.0), (120, 39.0)]);
    check("AVG(a)", &[(-1, 14.0 / 3.0)]);
    check("MAX([a, b])", &[(0, 10.0), (60, 4.0), (120, 30.0)]);
    check("MAX(a, 5)", &[(0, 5.0), (60, 5.0), (120, 9.0)]);
    check("METRIC_COUNT(METRICS())", &[(-1, 3.0)]);
    check("METRIC_COUNT(REMOVE_EMPTY(METRICS()))", &[(-1, 2.0)]);
    check("FILL(b, 0)", &[(0, 10.0), (60, 0.0), (120, 30.0)]);
    check("FILL(b, REPEAT)", &[(0, 10.0), (60, 10.0), (120, 30.0)]);
    check("FILL(b, LINEAR)", &[(0, 10.0), (60, 20.0), (120, 30.0)]);
    check("IF(a > 3, a, 0)", &[(0, 0.0), (60, 4.0), (120, 9.0)]);
    check("IF(a > 3, a)", &[(60, 4.0), (120, 9.0)]);
    check("DIFF(a)", &[(60, 3.0), (120, 5.0)]);
    check("RATE(b)", &[(120, 20.0 / 120.0)]);
    check("RUNNING_SUM(a)", &[(0, 1.0), (60, 5.0), (120, 14.0)]);
    check("PERIOD(a)", &[(-1, 60.0)]);
    check(
        "a / PERIOD(a)",
        &[(0, 1.0 / 60.0), (60, 4.0 / 60.0), (120, 9.0 / 60.0)],
    );
    check("MINUTE(a)", &[(0, 0.0), (60, 1.0), (120, 2.0)]);
    check("DAY(a)", &[(0, 4.0), (60, 4.0), (120, 4.0)]);
    check("STDDEV([a, a])", &[(0, 0.0), (60, 0.0), (120, 0.0)]);
    check(
        "FIRST(SORT(METRICS(), SUM, DESC))",
        &[(0, 10.0), (120, 30.0)],
    );
    check("FIRST(SLICE(METRICS(), 1, 2))", &[(0, 10.0), (120, 30.0)]);
    check("TIME_SERIES(7)", &[(0, 7.0), (60, 7.0), (120, 7.0)]);
    check("DATAPOINT_COUNT(b)", &[(-1, 2.0)]);
}

#[test]
fn what_is_wrong_or_not_built_is_told() {
    let known = BTreeMap::new();
    let window = Window {
        start_s: 0,
        end_s: 60,
        origin_s: 0,
    };
    let scope = Scope {
        known: &known,
        metric_ids: &[],
        period_s: 60,
        window,
    };
    let fault = |text: &str| {
        parse(text)
            .and_then(|expression| expression.evaluate(&scope))
            .err()
    };
    assert_eq!(
        fault("SEARCH('x', 'Sum', 60)"),
        Some(Fault::NotBuilt("SEARCH".into()))
    );
    let deep = "(".repeat(100);
    for text in ["1 +", "(1", "a", "FOO(1)", "1 2", "'x' + 1", "", &deep] {
        assert!(matches!(fault(text), Some(Fault::Wrong(_))), "{text}");
    }
}
