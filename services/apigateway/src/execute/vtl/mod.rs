//! Mapping templates: the Velocity Template Language as API Gateway speaks it.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
//!
//! `parse` makes a tree of the text, `evaluate` walks it, `methods` is what Java objects can do, and
//! `input` is `$input`. The language knows no request: it sees a body, parameters and two trees of
//! variables. What a template does not define shows as nothing, as on AWS.

mod evaluate;
mod input;
mod json_path;
mod methods;
mod parse;
mod reference;
#[cfg(test)]
mod tests;
mod utility;

pub(super) use input::Input;
pub(super) use json_path::select;
use serde_json::Value;

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(String);

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// Renders a template. What it sets in `$context` stays there: overrides are given so.
pub(super) fn render(
    template: &str,
    input: &Input,
    context: &mut Value,
    stage_variables: &Value,
) -> Result<String> {
    let nodes = parse::parse(template)?;
    let mut evaluator = evaluate::Evaluator::new(input, context.take(), stage_variables.clone());
    let rendered = evaluator.run(&nodes);
    *context = evaluator.into_context();
    rendered
}

/// A value as it is written into the output: maps as Java shows them, lists as JSON, as recorded of lists from a body.
/// (A list that the template itself made Java would show as `[a, b]`: the two are not told apart here.)
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => inner(other),
    }
}

fn inner(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}={}", inner(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        plain => plain.to_string(),
    }
}
