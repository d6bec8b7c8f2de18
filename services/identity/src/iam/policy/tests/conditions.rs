//! Condition operators, after AWS's page on them: operator | values | facts | whether it holds.

use serde_json::Value;

use super::super::condition::Condition;
use super::{given, rows};

const STRINGS: &str = r#"
    StringEquals | "a" | {"k": "a"} | true
    StringEquals | "a" | {"k": "A"} | false
    StringEquals | "a*" | {"k": "ab"} | false
    StringEquals | ["a", "b"] | {"k": "b"} | true
    StringEquals | "a" | {} | false
    StringEquals | "${v}" | {"k": "x", "v": "x"} | true
    StringEquals | "${v}" | {"k": "x"} | false
    StringNotEquals | "a" | {"k": "b"} | true
    StringNotEquals | ["a", "b"] | {"k": "b"} | false
    StringNotEquals | "a" | {} | true
    StringNotEquals | "${v}" | {"k": "x"} | true
    StringEqualsIgnoreCase | "ABC" | {"k": "abc"} | true
    StringEqualsIgnoreCase | "${v}" | {"k": "abc", "v": "ABC"} | true
    StringNotEqualsIgnoreCase | "ABC" | {"k": "abc"} | false
    StringLike | "a*c" | {"k": "abc"} | true
    StringLike | "a?c" | {"k": "abbc"} | false
    StringLike | "home/${v}/*" | {"k": "home/u/x", "v": "u"} | true
    StringLike | "A*" | {"k": "abc"} | false
    StringNotLike | "a*" | {"k": "abc"} | false
    StringNotLike | "a*" | {} | true
    stringequals | "a" | {"K": "a"} | true
    StringEqualsIfExists | "a" | {} | true
    StringEqualsIfExists | "a" | {"k": "b"} | false
    StringNotEqualsIfExists | "a" | {} | true
    StringNotEqualsIfExists | "a" | {"k": "a"} | false
    StringEquals | "a" | {"k": []} | false
    StringEquals | "a" | {"k": ["a", "b"]} | true
    StringNotEquals | "a" | {"k": ["a", "b"]} | false
"#;

const QUANTIFIERS: &str = r#"
    ForAllValues:StringEquals | ["a", "b"] | {"k": ["a"]} | true
    ForAllValues:StringEquals | ["a", "b"] | {"k": ["a", "c"]} | false
    ForAllValues:StringEquals | ["a"] | {} | true
    ForAllValues:StringEquals | ["a"] | {"k": []} | true
    ForAllValues:StringLike | ["a*"] | {"k": ["ab", "ac"]} | true
    ForAllValues:StringNotEquals | ["a"] | {"k": ["b", "c"]} | true
    ForAllValues:StringNotEquals | ["a"] | {"k": ["a", "c"]} | false
    ForAnyValue:StringEquals | ["a", "b"] | {"k": ["c", "b"]} | true
    ForAnyValue:StringEquals | ["a"] | {"k": ["c", "b"]} | false
    ForAnyValue:StringEquals | ["a"] | {} | false
    ForAnyValue:StringNotEquals | ["a"] | {"k": ["a", "b"]} | true
    ForAnyValue:StringNotEquals | ["a"] | {"k": ["a"]} | false
    ForAnyValue:StringNotEquals | ["a"] | {} | false
    ForAnyValue:StringEqualsIfExists | ["a"] | {} | true
    ForAllValues:ArnLike | ["arn:aws:s3:::b/*"] | {"k": ["arn:aws:s3:::b/x"]} | true
    Null | "true" | {} | true
    Null | "true" | {"k": "x"} | false
    Null | "false" | {"k": "x"} | true
    Null | "false" | {} | false
    Null | "true" | {"k": []} | true
"#;

const OTHERS: &str = r#"
    NumericEquals | "10" | {"k": "10.0"} | true
    NumericNotEquals | "10" | {"k": "11"} | true
    NumericLessThan | "10" | {"k": "9"} | true
    NumericLessThan | "10" | {"k": "10"} | false
    NumericLessThanEquals | "10" | {"k": "10"} | true
    NumericGreaterThan | "9" | {"k": "10"} | true
    NumericGreaterThanEquals | "10" | {"k": "9"} | false
    NumericLessThan | "10" | {"k": "x"} | false
    NumericEquals | "x" | {"k": "10"} | false
    DateEquals | "2026-01-01T00:00:00Z" | {"k": "1767225600"} | true
    DateGreaterThan | "2026-01-01" | {"k": "2026-01-02T00:00:00Z"} | true
    DateLessThan | "2026-01-01T12:00:00Z" | {"k": "2026-01-01T11:59:59Z"} | true
    DateLessThanEquals | "2026-01-01T12:00:00+02:00" | {"k": "2026-01-01T10:00:00Z"} | true
    DateGreaterThanEquals | "2024-02-29T00:00:00.5Z" | {"k": "2024-02-29T00:00:00Z"} | false
    DateNotEquals | "2026-01-01T00:00:00Z" | {"k": "2026-01-01T00:00:01Z"} | true
    DateLessThan | "yesterday" | {"k": "2026-01-01T00:00:00Z"} | false
    Bool | "true" | {"k": "true"} | true
    Bool | "True" | {"k": "true"} | true
    Bool | "false" | {"k": "true"} | false
    BinaryEquals | "QmluYXJ5" | {"k": "QmluYXJ5"} | true
    BinaryEquals | "QmluYXJ5" | {"k": "QmluYXJ4"} | false
    IpAddress | "203.0.113.0/24" | {"k": "203.0.113.9"} | true
    IpAddress | "203.0.113.0/24" | {"k": "203.0.114.9"} | false
    IpAddress | "203.0.113.9" | {"k": "203.0.113.9"} | true
    IpAddress | "0.0.0.0/0" | {"k": "8.8.8.8"} | true
    IpAddress | "2001:db8::/32" | {"k": "2001:db8:1::1"} | true
    IpAddress | "2001:db8::/32" | {"k": "203.0.113.9"} | false
    NotIpAddress | "203.0.113.0/24" | {"k": "203.0.113.9"} | false
    NotIpAddress | "203.0.113.0/24" | {"k": "198.51.100.1"} | true
    IpAddress | "203.0.113.0/x" | {"k": "203.0.113.9"} | false
    ArnEquals | "arn:aws:sns:*:111122223333:t" | {"k": "arn:aws:sns:eu-west-1:111122223333:t"} | true
    ArnLike | "arn:aws:sns:*:t" | {"k": "arn:aws:sns:eu-west-1:111122223333:t"} | false
    ArnLike | "arn:aws:s3:::b" | {"k": "arn:aws:s3:::b"} | true
    ArnLike | "arn:aws:s3:*" | {"k": "arn:aws:s3:::b"} | false
    ArnNotLike | "arn:aws:s3:::b*" | {"k": "arn:aws:s3:::bb"} | false
    ArnNotEquals | "arn:aws:s3:::b" | {"k": "arn:aws:s3:::c"} | true
"#;

fn check(table: &str) {
    for row in rows(table) {
        let fields: Vec<&str> = row.split(" | ").collect();
        let [operator, values, facts, expected] = fields.as_slice() else {
            panic!("{row}")
        };
        let values = match serde_json::from_str(values).unwrap() {
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().unwrap().to_owned())
                .collect(),
            value => vec![value.as_str().unwrap().to_owned()],
        };
        let condition = Condition::new(operator, "k", &values, true).unwrap();
        let facts = given(&serde_json::from_str(facts).unwrap());
        assert_eq!(condition.holds(&facts).to_string(), *expected, "{row}");
    }
}

#[test]
fn string_operators_hold_as_documented() {
    check(STRINGS);
}

#[test]
fn quantifiers_and_null_hold_as_documented() {
    check(QUANTIFIERS);
}

#[test]
fn numbers_dates_booleans_addresses_and_arns_compare_as_such() {
    check(OTHERS);
}
