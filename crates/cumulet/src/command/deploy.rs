//! `cumulet deploy`: synthesise, publish the assets, create or update the stacks, watch.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::assembly::{Assembly, Asset, Stack};
use super::failures;
use super::outputs::{self, StackOutputs};
use super::{Failure, Target};
use crate::cli::Deploy;
use crate::client::Client;
use crate::console::{Colour, LiveLines, paint, print, say};

const POLL: Duration = Duration::from_millis(50);
/// A template above this size goes through the assets bucket.
const TEMPLATE_BODY_BYTES_MAX: usize = 51_200;

/// CDK's toolkit stack with what our own deployment needs of it; `cdk bootstrap` makes the rest of it later.
const TOOLKIT: &str = include_str!("deploy/toolkit.json");

/// Deploys what a path holds to the engine that runs.
pub(crate) async fn deploy(arguments: &Deploy) -> Result<(), Failure> {
    let target = Target::of(&arguments.target).await?;
    let assembly = target.assembly(&arguments.app, &arguments.suffix).await?;
    let place = (target.account.as_str(), target.region.as_str());
    run(&target.client, &assembly, place.0, place.1, arguments.json).await
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
        if stack.needs_bootstrap {
            bootstrap(client).await?;
        }
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
        if asset.file.is_dir() {
            let packed = pack(&asset.file)
                .map_err(|error| Failure::Failed(format!("{}: {error}", asset.file.display())))?;
            client
                .put_bytes(&asset.bucket, &asset.key, packed.into())
                .await?;
        } else {
            client
                .put_object(&asset.bucket, &asset.key, &asset.file)
                .await?;
        }
    }
    Ok(())
}

/// Makes CDK's toolkit stack where there is none, so that an assembly finds its bucket and version.
async fn bootstrap(client: &Client) -> Result<(), Failure> {
    let name = json!({ "StackName": "CDKToolkit" });
    if client
        .call("cloudformation", "DescribeStacks", name)
        .await
        .is_ok()
    {
        return Ok(());
    }
    let input = json!({ "StackName": "CDKToolkit", "TemplateBody": TOOLKIT });
    client.call("cloudformation", "CreateStack", input).await?;
    watch(client, "CDKToolkit").await
}

/// A folder as an archive; the same files are the same bytes.
fn pack(folder: &Path) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    add(&mut archive, folder, "")?;
    Ok(archive.finish()?.into_inner())
}

fn add(
    archive: &mut zip::ZipWriter<std::io::Cursor<Vec<u8>>>,
    folder: &Path,
    prefix: &str,
) -> zip::result::ZipResult<()> {
    use std::os::unix::fs::PermissionsExt;

    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = format!("{prefix}{}", name.to_string_lossy());
        // Links are followed, as CDK's own packing does.
        let facts = std::fs::metadata(&path)?;
        if facts.is_dir() {
            add(archive, &path, &format!("{name}/"))?;
        } else {
            let options = SimpleFileOptions::default()
                .last_modified_time(zip::DateTime::default())
                .unix_permissions(facts.permissions().mode() & 0o777);
            archive.start_file(name, options)?;
            archive.write_all(&std::fs::read(&path)?)?;
        }
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
    let input = order(client, stack, account, region).await?;
    match client.call("cloudformation", operation, input).await {
        Ok(_) => Ok(true),
        Err(error) if error.to_string().contains("No updates are to be performed") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What the stack is to be, as CreateStack, UpdateStack and CreateChangeSet take it.
pub(super) async fn order(
    client: &Client,
    stack: &Stack,
    account: &str,
    region: &str,
) -> Result<Value, Failure> {
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
    Ok(input)
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
pub(super) async fn watch(client: &Client, stack: &str) -> Result<(), Failure> {
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

pub(super) fn paint_status(status: &str) -> String {
    let colour = match status {
        _ if status.contains("FAILED") || status.contains("ROLLBACK") => Colour::Red,
        _ if status.ends_with("IN_PROGRESS") => Colour::Yellow,
        _ => Colour::Green,
    };
    paint(status, colour)
}

async fn finish(client: &Client, stack: &str, status: &str) -> Result<(), Failure> {
    let done = [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "IMPORT_COMPLETE",
        "DELETE_COMPLETE",
    ];
    if done.contains(&status) {
        return Ok(());
    }
    Err(failures::explain(client, stack, status).await?)
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
