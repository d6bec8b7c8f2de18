//! `cumulet outputs`: what a stack gives to the outside.
//!
//! Values keep AWS's form, so the same template gives the same outputs everywhere; a URL that only AWS
//! resolves has its local form beside it.

use serde_json::{Map, Value, json};

use super::Failure;
use crate::cli::Outputs;
use crate::client::{Client, Credentials};
use crate::console::{Colour, paint, print, say};

/// The outputs of one stack.
#[derive(Debug)]
pub(crate) struct StackOutputs {
    stack: String,
    status: String,
    values: Vec<(String, String)>,
    endpoint: String,
}

pub(crate) async fn run(arguments: &Outputs) -> Result<(), Failure> {
    let client = Client::new(
        &arguments.endpoint.endpoint,
        Credentials::from_environment(),
        &arguments.region,
    );
    let stacks = match &arguments.stack {
        Some(stack) => vec![of_stack(&client, stack).await?],
        None => of_all(&client).await?,
    };
    if let Some(file) = &arguments.flat {
        return write_flat(file, &stacks);
    }
    if !arguments.json {
        stacks
            .iter()
            .for_each(|stack| print_stack(stack, stacks.len() > 1));
        return Ok(());
    }
    let shown = match stacks.as_slice() {
        [only] => only.to_json(),
        many => Value::Object(
            many.iter()
                .map(|stack| (stack.stack.clone(), stack.to_json()))
                .collect(),
        ),
    };
    print(&serde_json::to_string_pretty(&shown).unwrap_or_default());
    Ok(())
}

/// One object of all outputs, for programs that read a file of settings.
fn write_flat(file: &std::path::Path, stacks: &[StackOutputs]) -> Result<(), Failure> {
    let mut all = Map::new();
    for stack in stacks {
        if let Value::Object(values) = stack.to_json() {
            all.extend(values);
        }
    }
    let text = serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default();
    std::fs::write(file, text)
        .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
}

pub(crate) async fn of_stack(client: &Client, stack: &str) -> Result<StackOutputs, Failure> {
    let described = client
        .call(
            "cloudformation",
            "DescribeStacks",
            json!({ "StackName": stack }),
        )
        .await?;
    Ok(StackOutputs::read(
        &described["Stacks"][0],
        client.endpoint(),
    ))
}

async fn of_all(client: &Client) -> Result<Vec<StackOutputs>, Failure> {
    let described = client
        .call("cloudformation", "DescribeStacks", json!({}))
        .await?;
    let stacks = described["Stacks"].as_array().cloned().unwrap_or_default();
    Ok(stacks
        .iter()
        .map(|stack| StackOutputs::read(stack, client.endpoint()))
        .collect())
}

impl StackOutputs {
    fn read(stack: &Value, endpoint: &str) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let outputs = stack["Outputs"].as_array().cloned().unwrap_or_default();
        Self {
            stack: text(&stack["StackName"]),
            status: text(&stack["StackStatus"]),
            values: outputs
                .iter()
                .map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"])))
                .collect(),
            endpoint: endpoint.to_owned(),
        }
    }

    /// Every value, and `KeyLocal` for each URL that has a local form.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = Map::new();
        for (key, value) in &self.values {
            shown.insert(key.clone(), value.as_str().into());
            if let Some(local) = local_form(value, &self.endpoint) {
                shown.insert(format!("{key}Local"), local.into());
            }
        }
        Value::Object(shown)
    }

    /// Every value, in its local form where it has one.
    pub(crate) fn local_forms(&self) -> impl Iterator<Item = (&str, String)> {
        self.values.iter().map(|(key, value)| {
            (
                key.as_str(),
                local_form(value, &self.endpoint).unwrap_or_else(|| value.clone()),
            )
        })
    }

    pub(crate) fn show(&self) {
        self.lines().iter().for_each(|line| say(line));
    }

    fn lines(&self) -> Vec<String> {
        let width = self
            .values
            .iter()
            .map(|(key, _)| key.len())
            .max()
            .unwrap_or_default();
        let rows = self
            .values
            .iter()
            .map(|(key, value)| match local_form(value, &self.endpoint) {
                Some(local) => format!(
                    "  {key:width$}  {local}\n  {:width$}  {}",
                    "",
                    paint(value, Colour::Faint)
                ),
                None => format!("  {key:width$}  {value}"),
            });
        rows.collect()
    }
}

fn print_stack(stack: &StackOutputs, with_name: bool) {
    if with_name {
        print(&format!("{} ({})", stack.stack, stack.status));
    }
    stack.lines().iter().for_each(|line| print(line));
}

/// `https://ID.execute-api.REGION.amazonaws.com/STAGE/...` as it is reached on this machine.
fn local_form(value: &str, endpoint: &str) -> Option<String> {
    let rest = value.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (api, domain) = host.split_once('.')?;
    domain
        .starts_with("execute-api.")
        .then(|| format!("{endpoint}/_aws/execute-api/{api}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_url_has_a_local_form_and_others_have_none() {
        let local = local_form(
            "https://a1b2.execute-api.eu-west-1.amazonaws.com/prod/upload",
            "http://127.0.0.1:1",
        );
        assert_eq!(
            local.as_deref(),
            Some("http://127.0.0.1:1/_aws/execute-api/a1b2/prod/upload")
        );
        assert_eq!(local_form("arn:aws:s3:::b", "http://127.0.0.1:1"), None);
        assert_eq!(
            local_form("https://example.com/", "http://127.0.0.1:1"),
            None
        );
    }
}
