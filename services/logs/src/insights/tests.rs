//! The language, by examples from AWS's guide.

use super::{Event, Query, Refusal, Run};

fn event(at: i64, message: &str) -> Event {
    Event {
        time_ms: 1_700_000_000_000 + at,
        message: message.to_owned(),
        log_stream: "s".to_owned(),
        log: "123456789012:g".to_owned(),
        pointer: format!("{at:03}"),
        ..Event::default()
    }
}

/// The rows of a query over these messages, one second apart; `@ptr` left out.
fn run(query: &str, messages: &[&str]) -> Vec<String> {
    let mut run = Run::begin(Query::parse(query).expect(query), 10_000, 0);
    for (at, message) in (0..).zip(messages) {
        run.take(event(at * 1000, message));
    }
    let shown = |row: Vec<(String, String)>| {
        let pairs = row.into_iter().filter(|(name, _)| name != "@ptr");
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    run.finish().into_iter().map(shown).collect()
}

const REPORTS: [&str; 4] = [
    "START RequestId: 11111111-1111-1111-1111-111111111111 Version: $LATEST",
    "REPORT RequestId: 11111111-1111-1111-1111-111111111111\tDuration: 10.50 ms\tBilled Duration: 11 ms\t\
     Memory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 100.00 ms\t",
    "REPORT RequestId: 22222222-2222-2222-2222-222222222222\tDuration: 30.00 ms\tBilled Duration: 30 ms\t\
     Memory Size: 128 MB\tMax Memory Used: 64 MB\t",
    "END RequestId: 22222222-2222-2222-2222-222222222222",
];

#[test]
fn without_a_sort_the_newest_come_first() {
    let rows = run("fields @timestamp, @message | limit 2", &["a", "b", "c"]);
    let expected = [
        "@timestamp=2023-11-14 22:13:22.000 @message=c",
        "@timestamp=2023-11-14 22:13:21.000 @message=b",
    ];
    assert_eq!(rows, expected);
    assert_eq!(run("filter @message like 'a'", &["a", "b"]).len(), 1);
}

#[test]
fn the_fields_of_a_functions_platform_lines_are_discovered() {
    let query = "filter @type = \"REPORT\"
        | stats max(@memorySize / 1000 / 1000) as provisioned, max(@maxMemoryUsed / 1000 / 1000) as used,
            avg(@duration), pct(@duration, 95), count(*)";
    let expected = "provisioned=128 used=64 avg(@duration)=20.25 pct(@duration, 95)=30 count(*)=2";
    assert_eq!(run(query, &REPORTS), [expected]);
    let slowest = "fields @requestId, @duration | sort @duration desc | limit 1";
    let expected = "@requestId=22222222-2222-2222-2222-222222222222 @duration=30";
    assert_eq!(run(slowest, &REPORTS), [expected]);
}

#[test]
fn documents_are_searched_by_their_members() {
    let events = [
        r#"{"status": 500, "user": {"name": "Ann", "tags": ["a", "b"]}, "ok": false}"#,
        r#"{"status": 200, "user": {"name": "Bob", "tags": []}, "ok": true}"#,
        r#"{"status": "404", "user": {"name": "Cid"}}"#,
        "no document",
    ];
    let asked = [
        (
            "filter status >= 400 | sort status | display user.name",
            vec!["user.name=Cid", "user.name=Ann"],
        ),
        (
            "filter user.tags.1 = 'b' | display status",
            vec!["status=500"],
        ),
        (
            "filter status in [200, 404] | sort status | display status",
            vec!["status=200", "status=404"],
        ),
        (
            "filter user.name like /^[AB]/ and not ok = 1 | display user.name",
            vec!["user.name=Ann"],
        ),
        (
            "filter ispresent(ok) | stats count(*) as n by ok | sort ok",
            vec!["ok=0 n=1", "ok=1 n=1"],
        ),
        (
            "filter user.name =~ 'C' or @message not like /user/ | display toupper(user.name) as u",
            vec!["", "u=CID"],
        ),
        (
            "stats count_distinct(user.name) as people",
            vec!["people=3"],
        ),
    ];
    for (query, expected) in asked {
        assert_eq!(run(query, &events), expected, "{query}");
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html>
#[test]
fn parse_takes_fields_out_by_globs_and_by_expressions() {
    let line =
        "25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException";
    let glob =
        "parse @message \"* [*] {foo=*, bar=*} The error was: *\" as date, level, f, b, error
        | display level, f, error";
    assert_eq!(
        run(glob, &[line]),
        ["level=ERROR f=2 error=DataIntegrityException"]
    );
    let regex = r"parse @message /(?<user>\w+) took (?<ms>\d+) ms/ | filter ms > 5 | display user, ms * 2 as twice";
    assert_eq!(
        run(regex, &["ann took 4 ms", "bob took 12 ms"]),
        ["user=bob twice=24"]
    );
}

#[test]
fn bins_gather_what_lies_in_a_period() {
    let messages = ["x"; 130];
    let rows = run("stats count(*) as n by bin(1m) | sort bin(1m)", &messages);
    let expected = [
        "bin(1m)=2023-11-14 22:13:00.000 n=40",
        "bin(1m)=2023-11-14 22:14:00.000 n=60",
        "bin(1m)=2023-11-14 22:15:00.000 n=30",
    ];
    assert_eq!(rows, expected);
    let twice = "stats count(*) as n by bin(1m) as minute | stats max(n) as most, avg(n)";
    assert_eq!(
        run(twice, &messages),
        [format!("most=60 avg(n)={}", 130.0 / 3.0)]
    );
}

#[test]
fn functions_and_arithmetic_follow_the_guide() {
    let asked = [
        ("2 + 3 * 4 ^ 2 / 8 - 1", "7"),
        ("(7 % 4) * -2", "-6"),
        ("strlen(' é ')", "3"),
        ("trim('  a ')", "a"),
        ("substr('xyZfooxyZ', 3, 3)", "foo"),
        ("replace('foo', 'o', '0')", "f00"),
        ("concat('a', 1, 'b')", "a1b"),
        ("greatest(1, 5, 3)", "5"),
        ("coalesce(nothing, 'x')", "x"),
        (
            "datefloor(fromMillis(1700000059999), 1m)",
            "2023-11-14 22:14:00.000",
        ),
        (
            "dateceil(fromMillis(1700000059999), 1h)",
            "2023-11-14 23:00:00.000",
        ),
        ("isIpv4InSubnet('10.1.2.3', '10.0.0.0/8')", "1"),
        ("isIpInSubnet('11.1.2.3', '10.0.0.0/8')", "0"),
        ("isValidIp('::1')", "1"),
        ("isblank('  ')", "1"),
        ("1 / 0", ""),
    ];
    for (expression, expected) in asked {
        let rows = run(&format!("display {expression} as x"), &["m"]);
        let shown = rows[0].strip_prefix("x=").unwrap_or_default();
        assert_eq!(shown, expected, "{expression}");
    }
}

#[test]
fn dedup_keeps_the_newest_of_each() {
    let events = [
        r#"{"k": 1, "v": "a"}"#,
        r#"{"k": 2, "v": "b"}"#,
        r#"{"k": 1, "v": "c"}"#,
    ];
    assert_eq!(run("fields v | dedup k", &events), ["v=c", "v=b"]);
}

#[test]
fn what_is_no_query_is_refused_where_it_goes_wrong() {
    let refused = |text: &str| Query::parse(text).map(drop).expect_err(text);
    for text in [
        "",
        "fields",
        "fields @message |",
        "filter a =",
        "stats by x",
        "limit many",
        "sort",
        "parse @message 'x'",
        "parse '* *' as a",
        "filter nosuch(a)",
        "fields @message extra",
        "filter a like 5",
        "filter (a",
        "stats count(*) | stats count(*) | stats count(*)",
    ] {
        assert!(matches!(refused(text), Refusal::Malformed { .. }), "{text}");
    }
    assert!(matches!(
        refused("fields @message | pattern @message"),
        Refusal::NotBuilt(_)
    ));
    let Refusal::Malformed { at, .. } = refused("fields @message | nonsense") else {
        unreachable!("it is malformed");
    };
    assert_eq!(at, 18);
}
