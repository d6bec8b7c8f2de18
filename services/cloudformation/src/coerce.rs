//! Resolved properties as the types that their schema names.
//!
//! Templates and parameters write numbers and booleans as text, and text as numbers; the services take
//! what their model says. What cannot be converted is left for the schema check to refuse.

use serde_json::{Map, Value};

use super::template::functions::text;

/// `properties` with every scalar in the type that the resource type's schema asks for.
pub(super) fn coerce(kind: &str, properties: Value) -> Value {
    match cumulet_schemas::resource_type(kind) {
        Some(known) => by_schema(known.schema(), known.schema(), properties),
        None => properties,
    }
}

fn by_schema(root: &Value, schema: &Value, value: Value) -> Value {
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|pointer| root.pointer(pointer.strip_prefix('#')?));
    if let Some(target) = target {
        return by_schema(root, target, value);
    }
    match value {
        Value::Object(members) => Value::Object(object(root, schema, members)),
        Value::Array(items) => {
            let each = &schema["items"];
            items
                .into_iter()
                .map(|item| by_schema(root, each, item))
                .collect()
        }
        scalar => converted(schema["type"].as_str().unwrap_or_default(), scalar),
    }
}

fn object(root: &Value, schema: &Value, members: Map<String, Value>) -> Map<String, Value> {
    let patterns = schema["patternProperties"].as_object();
    let any = patterns
        .and_then(|patterns| patterns.values().next())
        .unwrap_or(&schema["additionalProperties"]);
    members
        .into_iter()
        .map(|(name, member)| {
            let inner = schema["properties"].get(&name).unwrap_or(any);
            let member = by_schema(root, inner, member);
            (name, member)
        })
        .collect()
}

fn converted(kind: &str, value: Value) -> Value {
    let better = match (kind, &value) {
        ("string", Value::Number(_) | Value::Bool(_)) => text(&value).map(Value::from),
        ("boolean", Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(true.into()),
            "false" => Some(false.into()),
            _ => None,
        },
        ("integer", Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        ("integer", Value::Number(number)) => number
            .as_f64()
            .filter(|_| number.is_f64())
            .and_then(|float| format!("{float:.0}").parse::<i64>().ok())
            .map(Value::from),
        ("number", Value::String(text)) => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|float| float.is_finite())
            .map(Value::from),
        _ => None,
    };
    better.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn scalars_take_the_type_of_their_schema() {
        let function = json!({ "MemorySize": "512", "Timeout": 30.0, "FunctionName": 7 });
        let expected = json!({ "MemorySize": 512, "Timeout": 30, "FunctionName": "7" });
        assert_eq!(super::coerce("AWS::Lambda::Function", function), expected);
        let parameter = json!({ "Value": true, "Tags": { "Level": 3 } });
        let expected = json!({ "Value": "true", "Tags": { "Level": "3" } });
        assert_eq!(super::coerce("AWS::SSM::Parameter", parameter), expected);
        let bucket = json!({ "PublicAccessBlockConfiguration": { "BlockPublicAcls": "true" } });
        let expected = json!({ "PublicAccessBlockConfiguration": { "BlockPublicAcls": true } });
        assert_eq!(super::coerce("AWS::S3::Bucket", bucket), expected);
    }
}
