//! The service models of `crates/wire`, made from botocore's: facts only, no prose.
//!
//! What is kept is listed, rather than what is dropped: a new kind of text in a later botocore cannot slip in.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::Outcome;

const VERSION: &str = "1.44.5";
const WHEEL_SHA256: &str = "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921";

/// Service and the API version that is served.
const SERVICES: [(&str, &str); 18] = [
    ("apigateway", "2015-07-09"),
    ("cloudformation", "2010-05-15"),
    ("cloudwatch", "2010-08-01"),
    ("dynamodb", "2012-08-10"),
    ("dynamodbstreams", "2012-08-10"),
    ("ecr", "2015-09-21"),
    ("events", "2015-10-07"),
    ("iam", "2010-05-08"),
    ("kms", "2014-11-01"),
    ("lambda", "2015-03-31"),
    ("logs", "2014-03-28"),
    ("s3", "2006-03-01"),
    ("secretsmanager", "2017-10-17"),
    ("sns", "2010-03-31"),
    ("sqs", "2012-11-05"),
    ("ssm", "2014-11-06"),
    ("sts", "2011-06-15"),
    ("xray", "2016-04-12"),
];

const METADATA: &[&str] = &[
    "apiVersion",
    "awsQueryCompatible",
    "endpointPrefix",
    "jsonVersion",
    "protocols",
    "serviceId",
    "signingName",
    "targetPrefix",
    "xmlNamespace",
];

const OPERATION: &[&str] = &[
    "auth",
    "authtype",
    "deprecated",
    "endpoint",
    "errors",
    "http",
    "httpChecksum",
    "idempotent",
    "input",
    "output",
    "readonly",
    "requestcompression",
    "unsignedPayload",
];

const SHAPE: &[&str] = &[
    "box",
    "deprecated",
    "document",
    "enum",
    "error",
    "event",
    "eventstream",
    "exception",
    "fault",
    "flattened",
    "jsonvalue",
    "key",
    "locationName",
    "max",
    "member",
    "members",
    "min",
    "pattern",
    "payload",
    "required",
    "sensitive",
    "streaming",
    "timestampFormat",
    "type",
    "union",
    "value",
    "xmlNamespace",
];

const REFERENCE: &[&str] = &[
    "box",
    "eventpayload",
    "eventheader",
    "flattened",
    "hostLabel",
    "idempotencyToken",
    "jsonvalue",
    "location",
    "locationName",
    "resultWrapper",
    "sensitive",
    "shape",
    "streaming",
    "timestampFormat",
    "xmlAttribute",
    "xmlNamespace",
];

#[expect(
    clippy::print_stdout,
    reason = "a command line tool reports what it wrote"
)]
pub(crate) fn write(from: Option<PathBuf>) -> Outcome {
    let source = Source::open(from)?;
    let folder = root().join("crates/wire/models");
    for (service, version) in SERVICES {
        let packed = pack(&source.model(service, version)?)?;
        fs::write(folder.join(format!("{service}.json.gz")), &packed)?;
        println!("{service:16} {:7} bytes", packed.len());
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where models come from: a verified wheel, or a folder that its user answers for.
enum Source {
    Wheel(PathBuf),
    Folder(PathBuf),
}

impl Source {
    fn open(from: Option<PathBuf>) -> Result<Self, Box<dyn std::error::Error>> {
        match from {
            Some(folder) if folder.is_dir() => Ok(Self::Folder(folder)),
            Some(wheel) => Self::verified(wheel),
            None => Self::verified(download()?),
        }
    }

    fn verified(wheel: PathBuf) -> Result<Self, Box<dyn std::error::Error>> {
        let found = hex::encode(Sha256::digest(fs::read(&wheel)?));
        if found != WHEEL_SHA256 {
            return Err(
                format!("{} has sha256 {found}, not {WHEEL_SHA256}", wheel.display()).into(),
            );
        }
        Ok(Self::Wheel(wheel))
    }

    fn model(&self, service: &str, version: &str) -> Result<Value, Box<dyn std::error::Error>> {
        let path = format!("botocore/data/{service}/{version}/service-2.json.gz");
        let mut packed = Vec::new();
        match self {
            Self::Wheel(wheel) => {
                let mut archive = zip::ZipArchive::new(fs::File::open(wheel)?)?;
                archive.by_name(&path)?.read_to_end(&mut packed)?;
            }
            Self::Folder(folder) => packed = fs::read(folder.join(&path))?,
        }
        Ok(serde_json::from_reader(GzDecoder::new(packed.as_slice()))?)
    }
}

fn download() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let tools = root().join(".tools");
    let wheel = tools.join(format!("botocore-{VERSION}-py3-none-any.whl"));
    if !wheel.exists() {
        let status = Command::new("python3")
            .args(["-m", "pip", "download", "--no-deps", "--dest"])
            .arg(&tools)
            .arg(format!("botocore=={VERSION}"))
            .status()?;
        if !status.success() {
            return Err("pip could not download botocore".into());
        }
    }
    Ok(wheel)
}

fn pack(model: &Value) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let facts = serde_json::to_vec(&strip(model))?;
    let mut encoder = flate2::GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(&facts)?;
    Ok(encoder.finish()?)
}

fn strip(model: &Value) -> Value {
    let each = |section: &str, keep: fn(&Value) -> Value| -> Value {
        let entries = model[section].as_object().into_iter().flatten();
        entries
            .map(|(name, value)| (name.clone(), keep(value)))
            .collect::<Map<_, _>>()
            .into()
    };
    let mut facts = Map::new();
    facts.insert(
        "metadata".to_owned(),
        pick(&model["metadata"], METADATA).into(),
    );
    facts.insert("operations".to_owned(), each("operations", strip_operation));
    facts.insert("shapes".to_owned(), each("shapes", strip_shape));
    facts.into()
}

fn pick(value: &Value, keep: &[&str]) -> Map<String, Value> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter(|(name, _)| keep.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn strip_reference(reference: &Value) -> Value {
    pick(reference, REFERENCE).into()
}

fn strip_operation(operation: &Value) -> Value {
    let mut facts = pick(operation, OPERATION);
    for name in ["input", "output"] {
        if let Some(reference) = facts.get_mut(name) {
            *reference = strip_reference(reference);
        }
    }
    if let Some(Value::Array(errors)) = facts.get_mut("errors") {
        errors
            .iter_mut()
            .for_each(|error| *error = strip_reference(error));
    }
    facts.into()
}

fn strip_shape(shape: &Value) -> Value {
    let mut facts = pick(shape, SHAPE);
    for name in ["member", "key", "value"] {
        if let Some(reference) = facts.get_mut(name) {
            *reference = strip_reference(reference);
        }
    }
    if let Some(Value::Object(members)) = facts.get_mut("members") {
        members
            .iter_mut()
            .for_each(|(_, member)| *member = strip_reference(member));
    }
    facts.into()
}
