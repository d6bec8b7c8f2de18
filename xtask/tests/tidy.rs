//! The house rules that a compiler does not know. Each test says which wall it keeps.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the tree has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const TEST_LINES_MAX: usize = 150;

/// Which workspace crates a crate may know, beyond those that all services may: what only tests know is
/// not asked.
const ARROWS: [(&str, &[&str]); 29] = [
    ("wire", &[]),
    ("kernel", &[]),
    ("schemas", &[]),
    ("functions", &[]),
    ("engine", &["kernel", "wire"]),
    ("fixture", &["engine", "kernel"]),
    ("stack", &["schemas"]),
    ("identity", &[]),
    ("kms", &["identity"]),
    ("sqs", &["identity", "kms"]),
    ("ssm", &["identity", "kms"]),
    ("secretsmanager", &["identity", "kms"]),
    ("logs", &["cloudwatch", "identity", "kms"]),
    ("cloudwatch", &["identity"]),
    ("xray", &["identity"]),
    ("s3", &["identity", "kms"]),
    ("dynamodb", &["identity", "kms"]),
    (
        "lambda",
        &[
            "cloudwatch",
            "dynamodb",
            "identity",
            "kms",
            "logs",
            "s3",
            "sqs",
        ],
    ),
    ("apigateway", &["cloudwatch", "identity", "lambda", "logs"]),
    ("cloudformation", &["identity", "lambda", "s3", "schemas"]),
    ("xtask", &["wire"]),
    (
        "bench",
        &["dynamodb", "engine", "fixture", "identity", "kernel", "kms", "wire"],
    ),
    ("fuzz", &["engine", "fixture", "identity", "wire"]),
    ("upload-api", &["stack"]),
    ("upload-api-basic", &["stack"]),
    ("file-processor", &["stack"]),
    ("metadata-pipeline", &["stack"]),
    ("invocation-log", &["stack"]),
    ("intake", &["stack"]),
];

/// What every service stands on.
const UNDER_SERVICES: [&str; 3] = ["engine", "kernel", "wire"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn all_rust_files() -> Vec<(PathBuf, String)> {
    ["crates", "services", "apps", "xtask", "bench"]
        .into_iter()
        .flat_map(rust_files)
        .collect()
}

fn manifests() -> BTreeMap<String, String> {
    let folders = ["crates", "services", "apps"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let folders = folders
        .map(|entry| entry.unwrap().path())
        .chain([root().join("xtask"), root().join("bench")]);
    folders
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(folder.join("Cargo.toml")).unwrap())
        })
        .collect()
}

/// Tests may use a sibling's fixtures and be longer than code.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// A service's CloudFormation types are CloudFormation's part of that service: they answer to the layer above.
fn is_resource_types(path: &Path) -> bool {
    let under = path.components().any(|part| part.as_os_str() == "resource");
    under || path.file_name().is_some_and(|name| name == "resource.rs")
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn files_and_functions_stay_short_enough_to_read() {
    let mut violations = Vec::new();
    for (path, text) in all_rust_files() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            violations.push(format!("{}: {} lines", path.display(), lines.len()));
        }
        // A table is as long as the service has operations or types; a test may tell a long story.
        let is_table = is_resource_types(&path) || path.ends_with("operations.rs");
        let length_max = if is_test(&path) {
            TEST_LINES_MAX
        } else {
            FUNCTION_LINES_MAX
        };
        let long = long_functions(&lines, length_max)
            .into_iter()
            .filter(|_| !is_table);
        violations.extend(long.map(|(line, length)| {
            format!("{}:{line}: a function of {length} lines", path.display())
        }));
    }
    assert_none(&violations);
}

/// Functions by rustfmt's shape: from the line with `fn` to the closing brace at its indentation.
fn long_functions(lines: &[&str], length_max: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indentation = line.len() - line.trim_start().len();
        let head = line.trim_start();
        let is_function = head
            .split('(')
            .next()
            .unwrap()
            .split(' ')
            .any(|word| word == "fn")
            && !head.starts_with("//");
        if !is_function {
            continue;
        }
        let end = lines[start..].iter().position(|line| {
            let closes = line.len() - line.trim_start().len() == indentation;
            closes && (line.trim_start() == "}" || line.trim_end().ends_with(';'))
        });
        let length = end.map_or(0, |end| end + 1);
        if length > length_max {
            found.push((start + 1, length));
        }
    }
    found
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    // Written apart so that this file does not find itself.
    let words = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "XX".to_owned() + "X",
        "#[ign".to_owned() + "ore",
    ];
    let allow = "#[al".to_owned() + "low(";
    let mut violations = Vec::new();
    for (path, text) in all_rust_files() {
        for (number, line) in text.lines().enumerate() {
            if words
                .iter()
                .chain([&allow])
                .any(|word| line.contains(word.as_str()))
            {
                violations.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn every_crate_takes_the_workspaces_lints_and_dependencies() {
    let mut violations = Vec::new();
    for (name, manifest) in manifests() {
        if !manifest.contains("[lints]\nworkspace = true") {
            violations.push(format!("{name}: no [lints] workspace = true"));
        }
        let own = manifest
            .lines()
            .filter(|line| line.contains("version = \"") && !line.starts_with("version"));
        violations
            .extend(own.map(|line| format!("{name}: {line} belongs into the workspace's table")));
    }
    assert_none(&violations);
}

#[test]
fn crates_know_only_those_they_may() {
    let mut violations = Vec::new();
    for (name, manifest) in manifests() {
        // The binary is where everything comes together.
        if name == "cumulet" {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            violations.push(format!("{name}: no row says which crates it may know"));
            continue;
        };
        let is_service = root().join("services").join(&name).is_dir();
        let own = manifest.split("[dev-dependencies]").next().unwrap();
        let known = own
            .lines()
            .filter_map(|line| line.strip_prefix("cumulet-")?.split(['.', ' ']).next());
        let under = if is_service { &UNDER_SERVICES[..] } else { &[] };
        let wrong = known.filter(|known| !allowed.contains(known) && !under.contains(known));
        violations.extend(wrong.map(|known| format!("{name} must not know {known}")));
    }
    assert_none(&violations);
}

#[test]
fn the_map_names_every_crate_and_service() {
    let map = read("ARCHITECTURE.md");
    let crates = manifests().into_keys();
    let missing = crates.filter(|name| !map.contains(&format!("`{name}`")));
    assert_none(
        &missing
            .map(|name| format!("ARCHITECTURE.md does not say what `{name}` is"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_dependency_is_argued_for() {
    let argued = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let table = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let names = table
        .lines()
        .filter(|line| !line.contains("{ path = "))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim());
    let missing = names.filter(|name| !argued.contains(&format!("| {name} |")));
    assert_none(
        &missing
            .map(|name| format!("docs/dependencies.md does not argue for {name}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_tree_names_no_machine() {
    let mut violations = Vec::new();
    let folders = [
        "/wo".to_owned() + "rk/",
        "/ro".to_owned() + "ot/",
        "/fa".to_owned() + "rm/",
    ];
    for (path, text) in all_rust_files() {
        let named = text
            .lines()
            .enumerate()
            .filter(|(_, line)| folders.iter().any(|folder| line.contains(folder)));
        violations.extend(
            named.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)),
        );
    }
    assert_none(&violations);
}
