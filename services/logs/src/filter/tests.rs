//! The tables of AWS's guide to filter patterns, and what it says about their edges.

use super::Pattern;

/// Which of the messages the pattern matches.
fn matched<'m>(pattern: &str, messages: &[&'m str]) -> Vec<&'m str> {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|| panic!("{pattern} is a pattern"));
    messages
        .iter()
        .copied()
        .filter(|message| pattern.matches(message))
        .collect()
}

const ERRORS: [&str; 4] = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
];

#[test]
fn terms_as_the_guide_has_them() {
    let [bad, unauthorized, missing, invalid] = ERRORS;
    assert_eq!(matched("", &ERRORS), ERRORS);
    assert_eq!(matched("ERROR", &ERRORS), ERRORS);
    assert_eq!(matched("error", &ERRORS), [""; 0]);
    assert_eq!(matched("ERROR ARGUMENTS", &ERRORS), [missing, invalid]);
    assert_eq!(matched("\"INVALID ARGUMENTS\"", &ERRORS), [invalid]);
    assert_eq!(matched("?BAD ?MISSING", &ERRORS), [bad, missing]);
    assert_eq!(matched("ERROR -ARGUMENTS", &ERRORS), [bad, unauthorized]);
    assert_eq!(
        matched("-\"BAD REQUEST\"", &ERRORS),
        [unauthorized, missing, invalid]
    );
    assert_eq!(matched("%4[0-9]0%", &ERRORS), [bad, invalid]);
    assert_eq!(matched("ERROR -%4[01][0-9]%", &ERRORS), [invalid]);
    // With anything required, what is optional says nothing.
    assert_eq!(matched("?BAD ERROR", &ERRORS), ERRORS);
}

const EVENT: &str = r#"{
  "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null,
  "cpu": 12.5, "cluster.name": "c", "ThisFlag": true, "bandwidth": "1e3", "nested": {"list": [[1], [2]]}
}"#;

#[test]
fn conditions_on_json_as_the_guide_has_them() {
    let yes = [
        r#"{ $.eventType = "UpdateTrail" }"#,
        "{ $.eventType = UpdateTrail }",
        r#"{ $.sourceIPAddress != 123.123.* }"#,
        r#"{ $.sourceIPAddress = "111.*.111" }"#,
        r#"{ $.arrayKey[0] = "value" }"#,
        r#"{ $.arrayKey[*] = "another*" }"#,
        "{ $.objectList[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.cpu > 1.2e1 && $.cpu <= 12.5 }",
        "{ $.cpu = 12.50 }",
        "{ $.bandwidth >= 1000 }",
        r#"{ $["cluster.name"] = "c" }"#,
        "{ $.eventType = %Up.*l% }",
        r#"{ ($.cpu = 1 || $.cpu = 12.5) && ($.objectList[0].name = "a") }"#,
        r#"{ $.cpu = 1 && $.cpu = 2 || $.eventType = "U*" }"#,
        "{ $.nested.list[*][0] = 2 }",
        "{$.cpu=12.5}",
    ];
    for pattern in yes {
        assert_eq!(matched(pattern, &[EVENT]), [EVENT], "{pattern}");
    }
    let no = [
        "{ $.eventType = \"updateTrail\" }",
        "{ $.missing != \"x\" }",
        "{ $.SomeObject = \"null\" }",
        "{ $.arrayKey = \"value\" }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.cpu NOT EXISTS }",
        "{ $.cpu = 1 && ($.cpu = 2 || $.eventType = \"U*\") }",
        "{ $.eventType > 3 }",
    ];
    for pattern in no {
        assert_eq!(matched(pattern, &[EVENT]), [""; 0], "{pattern}");
    }
    assert_eq!(matched("{ $.cpu = 1 }", &["no JSON", "[1]", ""]), [""; 0]);
}

#[test]
fn conditions_on_fields_as_the_guide_has_them() {
    let line =
        r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    let yes = [
        "[ip, server, username, timestamp, request, status_code, bytes]",
        "[ip, server, username, timestamp, request, status_code = 4*, bytes > 1000]",
        "[ip=%127\\.0\\.0\\.[1-9]%, server, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        "[..., request = *html*, status_code, bytes]",
        "[ip, ...]",
        "[ip, ..., status_code = 404 || status_code = 410, bytes]",
        "[,,,,,status=4* && status!=403,]",
        "[..., size = 1534]",
    ];
    for pattern in yes {
        assert_eq!(matched(pattern, &[line]), [line], "{pattern}");
    }
    let no = [
        "[ip, server]",
        "[ip, server, username, timestamp, request, status_code = 4* && status_code != 404, bytes]",
        "[..., bytes < 1000]",
        "[ip = 10.*, ...]",
        "[a, b, c, d, e, f, g, h, ...]",
    ];
    for pattern in no {
        assert_eq!(matched(pattern, &[line]), [""; 0], "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_is_refused() {
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(100), ")".repeat(100));
    let texts = [
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = 1",
        "{ a = 1 }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $. = 1 }",
        "{ $.a = %(% }",
        "[a, b",
        "[a = ]",
        "[a, ..., b, ...]",
        "[a = 1 || b = 2]",
        "\"open",
        "%open",
        "-",
        "?",
        "%(?i)x%",
        "{ $.a = %a{1000}{1000}{1000}% }",
        "{ $.a[x] = 1 }",
        &deep,
    ];
    for text in texts {
        assert!(Pattern::parse(text).is_none(), "{text} was taken");
    }
}
