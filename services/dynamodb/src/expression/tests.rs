//! Tables of expressions: what they mean, and how each wrong one is refused.

use serde_json::{Value, json};

use super::super::value::{Item, read_item};
use super::{Kind, Placeholders, condition, projection, update};

fn item(value: Value) -> Item {
    let Value::Object(entries) = value else {
        panic!("an object")
    };
    read_item(entries).unwrap_or_else(|error| panic!("{error}"))
}

fn sample() -> Item {
    item(json!({
        "pk": {"S": "k"}, "n": {"N": "5"}, "s": {"S": "hello"}, "b": {"BOOL": true}, "nul": {"NULL": true},
        "l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"x": {"N": "3"}}}]},
        "m": {"M": {"a": {"N": "1"}, "deep": {"L": [{"S": "z"}]}}}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}
    }))
}

fn placeholders() -> Placeholders {
    let names = [("#s".to_owned(), "s".to_owned())];
    let values = json!({
        ":five": {"N": "5"}, ":one": {"N": "1"}, ":nine": {"N": "9"}, ":he": {"S": "he"}, ":a": {"S": "a"},
        ":set": {"SS": ["a"]}, ":list": {"L": [{"N": "7"}]}, ":true": {"BOOL": true}, ":type": {"S": "SS"}, ":bad": {"S": "XX"},
        ":both": {"SS": ["a", "b"]}, ":map": {"M": {}}
    });
    let Value::Object(values) = values else {
        panic!("an object")
    };
    Placeholders::new(Some(names.into_iter().collect()), Some(values))
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn conditions_hold_or_not() {
    let table = [
        ("n = :five", true),
        ("n <> :five", false),
        ("absent <> :five", true),
        ("absent = :five", false),
        ("NOT absent = :five", true),
        ("n > :one AND n < :nine", true),
        ("n BETWEEN :one AND :nine", true),
        ("n IN (:one, :five)", true),
        ("s > :five", false),
        ("s <> :five", true),
        ("attribute_exists(m.a)", true),
        ("attribute_not_exists(m.b)", true),
        ("attribute_exists(l[2].x)", true),
        ("attribute_exists(l[3])", false),
        ("begins_with(#s, :he)", true),
        ("contains(s, :a)", false),
        ("contains(ss, :a)", true),
        ("contains(ns, :one)", true),
        ("contains(l, :one)", true),
        ("size(s) = :five", true),
        ("size(n) = :five", false),
        ("size(l) < :five", true),
        ("attribute_type(ss, :type)", true),
        ("b = :true", true),
        ("ss = :both", true),
        ("n = :one OR n = :five AND b = :true", true),
        ("(n = :one OR n = :five) AND NOT b = :true", false),
        ("not (n = :one)", true),
        ("((n = :one) OR (n = :five))", true),
        ("m.deep[0] = :a", false),
        ("n = l[0]", false),
    ];
    for (text, expected) in table {
        let parsed = condition(Kind::Condition, text, &mut placeholders())
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.holds(&sample()), expected, "{text}");
    }
}

#[test]
fn wrong_conditions_are_refused_in_aws_words() {
    let table = [
        ("", "The expression can not be empty;"),
        ("n = ", "Syntax error; token: \"<EOF>\", near: \"= \""),
        (
            "n == :five",
            "Syntax error; token: \"=\", near: \"== :five\"",
        ),
        (
            "status = :five",
            "Attribute name is a reserved keyword; reserved keyword: status",
        ),
        (
            "#nope = :five",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "n = :nope",
            "An expression attribute value used in expression is not defined; attribute value: :nope",
        ),
        ("((n = :five))", "The expression has redundant parentheses;"),
        ("foo(n)", "Invalid function name; function: foo"),
        (
            "if_not_exists(n, :five)",
            "The function is not allowed to be used this way in an expression; function: if_not_exists",
        ),
        (
            "begins_with(s)",
            "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
        ),
        (
            "begins_with(s, :five)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "n < :true",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "attribute_exists(:a)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "attribute_type(n, :bad)",
            "Invalid attribute type name found; type: XX, valid types: { B,NULL,SS,BOOL,L,BS,N,NS,S,M }",
        ),
        (
            "n BETWEEN :nine AND :one",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "n BETWEEN :one AND :a",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
        ),
        (
            "n = n",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]",
        ),
    ];
    for (text, message) in table {
        let error = condition(Kind::Condition, text, &mut placeholders()).expect_err(text);
        let full = format!("Invalid ConditionExpression: {message}");
        assert_eq!(error.message, full, "{text}");
    }
}

#[test]
fn no_depth_of_nesting_ends_the_process() {
    let small_stack = std::thread::Builder::new().stack_size(1024 * 1024);
    let run = || {
        for text in [
            "(".repeat(4000),
            "NOT ".repeat(1000),
            format!("a = {}", "size(".repeat(800)),
            "a.".repeat(2000),
            "a[1]".repeat(900),
        ] {
            for kind in [Kind::Condition, Kind::Filter, Kind::KeyCondition] {
                assert!(condition(kind, &text, &mut placeholders()).is_err());
            }
            assert!(update(&format!("SET {text}"), &mut placeholders()).is_err());
            assert!(
                update(
                    &format!("SET a = {}", &text[..4000.min(text.len())]),
                    &mut placeholders()
                )
                .is_err()
            );
            assert!(projection(&text, &mut placeholders()).is_err());
        }
    };
    small_stack
        .spawn(run)
        .ok()
        .and_then(|thread| thread.join().ok())
        .expect("no overflow, no panic");
}

#[test]
fn updates_change_what_they_name() {
    let table = [
        ("SET n = n + :one", json!({"n": {"N": "6"}})),
        (
            "SET n = n - :nine, s = :a",
            json!({"n": {"N": "-4"}, "s": {"S": "a"}}),
        ),
        (
            "SET s = n, n = l[0]",
            json!({"s": {"N": "5"}, "n": {"N": "1"}}),
        ),
        ("SET x = if_not_exists(x, :one)", json!({"x": {"N": "1"}})),
        (
            "SET l = list_append(l, :list)",
            json!({"l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"x": {"N": "3"}}}, {"N": "7"}]}}),
        ),
        (
            "SET l[100] = :one",
            json!({"l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"x": {"N": "3"}}}, {"N": "1"}]}}),
        ),
        (
            "REMOVE l[0], l[1], l[9]",
            json!({"l": {"L": [{"M": {"x": {"N": "3"}}}]}}),
        ),
        (
            "SET l[2].x = :a REMOVE l[0]",
            json!({"l": {"L": [{"S": "two"}, {"M": {"x": {"S": "a"}}}]}}),
        ),
        (
            "ADD n :one, fresh :five",
            json!({"n": {"N": "6"}, "fresh": {"N": "5"}}),
        ),
        ("DELETE ss :set", json!({"ss": {"SS": ["b"]}})),
        (
            "set m.a = :nine remove m.deep",
            json!({"m": {"M": {"a": {"N": "9"}}}}),
        ),
    ];
    for (text, changes) in table {
        let parsed = update(text, &mut placeholders());
        let mut expected = sample();
        expected.extend(item(changes));
        let applied = parsed.and_then(|parsed| parsed.apply(&sample()));
        assert_eq!(applied.as_ref(), Ok(&expected), "{text}");
    }
    let emptied =
        update("DELETE ss :both", &mut placeholders()).and_then(|parsed| parsed.apply(&sample()));
    assert_eq!(emptied.map(|item| item.contains_key("ss")), Ok(false));
}

#[test]
fn wrong_updates_are_refused_in_aws_words() {
    let table = [
        (
            "INVALID SYNTAX HERE",
            "Invalid UpdateExpression: Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"",
        ),
        (
            "SET a = :one SET c = :one",
            "Invalid UpdateExpression: The \"SET\" section can only be used once in an update expression;",
        ),
        (
            "SET m = :map, m.a = :one",
            "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, a]",
        ),
        (
            "ADD n :a",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "SET a = n + :a",
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET q.r = :one",
            "The document path provided in the update expression is invalid for update",
        ),
        (
            "SET q = q + :one",
            "The provided expression refers to an attribute that does not exist in the item",
        ),
        (
            "SET n = s + :one",
            "An operand in the update expression has an incorrect data type",
        ),
        (
            "ADD s :one",
            "An operand in the update expression has an incorrect data type",
        ),
    ];
    for (text, message) in table {
        let outcome = update(text, &mut placeholders()).and_then(|parsed| parsed.apply(&sample()));
        assert_eq!(
            outcome.map_err(|error| error.message),
            Err(message.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn projections_cut_and_close_up_lists() {
    let cut = projection("pk, l[2], l[0], m.deep", &mut placeholders())
        .map(|projection| projection.apply(&sample()));
    let expected = item(json!({
        "pk": {"S": "k"}, "l": {"L": [{"N": "1"}, {"M": {"x": {"N": "3"}}}]}, "m": {"M": {"deep": {"L": [{"S": "z"}]}}}
    }));
    assert_eq!(cut, Ok(expected));
    for (text, message) in [
        (
            "!!! INVALID !!!",
            "Invalid ProjectionExpression: Syntax error; token: \"!\", near: \"!!\"",
        ),
        (
            "m, m.a",
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, a]",
        ),
    ] {
        let error = projection(text, &mut placeholders()).expect_err(text);
        assert_eq!(error.message, message);
    }
}
