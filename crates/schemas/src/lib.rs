//! What CloudFormation itself knows about a resource type: which properties exist, which are required, which replace
//! the resource when they change, which it answers to `Fn::GetAtt`.
//!
//! It exists apart because two crates that must not know each other need the same facts: `stack` refuses a misspelt
//! property when an application is synthesised, the engine refuses it when a template arrives from anywhere else, and
//! both must say the same. So this crate holds one data file (the registry's own schemas, stripped of prose by
//! `cargo xtask schemas`) and one checker over it, and nothing that creates, stores or calls anything.
//!
//! A template is checked before its intrinsics are resolved: `{"Ref": ..}` and `{"Fn::..": ..}` satisfy any schema,
//! the branches of `Fn::If` are checked one by one, and `AWS::NoValue` is an absent value. A resolved model contains
//! none of them, so the same function checks it in full.
//!
//! ```
//! let queue = cumulet_schemas::resource_type("AWS::SQS::Queue").unwrap();
//! let violations = queue.check(&serde_json::json!({ "QueueNam": "orders" }));
//! assert_eq!(violations[0].to_string(), "#: extraneous key [QueueNam] is not permitted");
//! ```

mod check;
mod pattern;
mod resource_type;
mod value;

pub use check::Violation;
pub use resource_type::{Replacement, ResourceType};

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::Value;

static DATA: &[u8] = include_bytes!("../data/types.json.gz");

static TYPES: LazyLock<BTreeMap<String, ResourceType>> = LazyLock::new(load);

/// The type of that name. A `Custom::*` name is a custom resource, as CloudFormation has it.
#[must_use]
pub fn resource_type(name: &str) -> Option<&'static ResourceType> {
    if name.starts_with("Custom::") {
        return TYPES.get("AWS::CloudFormation::CustomResource");
    }
    TYPES.get(name)
}

/// Every type the data file describes, in the order of their names.
pub fn resource_types() -> impl Iterator<Item = &'static ResourceType> {
    TYPES.values()
}

/// The document is compiled in and read by this crate's tests, so it cannot fail in a program that passed them.
#[expect(clippy::unwrap_used, reason = "the bytes are compiled in and tested")]
fn load() -> BTreeMap<String, ResourceType> {
    let mut text = Vec::new();
    GzDecoder::new(DATA).read_to_end(&mut text).unwrap();
    let mut document: Value = serde_json::from_slice(&text).unwrap();
    let types = document["types"].take();
    let Value::Object(types) = types else {
        return BTreeMap::new();
    };
    types
        .into_iter()
        .map(|(name, schema)| (name.clone(), ResourceType::new(name, schema)))
        .collect()
}
