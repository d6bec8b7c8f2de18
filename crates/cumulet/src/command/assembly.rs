//! What can be deployed: an app that synthesises, a cloud assembly, a template alone.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::Failure;
use crate::console::say;

/// Something that can be deployed.
#[derive(Debug)]
pub(crate) enum App {
    /// A folder with a `Cargo.toml`: one binary that holds infrastructure and handlers.
    Cargo(PathBuf),
    /// A cloud assembly that some other tool synthesised.
    Assembly(PathBuf),
    /// A folder with a `cdk.json`, which names the command that synthesises.
    Cdk(PathBuf),
    /// A template alone; the stack is named after its file.
    Template(PathBuf),
}

/// A synthesised app: a folder with a `manifest.json`.
#[derive(Debug)]
pub(crate) struct Assembly {
    directory: PathBuf,
    manifest: Value,
}

/// One stack of an assembly.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) template: String,
    /// `Metadata.Cumulet.Try` of the template: a command to try, with `${OutputKey}` places.
    pub(crate) example: Option<String>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) tags: Vec<Value>,
    /// It wants CDK's toolkit stack to be there.
    pub(crate) needs_bootstrap: bool,
}

/// A file that the template expects in a bucket.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) file: PathBuf,
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl App {
    pub(crate) fn find(path: &Path) -> Result<Self, Failure> {
        if path.join("manifest.json").is_file() {
            return Ok(Self::Assembly(path.to_owned()));
        }
        if path.join("Cargo.toml").is_file() {
            return Ok(Self::Cargo(path.to_owned()));
        }
        if path.join("cdk.json").is_file() {
            return Ok(Self::Cdk(path.to_owned()));
        }
        if path.is_file() {
            return Ok(Self::Template(path.to_owned()));
        }
        let shown = path.display();
        Err(Failure::Usage(format!(
            "{shown} is no app: neither a template nor a folder with a Cargo.toml, a cdk.json or a manifest.json (cdk synth makes one in cdk.out)"
        )))
    }

    pub(crate) fn name(&self) -> String {
        let path = self.path();
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        path.file_name().map_or_else(
            || "app".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    fn path(&self) -> &Path {
        let (Self::Cargo(path) | Self::Assembly(path) | Self::Cdk(path) | Self::Template(path)) =
            self;
        path
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
        let place = [
            ("CDK_DEFAULT_ACCOUNT", account),
            ("CDK_DEFAULT_REGION", region),
        ];
        let directory = match self {
            Self::Assembly(path) => path.clone(),
            Self::Template(path) => return Assembly::of_template(path),
            Self::Cdk(path) => {
                synthesise_cdk(path, out, &place).await?;
                out.to_owned()
            }
            Self::Cargo(path) => {
                let binary = cargo_build(path).await?;
                let mut command = tokio::process::Command::new(&binary);
                command
                    .args(["synth", "--out"])
                    .arg(out)
                    .args(settings)
                    .envs(place);
                synthesis(command).await?;
                out.to_owned()
            }
        };
        Assembly::read(directory)
    }
}

/// Runs the command that `cdk.json` names, in its folder, as the CDK CLI does.
async fn synthesise_cdk(path: &Path, out: &Path, place: &[(&str, &str)]) -> Result<(), Failure> {
    let settings = read_json(&path.join("cdk.json"))?;
    let app = settings["app"]
        .as_str()
        .ok_or_else(|| Failure::Usage(format!("{}/cdk.json names no app", path.display())))?;
    let out = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    let mut context = settings["context"].as_object().cloned().unwrap_or_default();
    if let Ok(Value::Object(kept)) = read_json(&path.join("cdk.context.json")) {
        context.extend(kept);
    }
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", app])
        .current_dir(path)
        .envs(place.iter().copied())
        .env("CDK_OUTDIR", &out)
        .env("CDK_CONTEXT_JSON", Value::Object(context).to_string());
    say(&format!("synthesising: {app}"));
    synthesis(command).await
}

async fn synthesis(mut command: tokio::process::Command) -> Result<(), Failure> {
    let ended = command.stdin(Stdio::null()).output().await;
    let ended = ended.map_err(|error| Failure::Failed(format!("the app cannot run: {error}")))?;
    if ended.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&ended.stderr);
    Err(Failure::Failed(format!(
        "the app does not synthesise:\n{}",
        why.trim_end()
    )))
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
    /// An assembly of one stack, as it would be written to disk.
    fn of_template(file: &Path) -> Result<Self, Failure> {
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let name = whole.file_stem().map_or_else(
            || "stack".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        );
        // `orders.template.json` is the stack `orders`.
        let name = name.trim_end_matches(".template").to_owned();
        let template = whole
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let stack = json!({
            "type": "aws:cloudformation:stack",
            "properties": { "templateFile": template },
        });
        Ok(Self {
            directory: whole.parent().map(Path::to_owned).unwrap_or_default(),
            manifest: json!({ "artifacts": { name: stack } }),
        })
    }

    fn read(directory: PathBuf) -> Result<Self, Failure> {
        let manifest = read_json(&directory.join("manifest.json"))?;
        Ok(Self {
            directory,
            manifest,
        })
    }

    /// The stacks, in the manifest's order, dependencies first.
    pub(crate) fn stacks(&self, account: &str, region: &str) -> Result<Vec<Stack>, Failure> {
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
            needs_bootstrap: properties["requiresBootstrapStackVersion"].is_number(),
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

fn read_json(path: &Path) -> Result<Value, Failure> {
    let text = read_text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}
