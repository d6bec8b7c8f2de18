//! The policy of a form upload: what its signer allowed the form to hold.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Timestamp;
use serde_json::Value;

use super::errors::access_denied;
use super::post_form::Form;

/// Fields that need no condition.
const UNCONDITIONAL: [&str; 6] = [
    "awsaccesskeyid",
    "signature",
    "policy",
    "file",
    "x-amz-signature",
    "submit",
];

/// Bounds of the file's length, smallest and greatest.
pub(super) type LengthRange = (u64, u64);

/// Refuses a form that its policy does not allow; gives the bounds that the file must keep.
pub(super) fn check(
    policy: &str,
    form: &Form,
    bucket: &str,
    now: Timestamp,
) -> Result<Option<LengthRange>> {
    let invalid = || malformed("Invalid Policy: Invalid JSON.");
    let decoded = BASE64.decode(policy.trim()).map_err(|_| invalid())?;
    let policy: Value = serde_json::from_slice(&decoded).map_err(|_| invalid())?;
    check_expiration(&policy, now)?;
    let conditions = policy.get("conditions").and_then(Value::as_array);
    let conditions =
        conditions.ok_or_else(|| malformed("Invalid Policy: Policy missing conditions."))?;
    let mut range = None;
    let mut covered = Vec::new();
    for condition in conditions {
        match parse(condition)? {
            Condition::Length(bounds) => range = Some(bounds),
            Condition::Field {
                operator,
                name,
                wanted,
            } => {
                check_field(condition, &operator, &name, &wanted, form, bucket)?;
                covered.push(name);
            }
        }
    }
    check_covered(form, &covered)?;
    Ok(range)
}

fn malformed(message: &str) -> Error {
    Error::new("InvalidPolicyDocument", message)
}

fn check_expiration(policy: &Value, now: Timestamp) -> Result<()> {
    let expiration = policy.get("expiration").and_then(Value::as_str);
    let expiration =
        expiration.ok_or_else(|| malformed("Invalid Policy: Policy missing expiration."))?;
    let expires: jiff::Timestamp = expiration.parse().map_err(|_| {
        malformed(&format!(
            "Invalid Policy: Invalid 'expiration' value: '{expiration}'"
        ))
    })?;
    if expires.as_millisecond() <= now.milliseconds() {
        return Err(refused("Policy expired."));
    }
    Ok(())
}

fn refused(reason: &str) -> Error {
    Error {
        message: format!("Invalid according to Policy: {reason}"),
        ..access_denied()
    }
}

enum Condition {
    Length(LengthRange),
    Field {
        operator: String,
        /// In lower case, without `$`.
        name: String,
        wanted: String,
    },
}

fn parse(condition: &Value) -> Result<Condition> {
    let invalid = || malformed("Invalid Policy: Invalid Condition: wrong number of arguments.");
    if let Some(simple) = condition.as_object() {
        let mut entries = simple.iter();
        return match (entries.next(), entries.next()) {
            (Some((name, Value::String(wanted))), None) => Ok(Condition::Field {
                operator: "eq".into(),
                name: name.to_ascii_lowercase(),
                wanted: wanted.clone(),
            }),
            _ => Err(malformed(
                "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property \
                 specified.",
            )),
        };
    }
    let Some([operator, first, second]) = condition.as_array().map(Vec::as_slice) else {
        return Err(invalid());
    };
    let operator = operator.as_str().ok_or_else(invalid)?.to_ascii_lowercase();
    match operator.as_str() {
        "content-length-range" => {
            let bounds = number(first).zip(number(second));
            bounds.map(Condition::Length).ok_or_else(|| {
                malformed("Invalid Policy: Invalid content-length-range: values must be integers.")
            })
        }
        "eq" | "starts-with" => {
            let name = first.as_str().ok_or_else(invalid)?;
            let wanted = second.as_str().ok_or_else(invalid)?;
            let plain = name.strip_prefix('$').unwrap_or_default();
            Ok(Condition::Field {
                operator,
                name: plain.to_ascii_lowercase(),
                wanted: wanted.to_owned(),
            })
        }
        _ => Err(malformed(
            "Invalid Policy: Invalid Condition: unknown operation.",
        )),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn check_field(
    condition: &Value,
    operator: &str,
    name: &str,
    wanted: &str,
    form: &Form,
    bucket: &str,
) -> Result<()> {
    let found = match name {
        "bucket" => Some(bucket),
        name => form.field(name),
    };
    let found = found.unwrap_or_default();
    let holds = match operator {
        "eq" => found == wanted,
        // The types of several files may be given at once.
        _ if name == "content-type" => found.split(',').all(|one| one.trim().starts_with(wanted)),
        _ => found.starts_with(wanted),
    };
    if holds && !name.is_empty() {
        return Ok(());
    }
    let shown = shown(condition, operator, wanted);
    Err(refused(&format!("Policy Condition failed: {shown}")))
}

/// A condition as AWS repeats it: `["eq", "$key", "x"]`.
fn shown(condition: &Value, operator: &str, wanted: &str) -> String {
    let name = match condition {
        Value::Object(simple) => simple.keys().next().map(|name| format!("${name}")),
        other => other.get(1).and_then(Value::as_str).map(str::to_owned),
    };
    format!(
        "[\"{operator}\", \"{}\", \"{wanted}\"]",
        name.unwrap_or_default()
    )
}

fn check_covered(form: &Form, covered: &[String]) -> Result<()> {
    let extra = form.fields.iter().find(|(name, _)| {
        !UNCONDITIONAL.contains(&name.as_str())
            && !name.starts_with("x-ignore-")
            && !covered.contains(name)
    });
    match extra {
        Some((name, _)) => Err(refused(&format!("Extra input fields: {name}"))),
        None => Ok(()),
    }
}
