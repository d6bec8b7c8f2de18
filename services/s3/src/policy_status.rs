//! Whether a bucket policy is public, as Block Public Access judges it.
//!
//! A statement that allows everybody is public unless it holds callers to fixed values of a condition
//! that an outsider cannot meet.

use serde_json::Value;

const FIXING_KEYS: &[&str] = &[
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

pub(crate) fn is_public(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else {
        return false;
    };
    let statements = each(&policy["Statement"]);
    statements.into_iter().any(is_public_statement)
}

fn is_public_statement(statement: &Value) -> bool {
    statement["Effect"] == "Allow"
        && names_everybody(statement)
        && !is_held_to_fixed_values(&statement["Condition"])
}

fn names_everybody(statement: &Value) -> bool {
    let Some(principal) = statement.get("Principal") else {
        return statement.get("NotPrincipal").is_some();
    };
    if principal == "*" {
        return true;
    }
    each(&principal["AWS"]).into_iter().any(|name| name == "*")
}

fn is_held_to_fixed_values(conditions: &Value) -> bool {
    let Some(operators) = conditions.as_object() else {
        return false;
    };
    let tests = operators
        .iter()
        .filter(|(operator, _)| restricts(operator))
        .filter_map(|(_, test)| test.as_object());
    tests.flatten().any(|(key, values)| {
        FIXING_KEYS.contains(&key.to_ascii_lowercase().as_str())
            && each(values).into_iter().all(is_fixed)
    })
}

/// Operators that narrow to the values given; negations and `IfExists` let others in.
fn restricts(operator: &str) -> bool {
    let operator = operator.rsplit(':').next().unwrap_or(operator);
    !operator.contains("Not") && !operator.ends_with("IfExists") && operator != "Null"
}

fn is_fixed(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let width = text
        .rsplit_once('/')
        .and_then(|(_, width)| width.parse::<u8>().ok());
    // An address block wider than /8 (IPv4) is no restriction.
    let is_wide_block = width.is_some_and(|width| width < 8);
    !text.contains(['*', '?']) && !text.contains("${") && !is_wide_block
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_for_everybody_is_public_unless_held_to_fixed_values() {
        let policy = |principal: &str, condition: &str| {
            format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject",
                "Resource":"arn:aws:s3:::b/*","Condition":{condition}}}}}"#
            )
        };
        assert!(is_public(&policy(r#""*""#, "{}")));
        assert!(is_public(&policy(r#"{"AWS":["*"]}"#, "{}")));
        assert!(!is_public(&policy(
            r#"{"AWS":"arn:aws:iam::111122223333:root"}"#,
            "{}"
        )));
        let fixed = r#"{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#;
        assert!(!is_public(&policy(r#""*""#, fixed)));
        let wide = r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#;
        assert!(is_public(&policy(r#""*""#, wide)));
        let wild = r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}"#;
        assert!(is_public(&policy(r#""*""#, wild)));
    }
}
