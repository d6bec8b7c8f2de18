//! The cloud assembly: the folder that `cdk deploy --app` reads, and Cumulet as well.

use std::fs;
use std::path::{Path, PathBuf};

use cumulet_schemas::resource_type;
use serde_json::{Value, json};

use crate::asset::Asset;
use crate::check;
use crate::stack::Stack;

/// The assembly schema that the pinned CDK CLI (2.1148.1) writes and reads.
const SCHEMA_VERSION: &str = "55.0.0";
/// Where `cdk bootstrap` makes room for assets.
const ASSET_BUCKET: &str = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    #[error("the stack cannot be synthesised:\n  {}", .0.join("\n  "))]
    Invalid(Vec<String>),
    #[error("{} is not a program for Linux; build one with `cargo lambda build` and name it with --bootstrap", .0.display())]
    NotLinux(PathBuf),
    #[error("{}: {error}", path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
}

impl SynthesisError {
    pub(crate) fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }
}

/// A synthesis: a stack, the handlers of its application and the program that holds them.
#[derive(Debug)]
pub struct Synthesis<'a> {
    pub stack: &'a Stack,
    pub handlers: &'a [&'a str],
    /// The program that becomes the functions' `bootstrap`.
    pub program: &'a Path,
}

impl Synthesis<'_> {
    /// The finished template, checked; `asset` is the code of its functions, where it has any.
    fn template(&self, asset: Option<&Asset>) -> Result<Value, SynthesisError> {
        let mut resources = self.stack.resources.clone();
        for (id, _) in &self.stack.functions {
            if let (Some(asset), Some(resource)) = (asset, resources.get_mut(id)) {
                set_code(resource, asset);
            }
        }
        resources
            .values_mut()
            .for_each(|resource| tag(resource, &self.stack.tags));
        let problems = check::problems(self.stack, &resources, self.handlers);
        if !problems.is_empty() {
            return Err(SynthesisError::Invalid(problems));
        }
        let mut template = json!({ "AWSTemplateFormatVersion": "2010-09-09" });
        if !self.stack.description.is_empty() {
            template["Description"] = json!(self.stack.description);
        }
        if !self.stack.example.is_empty() {
            template["Metadata"] = json!({ "Cumulet": { "Try": self.stack.example } });
        }
        template["Resources"] = Value::Object(resources);
        if !self.stack.outputs.is_empty() {
            template["Outputs"] = Value::Object(self.stack.outputs.clone());
        }
        Ok(template)
    }

    /// Writes the assembly into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), SynthesisError> {
        let asset = match self.stack.functions.is_empty() {
            true => None,
            false => Some(Asset::pack(self.program)?),
        };
        let template = self.template(asset.as_ref())?;
        fs::create_dir_all(folder).map_err(|error| SynthesisError::file(folder, error))?;
        if let Some(asset) = &asset {
            write(&folder.join(asset.file_name()), &asset.zip)?;
        }
        let name = self.stack.name();
        write_json(&folder.join(format!("{name}.template.json")), &template)?;
        write_json(
            &folder.join(format!("{name}.assets.json")),
            &asset_manifest(asset.as_ref()),
        )?;
        write_json(&folder.join("manifest.json"), &manifest(name))
    }
}

/// The finished template with a place for code that nobody packed.
pub(crate) fn template_without_code(
    stack: &Stack,
    handlers: &[&str],
) -> Result<Value, SynthesisError> {
    let synthesis = Synthesis {
        stack,
        handlers,
        program: Path::new(""),
    };
    synthesis.template(Some(&Asset::default()))
}

fn set_code(function: &mut Value, asset: &Asset) {
    let key = format!("{}.zip", asset.hash);
    function["Properties"]["Code"] =
        json!({ "S3Bucket": { "Fn::Sub": ASSET_BUCKET }, "S3Key": key });
    function["Properties"]["Architectures"] = json!([asset.architecture]);
    function["Metadata"] =
        json!({ "aws:asset:path": asset.file_name(), "aws:asset:property": "Code" });
}

/// Adds the stack's tags to a resource, where its type has tags; a tag of its own wins.
fn tag(resource: &mut Value, tags: &[(String, String)]) {
    let kind = resource["Type"].as_str().and_then(resource_type);
    let Some((kind, property)) = kind.and_then(|kind| Some((kind, kind.tag_property()?))) else {
        return;
    };
    if tags.is_empty() {
        return;
    }
    let as_map = kind.schema()["properties"][property]["type"] == "object";
    let own = &mut resource["Properties"][property];
    for (key, value) in tags {
        if as_map {
            if own[key].is_null() {
                own[key] = json!(value);
            }
            continue;
        }
        let listed = own.as_array().cloned().unwrap_or_default();
        if !listed.iter().any(|tag| tag["Key"] == **key) {
            *own = json!([listed, vec![json!({ "Key": key, "Value": value })]].concat());
        }
    }
}

fn asset_manifest(asset: Option<&Asset>) -> Value {
    let mut files = json!({});
    if let Some(asset) = asset {
        files[&asset.hash] = json!({
            "displayName": "bootstrap",
            "source": { "path": asset.file_name(), "packaging": "file" },
            "destinations": { "current_account-current_region": {
                "bucketName": ASSET_BUCKET, "objectKey": format!("{}.zip", asset.hash),
            } },
        });
    }
    json!({ "version": SCHEMA_VERSION, "files": files, "dockerImages": {} })
}

/// No account and no region: the stack goes where the one who deploys it stands.
fn manifest(name: &str) -> Value {
    let assets = format!("{name}.assets");
    json!({
        "version": SCHEMA_VERSION,
        "artifacts": {
            &assets: { "type": "cdk:asset-manifest", "properties": { "file": format!("{assets}.json") } },
            name: {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/unknown-region",
                "properties": { "templateFile": format!("{name}.template.json") },
                "dependencies": [assets],
                "displayName": name,
            },
        },
    })
}

fn write_json(path: &Path, document: &Value) -> Result<(), SynthesisError> {
    write(path, format!("{document:#}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SynthesisError> {
    fs::write(path, bytes).map_err(|error| SynthesisError::file(path, error))
}
