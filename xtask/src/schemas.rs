//! `cargo xtask schemas [WHEEL]`: the CloudFormation facts of our resource types, out of the pinned cfn-lint package.
//!
//! CloudFormation's registry describes each resource type by a JSON schema. cfn-lint (MIT-0) carries those schemas, so
//! one pinned, hashed wheel is the source and nothing is fetched from a moving address. Prose, permissions and examples
//! go; what decides validity, replacement, attributes and identity stays. The output is one gzip file with sorted keys
//! and no time in it: the same wheel gives the same bytes.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Wheel = ZipArchive<Cursor<Vec<u8>>>;

const VERSION: &str = "1.58.0";
const WHEEL_SHA256: &str = "9d9f06043160756a6158f5c3f92a44ce38254b1c578127461608305bc8262987";
const DATA: &str = "crates/schemas/data/types.json.gz";
const FOLDER: &str = "cfnlint/data/schemas";

/// Whole families where every type may be met in a template that we deploy, and single types elsewhere.
const WANTED: [&str; 27] = [
    "AWS::ApiGateway::*",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::Events::Rule",
    "AWS::IAM::*",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::*",
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::ResourcePolicy",
    "AWS::Logs::SubscriptionFilter",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::*",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::*",
];

/// What a schema says that no code of ours reads.
const PROSE: [&str; 12] = [
    "$comment",
    "$schema",
    "additionalIdentifiers",
    "description",
    "examples",
    "handlers",
    "insertionOrder",
    "propertyTransform",
    "relationshipRef",
    "resourceLink",
    "sourceUrl",
    "typeName",
];

/// Reads the wheel named on the command line, or the pinned one through pip, and writes the data file.
pub(crate) fn run(from: Option<PathBuf>) -> Outcome<()> {
    let path = from.map_or_else(download, Ok)?;
    let bytes = fs::read(&path)?;
    if hex::encode(Sha256::digest(&bytes)) != WHEEL_SHA256 {
        return Err(format!("{} is not the wheel of cfn-lint {VERSION}", path.display()).into());
    }
    let mut wheel = ZipArchive::new(Cursor::new(bytes))?;
    let types = wanted_types(&mut wheel)?;
    let document =
        json!({ "source": format!("cfn-lint {VERSION}, us-east-1 (MIT-0)"), "types": types });
    write(Path::new(DATA), &serde_json::to_vec(&document)?)
}

fn download() -> Outcome<PathBuf> {
    let folder = PathBuf::from("target/xtask");
    fs::create_dir_all(&folder)?;
    let package = format!("cfn-lint=={VERSION}");
    let status = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
        ])
        .arg(&folder)
        .arg(&package)
        .status()?;
    if !status.success() {
        return Err(format!("pip could not download {package}").into());
    }
    Ok(folder.join(format!("cfn_lint-{VERSION}-py3-none-any.whl")))
}

fn wanted_types(wheel: &mut Wheel) -> Outcome<Map<String, Value>> {
    let index = read(wheel, &format!("{FOLDER}/providers/us-east-1.json"))?;
    let mut types = Map::new();
    for (name, file) in index.as_object().into_iter().flatten() {
        if WANTED.iter().any(|wanted| matches(wanted, name)) {
            let file = file.as_str().ok_or("the index names a file per type")?;
            let mut schema = read(wheel, &format!("{FOLDER}/resources/{file}.json"))?;
            strip_schema(&mut schema);
            strip_tagging(&mut schema);
            types.insert(name.clone(), schema);
        }
    }
    types.sort_keys();
    Ok(types)
}

fn matches(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == wanted,
    }
}

fn read(wheel: &mut Wheel, name: &str) -> Outcome<Value> {
    let mut text = String::new();
    wheel.by_name(name)?.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Strips one schema and those inside it. `properties` and `definitions` hold names chosen by a service, among them
/// `Description` and even `description`: there the keys stay and only the schemas under them are stripped.
fn strip_schema(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|key, _| !PROSE.contains(&key.as_str()));
            for (key, member) in members.iter_mut() {
                match key.as_str() {
                    "properties" | "patternProperties" | "definitions" => strip_each(member),
                    "enum" | "const" | "default" | "tagging" => {}
                    _ => strip_schema(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip_schema),
        _ => {}
    }
}

fn strip_each(named: &mut Value) {
    if let Value::Object(schemas) = named {
        schemas.values_mut().for_each(strip_schema);
    }
}

fn strip_tagging(schema: &mut Value) {
    if let Some(Value::Object(tagging)) = schema.get_mut("tagging") {
        tagging.retain(|key, _| key != "permissions");
    }
}

fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    fs::write(path, encoder.finish()?)?;
    Ok(())
}
