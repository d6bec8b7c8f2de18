//! Deploying an app: synthesise, publish its assets, create or update its stacks, watch.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::Failure;
use super::outputs::{self, StackOutputs};
use crate::client::Client;
use crate::console::{Colour, LiveLines, paint, print, say};

const POLL: Duration = Duration::from_millis(50);
/// A template above this size goes through the assets bucket.
const TEMPLATE_BODY_BYTES_MAX: usize = 51_200;

/// Something that can be deployed.
#[derive(Debug)]
pub(crate) enum App {
    /// A folder with a `Cargo.toml`: one binary that holds infrastructure and handlers.
    Cargo(PathBuf),
    /// A cloud assembly that some other tool synthesised.
    Assembly(PathBuf),
}

/// A synthesised app: a folder with a `manifest.json`.
#[derive(Debug)]
pub(crate) struct Assembly {
    directory: PathBuf,
    manifest: Value,
}

/// One stack of an assembly.
#[derive(Debug)]
struct Stack {
    name: String,
    template: String,
    /// `Metadata.Cumulet.Try` of the template: a command to try, with `${OutputKey}` places.
    example: Option<String>,
    assets: Vec<Asset>,
    tags: Vec<Value>,
}

/// A file that the template expects in a bucket.
#[derive(Debug)]
struct Asset {
    file: PathBuf,
    bucket: String,
    key: String,
}

impl App {
    pub(crate) fn find(path: &Path) -> Result<Self, Failure> {
        if path.join("manifest.json").is_file() {
            return Ok(Self::Assembly(path.to_owned()));
        }
        if path.join("Cargo.toml").is_file() {
            return Ok(Self::Cargo(path.to_owned()));
        }
        let shown = path.display();
        Err(Failure::Usage(format!(
            "{shown} is no app: it holds neither a Cargo.toml nor a manifest.json (cdk synth makes one in cdk.out)"
        )))
    }

    pub(crate) fn name(&self) -> String {
        let (Self::Cargo(path) | Self::Assembly(path)) = self;
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        path.file_name().map_or_else(
            || "app".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    /// Compiles the app; cargo shows its own progress.
    pub(crate) async fn build(&self) -> Result<(), Failure> {
        if let Self::Cargo(path) = self {
            say(&format!("building {}", path.display()));
            cargo_build(path).await?;
        }
        Ok(())
    }

    /// Makes the cloud assembly in `out`; what the settings may be, the app says.
    pub(crate) async fn synthesise(
        &self,
        out: &Path,
        settings: &[String],
        account: &str,
        region: &str,
    ) -> Result<Assembly, Failure> {
        let directory = match self {
            Self::Assembly(path) => path.clone(),
            Self::Cargo(path) => {
                let binary = cargo_build(path).await?;
                let synthesis = tokio::process::Command::new(&binary)
                    .args(["synth", "--out"])
                    .arg(out)
                    .args(settings)
                    .env("CDK_DEFAULT_ACCOUNT", account)
                    .env("CDK_DEFAULT_REGION", region)
                    .stdin(Stdio::null())
                    .output()
                    .await
                    .map_err(|error| {
                        Failure::Failed(format!("{} cannot run: {error}", binary.display()))
                    })?;
                if !synthesis.status.success() {
                    let why = String::from_utf8_lossy(&synthesis.stderr);
                    return Err(Failure::Failed(format!(
                        "the app does not synthesise:\n{}",
                        why.trim_end()
                    )));
                }
                out.to_owned()
            }
        };
        Assembly::read(directory)
    }
}

/// Builds the app in `path` and answers where its binary lies.
async fn cargo_build(path: &Path) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = tokio::process::Command::new(cargo)
        .args([
            "build",
            "--release",
            "--message-format=json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(path.join("Cargo.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|error| {
            Failure::Failed(format!(
                "cargo cannot run: {error}; install Rust from https://rustup.rs"
            ))
        })?;
    if !build.status.success() {
        return Err(Failure::Failed(format!(
            "{} does not compile; see above",
            path.display()
        )));
    }
    let mut executables = build
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let message: Value = serde_json::from_slice(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
    executables
        .next_back()
        .ok_or_else(|| Failure::Failed(format!("{} builds no binary", path.display())))
}

impl Assembly {
    fn read(directory: PathBuf) -> Result<Self, Failure> {
        let manifest = read_json(&directory.join("manifest.json"))?;
        Ok(Self {
            directory,
            manifest,
        })
    }

    /// The stacks, in the manifest's order, dependencies first.
    fn stacks(&self, account: &str, region: &str) -> Result<Vec<Stack>, Failure> {
        let artifacts = self.manifest["artifacts"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let mut waiting: Vec<&String> = artifacts
            .keys()
            .filter(|id| artifacts[*id]["type"] == "aws:cloudformation:stack")
            .collect();
        let mut ordered: Vec<&String> = Vec::new();
        while !waiting.is_empty() {
            let ready = waiting.iter().position(|id| {
                let needs = artifacts[*id]["dependencies"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                needs
                    .iter()
                    .filter_map(Value::as_str)
                    .all(|needed| !waiting.iter().any(|id| *id == needed))
            });
            // A circle cannot be put in order; its stacks go as they come.
            ordered.push(waiting.remove(ready.unwrap_or(0)));
        }
        ordered
            .into_iter()
            .map(|id| self.stack(id, &artifacts[id], account, region))
            .collect()
    }

    fn stack(
        &self,
        id: &str,
        artifact: &Value,
        account: &str,
        region: &str,
    ) -> Result<Stack, Failure> {
        let properties = &artifact["properties"];
        let file = properties["templateFile"].as_str().unwrap_or_default();
        let template = read_text(&self.directory.join(file))?;
        let parsed: Value = serde_json::from_str(&template).unwrap_or_default();
        let tags = properties["tags"].as_object().cloned().unwrap_or_default();
        let assets = self.directory.join(format!("{id}.assets.json"));
        Ok(Stack {
            name: properties["stackName"].as_str().unwrap_or(id).to_owned(),
            example: parsed
                .pointer("/Metadata/Cumulet/Try")
                .and_then(Value::as_str)
                .map(str::to_owned),
            template,
            assets: if assets.is_file() {
                self.assets(&read_json(&assets)?, file, account, region)
            } else {
                Vec::new()
            },
            tags: tags
                .into_iter()
                .map(|(key, value)| json!({ "Key": key, "Value": value }))
                .collect(),
        })
    }

    fn assets(&self, list: &Value, template: &str, account: &str, region: &str) -> Vec<Asset> {
        let place = |text: &Value| {
            let text = text.as_str().unwrap_or_default();
            text.replace("${AWS::AccountId}", account)
                .replace("${AWS::Region}", region)
        };
        let files = list["files"].as_object().cloned().unwrap_or_default();
        let wanted = files
            .values()
            .filter(|file| file["source"]["path"] != template);
        wanted
            .flat_map(|file| {
                let source = self
                    .directory
                    .join(file["source"]["path"].as_str().unwrap_or_default());
                let destinations = file["destinations"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                destinations.into_values().map(move |destination| Asset {
                    file: source.clone(),
                    bucket: place(&destination["bucketName"]),
                    key: place(&destination["objectKey"]),
                })
            })
            .collect()
    }
}

/// Deploys every stack of the assembly and prints what came of it.
pub(crate) async fn run(
    client: &Client,
    assembly: &Assembly,
    account: &str,
    region: &str,
    json: bool,
) -> Result<(), Failure> {
    for stack in assembly.stacks(account, region)? {
        publish(client, &stack.assets).await?;
        let changed = submit(client, &stack, account, region).await?;
        if changed {
            watch(client, &stack.name).await?;
        } else {
            say(&format!(
                "{} is up to date",
                paint(&stack.name, Colour::Bold)
            ));
        }
        report(client, &stack, json).await?;
    }
    Ok(())
}

/// Puts the assets that are not there yet into their bucket, which is made when it is missing.
async fn publish(client: &Client, assets: &[Asset]) -> Result<(), Failure> {
    for asset in assets {
        ensure_bucket(client, &asset.bucket).await?;
        let place = json!({ "Bucket": asset.bucket, "Key": asset.key });
        if client.call("s3", "HeadObject", place).await.is_ok() {
            continue;
        }
        say(&format!("publishing {}", asset.key));
        client
            .put_object(&asset.bucket, &asset.key, &asset.file)
            .await?;
    }
    Ok(())
}

async fn ensure_bucket(client: &Client, bucket: &str) -> Result<(), Failure> {
    let place = json!({ "Bucket": bucket });
    match client.call("s3", "CreateBucket", place).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), Some("BucketAlreadyOwnedByYou")) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Creates or updates the stack; `false` where there is nothing to change.
async fn submit(
    client: &Client,
    stack: &Stack,
    account: &str,
    region: &str,
) -> Result<bool, Failure> {
    let existing = client
        .call(
            "cloudformation",
            "DescribeStacks",
            json!({ "StackName": stack.name }),
        )
        .await;
    let status = existing
        .ok()
        .and_then(|found| Some(found["Stacks"][0]["StackStatus"].as_str()?.to_owned()));
    if status.as_deref() == Some("ROLLBACK_COMPLETE") {
        say(&format!(
            "{} was rolled back; deleting what is left of it",
            stack.name
        ));
        client
            .call(
                "cloudformation",
                "DeleteStack",
                json!({ "StackName": stack.name }),
            )
            .await?;
        drop(watch(client, &stack.name).await);
    }
    let operation = match status.as_deref() {
        None | Some("ROLLBACK_COMPLETE" | "REVIEW_IN_PROGRESS") => "CreateStack",
        Some(_) => "UpdateStack",
    };
    let mut input = json!({
        "StackName": stack.name,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Tags": stack.tags,
    });
    if stack.template.len() <= TEMPLATE_BODY_BYTES_MAX {
        input["TemplateBody"] = stack.template.as_str().into();
    } else {
        input["TemplateURL"] = upload_template(client, stack, account, region)
            .await?
            .into();
    }
    match client.call("cloudformation", operation, input).await {
        Ok(_) => Ok(true),
        Err(error) if error.to_string().contains("No updates are to be performed") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn upload_template(
    client: &Client,
    stack: &Stack,
    account: &str,
    region: &str,
) -> Result<String, Failure> {
    let bucket = format!("cdk-hnb659fds-assets-{account}-{region}");
    ensure_bucket(client, &bucket).await?;
    let key = format!("{}.template.json", stack.name);
    client
        .put_bytes(&bucket, &key, stack.template.clone().into())
        .await?;
    Ok(format!("{}/{bucket}/{key}", client.endpoint()))
}

/// Shows the resources change until the operation has ended.
async fn watch(client: &Client, stack: &str) -> Result<(), Failure> {
    let mut table = LiveLines::default();
    loop {
        let described = client
            .call(
                "cloudformation",
                "DescribeStacks",
                json!({ "StackName": stack }),
            )
            .await?;
        let status = described["Stacks"][0]["StackStatus"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let resources = client
            .call(
                "cloudformation",
                "DescribeStackResources",
                json!({ "StackName": stack }),
            )
            .await?;
        table.show(resource_lines(stack, &status, &resources));
        if !status.ends_with("IN_PROGRESS") {
            return finish(client, stack, &status).await;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn resource_lines(stack: &str, status: &str, resources: &Value) -> Vec<String> {
    let heading = format!("{} {}", paint(stack, Colour::Bold), paint_status(status));
    let resources = resources["StackResources"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let rows = resources.iter().map(|resource| {
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let status = text("ResourceStatus");
        format!(
            "  {:<32} {:<34} {}",
            text("LogicalResourceId"),
            text("ResourceType"),
            paint_status(&status)
        )
    });
    std::iter::once(heading).chain(rows).collect()
}

fn paint_status(status: &str) -> String {
    let colour = match status {
        _ if status.contains("FAILED") || status.contains("ROLLBACK") => Colour::Red,
        _ if status.ends_with("IN_PROGRESS") => Colour::Yellow,
        _ => Colour::Green,
    };
    paint(status, colour)
}

async fn finish(client: &Client, stack: &str, status: &str) -> Result<(), Failure> {
    if matches!(
        status,
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE"
    ) {
        return Ok(());
    }
    let events = client
        .call(
            "cloudformation",
            "DescribeStackEvents",
            json!({ "StackName": stack }),
        )
        .await?;
    let events = events["StackEvents"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    // Newest first: the first failure is the last one here that is not a consequence of another.
    let failed = events.iter().rev().find(|event| {
        let failed = event["ResourceStatus"]
            .as_str()
            .is_some_and(|status| status.ends_with("FAILED"));
        failed && event["ResourceStatusReason"] != "Resource creation cancelled"
    });
    let failed = failed.map_or_else(String::new, |event| {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        format!(
            ": {} ({}): {}",
            text("LogicalResourceId"),
            text("ResourceType"),
            text("ResourceStatusReason")
        )
    });
    Err(Failure::Failed(format!(
        "{stack} ended in {status}{failed}\nsee what happened with: cumulet trace --last, or aws cloudformation describe-stack-events --stack-name {stack}"
    )))
}

async fn report(client: &Client, stack: &Stack, json: bool) -> Result<(), Failure> {
    let outputs = outputs::of_stack(client, &stack.name).await?;
    if json {
        let outputs = outputs.to_json();
        print(&json!({ "event": "deployed", "stack": stack.name, "outputs": outputs }).to_string());
        return Ok(());
    }
    outputs.show();
    if let Some(example) = &stack.example {
        say("\ntry it:");
        print(&fill(example, &outputs));
        say("");
    }
    Ok(())
}

/// Puts the outputs' local forms into `${Key}` places.
fn fill(example: &str, outputs: &StackOutputs) -> String {
    let mut text = example.to_owned();
    for (key, value) in outputs.local_forms() {
        text = text.replace(&format!("${{{key}}}"), &value);
    }
    text
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    let text = read_text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}
