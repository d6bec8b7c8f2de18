//! What the services measured since the engine started, as Prometheus' text: a counter for the values of
//! each metric and one for their number.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use cumulet_engine::meter::Total;

/// `aws_lambda_invocations_sum{account="1",region="r",function_name="f"} 3`.
pub(super) fn text(totals: &[Total]) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for total in totals {
        let name = format!("{}_{}", snake(total.namespace), snake(total.metric));
        let labels = labels(total);
        if name != last {
            text.push_str(&format!(
                "# TYPE {name}_sum counter\n# TYPE {name}_count counter\n"
            ));
            last.clone_from(&name);
        }
        text.push_str(&format!("{name}_sum{{{labels}}} {}\n", total.sum));
        text.push_str(&format!("{name}_count{{{labels}}} {}\n", total.count));
    }
    text
}

fn labels(total: &Total) -> String {
    let own = [("account", &total.account), ("region", &total.region)];
    let own = own.map(|(name, value)| (name.to_owned(), value.as_str()));
    let dimensions = total.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| (snake(name), value.as_str()));
    let labels = own.into_iter().chain(dimensions);
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    labels.join(",")
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// `FunctionName` is `function_name`; `4XXError` is `_4xx_error`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut previous = '_';
    for character in name.chars() {
        let starts_word = character.is_ascii_uppercase() && previous.is_ascii_lowercase();
        if starts_word {
            snake.push('_');
        }
        match character.is_ascii_alphanumeric() {
            true => snake.push(character.to_ascii_lowercase()),
            false => snake.push('_'),
        }
        previous = character;
    }
    match snake.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{snake}"),
        false => snake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_read_as_prometheus_reads_them() {
        let total = |function: &str, sum| Total {
            account: "1".into(),
            region: "r".into(),
            namespace: "AWS/Lambda",
            metric: "Invocations",
            dimensions: vec![("FunctionName".into(), function.into())],
            count: 2.0,
            sum,
        };
        let expected = r#"# TYPE aws_lambda_invocations_sum counter
# TYPE aws_lambda_invocations_count counter
aws_lambda_invocations_sum{account="1",region="r",function_name="f"} 2
aws_lambda_invocations_count{account="1",region="r",function_name="f"} 2
aws_lambda_invocations_sum{account="1",region="r",function_name="g\"h"} 1.5
aws_lambda_invocations_count{account="1",region="r",function_name="g\"h"} 2
"#;
        assert_eq!(text(&[total("f", 2.0), total("g\"h", 1.5)]), expected);
    }
}
