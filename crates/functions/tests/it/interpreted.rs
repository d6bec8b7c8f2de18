//! Python and Node.js functions with our own runtime clients. On a host without any interpreter these tests fail: what
//! was not run was not tested.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cumulet_functions::{FunctionVersion, Runtimes};
use serde_json::{Value, json};

use crate::host::{TestHost, function_lines, payload};

/// Bare: what is tested here needs no SDK.
pub(crate) fn bare() -> Runtimes {
    let mut runtimes = Runtimes::default();
    runtimes.allow_bare = true;
    runtimes
}

fn first_available(names: &[&'static str]) -> &'static str {
    let mut available = names
        .iter()
        .copied()
        .filter(|name| bare().check(name).is_ok());
    available
        .next()
        .unwrap_or_else(|| panic!("install one of {names:?} to run these tests"))
}

pub(crate) fn python() -> &'static str {
    first_available(&["python3.13", "python3.12", "python3.11", "python3.10"])
}

fn node() -> &'static str {
    first_available(&["nodejs24.x", "nodejs22.x", "nodejs20.x", "nodejs18.x"])
}

const PYTHON: &str = r#"
import decimal, json, logging, os, sys
log = logging.getLogger()
log.setLevel("INFO")
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("printed")
    log.info("logged")
    return {
        "event": event, "calls": calls, "decimal": decimal.Decimal("1.5"), "prefix": sys.version_info[:2],
        "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
        "time": context.get_remaining_time_in_millis() > 0, "custom": context.client_context,
        "execution": os.environ["AWS_EXECUTION_ENV"],
    }

def fails(event, context):
    raise ValueError("bad value")

def unserialisable(event, context):
    return object()

def leaves(event, context):
    sys.exit(1)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_functions_run() {
    let runtime = python();
    let host = TestHost::start().await;
    let files = [
        ("app.py", PYTHON),
        ("sub/nested.py", PYTHON),
        ("broken.py", "import nowhere\n"),
        ("raises.py", "1/0\n"),
    ];
    let code_dir = host.package("python", &files);
    let with = |handler: &str| {
        let (runtime, handler) = (runtime.to_owned(), handler.to_owned());
        let key = handler.clone();
        Arc::new(FunctionVersion {
            key,
            runtime,
            handler,
            code_dir: code_dir.clone(),
            ..host.function()
        })
    };
    let outcome = host.invoke(&with("app.handler"), "hello").await;
    let answer: Value =
        serde_json::from_slice(&outcome.payload).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(
        (&answer["event"], &answer["decimal"], &answer["memory"]),
        (&json!("hello"), &json!(1.5), &json!("128"))
    );
    assert_eq!(
        (&answer["time"], &answer["custom"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(answer["execution"], json!(format!("AWS_Lambda_{runtime}")));
    let lines = function_lines(&outcome);
    assert_eq!(lines[0], "printed");
    assert!(
        lines[1].starts_with("[INFO]\t")
            && lines[1].ends_with("Z\t8f5d3c1e-0000-4000-8000-000000000001\tlogged")
    );
    let warm: Value =
        serde_json::from_slice(&host.invoke(&with("app.handler"), "again").await.payload)
            .expect("JSON");
    assert_eq!(warm["calls"], json!(2));
    assert_eq!(
        host.invoke(&with("sub/nested.handler"), "hello")
            .await
            .function_error,
        None
    );

    let failed = host.invoke(&with("app.fails"), "x").await;
    let error: Value = serde_json::from_slice(&failed.payload).expect("JSON");
    assert_eq!(
        (&error["errorMessage"], &error["errorType"]),
        (&json!("bad value"), &json!("ValueError"))
    );
    assert_eq!(
        error["requestId"],
        json!("8f5d3c1e-0000-4000-8000-000000000001")
    );
    let frame = error["stackTrace"][0].as_str().unwrap_or_default();
    assert!(
        frame.starts_with("  File \"/var/task/app.py\", line ") && frame.contains("in fails\n"),
        "{error}"
    );

    let message = async |handler: &str| {
        let outcome = host.invoke(&with(handler), "x").await;
        let error: Value = serde_json::from_slice(&outcome.payload).expect("JSON");
        format!(
            "{}: {}",
            error["errorType"].as_str().unwrap_or(""),
            error["errorMessage"].as_str().unwrap_or("")
        )
    };
    let unserialisable = "Runtime.MarshalError: Unable to marshal response: Object of type object is not JSON serializable";
    assert_eq!(message("app.unserialisable").await, unserialisable);
    let missing =
        "Runtime.ImportModuleError: Unable to import module 'broken': No module named 'nowhere'";
    assert_eq!(message("broken.handler").await, missing);
    assert_eq!(
        message("app.nothing").await,
        "Runtime.HandlerNotFound: Handler 'nothing' missing on module 'app'"
    );
    assert_eq!(
        message("raises.handler").await,
        "ZeroDivisionError: division by zero"
    );
    assert!(
        message("app.leaves")
            .await
            .ends_with("Error: Runtime exited with error: exit status 1")
    );
}

const NODE: &str = r"
let calls = 0;
exports.handler = async (event, context) => {
  calls += 1;
  console.log('first\nsecond');
  return { event, calls, memory: context.memoryLimitInMB, time: context.getRemainingTimeInMillis() > 0 };
};
exports.back = (event, context, callback) => { setTimeout(() => callback(null, 'called back'), 5); };
exports.fails = async () => { throw new TypeError('bad type'); };
exports.uncaught = () => { setTimeout(() => { throw new Error('nobody'); }, 1); };
exports.nested = { deep: { handler: async () => 'nested' } };
";

#[tokio::test(flavor = "multi_thread")]
async fn node_functions_run() {
    let runtime = node();
    let host = TestHost::start().await;
    let module = "export const handler = async () => 'module';";
    let files = [
        ("app.js", NODE),
        ("es.mjs", module),
        ("broken.js", "require('nowhere')"),
        ("bad.js", "syntax error"),
    ];
    let code_dir = host.package("node", &files);
    let with = |handler: &str| {
        let (runtime, handler) = (runtime.to_owned(), handler.to_owned());
        let key = handler.clone();
        Arc::new(FunctionVersion {
            key,
            runtime,
            handler,
            code_dir: code_dir.clone(),
            ..host.function()
        })
    };
    let outcome = host.invoke(&with("app.handler"), "hello").await;
    assert_eq!(
        payload(&outcome),
        r#"{"event":"hello","calls":1,"memory":"128","time":true}"#
    );
    let line = function_lines(&outcome)[0];
    assert!(
        line.ends_with("Z\t8f5d3c1e-0000-4000-8000-000000000001\tINFO\tfirst\rsecond"),
        "{line}"
    );
    for (handler, answer) in [
        ("es.handler", r#""module""#),
        ("app.back", r#""called back""#),
        ("app.nested.deep.handler", r#""nested""#),
    ] {
        assert_eq!(
            payload(&host.invoke(&with(handler), "x").await),
            answer,
            "{handler}"
        );
    }
    let error = async |handler: &str| {
        let outcome = host.invoke(&with(handler), "x").await;
        serde_json::from_slice::<Value>(&outcome.payload).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    let failed = error("app.fails").await;
    assert_eq!(
        (&failed["errorType"], &failed["errorMessage"]),
        (&json!("TypeError"), &json!("bad type"))
    );
    assert_eq!(failed["trace"][0], json!("TypeError: bad type"));
    assert_eq!(error("app.uncaught").await["errorMessage"], json!("nobody"));
    assert_eq!(
        error("app.nothing").await["errorMessage"],
        json!("app.nothing is undefined or not exported")
    );
    assert_eq!(
        error("broken.handler").await["errorType"],
        json!("Runtime.ImportModuleError")
    );
    assert_eq!(
        error("bad.handler").await["errorType"],
        json!("Runtime.UserCodeSyntaxError")
    );
}

const IMPORTS: &str = "
import supplied, layered, both

def handler(event, context):
    return [supplied.name, layered.name, both.name]
";

/// A library root with these files as the SDK of every runtime of this host.
fn library_root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("temporary directory");
    std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).expect("permissions");
    for folder in Runtimes::library_folders() {
        for (name, text) in files {
            let path = root.path().join(&folder).join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, text).expect("module");
        }
    }
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_are_found_in_the_package_then_layers_then_the_runtime() {
    let supplied = "name = 'runtime'";
    let root = library_root(&[("supplied.py", supplied), ("both.py", supplied)]);
    let host = TestHost::start_with(|config| {
        config.runtimes = Runtimes::new(vec![root.path().to_owned()]);
    })
    .await;
    assert_eq!(host.functions.check_runtime(python()), Ok(None));
    let layer = [
        ("python/layered.py", "name = 'layer'"),
        ("python/both.py", "name = 'layer'"),
    ];
    let function = Arc::new(FunctionVersion {
        runtime: python().to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package("imports", &[("app.py", IMPORTS)]),
        layers: vec![host.package("python-layer", &layer)],
        ..host.function()
    });
    assert_eq!(
        payload(&host.invoke(&function, "x").await),
        r#"["runtime", "layer", "layer"]"#
    );
}

/// An `import` statement knows no NODE_PATH, and yet finds the SDK and layers, as on AWS.
#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_node_modules_find_layers_and_the_sdk() {
    let root = library_root(&[
        (
            "node_modules/supplied/index.js",
            "exports.name = 'runtime';",
        ),
        ("node_modules/both/index.js", "exports.name = 'runtime';"),
    ]);
    let host = TestHost::start_with(|config| {
        config.runtimes = Runtimes::new(vec![root.path().to_owned()]);
    })
    .await;
    let layer = [(
        "nodejs/node_modules/both/index.js",
        "exports.name = 'layer';",
    )];
    let layer = host.package("node-layer", &layer);
    let files = [
        (
            "es.mjs",
            "import s from 'supplied'; import b from 'both'; export const handler = async () => [s.name, b.name];",
        ),
        (
            "common.js",
            "const s = require('supplied'), b = require('both'); exports.handler = async () => [s.name, b.name];",
        ),
    ];
    let code_dir = host.package("node-imports", &files);
    for handler in ["es.handler", "common.handler"] {
        let function = Arc::new(FunctionVersion {
            key: handler.to_owned(),
            runtime: node().to_owned(),
            handler: handler.to_owned(),
            code_dir: code_dir.clone(),
            layers: vec![layer.clone()],
            ..host.function()
        });
        assert_eq!(
            payload(&host.invoke(&function, "x").await),
            r#"["runtime","layer"]"#,
            "{handler}"
        );
    }
}

/// A release that is not here is refused by name, and another one runs it only where that is allowed, and is told.
#[tokio::test(flavor = "multi_thread")]
async fn another_release_runs_a_function_only_when_allowed_and_the_log_says_so() {
    let refused = bare().check("python3.99").expect_err("not here");
    assert!(
        refused.contains("--allow-runtime-substitution"),
        "{refused}"
    );
    let strict = Runtimes::default().check(python()).expect_err("no SDK");
    assert!(strict.contains("cumulet runtime install"), "{strict}");
    let host = TestHost::start_with(|config| {
        config.runtimes = bare();
        config.runtimes.allow_substitution = true;
    })
    .await;
    let told = host.functions.check_runtime("python3.99");
    assert!(told.is_ok_and(|told| {
        told.is_some_and(|told| told.starts_with("python3.99 is not on this machine; Python 3."))
    }));
    let function = Arc::new(FunctionVersion {
        runtime: "python3.99".to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package(
            "substituted",
            &[("app.py", "def handler(event, context):\n    return event\n")],
        ),
        ..host.function()
    });
    let outcome = host.invoke(&function, "x").await;
    assert_eq!(payload(&outcome), r#""x""#);
    let line = crate::host::platform_line(&outcome, "RUNTIME_SUBSTITUTED");
    assert!(line.contains("python3.99"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interpreters_run_without_namespaces_too() {
    let runtime = python();
    let host = TestHost::start_with(|config| config.use_namespaces = false).await;
    let function = Arc::new(FunctionVersion {
        runtime: runtime.to_owned(),
        handler: "app.handler".to_owned(),
        code_dir: host.package(
            "plain",
            &[("app.py", "def handler(event, context):\n    return event\n")],
        ),
        ..host.function()
    });
    assert_eq!(payload(&host.invoke(&function, "x").await), r#""x""#);
}
